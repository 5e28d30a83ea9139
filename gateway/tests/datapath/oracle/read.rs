//! Frames read by offsets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gateway::telemetry::DropReason;

use crate::wire::{self, BRIDGED, FRAGMENT, IPV4, IPV6, Ip, Mac};

/// The EtherType of ARP.
pub(super) const ARP: u16 = 0x0806;
/// Next header: ICMPv6.
pub(super) const ICMPV6: u8 = 58;

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(word(bytes, at)?) << 16 | u32::from(word(bytes, at + 2)?))
}

fn mac(bytes: &[u8], at: usize) -> Option<Mac> {
    bytes.get(at..at + 6)?.try_into().ok()
}

fn ipv4_address(bytes: &[u8], at: usize) -> Option<IpAddr> {
    long(bytes, at).map(|number| Ipv4Addr::from(number).into())
}

fn ipv6_address(bytes: &[u8], at: usize) -> Option<IpAddr> {
    let octets: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
    Some(Ipv6Addr::from(octets).into())
}

/// An outer Ethernet header.
pub(super) struct Ethernet<'f> {
    pub(super) to: Mac,
    pub(super) vlan: Option<u16>,
    pub(super) ethertype: u16,
    pub(super) payload: &'f [u8],
}

pub(super) fn ethernet(frame: &[u8]) -> Option<Ethernet<'_>> {
    let (to, ethertype) = (mac(frame, 0)?, word(frame, 12)?);
    Some(match ethertype {
        0x8100 => {
            let (vlan, ethertype) = (word(frame, 14)?, word(frame, 16)?);
            Ethernet { to, vlan: Some(vlan), ethertype, payload: &frame[18..] }
        }
        _ => Ethernet { to, vlan: None, ethertype, payload: &frame[14..] },
    })
}

/// An IP packet.
pub(super) struct Packet<'f> {
    /// Its header; of IPv6, the first one alone, whose next header is the protocol.
    pub(super) ip: Ip,
    /// DSCP and ECN with which it goes on.
    pub(super) tos: u8,
    /// Its header and what follows, without what is behind its end.
    bytes: &'f [u8],
}

/// Reads an IPv4 packet and checks its header.
pub(super) fn ipv4(
    bytes: &[u8],
    malformed: DropReason,
    checksum: DropReason,
) -> Result<Packet<'_>, DropReason> {
    let first = *bytes.first().ok_or(malformed)?;
    let header = usize::from(first & 0x0f) * 4;
    let total = usize::from(word(bytes, 2).ok_or(malformed)?);
    if first >> 4 != 4 || header < 20 || total < header || bytes.len() < total {
        return Err(malformed);
    }
    if wire::checksum(&bytes[..header]) != 0 {
        return Err(checksum);
    }
    let field = |at| word(bytes, at).ok_or(malformed);
    let address = |at| ipv4_address(bytes, at).ok_or(malformed);
    let ip = Ip {
        tos: bytes[1],
        identification: field(4)?,
        fragment: field(6)?,
        ttl: bytes[8],
        protocol: bytes[9],
        source: address(12)?,
        destination: address(16)?,
        options: (header / 4 - 5) as u8,
    };
    Ok(Packet { tos: ip.tos, ip, bytes: &bytes[..total] })
}

/// Reads an IPv6 packet and checks its header.
pub(super) fn ipv6(bytes: &[u8]) -> Option<Packet<'_>> {
    let total = 40 + usize::from(word(bytes, 4)?);
    let (source, destination) = (ipv6_address(bytes, 8)?, ipv6_address(bytes, 24)?);
    let tos = bytes[0] << 4 | bytes[1] >> 4;
    let ip = Ip { tos, ttl: bytes[7], ..Ip::new(source, destination, bytes[6]) };
    (bytes[0] >> 4 == 6).then_some(())?;
    Some(Packet { tos, ip, bytes: bytes.get(..total)? })
}

/// Whether IPv6 of neighbours to each other begins here: messages 133 to 137 that nobody has forwarded.
pub(super) fn is_discovery(bytes: &[u8]) -> bool {
    bytes.get(6..8) == Some(&[ICMPV6, 255]) && matches!(bytes.get(40), Some(133..=137))
}

/// What an IP packet carries behind options and extension headers.
pub(super) struct Carried<'f> {
    pub(super) protocol: u8,
    pub(super) fragment: bool,
    pub(super) payload: &'f [u8],
}

/// Walks over at most eight extension headers, and behind a fragment's only where it begins the packet.
fn carried(mut protocol: u8, mut payload: &[u8]) -> Option<Carried<'_>> {
    let mut fragment = false;
    for walked in 0.. {
        let length = match protocol {
            FRAGMENT => 8,
            // The lengths of all do not count their first 8 bytes; authentication's counts words of 4.
            51 => 8 + 4 * usize::from(*payload.get(1)?),
            0 | 43 | 60 | 135 | 139 | 140 => 8 + 8 * usize::from(*payload.get(1)?),
            _ => break,
        };
        let header = payload.get(..length)?;
        let later = protocol == FRAGMENT && word(header, 2)? & 0xfff8 != 0;
        fragment |= protocol == FRAGMENT;
        (protocol, payload) = (header[0], &payload[length..]);
        if later {
            break;
        }
        if walked == 8 {
            return None;
        }
    }
    Some(Carried { protocol, fragment, payload })
}

