//! NVGRE (RFC 7637): from the outer IP header to the inner packet.

use nvgw_types::{Family, InterfaceId, Vsid};
use zerocopy::FromBytes;

use super::{Parser, Way, is_about_neighbors};
use crate::datapath::family::AddressFamily;
use crate::datapath::lane::{Kind, Origin, Packet};
use crate::packet::arp::Arp;
use crate::packet::ethernet::{self, Ethernet, Stations};
use crate::packet::gre::{self, Gre};
use crate::packet::ipv4::{self, Ipv4};
use crate::packet::ipv6::{self, Ipv6};
use crate::tables::ReadSection;
use crate::tables::entries::ipv4_mapped;
use crate::tables::exchange::Punt;
use crate::telemetry::DropReason;

/// RFC 6040 §4.2: the ECN field that leaves, by inner and outer field as they came; 0xFF drops.
const ECN: [[u8; 4]; 4] = [
    // outer: Not-ECT, ECT(1), ECT(0), CE
    [0, 0, 0, 0xff], // inner Not-ECT
    [1, 1, 1, 3],    // inner ECT(1)
    [2, 1, 2, 3],    // inner ECT(0)
    [3, 3, 3, 3],    // inner CE
];

/// Outer IPv4, GRE, inner Ethernet, inner IPv4, no options.
const SHORTEST: usize = 2 * ipv4::HEADER + gre::HEADER + ethernet::HEADER;

/// An outer IP header that is for us, as far as decapsulation needs it.
struct Outer<'b> {
    /// The packet, from the header on.
    bytes: &'b [u8],
    /// Where it begins, in bytes from the start of the frame.
    l3: usize,
    /// Length of the header, options and extensions included.
    header: usize,
    /// Length of the packet.
    length: usize,
    /// The source as a number.
    source: u128,
    /// DSCP and ECN.
    tos: u8,
}

/// What NVGRE's own headers say of the inner packet.
struct Inner<'b> {
    /// The packet, from its IP header on, as far as it is in the first segment.
    bytes: &'b [u8],
    /// Where it begins, in bytes from the start of the frame.
    l3: usize,
    /// How long it may be.
    length: usize,
    vsid: Vsid,
    stations: Stations,
}

impl<S: ReadSection> Parser<'_, '_, S> {
    /// Reads what follows an outer IPv4 header that is for us.
    #[inline(always)]
    pub(super) fn over_ipv4(
        &mut self,
        outer: &Ipv4,
        bytes: &[u8],
        l3: usize,
        place: u8,
    ) -> Result<Way, DropReason> {
        if outer.protocol() != ipv4::GRE {
            return if outer.protocol() == ipv4::ICMP {
                Ok(Way::Punt(Punt::Local { interface: self.known.id }))
            } else {
                Err(DropReason::OuterProtocolUnknown)
            };
        }
        if outer.is_fragment() {
            return Err(DropReason::OuterFragment);
        }
        // One code, compiled twice: where the lengths are those of nearly every packet, they are constants and their
        // checks vanish.
        let length = outer.total_length();
        let usual = outer.header_length() == ipv4::HEADER && bytes.len() >= SHORTEST && length >= SHORTEST;
        let (source, tos) = (ipv4_mapped(outer.source()), outer.tos);
        let header = outer.header_length();
        if usual {
            self.nvgre(Outer { bytes, l3, header: ipv4::HEADER, length, source, tos }, place)
        } else {
            self.nvgre_unusual(Outer { bytes, l3, header, length, source, tos }, place)
        }
    }

    /// Reads what follows an outer IPv6 header that is for us.
    #[inline(always)]
    pub(super) fn over_ipv6(
        &mut self,
        outer: &Ipv6,
        bytes: &[u8],
        l3: usize,
        place: u8,
    ) -> Result<Way, DropReason> {
        let length = outer.total_length();
        let (source, tos) = (outer.source(), outer.traffic_class());
        if outer.next_header() == ipv4::GRE {
            return self.nvgre(Outer { bytes, l3, header: ipv6::HEADER, length, source, tos }, place);
        }
        let transport = ipv6::transport(&bytes[..bytes.len().min(length)]);
        let found = transport.ok_or(DropReason::OuterMalformed)?;
        if found.fragment.is_some() {
            return Err(DropReason::OuterFragment);
        }
        match found.protocol {
            ipv4::GRE => {
                self.nvgre_unusual(Outer { bytes, l3, header: found.offset, length, source, tos }, place)
            }
            ipv6::ICMP => Ok(Way::Punt(Punt::Local { interface: self.known.id })),
            _ => Err(DropReason::OuterProtocolUnknown),
        }
    }

    /// As [`Self::nvgre`], for headers with options or extensions and packets too short for an inner IPv4 header.
    #[cold]
    #[inline(never)]
    fn nvgre_unusual(&mut self, outer: Outer<'_>, place: u8) -> Result<Way, DropReason> {
        self.nvgre(outer, place)
    }

