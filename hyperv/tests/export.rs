//! The script that points compute hosts at a gateway.

use std::net::{IpAddr, Ipv4Addr};

use nvgw_config::Config;
use nvgw_hyperv::{ExportOptions, Input, Site, Subnet, export};
use nvgw_types::{MacAddr, ProviderAddr, Vsid};

const CONFIG: &str = r#"
ports: [{ name: wire0, device: net_null0 }]
provider:
  sites:
    - { name: near, port: wire0, vlan: 20, subnet: 100.64.20.0/24, addresses: [100.64.20.10], gateway: 100.64.20.1 }
    - { name: far, port: wire0, vlan: 21, subnet: 100.64.21.0/24, addresses: [100.64.21.10, 100.64.21.11] }
tenants:
  - name: red
    routing-domain: "{6c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e01}"
    gateway-mac: 02:00:5e:00:01:AF
    subnets:
      - { vsid: 5001, prefix: 10.0.1.0/24, gateway: 10.0.1.1 }
      - { vsid: 5009, prefix: 10.0.9.0/24, gateway: 10.0.9.2 }
    records:
      - { vsid: 5001, address: 10.0.1.5, mac: 02:15:5d:00:00:05, provider-address: 100.64.10.2 }
      - { vsid: 5001, address: 10.0.1.6, mac: 02:15:5d:00:00:06, provider-address: 100.64.20.30 }
      - { vsid: 5001, address: 10.0.1.7, mac: 02:15:5d:00:00:07, provider-address: 100.64.10.2 }
  - name: blue
    subnets:
      - { vsid: 6001, prefix: 10.0.1.0/24, gateway: 10.0.1.1 }
  - { name: empty, routing-domain: "{6c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e02}" }
"#;

fn config() -> Config {
    nvgw_config::parse(CONFIG, "gw.yaml").unwrap_or_else(|problems| panic!("{problems}"))
}

fn vsid(vsid: u64) -> Option<Vsid> {
    Some(Vsid::new(vsid).expect("a VSID"))
}

fn provider_address(d: [u8; 4]) -> ProviderAddr {
    ProviderAddr(IpAddr::V4(Ipv4Addr::from(d)))
}

#[test]
fn a_tenant_of_a_configuration_becomes_a_script() {
    let input = Input::from_config(&config(), "red", &ExportOptions::default()).expect("a tenant");
    assert_eq!(export(&input), include_str!("data/red.ps1"));
}

#[test]
fn options_choose_subnet_and_address() {
    let options = ExportOptions {
        gateway_vsid: vsid(5001),
        provider_address: Some(provider_address([100, 64, 21, 11])),
    };
    let input = Input::from_config(&config(), "red", &options).expect("a tenant");
    assert_eq!(input.site.subnet.to_string(), "100.64.21.0/24");
    let script = export(&input);
    assert!(
        script.contains("-VirtualSubnetID 5001 -DestinationPrefix '0.0.0.0/0' -NextHop '10.0.1.1'"),
        "{script}"
    );
    assert!(script.contains("$elsewhere = '100.64.10.2', '100.64.20.30'\n"), "{script}");
    assert!(!script.contains("100.64.20.10"), "{script}");
}

