//! Disks that fail: nothing that was reported as failed is in force later, nothing acknowledged is lost.

use std::path::Path;

use super::super::store::lay_out;
use super::disk::Disk;
use super::*;

const FILE: &str = "/state/journal.redb";

/// Opens what the disk holds, which is laid out first where there is nothing.
fn store(disk: &Disk) -> Result<Store, JournalError> {
    let file = Path::new(FILE);
    let fail = |error| JournalError::from_redb(file, error);
    let new = redb::StorageBackend::len(disk).unwrap() == 0;
    let database = redb::Builder::new()
        .set_check_integrity_on_open(true)
        .create_with_backend(disk.clone())
        .map_err(|error| fail(error.into()))?;
    if new {
        lay_out(&database, 1).map_err(fail)?;
    }
    Store::verified(database, file)
}

/// A journal whose thread begins to work when the second value is dropped: what is submitted before shares a
/// transaction.
fn held_journal(disk: &Disk) -> (Journal, channel::Sender<()>) {
    let (release, released) = channel::bounded(0);
    let opened = store(disk).unwrap();
    let disk = disk.clone();
    let mut opened = Some(opened);
    let reopen = move || {
        let _ = released.recv();
        opened.take().map_or_else(|| store(&disk), Ok)
    };
    (Journal::spawn(None, reopen, Pace::USUAL).unwrap(), release)
}

fn running_journal(disk: &Disk) -> Journal {
    held_journal(disk).0
}

fn content(disk: &Disk) -> (u64, Entries) {
    let store = store(disk).unwrap();
    let state = store.state().unwrap();
    (state.generation, entries(&state))
}

fn assert_full(result: Result<(), JournalError>) {
    let error = result.unwrap_err();
    assert!(matches!(&error, JournalError::Io { file, .. } if file == Path::new(FILE)), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("cannot read or write the journal /state/journal.redb: "), "{text}");
    assert!(
        text.ends_with("; make room for it: changes are taken again as soon as they can be written"),
        "{text}"
    );
}

#[test]
fn batches_that_wait_share_a_transaction() {
    let syncs = |batches: u64| {
        let disk = Disk::default();
        let (journal, release) = held_journal(&disk);
        let first = disk.syncs();
        for generation in 1..=batches {
            journal.submit(batch(generation, &[&format!("{generation}=1")]), generation).unwrap();
        }
        drop(release);
        let tickets: Vec<_> = (0..batches).map(|_| journal.wait().0).collect();
        assert_eq!(tickets, (1..=batches).collect::<Vec<_>>());
        disk.syncs() - first
    };
    let (one, many) = (syncs(1), syncs(100));
    // The thread may have taken the first ones while the others were submitted: two transactions.
    assert!(many <= 2 * one, "{many} syncs for 100 batches, {one} for one");
}

#[test]
fn full_disk_loses_nothing_and_is_written_again_when_there_is_room() {
    let disk = Disk::default();
    let journal = running_journal(&disk);
    journal.write(batch(1, &["a=1"])).unwrap();
    let mut generation = 1;
    // Wherever in the transaction, or in opening the file again, the disk gets full.
    for room in 0..40 {
        disk.room(Some(room));
        let failed = journal.write(batch(generation + 1, &["a=failed", "b=failed"]));
        if failed.is_ok() {
            assert!(room > 3, "no write is made at all");
            disk.room(None);
            journal.write(batch(generation + 1, &["a=1", "b"])).unwrap();
        } else {
            assert_full(failed);
            assert_full(journal.write(batch(generation + 1, &["a=failed", "c=failed"])));
            disk.room(None);
        }
        generation += 1;
        journal.write(batch(generation, &[&format!("{room:03}=1")])).unwrap();
        let (now, entries) = content(&disk.power_lost(|| false));
        assert_eq!((now, entries.len()), (generation, 2 + room as usize));
        assert_eq!(entries["a"], b"1");
    }
}

