//! One object's change, which can be made and taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use nvgw_types::{Family, MacAddr, VrfId, Vsid};

use super::{
    CustomerRouteKey, Index, Model, OwnAddress, Owned, PlacedRecord, ProviderRoute, ProviderRouteKey, Subnet,
    Suspended, Tenant,
};
use crate::control::desired::{Customer, Hop, VrfKey};
use crate::control::owner::Owner;

/// What an object was and what it is from then on; `None`: not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::control) struct Swap<K, V> {
    pub(in crate::control) key: K,
    pub(in crate::control) before: Option<V>,
    pub(in crate::control) after: Option<V>,
}

impl<K: Ord + Clone, V: Clone> Swap<K, V> {
    /// A change of what a map holds now.
    pub(super) fn of(map: &BTreeMap<K, V>, key: K, after: Option<V>) -> Self {
        Self { before: map.get(&key).cloned(), key, after }
    }

    fn put(&self, map: &mut BTreeMap<K, V>, way: Way) {
        match self.sides(way).1 {
            Some(value) => drop(map.insert(self.key.clone(), value.clone())),
            None => drop(map.remove(&self.key)),
        }
    }

    fn reversed(&self) -> Self {
        Self { key: self.key.clone(), before: self.after.clone(), after: self.before.clone() }
    }

    /// What goes and what comes.
    fn sides(&self, way: Way) -> (Option<&V>, Option<&V>) {
        match way {
            Way::Make => (self.before.as_ref(), self.after.as_ref()),
            Way::TakeBack => (self.after.as_ref(), self.before.as_ref()),
        }
    }
}

/// Whether an edit is made or taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::control) enum Way {
    Make,
    TakeBack,
}

/// The change of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::control) enum Edit {
    Tenant(Swap<String, Owned<Tenant>>),
    Subnet(Swap<Vsid, Owned<Subnet>>),
    Record(Swap<Customer, PlacedRecord>),
    CustomerRoute(Swap<CustomerRouteKey, Owned<IpAddr>>),
    Address(Swap<IpAddr, OwnAddress>),
    ProviderRoute(Swap<ProviderRouteKey, ProviderRoute>),
    Neighbor(Swap<Hop, Owned<MacAddr>>),
    Suspended(Swap<String, Suspended>),
}

impl Edit {
    /// The edit that takes this one back.
    pub(in crate::control) fn reversed(&self) -> Self {
        match self {
            Self::Tenant(swap) => Self::Tenant(swap.reversed()),
            Self::Subnet(swap) => Self::Subnet(swap.reversed()),
            Self::Record(swap) => Self::Record(swap.reversed()),
            Self::CustomerRoute(swap) => Self::CustomerRoute(swap.reversed()),
            Self::Address(swap) => Self::Address(swap.reversed()),
            Self::ProviderRoute(swap) => Self::ProviderRoute(swap.reversed()),
            Self::Neighbor(swap) => Self::Neighbor(swap.reversed()),
            Self::Suspended(swap) => Self::Suspended(swap.reversed()),
        }
    }
}

impl Model {
    /// Makes an edit, or takes it back.
    pub(in crate::control) fn edit(&mut self, edit: &Edit, way: Way) {
        match edit {
            Edit::Tenant(swap) => {
                let (gone, come) = swap.sides(way);
                let key = VrfKey::Tenant(swap.key.clone());
                if let Some(Owned { value: gone, .. }) = gone {
                    self.index.note_tenant(&swap.key, gone, false);
                    self.vrfs.remove(&key);
                    self.leaving.insert(key.clone(), gone.vrf);
                }
                if let Some(Owned { value: come, .. }) = come {
                    self.index.note_tenant(&swap.key, come, true);
                    self.leaving.remove(&key);
                    self.vrfs.insert(key, come.vrf);
                    self.index.vrfs.insert(come.vrf);
                    while self.index.vrfs.contains(&VrfId(self.index.vrfs_from)) {
                        self.index.vrfs_from += 1;
                    }
                }
                swap.put(&mut self.tenants, way);
            }
            Edit::Subnet(swap) => {
                let (gone, come) = swap.sides(way);
                fn places(subnet: &Owned<Subnet>) -> impl Iterator<Item = (VrfId, IpAddr)> {
                    let Subnet { vrf, prefixes, .. } = &subnet.value;
                    prefixes.iter().map(|own| (*vrf, own.prefix.network()))
                }
                if let Some(gone) = gone {
                    for place in places(gone) {
                        self.index.prefixes.remove(&place);
                    }
                    self.index.empty.remove(&swap.key);
                }
                if let Some(come) = come {
                    self.index.prefixes.extend(places(come).map(|place| (place, swap.key)));
                    if !self.index.records.contains_key(&swap.key) {
                        self.index.empty.insert(swap.key);
                    }
                }
                swap.put(&mut self.subnets, way);
            }
            Edit::Record(swap) => {
                let (gone, come) = swap.sides(way);
                gone.into_iter().for_each(|record| self.index.count_record(record, false));
                come.into_iter().for_each(|record| self.index.count_record(record, true));
                swap.put(&mut self.records, way);
            }
            Edit::CustomerRoute(swap) => {
                let (gone, come) = swap.sides(way);
                let via = |address: IpAddr| Customer { vrf: swap.key.0, address };
                gone.into_iter().for_each(|hop| count(&mut self.index.next_hops, via(hop.value), false));
                come.into_iter().for_each(|hop| count(&mut self.index.next_hops, via(hop.value), true));
                swap.put(&mut self.customer_routes, way);
            }
            Edit::Address(swap) => swap.put(&mut self.addresses, way),
            Edit::ProviderRoute(swap) => swap.put(&mut self.provider_routes, way),
            Edit::Neighbor(swap) => swap.put(&mut self.neighbors, way),
            Edit::Suspended(swap) => swap.put(&mut self.suspended, way),
        }
    }

