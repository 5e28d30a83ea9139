//! How many objects there are of a kind, counted once for each change: a scrape of a gateway with a million records
//! must not walk them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use nvgw_types::VrfId;

use super::desired::Desired;

/// What a VRF has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct VrfSize {
    pub(super) subnets: usize,
    pub(super) records: usize,
    pub(super) routes: usize,
}

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Census {
    vrfs: BTreeMap<VrfId, VrfSize>,
    /// Lookup records by the provider address that they name.
    peers: BTreeMap<Ipv4Addr, usize>,
}

impl Census {
    /// Counts.
    pub(super) fn of(desired: &Desired) -> Self {
        let mut census = Self::default();
        for subnet in desired.subnets.values() {
            census.vrfs.entry(subnet.vrf).or_default().subnets += 1;
        }
        for (customer, record) in &desired.records {
            census.vrfs.entry(customer.vrf).or_default().records += 1;
            *census.peers.entry(record.peer).or_default() += 1;
        }
        for route in desired.routes.keys() {
            census.vrfs.entry(route.vrf).or_default().routes += 1;
        }
        census
    }

    /// What a VRF has, hosts that were learned aside.
    pub(super) fn vrf(&self, vrf: VrfId) -> VrfSize {
        self.vrfs.get(&vrf).copied().unwrap_or_default()
    }

    /// The provider addresses that records name, and how many do.
    pub(super) fn peers(&self) -> impl Iterator<Item = (Ipv4Addr, usize)> {
        self.peers.iter().map(|(peer, records)| (*peer, *records))
    }
}
