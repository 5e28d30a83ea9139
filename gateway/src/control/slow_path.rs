//! What workers hand over: what neighbours say, ICMP echo to the gateway's own addresses and answers to its own, packets
//! whose next hop is not known, packets whose [senders](super::errors) are to hear of their end.
//!
//! A reply takes the way that the tables give it, as any packet to its destination would: an echo reply on the
//! provider network follows the provider routes, one on an external network or in a tenant's VRF that VRF's routes.
//! An answer to who asks for an address goes to who asked.

mod discovery;
mod on_link;
mod overlay;

use std::net::IpAddr;

use nvgw_config::SiteIndex;
use nvgw_types::{InterfaceId, MacAddr, NeighborId, VrfId};

use super::desired::{Hop, InterfaceKey, Role};
use super::frames::{self, EchoReply, Link};
use super::learning::Seen;
use super::neighbors::{Effect, Frame, Origin, interface_of_hosts};
use super::probes::Side;
use super::time::Nanos;
use super::{Control, Egress};
use crate::packet::ethernet;
use crate::tables::Grace;
use crate::tables::entries::{Reach, Record, Rewrite, ScopedAddress, Target, from_ip};
use crate::tables::exchange::{Ingress, Punt};
use crate::telemetry::DropReason;

/// VRFs that a packet may pass: a tenant's, an external network's, and another tenant's behind it.
const VRFS: usize = 3;

/// How a packet ended that was not dropped.
enum End {
    /// Answered or absorbed.
    Consumed,
    /// Given to the neighbours, or its answer was: their effects count it. Or it was counted before.
    Passed,
}

type Ended = Result<End, DropReason>;

impl<G: Grace> Control<G> {
    /// Takes a packet from a worker. Unless it was counted as dropped before, it ends in exactly one way, now or, where it
    /// waits for a neighbour, later: forwarded, consumed, or dropped for a reason.
    pub fn handle_punt(&mut self, now: Nanos, punt: Punt, frame: &[u8], out: &mut impl Egress) {
        let mut effects = Vec::new();
        let ended = match punt {
            Punt::Neighbor { interface } => self.neighbor(now, interface, frame, &mut effects, out),
            Punt::Local { interface } => self.local(now, interface, frame, &mut effects),
            Punt::Overlay { vsid, vrf } => self.overlay(now, vsid, vrf, frame, &mut effects),
            Punt::Learn { vsid, vrf, provider, reason } => {
                let seen = Seen::read(vsid, vrf, provider, frame);
                let known = seen.is_some_and(|seen| self.learn(now, &seen, out));
                if known { self.taught(now, vsid, vrf, frame, &mut effects) } else { Err(reason) }
            }
            Punt::LinkLocal { vsid, vrf, provider } => {
                self.link_local(now, vsid, vrf, provider, frame, &mut effects)
            }
            Punt::Error { error, ingress } => {
                self.tell(now, error, ingress, frame, &mut effects);
                Ok(End::Passed)
            }
            Punt::Unresolved { neighbor, ingress } => {
                let frame = Frame { bytes: frame.to_vec(), origin: Origin::Transit(ingress) };
                self.pass(now, neighbor, frame, &mut effects).map(|()| End::Passed)
            }
        };
        match ended {
            Ok(End::Consumed) => self.counters.consumed.add(1),
            Ok(End::Passed) => {}
            Err(reason) => self.counters.drops(reason, 1),
        }
        self.carry_out(now, effects, out);
        self.check_up(now, out);
    }

