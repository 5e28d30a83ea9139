//! Network address translation, a worker's side: the sessions it owns, the ports it hands out, their time-outs
//! (RFC 4787, RFC 5382, RFC 5508, RFC 6888, RFC 7857).
//!
//! Nothing here is shared. A worker owns every session of the customers and of the public ports that are its own, and
//! which those are is [computed](share) from an address and a port alone.

mod flow;
pub mod share;

pub use flow::{BATCH, EVENTS, Events, Flow, HELD, Notice, Segment};

use std::sync::Arc;

use arrayvec::ArrayVec;
use nvgw_types::{InterfaceId, WorkerId};

use crate::tables::entries::{Direction, Endpoint, NatSettings, Protocol};
use crate::tables::exchange::{Millis, NatAnswer, NatOrder};
use crate::tables::set::TableReaders;
use crate::tables::{OutOfMemory, ReadSection};
use crate::telemetry::DropReason;
use crate::telemetry::nat::NatCounters;
use share::Division;

/// What an engine is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatOptions {
    /// Sessions there is room for, resting ports included.
    pub sessions: usize,
    /// Public addresses that all identifiers are below.
    pub publics: usize,
    /// Who owns what.
    pub division: Division,
    /// Whose engine it is.
    pub worker: WorkerId,
    /// Keys hashes and choices: a secret, but a constant where runs must repeat.
    pub seed: u64,
}

/// What the packets of a burst have in common.
pub struct Context<'s, S> {
    /// The tables.
    pub tables: &'s TableReaders,
    /// The section in which they are read.
    pub section: &'s S,
    /// What all translation has in common, as the tables say.
    pub settings: &'s NatSettings,
    /// The time. It never goes back.
    pub now: Millis,
}

/// Where a flow's session may be, as its home bucket says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located(u32);

/// A worker's translation.
pub struct Nat {
    options: NatOptions,
    counters: Arc<NatCounters>,
    all: Arc<[Arc<NatCounters>]>,
}

impl Nat {
    /// An engine without sessions. `counters` are its own, and `all` those of all workers, its own among them.
    ///
    /// # Errors
    /// If the system has not enough memory.
    pub fn new(
        options: NatOptions,
        counters: Arc<NatCounters>,
        all: Arc<[Arc<NatCounters>]>,
    ) -> Result<Self, OutOfMemory> {
        Ok(Self { options, counters, all })
    }

    /// The hash under which a flow's session is found: from inside by its customer, from outside by its public end.
    #[inline(always)]
    #[must_use]
    pub fn hash(&self, _direction: Direction, _flow: &Flow) -> u64 {
        self.options.seed
    }

    /// First stage of a burst: brings near where the session is looked up.
    #[inline(always)]
    pub fn prefetch(&self, _direction: Direction, _hash: u64) {}

    /// Second stage: where the session probably is, and brings it near.
    #[inline(always)]
    #[must_use]
    pub fn locate(&self, _direction: Direction, _hash: u64) -> Located {
        Located(0)
    }

    /// Third stage, from inside: the public end that takes the customer's place. Makes a session if there is none.
    ///
    /// # Errors
    /// Why it is not translated; counted for the tenant.
    pub fn outbound<S: ReadSection>(
        &mut self,
        _context: &Context<'_, S>,
        flow: &Flow,
        _segment: &Segment,
        _hash: u64,
        _located: Located,
        _events: &mut Events,
    ) -> Result<Endpoint, DropReason> {
        self.counters.failed(flow.local.vrf, DropReason::NatNoPool);
        Err(DropReason::NatNoPool)
    }

    /// Third stage, from outside: the customer's end that takes the public one's place. Makes and refreshes nothing.
    ///
    /// # Errors
    /// Why it is not translated.
    pub fn inbound<S: ReadSection>(
        &mut self,
        _context: &Context<'_, S>,
        _flow: &Flow,
        _segment: &Segment,
        _hash: u64,
        _located: Located,
    ) -> Result<Endpoint, DropReason> {
        Err(DropReason::NatNoSession)
    }

    /// The customer's end of a public one, without any effect: for an ICMP error from outside, whose quoted packet had
    /// gone out with `public` as its source.
    #[must_use]
    pub fn peek_outside<S: ReadSection>(
        &self,
        _context: &Context<'_, S>,
        _protocol: Protocol,
        _public: Endpoint,
    ) -> Option<Endpoint> {
        None
    }

    /// The public end of a customer's, without any effect: for an ICMP error from inside, whose quoted packet had come
    /// in to `customer`.
    #[must_use]
    pub fn peek_inside<S: ReadSection>(
        &self,
        _context: &Context<'_, S>,
        _protocol: Protocol,
        _customer: Endpoint,
    ) -> Option<Endpoint> {
        None
    }

    /// Remembers a SYN that [`inbound`](Self::inbound) refused as [`DropReason::NatUnsolicited`], for its sender to be
    /// told in six seconds unless the customer opens the connection too (RFC 5382 REQ-4). `packet` starts at its IP
    /// header.
    pub fn hold_syn(&mut self, _now: Millis, _flow: &Flow, _interface: InterfaceId, _packet: &[u8]) {}

    /// Does what is due, looking at no more than `budget` entries. Whether more is due.
    pub fn advance<S: ReadSection>(
        &mut self,
        _context: &Context<'_, S>,
        _budget: usize,
        _events: &mut Events,
        _notices: &mut ArrayVec<Notice, BATCH>,
    ) -> bool {
        false
    }

    /// Takes an order for [`answer`](Self::answer) to work on. Whether there was room.
    pub fn order(&mut self, _order: NatOrder) -> bool {
        false
    }

    /// Works on orders, looking at no more than `budget` entries. Whether there is more to do.
    pub fn answer<S: ReadSection>(
        &mut self,
        _context: &Context<'_, S>,
        _budget: usize,
        _answers: &mut ArrayVec<NatAnswer, BATCH>,
        _events: &mut Events,
    ) -> bool {
        !self.all.is_empty() && false
    }

    /// When [`advance`](Self::advance) may have something to do; `None`: not before there are sessions.
    #[must_use]
    pub fn wakeup(&self) -> Option<Millis> {
        None
    }

    /// When exactly the next session, resting port or held SYN ends. Looks at everything: for replays.
    #[must_use]
    pub fn next_end(&self, _settings: &NatSettings) -> Option<Millis> {
        None
    }
}
