//! Files that are not what they were: they are refused with an error that names them, and never taken for empty.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::super::store::lay_out;
use super::*;

/// A journal of several pages, and what it holds.
fn written() -> (TempDir, PathBuf, (u64, Entries)) {
    let (dir, journal) = journal(Pace::USUAL);
    for generation in 1..=4_u64 {
        let keys = (0..200).map(|key| format!("lookup/{key:03}/{generation}=some value of {generation}"));
        let keys: Vec<_> = keys.collect();
        journal.write(batch(generation, &keys.iter().map(String::as_str).collect::<Vec<_>>())).unwrap();
    }
    drop(journal);
    let (file, content) = (dir.path().join("journal.redb"), content(dir.path()));
    assert_eq!((content.0, content.1.len()), (4, 800));
    (dir, file, content)
}

fn assert_damaged(dir: &Path, file: &Path) {
    let error = Journal::open(dir).unwrap_err();
    assert!(matches!(&error, JournalError::Damaged { file: named, .. } if named == file), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with(&format!("the journal {} is damaged: ", file.display())), "{text}");
    assert!(text.contains("put a copy from a backup in its place"), "{text}");
}

#[test]
fn every_damaged_page_is_found_or_does_not_matter() {
    let (dir, file, content) = written();
    let sound = fs::read(&file).unwrap();
    let mut found = 0;
    for page in (0..sound.len()).step_by(4096) {
        for offset in [0, 37, 2048, 4000] {
            let mut bytes = sound.clone();
            bytes[page + offset] ^= 0x55;
            fs::write(&file, bytes).unwrap();
            match Journal::open(dir.path()) {
                Ok((_journal, state)) => assert_eq!((state.generation, entries(&state)), content),
                Err(JournalError::Damaged { .. }) => found += 1,
                Err(error) => panic!("byte {}: {error:?}", page + offset),
            }
        }
    }
    // 800 entries of about 50 bytes fill ten pages and more.
    assert!(found > 20, "{found} of the damages were found");
}

#[test]
fn damaged_file_is_left_as_it_is() {
    let (dir, file, _) = written();
    fs::write(&file, "not a database, though long enough that it might be one".repeat(100)).unwrap();
    let before = fs::read(&file).unwrap();
    assert_damaged(dir.path(), &file);
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn truncated_file_is_damaged() {
    let (dir, file, _) = written();
    let length = fs::metadata(&file).unwrap().len();
    for length in [length / 2, 5000, 100, 1, 0] {
        OpenOptions::new().write(true).open(&file).unwrap().set_len(length).unwrap();
        assert_damaged(dir.path(), &file);
    }
}

#[test]
fn file_of_zeros_is_damaged() {
    let (dir, file, _) = written();
    let length = fs::metadata(&file).unwrap().len() as usize;
    OpenOptions::new().write(true).open(&file).unwrap().write_all_at(&vec![0; length], 0).unwrap();
    assert_damaged(dir.path(), &file);
}

#[test]
fn database_of_something_else_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("journal.redb");
    redb::Database::create(&file).unwrap().close().unwrap();
    assert_damaged(dir.path(), &file);
}

#[test]
fn newer_schema_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("journal.redb");
    let database = redb::Database::create(&file).unwrap();
    lay_out(&database, 2).unwrap();
    drop(database);
    let error = Journal::open(dir.path()).unwrap_err();
    assert!(matches!(&error, JournalError::Newer { found: 2, known: 1, .. }), "{error:?}");
    assert!(error.to_string().starts_with(&format!("the journal {} is from a newer nvgw", file.display())));
}

#[test]
fn schema_that_never_was_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("journal.redb");
    let database = redb::Database::create(&file).unwrap();
    lay_out(&database, 0).unwrap();
    drop(database);
    assert_damaged(dir.path(), &file);
}

#[test]
fn half_made_file_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("journal.redb.new"), "half a journal").unwrap();
    assert_eq!(super::content(dir.path()), (0, Entries::new()));
}

#[test]
fn file_that_goes_away_is_not_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::lock(dir.path()).unwrap();
    let error = place.reopen().unwrap_err();
    assert!(
        matches!(&error, JournalError::Io { file, .. } if *file == dir.path().join("journal.redb")),
        "{error:?}"
    );
}
