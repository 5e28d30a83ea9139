//! The provider network: sites, routes, encapsulation.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_types::ProviderAddr;

use crate::document::{self, Address, TcpMss};
use crate::model::{Encapsulation, NetworkRef, Peer, Pool, ProviderRoute, Site, SiteIndex};
use crate::prefixes::Prefixes;
use crate::reader::{Field, Reader, Spanned};
use crate::rules::{
    Refusal, check_host_family, check_not_connected, check_not_edge, check_path_mtu, check_site_mtu,
    check_station, check_subnet, stations, usable,
};
use crate::tree::NodeId;

use super::network::{Connected, Networks};
use super::routes::{Destinations, check_families};
use super::system::Ports;

/// Sites, and what they make known of their networks; `tenants_ipv6`: tenants have IPv6 subnets.
pub(super) fn sites(
    reader: &mut Reader<'_>,
    provider: Option<&document::Provider>,
    ports: &Ports,
    networks: &mut Networks,
    tenants_ipv6: bool,
) -> Vec<Site> {
    let Some(list) = provider.and_then(|provider| provider.sites.given()) else {
        return Vec::new();
    };
    if list.value.items.is_empty() && list.value.whole {
        let hint =
            "add a site: { name: provider, port: wire0, subnet: 100.64.20.0/24, addresses: [100.64.20.10] }";
        reader.problem(list.node, Refusal::new("there is no site", hint));
    }
    let mut sites = Vec::new();
    for (i, Spanned { node, value }) in list.value.items.iter().enumerate() {
        networks.names.add(reader, &value.name, NetworkRef::Site(SiteIndex(i)));
        let (mut connected, addresses) = site_addresses(reader, *node, value);
        let site = site(reader, ports, networks, (*node, value), addresses);
        if let Some(site) = &site {
            connected.mtu = Some(site.mtu);
            reader.check(
                value.mtu.given().map_or(*node, |mtu| mtu.node),
                check_site_mtu(site.mtu, site.subnet, tenants_ipv6),
            );
        }
        sites.extend(site);
        networks.sites.push(connected);
    }
    sites
}

fn site(
    reader: &mut Reader<'_>,
    ports: &Ports,
    networks: &mut Networks,
    (node, site): (NodeId, &document::Site),
    addresses: Vec<IpAddr>,
) -> Option<Site> {
    let interface = networks.interface(reader, ports, node, &site.port, &site.vlan, &site.mtu)?;
    Some(Site {
        name: site.name.value()?.0.clone(),
        port: interface.port,
        vlan: interface.vlan,
        subnet: site.subnet.value()?.0,
        addresses: addresses.into_iter().map(ProviderAddr).collect(),
        pool: match site.pool.optional()? {
            None => None,
            Some(pool) => {
                let [first, last] = pool.range.value()?.ends().map(ProviderAddr);
                Some(Pool { first, last })
            }
        },
        gateway: site.gateway.optional()?.map(|gateway| gateway.0),
        mtu: interface.mtu,
    })
}

/// Our own addresses at a site: those given, then those taken from the pool.
fn site_addresses(reader: &mut Reader<'_>, node: NodeId, site: &document::Site) -> (Connected, Vec<IpAddr>) {
    let mut connected = Connected {
        whole: site.subnet.given().is_some() && site.addresses.is_whole() && !site.pool.is_broken(),
        ..Connected::default()
    };
    if let Some(subnet) = site.subnet.given() {
        reader.check(subnet.node, check_subnet(subnet.value.0));
        connected.prefixes.push((subnet.value.0, subnet.node));
    }
    let subnet = site.subnet.value().map(|subnet| subnet.0);
    let mut addresses = Vec::new();
    for Spanned { node, value } in site.addresses.items() {
        if let Some(subnet) = subnet {
            reader.check(*node, check_station(value.0, subnet));
        }
        connected.add_own(reader, *node, value.0);
        addresses.push(value.0);
    }
    if let Some(Spanned { node, value: pool }) = site.pool.given() {
        let gateway = site.gateway.value().map(|gateway| gateway.0);
        for address in taken(reader, pool, subnet, |address| {
            connected.own.contains_key(&address) || gateway == Some(address)
        }) {
            connected.own.insert(address, *node);
            addresses.push(address);
        }
    }
    if addresses.is_empty() && connected.whole {
        let hint = match subnet.map(stations) {
            Some((_, host)) => format!("add addresses: [{host}], or a pool with take: 1"),
            None => "add addresses, or a pool with take: 1".to_owned(),
        };
        reader.problem(node, Refusal::new("the site gives the gateway no provider address", hint));
    }
    if let Some(gateway) = site.gateway.given() {
        connected.check_neighbor(reader, "gateway", gateway);
    }
    (connected, addresses)
}

