//! Neighbours: who has which address on the connected networks, as ARP tells (RFC 826, RFC 5227) and neighbour
//! discovery (RFC 4861).
//!
//! A state machine without network and without clock: it is told what was heard and what time it is, and answers
//! with [`Effect`]s for its owner to carry out, in order. Packets that wait for an answer are held here; every one
//! leaves again in exactly one effect.

mod entry;
mod frame;
mod share;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use nvgw_types::{InterfaceId, MacAddr, NeighborId};

use super::desired::{Hop, InterfaceKey};
use super::time::Nanos;
use crate::tables::exchange::Ingress;
use crate::telemetry::DropReason;
use entry::{Entry, Phase, Trust};
pub use entry::{State, Told};
use frame::Waiting;
pub use frame::{Frame, Origin};
use share::{Party, Shares};

/// Between two requests for the same address.
const RETRY: Duration = Duration::from_secs(1);
/// Requests before an address counts as unanswered.
const TRIES: u8 = 3;
/// How long a station's answer is good.
const REACHABLE: Duration = Duration::from_secs(300);
/// How long an unanswered address is not asked for again.
const FAILED: Duration = Duration::from_secs(3);
/// Frames held for one neighbour.
pub const HELD_EACH: usize = 32;
/// Frames held in all. Of what is free, everybody whose packets go to a network gets a fair share (see `share`).
pub const HELD_TOTAL: usize = 4096;
/// Neighbours of one network that nobody configured; those that have not answered yet are shared as frames are.
pub const LEARNED_EACH: usize = 4096;

/// From here on, identifiers stand for no entry, but for all hosts of an interface that have none.
const HOSTS: u32 = u32::MAX - u16::MAX as u32;

/// The identifier under which workers hand over packets for hosts of a connected prefix that no route names yet.
#[must_use]
pub const fn hosts_of(interface: InterfaceId) -> NeighborId {
    NeighborId(HOSTS + interface.0 as u32)
}

/// The interface of a [`hosts_of`].
#[must_use]
pub const fn interface_of_hosts(id: NeighborId) -> Option<InterfaceId> {
    if id.0 < HOSTS { None } else { Some(InterfaceId((id.0 - HOSTS) as u16)) }
}

/// What the owner has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Ask for the address: everyone, or the station that had it last.
    Ask {
        /// The address.
        hop: Hop,
        /// The station.
        station: Option<MacAddr>,
    },
    /// The Ethernet address is known, or has changed.
    Resolved(Hop),
    /// The Ethernet address is not known any more.
    Lost(Hop),
    /// A neighbour that nobody configured is gone.
    Forgotten(Hop),
    /// Send a frame, complete now.
    Send(Hop, Frame),
    /// A packet ended here.
    Dropped(DropReason),
    /// A packet that came in ended here, as its next hop does not answer: its sender may be told.
    Undelivered {
        /// Where it came in.
        ingress: Ingress,
        /// The next hop.
        hop: Hop,
        /// The frame that it was to leave in.
        frame: Vec<u8>,
    },
    /// The probe of this number ended here.
    Unsent(u16, DropReason),
    /// An ICMP error ended here: the sender of the packet that it is about is not told.
    Untold,
}

/// All neighbours.
#[derive(Debug, Default)]
pub struct Neighbors {
    entries: BTreeMap<NeighborId, Entry>,
    ids: BTreeMap<Hop, NeighborId>,
    /// What is due when; ties in the order of identifiers.
    timers: BTreeSet<(Nanos, NeighborId)>,
    learned: BTreeMap<InterfaceKey, usize>,
    /// Those of them that have not answered yet, by whose packets wait for them.
    in_question: Shares,
    waiting: Waiting,
    next: u32,
    refused: u64,
}

impl Neighbors {
    /// An identifier that no neighbour has, and none had for the last four billion: a worker may still know those.
    fn fresh_id(&mut self) -> NeighborId {
        loop {
            let id = NeighborId(self.next);
            self.next = (self.next + 1) % HOSTS;
            if !self.entries.contains_key(&id) {
                return id;
            }
        }
    }

    /// The identifier of a neighbour.
    #[must_use]
    pub fn id(&self, hop: Hop) -> Option<NeighborId> {
        self.ids.get(&hop).copied()
    }