    fn local(
        &mut self,
        now: Nanos,
        interface: InterfaceId,
        frame: &[u8],
        effects: &mut Vec<Effect>,
    ) -> Ended {
        const UNSUPPORTED: DropReason = DropReason::LocalUnsupported;
        let key = self.fabric.interface_key(interface).ok_or(UNSUPPORTED)?;
        let role = self.fabric.network(key).ok_or(UNSUPPORTED)?.role;
        let side = match role {
            Role::Site => Side::Provider,
            Role::External(vrf) => Side::Vrf(vrf),
        };
        if self.take_answer(now, side, frame) {
            return Ok(End::Consumed);
        }
        let Some((reply, station)) = echo(frame) else {
            self.tell_unserved(now, Ingress::Outside(interface), frame, effects);
            return Err(UNSUPPORTED);
        };
        let ours = self.fabric.network(key).is_some_and(|network| network.owns(reply.asked));
        if self.is_link_local(key, reply.asked) {
            // Nobody from beyond the link can have sent it: back to where it came from.
            let bytes = self.link(key).packet(station, &reply.packet);
            let hop = Hop { interface: key, address: reply.asker };
            effects.push(Effect::Send(hop, Frame { bytes, origin: Origin::Answer }));
            return Ok(End::Passed);
        }
        match role {
            Role::Site if ours => self.answer_provider(now, &reply, effects),
            Role::Site => Err(UNSUPPORTED),
            Role::External(vrf) => self.answer(now, vrf, &reply, DropReason::ExternalRouteMissing, effects),
        }
    }

    /// Sends an echo reply over the provider network.
    fn answer_provider(&mut self, now: Nanos, reply: &EchoReply, effects: &mut Vec<Effect>) -> Ended {
        if self.fabric.current.networks.values().any(|n| n.role == Role::Site && n.owns(reply.asker)) {
            return Err(DropReason::OwnPacket);
        }
        let path = self.provider.lookup(reply.asker).ok_or(DropReason::ProviderRouteMissing)?;
        let interface = self.site_interface(path.site);
        let network = self.fabric.network(interface).ok_or(DropReason::ProviderRouteMissing)?;
        if network.own_address_toward(path.next_hop).is_none() {
            return Err(DropReason::OuterMartianSource);
        }
        if reply.packet.len() > usize::from(path.fits(network.mtu)) {
            return Err(DropReason::MtuExceeded);
        }
        let bytes = self.link(interface).packet(MacAddr::ZERO, &reply.packet);
        let hop = Hop { interface, address: path.next_hop };
        self.neighbors.submit_to_host(now, hop, Frame { bytes, origin: Origin::Answer }, effects);
        Ok(End::Passed)
    }

    /// Sends an echo reply in a VRF, where the address asked for is ours there.
    fn answer(
        &mut self,
        now: Nanos,
        vrf: VrfId,
        reply: &EchoReply,
        missing: DropReason,
        effects: &mut Vec<Effect>,
    ) -> Ended {
        if self.route(vrf, reply.asked).1 != Target::Local || self.is_anycast(vrf, reply.asked) {
            return Err(DropReason::LocalUnsupported);
        }
        // Nobody but a stranger with a forged address asks from there: workers translate, and this does not.
        if let Target::Translate(_) = self.leads(vrf, reply.asker) {
            return Err(missing);
        }
        let (vrf, target) = self.route(vrf, reply.asker);
        let address = match target {
            Target::Missing | Target::Vrf(_) | Target::Translate(_) | Target::Public => return Err(missing),
            Target::Local => return Err(DropReason::OwnPacket),
            Target::Discard => return Err(DropReason::MulticastUnsupported),
            Target::Subnet => from_ip(reply.asker),
            Target::Via(id) => self.fabric.writers.vias.get(id.0).ok_or(missing)?.address,
            Target::Adjacency(id) => {
                let rewrite = *self.fabric.writers.adjacencies.get(id.0).ok_or(missing)?;
                let neighbor = usable(&rewrite, reply.packet.len())?;
                let frame = Frame { bytes: frames::plain(&rewrite, &reply.packet), origin: Origin::Answer };
                return self.pass(now, neighbor, frame, effects).map(|()| End::Passed);
            }
        };
        let record = self.record(vrf, address).ok_or(DropReason::DestinationRecordMissing)?;
        self.wrap(now, &record, None, reply.tos, &reply.packet, effects)
    }