    /// Reads GRE, inner Ethernet, inner IP or ARP.
    #[inline(always)]
    fn nvgre(&mut self, outer: Outer<'_>, place: u8) -> Result<Way, DropReason> {
        // Bytes after the outer packet's end are padding, none of the inner frame's.
        let Outer { header, length, l3, .. } = outer;
        let bytes = &outer.bytes[..outer.bytes.len().min(length)];
        let after_outer = bytes.get(header..).unwrap_or_default();
        let Ok((gre, after)) = Gre::ref_from_prefix(after_outer) else {
            return Err(truncated_gre(after_outer));
        };
        if !gre.is_nvgre() {
            return Err(gre_reason(gre.why_invalid()));
        }
        let vsid = gre.vsid();
        if vsid.is_reserved() && !self.stages.allow_reserved_vsids {
            return Err(DropReason::VsidReserved);
        }
        if vsid == Vsid::VENDOR {
            return Err(DropReason::VsidVendor);
        }
        let Ok((frame, bytes)) = Ethernet::ref_from_prefix(after) else {
            return Err(DropReason::Malformed);
        };
        let offset = header + gre::HEADER + ethernet::HEADER;
        let inner =
            Inner { bytes, l3: l3 + offset, length: length - offset, vsid, stations: frame.stations() };
        match frame.ethertype() {
            ethernet::IPV4 => self.inner_ipv4(inner, &outer, place),
            ethernet::IPV6 => self.inner_ipv6(inner, &outer, place),
            ethernet::ARP => {
                let (arp, _) = Arp::checked(inner.bytes).ok_or(DropReason::ArpIgnored)?;
                self.ipv4.packets.came_from(place, outer.source);
                let packet = &mut self.ipv4.packets[place];
                packet.source = arp.sender().into();
                packet.length = inner.length as u16;
                inner.note(packet, self.known.id);
                packet.kind = Kind::Ours;
                Ok(Way::Lane(Family::V4, Origin::Tenant))
            }
            tag if ethernet::is_tag(tag) => Err(DropReason::InnerVlan),
            _ => Err(DropReason::UnsupportedEthertype),
        }
    }

    #[inline(always)]
    fn inner_ipv4(&mut self, inner: Inner<'_>, outer: &Outer<'_>, place: u8) -> Result<Way, DropReason> {
        let header = Ipv4::checked(inner.bytes, inner.length).map_err(|invalid| match invalid {
            ipv4::Invalid::Malformed => DropReason::Malformed,
            ipv4::Invalid::Checksum => DropReason::IpChecksum,
        })?;
        if !ipv4::may_send(header.source()) {
            return Err(DropReason::InnerMartianSource);
        }
        if ipv4::is_multicast_or_reserved(header.destination()) {
            return Err(DropReason::MulticastUnsupported);
        }
        let tos = decapsulated(header.tos, outer.tos)?;
        self.ipv4.packets.came_from(place, outer.source);
        let packet = &mut self.ipv4.packets[place];
        packet.source = header.source();
        packet.destination = header.destination();
        packet.length = header.total_length() as u16;
        packet.tos = tos;
        packet.ttl = header.ttl;
        inner.note(packet, self.known.id);
        Ok(Way::Lane(Family::V4, Origin::Tenant))
    }

    #[inline(never)]
    fn inner_ipv6(&mut self, inner: Inner<'_>, outer: &Outer<'_>, place: u8) -> Result<Way, DropReason> {
        let header = Ipv6::checked(inner.bytes, inner.length).ok_or(DropReason::Malformed)?;
        let (source, destination) = (header.source(), header.destination());
        let about_neighbors = is_about_neighbors(header, inner.bytes);
        if !about_neighbors && !ipv6::may_receive(destination) {
            return Err(DropReason::MulticastUnsupported);
        }
        let kind = if ipv6::may_send(source) {
            if about_neighbors || ipv6::is_link_local(destination) { Kind::Ours } else { Kind::Routed }
        } else if ipv6::is_link_local(source) || source == 0 && about_neighbors {
            Kind::LinkLocal
        } else {
            return Err(DropReason::InnerMartianSource);
        };
        let tos = decapsulated(header.traffic_class(), outer.tos)?;
        self.ipv6.packets.came_from(place, outer.source);
        let packet = &mut self.ipv6.packets[place];
        packet.source = source;
        packet.destination = destination;
        packet.length = header.total_length().min(usize::from(u16::MAX)) as u16;
        packet.tos = tos;
        packet.ttl = header.hop_limit;
        inner.note(packet, self.known.id);
        packet.kind = kind;
        Ok(Way::Lane(Family::V6, Origin::Tenant))
    }
}

impl Inner<'_> {
    /// Notes what NVGRE's headers say of a packet.
    #[inline(always)]
    fn note<A: AddressFamily>(&self, packet: &mut Packet<A>, interface: InterfaceId) {
        packet.came_from_tenant(self.vsid, interface, self.l3);
        packet.stations = self.stations;
    }
}

/// The DSCP and ECN that an inner packet goes on with.
#[inline(always)]
pub(super) fn decapsulated(inner: u8, outer: u8) -> Result<u8, DropReason> {
    if outer & 3 == 0 {
        return Ok(inner);
    }
    let ecn = ECN[usize::from(inner & 3)][usize::from(outer & 3)];
    if ecn == 0xff { Err(DropReason::CongestionMark) } else { Ok(inner & 0xfc | ecn) }
}

/// A header without a key may say itself that it has none.
#[cold]
fn truncated_gre(bytes: &[u8]) -> DropReason {
    let word = bytes.first_chunk().map(|word| u32::from_be_bytes(*word));
    word.and_then(gre::fault_of_truncated).map_or(DropReason::OuterMalformed, gre_reason)
}

#[cold]
const fn gre_reason(invalid: gre::Invalid) -> DropReason {
    match invalid {
        gre::Invalid::Checksum => DropReason::GreChecksumBit,
        gre::Invalid::NoKey => DropReason::GreNoKey,
        gre::Invalid::Flags => DropReason::GreFlags,
        gre::Invalid::Version => DropReason::GreVersion,
        gre::Invalid::Protocol => DropReason::GreProtocol,
    }
}
