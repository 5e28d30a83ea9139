//! From a configuration to what the tables shall hold. Pure: the same configuration gives the same result.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use nvgw_config::{
    Config, DscpMode, EcnMode, Encapsulation, ExternalIndex, ExternalNetwork, FlowIdMode, NetworkRef,
    SenderCheck, SiteIndex, TenantIndex,
};
use nvgw_types::{PortId, VlanId, VrfId};

use super::desired::{
    Adjacency, AdjacencyKey, Customer, Desired, Goal, Hop, InterfaceKey, Network, Record, Role, RouteKey,
    Subnet, VrfKey, unassignable,
};
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

/// Compiles a configuration. A VRF that `known` has keeps its identifier; new ones get the lowest that `known` does
/// not use, so that no identifier changes its meaning while a packet is on its way.
///
/// # Errors
/// An IPv6 address.
pub fn compile(config: &Config, known: &BTreeMap<VrfKey, VrfId>) -> Result<Desired, Ipv6Unsupported> {
    let mut compiler = Compiler { config, desired: Desired::default(), tenants: vec![], externals: vec![] };
    compiler.name_vrfs(known);
    compiler.sites()?;
    compiler.external_networks()?;
    // A tenant's own routes come before its hand-off network's: a default route to its firewall is meant.
    compiler.tenants()?;
    compiler.external_routes()?;
    compiler.static_neighbors()?;
    compiler.peers()?;
    Ok(compiler.desired)
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

struct Compiler<'c> {
    config: &'c Config,
    desired: Desired,
    /// The VRF of every tenant.
    tenants: Vec<VrfId>,
    /// The VRF of every external network: its own, or its tenant's.
    externals: Vec<VrfId>,
}

