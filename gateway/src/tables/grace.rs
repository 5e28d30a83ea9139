//! Read-copy-update: when may the control thread use again what workers may still look at?
//!
//! A reader holds a [`ReadSection`] while it uses references into a table. The writer unpublishes an entry, notes a
//! [grace period](Grace::begin), and reuses the memory once that [has elapsed](Grace::elapsed), which is when every
//! section that was open at the beginning has been closed. Readers never wait and never write shared memory for it
//! but once per section.
//!
//! A process has one domain: tables are read in sections of the very [`Grace`] that their writers are given.

use std::sync::{Arc, PoisonError};

use super::sync::{AtomicU64, Mutex, Ordering, fence};

/// A source of grace periods.
///
/// # Safety
///
/// Writers free memory on the word of an implementation. After `elapsed(token)` answered true, every [`ReadSection`]
/// of the domain that was open when `begin` returned `token` must have ended, and sections opened since must see
/// what the calling thread wrote before `begin`. `begin` and `elapsed` are full memory fences to that end. Tokens
/// elapse in the order in which they began.
pub unsafe trait Grace {
    /// Begins a grace period. Writes that unpublished the entries it is for come before.
    fn begin(&self) -> u64;

    /// Whether the grace period `token` is over. Never blocks.
    fn elapsed(&self, token: u64) -> bool;
}

/// Proof that the current thread may hold references into tables.
///
/// # Safety
///
/// While a value lives, no grace period that began after its creation elapses.
pub unsafe trait ReadSection {}

/// Grace periods without DPDK, for tests, tools and any other reader that comes and goes.
///
/// Where no reader is in a section, as in a program of a single thread, every grace period has elapsed at once.
///
/// ```
/// use gateway::tables::grace::{Grace, LocalGrace};
///
/// let grace = LocalGrace::new();
/// let mut reader = grace.reader();
/// let section = reader.section();
/// let token = grace.begin();
/// assert!(!grace.elapsed(token));
/// drop(section);
/// assert!(grace.elapsed(token));
/// ```
#[derive(Debug, Default)]
pub struct LocalGrace {
    /// The number of grace periods begun.
    begun: Arc<AtomicU64>,
    readers: Mutex<Vec<Arc<Reported>>>,
}

/// What one reader reports, on cache lines of its own: [`IDLE`], or the grace periods begun when it opened its
/// section.
#[derive(Debug)]
#[repr(align(128))]
struct Reported(AtomicU64);

const IDLE: u64 = u64::MAX;

impl LocalGrace {
    /// A domain without readers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a reader, which may go to another thread.
    #[must_use]
    pub fn reader(&self) -> LocalReader {
        let reported = Arc::new(Reported(AtomicU64::new(IDLE)));
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.retain(|reader| Arc::strong_count(reader) > 1);
        readers.push(Arc::clone(&reported));
        LocalReader { begun: Arc::clone(&self.begun), reported }
    }
}

// SAFETY: a section stores the count of grace periods it knows, then fences, then reads tables; a writer writes
// tables, then fences in `begin`, then reads what sections stored. One of both sees the other: either the writer
// finds the section, with a count below its token, and waits, or the section finds what the writer wrote.
unsafe impl Grace for LocalGrace {
    fn begin(&self) -> u64 {
        fence(Ordering::SeqCst);
        self.begun.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn elapsed(&self, token: u64) -> bool {
        fence(Ordering::SeqCst);
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.iter().all(|reader| reader.0.load(Ordering::SeqCst) >= token)
    }
}

/// A reader of a [`LocalGrace`].
#[derive(Debug)]
pub struct LocalReader {
    begun: Arc<AtomicU64>,
    reported: Arc<Reported>,
}

impl LocalReader {
    /// Opens a section. It ends when the value is dropped.
    pub fn section(&mut self) -> LocalSection<'_> {
        self.reported.0.store(self.begun.load(Ordering::SeqCst), Ordering::SeqCst);
        fence(Ordering::SeqCst);
        LocalSection(&mut self.reported)
    }
}

/// An open section of a [`LocalReader`].
#[derive(Debug)]
pub struct LocalSection<'r>(&'r mut Arc<Reported>);

// SAFETY: the reader's report stays below the token of any grace period begun later until `drop` withdraws it, and
// `elapsed` waits for that. Moving the value to another thread moves the section with it, in a happens-before order.
unsafe impl ReadSection for LocalSection<'_> {}

impl Drop for LocalSection<'_> {
    fn drop(&mut self) {
        self.0.0.store(IDLE, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_sections_everything_has_elapsed() {
        let grace = LocalGrace::new();
        let _idle = grace.reader();
        let token = grace.begin();
        assert!(grace.elapsed(token));
    }

    #[test]
    fn a_section_holds_up_what_begins_later_only() {
        let grace = LocalGrace::new();
        let mut reader = grace.reader();
        let before = grace.begin();
        let section = reader.section();
        let after = grace.begin();
        assert!(grace.elapsed(before));
        assert!(!grace.elapsed(after));
        drop(section);
        assert!(grace.elapsed(after));
    }

    #[test]
    fn every_reader_counts_until_it_is_gone() {
        let grace = LocalGrace::new();
        let (mut one, mut two) = (grace.reader(), grace.reader());
        let first = one.section();
        let second = two.section();
        let token = grace.begin();
        drop(first);
        assert!(!grace.elapsed(token));
        drop(second);
        drop(two);
        let _third = grace.reader();
        assert_eq!(grace.readers.lock().expect("not poisoned").len(), 2);
        assert!(grace.elapsed(token));
    }
}
