//! Single values.

use crate::{check, check_right};

#[test]
#[rustfmt::skip]
fn numbers_and_booleans() {
    check(&[
        ("vlan: 20\n", "vlan: ¦\"20\"\n", "provider.sites[0].vlan", "\"20\" is text, not a number", "write 20 without quotes"),
        ("vlan: 20\n", "vlan: ¦0\n", "provider.sites[0].vlan", "VLAN 0 does not exist", "1 to 4094"),
        ("vlan: 20\n", "vlan: ¦4095\n", "provider.sites[0].vlan", "VLAN 4095 does not exist", "1 to 4094"),
        ("vlan: 20\n", "vlan: ¦-1\n", "provider.sites[0].vlan", "-1 is out of range", "1 to 4094"),
        ("vlan: 20\n", "vlan: ¦untagged\n", "provider.sites[0].vlan", "no whole number", "1 to 4094"),
        ("memory-mb: 512", "memory-mb: ¦63", "system.memory-mb", "63 is out of range", "64 to 1048576"),
        ("memory-mb: 512", "memory-mb: ¦0512", "system.memory-mb", "leading zero", "write 512, or 0o512"),
        ("memory-mb: 512", "memory-mb: ¦1_024", "system.memory-mb", "no whole number", "write 1024"),
        ("memory-mb: 512", "memory-mb: ¦1e3", "system.memory-mb", "no whole number", "64 to 1048576"),
        ("memory-mb: 512", "memory-mb: ¦512MB", "system.memory-mb", "no whole number", "64 to 1048576"),
        ("memory-mb: 512", "memory-mb: ¦99999999999999999999999", "system.memory-mb", "out of range", "64 to 1048576"),
        ("memory-mb: 512", "memory-mb: ¦0xfffffffff", "system.memory-mb", "out of range", "64 to 1048576"),
        ("ttl: 64", "ttl: ¦0", "provider.encapsulation.ttl", "0 is out of range", "1 to 255"),
        ("ttl: 64", "ttl: ¦256", "provider.encapsulation.ttl", "256 is out of range", "1 to 255"),
        ("metric: 10", "metric: ¦4294967296", "provider.routes[0].metric", "out of range", "0 to 4294967295"),
        ("reserved-vsids: false", "reserved-vsids: ¦no", "provider.encapsulation.allow-reserved-vsids", "no boolean", "write false"),
        ("reserved-vsids: false", "reserved-vsids: ¦\"true\"", "provider.encapsulation.allow-reserved-vsids", "no boolean", "without quotes"),
        ("reserved-vsids: false", "reserved-vsids: ¦maybe", "provider.encapsulation.allow-reserved-vsids", "no boolean", "true or false"),
    ]);
    check_right(&[
        ("memory-mb: 512", "memory-mb: 0x200"),
        ("memory-mb: 512", "memory-mb: 0o1000"),
        ("memory-mb: 512", "memory-mb: +512"),
    ]);
}

#[test]
#[rustfmt::skip]
fn words() {
    check(&[
        ("hugepages: auto", "hugepages: ¦false", "system.hugepages", "\"false\" is none of the values", "auto, required or off"),
        ("hugepages: auto", "hugepages: ¦requierd", "system.hugepages", "none of the values", "did you mean required?"),
        ("    flow-id: hash", "    flow-id: ¦random", "provider.encapsulation.flow-id", "none of the values", "hash or zero"),
        ("ecn: normal", "ecn: ¦copy", "provider.encapsulation.ecn", "none of the values", "normal or compatible"),
        ("dscp: uniform", "dscp: ¦pipe:64", "provider.encapsulation.dscp", "none of the values", "0 to 63"),
        ("dscp: uniform", "dscp: ¦pipe:+5", "provider.encapsulation.dscp", "none of the values", "pipe:46"),
        ("provider:\n", "provider:\n  duplicate-address-detection: ¦slow\n", "provider.duplicate-address-detection", "none of the values", "fast, rfc5227 or off"),
        ("dscp: uniform", "dscp: ¦46", "provider.encapsulation.dscp", "none of the values", "pipe:46"),
        ("sender-check: strict", "sender-check: ¦stric", "tenants[0].sender-check", "none of the values", "did you mean strict?"),
    ]);
    check_right(&[
        ("hugepages: auto", "hugepages: off"),
        ("dscp: uniform", "dscp: pipe:0"),
        ("dscp: uniform", "dscp: pipe:63"),
        ("sender-check: strict", "sender-check: log-only"),
        ("sender-check: strict", "sender-check: learn"),
        ("provider:\n", "provider:\n  duplicate-address-detection: rfc5227\n"),
    ]);
}

