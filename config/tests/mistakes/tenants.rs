//! Tenants: subnets, lookup records, customer routes, ways out.

use crate::{check, check_right};

#[test]
#[rustfmt::skip]
fn tenants() {
    check(&[
        ("  - name: blue\n", "  - name: ¦red\n", "tenants[1].name", "the tenant name red is taken by tenants[0].name", "of its own"),
        ("7c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e02", "¦6c1a3a52-3D2B-4c0e-9a65-0d7a5f0c9e01", "tenants[1].routing-domain", "is that of tenants[0].routing-domain", "RoutingDomainID"),
        ("sender-check: strict", "sender-check: ¦learned", "tenants[0].sender-check", "none of the values", "log-only or learn (did you mean learn?)"),
        ("sender-check: strict", "sender-check: strict\n    learn: ¦{ addresses-per-mac: 4 }", "tenants[0].learn", "the tenant does not learn", "write sender-check: learn"),
        ("sender-check: strict", "learn: ¦{}", "tenants[0].learn", "the tenant does not learn", "or leave learn out"),
        ("sender-check: strict", "sender-check: learn\n    learn: { addresses-per-mac: ¦0 }", "tenants[0].learn.addresses-per-mac", "out of range", "1 to 65536"),
        ("sender-check: strict", "sender-check: learn\n    learn: { ¦records: 4 }", "tenants[0].learn.records", "unknown key", "addresses-per-mac, records-per-subnet"),
        ("external: internet", "external: ¦red-uplink", "tenants[1].external", "another tenant's own hand-off", "without a tenant"),
        ("external: internet", "external: ¦rack-a", "tenants[1].external", "a site of the provider network", "an external network"),
        ("external: internet", "external: ¦intrenet", "tenants[1].external", "there is no network intrenet", "did you mean internet?"),
    ]);
    check_right(&[
        ("sender-check: strict", "sender-check: strict\n    learn:"),
        ("    external: internet\n", ""),
        ("    sender-check: strict\n", "    sender-check: strict\n    external: internet\n"),
        ("    sender-check: strict\n", "    sender-check: strict\n    external: red-uplink\n"),
        ("    mtu: 1400\n", "    mtu: 1400\n  - { name: red-2, port: right, vlan: 302, addresses: [198.18.2.2/24], tenant: red }\n"),
    ]);
}

#[test]
#[rustfmt::skip]
fn subnets() {
    check(&[
        ("vsid: 6002, prefix", "vsid: ¦5001, prefix", "tenants[1].subnets[1].vsid", "VSID 5001 is taken by tenants[0].subnets[0].vsid", "exactly one virtual subnet"),
        ("vsid: 6002, prefix", "vsid: ¦4095, prefix", "tenants[1].subnets[1].vsid", "VSID 4095 is reserved", "4096 to 16777214"),
        ("vsid: 6002, prefix", "vsid: ¦16777215, prefix", "tenants[1].subnets[1].vsid", "vendor-specific", "4096 to 16777214"),
        ("vsid: 6002, prefix", "vsid: ¦0xFFFFFF, prefix", "tenants[1].subnets[1].vsid", "vendor-specific", "4096 to 16777214"),
        ("vsid: 6002, prefix", "vsid: ¦16777216, prefix", "tenants[1].subnets[1].vsid", "does not fit 24 bits", "4096 to 16777214"),
        ("prefix: 10.0.2.0/24, gateway: 10.0.2.1", "prefix: ¦10.0.2.5/24, gateway: 10.0.2.1", "tenants[0].subnets[1].prefix", "host bits", "write 10.0.2.0/24"),
        ("prefix: 10.0.2.0/24, gateway: 10.0.2.1", "prefix: ¦10.0.0.0/16, gateway: 10.0.2.1", "tenants[0].subnets[1].prefix", "10.0.0.0/16 overlaps 10.0.1.0/24, tenants[0].subnets[0].prefix", "do not overlap"),
        ("gateway: 10.0.2.1", "gateway: ¦10.0.3.1", "tenants[0].subnets[1].gateway", "10.0.3.1 is outside 10.0.2.0/24", "10.0.2.1 to 10.0.2.254"),
        ("gateway: 10.0.2.1", "gateway: ¦10.0.2.0", "tenants[0].subnets[1].gateway", "network or broadcast", "10.0.2.1 to"),
        ("gateway: 10.0.2.1", "gateway: ¦10.0.2.255", "tenants[0].subnets[1].gateway", "network or broadcast", "10.0.2.1 to"),
        ("- { vsid: 5002, prefix: 10.0.2.0/24, gateway: 10.0.2.1 }", "- { vsid: 5002, prefix: 10.0.2.0/24, gateway: 10.0.2.1 }\n      - { vsid: 5003, prefix: ¦10.0.3.1/32, gateway: 10.0.3.1 }", "tenants[0].subnets[2].prefix", "one station only", "/1 to /31"),
    ]);
}

