//! The shapes that nearly every frame has, read a word at a time: IP without options or extension headers on an external
//! network, and NVGRE around it, whole, over the like on the provider network.
//!
//! Here is only said what such a frame looks like. Whatever looks different, be it rare or wrong, is left to
//! [`Parser::way`], which reads any frame and knows what is wrong with it. A frame of a usual shape is read the same by
//! both: the first of a port is always left to it, and tests hold bursts against the same frames one by one, each read as
//! a first one.

use dpdk_bindings::{Burst, Mbuf};
use nvgw_types::{Family, InterfaceId, Vsid};
use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::Parser;
use super::entry::Entry;
use super::known::Side;
use super::nvgre::decapsulated;
use super::shape::{OverIpv4, OverIpv6};
use crate::datapath::lane::Packet;
use crate::datapath::pipeline::Stages;
use crate::packet::checksum::words_are_right;
use crate::packet::ethernet::{self, Ethernet};
use crate::packet::gre::Gre;
use crate::packet::ipv4;
use crate::packet::ipv6::{self, Ipv6};
use crate::tables::entries::{Subnet, ipv4_mapped};
use crate::tables::{ReadSection, VsidView};

/// Where IP begins in frames without and with a VLAN tag.
const UNTAGGED: usize = ethernet::HEADER;
const TAGGED: usize = ethernet::HEADER + ethernet::TAG;

/// Version 4, five words of header.
const PLAIN: u64 = 0x45;

/// An IPv4 header without options, in words that are read lowest byte first: one load for several fields.
#[derive(Clone, Copy, FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Words {
    /// Up to the fragment offset.
    first: U64,
    /// Up to the checksum.
    second: U32,
    /// The addresses.
    ends: U64,
}

const _: () = assert!(size_of::<Words>() == ipv4::HEADER);

/// What a provider frame has before the inner IP header: an Ethernet header of `L3` bytes, and an IP header `H` that NVGRE
/// follows at once.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Around<const L3: usize, H> {
    link: [u8; L3],
    outer: H,
    gre: Gre,
    ethernet: Ethernet,
}

/// An IPv4 header without options, in registers.
#[derive(Clone, Copy)]
struct Header {
    first: u64,
    second: u32,
    ends: u64,
}

impl From<Words> for Header {
    #[inline(always)]
    fn from(Words { first, second, ends }: Words) -> Self {
        Self { first: first.get(), second: second.get(), ends: ends.get() }
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
        (checked || words_are_right(self.first, self.ends, self.second)) && ipv4::may_send(self.source())
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
        (self.ends.swap_bytes() >> 32) as u32
    }

    #[inline(always)]
    fn destination(self) -> u32 {
        self.ends.swap_bytes() as u32
    }

    #[inline(always)]
    fn note(self, packet: &mut Packet, tos: u8) {
        packet.destination = self.destination();
        packet.source = self.source();
        packet.length = self.length();
        packet.tos = tos;
        packet.ttl = self.ttl();
    }
}

/// What is around an inner packet, of a usual shape and for us.
struct Outer<'b> {
    source: u128,
    tos: u8,
    /// Length of the outer packet, as its header has it.
    length: usize,
    /// Where the inner IP header begins, in bytes from the start of the outer one.
    inner: usize,
    vsid: Vsid,
    ethernet: &'b Ethernet,
    /// What follows it in the first segment.
    bytes: &'b [u8],
}

impl<'b> Outer<'b> {
    /// Reads a frame of `length` bytes if it has the shape of NVGRE over IPv4.
    #[inline(always)]
    fn over_ipv4<const L3: usize>(
        shape: &OverIpv4,
        data: &'b [u8],
        length: usize,
        checked: bool,
    ) -> Option<Self> {
        let (Around { outer, gre, ethernet, .. }, bytes) = Around::<L3, Words>::ref_from_prefix(data).ok()?;
        let (outer, vsid) = (Header::from(*outer), gre.vsid());
        let (source, total) = (ipv4_mapped(outer.source()), usize::from(outer.length()));
        if !shape.fits(data) || !outer.is_right(checked) || L3 + total > length {
            return None;
        }
        let inner = size_of::<Around<L3, Words>>() - L3;
        Some(Self { source, tos: outer.tos(), length: total, inner, vsid, ethernet, bytes })
    }

    /// Reads a frame of `length` bytes if it has the shape of NVGRE over IPv6.
    #[inline(always)]
    fn over_ipv6<const L3: usize>(shape: &OverIpv6, data: &'b [u8], length: usize) -> Option<Self> {
        let (Around { outer, gre, ethernet, .. }, bytes) = Around::<L3, Ipv6>::ref_from_prefix(data).ok()?;
        let (source, total, vsid) = (outer.source(), outer.total_length(), gre.vsid());
        if !shape.fits(data) || !ipv6::may_send(source) || L3 + total > length {
            return None;
        }
        let inner = size_of::<Around<L3, Ipv6>>() - L3;
        Some(Self { source, tos: outer.traffic_class(), length: total, inner, vsid, ethernet, bytes })
    }
}

