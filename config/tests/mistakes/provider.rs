//! Sites, provider routes, encapsulation.

use crate::{check, check_right};

#[test]
#[rustfmt::skip]
fn sites() {
    check(&[
        ("name: rack-b", "name: ¦rack-a", "provider.sites[1].name", "the network name rack-a is taken by provider.sites[0].name", "of its own"),
        ("port: left\n      vlan: 21", "port: ¦lefft\n      vlan: 21", "provider.sites[1].port", "there is no port lefft", "did you mean left?"),
        ("vlan: 21", "vlan: ¦20", "provider.sites[1].vlan", "VLAN 20 of this port is taken by provider.sites[0]", "another VLAN"),
        ("mtu: 1590", "mtu: ¦1601", "provider.sites[0].mtu", "mtu 1601 is more than the port's, 1600", "write 1600 or less"),
        ("mtu: 1590", "mtu: ¦109", "provider.sites[0].mtu", "no room", "raise the mtu to 110 or more"),
        ("subnet: 100.64.20.0/24", "subnet: ¦100.64.20.10/24", "provider.sites[0].subnet", "host bits", "write 100.64.20.0/24"),
        ("addresses: [100.64.20.10]", "addresses: [¦100.64.22.10]", "provider.sites[0].addresses[0]", "outside 100.64.20.0/24", "100.64.20.1 to 100.64.20.254"),
        ("addresses: [100.64.20.10]", "addresses: [¦100.64.20.255]", "provider.sites[0].addresses[0]", "network or broadcast", "100.64.20.1 to"),
        ("addresses: [100.64.20.10]", "addresses: [100.64.20.10, ¦100.64.20.10]", "provider.sites[0].addresses[1]", "given twice", "keep one"),
        ("gateway: 100.64.20.1\n", "gateway: ¦100.64.20.10\n", "provider.sites[0].gateway", "gateway 100.64.20.10 is our own address", "another station"),
        ("gateway: 100.64.20.1\n", "gateway: ¦100.64.22.1\n", "provider.sites[0].gateway", "gateway 100.64.22.1 is on no connected network", "inside 100.64.20.0/24"),
        ("gateway: 100.64.20.1\n", "gateway: ¦100.64.20.0\n", "provider.sites[0].gateway", "network or broadcast", "100.64.20.1 to"),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_site_needs_an_address() {
    check(&[
        ("    - name: rack-b\n      port: left\n      vlan: 21\n      subnet: 100.64.21.0/24\n      addresses: [100.64.21.10]",
         "    - ¦name: rack-b\n      port: left\n      vlan: 21\n      subnet: 100.64.21.0/24",
         "provider.sites[1]", "no provider address", "addresses: [100.64.21.254]"),
    ]);
    check_right(&[("addresses: [100.64.21.10]", "pool: { range: 100.64.21.10-100.64.21.10, take: 1 }")]);
}

#[test]
#[rustfmt::skip]
fn pools() {
    check(&[
        ("take: 2", "take: ¦11", "provider.sites[0].pool.take", "10 free addresses, not 11", "write 10 or less"),
        ("range: 100.64.20.50-", "range: ¦100.64.19.50-", "provider.sites[0].pool.range", "100.64.19.50 is no station's address", "100.64.20.1 to"),
        ("take: 2", "take: ¦4097", "provider.sites[0].pool.take", "out of range", "0 to 4096"),
        ("pool: { range: 100.64.20.50-100.64.20.59, take: 2 }", "pool: ¦{ range: 100.64.20.50-100.64.20.59 }", "provider.sites[0].pool.take", "missing", "add the key take"),
    ]);
    check_right(&[("take: 2", "take: 0"), ("take: 2", "take: 10")]);
}

#[test]
#[rustfmt::skip]
fn untagged_once() {
    check(&[(
        "      vlan: 21\n      subnet: 100.64.21.0/24\n      addresses: [100.64.21.10]\n",
        "      subnet: 100.64.21.0/24\n      addresses: [100.64.21.10]\n    - ¦name: rack-c\n      port: left\n      subnet: 100.64.22.0/24\n      addresses: [100.64.22.10]\n",
        "provider.sites[2]", "untagged traffic of this port is taken by provider.sites[1]", "give one of them a vlan",
    )]);
}

#[test]
#[rustfmt::skip]
fn sites_do_not_overlap() {
    check(&[(
        "      addresses: [100.64.21.10]\n",
        "      addresses: [100.64.21.10]\n    - name: rack-c\n      port: left\n      vlan: 22\n      subnet: ¦100.64.21.128/25\n      addresses: [100.64.21.130]\n",
        "provider.sites[2].subnet", "100.64.21.128/25 overlaps 100.64.21.0/24 of provider.sites[1].subnet", "do not overlap",
    )]);
}

#[test]
#[rustfmt::skip]
fn routes() {
    check(&[
        ("next-hop: 100.64.21.3", "next-hop: ¦100.64.22.3", "provider.routes[1].next-hop", "next hop 100.64.22.3 is on no connected network", "inside a site's subnet"),
        ("next-hop: 100.64.21.3", "next-hop: ¦10.0.2.6", "provider.routes[1].next-hop", "is in the overlay, tenants[0].subnets[1].prefix", "inside a site's subnet"),
        ("next-hop: 100.64.21.3", "next-hop: ¦203.0.113.5", "provider.routes[1].next-hop", "routing table of its own", "inside a site's subnet"),
        ("next-hop: 100.64.21.3", "next-hop: ¦198.18.0.1", "provider.routes[1].next-hop", "is in an external network, external[0].addresses[0]", "inside a site's subnet"),
        ("next-hop: 100.64.21.3", "next-hop: ¦100.64.21.10", "provider.routes[1].next-hop", "is our own address", "another station"),
        ("next-hop: 100.64.21.3", "next-hop: ¦100.64.20.51", "provider.routes[1].next-hop", "is our own address", "another station"),
        ("next-hop: 100.64.21.3", "next-hop: ¦100.64.21.255", "provider.routes[1].next-hop", "network or broadcast", "100.64.21.1 to"),
        ("prefix: 100.64.31.0/24", "prefix: ¦100.64.31.1/24", "provider.routes[1].prefix", "host bits", "write 100.64.31.0/24"),
        ("prefix: 100.64.31.0/24", "prefix: ¦100.64.20.0/24", "provider.routes[1].prefix", "is connected", "leave the route out"),
        ("{ prefix: 100.64.31.0/24, next-hop: 100.64.21.3 }", "{ prefix: ¦100.64.30.0/24, next-hop: 100.64.21.3, metric: 10 }", "provider.routes[1].prefix", "a route to 100.64.30.0/24 already: provider.routes[0].prefix", "keep one"),
    ]);
    // Another metric makes another route.
    check_right(&[("prefix: 100.64.31.0/24", "prefix: 100.64.30.0/24"), ("prefix: 100.64.31.0/24", "prefix: 0.0.0.0/0")]);
}

#[test]
#[rustfmt::skip]
fn encapsulation() {
    check(&[
        ("reassemble: false", "tcp-mss: ¦off", "provider.encapsulation.tcp-mss", "none of the values", "clamp or keep"),
        ("provider-address: 100.64.20.30, flow-id", "provider-address: ¦100.64.20.10, flow-id", "provider.encapsulation.peers[0].provider-address", "is our own", "compute host"),
        ("ecn: compatible }", "ecn: compatible }\n      - { provider-address: ¦100.64.20.30, ecn: normal }", "provider.encapsulation.peers[1].provider-address", "given twice", "keep one"),
        ("ecn: compatible }", "ecn: compatible }\n      - ¦{ provider-address: 100.64.20.32 }", "provider.encapsulation.peers[1]", "nothing else", "add flow-id or ecn"),
    ]);
}
