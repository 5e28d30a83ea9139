//! Packets at random, drawn from what a configuration holds, each with one thing wrong or none.

mod damage;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::arbitrary::{hosts, macs};
use crate::harness::PORTS;
use crate::model::{Model, Net, Record, Tenant};
use crate::wire::{self, BRIDGED, DF, GRE, Ip, KEY_PRESENT, MORE, Mac, UDP};
pub(crate) use damage::Damage;

/// Where a packet is to go.
#[derive(Debug, Clone)]
enum To {
    /// To a VM, the sender's tenant's or one that can be reached from outside.
    Vm(Index),
    /// To an address that the configuration speaks of.
    Known(Index),
    /// Anywhere.
    Anywhere(u128),
}

/// A packet, as far as it can be chosen without the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// Whether a VM sends it.
    overlay: bool,
    /// The customer route behind whose next hop its source lies; the VM's own address if there is none.
    behind: Option<Index>,
    sender: Index,
    /// The subnet whose VSID a VM's host puts on it; the sender's own if there is none.
    subnet: Option<Index>,
    /// Which of our provider addresses, or which external network, takes it.
    entry: Index,
    /// Whether a packet from outside is IPv6; a VM's is what its address is.
    ipv6: bool,
    to: To,
    tos: u8,
    outer_ecn: u8,
    fragment: u16,
    ttl: u8,
    protocol: u8,
    ports: u8,
    length: usize,
    damage: Option<Damage>,
}

fn destinations() -> impl Strategy<Value = To> {
    prop_oneof![
        5 => any::<Index>().prop_map(To::Vm),
        4 => any::<Index>().prop_map(To::Known),
        1 => any::<u128>().prop_map(To::Anywhere),
    ]
}

/// Packets.
pub(crate) fn choices() -> impl Strategy<Value = Choice> {
    let length = prop_oneof![8 => 0..64_usize, 1 => 500..700_usize, 1 => 1300..1590_usize];
    let overlay = prop::bool::weighted(0.7);
    let way = (overlay, any::<Index>(), option::of(any::<Index>()), any::<Index>(), any::<bool>());
    let behind = option::weighted(0.15, any::<Index>());
    let header = (
        select(vec![0_u8, 1, 2, 3, 0xb8, 0xba]),
        prop_oneof![6 => 0..3_u8, 1 => Just(3_u8)],
        select(vec![0, 0, DF, DF, DF, DF, DF, DF, MORE, MORE | 5, 7, 0x1fb0]),
        select(vec![2_u8, 3, 64, 128, 255]),
        select(vec![UDP, UDP, 6, 1, 50]),
        0..3_u8,
        length,
    );
    (way, behind, destinations(), header, option::weighted(0.4, Damage::any())).prop_map(
        |(way, behind, to, header, damage)| {
            let (overlay, sender, subnet, entry, ipv6) = way;
            let (tos, outer_ecn, fragment, ttl, protocol, ports, length) = header;
            Choice {
                overlay,
                sender,
                behind,
                subnet,
                entry,
                ipv6,
                to,
                tos,
                outer_ecn,
                fragment,
                ttl,
                protocol,
                ports,
                length,
                damage,
            }
        },
    )
}

/// The headers of an NVGRE packet around the routed one.
#[derive(Debug, Clone)]
struct Tunnel {
    ip: Ip,
    flags: u16,
    protocol: u16,
    vsid: u32,
    flow: u8,
    to: Mac,
    from: Mac,
    tag: Option<u16>,
    ethertype: u16,
    /// Where the inner frame ends too early.
    cut: Option<Index>,
}

/// A frame before its bytes are written.
#[derive(Debug, Clone)]
struct Draft {
    to: Mac,
    vlan: Option<u16>,
    ethertype: u16,
    tunnel: Option<Tunnel>,
    ip: Ip,
    payload: Vec<u8>,
}

impl Draft {
    fn bytes(&self) -> Vec<u8> {
        let routed = self.ip.packet(&self.payload);
        let packet = match &self.tunnel {
            None => routed,
            Some(tunnel) => {
                let mut frame = match tunnel.tag {
                    None => wire::ethernet(tunnel.to, tunnel.from, None, tunnel.ethertype, &routed),
                    Some(tag) => {
                        let inner = [&[0, 5], &tunnel.ethertype.to_be_bytes()[..], &routed].concat();
                        wire::ethernet(tunnel.to, tunnel.from, None, tag, &inner)
                    }
                };
                frame.truncate(tunnel.cut.map_or(usize::MAX, |cut| cut.index(frame.len().min(60))));
                let gre = wire::gre(tunnel.flags, tunnel.protocol, tunnel.vsid, tunnel.flow, &frame);
                tunnel.ip.packet(&gre)
            }
        };
        wire::ethernet(self.to, [2, 0, 0, 0, 0xfe, 1], self.vlan, self.ethertype, &packet)
    }

