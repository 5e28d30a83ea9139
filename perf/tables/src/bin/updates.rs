//! How fast routes change, and what a packet's lookups cost meanwhile: a writer on one core, a reader on another. Seconds
//! are those that a thread has had a processor: what else the machine does takes none away.
//!
//!     cargo run --profile bench -p nvgw-table-bench --bin table-updates [-- --check]
//!
//! `--check` exits with 1 unless a million routes are there within 3 seconds, 500,000 routes and more change a second,
//! and the reader keeps at least nine tenths of its speed.

use std::num::NonZeroU32;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

use gateway::tables::grace::LocalGrace;
use gateway::tables::{RoutesOptions, RoutesReader, RoutesWriter, Shape, routes};
use nvgw_table_bench::{
    Adjacencies, BURST, Draw, Prefix, Records, Stream, Subnets, adjacency_tables, ipv4_internet,
    record_tables, subnet_tables,
};
use nvgw_types::VrfId;

const VRF: VrfId = VrfId(0);
const ROUTES: usize = 1_000_000;
/// Pairs of a quiet and a stormy interval.
const ROUNDS: usize = 5;
const INTERVAL: Duration = Duration::from_secs(1);
const BURSTS_A_REPORT: u64 = 64;
/// Virtual subnets, and as many ways out.
const ENTRIES: usize = 65_536;

/// What the goals ask for.
const LOADED_IN: Duration = Duration::from_secs(3);
const CHANGES_A_SECOND: f64 = 500_000.0;
const SPEED_KEPT: f64 = 0.9;

