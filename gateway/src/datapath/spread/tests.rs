use nvgw_types::{MacAddr, PublicId, VrfId, Vsid};

use super::*;
use crate::tables::entries::{
    Filtering, Interface, NatPolicy, NatQuota, NatSettings, PortRange, PublicRange, PublicState, RANGES,
    SenderMode, Subnet,
};
use crate::tables::grace::LocalGrace;
use crate::tables::set::{NAT_SETTINGS, TableLimits, tables};

const WIRE0: PortId = PortId(0);
const WIRE1: PortId = PortId(1);
const VLAN: u16 = 300;
const EXTERNAL: VrfId = VrfId(1);
/// The tenant that is translated, and the one that is not.
const RED: VrfId = VrfId(2);
const BLUE: VrfId = VrfId(3);
/// Of a pool, and of one customer.
const POOLED: u32 = u32::from_be_bytes([198, 51, 100, 16]);
const STATIC: u32 = u32::from_be_bytes([198, 51, 100, 32]);
const SERVER: u32 = u32::from_be_bytes([203, 0, 113, 9]);

fn vsid(number: u64) -> Vsid {
    Vsid::new(number).expect("a VSID")
}

/// The tables of a gateway with two tenants, 5001 with a pool and 6001 without.
fn readers(has_sessions: bool) -> TableReaders {
    let grace = LocalGrace::new();
    let (mut writers, readers) = tables(TableLimits::FEW, 1).expect("memory");
    for (number, vrf) in [(5001, RED), (6001, BLUE)] {
        let subnet = Subnet::new(vsid(number), vrf, MacAddr::ZERO, SenderMode::Strict, []);
        writers.subnets.upsert(subnet, &grace).expect("room");
    }
    let policy = NatPolicy {
        vrf: RED,
        external: EXTERNAL,
        ranges: [PublicRange { first: POOLED, count: 1 }; RANGES],
        filtering: [Filtering::EndpointIndependent; 3],
        of_tenant: NatQuota::UNLIMITED,
        of_address: NatQuota::UNLIMITED,
        forwards: false,
        statics: true,
    };
    writers.policies.upsert(policy, &grace).expect("room");
    for (address, ports, customer) in [
        (POOLED, Some(PortRange { first: 1024, last: 65535, block: 64 }), None),
        (STATIC, None, Some((RED, 0x0a00_0105))),
    ] {
        let public = Public {
            external: EXTERNAL,
            address,
            id: PublicId(0),
            ports,
            state: PublicState::Active,
            forwards: false,
            customer,
        };
        writers.publics.upsert(public, &grace).expect("room");
    }
    let interface = Interface {
        kind: InterfaceKind::External(EXTERNAL),
        port: WIRE1,
        mac: MacAddr::ZERO,
        check_mac: true,
    };
    writers.interfaces.create(VLAN, interface, &grace).expect("room");
    let settings = NatSettings { has_sessions, ..NatSettings::default() };
    assert_eq!(writers.settings.create(settings, &grace), Ok(NAT_SETTINGS));
    readers
}

fn spreader(workers: usize) -> Spreader {
    let plan = Plan { division: Division::new(workers as u16, 7), seed: 9 };
    Spreader::new(readers(true), plan, WorkerId(0), &vec![true; workers])
}

const FLOW: Flow = Flow {
    vlan: VLAN,
    vsid: None,
    addresses: Addresses::V4 { source: SERVER, destination: POOLED },
    protocol: ipv4::UDP,
    ports: Some((53, 1024)),
};

/// How many of these flows each of four workers gets.
fn parts(flows: impl Iterator<Item = Flow>) -> [usize; 4] {
    let spreader = spreader(4);
    flows.fold([0; 4], |mut parts, flow| {
        parts[spreader.by_flow(&flow).index()] += 1;
        parts
    })
}

