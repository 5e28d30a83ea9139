//! Address translation: of tenants, and what they have in common.

use crate::{RIGHT, changed, check, check_right, displayed, problems_of};

#[test]
#[rustfmt::skip]
fn sections() {
    check(&[
        ("    nat: off\n", "    nat: ¦on\n", "tenants[0].nat", "\"on\" where a mapping or off belongs", "write off, or keys and values; the keys here are pools, static, forwards, exempt, filtering, limits"),
        ("    nat: off\n", "    nat: ¦[198.51.100.7]\n", "tenants[0].nat", "a list where a mapping or off belongs", "write off"),
        ("    nat: off\n", "    nat: ¦{ pools: [{ addresses: 198.51.100.7 }] }\n", "tenants[0].nat", "no network to translate toward: the tenant's external network is its own", "write nat: off"),
        ("    nat: off\n", "    external: internet\n    nat: ¦{}\n", "tenants[0].nat", "there is nothing to translate to: no pool, no static address, no forward", "add pools, or write nat: off"),
        ("    nat: off\n", "    external: internet\n    nat: ¦{ exempt: [172.30.0.0/16] }\n", "tenants[0].nat", "nothing to translate to", "add pools"),
        ("    nat: off\n", "    external: internet\n    nat: { ¦pool: [], static: [{ public: 198.51.100.50, customer: 10.0.1.5 }] }\n", "tenants[0].nat.pool", "unknown key", "did you mean pools?"),
        ("udp: 240", "udp: ¦119", "nat.timeouts.udp", "119 is out of range", "120 to 86400"),
        ("udp-well-known: 30", "udp-well-known: ¦0", "nat.timeouts.udp-well-known", "0 is out of range", "1 to 86400"),
        ("tcp-established: 7200", "tcp-established: ¦86401", "nat.timeouts.tcp-established", "86401 is out of range", "1 to 86400"),
        ("icmp: 61", "icmp: ¦1m", "nat.timeouts.icmp", "no whole number", "1 to 86400"),
        ("unsolicited-syn: drop", "unsolicited-syn: ¦answer", "nat.unsolicited-syn", "none of the values", "reject or drop"),
        ("removed-addresses: cut", "removed-addresses: ¦keep", "nat.removed-addresses", "none of the values", "drain or cut"),
        ("file: /var/log/nvgw/nat.jsonl", "file: ¦nat.jsonl", "nat.log.file", "no absolute path", "as in"),
        ("server: 192.0.2.9", "server: ¦logs.example", "nat.log.syslog.server", "\"logs.example\" is no syslog server", "192.0.2.9:514"),
        ("server: 192.0.2.9", "server: ¦192.0.2.9:0", "nat.log.syslog.server", "is no syslog server", "192.0.2.9:514"),
        ("server: 192.0.2.9", "server: ¦0.0.0.0", "nat.log.syslog.server", "is no syslog server", "192.0.2.9:514"),
        ("syslog: { server: 192.0.2.9, facility: daemon }", "syslog: ¦{ facility: daemon }", "nat.log.syslog.server", "missing", "add the key server"),
        ("facility: daemon", "facility: ¦local8", "nat.log.syslog.facility", "none of the values", "did you mean local"),
        ("filtering: { tcp: endpoint-independent", "filtering: { tcp: ¦address-and-port-dependent", "tenants[1].nat.filtering.tcp", "none of the values", "endpoint-independent or address-dependent"),
        ("sessions-per-address: 4096", "sessions-per-address: ¦0", "tenants[1].nat.limits.sessions-per-address", "0 is out of range", "1 to 4000000000"),
    ]);
    check_right(&[
        ("udp: 240", "udp: 120"),
        ("icmp: 61", "icmp: 1"),
        ("    nat: off\n", "    external: internet\n    nat: { static: [{ public: 198.51.100.50, customer: 10.0.1.5 }] }\n"),
        ("    nat: off\n", "    external: internet\n    nat: { forwards: [{ public: 198.51.100.50, protocol: tcp, ports: 80, customer: 10.0.1.5 }] }\n"),
    ]);
}

