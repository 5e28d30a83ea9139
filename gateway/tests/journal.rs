//! The journal of a process that is killed while it writes, and how fast the journal is.
//!
//! The process is this test's own program, started again with the test `victim` alone. `NVGW_CRASHES` says how often
//! it is killed.

#[path = "journal/model.rs"]
mod model;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use std::{env, fs, io, iter, thread};

use gateway::journal::{Batch, Journal, JournalError, State};
use model::{Entries, Random, apply, batch};

/// For `victim`: the journal's directory.
const DIR: &str = "NVGW_JOURNAL_VICTIM_DIR";
/// For `victim`: how many batches it lets wait at a time.
const WINDOW: &str = "NVGW_JOURNAL_VICTIM_WINDOW";

/// What `victim` reports before it opens the journal.
const STARTED: u64 = u64::MAX;
/// What `victim` reports before it tells why a batch was not written.
const FAILED: u64 = u64::MAX - 1;

fn entries(state: &State) -> Entries {
    let mut entries = Entries::new();
    state.read(|key, value| drop(entries.insert(key.to_owned(), value.to_vec()))).unwrap();
    entries
}

/// Submits batch after batch, and writes the generation of each to its standard input, a socket, when it is
/// acknowledged. Ends when one fails, which it tells along with the reason, or by being killed.
#[test]
#[ignore = "only runs inside of the other tests"]
fn victim() {
    let Ok(dir) = env::var(DIR) else { return };
    let window: u64 = env::var(WINDOW).unwrap().parse().unwrap();
    let mut parent = UnixStream::from(io::stdin().as_fd().try_clone_to_owned().unwrap());
    parent.write_all(&STARTED.to_le_bytes()).unwrap();
    let (journal, state) = Journal::open(Path::new(&dir)).unwrap();
    let (mut acknowledged, mut submitted) = (state.generation, state.generation);
    loop {
        while submitted < acknowledged + window {
            submitted += 1;
            // The last of a window is urgent, or else the others would wait for their time.
            if submitted.is_multiple_of(3) && submitted < acknowledged + window {
                journal.submit_lazy(batch(submitted), submitted).unwrap();
            } else {
                journal.submit(batch(submitted), submitted).unwrap();
            }
        }
        for (ticket, result) in journal.finished() {
            if let Err(error) = result {
                parent.write_all(&FAILED.to_le_bytes()).unwrap();
                parent.write_all(error.to_string().as_bytes()).unwrap();
                return;
            }
            acknowledged += 1;
            assert_eq!(ticket, acknowledged, "the order is kept");
            parent.write_all(&ticket.to_le_bytes()).unwrap();
        }
        thread::yield_now();
    }
}

/// The process that is killed, and the socket on which it reports.
struct Victim {
    process: Child,
    reports: UnixStream,
}

impl Victim {
    fn start(dir: &Path, window: u64) -> Self {
        Self::start_by(Command::new(env::current_exe().unwrap()), dir, window)
    }

