//! Sweeps, lists and owners.

use super::*;

fn list(world: &mut World, filter: SessionFilter, from: u32, limit: u32) -> (Vec<SessionRow>, u32) {
    let answers = world.order(NatOrder::List { question: 9, filter, from, limit });
    let (last, rows) = answers.split_last().expect("an end");
    let NatAnswer::End { question: 9, next } = *last else { panic!("{last:?}") };
    let rows = rows.iter().map(|answer| match answer {
        NatAnswer::Session { question: 9, row } => *row,
        other => panic!("{other:?}"),
    });
    (rows.collect(), next)
}

#[test]
fn lists_come_in_pages_without_gaps_or_repetitions() {
    let mut world = World::new(1, 256);
    world.publish(public(PUBLIC, 1));
    world.allow(policy(BLUE, &[(PUBLIC, 1)]));
    for port in 0..200 {
        world.send(from(BLUE, Protocol::Udp, 2000 + port), DATA).expect("a port");
    }
    let mut ports = Vec::new();
    let mut at = 0;
    loop {
        let (rows, next) = list(&mut world, SessionFilter::default(), at, 77);
        assert!(rows.len() <= 77);
        ports.extend(rows.iter().map(|row| row.customer.port));
        if next == 0 {
            break;
        }
        at = next;
    }
    ports.sort_unstable();
    assert!(ports.into_iter().eq(2000..2200));
}

#[test]
fn lists_have_only_what_is_asked_for() {
    let mut world = World::small();
    let udp = from(BLUE, Protocol::Udp, 40_000);
    let public = world.send(udp, DATA).expect("a port");
    world.send(from(RED, Protocol::Udp, 40_000), DATA).expect("a port");
    world.send(from(BLUE, Protocol::Icmp, 7), DATA).expect("a port");
    let row = SessionRow {
        protocol: Protocol::Udp,
        customer: udp.local,
        public,
        remote: SERVER,
        state: SessionState::Active,
        expires: Millis(world.now + 300_000),
    };
    let all = SessionFilter::default();
    let filter = SessionFilter { vrf: Some(BLUE), protocol: Some(Protocol::Udp), ..all };
    assert_eq!(list(&mut world, filter, 0, 10), (vec![row], 0));
    let filter = SessionFilter { public: Some(PUBLIC), port: Some(public.port), ..filter };
    assert_eq!(list(&mut world, filter, 0, 10), (vec![row], 0));
    for none in [
        SessionFilter { vrf: Some(OUTSIDE), ..all },
        SessionFilter { customer: Some(1), ..all },
        SessionFilter { public: Some(1), ..all },
        SessionFilter { port: Some(1), ..all },
        SessionFilter { protocol: Some(Protocol::Tcp), ..all },
    ] {
        assert_eq!(list(&mut world, none, 0, 10), (vec![], 0));
    }
    assert_eq!(list(&mut world, SessionFilter { customer: Some(CUSTOMER), ..all }, 0, 10).0.len(), 3);
}

#[test]
fn the_owner_of_a_port_is_known_while_the_block_is_out() {
    let mut world = World::small();
    let public = world.send(from(BLUE, Protocol::Udp, 40_000), DATA).expect("a port");
    let since = Millis(world.now);
    let owner = |world: &mut World, public| world.order(NatOrder::Owner { question: 4, public });
    let first = public.port / 512 * 512;
    for port in [first, public.port, first + 511] {
        let answers = owner(&mut world, Endpoint { port, ..public });
        let block = PortBlock {
            customer: end(BLUE, CUSTOMER, 0),
            public: Endpoint { port: first, ..public },
            last: first + 511,
            since,
        };
        assert_eq!(
            answers,
            [NatAnswer::Block { question: 4, block }, NatAnswer::End { question: 4, next: 0 }]
        );
    }
    let nobody = [NatAnswer::End { question: 4, next: 0 }];
    assert_eq!(owner(&mut world, Endpoint { port: first.wrapping_sub(1), ..public }), nobody);
    assert_eq!(owner(&mut world, Endpoint { address: PUBLIC + 1, ..public }), nobody);
    world.pass(420_000);
    assert_eq!(owner(&mut world, public), nobody);
}

#[test]
fn eight_questions_wait_and_sweeps_always_have_room() {
    let mut world = World::small();
    let nat = &mut world.workers[0];
    let owner = NatOrder::Owner { question: 4, public: end(OUTSIDE, PUBLIC, 1) };
    (0..8).for_each(|_| assert!(nat.order(owner)));
    assert!(!nat.order(owner));
    assert!(nat.order(NatOrder::Sweep(1)));
    assert!(nat.order(NatOrder::Sweep(2)));
    world.settle(|nat, context, events| nat.answer(context, 5, &mut ArrayVec::new(), events));
    assert_eq!(world.counters[0].swept.get(), 2);
}

