//! The tables, and what they hold by name.
//!
//! Every method writes a table first and then notes the same in [`Fabric::current`], entry by entry: whatever happens
//! in between, the next reconciliation starts from what workers really see.

mod nat;
mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU32;

use ipnet::IpNet;
use nvgw_types::{AdjacencyId, Family, InterfaceId, MacAddr, ViaId, VrfId, Vsid};

use super::PortHardware;
use super::desired::{
    Adjacency, AdjacencyKey, Customer, Desired, Goal, Hop, InterfaceKey, Network, Role, RouteKey, Subnet,
    VrfKey,
};
use super::nat::Leftovers;
use super::neighbors::{Neighbors, hosts_of};
use crate::tables::entries::{
    self, Interface, InterfaceKind, Reach, Rewrite, RewriteSpec, Target, Via, from_ip,
};
use crate::tables::set::{LocalAddress, TableWriters, no_way};
use crate::tables::{Grace, ReadersStalled, RouteError, Shape, TableError};

/// Why a table was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// A table of entries refused.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A routing table refused.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// A worker does not let go of what was replaced.
    #[error(transparent)]
    Stalled(#[from] ReadersStalled),
    /// An entry refers to one that is not there.
    #[error("the tables hold no {0}")]
    Missing(&'static str),
}

type Written = Result<(), WriteError>;

/// The tables, and what they hold by name.
pub(super) struct Fabric<G> {
    pub(super) writers: TableWriters,
    grace: G,
    hardware: Vec<PortHardware>,
    /// What the tables hold, learned hosts aside.
    pub(super) current: Desired,
    /// How many routes of each family `current` has.
    routes: [usize; 2],
    /// Hosts of connected prefixes that were learned, with the VRF of their host route.
    hosts: BTreeMap<Hop, VrfId>,
    interfaces: BTreeMap<InterfaceKey, InterfaceId>,
    keys: BTreeMap<InterfaceId, InterfaceKey>,
    adjacencies: BTreeMap<AdjacencyKey, AdjacencyId>,
    /// The adjacencies over each next hop.
    users: BTreeMap<Hop, BTreeSet<AdjacencyKey>>,
    vias: BTreeMap<Customer, ViaId>,
    /// Customer addresses with a record that other routes lead to than their subnets'.
    off_link: BTreeSet<Customer>,
    /// What workers may still know of translation that is configured no more.
    pub(super) nat: Leftovers,
}

impl<G: Grace> Fabric<G> {
    pub(super) fn new(writers: TableWriters, grace: G, hardware: Vec<PortHardware>) -> Self {
        Self {
            writers,
            grace,
            hardware,
            current: Desired::default(),
            routes: [0; 2],
            hosts: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            keys: BTreeMap::new(),
            adjacencies: BTreeMap::new(),
            users: BTreeMap::new(),
            vias: BTreeMap::new(),
            off_link: BTreeSet::new(),
            nat: Leftovers::default(),
        }
    }

    /// Lets tables reuse what no worker holds any more.
    pub(super) fn reclaim(&mut self) {
        self.writers.reclaim(&self.grace);
    }

    /// The name of an interface.
    pub(super) fn interface_key(&self, id: InterfaceId) -> Option<InterfaceKey> {
        self.keys.get(&id).copied()
    }

    /// The network of an interface.
    pub(super) fn network(&self, key: InterfaceKey) -> Option<&Network> {
        self.current.networks.get(&key)
    }

    /// Our Ethernet address on an interface.
    pub(super) fn mac(&self, key: InterfaceKey) -> MacAddr {
        self.hardware[key.port.index()].mac
    }

    /// Whether the device under an interface fills in the checksums of IPv4 headers.
    fn sums_headers(&self, key: InterfaceKey) -> bool {
        self.hardware[key.port.index()].sums_headers
    }

    /// How many routes of a family the configuration has in the tables.
    pub(super) fn routes(&self, family: Family) -> usize {
        self.routes[family as usize]
    }

    /// The way to a host's provider address, if some record names it.
    pub(super) fn way_to_peer(&self, peer: IpAddr) -> Option<AdjacencyId> {
        self.adjacencies.get(&AdjacencyKey::Peer(peer)).copied()
    }

    /// How many adjacencies lead over a next hop.
    pub(super) fn users(&self, hop: Hop) -> usize {
        self.users.get(&hop).map_or(0, BTreeSet::len)
    }

    /// The next hops that lead to provider addresses of hosts, each with those.
    pub(super) fn hops_to_peers(&self) -> impl Iterator<Item = (Hop, impl Iterator<Item = IpAddr>)> {
        fn peer(key: &AdjacencyKey) -> Option<IpAddr> {
            match key {
                AdjacencyKey::Peer(peer) => Some(*peer),
                AdjacencyKey::Hop(_) | AdjacencyKey::Connected(..) => None,
            }
        }
        // Peers come first among the keys.
        let over = self.users.iter().filter(|(_, keys)| keys.first().and_then(peer).is_some());
        over.map(|(hop, keys)| (*hop, keys.iter().filter_map(peer)))
    }

    /// Hosts of connected prefixes that were learned.
    pub(super) fn hosts(&self) -> &BTreeMap<Hop, VrfId> {
        &self.hosts
    }

    /// Learned hosts of an address, on whatever network.
    pub(super) fn hosts_at(&self, address: IpAddr) -> impl Iterator<Item = Hop> {
        let interfaces = self.current.networks.keys();
        let hops = interfaces.map(move |interface| Hop { interface: *interface, address });
        hops.filter(|hop| self.hosts.contains_key(hop))
    }

    /// Whether what the tables shall hold needs a neighbour; that of a learned host is needed by nothing else.
    pub(super) fn wants(&self, hop: Hop) -> bool {
        let users = self.users.get(&hop).into_iter().flatten();
        self.current.static_neighbors.contains_key(&hop)
            || users.into_iter().any(|key| self.current.adjacencies.contains_key(key))
    }

    pub(super) fn put_vrf(&mut self, key: VrfKey, id: VrfId) -> Written {
        let shape = match key {
            VrfKey::Tenant(_) => Shape::Tenant,
            VrfKey::External(_) => Shape::External,
        };
        self.writers.ipv4_routes.create_vrf(id, shape, &self.grace)?;
        if let Err(error) = self.writers.ipv6_routes.create_vrf(id, shape, &self.grace) {
            self.writers.ipv4_routes.remove_vrf(id, &self.grace)?;
            return Err(error.into());
        }
        self.current.vrfs.insert(key, id);
        Ok(())
    }

    pub(super) fn drop_vrf(&mut self, key: &VrfKey) -> Written {
        if let Some(id) = self.current.vrfs.get(key).copied() {
            self.cut_draining_of(id);
            self.writers.ipv4_routes.remove_vrf(id, &self.grace)?;
            self.writers.ipv6_routes.remove_vrf(id, &self.grace)?;
            self.current.vrfs.remove(key);
            self.nat.leave(id);
        }
        Ok(())
    }

    pub(super) fn put_network(
        &mut self,
        key: InterfaceKey,
        network: Network,
        neighbors: &Neighbors,
    ) -> Written {
        let hardware = self.hardware[key.port.index()];
        let kind = match network.role {
            Role::Site => InterfaceKind::Provider,
            Role::External(vrf) => InterfaceKind::External(vrf),
        };
        let value = Interface { kind, port: key.port, mac: hardware.mac, check_mac: hardware.check_mac };
        match self.interfaces.get(&key) {
            Some(id) => {
                if self.writers.interfaces.get(*id) != Some(&value) {
                    self.writers.interfaces.update(*id, value, &self.grace)?;
                }
            }
            None => {
                let id = self.writers.interfaces.create(key.vlan, value, &self.grace)?;
                self.interfaces.insert(key, id);
                self.keys.insert(id, key);
            }
        }
        let old = self.current.networks.insert(key, network);
        if old.is_some_and(|old| old.mtu != self.current.networks[&key].mtu) {
            self.refresh_interface(key, neighbors)?;
        }
        Ok(())
    }

    pub(super) fn drop_network(&mut self, key: InterfaceKey) {
        self.writers.interfaces.remove(key.port, key.vlan, &self.grace);
        if let Some(id) = self.interfaces.remove(&key) {
            self.keys.remove(&id);
        }
        self.current.networks.remove(&key);
    }

    pub(super) fn put_local(&mut self, own: Hop) -> Written {
        let interface = self.interface(own.interface)?;
        let value = LocalAddress { interface, address: from_ip(own.address) };
        self.writers.locals.upsert(value, &self.grace)?;
        self.current.locals.insert(own, ());
        Ok(())
    }

    pub(super) fn drop_local(&mut self, own: Hop) {
        self.writers.locals.remove(&LocalAddress::key_of(from_ip(own.address)), &self.grace);
        self.current.locals.remove(&own);
    }

    pub(super) fn put_subnet(&mut self, vsid: Vsid, subnet: Subnet) -> Written {
        let value = entries::Subnet::new(
            vsid,
            subnet.vrf,
            subnet.gateway_mac,
            subnet.sender_mode,
            subnet.prefixes.iter().map(|own| own.prefix),
        );
        self.writers.subnets.upsert(value, &self.grace)?;
        self.current.subnets.insert(vsid, subnet);
        Ok(())
    }

    pub(super) fn drop_subnet(&mut self, vsid: Vsid) {
        self.writers.subnets.remove(vsid, &self.grace);
        self.current.subnets.remove(&vsid);
    }

    pub(super) fn put_via(&mut self, via: Customer) -> Written {
        let id = ViaId(self.writers.vias.create(Via { address: from_ip(via.address) }, &self.grace)?);
        self.vias.insert(via, id);
        self.current.vias.insert(via, ());
        Ok(())
    }

    pub(super) fn drop_via(&mut self, via: Customer) {
        if let Some(id) = self.vias.remove(&via) {
            self.writers.vias.remove(id.0, &self.grace);
        }
        self.current.vias.remove(&via);
    }

    pub(super) fn put_route(&mut self, key: RouteKey, goal: Goal) -> Written {
        let adjacency =
            |key| self.adjacencies.get(&key).copied().ok_or(WriteError::Missing("way to the next hop"));
        let target = match goal {
            Goal::Local => Target::Local,
            Goal::Discard => Target::Discard,
            Goal::Subnet => Target::Subnet,
            Goal::Vrf(vrf) => Target::Vrf(vrf),
            Goal::Translate(vrf) => Target::Translate(vrf),
            Goal::Public => Target::Public,
            Goal::Via(via) => {
                Target::Via(*self.vias.get(&via).ok_or(WriteError::Missing("customer next hop"))?)
            }
            Goal::Hop(hop) => Target::Adjacency(adjacency(AdjacencyKey::Hop(hop))?),
            Goal::Connected(interface) => {
                let family = Family::of(key.prefix.addr());
                Target::Adjacency(adjacency(AdjacencyKey::Connected(interface, family))?)
            }
        };
        self.yield_to(key, goal)?;
        self.write_route(key, target)?;
        self.settle_records(key, Some(target))?;
        if self.current.routes.insert(key, goal).is_none() {
            self.routes[Family::of(key.prefix.addr()) as usize] += 1;
        }
        Ok(())
    }

    pub(super) fn drop_route(&mut self, key: RouteKey) -> Written {
        if !self.drains(key) {
            self.erase_route(key);
        }
        self.settle_records(key, None)?;
        if self.current.routes.remove(&key).is_some() {
            self.routes[Family::of(key.prefix.addr()) as usize] -= 1;
        }
        Ok(())
    }

    pub(super) fn put_adjacency(
        &mut self,
        key: AdjacencyKey,
        adjacency: Adjacency,
        neighbors: &Neighbors,
    ) -> Written {
        self.write_adjacency(key, adjacency, neighbors)?;
        let old = self.current.adjacencies.insert(key, adjacency);
        self.unlink(key, old);
        self.link(key, adjacency);
        Ok(())
    }

    pub(super) fn drop_adjacency(&mut self, key: AdjacencyKey) {
        if let Some(id) = self.adjacencies.remove(&key) {
            self.writers.adjacencies.remove(id.0, &self.grace);
        }
        let old = self.current.adjacencies.remove(&key);
        self.unlink(key, old);
    }

    /// Gives a host of a connected prefix its way and its host route, unless the configuration routes the address.
    pub(super) fn put_host(&mut self, hop: Hop, neighbors: &Neighbors) -> Written {
        let Some(Network { role: Role::External(vrf), .. }) = self.network(hop.interface) else {
            return Ok(());
        };
        let (vrf, key) = (*vrf, AdjacencyKey::Hop(hop));
        let route = RouteKey { vrf, prefix: hop.address.into() };
        let configured =
            self.current.adjacencies.contains_key(&key) || self.current.routes.contains_key(&route);
        if configured || self.speaks_for(hop.interface, hop.address) {
            return Ok(());
        }
        let adjacency = Adjacency::plain(hop);
        self.write_adjacency(key, adjacency, neighbors)?;
        self.link(key, adjacency);
        self.hosts.insert(hop, vrf);
        self.write_route(route, Target::Adjacency(self.adjacencies[&key]))
    }

    /// Takes back what [`Self::put_host`] did: packets for the host go to the control side again.
    pub(super) fn drop_host(&mut self, hop: Hop) {
        let Some(vrf) = self.hosts.remove(&hop) else { return };
        self.erase_route(RouteKey { vrf, prefix: hop.address.into() });
        self.drop_adjacency(AdjacencyKey::Hop(hop));
        self.unlink(AdjacencyKey::Hop(hop), Some(Adjacency::plain(hop)));
    }

    /// Rebuilds every way over a next hop, whose Ethernet address has changed.
    pub(super) fn refresh(&mut self, hop: Hop, neighbors: &Neighbors) -> Written {
        let keys: Vec<_> = self.users.get(&hop).into_iter().flatten().copied().collect();
        keys.into_iter().try_for_each(|key| self.rewrite_again(key, neighbors))
    }

    fn refresh_interface(&mut self, interface: InterfaceKey, neighbors: &Neighbors) -> Written {
        let over = |hop: &Hop| hop.interface == interface;
        let hops: Vec<_> = self.users.keys().filter(|hop| over(hop)).copied().collect();
        hops.into_iter().try_for_each(|hop| self.refresh(hop, neighbors))?;
        [Family::V4, Family::V6]
            .into_iter()
            .try_for_each(|family| self.rewrite_again(AdjacencyKey::Connected(interface, family), neighbors))
    }

    fn rewrite_again(&mut self, key: AdjacencyKey, neighbors: &Neighbors) -> Written {
        let learned = |key| match key {
            AdjacencyKey::Hop(hop) => self.hosts.get(&hop).map(|_| Adjacency::plain(hop)),
            _ => None,
        };
        match self.current.adjacencies.get(&key).copied().or_else(|| learned(key)) {
            Some(adjacency) => self.write_adjacency(key, adjacency, neighbors),
            None => Ok(()),
        }
    }

    fn link(&mut self, key: AdjacencyKey, adjacency: Adjacency) {
        if let Adjacency::Hop { hop, .. } = adjacency {
            self.users.entry(hop).or_default().insert(key);
        }
    }

    fn unlink(&mut self, key: AdjacencyKey, adjacency: Option<Adjacency>) {
        if let Some(Adjacency::Hop { hop, .. }) = adjacency
            && let Some(users) = self.users.get_mut(&hop)
        {
            users.remove(&key);
            if users.is_empty() {
                self.users.remove(&hop);
            }
        }
    }

    fn interface(&self, key: InterfaceKey) -> Result<InterfaceId, WriteError> {
        self.interfaces.get(&key).copied().ok_or(WriteError::Missing("interface"))
    }

    fn write_adjacency(&mut self, key: AdjacencyKey, adjacency: Adjacency, neighbors: &Neighbors) -> Written {
        let value = self.rewrite(adjacency, neighbors)?;
        match self.adjacencies.get(&key) {
            Some(id) => {
                if self.writers.adjacencies.get(id.0) != Some(&value) {
                    self.writers.adjacencies.update(id.0, value, &self.grace)?;
                }
            }
            None => {
                let id = AdjacencyId(self.writers.adjacencies.create(value, &self.grace)?);
                self.adjacencies.insert(key, id);
            }
        }
        Ok(())
    }

    fn rewrite(&self, adjacency: Adjacency, neighbors: &Neighbors) -> Result<Rewrite, WriteError> {
        let (interface, family, hop) = match adjacency {
            Adjacency::NoRoute => return Ok(no_way()),
            Adjacency::Connected(interface, family) => (interface, family, None),
            Adjacency::Hop { hop, .. } => (hop.interface, Family::of(hop.address), Some(hop)),
        };
        let (tunnel, path_mtu) = match adjacency {
            Adjacency::Hop { tunnel, mtu, .. } => (tunnel, mtu),
            Adjacency::NoRoute | Adjacency::Connected(..) => (None, None),
        };
        let id = self.interface(interface)?;
        let network = self.network(interface).ok_or(WriteError::Missing("network"))?;
        let neighbor = match hop {
            None => hosts_of(id),
            Some(hop) => neighbors.id(hop).ok_or(WriteError::Missing("neighbour"))?,
        };
        let mac = hop.and_then(|hop| neighbors.mac(hop));
        Ok(Rewrite::new(&RewriteSpec {
            reach: match (mac, tunnel) {
                (None, _) => Reach::Unresolved,
                (Some(_), Some(tunnel)) if tunnel.source.is_ipv4() && self.sums_headers(interface) => {
                    Reach::LeftToDevice
                }
                (Some(_), _) => Reach::Resolved,
            },
            port: interface.port,
            interface: id,
            vlan: (interface.vlan != 0).then_some(interface.vlan),
            source: self.mac(interface),
            destination: mac.unwrap_or(MacAddr::ZERO),
            mtu: path_mtu.map_or(network.mtu, |mtu| mtu.min(network.mtu)),
            neighbor,
            family,
            tunnel,
        }))
    }

    fn write_route(&mut self, key: RouteKey, target: Target) -> Written {
        let leaf: NonZeroU32 = target.encode().ok_or(WriteError::Missing("place for another way out"))?;
        let Self { writers, grace, .. } = self;
        let length = key.prefix.prefix_len();
        match key.prefix.network() {
            IpAddr::V4(v4) => writers.ipv4_routes.insert(key.vrf, v4.into(), length, leaf, grace)?,
            IpAddr::V6(v6) => writers.ipv6_routes.insert(key.vrf, v6.into(), length, leaf, grace)?,
        };
        Ok(())
    }

    fn erase_route(&mut self, key: RouteKey) {
        let Self { writers, grace, .. } = self;
        let length = key.prefix.prefix_len();
        match key.prefix.network() {
            IpAddr::V4(v4) => writers.ipv4_routes.remove(key.vrf, v4.into(), length, grace),
            IpAddr::V6(v6) => writers.ipv6_routes.remove(key.vrf, v6.into(), length, grace),
        };
    }

    /// The route that an address takes in one VRF: its prefix, and where it leads.
    pub(super) fn lookup(&self, vrf: VrfId, address: IpAddr) -> Option<(IpNet, Target)> {
        let (prefix, leaf) = match address {
            IpAddr::V4(v4) => {
                let (network, length, leaf) = self.writers.ipv4_routes.lookup(vrf, v4.into())?;
                (IpNet::new_assert(IpAddr::V4(network.into()), length), leaf)
            }
            IpAddr::V6(v6) => {
                let (network, length, leaf) = self.writers.ipv6_routes.lookup(vrf, v6.into())?;
                (IpNet::new_assert(IpAddr::V6(network.into()), length), leaf)
            }
        };
        Some((prefix, Target::decode(leaf.get())))
    }
}
