//! The gateway's own addresses between the model, which says what they are, and duplicate address detection, which
//! says whether they may be used.

use std::collections::BTreeSet;

use ipnet::IpNet;
use nvgw_config::{DuplicateAddressDetection, NetworkRef};
use nvgw_types::MacAddr;

use super::desired::Hop;
use super::detection::{AddressState, Detection, Effect, Heard, Timing};
use super::events::EventKind;
use super::model::{Edit, Model, Swap};
use super::time::Nanos;
use super::{Control, Egress};
use crate::tables::Grace;

/// What the gateway found out by itself and has to put into its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    own: Hop,
    state: AddressState,
    claimed_by: Option<MacAddr>,
}

/// How addresses of a model are checked.
pub(super) fn timing(model: &Model) -> Timing {
    match model.frame().provider.duplicate_address_detection {
        DuplicateAddressDetection::Fast => Timing::Fast,
        DuplicateAddressDetection::Rfc5227 => Timing::Rfc5227,
        DuplicateAddressDetection::Off => Timing::Off,
    }
}

/// Marks which addresses of a model were found to be nobody else's.
pub(super) fn mark_usable(detection: &Detection, model: &mut Model) {
    let usable = |model: &Model, address, site| {
        let own = Hop { interface: model.interface_of(NetworkRef::Site(site)), address };
        match detection.state(own) {
            Some(state) => state == AddressState::Preferred,
            None => timing(model) == Timing::Off,
        }
    };
    let marks: Vec<_> =
        model.addresses.iter().map(|(address, own)| (*address, usable(model, *address, own.site))).collect();
    for (address, usable) in marks {
        if let Some(own) = model.addresses.get_mut(&address) {
            own.usable = usable;
        }
    }
}

impl<G: Grace> Control<G> {
    /// Has all addresses of the model watched, and no others. A new provider address is checked before it is used,
    /// unless the gateway is known to have it (`at_once`). Those of external networks are used at once: their
    /// networks are the operator's word alone.
    pub(super) fn watch_addresses(&mut self, now: Nanos, at_once: bool) {
        self.detection.set_timing(timing(&self.model));
        let sites = self.model.addresses.iter().map(|(address, own)| {
            let interface = self.model.interface_of(NetworkRef::Site(own.site));
            (Hop { interface, address: *address }, at_once)
        });
        let networks = self.model.frame.external.iter().enumerate().flat_map(|(index, network)| {
            let index = NetworkRef::External(nvgw_config::ExternalIndex(index));
            let interface = self.model.interface_of(index);
            let own = network.addresses.iter().map(IpNet::addr);
            own.map(move |address| (Hop { interface, address }, true))
        });
        let wanted: Vec<_> = sites.chain(networks).collect();
        let names: BTreeSet<Hop> = wanted.iter().map(|(own, _)| *own).collect();
        let gone: Vec<_> =
            self.detection.iter().map(|view| view.own).filter(|own| !names.contains(own)).collect();
        gone.into_iter().for_each(|own| self.detection.remove(own));
        for (own, at_once) in wanted {
            let mut effects = Vec::new();
            self.detection.add(now, own, self.fabric.mac(own.interface), at_once, &mut effects);
            // The model knows already that it may be used.
            effects.retain(|effect| !at_once || !matches!(effect, Effect::Changed { .. }));
            self.detected.append(&mut effects);
        }
    }

    /// Keeps addresses in use that go and come again in one batch: that nobody else has them is known.
    pub(super) fn keep_usable(&mut self, edits: &mut [Edit]) {
        for edit in edits {
            let Edit::Address(Swap { key: address, after: Some(after), .. }) = edit else { continue };
            let own = Hop { interface: self.site_interface(after.site), address: *address };
            if self.detection.state(own) == Some(AddressState::Preferred)
                && let Some(there) = self.model.addresses.get_mut(address)
            {
                (after.usable, there.usable) = (true, true);
            }
        }
    }

    /// Does what duplicate address detection wants done.
    pub(super) fn check_addresses(&mut self, now: Nanos, out: &mut impl Egress) {
        self.detection.tick(now, &mut self.detected);
        for effect in std::mem::take(&mut self.detected) {
            match effect {
                Effect::Probe(own) => {
                    let probe = self.link(own.interface).probe(own.address);
                    self.originate(own.interface.port, &probe, out);
                }
                Effect::Announce(own) => {
                    let announcement = self.link(own.interface).announcement(own.address);
                    self.originate(own.interface.port, &announcement, out);
                }
                Effect::Changed { own, state, claimed_by } => {
                    self.deferred.push(Found { own, state, claimed_by });
                }
                Effect::Claimed { own, by } => {
                    let message = format!("{by} claims it too");
                    self.events.record(now, EventKind::AddressClaimed, self.own_name(own), message);
                }
            }
        }
        if !self.pending {
            self.catch_up(now, out);
        }
    }

    /// Notes a packet of another station that speaks of an address of ours; whether it did.
    pub(super) fn note_claim(&mut self, now: Nanos, own: Hop, station: MacAddr, heard: Heard) -> bool {
        let ours = self.detection.state(own).is_some();
        self.detection.heard(now, own, station, heard, &mut self.detected);
        ours
    }

    /// Puts into the model what was found out while a change was pending.
    pub(super) fn catch_up(&mut self, now: Nanos, out: &mut impl Egress) {
        for Found { own, state, claimed_by } in std::mem::take(&mut self.deferred) {
            let there = self.model.addresses.get(&own.address).copied();
            // A reload may have brought it to another network, where it is checked anew.
            let there = there.filter(|there| own.interface == self.site_interface(there.site));
            let Some(before) = there else { continue };
            let usable = state == AddressState::Preferred;
            if before.usable == usable && state != AddressState::Duplicate {
                continue;
            }
            let after = super::model::OwnAddress { usable, ..before };
            let edit = Edit::Address(Swap { key: own.address, before: Some(before), after: Some(after) });
            if let Err(error) = self.make(edit, now, out) {
                tracing::error!(address = %own.address, %error, "the state of an address could not be noted");
            }
            let name = self.own_name(own);
            match claimed_by {
                Some(mac) => {
                    let message = format!("{mac} has it; the gateway does not use it");
                    self.events.record(now, EventKind::DuplicateAddress, name, message);
                }
                None => {
                    let message = "nobody else has it; in use".to_owned();
                    self.events.record(now, EventKind::AddressPreferred, name, message);
                }
            }
        }
    }

    fn own_name(&self, own: Hop) -> String {
        let network = self.fabric.network(own.interface).map_or("", |network| network.name.as_str());
        format!("{} on {network}", own.address)
    }
}
