//! A packet against a model: a list of segments in buffers of a known size.

use std::thread;

use crate::common::{eal, pool};
use dpdk_bindings::{
    BURST, Burst, Checksum, HEADROOM, Mbuf, Mempool, MempoolOptions, Network, Reuse, Transport, TxBatch,
    TxChecksum, free_bulk,
};
use proptest::prelude::*;

/// Bytes of a buffer of the tests' pools, its headroom included.
const BUFFER: usize = 2048 + HEADROOM as usize;

#[derive(Debug, Clone)]
enum Operation {
    Prepend(Vec<u8>),
    Adj(u16),
    TrimTo(u32),
    Append(Vec<u8>),
    Chain(Vec<u8>),
    Linearize,
}

fn operation() -> impl Strategy<Value = Operation> {
    let bytes = |most| prop::collection::vec(any::<u8>(), 0..most);
    prop_oneof![
        bytes(160usize).prop_map(Operation::Prepend),
        (0u16..300).prop_map(Operation::Adj),
        (0u32..6000).prop_map(Operation::TrimTo),
        bytes(1200).prop_map(Operation::Append),
        bytes(1200).prop_map(Operation::Chain),
        Just(Operation::Linearize),
    ]
}

#[derive(Debug)]
struct Segment {
    front: usize,
    bytes: Vec<u8>,
}

impl Segment {
    fn new(bytes: Vec<u8>) -> Self {
        Self { front: HEADROOM.into(), bytes }
    }

    fn tailroom(&self) -> usize {
        BUFFER - self.front - self.bytes.len()
    }
}

/// What a packet is meant to be; every operation says whether it succeeds.
struct Model(Vec<Segment>);

impl Model {
    fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|segment| segment.bytes.clone()).collect()
    }

    fn prepend(&mut self, bytes: &[u8]) -> bool {
        let head = &mut self.0[0];
        let fits = bytes.len() <= head.front;
        if fits {
            head.front -= bytes.len();
            head.bytes.splice(0..0, bytes.iter().copied());
        }
        fits
    }

    fn adj(&mut self, n: usize) -> bool {
        let head = &mut self.0[0];
        let fits = n <= head.bytes.len();
        if fits {
            head.front += n;
            head.bytes.drain(..n);
        }
        fits
    }

    fn trim_to(&mut self, len: usize) -> bool {
        if len > self.bytes().len() {
            return false;
        }
        let mut left = len;
        let mut kept = 0;
        for segment in &mut self.0 {
            kept += 1;
            segment.bytes.truncate(left);
            left -= segment.bytes.len();
            if left == 0 {
                break;
            }
        }
        self.0.truncate(kept);
        true
    }

    fn append(&mut self, bytes: &[u8]) -> bool {
        let tail = self.0.last_mut().expect("a segment");
        let fits = bytes.len() <= tail.tailroom();
        if fits {
            tail.bytes.extend(bytes);
        }
        fits
    }

    fn linearize(&mut self) -> bool {
        let rest: usize = self.0[1..].iter().map(|segment| segment.bytes.len()).sum();
        let fits = self.0.len() == 1 || rest <= self.0[0].tailroom();
        if fits {
            self.0[0].bytes = self.bytes();
            self.0.truncate(1);
        }
        fits
    }
}

