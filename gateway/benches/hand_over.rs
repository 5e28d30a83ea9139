//! What it costs to spread a burst over workers, in TSC cycles per packet: lower quartiles over many bursts.
//!
//!     cargo bench -p gateway --bench hand_over
//!
//! First with one thread that does all of it, so that nothing has to come from another core's cache; then with two
//! threads on two cores, as workers are, where it does.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{hint, thread};

use arrayvec::ArrayVec;
use core_affinity::CoreId;
use dpdk_bindings::ring::{self, Consumer, Producer};
use dpdk_bindings::{BURST, Burst, Eal, EalOptions, Hugepages, Mbuf, Mempool, MempoolOptions, clock};
use gateway::datapath::{Batch, Plan, Spread, Spreader};
use gateway::nat::share::Division;
use gateway::packet::ipv4::{self, Ipv4};
use gateway::tables::grace::LocalGrace;
use gateway::tables::set::{TableLimits, TableReaders, tables};
use nvgw_types::{PortId, WorkerId};
use zerocopy::IntoBytes;

/// Packets under way, all of different flows.
const PACKETS: usize = 16 * BURST;
/// Bursts that are timed.
const ROUNDS: usize = 20_000;
const PORT: PortId = PortId(0);

fn main() {
    let eal = Eal::init(&EalOptions {
        program: "hand-over".to_owned(),
        hugepages: Hugepages::Off,
        memory_mb: 64,
        ..EalOptions::default()
    })
    .expect("DPDK starts");
    let pool = Mempool::new(&eal, "frames", &MempoolOptions { mbufs: 4095, ..MempoolOptions::default() })
        .expect("a pool");
    let (_writers, readers) = tables(TableLimits::FEW, 1).expect("memory");
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    pin(cores.last());
    for (what, cycles) in one_thread(&eal, &pool, &readers) {
        println!("{what:48} {cycles:6.1}");
    }
    let [first, .., last] = cores[..] else {
        println!("two threads need two cores");
        return;
    };
    for (what, cycles) in two_threads(&eal, &pool, &readers, [first, last]) {
        println!("{what:48} {cycles:6.1}");
    }
}

fn pin(core: Option<&CoreId>) {
    assert!(core.is_some_and(|core| core_affinity::set_for_current(*core)), "the thread stays on a core");
}

/// NVGRE around a UDP packet of a flow of its own.
fn frame(flow: u16) -> Vec<u8> {
    let udp = [&flow.to_be_bytes()[..], &[0, 80, 0, 26, 0, 0], &[0; 18]].concat();
    let ip = |protocol, payload: &[u8]| {
        let [source, destination] = [Ipv4Addr::new(10, 0, 1, 5), Ipv4Addr::new(198, 51, 100, 7)];
        let header = Ipv4::new(source, destination, protocol, 64, payload.len() as u16);
        [header.as_bytes(), payload].concat()
    };
    let ethernet = [&[2; 12][..], &[8, 0]].concat();
    let nvgre = [0x20, 0, 0x65, 0x58, 0, 0x13, 0x89, 0];
    [&ethernet[..], &ip(ipv4::GRE, &[&nvgre, &ethernet[..], &ip(ipv4::UDP, &udp)].concat())].concat()
}

fn frames(pool: &Mempool) -> Vec<Mbuf> {
    (0..PACKETS).map(|flow| pool.mbuf_from(&frame(flow as u16)).expect("a buffer")).collect()
}

/// The choice of the first of two workers, who receives for both.
fn spreader(readers: &TableReaders) -> Spreader {
    let plan = Plan { division: Division::new(2, 7), seed: 9 };
    Spreader::new(readers.clone(), plan, WorkerId(0), &[true, false])
}

/// Cycles per packet of each burst.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn note(&mut self, since: u64, packets: usize) {
        if packets > 0 {
            self.0.push(clock::tsc().saturating_sub(since) as f64 / packets as f64);
        }
    }

    fn lower_quartile(mut self) -> f64 {
        self.0.sort_unstable_by(f64::total_cmp);
        self.0.get(self.0.len() / 4).copied().unwrap_or(f64::NAN)
    }
}

