//! Random configurations that share enough to have something in common, and differ enough to need every operation.

use std::net::Ipv4Addr;
use std::time::Duration;

use nvgw_config::{
    Config, CustomerRoute, EcnMode, ExternalIndex, ExternalRoute, Filtering, FlowIdMode, ForwardProtocol,
    NatFiltering, NatLimits, NetworkRef, PortForward, ProviderRoute, RemovedAddresses, SenderCheck,
    SiteIndex, StaticNat, Tenant, TenantIndex, TenantNat,
};
use nvgw_types::{CustomerAddr, PortId};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::control::fixture::{self, external, ip, mac, neighbor, net, pool, record, site, subnet, tenant};

/// Tenants that a configuration may have.
const TENANTS: [&str; 4] = ["amber", "blue", "coral", "denim"];
/// Hosts of VMs: on the first site, on the second where there is one, behind a route, behind nothing.
const PEERS: [&str; 5] = ["100.64.20.30", "100.64.20.31", "100.64.21.30", "100.64.30.2", "9.9.9.9"];

#[derive(Debug, Clone)]
struct TenantVariant {
    subnets: usize,
    records: Vec<(usize, u8, u8, usize)>,
    via: Option<u8>,
    public: bool,
    isolated: bool,
    log_only: bool,
    gateway_mac: u8,
    nat: Option<NatVariant>,
}

/// Translation of a tenant: pools among all there are, a customer of the first subnet with a 1:1 address, forwards.
#[derive(Debug, Clone)]
struct NatVariant {
    pools: [bool; 3],
    one_to_one: Option<u8>,
    forwards: Vec<(bool, u16, u8)>,
    exempt: bool,
    limit: Option<u32>,
    filtering: Filtering,
}

fn nat_variant() -> impl Strategy<Value = NatVariant> {
    let filtering = select(vec![Filtering::EndpointIndependent, Filtering::AddressDependent]);
    let forwards = vec((any::<bool>(), 1..4_u16, 2..8_u8), 0..3);
    (any::<[bool; 3]>(), option::of(2..8_u8), forwards, any::<bool>(), option::of(1..3_u32), filtering)
        .prop_map(|(pools, one_to_one, forwards, exempt, limit, filtering)| NatVariant {
            pools,
            one_to_one,
            forwards,
            exempt,
            limit,
            filtering,
        })
}

fn tenant_variant() -> impl Strategy<Value = TenantVariant> {
    (
        1..3_usize,
        vec((0..3_usize, 2..8_u8, 1..3_u8, 0..PEERS.len()), 0..6),
        option::of(2..8_u8),
        any::<[bool; 3]>(),
        1..3_u8,
        option::of(nat_variant()),
    )
        .prop_map(|(subnets, records, via, [public, isolated, log_only], gateway_mac, nat)| {
            TenantVariant { subnets, records, via, public, isolated, log_only, gateway_mac, nat }
        })
}

/// A valid configuration.
pub(super) fn config() -> impl Strategy<Value = Config> {
    let tenants = btree_map(0..TENANTS.len(), tenant_variant(), 0..4);
    let uplink = option::of(any::<bool>());
    // A VSID may belong to another tenant in another configuration.
    let shift = 0..2_usize;
    let rest = (any::<[bool; 11]>(), 1..3_u8, 0..3_usize);
    (tenants, shift, uplink, rest).prop_map(|(tenants, shift, uplink, (flags, ttl, statics))| {
        let [
            second_site,
            gateway,
            route,
            zero,
            compatible,
            small,
            moved,
            first_static,
            last_address,
            cut,
            ipv6,
        ] = flags;
        let mut config = fixture::config();
        let first = &mut config.provider.sites[0];
        first.gateway = gateway.then(|| ip("100.64.20.1"));
        first.mtu = if small { 1500 } else { 1600 };
        if last_address {
            first.addresses.insert(0, nvgw_types::ProviderAddr(ip("100.64.20.11")));
        }
        if second_site {
            config.provider.sites.push(site("second", 21, "100.64.21.0/24", "100.64.21.10"));
        }
        config.provider.routes.clear();
        if route {
            let (next_hop, site) = if second_site { ("100.64.21.2", 1) } else { ("100.64.20.2", 0) };
            config.provider.routes.push(ProviderRoute {
                prefix: net("100.64.30.0/24"),
                next_hop: ip(next_hop),
                site: SiteIndex(site),
                metric: 0,
                mtu: None,
            });
        }
        let encapsulation = &mut config.provider.encapsulation;
        encapsulation.ttl = ttl;
        encapsulation.flow_id = if zero { FlowIdMode::Zero } else { FlowIdMode::Hash };
        encapsulation.ecn = if compatible { EcnMode::Compatible } else { EcnMode::Normal };
        config.nat.removed_addresses = if cut { RemovedAddresses::Cut } else { RemovedAddresses::Drain };
        config.nat.timeouts.udp = Duration::from_secs(300 * u64::from(ttl));
        config.tenants = tenants.iter().map(|(number, variant)| build(*number, shift, variant)).collect();
        config.external.truncate(1);
        if moved {
            config.external[0].routes =
                vec![ExternalRoute { prefix: net("198.18.192.0/18"), next_hop: ip("198.18.0.4") }];
        }
        if let Some(own) = uplink {
            let mut network = external("uplink", 301, "198.18.1.2/24", "198.18.1.1");
            network.port = PortId(u16::from(!second_site));
            network.tenant = (own && !config.tenants.is_empty()).then_some(TenantIndex(0));
            config.external.push(network);
        }
        config.neighbors.clear();
        if first_static {
            let site = NetworkRef::Site(SiteIndex(0));
            config.neighbors.push(neighbor(site, "100.64.20.30", &format!("02:00:00:00:20:0{ttl}")));
        }
        for host in 1..=statics {
            let network = NetworkRef::External(ExternalIndex(0));
            config.neighbors.push(neighbor(network, &format!("198.18.0.{host}"), "02:00:00:00:30:01"));
        }
        if ipv6 { fixture::with_ipv6(config) } else { config }
    })
}

