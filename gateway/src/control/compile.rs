//! From the model to what the tables shall hold.
//!
//! Every object says what it asks of the tables. A new model asks for all of it; a change takes back what an object
//! asked for before and asks for what it wants now, so that one record among a million costs one record. Both ways
//! lead to the same tables, which a property test holds against each other.

mod nat;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use nvgw_config::{
    Config, DscpMode, EcnMode, Encapsulation, ExternalIndex, ExternalNetwork, FlowIdMode, NetworkRef,
    SenderCheck, SiteIndex,
};
use nvgw_types::{MacAddr, PortId, ProviderAddr, VlanId, VrfId, Vsid};

use super::desired::{
    Adjacency, AdjacencyKey, Customer, Desired, Goal, Hop, InterfaceKey, Network, Record, Role, RouteKey,
    Subnet, VrfKey, unassignable,
};
use super::draft::{Draft, after};
use super::model::{self, CustomerRouteKey, Edit, Model, Owned, PlacedRecord, Swap};
use super::needs::Needs;
use super::provider::ProviderRoutes;
use crate::tables::entries::{Dscp, SenderMode, Tunnel};

/// An IPv6 address where the gateway only knows IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("IPv6 is not supported yet: {0}")]
pub struct Ipv6Unsupported(pub IpAddr);

/// The address as IPv4.
pub(super) fn v4(address: IpAddr) -> Result<Ipv4Addr, Ipv6Unsupported> {
    match address {
        IpAddr::V4(v4) => Ok(v4),
        IpAddr::V6(_) => Err(Ipv6Unsupported(address)),
    }
}

/// The prefix as IPv4, host bits kept.
pub(super) fn v4_net(prefix: IpNet) -> Result<Ipv4Net, Ipv6Unsupported> {
    match prefix {
        IpNet::V4(v4) => Ok(v4),
        IpNet::V6(_) => Err(Ipv6Unsupported(prefix.addr())),
    }
}

/// The routes to the customer network's default and the like: all of IPv4.
const EVERYWHERE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0);

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
///
/// # Errors
/// An IPv6 address.
pub(super) fn compile(model: &Model) -> Result<Compiled, Ipv6Unsupported> {
    let nothing = Desired::default();
    let mut needs = Needs::default();
    let routes = ProviderRoutes::new(model)?;
    let mut compiler = Compiler::new(model, &nothing, &mut needs, &routes);
    for site in 0..model.frame.provider.sites.len() {
        compiler.site(SiteIndex(site))?;
    }
    compiler.external_networks()?;
    compiler.draft.settings = Some(nat::settings(&model.frame.nat));
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
    let draft = compiler.finish()?;
    Ok(Compiled { draft, needs, routes })
}

