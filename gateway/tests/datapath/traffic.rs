//! Packets at random, drawn from what a configuration holds, each with one thing wrong or none.

mod damage;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::arbitrary::{hosts, macs};
use crate::harness::PORTS;
use crate::model::{Model, Record, Tenant};
use crate::wire::{self, BRIDGED, DF, GRE, IPV4, Ip, KEY_PRESENT, Mac, UDP};
pub(crate) use damage::Damage;

/// Where a packet is to go.
#[derive(Debug, Clone)]
enum To {
    /// To a VM, the sender's tenant's or one that can be reached from outside.
    Vm(Index),
    /// To an address that the configuration speaks of.
    Known(Index),
    /// Anywhere.
    Anywhere(u32),
}

/// A packet, as far as it can be chosen without the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// Whether a VM sends it.
    overlay: bool,
    sender: Index,
    /// The subnet whose VSID a VM's host puts on it; the sender's own if there is none.
    subnet: Option<Index>,
    /// Which of our provider addresses, or which external network, takes it.
    entry: Index,
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
        1 => any::<u32>().prop_map(To::Anywhere),
    ]
}

/// Packets.
pub(crate) fn choices() -> impl Strategy<Value = Choice> {
    let length = prop_oneof![8 => 0..64_usize, 1 => 500..700_usize, 1 => 1300..1590_usize];
    let way = (prop::bool::weighted(0.7), any::<Index>(), option::of(any::<Index>()), any::<Index>());
    let header = (
        select(vec![0_u8, 1, 2, 3, 0xb8, 0xba]),
        prop_oneof![6 => 0..3_u8, 1 => Just(3_u8)],
        select(vec![0, DF, DF, DF, DF, 0x2000, 0x2005, 7]),
        select(vec![2_u8, 3, 64, 128, 255]),
        select(vec![UDP, UDP, 6, 1, 50]),
        0..3_u8,
        length,
    );
    (way, destinations(), header, option::weighted(0.4, Damage::any())).prop_map(
        |(way, to, header, damage)| {
            let (overlay, sender, subnet, entry) = way;
            let (tos, outer_ecn, fragment, ttl, protocol, ports, length) = header;
            Choice {
                overlay,
                sender,
                subnet,
                entry,
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
    /// VLAN, VSID, source and destination: packets that have these in common keep their order.
    pub(crate) flow: (Option<u16>, Option<u32>, u32, u32),
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
        let vsid = draft.tunnel.as_ref().map(|tunnel| tunnel.vsid);
        let flow = (draft.vlan, vsid, draft.ip.source, draft.ip.destination);
        Frame { port, bytes, overlay: vsid.is_some(), flow }
    }

    fn of_vm(&self, model: &Model, number: u32) -> (usize, Draft) {
        let senders: Vec<(&Tenant, &Record)> =
            model.tenants.iter().flat_map(|tenant| tenant.records.iter().map(move |r| (tenant, r))).collect();
        let Some((tenant, record)) = pick(&senders, self.sender) else {
            return self.of_outside(model, number);
        };
        let own: Vec<_> =
            model.sites.iter().flat_map(|site| site.own.iter().map(move |own| (site, *own))).collect();
        let (site, entry) = own[self.entry.index(own.len())];
        let vsid = self.subnet.and_then(|place| pick(&tenant.subnets, place)).map_or(record.vsid, |s| s.vsid);
        let vms: Vec<u32> = tenant.records.iter().map(|record| record.address).collect();
        let tunnel = Tunnel {
            ip: Ip { tos: self.outer_ecn, ..Ip::new(record.provider, entry, GRE) },
            flags: KEY_PRESENT,
            protocol: BRIDGED,
            vsid,
            flow: number as u8,
            to: tenant.gateway_mac,
            from: record.mac,
            tag: None,
            ethertype: IPV4,
            cut: None,
        };
        let draft = Draft {
            to: PORTS[site.port],
            vlan: site.vlan,
            ethertype: IPV4,
            tunnel: Some(tunnel),
            ip: self.ip(record.address, self.destination(model, &vms)),
            payload: self.payload(number),
        };
        (site.port, draft)
    }

    fn of_outside(&self, model: &Model, number: u32) -> (usize, Draft) {
        let network = self.entry.index(model.externals.len());
        let external = &model.externals[network];
        let tenants = model.tenants.iter().enumerate();
        let reached: Vec<u32> = tenants
            .filter(|(number, tenant)| tenant.external == network || external.tenant == Some(*number))
            .flat_map(|(_, tenant)| {
                let records = tenant.records.iter().map(|record| record.address);
                let reached = move |address: &u32| {
                    external.tenant.is_some() || tenant.public.iter().any(|prefix| prefix.contains(*address))
                };
                records.filter(reached).chain(tenant.public.iter().map(|prefix| prefix.first() + 3))
            })
            .collect();
        let source = [Ip::new(0x0808_0808, 0, 0), Ip::new(0xc633_644d, 0, 0)];
        let source = source[self.sender.index(source.len())].source;
        let draft = Draft {
            to: PORTS[external.port],
            vlan: external.vlan,
            ethertype: IPV4,
            tunnel: None,
            ip: self.ip(source, self.destination(model, &reached)),
            payload: self.payload(number),
        };
        (external.port, draft)
    }

    fn destination(&self, model: &Model, vms: &[u32]) -> u32 {
        match self.to {
            To::Vm(place) => pick(vms, place).unwrap_or(0x0808_0808),
            To::Known(place) => {
                let known = known(model);
                known[place.index(known.len())]
            }
            To::Anywhere(address) => address,
        }
    }

    fn ip(&self, source: u32, destination: u32) -> Ip {
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

fn pick<T: Clone>(items: &[T], place: Index) -> Option<T> {
    (!items.is_empty()).then(|| place.get(items).clone())
}

/// The addresses that the configuration speaks of, and some around them.
fn known(model: &Model) -> Vec<u32> {
    let mut known = vec![0x0808_0808, 0x0808_0809, 0xc612_004d, 0xc612_004e, 0xe000_0001, 0xffff_ffff];
    for network in &model.externals {
        known.extend(
            network.own.iter().flat_map(|own| [own.address, own.first(), own.last(), own.first() + 3]),
        );
        known.extend(network.routes.iter().flat_map(|(prefix, hop)| [prefix.last(), *hop]));
    }
    for tenant in &model.tenants {
        for subnet in &tenant.subnets {
            let prefix = subnet.prefix;
            known.extend([subnet.gateway, prefix.first(), prefix.last(), prefix.host(9)]);
        }
        known.extend(tenant.routes.iter().map(|(prefix, _)| prefix.first() + 7));
        known.extend(tenant.public.iter().flat_map(|prefix| [prefix.first() + 3, prefix.last()]));
        known.extend(tenant.records.iter().map(|record| record.address));
    }
    known
}
