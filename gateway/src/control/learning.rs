//! Learning: what a frame that failed the sender check teaches, where its tenant lets it (`sender-check: learn`).
//!
//! A state machine without network and without clock: it is told what was seen, what the gateway knows of it and
//! what time it is, and answers with a [`Decision`] for its owner to carry out. What it remembers are the records
//! that moved of late: a frame that was still on its way from the host that a VM has left must not move it back, and
//! a record that two hosts claim in turn must not move with every frame. Where it stood still for long, it is
//! forgotten, so that memory is bounded by what moves and not by what is.

mod seen;
mod track;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use nvgw_config::LearnLimits;
use nvgw_types::{MacAddr, Vsid};

use super::desired::{Customer, SubnetPrefix, can_be_host};
use super::time::Nanos;
pub use seen::Seen;
use track::{Track, Verdict};

/// Moves of one record that frames bring about within [`WINDOW`] before it is damped.
pub const MOVES: usize = 5;
/// The time within which moves are counted, and for which a damped record must rest.
pub const WINDOW: Duration = Duration::from_secs(60);
/// How long after a move the frames from the host that was left are taken for late ones: packets in flight are a few
/// milliseconds old, a VM that migrates again takes longer.
pub const SETTLING: Duration = Duration::from_secs(1);
/// Records whose moves are remembered at a time.
pub const TRACKED: usize = 65_536;

/// The lookup record of an address, as far as it matters here. Who owns it does not: every record may move, none may
/// be taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownRecord {
    /// The VM's Ethernet address.
    pub mac: MacAddr,
    /// The provider address of its host.
    pub provider: IpAddr,
}

/// What the gateway knows about what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The tenant's limits.
    pub limits: LearnLimits,
    /// The prefix of the frame's virtual subnet that the address is in.
    pub prefix: SubnetPrefix,
    /// The gateway's own Ethernet address there.
    pub gateway_mac: MacAddr,
    /// The record of the address.
    pub record: Option<KnownRecord>,
    /// Whether some record of the VSID names the provider address, whoever owns it; the place from which a record
    /// was moved away by learning or by the API counts as well, or else its VM could never go home.
    pub provider_known_for_vsid: bool,
    /// Learned records of the virtual subnet.
    pub learned_in_subnet: usize,
    /// Those of them that give an address to the Ethernet address.
    pub addresses_of_mac: usize,
}

/// What to do about a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Make a record of it.
    Learn,
    /// The address's record leads to the frame's provider address from now on.
    Move,
    /// The frame is one that a strict subnet would have dropped, and so is dropped.
    Refuse(Refusal),
    /// The record says so already: a frame before it taught the same.
    Nothing,
}

/// Why a frame teaches nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The gateway's own address, the prefix's first or last, or none of the prefix.
    #[error("no VM of the subnet can have the address")]
    Address,
    /// A group address, or the gateway's own.
    #[error("no VM of the subnet can have the Ethernet address")]
    Mac,
    /// A host that has nothing to do with the subnet.
    #[error("no record of the VSID names the provider address")]
    ProviderUnknown,
    /// The address has a record: it may move, but it is not taken over.
    #[error("the address's record names another Ethernet address")]
    OtherMac,
    /// The tenant's limit.
    #[error("the Ethernet address has as many addresses as the tenant's limit allows")]
    MacLimit,
    /// The tenant's limit.
    #[error("the subnet has as many learned records as the tenant's limit allows")]
    SubnetLimit,
    /// See [`SETTLING`].
    #[error("the address has just moved away from the provider address")]
    Late,
    /// See [`MOVES`].
    #[error("the record moves too often and is damped")]
    Damped,
    /// See [`TRACKED`].
    #[error("too many records move at the same time")]
    Overloaded,
}

/// A record that is damped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damped {
    /// The VSID of its subnet.
    pub vsid: Vsid,
    /// The record.
    pub customer: Customer,
    /// The provider address that was last heard to claim it, and was not followed at once.
    pub claimed: IpAddr,
    /// Since when it is damped.
    pub since: Nanos,
    /// When it was last claimed.
    pub attempted: Nanos,
}

/// What people should hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A record is damped from now on.
    Damped(Damped),
    /// It is not any more: it rested for [`WINDOW`], or was moved by other means.
    Undamped(Damped),
}

/// The records that moved of late.
#[derive(Debug, Default)]
pub struct Learning {
    tracks: BTreeMap<Customer, Track>,
    /// What is forgotten when; ties in the order of records.
    timers: BTreeSet<(Nanos, Customer)>,
    notices: Vec<Notice>,
}

