//! What stations of a network say to each other about their addresses: ARP for IPv4 (RFC 826, RFC 5227), neighbour
//! discovery for IPv6 (RFC 4861, RFC 4862).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nvgw_types::MacAddr;
use zerocopy::{FromBytes, IntoBytes};

use super::{Link, read};
use crate::control::neighbors::Told;
use crate::packet::arp::{Arp, Operation};
use crate::packet::ethernet;
use crate::packet::icmpv6::Ends;
use crate::packet::ipv6::{self, Ipv6};
use crate::packet::ndp::{self, ALL_NODES, HOP_LIMIT, Message, NeighborAdvertisement};

/// What a valid packet about neighbours says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::control) struct Word {
    /// The station that says it.
    pub(in crate::control) station: MacAddr,
    /// The address that it says is its own; `None`: it has none yet.
    pub(in crate::control) sender: Option<IpAddr>,
    /// What that teaches of the address; `None`: nothing.
    pub(in crate::control) told: Option<Told>,
    /// The address that it asks for.
    pub(in crate::control) asks: Option<IpAddr>,
}

/// Reads a frame about neighbours. `None` where it is none, is not valid, or says what only hosts want to hear.
pub(in crate::control) fn word(frame: &[u8]) -> Option<Word> {
    let received = read(frame)?;
    match received.ethertype {
        ethernet::ARP => arp(received.payload),
        ethernet::IPV6 => discovery(received.source, received.payload),
        _ => None,
    }
}

fn arp(packet: &[u8]) -> Option<Word> {
    let (arp, operation) = Arp::checked(packet)?;
    let station = arp.sender_mac();
    // A probe asks before its sender has an address (RFC 5227 §2.1.1): there is nothing to learn from it.
    let asks = operation == Operation::Request;
    let sender = Some(IpAddr::V4(arp.sender())).filter(|sender| !(asks && sender.is_unspecified()));
    Some(Word {
        station,
        sender,
        told: sender.map(|_| Told::Arp(station)),
        asks: asks.then(|| arp.target().into()),
    })
}

fn discovery(station: MacAddr, packet: &[u8]) -> Option<Word> {
    let (Ends { source, .. }, message) = read_discovery(packet)?;
    match message {
        Message::NeighborSolicitation { target, source_mac } => Some(Word {
            // Where it says that it is, it is answered.
            station: source_mac.unwrap_or(station),
            sender: Some(IpAddr::V6(source)).filter(|_| !source.is_unspecified()),
            told: source_mac.map(Told::Solicitation),
            asks: Some(target.into()),
        }),
        Message::NeighborAdvertisement(said) => {
            let NeighborAdvertisement { target, solicited, overrides, target_mac, .. } = said;
            Some(Word {
                station: target_mac.unwrap_or(station),
                sender: Some(target.into()),
                told: Some(Told::Advertisement { mac: target_mac, solicited, overrides }),
                asks: None,
            })
        }
        Message::RouterSolicitation { .. } => None,
    }
}

/// Whether an IPv6 packet is one that neighbours exchange, valid or not.
pub(in crate::control) fn is_discovery(packet: &[u8]) -> bool {
    Ipv6::ref_from_prefix(packet).is_ok_and(|(header, after)| {
        header.next_header() == ipv6::ICMP && after.first().is_some_and(|kind| ndp::is_discovery(*kind))
    })
}

/// Reads an IPv6 packet of neighbour discovery: between whom it goes, and what it says. `None`: it is not valid, or only
/// hosts want to hear it.
pub(in crate::control) fn read_discovery(packet: &[u8]) -> Option<(Ends, Message)> {
    let header = Ipv6::checked(packet, packet.len())?;
    if header.next_header() != ipv6::ICMP {
        return None;
    }
    let ends = Ends { source: header.source().into(), destination: header.destination().into() };
    let message = packet.get(ipv6::HEADER..header.total_length())?;
    Some((ends, ndp::read(ends, header.hop_limit, message)?))
}

/// A message of neighbour discovery in its IPv6 packet.
pub(in crate::control) fn discovery_packet(Ends { source, destination }: Ends, message: &[u8]) -> Vec<u8> {
    let header = Ipv6::new(source, destination, ipv6::ICMP, HOP_LIMIT, message.len() as u16);
    [header.as_bytes(), message].concat()
}

