//! Who owns what: customers and public ports are divided into shards, and shards among workers.
//!
//! A customer address with all its sessions belongs to one shard, and gets ports of that shard only. So the owner of a
//! packet from a customer follows from its source address, and the owner of a packet from outside from its destination
//! port. There are as many shards whatever the number of workers, up to eight of them: what is handed out to whom does
//! not depend on how many there are.

use nvgw_types::{VrfId, WorkerId};

use crate::tables::hash::mix;

/// Workers up to which the number of shards is the same.
const SHARDS: u32 = 8;

/// The biggest port block, which never crosses from one shard's ports to another's.
pub const BIGGEST_BLOCK: u16 = 4096;

/// The smallest port block.
pub const SMALLEST_BLOCK: u16 = 64;

/// Ports below belong to well-known services, and only customers' ports of that kind become such (RFC 4787 REQ-3).
pub const WELL_KNOWN_END: u16 = 1024;

/// One part of all customers and of every public address's ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(pub u16);

/// The division of customers and ports into shards, and of shards among workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Division {
    workers: u16,
    /// Base-2 logarithm of the number of shards.
    shards: u32,
    seed: u64,
}

impl Division {
    /// The division among some workers, at least one. `seed` keeps customers from choosing their shard.
    #[must_use]
    pub fn new(workers: u16, seed: u64) -> Self {
        let workers = workers.max(1);
        Self { workers, shards: u32::from(workers).max(SHARDS).next_power_of_two().ilog2(), seed }
    }

    /// Whether one worker owns everything.
    #[inline(always)]
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.workers == 1
    }

    /// How many shards there are.
    #[must_use]
    pub const fn shards(&self) -> u16 {
        1 << self.shards
    }

    /// The ports of one shard that follow each other, in a row of which every shard has two. A block is no bigger.
    #[must_use]
    pub const fn stripe(&self) -> u16 {
        1 << (15 - self.shards)
    }

    /// The shard of a customer address (host byte order).
    #[inline(always)]
    #[must_use]
    pub const fn of_customer(&self, vrf: VrfId, address: u32) -> Shard {
        let hash = mix((vrf.0 as u64) << 32 | address as u64, self.seed);
        Shard((hash >> 32) as u16 & (self.shards() - 1))
    }

    /// The well-known ports of one shard, which follow each other. Beyond sixteen shards not all have some.
    #[must_use]
    pub const fn well_known(&self) -> u16 {
        let each = WELL_KNOWN_END >> self.shards;
        if each < SMALLEST_BLOCK { SMALLEST_BLOCK } else { each }
    }

    /// How many ports the block of a port has, where blocks of `size` are handed out: well-known ports go further in
    /// small ones.
    #[must_use]
    pub const fn block_at(port: u16, size: u16) -> u16 {
        if port < WELL_KNOWN_END { SMALLEST_BLOCK } else { size }
    }

    /// The shard of a public port.
    #[inline(always)]
    #[must_use]
    pub const fn of_port(&self, port: u16) -> Shard {
        // Well-known ports are few, and every shard is to have some of them.
        let stripe =
            if port < WELL_KNOWN_END { port / self.well_known() } else { port >> (15 - self.shards) };
        Shard(stripe & (self.shards() - 1))
    }

    /// The worker of a shard.
    #[inline(always)]
    #[must_use]
    pub const fn worker(&self, shard: Shard) -> WorkerId {
        WorkerId(shard.0 % self.workers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_eight_workers_divide_the_same_shards() {
        for workers in 1..=8 {
            let division = Division::new(workers, 7);
            assert_eq!((division.shards(), division.stripe()), (8, 4096));
            assert_eq!(division.well_known(), 128);
            for port in 0..=u16::MAX {
                assert_eq!(division.of_port(port), Division::new(1, 7).of_port(port));
                assert!(division.worker(division.of_port(port)).0 < workers);
            }
        }
        assert_eq!((Division::new(9, 7).shards(), Division::new(9, 7).stripe()), (16, 2048));
        assert_eq!(Division::new(64, 7).stripe(), 512);
    }

    fn count(division: &Division, ports: impl Iterator<Item = u16>) -> Vec<usize> {
        let mut counts = vec![0; usize::from(division.shards())];
        ports.for_each(|port| counts[usize::from(division.of_port(port).0)] += 1);
        counts
    }

    #[test]
    fn every_shard_has_as_many_ports_as_the_others_and_every_worker_some() {
        for workers in [1, 2, 3, 8, 16, 33] {
            let division = Division::new(workers, 7);
            let shards = usize::from(division.shards());
            // The first shards' ports below 1024 are divided among all, and counted apart.
            let above = count(&division, WELL_KNOWN_END..=u16::MAX);
            assert_eq!(above.iter().sum::<usize>(), 65_536 - 1024);
            assert!(above.iter().all(|count| (65_536 / shards - 1024..=65_536 / shards).contains(count)));
            let below = count(&division, 0..WELL_KNOWN_END);
            assert_eq!(below.iter().filter(|count| **count > 0).count(), shards.min(16));
            assert!(below.iter().all(|count| *count == 0 || *count == 1024 / shards.min(16)));
            let owners: std::collections::BTreeSet<_> =
                (0..division.shards()).map(|shard| division.worker(Shard(shard))).collect();
            assert_eq!(owners.len(), usize::from(workers));
        }
    }

    #[test]
    fn the_configuration_allows_the_blocks_that_fit_a_stripe() {
        for workers in 1..=512_u16 {
            let biggest = nvgw_config::rules::biggest_block(workers.into());
            let stripe = Division::new(workers, 7).stripe();
            assert_eq!(biggest, stripe.clamp(SMALLEST_BLOCK, BIGGEST_BLOCK), "{workers} workers");
        }
    }

    #[test]
    fn no_block_crosses_shards() {
        let division = Division::new(8, 7);
        for first in (BIGGEST_BLOCK..=u16::MAX).step_by(usize::from(BIGGEST_BLOCK)) {
            let last = first + (BIGGEST_BLOCK - 1);
            assert_eq!(division.of_port(first), division.of_port(last));
        }
        for first in (0..WELL_KNOWN_END).step_by(usize::from(SMALLEST_BLOCK)) {
            let last = first + (Division::block_at(first, BIGGEST_BLOCK) - 1);
            assert_eq!(division.of_port(first), division.of_port(last));
        }
    }
}
