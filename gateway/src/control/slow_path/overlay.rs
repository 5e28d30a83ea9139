//! What VMs ask of the gateway: who has its addresses (ARP, neighbour discovery), who routes, and echoes.
//!
//! Every answer is a unicast frame to the VM that asked, in a tunnel to its host. A VM's word makes nothing and changes
//! nothing here: what is learned is learned from [senders](super::super::learn), where a tenant wants that.

use std::net::IpAddr;

use nvgw_types::{VrfId, Vsid};
use zerocopy::IntoBytes;

use super::{End, Ended, echo};
use crate::control::desired::Subnet;
use crate::control::frames;
use crate::control::frames::neighbors::is_discovery;
use crate::control::neighbors::Effect;
use crate::control::probes::Side;
use crate::control::{Control, Nanos};
use crate::packet::arp::{Arp, Operation};
use crate::packet::ethernet;
use crate::tables::Grace;
use crate::tables::entries::from_ip;
use crate::tables::exchange::Ingress;
use crate::telemetry::DropReason;

impl<G: Grace> Control<G> {
    /// Takes a frame of a VM whose sender is the one it says it is.
    pub(super) fn overlay(
        &mut self,
        now: Nanos,
        vsid: Vsid,
        vrf: VrfId,
        frame: &[u8],
        effects: &mut Vec<Effect>,
    ) -> Ended {
        if let Some(ended) = self.overlay_neighbor(now, vsid, vrf, frame, effects) {
            return ended;
        }
        if self.take_answer(now, Side::Vrf(vrf), frame) {
            return Ok(End::Consumed);
        }
        let Some((reply, _)) = echo(frame) else {
            self.tell_unserved(now, Ingress::Tenant(vrf), frame, effects);
            return Err(DropReason::LocalUnsupported);
        };
        let subnet = self.overlay_subnet(vsid, vrf);
        if subnet.and_then(Subnet::link_local).is_some_and(|own| reply.asked == own) {
            let record = self.record(vrf, from_ip(reply.asker)).ok_or(DropReason::SourceRecordMissing)?;
            return self.wrap(now, &record, None, reply.tos, &reply.packet, effects);
        }
        self.answer(now, vrf, &reply, DropReason::VirtualRouteMissing, effects)
    }

    /// Takes a frame whose sender is known now. One that asks for the gateway is answered; of any other the sender's
    /// next one passes by itself.
    pub(super) fn taught(
        &mut self,
        now: Nanos,
        vsid: Vsid,
        vrf: VrfId,
        frame: &[u8],
        effects: &mut Vec<Effect>,
    ) -> Ended {
        let ended = self.overlay_neighbor(now, vsid, vrf, frame, effects);
        ended.and_then(Result::ok).map_or(Ok(End::Consumed), Ok)
    }

    /// A frame about neighbours; `None`: it is none.
    fn overlay_neighbor(
        &mut self,
        now: Nanos,
        vsid: Vsid,
        vrf: VrfId,
        frame: &[u8],
        effects: &mut Vec<Effect>,
    ) -> Option<Ended> {
        let received = frames::read(frame)?;
        match received.ethertype {
            ethernet::ARP => Some(self.overlay_arp(now, vsid, vrf, received.payload, effects)),
            ethernet::IPV6 if is_discovery(received.payload) => {
                Some(self.overlay_solicitation(now, vsid, vrf, &received, effects))
            }
            _ => None,
        }
    }

    /// A VM asks by ARP for its subnet's gateway address.
    fn overlay_arp(
        &mut self,
        now: Nanos,
        vsid: Vsid,
        vrf: VrfId,
        packet: &[u8],
        effects: &mut Vec<Effect>,
    ) -> Ended {
        const IGNORED: DropReason = DropReason::ArpIgnored;
        let (arp, operation) = Arp::checked(packet).ok_or(IGNORED)?;
        let subnet = self.overlay_subnet(vsid, vrf).ok_or(IGNORED)?;
        let sender = IpAddr::from(arp.sender());
        let own = subnet.prefixes.at(sender).ok_or(IGNORED)?;
        if operation != Operation::Request || IpAddr::from(arp.target()) != own.gateway {
            return Err(IGNORED);
        }
        let record =
            self.record(vrf, from_ip(sender)).filter(|r| r.mac() == arp.sender_mac()).ok_or(IGNORED)?;
        let reply = Arp::reply(subnet.gateway_mac, arp.target(), arp.sender_mac(), arp.sender());
        self.wrap(now, &record, Some(ethernet::ARP), 0, reply.as_bytes(), effects)
    }

    /// A virtual subnet, if it is the VRF's.
    pub(super) fn overlay_subnet(&self, vsid: Vsid, vrf: VrfId) -> Option<&Subnet> {
        self.fabric.current.subnets.get(&vsid).filter(|subnet| subnet.vrf == vrf)
    }
}