#[test]
fn both_families_have_a_way_out() {
    let text = CONFIG
        .replace("gateway: 10.0.9.2 }", "gateway: 10.0.9.2, prefix-ipv6: 2001:db8:59::/64, gateway-ipv6: 2001:db8:59::2 }")
        .replace("gateway: 100.64.20.1 }", "gateway: 100.64.20.1 }\n    - { name: six, port: wire0, vlan: 22, subnet: 2001:db8:20::/64, addresses: [2001:db8:20::10] }");
    let config = nvgw_config::parse(&text, "gw.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    let input = Input::from_config(&config, "red", &ExportOptions::default()).expect("a tenant");
    assert_eq!(input.site.subnet.to_string(), "100.64.20.0/24", "the hosts are IPv4");
    let script = export(&input);
    for expected in [
        "-VirtualSubnetID 5009 -DestinationPrefix '2001:db8:59::/64' -NextHop '::' -Metric 255",
        "-CustomerAddress '2001:db8:59::2' -VirtualSubnetID 5009 -MACAddress '02005E0001AF' -ProviderAddress '100.64.20.10'",
        "-CustomerAddress '0.0.0.0' -VirtualSubnetID 5009 -MACAddress",
        "-CustomerAddress '::' -VirtualSubnetID 5009 -MACAddress",
        "-DestinationPrefix '0.0.0.0/0' -NextHop '10.0.9.2' -Metric 255",
        "-DestinationPrefix '::/0' -NextHop '2001:db8:59::2' -Metric 255",
    ] {
        assert_eq!(script.matches(expected).count(), 1, "{expected}: {script}");
    }
    assert_eq!(script.matches("-VirtualSubnetID 5009 -Type GatewayWildcard").count(), 1, "{script}");
}

#[test]
fn hosts_send_to_an_address_of_their_own_family() {
    let text = CONFIG
        .replace("gateway: 100.64.20.1 }", "gateway: 100.64.20.1 }\n    - { name: six, port: wire0, vlan: 22, subnet: 2001:db8:20::/64, addresses: [2001:db8:20::10] }")
        .replace("provider-address: 100.64.10.2", "provider-address: 2001:db8:10::2")
        .replace("provider-address: 100.64.20.30", "provider-address: 2001:db8:20::30");
    let config = nvgw_config::parse(&text, "gw.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    let input = Input::from_config(&config, "red", &ExportOptions::default()).expect("a tenant");
    assert_eq!(input.site.address.to_string(), "2001:db8:20::10");
    let script = export(&input);
    assert!(script.contains("$elsewhere = '2001:db8:10::2'\n"), "{script}");
}

#[test]
fn hosts_in_the_gateways_subnet_need_no_route_and_no_parameter() {
    let mut input = Input::from_config(&config(), "red", &ExportOptions::default()).expect("a tenant");
    input.hosts.retain(|host| *host == provider_address([100, 64, 20, 30]));
    let script = export(&input);
    assert!(!script.contains("param(") && !script.contains("ProviderRoute"), "{script}");
}

#[test]
fn names_stay_text() {
    let subnet = Subnet {
        vsid: Vsid::new(5001).expect("a VSID"),
        prefix: "10.0.1.0/24".parse().expect("a prefix"),
        gateway: IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1)),
    };
    let input = Input {
        tenant: "o'rot’\nStop-Computer".to_owned(),
        routing_domain: "{0}'; Stop-Computer; '".to_owned(),
        gateway_mac: MacAddr([2, 0, 0x5e, 0, 1, 1]),
        subnets: vec![subnet],
        gateway_subnets: vec![subnet],
        site: Site {
            address: provider_address([100, 64, 20, 10]),
            subnet: "100.64.20.0/24".parse().expect("a prefix"),
        },
        hosts: Vec::new(),
    };
    let script = export(&input);
    let lines: Vec<&str> = script.lines().collect();
    // Windows PowerShell takes the script for UTF-8 by its byte order mark.
    assert_eq!(
        lines[0],
        "\u{feff}# Tenant o'rot’ Stop-Computer: its gateway is nvgw, at provider address 100.64.20.10."
    );
    assert!(lines.contains(&"$domain = '{0}''; Stop-Computer; '''"), "{script}");
    assert!(script.contains("\n$tenant = 'o''rot’’\nStop-Computer'\n"), "{script}");
}

#[test]
fn what_cannot_be_exported_says_what_to_write() {
    let options = ExportOptions::default();
    let wrong_subnet = ExportOptions { gateway_vsid: vsid(6001), ..options };
    let wrong_address =
        ExportOptions { provider_address: Some(provider_address([100, 64, 20, 11])), ..options };
    for (tenant, options, expected) in [
        ("green", options, "there is no tenant \"green\"; the tenants are: red, blue, empty"),
        (
            "blue",
            options,
            "tenant blue has no routing domain, by which Hyper-V knows it; write its RoutingDomainID where the \
             tenant is made, as in tenants: [{ name: blue, routing-domain: \"{6c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e01}\" }]",
        ),
        ("empty", options, "tenant empty has no virtual subnet; add one"),
        ("red", wrong_subnet, "VSID 6001 is no subnet of tenant red; its VSIDs are: 5001, 5009"),
        (
            "red",
            wrong_address,
            "this gateway does not receive at provider address 100.64.20.11; write one of: 100.64.20.10, 100.64.21.10, \
             100.64.21.11",
        ),
    ] {
        let error = Input::from_config(&config(), tenant, &options).expect_err(tenant);
        assert_eq!(error.to_string(), expected);
    }
}