/// The addresses that a pool gives.
fn taken(
    reader: &mut Reader<'_>,
    pool: &document::Pool,
    subnet: Option<IpNet>,
    passed_over: impl Fn(IpAddr) -> bool,
) -> Vec<IpAddr> {
    let (Some(range), Some(subnet)) = (pool.range.given(), subnet) else {
        return Vec::new();
    };
    let Spanned { node: range_node, value } = range;
    for end in value.ends() {
        if check_station(end, subnet).is_err() {
            let message = format!("{end} is no station's address of the site's subnet {subnet}");
            reader.problem(*range_node, Refusal::new(message, usable(subnet)));
            return Vec::new();
        }
    }
    let Some(take) = pool.take.given() else {
        return Vec::new();
    };
    let wanted = take.value.0;
    let addresses: Vec<IpAddr> =
        value.addresses().filter(|address| !passed_over(*address)).take(wanted).collect();
    if addresses.len() < wanted {
        let message = format!("the range has {} free addresses, not {wanted}", addresses.len());
        let hint = format!("write {} or less, or a wider range", addresses.len());
        reader.problem(take.node, Refusal::new(message, hint));
    }
    addresses
}

/// How tenants' packets are wrapped, and whether reserved VSIDs are allowed as far as that could be read.
pub(super) fn encapsulation(
    reader: &mut Reader<'_>,
    encapsulation: Option<&Spanned<document::Encapsulation>>,
    networks: &Networks,
) -> (Option<Encapsulation>, Option<bool>) {
    let Some(Spanned { value, .. }) = encapsulation else {
        return (None, None);
    };
    let peers = peers(reader, value, networks);
    let allow_reserved_vsids = value.allow_reserved_vsids.value().map(|allow| allow.0);
    let build = || {
        Some(Encapsulation {
            ttl: value.ttl.value()?.0,
            flow_id: value.flow_id.value()?.0,
            dscp: value.dscp.value()?.0,
            ecn: value.ecn.value()?.0,
            allow_reserved_vsids: allow_reserved_vsids?,
            reassemble: value.reassemble.value()?.0,
            clamp_mss: value.tcp_mss.value()?.0 == TcpMss::Clamp,
            peers,
        })
    };
    (build(), allow_reserved_vsids)
}

fn peers(reader: &mut Reader<'_>, encapsulation: &document::Encapsulation, networks: &Networks) -> Vec<Peer> {
    let addresses = PeerAddresses::new(networks);
    let mut seen = HashMap::new();
    let mut peers = Vec::new();
    for Spanned { node, value: peer } in encapsulation.peers.items() {
        if let Some(Spanned { node, value }) = peer.provider_address.given() {
            addresses.check(reader, *node, value.0);
            if let Some(first) = seen.insert(value.0, *node) {
                let message = format!("peer {} is given twice, first by {}", value.0, reader.place(first));
                reader.problem(*node, Refusal::new(message, "keep one of them"));
            }
        }
        if matches!((&peer.flow_id, &peer.ecn), (Field::Absent, Field::Absent)) {
            let hint = "add flow-id or ecn, or leave the peer out";
            reader.problem(*node, Refusal::new("the peer wants nothing else than all others", hint));
        }
        let build = || {
            Some(Peer {
                address: ProviderAddr(peer.provider_address.value()?.0),
                flow_id: peer.flow_id.optional()?.map(|mode| mode.0),
                ecn: peer.ecn.optional()?.map(|mode| mode.0),
            })
        };
        peers.extend(build());
    }
    peers
}