/// Sessions of both tenants: a UDP one, and two TCP connections through one mapping.
fn busy() -> (World, Vec<(Flow, Endpoint)>) {
    let mut world = World::small();
    world.publish(public(PUBLIC + 1, 2));
    let mut sessions = Vec::new();
    for vrf in [BLUE, RED] {
        for flow in [
            from(vrf, Protocol::Udp, 40_000),
            from(vrf, Protocol::Tcp, 40_000),
            to(from(vrf, Protocol::Tcp, 40_000), (9, 9)),
        ] {
            sessions.push((flow, world.send(flow, tcp(SYN, 1, 0)).expect("a port")));
        }
    }
    (world, sessions)
}

/// After a change of the tables and a sweep, these tenants' sessions are gone, and all others still there.
fn assert_swept(mut world: World, sessions: &[(Flow, Endpoint)], gone: impl Fn(&Flow) -> bool) {
    assert_eq!(world.order(NatOrder::Sweep(7)), []);
    assert_eq!(world.counters[0].swept.get(), 7);
    for (flow, public) in sessions {
        let answer = Flow { local: *public, ..*flow };
        let expected = if gone(flow) { Err(DropReason::NatNoSession) } else { Ok(flow.local) };
        assert_eq!(world.receive(answer, DATA), expected, "{flow:?}");
    }
    let left = sessions.iter().filter(|(flow, _)| !gone(flow)).count() as u64;
    assert_eq!(world.in_use(BLUE).0 + world.in_use(RED).0, left);
    world.pass(420_000 + 32_000);
    world.assert_empty();
}

#[test]
fn a_sweep_without_a_change_ends_nothing() {
    let (world, sessions) = busy();
    assert_swept(world, &sessions, |_| false);
}

#[test]
fn a_tenant_that_is_gone_has_no_sessions() {
    let (mut world, sessions) = busy();
    world.forbid(BLUE);
    assert_swept(world, &sessions, |flow| flow.local.vrf == BLUE);
}

#[test]
fn a_tenant_with_another_way_out_has_no_sessions() {
    let (mut world, sessions) = busy();
    world.allow(NatPolicy { external: VrfId(11), ..policy(RED, &[(PUBLIC, 1)]) });
    assert_swept(world, &sessions, |flow| flow.local.vrf == RED);
}

#[test]
fn an_address_that_is_cut_has_no_sessions() {
    let (mut world, sessions) = busy();
    world.withdraw(PUBLIC);
    assert_swept(world, &sessions, |_| true);

    // The same address under another identifier is another one.
    let (mut world, sessions) = busy();
    world.publish(public(PUBLIC, 3));
    assert_swept(world, &sessions, |_| true);

    let (mut world, sessions) = busy();
    world.publish(Public { ports: None, ..public(PUBLIC, 1) });
    assert_swept(world, &sessions, |_| true);
}

#[test]
fn bindings_replace_sessions() {
    // The customer's port is forwarded to, from somewhere else.
    let (mut world, sessions) = busy();
    world.allow(NatPolicy { forwards: true, ..policy(BLUE, &[(PUBLIC, 1)]) });
    let udp = sessions[0].0;
    world.forward(Protocol::Udp, end(OUTSIDE, PUBLIC + 1, 80), udp.local);
    assert_swept(world, &sessions, |flow| *flow == udp);

    // The customer gets an address of its own.
    let (mut world, sessions) = busy();
    world.allow(NatPolicy { statics: true, ..policy(BLUE, &[(PUBLIC, 1)]) });
    let key = BindingKey { direction: Direction::Outbound, protocol: None, from: end(BLUE, CUSTOMER, 0) };
    world.bind(Binding { key, to: end(OUTSIDE, PUBLIC + 1, 0) });
    assert_swept(world, &sessions, |flow| flow.local.vrf == BLUE);
}

#[test]
fn a_forward_takes_a_public_port_over() {
    let (mut world, sessions) = busy();
    world.publish(Public { forwards: true, ..public(PUBLIC, 1) });
    let (flow, public) = sessions[0];
    let server = end(RED, 99, 80);
    world.forward(Protocol::Udp, public, server);
    assert_eq!(world.order(NatOrder::Sweep(7)), []);
    assert_eq!(world.receive(back(Protocol::Udp, public), DATA), Ok(server));
    assert_ne!(world.send(flow, DATA), Ok(public));
}

#[test]
fn a_sweep_waits_for_the_log() {
    let (mut world, _) = busy();
    world.settings.log_sessions = true;
    world.forbid(BLUE);
    world.log_room = 0;
    world.order(NatOrder::Sweep(7));
    assert_eq!((world.counters[0].swept.get(), world.in_use(BLUE)), (0, (3, 2)));
    world.log_room = 1;
    world.settle(|nat, context, events| nat.answer(context, 5, &mut ArrayVec::new(), events));
    assert_eq!((world.counters[0].swept.get(), world.in_use(BLUE)), (7, (0, 2)));
    let ended = world.log.iter().filter(|event| matches!(event.kind, NatEventKind::SessionEnded(_)));
    assert_eq!(ended.count(), 3);
}
