//! What workers may still know of translation that is configured no more.
//!
//! A write that takes something away asks for a sweep: each worker ends the sessions that the tables do not allow any
//! more. Until all have, the identifiers of public addresses and VRFs that are gone rest, so that no session of the old
//! ones is taken for one of the new. A pool's address that goes drains first, unless it is to be cut: it stays, for its
//! sessions, until no worker has ports of it in use.

use std::collections::{BTreeMap, BTreeSet};

use nvgw_types::{PublicId, VrfId};

use super::Control;
use super::desired::{PublicKey, RouteKey};
use crate::tables::Grace;

/// Draining addresses that are looked at in one turn.
const LOOKED_AT: usize = 64;

/// A public address that drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Draining {
    pub(super) id: PublicId,
    /// The sweep after which no worker begins anything with it.
    since: u64,
}

/// What goes, and what has to be done before it is forgotten.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    /// The number of the last sweep that was asked for.
    sweep: u64,
    /// Public addresses that drain: those in no pool any more. They may have forwards.
    pub(super) draining: BTreeMap<PublicKey, Draining>,
    /// Where to go on looking at them.
    next: Option<PublicKey>,
    /// Routes of addresses that drained and are configured again, until those have routes of their own.
    pub(super) revived: Vec<RouteKey>,
    /// No public address has ever had an identifier from here on, and of those before it these are free again.
    fresh_from: u32,
    free: BTreeSet<PublicId>,
    /// Identifiers of public addresses that are gone, with the sweep after which no worker knows them.
    resting: BTreeMap<PublicId, u64>,
    /// VRFs whose sessions a sweep has to end.
    unswept: BTreeMap<VrfId, u64>,
    /// Those of them that are gone.
    gone: BTreeSet<VrfId>,
}

impl Leftovers {
    /// An identifier that nobody knows.
    pub(super) fn take_id(&mut self) -> PublicId {
        self.free.pop_first().unwrap_or_else(|| {
            self.fresh_from += 1;
            PublicId(self.fresh_from - 1)
        })
    }

    /// Gives an identifier back that nobody has been told of.
    pub(super) fn untake_id(&mut self, id: PublicId) {
        self.free.insert(id);
    }

    /// Identifiers that are not free.
    pub(super) fn used_ids(&self) -> usize {
        self.fresh_from as usize - self.free.len()
    }

    /// VRFs that are gone, and whose identifiers are not free yet.
    pub(super) fn gone(&self) -> &BTreeSet<VrfId> {
        &self.gone
    }

    /// Something was taken away that sessions may need.
    pub(super) fn take_away(&mut self) {
        self.sweep += 1;
    }

    /// What sessions of a VRF may need was taken away.
    pub(super) fn take_away_in(&mut self, vrf: VrfId) {
        self.take_away();
        self.unswept.insert(vrf, self.sweep);
    }

    /// A public address is gone.
    pub(super) fn rest(&mut self, external: VrfId, id: PublicId) {
        self.take_away_in(external);
        self.resting.insert(id, self.sweep);
    }

    /// A public address begins to drain.
    pub(super) fn drain(&mut self, key: PublicKey, id: PublicId) {
        self.take_away_in(key.external);
        self.draining.insert(key, Draining { id, since: self.sweep });
    }

    /// A VRF is gone. Its identifier rests if workers may know it.
    pub(super) fn leave(&mut self, vrf: VrfId) {
        if self.unswept.contains_key(&vrf) {
            self.gone.insert(vrf);
        }
    }

    fn is_empty(&self) -> bool {
        self.draining.is_empty() && self.resting.is_empty() && self.unswept.is_empty()
    }

    /// Draining addresses, some at a time, that no worker has a port block of.
    fn drained(&mut self, done: u64, blocks: impl Fn(PublicId) -> u64) -> Vec<PublicKey> {
        let from = self.next.take().map_or(std::ops::Bound::Unbounded, std::ops::Bound::Included);
        let mut ahead = self.draining.range((from, std::ops::Bound::Unbounded));
        let looked_at = ahead.by_ref().take(LOOKED_AT);
        let over = looked_at.filter(|(_, draining)| draining.since <= done && blocks(draining.id) == 0);
        let over = over.map(|(key, _)| *key).collect();
        self.next = ahead.next().map(|(key, _)| *key);
        over
    }

    /// Forgets what all workers have swept. Returns the VRFs that are free again.
    fn swept(&mut self, done: u64) -> Vec<VrfId> {
        self.resting.retain(|id, sweep| {
            let rests = *sweep > done;
            if !rests {
                self.free.insert(*id);
            }
            rests
        });
        self.unswept.retain(|_, sweep| *sweep > done);
        let free = self.gone.iter().filter(|vrf| !self.unswept.contains_key(vrf)).copied().collect();
        self.gone.retain(|vrf| self.unswept.contains_key(vrf));
        free
    }
}

impl<G: Grace> Control<G> {
    /// The number of the sweep that workers have to do (`NatOrder::Sweep`); 0: none yet. It never falls.
    #[must_use]
    pub fn nat_sweep(&self) -> u64 {
        self.fabric.nat.sweep
    }

    /// Hears that all workers have done the sweep `done`, and all before it; `blocks` says how many port blocks of a
    /// public address they hold together. What nobody needs any more is let go of. Does next to nothing where there is
    /// nothing to let go of, so it is asked in every turn.
    pub fn nat_swept(&mut self, done: u64, blocks: impl Fn(PublicId) -> u64) {
        // A change that waits for the journal has been measured and numbered already.
        if self.pending || self.fabric.nat.is_empty() {
            return;
        }
        for key in self.fabric.nat.drained(done, blocks) {
            if let Err(error) = self.fabric.end_draining(key) {
                tracing::debug!(address = %key.address, %error, "goes with a later turn");
            }
        }
        for vrf in self.fabric.nat.swept(done) {
            self.model.release(vrf);
        }
    }
}
