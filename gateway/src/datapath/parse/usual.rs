//! The shapes that nearly every frame has, read a word at a time: IP without options or extension headers on an external
//! network, and NVGRE around it, whole, over the like on the provider network.
//!
//! Here is only said what such a frame looks like. Whatever looks different, be it rare or wrong, is left to
//! [`Parser::way`], which reads any frame and knows what is wrong with it. A frame of a usual shape is read the same by
//! both: the first of a burst is always left to it, and tests hold bursts against the same frames one by one.

use nvgw_types::{Family, Vsid};
use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::Parser;
use super::nvgre::decapsulated;
use crate::datapath::lane::{Kind, Origin, Packet};
use crate::packet::checksum::words_are_right;
use crate::packet::ethernet::{self, Ethernet};
use crate::packet::gre::{self, Gre};
use crate::packet::ipv4;
use crate::packet::ipv6::{self, Ipv6};
use crate::tables::ReadSection;
use crate::tables::entries::{InterfaceKind, ipv4_mapped};

/// Of the first word of an IPv4 header: version, header length, fragment offset, more fragments.
const SHAPE: u64 = 0xff3f_0000_0000_00ff;
/// Version 4, five words of header, no fragment.
const WHOLE: u64 = 0x45;

/// How a frame begins.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Frame {
    ethernet: Ethernet,
    tag: ethernet::Tag,
}

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
        self.first & 0xff == WHOLE
    }

    /// Likewise, and whether it is no fragment.
    #[inline(always)]
    fn is_whole(self) -> bool {
        self.first & SHAPE == WHOLE
    }

    /// Whether the checksum is right, which may be known, and the sender's address one that a sender can have.
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
    fn protocol(self) -> u8 {
        (self.second >> 8) as u8
    }

    #[inline(always)]
    fn source(self) -> u32 {
        ((self.second >> 32) as u32).swap_bytes()
    }

    #[inline(always)]
    fn destination(self) -> u32 {
        self.third.swap_bytes()
    }
}

/// What an outer header says that is for us and has a usual shape.
struct Outside<'b> {
    source: u128,
    tos: u8,
    /// Bytes of the packet behind the header.
    length: usize,
    /// Where these begin, in bytes from the start of the frame.
    at: usize,
    /// As many of them as are in the first segment, padding included.
    bytes: &'b [u8],
}

