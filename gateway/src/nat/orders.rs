//! What the control thread asks for: sweeps, lists, owners. Done a little at a time.

use std::collections::VecDeque;

use arrayvec::ArrayVec;

use super::entry::{Entry, Kind};
use super::grants::{LogFull, is_forwarded};
use super::outbound::bound;
use super::{BATCH, Context, Events, Nat};
use crate::tables::entries::{Endpoint, Public, PublicState};
use crate::tables::exchange::{NatAnswer, NatOrder, SessionFilter, SessionRow};
use crate::tables::{NONE, ReadSection};

/// How many questions may wait.
const QUESTIONS: usize = 8;

/// A question that is being answered.
#[derive(Debug, Clone, Copy)]
enum Question {
    List(List),
    Owner { question: u64, public: Endpoint },
}

/// How far a list has come.
#[derive(Debug, Clone, Copy)]
struct List {
    question: u64,
    filter: SessionFilter,
    /// The next entry to look at.
    at: u32,
    /// How many more rows may be listed.
    left: u32,
}

/// A sweep that goes on.
#[derive(Debug, Clone, Copy)]
struct Sweep {
    number: u64,
    at: u32,
}

/// What there is to do.
pub(super) struct Orders {
    questions: VecDeque<Question>,
    sweep: Option<Sweep>,
    /// The sweep after that. The newest one covers those before.
    next_sweep: Option<u64>,
}

impl Orders {
    pub(super) fn new() -> Self {
        Self { questions: VecDeque::with_capacity(QUESTIONS), sweep: None, next_sweep: None }
    }

    /// Takes an order. Whether there was room: for sweeps there always is.
    pub(super) fn take(&mut self, order: NatOrder) -> bool {
        let question = match order {
            NatOrder::Sweep(number) => {
                self.next_sweep = Some(number);
                return true;
            }
            NatOrder::List { question, filter, from, limit } => {
                Question::List(List { question, filter, at: from.max(NONE + 1), left: limit })
            }
            NatOrder::Owner { question, public } => Question::Owner { question, public },
        };
        let room = self.questions.len() < QUESTIONS;
        if room {
            self.questions.push_back(question);
        }
        room
    }

    fn is_empty(&self) -> bool {
        self.questions.is_empty() && self.sweep.is_none() && self.next_sweep.is_none()
    }
}

fn matches(filter: &SessionFilter, row: &SessionRow) -> bool {
    filter.vrf.is_none_or(|vrf| vrf == row.customer.vrf)
        && filter.customer.is_none_or(|address| address == row.customer.address)
        && filter.public.is_none_or(|address| address == row.public.address)
        && filter.port.is_none_or(|port| port == row.public.port)
        && filter.protocol.is_none_or(|protocol| protocol == row.protocol)
}

impl Nat {
    /// Works on orders, looking at no more than `budget` entries. Whether there is more to do.
    pub(super) fn work<S: ReadSection>(
        &mut self,
        context: &Context<'_, S>,
        mut budget: usize,
        answers: &mut ArrayVec<NatAnswer, BATCH>,
        events: &mut Events,
    ) -> bool {
        // A question is finished with at most two answers.
        while budget > 0
            && answers.remaining_capacity() >= 2
            && let Some(question) = self.orders.questions.pop_front()
        {
            match question {
                Question::Owner { question, public } => {
                    budget -= 1;
                    self.name_owner(context, question, public, answers);
                }
                Question::List(mut list) => {
                    if !self.list(context, &mut list, &mut budget, answers) {
                        self.orders.questions.push_front(Question::List(list));
                    }
                }
            }
        }
        self.sweep(context, budget, events);
        !self.orders.is_empty()
    }

    fn name_owner<S: ReadSection>(
        &self,
        context: &Context<'_, S>,
        question: u64,
        public: Endpoint,
        answers: &mut ArrayVec<NatAnswer, BATCH>,
    ) {
        let key = Public::key_of(public.vrf, public.address);
        let address = context.tables.publics.get(context.section, &key);
        let block = address.map_or(NONE, |address| self.grants.ports.owner(address.id, public.port));
        if block != NONE {
            answers.push(NatAnswer::Block { question, block: self.grants.describe(block) });
        }
        answers.push(NatAnswer::End { question, next: 0 });
    }

