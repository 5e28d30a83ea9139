//! Time-outs to the millisecond, and who refreshes them.

use super::*;

/// Sends once, then looks one millisecond before the session ends and when it does, without the wheel's help.
fn assert_ends_after(flow: Flow, milliseconds: u64) {
    let mut world = World::small();
    let public = world.send(flow, DATA).expect("a session");
    let answer = Flow { local: public, ..flow };
    world.now += milliseconds - 1;
    assert_eq!(world.receive(answer, DATA), Ok(flow.local), "{flow:?}");
    world.now += 1;
    assert_eq!(world.receive(answer, DATA), Err(DropReason::NatNoSession), "{flow:?}");
    // The port rests: the customer gets another one.
    assert_ne!(world.send(flow, DATA), Ok(public));
}

#[test]
fn sessions_end_to_the_millisecond() {
    assert_ends_after(from(BLUE, Protocol::Udp, 40_000), 300_000);
    assert_ends_after(from(BLUE, Protocol::Icmp, 7), 60_000);
    let mut dns = from(BLUE, Protocol::Udp, 40_000);
    dns.remote.1 = 53;
    assert_ends_after(dns, 300_000);
}

#[test]
fn well_known_ports_may_have_a_shorter_time() {
    let mut world = World::small();
    world.settings.udp_well_known = 10_000;
    let dns = to(from(BLUE, Protocol::Udp, 40_000), (SERVER.0, 53));
    let public = world.send(dns, DATA).expect("a session");
    world.now += 10_000;
    assert_eq!(world.receive(back(Protocol::Udp, public), DATA), Err(DropReason::NatNoSession));

    // The other port's time holds as soon as one of the two remote ports is not well known.
    let public = world.send(dns, DATA).expect("a session");
    assert_eq!(world.send(from(BLUE, Protocol::Udp, 40_000), DATA), Ok(public));
    assert_eq!(world.send(dns, DATA), Ok(public));
    world.now += 299_999;
    assert_eq!(world.receive(back(Protocol::Udp, public), DATA), Ok(dns.local));
    world.now += 1;
    assert_eq!(world.receive(back(Protocol::Udp, public), DATA), Err(DropReason::NatNoSession));
}

#[test]
fn only_the_customer_refreshes() {
    let mut world = World::small();
    let flow = from(BLUE, Protocol::Udp, 40_000);
    let public = world.send(flow, DATA).expect("a session");
    world.pass(200_000);
    assert_eq!(world.send(flow, DATA), Ok(public));
    for _ in 0..29 {
        world.pass(10_000);
        assert_eq!(world.receive(back(Protocol::Udp, public), DATA), Ok(flow.local));
    }
    world.pass(10_000);
    assert_eq!(world.receive(back(Protocol::Udp, public), DATA), Err(DropReason::NatNoSession));
}

#[test]
fn looking_changes_nothing() {
    let mut world = World::small();
    let flow = from(BLUE, Protocol::Udp, 40_000);
    let public = world.send(flow, DATA).expect("a session");
    for (later, found) in [(299_999, true), (1, false)] {
        world.now += later;
        let section = world.reader.section();
        let (tables, settings) = (&world.readers, &world.settings);
        let context = Context { tables, section: &section, settings, now: Millis(world.now) };
        let nat = &world.workers[0];
        let peeked = nat.peek_outside(&context, Protocol::Udp, public);
        assert_eq!(peeked, found.then_some(flow.local));
        let peeked = nat.peek_inside(&context, Protocol::Udp, flow.local);
        assert_eq!(peeked, found.then_some(public));
        assert_eq!(nat.peek_outside(&context, Protocol::Tcp, public), None);
    }
}

#[test]
fn a_port_rests_and_then_everything_is_as_before() {
    let mut world = World::small();
    world.send(from(BLUE, Protocol::Udp, 40_000), DATA).expect("a session");
    assert_eq!((world.in_use(BLUE), world.entries()), ((1, 1), 1));
    world.pass(299_999);
    assert_eq!(world.in_use(BLUE), (1, 1));
    world.pass(1);
    assert_eq!((world.in_use(BLUE), world.entries()), ((0, 1), 1));
    assert_eq!(world.rows()[0].state, SessionState::Quarantined);
    world.pass(119_999);
    assert_eq!(world.in_use(BLUE), (0, 1));
    world.pass(1);
    world.assert_empty();
}

#[test]
fn what_ends_next_is_known_to_the_millisecond() {
    let mut world = World::small();
    world.now += 123;
    let (first, second) = (world.now, world.now + 50_000);
    world.send(from(BLUE, Protocol::Udp, 40_000), DATA).expect("a session");
    world.now = second;
    world.advance();
    world.send(from(BLUE, Protocol::Icmp, 1), DATA).expect("a session");
    let mut ends = Vec::new();
    while let Some(at) = world.workers[0].next_end(&world.settings) {
        assert!(at.0 > world.now);
        world.now = at.0;
        world.advance();
        ends.push(at.0);
    }
    let icmp = second + 60_000;
    assert_eq!(ends, [icmp, icmp + 120_000, first + 300_000, first + 420_000]);
    world.assert_empty();
}

#[test]
fn nothing_is_late_because_a_time_out_became_shorter() {
    let mut world = World::small();
    world.settings.tcp_reset = 1_000;
    world.settings.quarantine = 1_000;
    let flow = from(BLUE, Protocol::Tcp, 40_000);
    let public = world.send(flow, tcp(SYN, 100, 0)).expect("a session");
    world.pass(5_500);
    let refused = tcp(RST | ACK, 0, 101);
    assert_eq!(world.receive(back(Protocol::Tcp, public), refused), Ok(flow.local));
    world.pass(999);
    assert_eq!(world.in_use(BLUE), (1, 1));
    world.pass(1);
    world.assert_empty();
}

#[test]
fn budgets_bound_the_work() {
    let mut world = World::small();
    for port in 0..40 {
        world.send(from(BLUE, Protocol::Udp, 40_000 + port), DATA).expect("a session");
    }
    world.now += 600_000;
    let mut events = Events::new();
    let mut calls = 0;
    let section = world.reader.section();
    let (tables, settings) = (&world.readers, &world.settings);
    let context = Context { tables, section: &section, settings, now: Millis(world.now) };
    while world.workers[0].advance(&context, 7, &mut events, &mut ArrayVec::new()) {
        calls += 1;
        assert!(world.counters[0].tenant(BLUE).expect("a counter").sessions.get() + 7 * calls >= 40);
    }
    assert_eq!(world.counters[0].tenant(BLUE).expect("a counter").sessions.get(), 0);
}