    /// The address of a neighbour.
    #[must_use]
    pub fn hop(&self, id: NeighborId) -> Option<Hop> {
        self.entries.get(&id).map(|entry| entry.hop)
    }

    /// The Ethernet address to use for a neighbour, if there is one.
    #[must_use]
    pub fn mac(&self, hop: Hop) -> Option<MacAddr> {
        self.entries.get(self.ids.get(&hop)?)?.mac()
    }

    /// How a neighbour stands.
    #[must_use]
    pub fn state(&self, hop: Hop) -> Option<State> {
        self.entries.get(self.ids.get(&hop)?).map(Entry::state)
    }

    /// Whether a neighbour was last asked in vain.
    #[must_use]
    pub fn is_silent(&self, hop: Hop) -> bool {
        self.ids.get(&hop).and_then(|id| self.entries.get(id)).is_some_and(|entry| entry.silent)
    }

    /// Packets that came in, or their answers, held now: no ICMP errors, and no probes.
    #[must_use]
    pub fn held(&self) -> usize {
        self.waiting.packets
    }

    /// Neighbours not learned because their network had as many already as it may.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// When [`Self::tick`] has something to do next.
    #[must_use]
    pub fn next_due(&self) -> Option<Nanos> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// All neighbours, in the order of their networks and addresses.
    pub fn iter(&self) -> impl Iterator<Item = View> {
        self.ids.values().filter_map(|id| self.entries.get(id)).map(|entry| View {
            hop: entry.hop,
            mac: entry.mac(),
            state: entry.state(),
            since: entry.since,
            held: entry.held(),
            configured: entry.configured,
        })
    }

    /// Keeps an entry for a next hop of the configuration, known or not.
    pub fn configure(&mut self, now: Nanos, hop: Hop) -> NeighborId {
        let id = self.id(hop).unwrap_or_else(|| self.insert(now, hop, true));
        if let Some(entry) = self.entries.get_mut(&id)
            && !entry.configured
        {
            entry.configured = true;
            let asker = entry.asker.take();
            self.unlearn(hop.interface, asker);
        }
        id
    }

    /// Gives a neighbour of the configuration its Ethernet address.
    pub fn set_static(&mut self, now: Nanos, hop: Hop, mac: MacAddr, effects: &mut Vec<Effect>) {
        let id = self.configure(now, hop);
        self.settle(now, id, Phase::Static(mac), mac, effects);
    }

    /// Takes a static Ethernet address back: it is asked for from now on.
    pub fn unset_static(&mut self, now: Nanos, hop: Hop, effects: &mut Vec<Effect>) {
        if let Some(id) = self.id(hop)
            && self.state(hop) == Some(State::Static)
        {
            self.enter(now, id, Phase::Idle, None);
            effects.push(Effect::Lost(hop));
        }
    }

    /// Removes an entry; what it held is dropped.
    pub fn remove(&mut self, hop: Hop, effects: &mut Vec<Effect>) {
        let Some(id) = self.ids.remove(&hop) else { return };
        let Some(entry) = self.entries.remove(&id) else { return };
        if let Some(due) = entry.due {
            self.timers.remove(&(due, id));
        }
        if !entry.configured {
            self.unlearn(hop.interface, entry.asker);
        }
        self.drop_held(hop, entry.into_held(), effects);
    }

    /// Takes a frame for a host of a connected network that may have no entry yet.
    pub fn submit_to_host(&mut self, now: Nanos, hop: Hop, frame: Frame, effects: &mut Vec<Effect>) {
        match self.id(hop).or_else(|| self.ask_about(now, hop, frame.party(hop.interface))) {
            Some(id) => self.submit(now, id, frame, effects),
            None => effects.push(frame.refused(DropReason::HoldQueueFull)),
        }
    }