#[test]
fn translation_wants_a_way_out() {
    let text = RIGHT
        .replace("external: internet\n    public-prefixes: [203.0.113.0/28]\n", "external: red-uplink\n");
    let paths: Vec<String> = problems_of(&text).into_iter().map(|problem| problem.path).collect();
    assert_eq!(
        paths,
        ["tenants[1].external"],
        "where the way out cannot be told, nothing is said of translation"
    );

    let text = "
ports: [{ name: wire, device: net_null0 }]
provider: { sites: [{ name: site, port: wire, subnet: 100.64.20.0/24, addresses: [100.64.20.10] }] }
tenants: [{ name: red, nat: { pools: [{ addresses: 198.51.100.7 }] } }]
";
    assert_eq!(
        displayed(text),
        "test.yaml:4:29: tenants[0].nat: there is no network to translate toward: the tenant has no external network; \
         add an external network, or write nat: off"
    );
}

#[test]
#[rustfmt::skip]
fn pools() {
    const FIRST: &str = "addresses: 198.51.100.16/29, ports";
    const SECOND: &str = "addresses: 198.51.100.40-198.51.100.42";
    check(&[
        (FIRST, "addresses: ¦198.51.100.17/29, ports", "tenants[1].nat.pools[0].addresses", "has host bits set", "write 198.51.100.16/29"),
        (SECOND, "addresses: ¦198.51.100.42-198.51.100.40", "tenants[1].nat.pools[1].addresses", "ends at 198.51.100.40, before it begins at 198.51.100.42", "write 198.51.100.40-198.51.100.42"),
        (SECOND, "addresses: ¦pool-1", "tenants[1].nat.pools[1].addresses", "\"pool\" is no address", "an address, a prefix or a range"),
        (SECOND, "addresses: ¦224.0.0.0/24", "tenants[1].nat.pools[1].addresses", "224.0.0.0 is no station's address", "198.51.100.16/29"),
        (SECOND, "addresses: ¦\"2001:db8::/64\"", "tenants[1].nat.pools[1].addresses", "2001:db8:: is IPv6, and address translation is for IPv4", "write an IPv4 address: IPv6 goes out untranslated"),
        ("ports: 1024-65535", "ports: ¦0-65535", "tenants[1].nat.pools[0].ports", "\"0-65535\" is no range of ports", "1 to 65535"),
        ("ports: 1024-65535", "ports: ¦1024-65536", "tenants[1].nat.pools[0].ports", "is no range of ports", "1 to 65535"),
        ("ports: 1024-65535", "ports: ¦65535-1024", "tenants[1].nat.pools[0].ports", "ends at 1024, before it begins at 65535", "write 1024-65535"),
        ("ports: 1024-65535", "ports: ¦high", "tenants[1].nat.pools[0].ports", "is no whole number", "1 to 65535"),
        ("ports: 1024-65535", "ports: ¦1025-2046", "tenants[1].nat.pools[0].ports", "no block of 512 ports lies in 1025-2046: blocks begin at multiples of their size", "write 1024-1535, more ports, or a smaller block-size"),
        ("block-size: 512", "block-size: ¦500", "tenants[1].nat.pools[0].block-size", "500 is no power of two", "64, 128, 256, 512"),
        ("block-size: 512", "block-size: ¦32", "tenants[1].nat.pools[0].block-size", "32 is out of range", "64 to 4096"),
        ("block-size: 512", "block-size: ¦8192", "tenants[1].nat.pools[0].block-size", "8192 is out of range", "64 to 4096"),
        (SECOND, "addresses: ¦198.51.100.16-198.51.100.23", "tenants[1].nat.pools[1].addresses", "the tenant has this pool already: tenants[1].nat.pools[0].addresses", "keep one"),
        (SECOND, "block-size: 64, addresses: ¦198.51.100.16/29", "tenants[1].nat.pools[1].addresses", "the pool 198.51.100.16-198.51.100.23 has other ports or blocks than tenants[1].nat.pools[0].addresses", "to share a pool"),
        (SECOND, "addresses: ¦198.51.100.23-198.51.100.30", "tenants[1].nat.pools[1].addresses", "the pool 198.51.100.23-198.51.100.30 overlaps 198.51.100.16-198.51.100.23, tenants[1].nat.pools[0].addresses", "addresses of its own"),
        (SECOND, "addresses: ¦198.51.100.20", "tenants[1].nat.pools[1].addresses", "the pool 198.51.100.20 overlaps", "addresses of its own"),
    ]);
    check_right(&[
        (FIRST, "addresses: 198.51.100.16 - 198.51.100.23, ports"),
        (FIRST, "addresses: 198.51.100.17, ports"),
        ("ports: 1024-65535", "ports: 1-65535"),
        ("ports: 1024-65535", "ports: 1024 - 1535"),
        ("block-size: 512", "block-size: 4096"),
        ("block-size: 512", "block-size: 64"),
    ]);
}

