//! Which places of a table are free, and which only will be once no reader looks at them any more.

use std::collections::VecDeque;

use thiserror::Error;

use super::grace::Grace;
use super::sync::{spin_loop, yield_now};

/// Retired entries could not be used again: some reader has not come to the end of its section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no retired entry can be used again: a worker has not reported a quiescent state")]
pub struct ReadersStalled;

/// Retirements that share one grace period, at most: beginning one costs an atomic read-modify-write.
const BATCH: usize = 64;

/// How often [`IndexPool::reserve`] asks whether a grace period is over: for some tens of milliseconds. Workers report
/// at every burst, within microseconds, but may have lost their core for a while.
const POLLS: u32 = if cfg!(loom) {
    1
} else if cfg!(miri) {
    1 << 8
} else {
    1 << 20
};

/// Polls between offers of this core to whoever waits for it: maybe the very worker that is waited for.
const POLLS_PER_YIELD: u32 = 64;

/// The indices of a table: free, in use, or retired and waiting for a grace period.
#[derive(Debug)]
pub(super) struct IndexPool {
    /// The first index that was never used; those are taken last, so that untouched memory stays untouched.
    fresh: u32,
    end: u32,
    free: Vec<u32>,
    /// Oldest first: as many as `batches` tell, then `open` ones without a grace period yet.
    retired: VecDeque<u32>,
    batches: VecDeque<Batch>,
    open: usize,
}

#[derive(Debug)]
struct Batch {
    token: u64,
    count: usize,
}

impl IndexPool {
    /// The indices from `first` up to but without `end`, all free.
    pub(super) fn new(first: u32, end: u32) -> Self {
        Self {
            fresh: first,
            end,
            free: Vec::new(),
            retired: VecDeque::new(),
            batches: VecDeque::new(),
            open: 0,
        }
    }

    /// Makes sure that the next `count` calls of [`take`](Self::take) succeed. Waits, for a bounded time, only if
    /// everything free is used up while retired indices wait for readers.
    pub(super) fn reserve(&mut self, count: usize, grace: &impl Grace) -> Result<(), ReadersStalled> {
        if self.available() >= count {
            return Ok(());
        }
        for poll in 1..=POLLS {
            self.reclaim(grace);
            if self.available() >= count {
                return Ok(());
            }
            if self.retired.is_empty() {
                break;
            }
            if poll.is_multiple_of(POLLS_PER_YIELD) {
                yield_now();
            } else {
                spin_loop();
            }
        }
        Err(ReadersStalled)
    }

    /// A free index, if there is one.
    pub(super) fn take(&mut self) -> Option<u32> {
        self.free.pop().or_else(|| {
            let index = self.fresh;
            (index < self.end).then(|| {
                self.fresh += 1;
                index
            })
        })
    }

    /// Gives back an index that readers cannot find any more, but may still hold.
    pub(super) fn retire(&mut self, index: u32, grace: &impl Grace) {
        self.retired.push_back(index);
        self.open += 1;
        if self.open >= BATCH {
            self.close_batch(grace);
        }
    }

    /// Frees what no reader can hold any more, and begins a grace period for what was retired since.
    pub(super) fn reclaim(&mut self, grace: &impl Grace) {
        if self.open > 0 {
            self.close_batch(grace);
        }
        while let Some(oldest) = self.batches.front()
            && grace.elapsed(oldest.token)
        {
            self.free.extend(self.retired.drain(..oldest.count));
            self.batches.pop_front();
        }
    }

    /// The indices that were ever taken: none at or beyond has been touched.
    pub(super) fn touched(&self) -> u32 {
        self.fresh
    }

    fn close_batch(&mut self, grace: &impl Grace) {
        self.batches.push_back(Batch { token: grace.begin(), count: self.open });
        self.open = 0;
    }

    fn available(&self) -> usize {
        self.free.len() + (self.end - self.fresh) as usize
    }
}

#[cfg(test)]
impl IndexPool {
    /// How many of the indices from 1 on are neither free nor retired.
    pub(super) fn in_use(&self) -> usize {
        self.fresh as usize - 1 - self.free.len() - self.retired.len()
    }
}

/// Miri and loom come around to using places again only if there are few.
const LEAST_SLACK: usize = if cfg!(loom) {
    1
} else if cfg!(miri) {
    16
} else {
    1024
};

/// Places to have beyond a promised `capacity`, so that retired ones can wait without holding up a writer.
pub(super) const fn slack(capacity: usize) -> usize {
    capacity / 16 + LEAST_SLACK
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::grace::LocalGrace;

    #[test]
    fn retired_indices_come_back_only_after_their_grace_period() {
        let grace = LocalGrace::new();
        let mut reader = grace.reader();
        let mut pool = IndexPool::new(1, 3);
        assert_eq!((pool.take(), pool.take(), pool.take()), (Some(1), Some(2), None));

        let section = reader.section();
        pool.retire(2, &grace);
        assert_eq!(pool.reserve(1, &grace), Err(ReadersStalled));
        assert_eq!(pool.take(), None);

        drop(section);
        assert_eq!(pool.reserve(1, &grace), Ok(()));
        assert_eq!(pool.take(), Some(2));
    }

    #[test]
    fn what_is_retired_after_a_grace_period_began_waits_for_its_own() {
        let grace = LocalGrace::new();
        let mut reader = grace.reader();
        let mut pool = IndexPool::new(0, 2);
        assert_eq!((pool.take(), pool.take()), (Some(0), Some(1)));
        pool.retire(0, &grace);
        pool.reclaim(&grace);
        let section = reader.section();
        pool.retire(1, &grace);
        pool.reclaim(&grace);
        assert_eq!((pool.take(), pool.take()), (Some(0), None));
        drop(section);
        pool.reclaim(&grace);
        assert_eq!(pool.take(), Some(1));
    }

    #[test]
    fn one_grace_period_covers_a_batch() {
        let grace = LocalGrace::new();
        let mut pool = IndexPool::new(0, 1000);
        for _ in 0..1000 {
            pool.take();
        }
        (0..1000).for_each(|index| pool.retire(index, &grace));
        assert_eq!(pool.batches.len(), 1000 / BATCH);
        assert_eq!(pool.reserve(1000, &grace), Ok(()));
        let mut back: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
        back.sort_unstable();
        assert!(back.into_iter().eq(0..1000));
    }
}
