//! A packet from a VM: its virtual subnet, and whether its sender is who the records say.

use std::net::IpAddr;

use nvgw_types::Vsid;

use super::obstacle::Obstacle;
use super::walk::{Side, Walk};
use super::{is_link_local, may_send, no_policy, on_link, unicast};
use crate::control::Control;
use crate::diagnosis::Verdict;
use crate::tables::Grace;
use crate::tables::entries::{Record, SenderMode, Subnet, Target, from_ip, to_ip};
use crate::tables::set::LocalAddress;
use crate::telemetry::DropReason;

impl<G: Grace> Control<G> {
    pub(super) fn explain_vm(
        &self,
        walk: &mut Walk<'_, G>,
        vsid: Vsid,
        from: Option<IpAddr>,
        peer: Option<IpAddr>,
        to: IpAddr,
    ) -> Result<Verdict, Obstacle> {
        if let Some(peer) = peer {
            may_send(peer, DropReason::OuterMartianSource)?;
        }
        self.vsid_is_usable(vsid)?;
        if let Some(from) = from {
            may_send(from, DropReason::InnerMartianSource)?;
        }
        unicast(to)?;
        let Some(subnet) = self.fabric.writers.subnets.get(vsid) else {
            walk.note("subnet", format!("VSID {} is not known", vsid.get()));
            return Err(self.blame(peer, no_policy(vsid.get())));
        };
        let prefix = self.fabric.current.subnets.get(&vsid).map(|subnet| subnet.prefixes.to_string());
        walk.note(
            "subnet",
            format!(
                "VSID {} is {} of {}; frames come to {}",
                vsid.get(),
                prefix.unwrap_or_default(),
                self.vrf_words(subnet.vrf),
                subnet.gateway_mac
            ),
        );
        match from {
            Some(from) => {
                if let Some(lesson) = self.check_sender(walk, subnet, (from, to), peer)? {
                    return Ok(Verdict::Local { what: lesson });
                }
            }
            None => walk.note("sender-check", "left out: no source is given"),
        }
        if is_link_local(to) {
            return Ok(on_link(to));
        }
        Ok(self.end(walk.route(Side::Tenant, subnet.vrf, to)?, to))
    }

    fn vsid_is_usable(&self, vsid: Vsid) -> Result<(), Obstacle> {
        let number = vsid.get();
        let ours = "give the virtual subnet a VSID from 4096 to 16777214";
        if vsid.is_reserved() && !self.config().provider.encapsulation.allow_reserved_vsids {
            let message = format!("VSID {number} is reserved by RFC 7637");
            let cure = format!("{ours}, or set provider.encapsulation.allow-reserved-vsids");
            return Err(Obstacle::new(DropReason::VsidReserved, message, cure));
        }
        if vsid == Vsid::VENDOR {
            let message = format!("VSID {number} is vendor specific in RFC 7637");
            return Err(Obstacle::new(DropReason::VsidVendor, message, ours));
        }
        Ok(())
    }

    /// The sender check (VSID × provider address × customer address) in the routing domain. Where the gateway learns
    /// its senders, what it may learn from the packet.
    fn check_sender(
        &self,
        walk: &mut Walk<'_, G>,
        subnet: &Subnet,
        (from, to): (IpAddr, IpAddr),
        peer: Option<IpAddr>,
    ) -> Result<Option<String>, Obstacle> {
        let missing = || self.no_record(DropReason::SourceRecordMissing, subnet.vrf, from, peer);
        let (vouches, record) = self.vouching(subnet, from, to);
        let fault = match record {
            None => Some(missing()),
            Some(record) => {
                let host = to_ip(record.provider());
                let behind =
                    if vouches == from { String::new() } else { format!("{from} is behind {vouches}: ") };
                let sent = peer.unwrap_or(host);
                if sent == host {
                    walk.note(
                        "sender-check",
                        format!("{behind}the record of {vouches} names {host} and MAC {}", record.mac()),
                    );
                    return Ok(None);
                }
                Some(Obstacle::new(
                    DropReason::SourceCaPaMismatch,
                    format!("{behind}the record of {vouches} names {host}, the packet comes from {sent}"),
                    format!(
                        "if the VM has moved: nvgw lookup move --vsid {} --ca {vouches} --pa {sent}",
                        record.vsid().get()
                    ),
                ))
            }
        };
        let Some(obstacle) = fault.map(|obstacle| self.blame(peer, obstacle)) else { return Ok(None) };
        walk.note("sender-check", obstacle.message.clone());
        let Obstacle { reason, message, .. } = &obstacle;
        let of_subnet = self.leads(subnet.vrf, from) == Target::Subnet;
        match subnet.sender_mode {
            SenderMode::LogOnly if *reason != DropReason::OwnPacket => {
                walk.note(
                    "sender-check",
                    format!("counted as {}, and let pass: it only logs", reason.name()),
                );
                Ok(None)
            }
            // As workers do: only of an address that a VM of the very subnet may have.
            SenderMode::Learn
                if *reason != DropReason::OwnPacket && subnet.contains(from_ip(from)) && of_subnet =>
            {
                walk.note("sender-check", "the gateway learns its senders: it decides whether this is one");
                Ok(Some(format!(
                    "{message}; learned from within its limits, else dropped as {}",
                    reason.name()
                )))
            }
            _ => Err(obstacle),
        }
    }

    /// The customer address whose record vouches for a sender, and that record: its own, or that of the VM that routes
    /// for it. What is for the link alone was not routed.
    fn vouching(&self, subnet: &Subnet, from: IpAddr, to: IpAddr) -> (IpAddr, Option<Record>) {
        if let Some(record) = self.record(subnet.vrf, from_ip(from)) {
            return (from, Some(record));
        }
        if !is_link_local(to)
            && let Target::Via(via) = self.leads(subnet.vrf, from)
            && let Some(router) = self.fabric.writers.vias.get(via.0).map(|via| to_ip(via.address))
        {
            return (router, self.record(subnet.vrf, from_ip(router)));
        }
        (from, None)
    }

    /// What to say of a packet that is refused: one from our own provider address is our own that came back.
    fn blame(&self, peer: Option<IpAddr>, obstacle: Obstacle) -> Obstacle {
        match peer {
            Some(peer) if self.fabric.writers.locals.get(&LocalAddress::key_of(from_ip(peer))).is_some() => {
                Obstacle::new(
                    DropReason::OwnPacket,
                    format!("{peer} is a provider address of this gateway: a packet of its own came back"),
                    format!("find what sends packets of {peer} back, or who else uses the address"),
                )
            }
            _ => obstacle,
        }
    }
}
