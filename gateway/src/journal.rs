//! What was changed at run time, kept on disk: a change is acknowledged only when it would survive a power loss.
//!
//! The journal knows keys and values, not what they mean. It lies in a directory of its own, in a file of `redb`,
//! which one process at a time may use. A thread writes it, so that whoever submits a change never waits for the
//! disk; changes that wait at the same time share one transaction, and with it the time that the disk takes.

mod error;
mod place;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam::channel::{self, Receiver, Sender, TrySendError};
use tracing::error;

pub use error::{JournalError, Refused};
use place::Place;
pub use store::State;
use store::Store;
use writer::{Job, Outcome, Writer};

/// Writes that are made together: after a crash all of them are there, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The generation of the whole that these writes lead to.
    pub generation: u64,
    /// Keys and what they hold from now on, `None` for nothing. Of several with the same key the last one counts.
    pub writes: Vec<(String, Option<Vec<u8>>)>,
}

/// How the thread works.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// How many batches may wait.
    capacity: usize,
    /// How long a lazy batch may wait for an urgent one.
    patience: Duration,
}

impl Pace {
    const USUAL: Self = Self { capacity: 1024, patience: Duration::from_secs(1) };
}

/// The journal, open. When it is dropped, all that was submitted is written before the drop returns.
#[derive(Debug)]
pub struct Journal {
    // The order of these two is the order of the end: without a sender the thread finishes, and is waited for.
    jobs: Sender<Job>,
    _thread: Thread,
    outcomes: Receiver<Outcome>,
    /// How many failed transactions have been handed out.
    failures: Cell<u64>,
}

impl Journal {
    /// Opens the journal in `dir`, and gives what it holds; makes both where they are missing, for this user alone.
    ///
    /// # Errors
    /// Another process has it open, the directory cannot be used, or the file is damaged or of a later version. A
    /// damaged file is left as it is, never replaced.
    pub fn open(dir: &Path) -> Result<(Self, State), JournalError> {
        let place = Place::lock(dir)?;
        let store = place.open()?;
        let state = store.state()?;
        // The thread takes the place along: nobody else gets it while the store is closed after a failure.
        let journal = Self::spawn(Some(store), move || place.reopen(), Pace::USUAL)?;
        Ok((journal, state))
    }

    fn spawn(
        store: Option<Store>,
        reopen: impl FnMut() -> Result<Store, JournalError> + Send + 'static,
        pace: Pace,
    ) -> Result<Self, JournalError> {
        let (jobs, submitted) = channel::bounded(pace.capacity);
        // Holds no more than was submitted: whoever submits also asks what became of it.
        let (done, outcomes) = channel::unbounded();
        let thread = thread::Builder::new()
            .name("nvgw-journal".to_owned())
            .spawn(move || Writer::new(submitted, done, store, reopen, pace).run())
            .map_err(|source| JournalError::Thread(Arc::new(source)))?;
        Ok(Self { jobs, _thread: Thread(Some(thread)), outcomes, failures: Cell::new(0) })
    }

    /// Hands over `batch`, to be written at once. [`finished`](Self::finished) tells what became of `ticket`.
    ///
    /// Batches are written in the order in which they were handed over, lazy ones included. A batch that cannot be
    /// written takes along all that were handed over before `finished` told of it, since they may rest upon it.
    ///
    /// # Errors
    /// Too many batches wait, or the thread has ended. Both give the batch back.
    pub fn submit(&self, batch: Batch, ticket: u64) -> Result<(), Refused> {
        self.hand_over(batch, ticket, true)
    }

    /// Hands over a `batch` that a crash may undo: it is written with the next one that is submitted otherwise, or
    /// after a second. All else is as with [`submit`](Self::submit).
    ///
    /// # Errors
    /// Too many batches wait, or the thread has ended. Both give the batch back.
    pub fn submit_lazy(&self, batch: Batch, ticket: u64) -> Result<(), Refused> {
        self.hand_over(batch, ticket, false)
    }

    fn hand_over(&self, batch: Batch, ticket: u64, urgent: bool) -> Result<(), Refused> {
        let job = Job { batch, ticket, urgent, failures: self.failures.get() };
        self.jobs.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(job) => Refused::Full(job.batch),
            TrySendError::Disconnected(job) => Refused::Ended(job.batch),
        })
    }

    /// The tickets whose batches have come to an end since this was last asked, in the order in which they were
    /// handed over. Never waits.
    ///
    /// `Ok`: the batch survives a power loss from now on. An error: it is not in the journal, and where it may have
    /// reached the disk all the same, the next transaction undoes it.
    pub fn finished(&self) -> impl Iterator<Item = (u64, Result<(), JournalError>)> + '_ {
        self.outcomes.try_iter().map(|outcome| self.take(outcome))
    }

    fn take(&self, outcome: Outcome) -> (u64, Result<(), JournalError>) {
        self.failures.set(outcome.failures);
        (outcome.ticket, outcome.result)
    }
}

/// The thread, waited for when dropped.
#[derive(Debug)]
struct Thread(Option<JoinHandle<()>>);

impl Drop for Thread {
    fn drop(&mut self) {
        if self.0.take().is_some_and(|thread| thread.join().is_err()) {
            error!("the journal's thread has panicked: what was submitted last may not be in the journal");
        }
    }
}
