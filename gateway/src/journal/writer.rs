//! The journal's thread.

use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender};
use tracing::{error, info};

use super::store::{Store, Undo};
use super::{Batch, JournalError, Pace};

/// A batch on its way to the disk.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) batch: Batch,
    pub(super) ticket: u64,
    /// Whether somebody waits for it.
    pub(super) urgent: bool,
    /// How many failed transactions the submitter knew of.
    pub(super) failures: u64,
}

/// What became of a batch.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) ticket: u64,
    pub(super) result: Result<(), JournalError>,
    /// How many transactions have failed by now.
    pub(super) failures: u64,
}

/// Writes what is submitted, until nobody can submit any more.
pub(super) struct Writer<F> {
    jobs: Receiver<Job>,
    outcomes: Sender<Outcome>,
    /// None after a failure: `redb` refuses all work after an I/O error until the file is opened again.
    store: Option<Store>,
    reopen: F,
    undo: Undo,
    failures: u64,
    /// How many batches one transaction takes.
    group: usize,
    patience: Duration,
}

impl<F: FnMut() -> Result<Store, JournalError>> Writer<F> {
    pub(super) fn new(
        jobs: Receiver<Job>,
        outcomes: Sender<Outcome>,
        store: Option<Store>,
        reopen: F,
        pace: Pace,
    ) -> Self {
        let (undo, group, patience) = (Undo::default(), pace.capacity, pace.patience);
        Self { jobs, outcomes, store, reopen, undo, failures: 0, group, patience }
    }

    pub(super) fn run(mut self) {
        while let Some(group) = self.gather() {
            self.commit(group);
        }
        if let Err(error) = self.end() {
            error!(%error, "the journal is not closed cleanly");
        }
    }

    /// Waits for the batches of the next transaction. None: there will be no more.
    fn gather(&self) -> Option<Vec<Job>> {
        let first = self.jobs.recv().ok()?;
        let due = Instant::now() + self.patience;
        let mut urgent = first.urgent;
        let mut group = vec![first];
        while !urgent && group.len() < self.group {
            // Late, or the end: either way what is here is written now.
            let Ok(job) = self.jobs.recv_deadline(due) else { break };
            urgent = job.urgent;
            group.push(job);
        }
        let room = self.group - group.len();
        group.extend(self.jobs.try_iter().take(room));
        Some(group)
    }

    fn commit(&mut self, group: Vec<Job>) {
        let (behind, group): (Vec<_>, Vec<_>) =
            group.into_iter().partition(|job| job.failures < self.failures);
        self.report(&behind, &Err(JournalError::Behind));
        if group.is_empty() {
            return;
        }
        let result = self.write(group.iter().map(|job| &job.batch));
        self.failures += u64::from(result.is_err());
        self.report(&group, &result);
    }

    fn write<'a>(&mut self, batches: impl Iterator<Item = &'a Batch>) -> Result<(), JournalError> {
        let (store, again) = match self.store.take() {
            Some(store) => (store, false),
            None => ((self.reopen)()?, true),
        };
        // A failure drops the store.
        store.write(&mut self.undo, batches).inspect_err(|error| {
            if !again {
                error!(%error, "the journal cannot be written");
            }
        })?;
        if again {
            info!("the journal is written again");
        }
        self.store = Some(store);
        Ok(())
    }

    fn report(&self, jobs: &[Job], result: &Result<(), JournalError>) {
        for job in jobs {
            let outcome = Outcome { ticket: job.ticket, result: result.clone(), failures: self.failures };
            // The receiver outlives this thread.
            drop(self.outcomes.send(outcome));
        }
    }

    fn end(mut self) -> Result<(), JournalError> {
        if !self.undo.is_empty() {
            self.write(std::iter::empty())?;
        }
        self.store.map_or(Ok(()), Store::close)
    }
}
