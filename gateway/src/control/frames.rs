//! The frames that the gateway makes itself, and the parts of frames that it reads.

pub(super) mod error;
pub(super) mod neighbors;
pub(super) mod probe;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nvgw_types::{MacAddr, Vsid};
use zerocopy::{FromBytes, IntoBytes};

use crate::packet::ethernet::{self, Ethernet, Tag};
use crate::packet::gre::Gre;
use crate::packet::icmpv6::{self, Ends};
use crate::packet::{icmp, ipv4, ipv6};
use crate::tables::entries::{Inner, Record, Rewrite};

/// TTL of the gateway's own packets.
pub(super) const TTL: u8 = 64;
/// The bits of a TOS or traffic class that are not ECN's.
const DSCP: u8 = 0xfc;

/// A frame as received: addresses, EtherType behind any 802.1Q tag, and what follows.
pub(super) struct Received<'f> {
    pub(super) destination: MacAddr,
    pub(super) source: MacAddr,
    pub(super) ethertype: u16,
    pub(super) payload: &'f [u8],
}

/// Reads the Ethernet header of a frame.
pub(super) fn read(frame: &[u8]) -> Option<Received<'_>> {
    let (header, payload) = Ethernet::ref_from_prefix(frame).ok()?;
    let (destination, source) = (header.destination(), header.source());
    if header.ethertype() != ethernet::VLAN {
        return Some(Received { destination, source, ethertype: header.ethertype(), payload });
    }
    let (tag, payload) = Tag::ref_from_prefix(payload).ok()?;
    Some(Received { destination, source, ethertype: tag.ethertype(), payload })
}

/// Our end of a network: what frames on it begin with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    /// Our Ethernet address.
    pub(super) mac: MacAddr,
    /// The VLAN; 0: untagged.
    pub(super) vlan: u16,
}

impl Link {
    /// A frame to a station.
    pub(super) fn frame(self, destination: MacAddr, ethertype: u16, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::with_capacity(ethernet::HEADER + ethernet::TAG + payload.len());
        if self.vlan == 0 {
            frame.extend_from_slice(Ethernet::new(destination, self.mac, ethertype).as_bytes());
        } else {
            frame.extend_from_slice(Ethernet::new(destination, self.mac, ethernet::VLAN).as_bytes());
            frame.extend_from_slice(Tag::new(self.vlan, ethertype).as_bytes());
        }
        frame.extend_from_slice(payload);
        frame
    }

    /// A frame with an IP packet to a station.
    pub(super) fn packet(self, destination: MacAddr, packet: &[u8]) -> Vec<u8> {
        let version = packet.first().map_or(0, |first| first >> 4);
        self.frame(destination, if version == 6 { ethernet::IPV6 } else { ethernet::IPV4 }, packet)
    }
}

/// A plain way out and an IP packet, as one frame.
pub(super) fn plain(rewrite: &Rewrite, packet: &[u8]) -> Vec<u8> {
    let mut room = [0; Rewrite::ROOM];
    let used = usize::from(rewrite.plain(&mut room));
    [&room[Rewrite::ROOM - used..], packet].concat()
}

/// A packet wrapped for a record's VM, as one frame; `ethertype` says what it is where it is no IP packet of the
/// record's family.
pub(super) fn encapsulated(
    rewrite: &Rewrite,
    record: &Record,
    ethertype: Option<u16>,
    tos: u8,
    packet: &[u8],
) -> Vec<u8> {
    let mut room = [0; Rewrite::ROOM];
    let inner = Inner { length: packet.len() as u16, tos, flow: 0 };
    let used = usize::from(rewrite.encapsulate(&mut room, record, inner));
    if let Some(ethertype) = ethertype {
        room[Rewrite::ROOM - 2..].copy_from_slice(&ethertype.to_be_bytes());
    }
    [&room[Rewrite::ROOM - used..], packet].concat()
}

/// The inner IP packet of a packet that the gateway wrapped for a VM, and the VSID that it carries.
pub(super) fn tunnelled(packet: &[u8]) -> Option<(Vsid, &[u8])> {
    let outer = match packet.first()? >> 4 {
        6 => ipv6::HEADER,
        _ => ipv4::HEADER,
    };
    let (gre, frame) = Gre::ref_from_prefix(packet.get(outer..)?).ok()?;
    let (header, inner) = Ethernet::ref_from_prefix(frame).ok()?;
    matches!(header.ethertype(), ethernet::IPV4 | ethernet::IPV6).then(|| (gre.vsid(), inner))
}

