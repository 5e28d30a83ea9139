//! Any sequence of operations against a map of the standard library.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{Checked, Crowded};
use crate::tables::grace::{Grace, LocalGrace, ReadSection};
use crate::tables::hash::{HashReader, HashWriter, Upserted, hash_table};
use crate::tables::pool::slack;
use crate::tables::{ReadersStalled, TableError};

const CAPACITY: usize = 24;
const KEYS: u32 = 40;

#[derive(Debug, Clone)]
enum Operation {
    Upsert(u32),
    Remove(u32),
    Reclaim,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        5 => (0..KEYS).prop_map(Operation::Upsert),
        4 => (0..KEYS).prop_map(Operation::Remove),
        1 => Just(Operation::Reclaim),
    ]
}

fn staged<'s>(
    reader: &'s HashReader<Checked>,
    section: &'s impl ReadSection,
    key: &Crowded,
) -> Option<&'s Checked> {
    let table = reader.view();
    let hash = table.hash(key);
    table.prefetch(hash);
    let candidate = table.candidate(section, hash);
    table.confirm(section, candidate, hash, key)
}

/// Applies an operation to both; a full table must say so and stay as it is.
fn apply(
    operation: &Operation,
    version: u64,
    table: &mut HashWriter<Checked>,
    model: &mut HashMap<u32, Checked>,
    grace: &impl Grace,
) {
    match *operation {
        Operation::Upsert(key) => {
            let value = Checked::new(key, version);
            let expected = match model.get(&key) {
                Some(_) => Ok(Upserted::Replaced),
                None if model.len() == CAPACITY => Err(TableError::Full { capacity: CAPACITY }),
                None => Ok(Upserted::Inserted),
            };
            assert_eq!(table.upsert(value, grace), expected);
            if expected.is_ok() {
                model.insert(key, value);
            }
        }
        Operation::Remove(key) => {
            assert_eq!(table.remove(&Crowded(key), grace), model.remove(&key).is_some());
        }
        Operation::Reclaim => table.reclaim(grace),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 300 }))]

    #[test]
    fn a_table_is_a_map(operations in prop::collection::vec(operation(), 1..if cfg!(miri) { 60 } else { 300 })) {
        let grace = LocalGrace::new();
        let mut local = grace.reader();
        let (mut table, reader) = hash_table(CAPACITY, 0).expect("memory");
        let mut model = HashMap::new();
        for (version, operation) in operations.iter().enumerate() {
            apply(operation, version as u64, &mut table, &mut model, &grace);
            let section = local.section();
            for key in 0..KEYS {
                let expected = model.get(&key);
                prop_assert_eq!(reader.get(&section, &Crowded(key)), expected);
                prop_assert_eq!(staged(&reader, &section, &Crowded(key)), expected);
                prop_assert_eq!(table.get(&Crowded(key)), expected);
            }
            prop_assert_eq!(table.len(), model.len());
        }
        let mut listed: Vec<_> = table.iter().copied().collect();
        let mut expected: Vec<_> = model.into_values().collect();
        listed.sort_by_key(|entry| entry.key);
        expected.sort_by_key(|entry| entry.key);
        prop_assert_eq!(listed, expected);
    }
}

#[test]
fn what_a_section_has_seen_stays_whole_until_it_ends() {
    let grace = LocalGrace::new();
    let mut local = grace.reader();
    let (mut table, reader) = hash_table(CAPACITY, 0).expect("memory");
    table.upsert(Checked::new(7, 1), &grace).expect("room");
    let section = local.section();
    let seen = reader.get(&section, &Crowded(7)).expect("present");
    let view = reader.view();
    let candidate = view.candidate(&section, view.hash(&Crowded(7)));

    // Replaced until there is no other free place, the one in use must not be taken.
    let mut version = 2;
    let stalled = loop {
        match table.upsert(Checked::new(7, version), &grace) {
            Ok(_) => version += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(stalled, TableError::Stalled(ReadersStalled));
    assert!(version > slack(CAPACITY) as u64);
    assert_eq!(*seen, Checked::new(7, 1));
    let hash = view.hash(&Crowded(7));
    let confirmed = view.confirm(&section, candidate, hash, &Crowded(7));
    assert_eq!(confirmed, Some(&Checked::new(7, 1)));
    let last = Checked::new(7, version - 1);
    assert_eq!(reader.get(&section, &Crowded(7)), Some(&last));
    drop(section);

    assert_eq!(table.upsert(Checked::new(7, version), &grace), Ok(Upserted::Replaced));
}