#[test]
fn flows_are_told_apart_by_all_that_they_are() {
    let v4 = |source, destination| Addresses::V4 { source, destination };
    let v6 = |source, destination| Addresses::V6 { source, destination };
    let all: [(&str, &dyn Fn(u32) -> Flow); 8] = [
        ("source port", &|n| Flow { ports: Some((n as u16, 80)), ..FLOW }),
        ("destination port", &|n| Flow { ports: Some((80, n as u16)), ..FLOW }),
        ("source", &|n| Flow { addresses: v4(n, SERVER), ports: None, ..FLOW }),
        ("destination", &|n| Flow { addresses: v4(SERVER, n), ports: None, ..FLOW }),
        ("subnet", &|n| Flow { vsid: Some(vsid(4096 + u64::from(n))), ports: None, ..FLOW }),
        ("IPv6 source", &|n| Flow { addresses: v6(n.into(), 1), ..FLOW }),
        ("IPv6 destination", &|n| Flow { addresses: v6(1, n.into()), ..FLOW }),
        ("IPv6 network", &|n| Flow { addresses: v6(u128::from(n) << 64, 1), ..FLOW }),
    ];
    for (what, flow) in all {
        let parts = parts((0..4096).map(flow));
        assert!(parts.iter().all(|part| (850..1200).contains(part)), "{what}: {parts:?}");
    }
}

fn owner_of(spreader: &Spreader, section: &impl ReadSection, port: PortId, flow: &Flow) -> Option<WorkerId> {
    let subnet = flow.vsid.and_then(|vsid| spreader.tables.subnets.get(section, vsid));
    spreader.by_session(section, port, flow, subnet)
}

#[test]
fn what_may_have_a_session_goes_to_its_owner() {
    let (spreader, grace) = (spreader(4), LocalGrace::new());
    let (division, mut reader) = (Division::new(4, 7), grace.reader());
    let section = reader.section();
    for number in 0..1024_u16 {
        let customer = 0x0a00_0000 + u32::from(number);
        let out = Flow {
            vsid: Some(vsid(5001)),
            addresses: Addresses::V4 { source: customer, destination: SERVER },
            ports: None,
            ..FLOW
        };
        let owner = division.worker(division.of_customer(RED, customer));
        assert_eq!(owner_of(&spreader, &section, WIRE0, &out), Some(owner));
        let port = 1024 + 63 * number;
        let back = Flow { ports: Some((53, port)), ..FLOW };
        let owner = division.worker(division.of_port(port));
        assert_eq!(owner_of(&spreader, &section, WIRE1, &back), Some(owner));
    }
    assert_ne!(division.of_port(1024), division.of_port(4096), "ports have different owners");
}

#[test]
fn what_has_no_session_goes_by_its_flow() {
    let (spreader, grace) = (spreader(4), LocalGrace::new());
    let mut reader = grace.reader();
    let section = reader.section();
    let of_server = |destination| Addresses::V4 { source: SERVER, destination };
    let without = [
        ("a tenant without translation", WIRE0, Flow { vsid: Some(vsid(6001)), ..FLOW }),
        ("no tenant", WIRE0, Flow { vsid: Some(vsid(7001)), ..FLOW }),
        ("a 1:1 address", WIRE1, Flow { addresses: of_server(STATIC), ..FLOW }),
        ("no public address", WIRE1, Flow { addresses: of_server(SERVER), ..FLOW }),
        ("another network", WIRE1, Flow { vlan: 1, ..FLOW }),
        ("another port", WIRE0, FLOW),
        ("a fragment", WIRE1, Flow { ports: None, ..FLOW }),
        ("IPv6", WIRE1, Flow { addresses: Addresses::V6 { source: 1, destination: 2 }, ..FLOW }),
    ];
    assert!(owner_of(&spreader, &section, WIRE1, &FLOW).is_some());
    for (what, port, flow) in without {
        assert_eq!(owner_of(&spreader, &section, port, &flow), None, "{what}");
    }
}