#[test]
fn pools_are_few_and_blocks_lie_in_one_shard() {
    let pools: Vec<String> = (0..17).map(|i| format!("{{ addresses: 198.51.101.{i} }}")).collect();
    let with = |pools: &[String]| {
        RIGHT.replace("{ addresses: 198.51.100.40-198.51.100.42 }", &pools.join("\n        - "))
    };
    // One is there already.
    assert!(problems_of(&with(&pools[..15])).is_empty());
    let found = problems_of(&with(&pools[..16]));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((&*found[0].path, &*found[0].message), ("tenants[1].nat.pools[16]", "more than 16 pools"));

    let cores: Vec<String> = (1..=65).map(|core| core.to_string()).collect();
    let on = |cores: &[String]| RIGHT.replace("[1, 2]", &format!("[{}]", cores.join(", ")));
    assert!(problems_of(&on(&cores[..64])).is_empty());
    let found = problems_of(&on(&cores));
    let (paths, hints): (Vec<&str>, Vec<&str>) =
        found.iter().map(|problem| (&*problem.path, &*problem.hint)).unzip();
    // The second pool leaves its block size out: the problem stands where the pool does.
    assert_eq!(paths, ["tenants[1].nat.pools[0].block-size", "tenants[1].nat.pools[1]"]);
    assert_eq!(hints, ["write 256 or less for block-size, or have fewer worker-cores"; 2]);
    assert_eq!(found[0].message, "blocks of 512 ports are too big for 65 workers to divide ports among them");
}

#[test]
#[rustfmt::skip]
fn static_addresses() {
    const STATIC: &str = "{ public: 198.51.100.32, customer: 10.0.1.5 }";
    check(&[
        (STATIC, "{ public: ¦198.51.100.32/32, customer: 10.0.1.5 }", "tenants[1].nat.static[0].public", "is a prefix, not an address", "198.51.100.32 without"),
        (STATIC, "¦{ public: 198.51.100.32 }", "tenants[1].nat.static[0].customer", "missing", "add the key customer"),
        (STATIC, "{ public: ¦198.51.100.18, customer: 10.0.1.5 }", "tenants[1].nat.static[0].public", "public address 198.51.100.18 is in a pool, tenants[1].nat.pools[0].addresses", "in no pool"),
        (STATIC, "{ public: 198.51.100.32, customer: ¦10.0.9.5 }", "tenants[1].nat.static[0].customer", "customer address 10.0.9.5 is on no connected network: in no subnet of the tenant", "of the tenant's subnets"),
        (STATIC, "{ public: 198.51.100.32, customer: ¦10.0.1.1 }", "tenants[1].nat.static[0].customer", "customer address 10.0.1.1 is the gateway address", "of a VM"),
        (STATIC, "{ public: 198.51.100.32, customer: ¦10.0.1.0 }", "tenants[1].nat.static[0].customer", "network or broadcast", "10.0.1.1 to"),
        (STATIC, "{ public: 198.51.100.32, customer: 10.0.1.5 }\n        - { public: ¦198.51.100.32, customer: 10.0.1.6 }", "tenants[1].nat.static[1].public", "public address 198.51.100.32 is taken by tenants[1].nat.static[0].public", "of its own"),
        (STATIC, "{ public: 198.51.100.32, customer: 10.0.1.5 }\n        - { public: 198.51.100.34, customer: ¦10.0.1.5 }", "tenants[1].nat.static[1].customer", "customer address 10.0.1.5 has a public address already: tenants[1].nat.static[0].customer", "keep one"),
        ("    nat: off\n", "    external: internet\n    nat: { static: [{ public: ¦198.51.100.41, customer: 10.0.1.5 }] }\n", "tenants[0].nat.static[0].public", "is in a pool, tenants[1].nat.pools[1].addresses", "in no pool"),
    ]);
    // The same customer address in another tenant is another one.
    check_right(&[("    nat: off\n", "    external: internet\n    nat: { static: [{ public: 198.51.100.34, customer: 10.0.1.5 }] }\n")]);
}

