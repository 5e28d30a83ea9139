//! The journal as its users see it. `faults` is about disks that fail, `damage` about files that are not what they
//! were; `gateway/tests/journal.rs` kills the process.

mod damage;
mod disk;
mod faults;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crossbeam::channel;
use tempfile::TempDir;

use super::place::Place;
use super::*;

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3600);
/// How long a test waits for what has to come.
const LONG: Duration = Duration::from_secs(30);

type Entries = BTreeMap<String, Vec<u8>>;

impl Journal {
    /// The next ticket that comes to an end.
    fn wait(&self) -> (u64, Result<(), JournalError>) {
        self.take(self.outcomes.recv_timeout(LONG).unwrap())
    }

    fn write(&self, batch: Batch) -> Result<(), JournalError> {
        let ticket = batch.generation;
        self.submit(batch, ticket).unwrap();
        let (finished, result) = self.wait();
        assert_eq!(finished, ticket);
        result
    }
}

/// `"key=value"` writes, `"key"` removes.
fn batch(generation: u64, writes: &[&str]) -> Batch {
    let write = |write: &&str| match write.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.as_bytes().to_vec())),
        None => ((*write).to_owned(), None),
    };
    Batch { generation, writes: writes.iter().map(write).collect() }
}

fn entries(state: &State) -> Entries {
    let mut entries = Entries::new();
    state.read(|key, value| assert!(entries.insert(key.to_owned(), value.to_vec()).is_none())).unwrap();
    assert_eq!(state.count().unwrap(), entries.len() as u64);
    entries
}

fn content(dir: &Path) -> (u64, Entries) {
    let (_journal, state) = Journal::open(dir).unwrap();
    (state.generation, entries(&state))
}

/// What the `batch` of these writes leaves.
fn expected(writes: &[&str]) -> Entries {
    batch(0, writes).writes.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

fn journal(pace: Pace) -> (TempDir, Journal) {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::lock(dir.path()).unwrap();
    let store = place.open().unwrap();
    let journal = Journal::spawn(Some(store), move || place.reopen(), pace).unwrap();
    (dir, journal)
}

#[test]
fn new_journal_is_empty_and_for_this_user_alone() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("a/b");
    assert_eq!(content(&state), (0, Entries::new()));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir.path().join("a")), 0o700);
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("journal.redb")), 0o600);
    let names: Vec<_> = fs::read_dir(&state).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["journal.redb"]);
}

#[test]
fn what_is_written_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    {
        let (journal, _) = Journal::open(dir.path()).unwrap();
        journal.write(batch(7, &["b=1", "a=2", "c=3"])).unwrap();
        journal.write(batch(8, &["a=4", "c", "d=", "missing"])).unwrap();
    }
    assert_eq!(content(dir.path()), (8, expected(&["a=4", "b=1", "d="])));
}

#[test]
fn the_last_of_several_writes_of_a_key_counts() {
    let (dir, journal) = journal(Pace::USUAL);
    journal.write(batch(1, &["a=1", "a", "a=3", "b=1", "b"])).unwrap();
    drop(journal);
    assert_eq!(content(dir.path()), (1, expected(&["a=3"])));
}

#[test]
fn a_batch_without_writes_takes_the_generation_on() {
    let (dir, journal) = journal(Pace::USUAL);
    journal.write(batch(1, &["a=1"])).unwrap();
    journal.write(batch(2, &[])).unwrap();
    drop(journal);
    assert_eq!(content(dir.path()), (2, expected(&["a=1"])));
}

#[test]
fn state_is_that_of_the_opening() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, state) = Journal::open(dir.path()).unwrap();
    journal.write(batch(1, &["a=1"])).unwrap();
    assert_eq!((state.generation, entries(&state)), (0, Entries::new()));
}

#[test]
fn dropping_writes_what_was_submitted() {
    let (dir, journal) = journal(Pace { patience: NEVER, ..Pace::USUAL });
    for generation in 1..=100 {
        let batch = batch(generation, &[&format!("{generation:03}=x")]);
        if generation % 3 == 0 {
            journal.submit_lazy(batch, generation).unwrap();
        } else {
            journal.submit(batch, generation).unwrap();
        }
    }
    journal.submit_lazy(batch(101, &["last=1"]), 101).unwrap();
    drop(journal);
    let (generation, entries) = content(dir.path());
    assert_eq!((generation, entries.len()), (101, 101));
}

