//! What the control side knows, for commands and reports: plain values in a fixed order.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::IpNet;
use nvgw_config::{LookupRecord, Tenant};
use nvgw_types::{MacAddr, VrfId};
use serde::Serialize;

use super::census::VrfSize;
use super::desired::{Adjacency, AdjacencyKey, Customer, Goal, Hop, VrfKey};
use super::neighbors::State;
use super::time::Nanos;
use super::{Control, compile};
use crate::tables::Grace;
use crate::telemetry::view::{TableUsage, VrfKind};

/// A VRF.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VrfView {
    /// Its identifier, which counters use.
    #[serde(serialize_with = "number")]
    pub id: VrfId,
    /// The tenant's or the external network's name.
    pub name: String,
    /// Whose it is.
    pub kind: VrfKind,
    /// Its virtual subnets.
    pub subnets: usize,
    /// Its lookup records.
    pub records: usize,
    /// Its routes, learned hosts included.
    pub routes: usize,
}

fn number<S: serde::Serializer>(id: &VrfId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u32(id.0)
}

/// How a packet to some destination would fare at its next hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NextHopView {
    /// The network's name.
    pub network: String,
    /// The address there.
    pub address: IpAddr,
    /// How the neighbour stands.
    pub state: State,
}

/// A lookup record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordView {
    /// The tenant.
    pub tenant: String,
    /// The VSID.
    pub vsid: u32,
    /// The customer address.
    pub address: IpAddr,
    /// The VM's Ethernet address.
    pub mac: MacAddr,
    /// The provider address of its host.
    pub provider_address: IpAddr,
    /// The name the configuration gives it.
    pub name: Option<String>,
    /// The next hop to the host; `None`: no provider route.
    pub next_hop: Option<NextHopView>,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteView {
    /// The VRF's name, `provider` for the provider network's routes.
    pub vrf: String,
    /// The destination.
    pub prefix: IpNet,
    /// Where it leads: `local`, `discard`, `subnet`, `connected`, `next-hop`, `vrf`.
    pub kind: &'static str,
    /// Whose it is: `static` (the configuration's), `site`, or `arp` (a host that was learned).
    pub owner: &'static str,
    /// The metric, of provider routes.
    pub metric: Option<u32>,
    /// The next hop on a network.
    pub next_hop: Option<NextHopView>,
    /// The next hop in the tenant's own network, of customer routes.
    pub via: Option<IpAddr>,
    /// The VRF it leads to.
    pub to_vrf: Option<String>,
}

/// A neighbour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NeighborView {
    /// The network's name.
    pub network: String,
    /// Its address.
    pub address: IpAddr,
    /// Its Ethernet address, where known.
    pub mac: Option<MacAddr>,
    /// How it stands.
    pub state: State,
    /// For how long; of a reachable one, since it was last heard.
    pub age: Duration,
    /// Packets that wait for it.
    pub held: usize,
    /// Ways out that lead over it.
    pub adjacencies: usize,
}

/// What keeps a provider address from being reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// The provider address.
    pub provider_address: IpAddr,
    /// The lookup records that name it.
    pub records: usize,
    /// The next hop that is not known; `None`: no provider route.
    pub next_hop: Option<NextHopView>,
    /// Whether the next hop was last asked in vain.
    pub silent: bool,
}

impl<G: Grace> Control<G> {
    /// All VRFs, tenants first.
    #[must_use]
    pub fn vrfs(&self) -> Vec<VrfView> {
        let mut learned = BTreeMap::<VrfId, usize>::new();
        for vrf in self.fabric.hosts().values() {
            *learned.entry(*vrf).or_default() += 1;
        }
        let view = |(key, id): (&VrfKey, &VrfId)| {
            let VrfSize { subnets, records, routes } = self.census.vrf(*id);
            let routes = routes + learned.get(id).copied().unwrap_or_default();
            let kind = match key {
                VrfKey::Tenant(_) => VrfKind::Tenant,
                VrfKey::External(_) => VrfKind::External,
            };
            VrfView { id: *id, name: key.name().to_owned(), kind, subnets, records, routes }
        };
        self.fabric.current.vrfs.iter().map(view).collect()
    }

    /// The lookup records, in the order of the configuration.
    pub fn lookup_records(&self) -> impl Iterator<Item = (&Tenant, &LookupRecord)> {
        self.config
            .tenants
            .iter()
            .flat_map(|tenant| tenant.records.iter().map(move |record| (tenant, record)))
    }

    /// A lookup record, and how packets to it would fare.
    #[must_use]
    pub fn record_view(&self, tenant: &Tenant, record: &LookupRecord) -> RecordView {
        RecordView {
            tenant: tenant.name.clone(),
            vsid: record.vsid.get(),
            address: record.address.0,
            mac: record.mac,
            provider_address: record.provider_address.0,
            name: record.name.clone(),
            next_hop: compile::v4(record.provider_address.0).ok().and_then(|peer| self.next_hop_of(peer)),
        }
    }

    /// How full the tables are.
    #[must_use]
    pub fn table_usage(&self) -> Vec<TableUsage> {
        let tables = &self.fabric.writers;
        let usage = |table, entries: usize, capacity: usize| TableUsage {
            table,
            entries: entries as u64,
            capacity: capacity as u64,
        };
        vec![
            usage("vsids", tables.subnets.len(), tables.subnets.capacity()),
            usage("lookup", tables.records.len(), tables.records.capacity()),
            usage("routes", tables.routes.len(), tables.routes.capacity()),
            usage("adjacencies", tables.adjacencies.len(), tables.adjacencies.capacity()),
        ]
    }

