use super::*;
use proptest::prelude::*;

const KEY: Key = Key { source: 1, destination: 2, identification: 3 };
const WAITS: Result<Verdict, DropReason> = Ok(Verdict::Waits);
const INVALID: Result<Verdict, DropReason> = Err(DropReason::ReassemblyInvalid);
const FULL: Result<Verdict, DropReason> = Err(DropReason::ReassemblyFull);

/// A packet of so many fragments is whole.
fn whole(fragments: u32) -> Result<Verdict, DropReason> {
    Ok(Verdict::Completes { congestion: false, fragments })
}

fn part(start: u16, end: u16, more: bool) -> Part {
    Part { start, length: end - start, more, header: 20, ecn: 0 }
}

/// Enters these parts of one packet, at time 0.
fn enter(parts: &[Part]) -> Vec<Result<Verdict, DropReason>> {
    let mut ledger = Ledger::new();
    parts.iter().map(|part| ledger.enter(Millis(0), KEY, *part)).collect()
}

#[test]
fn parts_make_a_packet_in_any_order() {
    let (first, middle, last) = (part(0, 48, true), part(48, 96, true), part(96, 100, false));
    for order in [[first, middle, last], [last, middle, first], [middle, first, last]] {
        assert_eq!(enter(&order), [WAITS, WAITS, whole(3)]);
    }
}

#[test]
fn overlaps_lose_the_packet_and_all_that_is_still_to_come() {
    let (first, last) = (part(0, 48, true), part(48, 100, false));
    for overlap in [part(40, 96, true), part(8, 16, true), part(40, 100, false), part(0, 56, true)] {
        assert_eq!(enter(&[first, overlap, last]), [WAITS, INVALID, INVALID], "{overlap:?}");
    }
}

#[test]
fn a_repeated_part_costs_nothing_but_itself() {
    let (first, last) = (part(0, 48, true), part(48, 100, false));
    assert_eq!(enter(&[first, first, last]), [WAITS, INVALID, whole(2)]);
    assert_eq!(enter(&[last, last, first]), [WAITS, INVALID, whole(2)]);
}

#[test]
fn ends_that_contradict_each_other_lose_the_packet() {
    let first = part(0, 48, true);
    assert_eq!(enter(&[part(96, 100, false), part(96, 104, true), first])[1..], [INVALID, INVALID]);
    assert_eq!(enter(&[part(96, 100, false), part(104, 112, true), first])[1..], [INVALID, INVALID]);
    assert_eq!(enter(&[part(96, 100, false), part(104, 108, false), first])[1..], [INVALID, INVALID]);
    assert_eq!(enter(&[part(96, 104, true), part(80, 90, false), first])[1..], [INVALID, INVALID]);
    assert_eq!(enter(&[part(96, 104, true), part(96, 104, false), first])[1..], [INVALID, INVALID]);
}

#[test]
fn parts_that_no_packet_has_are_refused_and_spoil_nothing() {
    for impossible in [
        part(48, 48, true),
        part(48, 48, false),
        part(48, 55, true),
        part(0, LEAST - 1, true),
        part(0, 8, true),
        part(0xfff8, 0xffff, false),
        Part { header: 60, ..part(0xff00, 0xfff0, true) },
    ] {
        let parts = [part(0, 48, true), impossible, part(48, 100, false)];
        assert_eq!(enter(&parts), [WAITS, INVALID, whole(2)], "{impossible:?}");
    }
}

#[test]
fn the_longest_packet_fits_with_the_header_that_it_gets() {
    let last = part(60_000, 65_515, false);
    assert_eq!(enter(&[last, part(0, 60_000, true)]), [WAITS, whole(2)]);
    assert_eq!(enter(&[last, Part { header: 24, ..part(0, 60_000, true) }]), [WAITS, INVALID]);
    assert_eq!(enter(&[Part { header: 24, ..part(0, 60_000, true) }, last]), [WAITS, INVALID]);
}

