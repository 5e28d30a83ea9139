//! A packet's way through translation, as far as tables alone decide it: who a sender becomes, and who is behind a public
//! address.

use std::net::{IpAddr, Ipv4Addr};

use nvgw_types::VrfId;

use super::obstacle::Obstacle;
use super::walk::Walk;
use crate::control::desired::{Customer, PublicKey};
use crate::diagnosis::{ExplainRequest, PortedProtocol};
use crate::tables::Grace;
use crate::tables::entries::{BindingKey, Direction, Endpoint, Protocol, PublicRange, PublicState, Target};
use crate::telemetry::DropReason;

/// What translation asks of a packet beside its destination; what is not known is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flow {
    /// `None` too where it is IPv6, which is never translated.
    pub(super) from: Option<Ipv4Addr>,
    protocol: Option<Protocol>,
    source_port: Option<u16>,
    destination_port: Option<u16>,
}

impl Flow {
    pub(super) fn of(request: &ExplainRequest, from: Option<IpAddr>) -> Self {
        let from = from.and_then(|from| match from {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(_) => None,
        });
        let protocol = request.protocol.map(|protocol| match protocol {
            PortedProtocol::Tcp => Protocol::Tcp,
            PortedProtocol::Udp => Protocol::Udp,
        });
        Self { from, protocol, source_port: request.src_port, destination_port: request.dst_port }
    }
}

impl<G: Grace> Walk<'_, G> {
    /// Whether the external network routes the sender's address to its tenant; as far as it is known.
    pub(super) fn is_routed(&self, tenant: VrfId, external: VrfId) -> bool {
        let from = self.flow.and_then(|flow| flow.from);
        from.is_none_or(|from| self.control.leads(external, from.into()) == Target::Vrf(tenant))
    }

    /// Who a sender becomes toward an external network.
    pub(super) fn translate(&mut self, tenant: VrfId, external: VrfId) -> Result<(), Obstacle> {
        let Some((flow, from)) = self.flow.and_then(|flow| Some((flow, flow.from?))) else { return Ok(()) };
        let control = self.control;
        let tables = &control.fabric.writers;
        if self.is_routed(tenant, external) {
            self.note("translate", format!("{from} is in a public prefix of the tenant, and stays as it is"));
            return Ok(());
        }
        let bound = |protocol, port| {
            let from = Endpoint { vrf: tenant, address: from.into(), port };
            tables.bindings.get(&BindingKey { direction: Direction::Outbound, protocol, from })
        };
        let forward = flow.protocol.zip(flow.source_port);
        if let Some(binding) = forward.and_then(|(protocol, port)| bound(Some(protocol), port)) {
            let (port, to) = (binding.key.from.port, binding.to);
            let public = Ipv4Addr::from(to.address);
            self.note("translate", format!("{from}:{port} becomes {public}:{}, by a forward", to.port));
            return Ok(());
        }
        if let Some(binding) = bound(None, 0) {
            let public = Ipv4Addr::from(binding.to.address);
            self.note("translate", format!("{from} becomes {public}, one to one"));
            return Ok(());
        }
        let pools: Vec<_> =
            tables.policies.get(&tenant).into_iter().flat_map(|policy| policy.pools()).map(range).collect();
        let name = control.vrf_key(tenant).map_or("TENANT", |key| key.name());
        if pools.is_empty() {
            return Err(Obstacle::new(
                DropReason::NatNoPool,
                format!("{} has no pool, and {from} no public address of its own", control.vrf_words(tenant)),
                "give the tenant a pool in the configuration file, or the sender a static address; if the packet \
                 answers by a forward, ask with --protocol and --src-port",
            ));
        }
        self.note(
            "translate",
            format!(
                "{from} becomes an address of the pools {}, if there is room; \
                 nvgw nat sessions --tenant {name} --ca {from} shows which",
                pools.join(", ")
            ),
        );
        Ok(())
    }

    /// Who is behind a public address.
    pub(super) fn customer_behind(
        &mut self,
        external: VrfId,
        address: Ipv4Addr,
    ) -> Result<Customer, Obstacle> {
        let control = self.control;
        let Some(flow) = self.flow else {
            return Err(Obstacle::new(
                DropReason::NatNoSession,
                format!("{address} is a public address, and what the gateway sends itself is not translated"),
                "ask for the customer address behind it",
            ));
        };
        let forwarded = flow.protocol.zip(flow.destination_port).and_then(|(protocol, port)| {
            let from = Endpoint { vrf: external, address: address.into(), port };
            let key = BindingKey { direction: Direction::Inbound, protocol: Some(protocol), from };
            control.fabric.writers.bindings.get(&key)
        });
        if let Some(binding) = forwarded {
            let (port, to) = (binding.key.from.port, binding.to);
            let customer = Ipv4Addr::from(to.address);
            let whose = control.vrf_words(to.vrf);
            self.note(
                "translate",
                format!("{address}:{port} is forwarded to {customer}:{} of {whose}", to.port),
            );
            return Ok(Customer { vrf: to.vrf, address: customer.into() });
        }
        let public = control.fabric.public(PublicKey { external, address });
        if let Some((vrf, customer)) = public.and_then(|public| public.customer) {
            let customer = Customer { vrf, address: Ipv4Addr::from(customer).into() };
            let whose = control.vrf_words(vrf);
            self.note("translate", format!("{address} is {} of {whose}, one to one", customer.address));
            return Ok(customer);
        }
        let (message, cure) = match public {
            Some(public) if public.ports.is_some() => {
                let drains = if public.state == PublicState::Draining { " that drains" } else { "" };
                let port = flow.destination_port.map_or_else(|| "PORT".to_owned(), |port| port.to_string());
                (
                    format!(
                        "{address} is an address of a pool{drains}: only a session or a forward leads on"
                    ),
                    format!(
                        "nvgw nat lookup {address}:{port} says whose port it is; for a forward, ask with \
                         --protocol and --dst-port"
                    ),
                )
            }
            _ => (
                format!("only the forwarded ports of {address} lead on"),
                "ask for one of them, with --protocol and --dst-port".to_owned(),
            ),
        };
        Err(Obstacle::new(DropReason::NatNoSession, message, cure))
    }
}

/// Addresses that follow each other, as they are written.
fn range(range: PublicRange) -> String {
    let first = Ipv4Addr::from(range.first);
    match range.count {
        1 => first.to_string(),
        count => format!("{first}-{}", Ipv4Addr::from(range.first + (count - 1))),
    }
}

#[cfg(test)]
mod tests;
