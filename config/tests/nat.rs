//! What right documents say of address translation, and what the smallest leaves unsaid.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use nvgw_config::{
    Config, Filtering, ForwardProtocol, Nat, NatFiltering, NatLimits, NatPool, NatTimeouts, PortForward,
    RemovedAddresses, StaticNat, Syslog, TenantNat, UnsolicitedSyn, parse, rules,
};
use proptest::prelude::*;

fn config(text: &str) -> Config {
    parse(text, "test.yaml").unwrap_or_else(|problems| panic!("{problems}"))
}

fn ip(text: &str) -> Ipv4Addr {
    text.parse().expect("an address")
}

fn pool(first: &str, last: &str, ports: (u16, u16), block_size: u16) -> NatPool {
    NatPool { first: ip(first), last: ip(last), first_port: ports.0, last_port: ports.1, block_size }
}

/// Two tenants that use the network internet; what stands in the place of `RED` and `BLUE` is theirs.
const TWO: &str = "
ports:
  - { name: wire, device: net_null0 }
provider:
  sites:
    - { name: site, port: wire, vlan: 20, subnet: 100.64.20.0/24, addresses: [100.64.20.10] }
external:
  - { name: internet, port: wire, addresses: [198.18.0.2/24] }
  - { name: isp2, port: wire, vlan: 2, addresses: [198.18.2.2/24] }
tenants:
  - { name: red, subnets: [{ vsid: 5001, prefix: 10.0.1.0/24, gateway: 10.0.1.1 }], RED }
  - { name: blue, subnets: [{ vsid: 6001, prefix: 10.0.1.0/24, gateway: 10.0.1.1 }], BLUE }
";

fn two(red: &str, blue: &str) -> Config {
    config(&TWO.replace("RED", red).replace("BLUE", blue))
}

fn nat(text: &str) -> TenantNat {
    two(text, "nat: off").tenants[0].nat.clone().expect("red translates")
}

#[test]
fn the_file_a_user_writes_is_accepted_whole() {
    let config = config(include_str!("interface.yaml"));
    assert_eq!(config.tenants[0].nat, None);
    assert_eq!(
        config.tenants[1].nat,
        Some(TenantNat {
            pools: vec![pool("198.51.100.16", "198.51.100.23", (1024, 65535), 512)],
            statics: vec![StaticNat { public: ip("198.51.100.32"), customer: ip("10.0.1.5") }],
            forwards: vec![PortForward {
                public: ip("198.51.100.33"),
                protocol: ForwardProtocol::Tcp,
                first: 8080,
                last: 8080,
                customer: ip("10.0.1.5"),
                to: 80,
            }],
            exempt: vec!["172.31.0.0/16".parse().expect("a prefix")],
            filtering: NatFiltering::default(),
            limits: NatLimits { new_sessions: Some(10_000), ..NatLimits::default() },
            limits_per_address: NatLimits { sessions: Some(4096), ..NatLimits::default() },
        })
    );
    assert_eq!(config.nat, Nat::default());
}

#[test]
fn a_whole_document_is_taken_over() {
    let config = config(include_str!("mistakes/right.yaml"));
    assert_eq!((config.system.limits.nat_addresses, config.system.limits.nat_bindings), (64, 256));
    let seconds = Duration::from_secs;
    assert_eq!(
        config.nat.timeouts,
        NatTimeouts {
            udp: seconds(240),
            udp_well_known: seconds(30),
            tcp_established: seconds(7200),
            tcp_transitory: seconds(200),
            tcp_reset: seconds(10),
            icmp: seconds(61),
            port_quarantine: seconds(60),
        }
    );
    assert_eq!(config.nat.unsolicited_syn, UnsolicitedSyn::Drop);
    assert_eq!(config.nat.removed_addresses, RemovedAddresses::Cut);
    let log = &config.nat.log;
    assert_eq!(log.file.as_deref(), Some(Path::new("/var/log/nvgw/nat.jsonl")));
    assert_eq!(log.syslog, Some(Syslog { server: ([192, 0, 2, 9], 514).into(), facility: 3 }));
    assert!(log.sessions);

    let blue = config.tenants[1].nat.as_ref().expect("blue translates");
    assert_eq!(blue.pools[1], pool("198.51.100.40", "198.51.100.42", (1024, 65535), 512));
    assert_eq!(
        blue.forwards[1],
        PortForward {
            public: ip("198.51.100.17"),
            protocol: ForwardProtocol::Udp,
            first: 5000,
            last: 5009,
            customer: ip("10.0.1.6"),
            to: 5000,
        }
    );
    assert_eq!(
        (blue.filtering.tcp, blue.filtering.udp, blue.filtering.icmp),
        (Filtering::EndpointIndependent, Filtering::AddressDependent, Filtering::EndpointIndependent)
    );
    let limits = |sessions, ports, new| NatLimits {
        sessions: Some(sessions),
        ports: Some(ports),
        new_sessions: Some(new),
    };
    assert_eq!(blue.limits, limits(100_000, 50_000, 10_000));
    assert_eq!(blue.limits_per_address, limits(4096, 2048, 500));
}

#[test]
fn off_is_off_however_it_is_written() {
    for written in ["nat: off", "nat: \"off\"", "nat: ~", "nat:"] {
        assert_eq!(two(written, "nat: off").tenants[0].nat, None, "{written}");
    }
}

