//! Rewrites: the prebuilt headers of one way out.

use std::net::IpAddr;

use nvgw_types::{Family, InterfaceId, MacAddr, NeighborId, PortId};
use zerocopy::IntoBytes;

use super::record::HEADERS;
use super::{Dscp, Record};
use crate::packet::{ethernet, gre, ipv4, ipv6};

/// The longest template but over IPv6: Ethernet, 802.1Q and IPv4, rounded up to whole 16-byte stores.
const TAIL: usize = 48;
const _: () = assert!(ethernet::HEADER + ethernet::TAG + ipv4::HEADER <= TAIL);
/// What a template over IPv6 has more, likewise.
const HEAD: usize = 16;
/// The end of a template that the headers of a plain way out are in.
const PLAIN: usize = 32;
const _: () = assert!(ethernet::HEADER + ethernet::TAG <= PLAIN && PLAIN <= TAIL);
const TEMPLATE: usize = HEAD + TAIL;
const _: () = assert!(ethernet::HEADER + ethernet::TAG + ipv6::HEADER <= TEMPLATE);
/// Every template over IPv6 begins in the head, which tells it from the others.
const _: () = assert!(ethernet::HEADER + ipv6::HEADER > TAIL);

/// Whether the way out can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The next hop's Ethernet address is known.
    Resolved,
    /// Likewise, and the device fills in the checksum of the outer IPv4 header.
    LeftToDevice,
    /// It is not known yet: packets go to the control thread, complete but for that address.
    Unresolved,
    /// No route leads there.
    NoRoute,
}

/// The NVGRE tunnel of a way out. Its ends are of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tunnel {
    /// Our provider address of the site that routes to the peer.
    pub source: IpAddr,
    /// The peer.
    pub destination: IpAddr,
    /// Outer TTL or hop limit.
    pub ttl: u8,
    /// Outer DSCP.
    pub dscp: Dscp,
    /// Whether the outer ECN field is cleared (RFC 6040 §4.1, compatibility mode), not copied.
    pub ecn_compatible: bool,
}

/// What a rewrite is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RewriteSpec {
    /// Whether it can be used.
    pub reach: Reach,
    /// The port packets leave by.
    pub port: PortId,
    /// The interface they leave by.
    pub interface: InterfaceId,
    /// The 802.1Q tag they get.
    pub vlan: Option<u16>,
    /// Our Ethernet address.
    pub source: MacAddr,
    /// The next hop's Ethernet address; zeros while it is not known.
    pub destination: MacAddr,
    /// The biggest IP packet, outer headers included, in bytes.
    pub mtu: u16,
    /// The neighbour entry of the next hop.
    pub neighbor: NeighborId,
    /// The family of packets that leave by a plain way; a tunnel has its own.
    pub family: Family,
    /// The tunnel, where the way leads through one.
    pub tunnel: Option<Tunnel>,
}

/// A way out: prebuilt Ethernet (and 802.1Q, and outer IP) headers, right-aligned in a fixed block so that they are
/// written by a few wide stores whatever their length. One cache line, and a second one that only tunnels over IPv6 and
/// packets that do not fit read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Rewrite {
    neighbor: NeighborId,
    port: PortId,
    interface: InterfaceId,
    /// The biggest inner IP packet that can be sent right away: none where the way out is not resolved.
    limit: u16,
    /// Ones' complement sum of the outer IPv4 header of an empty inner packet, TOS zero.
    sum: u16,
    reach: Reach,
    /// Bytes of the template that count; they end it.
    length: u8,
    /// The outer TOS bits that are fixed, and which bits of the inner TOS are copied.
    tos_fixed: u8,
    tos_copied: u8,
    tail: [u8; TAIL],
    head: [u8; HEAD],
    /// The biggest inner IP packet.
    mtu: u16,
}

const _: () = assert!(std::mem::offset_of!(Rewrite, head) == 64 && size_of::<Rewrite>() == 128);

