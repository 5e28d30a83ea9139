//! TCP through the engine: what may begin a connection, how connections share a mapping, and how they end.

use super::*;

const ISN: u32 = u32::MAX - 10;
const THEIRS: u32 = 5000;

/// Opens a connection and returns the public end.
fn open(world: &mut World, flow: Flow) -> Endpoint {
    let public = world.send(flow, tcp(SYN, ISN, 0)).expect("a session");
    let answer = Flow { local: public, ..flow };
    assert_eq!(world.receive(answer, tcp(SYN | ACK, THEIRS, ISN.wrapping_add(1))), Ok(flow.local));
    assert_eq!(world.send(flow, tcp(ACK, ISN.wrapping_add(1), THEIRS + 1)), Ok(public));
    public
}

fn states(world: &mut World) -> Vec<SessionState> {
    let mut states: Vec<_> = world.rows().iter().map(|row| row.state).collect();
    states.sort_unstable();
    states
}

/// A session in its state ends after a time, without the wheel's help; its port rests or does not.
fn assert_ends_after(world: &mut World, flow: Flow, public: Endpoint, milliseconds: u64, rests: bool) {
    world.now += milliseconds - 1;
    assert_eq!(world.receive(Flow { local: public, ..flow }, DATA), Ok(flow.local));
    world.now += 1;
    assert_eq!(world.receive(Flow { local: public, ..flow }, DATA), Err(DropReason::NatNoSession));
    world.advance();
    world.advance();
    world.pass(1);
    assert_eq!(world.in_use(flow.local.vrf), (0, u64::from(rests)));
}

#[test]
fn only_a_syn_begins() {
    let mut world = World::small();
    let flow = from(BLUE, Protocol::Tcp, 40_000);
    for flags in [0, ACK, RST, FIN | ACK, SYN | ACK, SYN | RST, SYN | FIN, RST | ACK] {
        assert_eq!(world.send(flow, tcp(flags, 1, 1)), Err(DropReason::NatNoSession), "{flags:#x}");
    }
    assert_eq!((world.in_use(BLUE), world.entries()), ((0, 0), 0));
    world.send(flow, tcp(SYN, 1, 0)).expect("a session");
    assert_eq!(world.in_use(BLUE), (1, 1));
}

#[test]
fn opening_ends_soon_and_established_late() {
    let mut world = World::small();
    let flow = from(BLUE, Protocol::Tcp, 40_000);
    let public = world.send(flow, tcp(SYN, ISN, 0)).expect("a session");
    assert_ends_after(&mut world, flow, public, 240_000, true);

    let mut world = World::small();
    let public = open(&mut world, flow);
    assert_eq!(states(&mut world), [SessionState::Established]);
    assert_ends_after(&mut world, flow, public, 7_440_000, true);
}

#[test]
fn a_connection_seen_to_close_needs_no_rest() {
    let mut world = World::small();
    let flow = from(BLUE, Protocol::Tcp, 40_000);
    let public = open(&mut world, flow);
    let (ours, theirs) = (ISN.wrapping_add(1), THEIRS + 1);
    assert_eq!(world.send(flow, tcp(FIN | ACK, ours, theirs)), Ok(public));
    assert_eq!(states(&mut world), [SessionState::Established]);
    let answer = back(Protocol::Tcp, public);
    assert_eq!(world.receive(answer, tcp(FIN | ACK, theirs, ours.wrapping_add(1))), Ok(flow.local));
    assert_eq!(states(&mut world), [SessionState::Closing]);
    assert_eq!(world.send(flow, tcp(ACK, ours.wrapping_add(1), theirs + 1)), Ok(public));
    assert_ends_after(&mut world, flow, public, 240_000, false);
    world.assert_empty();
}

#[test]
fn a_reset_counts_only_if_its_sequence_number_does() {
    let flow = from(BLUE, Protocol::Tcp, 40_000);
    for (sequence, counts) in [(THEIRS, false), (THEIRS + 1, true), (THEIRS + 2, false), (0, false)] {
        let mut world = World::small();
        let public = open(&mut world, flow);
        world.pass(1_000_000);
        assert_eq!(world.receive(back(Protocol::Tcp, public), tcp(RST, sequence, 0)), Ok(flow.local));
        let state = if counts { SessionState::Reset } else { SessionState::Established };
        assert_eq!(states(&mut world), [state], "{sequence}");
        if counts {
            // The time counts from here: what was idle for long is not gone at once.
            assert_ends_after(&mut world, flow, public, 240_000, false);
        } else {
            assert_ends_after(&mut world, flow, public, 6_440_000, true);
        }
    }
}

#[test]
fn nothing_from_outside_makes_a_session_end_later() {
    let mut world = World::small();
    let flow = from(BLUE, Protocol::Tcp, 40_000);
    let public = open(&mut world, flow);
    world.pass(7_400_000);
    assert_eq!(world.receive(back(Protocol::Tcp, public), tcp(RST, THEIRS + 1, 0)), Ok(flow.local));
    assert_ends_after(&mut world, flow, public, 40_000, false);
}