fn compare(mbuf: &Mbuf, model: &Model) -> Result<(), TestCaseError> {
    let segments: Vec<&[u8]> = mbuf.segments().collect();
    let expected: Vec<&[u8]> = model.0.iter().map(|segment| segment.bytes.as_slice()).collect();
    prop_assert_eq!(segments, expected);
    let mut bytes = Vec::new();
    mbuf.copy_to(&mut bytes);
    prop_assert_eq!(mbuf.pkt_len() as usize, bytes.len());
    prop_assert_eq!(&bytes, &model.bytes());
    for (from, to) in [(0, bytes.len()), (bytes.len() / 3, bytes.len() / 2), (bytes.len() / 2, bytes.len())] {
        let mut part = vec![0; to - from];
        prop_assert!(mbuf.read(from, &mut part));
        prop_assert_eq!(&part, &bytes[from..to]);
        prop_assert!(!mbuf.read(from, &mut vec![0; bytes.len() - from + 1]));
    }
    prop_assert_eq!(usize::from(mbuf.segment_count()), model.0.len());
    prop_assert_eq!(mbuf.is_contiguous(), model.0.len() == 1);
    prop_assert_eq!(mbuf.data(), &model.0[0].bytes);
    prop_assert_eq!(usize::from(mbuf.data_len()), model.0[0].bytes.len());
    prop_assert_eq!(usize::from(mbuf.headroom()), model.0[0].front);
    prop_assert_eq!(usize::from(mbuf.tailroom()), model.0.last().unwrap().tailroom());
    Ok(())
}

proptest! {
    #[test]
    fn a_packet_is_its_segments(operations in prop::collection::vec(operation(), 1..24)) {
        let pool = pool("model");
        let mut mbuf = pool.alloc().unwrap();
        let mut model = Model(vec![Segment::new(Vec::new())]);
        for operation in &operations {
            let (done, expected) = match operation {
                Operation::Prepend(bytes) => {
                    let front = mbuf.prepend(bytes.len() as u16);
                    let done = front.map(|front| front.copy_from_slice(bytes)).is_some();
                    (done, model.prepend(bytes))
                }
                Operation::Adj(n) => (mbuf.adj(*n), model.adj((*n).into())),
                Operation::TrimTo(len) => (mbuf.trim_to(*len), model.trim_to(*len as usize)),
                Operation::Append(bytes) => {
                    (mbuf.extend_from_slice(bytes), model.append(bytes))
                }
                Operation::Chain(bytes) => {
                    model.0.push(Segment::new(bytes.clone()));
                    (mbuf.chain(pool.mbuf_from(bytes).unwrap()).is_ok(), true)
                }
                Operation::Linearize => (mbuf.linearize(), model.linearize()),
            };
            prop_assert_eq!(done, expected, "{:?}", operation);
            compare(&mbuf, &model)?;
            prop_assert_eq!(pool.in_use() as usize, model.0.len());
        }
        drop(mbuf);
        prop_assert_eq!(pool.in_use(), 0);
    }
}

