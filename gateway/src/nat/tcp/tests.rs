use super::*;

fn segment(flags: u8, sequence: u32, acknowledgment: u32, length: u32) -> Segment {
    Segment { flags, sequence, acknowledgment, length }
}

/// A connection between a customer whose first number is `ours` and a remote end whose first is `theirs`.
struct Connection {
    seen: Seen,
    track: Track,
    ours: u32,
    theirs: u32,
}

impl Connection {
    fn opening(ours: u32, theirs: u32) -> Self {
        let (seen, track) = Track::begin(&segment(SYN, ours, 0, 0));
        Self { seen, track, ours, theirs }
    }

    fn established(ours: u32, theirs: u32) -> Self {
        let mut connection = Self::opening(ours, theirs);
        connection.inbound(SYN | ACK, 0, 1, 0);
        assert_eq!(connection.phase(), Phase::Opening);
        connection.outbound(ACK, 1, 1, 0);
        assert_eq!(connection.phase(), Phase::Established);
        connection
    }

    /// Numbers are relative to the first ones.
    fn outbound(&mut self, flags: u8, sequence: u32, acknowledgment: u32, length: u32) {
        let (sequence, acknowledgment) =
            (self.ours.wrapping_add(sequence), self.theirs.wrapping_add(acknowledgment));
        self.track.outbound(&mut self.seen, &segment(flags, sequence, acknowledgment, length));
    }

    fn inbound(&mut self, flags: u8, sequence: u32, acknowledgment: u32, length: u32) {
        let (sequence, acknowledgment) =
            (self.theirs.wrapping_add(sequence), self.ours.wrapping_add(acknowledgment));
        self.track.inbound(&mut self.seen, &segment(flags, sequence, acknowledgment, length));
    }

    fn phase(&self) -> Phase {
        self.seen.phase()
    }
}

/// First numbers that wrap around at each place of what follows, and some that do not.
const FIRST: [u32; 6] = [0, 1, 5000, u32::MAX, u32::MAX - 1, u32::MAX - 100];

fn for_all(check: impl Fn(u32, u32)) {
    FIRST.iter().for_each(|&ours| FIRST.iter().for_each(|&theirs| check(ours, theirs)));
}

#[test]
fn both_syns_and_an_acknowledgment_establish() {
    for_all(|ours, theirs| {
        Connection::established(ours, theirs);

        // The remote end's acknowledgment does it as well, after the customer answered a SYN from there.
        let (seen, track) = Track::begin(&segment(SYN | ACK, ours, theirs.wrapping_add(1), 0));
        let mut connection = Connection { seen, track, ours, theirs };
        connection.inbound(SYN, 0, 0, 0);
        assert_eq!(connection.phase(), Phase::Opening);
        connection.inbound(ACK, 1, 1, 0);
        assert_eq!(connection.phase(), Phase::Established);
    });
}

#[test]
fn half_of_it_does_not_establish() {
    for_all(|ours, theirs| {
        // Nothing came from outside.
        let mut connection = Connection::opening(ours, theirs);
        connection.outbound(ACK, 1, 1, 10);
        connection.outbound(SYN, 0, 0, 0);
        assert_eq!(connection.phase(), Phase::Opening);
        // What came does not answer the customer's SYN.
        connection.inbound(SYN | ACK, 0, 5000, 0);
        connection.inbound(ACK, 1, 1, 0);
        connection.outbound(ACK, 1, 1, 0);
        assert_eq!(connection.phase(), Phase::Opening);
    });
}

#[test]
fn a_syn_of_a_stranger_is_replaced_by_the_answer() {
    for_all(|ours, theirs| {
        let mut connection = Connection::opening(ours, theirs);
        connection.inbound(SYN, 1 << 30, 0, 0);
        connection.inbound(SYN | ACK, 0, 1, 0);
        connection.outbound(ACK, 1, 1, 0);
        assert_eq!(connection.phase(), Phase::Established);
        connection.inbound(RST, 1 << 30, 0, 0);
        assert_eq!(connection.phase(), Phase::Established);
        connection.inbound(RST, 1, 0, 0);
        assert_eq!(connection.phase(), Phase::Reset);
    });
}