fn build(number: usize, shift: usize, variant: &TenantVariant) -> Tenant {
    let vsid_of = |subnet: usize| 5000 + ((number + shift) % TENANTS.len() * 10 + subnet) as u64;
    let subnets = (0..variant.subnets)
        .map(|s| subnet(vsid_of(s), &format!("10.0.{s}.0/24"), &format!("10.0.{s}.1")))
        .collect();
    let mut places = std::collections::BTreeSet::new();
    let records = variant.records.iter().filter_map(|&(s, host, last, peer)| {
        let s = s % variant.subnets;
        let mac_address = format!("02:15:5d:00:{host:02x}:{last:02x}");
        places
            .insert((s, host))
            .then(|| record(vsid_of(s), &format!("10.0.{s}.{host}"), &mac_address, PEERS[peer]))
    });
    let records = records.collect();
    let mut tenant = tenant(TENANTS[number], subnets, records);
    tenant.gateway_mac = mac(&format!("02:00:5e:00:01:0{}", variant.gateway_mac));
    tenant.sender_check = if variant.log_only { SenderCheck::LogOnly } else { SenderCheck::Strict };
    tenant.external = (!variant.isolated).then_some(ExternalIndex(0));
    if let Some(host) = variant.via {
        let next_hop = CustomerAddr(ip(&format!("10.0.0.{host}")));
        let prefix = ["172.16.0.0/16", "10.0.0.0/8", "10.0.0.4/30"][usize::from(host) % 3];
        tenant.routes = vec![CustomerRoute { prefix: net(prefix), next_hop }];
    }
    tenant.nat = variant.nat.as_ref().filter(|_| !variant.isolated).map(|nat| translation(number, nat));
    if variant.public {
        tenant.public_prefixes = vec![net(&format!("203.0.113.{}/28", 16 * number))];
    }
    tenant
}

/// Pools that tenants share: some routed to the gateway, some among the hosts of the network.
const POOLS: [(&str, &str); 3] =
    [("198.51.100.16", "198.51.100.19"), ("198.51.100.20", "198.51.100.22"), ("198.18.0.5", "198.18.0.6")];

fn translation(number: usize, variant: &NatVariant) -> TenantNat {
    let pools = POOLS.iter().zip(variant.pools).filter(|(_, has)| *has);
    let customer = |host| Ipv4Addr::new(10, 0, 0, host);
    let own = number as u8;
    let one = |host| StaticNat { public: Ipv4Addr::new(198, 51, 100, 32 + own), customer: customer(host) };
    // On an address of the first pool, or on one that is for forwards alone; each tenant has ports of its own.
    let forward = |(at, (pooled, ports, host)): (u16, &(bool, u16, u8))| PortForward {
        public: Ipv4Addr::new(198, 51, 100, if *pooled { 17 } else { 48 }),
        protocol: if *pooled { ForwardProtocol::Tcp } else { ForwardProtocol::Udp },
        first: 8000 + 100 * u16::from(own) + 10 * at,
        last: 8000 + 100 * u16::from(own) + 10 * at + ports - 1,
        customer: customer(*host),
        to: 80 + 10 * at,
    };
    TenantNat {
        pools: pools.map(|((first, last), _)| pool(first, last)).collect(),
        statics: variant.one_to_one.into_iter().map(one).collect(),
        forwards: (0..).zip(&variant.forwards).map(forward).collect(),
        exempt: if variant.exempt { vec![net("172.31.0.0/16")] } else { vec![] },
        filtering: NatFiltering { udp: variant.filtering, ..NatFiltering::default() },
        limits: NatLimits { sessions: variant.limit, ..NatLimits::default() },
        limits_per_address: NatLimits::default(),
    }
}
