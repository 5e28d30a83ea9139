//! Telling a packet's sender why it went no further: ICMP errors (RFC 792, RFC 1812 §4.3, RFC 4443).
//!
//! An error leaves by the side that its packet came in by, and by no other: to a VM, from the gateway's address of
//! the VM's subnet; to the outside, from our address on the network that leads to the sender; about a packet to an
//! address of ours, from that address (RFC 4443 §2.2). Whoever claims to be somewhere else is told nothing.
//!
//! Of a packet that waited in vain for its next hop, only the finished frame is left. Its sender is told where the
//! packet in it is the one that was sent, but for its time to live and DSCP: a frame that translation had its hands in
//! does not say what it was before, and is not told of.

pub(super) mod limit;

use std::net::IpAddr;

use nvgw_types::{Family, VrfId};

use super::desired::{Hop, Role};
use super::frames::error::{Refused, TOS};
use super::neighbors::{Effect, Frame, Origin};
use super::slow_path::usable;
use super::time::Nanos;
use super::{Control, frames};
use crate::tables::Grace;
use crate::tables::entries::{Record, Rewrite, Target, from_ip};
use crate::tables::exchange::{IcmpError, Ingress};
use crate::telemetry::DropReason;

/// The way back to a packet's sender.
struct Back {
    /// Our address that it is told from.
    from: IpAddr,
    rewrite: Rewrite,
    /// The lookup record of the VM that it leads to; `None`: out by an external network.
    record: Option<Record>,
}

impl<G: Grace> Control<G> {
    /// Tells the sender of a packet that was dropped and counted, as far as that is allowed and not too often.
    pub(super) fn tell(
        &mut self,
        now: Nanos,
        error: IcmpError,
        ingress: Ingress,
        packet: &[u8],
        effects: &mut Vec<Effect>,
    ) {
        if let Some(refused) = Refused::read(packet) {
            self.tell_of(now, error, ingress, &refused, effects);
        }
    }

    /// Tells the sender of a frame, dropped and counted, whose packet was for an address of ours that does not speak
    /// its protocol, or has nobody behind its port.
    pub(super) fn tell_unserved(
        &mut self,
        now: Nanos,
        ingress: Ingress,
        frame: &[u8],
        effects: &mut Vec<Effect>,
    ) {
        let received = frames::read(frame).filter(|received| !received.destination.is_multicast());
        if let Some(refused) = received.and_then(|received| Refused::read(received.payload))
            && let Some(error) = refused.unserved()
            && self.vrf_of(ingress).map(|vrf| self.route(vrf, refused.destination).1) == Some(Target::Local)
        {
            self.tell_of(now, error, ingress, &refused, effects);
        }
    }

    /// Tells the sender of a frame, dropped and counted, whose next hop does not answer.
    pub(super) fn tell_undelivered(
        &mut self,
        now: Nanos,
        ingress: Ingress,
        hop: Hop,
        frame: &[u8],
        effects: &mut Vec<Effect>,
    ) {
        if let Some(refused) = self.as_it_came(ingress, hop, frame) {
            self.tell_of(now, IcmpError::HostUnreachable, ingress, &refused, effects);
        }
    }

    fn tell_of(
        &mut self,
        now: Nanos,
        error: IcmpError,
        ingress: Ingress,
        refused: &Refused<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some((vrf, back)) = self.way_back(ingress, refused) else { return };
        let told =
            self.error_limits.admit(now, vrf) && self.send_back(now, error, refused, &back, effects).is_ok();
        if !told {
            self.counters.icmp_errors_suppressed.add(1);
        }
    }

    /// The way back to a packet's sender, and the VRF that the packet came in by; `None` where it is told nothing.
    fn way_back(&self, ingress: Ingress, refused: &Refused<'_>) -> Option<(VrfId, Back)> {
        let vrf = self.vrf_of(ingress)?;
        let back = match ingress {
            Ingress::Tenant(_) => self.back_inside(vrf, refused.source)?,
            Ingress::Outside(_) => self.back_outside(vrf, refused.source)?,
        };
        match self.route(vrf, refused.destination).1 {
            // To a subnet's network or broadcast address: to many, or to none.
            Target::Discard => None,
            Target::Local if !self.is_anycast(vrf, refused.destination) => {
                Some((vrf, Back { from: refused.destination, ..back }))
            }
            _ => Some((vrf, back)),
        }
    }