/// What encapsulation needs to know of the inner packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inner {
    /// Its length in bytes.
    pub length: u16,
    /// Its DSCP and ECN.
    pub tos: u8,
    /// A hash of its flow.
    pub flow: u8,
}

impl Rewrite {
    /// How many bytes before the packet a rewrite may write to.
    pub const ROOM: usize = TEMPLATE + HEADERS;
    const OVERHEAD: u16 = (ipv4::HEADER + HEADERS) as u16;
    /// How the outer IPv4 header of an empty inner packet begins: version and header length, TOS zero, total length.
    const FIRST_WORD: u32 = 0x4500_0000 | Self::OVERHEAD as u32;

    /// What a tunnel over a family takes from the MTU: outer IP, GRE, inner Ethernet (RFC 7637 §4.4).
    #[must_use]
    pub const fn overhead(family: Family) -> u16 {
        match family {
            Family::V4 => Self::OVERHEAD,
            Family::V6 => (ipv6::HEADER + HEADERS) as u16,
        }
    }

    /// Builds a rewrite.
    #[must_use]
    pub fn new(spec: &RewriteSpec) -> Self {
        let mut header = arrayvec::ArrayVec::<u8, TEMPLATE>::new();
        let mut put = |bytes: &[u8]| header.extend(bytes.iter().copied());
        let family = spec.tunnel.map_or(spec.family, |tunnel| Family::of(tunnel.destination));
        let ethertype = match family {
            Family::V4 => ethernet::IPV4,
            Family::V6 => ethernet::IPV6,
        };
        match spec.vlan {
            None => put(ethernet::Ethernet::new(spec.destination, spec.source, ethertype).as_bytes()),
            Some(vlan) => {
                put(ethernet::Ethernet::new(spec.destination, spec.source, ethernet::VLAN).as_bytes());
                put(ethernet::Tag::new(vlan, ethertype).as_bytes());
            }
        }
        let (mut sum, mut tos_fixed, mut tos_copied, mut mtu) = (0, 0, 0, spec.mtu);
        if let Some(tunnel) = &spec.tunnel {
            // Lengths, TOS and checksum are patched in for each packet.
            match (tunnel.source, tunnel.destination) {
                (IpAddr::V4(source), IpAddr::V4(destination)) => {
                    let payload = HEADERS as u16;
                    let outer = ipv4::Ipv4::new(source, destination, ipv4::GRE, tunnel.ttl, payload);
                    sum = !outer.checksum();
                    put(outer.as_bytes());
                }
                (IpAddr::V6(source), IpAddr::V6(destination)) => {
                    put(ipv6::Ipv6::new(source, destination, ipv4::GRE, tunnel.ttl, 0).as_bytes());
                }
                _ => unreachable!("the ends of a tunnel are of one family"),
            }
            match tunnel.dscp {
                Dscp::Uniform => tos_copied |= 0xfc,
                Dscp::Pipe(value) => tos_fixed |= value << 2,
            }
            if !tunnel.ecn_compatible {
                tos_copied |= 0x03;
            }
            mtu = spec.mtu.saturating_sub(Self::overhead(family));
        }
        let mut template = [0; TEMPLATE];
        template[TEMPLATE - header.len()..].copy_from_slice(&header);
        Self {
            neighbor: spec.neighbor,
            port: spec.port,
            interface: spec.interface,
            limit: if matches!(spec.reach, Reach::Resolved | Reach::LeftToDevice) { mtu } else { 0 },
            sum,
            reach: spec.reach,
            length: header.len() as u8,
            tos_fixed,
            tos_copied,
            tail: *template.last_chunk().expect("the template's end"),
            head: *template.first_chunk().expect("the template's start"),
            mtu,
        }
    }

    /// Whether it can be used.
    #[inline(always)]
    #[must_use]
    pub const fn reach(&self) -> Reach {
        self.reach
    }