    /// Where the routed packet starts, in a frame that is whole.
    fn routed_at(&self) -> usize {
        let tunnel = self.tunnel.as_ref();
        self.l3() + tunnel.map_or(0, |tunnel| tunnel.ip.length() + 8 + 14)
    }

    /// Where the outer IP header starts.
    fn l3(&self) -> usize {
        if self.vlan.is_some() { 18 } else { 14 }
    }
}

/// A frame.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) port: usize,
    pub(crate) bytes: Vec<u8>,
    /// Whether it was made as a VM's.
    pub(crate) overlay: bool,
    pub(crate) flow: Option<Flow>,
}

/// Undamaged packets that have this in common keep their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Flow {
    pub(crate) vlan: Option<u16>,
    pub(crate) vsid: Option<u32>,
    /// The host that wrapped it.
    pub(crate) provider: Option<IpAddr>,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
}

impl Choice {
    /// The packet in a configuration; `number` makes its payload its own.
    pub(crate) fn frame(&self, model: &Model, number: u32) -> Frame {
        let (port, mut draft) =
            if self.overlay { self.of_vm(model, number) } else { self.of_outside(model, number) };
        let bytes = match &self.damage {
            None => draft.bytes(),
            Some(damage) => damage.done_to(&mut draft, model),
        };
        let flow = Flow {
            vlan: draft.vlan,
            vsid: draft.tunnel.as_ref().map(|tunnel| tunnel.vsid),
            provider: draft.tunnel.as_ref().map(|tunnel| tunnel.ip.source),
            source: draft.ip.source,
            destination: draft.ip.destination,
        };
        let overlay = draft.tunnel.is_some();
        Frame { port, bytes, overlay, flow: self.damage.is_none().then_some(flow) }
    }

    fn of_vm(&self, model: &Model, number: u32) -> (usize, Draft) {
        let senders: Vec<(&Tenant, &Record)> =
            model.tenants.iter().flat_map(|tenant| tenant.records.iter().map(move |r| (tenant, r))).collect();
        let Some((tenant, record)) = pick(&senders, self.sender) else {
            return self.of_outside(model, number);
        };
        let vsid = self.subnet.and_then(|place| pick(&tenant.subnets, place)).map_or(record.vsid, |s| s.vsid);
        let route = self.behind.and_then(|place| pick(&tenant.routes, place));
        let router = route.and_then(|(_, via)| tenant.records.iter().find(|record| record.address == via));
        let (record, source) = match (route, router) {
            (Some((prefix, _)), Some(router)) => (router, somewhere_in(prefix)),
            _ => (record, record.address),
        };
        let own: Vec<_> = (model.sites.iter())
            .flat_map(|site| site.own.iter().map(move |own| (site, *own)))
            .filter(|(_, own)| own.is_ipv6() == record.provider.is_ipv6())
            .collect();
        let (site, entry) = own[self.entry.index(own.len())];
        let vms: Vec<IpAddr> = tenant.records.iter().map(|record| record.address).collect();
        let ip = self.ip(source, self.destination(model, &vms, source.is_ipv6()));
        let tunnel = Tunnel {
            ip: Ip { tos: self.outer_ecn, ..Ip::new(record.provider, entry, GRE) },
            flags: KEY_PRESENT,
            protocol: BRIDGED,
            vsid,
            flow: number as u8,
            to: tenant.gateway_mac,
            from: record.mac,
            tag: None,
            ethertype: ip.ethertype(),
            cut: None,
        };
        let draft = Draft {
            to: PORTS[site.port],
            vlan: site.vlan,
            ethertype: tunnel.ip.ethertype(),
            tunnel: Some(tunnel),
            ip,
            payload: self.payload(number),
        };
        (site.port, draft)
    }