/// An answer to an echo request.
pub(super) struct EchoReply {
    /// Who asked, and gets it.
    pub(super) asker: IpAddr,
    /// Who was asked, and sends it.
    pub(super) asked: IpAddr,
    /// DSCP of the request (RFC 1122 §3.2.1.6); the reply is not ECN-capable.
    pub(super) tos: u8,
    /// The whole IP packet.
    pub(super) packet: Vec<u8>,
}

/// The answer to an IP packet that is a whole ICMP echo request from an address that can be a host's to one that can
/// be ours; nothing else has one (RFC 1122 §3.2.2.6, RFC 4443 §4.2).
pub(super) fn echo_reply(packet: &[u8]) -> Option<EchoReply> {
    match packet.first()? >> 4 {
        6 => echo_reply_ipv6(packet),
        _ => echo_reply_ipv4(packet),
    }
}

fn echo_reply_ipv4(packet: &[u8]) -> Option<EchoReply> {
    let header = ipv4::Ipv4::checked(packet, packet.len()).ok()?;
    let refused = header.protocol() != ipv4::ICMP
        || header.is_fragment()
        || !ipv4::may_send(header.source())
        || ipv4::is_multicast_or_reserved(header.destination());
    if refused {
        return None;
    }
    let mut message = packet[header.header_length()..header.total_length()].to_vec();
    if !icmp::answer_echo(&mut message) {
        return None;
    }
    let (asker, asked) = (Ipv4Addr::from(header.source()), Ipv4Addr::from(header.destination()));
    let tos = header.tos & DSCP;
    let mut reply = ipv4::Ipv4::new(asked, asker, ipv4::ICMP, TTL, message.len() as u16);
    reply.set_tos(tos);
    Some(EchoReply {
        asker: asker.into(),
        asked: asked.into(),
        tos,
        packet: [reply.as_bytes(), &message].concat(),
    })
}

fn echo_reply_ipv6(packet: &[u8]) -> Option<EchoReply> {
    let (header, message) = icmpv6_message(packet)?;
    // A packet from a link-local address is for one of the link, and so is its answer.
    let asked_here = ipv6::is_link_local(header.destination());
    let from_host = ipv6::may_send(header.source()) || asked_here && ipv6::is_link_local(header.source());
    if !from_host || !ipv6::may_receive(header.destination()) {
        return None;
    }
    let mut message = message.to_vec();
    let (asker, asked) = (Ipv6Addr::from(header.source()), Ipv6Addr::from(header.destination()));
    if !icmpv6::answer_echo(Ends { source: asker, destination: asked }, &mut message) {
        return None;
    }
    let tos = header.traffic_class() & DSCP;
    let mut reply = ipv6::Ipv6::new(asked, asker, ipv6::ICMP, TTL, message.len() as u16);
    reply.set_traffic_class(tos);
    Some(EchoReply {
        asker: asker.into(),
        asked: asked.into(),
        tos,
        packet: [reply.as_bytes(), &message].concat(),
    })
}

/// The ICMPv6 message of a whole packet that is no fragment.
fn icmpv6_message(packet: &[u8]) -> Option<(&ipv6::Ipv6, &[u8])> {
    let header = ipv6::Ipv6::checked(packet, packet.len())?;
    let packet = &packet[..header.total_length()];
    let transport = ipv6::transport(packet)?;
    let whole = transport.protocol == ipv6::ICMP && transport.fragment.is_none();
    whole.then(|| (header, &packet[transport.offset..]))
}

/// Source and destination of the IP packet in a frame.
pub(super) fn addresses(frame: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let received = read(frame)?;
    match received.ethertype {
        ethernet::IPV4 => {
            let (header, _) = ipv4::Ipv4::ref_from_prefix(received.payload).ok()?;
            let address = |number: u32| IpAddr::V4(number.into());
            Some((address(header.source()), address(header.destination())))
        }
        ethernet::IPV6 => {
            let (header, _) = ipv6::Ipv6::ref_from_prefix(received.payload).ok()?;
            let address = |number: u128| IpAddr::V6(number.into());
            Some((address(header.source()), address(header.destination())))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