impl Link {
    /// Asks who has `target`, of the same family as `sender`: everyone whom it may concern, or the station that had it
    /// last.
    pub(in crate::control) fn ask(
        self,
        station: Option<MacAddr>,
        sender: IpAddr,
        target: IpAddr,
    ) -> Option<Vec<u8>> {
        match (sender, target) {
            (IpAddr::V4(sender), IpAddr::V4(target)) => {
                let request = Arp::request(self.mac, sender, target);
                let to = station.unwrap_or(MacAddr::BROADCAST);
                Some(self.frame(to, ethernet::ARP, request.as_bytes()))
            }
            (IpAddr::V6(source), IpAddr::V6(target)) => {
                let destination = if station.is_some() { target } else { ndp::solicited_node(target) };
                let ends = Ends { source, destination };
                let message = ndp::neighbor_solicitation(ends, target, Some(self.mac));
                Some(self.discovery(ends, station, &message))
            }
            _ => None,
        }
    }

    /// Asks whether anyone has `address`, without a claim to it (RFC 5227 §2.1.1, RFC 4862 §5.4.2).
    pub(in crate::control) fn probe(self, address: IpAddr) -> Vec<u8> {
        match address {
            IpAddr::V4(address) => {
                let probe = Arp::request(self.mac, Ipv4Addr::UNSPECIFIED, address);
                self.frame(MacAddr::BROADCAST, ethernet::ARP, probe.as_bytes())
            }
            IpAddr::V6(target) => {
                let destination = ndp::solicited_node(target);
                let ends = Ends { source: Ipv6Addr::UNSPECIFIED, destination };
                self.discovery(ends, None, &ndp::neighbor_solicitation(ends, target, None))
            }
        }
    }

    /// Tells everyone that we have `address` (RFC 5227 §2.3, RFC 4861 §7.2.6).
    pub(in crate::control) fn announcement(self, address: IpAddr) -> Vec<u8> {
        match address {
            IpAddr::V4(address) => {
                let announcement = Arp::request(self.mac, address, address);
                self.frame(MacAddr::BROADCAST, ethernet::ARP, announcement.as_bytes())
            }
            IpAddr::V6(address) => self.advertisement(address, None, None),
        }
    }

    /// Tells `station`, whose address is `asker`, that we have `address`; a station without an address hears it with
    /// all others, or, by ARP, for itself.
    pub(in crate::control) fn answer(
        self,
        address: IpAddr,
        station: MacAddr,
        asker: Option<IpAddr>,
    ) -> Option<Vec<u8>> {
        match (address, asker) {
            (IpAddr::V4(address), Some(IpAddr::V4(asker))) => Some(self.arp_reply(address, station, asker)),
            (IpAddr::V4(address), None) => Some(self.arp_reply(address, station, Ipv4Addr::UNSPECIFIED)),
            (IpAddr::V6(address), Some(IpAddr::V6(asker))) => {
                Some(self.advertisement(address, Some(station), Some(asker)))
            }
            (IpAddr::V6(address), None) => Some(self.advertisement(address, None, None)),
            _ => None,
        }
    }

    fn arp_reply(self, address: Ipv4Addr, station: MacAddr, asker: Ipv4Addr) -> Vec<u8> {
        let reply = Arp::reply(self.mac, address, station, asker);
        self.frame(station, ethernet::ARP, reply.as_bytes())
    }

    /// The gateway routes, and is alone with its address: it says so.
    fn advertisement(self, target: Ipv6Addr, station: Option<MacAddr>, asker: Option<Ipv6Addr>) -> Vec<u8> {
        let ends = Ends { source: target, destination: asker.unwrap_or(ALL_NODES) };
        let said = NeighborAdvertisement {
            target,
            router: true,
            solicited: asker.is_some(),
            overrides: true,
            target_mac: Some(self.mac),
        };
        self.discovery(ends, station, &ndp::neighbor_advertisement(ends, &said))
    }

    /// A message in its frame, to a station or to the group that it is for.
    fn discovery(self, ends: Ends, station: Option<MacAddr>, message: &[u8]) -> Vec<u8> {
        let to = station.unwrap_or_else(|| ndp::group_mac(ends.destination));
        self.frame(to, ethernet::IPV6, &discovery_packet(ends, message))
    }
}

#[cfg(test)]
mod tests;
