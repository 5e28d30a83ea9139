//! Port forwards.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use crate::document;
use crate::intervals::Intervals;
use crate::model::{ExternalIndex, ForwardProtocol, PortForward};
use crate::reader::{Reader, Spanned};
use crate::rules::{Refusal, check_forward};
use crate::tree::NodeId;
use crate::validate::system::Used;
use crate::validate::tenants::{TenantSubnets, check_customer};

use super::Claim;
use super::pools::Pools;
use super::publics::Publics;
use super::statics::Statics;

/// A tenant's forwards, each with the node of its public address.
pub(super) fn read(
    reader: &mut Reader<'_>,
    nat: &document::TenantNat,
    subnets: &TenantSubnets,
) -> Vec<Spanned<PortForward>> {
    let mut customers: Intervals<(Ipv4Addr, ForwardProtocol), NodeId> = Intervals::new();
    let mut forwards = Vec::new();
    for Spanned { value: forward, .. } in nat.forwards.items() {
        if let Some(customer) = forward.customer.given() {
            check_customer(reader, "customer address", customer.node, customer.value.0.into(), subnets);
        }
        let Some((node, value)) = build(forward) else {
            continue;
        };
        let PortForward { customer, protocol, first, last, to, .. } = value;
        if let Some(given) = forward.to.given()
            && !reader.check(given.node, check_forward(first, last, to))
        {
            continue;
        }
        // What the customer sends from such a port has one public address and port only.
        let ports = (u32::from(to), u32::from(to) + u32::from(last - first));
        let ports_node = forward.to.given().map(|to| to.node);
        let ports_node = ports_node.or_else(|| Some(forward.ports.given()?.node)).unwrap_or(node);
        if let Err(other) = customers.insert((customer, protocol), ports, ports_node) {
            let shown = shown(protocol, ports);
            let message =
                format!("there is a forward to {shown} of {customer} already: {}", reader.place(other));
            let hint = "forward to other ports of the customer: its answers come from one public port";
            reader.problem(ports_node, Refusal::new(message, hint));
        }
        forwards.push(Spanned { node, value });
    }
    forwards
}

fn build(forward: &document::PortForward) -> Option<(NodeId, PortForward)> {
    let Spanned { node, value: public } = forward.public.given()?;
    let ports = forward.ports.value()?;
    let built = PortForward {
        public: public.0,
        protocol: forward.protocol.value()?.0,
        first: ports.first,
        last: ports.last,
        customer: forward.customer.value()?.0,
        to: forward.to.optional()?.map_or(ports.first, |to| to.0),
    };
    Some((*node, built))
}

/// Holds all tenants' forwards against each other, the static addresses and the external networks.
pub(super) fn check(
    reader: &mut Reader<'_>,
    claims: &[Claim<PortForward>],
    pools: &Pools,
    statics: &Statics,
    publics: &Publics<'_>,
    used: &mut Used,
) {
    let mut addresses: HashSet<(ExternalIndex, Ipv4Addr)> = HashSet::new();
    let mut taken: Intervals<(ExternalIndex, Ipv4Addr, ForwardProtocol), NodeId> = Intervals::new();
    for &Claim { external, node, value } in claims {
        let PortForward { public, protocol, first, last, .. } = value;
        if let Some(whole) = statics.get(&(external, public)) {
            let message = format!("all ports of {public} are one customer's, {}", reader.place(*whole));
            reader.problem(node, Refusal::new(message, "write another public address"));
            continue;
        }
        let ports = (first.into(), last.into());
        match taken.insert((external, public, protocol), ports, node) {
            Ok(()) => used.nat_bindings.take_many(node, 2 * (usize::from(last - first) + 1)),
            Err(other) => {
                let shown = shown(protocol, ports);
                let message =
                    format!("there is a forward of {shown} of {public} already: {}", reader.place(other));
                reader.problem(node, Refusal::new(message, "write other ports or another public address"));
            }
        }
        if addresses.insert((external, public)) && pools.find(external, public.to_bits()).is_none() {
            used.nat_addresses.take(node);
            publics.check(reader, node, external, (public, public));
        }
    }
}

/// Ports for people: `TCP ports 80-89`.
fn shown(protocol: ForwardProtocol, (first, last): (u32, u32)) -> String {
    let protocol = match protocol {
        ForwardProtocol::Tcp => "TCP",
        ForwardProtocol::Udp => "UDP",
    };
    if first == last {
        format!("{protocol} port {first}")
    } else {
        format!("{protocol} ports {first}-{last}")
    }
}
