//! A packet's way, explained: every decision that the tables make for it, from the same entries that workers read.

mod nat;
mod obstacle;
mod sender;
mod walk;

use std::net::IpAddr;

use nvgw_types::{Family, PortId, VrfId, Vsid};

use nat::Flow;
pub(super) use obstacle::Obstacle;
pub(super) use walk::{End, Side, Walk, Way};

use super::Control;
use super::desired::{InterfaceKey, Network, Role, VrfKey};
use super::neighbors::State;
use crate::diagnosis::{ExplainRequest, Explanation, Verdict};
use crate::packet::{ipv4, ipv6};
use crate::tables::Grace;
use crate::tables::entries::{Reach, to_ip};
use crate::telemetry::DropReason;

impl<G: Grace> Control<G> {
    /// Explains what becomes of a well-formed packet that the ways out have room for: with a TTL left, to the gateway's
    /// Ethernet address, and from a VM with the VM's own.
    ///
    /// # Errors
    /// A question that means no packet: addresses of different families, a number that is no VSID, a network that is not
    /// there.
    pub fn explain(&self, request: &ExplainRequest) -> Result<Explanation, String> {
        let (to, from, peer) = (request.dst, request.src, request.provider_address);
        if let Some(from) = from.filter(|from| Family::of(*from) != Family::of(to)) {
            return Err(format!("no packet goes from {from} to {to}: they are of different families"));
        }
        let mut walk = Walk::of(self, Flow::of(request, from));
        let ended = match request.vsid {
            Some(number) => {
                if request.network.is_some() {
                    return Err("a packet comes from a VM or by an external network, not both".to_owned());
                }
                let vsid = Vsid::new(u64::from(number)).map_err(|error| error.to_string())?;
                self.explain_vm(&mut walk, vsid, from, peer, to)
            }
            None => {
                if peer.is_some() {
                    return Err("only a packet from a VM has a provider address: give its VSID".to_owned());
                }
                let (key, network, vrf) = self.entrance(request.network.as_deref())?;
                walk.note("network", format!("comes in by {}", obstacle::place(key, network)));
                self.explain_outside(&mut walk, vrf, from, to)
            }
        };
        let verdict = ended.unwrap_or_else(Obstacle::dropped);
        Ok(Explanation { steps: walk.steps, verdict })
    }

    /// The external network that a packet comes in by: the one of that name, or the first shared one.
    fn entrance(&self, name: Option<&str>) -> Result<(InterfaceKey, &Network, VrfId), String> {
        let shared = |vrf| matches!(self.vrf_key(vrf), Some(VrfKey::External(_)));
        let mut external =
            self.fabric.current.networks.iter().filter_map(|(key, network)| match network.role {
                Role::External(vrf) => Some((*key, network, vrf)),
                Role::Site => None,
            });
        match name {
            Some(name) => external
                .find(|(_, network, _)| network.name == name)
                .ok_or_else(|| format!("no external network has the name {name}")),
            None => external
                .find(|(_, _, vrf)| shared(*vrf))
                .ok_or_else(|| "there is no shared external network: name one".to_owned()),
        }
    }

    fn explain_outside(
        &self,
        walk: &mut Walk<'_, G>,
        vrf: VrfId,
        from: Option<IpAddr>,
        to: IpAddr,
    ) -> Result<Verdict, Obstacle> {
        if let Some(from) = from
            && !(is_link_local(to) && is_link_local(from))
        {
            may_send(from, DropReason::OuterMartianSource)?;
        }
        unicast(to)?;
        if is_link_local(to) {
            return Ok(on_link(to));
        }
        Ok(self.end(walk.route(Side::Outside, vrf, to)?, to))
    }

    /// What becomes of a packet whose way ends there.
    fn end(&self, end: End, to: IpAddr) -> Verdict {
        match end {
            End::Local => {
                let what = format!("{to} is an address of the gateway itself, which answers ping there");
                Verdict::Local { what }
            }
            End::Out(way) => self.verdict(&way),
        }
    }

    /// What becomes of a packet that takes this way now.
    fn verdict(&self, way: &Way) -> Verdict {
        let unresolved = || self.next_hop_obstacle(way.hop, DropReason::NeighborUnresolved);
        match (way.rewrite.reach(), self.neighbors.state(way.hop)) {
            (Reach::Resolved | Reach::LeftToDevice, _) => {
                let headers = Self::headers(way);
                let (mac, vlan) = walk::link_of(&headers).unwrap_or_default();
                Verdict::Forwarded {
                    port: self.port_name(way.rewrite.port()).to_owned(),
                    vlan: (vlan != 0).then_some(vlan),
                    mac: mac.to_string(),
                    what: self.destination_words(way),
                }
            }
            (_, Some(State::Failed)) => unresolved().dropped(),
            _ => unresolved().held(),
        }
    }

    fn destination_words(&self, way: &Way) -> String {
        match way.record.map(|record| (record.vsid(), to_ip(record.provider()))) {
            Some((vsid, peer)) => format!("to {peer} in NVGRE, VSID {}", vsid.get()),
            None => format!("to {} on {}", way.hop.address, self.place(way.hop.interface)),
        }
    }

    /// The configuration's name of a port.
    pub(super) fn port_name(&self, port: PortId) -> &str {
        self.config().ports.get(port.index()).map_or("", |port| &port.name)
    }
}

/// No tenant has a VSID.
pub(super) fn no_policy(vsid: u32) -> Obstacle {
    Obstacle::new(
        DropReason::NoPolicyForVsid,
        format!("no tenant has VSID {vsid}"),
        format!("nvgw subnet add --tenant TENANT --vsid {vsid} --prefix PREFIX --gateway ADDRESS"),
    )
}

fn may_send(address: IpAddr, reason: DropReason) -> Result<(), Obstacle> {
    let may = match address {
        IpAddr::V4(v4) => ipv4::may_send(v4.into()),
        IpAddr::V6(v6) => ipv6::may_send(v6.into()),
    };
    if may {
        return Ok(());
    }
    let message = format!("{address} cannot be a sender's address");
    Err(Obstacle::new(reason, message, "see which host sends with it"))
}

fn unicast(to: IpAddr) -> Result<(), Obstacle> {
    let one = match to {
        IpAddr::V4(v4) => !ipv4::is_multicast_or_reserved(v4.into()),
        IpAddr::V6(v6) => ipv6::may_receive(v6.into()),
    };
    if one {
        return Ok(());
    }
    let message = format!("{to} is a multicast, reserved or broadcast address");
    Err(Obstacle::new(DropReason::MulticastUnsupported, message, "send to a host's address"))
}

const fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

/// What becomes of a packet to an address of the link that it came by.
fn on_link(to: IpAddr) -> Verdict {
    let what = format!(
        "{to} is of the link alone: the gateway forwards no packet there, and answers ping to its own"
    );
    Verdict::Local { what }
}

#[cfg(test)]
mod tests;
