//! Fragments, honest and hostile, in buffers that are counted.

use crate::common::{eal, pool};
use dpdk_bindings::{FRAGMENTS, Mbuf, Mempool, Reassembled, ReassemblyOptions, ReassemblyTable};
use proptest::prelude::*;

const L2: usize = 14;
const TIMEOUT: u64 = 100;

fn table(packets: u32) -> ReassemblyTable {
    ReassemblyTable::new(eal(), &ReassemblyOptions { packets, timeout: TIMEOUT }).expect("a table")
}

fn sum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    let sum = words.sum::<u32>();
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum + (sum >> 16)) as u16
}

/// A frame with a part of an IPv4 packet's payload.
fn ipv4(id: u16, payload: &[u8], offset: usize, more: bool) -> Vec<u8> {
    let mut header = [0x45, 3, 0, 0, 0, 0, 0, 0, 64, 47, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    header[2..4].copy_from_slice(&(20 + payload.len() as u16).to_be_bytes());
    header[4..6].copy_from_slice(&id.to_be_bytes());
    header[6..8].copy_from_slice(&((offset / 8) as u16 | u16::from(more) << 13).to_be_bytes());
    let checksum = !sum(&header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    [&[0xee; L2], &header[..], payload].concat()
}

/// A frame with a part of an IPv6 packet's payload.
fn ipv6(id: u32, payload: &[u8], offset: usize, more: bool) -> Vec<u8> {
    let mut header = [0; 48];
    header[0] = 0x60;
    header[4..6].copy_from_slice(&(8 + payload.len() as u16).to_be_bytes());
    (header[6], header[7], header[23], header[39], header[40]) = (44, 64, 1, 2, 47);
    header[42..44].copy_from_slice(&(offset as u16 | u16::from(more)).to_be_bytes());
    header[44..48].copy_from_slice(&id.to_be_bytes());
    [&[0xee; L2], &header[..], payload].concat()
}

fn bytes(mbuf: &Mbuf) -> Vec<u8> {
    let mut bytes = Vec::new();
    mbuf.copy_to(&mut bytes);
    bytes
}

/// A packet with these bytes, the last of them in segments of their own.
fn chained(pool: &Mempool, bytes: &[u8], cuts: &[usize]) -> Mbuf {
    let mut at = cuts.first().map_or(bytes.len(), |cut| (L2 + 60 + cut).min(bytes.len()));
    let mut mbuf = pool.mbuf_from(&bytes[..at]).expect("a buffer");
    for cut in cuts.iter().skip(1).chain([&usize::MAX]) {
        let end = at.saturating_add(*cut).min(bytes.len());
        if end > at {
            mbuf.chain(pool.mbuf_from(&bytes[at..end]).expect("a buffer")).expect("few segments");
        }
        at = end;
    }
    mbuf
}

/// Where to cut a payload: places in units of eight bytes, ascending.
fn parts(length: usize, cuts: &[usize]) -> Vec<(usize, usize)> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut * 8).filter(|at| *at > 0 && *at < length).collect();
    places.extend([0, length]);
    places.sort_unstable();
    places.dedup();
    places.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

proptest! {
    #[test]
    fn parts_in_any_order_become_the_packet(
        length in 16usize..1900,
        cuts in prop::collection::vec(1usize..230, 1..FRAGMENTS),
        order in any::<u64>(),
        segments in prop::collection::vec(0usize..700, 0..3),
        v6: bool,
    ) {
        let pool = pool("order");
        let mut table = table(4);
        let payload: Vec<u8> = (0..length).map(|at| at as u8).collect();
        let mut parts = parts(length, &cuts);
        prop_assume!(parts.len() > 1);
        let mut seed = order;
        for at in (1..parts.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            parts.swap(at, (seed >> 33) as usize % (at + 1));
        }
        let last = parts.len() - 1;
        for (number, &(from, to)) in parts.iter().enumerate() {
            let part = &payload[from..to];
            let mut frame = if v6 { ipv6(9, part, from, to < length) } else { ipv4(9, part, from, to < length) };
            // Padding is none of the packet's.
            frame.extend([0xaa; 6]);
            let mbuf = chained(&pool, &frame, &segments);
            let reassembled = if v6 { table.ipv6(mbuf, L2 as u8, 5) } else { table.ipv4(mbuf, L2 as u8, 5) };
            prop_assert_eq!(reassembled.freed, 0);
            prop_assert_eq!(reassembled.whole.is_some(), number == last);
            let Some(whole) = reassembled.whole else { continue };
            let found = bytes(&whole);
            prop_assert_eq!(&found[..L2], [0xee; L2]);
            if v6 {
                prop_assert_eq!(found[L2 + 4..L2 + 7].to_vec(), vec![(length >> 8) as u8, length as u8, 47]);
                prop_assert_eq!(&found[L2 + 40..], &payload);
            } else {
                prop_assert_eq!(found[L2 + 2..L2 + 4].to_vec(), ((20 + length) as u16).to_be_bytes().to_vec());
                prop_assert_eq!(found[L2 + 6..L2 + 8].to_vec(), vec![0, 0]);
                prop_assert_eq!(sum(&found[L2..L2 + 20]), 0xffff);
                prop_assert_eq!(&found[L2 + 20..], &payload);
            }
        }
        prop_assert_eq!(pool.in_use(), 0);
    }

    /// Whatever fragments say of themselves, what comes out is a packet as long as it says, and nothing leaks.
    #[test]
    fn hostile_fragments_do_no_harm(
        fragments in prop::collection::vec(
            (0u16..3, 0usize..6, prop_oneof![0usize..40, Just(8191usize)], any::<bool>(), any::<i8>(), 0u64..40),
            1..60,
        ),
        v6: bool,
    ) {
        let pool = pool("hostile");
        let mut table = table(2);
        let (mut given, mut now) = (0, 0);
        let (mut freed, mut parts_of_wholes) = (0, 0);
        for (id, eighths, offset, more, lie, later) in fragments {
            now += later;
            freed += table.expire(now);
            let part = vec![id as u8; eighths * 8];
            let mut frame = match v6 {
                true => ipv6(id.into(), &part, offset * 8, more),
                false => ipv4(id, &part, offset * 8, more),
            };
            // Lengths that are not the packet's.
            let length = &mut frame[L2 + if v6 { 5 } else { 3 }];
            *length = length.saturating_add_signed(if lie % 4 == 0 { lie } else { 0 });
            let Some(mbuf) = pool.mbuf_from(&frame) else { panic!("no buffer: fragments leak") };
            given += 1;
            let Reassembled { whole, freed: gone } = match v6 {
                true => table.ipv6(mbuf, L2 as u8, now),
                false => table.ipv4(mbuf, L2 as u8, now),
            };
            freed += gone;
            if let Some(whole) = whole {
                let found = bytes(&whole);
                let at = |at: usize| usize::from(u16::from_be_bytes([found[at], found[at + 1]]));
                let length = if v6 { 40 + at(L2 + 4) } else { at(L2 + 2) };
                prop_assert_eq!(found.len(), L2 + length);
                prop_assert_eq!(whole.pkt_len() as usize, found.len());
                parts_of_wholes += u32::from(whole.segment_count());
            }
            prop_assert_eq!(pool.in_use(), given - freed - parts_of_wholes);
        }
        freed += table.expire(now + TIMEOUT);
        prop_assert_eq!(given, freed + parts_of_wholes);
        prop_assert_eq!(pool.in_use(), 0);
    }
}

#[test]
fn overlaps_and_repetitions_cost_the_packet() {
    let pool = pool("overlaps");
    let bytes = [7; 64];
    type Parts = &'static [(usize, usize, bool)];
    let cases: [(&str, Parts); 6] = [
        ("an overlap of the first part", &[(0, 32, true), (24, 64, false)]),
        ("an overlap inside", &[(0, 16, true), (8, 40, true), (40, 64, false)]),
        ("a repeated first part", &[(0, 32, true), (0, 32, true), (32, 64, false)]),
        ("a repeated last part", &[(32, 64, false), (32, 64, false), (0, 32, true)]),
        ("a repeated part inside", &[(0, 16, true), (16, 32, true), (16, 32, true), (32, 64, false)]),
        ("a part behind the last", &[(0, 32, true), (32, 40, false), (48, 64, true)]),
    ];
    for (what, parts) in cases {
        let mut table = table(4);
        for &(from, to, more) in parts {
            let mbuf = pool.mbuf_from(&ipv4(1, &bytes[from..to], from, more)).unwrap();
            let reassembled = table.ipv4(mbuf, L2 as u8, 0);
            let complete = what == "a part behind the last" && from == 32;
            assert_eq!(reassembled.whole.is_some(), complete, "{what}");
        }
        table.expire(TIMEOUT);
        assert_eq!(pool.in_use(), 0, "{what}");
    }
}

#[test]
fn a_packet_of_too_many_parts_is_given_up() {
    let pool = pool("many");
    let mut table = table(1);
    for part in 0..=FRAGMENTS {
        let mbuf = pool.mbuf_from(&ipv4(1, &[0; 8], part * 8, true)).unwrap();
        let reassembled = table.ipv4(mbuf, L2 as u8, 0);
        // The last place is kept for the last part.
        let expected = if part == FRAGMENTS - 1 { FRAGMENTS as u32 } else { 0 };
        assert_eq!((reassembled.whole.is_none(), reassembled.freed), (true, expected), "part {part}");
    }
    assert_eq!(table.expire(TIMEOUT), 1);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_table_holds_what_it_has_room_for_and_no_longer_than_it_should() {
    let pool = pool("flood");
    let mut table = table(64);
    let mut refused = 0;
    for id in 0..200 {
        let mbuf = pool.mbuf_from(&ipv4(id, &[0; 8], 0, true)).unwrap();
        refused += table.ipv4(mbuf, L2 as u8, 10).freed;
    }
    assert!(pool.in_use() <= 64 && refused + pool.in_use() == 200, "{refused}");
    assert_eq!(table.expire(10 + TIMEOUT - 1), 0);
    let expired: u32 = (0..8).map(|_| table.expire(10 + TIMEOUT)).sum();
    assert_eq!((expired, pool.in_use()), (200 - refused, 0));
}

#[test]
fn what_waits_is_freed_with_the_table() {
    let pool = pool("dropped");
    let mut table = table(4);
    let first = pool.mbuf_from(&ipv4(1, &[0; 8], 0, true)).unwrap();
    assert!(table.ipv4(first, L2 as u8, 0).whole.is_none());
    assert_eq!(pool.in_use(), 1);
    drop(table);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn the_longest_packet_fits_and_a_longer_one_does_not() {
    let pool = pool("longest");
    let payload = [3; 1480];
    for (length, fits) in [(65_515, true), (65_516, false), (65_535, false)] {
        let mut table = table(1);
        // Parts that claim nearly all of it: the rest is made up of segments.
        let mut whole = None;
        let step = 9360;
        for from in (0..length).step_by(step) {
            let to = length.min(from + step);
            let mut frame = pool.mbuf_from(&ipv4(1, &[], from, to < length)).unwrap();
            let total = (20 + to - from) as u16;
            frame.data_mut()[L2 + 2..L2 + 4].copy_from_slice(&total.to_be_bytes());
            let mut left = to - from;
            while left > 0 {
                let part = left.min(payload.len());
                frame.chain(pool.mbuf_from(&payload[..part]).unwrap()).unwrap();
                left -= part;
            }
            whole = table.ipv4(frame, L2 as u8, 0).whole;
        }
        assert_eq!(whole.is_some(), fits, "{length} bytes");
        drop(whole);
        table.expire(TIMEOUT);
        assert_eq!(pool.in_use(), 0);
    }
}

#[test]
fn what_is_no_fragment_is_whole() {
    let pool = pool("no-fragment");
    let mut table = table(1);
    let frame = ipv4(1, b"payload", 0, false);
    let whole = table.ipv4(pool.mbuf_from(&frame).unwrap(), L2 as u8, 0).whole.expect("whole");
    assert_eq!((bytes(&whole), pool.in_use()), (frame, 1));
    // RFC 6946: the fragment header goes, and nothing waits.
    let whole = table.ipv6(pool.mbuf_from(&ipv6(1, b"payload", 0, false)).unwrap(), L2 as u8, 0).whole;
    let found = bytes(&whole.expect("whole"));
    assert_eq!(
        (found.len(), &found[L2 + 4..L2 + 7], &found[L2 + 40..]),
        (L2 + 47, &[0, 7, 47][..], &b"payload"[..])
    );
    assert_eq!(&found[..L2 + 1], [&[0xee; L2][..], &[0x60]].concat());
}

#[test]
fn headers_that_are_not_there_are_refused() {
    let pool = pool("headers");
    let mut table = table(1);
    for (frame, v6) in [(ipv4(1, &[0; 8], 0, true), false), (ipv6(1, &[0; 8], 0, true), true)] {
        for length in 0..frame.len() {
            let mbuf = pool.mbuf_from(&frame[..length]).unwrap();
            let reassembled = if v6 { table.ipv6(mbuf, L2 as u8, 0) } else { table.ipv4(mbuf, L2 as u8, 0) };
            assert_eq!((reassembled.whole.is_none(), reassembled.freed), (true, 1), "{length} bytes");
        }
    }
    let mut options = ipv6(1, &[0; 8], 0, true);
    options[L2 + 6] = 60;
    assert_eq!(table.ipv6(pool.mbuf_from(&options).unwrap(), L2 as u8, 0).freed, 1);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn sizes_that_cannot_be_say_so() {
    for packets in [0, 1 << 17] {
        let error = ReassemblyTable::new(eal(), &ReassemblyOptions { packets, timeout: 1 }).unwrap_err();
        assert!(error.to_string().contains(&format!("{packets} packets")), "{error}");
    }
}
