//! External networks.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::document::{self, Address};
use crate::model::{ExternalIndex, ExternalNetwork, ExternalRoute, NetworkRef, TenantIndex};
use crate::reader::{Field, List, Reader, Spanned};
use crate::rules::{Refusal, check_network_mtu, check_not_connected};
use crate::tree::NodeId;

use super::names::Names;
use super::network::{Connected, Networks};
use super::routes::{Destinations, check_families};
use super::system::{Ports, Used};

/// Whose an external network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Shared,
    Tenant(TenantIndex),
    /// The document names one, but it could not be read or found.
    Unknown,
}

/// The external networks, and whose each of them is, in the order of the document.
pub(super) struct External {
    pub(super) networks: Vec<ExternalNetwork>,
    pub(super) owners: Vec<Owner>,
    /// What each routes to next hops of its own.
    pub(super) routed: Vec<BTreeSet<IpNet>>,
}

pub(super) fn networks(
    reader: &mut Reader<'_>,
    list: &Field<List<document::External>>,
    ports: &Ports,
    tenants: &Names<TenantIndex>,
    networks: &mut Networks,
    used: &mut Used,
) -> External {
    let mut external = External { networks: Vec::new(), owners: Vec::new(), routed: Vec::new() };
    for (i, Spanned { node, value }) in list.items().iter().enumerate() {
        networks.names.add(reader, &value.name, NetworkRef::External(ExternalIndex(i)));
        let owner = match &value.tenant {
            Field::Absent => Owner::Shared,
            tenant => tenants.resolve(reader, tenant).map_or(Owner::Unknown, Owner::Tenant),
        };
        external.owners.push(owner);
        let mut connected = connected(reader, value, owner);
        let gateways = gateways(reader, value, &mut connected, used);
        let routes = routes(reader, value, &gateways, &mut connected, used);
        external.routed.push(routes.iter().map(|route| route.prefix).collect());
        let gateways = gateways.iter().map(|gateway| gateway.value.0).collect();
        external.networks.extend(network(reader, ports, networks, (*node, value), owner, (gateways, routes)));
        networks.external.push(connected);
    }
    external
}

fn network(
    reader: &mut Reader<'_>,
    ports: &Ports,
    networks: &mut Networks,
    (node, network): (NodeId, &document::External),
    owner: Owner,
    (gateways, routes): (Vec<IpAddr>, Vec<ExternalRoute>),
) -> Option<ExternalNetwork> {
    let interface = networks.interface(reader, ports, node, &network.port, &network.vlan, &network.mtu)?;
    let addresses: Vec<IpNet> = network.addresses.items().iter().map(|address| address.value.0).collect();
    if let Some(address) = addresses.iter().find(|address| address.addr().is_ipv6()) {
        let at = network.mtu.given().map_or(node, |mtu| mtu.node);
        reader.check(at, check_network_mtu(interface.mtu, *address));
    }
    Some(ExternalNetwork {
        name: network.name.value()?.0.clone(),
        port: interface.port,
        vlan: interface.vlan,
        addresses,
        gateways,
        routes,
        tenant: match owner {
            Owner::Shared => None,
            Owner::Tenant(tenant) => Some(tenant),
            Owner::Unknown => return None,
        },
        mtu: interface.mtu,
    })
}

fn connected(reader: &mut Reader<'_>, network: &document::External, owner: Owner) -> Connected {
    let addresses = network.addresses.items();
    let mut connected = Connected {
        shared: owner == Owner::Shared,
        whole: network.addresses.is_whole() && !addresses.is_empty(),
        ..Connected::default()
    };
    for Spanned { node, value } in addresses {
        connected.prefixes.push((value.0.trunc(), *node));
        connected.add_own(reader, *node, value.0.addr());
    }
    if let Some(list) = network.addresses.given()
        && list.value.whole
        && addresses.is_empty()
    {
        let hint = "add an address with its prefix length, as in 198.18.0.2/24";
        reader.problem(list.node, Refusal::new("the network gives the gateway no address", hint));
    }
    connected
}

/// The default gateways: one, or one of each family.
fn gateways(
    reader: &mut Reader<'_>,
    network: &document::External,
    connected: &mut Connected,
    used: &mut Used,
) -> Vec<Spanned<Address>> {
    let first = network.gateway.given().copied();
    let second = network.gateway_ipv6.given().map(|gateway| gateway.map(|gateway| Address(gateway.0.into())));
    if let (Some(first), Some(second)) = (first, second)
        && first.value.0.is_ipv6()
    {
        let message = format!("a second IPv6 gateway beside {}", first.value.0);
        let hint = "leave it out, or write an IPv4 gateway as gateway: a network has one of each family";
        reader.problem(second.node, Refusal::new(message, hint));
        return vec![first];
    }
    let gateways: Vec<Spanned<Address>> = first.into_iter().chain(second).collect();
    for gateway in &gateways {
        used.external_routes(gateway.value.0).take(gateway.node);
        connected.check_neighbor(reader, "gateway", gateway);
        connected.add_other(gateway);
    }
    gateways
}

fn routes(
    reader: &mut Reader<'_>,
    network: &document::External,
    gateways: &[Spanned<Address>],
    connected: &mut Connected,
    used: &mut Used,
) -> Vec<ExternalRoute> {
    let mut destinations = Destinations::new();
    for gateway in gateways {
        destinations.add_at(reader, gateway.node, everywhere(gateway.value.0), ());
    }
    let mut routes = Vec::new();
    for Spanned { node, value: route } in network.routes.items() {
        if let Some(prefix) = route.prefix.given() {
            used.external_routes(prefix.value.0.addr()).take(*node);
            destinations.add(reader, prefix, ());
            let connected = connected.prefixes.iter().map(|(net, _)| *net);
            reader.check(prefix.node, check_not_connected(prefix.value.0, connected));
        }
        if let Some(next_hop) = route.next_hop.given() {
            if check_families(reader, route.prefix.given(), next_hop) {
                connected.check_neighbor(reader, "next hop", next_hop);
            }
            connected.add_other(next_hop);
        }
        let build =
            || Some(ExternalRoute { prefix: route.prefix.value()?.0, next_hop: route.next_hop.value()?.0 });
        routes.extend(build());
    }
    routes
}

/// The prefix of every address of a gateway's family.
fn everywhere(gateway: IpAddr) -> IpNet {
    match gateway {
        IpAddr::V4(_) => IpNet::new_assert(Ipv4Addr::UNSPECIFIED.into(), 0),
        IpAddr::V6(_) => IpNet::new_assert(Ipv6Addr::UNSPECIFIED.into(), 0),
    }
}
