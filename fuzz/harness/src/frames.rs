//! Frames that an input chooses field by field, of the hosts, VMs and routers that its configuration speaks of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::plan::{Plan, TENANTS, Tenant};
use crate::repair::repair;

const PORTS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 0xa0], [2, 0, 0, 0, 0, 0xa1]];
const GATEWAY: [u8; 6] = [2, 0, 0x5e, 0, 1, 1];
/// The link-local address of [`GATEWAY`].
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x5eff, 0xfe00, 0x0101);
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
const ARP: [u8; 2] = [0x08, 0x06];
const UDP: u8 = 17;
const TCP: u8 = 6;
const GRE: u8 = 47;
const FRAGMENT: u8 = 44;

/// The choices.
pub(crate) struct Draft<'i>(&'i [u8; Draft::BYTES]);

impl<'i> Draft<'i> {
    /// How many bytes of an input choose a frame.
    const BYTES: usize = 12;

    /// Takes a frame's choices off an input.
    pub(crate) fn read(input: &mut &'i [u8]) -> Option<Self> {
        let (bytes, rest) = input.split_first_chunk()?;
        *input = rest;
        Some(Self(bytes))
    }

    const fn bit(&self, byte: usize, bit: u32) -> bool {
        self.0[byte] >> bit & 1 != 0
    }

    /// One of some values, by a byte.
    fn one<T: Copy>(&self, byte: usize, of: &[T]) -> T {
        of[usize::from(self.0[byte]) % of.len()]
    }

    /// The port by which it comes in.
    pub(crate) fn port(&self) -> u16 {
        u16::from(self.bit(0, 0))
    }

