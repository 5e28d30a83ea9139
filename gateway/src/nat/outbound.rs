//! Packets from customers that are not the usual ones of a session: they begin sessions, or change their state.

use super::entry::{Class, Entry, Kind};
use super::limits;
use super::tcp::{FIN, RST, SYN};
use super::{Context, Events, Flow, Nat, Segment};
use crate::tables::ReadSection;
use crate::tables::entries::{
    Binding, BindingKey, Direction, Endpoint, Filtering, NatPolicy, Protocol, Target,
};
use crate::tables::exchange::{NatEvent, NatEventKind};
use crate::telemetry::DropReason;

/// The port under which a permission is found: it is for all.
const ANY_PORT: u16 = 0;

/// What the configuration makes of a customer's end: a forward of its port, or a public address of its own.
pub(super) fn bound<S: ReadSection>(
    context: &Context<'_, S>,
    policy: &NatPolicy,
    protocol: Protocol,
    customer: Endpoint,
) -> Option<Endpoint> {
    let find = |protocol, from| -> Option<&Binding> {
        let key = BindingKey { direction: Direction::Outbound, protocol, from };
        context.tables.bindings.get(context.section, &key)
    };
    let forward = if policy.forwards { find(Some(protocol), customer) } else { None };
    if let Some(forward) = forward {
        return Some(forward.to);
    }
    let own = if policy.statics { find(None, Endpoint { port: 0, ..customer }) } else { None };
    own.map(|own| Endpoint { port: customer.port, ..own.to })
}

impl Nat {
    /// Translates what [`Entry::refresh`] does not.
    #[inline(never)]
    pub(super) fn outbound_unusual<S: ReadSection>(
        &mut self,
        context: &Context<'_, S>,
        flow: &Flow,
        segment: &Segment,
        hash: u64,
        events: &mut Events,
    ) -> Result<Endpoint, DropReason> {
        let result = self.find_or_begin(context, flow, segment, hash, events);
        if let Err(reason) = result {
            self.counters.failed(flow.local.vrf, reason);
        }
        result
    }

    fn find_or_begin<S: ReadSection>(
        &mut self,
        context: &Context<'_, S>,
        flow: &Flow,
        segment: &Segment,
        hash: u64,
        events: &mut Events,
    ) -> Result<Endpoint, DropReason> {
        if let Some(mapping) = self.sessions.inside(hash, flow.protocol, flow.local) {
            if self.sessions[mapping].translates(context.settings, context.time()) {
                return match flow.protocol {
                    Protocol::Tcp => self.through_tcp(context, mapping, flow, segment, events),
                    Protocol::Udp | Protocol::Icmp => self.through(context, mapping, flow),
                };
            }
            self.end(mapping, context, events).map_err(|_| DropReason::NatLogFull)?;
            self.rest(mapping, context);
        }
        let tables = context.tables;
        let policy = tables.policies.get(context.section, &flow.local.vrf).ok_or(DropReason::NatNoPool)?;
        if let Some(public) = bound(context, policy, flow.protocol, flow.local) {
            return Ok(public);
        }
        // A public address of the tenant's own, which the external network routes to it, is not translated.
        let way = tables.ipv4_routes.lookup(policy.external, flow.local.address);
        if Target::decode(way) == Target::Vrf(flow.local.vrf) {
            return Ok(Endpoint { vrf: policy.external, ..flow.local });
        }
        self.begin_mapping(context, policy, flow, segment, events)
    }

    /// A packet through a mapping of UDP or ICMP.
    fn through<S: ReadSection>(
        &mut self,
        context: &Context<'_, S>,
        mapping: u32,
        flow: &Flow,
    ) -> Result<Endpoint, DropReason> {
        let entry = &mut self.sessions[mapping];
        if Class::of(flow.protocol, flow.remote.1) == Class::Udp {
            // From now on it is not for well-known ports only.
            entry.class = Class::Udp;
        }
        if entry.has(Entry::FILTERED) && entry.remote().0 != flow.remote.0 {
            self.permit_address(context, mapping, flow)?;
        }
        let entry = &mut self.sessions[mapping];
        if entry.remote().0 == flow.remote.0 {
            entry.note_own_remote(context.time());
        }
        entry.base = context.time();
        Ok(entry.public())
    }

