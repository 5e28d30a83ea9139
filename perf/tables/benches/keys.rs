//! Virtual subnets, lookup records and ways out, by whole keys.

mod compare;

use compare::{compare, settings};
use criterion::{Criterion, criterion_group, criterion_main};
use nvgw_table_bench::{
    Adjacencies, Draw, Keys, Records, Stream, Subnets, adjacency_tables, record_tables, start_peers,
    subnet_tables,
};

/// Keys that are there, and then keys that are not, in tables of each size.
fn hits_and_misses<K: Copy>(
    criterion: &mut Criterion,
    title: &str,
    tables: &[Keys<K>],
    sizes: &[usize],
    key: fn(usize) -> K,
) {
    for &size in sizes {
        let built: Vec<_> = tables.iter().map(|&(name, build)| (name, build(size))).collect();
        let mut draw = Draw::new(size as u64);
        let hits = Stream::new(|| key(draw.below(size)));
        compare(criterion, &format!("{title}/{size}/hit"), hits, &built);
        let misses = Stream::new(|| key(size + draw.below(size)));
        compare(criterion, &format!("{title}/{size}/miss"), misses, &built);
    }
}

fn keys(criterion: &mut Criterion) {
    start_peers(true);
    hits_and_misses(criterion, "subnets", &subnet_tables(), &[256, 65_536], Subnets::key);
    hits_and_misses(criterion, "records", &record_tables(), &[256, 65_536, 1_000_000], Records::key);
    for size in [256, 65_536] {
        let tables: Vec<_> = adjacency_tables().iter().map(|&(name, build)| (name, build(size))).collect();
        let mut draw = Draw::new(1);
        let stream = Stream::new(|| Adjacencies::id(draw.below(size)));
        compare(criterion, &format!("adjacencies/{size}"), stream, &tables);
    }
}

criterion_group! { name = benches; config = settings(); targets = keys }
criterion_main!(benches);
