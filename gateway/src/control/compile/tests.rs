use std::collections::BTreeSet;

use nvgw_config::{Peer, TenantIndex};
use nvgw_types::ProviderAddr;

use super::*;
use crate::control::fixture::{self, ip, mac, net};

const RED: VrfId = VrfId(0);
const BLUE: VrfId = VrfId(1);
const INTERNET: VrfId = VrfId(2);
const SITE: InterfaceKey = InterfaceKey { port: PortId(0), vlan: 20 };
const OUTSIDE: InterfaceKey = InterfaceKey { port: PortId(1), vlan: 300 };
const UPLINK: InterfaceKey = InterfaceKey { port: PortId(1), vlan: 301 };

fn desired(config: &Config) -> Desired {
    fixture::desired(config, &BTreeMap::new())
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn hop(interface: InterfaceKey, text: &str) -> Hop {
    Hop { interface, address: address(text) }
}

fn routes(desired: &Desired, vrf: VrfId) -> BTreeSet<(String, Goal)> {
    let of_vrf = desired.routes.iter().filter(|(key, _)| key.vrf == vrf);
    of_vrf.map(|(key, goal)| (key.prefix.to_string(), *goal)).collect()
}

fn expected(routes: &[(&str, Goal)]) -> BTreeSet<(String, Goal)> {
    routes.iter().map(|(prefix, goal)| ((*prefix).to_owned(), *goal)).collect()
}

#[test]
fn a_shared_network_has_a_vrf_with_ways_out_and_the_public_prefixes() {
    let gateway = Goal::Hop(hop(OUTSIDE, "198.18.0.1"));
    let router = Goal::Hop(hop(OUTSIDE, "198.18.0.3"));
    let wanted = expected(&[
        ("0.0.0.0/0", gateway),
        ("198.18.0.0/24", Goal::Connected(OUTSIDE)),
        ("198.18.0.0/32", Goal::Discard),
        ("198.18.0.1/32", gateway),
        ("198.18.0.2/32", Goal::Local),
        ("198.18.0.3/32", router),
        ("198.18.0.255/32", Goal::Discard),
        ("198.18.128.0/17", router),
        ("203.0.113.0/28", Goal::Vrf(BLUE)),
    ]);
    assert_eq!(routes(&desired(&fixture::config()), INTERNET), wanted);
}

#[test]
fn a_tenant_has_its_subnets_and_a_default_route_to_the_shared_network() {
    let wanted = expected(&[
        ("0.0.0.0/0", Goal::Vrf(INTERNET)),
        ("10.0.1.0/24", Goal::Subnet),
        ("10.0.1.0/32", Goal::Discard),
        ("10.0.1.1/32", Goal::Local),
        ("10.0.1.255/32", Goal::Discard),
        ("203.0.113.0/28", Goal::Subnet),
        ("203.0.113.0/32", Goal::Discard),
        ("203.0.113.1/32", Goal::Local),
        ("203.0.113.15/32", Goal::Discard),
    ]);
    assert_eq!(routes(&desired(&fixture::config()), BLUE), wanted);
}

#[test]
fn a_hand_off_network_belongs_to_its_tenants_vrf() {
    let desired = desired(&fixture::config());
    let via = Customer { vrf: RED, address: address("10.0.1.5") };
    let red = routes(&desired, RED);
    let uplink = Goal::Hop(hop(UPLINK, "198.18.1.1"));
    let wanted = expected(&[
        ("0.0.0.0/0", uplink),
        ("198.18.1.1/32", uplink),
        ("198.18.1.2/32", Goal::Local),
        ("198.18.1.0/24", Goal::Connected(UPLINK)),
        ("172.16.0.0/16", Goal::Via(via)),
    ]);
    assert!(wanted.is_subset(&red), "{red:?}");
    assert_eq!(desired.networks[&UPLINK].role, Role::External(RED));
    assert_eq!(desired.vrfs.len(), 3, "it has no VRF of its own");
}

#[test]
fn a_tenant_with_a_hand_off_network_may_send_the_rest_elsewhere() {
    let default = |change: fn(&mut Config)| {
        let mut config = fixture::config();
        change(&mut config);
        desired(&config).routes[&RouteKey { vrf: RED, prefix: everywhere(Family::V4) }]
    };
    let firewall = |config: &mut Config| config.tenants[0].routes[0].prefix = net("0.0.0.0/0");
    assert_eq!(default(firewall), Goal::Via(Customer { vrf: RED, address: address("10.0.1.5") }));
    assert_eq!(default(|config| config.tenants[0].external = Some(ExternalIndex(0))), Goal::Vrf(INTERNET));
}

#[test]
fn a_point_to_point_prefix_has_no_address_to_discard() {
    let mut config = fixture::config();
    config.external[0] = fixture::external("internet", 300, "198.18.0.0/31", "198.18.0.1");
    let wanted = expected(&[
        ("0.0.0.0/0", Goal::Hop(hop(OUTSIDE, "198.18.0.1"))),
        ("198.18.0.0/31", Goal::Connected(OUTSIDE)),
        ("198.18.0.0/32", Goal::Local),
        ("198.18.0.1/32", Goal::Hop(hop(OUTSIDE, "198.18.0.1"))),
        ("203.0.113.0/28", Goal::Vrf(BLUE)),
    ]);
    assert_eq!(routes(&desired(&config), INTERNET), wanted);
}

#[test]
fn records_of_one_host_share_its_tunnel() {
    let desired = desired(&fixture::config());
    let tunnel = |destination: &str| Tunnel {
        source: address("100.64.20.10"),
        destination: address(destination),
        ttl: 64,
        dscp: Dscp::Uniform,
        ecn_compatible: false,
    };
    let peers: Vec<_> =
        desired.adjacencies.iter().filter(|(key, _)| matches!(key, AdjacencyKey::Peer(_))).collect();
    let way = |peer: &str, next: &str| {
        let adjacency = Adjacency::Hop { hop: hop(SITE, next), tunnel: Some(tunnel(peer)), mtu: None };
        (AdjacencyKey::Peer(address(peer)), adjacency)
    };
    let wanted = [
        way("100.64.20.30", "100.64.20.30"),
        way("100.64.20.31", "100.64.20.31"),
        way("100.64.30.2", "100.64.20.2"),
    ];
    assert_eq!(peers, wanted.iter().map(|(key, value)| (key, value)).collect::<Vec<_>>());
}

#[test]
fn a_host_without_a_provider_route_has_no_way() {
    let mut config = fixture::config();
    config.provider.sites[0].gateway = None;
    config.provider.routes.clear();
    let peer = AdjacencyKey::Peer(address("100.64.30.2"));
    assert_eq!(desired(&config).adjacencies[&peer], Adjacency::NoRoute);
}

#[test]
fn flow_id_and_ecn_come_from_the_record_then_the_peer_then_the_default() {
    let mut config = fixture::config();
    let peer = ProviderAddr(ip("100.64.20.31"));
    config.provider.encapsulation.peers =
        vec![Peer { address: peer, flow_id: Some(FlowIdMode::Zero), ecn: Some(EcnMode::Compatible) }];
    config.tenants[1].records[1].flow_id = Some(FlowIdMode::Hash);
    let desired = desired(&config);
    let zero = |vrf, text: &str| desired.records[&Customer { vrf, address: address(text) }].flow_id_zero;
    assert!(zero(BLUE, "10.0.1.5"), "the peer's");
    assert!(!zero(BLUE, "203.0.113.5"), "the record's own");
    assert!(!zero(RED, "10.0.1.5"), "the default");
    let compatible = |text: &str| match desired.adjacencies[&AdjacencyKey::Peer(address(text))] {
        Adjacency::Hop { tunnel: Some(tunnel), .. } => tunnel.ecn_compatible,
        other => panic!("{other:?}"),
    };
    assert!(compatible("100.64.20.31"));
    assert!(!compatible("100.64.20.30"));
}

#[test]
fn a_static_neighbor_outside_is_a_host_with_a_route() {
    let mut config = fixture::config();
    let network = NetworkRef::External(ExternalIndex(0));
    config.neighbors = vec![fixture::neighbor(network, "198.18.0.77", "02:00:00:00:30:77")];
    let desired = desired(&config);
    let host = hop(OUTSIDE, "198.18.0.77");
    assert_eq!(desired.static_neighbors[&host], mac("02:00:00:00:30:77"));
    let route = RouteKey { vrf: INTERNET, prefix: host.address.into() };
    assert_eq!(desired.routes[&route], Goal::Hop(host));
    assert!(desired.hops().contains(&host));
}

#[test]
fn vrfs_keep_their_identifiers_and_new_ones_take_none_that_was_used() {
    let mut config = fixture::config();
    let before = desired(&config).vrfs;
    config.external[1].tenant = Some(TenantIndex(1));
    config.tenants[0].name = "green".into();
    let after = fixture::desired(&config, &before).vrfs;
    assert_eq!(after[&VrfKey::Tenant("blue".into())], BLUE);
    assert_eq!(after[&VrfKey::External("internet".into())], INTERNET);
    assert_eq!(after[&VrfKey::Tenant("green".into())], VrfId(3), "0 was red's a moment ago");
    assert_eq!(after.len(), 3);
}
