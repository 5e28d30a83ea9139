//! What the tables shall hold, as far as it is decided: for each name its new value, or that it goes.

use std::cmp::Ordering;
use std::collections::{BTreeMap, btree_map};
use std::iter::Peekable;

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
            let unnamed = beside(current, changes).filter(|(.., named)| named.is_none());
            let gone: Vec<K> = unnamed.map(|(key, ..)| key.clone()).collect();
            changes.extend(gone.into_iter().map(|key| (key, None)));
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

/// Every entry of a map with what another one has for the same name. What is few is looked up name by name; what is many
/// goes along the other map, for both have their names in the same order.
pub(super) fn beside<'a, K: Ord, V, W>(
    map: &'a BTreeMap<K, V>,
    other: &'a BTreeMap<K, W>,
) -> Beside<'a, K, V, W> {
    /// So many entries are passed by in the time of a look-up.
    const PASSED: usize = 16;
    let along = (map.len() >= other.len() / PASSED).then(|| other.iter().peekable());
    Beside { map: map.iter(), other, along }
}

/// See [`beside`].
pub(super) struct Beside<'a, K, V, W> {
    map: btree_map::Iter<'a, K, V>,
    other: &'a BTreeMap<K, W>,
    /// What was not passed by yet.
    along: Option<Peekable<btree_map::Iter<'a, K, W>>>,
}

impl<'a, K: Ord, V, W> Iterator for Beside<'a, K, V, W> {
    type Item = (&'a K, &'a V, Option<&'a W>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.map.next()?;
        let Some(along) = &mut self.along else { return Some((key, value, self.other.get(key))) };
        while let Some((name, found)) = along.peek() {
            match (*name).cmp(key) {
                Ordering::Less => drop(along.next()),
                Ordering::Equal => return Some((key, value, Some(found))),
                Ordering::Greater => break,
            }
        }
        Some((key, value, None))
    }
}

/// How many names there will be, and how many there are at most on the way there: what comes, comes before what goes.
pub(super) fn sizes<K: Ord, V, W>(changes: &Changes<K, V>, current: &BTreeMap<K, W>) -> (usize, usize) {
    let (mut end, mut most) = (current.len(), current.len());
    for (_, value, now) in beside(changes, current) {
        match (now, value) {
            (None, Some(_)) => (end, most) = (end + 1, most + 1),
            (Some(_), None) => end -= 1,
            _ => {}
        }
    }
    (end, most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn few_and_many_find_what_is_beside_them(
            map: BTreeMap<u8, u8>,
            other in proptest::collection::btree_map(any::<u8>(), any::<u8>(), 0..200),
        ) {
            let found: Vec<_> = beside(&map, &other).collect();
            let wanted: Vec<_> = map.iter().map(|(key, value)| (key, value, other.get(key))).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