#[test]
#[rustfmt::skip]
fn forwards() {
    const TO: &str = "customer: 10.0.1.5, to: 80 }";
    const LAST: &str = "{ public: 198.51.100.17, protocol: udp, ports: 5000-5009, customer: 10.0.1.6 }";
    check(&[
        ("protocol: udp", "protocol: ¦sctp", "tenants[1].nat.forwards[1].protocol", "none of the values", "tcp or udp"),
        ("ports: 8080", "ports: ¦\"8080\"", "tenants[1].nat.forwards[0].ports", "is text, not a number", "write 8080 without quotes"),
        ("ports: 8080", "ports: ¦0", "tenants[1].nat.forwards[0].ports", "0 is out of range", "1 to 65535"),
        ("ports: 8080", "ports: ¦8080-", "tenants[1].nat.forwards[0].ports", "\"8080-\" is no range of ports", "8080-8089"),
        ("ports: 8080", "ports: ¦80-+90", "tenants[1].nat.forwards[0].ports", "is no range of ports", "8080-8089"),
        (TO, "customer: 10.0.1.5, to: ¦0 }", "tenants[1].nat.forwards[0].to", "0 is out of range", "1 to 65535"),
        (TO, "customer: ¦10.0.1.1, to: 80 }", "tenants[1].nat.forwards[0].customer", "customer address 10.0.1.1 is the gateway address", "of a VM"),
        (TO, "customer: ¦10.0.3.5, to: 80 }", "tenants[1].nat.forwards[0].customer", "in no subnet of the tenant", "of the tenant's subnets"),
        ("ports: 5000-5009, customer: 10.0.1.6 }", "ports: 5000-5009, customer: 10.0.1.6, to: ¦65527 }", "tenants[1].nat.forwards[1].to", "the ports from 65527 on are fewer than 5000-5009", "write 65526 or less"),
        (LAST, "{ public: ¦198.51.100.32, protocol: udp, ports: 53, customer: 10.0.1.6 }", "tenants[1].nat.forwards[1].public", "all ports of 198.51.100.32 are one customer's, tenants[1].nat.static[0].public", "another public address"),
        (LAST, "{ public: ¦198.51.100.33, protocol: tcp, ports: 8000-8100, customer: 10.0.1.6 }", "tenants[1].nat.forwards[1].public", "there is a forward of TCP ports 8000-8100 of 198.51.100.33 already: tenants[1].nat.forwards[0].public", "other ports or another public address"),
        (LAST, "{ public: 198.51.100.34, protocol: tcp, ports: 8080, customer: 10.0.1.5, to: ¦80 }", "tenants[1].nat.forwards[1].to", "there is a forward to TCP port 80 of 10.0.1.5 already: tenants[1].nat.forwards[0].to", "from one public port"),
        (LAST, "{ public: 198.51.100.34, protocol: tcp, ports: ¦79-81, customer: 10.0.1.5 }", "tenants[1].nat.forwards[1].ports", "there is a forward to TCP ports 79-81 of 10.0.1.5 already: tenants[1].nat.forwards[0].to", "from one public port"),
    ]);
    check_right(&[
        ("ports: 8080", "ports: 0x1f90"),
        (LAST, "{ public: 198.51.100.33, protocol: udp, ports: 8000-8100, customer: 10.0.1.5, to: 80 }"),
        (LAST, "{ public: 198.51.100.33, protocol: tcp, ports: 8081-8090, customer: 10.0.1.5, to: 81 }"),
        ("ports: 5000-5009, customer: 10.0.1.6 }", "ports: 5000-5009, customer: 10.0.1.6, to: 65526 }"),
        ("    nat: off\n", "    external: internet\n    nat: { forwards: [{ public: 198.51.100.33, protocol: tcp, ports: 80, customer: 10.0.1.5 }] }\n"),
    ]);
}

