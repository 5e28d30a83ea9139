//! What every route owes, whatever table it goes into.

use std::collections::HashMap;
use std::hash::Hash;

use ipnet::IpNet;

use crate::document::{Address, Prefix};
use crate::reader::{Reader, Spanned};
use crate::rules::{Refusal, check_destination, check_next_hop};
use crate::tree::NodeId;

/// The destinations of one table so far; `K` tells routes of one prefix apart.
pub(super) struct Destinations<K> {
    seen: HashMap<(IpNet, K), NodeId>,
}

impl<K: Eq + Hash> Destinations<K> {
    pub(super) fn new() -> Self {
        Self { seen: HashMap::new() }
    }

    /// Adds a route's destination. Reports one that is there already, and one that no packet is routed to.
    pub(super) fn add(&mut self, reader: &mut Reader<'_>, prefix: &Spanned<Prefix>, key: K) {
        let Spanned { node, value } = prefix;
        reader.check(*node, check_destination(value.0));
        self.add_at(reader, *node, value.0, key);
    }

    /// Adds a destination that is no written prefix.
    pub(super) fn add_at(&mut self, reader: &mut Reader<'_>, node: NodeId, net: IpNet, key: K) {
        if let Some(first) = self.seen.insert((net, key), node) {
            let message = format!("there is a route to {net} already: {}", reader.place(first));
            reader.problem(node, Refusal::new(message, "keep one of them"));
        }
    }
}

/// Whether a route's next hop is of its prefix's family, as far as both could be read; reports the other one.
pub(super) fn check_families(
    reader: &mut Reader<'_>,
    prefix: Option<&Spanned<Prefix>>,
    next_hop: &Spanned<Address>,
) -> bool {
    prefix.is_none_or(|prefix| reader.check(next_hop.node, check_next_hop(next_hop.value.0, prefix.value.0)))
}