    /// Lets packets of another address in through a mapping of UDP or ICMP. That counts as a session.
    fn permit_address<S: ReadSection>(
        &mut self,
        context: &Context<'_, S>,
        mapping: u32,
        flow: &Flow,
    ) -> Result<(), DropReason> {
        let remote = (flow.remote.0, ANY_PORT);
        let class = self.sessions[mapping].class;
        if let Some(permission) = self.sessions.child(Kind::Permission, mapping, remote) {
            self.sessions[permission].start(class, remote, context.time());
            return Ok(());
        }
        self.admit(context, flow)?;
        let added = self.sessions.add(Kind::Permission, mapping, remote);
        let permission = added.ok_or(DropReason::NatTableFull)?;
        self.sessions[permission].start(class, remote, context.time());
        self.count(permission, context);
        Ok(())
    }

    /// Whether a customer that has a mapping may have one more session.
    fn admit<S: ReadSection>(&self, context: &Context<'_, S>, flow: &Flow) -> Result<(), DropReason> {
        let tables = context.tables;
        let policy = tables.policies.get(context.section, &flow.local.vrf).ok_or(DropReason::NatNoPool)?;
        let customer = self.grants.customers.find(flow.local.vrf, flow.local.address);
        let customer = customer.map(|index| self.grants.customers.get(index));
        self.limits.admit(policy, customer, context.now, false)
    }

    /// A segment through a mapping of TCP.
    fn through_tcp<S: ReadSection>(
        &mut self,
        context: &Context<'_, S>,
        mapping: u32,
        flow: &Flow,
        segment: &Segment,
        events: &mut Events,
    ) -> Result<Endpoint, DropReason> {
        let now = context.time();
        let public = self.sessions[mapping].public();
        let known = self.connection(mapping, flow.remote);
        if let Some(connection) = known
            && self.sessions[connection].lives(context.settings, now)
        {
            self.sessions[connection].customer_segment(segment, now);
            return Ok(public);
        }
        // A refusal of what came through the mapping begins nothing, and is no secret.
        if segment.flags & RST != 0 {
            return Ok(public);
        }
        // One that answers a SYN from outside may begin a connection, too, since that came through the mapping.
        if segment.flags & (SYN | FIN) != SYN {
            return Err(DropReason::NatNoSession);
        }
        let own = &self.sessions[mapping];
        let over = known.or_else(|| (!own.lives(context.settings, now)).then_some(mapping));
        if let Some(over) = over {
            self.end(over, context, events).map_err(|_| DropReason::NatLogFull)?;
        }
        self.admit(context, flow)?;
        if context.settings.log_sessions && events.is_full() {
            return Err(DropReason::NatLogFull);
        }
        let connection = over.map_or_else(|| self.add_connection(mapping, flow), Ok)?;
        self.sessions[connection].connect(segment, flow.remote, now);
        self.begin(connection, context, events);
        Ok(public)
    }

    /// The connection of a mapping to a remote end, over or not.
    pub(super) fn connection(&self, mapping: u32, remote: (u32, u16)) -> Option<u32> {
        let own = &self.sessions[mapping];
        if own.class != Class::Idle && own.remote() == remote {
            Some(mapping)
        } else if own.children > 0 {
            self.sessions.child(Kind::Connection, mapping, remote)
        } else {
            None
        }
    }

    /// Adds a connection to a mapping that has one already, and the permission for its address.
    fn add_connection(&mut self, mapping: u32, flow: &Flow) -> Result<u32, DropReason> {
        let address = (flow.remote.0, ANY_PORT);
        let filtered = self.sessions[mapping].has(Entry::FILTERED);
        let permission =
            if filtered { self.sessions.child(Kind::Permission, mapping, address) } else { None };
        if self.sessions.room() < 1 + usize::from(filtered && permission.is_none()) {
            return Err(DropReason::NatTableFull);
        }
        if filtered {
            let permission = permission.or_else(|| self.sessions.add(Kind::Permission, mapping, address));
            let permission = permission.ok_or(DropReason::NatTableFull)?;
            self.sessions[permission].children += 1;
        }
        self.sessions.add(Kind::Connection, mapping, flow.remote).ok_or(DropReason::NatTableFull)
    }

