//! External networks and static neighbours.

use crate::{check, check_right};

#[test]
#[rustfmt::skip]
fn networks() {
    check(&[
        ("name: red-uplink", "name: ¦rack-a", "external[1].name", "the network name rack-a is taken by provider.sites[0].name", "of its own"),
        ("port: right\n    vlan: 301", "port: ¦rigth\n    vlan: 301", "external[1].port", "there is no port rigth", "did you mean right?"),
        ("vlan: 301", "vlan: ¦300", "external[1].vlan", "VLAN 300 of this port is taken by external[0]", "another VLAN"),
        ("mtu: 1400", "mtu: ¦1501", "external[1].mtu", "more than the port's, 1500", "1500 or less"),
        ("[198.18.1.2/24]", "¦[]", "external[1].addresses", "no address", "198.18.0.2/24"),
        ("[198.18.1.2/24]", "[198.18.1.2/24, ¦198.18.1.2/25]", "external[1].addresses[1]", "given twice", "keep one"),
        ("    tenant: red\n", "    tenant: ¦rde\n", "external[1].tenant", "there is no tenant rde", "did you mean red?"),
        ("    tenant: red\n", "    tenant: ¦green\n", "external[1].tenant", "there is no tenant green", "write one of blue, red"),
        ("gateway: 198.18.0.1\n", "gateway: ¦198.18.1.1\n", "external[0].gateway", "on no connected network", "inside 198.18.0.0/24"),
        ("gateway: 198.18.0.1\n", "gateway: ¦198.18.0.2\n", "external[0].gateway", "our own address", "another station"),
        ("next-hop: 198.18.0.3", "next-hop: ¦198.18.1.3", "external[0].routes[0].next-hop", "next hop 198.18.1.3 is on no connected network", "inside 198.18.0.0/24"),
        ("next-hop: 198.18.0.3", "next-hop: ¦198.18.0.2", "external[0].routes[0].next-hop", "our own address", "another station"),
        ("prefix: 198.18.128.0/17", "prefix: ¦198.18.0.0/24", "external[0].routes[0].prefix", "is connected", "leave the route out"),
        ("prefix: 198.18.128.0/17", "prefix: ¦0.0.0.0/0", "external[0].routes[0].prefix", "a route to 0.0.0.0/0 already: external[0].gateway", "keep one"),
        ("next-hop: 198.18.0.3 }", "next-hop: 198.18.0.3 }\n      - { prefix: ¦198.18.128.0/17, next-hop: 198.18.0.4 }", "external[0].routes[1].prefix", "already: external[0].routes[0].prefix", "keep one"),
        ("    mtu: 1400\n", "    mtu: 1400\n  - { name: third, port: right, vlan: 302, addresses: [¦198.18.0.130/25] }\n", "external[2].addresses[0]", "198.18.0.128/25 overlaps 198.18.0.0/24 of external[0].addresses[0]", "do not overlap"),
        ("    mtu: 1400\n", "    mtu: 1400\n  - { name: third, port: right, vlan: 302, addresses: [¦198.18.1.130/25], tenant: red }\n", "external[2].addresses[0]", "198.18.1.128/25 overlaps 198.18.1.0/24 of external[1].addresses[0]", "do not overlap"),
        ("prefix: 10.0.2.0/24, gateway: 10.0.2.1 }", "prefix: 10.0.2.0/24, gateway: 10.0.2.1 }\n      - { vsid: 5003, prefix: ¦198.18.1.0/25, gateway: 198.18.1.9 }", "tenants[0].subnets[2].prefix", "198.18.1.0/25 overlaps 198.18.1.0/24 of external[1].addresses[0]", "do not overlap"),
    ]);
    check_right(&[
        ("[198.18.0.2/24]", "[198.18.0.2/24, 198.18.0.5/24]"),
        // A hand-off network is in its tenant's world, not in the others.
        ("[198.18.1.2/24]", "[198.18.0.2/24]"),
        ("    mtu: 1400\n", "    mtu: 1400\n  - { name: third, port: right, vlan: 302, addresses: [198.18.1.130/25], tenant: blue }\n"),
        ("[198.18.1.2/24]", "[198.18.1.2/31]"),
        ("    addresses: [198.18.1.2/24]\n", "    addresses: [198.18.1.2/24]\n    gateway: 198.18.1.1\n"),
    ]);
}

#[test]
#[rustfmt::skip]
fn neighbors() {
    check(&[
        ("network: rack-a,", "network: ¦rack-c,", "neighbors[0].network", "there is no network rack-c", "did you mean rack-"),
        ("network: rack-a,", "network: ¦left,", "neighbors[0].network", "there is no network left", "internet, rack-a, rack-b, red-uplink"),
        ("address: 100.64.20.1,", "address: ¦100.64.21.1,", "neighbors[0].address", "on no connected network", "inside 100.64.20.0/24"),
        ("address: 100.64.20.1,", "address: ¦100.64.20.10,", "neighbors[0].address", "our own address", "another station"),
        ("address: 100.64.20.1,", "address: ¦100.64.20.50,", "neighbors[0].address", "our own address", "another station"),
        ("address: 100.64.20.1,", "address: ¦100.64.20.255,", "neighbors[0].address", "network or broadcast", "100.64.20.1 to"),
        ("network: internet, address: 198.18.0.1,", "network: rack-a, address: ¦100.64.20.1,", "neighbors[1].address", "neighbour 100.64.20.1 is given twice, first by neighbors[0].address", "keep one"),
    ]);
}