#[test]
fn both_fins_close_in_any_order() {
    for_all(|ours, theirs| {
        let mut connection = Connection::established(ours, theirs);
        connection.outbound(FIN | ACK, 1, 1, 0);
        assert_eq!(connection.phase(), Phase::Established);
        connection.inbound(ACK, 1, 2, 100);
        assert_eq!(connection.phase(), Phase::Established);
        connection.inbound(FIN | ACK, 101, 2, 0);
        assert_eq!(connection.phase(), Phase::Closing);
        connection.outbound(ACK, 2, 102, 0);
        assert_eq!(connection.phase(), Phase::Closing);

        let mut connection = Connection::established(ours, theirs);
        connection.inbound(FIN | ACK, 1, 1, 0);
        assert_eq!(connection.phase(), Phase::Established);
        connection.outbound(FIN | ACK, 1, 2, 7);
        assert_eq!(connection.phase(), Phase::Closing);
    });
}

#[test]
fn a_fin_of_a_stranger_closes_nothing() {
    for_all(|ours, theirs| {
        let mut connection = Connection::established(ours, theirs);
        connection.outbound(FIN | ACK, 1, 1, 0);
        for acknowledgment in [0, 3, 1 << 31] {
            connection.inbound(FIN | ACK, 1, acknowledgment, 0);
        }
        connection.inbound(FIN, 1, 1, 0);
        assert_eq!(connection.phase(), Phase::Established);
    });
}

#[test]
fn resets_count_between_what_was_acknowledged_and_what_was_sent() {
    for_all(|ours, theirs| {
        let connection = || {
            let mut connection = Connection::established(ours, theirs);
            // 500 bytes each way, of which 200 were acknowledged.
            connection.outbound(ACK, 1, 1, 500);
            connection.inbound(ACK, 1, 201, 500);
            connection.outbound(ACK, 501, 201, 0);
            connection
        };
        let cases =
            [(200, false), (201, true), (350, true), (501, true), (502, false), (0, false), (1 << 31, false)];
        for (sequence, sane) in cases {
            let expected = if sane { Phase::Reset } else { Phase::Established };
            let mut from_outside = connection();
            from_outside.inbound(RST, sequence, 0, 0);
            assert_eq!(from_outside.phase(), expected, "{ours} {theirs} {sequence}");
            let mut from_customer = connection();
            from_customer.outbound(RST, sequence, 0, 0);
            assert_eq!(from_customer.phase(), expected, "{ours} {theirs} {sequence}");
        }
    });
}

#[test]
fn what_a_stranger_sends_does_not_widen_the_reset_window() {
    for_all(|ours, theirs| {
        let mut connection = Connection::established(ours, theirs);
        let forged = segment(ACK, theirs.wrapping_add(1 << 30), ours.wrapping_add(77), 0);
        connection.track.inbound(&mut connection.seen, &forged);
        connection.track.remote_sends(&forged);
        connection.inbound(RST, 1 << 29, 0, 0);
        assert_eq!(connection.phase(), Phase::Established);
    });
}

#[test]
fn a_refusal_must_acknowledge_the_syn() {
    for_all(|ours, theirs| {
        let mut connection = Connection::opening(ours, theirs);
        connection.inbound(RST, 0, 1, 0);
        connection.inbound(RST | ACK, 0, 2, 0);
        assert_eq!(connection.phase(), Phase::Opening);
        connection.inbound(RST | ACK, 77, 1, 0);
        assert_eq!(connection.phase(), Phase::Reset);
    });
}

