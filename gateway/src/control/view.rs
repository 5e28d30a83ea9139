//! What the control side knows, for commands and reports: plain values in a fixed order.

mod rows;

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_config::{ExternalIndex, NetworkRef};
use nvgw_types::{Family, MacAddr, VrfId};

use super::census::VrfSize;
use super::desired::{Adjacency, AdjacencyKey, Customer, Goal, Hop, VrfKey, is_single};
use super::detection::{AddressState, Claim};
use super::model::{self, Moved, Owned, PlacedRecord};
use super::neighbors::State;
use super::owner::Owner;
use super::time::Nanos;
use super::{Control, compile};
use crate::tables::Grace;
use crate::telemetry::view::{TableUsage, VrfKind};
pub use rows::{
    Alarm, CustomerRouteView, NeighborView, NextHopView, ProviderAddressView, ProviderRouteView, RecordView,
    RouteView, SubnetView, TenantView, VrfView,
};

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

    /// The names of all VRFs, in the order of their identifiers.
    #[must_use]
    pub fn vrf_names(&self) -> Vec<(VrfId, &str, VrfKind)> {
        let names = self.fabric.current.vrfs.iter().map(|(key, id)| match key {
            VrfKey::Tenant(name) => (*id, name.as_str(), VrfKind::Tenant),
            VrfKey::External(name) => (*id, name.as_str(), VrfKind::External),
        });
        let mut names: Vec<_> = names.collect();
        names.sort_unstable_by_key(|(id, ..)| *id);
        names
    }

    /// The lookup records from position `offset` on, in the order of their tenants' VRFs and addresses.
    pub fn lookup_records(&self, offset: usize) -> impl Iterator<Item = (Customer, &PlacedRecord)> {
        self.model.records().iter().skip(offset).map(|(customer, placed)| (*customer, placed))
    }

    /// A lookup record, and how packets to it would fare.
    #[must_use]
    pub fn record_view(&self, customer: Customer, placed: &PlacedRecord) -> RecordView {
        let Owned { value: record, owner, .. } = &placed.record;
        RecordView {
            tenant: self.model.tenant_of(customer.vrf).unwrap_or_default().to_owned(),
            vsid: record.vsid.get(),
            address: customer.address,
            mac: record.mac,
            provider_address: placed.provider(),
            name: record.name.as_deref().map(str::to_owned),
            owner: *owner,
            moved_from: placed.moved.map(|_| record.provider),
            moved_by: placed.moved.map(|Moved { by, .. }| by),
            next_hop: self.next_hop_of(placed.provider()),
        }
    }

    /// The gateway's own provider addresses, site by site, the one that is used first.
    #[must_use]
    pub fn provider_addresses(&self, now: Nanos) -> Vec<ProviderAddressView> {
        let claims: BTreeMap<Hop, Option<Claim>> = self
            .detection
            .iter()
            .map(|view| (view.own, view.claim.filter(|_| view.is_disputed(now))))
            .collect();
        let sites = self.model.frame.provider.sites.iter().enumerate();
        let views = sites.flat_map(|(index, site)| {
            let index = nvgw_config::SiteIndex(index);
            let interface = self.model.interface_of(NetworkRef::Site(index));
            let addresses = self.model.addresses_of(index);
            let primary = addresses.iter().find(|(_, own)| own.usable).map(|(address, _)| *address);
            let claims = &claims;
            addresses.into_iter().map(move |(address, own)| {
                let hop = Hop { interface, address };
                ProviderAddressView {
                    site: site.name.clone(),
                    address,
                    vlan: (interface.vlan != 0).then_some(interface.vlan),
                    subnet: site.subnet,
                    port: self.model.frame.ports[site.port.index()].name.clone(),
                    state: self.detection.state(hop).unwrap_or(AddressState::Tentative),
                    owner: own.owner,
                    primary: primary == Some(address),
                    claimed_by: claims.get(&hop).copied().flatten().map(|claim| claim.by),
                }
            })
        });
        views.collect()
    }

    /// Whether some site has no address yet because all of its addresses are being checked for the first time.
    #[must_use]
    pub fn sites_being_checked(&self) -> Vec<&str> {
        let sites = self.model.frame.provider.sites.iter().enumerate();
        let checked = sites.filter(|(index, _)| {
            let index = nvgw_config::SiteIndex(*index);
            let interface = self.model.interface_of(NetworkRef::Site(index));
            let state = |address| self.detection.state(Hop { interface, address });
            let own = self.model.addresses_of(index);
            !own.is_empty() && own.iter().all(|(address, _)| state(*address) == Some(AddressState::Tentative))
        });
        checked.map(|(_, site)| site.name.as_str()).collect()
    }

    /// The tenants, by name.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantView> {
        let view = |(name, tenant): (&String, &Owned<model::Tenant>)| {
            let VrfSize { subnets, records, .. } = self.census.vrf(tenant.value.vrf);
            TenantView {
                name: name.clone(),
                routing_domain: tenant.value.routing_domain.clone(),
                gateway_mac: tenant.value.gateway_mac,
                sender_check: tenant.value.sender_check,
                router_advertisements: tenant.value.router_advertisements,
                external: tenant.value.external.map(|index| self.external_name(index).to_owned()),
                public_prefixes: tenant.value.public_prefixes.to_vec(),
                owner: tenant.owner,
                subnets,
                records,
            }
        };
        self.model.tenants().iter().map(view).collect()
    }

    /// The virtual subnets, by VSID.
    pub fn subnets(&self) -> impl Iterator<Item = SubnetView> {
        self.model.subnets().iter().map(|(vsid, subnet)| {
            let (first, second) = subnet.value.prefixes.both();
            SubnetView {
                tenant: subnet.value.tenant.clone(),
                vsid: vsid.get(),
                prefix: first.prefix,
                gateway: first.gateway,
                prefix_ipv6: second.map(|own| own.prefix),
                gateway_ipv6: second.map(|own| own.gateway),
                owner: subnet.owner,
            }
        })
    }

    /// The customer routes, by VRF and prefix.
    pub fn customer_routes(&self) -> impl Iterator<Item = CustomerRouteView> {
        self.model.customer_routes().iter().map(|((vrf, prefix), hop)| CustomerRouteView {
            tenant: self.model.tenant_of(*vrf).unwrap_or_default().to_owned(),
            prefix: (*prefix),
            next_hop: hop.value,
            owner: hop.owner,
        })
    }

    /// The routes of the provider network, those that others beat included.
    pub fn provider_network_routes(&self) -> impl Iterator<Item = ProviderRouteView> {
        self.provider.all().iter().map(|route| {
            let interface = compile::site_interface(&self.model.frame, route.site);
            ProviderRouteView {
                prefix: route.prefix,
                next_hop: route.next_hop.map(|address| self.next_hop(Hop { interface, address })),
                site: self.model.frame.provider.sites[route.site.0].name.clone(),
                metric: route.metric,
                mtu: route.mtu,
                owner: route.owner,
                in_force: self.provider.is_in_force(route),
            }
        })
    }

    /// The external network of a tenant's default route.
    fn external_name(&self, ExternalIndex(index): ExternalIndex) -> &str {
        &self.model.frame.external[index].name
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
            usage("routes", tables.ipv4_routes.len(), tables.ipv4_routes.capacity()),
            usage("routes-ipv6", tables.ipv6_routes.len(), tables.ipv6_routes.capacity()),
            usage("adjacencies", tables.adjacencies.len(), tables.adjacencies.capacity()),
            usage("nat-addresses", tables.publics.len(), tables.publics.capacity()),
            usage("nat-bindings", tables.bindings.len(), tables.bindings.capacity()),
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
                Goal::Via(Customer { address, .. }) => ("next-hop", None, Some(*address), None),
                Goal::Hop(hop) => ("next-hop", Some(self.next_hop(*hop)), None, None),
                Goal::Vrf(to) => ("vrf", None, None, names.get(to).map(|name| (*name).to_owned())),
                Goal::Translate(to) => {
                    ("translate", None, None, names.get(to).map(|name| (*name).to_owned()))
                }
                Goal::Public => ("public", None, None, None),
            };
            let (vrf, prefix) = ((*name).to_owned(), key.prefix);
            let route = RouteView {
                vrf,
                prefix,
                kind,
                owner: self.owner_of(key, goal),
                metric: None,
                next_hop,
                via,
                to_vrf: to,
            };
            routes.push(route);
        }
        for (hop, vrf) in self.fabric.hosts() {
            let Some(name) = names.get(vrf).filter(|name| wanted(name)) else { continue };
            routes.push(RouteView {
                vrf: (*name).to_owned(),
                prefix: IpNet::from(hop.address),
                kind: "next-hop",
                owner: match Family::of(hop.address) {
                    Family::V4 => "arp",
                    Family::V6 => "nd",
                },
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
            let interface = compile::site_interface(&self.model.frame, route.site);
            RouteView {
                vrf: PROVIDER.to_owned(),
                prefix: route.prefix,
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
            address: neighbor.hop.address,
            mac: neighbor.mac,
            state: neighbor.state,
            owner: self.model.neighbors.get(&neighbor.hop).map(|mac| mac.owner),
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
        let alarm = |(peer, records): (IpAddr, usize)| {
            // A host that a change brings is in no table before the journal has it.
            self.fabric.current.adjacencies.get(&AdjacencyKey::Peer(peer))?;
            let next_hop = self.next_hop_of(peer);
            let silent = self.hop_of(peer).is_some_and(|hop| self.neighbors.is_silent(hop));
            let alarm = Alarm { provider_address: peer, records, next_hop, silent };
            (!self.is_reachable(peer)).then_some(alarm)
        };
        self.model.peers().filter_map(alarm).collect()
    }

    /// Addresses of the gateway that other stations have or claim: network, address, the last such station, how
    /// often, and whether the gateway uses the address nevertheless.
    pub fn address_conflicts(
        &self,
        now: Nanos,
    ) -> impl Iterator<Item = (String, IpAddr, MacAddr, u64, bool)> {
        self.detection.iter().filter(move |view| view.is_disputed(now)).filter_map(|view| {
            let claim = view.claim?;
            let used = view.state == AddressState::Preferred;
            Some((self.network_name(view.own), view.own.address, claim.by, claim.count, used))
        })
    }

    /// Hosts and neighbours not learned because their network has too many already.
    #[must_use]
    pub fn hosts_refused(&self) -> u64 {
        self.neighbors.refused()
    }

    /// Who asked for a route of a VRF.
    fn owner_of(&self, key: &super::desired::RouteKey, goal: &Goal) -> &'static str {
        let tenant = |vrf| {
            let name = self.model.tenant_of(vrf)?;
            self.model.tenants().get(name).map(|tenant| tenant.owner)
        };
        let owner = match goal {
            Goal::Via(_) => self.model.customer_routes().get(&(key.vrf, key.prefix)).map(|hop| hop.owner),
            Goal::Vrf(to) | Goal::Translate(to) => tenant(*to).or_else(|| tenant(key.vrf)),
            Goal::Local | Goal::Discard | Goal::Subnet => {
                let subnet = self.model.subnet_at(key.vrf, key.prefix.addr());
                subnet.and_then(|(vsid, _)| self.model.subnets().get(&vsid)).map(|subnet| subnet.owner)
            }
            Goal::Hop(hop) if is_single(&key.prefix) => self.model.neighbors.get(hop).map(|mac| mac.owner),
            Goal::Hop(_) | Goal::Connected(_) | Goal::Public => None,
        };
        owner.unwrap_or(Owner::Config).name()
    }

    fn is_reachable(&self, peer: IpAddr) -> bool {
        self.hop_of(peer).is_some_and(|hop| self.neighbors.mac(hop).is_some())
    }

    fn next_hop_of(&self, peer: IpAddr) -> Option<NextHopView> {
        self.hop_of(peer).map(|hop| self.next_hop(hop))
    }

    pub(super) fn hop_of(&self, peer: IpAddr) -> Option<Hop> {
        match self.fabric.current.adjacencies.get(&AdjacencyKey::Peer(peer))? {
            Adjacency::Hop { hop, .. } => Some(*hop),
            Adjacency::NoRoute | Adjacency::Connected(..) => None,
        }
    }

    fn next_hop(&self, hop: Hop) -> NextHopView {
        let state = self.neighbors.state(hop).unwrap_or(State::Unresolved);
        NextHopView { network: self.network_name(hop), address: hop.address, state }
    }

    fn network_name(&self, hop: Hop) -> String {
        self.fabric.network(hop.interface).map_or_else(String::new, |network| network.name.clone())
    }
}

/// The name under which the provider network's routes are listed.
const PROVIDER: &str = "provider";
