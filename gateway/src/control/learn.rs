//! What a frame teaches, put to work: the facts that [`learning`](super::learning) judges by, and what its decisions
//! do to the model, the tables, the journal and the event log.

use std::net::IpAddr;

use nvgw_config::{Change, ChangeSet, LookupRecord, SenderCheck};
use nvgw_types::{CustomerAddr, ProviderAddr, Vsid};

use super::desired::Customer;
use super::draft::Draft;
use super::events::EventKind;
use super::learning::{Damped, Decision, Facts, KnownRecord, Notice, Refusal, Seen};
use super::owner::Owner;
use super::time::Nanos;
use super::{Control, ControlError, Egress};
use crate::tables::Grace;

impl<G: Grace> Control<G> {
    /// Takes a frame that failed the sender check of a subnet that learns. Whether its sender is known from now on; if
    /// it is not, the frame is one that a strict subnet would have dropped.
    pub(super) fn learn(&mut self, now: Nanos, seen: &Seen, out: &mut impl Egress) -> bool {
        // The model is ahead of the tables; the sender will try again.
        let Some(facts) = self.facts(seen).filter(|_| !self.pending) else { return false };
        let decision = self.learning.consider(now, seen, &facts);
        self.note_damping(now);
        let (kind, change) = match decision {
            Decision::Nothing => return true,
            Decision::Refuse(refusal) => {
                self.note_refusal(now, seen, refusal);
                return false;
            }
            Decision::Learn => (EventKind::LookupLearned, Change::AddLookup(record(seen))),
            Decision::Move => {
                let address = CustomerAddr(seen.customer.address);
                let provider_address = ProviderAddr(seen.provider);
                (EventKind::LookupMoved, Change::MoveLookup { vsid: seen.vsid, address, provider_address })
            }
        };
        let object = self.lookup_name(seen.vsid, seen.customer);
        let set = ChangeSet { changes: vec![change], ..ChangeSet::default() };
        let made = self.model.prepare(&set, Owner::Learned).map_err(|refused| refused.to_string());
        let made = made.and_then(|prepared| match self.put_through(&prepared.edits, now, out) {
            Ok(()) => Ok(prepared.writes),
            // The model has it, so the journal must: a reload brings the rest into force.
            Err(ControlError::Incomplete(error)) => {
                tracing::error!(%object, %error, "learned, but not all of it is in force");
                Ok(prepared.writes)
            }
            Err(error) => Err(error.to_string()),
        });
        match made {
            Ok(writes) => {
                self.unwritten_notes.extend(writes);
                let message = match facts.record {
                    Some(KnownRecord { provider, .. }) => {
                        format!("from {provider} to {}, as its own frame says", seen.provider)
                    }
                    None => format!("{} at {}, as its own frame says", seen.mac, seen.provider),
                };
                self.events.record(now, kind, object, message);
                true
            }
            Err(message) => {
                self.events.record(now, EventKind::LearningRefused, object, message);
                false
            }
        }
    }

    /// What is known about a sender.
    fn facts(&self, seen: &Seen) -> Option<Facts> {
        let subnet = &self.model.subnets().get(&seen.vsid)?.value;
        // The frame may be older than the subnet: its VSID was another tenant's when a worker took it.
        if subnet.vrf != seen.customer.vrf {
            return None;
        }
        let tenant = &self.model.tenants().get(&subnet.tenant)?.value;
        let SenderCheck::Learn(limits) = tenant.sender_check else { return None };
        let record = self
            .model
            .records()
            .get(&seen.customer)
            .map(|placed| KnownRecord { mac: placed.record.value.mac, provider: placed.provider() });
        Some(Facts {
            limits,
            prefix: *subnet.prefixes.at(seen.customer.address)?,
            gateway_mac: tenant.gateway_mac,
            record,
            provider_known_for_vsid: self.model.is_host_of(seen.vsid, seen.provider),
            learned_in_subnet: self.model.learned_in(seen.vsid),
            addresses_of_mac: self.model.learned_of(seen.vsid, seen.mac),
        })
    }

    /// Late frames and those of a damped record are what moves bring along, and have been told of.
    fn note_refusal(&mut self, now: Nanos, seen: &Seen, refusal: Refusal) {
        if !matches!(refusal, Refusal::Late | Refusal::Damped) {
            let object = self.lookup_name(seen.vsid, seen.customer);
            let message = format!("{} at {}: {refusal}", seen.mac, seen.provider);
            self.events.record(now, EventKind::LearningRefused, object, message);
        }
    }

    /// Tells learning of records that are about to move, or go, by other means than a frame.
    pub(super) fn watch_moves(&mut self, now: Nanos, draft: &Draft) {
        for (customer, new) in &draft.records {
            let Some(old) = self.fabric.current.records.get(customer) else { continue };
            match new {
                Some(new) if new.peer != old.peer => {
                    self.learning.moved(now, new.vsid, *customer, old.peer);
                }
                Some(_) => {}
                None => self.learning.forget(*customer),
            }
        }
        self.note_damping(now);
    }

    /// Lets time pass for what moves, and tells what came of it.
    pub(super) fn tick_learning(&mut self, now: Nanos) {
        self.learning.tick(now);
        self.note_damping(now);
    }

    /// Tells which records are held where they are from now on, and which may move again.
    fn note_damping(&mut self, now: Nanos) {
        let notices: Vec<_> = self.learning.notices().collect();
        for notice in notices {
            let (kind, Damped { vsid, customer, claimed, .. }) = match notice {
                Notice::Damped(damped) => (EventKind::RecordDamped, damped),
                Notice::Undamped(damped) => (EventKind::RecordUndamped, damped),
            };
            let message = format!("{claimed} claimed it last");
            self.events.record(now, kind, self.lookup_name(vsid, customer), message);
        }
    }

    /// Lookup records that move to and fro: tenant, VSID, address, where each is now, who claimed it last.
    pub fn flapping_records(&self) -> impl Iterator<Item = (String, Vsid, IpAddr, Option<IpAddr>, IpAddr)> {
        self.learning.damped().map(|Damped { vsid, customer, claimed, .. }| {
            let tenant = self.model.tenant_of(customer.vrf).unwrap_or_default().to_owned();
            let at = self.model.records().get(&customer).map(|placed| placed.provider());
            (tenant, vsid, customer.address, at, claimed)
        })
    }

    fn lookup_name(&self, vsid: Vsid, Customer { vrf, address }: Customer) -> String {
        let tenant = self.model.tenant_of(vrf).unwrap_or_default();
        format!("{tenant} {address} (VSID {vsid})")
    }
}

fn record(seen: &Seen) -> LookupRecord {
    LookupRecord {
        vsid: seen.vsid,
        address: CustomerAddr(seen.customer.address),
        mac: seen.mac,
        provider_address: ProviderAddr(seen.provider),
        name: None,
        flow_id: None,
    }
}