/// What provider addresses of others are held against.
pub(super) struct PeerAddresses {
    own: HashSet<IpAddr>,
    sites: Prefixes<SiteIndex>,
    /// The sites' subnets, where all of them could be read.
    subnets: Option<Vec<IpNet>>,
}

impl PeerAddresses {
    pub(super) fn new(networks: &Networks) -> Self {
        let own = networks.sites.iter().flat_map(|site| site.own.keys());
        let whole = networks.whole && networks.sites.iter().all(|site| !site.prefixes.is_empty());
        Self {
            own: own.copied().collect(),
            sites: networks.sites_by_address(),
            subnets: (whole && !networks.sites.is_empty()).then(|| networks.site_subnets().collect()),
        }
    }

    /// Reports an address that no compute host can have.
    pub(super) fn check(&self, reader: &mut Reader<'_>, node: NodeId, address: IpAddr) {
        if self.own.contains(&address) {
            let message = format!("provider address {address} is our own");
            reader.problem(node, Refusal::new(message, "write the provider address of the compute host"));
        } else if let Some((net, _)) = self.sites.find(address) {
            reader.check(node, check_not_edge("provider address", address, net));
        } else if let Some(subnets) = &self.subnets {
            reader.check(node, check_host_family(address, subnets.iter().copied()));
        }
    }
}

/// Static provider routes. `overlay` is every tenant's subnets, to tell where a stray next hop lies.
pub(super) fn routes(
    reader: &mut Reader<'_>,
    provider: Option<&document::Provider>,
    networks: &Networks,
    overlay: &Prefixes<NodeId>,
) -> Vec<ProviderRoute> {
    let sites = networks.sites_by_address();
    let external = networks.external_by_address();
    let subnets: Vec<IpNet> = networks.site_subnets().collect();
    let mut destinations = Destinations::new();
    let mut routes = Vec::new();
    for Spanned { value: route, .. } in provider.map_or(&[][..], |provider| provider.routes.items()) {
        if let (Some(prefix), Some(metric)) = (route.prefix.given(), route.metric.value()) {
            destinations.add(reader, prefix, metric.0);
            reader.check(prefix.node, check_not_connected(prefix.value.0, subnets.iter().copied()));
        }
        let Some(next_hop) = route.next_hop.given() else {
            continue;
        };
        let address = next_hop.value.0;
        if !check_families(reader, route.prefix.given(), next_hop) {
            continue;
        }
        let Some((_, site)) = sites.find(address) else {
            if let Some((_, network)) = external.find(address) {
                let place = reader.place(networks.external[network.0].prefixes[0].1);
                reader.problem(next_hop.node, led_astray(next_hop, &format!("an external network, {place}")));
            } else if let Some((_, subnet)) = overlay.find(address) {
                let place = reader.place(subnet);
                reader.problem(next_hop.node, led_astray(next_hop, &format!("the overlay, {place}")));
            } else if networks.whole && networks.sites.iter().all(|site| site.whole) {
                let message = format!("next hop {address} is on no connected network");
                let hint = "write an address inside a site's subnet, or add the site";
                reader.problem(next_hop.node, Refusal::new(message, hint));
            }
            continue;
        };
        networks.sites[site.0].check_neighbor(reader, "next hop", next_hop);
        let most = networks.sites[site.0].mtu;
        if let (Some(prefix), Some(mtu), Some(most)) = (route.prefix.value(), route.mtu.given(), most) {
            reader.check(mtu.node, check_path_mtu(mtu.value.0, prefix.0, most));
        }
        let build = || {
            Some(ProviderRoute {
                prefix: route.prefix.value()?.0,
                next_hop: address,
                site,
                metric: route.metric.value()?.0,
                mtu: route.mtu.optional()?.map(|mtu| mtu.0),
            })
        };
        routes.extend(build());
    }
    routes
}

fn led_astray(next_hop: &Spanned<Address>, through: &str) -> Refusal {
    Refusal::new(
        format!(
            "next hop {} is in {through}: the provider network is a routing table of its own, an underlay route cannot lead through it",
            next_hop.value.0
        ),
        "write an address inside a site's subnet",
    )
}
