//! What translation counts: by tenant, by public address, by worker. One writer each.

use nvgw_types::{PublicId, VrfId};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::DropReason;
use super::counters::Counter;

/// A number that its one writer raises and lowers.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Sets it.
    #[inline(always)]
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// Raises it.
    #[inline(always)]
    pub fn raise(&self, n: u64) {
        self.set(self.get() + n);
    }

    /// Lowers it.
    #[inline(always)]
    pub fn lower(&self, n: u64) {
        self.set(self.get().saturating_sub(n));
    }

    /// Raises it to `value` if it is less.
    #[inline(always)]
    pub fn at_least(&self, value: u64) {
        if self.get() < value {
            self.set(value);
        }
    }

    /// The value now.
    #[inline(always)]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Why a packet was not translated.
pub const FAILURES: [DropReason; 13] = [
    DropReason::NatNoPool,
    DropReason::NatPoolExhausted,
    DropReason::NatPortsExhausted,
    DropReason::NatSessionLimit,
    DropReason::NatPortLimit,
    DropReason::NatRateLimit,
    DropReason::NatTableFull,
    DropReason::NatNoSession,
    DropReason::NatProtocol,
    DropReason::NatMalformed,
    DropReason::NatFragment,
    DropReason::NatIcmpError,
    DropReason::NatLogFull,
];

/// A tenant's translation on one worker.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct TenantNat {
    /// Sessions now.
    pub sessions: Gauge,
    /// Public ports and query identifiers in use now.
    pub ports: Gauge,
    /// Port blocks held now.
    pub blocks: Gauge,
    /// Sessions since the start.
    pub created: Counter,
    /// Port blocks handed out since the start.
    pub allocations: Counter,
    /// New sessions of a second: the second in the upper half, how many in the lower.
    pub rate: Gauge,
    /// Packets that were not translated, in the order of [`FAILURES`].
    pub failures: [Counter; FAILURES.len()],
}

/// A public address on one worker.
#[derive(Debug, Default)]
#[repr(C, align(32))]
pub struct PublicNat {
    /// Port blocks handed out now.
    pub blocks: Gauge,
    /// Ports in use now, of all protocols together.
    pub ports: Gauge,
    /// The most blocks there were at a time.
    pub most_blocks: Gauge,
    /// The most ports there were at a time.
    pub most_ports: Gauge,
}

/// All that one worker's translation counts.
#[derive(Debug)]
#[repr(align(128))]
pub struct NatCounters {
    tenants: Box<[TenantNat]>,
    publics: Box<[PublicNat]>,
    /// Entries of the session table in use now: sessions, and ports that rest.
    pub entries: Gauge,
    /// The most entries there were at a time.
    pub most_entries: Gauge,
    /// Entries there is room for.
    pub capacity: Gauge,
    /// Packets handed to the worker that owns their sessions.
    pub handed_over: Counter,
    /// The last sweep that was done.
    pub swept: Gauge,
}

impl NatCounters {
    /// Counters for so many VRFs and public addresses, all zero.
    #[must_use]
    pub fn new(vrfs: usize, publics: usize) -> Self {
        Self {
            tenants: (0..vrfs).map(|_| TenantNat::default()).collect(),
            publics: (0..publics).map(|_| PublicNat::default()).collect(),
            entries: Gauge::default(),
            most_entries: Gauge::default(),
            capacity: Gauge::default(),
            handed_over: Counter::default(),
            swept: Gauge::default(),
        }
    }

    /// A tenant's, by VRF.
    #[inline]
    #[must_use]
    pub fn tenant(&self, vrf: VrfId) -> Option<&TenantNat> {
        self.tenants.get(vrf.index())
    }

    /// A public address's.
    #[inline]
    #[must_use]
    pub fn public(&self, id: PublicId) -> Option<&PublicNat> {
        self.publics.get(id.index())
    }

    /// Counts a packet of a tenant that was not translated.
    #[cold]
    pub fn failed(&self, vrf: VrfId, reason: DropReason) {
        let place = FAILURES.iter().position(|failure| *failure == reason);
        if let (Some(tenant), Some(place)) = (self.tenant(vrf), place) {
            tenant.failures[place].add(1);
        }
    }
}
