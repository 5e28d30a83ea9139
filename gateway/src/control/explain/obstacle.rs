//! What keeps a packet from its way, in words, and what to do about it.

use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_types::{Family, VrfId, Vsid};

use super::super::desired::{Hop, InterfaceKey, Network, Role, VrfKey};
use super::super::neighbors::State;
use crate::control::Control;
use crate::diagnosis::{ProbeOutcome, Verdict};
use crate::tables::Grace;
use crate::telemetry::DropReason;

/// What keeps a packet from its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::control) struct Obstacle {
    pub(in crate::control) reason: DropReason,
    pub(in crate::control) message: String,
    pub(in crate::control) cure: String,
}

impl Obstacle {
    pub(in crate::control) fn new(
        reason: DropReason,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self { reason, message: message.into(), cure: cure.into() }
    }

    /// The end of a probe that meets it.
    pub(in crate::control) fn not_sent(self) -> ProbeOutcome {
        ProbeOutcome::NotSent {
            reason: self.reason.name().to_owned(),
            message: self.message,
            cure: self.cure,
        }
    }

    /// The end of a packet that meets it.
    pub(in crate::control) fn dropped(self) -> Verdict {
        Verdict::Dropped {
            reason: self.reason.name().to_owned(),
            hyperv: self.reason.hyper_v_name().map(str::to_owned),
            message: self.message,
            cure: self.cure,
        }
    }

    /// The end of a packet that waits, and meets it if nobody answers.
    pub(in crate::control) fn held(self) -> Verdict {
        Verdict::Held { reason: self.reason.name().to_owned(), message: self.message, cure: self.cure }
    }
}

/// The network's kind, name and VLAN: `site gw (VLAN 20)`.
pub(in crate::control) fn place(key: InterfaceKey, network: &Network) -> String {
    let kind = match network.role {
        Role::Site => "site",
        Role::External(_) => "network",
    };
    match key.vlan {
        0 => format!("{kind} {} (untagged)", network.name),
        vlan => format!("{kind} {} (VLAN {vlan})", network.name),
    }
}

/// Sites named in one sentence.
const NAMED: usize = 3;

impl<G: Grace> Control<G> {
    /// The network of an interface, in words.
    pub(in crate::control) fn place(&self, key: InterfaceKey) -> String {
        self.fabric.network(key).map_or_else(String::new, |network| place(key, network))
    }

    /// The name of a VRF's tenant or shared external network.
    pub(in crate::control) fn vrf_key(&self, vrf: VrfId) -> Option<&VrfKey> {
        self.fabric.current.vrfs.iter().find(|(_, id)| **id == vrf).map(|(key, _)| key)
    }

    /// A VRF in words.
    pub(in crate::control) fn vrf_words(&self, vrf: VrfId) -> String {
        match self.vrf_key(vrf) {
            Some(VrfKey::Tenant(name)) => format!("tenant {name}"),
            Some(VrfKey::External(name)) => format!("network {name}"),
            None => format!("VRF {}", vrf.0),
        }
    }

    /// No provider route leads to `to`, looked for from one site, or from all; or one does, but by a site where the
    /// gateway has no address to send from.
    pub(in crate::control) fn no_provider_route(&self, to: IpAddr, from: Option<InterfaceKey>) -> Obstacle {
        if let Some(path) = self.provider.lookup(to) {
            return Obstacle::new(
                DropReason::ProviderRouteMissing,
                format!(
                    "the gateway has no usable provider address on {}, which leads to {to}",
                    self.place(self.site_interface(path.site))
                ),
                "nvgw provider-address list shows what is checked still and what is a duplicate",
            );
        }
        let networks = self.fabric.current.networks.iter();
        let sites: Vec<_> = networks
            .filter(|(key, network)| network.role == Role::Site && from.is_none_or(|from| from == **key))
            .collect();
        let mut names: Vec<_> =
            sites.iter().take(NAMED).map(|(key, network)| place(**key, network)).collect();
        if sites.len() > NAMED {
            names.push(format!("{} more", sites.len() - NAMED));
        }
        let own = sites.iter().flat_map(|(_, network)| &network.addresses);
        let subnet = own.map(IpNet::trunc).find(|own| own.addr().is_ipv4() == to.is_ipv4());
        let router = subnet.map_or_else(String::new, |subnet| format!(" <router in {subnet}>"));
        let which = if sites.len() == 1 { "the site" } else { "one of the sites" };
        Obstacle::new(
            DropReason::ProviderRouteMissing,
            format!("no provider route to {to} from {}", names.join(", ")),
            format!(
                "add a default gateway to {which}, or: nvgw provider-route add {} --via{router}",
                IpNet::from(to)
            ),
        )
    }