    /// Takes edits back, the last one first.
    pub(in crate::control) fn take_back(&mut self, edits: &[Edit]) {
        edits.iter().rev().for_each(|edit| self.edit(edit, Way::TakeBack));
        self.settle();
    }

    /// Notes that the tables hold what the model says: identifiers of VRFs that are gone are free again.
    pub(in crate::control) fn settle(&mut self) {
        for vrf in std::mem::take(&mut self.leaving).into_values() {
            self.release(vrf);
        }
    }
}

impl Model {
    /// Notes VRFs that are gone, but whose identifiers workers may still know.
    pub(in crate::control) fn keep(&mut self, gone: &BTreeSet<VrfId>) {
        self.index.vrfs.extend(gone);
    }

    /// Notes that no worker knows the identifier of a VRF any more that is gone.
    pub(in crate::control) fn release(&mut self, vrf: VrfId) {
        self.index.vrfs.remove(&vrf);
        self.index.vrfs_from = self.index.vrfs_from.min(vrf.0);
    }
}

impl Index {
    fn note_tenant(&mut self, name: &str, tenant: &Tenant, comes: bool) {
        put(&mut self.tenants, tenant.vrf, name.to_owned(), comes);
        for prefix in &tenant.public_prefixes {
            put(&mut self.public_prefixes, prefix.network(), (*prefix, name.to_owned()), comes);
            let number = &mut self.external_routes[Family::of(prefix.addr()) as usize];
            *number = if comes { *number + 1 } else { *number - 1 };
        }
        if let Some(domain) = &tenant.routing_domain {
            put(&mut self.domains, domain.to_ascii_lowercase(), name.to_owned(), comes);
        }
        if let (Some(nat), Some(external)) = (&tenant.nat, tenant.external) {
            for pool in &nat.pools {
                count(&mut self.pools, (external, pool.first, pool.last), comes);
            }
            let single = nat.statics.iter().map(|one| one.public);
            for public in single.chain(nat.forwards.iter().map(|forward| forward.public)) {
                count(&mut self.publics, (external, public), comes);
            }
        }
        if comes && tenant.external.is_none() {
            self.inside.insert(name.to_owned());
        } else {
            self.inside.remove(name);
        }
    }

    fn count_record(&mut self, placed: &PlacedRecord, comes: bool) {
        let record = &placed.record.value;
        count(&mut self.records, record.vsid, comes);
        if self.records.contains_key(&record.vsid) {
            self.empty.remove(&record.vsid);
        } else {
            self.empty.insert(record.vsid);
        }
        count(&mut self.hosts, (record.vsid, placed.provider(), record.mac), comes);
        if placed.moved.is_some() {
            count(&mut self.hosts, (record.vsid, record.provider, record.mac), comes);
        }
        count(&mut self.peers, placed.provider(), comes);
        if placed.record.owner == Owner::Learned {
            count(&mut self.learned, record.vsid, comes);
            count(&mut self.stations, (record.vsid, record.mac), comes);
        }
    }
}

/// Puts a value in, or takes it out.
fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V, comes: bool) {
    if comes {
        map.insert(key, value);
    } else {
        map.remove(&key);
    }
}

/// Counts one more or one less of a key; what there is none of has no entry.
fn count<K: Ord>(counts: &mut BTreeMap<K, usize>, key: K, comes: bool) {
    if comes {
        *counts.entry(key).or_default() += 1;
    } else if let Some(number) = counts.get_mut(&key) {
        *number -= 1;
        if *number == 0 {
            counts.remove(&key);
        }
    }
}
