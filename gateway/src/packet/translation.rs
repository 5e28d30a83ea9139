//! New addresses and ports in packets, with every checksum that covers them mended (RFC 3022 §4, RFC 5508 §4).

use zerocopy::FromBytes;

use super::checksum::Delta;
use super::ipv4::{self, Ipv4};
use super::{icmp, transport};

/// Protocols beside TCP, UDP and ICMP whose checksum covers the addresses: DCCP (RFC 4340) and UDP-Lite (RFC 3828).
const DCCP: u8 = 33;
const UDP_LITE: u8 = 136;

/// Offset of the checksum in a UDP, UDP-Lite and DCCP header.
const UDP_CHECKSUM: usize = 6;
/// Offset of the checksum in a TCP header.
const TCP_CHECKSUM: usize = 16;
/// Bytes of either header up to the checksum's end.
const UDP_CHECKED: usize = UDP_CHECKSUM + 2;
const TCP_CHECKED: usize = TCP_CHECKSUM + 2;
/// Offsets of checksum and identifier in an ICMP query.
const ICMP_CHECKSUM: usize = 2;
const ICMP_IDENTIFIER: usize = 4;

/// Which end of a packet is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Where it comes from.
    Source,
    /// Where it goes.
    Destination,
}

impl End {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Source => Self::Destination,
            Self::Destination => Self::Source,
        }
    }

    /// Where the end's port is in a header with ports.
    #[inline(always)]
    const fn port_at(self) -> usize {
        match self {
            Self::Source => 0,
            Self::Destination => 2,
        }
    }
}

/// What an end becomes. Host byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replacement {
    /// The address.
    pub address: u32,
    /// The port or identifier; `None`: as it is.
    pub port: Option<u16>,
}

/// Replaces one end of a packet, of which `after` is what follows the fixed part of the header. What is beyond `after`,
/// in another segment, is not looked at: transport headers are in the first.
#[inline(always)]
pub fn translate(header: &mut Ipv4, after: &mut [u8], end: End, new: Replacement) {
    let delta = match end {
        End::Source => header.set_source(new.address),
        End::Destination => header.set_destination(new.address),
    };
    if header.is_later_fragment() {
        return;
    }
    let done = match (header.header_length(), header.protocol(), new.port) {
        (ipv4::HEADER, ipv4::UDP, Some(port)) => {
            translate_ports::<UDP_CHECKED>(after, end, port, delta, mend_udp)
        }
        (ipv4::HEADER, ipv4::TCP, Some(port)) => {
            translate_ports::<TCP_CHECKED>(after, end, port, delta, Delta::mend)
        }
        _ => false,
    };
    if !done && let Some(payload) = after.get_mut(header.header_length() - ipv4::HEADER..) {
        let _: Delta = translate_transport(header.protocol(), payload, end, new, delta);
    }
}

/// As [`translate_transport`], of a header with ports that ends with its checksum or goes on behind it; `false` where it
/// is cut off before.
#[inline(always)]
fn translate_ports<const LENGTH: usize>(
    payload: &mut [u8],
    end: End,
    port: u16,
    delta: Delta,
    mend: impl Fn(Delta, u16) -> u16,
) -> bool {
    let Some((ports, checksum)) =
        payload.first_chunk_mut::<LENGTH>().and_then(|header| header.split_last_chunk_mut::<2>())
    else {
        return false;
    };
    let Some(place) = word_at(ports, end.port_at()) else { return false };
    let delta = delta.word(u16::from_be_bytes(*place), port);
    *place = port.to_be_bytes();
    *checksum = mend(delta, u16::from_be_bytes(*checksum)).to_be_bytes();
    true
}

/// A UDP checksum after changes: none stays none (RFC 768), and one that comes out as zero is sent as its other form.
#[inline(always)]
fn mend_udp(delta: Delta, old: u16) -> u16 {
    match delta.mend(old) {
        _ if old == 0 => 0,
        0 => 0xffff,
        new => new,
    }
}

/// The port or identifier of one end of a packet, if it has any; `after` is what follows the fixed part of the header.
#[must_use]
pub fn port(header: &Ipv4, after: &[u8], end: End) -> Option<u16> {
    let payload = after.get(header.header_length() - ipv4::HEADER..)?;
    let at = match header.protocol() {
        _ if header.is_later_fragment() => return None,
        ipv4::TCP | ipv4::UDP => end.port_at(),
        ipv4::ICMP if transport::is_query(*payload.first()?) => ICMP_IDENTIFIER,
        _ => return None,
    };
    payload.get(at..at + 2)?.first_chunk().map(|word| u16::from_be_bytes(*word))
}