    /// Lists some sessions. Whether the list is complete.
    fn list<S: ReadSection>(
        &self,
        context: &Context<'_, S>,
        list: &mut List,
        budget: &mut usize,
        answers: &mut ArrayVec<NatAnswer, BATCH>,
    ) -> bool {
        let question = list.question;
        while list.at < self.sessions.end() && list.left > 0 {
            // The last place is for the end.
            if *budget == 0 || answers.remaining_capacity() < 2 {
                return false;
            }
            *budget -= 1;
            if let Some(row) = self.shown(list.at, context)
                && matches(&list.filter, &row)
            {
                answers.push(NatAnswer::Session { question, row });
                list.left -= 1;
            }
            list.at += 1;
        }
        let next = if list.at < self.sessions.end() { list.at } else { 0 };
        answers.push(NatAnswer::End { question, next });
        true
    }

    /// A session, or a port that rests, as it is shown.
    fn shown<S: ReadSection>(&self, index: u32, context: &Context<'_, S>) -> Option<SessionRow> {
        let entry = &self.sessions[index];
        let session = matches!(entry.kind, Kind::Mapping | Kind::Connection | Kind::Resting)
            && entry.lives(context.settings, context.time());
        session.then(|| self.row(index, context.settings, context.now))
    }

    /// Ends what the tables do not allow any more, as far as the budget and the log's room go.
    fn sweep<S: ReadSection>(&mut self, context: &Context<'_, S>, mut budget: usize, events: &mut Events) {
        while budget > 0 {
            if self.orders.sweep.is_none() {
                self.orders.sweep =
                    self.orders.next_sweep.take().map(|number| Sweep { number, at: NONE + 1 });
            }
            let Some(Sweep { number, at }) = self.orders.sweep else { return };
            if at >= self.sessions.end() {
                // Whoever sees that it is done sees what was logged before.
                std::sync::atomic::fence(std::sync::atomic::Ordering::Release);
                self.counters.swept.set(number);
                self.orders.sweep = None;
                continue;
            }
            if self.sweep_entry(at, context, events).is_err() {
                return;
            }
            self.orders.sweep = Some(Sweep { number, at: at + 1 });
            budget -= 1;
        }
    }

    fn sweep_entry<S: ReadSection>(
        &mut self,
        index: u32,
        context: &Context<'_, S>,
        events: &mut Events,
    ) -> Result<(), LogFull> {
        if !matches!(self.sessions[index].kind, Kind::Mapping | Kind::Connection) {
            return Ok(());
        }
        let mapping = self.mapping_of(index);
        if self.sessions[mapping].kind == Kind::Mapping {
            if self.is_allowed(mapping, context) {
                return Ok(());
            }
            self.end(mapping, context, events)?;
            // It may have connections, which have not been seen to close.
            self.sessions[mapping].set(Entry::UNCLEAN, true);
            self.rest(mapping, context);
        }
        // Connections wait in their time slots; the wheel takes them away.
        if index == mapping { Ok(()) } else { self.end(index, context, events) }
    }

    /// Whether the tables still allow a mapping.
    fn is_allowed<S: ReadSection>(&self, mapping: u32, context: &Context<'_, S>) -> bool {
        let entry = &self.sessions[mapping];
        let (protocol, customer, public) = (entry.protocol(), entry.customer(), entry.public());
        let (tables, section) = (context.tables, context.section);
        let Some(policy) = tables.policies.get(section, &customer.vrf) else { return false };
        let Some(address) = tables.publics.get(section, &Public::key_of(public.vrf, public.address)) else {
            return false;
        };
        let handed_out = address.ports.is_some() || address.state == PublicState::Draining;
        policy.external == public.vrf
            && address.id == self.grants.ports.block(entry.owner).public()
            && handed_out
            && address.customer.is_none()
            && bound(context, policy, protocol, customer).is_none()
            && !(address.forwards && is_forwarded(context, protocol, public))
    }
}