impl<S: ReadSection> Parser<'_, '_, S> {
    /// Reads a frame of one of the usual shapes on the interface that the frame before came by, and says of which family
    /// its packet is and where from. `data` is its first segment, `length` the whole frame's length. `None`, and nothing
    /// is noted, where it has another shape, or is wrong. `checked`: its first header is IPv4, and its checksum right.
    #[inline(always)]
    pub(super) fn usual(
        &mut self,
        checked: bool,
        data: &[u8],
        length: usize,
        place: u8,
    ) -> Option<(Family, Origin)> {
        let (frame, _) = Frame::ref_from_prefix(data).ok()?;
        let (vlan, l3, ethertype) = match frame.ethernet.ethertype() {
            ethernet::VLAN => (frame.tag.vlan(), size_of::<Frame>(), frame.tag.ethertype()),
            ethertype => (0, ethernet::HEADER, ethertype),
        };
        let interface = self.of?;
        if vlan != self.vlan || frame.ethernet.destination() != interface.mac {
            return None;
        }
        let (bytes, length) = (data.get(l3..)?, length - l3);
        match (ethertype, interface.kind) {
            (ethernet::IPV4, InterfaceKind::Provider) => {
                let outer = self.outer_ipv4(checked, bytes, l3, length)?;
                self.nvgre_around(outer, place)
            }
            (ethernet::IPV6, InterfaceKind::Provider) => {
                let outer = self.outer_ipv6(bytes, l3, length)?;
                self.nvgre_around(outer, place)
            }
            (ethernet::IPV4, InterfaceKind::External(vrf)) => {
                let ip = usual_ipv4(checked, bytes, length)?;
                let packet = &mut self.ipv4[place];
                packet.came_from_outside(vrf, self.interface, l3);
                ip.note(packet, ip.tos());
                Some((Family::V4, Origin::Outside))
            }
            (ethernet::IPV6, InterfaceKind::External(vrf)) => {
                let ip = usual_ipv6(bytes, length)?;
                let packet = &mut self.ipv6[place];
                packet.came_from_outside(vrf, self.interface, l3);
                note_ipv6(ip, packet, ip.traffic_class());
                Some((Family::V6, Origin::Outside))
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn outer_ipv4<'b>(
        &self,
        checked: bool,
        bytes: &'b [u8],
        l3: usize,
        length: usize,
    ) -> Option<Outside<'b>> {
        let (words, bytes) = Words::ref_from_prefix(bytes).ok()?;
        let ip = Header::from(*words);
        let total = usize::from(ip.length());
        if !ip.is_whole()
            || ip.protocol() != ipv4::GRE
            || u64::from(ip.destination()) != self.ours_ipv4
            || !ip.is_right(checked)
            || total > length
        {
            return None;
        }
        Some(Outside {
            source: ipv4_mapped(ip.source()),
            tos: ip.tos(),
            length: total.checked_sub(ipv4::HEADER)?,
            at: l3 + ipv4::HEADER,
            bytes,
        })
    }

    #[inline(always)]
    fn outer_ipv6<'b>(&self, bytes: &'b [u8], l3: usize, length: usize) -> Option<Outside<'b>> {
        let ip = Ipv6::checked(bytes, length)?;
        let (source, destination) = (ip.source(), ip.destination());
        // What is known to be ours is a number of either family, or none.
        if ip.next_header() != ipv4::GRE
            || destination != self.ours
            || !ipv6::may_receive(destination)
            || !ipv6::may_send(source)
        {
            return None;
        }
        Some(Outside {
            source,
            tos: ip.traffic_class(),
            length: ip.total_length() - ipv6::HEADER,
            at: l3 + ipv6::HEADER,
            bytes: bytes.get(ipv6::HEADER..)?,
        })
    }

    /// Reads GRE, inner Ethernet and inner IP.
    #[inline(always)]
    fn nvgre_around(&mut self, outer: Outside<'_>, place: u8) -> Option<(Family, Origin)> {
        let (Tunnel { gre, ethernet }, bytes) = Tunnel::ref_from_prefix(outer.bytes).ok()?;
        let length = outer.length.checked_sub(size_of::<Tunnel>())?;
        let l3 = outer.at + size_of::<Tunnel>();
        let vsid = gre.vsid();
        if !gre.is_nvgre() || vsid.get().wrapping_sub(self.first_vsid) >= Vsid::VENDOR.get() - self.first_vsid
        {
            return None;
        }
        match ethernet.ethertype() {
            ethernet::IPV4 => {
                let ip = usual_ipv4(false, bytes, length)?;
                let tos = decapsulated(ip.tos(), outer.tos).ok()?;
                self.ipv4.came_from(place, outer.source);
                let packet = &mut self.ipv4[place];
                packet.came_from_tenant(vsid, self.interface, l3);
                note_stations(ethernet, packet);
                ip.note(packet, tos);
                Some((Family::V4, Origin::Tenant))
            }
            ethernet::IPV6 => {
                let ip = usual_ipv6(bytes, length)?;
                let tos = decapsulated(ip.traffic_class(), outer.tos).ok()?;
                self.ipv6.came_from(place, outer.source);
                let packet = &mut self.ipv6[place];
                packet.came_from_tenant(vsid, self.interface, l3);
                note_stations(ethernet, packet);
                note_ipv6(ip, packet, tos);
                Some((Family::V6, Origin::Tenant))
            }
            _ => None,
        }
    }
}

/// A packet to be routed, in so many bytes.
#[inline(always)]
fn usual_ipv4(checked: bool, bytes: &[u8], length: usize) -> Option<Header> {
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

impl Header {
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

#[inline(always)]
fn note_ipv6(ip: &Ipv6, packet: &mut Packet<u128>, tos: u8) {
    packet.source = ip.source();
    packet.destination = ip.destination();
    packet.length = ip.total_length().min(usize::from(u16::MAX)) as u16;
    packet.tos = tos;
    packet.ttl = ip.hop_limit;
    packet.kind = Kind::Routed;
}

#[inline(always)]
fn note_stations<A>(ethernet: &Ethernet, packet: &mut Packet<A>) {
    packet.source_mac = ethernet.source();
    packet.destination_mac = ethernet.destination();
}
