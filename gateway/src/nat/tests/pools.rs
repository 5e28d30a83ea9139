//! Addresses, blocks and ports: pairing, exhaustion, well-known ports, forwards, growth and shrinking, the log.

use std::collections::BTreeSet;

use super::*;

fn blocks(log: &[NatEvent]) -> (usize, usize) {
    let count = |wanted: fn(&NatEventKind) -> bool| log.iter().filter(|event| wanted(&event.kind)).count();
    (
        count(|kind| matches!(kind, NatEventKind::BlockAllocated(_))),
        count(|kind| matches!(kind, NatEventKind::BlockReleased(_))),
    )
}

fn of(address: u32, port: u16) -> Flow {
    let flow = from(BLUE, Protocol::Udp, port);
    Flow { local: Endpoint { address, ..flow.local }, ..flow }
}

/// The ports of an address that a customer's shard has.
fn ports_for(world: &World, address: u32) -> usize {
    let shard = world.division.of_customer(BLUE, address);
    (1024..=u16::MAX).filter(|&port| world.division.of_port(port) == shard).count()
}

#[test]
fn a_customer_keeps_its_public_address_and_gets_ports_of_its_own_shard() {
    let mut world = World::new(2, 4096);
    (0..8).for_each(|number| world.publish(public(PUBLIC + number, number)));
    world.allow(policy(BLUE, &[(PUBLIC, 8)]));
    let mut addresses = BTreeSet::new();
    for customer in 0..64 {
        let shard = world.division.of_customer(BLUE, customer);
        let first = world.send(of(customer, 0), DATA).expect("a port");
        for port in 1..20 {
            let public = world.send(of(customer, port), DATA).expect("a port");
            assert_eq!(public.address, first.address);
            assert_eq!(world.division.of_port(public.port), shard);
            assert!(public.port >= 1024);
        }
        addresses.insert(first.address);
    }
    assert!(addresses.len() > 5, "{addresses:?}");
}

#[test]
fn the_same_addresses_of_two_tenants_do_not_mix() {
    let mut world = World::small();
    let (blue, red) = (from(BLUE, Protocol::Udp, 40_000), from(RED, Protocol::Udp, 40_000));
    let of_blue = world.send(blue, DATA).expect("a port");
    let of_red = world.send(red, DATA).expect("a port");
    assert_ne!(of_blue, of_red);
    assert_eq!(world.receive(back(Protocol::Udp, of_blue), DATA), Ok(blue.local));
    assert_eq!(world.receive(back(Protocol::Udp, of_red), DATA), Ok(red.local));
}

#[test]
fn ports_are_used_up_to_the_last_and_no_other_address_is_taken() {
    let mut world = World::new(1, 10_000);
    world.publish(public(PUBLIC, 0));
    world.publish(public(PUBLIC + 1, 1));
    world.allow(policy(BLUE, &[(PUBLIC, 2)]));
    let most = ports_for(&world, CUSTOMER);
    let mut seen = BTreeSet::new();
    for port in 0..most as u16 {
        let public = world.send(of(CUSTOMER, 2000 + port), DATA).expect("a free port");
        assert!(seen.insert(public.port));
    }
    let address = world.send(of(CUSTOMER, 2000), DATA).expect("lives").address;
    assert_eq!(world.send(of(CUSTOMER, 1999), DATA), Err(DropReason::NatPortsExhausted));
    // Other protocols have all of its ports for themselves.
    let ping = Flow { protocol: Protocol::Icmp, ..of(CUSTOMER, 2000) };
    assert_eq!(world.send(ping, DATA).expect("a free port").address, address);
    assert_eq!(blocks(&world.log), (most / 512, 0));
    let id = PublicId(address - PUBLIC);
    let counters = Arc::clone(&world.counters[0]);
    let address = counters.public(id).expect("a counter");
    assert_eq!((address.ports.get(), address.blocks.get()), (most as u64 + 1, most as u64 / 512));
    world.pass(420_000);
    world.assert_empty();
    assert_eq!(address.most_ports.get(), most as u64 + 1);
}

