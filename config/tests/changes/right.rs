//! What right documents become.

use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_config::{
    Change, ChangeSet, CustomerRoute, FlowIdMode, LearnLimits, LookupRecord, NewTenant, Place, SenderCheck,
    Subnet, SubnetPrefix, parse_changes,
};
use nvgw_types::{CustomerAddr, MacAddr, ProviderAddr, Vsid};

use crate::RIGHT;

fn changes(text: &str) -> ChangeSet {
    parse_changes(text, "test.yaml").unwrap_or_else(|problems| panic!("{problems}"))
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn ca(text: &str) -> CustomerAddr {
    CustomerAddr(ip(text))
}

fn pa(text: &str) -> ProviderAddr {
    ProviderAddr(ip(text))
}

fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix")
}

fn mac(text: &str) -> MacAddr {
    text.parse().expect("an Ethernet address")
}

fn vsid(number: u64) -> Vsid {
    Vsid::new(number).expect("a VSID")
}

fn expected() -> Vec<Change> {
    let green = || "green".to_owned();
    let reach = |prefix, gateway| SubnetPrefix { prefix: net(prefix), gateway: ca(gateway) };
    let route = |prefix, next_hop| CustomerRoute { prefix: net(prefix), next_hop: ca(next_hop) };
    vec![
        Change::AddTenant(NewTenant {
            name: green(),
            routing_domain: Some("{8C1A3A52-3d2b-4c0e-9a65-0d7a5f0c9e03}".to_owned()),
            gateway_mac: mac("02:00:5e:00:01:02"),
            sender_check: SenderCheck::Learn(LearnLimits { addresses_per_mac: 4, records_per_subnet: 100 }),
            router_advertisements: false,
            external: Some("internet".to_owned()),
            public_prefixes: vec![net("203.0.113.16/28"), net("2001:db8:7001::/64")],
        }),
        Change::AddTenant(NewTenant {
            name: "teal".to_owned(),
            routing_domain: None,
            gateway_mac: mac("02:00:5e:00:01:01"),
            sender_check: SenderCheck::Strict,
            router_advertisements: true,
            external: None,
            public_prefixes: vec![],
        }),
        Change::MoveTenant { name: green(), external: "isp2".to_owned() },
        Change::RemoveTenant { name: "blue".to_owned() },
        Change::AddSubnet {
            tenant: green(),
            subnet: Subnet {
                vsid: vsid(7001),
                prefixes: vec![
                    reach("10.0.1.0/24", "10.0.1.1"),
                    reach("2001:db8:7001::/64", "2001:db8:7001::1"),
                ],
            },
        },
        Change::RemoveSubnet { vsid: vsid(7002) },
        Change::AddLookup(LookupRecord {
            vsid: vsid(7001),
            address: ca("10.0.1.5"),
            mac: mac("02:15:5d:00:00:05"),
            provider_address: pa("100.64.10.2"),
            name: Some("web-1".to_owned()),
            flow_id: Some(FlowIdMode::Zero),
        }),
        Change::AddLookup(LookupRecord {
            vsid: vsid(7001),
            address: ca("2001:db8:7001::6"),
            mac: mac("02:15:5d:00:00:06"),
            provider_address: pa("2001:db8:100::3"),
            name: None,
            flow_id: None,
        }),
        Change::MoveLookup { vsid: vsid(7001), address: ca("10.0.1.7"), provider_address: pa("100.64.30.2") },
        Change::RemoveLookup { vsid: vsid(7001), address: ca("10.0.1.8") },
        Change::AddCustomerRoute { tenant: green(), route: route("172.16.0.0/16", "10.0.1.5") },
        Change::MoveCustomerRoute { tenant: green(), route: route("2001:db8:17::/48", "2001:db8:7001::6") },
        Change::RemoveCustomerRoute { tenant: green(), prefix: net("172.18.0.0/16") },
        Change::AddProviderAddress { site: "rack-a".to_owned(), address: Some(pa("100.64.20.11")) },
        Change::AddProviderAddress { site: "rack-b".to_owned(), address: None },
        Change::RemoveProviderAddress { address: pa("100.64.20.12") },
        Change::AddProviderRoute {
            prefix: net("100.64.40.0/24"),
            next_hop: ip("100.64.20.2"),
            metric: 10,
            mtu: Some(1400),
        },
        Change::AddProviderRoute {
            prefix: net("::/0"),
            next_hop: ip("2001:db8:100::1"),
            metric: 0,
            mtu: None,
        },
        Change::MoveProviderRoute {
            prefix: net("100.64.41.0/24"),
            next_hop: ip("100.64.20.4"),
            to: ip("100.64.20.5"),
        },
        Change::RemoveProviderRoute { prefix: net("100.64.42.0/24"), next_hop: ip("100.64.20.6") },
        Change::AddNeighbor {
            network: "rack-a".to_owned(),
            address: ip("100.64.20.7"),
            mac: mac("02:00:00:00:20:07"),
        },
        Change::MoveNeighbor {
            network: "rack-a".to_owned(),
            address: ip("100.64.20.8"),
            mac: mac("02:00:00:00:20:08"),
        },
        Change::RemoveNeighbor { network: "internet".to_owned(), address: ip("2001:db8:ffff::3") },
    ]
}

#[test]
fn every_kind_is_taken_over() {
    let set = changes(RIGHT);
    assert_eq!(set.if_generation, Some(41));
    let expected = expected();
    assert_eq!(set.changes.len(), expected.len());
    for (change, expected) in set.changes.iter().zip(&expected) {
        assert_eq!(change, expected);
    }
}

#[test]
fn each_change_knows_its_place() {
    let set = changes(RIGHT);
    let lines: Vec<&str> = RIGHT.lines().collect();
    assert_eq!(set.places.len(), set.changes.len());
    for (i, (place, change)) in set.places.iter().zip(&set.changes).enumerate() {
        assert_eq!(place.path, format!("changes[{i}].{}", change.kind()));
        assert!(lines[place.line - 1][place.column - 1..].starts_with(change.kind()), "{place:?}");
    }
    assert_eq!(set.places[1], Place { path: "changes[1].add-tenant".to_owned(), line: 12, column: 5 });
}

#[test]
fn json_is_yaml() {
    let text = r#"{
        "changes": [
            { "remove-lookup": { "vsid": 7001, "address": "10.0.1.8" } }
        ]
    }"#;
    let set = changes(text);
    assert_eq!(set.changes, [Change::RemoveLookup { vsid: vsid(7001), address: ca("10.0.1.8") }]);
    assert_eq!(set.places, [Place { path: "changes[0].remove-lookup".to_owned(), line: 3, column: 15 }]);
    assert_eq!(set.if_generation, None);
}

#[test]
fn nothing_may_change() {
    assert_eq!(changes("changes: []\n"), ChangeSet::default());
    let generation = changes("{if-generation: 18446744073709551615, changes: []}").if_generation;
    assert_eq!(generation, Some(u64::MAX));
}

#[test]
fn reserved_vsids_are_for_the_gateway_to_judge() {
    let text = "changes: [{ remove-subnet: { vsid: 3000 } }]";
    assert_eq!(changes(text).changes, [Change::RemoveSubnet { vsid: vsid(3000) }]);
}
