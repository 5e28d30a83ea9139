//! From the model to what the tables shall hold.
//!
//! Every object says what it asks of the tables. A new model asks for all of it; a change takes back what an object
//! asked for before and asks for what it wants now, so that one record among a million costs one record. Both ways
//! lead to the same tables, which a property test holds against each other.

mod nat;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_config::{
    Config, DscpMode, EcnMode, Encapsulation, ExternalIndex, ExternalNetwork, FlowIdMode, NetworkRef,
    SenderCheck, SiteIndex,
};
use nvgw_types::{Family, MacAddr, PortId, VlanId, VrfId, Vsid};

use super::desired::{
    Adjacency, AdjacencyKey, Customer, Desired, Goal, Hop, InterfaceKey, Network, Record, Role, RouteKey,
    Subnet, SubnetPrefix, VrfKey, anycast, everywhere, unassignable,
};
use super::draft::Draft;
use super::model::{self, CustomerRouteKey, Edit, Model, Owned, PlacedRecord, Swap};
use super::needs::Needs;
use super::provider::ProviderRoutes;
use crate::tables::entries::{Dscp, SenderMode, Tunnel};

fn interface_key(port: PortId, vlan: Option<VlanId>) -> InterfaceKey {
    InterfaceKey { port, vlan: vlan.map_or(0, VlanId::get) }
}

/// The interface of a site.
pub(super) fn site_interface(config: &Config, SiteIndex(index): SiteIndex) -> InterfaceKey {
    let site = &config.provider.sites[index];
    interface_key(site.port, site.vlan)
}

/// The interface of an external network.
pub(super) fn external_interface(config: &Config, ExternalIndex(index): ExternalIndex) -> InterfaceKey {
    let network = &config.external[index];
    interface_key(network.port, network.vlan)
}

/// A whole model, compiled.
pub(super) struct Compiled {
    pub(super) draft: Draft,
    pub(super) needs: Needs,
    pub(super) routes: ProviderRoutes,
}

/// Compiles a whole model.
pub(super) fn compile(model: &Model) -> Compiled {
    let nothing = Desired::default();
    let mut needs = Needs::default();
    let routes = ProviderRoutes::new(model);
    let mut compiler = Compiler::new(model, &nothing, &mut needs, &routes);
    for site in 0..model.frame.provider.sites.len() {
        compiler.site(SiteIndex(site));
    }
    compiler.external_networks();
    compiler.draft.settings = Some(nat::settings(model));
    for (name, tenant) in &model.tenants {
        compiler.tenant(name, &tenant.value, Side::Comes);
    }
    for (vsid, subnet) in &model.subnets {
        compiler.subnet(*vsid, &subnet.value, Side::Comes);
    }
    for (customer, placed) in &model.records {
        compiler.record(*customer, placed, Side::Comes);
    }
    for (key, next_hop) in &model.customer_routes {
        compiler.customer_route(*key, next_hop.value, Side::Comes);
    }
    for (hop, mac) in &model.neighbors {
        compiler.neighbor(*hop, mac.value, Side::Comes);
    }
    let draft = compiler.finish();
    Compiled { draft, needs, routes }
}

/// Compiles what edits of a model, which have been made, ask of tables that hold `current` and, on top of that, what
/// `draft` says already. `needs` follows; routes of the provider network are given back where they are other ones.
pub(super) fn recompile(
    model: &Model,
    edits: &[Edit],
    (current, draft): (&Desired, Draft),
    needs: &mut Needs,
    routes: &ProviderRoutes,
) -> (Draft, Option<ProviderRoutes>) {
    let rerouted = edits.iter().any(|edit| matches!(edit, Edit::Address(_) | Edit::ProviderRoute(_)));
    let other = rerouted.then(|| ProviderRoutes::new(model));
    let mut compiler = Compiler::new(model, current, needs, other.as_ref().unwrap_or(routes));
    compiler.draft = draft;
    for edit in edits {
        compiler.edit(edit);
    }
    if rerouted {
        compiler.touch_all_peers();
    }
    if edits.iter().any(nat::concerns) {
        compiler.draft.settings = Some(nat::settings(model));
    }
    (compiler.finish(), other)
}

/// Whether something comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Goes,
    Comes,
}

