//! What every route owes, whatever table it goes into.

use std::collections::HashMap;
use std::hash::Hash;

use ipnet::Ipv4Net;

use crate::document::Prefix;
use crate::reader::{Reader, Spanned};
use crate::rules::{Refusal, check_destination};
use crate::tree::NodeId;

/// The destinations of one table so far; `K` tells routes of one prefix apart.
pub(super) struct Destinations<K> {
    seen: HashMap<(Ipv4Net, K), NodeId>,
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
    pub(super) fn add_at(&mut self, reader: &mut Reader<'_>, node: NodeId, net: Ipv4Net, key: K) {
        if let Some(first) = self.seen.insert((net, key), node) {
            let message = format!("there is a route to {net} already: {}", reader.place(first));
            reader.problem(node, Refusal::new(message, "keep one of them"));
        }
    }
}