#[test]
fn a_new_front_takes_the_place_of_the_old_one() {
    let pool = pool("reframe");
    let packet = |parts: &[&str]| {
        let mut mbuf = pool.mbuf_from(parts[0].as_bytes()).unwrap();
        for part in &parts[1..] {
            mbuf.chain(pool.mbuf_from(part.as_bytes()).unwrap()).unwrap();
        }
        mbuf
    };
    let packets: [&[&str]; 4] =
        [&["old inner pad"], &["old inner p", "ad"], &["old in", "ner pad"], &["old ", "inner", " pad"]];
    for (parts, (rest, segments)) in packets.into_iter().zip([("inner", 1), ("inner", 1), ("in", 2), ("", 2)])
    {
        let mut mbuf = packet(parts);
        let frame = mbuf.reframe::<8>(4, 5).unwrap();
        assert_eq!(frame.rest, rest.as_bytes(), "{parts:?}");
        frame.room[4..].copy_from_slice(b"new ");
        frame.finish(4);
        let mut bytes = Vec::new();
        mbuf.copy_to(&mut bytes);
        assert_eq!((&bytes[..], mbuf.pkt_len()), (&b"new inner"[..], 9), "{parts:?}");
        assert_eq!((mbuf.segment_count(), pool.in_use()), (segments, segments.into()), "{parts:?}");
    }
    for parts in [&["old inner"][..], &["old ", "inner"]] {
        assert!(packet(parts).reframe::<8>(4, 6).is_none(), "longer than the packet");
        assert!(packet(parts).reframe::<8>(10, 0).is_none(), "longer than the packet");
        assert!(packet(parts).reframe::<8>(u16::MAX, u16::MAX).is_none(), "longer than any packet");
        assert!(packet(parts).reframe::<{ HEADROOM as usize + 4 }>(4, 5).is_some());
        assert!(packet(parts).reframe::<{ HEADROOM as usize + 5 }>(4, 5).is_none(), "no such room");
    }
    assert!(packet(&["old ", "inner"]).reframe::<8>(5, 1).is_none(), "longer than the first segment");
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn the_fast_paths_do_what_the_checked_ones_do() {
    let pool = pool("unchecked");
    let mut mbuf = pool.mbuf_from(b"inner").unwrap();
    assert!(mbuf.headroom() >= 6);
    // SAFETY: the headroom was looked at.
    let front = unsafe { mbuf.prepend_unchecked(6) };
    assert_eq!(front.cast_const(), mbuf.data_ptr());
    mbuf.data_mut()[..6].copy_from_slice(b"outer ");
    assert_eq!(mbuf.data(), b"outer inner");
    assert_eq!(mbuf.pkt_len(), 11);
    // SAFETY: the packet has eleven bytes.
    unsafe { mbuf.adj_unchecked(6) };
    assert_eq!(mbuf.data(), b"inner");
    // SAFETY: the packet has a byte.
    unsafe { mbuf.data_ptr_mut().write(b'I') };
    assert_eq!(mbuf.data(), b"Inner");
}

#[test]
fn a_pool_gives_what_it_has_and_no_more() {
    let pool = pool("limits");
    assert_eq!((pool.capacity(), pool.available(), pool.in_use()), (511, 511, 0));
    assert!(pool.mbuf_from(&[0; 2049]).is_none());
    assert_eq!(pool.in_use(), 0);

    let mut bursts: Vec<Burst> = Vec::new();
    for _ in 0..7 {
        let mut burst = Burst::new();
        assert!(pool.alloc_bulk(&mut burst, BURST));
        bursts.push(burst);
    }
    let mut last = Burst::new();
    assert!(!pool.alloc_bulk(&mut last, 64), "63 are left");
    assert!(last.is_empty());
    assert!(pool.alloc_bulk(&mut last, 63));
    assert!(!pool.alloc_bulk(&mut last, 2), "one place is left");
    assert!(pool.alloc().is_none());
    assert_eq!((pool.available(), pool.in_use()), (0, 511));
    drop((bursts, last));
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_thread_that_ends_keeps_no_buffers() {
    let options = MempoolOptions { mbufs: 63, cache: 32, ..Default::default() };
    let pool = Mempool::new(eal(), "cached", &options).unwrap();
    let take_all = || std::iter::from_fn(|| pool.alloc()).collect::<Vec<Mbuf>>();
    thread::scope(|scope| {
        scope.spawn(|| {
            let _registration = eal().register_thread().unwrap();
            drop(take_all());
        });
    });
    assert_eq!(take_all().len(), 63);
}

#[test]
fn batches_and_bursts_free_what_is_left_in_them() {
    let pool = pool("left");
    let mut burst = Burst::new();
    assert!(pool.alloc_bulk(&mut burst, BURST));
    let refused = burst.push(pool.alloc().unwrap()).unwrap_err();
    let mut batch = TxBatch::new();
    batch.push(refused).unwrap();
    for index in (0..burst.len()).step_by(2) {
        // SAFETY: the index is below the length, and each is taken once.
        batch.push(unsafe { burst.take_unchecked(index) }).unwrap();
    }
    assert_eq!(burst.iter().count(), BURST / 2);
    assert_eq!(batch.len(), BURST / 2 + 1);
    assert_eq!(pool.in_use() as usize, BURST + 1);
    drop(burst);
    assert_eq!(pool.in_use() as usize, BURST / 2 + 1);

    let mut burst = Burst::new();
    burst.push(pool.mbuf_from(b"first").unwrap()).unwrap();
    let second = burst.put(0, pool.mbuf_from(b"second").unwrap()).expect_err("the place is taken");
    let second = burst.put(1, second).expect_err("there is no such place");
    assert_eq!(burst.take(0).unwrap().data(), b"first");
    burst.put(0, second).expect("the place is free");
    assert_eq!(burst.take(0).unwrap().data(), b"second");

    let mut list: arrayvec::ArrayVec<Mbuf, 8> = batch.drain().take(8).collect();
    assert!(batch.is_empty());
    assert_eq!(pool.in_use(), 8, "what is not taken out of a drain is freed");
    free_bulk(&mut list);
    assert_eq!((list.len(), pool.in_use()), (0, 0));
}

#[test]
fn a_retired_pool_serves_the_next_of_its_shape_once_it_is_whole() {
    let options = MempoolOptions { mbufs: 63, cache: 0, ..Default::default() };
    let make = || Mempool::new(eal(), "retired", &options).unwrap();
    let first = make();
    let mbuf = first.mbuf_from(b"outlives its pool").unwrap();
    drop(first);
    let second = make();
    assert_eq!(second.in_use(), 0, "not the memory of a pool that is in use");
    assert_eq!(mbuf.data(), b"outlives its pool");
    drop(mbuf);
    let third = make();
    assert_eq!((second.in_use(), third.in_use()), (0, 0));
    let held: Vec<Mbuf> = std::iter::from_fn(|| third.alloc()).collect();
    assert_eq!((held.len(), second.in_use(), third.in_use()), (63, 0, 63));
}

#[test]
fn a_pool_uses_first_what_it_is_asked_to() {
    let next = |reuse| {
        let shape = MempoolOptions { mbufs: 63, cache: 0, reuse, ..MempoolOptions::default() };
        let pool = Mempool::new(eal(), "reuse", &shape).unwrap();
        let used = pool.alloc().unwrap();
        let address = used.as_ptr();
        drop(used);
        pool.alloc().unwrap().as_ptr() == address
    };
    assert!(next(Reuse::NewestFirst));
    assert!(!next(Reuse::OldestFirst));
}

#[test]
fn pools_that_cannot_be_say_what_to_do() {
    let make = |mbufs, cache, data_room| {
        let options = MempoolOptions { mbufs, cache, data_room, ..MempoolOptions::default() };
        Mempool::new(eal(), "odd", &options).unwrap_err().to_string()
    };
    let error = make(10_000_000, 0, 2048);
    assert!(error.starts_with("packet pool odd: ") && error.contains("memory"), "{error}");
    for mbufs in [0, u32::MAX] {
        let error = make(mbufs, 0, 2048);
        assert!(error.contains("268435456"), "{error}");
    }
    let error = make(63, 600, 2048);
    assert!(error.contains("cache"), "{error}");
    let error = make(63, 0, u16::MAX);
    assert!(error.contains(&(u16::MAX - HEADROOM).to_string()), "{error}");
}

#[test]
fn checksums_are_asked_for_within_the_packet() {
    let pool = pool("checksums");
    let mut mbuf = pool.mbuf_from(&[0; 54]).unwrap();
    assert_eq!(mbuf.ip_checksum(), Checksum::Unknown);
    assert_eq!(mbuf.transport_checksum(), Checksum::Unknown);
    assert_eq!(mbuf.rss_hash(), None);
    let checksum = TxChecksum {
        l2_len: 14,
        l3_len: 20,
        network: Network::Ipv4 { header_checksum: true },
        transport: Transport::Tcp,
    };
    assert!(mbuf.request_checksum(checksum));
    assert!(mbuf.request_checksum(TxChecksum { network: Network::Ipv6, l3_len: 40, ..checksum }));
    assert!(!mbuf.request_checksum(TxChecksum { l3_len: 41, ..checksum }));
    assert!(!mbuf.request_checksum(TxChecksum { l2_len: 128, ..checksum }));
    assert!(!mbuf.request_checksum(TxChecksum { l3_len: 512, ..checksum }));
}