impl<'f> Packet<'f> {
    fn header_length(&self) -> usize {
        if self.ip.source.is_ipv4() { 20 + 4 * usize::from(self.ip.options) } else { 40 }
    }

    fn payload(&self) -> &'f [u8] {
        &self.bytes[self.header_length()..]
    }

    /// What it carries, as far as that can be told.
    pub(super) fn carried(&self) -> Option<Carried<'f>> {
        let (protocol, payload) = (self.ip.protocol, self.payload());
        if self.ip.source.is_ipv6() {
            return carried(protocol, payload);
        }
        Some(Carried { protocol, fragment: self.ip.fragment & 0x3fff != 0, payload })
    }

    /// The packet one hop further on, in fragments of at most `mtu` bytes if it must be; `None` if it may not. All its
    /// options do nothing, and are in the first fragment alone.
    pub(super) fn fitting(&self, mtu: usize) -> Option<Vec<Vec<u8>>> {
        if self.bytes.len() <= mtu {
            return Some(vec![self.forwarded()]);
        }
        if self.ip.source.is_ipv6() || self.ip.fragment & wire::DF != 0 {
            return None;
        }
        let (mut pieces, mut rest) = (Vec::new(), self.payload());
        // No packet is longer than 65,535 bytes, whatever its fragments say.
        if 8 * usize::from(self.ip.fragment & 0x1fff) + rest.len() > 65_535 {
            return None;
        }
        let mut ip = Ip { tos: self.tos, ttl: self.ip.ttl - 1, ..self.ip.clone() };
        while !rest.is_empty() {
            let room = mtu - 20 - 4 * usize::from(ip.options);
            let part = if rest.len() <= room { rest.len() } else { room - room % 8 };
            let (now, later) = rest.split_at(part);
            let more = if later.is_empty() { self.ip.fragment & wire::MORE } else { wire::MORE };
            pieces.push(Ip { fragment: ip.fragment & !wire::MORE | more, ..ip.clone() }.packet(now));
            ip.fragment += part as u16 / 8;
            ip.options = 0;
            rest = later;
        }
        Some(pieces)
    }

    /// The packet one hop further on.
    pub(super) fn forwarded(&self) -> Vec<u8> {
        let mut bytes = self.bytes.to_vec();
        if self.ip.source.is_ipv6() {
            bytes[0] = bytes[0] & 0xf0 | self.tos >> 4;
            bytes[1] = bytes[1] & 0x0f | self.tos << 4;
            bytes[7] -= 1;
            return bytes;
        }
        bytes[1] = self.tos;
        bytes[8] -= 1;
        bytes[10..12].fill(0);
        let sum = wire::checksum(&bytes[..self.header_length()]);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes
    }
}

/// What of a packet its FlowID may depend on: addresses and protocol, and ports where it is whole.
pub(crate) type Flow = (IpAddr, IpAddr, u8, Vec<u8>);

/// The flow of a packet that was checked.
pub(crate) fn flow_of(bytes: &[u8]) -> Flow {
    let packet = match bytes[0] >> 4 {
        4 => ipv4(bytes, DropReason::Malformed, DropReason::IpChecksum).ok(),
        _ => ipv6(bytes),
    };
    let packet = packet.expect("a packet that was checked");
    let carried = packet.carried();
    let protocol = carried.as_ref().map_or(packet.ip.protocol, |carried| carried.protocol);
    let whole = carried.filter(|carried| !carried.fragment && matches!(protocol, 6 | 17));
    let ports = whole.and_then(|carried| carried.payload.get(..4)).unwrap_or_default().to_vec();
    (packet.ip.source, packet.ip.destination, protocol, ports)
}

/// Whether an address is of its link alone.
pub(super) const fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// Whether an address can be a sender's, wherever that is.
pub(super) const fn may_send(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !matches!(address.octets()[0], 0 | 127 | 224..),
        IpAddr::V6(_) => may_receive(address) && !is_link_local(address),
    }
}

/// Whether an address is for one station, and is what it looks like.
pub(super) const fn may_receive(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[0] < 224,
        // ::, ::1 and all that has an IPv4 address at its end, ::a.b.c.d or ::ffff:a.b.c.d.
        IpAddr::V6(address) => !address.is_multicast() && address.to_ipv4().is_none(),
    }
}