#[test]
fn what_was_reported_as_failed_is_undone_though_it_reached_the_disk() {
    let disk = Disk::default();
    let journal = running_journal(&disk);
    journal.write(batch(1, &["kept=1", "changed=1", "removed=1"])).unwrap();
    disk.sync_fails(true);
    let error = journal.write(batch(2, &["changed=2", "removed", "new=2", "changed=3"])).unwrap_err();
    assert!(error.to_string().ends_with("; check the disk and the kernel's log"), "{error}");
    journal.write(batch(2, &["changed=4", "new=4", "kept"])).unwrap_err();
    disk.sync_fails(false);
    journal.write(batch(2, &["other=2"])).unwrap();
    let expected = expected(&["kept=1", "changed=1", "removed=1", "other=2"]);
    assert_eq!(content(&disk.power_lost(|| true)), (2, expected));
}

#[test]
fn what_was_reported_as_failed_is_undone_at_the_end() {
    let disk = Disk::default();
    let journal = running_journal(&disk);
    journal.write(batch(1, &["a=1"])).unwrap();
    disk.sync_fails(true);
    journal.write(batch(2, &["a=2"])).unwrap_err();
    assert_eq!(
        content(&disk.power_lost(|| true)),
        (2, expected(&["a=2"])),
        "the failed batch is on the disk"
    );
    disk.sync_fails(false);
    drop(journal);
    assert_eq!(content(&disk), (1, expected(&["a=1"])));
}

#[test]
fn failure_takes_along_what_was_submitted_before_it_was_told() {
    let disk = Disk::default();
    let journal = running_journal(&disk);
    disk.room(Some(0));
    journal.submit(batch(1, &["a=1"]), 1).unwrap();
    let failed = journal.outcomes.recv_timeout(LONG).unwrap();
    disk.room(None);
    journal.submit(batch(2, &["b=1"]), 2).unwrap();
    journal.submit_lazy(batch(3, &["c=1"]), 3).unwrap();
    journal.submit(batch(4, &["d=1"]), 4).unwrap();
    assert_full(journal.take(failed).1);
    journal.submit(batch(5, &["e=1"]), 5).unwrap();
    let finished: Vec<_> = (0..4).map(|_| journal.wait()).collect();
    let [
        (2, Err(JournalError::Behind)),
        (3, Err(JournalError::Behind)),
        (4, Err(JournalError::Behind)),
        (5, Ok(())),
    ] = &finished[..]
    else {
        panic!("{finished:?}");
    };
    drop(journal);
    assert_eq!(content(&disk), (5, expected(&["e=1"])));
}

#[test]
fn all_batches_of_a_failed_transaction_are_told() {
    let disk = Disk::default();
    let (journal, release) = held_journal(&disk);
    disk.room(Some(0));
    for ticket in 1..=3 {
        journal.submit(batch(ticket, &["a=1"]), ticket).unwrap();
    }
    drop(release);
    let finished: Vec<_> = (0..3).map(|_| journal.wait()).collect();
    for (expected, (ticket, result)) in (1..).zip(finished) {
        assert_eq!(ticket, expected);
        result.unwrap_err();
    }
    disk.room(None);
    journal.write(batch(4, &["b=1"])).unwrap();
    drop(journal);
    assert_eq!(content(&disk), (4, expected(&["b=1"])));
}

#[test]
fn acknowledged_batches_survive_a_power_loss() {
    let disk = Disk::default();
    let journal = running_journal(&disk);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut lucky = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random & 1 == 0
    };
    for generation in 1..=200_u64 {
        let stamp = format!("={generation}");
        let keys = [0, generation % 7, 7 + generation % 31, 100 + generation];
        let writes = keys.map(|key| format!("{key:04}{stamp}"));
        journal.write(batch(generation, &writes.each_ref().map(String::as_str))).unwrap();
        let (now, entries) = content(&disk.power_lost(&mut lucky));
        assert_eq!(now, generation);
        for key in keys {
            assert_eq!(entries[&format!("{key:04}")], generation.to_string().as_bytes());
        }
        assert!(entries.contains_key(&format!("{:04}", 101)));
    }
}
