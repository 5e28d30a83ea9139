//! Customer addresses that have a public address of their own.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use crate::document;
use crate::model::{ExternalIndex, StaticNat};
use crate::reader::{Reader, Spanned};
use crate::rules::Refusal;
use crate::tree::NodeId;
use crate::validate::system::Used;
use crate::validate::tenants::{TenantSubnets, check_customer};

use super::Claim;
use super::pools::Pools;
use super::publics::Publics;

/// The public addresses of all tenants, each with its node.
pub(super) type Statics = HashMap<(ExternalIndex, Ipv4Addr), NodeId>;

/// A tenant's static addresses, each with the node of the public one.
pub(super) fn read(
    reader: &mut Reader<'_>,
    nat: &document::TenantNat,
    subnets: &TenantSubnets,
) -> Vec<Spanned<StaticNat>> {
    let mut seen: HashMap<Ipv4Addr, NodeId> = HashMap::new();
    let mut statics = Vec::new();
    for Spanned { value: fixed, .. } in nat.statics.items() {
        let Some(customer) = fixed.customer.given() else {
            continue;
        };
        check_customer(reader, "customer address", customer.node, customer.value.0.into(), subnets);
        let address = customer.value.0;
        if let Some(first) = seen.insert(address, customer.node) {
            let message =
                format!("customer address {address} has a public address already: {}", reader.place(first));
            reader.problem(customer.node, Refusal::new(message, "keep one of them"));
        }
        statics.extend(fixed.public.given().map(|public| Spanned {
            node: public.node,
            value: StaticNat { public: public.value.0, customer: address },
        }));
    }
    statics
}

/// Holds all tenants' static addresses against each other, the pools and the external networks.
pub(super) fn check(
    reader: &mut Reader<'_>,
    claims: &[Claim<Ipv4Addr>],
    pools: &Pools,
    publics: &Publics<'_>,
    used: &mut Used,
) -> Statics {
    let mut statics = Statics::new();
    for &Claim { external, node, value: public } in claims {
        if let Some((_, pool)) = pools.find(external, public.to_bits()) {
            let message = format!("public address {public} is in a pool, {}", reader.place(pool));
            reader.problem(node, Refusal::new(message, "write an address that is in no pool"));
        } else if let Some(first) = statics.get(&(external, public)) {
            let message = format!("public address {public} is taken by {}", reader.place(*first));
            reader.problem(node, Refusal::new(message, "write a public address of its own"));
        } else {
            statics.insert((external, public), node);
            used.nat_addresses.take(node);
            used.nat_bindings.take(node);
            publics.check(reader, node, external, (public, public));
        }
    }
    statics
}
