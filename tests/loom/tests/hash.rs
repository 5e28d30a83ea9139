//! Hash tables: what is present is found, and what is found is whole and of its key.

use nvgw_loom::tables::grace::LocalGrace;
use nvgw_loom::tables::hash::{HashReader, HashWriter, Keyed, TableKey, hash_table};
use nvgw_loom::tables::{ReadSection, TableError};
use nvgw_loom::{check, race};

/// Places of a bucket.
const PLACES: u32 = 8;

/// A key whose home is the first bucket and whose tag all others have too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Crowded(u32);

impl TableKey for Crowded {
    fn hash(&self, _seed: u64) -> u64 {
        0
    }
}

/// An entry that proves to be whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    key: Crowded,
    version: u32,
    sum: u32,
}

impl Entry {
    fn new(key: u32, version: u32) -> Self {
        Self { key: Crowded(key), version, sum: key ^ version << 16 }
    }
}

impl Keyed for Entry {
    type Key = Crowded;

    fn key(&self) -> Crowded {
        self.key
    }
}

/// A table with entries 0 to `present`, all of version 0, in which every place has been used before, but for those
/// that are never needed at the same time.
fn table(present: u32, grace: &LocalGrace) -> (HashWriter<Entry>, HashReader<Entry>) {
    let room = present.max(1) as usize;
    let (mut writer, reader) = hash_table(room, 0).expect("memory");
    for _ in 0..2 {
        for key in 0..room as u32 {
            upsert(&mut writer, key, 0, grace);
        }
    }
    // Two homes' worth of places, each filled and read once.
    let mut local = grace.reader();
    for key in 0..room as u32 {
        assert!(reader.get(&local.section(), &Crowded(key)).is_some());
    }
    assert_eq!(reader.get(&local.section(), &Crowded(99)), None);
    (writer, reader)
}

/// Whether the change was made: not if readers hold up what it needs.
fn upsert(writer: &mut HashWriter<Entry>, key: u32, version: u32, grace: &LocalGrace) -> bool {
    match writer.upsert(Entry::new(key, version), grace) {
        Ok(_) => true,
        Err(TableError::Stalled(_)) => false,
        Err(full) => panic!("{full}"),
    }
}

/// The version of a key, by the stages that a worker takes.
fn version(reader: &HashReader<Entry>, section: &impl ReadSection, key: u32) -> Option<u32> {
    let candidate = reader.view().candidate(section, 0);
    let entry = reader.view().confirm(section, candidate, 0, &Crowded(key))?;
    let seen = *entry;
    assert_eq!(seen, Entry::new(key, seen.version), "the entry of the key, and whole");
    loom::thread::yield_now();
    assert_eq!(*entry, seen, "until the section ends");
    Some(seen.version)
}

#[test]
fn a_replaced_value_is_seen_whole_and_in_order() {
    check(|| {
        let grace = LocalGrace::new();
        let (mut writer, reader) = table(1, &grace);
        race(
            &grace,
            move |mut local| {
                let mut last = 0;
                for _ in 0..2 {
                    let section = local.section();
                    let version = version(&reader, &section, 0).expect("always present");
                    assert!(version >= last);
                    last = version;
                }
            },
            |grace| {
                // There are two places: the third version takes that of the first.
                for version in 1..=3 {
                    upsert(&mut writer, 0, version, grace);
                }
            },
        );
    });
}

#[test]
fn an_entry_that_passed_a_full_bucket_is_found_whoever_moves_before_it() {
    check(|| {
        let grace = LocalGrace::new();
        let (mut writer, reader) = table(PLACES + 1, &grace);
        race(
            &grace,
            move |mut local| {
                let section = local.section();
                assert_eq!(version(&reader, &section, PLACES), Some(0));
            },
            |grace| {
                // The last entry stays behind the first bucket, whose place 3 empties and fills again.
                writer.remove(&Crowded(3), grace);
                upsert(&mut writer, 20, 1, grace);
            },
        );
    });
}

#[test]
fn a_place_that_changes_hands_is_never_mistaken() {
    check(|| {
        let grace = LocalGrace::new();
        let (mut writer, reader) = table(2, &grace);
        race(
            &grace,
            move |mut local| {
                let section = local.section();
                // Both had the same place, and the same tag.
                let (old, new) = (version(&reader, &section, 1), version(&reader, &section, 2));
                assert!(old.is_none_or(|version| version == 0), "{old:?}");
                assert!(new.is_none_or(|version| version == 7), "{new:?}");
                // The order in which they went and came.
                assert!(old.is_some() || new.is_none() || version(&reader, &section, 1).is_none());
            },
            |grace| {
                writer.remove(&Crowded(1), grace);
                upsert(&mut writer, 2, 7, grace);
            },
        );
    });
}

#[test]
fn what_comes_and_goes_behind_a_full_bucket_hides_nothing() {
    check(|| {
        let grace = LocalGrace::new();
        let (mut writer, reader) = table(PLACES + 2, &grace);
        race(
            &grace,
            move |mut local| {
                let section = local.section();
                assert_eq!(version(&reader, &section, PLACES + 1), Some(0));
            },
            |grace| {
                // A neighbour in the second bucket: the first counts one less, and then one more.
                writer.remove(&Crowded(PLACES), grace);
                upsert(&mut writer, PLACES, 1, grace);
            },
        );
    });
}