    /// Sends an answer to a record's VM.
    fn wrap(
        &mut self,
        now: Nanos,
        record: &Record,
        ethertype: Option<u16>,
        tos: u8,
        packet: &[u8],
        effects: &mut Vec<Effect>,
    ) -> Ended {
        let rewrite = self.fabric.writers.adjacencies.get(record.adjacency().0);
        let rewrite = *rewrite.ok_or(DropReason::ProviderRouteMissing)?;
        let neighbor = usable(&rewrite, packet.len())?;
        let bytes = frames::encapsulated(&rewrite, record, ethertype, tos, packet);
        self.pass(now, neighbor, Frame { bytes, origin: Origin::Answer }, effects).map(|()| End::Passed)
    }

    /// Gives a finished frame to its neighbour. One for all hosts of a network that have no entry is for the host
    /// that the frame's packet names.
    pub(super) fn pass(
        &mut self,
        now: Nanos,
        neighbor: NeighborId,
        frame: Frame,
        effects: &mut Vec<Effect>,
    ) -> Result<(), DropReason> {
        const UNRESOLVED: DropReason = DropReason::NeighborUnresolved;
        let Some(interface) = interface_of_hosts(neighbor) else {
            self.neighbors.submit(now, neighbor, frame, effects);
            return Ok(());
        };
        let interface = self.fabric.interface_key(interface).ok_or(UNRESOLVED)?;
        let network = self.fabric.network(interface).ok_or(UNRESOLVED)?;
        let (_, address) = frames::addresses(&frame.bytes).ok_or(UNRESOLVED)?;
        if network.owns(address) || network.own_address_toward(address).is_none() {
            return Err(UNRESOLVED);
        }
        self.neighbors.submit_to_host(now, Hop { interface, address }, frame, effects);
        Ok(())
    }

    /// Where an address leads, followed from VRF to VRF, and in which VRF it does.
    pub(super) fn route(&self, mut vrf: VrfId, address: IpAddr) -> (VrfId, Target) {
        let mut target = Target::Vrf(vrf);
        for _ in 0..VRFS {
            let (Target::Vrf(next) | Target::Translate(next)) = target else { break };
            vrf = next;
            target = self.leads(vrf, address);
        }
        (vrf, target)
    }

    /// Where an address leads in one VRF.
    pub(super) fn leads(&self, vrf: VrfId, address: IpAddr) -> Target {
        self.fabric.lookup(vrf, address).map_or(Target::Missing, |(_, target)| target)
    }

    pub(super) fn record(&self, vrf: VrfId, address: u128) -> Option<Record> {
        self.fabric.writers.records.get(&ScopedAddress { scope: vrf.0, address }).copied()
    }

    pub(super) fn site_interface(&self, site: SiteIndex) -> InterfaceKey {
        super::compile::site_interface(self.model.frame(), site)
    }

    pub(super) fn link(&self, interface: InterfaceKey) -> Link {
        Link { mac: self.fabric.mac(interface), vlan: interface.vlan }
    }
}

/// The neighbour of a way out that exists and takes a packet of that length.
pub(super) fn usable(rewrite: &Rewrite, length: usize) -> Result<NeighborId, DropReason> {
    if rewrite.reach() == Reach::NoRoute {
        Err(DropReason::ProviderRouteMissing)
    } else if length > usize::from(rewrite.mtu()) {
        Err(DropReason::MtuExceeded)
    } else {
        Ok(rewrite.neighbor())
    }
}

/// The answer to the echo request in a frame to this station alone, and the station that asks; everything else has none.
fn echo(frame: &[u8]) -> Option<(EchoReply, MacAddr)> {
    let received = frames::read(frame).filter(|received| !received.destination.is_multicast())?;
    let is_ip = matches!(received.ethertype, ethernet::IPV4 | ethernet::IPV6);
    is_ip.then_some((frames::echo_reply(received.payload)?, received.source))
}

#[cfg(test)]
mod tests;
