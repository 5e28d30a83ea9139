//! Outer headers: which lane a packet takes.

use dpdk_bindings::{BURST, Burst, Mbuf};
use nvgw_types::{InterfaceId, PortId, Vsid};
use zerocopy::FromBytes;

use super::lane::{Lane, Origin, Packet, Packets, append};
use super::output::Outputs;
use super::pipeline::Stages;
use crate::packet::arp::Arp;
use crate::packet::ethernet::{self, Ethernet};
use crate::packet::gre::{self, Gre};
use crate::packet::ipv4::{self, Ipv4};
use crate::tables::ReadSection;
use crate::tables::entries::{Interface, InterfaceKind, ipv4_mapped};
use crate::tables::exchange::Punt;
use crate::tables::set::LocalAddress;
use crate::telemetry::DropReason;

/// What a packet's outer headers say about its way.
enum Way {
    /// Decapsulation.
    Tenant,
    /// Routing.
    Outside,
    /// The control thread.
    Punt(Punt),
}

/// RFC 6040 §4.2: the ECN field that leaves, by inner and outer field as they came; 0xFF drops.
const ECN: [[u8; 4]; 4] = [
    // outer: Not-ECT, ECT(1), ECT(0), CE
    [0, 0, 0, 0xff], // inner Not-ECT
    [1, 1, 1, 3],    // inner ECT(1)
    [2, 1, 2, 3],    // inner ECT(0)
    [3, 3, 3, 3],    // inner CE
];

/// Splits a burst into the tenants' lane and the outside's lane; what is for the gateway itself goes to the control
/// thread, the rest is counted.
#[inline(never)]
pub(super) fn parse<S: ReadSection>(
    stages: &Stages<'_>,
    section: &S,
    port: PortId,
    packets: &mut Packets,
    burst: &mut Burst,
    lanes: (&mut Lane<u8>, &mut Lane<u8>),
    out: &mut Outputs,
) {
    let (tenants, outside) = lanes;
    let mut parser =
        Parser { stages, section, port, vlan: u16::MAX, interface: InterfaceId(0), of: None, ours: 0 };
    let mut bytes = 0;
    for place in 0..burst.len().min(BURST) as u8 {
        if let Some(next) = burst.get(usize::from(place) + AHEAD) {
            next.prefetch_data();
        }
        let Some(mbuf) = burst.get(usize::from(place)) else { continue };
        bytes += u64::from(mbuf.pkt_len());
        let packet = &mut packets[place];
        match parser.way(mbuf.data(), mbuf.pkt_len() as usize, packet) {
            Ok(Way::Tenant) => append(tenants, place),
            Ok(Way::Outside) => append(outside, place),
            Ok(Way::Punt(punt)) => out.punt(stages.counters, burst, place, 0, punt),
            Err(reason) => stages.counters.drop(reason),
        }
    }
    if stages.fresh {
        stages.counters.port(port).rx.add(burst.len() as u64, bytes);
    }
}

/// Reads IP packets that another pass has checked, which come from one customer for another's public address.
pub(super) fn read_around(packets: &mut Packets, burst: &Burst) -> Lane<u8> {
    let mut lane = Lane::new();
    for place in 0..burst.len().min(BURST) as u8 {
        let bytes = burst.get(usize::from(place)).map(Mbuf::data).unwrap_or_default();
        let (Ok((header, _)), Some(sender)) = (Ipv4::ref_from_prefix(bytes), packets.sender(place)) else {
            continue;
        };
        packets[place] = Packet {
            source: header.source(),
            destination: header.destination(),
            vrf: sender.external,
            length: header.total_length() as u16,
            tos: header.tos,
            ttl: header.ttl,
            origin: Origin::Outside,
            around: true,
            ..Packet::EMPTY
        };
        append(&mut lane, place);
    }
    lane
}

