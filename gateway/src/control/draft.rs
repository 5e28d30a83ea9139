//! What the tables shall hold, as far as it is decided: for each name its new value, or that it goes.

use std::collections::BTreeMap;

use nvgw_types::{MacAddr, VrfId, Vsid};

use super::desired::{
    Adjacency, AdjacencyKey, Customer, Desired, Goal, Hop, InterfaceKey, Network, Public, PublicKey, Record,
    RouteKey, Settings, Subnet, VrfKey,
};
use crate::tables::entries::{BindingKey, Endpoint, NatPolicy};

/// New values of some names of a map; `None`: the name goes.
pub(super) type Changes<K, V> = BTreeMap<K, Option<V>>;

/// New values of some names of all maps.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Draft {
    pub(super) vrfs: Changes<VrfKey, VrfId>,
    pub(super) networks: Changes<InterfaceKey, Network>,
    pub(super) locals: Changes<Hop, ()>,
    pub(super) subnets: Changes<Vsid, Subnet>,
    pub(super) records: Changes<Customer, Record>,
    pub(super) routes: Changes<RouteKey, Goal>,
    pub(super) adjacencies: Changes<AdjacencyKey, Adjacency>,
    pub(super) vias: Changes<Customer, ()>,
    pub(super) static_neighbors: Changes<Hop, MacAddr>,
    pub(super) publics: Changes<PublicKey, Public>,
    pub(super) bindings: Changes<BindingKey, Endpoint>,
    pub(super) policies: Changes<VrfId, NatPolicy>,
    /// `None`: as before.
    pub(super) settings: Option<Settings>,
}

impl Draft {
    /// Adds that everything goes that `current` has and the draft does not name: the draft is then all there shall
    /// be.
    pub(super) fn replaces(&mut self, current: &Desired) {
        fn rest<K: Ord + Clone, V, W>(changes: &mut Changes<K, V>, current: &BTreeMap<K, W>) {
            for key in current.keys() {
                if !changes.contains_key(key) {
                    changes.insert(key.clone(), None);
                }
            }
        }
        rest(&mut self.vrfs, &current.vrfs);
        rest(&mut self.networks, &current.networks);
        rest(&mut self.locals, &current.locals);
        rest(&mut self.subnets, &current.subnets);
        rest(&mut self.records, &current.records);
        rest(&mut self.routes, &current.routes);
        rest(&mut self.adjacencies, &current.adjacencies);
        rest(&mut self.vias, &current.vias);
        rest(&mut self.static_neighbors, &current.static_neighbors);
        rest(&mut self.publics, &current.publics);
        rest(&mut self.bindings, &current.bindings);
        rest(&mut self.policies, &current.policies);
    }

    /// What tables hold that held nothing before.
    #[cfg(test)]
    pub(super) fn into_desired(self) -> Desired {
        fn values<K: Ord, V>(changes: Changes<K, V>) -> BTreeMap<K, V> {
            changes.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
        }
        Desired {
            vrfs: values(self.vrfs),
            networks: values(self.networks),
            locals: values(self.locals),
            subnets: values(self.subnets),
            records: values(self.records),
            routes: values(self.routes),
            adjacencies: values(self.adjacencies),
            vias: values(self.vias),
            static_neighbors: values(self.static_neighbors),
            publics: values(self.publics),
            bindings: values(self.bindings),
            policies: values(self.policies),
            settings: self.settings.unwrap_or_default(),
        }
    }

    /// A network as it will be.
    pub(super) fn network<'a>(&'a self, current: &'a Desired, key: InterfaceKey) -> Option<&'a Network> {
        after(&self.networks, &current.networks, &key)
    }
}

/// The value of a name as it will be.
pub(super) fn after<'a, K: Ord, V>(
    changes: &'a Changes<K, V>,
    current: &'a BTreeMap<K, V>,
    key: &K,
) -> Option<&'a V> {
    changes.get(key).map_or_else(|| current.get(key), Option::as_ref)
}

/// How many names there will be, and how many there are at most on the way there: what comes, comes before what goes.
pub(super) fn sizes<K: Ord, V>(changes: &Changes<K, V>, current: &BTreeMap<K, V>) -> (usize, usize) {
    let (mut end, mut most) = (current.len(), current.len());
    for (key, value) in changes {
        match (current.contains_key(key), value) {
            (false, Some(_)) => (end, most) = (end + 1, most + 1),
            (true, None) => end -= 1,
            _ => {}
        }
    }
    (end, most)
}
