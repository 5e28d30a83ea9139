//! The process and the ports.

use crate::{RIGHT, check, check_right, problems_of};

#[test]
#[rustfmt::skip]
fn cores() {
    check(&[
        ("worker-cores: [1, 2]", "worker-cores: ¦[]", "system.worker-cores", "no core", "as in [1]"),
        ("worker-cores: [1, 2]", "worker-cores: [1, ¦1]", "system.worker-cores[1]", "core 1 is given twice", "of its own"),
        ("worker-cores: [1, 2]", "worker-cores: [¦0, 2]", "system.worker-cores[0]", "core 0 is the control core", "control-core"),
        ("worker-cores: [1, 2]", "worker-cores: [1, ¦1024]", "system.worker-cores[1]", "out of range", "0 to 1023"),
        ("worker-cores: [1, 2]", "worker-cores: [1, ¦all]", "system.worker-cores[1]", "no whole number", "0 to 1023"),
    ]);
    check(&[("worker-cores: [1, 2]", "worker-idle: ¦slep", "system.worker-idle", "none of the values", "did you mean sleep?")]);
    // A machine may have one core only.
    check_right(&[("worker-cores: [1, 2]", "worker-cores: [0]")]);
    check_right(&[("worker-cores: [1, 2]", "worker-idle: sleep")]);
    // A worker that sleeps leaves its core to others.
    check_right(&[("worker-cores: [1, 2]", "worker-cores: [0, 1]\n  worker-idle: sleep")]);
}

#[test]
fn socket_paths_are_bounded() {
    let path = format!("/{}", "a".repeat(107));
    let found = problems_of(&RIGHT.replace("/run/nvgw/admin.sock", &path));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].path, "system.admin-socket");
    assert!(found[0].message.contains("108 bytes") && found[0].hint.contains("107"), "{found:#?}");
    assert!(problems_of(&RIGHT.replace("/run/nvgw/admin.sock", &path[..107])).is_empty());
}

#[test]
#[rustfmt::skip]
fn limits() {
    check(&[
        ("vsids: 8", "vsids: ¦0", "system.limits.vsids", "out of range", "1 to 16777216"),
        ("nat-sessions: 1000", "¦nat-session: 1000", "system.limits.nat-session", "unknown key", "nat-sessions"),
    ]);
    // The first entry beyond the limit is where the problem stands.
    for (old, new, path, message) in [
        ("vsids: 8", "vsids: 3", "tenants[1].subnets[1]", "virtual subnets are 4 in all, system.limits.vsids allows 3"),
        ("records: 16", "records: 1", "tenants[0].records[1]", "lookup records are 3 in all, system.limits.records allows 1"),
        ("external-routes: 32", "external-routes: 2", "tenants[1].public-prefixes[0]", "external IPv4 routes are 3 in all"),
        ("nat-addresses: 64", "nat-addresses: 10", "tenants[1].nat.pools[1].addresses", "public addresses are 13 in all, system.limits.nat-addresses allows 10"),
        ("nat-addresses: 64", "nat-addresses: 12", "tenants[1].nat.forwards[0].public", "public addresses are 13 in all, system.limits.nat-addresses allows 12"),
        ("nat-bindings: 256", "nat-bindings: 22", "tenants[1].nat.forwards[1].public", "translations are 23 in all, system.limits.nat-bindings allows 22"),
    ] {
        let found = problems_of(&RIGHT.replace(old, new));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].path, path);
        assert!(found[0].message.contains(message), "{found:#?}");
    }
    let enough = RIGHT.replace("nat-addresses: 64", "nat-addresses: 13").replace("nat-bindings: 256", "nat-bindings: 23");
    assert!(problems_of(&enough).is_empty());
    // More than any limit can be.
    let found = problems_of(&RIGHT.replace("addresses: 198.51.100.16/29,", "addresses: 16.0.0.0/8,"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].hint, "leave some out: system.limits.nat-addresses can be 65536 at most");
}

#[test]
#[rustfmt::skip]
fn ports() {
    check(&[
        ("name: right\n", "name: ¦left\n", "ports[1].name", "the port name left is taken by ports[0].name (line 17)", "of its own"),
        ("device: net_af_packet0,iface=veth0", "device: ¦veth0", "ports[1].device", "\"veth0\" is no device", "net_af_packet0,iface=veth0"),
        ("device: net_af_packet0,iface=veth0", "device: ¦3b:00.9", "ports[1].device", "no device", "0000:3b:00.0"),
        ("device: net_af_packet0,iface=veth0", "device: ¦eal_thing0", "ports[1].device", "no device", "a PCI address"),
        ("device: net_af_packet0,iface=veth0", "device: ¦3b:00.0", "ports[1].device", "device 0000:3b:00.0 is the device of ports[0].device", "another device"),
        ("iface=veth0\n", "iface=veth0\n  - { name: third, device: ¦\"net_af_packet0,iface=veth1\" }\n", "ports[2].device", "device net_af_packet0", "number vdevs"),
        ("iface=veth0\n", "iface=veth0\n  - { name: third, device: ¦\"net_af_packet1,iface=veth0\" }\n", "ports[2].device", "kernel's interface", "after iface="),
        ("    mtu: 1600", "    mtu: ¦67", "ports[0].mtu", "67 is out of range", "68 to 65000"),
        ("    mtu: 1600", "    mtu: ¦65001", "ports[0].mtu", "65001 is out of range", "68 to 65000"),
        ("rx-queues: 2", "rx-queues: ¦0", "ports[0].rx-queues", "0 is out of range", "1 to 1024"),
        ("rss: software", "rss: ¦hardware", "ports[0].rss", "\"hardware\" is none of the values here", "auto, device or software"),
        ("checksums: software", "checksums: ¦hardware", "ports[0].checksums", "\"hardware\" is none of the values here", "auto or software"),
        ("rx-descriptors: 512", "rx-descriptors: ¦31", "ports[0].rx-descriptors", "31 is out of range", "32 to 32768"),
        ("tx-descriptors: 256", "tx-descriptors: ¦32769", "ports[0].tx-descriptors", "out of range", "32 to 32768"),
    ]);
}

#[test]
fn there_is_a_port_and_a_site() {
    let found = problems_of("ports: []\nprovider: { sites: [] }\n");
    let found: Vec<(&str, &str)> = found.iter().map(|problem| (&*problem.path, &*problem.message)).collect();
    assert_eq!(found, [("ports", "there is no port"), ("provider.sites", "there is no site")]);
}