#[test]
#[rustfmt::skip]
fn exempt_destinations() {
    const EXEMPT: &str = "exempt: [172.31.0.0/16]";
    check(&[
        (EXEMPT, "exempt: [¦172.31.1.0/16]", "tenants[1].nat.exempt[0]", "has host bits set", "write 172.31.0.0/16"),
        (EXEMPT, "exempt: [¦0.0.0.0/0]", "tenants[1].nat.exempt[0]", "0.0.0.0/0 leaves nothing to translate", "or nat: off"),
        (EXEMPT, "exempt: [¦224.0.0.0/8]", "tenants[1].nat.exempt[0]", "no unicast destination", "unicast"),
        (EXEMPT, "exempt: [¦10.0.1.0/24]", "tenants[1].nat.exempt[0]", "10.0.1.0/24 is in 10.0.1.0/24, which is connected: nothing is translated there", "leave it out"),
        (EXEMPT, "exempt: [¦10.0.1.128/25]", "tenants[1].nat.exempt[0]", "10.0.1.128/25 is in 10.0.1.0/24", "leave it out"),
        (EXEMPT, "exempt: [172.31.0.0/16, ¦172.31.0.0/16]", "tenants[1].nat.exempt[1]", "172.31.0.0/16 is exempt already: tenants[1].nat.exempt[0]", "keep one"),
        ("    nat: off\n", "    external: internet\n    nat: { pools: [{ addresses: 198.51.100.50 }], exempt: [¦172.16.0.0/16] }\n", "tenants[0].nat.exempt[0]", "172.16.0.0/16 has a route of the tenant's own", "leave it out"),
        ("    nat: off\n", "    external: internet\n    nat: { pools: [{ addresses: 198.51.100.50 }], exempt: [¦198.18.1.128/25] }\n", "tenants[0].nat.exempt[0]", "198.18.1.128/25 is in 198.18.1.0/24, which is connected", "leave it out"),
    ]);
    check_right(&[
        (EXEMPT, "exempt: [10.0.0.0/8, 172.31.0.0/16, 172.31.1.0/24]"),
        ("    nat: off\n", "    external: internet\n    nat: { pools: [{ addresses: 198.51.100.50 }], exempt: [172.16.1.0/24, 10.0.0.0/23] }\n"),
    ]);
}