/// Outer IPv4, GRE, inner Ethernet, inner IPv4, no options.
const SHORTEST: usize = 2 * ipv4::HEADER + gre::HEADER + ethernet::HEADER;

/// How many packets ahead the frames' first lines are asked for.
const AHEAD: usize = 4;

/// Reads headers, and remembers from one packet to the next what trains of packets have in common.
struct Parser<'s, S> {
    stages: &'s Stages<'s>,
    section: &'s S,
    port: PortId,
    vlan: u16,
    interface: InterfaceId,
    of: Option<&'s Interface>,
    /// A destination known to be ours on `interface`.
    ours: u32,
}

impl<S: ReadSection> Parser<'_, S> {
    /// Reads a frame's outer headers. `data` is its first segment, `length` the whole frame's length.
    #[inline(always)]
    fn way(&mut self, data: &[u8], length: usize, packet: &mut Packet) -> Result<Way, DropReason> {
        let Ok((frame, mut rest)) = Ethernet::ref_from_prefix(data) else {
            return Err(DropReason::OuterMalformed);
        };
        let mut ethertype = frame.ethertype();
        let mut vlan = 0;
        if ethertype == ethernet::VLAN {
            let Ok((tag, after)) = ethernet::Tag::ref_from_prefix(rest) else {
                return Err(DropReason::OuterMalformed);
            };
            (vlan, ethertype, rest) = (tag.vlan(), tag.ethertype(), after);
        }
        let l3 = data.len() - rest.len();
        if vlan != self.vlan || self.of.is_none() {
            let interfaces = &self.stages.tables.interfaces;
            self.interface = interfaces.resolve(self.port, vlan).ok_or(DropReason::VlanUnknown)?;
            self.of = Some(interfaces.get(self.section, self.interface));
            self.vlan = vlan;
            self.ours = 0;
        }
        let Some(interface) = self.of else { return Err(DropReason::VlanUnknown) };
        packet.interface = self.interface;
        (packet.around, packet.translation) = (false, None);

        let destination = frame.destination();
        if destination != interface.mac && (destination.is_multicast() || interface.check_mac) {
            if !destination.is_multicast() {
                return Err(DropReason::NotOurMac);
            }
            if ethertype == ethernet::IPV4 {
                return Err(DropReason::MulticastUnsupported);
            }
        }
        match ethertype {
            ethernet::IPV4 => {}
            ethernet::ARP => return Ok(Way::Punt(Punt::Neighbor { interface: self.interface })),
            _ => return Err(DropReason::EthertypeUnknown),
        }
        let header = Ipv4::checked(rest, length - l3).map_err(|invalid| match invalid {
            ipv4::Invalid::Malformed => DropReason::OuterMalformed,
            ipv4::Invalid::Checksum => DropReason::OuterChecksum,
        })?;
        if !ipv4::may_send(header.source()) {
            return Err(DropReason::OuterMartianSource);
        }
        match interface.kind {
            InterfaceKind::External(vrf) => {
                if ipv4::is_multicast_or_reserved(header.destination()) {
                    return Err(DropReason::MulticastUnsupported);
                }
                packet.arp = false;
                packet.source = header.source();
                packet.destination = header.destination();
                packet.vrf = vrf;
                packet.l3 = l3 as u16;
                packet.length = header.total_length() as u16;
                packet.tos = header.tos;
                packet.ttl = header.ttl;
                packet.origin = Origin::Outside;
                Ok(Way::Outside)
            }
            InterfaceKind::Provider => {
                if header.destination() != self.ours {
                    self.provider_address(header.destination())?;
                    self.ours = header.destination();
                }
                // One code, compiled twice: where the lengths are those of nearly every packet, they are constants and
                // their checks vanish.
                let usual = header.header_length() == ipv4::HEADER
                    && rest.len() >= SHORTEST
                    && header.total_length() >= SHORTEST;
                if usual {
                    self.nvgre(header, rest, l3, ipv4::HEADER, packet)
                } else {
                    self.nvgre_unusual(header, rest, l3, packet)
                }
            }
        }
    }

    /// Whether a provider address is one of ours on the interface.
    fn provider_address(&self, address: u32) -> Result<(), DropReason> {
        let key = LocalAddress::key_of(ipv4_mapped(address));
        match self.stages.tables.locals.get(self.section, &key) {
            Some(local) if local.interface == self.interface => Ok(()),
            _ if ipv4::is_multicast_or_reserved(address) => Err(DropReason::MulticastUnsupported),
            _ => Err(DropReason::OuterDestinationUnknown),
        }
    }

    /// As [`Self::nvgre`], for headers with options and packets too short for an inner IPv4 header.
    #[cold]
    #[inline(never)]
    fn nvgre_unusual(
        &self,
        outer: &Ipv4,
        bytes: &[u8],
        l3: usize,
        packet: &mut Packet,
    ) -> Result<Way, DropReason> {
        self.nvgre(outer, bytes, l3, outer.header_length(), packet)
    }

    /// Reads what follows an outer IPv4 header of `header` bytes that is for us: GRE, inner Ethernet, inner IP or ARP.
    #[inline(always)]
    fn nvgre(
        &self,
        outer: &Ipv4,
        bytes: &[u8],
        l3: usize,
        header: usize,
        packet: &mut Packet,
    ) -> Result<Way, DropReason> {
        if outer.protocol() != ipv4::GRE {
            return if outer.protocol() == ipv4::ICMP {
                Ok(Way::Punt(Punt::Local { interface: self.interface }))
            } else {
                Err(DropReason::OuterProtocolUnknown)
            };
        }
        if outer.is_fragment() {
            return Err(DropReason::OuterFragment);
        }
        // Bytes after the outer packet's end are padding, none of the inner frame's.
        let length = outer.total_length();
        let bytes = &bytes[..bytes.len().min(length)];
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
        let Ok((frame, inner)) = Ethernet::ref_from_prefix(after) else {
            return Err(DropReason::Malformed);
        };
        packet.vsid = vsid;
        packet.hash = self.stages.tables.subnets.hash(&vsid);
        self.stages.tables.subnets.prefetch(packet.hash);
        packet.outer_source = outer.source();
        packet.source_mac = frame.source();
        packet.destination_mac = frame.destination();
        packet.origin = Origin::Tenant;
        packet.arp = false;
        let offset = header + gre::HEADER + ethernet::HEADER;
        packet.l3 = (l3 + offset) as u16;
        match frame.ethertype() {
            ethernet::IPV4 => {}
            ethernet::ARP => {
                let (arp, _) = Arp::checked(inner).ok_or(DropReason::ArpIgnored)?;
                packet.source = arp.sender().into();
                packet.length = (length - offset) as u16;
                packet.arp = true;
                return Ok(Way::Tenant);
            }
            tag if ethernet::is_tag(tag) => return Err(DropReason::InnerVlan),
            _ => return Err(DropReason::UnsupportedEthertype),
        }
        let header = Ipv4::checked(inner, length - offset).map_err(|invalid| match invalid {
            ipv4::Invalid::Malformed => DropReason::Malformed,
            ipv4::Invalid::Checksum => DropReason::IpChecksum,
        })?;
        if !ipv4::may_send(header.source()) {
            return Err(DropReason::InnerMartianSource);
        }
        if ipv4::is_multicast_or_reserved(header.destination()) {
            return Err(DropReason::MulticastUnsupported);
        }
        let ecn = ECN[usize::from(header.tos & 3)][usize::from(outer.tos & 3)];
        if ecn == 0xff {
            return Err(DropReason::CongestionMark);
        }
        packet.source = header.source();
        packet.destination = header.destination();
        packet.length = header.total_length() as u16;
        packet.tos = header.tos & 0xfc | ecn;
        packet.ttl = header.ttl;
        Ok(Way::Tenant)
    }
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
