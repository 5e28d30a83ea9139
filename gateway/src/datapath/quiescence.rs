//! DPDK's quiescent-state RCU as the grace periods that the tables ask for.
//!
//! The one place outside `dpdk-bindings` and `tables` with `unsafe`: here the two promises meet, and neither crate can
//! know the other.

use dpdk_bindings::{Qsbr, QsbrReader};

use crate::tables::{Grace, ReadSection};

/// The writer's side: one domain for all tables.
#[derive(Debug, Clone)]
pub struct QsbrGrace(Qsbr);

impl QsbrGrace {
    /// Grace periods of a domain in which every worker is registered before it opens a section.
    #[must_use]
    pub fn new(qsbr: Qsbr) -> Self {
        Self(qsbr)
    }
}

// SAFETY: `start` returns a token that `check` accepts only once every registered, online thread has reported a
// quiescent state after it, or gone offline; a worker does either only while it has no section open, since both borrow
// exclusively what a section borrows, and it opens none while offline. rte_rcu_qsbr issues the fences between the
// writer's stores, its token and the readers' loads. Tokens are a counter, so they elapse in order.
unsafe impl Grace for QsbrGrace {
    fn begin(&self) -> u64 {
        self.0.start()
    }

    fn elapsed(&self, token: u64) -> bool {
        self.0.check(token)
    }
}

/// A worker's side. It counts from its first section on.
#[derive(Debug)]
pub struct QsbrReaders(QsbrReader);

impl QsbrReaders {
    /// The side of one registered worker.
    #[must_use]
    pub fn new(reader: QsbrReader) -> Self {
        Self(reader)
    }

    /// Opens a section: while it lives, [`Self::quiescent`] cannot be called.
    #[inline(always)]
    pub fn section(&mut self) -> Section<'_> {
        if !self.0.is_online() {
            self.0.online();
        }
        Section { _reader: &mut self.0 }
    }

    /// Reports that this thread refers to no table entry.
    #[inline(always)]
    pub fn quiescent(&mut self) {
        self.0.quiescent();
    }

    /// Reports the same, until the next section is opened.
    pub fn rest(&mut self) {
        self.0.offline();
    }
}

/// A section of a worker: from one burst boundary to the next.
#[derive(Debug)]
pub struct Section<'r> {
    _reader: &'r mut QsbrReader,
}

// SAFETY: the reader is registered and online, and can report no quiescent state while the section borrows it.
unsafe impl ReadSection for Section<'_> {}
