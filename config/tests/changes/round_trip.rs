//! The way back: a change as a document is read as the same change.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use nvgw_config::{
    Change, ChangeSet, CustomerRoute, FlowIdMode, LearnLimits, LookupRecord, NewTenant, SenderCheck, Subnet,
    SubnetPrefix, parse_changes,
};
use nvgw_types::{CustomerAddr, MacAddr, ProviderAddr, Vsid};
use proptest::prelude::*;

use crate::RIGHT;

/// A station's IPv4 address that is no edge of its /24.
fn ipv4() -> impl Strategy<Value = IpAddr> {
    (1_u8..=223, any::<u16>(), 1_u8..=254).prop_filter("no loopback", |(first, ..)| *first != 127).prop_map(
        |(first, middle, last)| {
            let [second, third] = middle.to_be_bytes();
            Ipv4Addr::new(first, second, third, last).into()
        },
    )
}

/// A station's IPv6 address that is not the first of its /112.
fn ipv6() -> impl Strategy<Value = IpAddr> {
    (0x2000_u16..=0xfdff, any::<[u16; 6]>(), 1_u16..)
        .prop_map(|(first, [b, c, d, e, f, g], last)| Ipv6Addr::new(first, b, c, d, e, f, g, last).into())
}

fn ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![ipv4(), ipv6()]
}

fn ca() -> impl Strategy<Value = CustomerAddr> {
    ip().prop_map(CustomerAddr)
}

fn pa() -> impl Strategy<Value = ProviderAddr> {
    ip().prop_map(ProviderAddr)
}

fn within(address: IpAddr, length: u8) -> IpNet {
    IpNet::new_assert(address, length).trunc()
}

/// A prefix that packets can be routed to.
fn net() -> impl Strategy<Value = IpNet> {
    route().prop_map(|(prefix, ..)| prefix)
}

/// A prefix that packets can be routed to, and two next hops of its family.
fn route() -> impl Strategy<Value = (IpNet, IpAddr, IpAddr)> {
    prop_oneof![
        (ipv4(), 0_u8..=32, ipv4(), ipv4()).prop_map(|(net, length, a, b)| (within(net, length), a, b)),
        (ipv6(), 0_u8..=128, ipv6(), ipv6()).prop_map(|(net, length, a, b)| (within(net, length), a, b)),
    ]
}

fn mac() -> impl Strategy<Value = MacAddr> {
    any::<[u8; 6]>().prop_map(MacAddr).prop_filter("a station's", |mac| mac.is_station())
}

fn vsid() -> impl Strategy<Value = Vsid> {
    (0_u64..0xff_ffff).prop_map(|number| Vsid::new(number).expect("24 bits"))
}

/// Names, those among them that look like numbers, booleans and nothing.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[A-Za-z0-9][A-Za-z0-9._-]{0,62}",
        1 => prop::sample::select(&["300", "true", "null", "off", "1e3", "0x10", "no"][..]).prop_map(str::to_owned),
    ]
}

fn label() -> impl Strategy<Value = String> {
    "[^\\p{Cc}]{1,40}"
}

fn guid() -> impl Strategy<Value = String> {
    "\\{[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\\}"
}

fn sender_check() -> impl Strategy<Value = SenderCheck> {
    prop_oneof![
        Just(SenderCheck::Strict),
        Just(SenderCheck::LogOnly),
        (1_u32..=65536, 1_u32..=100_000_000).prop_map(|(addresses_per_mac, records_per_subnet)| {
            SenderCheck::Learn(LearnLimits { addresses_per_mac, records_per_subnet })
        }),
    ]
}

fn tenant() -> impl Strategy<Value = NewTenant> {
    let values = (
        name(),
        prop::option::of(guid()),
        mac(),
        sender_check(),
        prop::option::of(name()),
        any::<bool>(),
        prop::collection::vec(net(), 0..3),
    );
    values.prop_map(
        |(
            name,
            routing_domain,
            gateway_mac,
            sender_check,
            external,
            router_advertisements,
            public_prefixes,
        )| {
            NewTenant {
                name,
                routing_domain,
                gateway_mac,
                sender_check,
                router_advertisements,
                external,
                public_prefixes,
            }
        },
    )
}

/// A prefix that holds its gateway.
fn reach(
    gateway: impl Strategy<Value = IpAddr>,
    length: std::ops::RangeInclusive<u8>,
) -> impl Strategy<Value = SubnetPrefix> {
    (gateway, length).prop_map(|(gateway, length)| SubnetPrefix {
        prefix: within(gateway, length),
        gateway: CustomerAddr(gateway),
    })
}