    /// Where no file can have more than `limit` times 512 bytes.
    fn start_limited(dir: &Path, limit: u64) -> Self {
        let mut shell = Command::new("sh");
        // Without the signal that comes along with it, the limit is an error like a full disk's.
        shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"")]);
        shell.arg(env::current_exe().unwrap());
        Self::start_by(shell, dir, 1)
    }

    fn start_by(mut command: Command, dir: &Path, window: u64) -> Self {
        let (reports, input) = UnixStream::pair().unwrap();
        let process = command
            .args(["--exact", "victim", "--ignored", "--nocapture"])
            .env(DIR, dir)
            .env(WINDOW, window.to_string())
            .stdin(Stdio::from(OwnedFd::from(input)))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut victim = Self { process, reports };
        assert_eq!(victim.report(), Some(STARTED), "it is about to open the journal");
        victim
    }

    /// The next generation that is acknowledged; None when the process is gone.
    fn report(&mut self) -> Option<u64> {
        let mut generation = [0; 8];
        match self.reports.read_exact(&mut generation) {
            Ok(()) => Some(u64::from_le_bytes(generation)),
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Kills it after some more reports, and gives the last one that it made.
    fn kill_after(mut self, reports: u64) -> Option<u64> {
        let mut last = None;
        for _ in 0..reports {
            last = Some(self.report().expect("it lives"));
        }
        self.process.kill().unwrap();
        let rest = iter::from_fn(|| self.report()).last();
        self.process.wait().unwrap();
        rest.or(last)
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_torn_when_the_process_is_killed() {
    let crashes = env::var("NVGW_CRASHES").map_or(200, |crashes| crashes.parse().unwrap());
    let mut random = Random(2026);
    let (mut acknowledged, mut unacknowledged) = (0, 0);
    let mut dir = tempfile::tempdir().unwrap();
    let (mut generation, mut model) = (0, Entries::new());
    for crash in 0..crashes {
        // Now and then from the beginning: the file is made under the axe, too.
        if random.below(10) == 0 {
            (dir, generation, model) = (tempfile::tempdir().unwrap(), 0, Entries::new());
        }
        let window = if crash % 2 == 0 { 1 } else { 16 };
        let reports = random.below(4) * random.below(20);
        let promised = Victim::start(dir.path(), window).kill_after(reports).unwrap_or(generation);
        let (_journal, state) = Journal::open(dir.path()).unwrap();
        let found = state.generation;
        assert!(found >= promised, "crash {crash}: {promised} was acknowledged, {found} is the last");
        assert!(found <= promised + window, "crash {crash}: {found} after {promised}, window {window}");
        (acknowledged, unacknowledged) =
            (acknowledged + promised - generation, unacknowledged + found - promised);
        for generation in generation + 1..=found {
            apply(&mut model, &batch(generation));
        }
        assert!(entries(&state) == model, "crash {crash}: other entries than generation {found} has");
        generation = found;
    }
    println!(
        "{crashes} crashes: {acknowledged} acknowledged batches, {unacknowledged} whole ones beyond them"
    );
    assert!(acknowledged > crashes, "the process hardly came to write");
}

#[test]
fn second_process_is_told_that_the_journal_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let mut victim = Victim::start(dir.path(), 1);
    victim.report().expect("it writes");
    let error = Journal::open(dir.path()).unwrap_err();
    assert!(matches!(&error, JournalError::InUse { dir: named } if named == dir.path()), "{error}");
    victim.kill_after(0);
    Journal::open(dir.path()).unwrap();
}

#[test]
fn file_that_cannot_grow_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut victim = Victim::start_limited(dir.path(), 600);
    let mut model = Entries::new();
    let mut promised = 0;
    while let Some(generation) = victim.report().filter(|&report| report != FAILED) {
        apply(&mut model, &batch(generation));
        promised = generation;
    }
    let mut reason = String::new();
    victim.reports.read_to_string(&mut reason).unwrap();
    assert!(victim.process.wait().unwrap().success());
    let file = dir.path().join("journal.redb");
    assert!(
        reason.starts_with(&format!("cannot read or write the journal {}: ", file.display())),
        "{reason}"
    );
    assert!(reason.contains("; make room for it: "), "{reason}");
    assert!(promised > 0);
    let (_journal, state) = Journal::open(dir.path()).unwrap();
    assert_eq!(state.generation, promised);
    assert!(entries(&state) == model);
}

/// Submits them all, and returns when all are written.
fn write(journal: &Journal, batches: impl ExactSizeIterator<Item = Batch>) {
    let mut waiting = batches.len();
    for batch in batches {
        journal.submit(batch, 0).unwrap();
    }
    while waiting > 0 {
        for (_, result) in journal.finished() {
            result.unwrap();
            waiting -= 1;
        }
        thread::yield_now();
    }
}

/// A lookup record, as long as those of the gateway are.
fn record(number: u64) -> (String, Option<Vec<u8>>) {
    let [_, a, b, c] = (number as u32).to_be_bytes();
    let value = format!(
        r#"{{"owner":"api","mac":"02:15:5d:{a:02x}:{b:02x}:{c:02x}","provider-address":"100.64.10.2","name":"web-{number}","flow-id":"zero"}}"#
    );
    (format!("lookup/{}/10.{a}.{b}.{c}", 5001 + number % 1000), Some(value.into_bytes()))
}

/// In KiB, as the kernel counts it: the most so far of this process's memory.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

/// `cargo test --release -p gateway --test journal -- --ignored --nocapture speed`
#[test]
#[ignore = "measures, and proves nothing"]
fn speed() {
    const RECORDS: u64 = 1_000_000;
    let dir = tempfile::tempdir_in(env::var_os("NVGW_JOURNAL_DIR").unwrap_or("/var/tmp".into())).unwrap();
    let (journal, _) = Journal::open(dir.path()).unwrap();
    let start = Instant::now();
    for chunk in 0..RECORDS / 10_000 {
        let writes = (chunk * 10_000..(chunk + 1) * 10_000).map(record).collect();
        write(&journal, iter::once(Batch { generation: chunk + 1, writes }));
    }
    println!("written, 10,000 a batch: {:.2?}", start.elapsed());
    let single = |number: u64| Batch { generation: number, writes: vec![record(number * 7919 % RECORDS)] };
    let start = Instant::now();
    (0..500).for_each(|number| write(&journal, iter::once(single(number))));
    println!("one batch at a time: {:.0} commits/s", 500.0 / start.elapsed().as_secs_f64());
    let start = Instant::now();
    (0..50)
        .for_each(|group| write(&journal, (group * 100..(group + 1) * 100).map(|n: u32| single(n.into()))));
    println!("100 batches at a time: {:.0} batches/s", 5000.0 / start.elapsed().as_secs_f64());
    drop(journal);
    println!("file: {} MiB", fs::metadata(dir.path().join("journal.redb")).unwrap().len() >> 20);
    let before = peak_memory();
    for _ in 0..2 {
        let start = Instant::now();
        let (_journal, state) = Journal::open(dir.path()).unwrap();
        let opened = start.elapsed();
        let (mut entries, mut bytes) = (0, 0);
        state.read(|key, value| (entries, bytes) = (entries + 1, bytes + key.len() + value.len())).unwrap();
        assert_eq!(entries, RECORDS);
        let each = bytes / entries as usize;
        println!("opened in {opened:.2?}, {entries} entries of {each} bytes read in {:.2?}", start.elapsed());
    }
    println!("peak memory: {} MiB, {} MiB before", peak_memory() >> 10, before >> 10);
    let start = Instant::now();
    let mut held = BTreeMap::new();
    let (_journal, state) = Journal::open(dir.path()).unwrap();
    state.read(|key, value| drop(held.insert(key.to_owned(), value.to_vec()))).unwrap();
    println!(
        "opened and copied into a map in {:.2?}, peak memory {} MiB",
        start.elapsed(),
        peak_memory() >> 10
    );
}