#[test]
#[rustfmt::skip]
fn public_addresses_have_no_other_use() {
    const POOL: &str = "addresses: 198.51.100.40-198.51.100.42";
    const STATIC: &str = "public: 198.51.100.32";
    const FORWARD: &str = "public: 198.51.100.33";
    check(&[
        (POOL, "addresses: ¦198.18.0.2-198.18.0.9", "tenants[1].nat.pools[1].addresses", "public address 198.18.0.2 is our own address, external[0].addresses[0]", "that no station has"),
        (STATIC, "public: ¦198.18.0.2", "tenants[1].nat.static[0].public", "public address 198.18.0.2 is our own address, external[0].addresses[0]", "that no station has"),
        (FORWARD, "public: ¦198.18.0.2", "tenants[1].nat.forwards[0].public", "public address 198.18.0.2 is our own address", "that no station has"),
        (POOL, "addresses: ¦198.18.0.3-198.18.0.9", "tenants[1].nat.pools[1].addresses", "public address 198.18.0.3 is another station's, external[0].routes[0].next-hop", "that no station has"),
        (STATIC, "public: ¦198.18.0.1", "tenants[1].nat.static[0].public", "public address 198.18.0.1 is another station's, external[0].gateway", "that no station has"),
        (POOL, "addresses: ¦198.18.0.250-198.18.1.2", "tenants[1].nat.pools[1].addresses", "public address 198.18.0.255 is the network or broadcast address of 198.18.0.0/24", "198.18.0.1 to 198.18.0.254"),
        (STATIC, "public: ¦198.18.0.0", "tenants[1].nat.static[0].public", "public address 198.18.0.0 is the network or broadcast address", "198.18.0.1 to"),
        (POOL, "addresses: ¦203.0.113.14-203.0.113.20", "tenants[1].nat.pools[1].addresses", "public prefix 203.0.113.0/28 has some of these, tenants[1].public-prefixes[0]", "in no tenant's public-prefixes"),
        (FORWARD, "public: ¦203.0.113.5", "tenants[1].nat.forwards[0].public", "public prefix 203.0.113.0/28 has some of these", "in no tenant's public-prefixes"),
    ]);
    check_right(&[
        (POOL, "addresses: 198.18.0.4-198.18.0.9"),
        (STATIC, "public: 198.18.0.254"),
        (FORWARD, "public: 198.18.0.200"),
        // What is routed elsewhere as a whole may have exceptions.
        (STATIC, "public: 198.18.128.1"),
        (POOL, "addresses: 203.0.113.16/28"),
        // The network of another world.
        (STATIC, "public: 198.18.1.2"),
        ("{ prefix: 198.18.128.0/17, next-hop: 198.18.0.3 }", "{ prefix: 198.51.100.40/30, next-hop: 198.18.0.3 }"),
    ]);
}

/// What stands later in the document is what is wrong, whatever was written last.
#[test]
fn tenants_and_networks_take_addresses_from_each_other() {
    let red = |nat: &str| ("    nat: off\n", format!("    external: internet\n    nat: {{ {nat} }}\n"));
    let cases = [
        (
            red("pools: [{ addresses: 198.51.100.23-198.51.100.26 }]"),
            "tenants[1].nat.pools[0].addresses",
            "the pool 198.51.100.16-198.51.100.23 overlaps 198.51.100.23-198.51.100.26, tenants[0].nat.pools[0].addresses (line 75)",
        ),
        (
            red("forwards: [{ public: 198.51.100.33, protocol: tcp, ports: 8000-8080, customer: 10.0.1.5 }]"),
            "tenants[1].nat.forwards[0].public",
            "there is a forward of TCP port 8080 of 198.51.100.33 already: tenants[0].nat.forwards[0].public (line 75)",
        ),
        (
            red("forwards: [{ public: 198.51.100.32, protocol: tcp, ports: 80, customer: 10.0.1.5 }]"),
            "tenants[0].nat.forwards[0].public",
            "all ports of 198.51.100.32 are one customer's, tenants[1].nat.static[0].public (line 98)",
        ),
        (
            ("prefix: 198.18.128.0/17", "prefix: 198.51.100.40/31".to_owned()),
            "tenants[1].nat.pools[1].addresses",
            "198.51.100.40/31 is routed to a next hop of the external network too",
        ),
        (
            ("prefix: 198.18.128.0/17", "prefix: 198.51.100.32/32".to_owned()),
            "tenants[1].nat.static[0].public",
            "198.51.100.32/32 is routed to a next hop of the external network too",
        ),
    ];
    for ((old, new), path, message) in cases {
        let found = problems_of(&changed(RIGHT, old, &new));
        let found: Vec<(&str, &str)> =
            found.iter().map(|problem| (&*problem.path, &*problem.message)).collect();
        assert_eq!(found, [(path, message)], "{new}");
    }
}

#[test]
fn static_neighbors_keep_their_addresses() {
    let text = changed(RIGHT, "public: 198.51.100.32", "public: 198.18.0.40");
    assert!(problems_of(&text).is_empty());
    let text =
        text.replace("network: internet, address: 198.18.0.1", "network: internet, address: 198.18.0.40");
    assert!(
        displayed(&text)
            .contains(": public address 198.18.0.40 is another station's, neighbors[1].address (line 1"),
        "{}",
        displayed(&text)
    );
}
