//! Nothing between a poll and a send takes memory from the heap.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use crate::common::{eal, pool};
use arrayvec::ArrayVec;
use dpdk_bindings::{Burst, Mbuf, Mempool, Port, PortOptions, Qsbr, TxBatch, clock, free_bulk, ring};

/// The system's allocator, which counts for each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller vouches.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller vouches.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

fn forward(pool: &Mempool, rounds: u32) -> u64 {
    let options = PortOptions { mempools: vec![pool.clone()], ..PortOptions::default() };
    let port = Port::open(eal(), "net_null0", &options).unwrap();
    let (mut rx, mut tx) = port.start().unwrap();
    let (rx, tx) = (&mut rx[0], &mut tx[0]);
    let (mut producer, mut consumer) = ring::spsc::<Mbuf>(eal(), "slow path", 64).unwrap();
    let mut reader = Qsbr::new(eal(), 1).unwrap().register(0).unwrap();
    reader.online();
    let (mut burst, mut batch) = (Burst::new(), TxBatch::new());
    let mut held: ArrayVec<Mbuf, 64> = ArrayVec::new();
    allocations(|| {
        for _ in 0..rounds {
            let start = clock::tsc();
            assert!(rx.poll(&mut burst) > 0);
            for index in 0..burst.len() {
                let Some(mut mbuf) = burst.take(index) else {
                    continue;
                };
                mbuf.prefetch_data();
                assert!(mbuf.adj(14) && mbuf.prepend(42).is_some() && mbuf.trim_to(60));
                match index % 4 {
                    0 => drop(producer.push(mbuf)),
                    1 => held.push(mbuf),
                    2 => drop(mbuf),
                    _ => drop(batch.push(mbuf)),
                }
            }
            burst.clear();
            consumer.pop_into(&mut held);
            free_bulk(&mut held);
            let _ = tx.send(&mut batch);
            reader.quiescent();
            assert!(clock::tsc() > start);
        }
    })
}

#[test]
fn forwarding_allocates_nothing() {
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1, "the count works");
    let pool = pool("allocations");
    assert_eq!(forward(&pool, 1_000), 0);
    assert_eq!(pool.in_use(), 0);
}