#[test]
fn lazy_batch_goes_with_the_next_urgent_one() {
    let (_dir, journal) = journal(Pace { patience: NEVER, ..Pace::USUAL });
    journal.submit_lazy(batch(1, &["a=1"]), 10).unwrap();
    journal.submit_lazy(batch(2, &["b=1"]), 20).unwrap();
    journal.submit(batch(3, &["c=1"]), 30).unwrap();
    let finished: Vec<_> = (0..3).map(|_| journal.wait()).collect();
    assert!(matches!(finished[..], [(10, Ok(())), (20, Ok(())), (30, Ok(()))]), "{finished:?}");
}

#[test]
fn lazy_batch_is_written_when_its_time_has_come() {
    let (_dir, journal) = journal(Pace { patience: Duration::from_millis(5), ..Pace::USUAL });
    journal.submit_lazy(batch(1, &["a=1"]), 10).unwrap();
    assert!(matches!(journal.wait(), (10, Ok(()))));
}

#[test]
fn finished_does_not_wait() {
    let (_dir, journal) = journal(Pace { patience: NEVER, ..Pace::USUAL });
    journal.submit_lazy(batch(1, &["a=1"]), 1).unwrap();
    assert_eq!(journal.finished().count(), 0);
}

#[test]
fn too_many_waiting_batches_are_given_back() {
    let (entered, enter) = channel::bounded(0);
    let (release, released) = channel::bounded::<()>(0);
    let dir = tempfile::tempdir().unwrap();
    let place = Place::lock(dir.path()).unwrap();
    place.open().unwrap().close().unwrap();
    let slow = move || {
        entered.send(()).unwrap();
        released.recv().unwrap();
        place.reopen()
    };
    let journal = Journal::spawn(None, slow, Pace { capacity: 2, ..Pace::USUAL }).unwrap();
    journal.submit(batch(1, &["a=1"]), 1).unwrap();
    enter.recv().unwrap();
    journal.submit(batch(2, &["b=1"]), 2).unwrap();
    journal.submit_lazy(batch(3, &["c=1"]), 3).unwrap();
    assert_eq!(journal.submit(batch(4, &["d=1"]), 4), Err(Refused::Full(batch(4, &["d=1"]))));
    assert_eq!(journal.submit_lazy(batch(4, &["d=1"]), 4), Err(Refused::Full(batch(4, &["d=1"]))));
    release.send(()).unwrap();
    let tickets: Vec<_> = (0..3).map(|_| journal.wait().0).collect();
    assert_eq!(tickets, [1, 2, 3]);
    drop(journal);
    assert_eq!(content(dir.path()), (3, expected(&["a=1", "b=1", "c=1"])));
}

#[test]
fn second_user_of_a_directory_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _state) = Journal::open(dir.path()).unwrap();
    let error = Journal::open(dir.path()).unwrap_err();
    assert!(matches!(&error, JournalError::InUse { dir: named } if named == dir.path()), "{error}");
    assert!(error.to_string().starts_with("another nvgw uses the journal in /"), "{error}");
    drop(journal);
    Journal::open(dir.path()).unwrap();
}

#[test]
fn file_that_another_program_has_open_is_in_use() {
    let (dir, first) = journal(Pace::USUAL);
    drop(first);
    let _open = redb::Database::open(dir.path().join("journal.redb")).unwrap();
    let error = Journal::open(dir.path()).unwrap_err();
    assert!(matches!(&error, JournalError::InUse { dir: named } if named == dir.path()), "{error}");
}

#[test]
fn file_in_place_of_the_directory_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = Journal::open(&path).unwrap_err();
        assert!(matches!(&error, JournalError::Directory { dir, .. } if *dir == path), "{error:?}");
        let (text, path) = (error.to_string(), path.display().to_string());
        assert!(text.starts_with(&format!("cannot use {path} as the journal's directory: ")), "{text}");
        assert!(text.ends_with("; move away what is in its place, or choose another directory"), "{text}");
    }
}
