//! From what the tables hold to what they shall hold, in an order in which nothing that stays is ever without a way:
//! what goes first is what nothing else points to, then comes what is new, from the bottom (interfaces, neighbours,
//! ways out) to the top (records, routes, subnets), and last goes, from the top to the bottom, what nothing points
//! to any more. What did not change is not touched.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::desired::{Adjacency, AdjacencyKey, Desired, Hop, PublicKey, Role, RouteKey, is_single};
use super::diff::{Diff, diff};
use super::draft::{Draft, after};
use super::fabric::{Fabric, WriteError};
use super::neighbors::{Effect, Neighbors};
use super::time::Nanos;
use crate::tables::Grace;

/// What a reload did: networks, virtual subnets, lookup records, routes, ways to hosts, static neighbours, and what
/// translation has of public addresses, bindings and tenants, together.
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

/// Makes the tables hold what a draft says.
///
/// # Errors
/// A table that refuses, which can only be for a worker that stands still. [`Fabric::current`] is then what was
/// reached, and the next reconciliation of everything goes on from there.
pub(super) fn reconcile<G: Grace>(
    fabric: &mut Fabric<G>,
    neighbors: &mut Neighbors,
    now: Nanos,
    draft: &Draft,
    effects: &mut Vec<Effect>,
) -> Result<Applied, WriteError> {
    let old = &fabric.current;
    let networks = diff(&draft.networks, &old.networks);
    let vrfs = diff(&draft.vrfs, &old.vrfs);
    let subnets = diff(&draft.subnets, &old.subnets);
    let records = diff(&draft.records, &old.records);
    let routes = diff(&draft.routes, &old.routes);
    let adjacencies = diff(&draft.adjacencies, &old.adjacencies);
    let statics = diff(&draft.static_neighbors, &old.static_neighbors);
    let locals = diff(&draft.locals, &old.locals);
    let vias = diff(&draft.vias, &old.vias);
    let publics = diff(&draft.publics, &old.publics);
    let bindings = diff(&draft.bindings, &old.bindings);
    let policies = diff(&draft.policies, &old.policies);
    let settings = draft.settings.filter(|settings| *settings != old.settings);
    let forsaken = forsaken_by(old, draft);
    let moved_networks =
        !networks.added.is_empty() || !networks.changed.is_empty() || !networks.removed.is_empty();

    let mut applied = Applied::default();
    applied.count(&networks);
    applied.count(&subnets);
    applied.count(&records);
    applied.count(&routes);
    applied.count(&statics);
    applied.count(&publics);
    applied.count(&bindings);
    applied.count(&policies);
    applied.changed += usize::from(settings.is_some());
    // A way out is new or gone with what leads over it; that it leads elsewhere is a change of its own.
    applied.changed += adjacencies.changed.len();

    let new_publics = !publics.added.is_empty();
    forget_hosts(fabric, draft, moved_networks);
    subnets.removed.into_iter().for_each(|vsid| fabric.drop_subnet(vsid));
    records.removed.into_iter().for_each(|customer| fabric.drop_record(customer));
    locals.removed.into_iter().for_each(|own| fabric.drop_local(own));
    bindings.removed.into_iter().for_each(|key| fabric.drop_binding(key));

    vrfs.added.into_iter().try_for_each(|(key, id)| fabric.put_vrf(key, id))?;
    for (key, network) in networks.added {
        fabric.put_network(key, network, neighbors)?;
    }
    for (_, adjacency) in adjacencies.added.iter().chain(&adjacencies.changed) {
        if let Adjacency::Hop { hop, .. } = adjacency {
            neighbors.configure(now, *hop);
        }
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
    vias.added.into_iter().try_for_each(|(via, ())| fabric.put_via(via))?;
    for (customer, record) in records.changed.into_iter().chain(records.added) {
        fabric.put_record(customer, record)?;
    }
    settings.map_or(Ok(()), |settings| fabric.put_settings(settings))?;
    for (key, public) in publics.changed.into_iter().chain(publics.added) {
        fabric.put_public(key, public)?;
    }
    for (key, to) in bindings.changed.into_iter().chain(bindings.added) {
        fabric.put_binding(key, to)?;
    }
    for (_, policy) in policies.changed.into_iter().chain(policies.added) {
        fabric.put_policy(policy)?;
    }
    for (key, goal) in routes.added.into_iter().chain(routes.changed) {
        fabric.put_route(key, goal)?;
    }
    fabric.settle_revived();
    // A network that changes hands does so once its new VRF has its routes.
    for (key, network) in networks.changed {
        fabric.put_network(key, network, neighbors)?;
    }
    for (vsid, subnet) in subnets.added.into_iter().chain(subnets.changed) {
        fabric.put_subnet(vsid, subnet)?;
    }
    locals.added.into_iter().try_for_each(|(own, ())| fabric.put_local(own))?;

    publics.removed.into_iter().try_for_each(|key| fabric.drop_public(key))?;
    routes.removed.into_iter().try_for_each(|key| fabric.drop_route(key))?;
    policies.removed.into_iter().for_each(|vrf| fabric.drop_policy(vrf));
    vias.removed.into_iter().for_each(|via| fabric.drop_via(via));
    adjacencies.removed.into_iter().for_each(|key| fabric.drop_adjacency(key));
    let unwanted = forsaken.into_iter().filter(|hop| !fabric.wants(*hop));
    unwanted.for_each(|hop| neighbors.remove(hop, effects));
    if moved_networks || new_publics {
        forget_neighbors(fabric, neighbors, draft, effects);
    }
    networks.removed.into_iter().for_each(|key| fabric.drop_network(key));
    vrfs.removed.iter().try_for_each(|key| fabric.drop_vrf(key))?;
    Ok(applied)
}

/// Next hops and static neighbours that a draft takes something away from: nothing may need them after it.
fn forsaken_by(old: &Desired, draft: &Draft) -> BTreeSet<Hop> {
    let hop_of = |adjacency: &Adjacency| match adjacency {
        Adjacency::Hop { hop, .. } => Some(*hop),
        Adjacency::NoRoute | Adjacency::Connected(..) => None,
    };
    let left = draft.adjacencies.iter().filter_map(|(key, new)| {
        let before = hop_of(old.adjacencies.get(key)?)?;
        (new.as_ref().and_then(hop_of) != Some(before)).then_some(before)
    });
    let statics = draft.static_neighbors.iter().filter(|(_, mac)| mac.is_none()).map(|(hop, _)| *hop);
    left.chain(statics.filter(|hop| old.static_neighbors.contains_key(hop))).collect()
}

/// Whether a network of the draft is where the host of a connected prefix can still be.
fn is_host(current: &Desired, draft: &Draft, hop: Hop) -> bool {
    let address = hop.address;
    draft.network(current, hop.interface).is_some_and(|network| {
        let public = match (network.role, address) {
            (Role::External(external), IpAddr::V4(address)) => {
                after(&draft.publics, &current.publics, &PublicKey { external, address }).is_some()
            }
            _ => false,
        };
        !public && !network.owns(address) && network.own_address_toward(address).is_some()
    })
}

/// Learned hosts whose address is public or routed by itself from now on, or that are on no network any more.
fn forget_hosts<G: Grace>(fabric: &mut Fabric<G>, draft: &Draft, moved_networks: bool) {
    let current = &fabric.current;
    let stays = |hop: Hop, vrf| {
        let role = draft.network(current, hop.interface).map(|network| network.role);
        let route = RouteKey { vrf, prefix: hop.address.into() };
        role == Some(Role::External(vrf))
            && is_host(current, draft, hop)
            && after(&draft.adjacencies, &current.adjacencies, &AdjacencyKey::Hop(hop)).is_none()
            && after(&draft.routes, &current.routes, &route).is_none()
    };
    let gone: Vec<_> = if moved_networks {
        fabric.hosts().iter().filter(|(hop, vrf)| !stays(**hop, **vrf)).map(|(hop, _)| *hop).collect()
    } else {
        let ways = draft.adjacencies.keys().filter_map(|key| match key {
            AdjacencyKey::Hop(hop) => Some(*hop),
            AdjacencyKey::Peer(_) | AdjacencyKey::Connected(..) => None,
        });
        let routed = draft.routes.keys().filter(|key| is_single(&key.prefix));
        let routed = routed.flat_map(|key| fabric.hosts_at(key.prefix.addr()));
        let public = draft.publics.keys().flat_map(|key| fabric.hosts_at(key.address.into()));
        let touched: BTreeSet<_> = ways.chain(routed).chain(public).collect();
        let hosts = fabric.hosts();
        touched.into_iter().filter(|hop| hosts.get(hop).is_some_and(|vrf| !stays(*hop, *vrf))).collect()
    };
    gone.into_iter().for_each(|hop| fabric.drop_host(hop));
}

/// Learned neighbours that are on no network any more, or whose address is public.
fn forget_neighbors<G: Grace>(
    fabric: &Fabric<G>,
    neighbors: &mut Neighbors,
    draft: &Draft,
    effects: &mut Vec<Effect>,
) {
    let learned =
        neighbors.iter().filter(|view| !view.configured && !is_host(&fabric.current, draft, view.hop));
    let gone: Vec<_> = learned.map(|view| view.hop).collect();
    gone.into_iter().for_each(|hop| neighbors.remove(hop, effects));
}