    fn of_outside(&self, model: &Model, number: u32) -> (usize, Draft) {
        let network = self.entry.index(model.externals.len());
        let external = &model.externals[network];
        let tenants = model.tenants.iter().enumerate();
        let reached: Vec<IpAddr> = tenants
            .filter(|(number, tenant)| tenant.external == network || external.tenant == Some(*number))
            .flat_map(|(_, tenant)| {
                let records = tenant.records.iter().map(|record| record.address);
                let reached = move |address: &IpAddr| {
                    external.tenant.is_some() || tenant.public.iter().any(|prefix| prefix.contains(*address))
                };
                records.filter(reached).chain(tenant.public.iter().map(|prefix| prefix.at(3)))
            })
            .collect();
        let ip = self.ip(
            self.sender.get(&STRANGERS)[usize::from(self.ipv6)],
            self.destination(model, &reached, self.ipv6),
        );
        let draft = Draft {
            to: PORTS[external.port],
            vlan: external.vlan,
            ethertype: ip.ethertype(),
            tunnel: None,
            ip,
            payload: self.payload(number),
        };
        (external.port, draft)
    }

    fn destination(&self, model: &Model, vms: &[IpAddr], ipv6: bool) -> IpAddr {
        let of_family = |addresses: &[IpAddr]| -> Vec<IpAddr> {
            addresses.iter().copied().filter(|address| address.is_ipv6() == ipv6).collect()
        };
        match self.to {
            To::Vm(place) => pick(&of_family(vms), place).unwrap_or(STRANGERS[0][usize::from(ipv6)]),
            To::Known(place) => *place.get(&of_family(&known(model))),
            To::Anywhere(number) if ipv6 => Ipv6Addr::from(number).into(),
            To::Anywhere(number) => Ipv4Addr::from(number as u32).into(),
        }
    }

    fn ip(&self, source: IpAddr, destination: IpAddr) -> Ip {
        Ip {
            tos: self.tos,
            identification: 0x1234,
            fragment: self.fragment,
            ttl: self.ttl,
            ..Ip::new(source, destination, self.protocol)
        }
    }

    /// Two ports, then a number that no other packet has.
    fn payload(&self, number: u32) -> Vec<u8> {
        let mut payload = vec![0, self.ports, 0, 53];
        payload.extend(number.to_be_bytes());
        payload.resize(8 + self.length, number as u8);
        payload
    }
}

const fn ipv4(octets: [u8; 4]) -> IpAddr {
    let [a, b, c, d] = octets;
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

/// An address by its first three groups and its last.
const fn ipv6(a: u16, b: u16, c: u16, host: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, host))
}

/// Hosts outside, by family.
const STRANGERS: [[IpAddr; 2]; 2] = [
    [ipv4([8, 8, 8, 8]), ipv6(0x2001, 0xdb8, 8, 8)],
    [ipv4([198, 51, 100, 77]), ipv6(0x2001, 0xdb8, 0x51, 77)],
];

/// Addresses of nobody in particular, or of many.
const ELSEWHERE: [IpAddr; 13] = [
    ipv4([8, 8, 8, 8]),
    ipv4([8, 8, 8, 9]),
    ipv4([198, 18, 0, 77]),
    ipv4([198, 18, 0, 78]),
    ipv4([224, 0, 0, 1]),
    ipv4([255, 255, 255, 255]),
    ipv6(0x2001, 0xdb8, 8, 8),
    ipv6(0x2001, 0xdb8, 8, 9),
    ipv6(0x2001, 0xdb8, 0x18, 77),
    ipv6(0x2001, 0xdb8, 0x18, 78),
    ipv6(0xff02, 0, 0, 1),
    ipv6(0xfe80, 0, 0, 1),
    ipv6(0, 0, 0, 1),
];

/// An address behind a customer route.
fn somewhere_in(prefix: Net) -> IpAddr {
    if prefix.length == 0 { ELSEWHERE[if prefix.is_ipv6() { 7 } else { 1 }] } else { prefix.at(7) }
}

fn pick<T: Clone>(items: &[T], place: Index) -> Option<T> {
    (!items.is_empty()).then(|| place.get(items).clone())
}

/// The addresses that the configuration speaks of, and some around them.
fn known(model: &Model) -> Vec<IpAddr> {
    let mut known = ELSEWHERE.to_vec();
    for network in &model.externals {
        known.extend(network.own.iter().flat_map(|own| [own.address, own.first(), own.last(), own.at(3)]));
        known.extend(network.routes.iter().flat_map(|(prefix, hop)| [prefix.last(), *hop]));
    }
    for tenant in &model.tenants {
        for (prefix, gateway) in tenant.subnets.iter().flat_map(|subnet| &subnet.networks) {
            known.extend([*gateway, prefix.first(), prefix.last(), prefix.host(9)]);
        }
        known.extend(tenant.routes.iter().map(|(prefix, _)| prefix.at(7)));
        known.extend(tenant.public.iter().flat_map(|prefix| [prefix.at(3), prefix.last()]));
        known.extend(tenant.records.iter().map(|record| record.address));
    }
    known
}