    fn tenant(&self) -> &'static Tenant {
        &TENANTS[usize::from(self.0[0] >> 1 & 3) % TENANTS.len()]
    }

    const fn is_ipv6(&self) -> bool {
        self.bit(0, 3)
    }

    /// The frame.
    pub(crate) fn frame(&self, plan: Plan) -> Vec<u8> {
        let mut frame = if self.port() == 0 { self.wrapped(plan) } else { self.plain(plan) };
        if !self.bit(10, 6) {
            repair(&mut frame);
        }
        if let Some(cut) = self.0[11].checked_sub(128) {
            frame.truncate(usize::from(cut) * 2);
        }
        frame
    }

    /// From the outside.
    fn plain(&self, plan: Plan) -> Vec<u8> {
        let source: IpAddr = match (self.is_ipv6(), self.bit(0, 5)) {
            (false, false) => Ipv4Addr::new(8, 8, 8, 8).into(),
            (false, true) => Ipv4Addr::new(198, 18, 0, 1).into(),
            (true, false) => Ipv6Addr::new(0x2001, 0xdb8, 8, 0, 0, 0, 0, 8).into(),
            (true, true) => Ipv6Addr::new(0x2001, 0xdb8, 0x18, 0, 0, 0, 0, 1).into(),
        };
        let (ethertype, packet) = self.packet(source);
        ethernet(PORTS[1], [2, 0, 0, 0, 0x30, 1], plan.external_vlan(), ethertype, &packet)
    }

    /// From a VM, inside what its host sends.
    fn wrapped(&self, plan: Plan) -> Vec<u8> {
        let second = self.bit(0, 4);
        let vm = if second { 6 } else { 5 };
        let source = match (self.is_ipv6(), self.bit(0, 6)) {
            (false, true) => Ipv4Addr::UNSPECIFIED.into(),
            (true, true) if self.bit(0, 5) => Ipv6Addr::UNSPECIFIED.into(),
            (true, true) => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, vm).into(),
            (_, false) => self.customer(self.tenant(), if self.bit(0, 5) { 0x4d } else { vm }),
        };
        let (ethertype, packet) = self.packet(source);
        let inner = ethernet(GATEWAY, [2, 0x15, 0x5d, 0, 0, vm as u8], None, ethertype, &packet);
        let flags = if self.bit(10, 4) { 0xb0 } else { 0x20 };
        let mut gre = vec![flags, 0, 0x65, 0x58];
        gre.extend((self.tenant().vsid << 8 | u32::from(self.0[9])).to_be_bytes());
        gre.extend(inner);
        let tos = self.0[10] & 3;
        let (ethertype, packet) = if plan.is_host_over_ipv6(second) {
            let host = Ipv6Addr::new(0xfd00, 0x20, 0, 0, 0, 0, 0, 0x30 + u16::from(second));
            let own = Ipv6Addr::new(0xfd00, 0x20, 0, 0, 0, 0, 0, 0x10);
            let (mut next, mut payload) = (GRE, gre);
            if let Some((offset, more, part)) = self.outer_fragment(&payload) {
                let place = (offset as u16 | u16::from(more)).to_be_bytes();
                payload = [&[next, 0, place[0], place[1], 0, 0, 0, 7], part].concat();
                next = FRAGMENT;
            }
            if self.bit(10, 5) {
                payload = [&[next, 0, 1, 4, 0, 0, 0, 0], &payload[..]].concat();
                next = 60;
            }
            (IPV6, ipv6(host, own, next, tos, 64, &payload))
        } else {
            let host = Ipv4Addr::new(100, 64, 20, 30 + u8::from(second));
            let own = Ipv4Addr::new(100, 64, 20, 10);
            let (place, payload) = match self.outer_fragment(&gre) {
                Some((offset, more, part)) => ((offset as u16 / 8) | (u16::from(more) << 13), part),
                None => (0x4000, &gre[..]),
            };
            (IPV4, ipv4(host, own, GRE, tos, 64, place, payload))
        };
        ethernet(PORTS[0], [2, 0, 0, 0, 0x20, 1], plan.site_vlan(second), ethertype, &packet)
    }

    /// A part of an outer packet, its place, and whether there are more.
    fn outer_fragment<'p>(&self, payload: &'p [u8]) -> Option<(usize, bool, &'p [u8])> {
        let middle = payload.len() / 2 / 8 * 8;
        match self.0[10] >> 2 & 3 {
            1 => Some((0, true, &payload[..middle])),
            2 => Some((middle, false, &payload[middle..])),
            // Both ends, over each other.
            3 => Some((middle / 16 * 8, false, &payload[middle..])),
            _ => None,
        }
    }

    /// An address of a tenant's subnet.
    fn customer(&self, tenant: &Tenant, host: u16) -> IpAddr {
        let [a, b, c] = tenant.ipv4;
        if self.is_ipv6() {
            Ipv6Addr::new(0x2001, 0xdb8, tenant.ipv6, 0, 0, 0, 0, host).into()
        } else {
            Ipv4Addr::new(a, b, c, host as u8).into()
        }
    }

    fn destination(&self) -> IpAddr {
        let known = match self.0[1] % 4 {
            0 => return self.customer(self.tenant(), self.one(7, &[1, 5, 6, 0x4e, 0, 15, 255])),
            1 => return self.customer(&TENANTS[usize::from(self.0[1] >> 2) % TENANTS.len()], 5),
            _ => self.0[1] >> 2,
        };
        let of = |list: &[IpAddr]| list[usize::from(known) % list.len()];
        if self.is_ipv6() {
            let group = |last| Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, last).into();
            of(&[
                Ipv6Addr::new(0x2001, 0xdb8, 8, 0, 0, 0, 0, 8).into(),
                Ipv6Addr::new(0x2001, 0xdb8, 0x18, 0, 0, 0, 0, 2).into(),
                Ipv6Addr::new(0x2001, 0xdb8, 0x18, 0, 0, 0, 0, 0x4d).into(),
                Ipv6Addr::new(0xfd00, 0x20, 0, 0, 0, 0, 0, 0x10).into(),
                LINK_LOCAL.into(),
                Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 1).into(),
                group(1),
                group(2),
            ])
        } else {
            let public = |last| Ipv4Addr::new(198, 51, 100, last).into();
            of(&[
                Ipv4Addr::new(8, 8, 8, 8).into(),
                Ipv4Addr::new(9, 9, 9, 9).into(),
                Ipv4Addr::new(172, 16, 5, 5).into(),
                Ipv4Addr::new(198, 18, 0, 2).into(),
                Ipv4Addr::new(198, 18, 0, 77).into(),
                Ipv4Addr::new(100, 64, 20, 10).into(),
                Ipv4Addr::new(224, 0, 0, 1).into(),
                Ipv4Addr::BROADCAST.into(),
                public(16),
                public(20),
                public(21),
                public(32),
                public(36),
                public(37),
            ])
        }
    }

    /// What is routed, or ARP, and its EtherType.
    fn packet(&self, source: IpAddr) -> ([u8; 2], Vec<u8>) {
        let destination = self.destination();
        let (tos, hops) = (self.0[4], self.one(3, &[64, 255, 2, 1, 0]));
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) if self.bit(0, 7) => {
                let operation = 1 + (self.0[2] & 1);
                let mut arp = vec![0, 1, 8, 0, 6, 4, 0, operation, 2, 0x15, 0x5d, 0, 0, 5];
                arp.extend(source.octets());
                arp.extend([0; 6]);
                arp.extend(destination.octets());
                (ARP, arp)
            }
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let (protocol, payload) =
                    self.transport(&[&source.octets()[..], &destination.octets()].concat());
                let place = self.one(7, &[0x4000, 0, 0x2000, 0x2001, 0x0001, 0x0008, 0x2008, 0x1fff]);
                (IPV4, ipv4(source, destination, protocol, tos, hops, place, &payload))
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let (mut next, mut payload) = if self.bit(0, 7) {
                    (58, self.discovery(destination))
                } else {
                    self.transport(&[&source.octets()[..], &destination.octets()].concat())
                };
                if let Some(place) = self.one(7, &[None, None, Some(0_u8), Some(1), Some(8), Some(9)]) {
                    payload = [&[next, 0, 0, place, 0, 0, 0, 3], &payload[..]].concat();
                    next = FRAGMENT;
                }
                for kind in [0, 43, 60].into_iter().take(usize::from(self.0[2] >> 5).saturating_sub(3)) {
                    payload = [&[next, 0, 1, 4, 0, 0, 0, 0], &payload[..]].concat();
                    next = kind;
                }
                (IPV6, ipv6(source, destination, next, tos, hops, &payload))
            }
            // Both are of the family that the frame is of.
            _ => unreachable!("{source} to {destination}"),
        }
    }

    fn length(&self) -> usize {
        usize::from(u16::from_le_bytes([self.0[5], self.0[6]])) % 2048
    }

    fn ports(&self) -> [u8; 4] {
        let [from, to] = [self.0[8], self.0[9]].map(|byte| match byte {
            0..128 => 1024 + u16::from(byte),
            128..192 => 8080,
            192.. => u16::from(byte),
        });
        let ([a, b], [c, d]) = (from.to_be_bytes(), to.to_be_bytes());
        [a, b, c, d]
    }

    /// The protocol and its packet; an error quotes one of the same addresses in the other direction.
    fn transport(&self, ends: &[u8]) -> (u8, Vec<u8>) {
        let ports = self.ports();
        let icmp = if self.is_ipv6() { 58 } else { 1 };
        let data = vec![0x5a; self.length()];
        match self.0[2] % 8 {
            0 => (UDP, [&ports[..], &[0, 0, 0, 0], &data].concat()),
            1 | 2 => {
                let flags = self.one(8, &[0x02, 0x12, 0x10, 0x11, 0x04, 0x18]);
                let sequence = [0, 0, 0, 1, 0, 0, 0, 1, 0x60, flags, 1, 0, 0, 0, 0, 0, 2, 4, 0x23, 0];
                (TCP, [&ports[..], &sequence, &data].concat())
            }
            3 | 4 => {
                let request = if self.is_ipv6() { 128 + (self.0[8] & 1) } else { 8 * (self.0[8] & 1) };
                (icmp, [&[request, 0, 0, 0, ports[0], ports[1], 0, 1], &data[..]].concat())
            }
            5 => {
                let kind = if self.is_ipv6() {
                    1 + (self.0[8] & 3)
                } else {
                    [3, 11, 12, 5][usize::from(self.0[8] & 3)]
                };
                let mut quoted = vec![kind, self.0[9] & 7, 0, 0, 0, 0, 5, 0x14];
                let (source, destination) = ends.split_at(ends.len() / 2);
                if self.is_ipv6() {
                    quoted.extend([0x60, 0, 0, 0, 0, 8, UDP, 63]);
                } else {
                    quoted.extend([0x45, 0, 0, 28, 0, 0, 0x40, 0, 63, UDP, 0, 0]);
                }
                quoted.extend([destination, source, &ports[2..], &ports[..2], &[0, 8, 0, 0]].concat());
                (icmp, quoted)
            }
            6 => (GRE, [&[0x20, 0, 0x65, 0x58, 0, 0, 1, 0], &data[..]].concat()),
            _ => (self.0[8], data),
        }
    }

    /// A message of neighbour discovery about the destination.
    fn discovery(&self, destination: Ipv6Addr) -> Vec<u8> {
        let kind = 133 + self.0[2] % 5;
        let mut message = vec![kind, 0, 0, 0, self.0[8], 0, 0, 0];
        if kind >= 135 {
            message.extend(destination.octets());
        }
        message.extend([1 + (self.0[9] & 1), 1, 2, 0x15, 0x5d, 0, 0, 5]);
        message
    }
}

