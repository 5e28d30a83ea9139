//! Packets from outside that are not the usual ones of a session, and looks at translation without effect.

use super::entry::Entry;
use super::outbound::bound;
use super::tcp::{ACK, RST, SYN};
use super::{Context, Flow, Nat, Segment};
use crate::tables::ReadSection;
use crate::tables::entries::{BindingKey, Direction, Endpoint, Protocol, Public};
use crate::telemetry::DropReason;

/// What the configuration makes of a public end: a forward of its port, or the customer whose address it is.
fn bound_inbound<S: ReadSection>(
    context: &Context<'_, S>,
    protocol: Protocol,
    public: Endpoint,
) -> Option<Endpoint> {
    let key = Public::key_of(public.vrf, public.address);
    let address = context.tables.publics.get(context.section, &key)?;
    let key = BindingKey { direction: Direction::Inbound, protocol: Some(protocol), from: public };
    let forward = if address.forwards { context.tables.bindings.get(context.section, &key) } else { None };
    if let Some(forward) = forward {
        return Some(forward.to);
    }
    let (vrf, customer) = address.customer?;
    Some(Endpoint { vrf, address: customer, port: public.port })
}

impl Nat {
    /// Translates what [`Entry::admit`] does not.
    #[inline(never)]
    pub(super) fn inbound_unusual<S: ReadSection>(
        &mut self,
        context: &Context<'_, S>,
        flow: &Flow,
        segment: &Segment,
        hash: u64,
    ) -> Result<Endpoint, DropReason> {
        let first = flow.protocol == Protocol::Tcp && segment.flags & (SYN | ACK | RST) == SYN;
        let mapping = self.sessions.outside(hash, flow.protocol, flow.local);
        let mapping =
            mapping.filter(|&mapping| self.sessions[mapping].translates(context.settings, context.time()));
        let Some(mapping) = mapping else {
            let reason = if first { DropReason::NatUnsolicited } else { DropReason::NatNoSession };
            return bound_inbound(context, flow.protocol, flow.local).ok_or(reason);
        };
        let customer = self.sessions[mapping].customer();
        if flow.protocol == Protocol::Tcp
            && let Some(connection) = self.connection(mapping, flow.remote)
            && self.sessions[connection].lives(context.settings, context.time())
        {
            self.sessions[connection].remote_segment(segment, context.settings, context.time());
            return Ok(customer);
        }
        if self.sessions[mapping].has(Entry::FILTERED) && !self.permits(context, mapping, flow.remote.0) {
            // The customer may open the connection, too, a moment later (RFC 5382 REQ-4).
            return Err(if first { DropReason::NatUnsolicited } else { DropReason::NatFiltered });
        }
        Ok(customer)
    }

    pub(super) fn customer_behind<S: ReadSection>(
        &self,
        context: &Context<'_, S>,
        protocol: Protocol,
        public: Endpoint,
    ) -> Option<Endpoint> {
        let hash = self.sessions.hash(Direction::Inbound, protocol, public);
        let mapping = self.sessions.outside(hash, protocol, public).map(|index| &self.sessions[index]);
        match mapping.filter(|entry| entry.translates(context.settings, context.time())) {
            Some(mapping) => Some(mapping.customer()),
            None => bound_inbound(context, protocol, public),
        }
    }

    pub(super) fn public_before<S: ReadSection>(
        &self,
        context: &Context<'_, S>,
        protocol: Protocol,
        customer: Endpoint,
    ) -> Option<Endpoint> {
        let hash = self.sessions.hash(Direction::Outbound, protocol, customer);
        let mapping = self.sessions.inside(hash, protocol, customer).map(|index| &self.sessions[index]);
        match mapping.filter(|entry| entry.translates(context.settings, context.time())) {
            Some(mapping) => Some(mapping.public()),
            None => {
                let policy = context.tables.policies.get(context.section, &customer.vrf)?;
                bound(context, policy, protocol, customer)
            }
        }
    }

    /// Whether a TCP connection lives between a public and a remote end.
    pub(super) fn is_connected<S: ReadSection>(&self, context: &Context<'_, S>, flow: &Flow) -> bool {
        let hash = self.sessions.hash(Direction::Inbound, flow.protocol, flow.local);
        self.sessions
            .outside(hash, flow.protocol, flow.local)
            .and_then(|mapping| self.connection(mapping, flow.remote))
            .is_some_and(|index| self.sessions[index].lives(context.settings, context.time()))
    }
}
