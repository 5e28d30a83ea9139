//! The shapes that nearly every frame has, read a word at a time: IP without options or extension headers on an external
//! network, and NVGRE around it, whole, over the like on the provider network.
//!
//! Here is only said what such a frame looks like. Whatever looks different, be it rare or wrong, is left to
//! [`Parser::way`], which reads any frame and knows what is wrong with it. A frame of a usual shape is read the same by
//! both: the first of a burst is always left to it, and tests hold bursts against the same frames one by one.

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::nvgre::decapsulated;
use super::{Parser, Side};
use crate::datapath::lane::{Kind, Packet};
use crate::packet::checksum::words_are_right;
use crate::packet::ethernet::{self, Ethernet};
use crate::packet::gre::{self, Gre};
use crate::packet::ipv4;
use crate::packet::ipv6::{self, Ipv6};
use crate::tables::ReadSection;
use crate::tables::entries::ipv4_mapped;

/// Version 4, five words of header.
const PLAIN: u64 = 0x45;

/// An IPv4 header without options, in words that are read lowest byte first: one load for several fields.
#[derive(Clone, Copy, FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Words {
    first: U64,
    second: U64,
    third: U32,
}

/// What a provider packet has between its IP header and the inner one.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Tunnel {
    gre: Gre,
    ethernet: Ethernet,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct OverIpv4 {
    outer: Words,
    tunnel: Tunnel,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct OverIpv6 {
    outer: Ipv6,
    tunnel: Tunnel,
}

const _: () = assert!(size_of::<Words>() == ipv4::HEADER);
const _: () = assert!(size_of::<Tunnel>() == gre::HEADER + ethernet::HEADER);

/// An IPv4 header without options, in registers.
#[derive(Clone, Copy)]
struct Header {
    first: u64,
    second: u64,
    third: u32,
}

impl From<Words> for Header {
    #[inline(always)]
    fn from(Words { first, second, third }: Words) -> Self {
        Self { first: first.get(), second: second.get(), third: third.get() }
    }
}

impl Header {
    /// Whether version and header length are right.
    #[inline(always)]
    fn is_plain(self) -> bool {
        self.first & 0xff == PLAIN
    }

    /// Whether the checksum is right, unless that is known, and the sender's address one that a sender can have.
    #[inline(always)]
    fn is_right(self, checked: bool) -> bool {
        (checked || words_are_right(self.first, self.second, self.third)) && ipv4::may_send(self.source())
    }

    #[inline(always)]
    fn tos(self) -> u8 {
        (self.first >> 8) as u8
    }

    #[inline(always)]
    fn length(self) -> u16 {
        ((self.first >> 16) as u16).swap_bytes()
    }

    #[inline(always)]
    fn ttl(self) -> u8 {
        self.second as u8
    }

    #[inline(always)]
    fn source(self) -> u32 {
        ((self.second >> 32) as u32).swap_bytes()
    }

    #[inline(always)]
    fn destination(self) -> u32 {
        self.third.swap_bytes()
    }

    #[inline(always)]
    fn note(self, packet: &mut Packet, tos: u8) {
        packet.source = self.source();
        packet.destination = self.destination();
        packet.length = self.length();
        packet.tos = tos;
        packet.ttl = self.ttl();
        packet.kind = Kind::Routed;
    }
}

/// What an outer header says that is for us and has a usual shape.
struct Outer<'b> {
    source: u128,
    tos: u8,
    /// Where the inner IP packet begins, in bytes from the start of the frame.
    l3: usize,
    /// How long it may be.
    length: usize,
    /// As many of its bytes as are in the first segment, padding included.
    bytes: &'b [u8],
}