    /// All routes: the provider network's first, then each VRF's; only those of `vrf` (a VRF's name, or `provider`)
    /// where it is given.
    #[must_use]
    pub fn routes(&self, vrf: Option<&str>) -> Vec<RouteView> {
        let wanted = |name: &str| vrf.is_none_or(|vrf| vrf == name);
        let mut routes = if wanted(PROVIDER) { self.provider_routes() } else { Vec::new() };
        let current = &self.fabric.current;
        let names: BTreeMap<VrfId, &str> = current.vrfs.iter().map(|(key, id)| (*id, key.name())).collect();
        for (key, goal) in &current.routes {
            let Some(name) = names.get(&key.vrf).filter(|name| wanted(name)) else { continue };
            let (kind, next_hop, via, to) = match goal {
                Goal::Local => ("local", None, None, None),
                Goal::Discard => ("discard", None, None, None),
                Goal::Subnet => ("subnet", None, None, None),
                Goal::Connected(_) => ("connected", None, None, None),
                Goal::Via(Customer { address, .. }) => ("next-hop", None, Some((*address).into()), None),
                Goal::Hop(hop) => ("next-hop", Some(self.next_hop(*hop)), None, None),
                Goal::Vrf(to) => ("vrf", None, None, names.get(to).map(|name| (*name).to_owned())),
            };
            let (vrf, prefix) = ((*name).to_owned(), key.prefix.into());
            let route =
                RouteView { vrf, prefix, kind, owner: "static", metric: None, next_hop, via, to_vrf: to };
            routes.push(route);
        }
        for (hop, vrf) in self.fabric.hosts() {
            let Some(name) = names.get(vrf).filter(|name| wanted(name)) else { continue };
            routes.push(RouteView {
                vrf: (*name).to_owned(),
                prefix: IpNet::from(IpAddr::from(hop.address)),
                kind: "next-hop",
                owner: "arp",
                metric: None,
                next_hop: Some(self.next_hop(*hop)),
                via: None,
                to_vrf: None,
            });
        }
        routes
    }

    fn provider_routes(&self) -> Vec<RouteView> {
        let view = |route: &super::provider::ProviderRoute| {
            let interface = compile::site_interface(&self.config, route.site);
            RouteView {
                vrf: PROVIDER.to_owned(),
                prefix: route.prefix.into(),
                kind: if route.next_hop.is_some() { "next-hop" } else { "connected" },
                owner: route.owner.name(),
                metric: Some(route.metric),
                next_hop: route.next_hop.map(|address| self.next_hop(Hop { interface, address })),
                via: None,
                to_vrf: None,
            }
        };
        self.provider.all().iter().map(view).collect()
    }

    /// All neighbours, in the order of their networks' ports and VLANs and their addresses.
    #[must_use]
    pub fn neighbors(&self, now: Nanos) -> Vec<NeighborView> {
        let view = |neighbor: super::neighbors::View| NeighborView {
            network: self.network_name(neighbor.hop),
            address: neighbor.hop.address.into(),
            mac: neighbor.mac,
            state: neighbor.state,
            age: now.since(neighbor.since),
            held: neighbor.held,
            adjacencies: self.fabric.users(neighbor.hop),
        };
        self.neighbors.iter().map(view).collect()
    }

    /// The provider addresses of lookup records that cannot be reached as things stand: no provider route leads
    /// there, or the next hop is not known.
    #[must_use]
    pub fn alarms(&self) -> Vec<Alarm> {
        let alarm = |(peer, records): (Ipv4Addr, usize)| {
            let next_hop = self.next_hop_of(peer);
            let silent = self.hop_of(peer).is_some_and(|hop| self.neighbors.is_silent(hop));
            let alarm = Alarm { provider_address: peer.into(), records, next_hop, silent };
            (!self.is_reachable(peer)).then_some(alarm)
        };
        self.census.peers().filter_map(alarm).collect()
    }

    /// Addresses of the gateway that other stations claimed: network, address, the last such station, how often.
    pub fn address_conflicts(&self) -> impl Iterator<Item = (String, IpAddr, MacAddr, u64)> {
        self.conflicts.iter().map(|(own, conflict)| {
            (self.network_name(*own), own.address.into(), conflict.mac, conflict.claims)
        })
    }

    /// Hosts and neighbours not learned because their network has too many already.
    #[must_use]
    pub fn hosts_refused(&self) -> u64 {
        self.neighbors.refused()
    }

    fn is_reachable(&self, peer: Ipv4Addr) -> bool {
        self.hop_of(peer).is_some_and(|hop| self.neighbors.mac(hop).is_some())
    }

    fn next_hop_of(&self, peer: Ipv4Addr) -> Option<NextHopView> {
        self.hop_of(peer).map(|hop| self.next_hop(hop))
    }

    pub(super) fn hop_of(&self, peer: Ipv4Addr) -> Option<Hop> {
        match self.fabric.current.adjacencies.get(&AdjacencyKey::Peer(peer))? {
            Adjacency::Hop { hop, .. } => Some(*hop),
            Adjacency::NoRoute | Adjacency::Connected(_) => None,
        }
    }

    fn next_hop(&self, hop: Hop) -> NextHopView {
        let state = self.neighbors.state(hop).unwrap_or(State::Unresolved);
        NextHopView { network: self.network_name(hop), address: hop.address.into(), state }
    }

    fn network_name(&self, hop: Hop) -> String {
        self.fabric.network(hop.interface).map_or_else(String::new, |network| network.name.clone())
    }
}

/// The name under which the provider network's routes are listed.
const PROVIDER: &str = "provider";
