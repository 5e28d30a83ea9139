//! The configuration that tests start from: two ports, one site, two external networks, two tenants with the same
//! customer addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_config::{
    Checksums, Config, CustomerRoute, Device, DscpMode, DuplicateAddressDetection, EcnMode, Encapsulation,
    ExternalIndex, ExternalNetwork, ExternalRoute, FlowIdMode, Hugepages, Limits, LookupRecord, NatFiltering,
    NatLimits, NatPool, NetworkRef, Port, Provider, ProviderRoute, Rss, SenderCheck, Site, SiteIndex,
    StaticNeighbor, Subnet, SubnetPrefix, System, Tenant, TenantIndex, TenantNat, WorkerIdle,
};
use nvgw_types::{CustomerAddr, MacAddr, PortId, ProviderAddr, VlanId, VrfId, Vsid};

use super::compile::compile;
use super::desired::{Desired, VrfKey};
use super::model::Model;
use super::{Control, ControlError, Egress, PortHardware, table_limits};
use crate::tables::grace::LocalGrace;
use crate::tables::set::{TableReaders, tables};

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub(crate) fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix")
}

pub(crate) fn mac(text: &str) -> MacAddr {
    text.parse().expect("an Ethernet address")
}

pub(crate) fn vsid(number: u64) -> Vsid {
    Vsid::new(number).expect("a VSID")
}

/// Our Ethernet addresses on both ports.
pub(crate) const WIRE0: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xa0]);
pub(crate) const WIRE1: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xa1]);

pub(crate) fn site(name: &str, vlan: u64, subnet: &str, address: &str) -> Site {
    Site {
        name: name.into(),
        port: PortId(0),
        vlan: Some(VlanId::new(vlan).expect("a VLAN")),
        subnet: net(subnet),
        addresses: vec![ProviderAddr(ip(address))],
        pool: None,
        gateway: None,
        mtu: 1600,
    }
}

pub(crate) fn external(name: &str, vlan: u64, address: &str, gateway: &str) -> ExternalNetwork {
    ExternalNetwork {
        name: name.into(),
        port: PortId(1),
        vlan: Some(VlanId::new(vlan).expect("a VLAN")),
        addresses: vec![net(address)],
        gateways: vec![ip(gateway)],
        routes: vec![],
        tenant: None,
        mtu: 1500,
    }
}

pub(crate) fn subnet(number: u64, prefix: &str, gateway: &str) -> Subnet {
    let prefixes = vec![SubnetPrefix { prefix: net(prefix), gateway: CustomerAddr(ip(gateway)) }];
    Subnet { vsid: vsid(number), prefixes }
}

pub(crate) fn record(number: u64, address: &str, mac_address: &str, peer: &str) -> LookupRecord {
    LookupRecord {
        vsid: vsid(number),
        address: CustomerAddr(ip(address)),
        mac: mac(mac_address),
        provider_address: ProviderAddr(ip(peer)),
        name: None,
        flow_id: None,
    }
}

pub(crate) fn tenant(name: &str, subnets: Vec<Subnet>, records: Vec<LookupRecord>) -> Tenant {
    Tenant {
        name: name.into(),
        routing_domain: None,
        gateway_mac: mac("02:00:5e:00:01:01"),
        sender_check: SenderCheck::Strict,
        router_advertisements: true,
        subnets,
        records,
        routes: vec![],
        external: Some(ExternalIndex(0)),
        public_prefixes: vec![],
        nat: None,
    }
}

pub(crate) fn pool(first: &str, last: &str) -> NatPool {
    let address = |text: &str| text.parse().expect("an address");
    NatPool {
        first: address(first),
        last: address(last),
        first_port: 1024,
        last_port: u16::MAX,
        block_size: 512,
    }
}