struct Compiler<'c> {
    model: &'c Model,
    current: &'c Desired,
    needs: &'c mut Needs,
    routes: &'c ProviderRoutes,
    /// What single peers want otherwise.
    wishes: BTreeMap<IpAddr, &'c nvgw_config::Peer>,
    draft: Draft,
    /// Peers whose tunnel may be another one.
    peers: BTreeSet<IpAddr>,
}

impl<'c> Compiler<'c> {
    fn new(model: &'c Model, current: &'c Desired, needs: &'c mut Needs, routes: &'c ProviderRoutes) -> Self {
        let wishes = model.frame.provider.encapsulation.peers.iter().map(|peer| (peer.address.0, peer));
        Self {
            model,
            current,
            needs,
            routes,
            wishes: wishes.collect(),
            draft: Draft::default(),
            peers: BTreeSet::new(),
        }
    }

    fn edit(&mut self, edit: &Edit) {
        fn sides<K, V>(swap: &Swap<K, V>) -> impl Iterator<Item = (&V, Side)> {
            let gone = swap.before.iter().map(|value| (value, Side::Goes));
            gone.chain(swap.after.iter().map(|value| (value, Side::Comes)))
        }
        match edit {
            Edit::Tenant(swap) => {
                sides(swap).for_each(|(tenant, side)| self.tenant(&swap.key, &tenant.value, side));
            }
            Edit::Subnet(swap) => {
                sides(swap).for_each(|(subnet, side)| self.subnet(swap.key, &subnet.value, side));
            }
            Edit::Record(swap) => {
                sides(swap).for_each(|(placed, side)| self.record(swap.key, placed, side));
            }
            Edit::CustomerRoute(swap) => {
                let each = |(hop, side): (&Owned<_>, _)| self.customer_route(swap.key, hop.value, side);
                sides(swap).for_each(each);
            }
            Edit::Neighbor(swap) => {
                sides(swap).for_each(|(mac, side)| self.neighbor(swap.key, mac.value, side));
            }
            Edit::Address(swap) => {
                for (own, side) in sides(swap) {
                    if side == Side::Goes {
                        let interface = site_interface(&self.model.frame, own.site);
                        self.draft.locals.insert(Hop { interface, address: swap.key }, None);
                    }
                    self.site(own.site);
                }
            }
            Edit::ProviderRoute(_) | Edit::Suspended(_) => {}
        }
    }

    /// Asks for a route, or takes that back.
    fn route(&mut self, vrf: VrfId, prefix: IpNet, goal: Goal, side: Side) {
        let key = RouteKey { vrf, prefix: prefix.trunc() };
        let drafted = self.draft.routes.entry(key);
        let present = match &drafted {
            Entry::Occupied(drafted) => *drafted.get(),
            Entry::Vacant(_) => self.current.routes.get(&key).copied(),
        };
        *drafted.or_default() = match side {
            Side::Comes => Some(self.needs.ask(key, goal, present)),
            Side::Goes => self.needs.withdraw(key, goal),
        };
    }

    /// A route to a next hop on an external network; the next hop itself is reached over the same adjacency.
    fn route_over(&mut self, vrf: VrfId, prefix: IpNet, hop: Hop, side: Side) {
        let turned = match side {
            Side::Comes => self.needs.hops.more(hop),
            Side::Goes => self.needs.hops.less(hop),
        };
        if turned {
            let way = (side == Side::Comes).then_some(Adjacency::plain(hop));
            self.draft.adjacencies.insert(AdjacencyKey::Hop(hop), way);
        }
        self.route(vrf, prefix, Goal::Hop(hop), side);
    }

    /// A site as it is now.
    fn site(&mut self, index: SiteIndex) {
        let site = &self.model.frame.provider.sites[index.0];
        let interface = interface_key(site.port, site.vlan);
        let length = site.subnet.prefix_len();
        let usable = self.model.addresses_of(index).into_iter().filter(|(_, own)| own.usable);
        let addresses: Vec<_> = usable.map(|(address, _)| IpNet::new_assert(address, length)).collect();
        for own in &addresses {
            self.draft.locals.insert(Hop { interface, address: own.addr() }, Some(()));
        }
        let network = Network { name: site.name.clone(), role: Role::Site, addresses, mtu: site.mtu };
        self.draft.networks.insert(interface, Some(network));
    }

