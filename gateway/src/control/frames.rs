//! The frames that the gateway makes itself, and the parts of frames that it reads.

pub(super) mod error;
pub(super) mod probe;

use std::net::Ipv4Addr;

use nvgw_types::MacAddr;
use zerocopy::{FromBytes, IntoBytes};

use crate::packet::arp::Arp;
use crate::packet::ethernet::{self, Ethernet, Tag};
use crate::packet::{icmp, ipv4};
use crate::tables::entries::{Inner, Record, Rewrite};

/// TTL of the gateway's own packets.
const TTL: u8 = 64;

/// A frame as received: addresses, EtherType behind any 802.1Q tag, and what follows.
pub(super) struct Received<'f> {
    pub(super) destination: MacAddr,
    pub(super) ethertype: u16,
    pub(super) payload: &'f [u8],
}

/// Reads the Ethernet header of a frame.
pub(super) fn read(frame: &[u8]) -> Option<Received<'_>> {
    let (header, payload) = Ethernet::ref_from_prefix(frame).ok()?;
    let destination = header.destination();
    if header.ethertype() != ethernet::VLAN {
        return Some(Received { destination, ethertype: header.ethertype(), payload });
    }
    let (tag, payload) = Tag::ref_from_prefix(payload).ok()?;
    Some(Received { destination, ethertype: tag.ethertype(), payload })
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

    /// Asks who has `target`: everyone, or the station that had it last.
    pub(super) fn arp_request(self, station: Option<MacAddr>, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
        let request = Arp::request(self.mac, sender, target);
        self.frame(station.unwrap_or(MacAddr::BROADCAST), ethernet::ARP, request.as_bytes())
    }

    /// Asks whether anyone has `address`, without a claim to it (RFC 5227 §2.1.1).
    pub(super) fn arp_probe(self, address: Ipv4Addr) -> Vec<u8> {
        self.arp_request(None, Ipv4Addr::UNSPECIFIED, address)
    }

    /// Tells everyone that we have `address` (RFC 5227 §2.3).
    pub(super) fn arp_announcement(self, address: Ipv4Addr) -> Vec<u8> {
        self.arp_request(None, address, address)
    }

    /// Tells `asker` that we have `address`.
    pub(super) fn arp_reply(self, address: Ipv4Addr, asker: MacAddr, asker_address: Ipv4Addr) -> Vec<u8> {
        let reply = Arp::reply(self.mac, address, asker, asker_address);
        self.frame(asker, ethernet::ARP, reply.as_bytes())
    }
}

/// A plain way out and an IP packet, as one frame.
pub(super) fn plain(rewrite: &Rewrite, packet: &[u8]) -> Vec<u8> {
    let mut room = [0; Rewrite::ROOM];
    let used = usize::from(rewrite.plain(&mut room));
    [&room[Rewrite::ROOM - used..], packet].concat()
}

/// A packet wrapped for a record's VM, as one frame; `ethertype` says what the packet is.
pub(super) fn encapsulated(
    rewrite: &Rewrite,
    record: &Record,
    ethertype: u16,
    tos: u8,
    packet: &[u8],
) -> Vec<u8> {
    let mut room = [0; Rewrite::ROOM];
    let inner = Inner { length: packet.len() as u16, tos, flow: 0 };
    let used = usize::from(rewrite.encapsulate(&mut room, record, inner));
    room[Rewrite::ROOM - 2..].copy_from_slice(&ethertype.to_be_bytes());
    [&room[Rewrite::ROOM - used..], packet].concat()
}

/// An answer to an echo request.
pub(super) struct EchoReply {
    /// Who asked, and gets it.
    pub(super) asker: Ipv4Addr,
    /// Who was asked, and sends it.
    pub(super) asked: Ipv4Addr,
    /// DSCP of the request (RFC 1122 §3.2.1.6); the reply is not ECN-capable.
    pub(super) tos: u8,
    /// The whole IP packet.
    pub(super) packet: Vec<u8>,
}

/// The answer to an IP packet that is a whole ICMP echo request from an address that can be a host's to one that can
/// be ours; nothing else has one (RFC 1122 §3.2.2.6).
pub(super) fn echo_reply(packet: &[u8]) -> Option<EchoReply> {
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
    let tos = header.tos & 0xfc;
    let mut reply = ipv4::Ipv4::new(asked, asker, ipv4::ICMP, TTL, message.len() as u16);
    reply.set_tos(tos);
    Some(EchoReply { asker, asked, tos, packet: [reply.as_bytes(), &message].concat() })
}

/// The destination of the IPv4 packet in a frame.
pub(super) fn ipv4_destination(frame: &[u8]) -> Option<Ipv4Addr> {
    let received = read(frame)?;
    if received.ethertype != ethernet::IPV4 {
        return None;
    }
    let (header, _) = ipv4::Ipv4::ref_from_prefix(received.payload).ok()?;
    Some(header.destination().into())
}

#[cfg(test)]
mod tests;
