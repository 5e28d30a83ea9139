//! The gateway's tables, and what could be in their place, behind the same few functions: what the benchmarks, the
//! memory figures and the update storm of this crate measure. `docs/tables.md` has the figures.

mod draw;
mod growth;
mod internet;
mod keys;
mod peers;
mod routes;
mod tenants;

pub use draw::Draw;
pub use growth::growth;
pub use internet::{Prefix, ipv4_internet, ipv6_internet};
pub use keys::{Adjacencies, Keys, Records, Subnets, adjacency_tables, record_tables, subnet_tables};
pub use peers::start as start_peers;
pub use routes::{RouteTable, Routes, ipv4_tables, ipv6_tables};
pub use tenants::{TENANT_ROUTES, TenantAddress, Tenants, tenant_tables};

/// Packets of a burst, the datapath's own size.
pub const BURST: usize = 64;

/// A table under measurement.
pub trait Table<K> {
    /// Looks all keys of a burst up, and reads each entry found: the sum of the entries' numbers.
    fn lookup(&self, burst: &[K; BURST]) -> u64;
}

/// Bursts of keys, one after the other and over again.
pub struct Stream<K> {
    bursts: Vec<[K; BURST]>,
    next: usize,
}

impl<K> Stream<K> {
    /// Enough keys to touch most of a table of a million entries.
    const BURSTS: usize = 1 << 14;

    /// A stream of what `key` returns.
    pub fn new(mut key: impl FnMut() -> K) -> Self {
        let bursts = (0..Self::BURSTS).map(|_| std::array::from_fn(|_| key())).collect();
        Self { bursts, next: 0 }
    }

    /// All bursts.
    #[must_use]
    pub fn bursts(&self) -> &[[K; BURST]] {
        &self.bursts
    }

    /// The next burst.
    pub fn burst(&mut self) -> &[K; BURST] {
        self.next = (self.next + 1) % Self::BURSTS;
        &self.bursts[self.next]
    }
}
