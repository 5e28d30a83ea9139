//! One record's moves of late.

use std::net::IpAddr;

use arrayvec::ArrayVec;
use nvgw_types::Vsid;

use super::{Damped, MOVES, SETTLING, WINDOW};
use crate::control::desired::Customer;
use crate::control::time::Nanos;

/// What a claim leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The record moves.
    Follow,
    /// It comes from the host that was just left.
    Late,
    /// It is one too many: the record is damped from now on.
    DampedNow,
    /// The record is damped.
    StillDamped,
}

/// Where a record was before its last move.
#[derive(Debug)]
struct Left {
    provider: IpAddr,
    at: Nanos,
}

/// What a damped record waits for.
#[derive(Debug)]
struct Damping {
    since: Nanos,
    attempted: Nanos,
    /// The claim that was heard last.
    claimed: IpAddr,
    /// Since when no other was heard, and the record did not follow it.
    unopposed: Nanos,
}

/// What is remembered of a record.
#[derive(Debug)]
pub(super) struct Track {
    vsid: Vsid,
    /// When frames moved it, oldest first.
    moves: ArrayVec<Nanos, MOVES>,
    left: Option<Left>,
    damping: Option<Damping>,
}

impl Track {
    pub(super) fn new(vsid: Vsid) -> Self {
        Self { vsid, moves: ArrayVec::new(), left: None, damping: None }
    }

    /// The record has moved away from a provider address.
    pub(super) fn left(&mut self, now: Nanos, provider: IpAddr) {
        self.left = Some(Left { provider, at: now });
    }

    /// Its VM was seen at `provider`, while the record says `current`.
    pub(super) fn claim(&mut self, now: Nanos, provider: IpAddr, current: IpAddr) -> Verdict {
        let late = |left: &Left| left.provider == provider && now.since(left.at) < SETTLING;
        if self.left.as_ref().is_some_and(late) {
            return Verdict::Late;
        }
        if let Some(damping) = &mut self.damping {
            damping.attempted = now;
            let opposed = damping.claimed != provider;
            let heard_out = !opposed && now.since(damping.unopposed) >= WINDOW;
            if opposed || heard_out {
                (damping.claimed, damping.unopposed) = (provider, now);
            }
            if !heard_out {
                return Verdict::StillDamped;
            }
        } else {
            self.moves.retain(|at| now.since(*at) < WINDOW);
            if self.moves.try_push(now).is_err() {
                let damping = Damping { since: now, attempted: now, claimed: provider, unopposed: now };
                self.damping = Some(damping);
                return Verdict::DampedNow;
            }
        }
        self.left(now, current);
        Verdict::Follow
    }

    /// When there is no more reason to remember it.
    pub(super) fn due(&self) -> Nanos {
        let settled = self.left.as_ref().map(|left| left.at.after(SETTLING));
        let rested = match &self.damping {
            Some(damping) => Some(damping.attempted.after(WINDOW)),
            None => self.moves.last().map(|at| at.after(WINDOW)),
        };
        settled.max(rested).unwrap_or_default()
    }

    /// The record as damped, if it is.
    pub(super) fn damped(&self, customer: Customer) -> Option<Damped> {
        let Damping { since, attempted, claimed, .. } = *self.damping.as_ref()?;
        Some(Damped { vsid: self.vsid, customer, claimed, since, attempted })
    }
}