fn ethernet(to: [u8; 6], from: [u8; 6], vlan: Option<u16>, ethertype: [u8; 2], payload: &[u8]) -> Vec<u8> {
    let mut frame = [to, from].concat();
    if let Some(vlan) = vlan {
        frame.extend([0x81, 0]);
        frame.extend(vlan.to_be_bytes());
    }
    frame.extend(ethertype);
    frame.extend(payload);
    frame
}

/// An IPv4 packet; [`repair`] puts its length and checksum in.
fn ipv4(from: Ipv4Addr, to: Ipv4Addr, protocol: u8, tos: u8, ttl: u8, place: u16, payload: &[u8]) -> Vec<u8> {
    let [high, low] = place.to_be_bytes();
    let mut packet = vec![0x45, tos, 0, 0, 0, 7, high, low, ttl, protocol, 0, 0];
    packet.extend(from.octets());
    packet.extend(to.octets());
    packet.extend(payload);
    packet
}

/// An IPv6 packet; [`repair`] puts its length in.
fn ipv6(from: Ipv6Addr, to: Ipv6Addr, next: u8, class: u8, hops: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60 | class >> 4, class << 4, 0, 0, 0, 0, next, hops];
    packet.extend(from.octets());
    packet.extend(to.octets());
    packet.extend(payload);
    packet
}
