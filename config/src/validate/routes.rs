//! What every route owes, whatever table it goes into.

use std::collections::HashMap;
use std::hash::Hash;

use ipnet::Ipv4Net;

use crate::document::Prefix;
use crate::reader::{Reader, Spanned, Wrong};
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
        let net = value.0;
        if net.network().is_multicast() || net.network().is_loopback() {
            let message = format!("{net} holds no unicast destination");
            reader.problem(*node, Wrong::new(message, "write a unicast prefix, as in 10.0.0.0/8"));
        }
        self.add_at(reader, *node, net, key);
    }

    /// Adds a destination that is no written prefix.
    pub(super) fn add_at(&mut self, reader: &mut Reader<'_>, node: NodeId, net: Ipv4Net, key: K) {
        if let Some(first) = self.seen.insert((net, key), node) {
            let message = format!("there is a route to {net} already: {}", reader.place(first));
            reader.problem(node, Wrong::new(message, "keep one of them"));
        }
    }
}

/// Reports a route to a prefix that is connected already and needs none.
pub(super) fn check_not_connected(
    reader: &mut Reader<'_>,
    prefix: &Spanned<Prefix>,
    connected: impl IntoIterator<Item = Ipv4Net>,
) {
    let Spanned { node, value } = prefix;
    if connected.into_iter().any(|net| net == value.0) {
        let message = format!("{} is connected: its addresses are neighbours", value.0);
        reader.problem(*node, Wrong::new(message, "leave the route out"));
    }
}
