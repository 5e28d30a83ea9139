//! External networks.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use crate::document;
use crate::model::{ExternalIndex, ExternalNetwork, ExternalRoute, NetworkRef, TenantIndex};
use crate::reader::{Field, List, Reader, Spanned};
use crate::rules::{Refusal, check_not_connected};
use crate::tree::NodeId;

use super::names::Names;
use super::network::{Connected, Networks};
use super::routes::Destinations;
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
        if let Some(gateway) = value.gateway.given() {
            used.external_routes.take(gateway.node);
            connected.check_neighbor(reader, "gateway", gateway);
            connected.add_other(gateway);
        }
        let routes = routes(reader, value, &mut connected, used);
        external.routed.push(routes.iter().map(|route| route.prefix).collect());
        external.networks.extend(network(reader, ports, networks, (*node, value), owner, routes));
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
    routes: Vec<ExternalRoute>,
) -> Option<ExternalNetwork> {
    let interface = networks.interface(reader, ports, node, &network.port, &network.vlan, &network.mtu)?;
    Some(ExternalNetwork {
        name: network.name.value()?.0.clone(),
        port: interface.port,
        vlan: interface.vlan,
        addresses: network.addresses.items().iter().map(|address| IpNet::V4(address.value.0)).collect(),
        gateway: network.gateway.optional()?.map(|gateway| IpAddr::V4(gateway.0)),
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

fn routes(
    reader: &mut Reader<'_>,
    network: &document::External,
    connected: &mut Connected,
    used: &mut Used,
) -> Vec<ExternalRoute> {
    let mut destinations = Destinations::new();
    if let Some(gateway) = network.gateway.given() {
        destinations.add_at(reader, gateway.node, Ipv4Net::default(), ());
    }
    let mut routes = Vec::new();
    for Spanned { node, value: route } in network.routes.items() {
        used.external_routes.take(*node);
        if let Some(prefix) = route.prefix.given() {
            destinations.add(reader, prefix, ());
            let connected = connected.prefixes.iter().map(|(net, _)| *net);
            reader.check(prefix.node, check_not_connected(prefix.value.0, connected));
        }
        if let Some(next_hop) = route.next_hop.given() {
            connected.check_neighbor(reader, "next hop", next_hop);
            connected.add_other(next_hop);
        }
        let build = || {
            Some(ExternalRoute {
                prefix: IpNet::V4(route.prefix.value()?.0),
                next_hop: IpAddr::V4(route.next_hop.value()?.0),
            })
        };
        routes.extend(build());
    }
    routes
}
