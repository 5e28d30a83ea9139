//! What all workers' translation counts together, read.

use std::ops::AddAssign;

use nvgw_types::{PublicId, VrfId};

use super::DropReason;
use super::nat::{FAILURES, NatCounters};
use crate::tables::entries::PortRange;

/// A tenant's translation, on all workers. They are read one after the other, each value whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TenantTotal {
    /// Sessions now.
    pub sessions: u64,
    /// Public ports and query identifiers in use now.
    pub ports: u64,
    /// Port blocks held now.
    pub blocks: u64,
    /// Sessions since the start.
    pub created: u64,
    /// Port blocks handed out since the start.
    pub allocations: u64,
    failures: [u64; FAILURES.len()],
}

impl TenantTotal {
    /// Reads the counters of a tenant's VRF.
    pub fn read<'c>(workers: impl IntoIterator<Item = &'c NatCounters>, vrf: VrfId) -> Self {
        let mut total = Self::default();
        for tenant in workers.into_iter().filter_map(|worker| worker.tenant(vrf)) {
            total += Self {
                sessions: tenant.sessions.get(),
                ports: tenant.ports.get(),
                blocks: tenant.blocks.get(),
                created: tenant.created.get(),
                allocations: tenant.allocations.get(),
                failures: std::array::from_fn(|place| tenant.failures[place].get()),
            };
        }
        total
    }

    /// Packets that were not translated, for each reason, those that never happened included.
    pub fn failures(&self) -> impl Iterator<Item = (DropReason, u64)> {
        FAILURES.into_iter().zip(self.failures)
    }
}

impl AddAssign for TenantTotal {
    fn add_assign(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.ports += other.ports;
        self.blocks += other.blocks;
        self.created += other.created;
        self.allocations += other.allocations;
        for (failures, more) in self.failures.iter_mut().zip(other.failures) {
            *failures += more;
        }
    }
}

/// What is in use of a public address, or of several, on all workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PublicTotal {
    /// Port blocks handed out now.
    pub blocks: u64,
    /// Ports in use now, of all protocols together.
    pub ports: u64,
    /// The most blocks there were at a time on each worker, added up: there were never more.
    pub most_blocks: u64,
    /// The most ports there were at a time on each worker, added up: there were never more.
    pub most_ports: u64,
}

impl PublicTotal {
    /// Reads the counters of a public address.
    pub fn read<'c>(workers: impl IntoIterator<Item = &'c NatCounters>, id: PublicId) -> Self {
        let mut total = Self::default();
        for public in workers.into_iter().filter_map(|worker| worker.public(id)) {
            total += Self {
                blocks: public.blocks.get(),
                ports: public.ports.get(),
                most_blocks: public.most_blocks.get(),
                most_ports: public.most_ports.get(),
            };
        }
        total
    }
}

impl AddAssign for PublicTotal {
    fn add_assign(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.ports += other.ports;
        self.most_blocks += other.most_blocks;
        self.most_ports += other.most_ports;
    }
}

/// How full a worker's session table is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NatTable {
    /// Entries in use: sessions, and ports that rest.
    pub entries: u64,
    /// Entries there is room for.
    pub capacity: u64,
    /// The most entries there were at a time.
    pub most: u64,
    /// Packets handed to the worker that owns their sessions.
    pub handed_over: u64,
}

impl NatTable {
    /// Reads a worker's counters.
    #[must_use]
    pub fn read(worker: &NatCounters) -> Self {
        Self {
            entries: worker.entries.get(),
            capacity: worker.capacity.get(),
            most: worker.most_entries.get(),
            handed_over: worker.handed_over.get(),
        }
    }
}

/// How many whole blocks a range of ports has.
#[must_use]
pub fn whole_blocks(range: &PortRange) -> u64 {
    let block = u64::from(range.block.max(1));
    let first = u64::from(range.first).div_ceil(block);
    ((u64::from(range.last) + 1) / block).saturating_sub(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_add_up() {
        let workers = [NatCounters::new(2, 1), NatCounters::new(2, 1)];
        for (worker, n) in workers.iter().zip(1..) {
            let tenant = worker.tenant(VrfId(1)).expect("a tenant");
            tenant.sessions.set(10 * n);
            tenant.created.add(100 * n);
            worker.failed(VrfId(1), DropReason::NatPortLimit);
            worker.public(PublicId(0)).expect("an address").most_ports.at_least(7 * n);
        }
        let total = TenantTotal::read(&workers, VrfId(1));
        assert_eq!((total.sessions, total.created, total.ports), (30, 300, 0));
        let failed: Vec<_> = total.failures().filter(|(_, count)| *count > 0).collect();
        assert_eq!(failed, [(DropReason::NatPortLimit, 2)]);
        assert_eq!(TenantTotal::read(&workers, VrfId(0)), TenantTotal::default());
        assert_eq!(PublicTotal::read(&workers, PublicId(0)).most_ports, 21);
    }

    #[test]
    fn only_whole_blocks_are_counted() {
        for (first, last, block, blocks) in [
            (1024, 65_535, 512, 126),
            (0, 65_535, 4096, 16),
            (1025, 2047, 512, 1),
            (1025, 1535, 512, 0),
            (1024, 1535, 512, 1),
            (1, 100, 4096, 0),
        ] {
            assert_eq!(whole_blocks(&PortRange { first, last, block }), blocks, "{first}-{last}/{block}");
        }
    }
}
