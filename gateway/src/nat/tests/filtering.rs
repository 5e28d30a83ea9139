//! What is let in from outside: filtering, SYNs that nobody waits for, scans.

use super::*;

fn filtered(vrf: VrfId) -> NatPolicy {
    NatPolicy { filtering: [Filtering::AddressDependent; Protocol::COUNT], ..policy(vrf, &[(PUBLIC, 1)]) }
}

const STRANGER: (u32, u16) = (0x0909_0909, 99);

#[test]
fn anybody_may_answer_unless_filtering_depends_on_addresses() {
    let mut world = World::small();
    let flow = from(BLUE, Protocol::Udp, 40_000);
    let public = world.send(flow, DATA).expect("a session");
    assert_eq!(world.receive(to(back(Protocol::Udp, public), STRANGER), DATA), Ok(flow.local));

    let mut world = World::small();
    world.allow(filtered(BLUE));
    let public = world.send(flow, DATA).expect("a session");
    let answer = back(Protocol::Udp, public);
    assert_eq!(world.receive(to(answer, STRANGER), DATA), Err(DropReason::NatFiltered));
    // The address counts, not the port.
    assert_eq!(world.receive(to(answer, (SERVER.0, 1)), DATA), Ok(flow.local));
    assert_eq!(world.send(to(flow, STRANGER), DATA), Ok(public));
    assert_eq!(world.receive(to(answer, (STRANGER.0, 1)), DATA), Ok(flow.local));
    assert_eq!(world.receive(answer, DATA), Ok(flow.local));
    assert_eq!((world.in_use(BLUE), world.entries()), ((2, 1), 2));
}

#[test]
fn a_permission_ends_with_its_own_time() {
    let mut world = World::small();
    world.allow(filtered(BLUE));
    let flow = from(BLUE, Protocol::Icmp, 40_000);
    let public = world.send(flow, DATA).expect("a session");
    let stranger = to(back(Protocol::Icmp, public), STRANGER);
    assert_eq!(world.send(to(flow, STRANGER), DATA), Ok(public));
    world.pass(40_000);
    assert_eq!(world.send(flow, DATA), Ok(public));
    world.pass(19_999);
    assert_eq!(world.receive(stranger, DATA), Ok(flow.local));
    world.pass(1);
    assert_eq!(world.receive(stranger, DATA), Err(DropReason::NatFiltered));
    assert_eq!(world.receive(back(Protocol::Icmp, public), DATA), Ok(flow.local));
    assert_eq!((world.in_use(BLUE), world.entries()), ((1, 1), 1));
    // So does that of the address to which the mapping's first packet went.
    assert_eq!(world.send(to(flow, STRANGER), DATA), Ok(public));
    world.pass(40_000);
    assert_eq!(world.receive(back(Protocol::Icmp, public), DATA), Err(DropReason::NatFiltered));
    assert_eq!(world.receive(stranger, DATA), Ok(flow.local));
    world.pass(200_000);
    world.assert_empty();
}

#[test]
fn tcp_permissions_last_as_long_as_a_connection_to_the_address() {
    let mut world = World::small();
    world.allow(filtered(BLUE));
    let flow = from(BLUE, Protocol::Tcp, 40_000);
    let public = world.send(flow, tcp(SYN, 1, 0)).expect("a session");
    let inward = |remote| to(back(Protocol::Tcp, public), remote);
    assert_eq!(world.receive(inward(STRANGER), DATA), Err(DropReason::NatFiltered));
    for port in [1, 2] {
        assert_eq!(world.send(to(flow, (STRANGER.0, port)), tcp(SYN, 1, 0)), Ok(public));
    }
    assert_eq!((world.in_use(BLUE), world.entries()), ((3, 1), 4));
    assert_eq!(world.receive(inward((STRANGER.0, 3)), tcp(SYN, 1, 0)), Ok(flow.local));
    world.pass(200_000);
    world.send(to(flow, (STRANGER.0, 2)), tcp(SYN, 1, 0)).expect("again");
    world.pass(40_000);
    assert_eq!(world.receive(inward((STRANGER.0, 3)), DATA), Ok(flow.local));
    assert_eq!(world.receive(inward(SERVER), DATA), Err(DropReason::NatFiltered));
    assert_eq!((world.in_use(BLUE), world.entries()), ((1, 1), 3));
    world.pass(200_000 + 120_000);
    world.assert_empty();
}

#[test]
fn an_unsolicited_syn_is_answered_after_six_seconds() {
    let mut world = World::small();
    let scan = back(Protocol::Tcp, end(OUTSIDE, PUBLIC, 5555));
    assert_eq!(world.receive(scan, tcp(SYN, 1, 0)), Err(DropReason::NatUnsolicited));
    assert_eq!(world.receive(scan, tcp(ACK, 1, 0)), Err(DropReason::NatNoSession));
    let now = Millis(world.now);
    world.workers[0].hold_syn(now, &scan, InterfaceId(3), &[0x45; 60]);
    world.pass(5_999);
    assert_eq!(world.notices, []);
    world.pass(1);
    let packet = [0x45; HELD].into();
    let notice = Notice { error: IcmpError::PortUnreachable, interface: InterfaceId(3), packet };
    assert_eq!(world.notices, [notice]);
    assert_eq!(world.entries(), 0);
}

#[test]
fn nothing_is_said_where_the_settings_say_so() {
    let mut world = World::small();
    world.settings.reject_unsolicited = false;
    let scan = back(Protocol::Tcp, end(OUTSIDE, PUBLIC, 5555));
    let now = Millis(world.now);
    world.workers[0].hold_syn(now, &scan, InterfaceId(3), &[0x45; 60]);
    world.pass(10_000);
    assert_eq!(world.notices, []);
    world.assert_empty();
}

#[test]
fn a_syn_that_the_customer_meets_is_forgotten() {
    let mut world = World::small();
    world.allow(filtered(BLUE));
    let flow = from(BLUE, Protocol::Tcp, 40_000);
    let public = world.send(flow, tcp(SYN, 1, 0)).expect("a session");
    let inward = to(back(Protocol::Tcp, public), STRANGER);
    let other = to(inward, (STRANGER.0 + 1, 7));
    for flow in [inward, other] {
        assert_eq!(world.receive(flow, tcp(SYN, 9, 0)), Err(DropReason::NatUnsolicited));
        let now = Millis(world.now);
        world.workers[0].hold_syn(now, &flow, InterfaceId(3), &flow.remote.0.to_be_bytes());
    }
    world.pass(3_000);
    assert_eq!(world.send(to(flow, STRANGER), tcp(SYN, 1, 0)), Ok(public));
    world.pass(3_000);
    let packets: Vec<_> = world.notices.iter().map(|notice| &notice.packet[..]).collect();
    assert_eq!(packets, [other.remote.0.to_be_bytes()]);
}

#[test]
fn a_scan_from_outside_makes_nothing() {
    let mut world = World::small();
    let before = world.entries();
    for port in 0..=u16::MAX {
        for protocol in Protocol::ALL {
            let scan = back(protocol, end(OUTSIDE, PUBLIC, port));
            assert!(world.receive(scan, DATA).is_err());
        }
    }
    assert_eq!((world.entries(), world.log.len()), (before, 0));
    world.assert_empty();
}