#[test]
#[rustfmt::skip]
fn names_and_text() {
    // The tenant red is spoken of elsewhere: a name that cannot be read does not make that one unknown.
    check(&[
        ("  - name: red\n", "  - name: ¦300\n", "tenants[0].name", "300 is a number", "in quotes: \"300\""),
        ("  - name: red\n", "  - name: ¦true\n", "tenants[0].name", "true is a number or a boolean", "in quotes"),
        ("  - name: red\n", "  - name: ¦../red\n", "tenants[0].name", "no name", "letters, digits"),
        ("  - name: red\n", "  - name: ¦a b\n", "tenants[0].name", "\"a b\" is no name", "letters, digits"),
        ("  - name: red\n", "  - name: ¦\"\"\n", "tenants[0].name", "no name", "letters, digits"),
        ("name: web-1", "name: ¦\"a\\nb\"", "tenants[0].records[0].name", "no name", "on one line"),
        ("name: web-1", "name: ¦5", "tenants[0].records[0].name", "not text", "\"5\""),
        ("state-dir: /var/lib/nvgw", "state-dir: ¦nvgw", "system.state-dir", "no absolute path", "/var/lib/nvgw"),
        ("metrics-listen: 127.0.0.1:9477", "metrics-listen: ¦9477", "system.metrics-listen", "nowhere to listen", "127.0.0.1:9477"),
        ("metrics-listen: 127.0.0.1:9477", "metrics-listen: ¦localhost:9477", "system.metrics-listen", "nowhere to listen", "or off"),
        ("7c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e02", "¦7c1a3a52-3d2b", "tenants[1].routing-domain", "no GUID", "a GUID in quotes"),
        ("7c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e02", "¦{7c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e02}", "tenants[1].routing-domain", "a mapping where a value belongs", "a GUID in quotes"),
    ]);
    check_right(&[
        ("metrics-listen: 127.0.0.1:9477", "metrics-listen: off"),
        ("metrics-listen: 127.0.0.1:9477", "metrics-listen: \"[::1]:9477\""),
        ("name: web-1", "name: 'web 1 (Köln)'"),
    ]);
}

#[test]
#[rustfmt::skip]
fn addresses() {
    check(&[
        ("address: 10.0.1.8", "address: ¦10.0.1.8/24", "tenants[1].records[0].address", "is a prefix, not an address", "10.0.1.8 without"),
        ("address: 10.0.1.8", "address: ¦10.0.1", "tenants[1].records[0].address", "\"10.0.1\" is no address", "10.0.1.5"),
        ("address: 10.0.1.8", "address: ¦224.0.0.1", "tenants[1].records[0].address", "no station's address", "10.0.1.5"),
        ("address: 10.0.1.8", "address: ¦fe80::1", "tenants[1].records[0].address", "fe80::1 is a link-local address", "a global or unique local address, as in 2001:db8::5"),
        ("address: 100.64.20.31", "address: ¦239.1.1.1", "tenants[1].records[0].provider-address", "no station's address", "as in 10.0.1.5"),
        ("address: 100.64.20.31", "address: ¦127.0.0.1", "tenants[1].records[0].provider-address", "no station's address", "as in 10.0.1.5"),
        ("172.16.0.0/16", "¦172.16.1.0/16", "tenants[0].routes[0].prefix", "172.16.1.0/16 has host bits set", "write 172.16.0.0/16"),
        ("172.16.0.0/16", "¦172.16.0.0", "tenants[0].routes[0].prefix", "no prefix length", "172.16.0.0/32"),
        ("172.16.0.0/16", "¦172.16.0.0/33", "tenants[0].routes[0].prefix", "no prefix", "10.0.1.0/24"),
        ("172.16.0.0/16", "¦224.0.0.0/8", "tenants[0].routes[0].prefix", "no unicast destination", "unicast"),
        ("[198.18.0.2/24]", "[¦198.18.0.2]", "external[0].addresses[0]", "no prefix length", "198.18.0.2/24"),
        ("[198.18.0.2/24]", "[¦198.18.0.0/24]", "external[0].addresses[0]", "network or broadcast address", "198.18.0.1 to 198.18.0.254"),
        ("[198.18.0.2/24]", "[¦198.18.0.2/0]", "external[0].addresses[0]", "every address a neighbour", "/24"),
        ("range: 100.64.20.50-100.64.20.59", "range: ¦100.64.20.50", "provider.sites[0].pool.range", "no range", "first and last"),
        ("range: 100.64.20.50-100.64.20.59", "range: ¦100.64.20.59-100.64.20.50", "provider.sites[0].pool.range", "before it begins", "write 100.64.20.50-100.64.20.59"),
    ]);
}

#[test]
#[rustfmt::skip]
fn ethernet_addresses() {
    check(&[
        ("mac: 02:00:00:00:20:01", "mac: ¦02:00:00:00:20", "neighbors[0].mac", "no Ethernet address", "02:15:5d:00:00:05"),
        ("mac: 02:00:00:00:20:01", "mac: ¦01:00:5e:00:00:01", "neighbors[0].mac", "group address", "an Ethernet address"),
        ("mac: 02:00:00:00:20:01", "mac: ¦00:00:00:00:00:00", "neighbors[0].mac", "no station", "an Ethernet address"),
        ("mac: 02:15:5d:00:00:08", "mac: ¦ff:ff:ff:ff:ff:ff", "tenants[1].records[0].mac", "group address", "an Ethernet address"),
        ("mac: 02:00:5e:00:01:02", "mac: ¦03:00:5e:00:01:02", "tenants[0].gateway-mac", "group address", "an Ethernet address"),
        ("mac: 02:00:00:00:00:01", "mac: ¦20:10", "ports[0].mac", "no Ethernet address", "an Ethernet address"),
    ]);
    // Digits alone are a number to YAML 1.1, and dashes are what Windows prints.
    check_right(&[
        ("mac: 02:00:00:00:20:01", "mac: 12:34:56:12:34:56"),
        ("mac: 02:00:00:00:20:01", "mac: 02-00-00-00-20-01"),
        ("mac: 02:00:00:00:20:01", "mac: \"02:00:00:00:20:01\""),
    ]);
}
