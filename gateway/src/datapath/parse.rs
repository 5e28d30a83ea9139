//! Outer headers: which lane a packet takes.

mod nvgre;
mod usual;

use dpdk_bindings::{BURST, Burst, Mbuf};
use nvgw_types::{Family, InterfaceId, PortId, Vsid};
use zerocopy::FromBytes;

use super::family::AddressFamily;
use super::lane::{Lane, Origin, Packet, Packets, append};
use super::output::Outputs;
use super::pipeline::Stages;
use super::reassemble::Reassembly;
use crate::packet::ethernet::{self, Ethernet};
use crate::packet::ipv4::{self, Ipv4};
use crate::packet::ipv6::{self, Ipv6};
use crate::tables::ReadSection;
use crate::tables::entries::{Interface, InterfaceKind, Subnet, ipv4_mapped};
use crate::tables::exchange::{Millis, Punt};
use crate::tables::set::LocalAddress;
use crate::telemetry::DropReason;

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

/// A tenant's packet, and the entry of its VSID, if there is one, on its way from memory.
pub(super) struct Arrived<'s> {
    pub(super) place: u8,
    pub(super) subnet: Option<&'s Subnet>,
}

impl<'s> Lanes<'s> {
    /// Takes a packet in where it came from.
    #[inline(always)]
    fn take_in<A: AddressFamily, S: ReadSection>(
        &mut self,
        stages: &Stages<'s>,
        section: &'s S,
        packets: &Packets<A>,
        place: u8,
        origin: Origin,
    ) {
        match origin {
            Origin::Tenant => {
                let subnet = stages.tables.subnets.locate(section, packets[place].vsid);
                append(&mut self.tenants, Arrived { place, subnet });
            }
            Origin::Outside => append(&mut self.outside, place),
        }
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.tenants.is_empty() && self.outside.is_empty()
    }
}

/// Where the parser notes what it reads.
pub(super) struct Notes<'p> {
    pub(super) ipv4: &'p mut Packets<u32>,
    pub(super) ipv6: &'p mut Packets<u128>,
    /// Outer fragments, and what time it is for them; `None`: they are dropped.
    pub(super) reassembly: Option<(&'p mut Reassembly, Millis)>,
}

/// Splits a burst into lanes, one pair for each family; what is for the gateway itself goes to the control thread, the
/// rest is counted. `CHECKED`: the device may have checked packets.
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
    let Notes { ipv4, ipv6, reassembly } = notes;
    let mut parser = Parser {
        stages,
        section,
        port,
        first_vsid: if stages.allow_reserved_vsids { 0 } else { Vsid::FIRST.get() },
        vlan: u16::MAX,
        interface: InterfaceId(0),
        of: None,
        ours: 0,
        ours_ipv4: u64::MAX,
        ipv4,
        ipv6,
        reassembly,
    };
    let mut bytes = 0;
    for place in 0..burst.len().min(BURST) as u8 {
        if let Some(next) = burst.get(usize::from(place) + AHEAD) {
            next.prefetch_data();
        }
        let Some(mbuf) = burst.get(usize::from(place)) else { continue };
        bytes += u64::from(mbuf.pkt_len());
        let checked = CHECKED && mbuf.is_checked_ipv4();
        let lane = match parser.usual(checked, mbuf.data(), mbuf.pkt_len() as usize, place) {
            Some(lane) => lane,
            None => match parser.unusual(burst, place) {
                Some(Ok(Way::Lane(family, origin))) => (family, origin),
                Some(Ok(Way::Punt(punt))) => {
                    out.punt(stages.counters, burst, place, 0, punt);
                    continue;
                }
                Some(Err(reason)) => {
                    stages.counters.drop(reason);
                    continue;
                }
                None => continue,
            },
        };
        match lane {
            (Family::V4, origin) => lanes.0.take_in(stages, section, parser.ipv4, place, origin),
            (Family::V6, origin) => lanes.1.take_in(stages, section, parser.ipv6, place, origin),
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

/// How many packets ahead the frames' first lines are asked for.
const AHEAD: usize = 4;

/// Reads headers, and remembers from one packet to the next what trains of packets have in common.
struct Parser<'s, 'p, S> {
    stages: &'s Stages<'s>,
    section: &'s S,
    port: PortId,
    /// The first VSID that is accepted.
    first_vsid: u32,
    vlan: u16,
    interface: InterfaceId,
    of: Option<&'s Interface>,
    /// A destination known to be ours on `interface`, as a number; 0: none.
    ours: u128,
    /// Likewise, IPv4; more than an address has bits: none.
    ours_ipv4: u64,
    ipv4: &'p mut Packets<u32>,
    ipv6: &'p mut Packets<u128>,
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
            let interface = interfaces.get(self.section, self.interface);
            self.of = Some(interface);
            self.vlan = vlan;
            (self.ours, self.ours_ipv4) = (0, u64::MAX);
        }
        let Some(interface) = self.of else { return Err(DropReason::VlanUnknown) };

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
                let packet = &mut self.ipv4[place];
                packet.came_from_outside(vrf, self.interface, l3);
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
                self.ours_ipv4 = u64::from(header.destination());
                self.over_ipv4(header, rest, l3, place)
            }
        }
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
            return Ok(Way::Punt(Punt::Neighbor { interface: self.interface }));
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
            return Ok(Way::Punt(Punt::Local { interface: self.interface }));
        }
        match interface.kind {
            InterfaceKind::External(vrf) => {
                let packet = &mut self.ipv6[place];
                packet.came_from_outside(vrf, self.interface, l3);
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
        if address == self.ours {
            return Ok(());
        }
        match self.stages.tables.locals.get(self.section, &LocalAddress::key_of(address)) {
            Some(local) if local.interface == self.interface => {
                self.ours = address;
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
