//! Pools of public addresses.

use std::collections::HashMap;

use crate::document;
use crate::intervals::Intervals;
use crate::model::{ExternalIndex, NatPool};
use crate::reader::{Reader, Spanned};
use crate::rules::{Refusal, check_block_size, check_blocks};
use crate::tree::NodeId;
use crate::validate::system::Used;

use super::Claim;
use super::publics::{Publics, addresses};

/// As many as the datapath tries for one customer address.
const MOST_POOLS: usize = 16;

/// The pools of all tenants, each with the node of its addresses.
pub(super) type Pools = Intervals<ExternalIndex, (NatPool, NodeId)>;

/// A tenant's pools, each with the node of its addresses.
pub(super) fn read(
    reader: &mut Reader<'_>,
    nat: &document::TenantNat,
    workers: Option<usize>,
) -> Vec<Spanned<NatPool>> {
    let items = nat.pools.items();
    if let Some(pool) = items.get(MOST_POOLS) {
        let message = format!("more than {MOST_POOLS} pools");
        reader.problem(
            pool.node,
            Refusal::new(message, "join ranges that follow each other, or leave some out"),
        );
    }
    let mut seen: HashMap<NatPool, NodeId> = HashMap::new();
    let mut pools = Vec::with_capacity(items.len());
    for Spanned { value: pool, .. } in items {
        if let (Some(size), Some(workers)) = (pool.block_size.given(), workers) {
            reader.check(size.node, check_block_size(size.value.0, workers));
        }
        if let (Some(ports), Some(size)) = (pool.ports.given(), pool.block_size.value()) {
            reader.check(ports.node, check_blocks(ports.value.first, ports.value.last, size.0));
        }
        let Some((node, value)) = build(pool) else {
            continue;
        };
        if let Some(first) = seen.insert(value, node) {
            let message = format!("the tenant has this pool already: {}", reader.place(first));
            reader.problem(node, Refusal::new(message, "keep one of them"));
        }
        pools.push(Spanned { node, value });
    }
    pools
}

fn build(pool: &document::NatPool) -> Option<(NodeId, NatPool)> {
    let Spanned { node, value: range } = pool.addresses.given()?;
    let ports = pool.ports.value()?;
    let built = NatPool {
        first: range.first,
        last: range.last,
        first_port: ports.first,
        last_port: ports.last,
        block_size: pool.block_size.value()?.0,
    };
    Some((*node, built))
}

/// Holds all tenants' pools against each other and against the external networks.
pub(super) fn check(
    reader: &mut Reader<'_>,
    claims: &[Claim<NatPool>],
    publics: &Publics<'_>,
    used: &mut Used,
) -> Pools {
    let mut pools = Pools::new();
    for &Claim { external, node, value: pool } in claims {
        let range = (pool.first.to_bits(), pool.last.to_bits());
        match pools.insert(external, range, (pool, node)) {
            Ok(()) => {
                used.nat_addresses.take_many(node, (range.1 - range.0) as usize + 1);
                publics.check(reader, node, external, (pool.first, pool.last));
            }
            // Tenants that name the same pool share it.
            Err((other, _)) if other == pool => {}
            Err((other, place)) => reader.problem(node, overlap(pool, other, &reader.place(place))),
        }
    }
    pools
}

fn overlap(pool: NatPool, other: NatPool, place: &str) -> Refusal {
    let range = addresses(pool.first, pool.last);
    let message = if (pool.first, pool.last) == (other.first, other.last) {
        format!("the pool {range} has other ports or blocks than {place}")
    } else {
        format!("the pool {range} overlaps {}, {place}", addresses(other.first, other.last))
    };
    let hint = "to share a pool, write the same addresses, ports and block-size; else addresses of its own";
    Refusal::new(message, hint)
}
