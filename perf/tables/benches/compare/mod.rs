use std::time::Duration;

use criterion::{Criterion, Throughput};
use nvgw_table_bench::{BURST, Stream, Table};

/// Few and short samples: there are a hundred benchmarks, and what differs differs by more than the noise.
pub(crate) fn settings() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .configure_from_args()
}

/// Looks the keys of a stream up in each of the tables, which must agree on what they find.
pub(crate) fn compare<K, T: Table<K> + ?Sized>(
    criterion: &mut Criterion,
    title: &str,
    mut stream: Stream<K>,
    tables: &[(&str, Box<T>)],
) {
    let found = |table: &T| stream.bursts().iter().map(|burst| table.lookup(burst)).collect::<Vec<_>>();
    let expected = found(&tables[0].1);
    for (name, table) in &tables[1..] {
        assert!(found(table) == expected, "{title}: {name} finds something else than {}", tables[0].0);
    }
    let mut group = criterion.benchmark_group(title);
    group.throughput(Throughput::Elements(BURST as u64));
    for (name, table) in tables {
        group.bench_function(*name, |bencher| bencher.iter(|| table.lookup(stream.burst())));
    }
}