    /// The port packets leave by.
    #[inline(always)]
    #[must_use]
    pub const fn port(&self) -> PortId {
        self.port
    }

    /// The interface packets leave by.
    #[inline(always)]
    #[must_use]
    pub const fn interface(&self) -> InterfaceId {
        self.interface
    }

    /// Bytes of a frame in front of its outer IPv4 header, if the way leads through a tunnel over IPv4.
    #[inline(always)]
    #[must_use]
    pub const fn before_outer_ipv4(&self) -> u8 {
        self.length.saturating_sub(ipv4::HEADER as u8)
    }

    /// The neighbour entry of the next hop.
    #[inline(always)]
    #[must_use]
    pub const fn neighbor(&self) -> NeighborId {
        self.neighbor
    }

    /// The biggest inner IP packet, in bytes, that can be sent right away: 0 where the next hop is not resolved.
    #[inline(always)]
    #[must_use]
    pub const fn limit(&self) -> u16 {
        self.limit
    }

    /// The biggest inner IP packet, in bytes.
    #[inline(always)]
    #[must_use]
    pub const fn mtu(&self) -> u16 {
        self.mtu
    }

    /// Writes the Ethernet header of a plain way out before an IP packet: `room` ends where the packet starts.
    /// Returns how many of its last bytes the header takes; those before are scratched.
    #[inline(always)]
    #[must_use]
    pub fn plain(&self, room: &mut [u8; Self::ROOM]) -> u16 {
        room[Self::ROOM - PLAIN..].copy_from_slice(&self.tail[TAIL - PLAIN..]);
        u16::from(self.length)
    }

    /// Wraps an inner IP packet for the record's VM: writes outer Ethernet, IP, GRE and inner Ethernet before it.
    /// `room` ends where the inner packet starts. Returns how many of its last bytes the headers take; those before
    /// are scratched.
    #[inline(always)]
    #[must_use]
    pub fn encapsulate(&self, room: &mut [u8; Self::ROOM], record: &Record, inner: Inner) -> u16 {
        const IP: usize = TEMPLATE - ipv4::HEADER;
        room[HEAD..TEMPLATE].copy_from_slice(&self.tail);
        room[TEMPLATE..].copy_from_slice(record.headers());
        let tos = self.tos_fixed | inner.tos & self.tos_copied;
        let flow = record.flow_id(inner.flow);
        room[TEMPLATE + gre::HEADER - 1] = flow;
        if usize::from(self.length) > TAIL {
            return self.over_ipv6(room, inner.length, tos, flow);
        }
        let more = u32::from(tos) << 16 | u32::from(inner.length);
        // The upper half becomes the sum of both, and the lower one's carry, which is that sum's own, goes into it.
        let sum = u32::from(self.sum) + more;
        let sum = sum.wrapping_add(sum.rotate_left(16));
        room[IP..IP + 4].copy_from_slice(&(Self::FIRST_WORD + more).to_be_bytes());
        room[IP + 10..IP + 12].copy_from_slice(&(!sum).to_be_bytes()[..2]);
        u16::from(self.length) + HEADERS as u16
    }

    /// What is left to do for a tunnel over IPv6. The flow label is the FlowID, so that routers spread flows as those
    /// that read GRE keys would (RFC 6438 §3).
    #[inline(always)]
    fn over_ipv6(&self, room: &mut [u8; Self::ROOM], length: u16, tos: u8, flow: u8) -> u16 {
        const IP: usize = TEMPLATE - ipv6::HEADER;
        room[..HEAD].copy_from_slice(&self.head);
        let word = 6 << 28 | u32::from(tos) << 20 | u32::from(flow);
        room[IP..IP + 4].copy_from_slice(&word.to_be_bytes());
        let payload = length.wrapping_add(HEADERS as u16);
        room[IP + 4..IP + 6].copy_from_slice(&payload.to_be_bytes());
        u16::from(self.length) + HEADERS as u16
    }
}