/// Compiles what edits of a model, which have been made, ask of tables that hold `current` and, on top of that, what
/// `draft` says already. `needs` follows; routes of the provider network are given back where they are other ones.
///
/// # Errors
/// An IPv6 address.
pub(super) fn recompile(
    model: &Model,
    edits: &[Edit],
    (current, draft): (&Desired, Draft),
    needs: &mut Needs,
    routes: &ProviderRoutes,
) -> Result<(Draft, Option<ProviderRoutes>), Ipv6Unsupported> {
    let rerouted = edits.iter().any(|edit| matches!(edit, Edit::Address(_) | Edit::ProviderRoute(_)));
    let other = if rerouted { Some(ProviderRoutes::new(model)?) } else { None };
    let mut compiler = Compiler::new(model, current, needs, other.as_ref().unwrap_or(routes));
    compiler.draft = draft;
    for edit in edits {
        compiler.edit(edit)?;
    }
    if rerouted {
        compiler.touch_all_peers();
    }
    Ok((compiler.finish()?, other))
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
    peers: BTreeSet<Ipv4Addr>,
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

    fn edit(&mut self, edit: &Edit) -> Result<(), Ipv6Unsupported> {
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
                    self.site(own.site)?;
                }
            }
            Edit::ProviderRoute(_) | Edit::Suspended(_) => {}
        }
        Ok(())
    }

    /// Asks for a route, or takes that back.
    fn route(&mut self, vrf: VrfId, prefix: Ipv4Net, goal: Goal, side: Side) {
        let key = RouteKey { vrf, prefix: prefix.trunc() };
        let goal = match side {
            Side::Comes => {
                let present = after(&self.draft.routes, &self.current.routes, &key).copied();
                Some(self.needs.ask(key, goal, present))
            }
            Side::Goes => self.needs.withdraw(key, goal),
        };
        self.draft.routes.insert(key, goal);
    }

    /// A route to a next hop on an external network; the next hop itself is reached over the same adjacency.
    fn route_over(&mut self, vrf: VrfId, prefix: Ipv4Net, hop: Hop, side: Side) {
        let turned = match side {
            Side::Comes => self.needs.hops.more(hop),
            Side::Goes => self.needs.hops.less(hop),
        };
        if turned {
            let way = (side == Side::Comes).then_some(Adjacency::Hop { hop, tunnel: None });
            self.draft.adjacencies.insert(AdjacencyKey::Hop(hop), way);
        }
        self.route(vrf, prefix, Goal::Hop(hop), side);
    }

    /// A site as it is now.
    fn site(&mut self, index: SiteIndex) -> Result<(), Ipv6Unsupported> {
        let site = &self.model.frame.provider.sites[index.0];
        let interface = interface_key(site.port, site.vlan);
        let length = v4_net(site.subnet)?.prefix_len();
        let usable = self.model.addresses_of(index).into_iter().filter(|(_, own)| own.usable);
        let addresses: Vec<_> = usable.map(|(address, _)| Ipv4Net::new_assert(address, length)).collect();
        for own in &addresses {
            self.draft.locals.insert(Hop { interface, address: own.addr() }, Some(()));
        }
        let network = Network { name: site.name.clone(), role: Role::Site, addresses, mtu: site.mtu };
        self.draft.networks.insert(interface, Some(network));
        Ok(())
    }

    fn external_networks(&mut self) -> Result<(), Ipv6Unsupported> {
        let model = self.model;
        for (network, &vrf) in model.frame.external.iter().zip(&model.externals) {
            if network.tenant.is_none() {
                self.draft.vrfs.insert(VrfKey::External(network.name.clone()), Some(vrf));
            }
            let addresses: Vec<_> =
                network.addresses.iter().map(|address| v4_net(*address)).collect::<Result<_, _>>()?;
            let interface = interface_key(network.port, network.vlan);
            for own in &addresses {
                self.route(vrf, own.addr().into(), Goal::Local, Side::Comes);
                for address in unassignable(own) {
                    self.route(vrf, address.into(), Goal::Discard, Side::Comes);
                }
                self.route(vrf, *own, Goal::Connected(interface), Side::Comes);
            }
            let key = AdjacencyKey::Connected(interface);
            self.draft.adjacencies.insert(key, Some(Adjacency::Connected(interface)));
            self.external_routes(network, vrf, interface)?;
            let role = Role::External(vrf);
            let network = Network { name: network.name.clone(), role, addresses, mtu: network.mtu };
            self.draft.networks.insert(interface, Some(network));
        }
        Ok(())
    }

    fn external_routes(
        &mut self,
        network: &ExternalNetwork,
        vrf: VrfId,
        interface: InterfaceKey,
    ) -> Result<(), Ipv6Unsupported> {
        let mut ways: Vec<(Ipv4Net, Ipv4Addr)> =
            Vec::with_capacity(network.routes.len() + network.gateways.len());
        for route in &network.routes {
            ways.push((v4_net(route.prefix)?, v4(route.next_hop)?));
        }
        for gateway in &network.gateways {
            ways.push((EVERYWHERE, v4(*gateway)?));
        }
        let hops: BTreeSet<Ipv4Addr> = ways.iter().map(|(_, next_hop)| *next_hop).collect();
        for (prefix, address) in ways {
            self.route_over(vrf, prefix, Hop { interface, address }, Side::Comes);
        }
        for address in hops {
            self.route(vrf, address.into(), Goal::Hop(Hop { interface, address }), Side::Comes);
        }
        Ok(())
    }

    fn tenant(&mut self, name: &str, tenant: &model::Tenant, side: Side) {
        let vrf = tenant.vrf;
        self.draft.vrfs.insert(VrfKey::Tenant(name.to_owned()), (side == Side::Comes).then_some(vrf));
        if let Some(ExternalIndex(index)) = tenant.external {
            let external = self.model.externals[index];
            // A hand-off network is in the tenant's own VRF already.
            if external != vrf {
                let out = match &tenant.nat {
                    Some(nat) => {
                        self.translation(vrf, external, nat, side);
                        Goal::Translate(external)
                    }
                    None => Goal::Vrf(external),
                };
                self.route(vrf, EVERYWHERE, out, side);
                for prefix in &tenant.public_prefixes {
                    self.route(external, *prefix, Goal::Vrf(vrf), side);
                }
            }
        }
    }

    fn subnet(&mut self, vsid: Vsid, subnet: &model::Subnet, side: Side) {
        let &model::Subnet { vrf, prefix, gateway, .. } = subnet;
        self.route(vrf, gateway.into(), Goal::Local, side);
        for address in unassignable(&prefix) {
            self.route(vrf, address.into(), Goal::Discard, side);
        }
        self.route(vrf, prefix, Goal::Subnet, side);
        // A tenant that is not there any more takes the subnet along with a later edit.
        let tenant = self.model.tenants.get(&subnet.tenant).filter(|_| side == Side::Comes);
        let value = tenant.map(|tenant| Subnet {
            vrf,
            prefix,
            gateway,
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
        let of_peer = self.wishes.get(&IpAddr::V4(peer)).and_then(|wish| wish.flow_id);
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

    fn customer_route(&mut self, (vrf, prefix): CustomerRouteKey, next_hop: Ipv4Addr, side: Side) {
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
    fn finish(mut self) -> Result<Draft, Ipv6Unsupported> {
        for peer in std::mem::take(&mut self.peers) {
            let way = if self.needs.peers.contains(peer) { Some(self.tunnel(peer)?) } else { None };
            self.draft.adjacencies.insert(AdjacencyKey::Peer(peer), way);
        }
        Ok(self.draft)
    }

    /// The tunnel to a provider address.
    fn tunnel(&self, peer: Ipv4Addr) -> Result<Adjacency, Ipv6Unsupported> {
        let encapsulation: &Encapsulation = &self.model.frame.provider.encapsulation;
        let Some(path) = self.routes.lookup(peer) else { return Ok(Adjacency::NoRoute) };
        let interface = site_interface(&self.model.frame, path.site);
        let network = self.draft.network(self.current, interface);
        // Without an address that is known to be ours alone nothing can be sent.
        let Some(source) = network.and_then(|network| network.addresses.first()) else {
            return Ok(Adjacency::NoRoute);
        };
        let wish = self.wishes.get(&ProviderAddr(IpAddr::V4(peer)).0);
        let ecn = wish.and_then(|wish| wish.ecn).unwrap_or(encapsulation.ecn);
        let tunnel = Tunnel {
            source: source.addr().into(),
            destination: peer.into(),
            ttl: encapsulation.ttl,
            dscp: match encapsulation.dscp {
                DscpMode::Uniform => Dscp::Uniform,
                DscpMode::Pipe(value) => Dscp::Pipe(value),
            },
            ecn_compatible: ecn == EcnMode::Compatible,
        };
        Ok(Adjacency::Hop { hop: Hop { interface, address: path.next_hop }, tunnel: Some(tunnel) })
    }
}

#[cfg(test)]
mod tests;