/// A subnet of either family, or of both.
fn subnet() -> impl Strategy<Value = Subnet> {
    let first = || reach(ipv4(), 8..=24);
    let second = || reach(ipv6(), 16..=112);
    let prefixes = prop_oneof![
        first().prop_map(|first| vec![first]),
        second().prop_map(|second| vec![second]),
        (first(), second()).prop_map(|(first, second)| vec![first, second]),
    ];
    (vsid(), prefixes).prop_map(|(vsid, prefixes)| Subnet { vsid, prefixes })
}

fn record() -> impl Strategy<Value = LookupRecord> {
    let flow_id = prop::option::of(prop::sample::select(&[FlowIdMode::Hash, FlowIdMode::Zero][..]));
    let values = (vsid(), ca(), mac(), pa(), prop::option::of(label()), flow_id);
    values.prop_map(|(vsid, address, mac, provider_address, name, flow_id)| LookupRecord {
        vsid,
        address,
        mac,
        provider_address,
        name,
        flow_id,
    })
}

fn customer_route() -> impl Strategy<Value = (String, CustomerRoute)> {
    (name(), route()).prop_map(|(tenant, (prefix, next_hop, _))| {
        (tenant, CustomerRoute { prefix, next_hop: CustomerAddr(next_hop) })
    })
}

fn tenants_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        tenant().prop_map(Change::AddTenant),
        (name(), name()).prop_map(|(name, external)| Change::MoveTenant { name, external }),
        name().prop_map(|name| Change::RemoveTenant { name }),
        (name(), subnet()).prop_map(|(tenant, subnet)| Change::AddSubnet { tenant, subnet }),
        vsid().prop_map(|vsid| Change::RemoveSubnet { vsid }),
        record().prop_map(Change::AddLookup),
        (vsid(), ca(), pa()).prop_map(|(vsid, address, provider_address)| Change::MoveLookup {
            vsid,
            address,
            provider_address
        }),
        (vsid(), ca()).prop_map(|(vsid, address)| Change::RemoveLookup { vsid, address }),
        customer_route().prop_map(|(tenant, route)| Change::AddCustomerRoute { tenant, route }),
        customer_route().prop_map(|(tenant, route)| Change::MoveCustomerRoute { tenant, route }),
        (name(), net()).prop_map(|(tenant, prefix)| Change::RemoveCustomerRoute { tenant, prefix }),
    ]
}

fn networks_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (name(), prop::option::of(pa()))
            .prop_map(|(site, address)| Change::AddProviderAddress { site, address }),
        pa().prop_map(|address| Change::RemoveProviderAddress { address }),
        (route(), any::<u32>(), prop::option::of(1280_u16..=65000)).prop_map(
            |((prefix, next_hop, _), metric, mtu)| Change::AddProviderRoute { prefix, next_hop, metric, mtu }
        ),
        route().prop_map(|(prefix, next_hop, to)| Change::MoveProviderRoute { prefix, next_hop, to }),
        route().prop_map(|(prefix, next_hop, _)| Change::RemoveProviderRoute { prefix, next_hop }),
        (name(), ip(), mac()).prop_map(|(network, address, mac)| Change::AddNeighbor {
            network,
            address,
            mac
        }),
        (name(), ip(), mac()).prop_map(|(network, address, mac)| Change::MoveNeighbor {
            network,
            address,
            mac
        }),
        (name(), ip()).prop_map(|(network, address)| Change::RemoveNeighbor { network, address }),
    ]
}

fn read(text: &str) -> ChangeSet {
    parse_changes(text, "test.json").unwrap_or_else(|problems| panic!("{text}\n{problems}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_written_is_read_the_same(
        if_generation: Option<u64>,
        changes in prop::collection::vec(prop_oneof![tenants_change(), networks_change()], 0..8),
    ) {
        let set = ChangeSet { if_generation, changes, places: Vec::new() };
        let value = set.to_value();
        for text in [value.to_string(), format!("{value:#}")] {
            let back = read(&text);
            prop_assert_eq!(back.if_generation, set.if_generation);
            prop_assert_eq!(&back.changes, &set.changes);
            prop_assert_eq!(back.places.len(), set.changes.len());
        }
        for change in &set.changes {
            prop_assert!(change.to_value()[change.kind()].is_object());
        }
    }
}

#[test]
fn a_change_looks_like_its_line_in_the_document() {
    let document: serde_json::Value = serde_yaml::from_str(RIGHT).expect("an independent reader reads it");
    let values: Vec<_> = read(RIGHT).changes.iter().map(Change::to_value).collect();
    let written = document["changes"].as_array().expect("a list");
    // Those that name every key, defaults included.
    for i in [0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22] {
        assert_eq!(values[i], written[i]);
    }
    assert_eq!(values[17]["add-provider-route"]["metric"], 0);
    assert_eq!(
        values[1]["add-tenant"],
        serde_json::json!({ "name": "teal", "gateway-mac": "02:00:5e:00:01:01", "sender-check": "strict", "router-advertisements": "on" })
    );
}
