//! The promised sizes at once: every virtual subnet and every lookup record that the default limits allow.

use std::net::{IpAddr, Ipv4Addr};

use gateway::control::{ControlError, Nanos, ReloadError};
use gateway::telemetry::DropReason;
use ipnet::{IpNet, Ipv4Net};
use nvgw_config::{Config, LookupRecord, SenderCheck, Subnet, SubnetPrefix, Tenant};
use nvgw_types::{CustomerAddr, MacAddr, PortId, ProviderAddr, Vsid};

use crate::harness::{Gateway, Output, PORTS, Worker};
use crate::reload::Nowhere;
use crate::wire::{BRIDGED, GRE, IPV4, Ip, KEY_PRESENT, UDP, ethernet, gre};

const SUBNETS: usize = 65_536;
const RECORDS: usize = 1_000_000;
const TENANTS: usize = 1_024;
const SUBNETS_EACH: usize = SUBNETS / TENANTS;
const HOSTS: usize = 5_000;

const DOCUMENT: &str = "
system: { control-core: 0, worker-cores: [1], limits: { vsids: 65536, records: 1000000, external-routes: 16 } }
ports:
  - { name: wire0, device: net_null0, mtu: 1600 }
  - { name: wire1, device: net_null1 }
provider:
  encapsulation: { flow-id: zero }
  sites:
    - { name: site, port: wire0, subnet: 100.64.0.0/24, addresses: [100.64.0.10], gateway: 100.64.0.1 }
neighbors:
  - { network: site, address: 100.64.0.1, mac: 02:00:00:00:20:01 }
";

const NEXT_HOP: [u8; 6] = [2, 0, 0, 0, 0x20, 1];
const GATEWAY_MAC: [u8; 6] = [2, 0, 0x5e, 0, 1, 1];
const OURS: u32 = u32::from_be_bytes([100, 64, 0, 10]);

/// A VM by its number: a tenant, one of its subnets, a host there. Every tenant has the same prefixes.
#[derive(Debug, Clone, Copy)]
struct Vm(usize);

impl Vm {
    fn tenant(self) -> usize {
        self.0 % TENANTS
    }

    fn subnet(self) -> usize {
        self.0 / TENANTS % SUBNETS_EACH
    }

    fn address(self) -> u32 {
        prefix(self.subnet()) + 2 + (self.0 / SUBNETS) as u32
    }

    fn vsid(self) -> u32 {
        vsid(self.tenant(), self.subnet())
    }

    fn mac(self) -> [u8; 6] {
        let [_, a, b, c] = (self.0 as u32).to_be_bytes();
        [2, 0x15, 0x5d, a, b, c]
    }

    fn host(self) -> u32 {
        u32::from_be_bytes([100, 96, 0, 1]) + (self.0 * 7 % HOSTS) as u32
    }

    fn record(self) -> LookupRecord {
        LookupRecord {
            vsid: Vsid::new(self.vsid().into()).expect("24 bits"),
            address: CustomerAddr(ip(self.address())),
            mac: MacAddr(self.mac()),
            provider_address: ProviderAddr(ip(self.host())),
            name: None,
            flow_id: None,
        }
    }

    /// A packet of this VM to another one.
    fn packet(self, to: Self) -> Vec<u8> {
        let inner = self.inner(to, 64);
        let inner = ethernet(GATEWAY_MAC, self.mac(), None, IPV4, &inner);
        let outer = Ip::new(ip(self.host()), ip(OURS), GRE).packet(&gre(
            KEY_PRESENT,
            BRIDGED,
            self.vsid(),
            0,
            &inner,
        ));
        ethernet(PORTS[0], NEXT_HOP, None, IPV4, &outer)
    }

    /// The same as it leaves.
    fn forwarded(self, to: Self) -> Vec<u8> {
        let inner = self.inner(to, 63);
        let inner = ethernet(to.mac(), GATEWAY_MAC, None, IPV4, &inner);
        let outer =
            Ip::new(ip(OURS), ip(to.host()), GRE).packet(&gre(KEY_PRESENT, BRIDGED, to.vsid(), 0, &inner));
        ethernet(NEXT_HOP, PORTS[0], None, IPV4, &outer)
    }

    fn inner(self, to: Self, ttl: u8) -> Vec<u8> {
        Ip { ttl, ..Ip::new(ip(self.address()), ip(to.address()), UDP) }.packet(&self.0.to_be_bytes())
    }
}