/// Translation that does nothing yet.
pub(crate) fn no_translation() -> TenantNat {
    TenantNat {
        pools: vec![],
        statics: vec![],
        forwards: vec![],
        exempt: vec![],
        filtering: NatFiltering::default(),
        limits: NatLimits::default(),
        limits_per_address: NatLimits::default(),
    }
}

fn port(name: &str, mtu: u16) -> Port {
    Port {
        name: name.into(),
        device: Device::Vdev("net_null0".into()),
        mtu,
        mac: None,
        rx_descriptors: 1024,
        tx_descriptors: 1024,
        rx_queues: None,
        rss: Rss::default(),
        checksums: Checksums::default(),
    }
}

/// A gateway with one site (VLAN 20), the internet (VLAN 300), an uplink of tenant red (VLAN 301).
pub(crate) fn config() -> Config {
    let mut gateway_site = site("gateway-site", 20, "100.64.20.0/24", "100.64.20.10");
    gateway_site.gateway = Some(ip("100.64.20.1"));
    let mut internet = external("internet", 300, "198.18.0.2/24", "198.18.0.1");
    internet.routes = vec![ExternalRoute { prefix: net("198.18.128.0/17"), next_hop: ip("198.18.0.3") }];
    let mut uplink = external("red-uplink", 301, "198.18.1.2/24", "198.18.1.1");
    uplink.tenant = Some(TenantIndex(0));
    let mut red = tenant(
        "red",
        vec![subnet(5001, "10.0.1.0/24", "10.0.1.1"), subnet(5002, "10.0.2.0/24", "10.0.2.1")],
        vec![
            record(5001, "10.0.1.5", "02:15:5d:00:00:05", "100.64.20.30"),
            record(5002, "10.0.2.6", "02:15:5d:00:00:06", "100.64.30.2"),
        ],
    );
    red.external = Some(ExternalIndex(1));
    red.routes = vec![CustomerRoute { prefix: net("172.16.0.0/16"), next_hop: CustomerAddr(ip("10.0.1.5")) }];
    let mut blue = tenant(
        "blue",
        vec![subnet(6001, "10.0.1.0/24", "10.0.1.1"), subnet(6002, "203.0.113.0/28", "203.0.113.1")],
        vec![
            record(6001, "10.0.1.5", "02:15:5d:00:00:05", "100.64.20.31"),
            record(6002, "203.0.113.5", "02:15:5d:00:00:07", "100.64.20.31"),
        ],
    );
    blue.public_prefixes = vec![net("203.0.113.0/28")];
    Config {
        system: System {
            control_core: 0,
            worker_cores: vec![1],
            worker_idle: WorkerIdle::Poll,
            hugepages: Hugepages::Off,
            memory_mb: 64,
            state_dir: "/var/lib/nvgw".into(),
            admin_socket: "/run/nvgw/admin.sock".into(),
            metrics_listen: None,
            limits: Limits {
                vsids: 64,
                records: 256,
                external_routes: 256,
                external_routes_ipv6: 256,
                nat_sessions: 0,
                nat_addresses: 64,
                nat_bindings: 64,
            },
        },
        ports: vec![port("wire0", 1600), port("wire1", 1500)],
        provider: Provider {
            sites: vec![gateway_site],
            routes: vec![ProviderRoute {
                prefix: net("100.64.30.0/24"),
                next_hop: ip("100.64.20.2"),
                site: SiteIndex(0),
                metric: 10,
                mtu: None,
            }],
            encapsulation: Encapsulation {
                ttl: 64,
                flow_id: FlowIdMode::Hash,
                dscp: DscpMode::Uniform,
                ecn: EcnMode::Normal,
                allow_reserved_vsids: false,
                reassemble: false,
                clamp_mss: true,
                peers: vec![],
            },
            duplicate_address_detection: DuplicateAddressDetection::Off,
            check_paths_every: None,
        },
        external: vec![internet, uplink],
        tenants: vec![red, blue],
        nat: nvgw_config::Nat::default(),
        neighbors: vec![
            neighbor(NetworkRef::Site(SiteIndex(0)), "100.64.20.30", "02:00:00:00:20:1e"),
            neighbor(NetworkRef::External(ExternalIndex(0)), "198.18.0.1", "02:00:00:00:30:01"),
        ],
    }
}

