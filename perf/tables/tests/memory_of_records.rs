//! What lookup records take, with the rewrites they lead to. A process of its own, so that nothing else is measured.

use gateway::tables::grace::LocalGrace;
use gateway::tables::{hash_table, stable};
use nvgw_table_bench::{Adjacencies, Records, growth};

const RECORDS: usize = 1_000_000;
/// VMs of a host, which share the way to it.
const VMS: usize = 16;

#[test]
fn a_record_with_its_rewrite_takes_128_bytes_at_most() {
    let (tables, bytes) = growth(|| {
        let grace = LocalGrace::new();
        let (mut records, _) = hash_table(RECORDS, 1).expect("memory");
        let (mut rewrites, _) = stable(RECORDS / VMS, Adjacencies::entry(0)).expect("memory");
        for number in 0..RECORDS {
            records.upsert(Records::entry(number), &grace).expect("room");
            if number % VMS == 0 {
                rewrites.create(Adjacencies::entry(number), &grace).expect("room");
            }
        }
        (records, rewrites)
    });
    assert_eq!((tables.0.len(), tables.1.len()), (RECORDS, RECORDS / VMS));
    assert!(bytes <= 128 * RECORDS, "{} bytes each", bytes as f64 / RECORDS as f64);
}