#[test]
fn one_block_after_another_is_handed_out_and_comes_back() {
    let mut world = World::new(1, 4096);
    let range = PortRange { first: 1024, last: 65_535, block: 64 };
    world.publish(Public { ports: Some(range), ..public(PUBLIC, 0) });
    world.allow(policy(BLUE, &[(PUBLIC, 1)]));
    for port in 0..130 {
        world.send(of(CUSTOMER, 2000 + port), DATA).expect("a port");
        world.pass(100);
    }
    assert_eq!(blocks(&world.log), (3, 0));
    for event in &world.log {
        let NatEventKind::BlockAllocated(block) = event.kind else { panic!("{event:?}") };
        assert_eq!((block.public.port % 64, block.last - block.public.port), (0, 63));
        assert_eq!((block.customer, block.since), (end(BLUE, CUSTOMER, 0), event.at));
    }
    // The first two have ended and rested, the others have not.
    world.pass(420_000 - 130 * 100 + 64 * 100);
    assert!(blocks(&world.log).1 >= 1);
    world.pass(100_000);
    assert_eq!(blocks(&world.log), (3, 3));
    world.assert_empty();
}

#[test]
fn an_exhausted_pool_says_so_and_serves_again_when_a_block_is_free() {
    let mut world = World::new(1, 64);
    let range = PortRange { first: 4096, last: 65_535, block: 4096 };
    world.publish(Public { ports: Some(range), ..public(PUBLIC, 0) });
    world.allow(policy(BLUE, &[(PUBLIC, 1)]));
    let shard = world.division.of_customer(BLUE, CUSTOMER);
    let neighbors: Vec<_> =
        (CUSTOMER..).filter(|&address| world.division.of_customer(BLUE, address) == shard).take(3).collect();
    let places = ports_for(&world, CUSTOMER) / 4096;
    for &customer in &neighbors[..places] {
        world.send(of(customer, 5000), DATA).expect("a block");
        world.pass(10);
    }
    for _ in 0..3 {
        let last = neighbors[places];
        assert_eq!(world.send(of(last, 5000), DATA), Err(DropReason::NatPoolExhausted));
    }
    world.pass(420_000 - 10 * places as u64);
    world.send(of(neighbors[places], 5000), DATA).expect("the first block is free again");
}

#[test]
fn a_pool_that_grows_serves_at_once_in_the_next_second() {
    let mut world = World::new(1, 64);
    world.allow(policy(BLUE, &[(PUBLIC, 2)]));
    assert_eq!(world.send(of(CUSTOMER, 5000), DATA), Err(DropReason::NatPoolExhausted));
    world.publish(public(PUBLIC + 1, 1));
    world.pass(1000);
    assert_eq!(world.send(of(CUSTOMER, 5000), DATA).expect("a port").address, PUBLIC + 1);
}

#[test]
fn without_a_policy_or_a_pool_nothing_is_translated() {
    let mut world = World::small();
    world.allow(policy(VrfId(3), &[]));
    for vrf in [VrfId(3), VrfId(4)] {
        let sent = world.send(from(vrf, Protocol::Udp, 40_000), DATA);
        assert_eq!(sent, Err(DropReason::NatNoPool));
    }
}

#[test]
fn well_known_ports_stay_below_1024_where_the_pool_has_such() {
    let mut world = World::new(1, 4096);
    let range = PortRange { first: 1, last: 65_535, block: 512 };
    world.publish(Public { ports: Some(range), ..public(PUBLIC, 0) });
    world.allow(policy(BLUE, &[(PUBLIC, 1)]));
    let in_shard = |world: &World, shard| {
        (CUSTOMER..).find(|&address| world.division.of_customer(BLUE, address).0 == shard).expect("one")
    };
    // Every shard has an eighth of them; the first one lacks port 0 and the block around it.
    for shard in [0, 3, 7] {
        let customer = in_shard(&world, shard);
        let (begin, end) = (if shard == 0 { 64 } else { shard * 128 }, (shard + 1) * 128);
        for port in 0..end - begin {
            let public = world.send(of(customer, port), DATA).expect("a port").port;
            assert!((begin..end).contains(&public), "{shard}: {public}");
        }
        assert!(world.send(of(customer, 999), DATA).expect("a port").port >= 1024);
        assert!(world.send(of(customer, 1024), DATA).expect("a port").port >= 1024);
    }
}

#[test]
fn others_stay_above_1023_in_blocks_across() {
    let mut world = World::new(1, 4096);
    let range = PortRange { first: 0, last: 65_535, block: 4096 };
    world.publish(Public { ports: Some(range), ..public(PUBLIC, 0) });
    world.allow(policy(BLUE, &[(PUBLIC, 1)]));
    let low = (CUSTOMER..).find(|&address| world.division.of_customer(BLUE, address).0 == 0).expect("one");
    for port in 0..64 {
        assert!(world.send(of(low, port), DATA).expect("a port").port < 1024);
        assert!(world.send(of(low, 2000 + port), DATA).expect("a port").port >= 1024);
    }
}