    /// Takes a frame for a neighbour: sends it, holds it, or drops it.
    pub fn submit(&mut self, now: Nanos, id: NeighborId, mut frame: Frame, effects: &mut Vec<Effect>) {
        let Some(entry) = self.entries.get_mut(&id) else {
            effects.push(frame.refused(DropReason::NeighborUnresolved));
            return;
        };
        let hop = entry.hop;
        if let Some(mac) = entry.mac() {
            frame.address_to(mac);
            effects.push(Effect::Send(hop, frame));
            return;
        }
        let full = !self.waiting.admits(hop.interface, &frame);
        match &mut entry.phase {
            Phase::Failed => effects.push(frame.undelivered(hop)),
            Phase::Asking { held, .. } if full || held.len() >= HELD_EACH => {
                effects.push(frame.refused(DropReason::HoldQueueFull));
            }
            Phase::Asking { held, .. } => {
                self.waiting.begins(hop.interface, &frame);
                held.push_back(frame);
            }
            _ => {
                let mut held = VecDeque::new();
                if full {
                    effects.push(frame.refused(DropReason::HoldQueueFull));
                } else {
                    self.waiting.begins(hop.interface, &frame);
                    held.push_back(frame);
                }
                self.ask_first(now, id, held, effects);
            }
        }
    }

    /// Asks for every configured next hop that is not known and not being asked for, so that one that does not
    /// answer shows before a packet is lost to it.
    pub fn ask_for_configured(&mut self, now: Nanos, effects: &mut Vec<Effect>) {
        let idle = |entry: &Entry| entry.configured && matches!(entry.phase, Phase::Idle);
        let ids: Vec<_> = self.entries.iter().filter(|(_, entry)| idle(entry)).map(|(id, _)| *id).collect();
        for id in ids {
            self.ask_first(now, id, VecDeque::new(), effects);
        }
    }