#[test]
fn the_customer_goes_on_after_a_reset_only_where_it_was() {
    for_all(|ours, theirs| {
        let reset = || {
            let mut connection = Connection::established(ours, theirs);
            connection.outbound(ACK, 1, 1, 100);
            connection.inbound(ACK, 1, 51, 0);
            connection.inbound(RST, 1, 0, 0);
            assert_eq!(connection.phase(), Phase::Reset);
            connection
        };
        for (sequence, goes_on) in [(49, false), (50, true), (51, true), (101, true), (102, false)] {
            let mut connection = reset();
            connection.outbound(ACK, sequence, 1, 10);
            let expected = if goes_on { Phase::Established } else { Phase::Reset };
            assert_eq!(connection.phase(), expected, "{sequence}");
        }
        // Neither another reset nor anything from outside.
        let mut connection = reset();
        connection.outbound(RST, 51, 1, 0);
        connection.inbound(ACK, 1, 51, 10);
        connection.inbound(SYN | ACK, 0, 1, 0);
        assert_eq!(connection.phase(), Phase::Reset);
    });
}

#[test]
fn a_syn_of_the_customer_begins_anew_after_the_end() {
    for_all(|ours, theirs| {
        let mut closed = Connection::established(ours, theirs);
        closed.outbound(FIN | ACK, 1, 1, 0);
        closed.inbound(FIN | ACK, 1, 2, 0);
        let mut reset = Connection::established(ours, theirs);
        reset.inbound(RST, 1, 0, 0);
        for mut connection in [closed, reset] {
            let over = connection.phase();
            connection.inbound(SYN, 90_000, 0, 0);
            assert_eq!(connection.phase(), over);
            connection.outbound(SYN, 70_000, 0, 0);
            assert_eq!(connection.phase(), Phase::Opening);
            connection.inbound(SYN | ACK, 90_000, 70_001, 0);
            connection.outbound(ACK, 70_001, 90_001, 0);
            assert_eq!(connection.phase(), Phase::Established);
        }
    });
}

#[test]
fn a_syn_with_another_number_begins_anew_while_it_opens() {
    for_all(|ours, theirs| {
        let mut connection = Connection::opening(ours, theirs);
        connection.outbound(SYN, 70_000, 0, 0);
        connection.inbound(SYN | ACK, 0, 1, 0);
        connection.outbound(ACK, 70_001, 1, 0);
        assert_eq!(connection.phase(), Phase::Opening);
        connection.inbound(SYN | ACK, 0, 70_001, 0);
        // The same one again is a repetition, even after it was acknowledged.
        connection.outbound(SYN, 70_000, 0, 0);
        connection.outbound(ACK, 70_001, 1, 0);
        assert_eq!(connection.phase(), Phase::Established);
        connection.outbound(SYN, 5, 0, 0);
        assert_eq!(connection.phase(), Phase::Established);
    });
}

#[test]
fn plain_segments_are_followed_in_the_same_way() {
    for_all(|ours, theirs| {
        let mut quick = Connection::established(ours, theirs);
        let mut slow = Connection::established(ours, theirs);
        for (sequence, acknowledgment, length) in [(1, 1, 1000), (1001, 501, 0), (1, 501, 1400), (1, 9999, 1)]
        {
            let sent = (ours.wrapping_add(sequence), theirs.wrapping_add(acknowledgment));
            quick.track.customer_sends(&segment(ACK, sent.0, sent.1, length));
            slow.outbound(ACK, sequence, acknowledgment, length);
            assert_eq!(quick.track, slow.track);
            quick.track.remote_sends(&segment(ACK, theirs.wrapping_add(sequence), sent.0, 500));
            slow.inbound(ACK, sequence, sequence, 500);
            assert_eq!(quick.track, slow.track);
        }
        assert_eq!(quick.seen, slow.seen);
    });
}

#[test]
fn only_a_bare_syn_is_first_and_only_a_bare_acknowledgment_plain() {
    const OTHERS: u8 = !(FIN | SYN | RST | ACK);
    for flags in 0..=u8::MAX {
        let segment = segment(flags, 0, 0, 0);
        assert_eq!(segment.is_first(), flags & !OTHERS == SYN);
        assert_eq!(segment.is_plain(), flags & !OTHERS == ACK);
    }
}
