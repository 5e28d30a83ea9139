//! From what the tables hold to what they shall hold, in an order in which nothing that stays is ever without a way:
//! what goes first is what nothing else points to, then comes what is new, from the bottom (interfaces, neighbours,
//! ways out) to the top (records, routes, subnets), and last goes, from the top to the bottom, what nothing points
//! to any more. What did not change is not touched.

use std::collections::BTreeSet;

use super::desired::{AdjacencyKey, Desired, Hop, Role, RouteKey};
use super::diff::{Diff, diff};
use super::fabric::{Fabric, WriteError};
use super::neighbors::{Effect, Neighbors};
use super::time::Nanos;
use crate::tables::Grace;

/// What a reload did: networks, virtual subnets, lookup records, routes, ways to hosts and static
/// neighbours together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Applied {
    /// Objects that are new.
    pub added: usize,
    /// Objects that are different.
    pub changed: usize,
    /// Objects that are gone.
    pub removed: usize,
}

impl std::fmt::Display for Applied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} added, {} changed, {} removed", self.added, self.changed, self.removed)
    }
}

impl Applied {
    /// Whether there was nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Counts objects without a key: what is different is gone and new.
    pub(super) fn count_values<T: Ord>(&mut self, old: &[T], new: &[T]) {
        let (old, new): (BTreeSet<_>, BTreeSet<_>) = (old.iter().collect(), new.iter().collect());
        self.added += new.difference(&old).count();
        self.removed += old.difference(&new).count();
    }

    fn count<K, V>(&mut self, diff: &Diff<K, V>) {
        self.added += diff.added.len();
        self.changed += diff.changed.len();
        self.removed += diff.removed.len();
    }
}

/// Makes the tables hold `new`.
///
/// # Errors
/// A table that refuses, which can only be for a worker that stands still. [`Fabric::current`] is then what was
/// reached, and the next reconciliation goes on from there.
pub(super) fn reconcile<G: Grace>(
    fabric: &mut Fabric<G>,
    neighbors: &mut Neighbors,
    now: Nanos,
    new: &Desired,
    effects: &mut Vec<Effect>,
) -> Result<Applied, WriteError> {
    let old = &fabric.current;
    let networks = diff(&old.networks, &new.networks);
    let vrfs = diff(&old.vrfs, &new.vrfs);
    let subnets = diff(&old.subnets, &new.subnets);
    let records = diff(&old.records, &new.records);
    let routes = diff(&old.routes, &new.routes);
    let adjacencies = diff(&old.adjacencies, &new.adjacencies);
    let statics = diff(&old.static_neighbors, &new.static_neighbors);
    let (hops, wanted) = (neighbors_of(old), neighbors_of(new));
    let (locals, vias) = (old.locals.clone(), old.vias.clone());

    let mut applied = Applied::default();
    applied.count(&networks);
    applied.count(&subnets);
    applied.count(&records);
    applied.count(&routes);
    applied.count(&statics);
    // A way out is new or gone with what leads over it; that it leads elsewhere is a change of its own.
    applied.changed += adjacencies.changed.len();

    forget_hosts(fabric, new);
    subnets.removed.into_iter().for_each(|vsid| fabric.drop_subnet(vsid));
    records.removed.into_iter().for_each(|customer| fabric.drop_record(customer));
    locals.difference(&new.locals).for_each(|own| fabric.drop_local(*own));

    vrfs.added.into_iter().try_for_each(|(key, id)| fabric.put_vrf(key, id))?;
    for (key, network) in networks.added {
        fabric.put_network(key, network, neighbors)?;
    }
    for hop in wanted.difference(&hops) {
        neighbors.configure(now, *hop);
    }
    for (hop, mac) in statics.added.into_iter().chain(statics.changed) {
        neighbors.set_static(now, hop, mac, effects);
        fabric.current.static_neighbors.insert(hop, mac);
    }
    for hop in statics.removed {
        neighbors.unset_static(now, hop, effects);
        fabric.current.static_neighbors.remove(&hop);
    }
    for (key, adjacency) in adjacencies.added.into_iter().chain(adjacencies.changed) {
        fabric.put_adjacency(key, adjacency, neighbors)?;
    }
    new.vias.difference(&vias).try_for_each(|via| fabric.put_via(*via))?;
    for (customer, record) in records.changed.into_iter().chain(records.added) {
        fabric.put_record(customer, record)?;
    }
    for (key, goal) in routes.added.into_iter().chain(routes.changed) {
        fabric.put_route(key, goal)?;
    }
    // A network that changes hands does so once its new VRF has its routes.
    for (key, network) in networks.changed {
        fabric.put_network(key, network, neighbors)?;
    }
    for (vsid, subnet) in subnets.added.into_iter().chain(subnets.changed) {
        fabric.put_subnet(vsid, subnet)?;
    }
    new.locals.difference(&locals).try_for_each(|own| fabric.put_local(*own))?;

    routes.removed.into_iter().for_each(|key| fabric.drop_route(key));
    vias.difference(&new.vias).for_each(|via| fabric.drop_via(*via));
    adjacencies.removed.into_iter().for_each(|key| fabric.drop_adjacency(key));
    forget_neighbors(neighbors, &hops, &wanted, new, effects);
    networks.removed.into_iter().for_each(|key| fabric.drop_network(key));
    vrfs.removed.iter().try_for_each(|key| fabric.drop_vrf(key))?;
    Ok(applied)
}

fn neighbors_of(desired: &Desired) -> BTreeSet<Hop> {
    let mut hops = desired.hops();
    hops.extend(desired.static_neighbors.keys());
    hops
}

/// Whether a network of `desired` is where the host of a connected prefix can still be.
fn is_host(desired: &Desired, hop: Hop) -> bool {
    let network = desired.networks.get(&hop.interface);
    network.is_some_and(|n| !n.owns(hop.address) && n.own_address_toward(hop.address).is_some())
}

/// Learned hosts whose address the new configuration routes itself, or that are on no network any more.
fn forget_hosts<G: Grace>(fabric: &mut Fabric<G>, new: &Desired) {
    let stays = |hop: Hop, vrf| {
        let role = new.networks.get(&hop.interface).map(|network| network.role);
        role == Some(Role::External(vrf))
            && is_host(new, hop)
            && !new.adjacencies.contains_key(&AdjacencyKey::Hop(hop))
            && !new.routes.contains_key(&RouteKey { vrf, prefix: hop.address.into() })
    };
    let gone: Vec<_> =
        fabric.hosts().iter().filter(|(hop, vrf)| !stays(**hop, **vrf)).map(|(hop, _)| *hop).collect();
    gone.into_iter().for_each(|hop| fabric.drop_host(hop));
}

/// Neighbours that the configuration named and names no more, and learned ones that are on no network any more.
fn forget_neighbors(
    neighbors: &mut Neighbors,
    before: &BTreeSet<Hop>,
    wanted: &BTreeSet<Hop>,
    new: &Desired,
    effects: &mut Vec<Effect>,
) {
    before.difference(wanted).for_each(|hop| neighbors.remove(*hop, effects));
    let learned = neighbors.iter().filter(|view| !view.configured && !is_host(new, view.hop));
    let gone: Vec<_> = learned.map(|view| view.hop).collect();
    gone.into_iter().for_each(|hop| neighbors.remove(hop, effects));
}