#[test]
fn eight_parts_are_the_most() {
    let parts = |count: u16| -> Vec<Part> {
        (0..count).map(|at| part(at * 48, at * 48 + 48, at + 1 < count)).collect()
    };
    let most = FRAGMENTS as u16;
    assert_eq!(enter(&parts(most)).last(), Some(&whole(u32::from(most))));
    assert_eq!(enter(&parts(most + 1)).iter().filter(|verdict| **verdict == INVALID).count(), 2);
    // The places of the first and the last one are theirs.
    let inside = &parts(most + 2)[1..most as usize];
    assert_eq!(enter(inside).last(), Some(&INVALID));
}

#[test]
fn no_congestion_mark_is_lost() {
    let marked = |ecn, part| Part { ecn, ..part };
    let (first, last) = (part(0, 48, true), part(48, 100, false));
    let both = |a, b| enter(&[marked(a, first), marked(b, last)])[1];
    for capable in [1, 2, 3] {
        assert_eq!(both(3, capable), Ok(Verdict::Completes { congestion: true, fragments: 2 }));
        assert_eq!(both(capable, 3), Ok(Verdict::Completes { congestion: true, fragments: 2 }));
    }
    assert_eq!((both(1, 2), both(0, 1), both(0, 0)), (whole(2), whole(2), whole(2)));
    assert_eq!((both(0, 3), both(3, 0)), (INVALID, INVALID));
}

#[test]
fn packets_are_told_apart_and_forgotten_in_time() {
    let mut ledger = Ledger::new();
    let (first, last) = (part(0, 48, true), part(48, 100, false));
    assert_eq!(ledger.enter(Millis(0), KEY, first), WAITS);
    for other in [Key { source: 9, ..KEY }, Key { destination: 9, ..KEY }, Key { identification: 9, ..KEY }] {
        assert_eq!(ledger.enter(Millis(0), other, last), WAITS, "{other:?}");
    }
    assert_eq!(ledger.enter(Millis(WAIT - 1), KEY, last), whole(2));
    assert_eq!(ledger.enter(Millis(WAIT), KEY, first), WAITS);
    assert_eq!(ledger.enter(Millis(2 * WAIT), KEY, last), WAITS, "its first part is gone");
    ledger.forget(&KEY);
    assert_eq!(ledger.enter(Millis(2 * WAIT), KEY, first), WAITS);
}

#[test]
fn a_flood_finds_no_room_and_one_sender_does_not_take_all() {
    let mut ledger = Ledger::new();
    let first = part(0, 48, true);
    let key = |source, identification| Key { source, identification, ..KEY };
    let entered = (0..5_000).filter(|id| ledger.enter(Millis(0), key(7, *id), first) == WAITS).count();
    assert_eq!(entered, OF_ONE);
    let others =
        (0..50_000).filter(|id| ledger.enter(Millis(0), key(100 + u128::from(*id), *id), first) == WAITS);
    assert_eq!(others.count(), PACKETS - OF_ONE);
    assert_eq!(ledger.enter(Millis(WAIT - 1), key(8, 0), first), FULL);
    assert_eq!(ledger.enter(Millis(WAIT), key(8, 0), first), WAITS);
}

proptest! {
    /// Whatever comes: what is said to be whole is covered once by what was taken, from its start to its end.
    #[test]
    fn only_whole_packets_are_whole(
        parts in prop::collection::vec((0u16..12, 1u16..6, any::<bool>(), any::<bool>()), 1..40),
    ) {
        let mut ledger = Ledger::new();
        let mut taken = Vec::new();
        for (start, length, more, odd) in parts {
            let (start, length) = (start * 48, length * 48);
            let part = part(start, start + length - u16::from(odd && !more), more);
            let verdict = ledger.enter(Millis(0), KEY, part);
            if verdict.is_ok() {
                taken.push(part);
            }
            if let Ok(Verdict::Completes { .. }) = verdict {
                taken.sort_by_key(|part| part.start);
                let mut at = 0;
                for part in &taken {
                    prop_assert_eq!(u32::from(part.start), at);
                    at = part.end();
                }
                let last = taken.pop().expect("a part");
                prop_assert!(!last.more && taken.iter().all(|part| part.more) && taken.len() < FRAGMENTS);
                taken.clear();
            }
        }
    }
}