    /// Notes what a station said of an address. A neighbour that has no entry gets one only where `create` is set (the
    /// station asked for an address of ours, RFC 826, RFC 4861 §7.2.3) and its network has room.
    pub fn heard(&mut self, now: Nanos, hop: Hop, told: Told, create: bool, effects: &mut Vec<Effect>) {
        // Nor does an advertisement make an entry (RFC 4861 §7.2.5).
        let create = create && !matches!(told, Told::Advertisement { .. });
        let known = self.id(hop).or_else(|| if create { self.learn(now, hop) } else { None });
        let Some((id, entry)) = known.and_then(|id| Some((id, self.entries.get(&id)?))) else { return };
        match entry.follows(told) {
            Some((mac, Trust::Reachable)) => {
                self.settle(now, id, Phase::Reachable(mac), mac, effects);
            }
            Some((mac, Trust::Doubtful)) => {
                self.settle(now, id, Phase::Verifying { mac, asked: 1 }, mac, effects);
                effects.push(Effect::Ask { hop, station: Some(mac) });
            }
            None => {}
        }
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Nanos, effects: &mut Vec<Effect>) {
        while let Some(&(due, id)) = self.timers.first() {
            if due > now {
                break;
            }
            self.timers.remove(&(due, id));
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.due = None;
                self.expire(now, id, effects);
            }
        }
    }

    fn expire(&mut self, now: Nanos, id: NeighborId, effects: &mut Vec<Effect>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let hop = entry.hop;
        match &mut entry.phase {
            Phase::Asking { asked, .. } if *asked < TRIES => {
                *asked += 1;
                self.arm(id, now.after(RETRY));
                effects.push(Effect::Ask { hop, station: None });
            }
            Phase::Asking { .. } => {
                let held = self.enter(now, id, Phase::Failed, Some(now.after(FAILED)));
                self.drop_held(hop, held, effects);
            }
            &mut Phase::Reachable(mac) => {
                self.enter(now, id, Phase::Verifying { mac, asked: 1 }, Some(now.after(RETRY)));
                effects.push(Effect::Ask { hop, station: Some(mac) });
            }
            // First of the station itself, then of everyone: the address may have moved without a word.
            Phase::Verifying { mac, asked } if *asked < 2 * TRIES => {
                let station = (*asked < TRIES).then_some(*mac);
                *asked += 1;
                self.arm(id, now.after(RETRY));
                effects.push(Effect::Ask { hop, station });
            }
            Phase::Verifying { .. } if entry.configured => {
                self.enter(now, id, Phase::Idle, None);
                effects.push(Effect::Lost(hop));
            }
            Phase::Failed if entry.configured => {
                self.enter(now, id, Phase::Idle, None);
            }
            Phase::Verifying { .. } | Phase::Failed => {
                self.remove(hop, effects);
                effects.push(Effect::Forgotten(hop));
            }
            Phase::Idle | Phase::Static(_) => {}
        }
    }

    fn ask_first(&mut self, now: Nanos, id: NeighborId, held: VecDeque<Frame>, effects: &mut Vec<Effect>) {
        self.enter(now, id, Phase::Asking { held, asked: 1 }, Some(now.after(RETRY)));
        if let Some(hop) = self.hop(id) {
            effects.push(Effect::Ask { hop, station: None });
        }
    }

    /// The entry's Ethernet address is `mac`: tells so if it was not before, then sends what waited for it.
    fn settle(&mut self, now: Nanos, id: NeighborId, phase: Phase, mac: MacAddr, effects: &mut Vec<Effect>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let (hop, before) = (entry.hop, entry.mac());
        if let Some(party) = entry.asker.take() {
            self.in_question.remove(party);
        }
        let due = match phase {
            Phase::Reachable(_) => Some(now.after(REACHABLE)),
            Phase::Verifying { .. } => Some(now.after(RETRY)),
            _ => None,
        };
        let held = self.enter(now, id, phase, due);
        if before != Some(mac) {
            effects.push(Effect::Resolved(hop));
        }
        self.waiting.end(hop.interface, &held);
        for mut frame in held {
            frame.address_to(mac);
            effects.push(Effect::Send(hop, frame));
        }
    }

    /// Changes an entry's phase and timer; returns what the old phase held.
    fn enter(&mut self, now: Nanos, id: NeighborId, phase: Phase, due: Option<Nanos>) -> VecDeque<Frame> {
        let Some(entry) = self.entries.get_mut(&id) else { return VecDeque::new() };
        if let Some(old) = entry.due.take() {
            self.timers.remove(&(old, id));
        }
        entry.since = now;
        match &phase {
            Phase::Failed => entry.silent = true,
            Phase::Static(_) | Phase::Reachable(_) => entry.silent = false,
            // Lost while it was known: it did not answer when it was verified.
            Phase::Idle => entry.silent |= matches!(entry.phase, Phase::Verifying { .. }),
            Phase::Asking { .. } | Phase::Verifying { .. } => {}
        }
        let old = std::mem::replace(&mut entry.phase, phase);
        if let Some(due) = due {
            self.arm(id, due);
        }
        old.into_held()
    }

    fn arm(&mut self, id: NeighborId, due: Nanos) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.due = Some(due);
            self.timers.insert((due, id));
        }
    }

    /// A neighbour that somebody's packet needs, and that is asked for from now on.
    fn ask_about(&mut self, now: Nanos, hop: Hop, party: Party) -> Option<NeighborId> {
        let free = LEARNED_EACH - self.learned.get(&hop.interface).copied().unwrap_or_default();
        if !self.in_question.allow(party, free) {
            self.refused += 1;
            return None;
        }
        let id = self.learn(now, hop)?;
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.asker = Some(party);
            self.in_question.add(party);
        }
        Some(id)
    }

    fn learn(&mut self, now: Nanos, hop: Hop) -> Option<NeighborId> {
        let learned = self.learned.entry(hop.interface).or_default();
        if *learned >= LEARNED_EACH {
            self.refused += 1;
            return None;
        }
        *learned += 1;
        Some(self.insert(now, hop, false))
    }

    fn unlearn(&mut self, interface: InterfaceKey, asker: Option<Party>) {
        if let Some(learned) = self.learned.get_mut(&interface) {
            *learned -= 1;
        }
        if let Some(party) = asker {
            self.in_question.remove(party);
        }
    }

    fn insert(&mut self, now: Nanos, hop: Hop, configured: bool) -> NeighborId {
        let id = self.fresh_id();
        let phase = Phase::Idle;
        let entry = Entry { hop, configured, phase, due: None, since: now, silent: false, asker: None };
        self.entries.insert(id, entry);
        self.ids.insert(hop, id);
        id
    }

    fn drop_held(&mut self, hop: Hop, held: VecDeque<Frame>, effects: &mut Vec<Effect>) {
        self.waiting.end(hop.interface, &held);
        effects.extend(held.into_iter().map(|frame| frame.undelivered(hop)));
    }
}

/// A neighbour, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Its address.
    pub hop: Hop,
    /// Its Ethernet address, where known.
    pub mac: Option<MacAddr>,
    /// How it stands.
    pub state: State,
    /// Since when it stands so; a reachable one, when it was last heard.
    pub since: Nanos,
    /// Frames that wait for it.
    pub held: usize,
    /// Whether the configuration names it.
    pub configured: bool,
}

#[cfg(test)]
mod tests;