impl Compiler<'_> {
    fn name_vrfs(&mut self, known: &BTreeMap<VrfKey, VrfId>) {
        let mut taken: Vec<_> = known.values().copied().collect();
        taken.sort_unstable();
        let mut taken = taken.into_iter().peekable();
        let mut fresh = (0..).map(VrfId).filter(move |id| taken.next_if_eq(id).is_none());
        let vrfs = &mut self.desired.vrfs;
        let mut id_of = |key: VrfKey| {
            let id = known.get(&key).copied().or_else(|| fresh.next()).expect("the range has no end");
            vrfs.insert(key, id);
            id
        };
        let config = self.config;
        self.tenants = config.tenants.iter().map(|t| id_of(VrfKey::Tenant(t.name.clone()))).collect();
        self.externals = config
            .external
            .iter()
            .map(|network| match network.tenant {
                Some(TenantIndex(tenant)) => self.tenants[tenant],
                None => id_of(VrfKey::External(network.name.clone())),
            })
            .collect();
    }

    /// Adds a route where the VRF has none for the prefix yet: what is added first counts.
    fn route(&mut self, vrf: VrfId, prefix: Ipv4Net, goal: Goal) {
        self.desired.routes.entry(RouteKey { vrf, prefix: prefix.trunc() }).or_insert(goal);
    }

    /// A route to a next hop on an external network; the next hop itself is reached over the same adjacency.
    fn route_over(&mut self, vrf: VrfId, prefix: Ipv4Net, hop: Hop) {
        self.desired.adjacencies.insert(AdjacencyKey::Hop(hop), Adjacency::Hop { hop, tunnel: None });
        self.route(vrf, prefix, Goal::Hop(hop));
    }

    fn sites(&mut self) -> Result<(), Ipv6Unsupported> {
        for site in &self.config.provider.sites {
            let interface = interface_key(site.port, site.vlan);
            let length = v4_net(site.subnet)?.prefix_len();
            let mut addresses = Vec::with_capacity(site.addresses.len());
            for address in &site.addresses {
                let address = v4(address.0)?;
                addresses.push(Ipv4Net::new_assert(address, length));
                self.desired.locals.insert(Hop { interface, address });
            }
            let network = Network { name: site.name.clone(), role: Role::Site, addresses, mtu: site.mtu };
            self.desired.networks.insert(interface, network);
        }
        Ok(())
    }

    fn external_networks(&mut self) -> Result<(), Ipv6Unsupported> {
        let (config, externals) = (self.config, self.externals.clone());
        let networks = || config.external.iter().zip(externals.iter().copied());
        // Own addresses come first: no other route may hide them.
        for (network, vrf) in networks() {
            for own in &network.addresses {
                self.route(vrf, v4(own.addr())?.into(), Goal::Local);
            }
        }
        for (network, vrf) in networks() {
            let addresses: Vec<_> = network.addresses.iter().map(|a| v4_net(*a)).collect::<Result<_, _>>()?;
            for own in &addresses {
                for address in unassignable(own) {
                    self.route(vrf, address.into(), Goal::Discard);
                }
            }
            let interface = interface_key(network.port, network.vlan);
            for own in &addresses {
                self.route(vrf, *own, Goal::Connected(interface));
            }
            let key = AdjacencyKey::Connected(interface);
            self.desired.adjacencies.insert(key, Adjacency::Connected(interface));
            let role = Role::External(vrf);
            let network = Network { name: network.name.clone(), role, addresses, mtu: network.mtu };
            self.desired.networks.insert(interface, network);
        }
        Ok(())
    }

    fn external_routes(&mut self) -> Result<(), Ipv6Unsupported> {
        let config = self.config;
        for (network, vrf) in config.external.iter().zip(self.externals.clone()) {
            self.routes_of(network, vrf)?;
        }
        Ok(())
    }

    fn routes_of(&mut self, network: &ExternalNetwork, vrf: VrfId) -> Result<(), Ipv6Unsupported> {
        let interface = interface_key(network.port, network.vlan);
        let mut hops = Vec::new();
        for route in &network.routes {
            let hop = Hop { interface, address: v4(route.next_hop)? };
            self.route_over(vrf, v4_net(route.prefix)?, hop);
            hops.push(hop);
        }
        if let Some(gateway) = network.gateway {
            let hop = Hop { interface, address: v4(gateway)? };
            self.route_over(vrf, EVERYWHERE, hop);
            hops.push(hop);
        }
        for hop in hops {
            self.route(vrf, hop.address.into(), Goal::Hop(hop));
        }
        Ok(())
    }

    fn tenants(&mut self) -> Result<(), Ipv6Unsupported> {
        let config = self.config;
        for (tenant, vrf) in config.tenants.iter().zip(self.tenants.clone()) {
            for subnet in &tenant.subnets {
                let (prefix, gateway) = (v4_net(subnet.prefix)?, v4(subnet.gateway.0)?);
                self.route(vrf, gateway.into(), Goal::Local);
                for address in unassignable(&prefix) {
                    self.route(vrf, address.into(), Goal::Discard);
                }
                self.route(vrf, prefix, Goal::Subnet);
                let sender_mode = match tenant.sender_check {
                    SenderCheck::Strict => SenderMode::Strict,
                    SenderCheck::LogOnly => SenderMode::LogOnly,
                    SenderCheck::Learn(_) => SenderMode::Learn,
                };
                let value = Subnet { vrf, prefix, gateway, gateway_mac: tenant.gateway_mac, sender_mode };
                self.desired.subnets.insert(subnet.vsid, value);
            }
            for route in &tenant.routes {
                let via = Customer { vrf, address: v4(route.next_hop.0)? };
                self.desired.vias.insert(via);
                self.route(vrf, v4_net(route.prefix)?, Goal::Via(via));
            }
            if let Some(ExternalIndex(index)) = tenant.external {
                // A hand-off network is in the tenant's own VRF already.
                if config.external[index].tenant.is_none() {
                    let external = self.externals[index];
                    self.route(vrf, EVERYWHERE, Goal::Vrf(external));
                    for prefix in &tenant.public_prefixes {
                        self.route(external, v4_net(*prefix)?, Goal::Vrf(vrf));
                    }
                }
            }
        }
        self.records()
    }

    fn records(&mut self) -> Result<(), Ipv6Unsupported> {
        let encapsulation = &self.config.provider.encapsulation;
        let peers = peers_of(encapsulation);
        let mut records = Vec::new();
        for (tenant, &vrf) in self.config.tenants.iter().zip(&self.tenants) {
            for record in &tenant.records {
                let customer = Customer { vrf, address: v4(record.address.0)? };
                let peer = v4(record.provider_address.0)?;
                let of_peer = peers.get(&record.provider_address.0).and_then(|p| p.flow_id);
                let flow_id = record.flow_id.or(of_peer).unwrap_or(encapsulation.flow_id);
                let value = Record {
                    vsid: record.vsid,
                    mac: record.mac,
                    peer,
                    gateway_mac: tenant.gateway_mac,
                    flow_id_zero: flow_id == FlowIdMode::Zero,
                };
                records.push((customer, value));
            }
        }
        self.desired.records = records.into_iter().collect();
        Ok(())
    }

    fn static_neighbors(&mut self) -> Result<(), Ipv6Unsupported> {
        let config = self.config;
        for neighbor in &config.neighbors {
            let address = v4(neighbor.address)?;
            let interface = match neighbor.network {
                NetworkRef::Site(site) => site_interface(config, site),
                NetworkRef::External(network) => external_interface(config, network),
            };
            let hop = Hop { interface, address };
            if let NetworkRef::External(ExternalIndex(index)) = neighbor.network {
                self.route_over(self.externals[index], address.into(), hop);
            }
            self.desired.static_neighbors.insert(hop, neighbor.mac);
        }
        Ok(())
    }

    /// One tunnel for every provider address that some record names.
    fn peers(&mut self) -> Result<(), Ipv6Unsupported> {
        let config = self.config;
        let encapsulation = &config.provider.encapsulation;
        let peers = peers_of(encapsulation);
        let routes = ProviderRoutes::new(config)?;
        let mut addresses: Vec<_> = self.desired.records.values().map(|record| record.peer).collect();
        addresses.sort_unstable();
        addresses.dedup();
        for peer in addresses {
            let adjacency = match routes.lookup(peer) {
                None => Adjacency::NoRoute,
                Some(path) => {
                    let site = &config.provider.sites[path.site.0];
                    let ecn = peers.get(&IpAddr::V4(peer)).and_then(|p| p.ecn).unwrap_or(encapsulation.ecn);
                    let hop = Hop { interface: site_interface(config, path.site), address: path.next_hop };
                    let tunnel = Tunnel {
                        source: v4(site.addresses[0].0)?,
                        destination: peer,
                        ttl: encapsulation.ttl,
                        dscp: match encapsulation.dscp {
                            DscpMode::Uniform => Dscp::Uniform,
                            DscpMode::Pipe(value) => Dscp::Pipe(value),
                        },
                        ecn_compatible: ecn == EcnMode::Compatible,
                    };
                    Adjacency::Hop { hop, tunnel: Some(tunnel) }
                }
            };
            self.desired.adjacencies.insert(AdjacencyKey::Peer(peer), adjacency);
        }
        Ok(())
    }
}

fn peers_of(encapsulation: &Encapsulation) -> BTreeMap<IpAddr, &nvgw_config::Peer> {
    encapsulation.peers.iter().map(|peer| (peer.address.0, peer)).collect()
}

#[cfg(test)]
mod tests;
