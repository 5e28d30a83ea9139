//! Outer headers: which lane a packet takes.

mod entry;
mod known;
mod nvgre;
mod shape;
mod usual;

use dpdk_bindings::{BURST, Burst, Mbuf};
use nvgw_types::{Family, PortId};
use zerocopy::FromBytes;

use super::lane::{Lane, Origin, Packet, Packets, append};
use super::output::Outputs;
use super::pipeline::Stages;
use super::reassemble::Reassembly;
use crate::packet::ethernet::{self, Ethernet};
use crate::packet::ipv4::{self, Ipv4};
use crate::packet::ipv6::{self, Ipv6};
use crate::tables::ReadSection;
use crate::tables::entries::{Interface, InterfaceKind, Record, Subnet, ipv4_mapped};
use crate::tables::exchange::{Millis, Punt};
use crate::tables::hash::Candidate;
use crate::tables::set::LocalAddress;
use crate::telemetry::DropReason;
use entry::Entry;
pub(super) use known::Known;

/// What a packet's outer headers say about its way.
enum Way {
    /// The lanes of this family.
    Lane(Family, Origin),
    /// The control thread.
    Punt(Punt),
}

/// The packets of one family in a burst, by where they came from.
#[derive(Default)]
pub(super) struct Lanes<'s> {
    pub(super) tenants: Lane<Arrived<'s>>,
    pub(super) outside: Lane<u8>,
}

/// A tenant's packet, the entry of its VSID on its way from memory, and what may be the record of its sender, once
/// somebody has looked.
pub(super) struct Arrived<'s> {
    pub(super) place: u8,
    pub(super) subnet: &'s Subnet,
    pub(super) sender: Candidate<'s, Record>,
}

impl Lanes<'_> {
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.tenants.is_empty() && self.outside.is_empty()
    }
}

/// Where the parser notes what it reads.
pub(super) struct Notes<'p> {
    pub(super) ipv4: &'p mut Packets<u32>,
    pub(super) ipv6: &'p mut Packets<u128>,
    /// What is remembered of the port.
    pub(super) known: &'p mut Known,
    /// Outer fragments, and what time it is for them; `None`: they are dropped.
    pub(super) reassembly: Option<(&'p mut Reassembly, Millis)>,
}