/// What an NVGRE packet carries.
pub(super) enum Inner<'f> {
    /// ARP, with its sender's address.
    Arp(IpAddr),
    /// What is to be routed.
    Routed(Packet<'f>),
    /// IPv6 for the gateway itself, by its sender's address.
    ToGateway(IpAddr),
    /// The same from an address that no record has.
    LinkLocal,
}

/// An NVGRE packet.
pub(super) struct Nvgre<'f> {
    pub(super) vsid: u32,
    pub(super) to: Mac,
    pub(super) from: Mac,
    /// The inner frame.
    pub(super) inner: &'f [u8],
    pub(super) payload: Inner<'f>,
}

/// Reads GRE and what is behind it; `tos` is that of the outer packet.
pub(super) fn nvgre(tos: u8, bytes: &[u8], allow_reserved: bool) -> Result<Nvgre<'_>, DropReason> {
    let key = gre_key(bytes)?;
    let vsid = key >> 8;
    match vsid {
        0..=0xfff if !allow_reserved => return Err(DropReason::VsidReserved),
        0xff_ffff => return Err(DropReason::VsidVendor),
        _ => {}
    }
    let inner = &bytes[8..];
    let header = (mac(inner, 0), mac(inner, 6), word(inner, 12));
    let (Some(to), Some(from), Some(ethertype)) = header else { return Err(DropReason::Malformed) };
    let rest = &inner[14..];
    let payload = match ethertype {
        ARP => Inner::Arp(arp_sender(rest).ok_or(DropReason::ArpIgnored)?),
        IPV4 => Inner::Routed(inner_ipv4(tos, rest)?),
        IPV6 => inner_ipv6(tos, rest)?,
        0x8100 | 0x88a8 | 0x9100 => return Err(DropReason::InnerVlan),
        _ => return Err(DropReason::UnsupportedEthertype),
    };
    Ok(Nvgre { vsid, to, from, inner, payload })
}

fn gre_key(bytes: &[u8]) -> Result<u32, DropReason> {
    let flags = word(bytes, 0).zip(word(bytes, 2)).ok_or(DropReason::OuterMalformed)?;
    let wrong = match flags {
        (flags, _) if flags & 0x0007 != 0 => Some(DropReason::GreVersion),
        (flags, _) if flags & 0x8000 != 0 => Some(DropReason::GreChecksumBit),
        (flags, _) if flags & 0x2000 == 0 => Some(DropReason::GreNoKey),
        (flags, _) if flags & 0xfc07 != 0x2000 => Some(DropReason::GreFlags),
        (_, BRIDGED) => None,
        _ => Some(DropReason::GreProtocol),
    };
    match wrong {
        Some(reason) => Err(reason),
        None => long(bytes, 4).ok_or(DropReason::OuterMalformed),
    }
}

fn arp_sender(bytes: &[u8]) -> Option<IpAddr> {
    let known = bytes.len() >= 28 && bytes[..6] == [0, 1, 8, 0, 6, 4] && matches!(bytes[6..8], [0, 1 | 2]);
    known.then(|| ipv4_address(bytes, 14)).flatten()
}

fn inner_ipv4(outer_tos: u8, bytes: &[u8]) -> Result<Packet<'_>, DropReason> {
    let packet = ipv4(bytes, DropReason::Malformed, DropReason::IpChecksum)?;
    if !may_send(packet.ip.source) {
        return Err(DropReason::InnerMartianSource);
    }
    if !may_receive(packet.ip.destination) {
        return Err(DropReason::MulticastUnsupported);
    }
    marked(packet, outer_tos)
}

fn inner_ipv6(outer_tos: u8, bytes: &[u8]) -> Result<Inner<'_>, DropReason> {
    let packet = ipv6(bytes).ok_or(DropReason::Malformed)?;
    let (source, destination) = (packet.ip.source, packet.ip.destination);
    let discovery = is_discovery(bytes);
    if !discovery && !may_receive(destination) {
        return Err(DropReason::MulticastUnsupported);
    }
    let nameless = discovery && source.is_unspecified();
    if !(may_send(source) || is_link_local(source) || nameless) {
        return Err(DropReason::InnerMartianSource);
    }
    let packet = marked(packet, outer_tos)?;
    Ok(match (may_send(source), discovery || is_link_local(destination)) {
        (false, _) => Inner::LinkLocal,
        (true, true) => Inner::ToGateway(source),
        (true, false) => Inner::Routed(packet),
    })
}

/// A packet with the congestion mark that it goes on with (RFC 6040 §4.2).
fn marked(mut packet: Packet<'_>, outer_tos: u8) -> Result<Packet<'_>, DropReason> {
    // By name: 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE.
    let ecn = match (packet.ip.tos & 3, outer_tos & 3) {
        (0, 3) => return Err(DropReason::CongestionMark),
        (0, _) => 0,
        (_, 3) => 3,
        (2, 1) => 1,
        (inner, _) => inner,
    };
    packet.tos = packet.ip.tos & 0xfc | ecn;
    Ok(packet)
}
