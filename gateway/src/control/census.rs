//! How many objects each VRF has, kept up to date with each change: a scrape of a gateway with a million records must
//! not walk them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use nvgw_types::VrfId;

use super::desired::Desired;
use super::draft::{Changes, Draft, beside};

/// What a VRF has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct VrfSize {
    pub(super) subnets: usize,
    pub(super) records: usize,
    pub(super) routes: usize,
}

/// The counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Census(BTreeMap<VrfId, VrfSize>);

impl Census {
    /// Counts everything.
    pub(super) fn of(desired: &Desired) -> Self {
        let mut census = Self::default();
        desired.subnets.values().for_each(|s| census.0.entry(s.vrf).or_default().subnets += 1);
        desired.records.keys().for_each(|customer| census.0.entry(customer.vrf).or_default().records += 1);
        desired.routes.keys().for_each(|route| census.0.entry(route.vrf).or_default().routes += 1);
        census
    }

    /// Counts what a draft is about to change.
    pub(super) fn expect(&mut self, current: &Desired, draft: &Draft) {
        self.follow(&draft.subnets, &current.subnets, |_, subnet| subnet.vrf, |size| &mut size.subnets);
        self.follow(&draft.records, &current.records, |customer, _| customer.vrf, |size| &mut size.records);
        self.follow(&draft.routes, &current.routes, |route, _| route.vrf, |size| &mut size.routes);
    }

    fn follow<K: Ord, V>(
        &mut self,
        changes: &Changes<K, V>,
        current: &BTreeMap<K, V>,
        vrf: impl Fn(&K, &V) -> VrfId,
        number: impl Fn(&mut VrfSize) -> &mut usize,
    ) {
        for (key, value, old) in beside(changes, current) {
            let (comes, goes) = (value.as_ref().map(|new| vrf(key, new)), old.map(|old| vrf(key, old)));
            if comes == goes {
                continue;
            }
            if let Some(vrf) = comes {
                *number(self.0.entry(vrf).or_default()) += 1;
            }
            if let Some(vrf) = goes
                && let Entry::Occupied(mut size) = self.0.entry(vrf)
            {
                *number(size.get_mut()) -= 1;
                if *size.get() == VrfSize::default() {
                    size.remove();
                }
            }
        }
    }

    /// What a VRF has, hosts that were learned aside.
    pub(super) fn vrf(&self, vrf: VrfId) -> VrfSize {
        self.0.get(&vrf).copied().unwrap_or_default()
    }
}
