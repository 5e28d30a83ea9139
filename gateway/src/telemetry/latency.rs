//! How long packets stay in the box: a histogram for each direction, in the manner of HdrHistogram.
//!
//! Buckets are log-linear: 32 to each power of two, so that a bucket is at most a thirty-second of the times in it
//! wide. They count cycles of the time-stamp counter, and a burst is one addition for each of its directions: all its
//! frames came by one poll and were gone with the same call.

mod view;

use super::counters::Counter;
use super::view::words;

pub use view::{LatencyBucket, LatencyView};

words! {
    /// Where forwarded packets come from, and where they go.
    Direction {
        /// From a tenant's VM to an external network: what is decapsulated.
        TenantToOutside = "tenant-to-outside",
        /// From an external network to a tenant's VM: what is encapsulated.
        OutsideToTenant = "outside-to-tenant",
        /// From a tenant's VM to another one: what is decapsulated and encapsulated again.
        TenantToTenant = "tenant-to-tenant",
    }
}

impl Direction {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();
}

/// Buckets to each power of two, as a power of two.
const GRAIN: u32 = 5;
/// Longer times, in cycles, count as this: 26 seconds at 2.6 GHz.
const LONGEST: u64 = (1 << 36) - 1;
const BUCKETS: usize = bucket(LONGEST) + 1;

/// The bucket of a time in cycles.
#[inline(always)]
const fn bucket(cycles: u64) -> usize {
    let cycles = if cycles < LONGEST { cycles } else { LONGEST };
    let shift = (cycles | 1 << GRAIN).ilog2() - GRAIN;
    ((shift as usize) << GRAIN) + (cycles >> shift) as usize
}

/// The longest time in a bucket, in cycles.
const fn longest_of(bucket: usize) -> u64 {
    let shift = (bucket >> GRAIN).saturating_sub(1);
    ((((bucket - (shift << GRAIN)) as u64) + 1) << shift) - 1
}

/// The times of one direction that one thread measures and every thread reads.
#[derive(Debug)]
pub struct Histogram {
    /// Frames by time.
    buckets: [Counter; BUCKETS],
    /// The sum of all times.
    cycles: Counter,
    /// The longest one.
    longest: Counter,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: std::array::from_fn(|_| Counter::default()),
            cycles: Counter::default(),
            longest: Counter::default(),
        }
    }
}

impl Histogram {
    /// Counts some frames that took so many cycles each. Only the histogram's one writer may call it.
    #[inline(always)]
    pub fn add(&self, cycles: u64, frames: u64) {
        self.buckets[bucket(cycles)].add(frames);
        self.cycles.add(cycles.wrapping_mul(frames));
        if cycles > self.longest.get() {
            self.longest.set(cycles);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let mut next = 0;
        for at in 0..BUCKETS {
            assert_eq!(bucket(next), at, "the shortest time in it");
            assert_eq!(bucket(longest_of(at)), at, "the longest time in it");
            next = longest_of(at) + 1;
        }
        assert_eq!(next, LONGEST + 1);
    }

    proptest! {
        #[test]
        fn a_bucket_is_at_most_a_thirty_second_of_its_times_wide(cycles in 0..=LONGEST) {
            let longest = longest_of(bucket(cycles));
            prop_assert!(longest >= cycles && longest - cycles <= cycles / 32);
        }
    }

    #[test]
    fn the_longest_bucket_takes_whatever_is_longer() {
        assert_eq!(bucket(u64::MAX), bucket(LONGEST));
    }
}