#[test]
fn a_connection_goes_on_after_a_reset_that_was_none() {
    let mut world = World::small();
    let flow = from(BLUE, Protocol::Tcp, 40_000);
    let public = open(&mut world, flow);
    assert_eq!(world.receive(back(Protocol::Tcp, public), tcp(RST, THEIRS + 1, 0)), Ok(flow.local));
    assert_eq!(states(&mut world), [SessionState::Reset]);
    let data = Segment { length: 100, ..tcp(ACK, ISN.wrapping_add(1), THEIRS + 1) };
    assert_eq!(world.send(flow, data), Ok(public));
    assert_eq!(states(&mut world), [SessionState::Established]);
    assert_ends_after(&mut world, flow, public, 7_440_000, true);
}

#[test]
fn a_new_syn_starts_a_closed_connection_anew() {
    let mut world = World::small();
    let flow = from(BLUE, Protocol::Tcp, 40_000);
    let public = open(&mut world, flow);
    assert_eq!(world.send(flow, tcp(RST, ISN.wrapping_add(1), 0)), Ok(public));
    assert_eq!(states(&mut world), [SessionState::Reset]);
    assert_eq!(open(&mut world, flow), public);
    assert_eq!(states(&mut world), [SessionState::Established]);
    assert_eq!(world.in_use(BLUE), (1, 1));
}

#[test]
fn connections_of_one_port_share_its_mapping() {
    let mut world = World::small();
    let flow = from(BLUE, Protocol::Tcp, 40_000);
    let others = [(SERVER.0, 9), (SERVER.0 + 1, SERVER.1), (SERVER.0 + 2, 80)];
    let public = open(&mut world, flow);
    for remote in others {
        assert_eq!(open(&mut world, to(flow, remote)), public);
    }
    assert_eq!((world.in_use(BLUE), world.entries()), ((4, 1), 4));
    assert_eq!(states(&mut world), [SessionState::Established; 4]);

    // One of them is reset: the others are not.
    let reset = Flow { local: public, remote: others[1], ..flow };
    assert_eq!(world.receive(reset, tcp(RST, THEIRS + 1, 0)), Ok(flow.local));
    let left = [SessionState::Established, SessionState::Established, SessionState::Established];
    assert_eq!(states(&mut world), [&left[..], &[SessionState::Reset]].concat());
    world.pass(240_000);
    assert_eq!(states(&mut world), left);

    // The first one ends, the mapping stays for the others, and the next connection takes its place.
    world.send(to(flow, others[0]), tcp(ACK, ISN.wrapping_add(1), THEIRS + 1)).expect("lives");
    world.pass(7_200_000);
    assert_eq!((world.in_use(BLUE), world.entries()), ((1, 1), 2));
    assert_eq!(world.send(flow, tcp(ACK, 1, 1)), Err(DropReason::NatNoSession));
    assert_eq!(world.send(to(flow, (9, 9)), tcp(SYN, 1, 0)), Ok(public));
    assert_eq!((world.in_use(BLUE), world.entries()), ((2, 1), 2));
    world.pass(7_440_000 + 120_000);
    world.assert_empty();
}

#[test]
fn a_mapping_lets_connections_in_that_the_customer_accepts() {
    let mut world = World::small();
    let flow = from(BLUE, Protocol::Tcp, 40_000);
    let public = open(&mut world, flow);
    let peer = (0x0101_0101, 3333);
    let inward = Flow { local: public, remote: peer, ..flow };
    assert_eq!(world.receive(inward, tcp(SYN, 77, 0)), Ok(flow.local));
    assert_eq!(world.in_use(BLUE), (1, 1));
    // Only its answer makes a session, and a refusal is none.
    assert_eq!(world.send(to(flow, peer), tcp(ACK, 0, 78)), Err(DropReason::NatNoSession));
    assert_eq!(world.send(to(flow, peer), tcp(RST | ACK, 0, 78)), Ok(public));
    assert_eq!(world.in_use(BLUE), (1, 1));
    assert_eq!(world.send(to(flow, peer), tcp(SYN | ACK, 900, 78)), Ok(public));
    assert_eq!(world.in_use(BLUE), (2, 1));
    assert_eq!(world.receive(inward, tcp(ACK, 78, 901)), Ok(flow.local));
    assert_eq!(states(&mut world), [SessionState::Established; 2]);
}

#[test]
fn both_ends_may_open_at_once() {
    let mut world = World::small();
    let flow = from(BLUE, Protocol::Tcp, 40_000);
    let public = world.send(flow, tcp(SYN, ISN, 0)).expect("a session");
    let answer = back(Protocol::Tcp, public);
    assert_eq!(world.receive(answer, tcp(SYN, THEIRS, 0)), Ok(flow.local));
    assert_eq!(world.send(flow, tcp(SYN | ACK, ISN, THEIRS + 1)), Ok(public));
    assert_eq!(world.receive(answer, tcp(SYN | ACK, THEIRS, ISN.wrapping_add(1))), Ok(flow.local));
    assert_eq!(states(&mut world), [SessionState::Opening]);
    assert_eq!(world.send(flow, tcp(ACK, ISN.wrapping_add(1), THEIRS + 1)), Ok(public));
    assert_eq!(states(&mut world), [SessionState::Established]);
}
