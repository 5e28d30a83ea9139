//! Policers: how much a worker hands to the control thread.
//!
//! Every packet for the control thread passes a token bucket of its port and one of where it came from: a network or
//! a tenant. One whose next hop is unknown passes that next hop's as well. All of them must have a token, and only
//! then is one taken from each; so a flood uses up what is its own, and of what it shares with others only as much as
//! its own allows. Each class has buckets of its own, so that a flood of one kind takes nothing from another.
//!
//! A bucket is one number: when it will be full again. To refuse a packet costs reading two or three of them.

use nvgw_types::{NeighborId, PortId};

use crate::tables::exchange::{Ingress, Millis, Punt};
use crate::tables::set::TableLimits;
use crate::telemetry::PuntClass;

/// How many may pass.
#[derive(Debug, Clone, Copy)]
struct Rate {
    /// Microseconds until there is one more.
    gap: u64,
    /// How many there are at most, at once.
    burst: u64,
}

impl Rate {
    const fn new(per_second: u64, burst: u64) -> Self {
        assert!(1_000_000 % per_second == 0 && burst > 0);
        Self { gap: 1_000_000 / per_second, burst }
    }

    /// Takes one from a bucket that will be full at `full`: when it will be full then. `None`: it is empty.
    #[inline(always)]
    fn take(self, full: u64, now: u64) -> Option<u64> {
        let next = full.max(now) + self.gap;
        (next - now <= self.gap * self.burst).then_some(next)
    }
}

/// How many packets of one class a worker hands over.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    /// From each port.
    port: Rate,
    /// From each network or tenant.
    each: Rate,
}

const fn allowance(port: (u64, u64), each: (u64, u64)) -> Allowance {
    Allowance { port: Rate::new(port.0, port.1), each: Rate::new(each.0, each.1) }
}

/// What each class is allowed: a second, and at once; of a port, and of each network or tenant on it.
///
/// The measure is what real networks do on their worst day. All classes of a port together are 44,000 a second, which
/// keep the control thread busy for about a tenth of its time: a packet takes it two to four microseconds. Beyond that,
/// with many ports and workers, its queues drop what is less important.
const fn allowed(class: PuntClass) -> Allowance {
    match class {
        // A power failure: thousands of hosts come back within a second, and ask for the gateway once or twice.
        PuntClass::Neighbor => allowance((8_000, 4_096), (4_000, 2_048)),
        // The same, for VMs. A tenant has fewer, and what they are answered lasts for half a minute.
        PuntClass::OverlayNeighbor => allowance((8_000, 4_096), (1_000, 1_024)),
        // Neighbour discovery and router solicitations, but nobody vouches for the sender.
        PuntClass::OverlayLinkLocal => allowance((2_000, 1_024), (250, 256)),
        // One for each host would do; a few more are held until it answers.
        PuntClass::Unresolved => allowance((20_000, 4_096), (1_000, 512)),
        // People's pings, monitoring, and the answers to the gateway's own probes.
        PuntClass::Local => allowance((1_000, 1_024), (500, 512)),
        PuntClass::OverlayLocal => allowance((1_000, 1_024), (250, 256)),
        // All packets of a VM until its record is made, and of one that gets none.
        PuntClass::Learn => allowance((2_000, 2_048), (1_000, 1_024)),
        // The control thread tells a hundred senders of a VRF in a second; of many packets nobody may be told.
        PuntClass::Error => allowance((2_000, 2_000), (1_000, 1_000)),
    }
}

/// [`allowed`], by the class's index.
const ALLOWED: [Allowance; PuntClass::COUNT] = {
    let mut all = [allowed(PuntClass::Neighbor); _];
    let mut index = 0;
    while index < all.len() {
        all[index] = allowed(PuntClass::ALL[index]);
        index += 1;
    }
    all
};

/// What each next hop is allowed that is unknown: a dead one that everybody wants uses up a fifth of a port's. It is
/// more than what one tenant is allowed, since one identifier stands for all hosts of a connected network.
const NEXT_HOP: Rate = Rate::new(4_000, 2_048);

/// Buckets of next hops. Those whose identifiers fall together share one: identifiers are given out in a row, so that
/// only thousands of unknown next hops do.
const NEXT_HOPS: usize = 1 << 12;

/// The bucket of a next hop (Fibonacci hashing: what is in a row falls far apart).
#[inline(always)]
const fn place(next_hop: NeighborId) -> usize {
    (next_hop.0.wrapping_mul(0x9e37_79b1) >> (32 - NEXT_HOPS.trailing_zeros())) as usize
}

/// When the bucket of each class will be full again, in microseconds: one cache line.
type Buckets = [u64; PuntClass::COUNT];

/// A worker's token buckets.
#[derive(Debug)]
pub(super) struct Police {
    ports: Box<[Buckets]>,
    tenants: Box<[Buckets]>,
    interfaces: Box<[Buckets]>,
    next_hops: Box<[u64]>,
}

impl Police {
    /// Full buckets for all ports, VRFs and interfaces that the tables have room for.
    pub(super) fn new(limits: &TableLimits) -> Self {
        // Interfaces count from 1. The system gives memory to those that are used.
        let full = |count: usize| vec![[0; _]; count + 1].into_boxed_slice();
        Self {
            ports: full(limits.ports),
            tenants: full(limits.vrfs),
            interfaces: full(limits.interfaces),
            next_hops: vec![0; NEXT_HOPS].into_boxed_slice(),
        }
    }

    /// Whether the control thread may have one more packet of a class, which came in by a port. Takes a token from
    /// each of the packet's buckets, or from none.
    #[inline]
    pub(super) fn admits(&mut self, now: Millis, port: PortId, class: PuntClass, punt: &Punt) -> bool {
        let now = now.0.saturating_mul(1_000);
        let allowed = &ALLOWED[class.index()];
        let each = match punt.ingress() {
            Ingress::Tenant(vrf) => self.tenants.get_mut(vrf.index()),
            Ingress::Outside(interface) => self.interfaces.get_mut(usize::from(interface.0)),
        };
        let (Some(port), Some(each)) = (self.ports.get_mut(port.index()), each) else { return false };
        let (port, each) = (&mut port[class.index()], &mut each[class.index()]);
        let (Some(after_each), Some(after_port)) =
            (allowed.each.take(*each, now), allowed.port.take(*port, now))
        else {
            return false;
        };
        if let Punt::Unresolved { neighbor, .. } = punt {
            let next_hop = &mut self.next_hops[place(*neighbor)];
            let Some(after) = NEXT_HOP.take(*next_hop, now) else { return false };
            *next_hop = after;
        }
        (*each, *port) = (after_each, after_port);
        true
    }
}

#[cfg(test)]
mod tests;
