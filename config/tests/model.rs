//! What right documents become: defaults, references, derived values.

use std::fmt::Write as _;
use std::path::PathBuf;

use nvgw_config::{
    Checksums, Config, Device, DscpMode, DuplicateAddressDetection, EcnMode, ExternalIndex, FlowIdMode,
    Hugepages, LearnLimits, Limits, NetworkRef, Rss, SenderCheck, SiteIndex, TenantIndex, parse,
};
use nvgw_types::{CustomerAddr, MacAddr, PortId, ProviderAddr, VlanId, Vsid};

fn config(text: &str) -> Config {
    parse(text, "test.yaml").unwrap_or_else(|problems| panic!("{problems}"))
}

fn addresses(list: &[ProviderAddr]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

const SMALLEST: &str = "
ports:
  - { name: wire, device: net_null0 }
provider:
  sites:
    - { name: site, port: wire, vlan: 20, subnet: 100.64.20.0/24, addresses: [100.64.20.10] }
external:
  - { name: internet, port: wire, addresses: [198.18.0.2/24] }
tenants:
  - { name: red }
";

#[test]
fn the_smallest_document_gets_every_default() {
    let config = config(SMALLEST);
    let system = &config.system;
    assert_eq!((system.control_core, &system.worker_cores[..]), (0, &[1][..]));
    assert_eq!((system.hugepages, system.memory_mb), (Hugepages::Auto, 1024));
    assert_eq!(system.state_dir, PathBuf::from("/var/lib/nvgw"));
    assert_eq!(system.admin_socket, PathBuf::from("/run/nvgw/admin.sock"));
    assert_eq!(system.metrics_listen, Some(([127, 0, 0, 1], 9477).into()));
    assert_eq!(
        system.limits,
        Limits {
            vsids: 65536,
            records: 1_000_000,
            external_routes: 1_000_000,
            external_routes_ipv6: 250_000,
            nat_sessions: 1_000_000,
            nat_addresses: 4096,
            nat_bindings: 65536,
        }
    );
    let port = &config.ports[0];
    assert_eq!((port.mtu, port.mac, port.rx_queues, port.rss), (1500, None, None, Rss::Auto));
    assert_eq!(port.checksums, Checksums::Auto);
    assert_eq!((port.rx_descriptors, port.tx_descriptors), (1024, 1024));
    let site = &config.provider.sites[0];
    assert_eq!((site.mtu, site.gateway, site.pool), (1500, None, None));
    assert_eq!(config.provider.duplicate_address_detection, DuplicateAddressDetection::Fast);
    assert_eq!(config.provider.check_paths_every, Some(std::time::Duration::from_secs(300)));
    let encapsulation = &config.provider.encapsulation;
    assert_eq!((encapsulation.ttl, encapsulation.flow_id), (64, FlowIdMode::Hash));
    assert_eq!((encapsulation.dscp, encapsulation.ecn), (DscpMode::Uniform, EcnMode::Normal));
    assert!(!encapsulation.allow_reserved_vsids && encapsulation.peers.is_empty());
    assert!(!encapsulation.reassemble && encapsulation.clamp_mss);
    assert_eq!((config.external[0].mtu, config.external[0].vlan), (1500, None));
    let tenant = &config.tenants[0];
    assert_eq!(tenant.gateway_mac, MacAddr([2, 0, 0x5e, 0, 1, 1]));
    assert_eq!(tenant.sender_check, SenderCheck::Strict);
    assert!(tenant.router_advertisements);
    assert_eq!(tenant.external, Some(ExternalIndex(0)));
    assert_eq!(tenant.routing_domain, None);
}

#[test]
fn empty_keys_are_absent_keys() {
    let text = format!("{SMALLEST}neighbors:\nsystem:\n");
    assert_eq!(config(&text), config(SMALLEST));
    let limits = format!("{SMALLEST}system:\n  limits:\n");
    assert_eq!(config(&limits), config(SMALLEST));
}

#[test]
fn a_whole_document_is_taken_over() {
    let config = config(include_str!("mistakes/right.yaml"));
    assert_eq!(config.system.worker_cores, [1, 2]);
    assert_eq!(config.system.limits.records, 16);

    assert_eq!(config.ports[0].device, Device::Pci("0000:3b:00.0".into()));
    assert_eq!(config.ports[0].mac, Some(MacAddr([2, 0, 0, 0, 0, 1])));
    assert_eq!((config.ports[0].rx_queues, config.ports[0].rss), (Some(2), Rss::Software));
    assert_eq!(config.ports[0].checksums, Checksums::Software);
    assert_eq!((config.ports[0].rx_descriptors, config.ports[0].tx_descriptors), (512, 256));
    assert_eq!(config.ports[1].device, Device::Vdev("net_af_packet0,iface=veth0".into()));

    let [rack_a, rack_b] = &config.provider.sites[..] else {
        panic!("{:?}", config.provider.sites);
    };
    assert_eq!((rack_a.name.as_str(), rack_a.port, rack_a.mtu), ("rack-a", PortId(0), 1590));
    assert_eq!(rack_a.vlan, VlanId::new(20).ok());
    assert_eq!(addresses(&rack_a.addresses), ["100.64.20.10", "100.64.20.50", "100.64.20.51"]);
    assert_eq!(
        rack_a.pool.map(|pool| addresses(&[pool.first, pool.last])),
        Some(vec!["100.64.20.50".to_owned(), "100.64.20.59".to_owned()])
    );
    assert_eq!((rack_b.mtu, rack_b.pool), (1600, None));
    let routes: Vec<(String, SiteIndex, u32)> = config
        .provider
        .routes
        .iter()
        .map(|route| (format!("{} {}", route.prefix, route.next_hop), route.site, route.metric))
        .collect();
    assert_eq!(
        routes,
        [
            ("100.64.30.0/24 100.64.20.2".to_owned(), SiteIndex(0), 10),
            ("100.64.31.0/24 100.64.21.3".to_owned(), SiteIndex(1), 0),
        ]
    );
    let peer = &config.provider.encapsulation.peers[0];
    assert_eq!((peer.flow_id, peer.ecn), (Some(FlowIdMode::Zero), Some(EcnMode::Compatible)));

    let [internet, uplink] = &config.external[..] else {
        panic!("{:?}", config.external);
    };
    assert_eq!((internet.port, internet.tenant, internet.mtu), (PortId(1), None, 1500));
    assert_eq!(internet.addresses[0].to_string(), "198.18.0.2/24");
    assert_eq!(internet.routes[0].next_hop.to_string(), "198.18.0.3");
    assert_eq!((uplink.tenant, uplink.mtu), (Some(TenantIndex(0)), 1400));
    assert!(uplink.gateways.is_empty());

    let [red, blue] = &config.tenants[..] else {
        panic!("{:?}", config.tenants);
    };
    assert_eq!(red.external, Some(ExternalIndex(1)), "its own hand-off network comes first");
    assert_eq!(red.routing_domain.as_deref(), Some("{6C1A3A52-3d2b-4c0e-9a65-0d7a5f0c9e01}"));
    assert_eq!(red.records[0].name.as_deref(), Some("web-1"));
    assert_eq!(red.records[1].flow_id, Some(FlowIdMode::Zero));
    assert_eq!(red.routes[0].next_hop, CustomerAddr([10, 0, 1, 7].into()));
    assert_eq!(blue.external, Some(ExternalIndex(0)));
    assert_eq!(blue.routing_domain.as_deref(), Some("{7c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e02}"));
    assert_eq!(Vsid::new(6002), Ok(blue.subnets[1].vsid));
    assert_eq!(blue.public_prefixes[0].to_string(), "203.0.113.0/28");

    let networks: Vec<NetworkRef> = config.neighbors.iter().map(|neighbor| neighbor.network).collect();
    assert_eq!(networks, [NetworkRef::Site(SiteIndex(0)), NetworkRef::External(ExternalIndex(0))]);
}

#[test]
fn both_families_are_taken_over() {
    let config = config(include_str!("mistakes/right-ipv6.yaml"));
    assert_eq!((config.system.limits.external_routes, config.system.limits.external_routes_ipv6), (2, 5));

    let site = &config.provider.sites[0];
    assert_eq!(site.subnet.to_string(), "2001:db8:100::/64");
    assert_eq!(addresses(&site.addresses), ["2001:db8:100::10", "2001:db8:100::50", "2001:db8:100::51"]);
    let ends = site.pool.map(|pool| addresses(&[pool.first, pool.last]));
    assert_eq!(ends, Some(vec!["2001:db8:100::50".to_owned(), "2001:db8:100::ffff".to_owned()]));
    let routes =
        config.provider.routes.iter().map(|route| (route.next_hop.to_string(), route.site, route.mtu));
    let expected = [("2001:db8:100::2", 0, Some(1300)), ("100.64.20.2", 1, Some(576))];
    assert!(routes.eq(expected.map(|(hop, site, mtu)| (hop.to_owned(), SiteIndex(site), mtu))));
    let encapsulation = &config.provider.encapsulation;
    assert!(encapsulation.reassemble && !encapsulation.clamp_mss);

    let gateways = |index: usize| {
        let gateways = &config.external[index].gateways;
        gateways.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(gateways(0), ["198.18.0.1", "2001:db8:ffff::1"]);
    assert_eq!(gateways(1), ["2001:db8:fffe::1"]);

    let [red, blue] = &config.tenants[..] else {
        panic!("{:?}", config.tenants);
    };
    assert_eq!((red.router_advertisements, blue.router_advertisements), (false, true));
    let prefixes = |index: usize| {
        let prefixes = red.subnets[index].prefixes.iter();
        prefixes.map(|net| format!("{} {}", net.prefix, net.gateway)).collect::<Vec<_>>()
    };
    assert_eq!(prefixes(0), ["10.0.1.0/24 10.0.1.1", "2001:db8:51::/64 2001:db8:51::1"]);
    assert_eq!(prefixes(1), ["2001:db8:52::/64 2001:db8:52::1"]);
    let places = red.records.iter().map(|record| format!("{} {}", record.address, record.provider_address));
    assert!(places.eq([
        "10.0.1.5 2001:db8:100::31",
        "2001:db8:51::5 100.64.20.31",
        "2001:db8:52:0:ffff:ffff:ffff:ffff 2001:db8:131::2",
    ]));
}

#[test]
fn a_pool_passes_over_what_is_taken() {
    let text = SMALLEST.replace(
        "addresses: [100.64.20.10] }",
        "addresses: [100.64.20.51], gateway: 100.64.20.53, pool: { range: 100.64.20.50-100.64.20.59, take: 3 } }",
    );
    let site = &config(&text).provider.sites[0];
    assert_eq!(addresses(&site.addresses), ["100.64.20.51", "100.64.20.50", "100.64.20.52", "100.64.20.54"]);
}

#[test]
fn a_pool_may_be_for_later() {
    let text = SMALLEST
        .replace("] }\nexternal", "], pool: { range: 100.64.20.50-100.64.20.59, take: 0 } }\nexternal");
    let site = &config(&text).provider.sites[0];
    assert_eq!(addresses(&site.addresses), ["100.64.20.10"]);
    assert!(site.pool.is_some());
}

#[test]
fn learning_has_limits() {
    let learns = |keys: &str| {
        config(&SMALLEST.replace("name: red", &format!("name: red, {keys}"))).tenants[0].sender_check
    };
    let limits = |addresses_per_mac, records_per_subnet| {
        SenderCheck::Learn(LearnLimits { addresses_per_mac, records_per_subnet })
    };
    assert_eq!(learns("sender-check: learn"), limits(8, 256));
    assert_eq!(learns("sender-check: learn, learn: { records-per-subnet: 5 }"), limits(8, 5));
    assert_eq!(learns("learn: { addresses-per-mac: 1 }, sender-check: learn"), limits(1, 256));
}

#[test]
fn duplicate_addresses_are_looked_for_as_told() {
    for (word, expected) in [
        ("fast", DuplicateAddressDetection::Fast),
        ("rfc5227", DuplicateAddressDetection::Rfc5227),
        ("off", DuplicateAddressDetection::Off),
    ] {
        let text =
            SMALLEST.replace("provider:", &format!("provider:\n  duplicate-address-detection: {word}"));
        assert_eq!(config(&text).provider.duplicate_address_detection, expected, "{word}");
    }
}

#[test]
fn nobody_probes_paths_where_that_is_off() {
    let text = SMALLEST.replace("provider:", "provider:\n  check-paths-every: 0");
    assert_eq!(config(&text).provider.check_paths_every, None);
}

#[test]
fn reserved_vsids_are_a_decision() {
    let subnet = "{ name: red, subnets: [{ vsid: 3000, prefix: 10.0.1.0/24, gateway: 10.0.1.1 }] }";
    let text = SMALLEST.replace("{ name: red }", subnet);
    assert!(parse(&text, "").is_err());
    let allowed = text.replace("external:", "  encapsulation: { allow-reserved-vsids: true }\nexternal:");
    assert_eq!(Vsid::new(3000), Ok(config(&allowed).tenants[0].subnets[0].vsid));
    let vendor = allowed.replace("vsid: 3000", "vsid: 16777215");
    assert!(parse(&vendor, "").is_err());
}

#[test]
fn without_external_networks_there_is_no_way_out() {
    let text = SMALLEST.replace("  - { name: internet, port: wire, addresses: [198.18.0.2/24] }\n", "");
    assert_eq!(config(&text).tenants[0].external, None);
    let public = "{ name: red, subnets: [{ vsid: 5001, prefix: 203.0.113.0/28, gateway: 203.0.113.1 }], public-prefixes: [203.0.113.0/28] }";
    let problems =
        parse(&text.replace("{ name: red }", public), "").expect_err("the prefix leads in from nowhere");
    let paths: Vec<&str> = problems.iter().map(|problem| &*problem.path).collect();
    assert_eq!(paths, ["tenants[0].public-prefixes[0]"]);
}

#[test]
fn many_tenants_use_the_same_addresses() {
    const TENANTS: usize = 200;
    const RECORDS: usize = 100;
    let mut text = SMALLEST.replace("  - { name: red }\n", "");
    for tenant in 0..TENANTS {
        let vsid = 5000 + tenant;
        writeln!(
            text,
            "  - name: t{tenant}\n    subnets: [{{ vsid: {vsid}, prefix: 10.0.1.0/24, gateway: 10.0.1.1 }}]"
        )
        .expect("written");
        writeln!(text, "    records:").expect("written");
        for host in 2..2 + RECORDS {
            writeln!(
                text,
                "      - {{ vsid: {vsid}, address: 10.0.1.{host}, mac: 02:15:5d:00:00:{host:02x}, provider-address: 100.64.30.{host} }}"
            )
            .expect("written");
        }
    }
    let config = config(&text);
    assert_eq!(config.tenants.len(), TENANTS);
    assert!(config.tenants.iter().all(|tenant| tenant.records.len() == RECORDS));
}
