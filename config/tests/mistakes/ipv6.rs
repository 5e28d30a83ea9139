//! What IPv6 adds: both families beside each other, and rules of its own.

use crate::{Case, check_in, problems_of};

/// A right document that has both families everywhere.
const RIGHT: &str = include_str!("right-ipv6.yaml");

fn check(cases: &[Case]) {
    check_in(RIGHT, cases);
}

fn check_right(changes: &[(&str, &str)]) {
    crate::check_right_in(RIGHT, changes);
}

#[test]
fn both_families_beside_each_other_are_right() {
    let found = problems_of(RIGHT);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
#[rustfmt::skip]
fn addresses() {
    check(&[
        ("address: 2001:db8:51::5", "address: ¦fe80::5", "tenants[0].records[1].address", "fe80::5 is a link-local address: it says nothing beyond its link", "write a global or unique local address"),
        ("address: 2001:db8:51::5", "address: ¦ff02::1", "tenants[0].records[1].address", "ff02::1 is no station's address", "write a station's address, as in 2001:db8::5"),
        ("address: 2001:db8:51::5", "address: ¦\"::\"", "tenants[0].records[1].address", ":: is no station's address", "as in 2001:db8::5"),
        ("address: 2001:db8:51::5", "address: ¦::1", "tenants[0].records[1].address", "::1 is no station's address", "as in 2001:db8::5"),
        ("address: 2001:db8:51::5", "address: ¦::ffff:10.0.1.6", "tenants[0].records[1].address", "::ffff:10.0.1.6 is an IPv4 address in the form of an IPv6 one", "write 10.0.1.6"),
        ("address: 2001:db8:51::5", "address: ¦2001:db8:51::5%eth0", "tenants[0].records[1].address", "\"2001:db8:51::5%eth0\" is no address", "as in 10.0.1.5 or 2001:db8::5"),
        ("address: 2001:db8:51::5", "address: ¦2001:db8:51::5/64", "tenants[0].records[1].address", "is a prefix, not an address", "write 2001:db8:51::5 without its length"),
        ("provider-address: 2001:db8:100::31", "provider-address: ¦fe80::31", "tenants[0].records[0].provider-address", "fe80::31 is a link-local address", "global or unique local"),
        ("prefix: 2001:db8:5f::/48", "prefix: ¦2001:db8:5f::1/48", "tenants[0].routes[0].prefix", "2001:db8:5f::1/48 has host bits set", "write 2001:db8:5f::/48"),
        ("prefix: 2001:db8:5f::/48", "prefix: ¦2001:db8:5f::5", "tenants[0].routes[0].prefix", "2001:db8:5f::5 has no prefix length", "2001:db8:5f::5/128"),
        ("prefix: 2001:db8:5f::/48", "prefix: ¦ff00::/8", "tenants[0].routes[0].prefix", "ff00::/8 holds no unicast destination", "as in 2001:db8::/32"),
        ("prefix: 2001:db8:5f::/48", "prefix: ¦fe80::/64", "tenants[0].routes[0].prefix", "fe80::/64 holds no unicast destination", "unicast prefix"),
        ("prefix: 2001:db8:5f::/48", "prefix: ¦::ffff:0:0/96", "tenants[0].routes[0].prefix", "holds no unicast destination", "unicast prefix"),
        ("2001:db8:ffff::2/64]", "¦2001:db8:ffff::2]", "external[0].addresses[1]", "2001:db8:ffff::2 has no prefix length", "add it, as in 2001:db8:ffff::2/64"),
        ("2001:db8:ffff::2/64]", "¦2001:db8:ffff::/64]", "external[0].addresses[1]", "2001:db8:ffff:: is the subnet-router anycast address of 2001:db8:ffff::/64", "write an address from 2001:db8:ffff::1 to 2001:db8:ffff:0:ffff:ffff:ffff:ffff"),
        ("2001:db8:ffff::2/64]", "¦2001:db8:ffff::2/0]", "external[0].addresses[1]", "every address a neighbour", "as in /64"),
        ("2001:db8:ffff::2/64]", "¦fe80::2/64]", "external[0].addresses[1]", "fe80::2 is a link-local address", "global or unique local"),
    ]);
    check_right(&[
        ("prefix: 2001:db8:5f::/48", "prefix: \"::/0\""),
        ("prefix: 2001:db8:5f::/48", "prefix: ::/1"),
        ("address: 2001:db8:51::5", "address: 2001:DB8:51:0:0:0:0:5"),
    ]);
}

#[test]
#[rustfmt::skip]
fn sites() {
    check(&[
        ("addresses: [2001:db8:100::10]", "addresses: [¦\"2001:db8:100::\"]", "provider.sites[0].addresses[0]", "2001:db8:100:: is the subnet-router anycast address of 2001:db8:100::/64", "from 2001:db8:100::1 to 2001:db8:100:0:ffff:ffff:ffff:ffff"),
        ("addresses: [2001:db8:100::10]", "addresses: [¦100.64.20.11]", "provider.sites[0].addresses[0]", "100.64.20.11 is outside 2001:db8:100::/64", "from 2001:db8:100::1"),
        ("gateway: 2001:db8:100::1\n", "gateway: ¦100.64.20.1\n", "provider.sites[0].gateway", "gateway 100.64.20.1 is on no connected network", "inside 2001:db8:100::/64"),
        ("2001:db8:100::50-2001:db8:100::ffff", "¦2001:db8:100::-2001:db8:100::ffff", "provider.sites[0].pool.range", "2001:db8:100:: is no station's address of the site's subnet", "from 2001:db8:100::1"),
        ("2001:db8:100::50-2001:db8:100::ffff", "¦2001:db8:100::50-100.64.20.59", "provider.sites[0].pool.range", "begins with an IPv6 address and ends with an IPv4 one", "first and last address"),
        ("2001:db8:100::50-2001:db8:100::ffff, take: 2", "2001:db8:100::50-2001:db8:100::51, take: ¦3", "provider.sites[0].pool.take", "2 free addresses, not 3", "write 2 or less"),
        ("      mtu: 1590\n", "      mtu: ¦1341\n", "provider.sites[0].mtu", "mtu 1341 leaves 1279 bytes for tenants' packets in NVGRE, IPv6 needs 1280", "raise the mtu to 1342 or more"),
        ("vlan: 20, subnet", "vlan: 20, mtu: ¦1321, subnet", "provider.sites[1].mtu", "mtu 1321 leaves 1279 bytes for tenants' packets in NVGRE, IPv6 needs 1280", "raise the mtu to 1322 or more"),
    ]);
    check_right(&[
        ("subnet: 2001:db8:100::/64", "subnet: 2001:db8::/32"),
        ("      mtu: 1590\n", "      mtu: 1342\n"),
        ("vlan: 20, subnet", "vlan: 20, mtu: 1322, subnet"),
        ("2001:db8:100::50-2001:db8:100::ffff", "2001:db8:100::3-2001:db8:100:0:ffff:ffff:ffff:ffff"),
    ]);
}

#[test]
fn an_ipv6_site_is_an_ipv6_link_whatever_tenants_have() {
    let document = |mtu: u16| {
        let site = "subnet: 2001:db8:100::/64, addresses: [2001:db8:100::10]";
        format!(
            "ports: [{{ name: wire, device: net_null0, mtu: {mtu} }}]\nprovider: {{ sites: [{{ name: site, port: wire, {site} }}] }}\n"
        )
    };
    assert!(problems_of(&document(1280)).is_empty());
    let found = problems_of(&document(1279));
    let [problem] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(problem.path, "provider.sites[0]");
    assert_eq!(problem.message, "mtu 1279 is less than IPv6 asks of every link, 1280 (RFC 8200)");
    assert_eq!(problem.hint, "raise the mtu to 1280 or more, and the port's where it is less");
}

#[test]
#[rustfmt::skip]
fn provider_routes() {
    check(&[
        ("next-hop: 2001:db8:100::2", "next-hop: ¦100.64.20.2", "provider.routes[0].next-hop", "next hop 100.64.20.2 is IPv4, the prefix 2001:db8:130::/48 IPv6", "write the IPv6 address"),
        ("next-hop: 2001:db8:100::2", "next-hop: ¦2001:db8:51::5", "provider.routes[0].next-hop", "is in the overlay, tenants[0].subnets[0].prefix-ipv6", "inside a site's subnet"),
        ("next-hop: 2001:db8:100::2", "next-hop: ¦2001:db8:100::51", "provider.routes[0].next-hop", "is our own address", "another station"),
        ("metric: 10, mtu: 1300", "metric: 10, mtu: ¦1279", "provider.routes[0].mtu", "mtu 1279 is less than IPv6 asks of a path, 1280", "write 1280 or more"),
        ("metric: 10, mtu: 1300", "metric: 10, mtu: ¦1591", "provider.routes[0].mtu", "mtu 1591 is more than the site's, 1590", "write 1590 or less, or raise the site's mtu"),
        ("mtu: 576", "mtu: ¦575", "provider.routes[1].mtu", "mtu 575 is less than IPv4 asks of a path, 576", "write 576 or more"),
        ("mtu: 576", "mtu: ¦jumbo", "provider.routes[1].mtu", "no whole number", "68 to 65000"),
        ("prefix: 2001:db8:130::/48", "prefix: ¦2001:db8:100::/64", "provider.routes[0].prefix", "is connected", "leave the route out"),
    ]);
    check_right(&[
        ("metric: 10, mtu: 1300", "metric: 10, mtu: 1280"),
        ("metric: 10, mtu: 1300", "metric: 10, mtu: 1590"),
        ("mtu: 576", "mtu: 1600"),
    ]);
}

#[test]
#[rustfmt::skip]
fn hosts() {
    check(&[
        ("provider-address: 2001:db8:100::31", "provider-address: ¦2001:db8:100::10", "tenants[0].records[0].provider-address", "provider address 2001:db8:100::10 is our own", "compute host"),
        ("provider-address: 2001:db8:100::31", "provider-address: ¦\"2001:db8:100::\"", "tenants[0].records[0].provider-address", "subnet-router anycast address of 2001:db8:100::/64", "from 2001:db8:100::1"),
        ("provider-address: 2001:db8:100::30, flow-id", "provider-address: ¦2001:db8:100::50, flow-id", "provider.encapsulation.peers[0].provider-address", "is our own", "compute host"),
    ]);
    // Where no site is of the family, no packet leaves for the host.
    let document = "ports: [{ name: wire, device: net_null0 }]\nprovider: { sites: [{ name: site, port: wire, subnet: 100.64.20.0/24, addresses: [100.64.20.10] }] }\ntenants:\n  - name: red\n    subnets: [{ vsid: 5001, prefix: 10.0.1.0/24, gateway: 10.0.1.1 }]\n    records: [{ vsid: 5001, address: 10.0.1.5, mac: 02:15:5d:00:00:05, provider-address: 2001:db8::31 }]\n";
    let found = problems_of(document);
    let [problem] = &found[..] else { panic!("{found:#?}") };
    assert_eq!((&*problem.path, problem.line), ("tenants[0].records[0].provider-address", 6));
    assert_eq!(problem.message, "provider address 2001:db8::31 is IPv6, and no site of the provider network is");
    assert!(problem.hint.contains("add a site with an IPv6 subnet"), "{problem:?}");
}

#[test]
#[rustfmt::skip]
fn external_networks() {
    check(&[
        ("gateway-ipv6: 2001:db8:ffff::1", "gateway-ipv6: ¦198.18.0.9", "external[0].gateway-ipv6", "198.18.0.9 is an IPv4 address", "write an IPv6 address"),
        ("gateway-ipv6: 2001:db8:ffff::1", "gateway-ipv6: ¦2001:db8:fff0::1", "external[0].gateway-ipv6", "gateway 2001:db8:fff0::1 is on no connected network", "inside 198.18.0.0/24 or 2001:db8:ffff::/64"),
        ("gateway-ipv6: 2001:db8:ffff::1", "gateway-ipv6: ¦2001:db8:ffff::2", "external[0].gateway-ipv6", "our own address", "another station"),
        ("gateway-ipv6: 2001:db8:ffff::1", "gateway-ipv6: ¦\"2001:db8:ffff::\"", "external[0].gateway-ipv6", "subnet-router anycast", "from 2001:db8:ffff::1"),
        ("gateway: 2001:db8:fffe::1, tenant", "gateway: 2001:db8:fffe::1, gateway-ipv6: ¦2001:db8:fffe::1, tenant", "external[1].gateway-ipv6", "a second IPv6 gateway beside 2001:db8:fffe::1", "write an IPv4 gateway as gateway"),
        ("next-hop: 2001:db8:ffff::3", "next-hop: ¦198.18.0.3", "external[0].routes[0].next-hop", "next hop 198.18.0.3 is IPv4, the prefix 2001:db8:f000::/36 IPv6", "write the IPv6 address"),
        ("prefix: 2001:db8:f000::/36", "prefix: ¦\"::/0\"", "external[0].routes[0].prefix", "a route to ::/0 already: external[0].gateway-ipv6", "keep one"),
        ("vlan: 301, addresses", "vlan: 301, mtu: ¦1279, addresses", "external[1].mtu", "mtu 1279 is less than IPv6 asks of every link, 1280", "raise the mtu to 1280 or more"),
        ("vlan: 301, addresses: [2001:db8:fffe::/127], gateway: 2001:db8:fffe::1, tenant: blue", "vlan: 301, addresses: [¦2001:db8:ffff:0:1::2/80]", "external[1].addresses[0]", "2001:db8:ffff:0:1::/80 overlaps 2001:db8:ffff::/64 of external[0].addresses[1]", "do not overlap"),
        ("{ external-routes: 2, external-routes-ipv6: 5 }", "{ external-routes: 2, external-routes-ipv6: ¦0 }", "system.limits.external-routes-ipv6", "out of range", "1 to 100000000"),
    ]);
    check_right(&[
        ("    gateway: 198.18.0.1\n", ""),
        ("    gateway-ipv6: 2001:db8:ffff::1\n", ""),
        ("vlan: 301, addresses", "vlan: 301, mtu: 1280, addresses"),
    ]);
    // Each family has its own table.
    let found = problems_of(&RIGHT.replace("external-routes-ipv6: 5", "external-routes-ipv6: 3"));
    let [problem] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(problem.path, "tenants[0].public-prefixes[0]");
    assert_eq!(problem.message, "external IPv6 routes are 4 in all, system.limits.external-routes-ipv6 allows 3");
    assert!(problems_of(&RIGHT.replace("external-routes: 2", "external-routes: 1")).is_empty());
}

#[test]
#[rustfmt::skip]
fn virtual_subnets() {
    const FIRST: &str = "prefix-ipv6: 2001:db8:51::/64, gateway-ipv6: 2001:db8:51::1 }";
    const SECOND: &str = "prefix: 2001:db8:52::/64, gateway: 2001:db8:52::1 }";
    check(&[
        (FIRST, "prefix-ipv6: ¦10.0.3.0/24, gateway-ipv6: 2001:db8:51::1 }", "tenants[0].subnets[0].prefix-ipv6", "10.0.3.0/24 is an IPv4 prefix", "write an IPv6 prefix, as in 2001:db8:1::/64"),
        (FIRST, "prefix-ipv6: 2001:db8:51::/64, gateway-ipv6: ¦10.0.1.2 }", "tenants[0].subnets[0].gateway-ipv6", "10.0.1.2 is an IPv4 address", "write an IPv6 address"),
        (FIRST, "prefix-ipv6: 2001:db8:51::/64, gateway-ipv6: ¦2001:db8:50::1 }", "tenants[0].subnets[0].gateway-ipv6", "2001:db8:50::1 is outside 2001:db8:51::/64", "from 2001:db8:51::1"),
        (FIRST, "prefix-ipv6: 2001:db8:51::/64, gateway-ipv6: ¦\"2001:db8:51::\" }", "tenants[0].subnets[0].gateway-ipv6", "2001:db8:51:: is the subnet-router anycast address of 2001:db8:51::/64", "from 2001:db8:51::1"),
        (FIRST, "prefix-ipv6: ¦2001:db8:51::/64 }", "tenants[0].subnets[0].prefix-ipv6", "prefix-ipv6 without gateway-ipv6", "add gateway-ipv6"),
        (SECOND, "prefix: 2001:db8:52::/64, gateway: 2001:db8:52::1, prefix-ipv6: ¦2001:db8:53::/64, gateway-ipv6: 2001:db8:53::1 }", "tenants[0].subnets[1].prefix-ipv6", "a second IPv6 prefix beside 2001:db8:52::/64", "one of each family"),
        (SECOND, "prefix: 2001:db8:52::/64, gateway: 2001:db8:52::1, gateway-ipv6: ¦2001:db8:52::2 }", "tenants[0].subnets[1].gateway-ipv6", "gateway-ipv6 without prefix-ipv6", "write the address as gateway"),
        (SECOND, "prefix: 2001:db8:52::/64, gateway: ¦10.0.2.1 }", "tenants[0].subnets[1].gateway", "10.0.2.1 is outside 2001:db8:52::/64", "from 2001:db8:52::1"),
    ]);
    let more = |prefix| format!("{SECOND}\n      - {{ vsid: 5003, prefix: {prefix} }}");
    for (prefix, message) in [
        ("fe80::/64, gateway: 2001:db8::1", "fe80::/64 holds addresses of no station"),
        ("8000::/1, gateway: 8000::1", "8000::/1 holds addresses of no station"),
        ("2001:db8:53::/127, gateway: 2001:db8:53::1", "2001:db8:53::/127 has no room for a station"),
        ("\"::/0\", gateway: 2001:db8::1", "a subnet cannot hold every address"),
        ("2001:db8:51:0:1::/80, gateway: 2001:db8:51:0:1::1", "2001:db8:51:0:1::/80 overlaps 2001:db8:51::/64, tenants[0].subnets[0].prefix-ipv6"),
    ] {
        let found = problems_of(&RIGHT.replace(SECOND, &more(prefix)));
        assert!(found.iter().any(|problem| problem.path == "tenants[0].subnets[2].prefix" && problem.message.contains(message)), "{found:#?}");
    }
}

#[test]
#[rustfmt::skip]
fn what_is_in_virtual_subnets() {
    check(&[
        ("vsid: 5001, address: 2001:db8:51::5", "vsid: 5001, address: ¦2001:db8:52::5", "tenants[0].records[1].address", "2001:db8:52::5 is outside 2001:db8:51::/64", "from 2001:db8:51::1"),
        ("vsid: 5001, address: 2001:db8:51::5", "vsid: 5001, address: ¦\"2001:db8:51::\"", "tenants[0].records[1].address", "subnet-router anycast", "from 2001:db8:51::1"),
        ("vsid: 5001, address: 2001:db8:51::5", "vsid: 5001, address: ¦2001:db8:51::1", "tenants[0].records[1].address", "is the gateway address", "of a VM"),
        ("vsid: 5001, address: 10.0.1.5", "vsid: 5002, address: ¦10.0.1.5", "tenants[0].records[0].address", "10.0.1.5 is outside 2001:db8:52::/64", "from 2001:db8:52::1"),
        ("vsid: 5001, address: 2001:db8:51::5", "vsid: 5001, address: ¦10.0.1.5", "tenants[0].records[1].address", "10.0.1.5 has a record already: tenants[0].records[0].address", "keep one"),
        ("next-hop: 2001:db8:51::7", "next-hop: ¦10.0.1.7", "tenants[0].routes[0].next-hop", "next hop 10.0.1.7 is IPv4, the prefix 2001:db8:5f::/48 IPv6", "write the IPv6 address"),
        ("next-hop: 2001:db8:51::7", "next-hop: ¦2001:db8:53::7", "tenants[0].routes[0].next-hop", "on no connected network", "of the tenant's subnets"),
        ("next-hop: 2001:db8:51::7", "next-hop: ¦2001:db8:51::1", "tenants[0].routes[0].next-hop", "is the gateway address", "of a VM"),
        ("prefix: 2001:db8:5f::/48", "prefix: ¦2001:db8:51::/64", "tenants[0].routes[0].prefix", "is connected", "leave the route out"),
        ("[2001:db8:51::/64]", "[¦2001:db8:54::/64]", "tenants[0].public-prefixes[0]", "leads nowhere", "of a customer route"),
        ("[2001:db8:51::/64]", "[2001:db8:51::/64, ¦2001:db8:51::/80]", "tenants[0].public-prefixes[1]", "overlaps 2001:db8:51::/64", "to one tenant, once"),
        ("router-advertisements: off", "router-advertisements: ¦false", "tenants[0].router-advertisements", "none of the values", "on or off"),
    ]);
}

#[test]
#[rustfmt::skip]
fn translation_is_for_ipv4() {
    const POOLS: &str = "pools: [{ addresses: 198.51.100.16/29 }]";
    check(&[
        (POOLS, "pools: [{ addresses: ¦2001:db8:98::/120 }]", "tenants[0].nat.pools[0].addresses", "2001:db8:98:: is IPv6, and address translation is for IPv4", "IPv6 goes out untranslated"),
        (POOLS, "static: [{ public: ¦2001:db8:98::1, customer: 10.0.1.5 }]", "tenants[0].nat.static[0].public", "2001:db8:98::1 is IPv6", "write an IPv4 address"),
        (POOLS, "static: [{ public: 198.51.100.32, customer: ¦2001:db8:51::5 }]", "tenants[0].nat.static[0].customer", "2001:db8:51::5 is IPv6", "comes in through public-prefixes"),
        (POOLS, "forwards: [{ public: 198.51.100.32, protocol: tcp, ports: 80, customer: ¦2001:db8:51::5 }]", "tenants[0].nat.forwards[0].customer", "2001:db8:51::5 is IPv6", "write an IPv4 address"),
        ("exempt: [172.31.0.0/16]", "exempt: [¦2001:db8:f1::/48]", "tenants[0].nat.exempt[0]", "2001:db8:f1::/48 is IPv6, which is never translated", "leave it out"),
    ]);
}

#[test]
#[rustfmt::skip]
fn neighbors() {
    check(&[
        ("network: rack-6, address: 2001:db8:100::1", "network: rack-6, address: ¦2001:db8:101::1", "neighbors[0].address", "neighbour 2001:db8:101::1 is on no connected network", "inside 2001:db8:100::/64"),
        ("network: rack-6, address: 2001:db8:100::1", "network: rack-6, address: ¦2001:db8:100::50", "neighbors[0].address", "our own address", "another station"),
        ("network: rack-6, address: 2001:db8:100::1", "network: rack-6, address: ¦\"2001:db8:100::\"", "neighbors[0].address", "subnet-router anycast", "from 2001:db8:100::1"),
    ]);
}
