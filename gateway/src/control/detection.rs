//! Duplicate address detection (RFC 5227, RFC 4862 §5.4): whether an address of ours is nobody else's before it is used, and who
//! claims it afterwards.
//!
//! A state machine without network and without clock, as the [neighbours](super::neighbors) are: it is told what was
//! heard and what time it is, and answers with [`Effect`]s for its owner to carry out, in order. Its random delays
//! come from the address and our Ethernet address, so the same events have the same effects.
//!
//! An address is tentative until probes found no other user. A duplicate is probed again from time to time, and
//! becomes preferred when the other station has left. A preferred address is never given up: a gateway that went
//! silent because somebody claims its address would be the greater harm. It is defended as RFC 5227 §2.4 (c) has it,
//! and the rhythm of its check is that RFC's in both families.

mod entry;
mod timing;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nvgw_types::MacAddr;

use super::desired::Hop;
use super::time::Nanos;
use entry::Entry;
pub use timing::Timing;

/// A claim to a preferred address that was not repeated for so long counts as withdrawn.
const WITHDRAWN: Duration = Duration::from_secs(600);

/// How an address of ours stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressState {
    /// Being checked for the first time; not used yet.
    Tentative,
    /// Ours, and in use.
    Preferred,
    /// Another station has it; not used.
    Duplicate,
}

impl AddressState {
    /// The name in commands and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tentative => "tentative",
            Self::Preferred => "preferred",
            Self::Duplicate => "duplicate",
        }
    }
}

impl serde::Serialize for AddressState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What a packet of another station has to do with an address of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Its sender says that the address is its own.
    Claim,
    /// It asks whether anyone has the address, to take it.
    Probe,
}

/// What the owner has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Ask whether anyone has the address.
    Probe(Hop),
    /// Tell everyone that we have the address.
    Announce(Hop),
    /// The state has changed.
    Changed {
        /// The address.
        own: Hop,
        /// How it stands now.
        state: AddressState,
        /// Who has it, where it is a duplicate.
        claimed_by: Option<MacAddr>,
    },
    /// Another station claims a preferred address: told with the first claim, then where the station is another one
    /// than was told of last, at most once in ten seconds.
    Claimed {
        /// The address.
        own: Hop,
        /// Who claims it.
        by: MacAddr,
    },
}

/// What another station said of an address of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The station that said it last.
    pub by: MacAddr,
    /// How often any station did, since the address was last undisputed.
    pub count: u64,
    /// When one did last.
    pub last: Nanos,
}

/// An address of ours, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// The address.
    pub own: Hop,
    /// How it stands.
    pub state: AddressState,
    /// Since when it stands so.
    pub since: Nanos,
    /// What another station said of it, where one did.
    pub claim: Option<Claim>,
}

impl View {
    /// Whether another station has the address, or claimed it a short while ago.
    #[must_use]
    pub fn is_disputed(&self, now: Nanos) -> bool {
        self.state == AddressState::Duplicate || self.claim.is_some_and(|claim| !claim.is_withdrawn(now))
    }
}

impl Claim {
    /// Whether it was not repeated for so long that nobody seems to hold on to it.
    fn is_withdrawn(&self, now: Nanos) -> bool {
        now.since(self.last) >= WITHDRAWN
    }
}

/// All addresses of ours.
#[derive(Debug, Default)]
pub struct Detection {
    timing: Timing,
    entries: BTreeMap<Hop, Entry>,
    /// What is due when; ties in the order of addresses.
    timers: BTreeSet<(Nanos, Hop)>,
}

impl Detection {
    /// No address yet.
    #[must_use]
    pub fn new(timing: Timing) -> Self {
        Self { timing, ..Self::default() }
    }

    /// Changes the timing of all checks from their next step on.
    pub fn set_timing(&mut self, timing: Timing) {
        self.timing = timing;
    }

    /// Takes an address on a network where our Ethernet address is `mac`; one that is there already stays as it is.
    /// It is tentative and will be checked, or, where it is known to be ours (`preferred_at_once`), is preferred
    /// without a word on the network.
    pub fn add(
        &mut self,
        now: Nanos,
        own: Hop,
        mac: MacAddr,
        preferred_at_once: bool,
        effects: &mut Vec<Effect>,
    ) {
        if self.entries.contains_key(&own) {
            return;
        }
        self.entries.insert(own, Entry::new(now, own.address, mac));
        self.update(own, |entry, timing| entry.begin(now, own, timing, preferred_at_once, effects));
    }

    /// Gives up an address.
    pub fn remove(&mut self, own: Hop) {
        if let Some(due) = self.entries.remove(&own).and_then(|entry| entry.due()) {
            self.timers.remove(&(due, own));
        }
    }

    /// Notes a packet that `station`, which is not ourselves, sent on the address's network.
    pub fn heard(&mut self, now: Nanos, own: Hop, station: MacAddr, heard: Heard, effects: &mut Vec<Effect>) {
        self.update(own, |entry, _| entry.heard(now, own, station, heard, effects));
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Nanos, effects: &mut Vec<Effect>) {
        while let Some(&(due, own)) = self.timers.first()
            && due <= now
        {
            self.update(own, |entry, timing| entry.advance(now, own, timing, effects));
        }
    }

    /// When [`Self::tick`] has something to do next.
    #[must_use]
    pub fn next_due(&self) -> Option<Nanos> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// How an address stands.
    #[must_use]
    pub fn state(&self, own: Hop) -> Option<AddressState> {
        self.entries.get(&own).map(Entry::state)
    }

    /// All addresses, in their order.
    pub fn iter(&self) -> impl Iterator<Item = View> {
        self.entries.iter().map(|(own, entry)| entry.view(*own))
    }

    /// Changes an entry, and its timer with it.
    fn update(&mut self, own: Hop, change: impl FnOnce(&mut Entry, Timing)) {
        let Some(entry) = self.entries.get_mut(&own) else { return };
        if let Some(due) = entry.due() {
            self.timers.remove(&(due, own));
        }
        change(entry, self.timing);
        if let Some(due) = entry.due() {
            self.timers.insert((due, own));
        }
    }
}

#[cfg(test)]
mod tests;