/// Chooses, hands over and takes over in turns.
fn one_thread(eal: &Eal, pool: &Mempool, readers: &TableReaders) -> [(&'static str, f64); 3] {
    let (mut way, mut end) = ring::spsc::<Spread>(eal, "alone", 2048).expect("a ring");
    let mut spreader = spreader(readers);
    let grace = LocalGrace::new();
    let mut reader = grace.reader();
    let [mut choose, mut push, mut pop] = [(); 3].map(|()| Times::default());
    let (mut burst, mut own) = (Burst::new(), Burst::new());
    let (mut batch, mut waiting) = (Batch::new(), frames(pool));
    for _ in 0..ROUNDS {
        waiting.drain(..BURST).for_each(|mbuf| drop(burst.push(mbuf)));
        let since = clock::tsc();
        spreader.spread(&reader.section(), (PORT, since), &mut burst, &mut own);
        choose.note(since, BURST);
        let since = clock::tsc();
        let handed = give(&mut spreader, &mut way);
        push.note(since, handed);
        let since = clock::tsc();
        let taken = end.pop_into(&mut batch);
        batch.drain(..).for_each(|spread| drop(burst.push(spread.mbuf)));
        pop.note(since, taken);
        waiting.extend(own.drain());
        waiting.extend(burst.drain());
    }
    [
        ("one thread: choose, per packet received", choose.lower_quartile()),
        ("one thread: hand over, per packet handed", push.lower_quartile()),
        ("one thread: take over, per packet taken", pop.lower_quartile()),
    ]
}

/// Hands over what is another worker's. Returns how much.
fn give(spreader: &mut Spreader, way: &mut Producer<Spread>) -> usize {
    spreader.away().map(|(_, batch)| way.push_bulk(batch)).sum()
}

/// One thread chooses and hands over, the other takes over, reads the header and gives the buffers back.
fn two_threads(
    eal: &Eal,
    pool: &Mempool,
    readers: &TableReaders,
    [giver, taker]: [CoreId; 2],
) -> [(&'static str, f64); 3] {
    let (mut way, end) = ring::spsc::<Spread>(eal, "there", 2048).expect("a ring");
    let (back, mut returned) = ring::spsc::<Mbuf>(eal, "back", 2048).expect("a ring");
    let finished = AtomicBool::new(false);
    let [mut choose, mut push] = [(); 2].map(|()| Times::default());
    let take = thread::scope(|scope| {
        let finished = &finished;
        let other = scope.spawn(move || {
            pin(Some(&taker));
            take_over(end, back, finished)
        });
        pin(Some(&giver));
        let grace = LocalGrace::new();
        let mut reader = grace.reader();
        let mut spreader = spreader(readers);
        let (mut burst, mut own) = (Burst::new(), Burst::new());
        let (mut waiting, mut again) = (frames(pool), ArrayVec::<Mbuf, BURST>::new());
        for _ in 0..ROUNDS {
            while waiting.len() < BURST {
                returned.pop_into(&mut again);
                waiting.extend(again.drain(..));
                hint::spin_loop();
            }
            // A device has written the headers of what is received.
            waiting.drain(..BURST).for_each(|mut mbuf| {
                mbuf.data_mut()[0] = 2;
                drop(burst.push(mbuf));
            });
            let since = clock::tsc();
            spreader.spread(&reader.section(), (PORT, since), &mut burst, &mut own);
            choose.note(since, BURST);
            let since = clock::tsc();
            let handed = give(&mut spreader, &mut way);
            push.note(since, handed);
            waiting.extend(own.drain());
        }
        finished.store(true, Ordering::Release);
        other.join().expect("the other thread ends")
    });
    [
        ("two threads: choose, per packet received", choose.lower_quartile()),
        ("two threads: hand over, per packet handed", push.lower_quartile()),
        ("two threads: take over and read, per packet taken", take.lower_quartile()),
    ]
}

fn take_over(mut end: Consumer<Spread>, mut back: Producer<Mbuf>, finished: &AtomicBool) -> Times {
    let mut take = Times::default();
    let (mut batch, mut burst) = (Batch::new(), ArrayVec::<Mbuf, BURST>::new());
    loop {
        let ended = finished.load(Ordering::Acquire);
        let since = clock::tsc();
        let taken = end.pop_into(&mut batch);
        if taken == 0 {
            if ended {
                return take;
            }
            hint::spin_loop();
            continue;
        }
        // As workers do it: all buffers, then all headers, then the first read.
        batch.iter().for_each(|spread| spread.mbuf.prefetch());
        for Spread { mbuf, .. } in batch.drain(..) {
            mbuf.prefetch_headers();
            burst.push(mbuf);
        }
        let sum = burst.iter().fold(0, |sum: u8, mbuf| sum ^ mbuf.data()[56]);
        hint::black_box(sum);
        take.note(since, taken);
        back.push_bulk(&mut burst);
        burst.clear();
    }
}
