//! Longest-prefix match: external tables of both families, tenants' tables, and how fast routes change.

mod compare;

use compare::{compare, settings};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gateway::tables::fib::Address;
use nvgw_table_bench::{
    Draw, Prefix, RouteTable, Routes, Stream, ipv4_internet, ipv4_tables, ipv6_internet, ipv6_tables,
    start_peers, tenant_tables,
};

/// `rte_lpm` compares a route that it inserts with all others of its length: a million take minutes, which nobody
/// wants to wait for more than once.
const LINEAR: (&str, usize) = ("rte_lpm", 100_000);

/// Of so many routes `rte_fib6` says that it is full after some hundred thousand changes: it does not find all places
/// again that routes leave.
const FULL: (&str, usize) = ("rte_fib6", 100_000);

/// An external table of each kind.
fn external<A: Address>(
    criterion: &mut Criterion,
    title: &str,
    kinds: &[Routes<A>],
    prefixes: &[Prefix<A>],
    within: fn(Prefix<A>, &mut Draw) -> A,
    unrouted: fn(&mut Draw) -> A,
) {
    let size = prefixes.len();
    let kinds = kinds.iter().filter(|(name, _)| *name != LINEAR.0 || size <= LINEAR.1);
    let mut tables: Vec<(_, Box<dyn RouteTable<A>>)> =
        kinds.map(|&(name, build)| (name, build(size))).collect();
    for (_, table) in &mut tables {
        for (value, &prefix) in (1..).zip(prefixes) {
            table.insert(prefix, value);
        }
    }
    let mut draw = Draw::new(size as u64);
    let hits = Stream::new(|| within(prefixes[draw.below(size)], &mut draw));
    compare(criterion, &format!("{title}/{size}/hit"), hits, &tables);
    let misses = Stream::new(|| unrouted(&mut draw));
    compare(criterion, &format!("{title}/{size}/miss"), misses, &tables);

    let mut group = criterion.benchmark_group(format!("{title}/{size}/withdraw and announce"));
    group.throughput(Throughput::Elements(2));
    let lasting = tables.iter_mut().filter(|(name, _)| *name != FULL.0 || size <= FULL.1);
    for (name, table) in lasting {
        group.bench_function(*name, |bencher| {
            bencher.iter(|| {
                let number = draw.below(size);
                table.remove(prefixes[number]);
                table.insert(prefixes[number], number as u32 + 1);
            });
        });
    }
}

fn routes(criterion: &mut Criterion) {
    start_peers(true);
    for size in [256, 65_536, 1_000_000] {
        let within = |(address, length): Prefix<u32>, draw: &mut Draw| {
            address | draw.next_u64() as u32 & u32::MAX >> length
        };
        // No route is from 224.0.0.0/3.
        let unrouted = |draw: &mut Draw| 0xe000_0000 | draw.next_u64() as u32;
        external(criterion, "ipv4", &ipv4_tables(), &ipv4_internet(size), within, unrouted);
    }
    for size in [256, 65_536, 250_000] {
        let within = |(address, length): Prefix<u128>, draw: &mut Draw| {
            let bits = u128::from(draw.next_u64()) << 64 | u128::from(draw.next_u64());
            address | bits & u128::MAX >> length
        };
        // All routes are from 2000::/3.
        let unrouted = |draw: &mut Draw| u128::from(draw.next_u64()) << 64 | 1 << 127;
        external(criterion, "ipv6", &ipv6_tables(), &ipv6_internet(size), within, unrouted);
    }
    for tenants in [256, 65_536] {
        let tables: Vec<_> = tenant_tables().iter().map(|&(name, build)| (name, build(tenants))).collect();
        let mut draw = Draw::new(tenants as u64);
        let stream = Stream::new(|| {
            let tenant = draw.below(tenants) as u32;
            let own = 0x0a00_0000 | (tenant & 0xffff) << 8 | draw.below(256) as u32;
            (tenant, if draw.below(2) == 0 { own } else { draw.next_u64() as u32 })
        });
        compare(criterion, &format!("tenants/{tenants}"), stream, &tables);
    }
}

criterion_group! { name = benches; config = settings(); targets = routes }
criterion_main!(benches);
