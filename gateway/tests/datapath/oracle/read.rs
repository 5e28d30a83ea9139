//! Frames read by offsets.

use gateway::telemetry::DropReason;

use crate::wire::{self, BRIDGED, IPV4, Ip, Mac};

/// The EtherType of ARP.
pub(super) const ARP: u16 = 0x0806;
pub(super) const IPV6: u16 = 0x86dd;

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(word(bytes, at)?) << 16 | u32::from(word(bytes, at + 2)?))
}

fn mac(bytes: &[u8], at: usize) -> Option<Mac> {
    bytes.get(at..at + 6)?.try_into().ok()
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

/// An IPv4 packet.
pub(super) struct Packet<'f> {
    pub(super) ip: Ip,
    /// DSCP and ECN with which it goes on.
    pub(super) tos: u8,
    /// Its header and what follows, without what is behind its end.
    bytes: &'f [u8],
}

/// Reads a packet and checks its header.
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
    let address = |at| long(bytes, at).ok_or(malformed);
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

impl<'f> Packet<'f> {
    fn payload(&self) -> &'f [u8] {
        &self.bytes[20 + 4 * usize::from(self.ip.options)..]
    }

    /// The packet one hop further on, in fragments of at most `mtu` bytes if it must be; `None` if it may not. All its
    /// options do nothing, and are in the first fragment alone.
    pub(super) fn fitting(&self, mtu: usize) -> Option<Vec<Vec<u8>>> {
        if self.bytes.len() <= mtu {
            return Some(vec![self.forwarded()]);
        }
        if self.ip.fragment & wire::DF != 0 {
            return None;
        }
        let (mut pieces, mut rest) = (Vec::new(), self.payload());
        let mut ip = Ip { tos: self.tos, ttl: self.ip.ttl - 1, ..self.ip.clone() };
        while !rest.is_empty() {
            let room = mtu - 20 - 4 * usize::from(ip.options);
            let part = if rest.len() <= room { rest.len() } else { room - room % 8 };
            let (now, later) = rest.split_at(part);
            let more = if later.is_empty() { self.ip.fragment & 0x2000 } else { 0x2000 };
            pieces.push(Ip { fragment: ip.fragment & !0x2000 | more, ..ip.clone() }.packet(now));
            ip.fragment += part as u16 / 8;
            ip.options = 0;
            rest = later;
        }
        Some(pieces)
    }

    /// The packet one hop further on.
    pub(super) fn forwarded(&self) -> Vec<u8> {
        let mut bytes = self.bytes.to_vec();
        bytes[1] = self.tos;
        bytes[8] -= 1;
        bytes[10..12].fill(0);
        let header = bytes.len() - self.payload().len();
        let sum = wire::checksum(&bytes[..header]);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes
    }
}

/// Whether an address can be a sender's.
pub(super) fn may_send(address: u32) -> bool {
    !matches!(address >> 24, 0 | 127 | 224..)
}

/// What an NVGRE packet carries.
pub(super) enum Inner<'f> {
    /// ARP, with its sender's address.
    Arp(u32),
    Ipv4(Packet<'f>),
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

/// Reads what an outer packet of protocol 47 carries.
pub(super) fn nvgre<'f>(outer: &Packet<'f>, allow_reserved: bool) -> Result<Nvgre<'f>, DropReason> {
    if outer.ip.fragment & 0x3fff != 0 {
        return Err(DropReason::OuterFragment);
    }
    let bytes = outer.payload();
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
        IPV4 => Inner::Ipv4(inner_ipv4(outer.ip.tos & 3, rest)?),
        // All traffic here is IPv4: what calls itself IPv6 says another version in its first byte.
        IPV6 => return Err(DropReason::Malformed),
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

fn arp_sender(bytes: &[u8]) -> Option<u32> {
    let known = bytes.len() >= 28 && bytes[..6] == [0, 1, 8, 0, 6, 4] && matches!(bytes[6..8], [0, 1 | 2]);
    known.then(|| long(bytes, 14)).flatten()
}

fn inner_ipv4(outer_ecn: u8, bytes: &[u8]) -> Result<Packet<'_>, DropReason> {
    let mut packet = ipv4(bytes, DropReason::Malformed, DropReason::IpChecksum)?;
    if !may_send(packet.ip.source) {
        return Err(DropReason::InnerMartianSource);
    }
    if packet.ip.destination >> 28 >= 14 {
        return Err(DropReason::MulticastUnsupported);
    }
    // RFC 6040 §4.2, by name: 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE.
    let ecn = match (packet.ip.tos & 3, outer_ecn) {
        (0, 3) => return Err(DropReason::CongestionMark),
        (0, _) => 0,
        (_, 3) => 3,
        (2, 1) => 1,
        (inner, _) => inner,
    };
    packet.tos = packet.ip.tos & 0xfc | ecn;
    Ok(packet)
}
