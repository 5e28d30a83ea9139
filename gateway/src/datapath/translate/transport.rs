//! What translation reads of a packet beyond its IP header.

use zerocopy::FromBytes;

use crate::nat::Segment;
use crate::packet::icmp;
use crate::packet::ipv4::{self, Ipv4};
use crate::packet::transport::{self, Ports, TCP_HEADER, Tcp};
use crate::tables::entries::Protocol;

/// Length of a UDP header.
const UDP_HEADER: usize = 8;

/// What a packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// Something with ports, or an ICMP query, whose identifier is both of its ports.
    Ports {
        /// The protocol.
        protocol: Protocol,
        /// Where it comes from.
        source: u16,
        /// Where it goes.
        destination: u16,
        /// What TCP says.
        segment: Segment,
        /// Whether it may begin a session, as everything but the answer to an ICMP query may.
        begins: bool,
    },
    /// A fragment without its transport header.
    LaterFragment,
    /// An ICMP error about another packet.
    IcmpError,
    /// A protocol without ports.
    Other,
    /// A transport header that is cut off.
    Malformed,
}

/// What translation reads of nearly all packets.
pub(super) struct Usual {
    pub(super) protocol: Protocol,
    pub(super) source: u16,
    pub(super) destination: u16,
    pub(super) segment: Segment,
}

/// As [`read`], of a whole packet of UDP or TCP whose IP header has no options; `None`: it is something else.
#[inline(always)]
pub(super) fn usual(bytes: &[u8]) -> Option<Usual> {
    let (header, payload) = Ipv4::ref_from_prefix(bytes).ok()?;
    if header.header_length() != ipv4::HEADER || header.is_fragment() {
        return None;
    }
    let (protocol, ports, segment) = match header.protocol() {
        ipv4::UDP if header.total_length() >= ipv4::HEADER + UDP_HEADER && payload.len() >= UDP_HEADER => {
            (Protocol::Udp, Ports::ref_from_prefix(payload).ok()?.0, Segment::default())
        }
        ipv4::TCP => {
            let (tcp, _) = Tcp::ref_from_prefix(payload).ok()?;
            (Protocol::Tcp, &tcp.ports, segment(header, tcp)?)
        }
        _ => return None,
    };
    Some(Usual { protocol, source: ports.source(), destination: ports.destination(), segment })
}

/// What a TCP header says; `None` if that is longer than the packet, or shorter than any.
#[inline(always)]
fn segment(header: &Ipv4, tcp: &Tcp) -> Option<Segment> {
    let headers = header.header_length() + tcp.header_length();
    if tcp.header_length() < TCP_HEADER || headers > header.total_length() {
        return None;
    }
    let (sequence, acknowledgment) = (tcp.sequence(), tcp.acknowledgment());
    Some(Segment {
        flags: tcp.flags,
        sequence,
        acknowledgment,
        length: (header.total_length() - headers) as u32,
    })
}

/// Reads a packet whose IP header was checked; `bytes` is its first segment from there on.
pub(super) fn read(header: &Ipv4, bytes: &[u8]) -> Transport {
    if header.is_later_fragment() {
        return Transport::LaterFragment;
    }
    let end = header.total_length().min(bytes.len());
    let Some(payload) = bytes.get(header.header_length()..end) else { return Transport::Malformed };
    let Some(protocol) = Protocol::of(header.protocol()) else { return Transport::Other };
    match protocol {
        Protocol::Udp => match Ports::ref_from_prefix(payload) {
            Ok((ports, _)) if payload.len() >= UDP_HEADER => Transport::Ports {
                protocol,
                source: ports.source(),
                destination: ports.destination(),
                segment: Segment::default(),
                begins: true,
            },
            _ => Transport::Malformed,
        },
        Protocol::Tcp => {
            let Ok((tcp, _)) = Tcp::ref_from_prefix(payload) else { return Transport::Malformed };
            let Some(segment) = segment(header, tcp) else { return Transport::Malformed };
            Transport::Ports {
                protocol,
                source: tcp.ports.source(),
                destination: tcp.ports.destination(),
                segment,
                begins: true,
            }
        }
        Protocol::Icmp => message(payload),
    }
}

fn message(payload: &[u8]) -> Transport {
    let Ok((message, _)) = icmp::Echo::ref_from_prefix(payload) else { return Transport::Malformed };
    if transport::is_error(message.kind) {
        return Transport::IcmpError;
    }
    if !transport::is_query(message.kind) {
        return Transport::Other;
    }
    Transport::Ports {
        protocol: Protocol::Icmp,
        source: message.identifier(),
        destination: message.identifier(),
        segment: Segment::default(),
        begins: transport::asks(message.kind),
    }
}
