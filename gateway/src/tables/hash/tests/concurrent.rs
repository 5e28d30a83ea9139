//! Readers on threads of their own while the writer storms.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Checked, Crowded};
use crate::tables::grace::{LocalGrace, LocalReader};
use crate::tables::hash::{HashReader, hash_table};
use crate::tables::storm::{patiently, storm};

/// Keys below are always present, keys from here on come and go; all of them crowd into three homes.
const PRESENT: u32 = 12;
const KEYS: u32 = 30;
const ROUNDS: u64 = if cfg!(miri) { 40 } else { 8_000 };

#[test]
fn readers_find_what_is_present_and_only_whole_entries() {
    let grace = LocalGrace::new();
    let (mut table, reader) = hash_table(KEYS as usize, 0).expect("memory");
    for key in 0..PRESENT {
        table.upsert(Checked::new(key, 0), &grace).expect("room");
    }
    // The version that every present key has at least.
    let floor = AtomicU64::new(0);
    storm(
        [grace.reader(), grace.reader()],
        |local| read(&reader, local, floor.load(Ordering::Acquire)),
        || {
            for round in 1..=ROUNDS {
                for key in 0..PRESENT {
                    patiently(|| table.upsert(Checked::new(key, round), &grace)).expect("present");
                }
                floor.store(round, Ordering::Release);
                // In another order each time, so that entries settle before and behind each other.
                let stride = [5, 7, 11, 13][round as usize % 4];
                for step in 0..KEYS - PRESENT {
                    let key = PRESENT + step * stride % (KEYS - PRESENT);
                    if (u64::from(key) + round).is_multiple_of(3) {
                        table.remove(&Crowded(key), &grace);
                    } else {
                        patiently(|| table.upsert(Checked::new(key, round), &grace)).expect("room");
                    }
                }
            }
        },
    );
}

fn read(reader: &HashReader<Checked>, local: &mut LocalReader, oldest: u64) {
    let section = local.section();
    let table = reader.view();
    let candidates: Vec<_> =
        (0..KEYS).map(|key| table.candidate(&section, table.hash(&Crowded(key)))).collect();
    for (key, candidate) in (0..KEYS).zip(candidates) {
        let key = Crowded(key);
        let confirmed = table.confirm(&section, candidate, table.hash(&key), &key);
        for found in [confirmed, reader.get(&section, &key)] {
            if let Some(entry) = found {
                assert_eq!(entry.key, key);
                assert!(entry.is_whole(), "{entry:?}");
            }
            if key.0 < PRESENT {
                let version = found.expect("a key that is never removed").version;
                assert!(version >= oldest, "version {version} after {oldest}");
            }
        }
    }
}
