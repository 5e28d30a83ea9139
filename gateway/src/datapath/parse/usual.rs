//! The shapes that nearly every frame has, read a word at a time: IPv4 without options on an external network, and
//! NVGRE over IPv4 around IPv4, whole and without options, on the provider network.
//!
//! Here is only said what such a frame looks like. Whatever looks different, be it rare or wrong, is left to
//! [`Parser::way`], which reads any frame and knows what is wrong with it. A frame of the usual shape is read the same by
//! both, which a test holds against each other.

use nvgw_types::Vsid;
use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::Parser;
use super::nvgre::decapsulated;
use crate::datapath::lane::{Kind, Origin};
use crate::packet::checksum::words_are_right;
use crate::packet::ethernet::{self, Ethernet};
use crate::packet::gre::{self, Gre};
use crate::packet::ipv4;
use crate::tables::ReadSection;
use crate::tables::entries::{InterfaceKind, ipv4_mapped};

/// Of the first word of an IPv4 header: version, header length, fragment offset, more fragments.
const SHAPE: u64 = 0xff3f_0000_0000_00ff;
/// Version 4, five words of header, no fragment.
const WHOLE: u64 = 0x45;
/// What comes before the inner IPv4 header in a provider packet.
const OVERHEAD: usize = size_of::<Outer>();

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

/// What a provider packet has before its inner IPv4 header.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Outer {
    ip: Words,
    gre: Gre,
    ethernet: Ethernet,
}

/// A provider packet, up to the end of its inner IPv4 header.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Nvgre {
    outer: Outer,
    inner: Words,
}

const _: () = assert!(size_of::<Words>() == ipv4::HEADER);
const _: () = assert!(OVERHEAD == ipv4::HEADER + gre::HEADER + ethernet::HEADER);

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

    /// Whether the checksum is right, and the sender's address one that a sender can have.
    #[inline(always)]
    fn is_right(self) -> bool {
        words_are_right(self.first, self.second, self.third) && ipv4::may_send(self.source())
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

impl<S: ReadSection> Parser<'_, '_, S> {
    /// Reads a frame of one of the usual shapes on the interface that the frame before came by, and says where its
    /// packet is from. `data` is its first segment, `length` the whole frame's length. `None`, and nothing is noted,
    /// where it has another shape, or is wrong.
    #[inline(always)]
    pub(super) fn usual(&mut self, data: &[u8], length: usize, place: u8) -> Option<Origin> {
        let (frame, _) = Frame::ref_from_prefix(data).ok()?;
        let (vlan, l3) = match frame.ethernet.ethertype() {
            ethernet::IPV4 => (0, ethernet::HEADER),
            ethernet::VLAN if frame.tag.ethertype() == ethernet::IPV4 => {
                (frame.tag.vlan(), size_of::<Frame>())
            }
            _ => return None,
        };
        let interface = self.of?;
        if vlan != self.vlan || frame.ethernet.destination() != interface.mac {
            return None;
        }
        let packet = data.get(l3..)?;
        match interface.kind {
            InterfaceKind::Provider => {
                let (packet, _) = Nvgre::ref_from_prefix(packet).ok()?;
                self.usual_nvgre(packet, l3, length, place)
            }
            InterfaceKind::External(vrf) => {
                let ip = Header::from(*Words::ref_from_prefix(packet).ok()?.0);
                let total = usize::from(ip.length());
                if !ip.is_plain()
                    || !ip.is_right()
                    || ipv4::is_multicast_or_reserved(ip.destination())
                    || total < ipv4::HEADER
                    || l3 + total > length
                {
                    return None;
                }
                let noted = &mut self.ipv4[place];
                noted.came_from_outside(vrf, self.interface, l3);
                noted.source = ip.source();
                noted.destination = ip.destination();
                noted.length = ip.length();
                noted.tos = ip.tos();
                noted.ttl = ip.ttl();
                Some(Origin::Outside)
            }
        }
    }

    #[inline(always)]
    fn usual_nvgre(&mut self, packet: &Nvgre, l3: usize, length: usize, place: u8) -> Option<Origin> {
        let Outer { ip, gre, ethernet } = &packet.outer;
        let (outer, inner) = (Header::from(*ip), Header::from(packet.inner));
        let (total, inner_total) = (usize::from(outer.length()), usize::from(inner.length()));
        let vsid = gre.vsid();
        if !outer.is_whole()
            || outer.protocol() != ipv4::GRE
            || u64::from(outer.destination()) != self.ours_ipv4
            || !gre.is_nvgre()
            || ethernet.ethertype() != ethernet::IPV4
            || !inner.is_plain()
            || !outer.is_right()
            || !inner.is_right()
            || ipv4::is_multicast_or_reserved(inner.destination())
            || inner_total < ipv4::HEADER
            || OVERHEAD + inner_total > total
            || l3 + total > length
            || vsid.get().wrapping_sub(self.first_vsid) >= Vsid::VENDOR.get() - self.first_vsid
        {
            return None;
        }
        let tos = decapsulated(inner.tos(), outer.tos()).ok()?;
        self.ipv4.came_from(place, ipv4_mapped(outer.source()));
        let noted = &mut self.ipv4[place];
        noted.came_from_tenant(vsid, self.interface, l3 + OVERHEAD);
        noted.source_mac = ethernet.source();
        noted.destination_mac = ethernet.destination();
        noted.source = inner.source();
        noted.destination = inner.destination();
        noted.length = inner.length();
        noted.tos = tos;
        noted.ttl = inner.ttl();
        noted.kind = Kind::Routed;
        Some(Origin::Tenant)
    }
}
