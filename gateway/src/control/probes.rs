//! Probes: ICMP echo requests of the gateway's own, and the wait for their answers.
//!
//! A probe travels as a packet on the same way would: over the provider routes from one of our provider addresses, or
//! through the tables of a tenant's VRF. It waits for its next hop's Ethernet address like any other packet; its time
//! runs from when it is sent.

mod answer;
mod send;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use nvgw_types::VrfId;

use super::desired::Hop;
use super::frames::probe::{Number, Outcome};
use super::time::Nanos;
use crate::diagnosis::ProbeOutcome;

/// Probes under way at a time.
pub const PROBES: usize = 1024;

/// Who wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A caller of [`Control::start_probe`](super::Control::start_probe), by the number it gave.
    Caller(u64),
    /// The check-up that runs, about this provider address.
    Checkup(IpAddr),
}

/// Where answers come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// From the provider network.
    Provider,
    /// In this VRF: from its VMs, or from its external networks.
    Vrf(VrfId),
}

/// A probe under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    pub(super) asker: Asker,
    pub(super) side: Side,
    pub(super) source: IpAddr,
    pub(super) to: IpAddr,
    pub(super) size: u16,
    pub(super) timeout: Duration,
    /// Its next hop.
    pub(super) hop: Hop,
    /// When it was sent; `None`: it waits for its next hop.
    pub(super) sent: Option<Nanos>,
}

/// All probes under way, and the outcomes that nobody has fetched yet.
#[derive(Debug, Default)]
pub(super) struct Probes {
    identifier: u16,
    next: u16,
    under_way: BTreeMap<u16, Probe>,
    due: BTreeSet<(Nanos, u16)>,
    finished: Vec<(u64, ProbeOutcome)>,
    of_checkup: Vec<(IpAddr, ProbeOutcome)>,
}

impl Probes {
    /// Chooses the identifier of all probes, and where their numbers start.
    pub(super) fn seed(&mut self, seed: u64) {
        (self.identifier, self.next) = (seed as u16, (seed >> 16) as u16);
    }

    /// A place for one more probe: its number. `None`: [`PROBES`] are under way.
    pub(super) fn admit(&mut self, probe: Probe) -> Option<Number> {
        if self.under_way.len() >= PROBES {
            return None;
        }
        while self.under_way.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        self.under_way.insert(sequence, probe);
        Some(Number { identifier: self.identifier, sequence })
    }

    /// Notes that a probe left.
    pub(super) fn sent(&mut self, now: Nanos, sequence: u16) {
        if let Some(probe) = self.under_way.get_mut(&sequence)
            && probe.sent.is_none()
        {
            probe.sent = Some(now);
            self.due.insert((now.after(probe.timeout), sequence));
        }
    }

    /// Takes a probe off the list.
    pub(super) fn remove(&mut self, sequence: u16) -> Option<Probe> {
        let probe = self.under_way.remove(&sequence)?;
        if let Some(sent) = probe.sent {
            self.due.remove(&(sent.after(probe.timeout), sequence));
        }
        Some(probe)
    }

    /// Takes the probe off the list that an answer belongs to: one that was sent, from that source, to that address,
    /// and whose answers come in there.
    pub(super) fn answered(
        &mut self,
        side: Side,
        number: Number,
        source: IpAddr,
        asked: IpAddr,
        outcome: Outcome,
    ) -> Option<Probe> {
        let probe = self.under_way.get(&number.sequence)?;
        let whole = match outcome {
            Outcome::Reply { size } => size == probe.size,
            Outcome::TimeExceeded | Outcome::Unreachable { .. } | Outcome::TooBig { .. } => true,
        };
        let fits = number.identifier == self.identifier
            && probe.sent.is_some()
            && (probe.side, probe.source, probe.to) == (side, source, asked)
            && whole;
        if fits { self.remove(number.sequence) } else { None }
    }

    /// Takes a probe off the list whose time is up.
    pub(super) fn overdue(&mut self, now: Nanos) -> Option<Probe> {
        let (_, sequence) = self.due.first().filter(|(due, _)| *due <= now)?;
        self.remove(*sequence)
    }

    /// When the next probe's time is up.
    pub(super) fn next_due(&self) -> Option<Nanos> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Keeps an outcome for who asked.
    pub(super) fn finish(&mut self, asker: Asker, outcome: ProbeOutcome) {
        match asker {
            Asker::Caller(id) => self.finished.push((id, outcome)),
            Asker::Checkup(peer) => self.of_checkup.push((peer, outcome)),
        }
    }

    /// The outcomes for callers since the last time.
    pub(super) fn take_finished(&mut self) -> Vec<(u64, ProbeOutcome)> {
        std::mem::take(&mut self.finished)
    }

    /// Whether there are outcomes for the check-up.
    pub(super) const fn has_of_checkup(&self) -> bool {
        !self.of_checkup.is_empty()
    }

    /// The outcomes for the check-up since the last time.
    pub(super) fn take_of_checkup(&mut self) -> Vec<(IpAddr, ProbeOutcome)> {
        std::mem::take(&mut self.of_checkup)
    }
}

#[cfg(test)]
mod tests;