impl<'s, S: ReadSection> Parser<'s, '_, S> {
    /// Takes in frames from a place on, as long as they have one of the usual shapes on the interface that the frame before
    /// came by. Returns the place of the first that has not, or is wrong, of which nothing is noted. `CHECKED`: devices may
    /// have checked packets.
    #[inline(always)]
    pub(super) fn usual<const CHECKED: bool>(&mut self, burst: &Burst, from: u8) -> u8 {
        match (&self.known.side, self.known.tag) {
            (Side::Unknown, _) => from,
            (Side::External { .. }, None) => self.usual_of_outside::<CHECKED, UNTAGGED>(burst, from),
            (Side::External { .. }, Some(_)) => self.usual_of_outside::<CHECKED, TAGGED>(burst, from),
            (Side::Provider { .. }, None) => self.usual_of_tenants::<CHECKED, UNTAGGED>(burst, from),
            (Side::Provider { .. }, Some(_)) => self.usual_of_tenants::<CHECKED, TAGGED>(burst, from),
        }
    }

    /// As [`usual`](Self::usual), on a provider network: over IPv4 and over IPv6 in turns, for there are trains of each.
    #[inline(always)]
    fn usual_of_tenants<const CHECKED: bool, const L3: usize>(&mut self, burst: &Burst, from: u8) -> u8 {
        let mut place = from;
        loop {
            place = self.usual_over_ipv4::<CHECKED, L3>(burst, place);
            if usize::from(place) == burst.len() {
                return place;
            }
            let next = self.usual_over_ipv6::<L3>(burst, place);
            if next == place {
                return place;
            }
            place = next;
        }
    }

    /// As [`usual`](Self::usual), of NVGRE over IPv4.
    #[inline(never)]
    fn usual_over_ipv4<const CHECKED: bool, const L3: usize>(&mut self, burst: &Burst, from: u8) -> u8 {
        let Side::Provider { over_ipv4, .. } = &self.known.side else { return from };
        let mut tunnels =
            Tunnels::new(self.stages, self.section, self.known.id, (&mut self.ipv4, &mut self.ipv6));
        let l3 = size_of::<Around<L3, Words>>();
        as_long_as(burst, from, |mbuf, place| {
            let data = mbuf.data();
            // One look at the length is enough for all that is read of most frames.
            if data.len() < l3 + ipv4::HEADER {
                return None;
            }
            let checked = CHECKED && mbuf.is_checked_ipv4();
            let outer = Outer::over_ipv4::<L3>(over_ipv4, data, mbuf.pkt_len() as usize, checked)?;
            tunnels.take(&outer, l3, place)
        })
    }

    /// As [`usual`](Self::usual), of NVGRE over IPv6.
    #[inline(never)]
    fn usual_over_ipv6<const L3: usize>(&mut self, burst: &Burst, from: u8) -> u8 {
        let Side::Provider { over_ipv6, .. } = &self.known.side else { return from };
        let mut tunnels =
            Tunnels::new(self.stages, self.section, self.known.id, (&mut self.ipv4, &mut self.ipv6));
        let l3 = size_of::<Around<L3, Ipv6>>();
        as_long_as(burst, from, |mbuf, place| {
            let data = mbuf.data();
            if data.len() < l3 + ipv4::HEADER {
                return None;
            }
            let outer = Outer::over_ipv6::<L3>(over_ipv6, data, mbuf.pkt_len() as usize)?;
            tunnels.take(&outer, l3, place)
        })
    }

    /// As [`usual`](Self::usual), on an external network.
    #[inline(never)]
    fn usual_of_outside<const CHECKED: bool, const L3: usize>(&mut self, burst: &Burst, from: u8) -> u8 {
        let &Side::External { vrf, ref outside } = &self.known.side else { return from };
        let interface = self.known.id;
        let (mut ipv4, mut ipv6) = (self.ipv4.reborrow(), self.ipv6.reborrow());
        let roots = (ipv4.root(vrf), ipv6.root(vrf));
        as_long_as(burst, from, |mbuf, place| {
            let data = mbuf.data();
            // One look at the length is enough for all that is read of an IPv4 packet.
            if data.len() < L3 + ipv4::HEADER || !outside.fits_header_of::<L3>(data) {
                return None;
            }
            let (link, bytes) = data.split_first_chunk::<L3>()?;
            let length = mbuf.pkt_len() as usize;
            match ethernet::family_of([link[L3 - 2], link[L3 - 1]]) {
                Some(Family::V4) => {
                    let ip = usual_ipv4(bytes, L3, length, CHECKED && mbuf.is_checked_ipv4())?;
                    let packet = &mut ipv4.packets[place];
                    packet.came_from_outside(vrf, interface, L3);
                    ip.note(packet, ip.tos());
                    ipv4.admit_from_outside(place, roots.0);
                }
                Some(Family::V6) => {
                    let ip = usual_ipv6(bytes, L3, length)?;
                    let packet = &mut ipv6.packets[place];
                    packet.came_from_outside(vrf, interface, L3);
                    note_ipv6(ip, packet, ip.traffic_class());
                    ipv6.admit_from_outside(place, roots.1);
                }
                None => return None,
            }
            Some(())
        })
    }
}

