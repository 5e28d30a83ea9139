//! What stations of a network ask of the gateway, and say of themselves: ARP and neighbour discovery.

use std::net::IpAddr;

use nvgw_types::{InterfaceId, VrfId};

use super::{End, Ended};
use crate::control::desired::{Hop, InterfaceKey, Role, anycast};
use crate::control::detection::Heard;
use crate::control::frames;
use crate::control::frames::neighbors::{Word, word};
use crate::control::neighbors::Effect;
use crate::control::{Control, Egress, Nanos};
use crate::packet::{ethernet, ndp};
use crate::tables::Grace;
use crate::telemetry::DropReason;

impl<G: Grace> Control<G> {
    /// Takes a packet about neighbours.
    pub(super) fn neighbor(
        &mut self,
        now: Nanos,
        interface: InterfaceId,
        frame: &[u8],
        effects: &mut Vec<Effect>,
        out: &mut impl Egress,
    ) -> Ended {
        let received = frames::read(frame).ok_or(DropReason::ArpIgnored)?;
        let ignored = match received.ethertype {
            ethernet::ARP => DropReason::ArpIgnored,
            _ => DropReason::DiscoveryIgnored,
        };
        let key = self.fabric.interface_key(interface).ok_or(ignored)?;
        if received.source == self.fabric.mac(key) {
            return Err(DropReason::OwnPacket);
        }
        let Word { station, sender, told, asks } = word(frame).ok_or(ignored)?;
        if station == self.fabric.mac(key) {
            return Err(DropReason::OwnPacket);
        }
        if !station.is_station() {
            return Err(ignored);
        }
        let at = |address| Hop { interface: key, address };
        match (sender, asks) {
            (Some(sender), _) if self.note_claim(now, at(sender), station, Heard::Claim) => {
                return Err(ignored);
            }
            (None, Some(asked)) => {
                self.note_claim(now, at(asked), station, Heard::Probe);
            }
            _ => {}
        }
        let asks_us = asks.filter(|asked| self.answers_for(key, *asked));
        if let Some(sender) = sender {
            let network = self.fabric.network(key).ok_or(ignored)?;
            // Nobody else has an address that the gateway speaks for.
            let host = network.own_address_toward(sender).is_some() && !self.fabric.speaks_for(key, sender);
            // A station may ask from its link-local address too, over which nothing is sent.
            if !host && !is_link_local(sender) {
                return Err(ignored);
            }
            if let Some(told) = told.filter(|_| host) {
                self.neighbors.heard(now, at(sender), told, asks_us.is_some(), effects);
            }
        }
        if let Some(asked) = asks_us
            && let Some(answer) = self.link(key).answer(asked, station, sender)
        {
            self.originate(key.port, &answer, out);
        }
        Ok(End::Consumed)
    }

    /// Whether the gateway tells stations of a network where an address is: its own ones there, the link-local one
    /// among them, and public ones.
    fn answers_for(&self, interface: InterfaceKey, address: IpAddr) -> bool {
        self.fabric.network(interface).is_some_and(|network| network.owns(address))
            || self.fabric.speaks_for(interface, address)
            || self.is_link_local(interface, address)
    }

    /// Whether an address is the gateway's own link-local address on a network where it has an IPv6 address
    /// (RFC 4291 §2.8).
    pub(super) fn is_link_local(&self, interface: InterfaceKey, address: IpAddr) -> bool {
        let network = self.fabric.network(interface);
        address == ndp::link_local(self.fabric.mac(interface))
            && network.is_some_and(|network| network.addresses.iter().any(|own| own.addr().is_ipv6()))
    }

    /// Whether an address is one that all routers of a prefix in a VRF have: the gateway takes what is sent there, but
    /// is not the one to answer.
    pub(in crate::control) fn is_anycast(&self, vrf: VrfId, address: IpAddr) -> bool {
        let subnet = self.model.subnet_at(vrf, address).and_then(|(_, subnet)| subnet.prefixes.at(address));
        let networks = self.fabric.current.networks.values();
        let connected = networks.filter(|network| network.role == Role::External(vrf));
        let mut prefixes =
            connected.flat_map(|network| &network.addresses).chain(subnet.map(|own| &own.prefix));
        prefixes.any(|prefix| anycast(prefix) == Some(address))
    }
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}