/// Splits a burst into lanes, one pair for each family; what is for the gateway itself goes to the control thread, the
/// rest is counted. `CHECKED`: devices may have checked packets.
#[inline(never)]
pub(super) fn parse<'s, const CHECKED: bool, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    port: PortId,
    notes: Notes<'_>,
    burst: &mut Burst,
    lanes: (&mut Lanes<'s>, &mut Lanes<'s>),
    out: &mut Outputs,
) {
    let Notes { ipv4, ipv6, known, reassembly } = notes;
    let interface = known.check(stages.tables, section, port);
    let mut parser = Parser {
        stages,
        section,
        port,
        known,
        interface,
        ipv4: Entry::new(stages, ipv4, lanes.0),
        ipv6: Entry::new(stages, ipv6, lanes.1),
        reassembly,
    };
    let mut bytes = 0;
    for place in 0..burst.len() {
        let Some(mbuf) = burst.get(place) else { continue };
        mbuf.prefetch_data();
        bytes += u64::from(mbuf.pkt_len());
    }
    let arrived = burst.len() as u8;
    let mut next = 0;
    loop {
        let place = parser.usual::<CHECKED>(burst, next);
        if place == arrived {
            break;
        }
        next = place + 1;
        match parser.unusual(burst, place) {
            Some(Ok(Way::Lane(Family::V4, origin))) => parser.ipv4.enter(stages, section, place, origin),
            Some(Ok(Way::Lane(Family::V6, origin))) => parser.ipv6.enter(stages, section, place, origin),
            Some(Ok(Way::Punt(punt))) => out.punt(stages.counters, burst, place, 0, punt),
            Some(Err(reason)) => stages.counters.drop(reason),
            None => {}
        }
    }
    if stages.fresh {
        stages.counters.port(port).rx.add(arrived.into(), bytes);
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

/// Reads headers, and remembers from one packet to the next what trains of packets have in common.
struct Parser<'s, 'p, S> {
    stages: &'p Stages<'s>,
    section: &'s S,
    port: PortId,
    /// The interface that the last frame came by, and what is known of it.
    interface: Option<&'s Interface>,
    known: &'p mut Known,
    ipv4: Entry<'s, 'p, u32>,
    ipv6: Entry<'s, 'p, u128>,
    /// Where outer fragments are put together, if they are, and when that is.
    reassembly: Option<(&'p mut Reassembly, Millis)>,
}

impl<'s, S: ReadSection> Parser<'s, '_, S> {
    /// Reads a frame of whatever shape; `None` where it waits for other fragments or was dropped and counted.
    #[inline(never)]
    fn unusual(&mut self, burst: &mut Burst, place: u8) -> Option<Result<Way, DropReason>> {
        let mbuf = burst.get(usize::from(place))?;
        match self.way(mbuf.data(), mbuf.pkt_len() as usize, place) {
            Err(DropReason::OuterFragment) => self.join(burst, place),
            way => Some(way),
        }
    }

    /// Reads a frame's outer headers. `data` is its first segment, `length` the whole frame's length.
    #[inline(always)]
    fn way(&mut self, data: &[u8], length: usize, place: u8) -> Result<Way, DropReason> {
        let Ok((frame, mut rest)) = Ethernet::ref_from_prefix(data) else {
            return Err(DropReason::OuterMalformed);
        };
        let mut ethertype = frame.ethertype();
        let mut tag = None;
        if ethertype == ethernet::VLAN {
            let Ok((control, after)) = ethernet::Tag::ref_from_prefix(rest) else {
                return Err(DropReason::OuterMalformed);
            };
            (tag, ethertype, rest) = (Some(control.vlan()), control.ethertype(), after);
        }
        let l3 = data.len() - rest.len();
        let interface = self.interface(tag)?;

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
            ethernet::IPV6 => {
                let packet =
                    Ipv6Packet { bytes: rest, l3, length: length - l3, to_group: destination.is_multicast() };
                return self.ipv6(interface, packet, place);
            }
            ethernet::ARP => return Ok(Way::Punt(Punt::Neighbor { interface: self.known.id })),
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
                let packet = &mut self.ipv4.packets[place];
                packet.came_from_outside(vrf, self.known.id, l3);
                packet.source = header.source();
                packet.destination = header.destination();
                packet.length = header.total_length() as u16;
                packet.tos = header.tos;
                packet.ttl = header.ttl;
                Ok(Way::Lane(Family::V4, Origin::Outside))
            }
            InterfaceKind::Provider => {
                self.provider_address(ipv4_mapped(header.destination()), || {
                    ipv4::is_multicast_or_reserved(header.destination())
                })?;
                self.over_ipv4(header, rest, l3, place)
            }
        }
    }

    /// The interface of frames with this tag, if any. Most frames of a train come by the same.
    #[inline(always)]
    fn interface(&mut self, tag: Option<u16>) -> Result<&'s Interface, DropReason> {
        if let Some(interface) = self.interface
            && tag == self.known.tag
        {
            return Ok(interface);
        }
        let interfaces = &self.stages.tables.interfaces;
        let id = interfaces.resolve(self.port, tag.unwrap_or(0)).ok_or(DropReason::VlanUnknown)?;
        let interface = interfaces.get(self.section, id);
        self.known.meet(tag, id, *interface);
        self.interface = Some(interface);
        Ok(interface)
    }

    /// Takes an outer fragment, and reads its packet if that makes it whole; `None` where it waits for others or was
    /// dropped and counted.
    #[cold]
    #[inline(never)]
    fn join(&mut self, burst: &mut Burst, place: u8) -> Option<Result<Way, DropReason>> {
        let Some((reassembly, now)) = &mut self.reassembly else {
            return Some(Err(DropReason::OuterFragment));
        };
        if !reassembly.join(*now, self.stages.counters, burst, place) {
            return None;
        }
        let whole = burst.get(usize::from(place))?;
        Some(self.way(whole.data(), whole.pkt_len() as usize, place))
    }

    /// Reads an IPv6 packet.
    #[inline(never)]
    fn ipv6(
        &mut self,
        interface: &'s Interface,
        packet: Ipv6Packet<'_>,
        place: u8,
    ) -> Result<Way, DropReason> {
        let Ipv6Packet { bytes, l3, length, to_group } = packet;
        let header = Ipv6::checked(bytes, length).ok_or(DropReason::OuterMalformed)?;
        if is_about_neighbors(header, bytes) {
            return Ok(Way::Punt(Punt::Neighbor { interface: self.known.id }));
        }
        // What came to many is for none of them alone, whatever it says, and nobody is told of it (RFC 4443 §2.4 (e.4)).
        if to_group || !ipv6::may_receive(header.destination()) {
            return Err(DropReason::MulticastUnsupported);
        }
        // Only within its link is a link-local address anybody's.
        let on_link = ipv6::is_link_local(header.destination());
        if !(ipv6::may_send(header.source()) || on_link && ipv6::is_link_local(header.source())) {
            return Err(DropReason::OuterMartianSource);
        }
        if on_link {
            return Ok(Way::Punt(Punt::Local { interface: self.known.id }));
        }
        match interface.kind {
            InterfaceKind::External(vrf) => {
                let packet = &mut self.ipv6.packets[place];
                packet.came_from_outside(vrf, self.known.id, l3);
                packet.source = header.source();
                packet.destination = header.destination();
                packet.length = header.total_length().min(usize::from(u16::MAX)) as u16;
                packet.tos = header.traffic_class();
                packet.ttl = header.hop_limit;
                Ok(Way::Lane(Family::V6, Origin::Outside))
            }
            InterfaceKind::Provider => {
                self.provider_address(header.destination(), || false)?;
                self.over_ipv6(header, bytes, l3, place)
            }
        }
    }

    /// Whether a provider address is one of ours on the interface. Most packets of a train go to the same.
    #[inline(always)]
    fn provider_address(&mut self, address: u128, is_group: impl FnOnce() -> bool) -> Result<(), DropReason> {
        if self.known.is_ours(address) {
            return Ok(());
        }
        match self.stages.tables.locals.get(self.section, &LocalAddress::key_of(address)) {
            Some(local) if local.interface == self.known.id => {
                self.known.expect(address);
                Ok(())
            }
            _ if is_group() => Err(DropReason::MulticastUnsupported),
            _ => Err(DropReason::OuterDestinationUnknown),
        }
    }
}

/// An IPv6 packet in a frame.
struct Ipv6Packet<'b> {
    /// Its first segment, from its header on.
    bytes: &'b [u8],
    /// Where it begins, in bytes from the start of the frame.
    l3: usize,
    /// How many bytes there are.
    length: usize,
    /// Whether the frame is for more than one station.
    to_group: bool,
}

/// Whether a packet is one that neighbours exchange, as far as that can be told before it is checked: ICMPv6 of the
/// types 133 to 137 that no router has forwarded (RFC 4861 §4).
#[inline(always)]
fn is_about_neighbors(header: &Ipv6, bytes: &[u8]) -> bool {
    header.next_header() == ipv6::ICMP
        && header.hop_limit == u8::MAX
        && matches!(bytes.get(ipv6::HEADER), Some(133..=137))
}