#[test]
#[rustfmt::skip]
fn records() {
    check(&[
        ("vsid: 6001, address", "vsid: ¦5001, address", "tenants[1].records[0].vsid", "VSID 5001 is another tenant's, tenants[0].subnets[0].vsid", "6001, 6002"),
        ("vsid: 6001, address", "vsid: ¦7001, address", "tenants[1].records[0].vsid", "VSID 7001 is in no subnet", "6001, 6002"),
        ("address: 10.0.2.6", "address: ¦10.0.1.6", "tenants[0].records[1].address", "10.0.1.6 is outside 10.0.2.0/24", "10.0.2.1 to"),
        ("address: 10.0.2.6", "address: ¦10.0.2.1", "tenants[0].records[1].address", "is the gateway address", "of a VM"),
        ("address: 10.0.2.6", "address: ¦10.0.2.255", "tenants[0].records[1].address", "network or broadcast", "10.0.2.1 to"),
        ("- { vsid: 5002, address: 10.0.2.6", "- { vsid: 5001, address: ¦10.0.1.5", "tenants[0].records[1].address", "10.0.1.5 has a record already: tenants[0].records[0].address", "keep one"),
        ("mac: 02:15:5d:00:00:08", "mac: ¦02:00:5e:00:01:01", "tenants[1].records[0].mac", "gateway-mac", "the VM's own"),
        ("provider-address: 100.64.20.31", "provider-address: ¦100.64.20.10", "tenants[1].records[0].provider-address", "provider address 100.64.20.10 is our own", "compute host"),
        ("provider-address: 100.64.20.31", "provider-address: ¦100.64.20.51", "tenants[1].records[0].provider-address", "is our own", "compute host"),
        ("provider-address: 100.64.20.31", "provider-address: ¦100.64.20.255", "tenants[1].records[0].provider-address", "network or broadcast", "100.64.20.1 to"),
        ("flow-id: zero }\n    routes", "flow-id: ¦none }\n    routes", "tenants[0].records[1].flow-id", "none of the values", "hash or zero"),
    ]);
    // The same customer address in another tenant is another address.
    check_right(&[("address: 10.0.1.8", "address: 10.0.1.5")]);
}

#[test]
#[rustfmt::skip]
fn customer_routes() {
    check(&[
        ("next-hop: 10.0.1.7", "next-hop: ¦10.0.3.7", "tenants[0].routes[0].next-hop", "next hop 10.0.3.7 is on no connected network", "of the tenant's subnets"),
        ("next-hop: 10.0.1.7", "next-hop: ¦203.0.113.5", "tenants[0].routes[0].next-hop", "in no subnet of the tenant", "of the tenant's subnets"),
        ("next-hop: 10.0.1.7", "next-hop: ¦10.0.1.1", "tenants[0].routes[0].next-hop", "is the gateway address", "of a VM"),
        ("next-hop: 10.0.1.7", "next-hop: ¦10.0.1.255", "tenants[0].routes[0].next-hop", "network or broadcast", "10.0.1.1 to"),
        ("prefix: 172.16.0.0/16", "prefix: ¦10.0.2.0/24", "tenants[0].routes[0].prefix", "is connected", "leave the route out"),
        ("prefix: 172.16.0.0/16", "prefix: ¦198.18.1.0/24", "tenants[0].routes[0].prefix", "is connected", "leave the route out"),
        ("next-hop: 10.0.1.7 }", "next-hop: 10.0.1.7 }\n      - { prefix: ¦172.16.0.0/16, next-hop: 10.0.1.5 }", "tenants[0].routes[1].prefix", "already: tenants[0].routes[0].prefix", "keep one"),
    ]);
    check_right(&[("prefix: 172.16.0.0/16", "prefix: 0.0.0.0/0")]);
}

#[test]
#[rustfmt::skip]
fn public_prefixes() {
    check(&[
        ("[203.0.113.0/28]", "[¦203.0.113.1/28]", "tenants[1].public-prefixes[0]", "host bits", "write 203.0.113.0/28"),
        ("[203.0.113.0/28]", "[¦203.0.113.16/28]", "tenants[1].public-prefixes[0]", "leads nowhere", "of a customer route"),
        ("[203.0.113.0/28]", "[203.0.113.0/28, ¦203.0.113.8/29]", "tenants[1].public-prefixes[1]", "overlaps 203.0.113.0/28, tenants[1].public-prefixes[0]", "to one tenant, once"),
        ("[203.0.113.0/28]", "[¦198.18.128.0/17]", "tenants[1].public-prefixes[0]", "is routed to a next hop of the external network too", "not to both"),
        ("    sender-check: strict\n", "    sender-check: strict\n    public-prefixes: [¦10.0.1.0/24]\n", "tenants[0].public-prefixes[0]", "the tenant's external network is its own", "leave it out"),
    ]);
    check(&[(
        "    routes:\n      - { prefix: 172.16.0.0/16, next-hop: 10.0.1.7 }\n",
        "    routes:\n      - { prefix: 198.18.0.0/20, next-hop: 10.0.1.7 }\n    external: internet\n    public-prefixes: [¦198.18.0.0/20]\n",
        "tenants[0].public-prefixes[0]", "overlaps 198.18.0.0/24, which is connected by external[0].addresses[0]", "routed to the gateway",
    )]);
    check_right(&[
        ("[203.0.113.0/28]", "[203.0.113.0/29, 203.0.113.8/29]"),
        ("[203.0.113.0/28]", "[203.0.113.0/24]"),
        ("    routes:\n      - { prefix: 172.16.0.0/16, next-hop: 10.0.1.7 }\n",
         "    routes:\n      - { prefix: 198.51.100.0/24, next-hop: 10.0.1.7 }\n    external: internet\n    public-prefixes: [198.51.100.128/25]\n"),
    ]);
}