fn ip(address: u32) -> IpAddr {
    Ipv4Addr::from(address).into()
}

fn prefix(subnet: usize) -> u32 {
    u32::from_be_bytes([10, 0, 0, 0]) + 64 * subnet as u32
}

fn vsid(tenant: usize, subnet: usize) -> u32 {
    0x1000 + (tenant * SUBNETS_EACH + subnet) as u32
}

fn tenant(number: usize) -> Tenant {
    let subnet = |subnet| Subnet {
        vsid: Vsid::new(vsid(number, subnet).into()).expect("24 bits"),
        prefixes: vec![SubnetPrefix {
            prefix: IpNet::V4(Ipv4Net::new_assert(prefix(subnet).into(), 26)),
            gateway: CustomerAddr(ip(prefix(subnet) + 1)),
        }],
    };
    Tenant {
        name: format!("tenant{number}"),
        routing_domain: None,
        gateway_mac: MacAddr(GATEWAY_MAC),
        sender_check: SenderCheck::Strict,
        router_advertisements: true,
        subnets: (0..SUBNETS_EACH).map(subnet).collect(),
        records: Vec::new(),
        routes: Vec::new(),
        external: None,
        public_prefixes: Vec::new(),
        nat: None,
    }
}

fn full() -> Config {
    let mut config = nvgw_config::parse(DOCUMENT, "document").unwrap_or_else(|problems| panic!("{problems}"));
    config.tenants = (0..TENANTS).map(tenant).collect();
    for vm in (0..RECORDS).map(Vm) {
        config.tenants[vm.tenant()].records.push(vm.record());
    }
    config
}

/// Numbers that look random and are the same in every run.
fn scattered() -> impl Iterator<Item = usize> {
    (1_u64..).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize)
}

/// Pairs of VMs of one tenant, all over the table; the last VM is one of them.
fn pairs() -> Vec<(Vm, Vm)> {
    let mut numbers = scattered();
    let mut any = || numbers.next().expect("no end");
    let mut pair = |from: usize| {
        let each = RECORDS / TENANTS;
        (Vm(from), Vm(from % TENANTS + TENANTS * (any() % each)))
    };
    let senders: Vec<_> = scattered().skip(1_000_000).take(20_000).map(|n| n % RECORDS).collect();
    senders.into_iter().chain([0, RECORDS - 1]).map(&mut pair).collect()
}

fn forwards(worker: &mut Worker, pairs: &[(Vm, Vm)]) {
    for burst in pairs.chunks(64) {
        let frames: Vec<_> = burst.iter().map(|(from, to)| from.packet(*to)).collect();
        let mut wanted = burst.iter().map(|(from, to)| from.forwarded(*to));
        worker.run(PortId(0), &frames, |output, bytes| {
            assert_eq!(output, Output::Sent(PortId(0)));
            assert_eq!(wanted.next().as_deref(), Some(bytes));
        });
        assert_eq!(wanted.next(), None, "a packet is missing");
    }
}

#[test]
fn full_tables_forward_and_refuse_one_more() {
    let mut config = full();
    let pairs = pairs();
    let Gateway { mut control, mut worker } = Gateway::new(config.clone()).expect("it fits exactly");
    forwards(&mut worker, &pairs);

    // One VM more, first of all tenants: were anything written before the refusal, it would be this.
    let extra = Vm(RECORDS);
    config.tenants[extra.tenant()].records.insert(0, extra.record());
    config.tenants[0].gateway_mac = MacAddr([2, 0, 0x5e, 0, 1, 2]);
    let refused = control.reload(config, Nanos(1), &mut Nowhere).expect_err("one too many");
    assert!(matches!(refused, ReloadError::Refused(ControlError::OverCapacity(_))), "{refused:?}");
    assert_eq!(
        refused.to_string(),
        "1000001 lookup records are more than the 1000000 there is room for: raise it under system.limits and restart"
    );
    forwards(&mut worker, &pairs);
    assert_eq!(worker.counters.dropped_total(), 0);
    worker.run(PortId(0), &[Vm(extra.tenant()).packet(extra)], |output, _| panic!("{output:?}"));
    assert_eq!(worker.counters.dropped(DropReason::DestinationRecordMissing), 1);
    assert_eq!(worker.pool.in_use(), 0);
}
