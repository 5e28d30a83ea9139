//! Network address translation, a worker's side: the sessions it owns, the ports it hands out, their time-outs
//! (RFC 4787, RFC 5382, RFC 5508, RFC 6888, RFC 7857).
//!
//! Nothing here is shared. A worker owns every session of the customers and of the public ports that are its own, and
//! which those are is [computed](share) from an address and a port alone.

mod customers;
mod ending;
mod entry;
mod flow;
mod grants;
mod inbound;
mod index;
mod limits;
mod orders;
mod outbound;
mod ports;
mod random;
mod sessions;
pub mod share;
mod tcp;
mod unsolicited;
mod wheel;

#[cfg(test)]
mod tests;

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
use grants::Grants;
use limits::Limits;
use orders::Orders;
use sessions::Sessions;
use share::Division;
use unsolicited::HeldSyns;
use wheel::Wheel;

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

impl<S> Context<'_, S> {
    /// The time as entries have it.
    #[inline(always)]
    const fn time(&self) -> u32 {
        self.now.0 as u32
    }
}

/// Where a flow's session probably is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Located(u32);

/// A worker's translation.
pub struct Nat {
    sessions: Sessions,
    wheel: Wheel,
    grants: Grants,
    limits: Limits,
    held: HeldSyns,
    orders: Orders,
    counters: Arc<NatCounters>,
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
        counters.capacity.set(options.sessions as u64);
        Ok(Self {
            sessions: Sessions::new(options.sessions, options.seed)?,
            wheel: Wheel::new(),
            grants: Grants::new(&options, Arc::clone(&counters))?,
            limits: Limits::new(all),
            held: HeldSyns::new(),
            orders: Orders::new(),
            counters,
        })
    }

    /// The hash under which a flow's session is found: from inside by its customer, from outside by its public end.
    #[inline(always)]
    #[must_use]
    pub fn hash(&self, direction: Direction, flow: &Flow) -> u64 {
        self.sessions.hash(direction, flow.protocol, flow.local)
    }

    /// First stage of a burst: brings near where the session is looked up.
    #[inline(always)]
    pub fn prefetch(&self, direction: Direction, hash: u64) {
        self.sessions.prefetch(direction, hash);
    }

    /// Second stage: where the session probably is, and brings it near.
    #[inline(always)]
    #[must_use]
    pub fn locate(&self, direction: Direction, hash: u64) -> Located {
        Located(self.sessions.locate(direction, hash))
    }

    /// Third stage, from inside, of nearly all packets: the public end that takes the customer's place in a session,
    /// which lives on. `None`: [`outbound`](Self::outbound) is to look.
    #[inline(always)]
    pub fn usual_outbound<S: ReadSection>(
        &mut self,
        context: &Context<'_, S>,
        flow: &Flow,
        segment: &Segment,
        located: Located,
    ) -> Option<Endpoint> {
        let entry = &mut self.sessions[located.0];
        let usual = entry.maps(flow.protocol, flow.local)
            && entry.refresh(context.settings, context.time(), flow, segment);
        usual.then(|| entry.public())
    }

    /// Third stage, from inside: the public end that takes the customer's place. Makes a session if there is none.
    ///
    /// # Errors
    /// Why it is not translated; counted for the tenant.
    pub fn outbound<S: ReadSection>(
        &mut self,
        context: &Context<'_, S>,
        flow: &Flow,
        segment: &Segment,
        hash: u64,
        located: Located,
        events: &mut Events,
    ) -> Result<Endpoint, DropReason> {
        match self.usual_outbound(context, flow, segment, located) {
            Some(public) => Ok(public),
            None => self.outbound_unusual(context, flow, segment, hash, events),
        }
    }

    /// Third stage, from outside, of nearly all packets: the customer's end that takes the public one's place in a
    /// session. `None`: [`inbound`](Self::inbound) is to look.
    #[inline(always)]
    pub fn usual_inbound<S: ReadSection>(
        &mut self,
        context: &Context<'_, S>,
        flow: &Flow,
        segment: &Segment,
        located: Located,
    ) -> Option<Endpoint> {
        let entry = &mut self.sessions[located.0];
        let usual = entry.unmaps(flow.protocol, flow.local)
            && entry.admit(context.settings, context.time(), flow, segment);
        usual.then(|| entry.customer())
    }

    /// Third stage, from outside: the customer's end that takes the public one's place. Makes and refreshes nothing.
    ///
    /// # Errors
    /// Why it is not translated. A SYN that is [`DropReason::NatUnsolicited`] is to be [held](Self::hold_syn).
    pub fn inbound<S: ReadSection>(
        &mut self,
        context: &Context<'_, S>,
        flow: &Flow,
        segment: &Segment,
        hash: u64,
        located: Located,
    ) -> Result<Endpoint, DropReason> {
        match self.usual_inbound(context, flow, segment, located) {
            Some(customer) => Ok(customer),
            None => self.inbound_unusual(context, flow, segment, hash),
        }
    }

    /// The customer's end of a public one, without any effect: for an ICMP error from outside, whose quoted packet had
    /// gone out with `public` as its source.
    #[must_use]
    pub fn peek_outside<S: ReadSection>(
        &self,
        context: &Context<'_, S>,
        protocol: Protocol,
        public: Endpoint,
    ) -> Option<Endpoint> {
        self.customer_behind(context, protocol, public)
    }

    /// The public end of a customer's, without any effect: for an ICMP error from inside, whose quoted packet had come
    /// in to `customer`.
    #[must_use]
    pub fn peek_inside<S: ReadSection>(
        &self,
        context: &Context<'_, S>,
        protocol: Protocol,
        customer: Endpoint,
    ) -> Option<Endpoint> {
        self.public_before(context, protocol, customer)
    }

    /// Remembers a SYN that [`inbound`](Self::inbound) refused as [`DropReason::NatUnsolicited`], for its sender to be
    /// told in six seconds unless the customer opens the connection too (RFC 5382 REQ-4). `packet` starts at its IP
    /// header.
    pub fn hold_syn(&mut self, now: Millis, flow: &Flow, interface: InterfaceId, packet: &[u8]) {
        self.held.hold(now, flow, interface, packet);
    }

    /// Does what is due, looking at no more than `budget` entries. Whether more is due.
    #[inline]
    pub fn advance<S: ReadSection>(
        &mut self,
        context: &Context<'_, S>,
        budget: usize,
        events: &mut Events,
        notices: &mut ArrayVec<Notice, BATCH>,
    ) -> bool {
        self.wakeup().is_some_and(|at| at <= context.now) && self.end_due(context, budget, events, notices)
    }

    /// Takes an order for [`answer`](Self::answer) to work on. Whether there was room: eight questions may wait, and one
    /// sweep, which a newer one replaces.
    pub fn order(&mut self, order: NatOrder) -> bool {
        self.orders.take(order)
    }

    /// Works on orders, looking at no more than `budget` entries. Whether there is more to do.
    pub fn answer<S: ReadSection>(
        &mut self,
        context: &Context<'_, S>,
        budget: usize,
        answers: &mut ArrayVec<NatAnswer, BATCH>,
        events: &mut Events,
    ) -> bool {
        self.work(context, budget, answers, events)
    }

    /// When [`advance`](Self::advance) may have something to do; `None`: not before there is something more.
    #[inline]
    #[must_use]
    pub fn wakeup(&self) -> Option<Millis> {
        let soonest = self.wheel.soonest().min(self.held.next().map_or(u64::MAX, |until| until.0));
        (soonest != u64::MAX).then_some(Millis(soonest))
    }

    /// When exactly the next session, resting port or held SYN ends. Looks at everything: for replays.
    #[must_use]
    pub fn next_end(&self, settings: &NatSettings) -> Option<Millis> {
        self.first_end(settings)
    }
}