/// Where tenants' packets of usual shapes go.
struct Tunnels<'s, 'p, S> {
    subnets: VsidView<'s, Subnet>,
    section: &'s S,
    interface: InterfaceId,
    ipv4: Entry<'s, 'p, u32>,
    ipv6: Entry<'s, 'p, u128>,
}

impl<'s, 'p, S: ReadSection> Tunnels<'s, 'p, S> {
    #[inline(always)]
    fn new(
        stages: &Stages<'s>,
        section: &'s S,
        interface: InterfaceId,
        (ipv4, ipv6): (&'p mut Entry<'s, '_, u32>, &'p mut Entry<'s, '_, u128>),
    ) -> Self {
        let subnets = stages.tables.subnets.view();
        Self { subnets, section, interface, ipv4: ipv4.reborrow(), ipv6: ipv6.reborrow() }
    }

    /// Reads an inner IP header, which begins `l3` bytes from the start of the frame.
    #[inline(always)]
    fn take(&mut self, outer: &Outer<'_>, l3: usize, place: u8) -> Option<()> {
        // Configuration gives nobody a VSID that is refused.
        let vsid = outer.vsid;
        let subnet = self.subnets.locate(self.section, vsid)?;
        match outer.ethernet.family() {
            Some(Family::V4) => {
                let ip = usual_ipv4(outer.bytes, outer.inner, outer.length, false)?;
                let tos = decapsulated(ip.tos(), outer.tos).ok()?;
                self.ipv4.packets.came_from(place, outer.source);
                let packet = &mut self.ipv4.packets[place];
                packet.came_from_tenant(vsid, self.interface, l3);
                packet.stations = outer.ethernet.stations();
                ip.note(packet, tos);
                self.ipv4.admit_from_tenant(place, subnet);
            }
            Some(Family::V6) => {
                let ip = usual_ipv6(outer.bytes, outer.inner, outer.length)?;
                let tos = decapsulated(ip.traffic_class(), outer.tos).ok()?;
                self.ipv6.packets.came_from(place, outer.source);
                let packet = &mut self.ipv6.packets[place];
                packet.came_from_tenant(vsid, self.interface, l3);
                packet.stations = outer.ethernet.stations();
                note_ipv6(ip, packet, tos);
                self.ipv6.admit_from_tenant(place, subnet);
            }
            None => return None,
        }
        Some(())
    }
}

/// Has packets taken, from a place on, until one is refused or none is left. Returns that place.
#[inline(always)]
fn as_long_as(burst: &Burst, from: u8, mut take: impl FnMut(&Mbuf, u8) -> Option<()>) -> u8 {
    let mut place = from;
    while let Some(mbuf) = burst.get(usize::from(place))
        && take(mbuf, place).is_some()
    {
        place += 1;
    }
    place
}

/// A packet to be routed, which `bytes` begin. It begins `at` bytes from the start of something of `length` bytes, by whose
/// end it ends.
#[inline(always)]
fn usual_ipv4(bytes: &[u8], at: usize, length: usize, checked: bool) -> Option<Header> {
    let ip = Header::from(*Words::ref_from_prefix(bytes).ok()?.0);
    let total = usize::from(ip.length());
    let usual = ip.is_plain()
        && ip.is_right(checked)
        && !ipv4::is_multicast_or_reserved(ip.destination())
        && total >= ipv4::HEADER
        && at + total <= length;
    usual.then_some(ip)
}

/// As [`usual_ipv4`]. ICMP is left to those who know whether it is about neighbours, extension headers to those who walk
/// them.
#[inline(always)]
fn usual_ipv6(bytes: &[u8], at: usize, length: usize) -> Option<&Ipv6> {
    let ip = Ipv6::checked(bytes, length.checked_sub(at)?)?;
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
}