#[test]
fn what_is_left_out_has_the_defaults() {
    let red = nat("nat: { pools: [{ addresses: 198.51.100.7 }] }");
    assert_eq!(red.pools, [pool("198.51.100.7", "198.51.100.7", (1024, 65535), 512)]);
    assert!(red.statics.is_empty() && red.forwards.is_empty() && red.exempt.is_empty());
    let per_address = NatLimits { sessions: Some(16_384), ..NatLimits::default() };
    assert_eq!((red.limits, red.limits_per_address), (NatLimits::default(), per_address));
    assert_eq!(red.filtering, NatFiltering::default());
    let text = TWO.replace("RED", "nat: off").replace("BLUE", "nat: off");
    assert_eq!(config(&text).nat, Nat::default());
    for section in
        ["nat:", "nat: {}", "nat: { timeouts: , log: }", "nat: { log: { syslog: , sessions: false } }"]
    {
        assert_eq!(config(&format!("{text}{section}\n")).nat, Nat::default(), "{section}");
    }
}

#[test]
fn tenants_share_a_pool_by_naming_it() {
    let shared = "nat: { pools: [{ addresses: 198.51.100.0/24 }] }";
    let same = "nat: { pools: [{ ports: 1024-65535, addresses: 198.51.100.0 - 198.51.100.255 }] }";
    let config = config(
        &TWO.replace("RED", shared)
            .replace("BLUE", same)
            .replace("ports:\n", "system: { limits: { nat-addresses: 256 } }\nports:\n"),
    );
    let pools = |tenant: usize| config.tenants[tenant].nat.as_ref().map(|nat| nat.pools.clone());
    assert_eq!(pools(0), pools(1));
}

#[test]
fn networks_are_worlds_of_their_own() {
    let red = "nat: { pools: [{ addresses: 198.51.100.0/28 }], static: [{ public: 198.51.100.32, customer: 10.0.1.5 }] }";
    let blue = "external: isp2, nat: { pools: [{ addresses: 198.51.100.0/27, block-size: 64 }], \
                static: [{ public: 198.51.100.32, customer: 10.0.1.5 }] }";
    let config = two(red, blue);
    assert!(config.tenants.iter().all(|tenant| tenant.nat.is_some()));
}

#[test]
fn a_forward_may_use_the_address_of_a_pool_whosever_it_is() {
    let red = "nat: { pools: [{ addresses: 198.51.100.0/28 }] }";
    let blue = "nat: { forwards: [{ public: 198.51.100.7, protocol: udp, ports: 53, customer: 10.0.1.5 }] }";
    let forwards = two(red, blue).tenants[1].nat.as_ref().map(|nat| nat.forwards.clone());
    assert_eq!(forwards.map(|forwards| (forwards[0].first, forwards[0].to)), Some((53, 53)));
}

#[test]
fn syslog_servers_have_a_port_and_a_facility() {
    let text = TWO.replace("RED", "nat: off").replace("BLUE", "nat: off");
    let syslog = |written: &str| {
        config(&format!("{text}nat: {{ log: {{ syslog: {{ {written} }} }} }}\n")).nat.log.syslog
    };
    let of =
        |server: &str, facility| Some(Syslog { server: server.parse().expect("address and port"), facility });
    assert_eq!(syslog("server: 192.0.2.9"), of("192.0.2.9:514", 20));
    assert_eq!(syslog("server: 192.0.2.9:5514, facility: kern"), of("192.0.2.9:5514", 0));
    assert_eq!(syslog("server: \"2001:db8::9\", facility: local7"), of("[2001:db8::9]:514", 23));
    assert_eq!(syslog("server: \"[2001:db8::9]:5514\", facility: authpriv"), of("[2001:db8::9]:5514", 10));
}

#[test]
fn the_biggest_block_follows_from_the_number_of_workers() {
    let biggest = |workers| rules::biggest_block(workers);
    assert_eq!([1, 2, 8].map(biggest), [4096; 3]);
    assert_eq!([9, 16, 17, 64, 512].map(biggest), [2048, 2048, 1024, 512, 64]);
}

proptest! {
    /// Counting says the same; and what the hint proposes is right.
    #[test]
    fn ports_hold_a_block_or_a_hint_says_which_do(first in 1_u16.., more in 0_u16..10_000, exponent in 6_u32..=12) {
        let (last, size) = (first.saturating_add(more), 1_u16 << exponent);
        let begins = (first..=last).filter(|port| port % size == 0);
        let holds = begins.map(|begin| u32::from(begin) + u32::from(size) - 1).any(|end| end <= u32::from(last));
        let verdict = rules::check_blocks(first, last, size);
        prop_assert_eq!(verdict.is_ok(), holds);
        if let Err(refusal) = verdict {
            let ports = refusal.hint.trim_start_matches("write ").split(',').next().unwrap_or_default();
            let (begin, end) = ports.split_once('-').expect("a range");
            let (begin, end) = (begin.parse().expect("a port"), end.parse().expect("a port"));
            prop_assert_eq!(rules::check_blocks(begin, end, size), Ok(()));
        }
    }

    #[test]
    fn forwards_end_at_the_last_port(first in 1_u16.., more: u16, to in 1_u16..) {
        let last = first.saturating_add(more);
        let fits = u32::from(to) + u32::from(last - first) <= 65535;
        prop_assert_eq!(rules::check_forward(first, last, to).is_ok(), fits);
    }
}