#[test]
fn forwarded_ports_are_not_handed_out() {
    let mut world = World::new(1, 4096);
    let range = PortRange { first: 1024, last: 65_535, block: 64 };
    let shard = world.division.of_customer(BLUE, CUSTOMER).0;
    // All blocks but one are out of range.
    let first = 32_768 + shard * 4096;
    let range = PortRange { first, last: first + 63, ..range };
    world.publish(Public { ports: Some(range), forwards: true, ..public(PUBLIC, 0) });
    world.allow(NatPolicy { forwards: true, ..policy(BLUE, &[(PUBLIC, 1)]) });
    let server = end(BLUE, CUSTOMER + 1, 80);
    for port in first..first + 62 {
        world.forward(Protocol::Udp, end(OUTSIDE, PUBLIC, port), Endpoint { port, ..server });
    }
    let got: BTreeSet<_> =
        (0..2).map(|port| world.send(of(CUSTOMER, 5000 + port), DATA).expect("a port").port).collect();
    assert_eq!(got, BTreeSet::from([first + 62, first + 63]));
    assert_eq!(world.send(of(CUSTOMER, 5002), DATA), Err(DropReason::NatPortsExhausted));
}

#[test]
fn bindings_translate_without_a_session() {
    let mut world = World::new(1, 16);
    let (server, owner) = (end(BLUE, 7, 80), 8);
    world.publish(Public { ports: None, forwards: true, ..public(PUBLIC, 0) });
    world.publish(Public { ports: None, customer: Some((BLUE, owner)), ..public(PUBLIC + 1, 1) });
    world.allow(NatPolicy { forwards: true, statics: true, ..policy(BLUE, &[]) });
    let (forwarded, own) = (end(OUTSIDE, PUBLIC, 8080), end(OUTSIDE, PUBLIC + 1, 0));
    world.forward(Protocol::Tcp, forwarded, server);
    let key = BindingKey { direction: Direction::Outbound, protocol: None, from: end(BLUE, owner, 0) };
    world.bind(Binding { key, to: own });

    let tcp_flow = |local| Flow { protocol: Protocol::Tcp, local, remote: SERVER };
    assert_eq!(world.receive(tcp_flow(forwarded), tcp(SYN, 1, 0)), Ok(server));
    assert_eq!(world.send(tcp_flow(server), tcp(SYN | ACK, 1, 2)), Ok(forwarded));
    let other = Endpoint { port: 8081, ..forwarded };
    assert_eq!(world.receive(tcp_flow(other), tcp(SYN, 1, 0)), Err(DropReason::NatUnsolicited));
    let other = Endpoint { port: 81, ..server };
    assert_eq!(world.send(tcp_flow(other), tcp(SYN, 1, 0)), Err(DropReason::NatNoPool));

    for port in [0, 22, 65_535] {
        let public = Endpoint { port, ..own };
        let customer = end(BLUE, owner, port);
        assert_eq!(world.receive(tcp_flow(public), tcp(ACK, 1, 0)), Ok(customer));
        assert_eq!(world.send(tcp_flow(customer), tcp(ACK, 1, 0)), Ok(public));
        let section = world.reader.section();
        let (tables, settings) = (&world.readers, &world.settings);
        let context = Context { tables, section: &section, settings, now: Millis(world.now) };
        let nat = &world.workers[0];
        assert_eq!(nat.peek_outside(&context, Protocol::Udp, public), Some(customer));
        assert_eq!(nat.peek_inside(&context, Protocol::Udp, customer), Some(public));
    }
    assert_eq!(world.entries(), 0);
}

#[test]
fn a_draining_address_keeps_what_it_has_and_gets_nothing_new() {
    let mut world = World::new(1, 64);
    world.publish(public(PUBLIC, 0));
    world.allow(policy(BLUE, &[(PUBLIC, 2)]));
    let old = world.send(of(CUSTOMER, 5000), DATA).expect("a port");
    assert_eq!(old.address, PUBLIC);
    world.publish(Public { state: PublicState::Draining, ..public(PUBLIC, 0) });
    world.publish(public(PUBLIC + 1, 1));
    for port in 5001..5010 {
        let new = world.send(of(CUSTOMER, port), DATA).expect("a port");
        assert_eq!(new.address, PUBLIC + 1);
    }
    assert_eq!(world.send(of(CUSTOMER, 5000), DATA), Ok(old));
    assert_eq!(world.order(NatOrder::Sweep(3)), []);
    assert_eq!(world.counters[0].swept.get(), 3);
    assert_eq!(world.send(of(CUSTOMER, 5000), DATA), Ok(old));
    assert_eq!(world.in_use(BLUE), (10, 10));
    world.pass(420_000);
    world.assert_empty();
}