    /// Removes a connection that is over, and the permission for its address if it was the last to it.
    pub(super) fn remove_connection(&mut self, connection: u32) {
        let mapping = self.sessions[connection].owner;
        if self.sessions[mapping].has(Entry::FILTERED) {
            let address = (self.sessions[connection].remote().0, ANY_PORT);
            if let Some(permission) = self.sessions.child(Kind::Permission, mapping, address) {
                self.sessions[permission].children -= 1;
                if self.sessions[permission].children == 0 {
                    self.sessions.remove(permission);
                }
            }
        }
        self.sessions.remove(connection);
    }

    /// Whether a mapping with address-dependent filtering lets an address in.
    pub(super) fn permits<S: ReadSection>(
        &self,
        context: &Context<'_, S>,
        mapping: u32,
        address: u32,
    ) -> bool {
        let own = &self.sessions[mapping];
        if own.remote().0 == address && own.permits_own_remote(context.settings, context.time()) {
            return true;
        }
        self.sessions.child(Kind::Permission, mapping, (address, ANY_PORT)).is_some_and(|permission| {
            let permission = &self.sessions[permission];
            permission.children > 0 || permission.lives(context.settings, context.time())
        })
    }

    fn begin_mapping<S: ReadSection>(
        &mut self,
        context: &Context<'_, S>,
        policy: &NatPolicy,
        flow: &Flow,
        segment: &Segment,
        events: &mut Events,
    ) -> Result<Endpoint, DropReason> {
        if flow.protocol == Protocol::Tcp && !segment.is_first() {
            return Err(DropReason::NatNoSession);
        }
        if policy.pools().next().is_none() {
            return Err(DropReason::NatNoPool);
        }
        let customer = self.grants.customers.find(flow.local.vrf, flow.local.address);
        let record = customer.map(|index| self.grants.customers.get(index));
        self.limits.admit(policy, record, context.now, true)?;
        if self.sessions.room() == 0 {
            return Err(DropReason::NatTableFull);
        }
        if context.settings.log_sessions && events.is_full() {
            return Err(DropReason::NatLogFull);
        }
        let grant = self.grants.grant(context, policy, customer, flow, events)?;
        let outside = self.sessions.hash(Direction::Inbound, flow.protocol, grant.public);
        self.sessions.prefetch(Direction::Inbound, outside);
        let mapping = self.sessions.map(flow.protocol, flow.local, grant.public, grant.block);
        let mapping = mapping.ok_or(DropReason::NatTableFull)?;
        let entry = &mut self.sessions[mapping];
        let filtering = policy.filtering[flow.protocol.index()];
        entry.set(Entry::FILTERED, filtering == Filtering::AddressDependent);
        match flow.protocol {
            Protocol::Tcp => entry.connect(segment, flow.remote, context.time()),
            protocol => entry.start(Class::of(protocol, flow.remote.1), flow.remote, context.time()),
        }
        entry.note_own_remote(context.time());
        self.begin(mapping, context, events);
        self.sessions.expose(mapping, outside);
        Ok(grant.public)
    }

    /// Counts a session that has begun, lets it be logged, and sees to its end.
    fn begin<S: ReadSection>(&mut self, index: u32, context: &Context<'_, S>, events: &mut Events) {
        self.count(index, context);
        if context.settings.log_sessions {
            let row = self.row(index, context.settings, context.now);
            events.push(NatEvent { at: context.now, kind: NatEventKind::SessionCreated(row) });
        }
    }

    fn count<S: ReadSection>(&mut self, index: u32, context: &Context<'_, S>) {
        let customer = self.grants.customers.get_mut(self.customer_of(index));
        customer.begin(limits::second(context.now));
        if let Some(tenant) = self.counters.tenant(customer.vrf()) {
            limits::begin(tenant, context.now);
        }
        self.counters.entries.set(self.sessions.used().into());
        self.counters.most_entries.at_least(self.counters.entries.get());
        if !self.sessions[index].has(Entry::LINKED) {
            self.wait(index, context);
        }
    }
}