impl<'s, S: ReadSection> Parser<'s, '_, S> {
    /// Takes in a frame of one of the usual shapes on the interface that the frame before came by. `data` is its first
    /// segment, `length` the whole frame's length; `checked`: its first header is IPv4, and has the right checksum.
    /// `None`, and nothing is noted, where it has another shape, or is wrong.
    #[inline(always)]
    pub(super) fn usual(&mut self, data: &[u8], length: usize, checked: bool, place: u8) -> Option<()> {
        match &self.side {
            Side::Provider { over_ipv4, .. } if over_ipv4.fits(data) => {
                let bytes = data.get(self.l3..)?;
                let (OverIpv4 { outer, tunnel }, bytes) = OverIpv4::ref_from_prefix(bytes).ok()?;
                let outer = Header::from(*outer);
                let total = usize::from(outer.length());
                if !outer.is_right(checked) || self.l3 + total > length {
                    return None;
                }
                let outer = Outer {
                    source: ipv4_mapped(outer.source()),
                    tos: outer.tos(),
                    l3: self.l3 + size_of::<OverIpv4>(),
                    length: total.checked_sub(size_of::<OverIpv4>())?,
                    bytes,
                };
                self.nvgre_around(&outer, tunnel, place)
            }
            Side::Provider { over_ipv6, .. } if over_ipv6.fits(data) => {
                let bytes = data.get(self.l3..)?;
                let (OverIpv6 { outer, tunnel }, bytes) = OverIpv6::ref_from_prefix(bytes).ok()?;
                let (source, total) = (outer.source(), outer.total_length());
                if !ipv6::may_send(source) || self.l3 + total > length {
                    return None;
                }
                let outer = Outer {
                    source,
                    tos: outer.traffic_class(),
                    l3: self.l3 + size_of::<OverIpv6>(),
                    length: total.checked_sub(size_of::<OverIpv6>())?,
                    bytes,
                };
                self.nvgre_around(&outer, tunnel, place)
            }
            &Side::External { vrf, ref outside } if outside.fits(data) => {
                let ethertype = data.get(self.l3 - size_of::<u16>()..self.l3)?;
                let bytes = data.get(self.l3..)?;
                let length = length - self.l3;
                match u16::from_be_bytes([ethertype[0], ethertype[1]]) {
                    ethernet::IPV4 => {
                        let ip = usual_ipv4(bytes, length, checked)?;
                        let packet = &mut self.ipv4.packets[place];
                        packet.came_from_outside(vrf, self.interface, self.l3);
                        ip.note(packet, ip.tos());
                        self.ipv4.admit_from_outside(place);
                    }
                    ethernet::IPV6 => {
                        let ip = usual_ipv6(bytes, length)?;
                        let packet = &mut self.ipv6.packets[place];
                        packet.came_from_outside(vrf, self.interface, self.l3);
                        note_ipv6(ip, packet, ip.traffic_class());
                        self.ipv6.admit_from_outside(place);
                    }
                    _ => return None,
                }
                Some(())
            }
            _ => None,
        }
    }

    /// Reads what is left of NVGRE's headers, and the inner IP header.
    #[inline(always)]
    fn nvgre_around(&mut self, outer: &Outer<'_>, tunnel: &Tunnel, place: u8) -> Option<()> {
        // Configuration gives nobody a VSID that is refused.
        let vsid = tunnel.gre.vsid();
        let subnet = self.stages.tables.subnets.locate(self.section, vsid)?;
        match tunnel.ethernet.ethertype() {
            ethernet::IPV4 => {
                let ip = usual_ipv4(outer.bytes, outer.length, false)?;
                let tos = decapsulated(ip.tos(), outer.tos).ok()?;
                self.ipv4.packets.came_from(place, outer.source);
                let packet = &mut self.ipv4.packets[place];
                packet.came_from_tenant(vsid, self.interface, outer.l3);
                packet.stations = tunnel.ethernet.stations();
                ip.note(packet, tos);
                self.ipv4.admit_from_tenant(place, subnet);
            }
            ethernet::IPV6 => {
                let ip = usual_ipv6(outer.bytes, outer.length)?;
                let tos = decapsulated(ip.traffic_class(), outer.tos).ok()?;
                self.ipv6.packets.came_from(place, outer.source);
                let packet = &mut self.ipv6.packets[place];
                packet.came_from_tenant(vsid, self.interface, outer.l3);
                packet.stations = tunnel.ethernet.stations();
                note_ipv6(ip, packet, tos);
                self.ipv6.admit_from_tenant(place, subnet);
            }
            _ => return None,
        }
        Some(())
    }
}

/// A packet to be routed, in so many bytes.
#[inline(always)]
fn usual_ipv4(bytes: &[u8], length: usize, checked: bool) -> Option<Header> {
    let ip = Header::from(*Words::ref_from_prefix(bytes).ok()?.0);
    let total = usize::from(ip.length());
    let usual = ip.is_plain()
        && ip.is_right(checked)
        && !ipv4::is_multicast_or_reserved(ip.destination())
        && total >= ipv4::HEADER
        && total <= length;
    usual.then_some(ip)
}

/// A packet to be routed, in so many bytes. ICMP is left to those who know whether it is about neighbours, extension
/// headers to those who walk them.
#[inline(always)]
fn usual_ipv6(bytes: &[u8], length: usize) -> Option<&Ipv6> {
    let ip = Ipv6::checked(bytes, length)?;
    let (source, destination) = (ip.source(), ip.destination());
    let usual = ip.next_header() != ipv6::ICMP
        && ipv6::may_send(source)
        && ipv6::may_receive(destination)
        && !ipv6::is_link_local(destination);
    usual.then_some(ip)
}

#[inline(always)]
fn note_ipv6(ip: &Ipv6, packet: &mut Packet<u128>, tos: u8) {
    packet.source = ip.source();
    packet.destination = ip.destination();
    packet.length = ip.total_length().min(usize::from(u16::MAX)) as u16;
    packet.tos = tos;
    packet.ttl = ip.hop_limit;
    packet.kind = Kind::Routed;
}