#[test]
fn an_address_that_left_the_tenants_pools_gets_nothing_new_of_it() {
    let mut world = World::new(1, 64);
    (0..2).for_each(|number| world.publish(public(PUBLIC + number, number)));
    world.allow(policy(BLUE, &[(PUBLIC, 1)]));
    let old = world.send(of(CUSTOMER, 5000), DATA).expect("a port");
    world.allow(policy(BLUE, &[(PUBLIC + 1, 1)]));
    assert_eq!(world.send(of(CUSTOMER, 5000), DATA), Ok(old));
    assert_eq!(world.send(of(CUSTOMER, 5001), DATA).expect("a port").address, PUBLIC + 1);
}

#[test]
fn pools_are_tried_in_their_order() {
    let mut world = World::new(1, 64);
    let shard = world.division.of_customer(BLUE, CUSTOMER);
    let range = PortRange { first: shard.0 * 4096 + 32_768, last: shard.0 * 4096 + 32_831, block: 64 };
    for number in 0..2 {
        world.publish(Public { ports: Some(range), ..public(PUBLIC + number, number) });
    }
    world.allow(policy(BLUE, &[(PUBLIC + 1, 1), (PUBLIC, 1)]));
    let customers: Vec<_> =
        (CUSTOMER..).filter(|&address| world.division.of_customer(BLUE, address) == shard).take(3).collect();
    let got: Vec<_> = customers.iter().map(|&customer| world.send(of(customer, 5000), DATA)).collect();
    let addresses: Vec<_> = got.iter().map(|got| got.map(|public| public.address)).collect();
    assert_eq!(addresses, [Ok(PUBLIC + 1), Ok(PUBLIC), Err(DropReason::NatPoolExhausted)]);
}

#[test]
fn without_room_in_the_log_no_block_goes_out_or_comes_back() {
    let mut world = World::small();
    world.log_room = 0;
    let flow = from(BLUE, Protocol::Udp, 40_000);
    assert_eq!(world.send(flow, DATA), Err(DropReason::NatLogFull));
    assert_eq!((world.in_use(BLUE), world.entries()), ((0, 0), 0));
    world.log_room = 1;
    let public = world.send(flow, DATA).expect("a port");
    // A second session needs no block, and so no room.
    world.log_room = 0;
    world.send(from(BLUE, Protocol::Udp, 40_001), DATA).expect("a port");
    assert_eq!(world.send(flow, DATA), Ok(public));
    world.now += 420_000;
    world.advance();
    world.now += 420_000;
    world.advance();
    assert_eq!(world.in_use(BLUE), (0, 1));
    assert_eq!(blocks(&world.log), (1, 0));
    world.log_room = 1;
    world.advance();
    assert_eq!(blocks(&world.log), (1, 1));
    world.assert_empty();
}

#[test]
fn sessions_are_logged_where_that_is_asked_for() {
    let mut world = World::small();
    world.settings.log_sessions = true;
    let flow = from(BLUE, Protocol::Tcp, 40_000);
    world.log_room = 1;
    assert_eq!(world.send(flow, tcp(SYN, 1, 0)), Err(DropReason::NatLogFull));
    world.log_room = 2;
    let public = world.send(flow, tcp(SYN, 1, 0)).expect("a port");
    world.log_room = 0;
    let other = to(flow, (9, 9));
    assert_eq!(world.send(other, tcp(SYN, 1, 0)), Err(DropReason::NatLogFull));
    world.log_room = 1;
    assert_eq!(world.send(other, tcp(SYN, 1, 0)), Ok(public));
    world.pass(360_000);
    world.assert_empty();
    let rows: Vec<_> = world
        .log
        .iter()
        .filter_map(|event| match event.kind {
            NatEventKind::SessionCreated(row) => Some((true, row.customer, row.public, row.remote)),
            NatEventKind::SessionEnded(row) => Some((false, row.customer, row.public, row.remote)),
            NatEventKind::BlockAllocated(_) | NatEventKind::BlockReleased(_) => None,
        })
        .collect();
    let row = |created, remote| (created, flow.local, public, remote);
    assert_eq!(rows[..2], [row(true, SERVER), row(true, (9, 9))]);
    let ended: BTreeSet<_> = rows[2..].iter().copied().collect();
    assert_eq!(ended, BTreeSet::from([row(false, SERVER), row(false, (9, 9))]));
}