pub(crate) fn neighbor(network: NetworkRef, address: &str, mac_address: &str) -> StaticNeighbor {
    StaticNeighbor { network, address: ip(address), mac: mac(mac_address) }
}

/// The same with IPv6 beside IPv4: a site of its own with a route whose path is narrow, a second prefix of every
/// virtual subnet, a second record of every VM, a second address of every external network.
pub(crate) fn with_ipv6(mut config: Config) -> Config {
    let mut six = site("six", 22, "2001:db8:20::/64", "2001:db8:20::a");
    six.gateway = Some(ip("2001:db8:20::1"));
    config.provider.sites.push(six);
    config.provider.routes.push(ProviderRoute {
        prefix: net("2001:db8:30::/64"),
        next_hop: ip("2001:db8:20::2"),
        site: SiteIndex(config.provider.sites.len() - 1),
        metric: 0,
        mtu: Some(1400),
    });
    for (number, network) in config.external.iter_mut().enumerate() {
        network.addresses.push(net(&format!("2001:db8:30{number}::2/64")));
        network.gateways.push(ip(&format!("2001:db8:30{number}::1")));
    }
    let host = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.octets()[3],
        IpAddr::V6(_) => unreachable!("the fixture is IPv4"),
    };
    let hosts = ["2001:db8:20::30", "2001:db8:30::2", "100.64.20.30"];
    for (tenant, number) in config.tenants.iter_mut().zip(1..) {
        let mut records = Vec::new();
        for (at, own) in tenant.subnets.iter_mut().enumerate() {
            own.prefixes
                .push(subnet(1, &format!("2001:db8:{at}::/64"), &format!("2001:db8:{at}::1")).prefixes[0]);
            for record in tenant.records.iter().filter(|record| record.vsid == own.vsid) {
                let last = host(record.address.0);
                let address = CustomerAddr(ip(&format!("2001:db8:{at}::{last}")));
                let provider_address = ProviderAddr(ip(hosts[usize::from(last) % hosts.len()]));
                records.push(LookupRecord { address, provider_address, ..record.clone() });
            }
        }
        tenant.records.extend(records);
        let vias: Vec<_> = tenant.routes.iter().map(|route| host(route.next_hop.0)).collect();
        tenant.routes.extend(vias.into_iter().map(|last| CustomerRoute {
            prefix: net("2001:db8:17::/64"),
            next_hop: CustomerAddr(ip(&format!("2001:db8:0::{last}"))),
        }));
        if tenant.external.is_some() {
            tenant.public_prefixes.push(net(&format!("2001:db8:113:{number}::/64")));
        }
    }
    config
}

/// What a configuration asks of empty tables.
pub(crate) fn desired(config: &Config, known: &BTreeMap<VrfKey, VrfId>) -> Desired {
    let model = Model::of_file(config.clone(), known, &Default::default());
    compile(&model).draft.into_desired()
}

/// Control on tables of its own.
pub(crate) fn control(config: Config) -> Result<(Control<LocalGrace>, TableReaders), ControlError> {
    let (writers, readers) = tables(table_limits(&config), 7).expect("memory");
    let hardware = [WIRE0, WIRE1].map(|mac| PortHardware { mac, check_mac: true, sums_headers: false });
    Ok((Control::new(config, hardware.to_vec(), writers, LocalGrace::new())?, readers))
}

/// Frames that were sent, with their port.
#[derive(Default)]
pub(crate) struct Sent(pub(crate) Vec<(u16, Vec<u8>)>);

impl Egress for Sent {
    fn transmit(&mut self, port: PortId, frame: &[u8]) -> bool {
        self.0.push((port.0, frame.to_vec()));
        true
    }
}
