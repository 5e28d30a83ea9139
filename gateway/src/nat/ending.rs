//! How sessions, ports and held SYNs end.

use arrayvec::ArrayVec;

use super::entry::{Class, Entry, Kind, shortest};
use super::grants::LogFull;
use super::{BATCH, Context, Events, Nat, Notice};
use crate::tables::ReadSection;
use crate::tables::entries::{NatSettings, Protocol};
use crate::tables::exchange::{IcmpError, Millis, NatEvent, NatEventKind, SessionRow};

impl Nat {
    /// Does what is due, up to `budget` entries. Whether more is due.
    pub(super) fn end_due<S: ReadSection>(
        &mut self,
        context: &Context<'_, S>,
        budget: usize,
        events: &mut Events,
        notices: &mut ArrayVec<Notice, BATCH>,
    ) -> bool {
        while self.held.next().is_some_and(|until| until <= context.now) {
            if notices.is_full() {
                return true;
            }
            self.answer_syn(context, notices);
        }
        for _ in 0..budget {
            let Some(index) = self.wheel.next(&mut self.sessions, context.now.0) else { return false };
            if self.visit(index, context, events).is_err() {
                self.wheel.put_back(&mut self.sessions, index);
                return true;
            }
        }
        self.wheel.soonest() <= context.now.0
    }

    fn answer_syn<S: ReadSection>(
        &mut self,
        context: &Context<'_, S>,
        notices: &mut ArrayVec<Notice, BATCH>,
    ) {
        let Some(held) = self.held.take(context.now) else { return };
        if context.settings.reject_unsolicited && !self.is_connected(context, &held.flow) {
            let (interface, packet) = (held.interface, held.packet);
            notices.push(Notice { error: IcmpError::PortUnreachable, interface, packet });
        }
    }

    /// Looks at an entry that waited. Where the log has no room for what it would end, nothing has changed.
    fn visit<S: ReadSection>(
        &mut self,
        index: u32,
        context: &Context<'_, S>,
        events: &mut Events,
    ) -> Result<(), LogFull> {
        let entry = &self.sessions[index];
        let lives = entry.lives(context.settings, context.time());
        let owner = entry.owner;
        match entry.kind {
            Kind::Free => {}
            Kind::Mapping | Kind::Resting if lives => self.wait(index, context),
            Kind::Mapping => {
                self.end(index, context, events)?;
                self.leave(index, context);
            }
            // What was added to it still refers to it, and looks after it when it goes.
            Kind::Resting if entry.children > 0 => {}
            Kind::Resting => {
                let (protocol, port) = (entry.protocol(), entry.public().port);
                self.grants.release(owner, protocol, port, context.now, events)?;
                self.sessions.give(index);
            }
            Kind::Connection | Kind::Permission if lives && self.sessions[owner].kind == Kind::Mapping => {
                self.wait(index, context);
            }
            Kind::Connection => {
                self.end(index, context, events)?;
                self.remove_connection(index);
                self.leave(owner, context);
            }
            Kind::Permission => {
                self.uncount(index);
                self.sessions.remove(index);
                self.leave(owner, context);
            }
        }
        self.counters.entries.set(self.sessions.used().into());
        Ok(())
    }

    /// Ends a session, if there is one. The entry stays where it is.
    pub(super) fn end<S: ReadSection>(
        &mut self,
        index: u32,
        context: &Context<'_, S>,
        events: &mut Events,
    ) -> Result<(), LogFull> {
        let entry = &self.sessions[index];
        if entry.class == Class::Idle {
            return Ok(());
        }
        if context.settings.log_sessions {
            let row = self.row(index, context.settings, context.now);
            let kind = NatEventKind::SessionEnded(row);
            events.try_push(NatEvent { at: context.now, kind }).map_err(|_| LogFull)?;
        }
        let mapping = self.mapping_of(index);
        if !self.sessions[index].is_closed() {
            self.sessions[mapping].set(Entry::UNCLEAN, true);
        }
        self.uncount(index);
        self.sessions[index].class = Class::Idle;
        Ok(())
    }

    fn uncount(&mut self, index: u32) {
        let customer = self.grants.customers.get_mut(self.customer_of(index));
        customer.sessions -= 1;
        if let Some(tenant) = self.counters.tenant(customer.vrf()) {
            tenant.sessions.lower(1);
        }
    }

    /// After a session of a mapping has gone: lets the port rest if it was the last.
    fn leave<S: ReadSection>(&mut self, mapping: u32, context: &Context<'_, S>) {
        let entry = &self.sessions[mapping];
        match entry.kind {
            // Permissions end with the mapping, connections keep it.
            Kind::Mapping
                if entry.class == Class::Idle
                    && (entry.children == 0 || entry.protocol() != Protocol::Tcp) =>
            {
                self.rest(mapping, context);
            }
            Kind::Resting if entry.children == 0 && !entry.has(Entry::LINKED) => self.wait(mapping, context),
            _ => {}
        }
    }

    /// Lets the port of a mapping rest whose own session has ended, unless all of its sessions were seen to close.
    pub(super) fn rest<S: ReadSection>(&mut self, mapping: u32, context: &Context<'_, S>) {
        self.sessions.unmap(mapping);
        let entry = &mut self.sessions[mapping];
        entry.class = if entry.has(Entry::UNCLEAN) { Class::Quarantined } else { Class::Ended };
        entry.base = context.time();
        if !entry.has(Entry::LINKED) {
            self.wait(mapping, context);
        }
    }

    /// Lets an entry wait for its time-out, or for the shortest there is, which may replace it.
    pub(super) fn wait<S: ReadSection>(&mut self, index: u32, context: &Context<'_, S>) {
        let left = self.sessions[index].left(context.settings, context.time());
        let due = context.now.0 + u64::from(left.min(shortest(context.settings)));
        self.wheel.put(&mut self.sessions, index, context.now.0, due);
    }

    /// The mapping that an entry is, or is part of.
    pub(super) fn mapping_of(&self, index: u32) -> u32 {
        let entry = &self.sessions[index];
        match entry.kind {
            Kind::Connection | Kind::Permission => entry.owner,
            Kind::Free | Kind::Mapping | Kind::Resting => index,
        }
    }

    /// Whose entry it is.
    pub(super) fn customer_of(&self, index: u32) -> u32 {
        self.grants.ports.block(self.sessions[self.mapping_of(index)].owner).customer
    }

    /// A session as it is logged and shown.
    pub(super) fn row(&self, index: u32, settings: &NatSettings, now: Millis) -> SessionRow {
        let entry = &self.sessions[index];
        let mapping = &self.sessions[self.mapping_of(index)];
        SessionRow {
            protocol: entry.protocol(),
            customer: mapping.customer(),
            public: mapping.public(),
            remote: entry.remote(),
            state: entry.class.state(),
            expires: Millis(now.0 + u64::from(entry.left(settings, now.0 as u32))),
        }
    }

    /// When exactly something ends next. What is over already and only waits to be looked at ends at once.
    pub(super) fn first_end(&self, settings: &NatSettings) -> Option<Millis> {
        let cursor = self.wheel.cursor();
        let ends = (1..self.sessions.end())
            .map(|index| &self.sessions[index])
            .filter(|entry| entry.has(Entry::LINKED) && entry.class != Class::Idle)
            .map(|entry| entry.end(settings, cursor));
        ends.map(Millis).chain(self.held.next()).min()
    }
}
