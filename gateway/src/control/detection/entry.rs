//! One address's check, and its defence.

use std::net::IpAddr;
use std::time::Duration;

use nvgw_types::MacAddr;

use super::timing::{Jitter, Timing};
use super::{AddressState, Claim, Effect, Heard, View};
use crate::control::desired::Hop;
use crate::control::time::Nanos;

/// Probes before an address is used (PROBE_NUM).
const PROBES: u8 = 3;
/// Announcements once it is (ANNOUNCE_NUM).
const ANNOUNCEMENTS: u8 = 2;
/// Between two announcements (ANNOUNCE_INTERVAL).
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);
/// Between two announcements that answer claims (DEFEND_INTERVAL).
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);
/// How long a duplicate is left alone before it is probed again.
const RETRY: Duration = Duration::from_secs(30);
/// What is added to it at random at most, so that two stations that found each other probing do not meet again.
const RETRY_SPREAD: Duration = Duration::from_secs(1);
/// Conflicts from which on it is left alone for longer (MAX_CONFLICTS).
const MANY_CONFLICTS: u32 = 10;
/// And how long that is (RATE_LIMIT_INTERVAL).
const RETRY_LIMITED: Duration = Duration::from_secs(60);

/// What is under way.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// So many probes are sent; the next one, or the verdict, is due.
    Probing(u8),
    /// So many announcements are sent; the next one is due.
    Announcing(u8),
    /// Nothing.
    Settled,
    /// A duplicate is left alone.
    Resting,
}

/// One address.
#[derive(Debug)]
pub(super) struct Entry {
    state: AddressState,
    since: Nanos,
    phase: Phase,
    due: Option<Nanos>,
    jitter: Jitter,
    /// Checks that found another station.
    conflicts: u32,
    claim: Option<Claim>,
    /// When a claim was last answered, and whose it was.
    defended: Option<(Nanos, MacAddr)>,
}

impl Entry {
    /// A tentative address with nothing due.
    pub(super) fn new(now: Nanos, address: IpAddr, mac: MacAddr) -> Self {
        Self {
            state: AddressState::Tentative,
            since: now,
            phase: Phase::Settled,
            due: None,
            jitter: Jitter::new(address, mac),
            conflicts: 0,
            claim: None,
            defended: None,
        }
    }

    pub(super) fn state(&self) -> AddressState {
        self.state
    }

    pub(super) fn due(&self) -> Option<Nanos> {
        self.due
    }

    pub(super) fn view(&self, own: Hop) -> View {
        View { own, state: self.state, since: self.since, claim: self.claim }
    }

    /// Starts the first check, or does without.
    pub(super) fn begin(
        &mut self,
        now: Nanos,
        own: Hop,
        timing: Timing,
        preferred_at_once: bool,
        effects: &mut Vec<Effect>,
    ) {
        if preferred_at_once {
            self.change(now, own, AddressState::Preferred, effects);
            return;
        }
        let delay = timing.pace().map_or(Duration::ZERO, |pace| pace.before_first(&mut self.jitter));
        if delay.is_zero() {
            self.probe(now, own, 0, timing, effects);
        } else {
            self.enter(Phase::Probing(0), Some(now.after(delay)));
        }
    }

    /// Does what is due.
    pub(super) fn advance(&mut self, now: Nanos, own: Hop, timing: Timing, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Probing(sent) => self.probe(now, own, sent, timing, effects),
            Phase::Resting => self.probe(now, own, 0, timing, effects),
            Phase::Announcing(sent) => self.announce(now, own, sent, effects),
            Phase::Settled => {}
        }
    }

    /// Takes in what another station said.
    pub(super) fn heard(
        &mut self,
        now: Nanos,
        own: Hop,
        station: MacAddr,
        heard: Heard,
        effects: &mut Vec<Effect>,
    ) {
        match (self.phase, heard) {
            (Phase::Probing(_), _) => {
                self.note(now, station);
                self.rest(now, own, effects);
            }
            // Somebody wants to know, and nobody says that it is theirs.
            (_, Heard::Probe) => {}
            (Phase::Resting, Heard::Claim) => self.note(now, station),
            (Phase::Announcing(_) | Phase::Settled, Heard::Claim) => self.defend(now, own, station, effects),
        }
    }

    /// Sends a probe where `sent` are not enough yet; else nobody objected, and the address is ours.
    fn probe(&mut self, now: Nanos, own: Hop, sent: u8, timing: Timing, effects: &mut Vec<Effect>) {
        match timing.pace() {
            Some(pace) if sent < PROBES => {
                let sent = sent + 1;
                let wait = if sent < PROBES { pace.between(&mut self.jitter) } else { pace.listen };
                self.enter(Phase::Probing(sent), Some(now.after(wait)));
                effects.push(Effect::Probe(own));
            }
            _ => {
                self.claim = None;
                self.change(now, own, AddressState::Preferred, effects);
                self.announce(now, own, 0, effects);
            }
        }
    }

    fn announce(&mut self, now: Nanos, own: Hop, sent: u8, effects: &mut Vec<Effect>) {
        let sent = sent + 1;
        if sent < ANNOUNCEMENTS {
            self.enter(Phase::Announcing(sent), Some(now.after(ANNOUNCE_INTERVAL)));
        } else {
            self.enter(Phase::Settled, None);
        }
        effects.push(Effect::Announce(own));
    }

    /// Leaves the address to the station that has it, for a while.
    fn rest(&mut self, now: Nanos, own: Hop, effects: &mut Vec<Effect>) {
        self.conflicts = self.conflicts.saturating_add(1);
        let rest = if self.conflicts < MANY_CONFLICTS { RETRY } else { RETRY_LIMITED };
        let due = now.after(rest + self.jitter.up_to(RETRY_SPREAD));
        self.enter(Phase::Resting, Some(due));
        self.change(now, own, AddressState::Duplicate, effects);
    }

    /// Answers a claim (RFC 5227 §2.4 (c)).
    fn defend(&mut self, now: Nanos, own: Hop, station: MacAddr, effects: &mut Vec<Effect>) {
        let renewed = self.claim.is_none_or(|claim| claim.is_withdrawn(now));
        self.note(now, station);
        if self.defended.is_some_and(|(at, _)| now.since(at) < DEFEND_INTERVAL) {
            return;
        }
        effects.push(Effect::Announce(own));
        if renewed || self.defended.is_none_or(|(_, told)| told != station) {
            effects.push(Effect::Claimed { own, by: station });
        }
        self.defended = Some((now, station));
    }

    /// Counts a claim.
    fn note(&mut self, now: Nanos, station: MacAddr) {
        let before = self.claim.filter(|claim| !claim.is_withdrawn(now)).map_or(0, |claim| claim.count);
        self.claim = Some(Claim { by: station, count: before + 1, last: now });
    }

    fn change(&mut self, now: Nanos, own: Hop, state: AddressState, effects: &mut Vec<Effect>) {
        if self.state != state {
            (self.state, self.since) = (state, now);
            let claimed_by = self.claim.map(|claim| claim.by);
            effects.push(Effect::Changed { own, state, claimed_by });
        }
    }

    fn enter(&mut self, phase: Phase, due: Option<Nanos>) {
        (self.phase, self.due) = (phase, due);
    }
}