    /// The VRF that packets come in by.
    fn vrf_of(&self, ingress: Ingress) -> Option<VrfId> {
        match ingress {
            Ingress::Tenant(vrf) => Some(vrf),
            Ingress::Outside(interface) => {
                let interface = self.fabric.interface_key(interface)?;
                match self.fabric.network(interface)?.role {
                    Role::External(vrf) => Some(vrf),
                    Role::Site => None,
                }
            }
        }
    }

    /// The packet in a finished frame for a next hop, if it is the one that came in.
    fn as_it_came<'f>(&self, ingress: Ingress, hop: Hop, frame: &'f [u8]) -> Option<Refused<'f>> {
        let vrf = self.vrf_of(ingress)?;
        let packet = frames::read(frame)?.payload;
        match self.fabric.network(hop.interface)?.role {
            Role::External(_) => Refused::read(packet).filter(|it| !self.is_translated(vrf, it.destination)),
            Role::Site => {
                let (vsid, packet) = frames::tunnelled(packet)?;
                let refused = Refused::read(packet)?;
                // Translated, it would lead elsewhere from where it came in.
                let leads_here = self.record_toward(vrf, refused.destination)?.vsid() == vsid;
                (leads_here && !self.is_translated(vrf, refused.destination)).then_some(refused)
            }
        }
    }

    /// Whether packets from a VRF to an address leave it with another source.
    fn is_translated(&self, vrf: VrfId, destination: IpAddr) -> bool {
        matches!(self.leads(vrf, destination), Target::Translate(_))
    }

    /// The lookup record of the VM that packets from a VRF to an address go to.
    fn record_toward(&self, vrf: VrfId, address: IpAddr) -> Option<Record> {
        let (there, target) = self.route(vrf, address);
        match target {
            Target::Subnet => self.record(there, from_ip(address)),
            Target::Via(id) => self.record(there, self.fabric.writers.vias.get(id.0)?.address),
            _ => None,
        }
    }

    /// To a VM of a tenant, or to a host behind it.
    fn back_inside(&self, vrf: VrfId, sender: IpAddr) -> Option<Back> {
        if self.route(vrf, sender).0 != vrf {
            return None;
        }
        let record = self.record_toward(vrf, sender)?;
        let subnet = self.fabric.current.subnets.get(&record.vsid())?;
        let rewrite = *self.fabric.writers.adjacencies.get(record.adjacency().0)?;
        let from = subnet.prefixes.of(Family::of(sender))?.gateway;
        Some(Back { from, rewrite, record: Some(record) })
    }

    /// To a host outside, by the routes of an external network.
    fn back_outside(&self, vrf: VrfId, sender: IpAddr) -> Option<Back> {
        let (there, Target::Adjacency(id)) = self.route(vrf, sender) else { return None };
        if there != vrf {
            return None;
        }
        let rewrite = *self.fabric.writers.adjacencies.get(id.0)?;
        let hop = self.hop_of_way(&rewrite, sender)?;
        let from = self.fabric.network(hop.interface)?.own_address_toward(hop.address)?;
        Some(Back { from, rewrite, record: None })
    }

    /// Sends the error. What keeps it from being sent counts no packet.
    fn send_back(
        &mut self,
        now: Nanos,
        error: IcmpError,
        refused: &Refused<'_>,
        back: &Back,
        effects: &mut Vec<Effect>,
    ) -> Result<(), DropReason> {
        let packet = refused.answer(error, back.from, back.rewrite.mtu());
        let packet = packet.ok_or(DropReason::LocalUnsupported)?;
        let neighbor = usable(&back.rewrite, packet.len())?;
        let bytes = match &back.record {
            Some(record) => frames::encapsulated(&back.rewrite, record, None, TOS, &packet),
            None => frames::plain(&back.rewrite, &packet),
        };
        self.pass(now, neighbor, Frame { bytes, origin: Origin::Error }, effects)
    }
}

#[cfg(test)]
mod tests;