fn main() -> ExitCode {
    let check = env::args().any(|argument| argument == "--check");
    let prefixes = ipv4_internet(ROUTES);
    let grace = LocalGrace::new();
    let options = RoutesOptions { vrfs: 1, external_vrfs: 1, routes: ROUTES };
    let (mut writer, reader) = routes(options).expect("memory");
    writer.create_vrf(VRF, Shape::External, &grace).expect("room");

    let began = processor_time();
    for (value, &prefix) in (1..).zip(&prefixes) {
        announce(&mut writer, prefix, value, &grace);
    }
    let loaded_in = processor_time() - began;
    println!("{ROUTES} routes into an empty table: {:.2} s", loaded_in.as_secs_f64());

    let rounds = storm(&mut writer, &reader, &prefixes, &grace);
    println!("{:>14} {:>14} {:>14} {:>6}", "changes/s", "quiet Mpps", "stormy", "ratio");
    for Round { changes, quiet, stormy } in &rounds {
        println!("{changes:>14.0} {:>14.1} {:>14.1} {:>6.2}", quiet / 1e6, stormy / 1e6, stormy / quiet);
    }
    let changes = median(rounds.iter().map(|round| round.changes));
    let kept = median(rounds.iter().map(|round| round.stormy / round.quiet));
    println!("medians: {changes:.0} changes/s, {kept:.2} of the reader's speed");
    let met = loaded_in <= LOADED_IN && changes >= CHANGES_A_SECOND && kept >= SPEED_KEPT;
    if check && !met { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What was measured in one interval without changes, and in one full of them.
struct Round {
    /// Routes changed a second.
    changes: f64,
    /// Packets a second whose lookups were done.
    quiet: f64,
    stormy: f64,
}

/// What a reader has done so far.
#[derive(Default)]
struct Reader {
    packets: AtomicU64,
    /// Nanoseconds that it had a processor.
    nanoseconds: AtomicU64,
    done: AtomicBool,
}

impl Reader {
    /// Does the lookups of one packet after the other until it is done.
    fn run(&self, table: &RoutesReader<u32>, prefixes: &[Prefix<u32>], grace: &LocalGrace) {
        pin(thread::available_parallelism().map_or(1, usize::from) - 1);
        let mut local = grace.reader();
        let mut draw = Draw::new(1);
        let mut stream = Stream::new(|| {
            let (address, length) = prefixes[draw.below(prefixes.len())];
            address | draw.next_u64() as u32 & u32::MAX >> length
        });
        // What a packet of a VM needs besides: subnet, sender, and way out.
        let subnets = subnet_tables()[0].1(ENTRIES);
        let records = record_tables()[0].1(ROUTES);
        let adjacencies = adjacency_tables()[0].1(ENTRIES);
        let mut vsids = Stream::new(|| Subnets::key(draw.below(ENTRIES)));
        let mut senders = Stream::new(|| Records::key(draw.below(ROUTES)));
        let mut ways = Stream::new(|| Adjacencies::id(draw.below(ENTRIES)));
        while !self.done.load(Ordering::Relaxed) {
            // As a worker does: a section for each burst.
            for _ in 0..BURSTS_A_REPORT {
                std::hint::black_box(subnets.lookup(vsids.burst()) + records.lookup(senders.burst()));
                let _section = local.section();
                let view = table.view();
                let root = view.root(VRF);
                let burst = stream.burst();
                for &address in burst {
                    view.prefetch(VRF, address);
                }
                std::hint::black_box(burst.map(|address| view.lookup_from(root, address)));
                std::hint::black_box(adjacencies.lookup(ways.burst()));
            }
            self.packets.fetch_add(BURSTS_A_REPORT * BURST as u64, Ordering::Relaxed);
            self.nanoseconds.store(processor_time().as_nanos() as u64, Ordering::Relaxed);
        }
    }

    /// Packets a second while `work` is done.
    fn rate(&self, work: impl FnOnce()) -> f64 {
        let now = || (self.packets.load(Ordering::Relaxed), self.nanoseconds.load(Ordering::Relaxed));
        let before = now();
        work();
        let after = now();
        (after.0 - before.0) as f64 * 1e9 / (after.1 - before.1) as f64
    }
}

/// Changes routes while a thread of its own reads tables.
fn storm(
    writer: &mut RoutesWriter<u32>,
    table: &RoutesReader<u32>,
    prefixes: &[Prefix<u32>],
    grace: &LocalGrace,
) -> Vec<Round> {
    let reader = Reader::default();
    thread::scope(|scope| {
        scope.spawn(|| reader.run(table, prefixes, grace));
        pin(0);
        while reader.packets.load(Ordering::Relaxed) == 0 {
            thread::sleep(INTERVAL);
        }
        let mut draw = Draw::new(2);
        let rounds = (0..ROUNDS)
            .map(|_| {
                let quiet = reader.rate(|| thread::sleep(INTERVAL));
                let mut changes = 0.0;
                let stormy = reader.rate(|| {
                    let (until, began) = (Instant::now() + INTERVAL, processor_time());
                    let mut made = 0;
                    while Instant::now() < until {
                        made += changes_of_a_router(writer, prefixes, &mut draw, grace);
                    }
                    changes = made as f64 / (processor_time() - began).as_secs_f64();
                });
                Round { changes, quiet, stormy }
            })
            .collect();
        reader.done.store(true, Ordering::Relaxed);
        rounds
    })
}

/// Some routes get another next hop, some are withdrawn and announced again. Returns the number of changes.
fn changes_of_a_router(
    writer: &mut RoutesWriter<u32>,
    prefixes: &[Prefix<u32>],
    draw: &mut Draw,
    grace: &LocalGrace,
) -> u64 {
    const EACH: u64 = 256;
    for _ in 0..EACH {
        let number = draw.below(prefixes.len());
        announce(writer, prefixes[number], 1 + draw.below(ROUTES) as u32, grace);
        let (address, length) = prefixes[draw.below(prefixes.len())];
        let value = writer.remove(VRF, address, length, grace).expect("the route");
        announce(writer, (address, length), value.get(), grace);
    }
    3 * EACH
}

fn announce(writer: &mut RoutesWriter<u32>, (address, length): Prefix<u32>, value: u32, grace: &LocalGrace) {
    let value = NonZeroU32::new(value).expect("not zero");
    writer.insert(VRF, address, length, value, grace).expect("room");
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Keeps the calling thread on one core, where the system allows it.
fn pin(core: usize) {
    if !core_affinity::set_for_current(core_affinity::CoreId { id: core }) {
        eprintln!("warning: not pinned to core {core}");
    }
}

/// How long the calling thread has had a processor.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes the structure it is given.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(failed, 0, "every Linux has the clock");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
