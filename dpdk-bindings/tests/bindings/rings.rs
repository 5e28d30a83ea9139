//! Rings: first in, first out, nothing lost, nothing twice.

use std::sync::Arc;
use std::thread;

use crate::common::{eal, pool};
use arrayvec::ArrayVec;
use dpdk_bindings::{Mbuf, ring};

#[test]
fn a_full_ring_gives_the_item_back() {
    let (mut producer, mut consumer) = ring::spsc(eal(), "full", 5).unwrap();
    assert_eq!(producer.capacity(), 5);
    for number in 0..5u64 {
        producer.push(number).unwrap();
    }
    assert_eq!(producer.push(5), Err(5));
    assert_eq!(producer.len(), 5);
    assert_eq!(consumer.pop(), Some(0));
    producer.push(5).unwrap();
    assert_eq!(std::iter::from_fn(|| consumer.pop()).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(consumer.is_empty());
}

/// Items of sizes that DPDK copies in different ways.
fn keeps_items<T: Send + Clone + PartialEq + std::fmt::Debug>(make: impl Fn(u8) -> T) {
    let (mut producer, mut consumer) = ring::spsc(eal(), "sizes", 100).unwrap();
    for round in 0..3u8 {
        let mut items: ArrayVec<T, 80> = (0..80).map(|item| make(item ^ round)).collect();
        let expected: Vec<T> = items.to_vec();
        assert_eq!(producer.push_bulk(&mut items), 80);
        assert!(items.is_empty());
        items.push(make(200));
        let mut rest: ArrayVec<T, 80> = (0..40).map(&make).collect();
        assert_eq!(producer.push_bulk(&mut rest), 20, "the ring holds a hundred");
        assert_eq!(rest.as_slice(), (20..40).map(&make).collect::<Vec<_>>());

        let mut popped: ArrayVec<T, 70> = ArrayVec::new();
        assert_eq!(consumer.pop_into(&mut popped), 70);
        assert_eq!(popped.as_slice(), &expected[..70]);
        popped.clear();
        assert_eq!(consumer.pop_into(&mut popped), 30);
        assert_eq!(&popped[..10], &expected[70..]);
        assert_eq!(consumer.pop_into(&mut popped), 0);
    }
}

#[test]
fn items_of_every_size() {
    keeps_items(u32::from);
    keeps_items(|item| [u32::from(item); 3]);
    keeps_items(|item| u64::from(item) << 40);
    keeps_items(|item| u128::from(item) << 90);
    keeps_items(|item| (item, u64::from(item), [item; 3]));
    keeps_items(|item| item.to_string());
}

#[test]
fn what_is_left_in_a_ring_is_dropped_with_it() {
    let token = Arc::new(());
    let (mut producer, mut consumer) = ring::spsc(eal(), "left", 8).unwrap();
    for _ in 0..8 {
        producer.push(Arc::clone(&token)).unwrap();
    }
    drop(consumer.pop());
    assert_eq!(Arc::strong_count(&token), 8);
    drop(producer);
    assert_eq!(Arc::strong_count(&token), 8, "one end is still there");
    drop(consumer);
    assert_eq!(Arc::strong_count(&token), 1);

    let pool = pool("left in a ring");
    let (producer, consumer) = ring::mpsc::<Mbuf>(eal(), "packets", 8).unwrap();
    for _ in 0..8 {
        producer.push(pool.alloc().unwrap()).unwrap();
    }
    drop(producer.push(pool.alloc().unwrap()).unwrap_err());
    assert_eq!(pool.in_use(), 8);
    drop((producer, consumer));
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn many_producers_lose_nothing() {
    const EACH: u64 = 5_000;
    let (producer, mut consumer) = ring::mpsc(eal(), "many", 64).unwrap();
    thread::scope(|scope| {
        for id in 0..3u64 {
            let producer = producer.clone();
            scope.spawn(move || {
                for number in 0..EACH {
                    let mut item = (id, number);
                    while let Err(back) = producer.push(item) {
                        item = back;
                        thread::yield_now();
                    }
                }
            });
        }
        let mut next = [0; 3];
        while next != [EACH; 3] {
            match consumer.pop() {
                Some((id, number)) => {
                    assert_eq!(number, next[id as usize], "in the order of its producer");
                    next[id as usize] += 1;
                }
                None => thread::yield_now(),
            }
        }
    });
    assert_eq!(consumer.pop(), None);
}

#[test]
fn a_packet_crosses_threads() {
    let pool = pool("crossing");
    let (mut producer, mut consumer) = ring::spsc::<Mbuf>(eal(), "crossing", 64).unwrap();
    let worker = thread::spawn(move || {
        let _registration = eal().register_thread().unwrap();
        let mut seen = 0u32;
        while seen < 2_000 {
            match consumer.pop() {
                Some(mbuf) => {
                    assert_eq!(mbuf.data(), seen.to_be_bytes());
                    seen += 1;
                }
                None => thread::yield_now(),
            }
        }
    });
    for number in 0..2_000u32 {
        let mut mbuf = loop {
            match pool.mbuf_from(&number.to_be_bytes()) {
                Some(mbuf) => break mbuf,
                None => thread::yield_now(),
            }
        };
        while let Err(back) = producer.push(mbuf) {
            mbuf = back;
            thread::yield_now();
        }
    }
    worker.join().unwrap();
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_ring_that_cannot_be_says_what_to_do() {
    for capacity in [0, 1 << 30, u32::MAX] {
        let error = ring::spsc::<u32>(eal(), "odd", capacity).unwrap_err().to_string();
        assert!(error.starts_with("ring odd: ") && error.contains("1073741823"), "{error}");
    }
    let error = ring::spsc::<[u64; 64]>(eal(), "big", 1 << 20).unwrap_err().to_string();
    assert!(error.contains("memory"), "{error}");
}
