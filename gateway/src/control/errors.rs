//! Telling a packet's sender why it went no further: ICMP errors (RFC 792, RFC 1812 §4.3).
//!
//! An error leaves by the side that its packet came in by, and by no other: to a VM, from the gateway's address of
//! the VM's subnet; to the outside, from our address on the network that leads to the sender. Whoever claims to be
//! somewhere else is told nothing.

pub(super) mod limit;

use std::net::{IpAddr, Ipv4Addr};

use nvgw_types::{Family, VrfId};

use super::desired::Role;
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
    from: Ipv4Addr,
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
        let Some(refused) = Refused::read(packet) else { return };
        let Some((vrf, back)) = self.way_back(ingress, &refused) else { return };
        let told =
            self.error_limits.admit(now, vrf) && self.send_back(now, error, &refused, &back, effects).is_ok();
        if !told {
            self.counters.icmp_errors_suppressed.add(1);
        }
    }

    /// The way back to a packet's sender, and the VRF that the packet came in by; `None` where it is told nothing.
    fn way_back(&self, ingress: Ingress, refused: &Refused<'_>) -> Option<(VrfId, Back)> {
        let (vrf, back) = match ingress {
            Ingress::Tenant(vrf) => (vrf, self.back_inside(vrf, refused.source.into())),
            Ingress::Outside(interface) => {
                let interface = self.fabric.interface_key(interface)?;
                let Role::External(vrf) = self.fabric.network(interface)?.role else { return None };
                (vrf, self.back_outside(vrf, refused.source.into()))
            }
        };
        // To a subnet's network or broadcast address: to many, or to none.
        let to_one = self.route(vrf, refused.destination.into()).1 != Target::Discard;
        back.filter(|_| to_one).map(|back| (vrf, back))
    }

    /// To a VM of a tenant, or to a host behind it.
    fn back_inside(&self, vrf: VrfId, sender: IpAddr) -> Option<Back> {
        let address = match self.route(vrf, sender) {
            (there, Target::Subnet) if there == vrf => from_ip(sender),
            (there, Target::Via(id)) if there == vrf => self.fabric.writers.vias.get(id.0)?.address,
            _ => return None,
        };
        let record = self.record(vrf, address)?;
        let subnet = self.fabric.current.subnets.get(&record.vsid())?;
        let rewrite = *self.fabric.writers.adjacencies.get(record.adjacency().0)?;
        let IpAddr::V4(from) = subnet.prefixes.of(Family::of(sender))?.gateway else { return None };
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
        let IpAddr::V4(from) = self.fabric.network(hop.interface)?.own_address_toward(hop.address)? else {
            return None;
        };
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
