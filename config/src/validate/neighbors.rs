//! Static neighbours.

use std::collections::HashMap;

use crate::document;
use crate::model::StaticNeighbor;
use crate::reader::{Field, List, Reader};
use crate::rules::Refusal;

use super::network::Networks;

pub(super) fn neighbors(
    reader: &mut Reader<'_>,
    list: &Field<List<document::Neighbor>>,
    networks: &mut Networks,
) -> Vec<StaticNeighbor> {
    let mut seen = HashMap::new();
    let mut neighbors = Vec::new();
    for neighbor in list.items() {
        let neighbor = &neighbor.value;
        let network = networks.names.resolve(reader, &neighbor.network);
        let (Some(network), Some(address)) = (network, neighbor.address.given()) else {
            continue;
        };
        let connected = networks.get_mut(network);
        connected.check_neighbor(reader, "neighbour", address);
        connected.add_other(address);
        if let Some(first) = seen.insert((network, address.value), address.node) {
            let message =
                format!("neighbour {} is given twice, first by {}", address.value.0, reader.place(first));
            reader.problem(address.node, Refusal::new(message, "keep one of them"));
        }
        neighbors.extend(neighbor.mac.value().map(|mac| StaticNeighbor {
            network,
            address: address.value.0,
            mac: mac.0,
        }));
    }
    neighbors
}