/// Replaces the port in a transport header that may be cut off, and mends its checksum, which the addresses' `delta`
/// concerns too. Returns what the changes do to a checksum over the header itself.
#[inline(never)]
fn translate_transport(protocol: u8, payload: &mut [u8], end: End, new: Replacement, delta: Delta) -> Delta {
    let (port_at, checksum_at) = match protocol {
        ipv4::TCP => (Some(end.port_at()), TCP_CHECKSUM),
        ipv4::UDP => (Some(end.port_at()), UDP_CHECKSUM),
        ipv4::ICMP => {
            let query = payload.first().is_some_and(|kind| transport::is_query(*kind));
            (query.then_some(ICMP_IDENTIFIER), ICMP_CHECKSUM)
        }
        DCCP | UDP_LITE => (None, UDP_CHECKSUM),
        _ => return Delta::default(),
    };
    // An ICMP checksum covers no addresses.
    let mut covered = if protocol == ipv4::ICMP { Delta::default() } else { delta };
    let mut inside = Delta::default();
    if let (Some(at), Some(port)) = (port_at, new.port)
        && let Some(place) = word_at(payload, at)
    {
        let old = u16::from_be_bytes(*place);
        *place = port.to_be_bytes();
        covered = covered.word(old, port);
        inside = inside.word(old, port);
    }
    if let Some(place) = word_at(payload, checksum_at) {
        let old = u16::from_be_bytes(*place);
        let new = match protocol {
            ipv4::UDP => mend_udp(covered, old),
            _ => covered.mend(old),
        };
        *place = new.to_be_bytes();
        inside = inside.word(old, new);
    }
    inside
}

#[inline(always)]
fn word_at(bytes: &mut [u8], at: usize) -> Option<&mut [u8; 2]> {
    bytes.get_mut(at..at + 2)?.first_chunk_mut()
}

/// What an ICMP error says of the packet that it is about (RFC 792: its header and 8 bytes more, at least).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted {
    /// Its protocol's number.
    pub protocol: u8,
    /// Where it came from, host byte order.
    pub source: u32,
    /// Where it went.
    pub destination: u32,
    /// Its ports; for an ICMP query twice its identifier; `None` for other protocols.
    pub ports: Option<(u16, u16)>,
}

/// What an ICMP error carries at least of a packet's payload (RFC 792).
const LEAST: usize = 8;

/// Reads the packet that an ICMP error carries; `message` begins with the ICMP type. `None` where it is cut off, a later
/// fragment, or itself no query but another ICMP message.
#[must_use]
pub fn quoted(message: &[u8]) -> Option<Quoted> {
    let packet = message.get(icmp::HEADER..)?;
    let (header, _) = Ipv4::ref_from_prefix(packet).ok()?;
    if header.version() != 4 || header.header_length() < ipv4::HEADER || header.is_later_fragment() {
        return None;
    }
    let payload = packet.get(header.header_length()..).filter(|payload| payload.len() >= LEAST)?;
    let word = |at: usize| payload.get(at..at + 2)?.first_chunk().map(|word| u16::from_be_bytes(*word));
    let ports = match header.protocol() {
        ipv4::TCP | ipv4::UDP => Some((word(0)?, word(2)?)),
        ipv4::ICMP if transport::is_query(*payload.first()?) => {
            let identifier = word(ICMP_IDENTIFIER)?;
            Some((identifier, identifier))
        }
        ipv4::ICMP => return None,
        _ => None,
    };
    let (source, destination) = (header.source(), header.destination());
    Some(Quoted { protocol: header.protocol(), source, destination, ports })
}

/// Replaces one end of the packet that an ICMP error carries, and mends the checksums of both (RFC 5508 REQ-4, REQ-5).
/// Does nothing where [`quoted`] reads nothing.
pub fn translate_quoted(message: &mut [u8], end: End, new: Replacement) {
    if quoted(message).is_none() {
        return;
    }
    let Some((error, packet)) = message.split_at_mut_checked(icmp::HEADER) else { return };
    let Ok((header, after)) = Ipv4::mut_from_prefix(packet) else { return };
    let before = header.checksum();
    let addresses = match end {
        End::Source => header.set_source(new.address),
        End::Destination => header.set_destination(new.address),
    };
    let options = header.header_length() - ipv4::HEADER;
    let (protocol, checksum) = (header.protocol(), header.checksum());
    let Some(payload) = after.get_mut(options..) else { return };
    let transport = translate_transport(protocol, payload, end, new, addresses);
    if let Some(place) = word_at(error, ICMP_CHECKSUM) {
        let delta = addresses.and(transport).word(before, checksum);
        *place = delta.mend(u16::from_be_bytes(*place)).to_be_bytes();
    }
}

#[cfg(test)]
mod tests;