impl Learning {
    /// What to do about a frame that failed the sender check. The owner does it, or the next frame asks again.
    ///
    /// A record follows its VM to another provider address. Moves are damped from the sixth within [`WINDOW`]: from
    /// then on the record follows only a claim that no other contradicted for that long, and until it rested for
    /// that long. So one that two hosts claim forever stays damped, and one that came to rest is not lost.
    pub fn consider(&mut self, now: Nanos, seen: &Seen, facts: &Facts) -> Decision {
        self.tick(now);
        match self.judge(now, seen, facts) {
            Ok(decision) => decision,
            Err(refusal) => Decision::Refuse(refusal),
        }
    }

    fn judge(&mut self, now: Nanos, seen: &Seen, facts: &Facts) -> Result<Decision, Refusal> {
        let address = seen.customer.address;
        if !can_be_host(&facts.prefix.prefix, address) || address == facts.prefix.gateway {
            return Err(Refusal::Address);
        }
        if !seen.mac.is_station() || seen.mac == facts.gateway_mac {
            return Err(Refusal::Mac);
        }
        match facts.record {
            Some(record) if record.mac != seen.mac => Err(Refusal::OtherMac),
            Some(record) if record.provider == seen.provider => Ok(Decision::Nothing),
            _ if !facts.provider_known_for_vsid => Err(Refusal::ProviderUnknown),
            Some(record) => self.follow(now, seen, record.provider),
            None if facts.addresses_of_mac >= facts.limits.addresses_per_mac as usize => {
                Err(Refusal::MacLimit)
            }
            None if facts.learned_in_subnet >= facts.limits.records_per_subnet as usize => {
                Err(Refusal::SubnetLimit)
            }
            None => Ok(Decision::Learn),
        }
    }

    /// A record's VM was seen elsewhere than at `from`.
    fn follow(&mut self, now: Nanos, seen: &Seen, from: IpAddr) -> Result<Decision, Refusal> {
        let customer = seen.customer;
        let mut track = match self.take(customer) {
            Some(track) => track,
            None if self.tracks.len() >= TRACKED => return Err(Refusal::Overloaded),
            None => Track::new(seen.vsid),
        };
        let verdict = track.claim(now, seen.provider, from);
        if verdict == Verdict::DampedNow {
            self.notices.extend(track.damped(customer).map(Notice::Damped));
        }
        self.keep(customer, track);
        match verdict {
            Verdict::Follow => Ok(Decision::Move),
            Verdict::Late => Err(Refusal::Late),
            Verdict::DampedNow | Verdict::StillDamped => Err(Refusal::Damped),
        }
    }

    /// A record was moved from `from` by other means than a frame, the API or the file: what was damped is so no
    /// more, and what is still on its way from the old host does not move it back.
    pub fn moved(&mut self, now: Nanos, vsid: Vsid, customer: Customer, from: IpAddr) {
        if let Some(track) = self.take(customer) {
            self.notices.extend(track.damped(customer).map(Notice::Undamped));
        }
        if self.tracks.len() < TRACKED {
            let mut track = Track::new(vsid);
            track.left(now, from);
            self.keep(customer, track);
        }
    }

    /// A record is gone.
    pub fn forget(&mut self, customer: Customer) {
        self.take(customer);
    }

    /// Forgets what rested for long enough.
    pub fn tick(&mut self, now: Nanos) {
        while let Some(&(due, customer)) = self.timers.first() {
            if due > now {
                break;
            }
            if let Some(track) = self.take(customer) {
                self.notices.extend(track.damped(customer).map(Notice::Undamped));
            }
        }
    }

    /// When [`Self::tick`] has something to do next.
    #[must_use]
    pub fn next_due(&self) -> Option<Nanos> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// What people should hear of since this was last asked, in the order in which it happened.
    pub fn notices(&mut self) -> impl Iterator<Item = Notice> {
        self.notices.drain(..)
    }

    /// The records that are damped, in their order.
    pub fn damped(&self) -> impl Iterator<Item = Damped> {
        self.tracks.iter().filter_map(|(customer, track)| track.damped(*customer))
    }

    fn take(&mut self, customer: Customer) -> Option<Track> {
        let track = self.tracks.remove(&customer)?;
        self.timers.remove(&(track.due(), customer));
        Some(track)
    }

    fn keep(&mut self, customer: Customer, track: Track) {
        self.timers.insert((track.due(), customer));
        self.tracks.insert(customer, track);
    }
}

#[cfg(test)]
mod tests;