    fn external_networks(&mut self) {
        let model = self.model;
        for (network, &vrf) in model.frame.external.iter().zip(&model.externals) {
            if network.tenant.is_none() {
                self.draft.vrfs.insert(VrfKey::External(network.name.clone()), Some(vrf));
            }
            let interface = interface_key(network.port, network.vlan);
            for own in &network.addresses {
                self.prefix(vrf, own, own.addr(), Goal::Connected(interface), Side::Comes);
            }
            self.external_routes(network, vrf, interface);
            let network = Network {
                name: network.name.clone(),
                role: Role::External(vrf),
                addresses: network.addresses.clone(),
                mtu: network.mtu,
            };
            for family in network.families() {
                let key = AdjacencyKey::Connected(interface, family);
                self.draft.adjacencies.insert(key, Some(Adjacency::Connected(interface, family)));
            }
            self.draft.networks.insert(interface, Some(network));
        }
    }

    /// What a connected prefix asks for: the routes to our own addresses in it and to those that nobody has, and its
    /// own route.
    fn prefix(&mut self, vrf: VrfId, prefix: &IpNet, own: IpAddr, goal: Goal, side: Side) {
        for address in std::iter::once(own).chain(anycast(prefix)) {
            self.route(vrf, address.into(), Goal::Local, side);
        }
        for address in unassignable(prefix) {
            self.route(vrf, address.into(), Goal::Discard, side);
        }
        self.route(vrf, *prefix, goal, side);
    }

    fn external_routes(&mut self, network: &ExternalNetwork, vrf: VrfId, interface: InterfaceKey) {
        let routes = network.routes.iter().map(|route| (route.prefix, route.next_hop));
        let gateways = network.gateways.iter().map(|gateway| (everywhere(Family::of(*gateway)), *gateway));
        // A million routes in the order of the map that takes them are there several times as soon.
        let mut routes: Vec<_> = routes.chain(gateways).collect();
        routes.sort_unstable();
        let mut hops = BTreeSet::new();
        for (prefix, address) in routes {
            hops.insert(address);
            self.route_over(vrf, prefix, Hop { interface, address }, Side::Comes);
        }
        for address in hops {
            self.route(vrf, address.into(), Goal::Hop(Hop { interface, address }), Side::Comes);
        }
    }

    fn tenant(&mut self, name: &str, tenant: &model::Tenant, side: Side) {
        let vrf = tenant.vrf;
        self.draft.vrfs.insert(VrfKey::Tenant(name.to_owned()), (side == Side::Comes).then_some(vrf));
        if let Some(ExternalIndex(index)) = tenant.external {
            let external = self.model.externals[index];
            // A hand-off network is in the tenant's own VRF already.
            if external != vrf {
                if let Some(nat) = &tenant.nat {
                    self.translation(vrf, external, nat, side);
                }
                let of_network = &self.model.frame.external[index].addresses;
                let families: BTreeSet<_> = of_network.iter().map(|own| Family::of(own.addr())).collect();
                for family in families {
                    // Only IPv4 is ever translated.
                    let out = match family {
                        Family::V4 if tenant.nat.is_some() => Goal::Translate(external),
                        _ => Goal::Vrf(external),
                    };
                    self.route(vrf, everywhere(family), out, side);
                }
                for prefix in &tenant.public_prefixes {
                    self.route(external, *prefix, Goal::Vrf(vrf), side);
                }
            }
        }
    }

    fn subnet(&mut self, vsid: Vsid, subnet: &model::Subnet, side: Side) {
        let &model::Subnet { vrf, prefixes, .. } = subnet;
        for SubnetPrefix { prefix, gateway } in prefixes.iter() {
            self.prefix(vrf, prefix, *gateway, Goal::Subnet, side);
        }
        // A tenant that is not there any more takes the subnet along with a later edit.
        let tenant = self.model.tenants.get(&subnet.tenant).filter(|_| side == Side::Comes);
        let value = tenant.map(|tenant| Subnet {
            vrf,
            prefixes,
            gateway_mac: tenant.value.gateway_mac,
            sender_mode: match tenant.value.sender_check {
                SenderCheck::Strict => SenderMode::Strict,
                SenderCheck::LogOnly => SenderMode::LogOnly,
                SenderCheck::Learn(_) => SenderMode::Learn,
            },
        });
        self.draft.subnets.insert(vsid, value);
    }

