//! Documents in the shape that Hyper-V's cmdlets print, and what comes of them.

use std::net::{IpAddr, Ipv4Addr};

use nvgw_hyperv::{Document, External, Import, ImportError, Options, Underlay, import};
use nvgw_types::{VlanId, Vsid};

/// Both tenants of `policy.json`, with everything that may stand beside VMs' records.
const POLICY: &str = include_str!("data/policy.json");
const LOOKUP_RECORDS: &str = include_str!("data/lookup-records.json");
/// `ConvertTo-Json` of one object is no list.
const CUSTOMER_ROUTE: &str = include_str!("data/customer-route.json");

fn document(origin: &str, bytes: &[u8]) -> Document {
    Document::read(origin, bytes).unwrap_or_else(|problems| panic!("{problems}"))
}

fn imported(texts: &[&str], options: &Options) -> Import {
    let read = |(i, text): (usize, &&str)| document(&format!("{i}.json"), text.as_bytes());
    let documents: Vec<Document> = texts.iter().enumerate().map(read).collect();
    import(&documents, options).unwrap_or_else(|error| panic!("{error}"))
}

fn at_the_hosts_site() -> Options {
    Options {
        tenant_names: vec![("6c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e01".to_owned(), "red".to_owned())],
        provider_address: Some("100.64.20.10/24".parse().expect("an address")),
        ..Options::default()
    }
}

fn whole_underlay() -> Underlay {
    Underlay {
        provider_device: Some("0000:3b:00.0".to_owned()),
        provider_vlan: VlanId::new(20).ok(),
        provider_gateway: None,
        external: Some(External {
            device: "0000:3b:00.1".to_owned(),
            address: "198.18.0.2/24".parse().expect("an address"),
            vlan: VlanId::new(300).ok(),
            gateway: Some(IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1))),
        }),
    }
}

#[test]
fn policy_becomes_a_whole_configuration() {
    let configuration = imported(&[POLICY], &at_the_hosts_site()).to_config(&whole_underlay());
    assert_eq!(configuration.edits, Vec::<String>::new());
    assert_eq!(configuration.text, include_str!("data/policy.yaml"));
    let config = nvgw_config::parse(&configuration.text, "policy.yaml").expect("a right configuration");
    let [red, blue] = &config.tenants[..] else { panic!("two tenants: {:?}", config.tenants) };
    assert_eq!((red.records.len(), blue.records.len()), (4, 1));
    assert_eq!(config.provider.sites[0].gateway, Some(IpAddr::V4(Ipv4Addr::new(100, 64, 20, 1))));
}

#[test]
fn policy_becomes_changes() {
    let changes = imported(&[POLICY], &at_the_hosts_site()).to_changes();
    assert_eq!(changes, include_str!("data/policy-changes.yaml"));
    let read: serde_yaml::Value = serde_yaml::from_str(&changes).expect("YAML");
    let kinds: Vec<&str> = read["changes"]
        .as_sequence()
        .expect("a list")
        .iter()
        .map(|change| change.as_mapping().and_then(|map| map.keys().next()?.as_str()).expect("one key"))
        .collect();
    let subnets = ["add-tenant", "add-subnet", "add-subnet", "add-subnet"];
    let blue = ["add-customer-route", "add-tenant", "add-subnet", "add-lookup"];
    assert_eq!(kinds, [&subnets[..], &["add-lookup"; 4], &blue, &["add-provider-route"; 2]].concat());
}

#[test]
fn what_is_not_taken_is_told_one_by_one() {
    let import = imported(&[POLICY], &at_the_hosts_site());
    let remarks: Vec<String> = import.remarks().iter().map(ToString::to_string).collect();
    assert_eq!(remarks.join("\n") + "\n", include_str!("data/policy-remarks.txt"));
    assert_eq!(import.remarks().iter().filter(|remark| remark.skipped).count(), 4);
}

