//! Values with identifiers: the current version, whole, or the one that stands for none.

use nvgw_loom::tables::grace::LocalGrace;
use nvgw_loom::tables::{StableReader, StableWriter, stable};
use nvgw_loom::{check, race};

const ABSENT: [u32; 2] = [u32::MAX; 2];

/// A table for one value, in which every place has been used before, and the identifier of its value `[0, 0]`.
fn table(grace: &LocalGrace) -> (StableWriter<[u32; 2]>, StableReader<[u32; 2]>, u32) {
    let (mut writer, reader) = stable(1, ABSENT).expect("memory");
    let mut local = grace.reader();
    // Twice, since a version and an identifier more than promised wait for their grace periods.
    for _ in 0..3 {
        let id = writer.create([0; 2], grace).expect("room");
        assert_eq!(reader.get(&local.section(), id), &[0; 2]);
        assert_eq!(writer.update(id, [0; 2], grace), Ok(true));
        assert!(writer.remove(id, grace));
        assert_eq!(reader.get(&local.section(), id), &ABSENT);
    }
    let id = writer.create([0; 2], grace).expect("room");
    (writer, reader, id)
}

#[test]
fn versions_are_seen_whole_and_in_order() {
    check(|| {
        let grace = LocalGrace::new();
        let (mut writer, reader, id) = table(&grace);
        race(
            &grace,
            move |mut local| {
                let mut last = 0;
                for _ in 0..2 {
                    let section = local.section();
                    let value = reader.get(&section, id);
                    let seen = *value;
                    assert!(seen[0] == seen[1] && seen[0] >= last, "{seen:?} after {last}");
                    last = seen[0];
                    loom::thread::yield_now();
                    assert_eq!(*value, seen, "until the section ends");
                }
            },
            |grace| {
                for version in 1..=3 {
                    // Refused while the reader holds up what the update needs.
                    let _ = writer.update(id, [version; 2], grace);
                }
            },
        );
    });
}

#[test]
fn an_identifier_never_means_another_value_within_a_section() {
    check(|| {
        let grace = LocalGrace::new();
        let (mut writer, reader, id) = table(&grace);
        race(
            &grace,
            move |mut local| {
                let section = local.section();
                let (first, second) = (*reader.get(&section, id), *reader.get(&section, id));
                // A route led to the identifier before it was removed: what is created since has another one, or the
                // section began after the removal.
                match (first, second) {
                    ([0, 0], [0, 0]) | ([0, 0], ABSENT) | (ABSENT, ABSENT) => {}
                    ([7, 7], [7, 7]) | (ABSENT, [7, 7]) => {}
                    other => panic!("{other:?}"),
                }
            },
            |grace| {
                writer.remove(id, grace);
                // Refused while the reader holds up the identifier.
                let _ = writer.create([7; 2], grace);
            },
        );
    });
}