    fn record(&mut self, customer: Customer, placed: &PlacedRecord, side: Side) {
        let peer = placed.provider();
        let turned = match side {
            Side::Comes => self.needs.peers.more(peer),
            Side::Goes => self.needs.peers.less(peer),
        };
        if turned {
            self.peers.insert(peer);
        }
        let value = (side == Side::Comes).then(|| self.record_value(customer, placed)).flatten();
        self.draft.records.insert(customer, value);
    }

    fn record_value(&self, customer: Customer, placed: &PlacedRecord) -> Option<Record> {
        let record = &placed.record.value;
        let peer = placed.provider();
        let encapsulation = &self.model.frame.provider.encapsulation;
        let of_peer = self.wishes.get(&peer).and_then(|wish| wish.flow_id);
        let flow_id = record.flow_id.or(of_peer).unwrap_or(encapsulation.flow_id);
        Some(Record {
            vsid: record.vsid,
            mac: record.mac,
            peer,
            gateway_mac: self.gateway_mac(customer.vrf)?,
            flow_id_zero: flow_id == FlowIdMode::Zero,
        })
    }

    fn gateway_mac(&self, vrf: VrfId) -> Option<MacAddr> {
        self.model.tenants.get(self.model.tenant_of(vrf)?).map(|tenant| tenant.value.gateway_mac)
    }

    fn customer_route(&mut self, (vrf, prefix): CustomerRouteKey, next_hop: IpAddr, side: Side) {
        let via = Customer { vrf, address: next_hop };
        let turned = match side {
            Side::Comes => self.needs.vias.more(via),
            Side::Goes => self.needs.vias.less(via),
        };
        if turned {
            self.draft.vias.insert(via, (side == Side::Comes).then_some(()));
        }
        self.route(vrf, prefix, Goal::Via(via), side);
    }

    fn neighbor(&mut self, hop: Hop, mac: MacAddr, side: Side) {
        if let Some(NetworkRef::External(ExternalIndex(index))) = self.model.network_at(hop) {
            self.route_over(self.model.externals[index], hop.address.into(), hop, side);
        }
        self.draft.static_neighbors.insert(hop, (side == Side::Comes).then_some(mac));
    }

    fn touch_all_peers(&mut self) {
        self.peers.extend(self.needs.peers.keys());
    }

    /// The draft, once everything has been said: tunnels follow from which peers are left.
    fn finish(mut self) -> Draft {
        for peer in std::mem::take(&mut self.peers) {
            let way = self.needs.peers.contains(peer).then(|| self.tunnel(peer));
            self.draft.adjacencies.insert(AdjacencyKey::Peer(peer), way);
        }
        self.draft
    }

    /// The tunnel to a provider address.
    fn tunnel(&self, peer: IpAddr) -> Adjacency {
        let encapsulation: &Encapsulation = &self.model.frame.provider.encapsulation;
        let Some(path) = self.routes.lookup(peer) else { return Adjacency::NoRoute };
        let interface = site_interface(&self.model.frame, path.site);
        let network = self.draft.network(self.current, interface);
        // Without an address that is known to be ours alone nothing can be sent.
        let Some(source) = network.and_then(|network| network.addresses.first()) else {
            return Adjacency::NoRoute;
        };
        let wish = self.wishes.get(&peer);
        let ecn = wish.and_then(|wish| wish.ecn).unwrap_or(encapsulation.ecn);
        let tunnel = Tunnel {
            source: source.addr(),
            destination: peer,
            ttl: encapsulation.ttl,
            dscp: match encapsulation.dscp {
                DscpMode::Uniform => Dscp::Uniform,
                DscpMode::Pipe(value) => Dscp::Pipe(value),
            },
            ecn_compatible: ecn == EcnMode::Compatible,
        };
        let hop = Hop { interface, address: path.next_hop };
        Adjacency::Hop { hop, tunnel: Some(tunnel), mtu: path.mtu }
    }
}

#[cfg(test)]
mod tests;