#[test]
fn what_hyper_v_does_not_know_is_asked_for_and_the_rest_is_right() {
    let configuration = imported(&[POLICY], &Options::default()).to_config(&Underlay::default());
    let expected = [
        "ports[0].device: the network card of the provider network (--provider-device)",
        "provider.sites[0]: the gateway's own provider address and its subnet (--provider-address), and its default \
         gateway where hosts are in other subnets (--provider-gateway); hosts are in 100.64.10.0/24, 100.64.30.0/24",
        "external: tenants have no way out without a network toward the internet (--external-device, \
         --external-address)",
    ];
    assert_eq!(configuration.edits, expected);
    let marks = configuration.text.matches("EDIT").count();
    assert_eq!(marks, 5, "{}", configuration.text);
    nvgw_config::parse(&configuration.text, "c.yaml").unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn a_site_without_gateway_names_a_host_that_it_does_not_reach() {
    let options = Options { provider_address: "100.64.30.10/24".parse().ok(), ..Options::default() };
    let configuration = imported(&[POLICY], &options).to_config(&whole_underlay());
    let expected = "provider.sites[0].gateway: the site's default gateway (--provider-gateway); without it there is \
                    no way to 100.64.10.2";
    assert_eq!(configuration.edits, [expected]);
    nvgw_config::parse(&configuration.text, "c.yaml").unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn stand_ins_stay_clear_of_documentation_addresses_in_use() {
    let used = LOOKUP_RECORDS.replace("100.64.10.2", "192.0.2.1").replace("100.64.10.3", "198.51.100.1");
    let configuration =
        imported(&[&used, CUSTOMER_ROUTE], &Options::default()).to_config(&Underlay::default());
    assert!(configuration.text.contains("addresses: [203.0.113.1]"), "{}", configuration.text);
    nvgw_config::parse(&configuration.text, "c.yaml").unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn one_card_may_carry_both_networks() {
    let mut underlay = whole_underlay();
    underlay.external.as_mut().expect("external").device = "0000:3b:00.0".to_owned();
    let text = imported(&[POLICY], &at_the_hosts_site()).to_config(&underlay).text;
    let config = nvgw_config::parse(&text, "c.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((config.ports.len(), config.external[0].port), (1, config.provider.sites[0].port));
}

#[test]
fn files_of_one_kind_each_are_read_as_one_in_every_encoding() {
    let expected = imported(&[LOOKUP_RECORDS, CUSTOMER_ROUTE], &Options::default());
    let records = LOOKUP_RECORDS.replace('\n', "\r\n");
    let utf16: Vec<u8> = records.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let documents = [
        document("records.json", &[&[0xff, 0xfe], &utf16[..]].concat()),
        document("route.json", &[b"\xef\xbb\xbf", CUSTOMER_ROUTE.as_bytes()].concat()),
    ];
    let found = import(&documents, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found, expected);
    let changes = found.to_changes();
    assert!(changes.contains("add-tenant: { name: \"rd-7c1a3a52\", "), "{changes}");
    assert_eq!(changes.matches("add-lookup").count(), 2, "{changes}");
}

#[test]
fn lists_that_windows_powershell_wraps_are_lists() {
    let wrapped = format!(
        r#"{{"Records": {{"value": {LOOKUP_RECORDS}, "Count": 2}}, "Routes": {CUSTOMER_ROUTE}, "None": null, "No": []}}"#
    );
    let plain = imported(&[LOOKUP_RECORDS, CUSTOMER_ROUTE], &Options::default());
    assert_eq!(imported(&[&wrapped], &Options::default()), plain);
    let whole = format!(r#"{{"value": [{CUSTOMER_ROUTE}], "Count": 1}}"#);
    assert_eq!(imported(&[&whole, LOOKUP_RECORDS], &Options::default()), plain);
}

/// A document of records, and routes, each written as its properties.
fn policy(records: &[(u32, &str, &str, &str, &str)], routes: &[(u32, &str, &str, u32)]) -> String {
    let records = records.iter().map(|(vsid, address, mac, provider_address, rest)| {
        format!(
            r#"{{"VirtualSubnetID": {vsid}, "CustomerAddress": "{address}", "MACAddress": "{mac}", "ProviderAddress": "{provider_address}"{rest}}}"#
        )
    });
    let routes = routes.iter().map(|(vsid, prefix, next_hop, metric)| {
        format!(
            r#"{{"RoutingDomainID": "{{6C1A3A52-3D2B-4C0E-9A65-0D7A5F0C9E01}}", "VirtualSubnetID": {vsid}, "DestinationPrefix": "{prefix}", "NextHop": "{next_hop}", "Metric": {metric}}}"#
        )
    });
    format!("[{}]", records.chain(routes).collect::<Vec<_>>().join(",\n"))
}

const VM: (u32, &str, &str, &str, &str) = (5001, "10.0.1.5", "00155D000005", "100.64.10.2", "");
const ON_LINK: (u32, &str, &str, u32) = (5001, "10.0.1.0/24", "0.0.0.0", 255);

fn changes(records: &[(u32, &str, &str, &str, &str)], routes: &[(u32, &str, &str, u32)]) -> String {
    imported(&[&policy(records, routes)], &Options::default()).to_changes()
}

#[test]
fn the_gateway_address_follows_the_evidence() {
    let wildcard = (5001, "0.0.0.0", "00155D0000A1", "100.64.20.5", "");
    let typed = (5001, "0.0.0.0", "00155D0000A1", "100.64.20.5", r#", "Type": "GatewayWildcard""#);
    let numbered = (5001, "0.0.0.0", "00155D0000A1", "100.64.20.5", r#", "Type": 2"#);
    let old = (5001, "10.0.1.2", "00155D0000A1", "100.64.20.5", "");
    let second_old = (5001, "10.0.1.3", "00155D0000A1", "100.64.20.5", "");
    let router = (5001, "10.0.1.254", "00155D0000F1", "169.254.254.254", "");
    let default = (5001, "0.0.0.0/0", "10.0.1.3", 255);
    for (records, routes, expected) in [
        (&[VM][..], &[ON_LINK][..], "10.0.1.1"),
        (&[VM, router], &[ON_LINK], "10.0.1.254"),
        (&[VM, wildcard, old], &[ON_LINK], "10.0.1.2"),
        (&[VM, typed, old, router], &[ON_LINK], "10.0.1.2"),
        (&[VM, numbered, old, second_old], &[ON_LINK, default], "10.0.1.3"),
        (&[VM, numbered, old, second_old], &[ON_LINK], "10.0.1.1"),
    ] {
        let text = changes(records, routes);
        assert!(text.contains(&format!("gateway: {expected} }}")), "{records:?} {routes:?}: {text}");
        assert_eq!(text.matches("add-lookup").count(), 1, "only the VM is left: {text}");
        assert!(!text.contains("add-customer-route"), "{text}");
    }
}

#[test]
fn the_first_address_is_a_vm_where_the_gateway_is_named() {
    let first = (5001, "10.0.1.1", "00155D000001", "100.64.10.2", "");
    let text = policy(&[VM, first], &[ON_LINK]);
    assert_eq!(imported(&[&text], &Options::default()).to_changes().matches("add-lookup").count(), 1);
    let vsid = Vsid::new(5001).expect("a VSID");
    let options =
        Options { gateways: vec![(vsid, IpAddr::V4(Ipv4Addr::new(10, 0, 1, 254)))], ..Options::default() };
    let changes = imported(&[&text], &options).to_changes();
    assert_eq!(changes.matches("add-lookup").count(), 2, "{changes}");
    assert!(changes.contains("gateway: 10.0.1.254 }"), "{changes}");
}

#[test]
fn customer_routes_lead_to_vms_by_the_lowest_metric() {
    let other = (5001, "10.0.1.6", "00155D000006", "100.64.10.2", "");
    let routes = [
        ON_LINK,
        (5001, "172.16.0.0/12", "10.0.1.6", 20),
        (5001, "172.16.0.0/12", "10.0.1.5", 10),
        // Host bits are no part of a prefix.
        (5001, "172.31.255.0/12", "10.0.1.5", 30),
        // A VM that is the way out: no wildcard says it is a gateway.
        (5001, "0.0.0.0/0", "10.0.1.5", 10),
        (5001, "10.0.1.0/24", "10.0.1.5", 10),
    ];
    let import = imported(&[&policy(&[VM, other], &routes)], &Options::default());
    let changes = import.to_changes();
    let taken: Vec<&str> = changes.lines().filter(|line| line.contains("add-customer-route")).collect();
    assert_eq!(
        taken,
        [
            "  - add-customer-route: { tenant: \"rd-6c1a3a52\", prefix: 172.16.0.0/12, next-hop: 10.0.1.5 }",
            "  - add-customer-route: { tenant: \"rd-6c1a3a52\", prefix: 0.0.0.0/0, next-hop: 10.0.1.5 }",
        ]
    );
    let skipped: Vec<&str> = import.remarks().iter().map(|remark| remark.about.message.as_str()).collect();
    assert_eq!(
        skipped,
        ["172.16.0.0/12 leads to 10.0.1.5 already: [4] (0.json:5)", "10.0.1.0/24 is a subnet itself"]
    );
}

const VM6: (u32, &str, &str, &str, &str) = (5001, "2001:db8:51::5", "00155D000005", "2001:db8:100::2", "");
const ON_LINK6: (u32, &str, &str, u32) = (5001, "2001:db8:51::/64", "::", 255);

#[test]
fn ipv6_is_taken_as_ipv4_is() {
    let old = (5001, "2001:db8:51::2", "00155D0000A1", "2001:db8:100::5", "");
    let wildcard = (5001, "::", "00155D0000A1", "2001:db8:100::5", "");
    let router = (5001, "2001:db8:51::1", "00155D0000F1", "fe80::1", "");
    let among_themselves = (5001, "fe80::215:5dff:fe00:5", "00155D000005", "2001:db8:100::2", "");
    let routes = [
        ON_LINK6,
        (5001, "fe80::/10", "::", 255),
        (5001, "::/0", "2001:db8:51::2", 255),
        (5001, "2001:db8:f::/48", "2001:db8:51::5", 10),
        (5001, "2001:db8:e::/48", "10.0.1.5", 10),
        (5001, "ff00::/8", "2001:db8:51::5", 10),
    ];
    let records = [VM6, old, wildcard, router, among_themselves];
    let import = imported(&[&policy(&records, &routes)], &Options::default());
    let changes = import.to_changes();
    let made: Vec<&str> = changes.lines().filter(|line| line.contains("  - add-")).skip(1).collect();
    assert_eq!(
        made,
        [
            "  - add-subnet: { tenant: \"rd-6c1a3a52\", vsid: 5001, prefix: 2001:db8:51::/64, gateway: 2001:db8:51::2 }",
            "  - add-lookup: { vsid: 5001, address: 2001:db8:51::5, mac: 00:15:5d:00:00:05, provider-address: 2001:db8:100::2 }",
            "  - add-customer-route: { tenant: \"rd-6c1a3a52\", prefix: 2001:db8:f::/48, next-hop: 2001:db8:51::5 }",
        ]
    );
    let remarks: Vec<(bool, &str)> =
        import.remarks().iter().map(|remark| (remark.skipped, remark.about.message.as_str())).collect();
    assert_eq!(
        remarks,
        [
            (false, "the record of the gateway that is replaced"),
            (false, "the wildcard record of the gateway that is replaced"),
            (false, "Hyper-V's own router: its provider address is link-local"),
            (false, "a link-local address: VMs speak among themselves with it"),
            (false, "a link-local prefix"),
            (false, "the default route to the gateway that is replaced"),
            (true, "next hop 10.0.1.5 is IPv4, the prefix 2001:db8:e::/48 IPv6"),
            (true, "ff00::/8 holds no unicast destination"),
        ]
    );
}

#[test]
fn a_virtual_subnet_may_have_both_families() {
    let records = [VM, (5001, "2001:db8:51::5", "00155D000005", "100.64.10.2", "")];
    let text = policy(&records, &[ON_LINK6, ON_LINK]);
    let vsid = Vsid::new(5001).expect("a VSID");
    let named = "2001:db8:51::fe".parse().expect("an address");
    let options = Options { gateways: vec![(vsid, named)], ..Options::default() };
    let import = imported(&[&text], &options);
    let changes = import.to_changes();
    let subnet = "prefix: 10.0.1.0/24, gateway: 10.0.1.1, prefix-ipv6: 2001:db8:51::/64, gateway-ipv6: 2001:db8:51::fe }";
    assert!(changes.contains(subnet), "{changes}");
    assert_eq!((changes.matches("add-subnet").count(), changes.matches("add-lookup").count()), (1, 2));
    nvgw_config::parse_changes(&changes, "c.yaml").unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn a_provider_network_of_ipv6_becomes_a_site_of_ipv6() {
    let text = policy(&[VM6], &[ON_LINK6]);
    let unknown = imported(&[&text], &Options::default()).to_config(&Underlay::default()).text;
    assert!(unknown.contains("addresses: [2001:db8::1]  # EDIT"), "{unknown}");
    nvgw_config::parse(&unknown, "c.yaml").unwrap_or_else(|problems| panic!("{problems}"));

    let provider = r#"[{ "ProviderAddress": "2001:db8:100::2", "PrefixLength": 64 },
        { "DestinationPrefix": "::/0", "NextHop": "2001:db8:20::1", "Metric": 1 },
        { "DestinationPrefix": "2001:db8:1::/48", "NextHop": "2001:db8:20::2", "Metric": 1 }]"#;
    let options = Options { provider_address: "2001:db8:20::10/64".parse().ok(), ..Options::default() };
    let import = imported(&[&text, provider], &options);
    let known = import.to_config(&Underlay::default());
    let config = nvgw_config::parse(&known.text, "c.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    let site = &config.provider.sites[0];
    assert_eq!(
        (site.subnet.to_string(), site.gateway),
        ("2001:db8:20::/64".into(), "2001:db8:20::1".parse().ok())
    );
    assert_eq!(config.provider.routes[0].prefix.to_string(), "2001:db8:1::/48");
    assert!(known.edits.iter().all(|edit| !edit.contains("no way to")), "{:?}", known.edits);
    // Other readers of YAML take a value that begins with a colon for a key.
    let changes = import.to_changes();
    assert!(
        changes.contains("add-provider-route: { prefix: \"::/0\", next-hop: 2001:db8:20::1"),
        "{changes}"
    );
    serde_yaml::from_str::<serde_yaml::Value>(&changes).expect("YAML");
}

#[test]
fn a_second_subnet_of_a_vsid_is_skipped_with_its_records() {
    let second = (5001, "10.0.2.0/24", "0.0.0.0", 255);
    let lost = (5001, "10.0.2.5", "00155D000025", "100.64.10.2", "");
    let import = imported(&[&policy(&[VM, lost], &[ON_LINK, second])], &Options::default());
    let skipped: Vec<&str> = import.remarks().iter().map(|remark| remark.about.path.as_str()).collect();
    assert_eq!(skipped, ["[1]", "[3]"]);
    assert!(import.remarks().iter().all(|remark| remark.skipped));
    let changes = import.to_changes();
    assert_eq!((changes.matches("add-subnet").count(), changes.matches("add-lookup").count()), (1, 1));
}

#[test]
fn mistakes_of_documents_come_before_options_that_they_spoil() {
    let broken = CUSTOMER_ROUTE.replace("10.7.0.0/24", "10.7.0.0");
    let options = Options {
        gateways: vec![(Vsid::new(7001).expect("a VSID"), IpAddr::V4(Ipv4Addr::LOCALHOST))],
        ..Options::default()
    };
    let found = import(&[document("f.json", broken.as_bytes())], &options);
    assert!(matches!(found, Err(ImportError::Documents(_))), "{found:?}");
}

#[test]
fn reserved_vsids_are_allowed_where_they_are_used() {
    let text = policy(&[(3000, VM.1, VM.2, VM.3, "")], &[(3000, ON_LINK.1, ON_LINK.2, 0)]);
    let import = imported(&[&text], &Options::default());
    let config = nvgw_config::parse(&import.to_config(&Underlay::default()).text, "c.yaml");
    assert!(config.expect("a right configuration").provider.encapsulation.allow_reserved_vsids);
    assert!(import.to_changes().contains("allow-reserved-vsids must be set"));
}

#[test]
fn routing_domains_that_begin_alike_have_names_of_their_own() {
    let alike = CUSTOMER_ROUTE.replace("9E07", "9E08").replace("7001", "7002");
    let changes = imported(&[CUSTOMER_ROUTE, &alike], &Options::default()).to_changes();
    for name in ["rd-7c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e07", "rd-7c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e08"] {
        assert!(changes.contains(&format!("add-tenant: {{ name: \"{name}\"")), "{changes}");
    }
}

#[test]
fn options_that_fit_nothing_are_refused() {
    let known = "7C1A3A52-3D2B-4C0E-9A65-0D7A5F0C9E07";
    let alike = CUSTOMER_ROUTE.replace("9E07", "9E08").replace("7001", "7002");
    let name = |id: &str, name: &str| Options {
        tenant_names: vec![(id.to_owned(), name.to_owned())],
        ..Options::default()
    };
    let gateway = |vsid, address: &str| Options {
        gateways: vec![(Vsid::new(vsid).expect("a VSID"), address.parse().expect("an address"))],
        ..Options::default()
    };
    let mut twice = name(known, "red");
    twice.tenant_names.push((format!("{{{known}}}"), "blue".to_owned()));
    for (options, expected) in [
        (name("red", "red"), "--tenant-name red=red: write GUID=NAME"),
        (
            name("00000000-3D2B-4C0E-9A65-0D7A5F0C9E07", "red"),
            "no routing domain of the documents; theirs are: {7C1A",
        ),
        (name(known, "the red one"), "no name: write up to 63 letters"),
        (name(known, "7"), "a letter first"),
        (name(known, "rd-7c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e08"), "0D7A5F0C9E07} has this name already"),
        (twice, "this routing domain has a name already"),
        (gateway(7009, "10.7.0.1"), "--gateway 7009=10.7.0.1: no on-link IPv4 customer route"),
        (gateway(7001, "10.7.0.255"), "write an address of a station in 10.7.0.0/24"),
        (gateway(7001, "10.8.0.1"), "write an address of a station in 10.7.0.0/24"),
        (gateway(7001, "2001:db8::1"), "no on-link IPv6 customer route of the documents has VSID 7001"),
    ] {
        let documents = [document("a.json", CUSTOMER_ROUTE.as_bytes()), document("b.json", alike.as_bytes())];
        match import(&documents, &options) {
            Err(error @ ImportError::Option { .. }) => {
                assert!(error.to_string().contains(expected), "{expected}: {error}");
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}