    /// A next hop does not let packets through.
    pub(in crate::control) fn next_hop_obstacle(&self, hop: Hop, reason: DropReason) -> Obstacle {
        let (address, place) = (hop.address, self.place(hop.interface));
        let how = match Family::of(address) {
            Family::V4 => "ARP",
            Family::V6 => "neighbour discovery",
        };
        let message = match reason {
            DropReason::NeighborUnresolved => match self.neighbors.state(hop) {
                // Asked in vain, and to be asked again with the next packet.
                _ if self.neighbors.is_silent(hop) => {
                    format!("next hop {address} on {place} does not answer {how}")
                }
                None | Some(State::Unresolved) => {
                    format!("next hop {address} on {place} has not been asked for yet")
                }
                Some(State::Incomplete) => {
                    format!("next hop {address} on {place} has not answered {how} yet")
                }
                _ => format!("next hop {address} on {place} does not answer {how}"),
            },
            DropReason::HoldQueueFull => format!("too many packets wait for {address} on {place} already"),
            _ => reason.description().trim_end_matches('.').to_owned(),
        };
        let cure = match reason {
            DropReason::TransmitFull => "try again: the queue to the workers is full".to_owned(),
            _ => {
                let name = self.fabric.network(hop.interface).map_or("NETWORK", |network| &network.name);
                format!(
                    "check that {address} is up and on {place}, or: \
                     nvgw neighbor add --network {name} {address} --mac MAC"
                )
            }
        };
        Obstacle::new(reason, message, cure)
    }

    /// No lookup record for an address; `peer` is its provider address where that is known.
    pub(in crate::control) fn no_record(
        &self,
        reason: DropReason,
        vrf: VrfId,
        address: IpAddr,
        peer: Option<IpAddr>,
    ) -> Obstacle {
        let vsid =
            self.vsid_of(vrf, address).map_or_else(|| "VSID".to_owned(), |vsid| vsid.get().to_string());
        let peer = peer.map_or_else(|| "PROVIDER-ADDRESS".to_owned(), |peer| peer.to_string());
        Obstacle::new(
            reason,
            format!("{address} has no lookup record in {}", self.vrf_words(vrf)),
            format!("if the VM exists: nvgw lookup add --vsid {vsid} --ca {address} --mac MAC --pa {peer}"),
        )
    }

    /// No route in a VRF.
    pub(in crate::control) fn no_route(&self, reason: DropReason, vrf: VrfId, to: IpAddr) -> Obstacle {
        let cure = match self.vrf_key(vrf) {
            Some(VrfKey::Tenant(name)) => format!(
                "nvgw tenant move {name} --external NETWORK, or: \
                 nvgw customer-route add --tenant {name} {} --via CUSTOMER-ADDRESS",
                IpNet::from(to)
            ),
            _ => "give the external network a gateway or a route to it in the configuration file".to_owned(),
        };
        Obstacle::new(reason, format!("{} has no route to {to}", self.vrf_words(vrf)), cure)
    }

    /// The VSID of the VRF's virtual subnet that holds an address.
    fn vsid_of(&self, vrf: VrfId, address: IpAddr) -> Option<Vsid> {
        let mut subnets = self.fabric.current.subnets.iter();
        let holds = subnets.find(|(_, subnet)| subnet.vrf == vrf && subnet.prefixes.at(address).is_some());
        holds.map(|(vsid, _)| *vsid)
    }
}
