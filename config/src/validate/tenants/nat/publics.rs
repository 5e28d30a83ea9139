//! What public addresses owe the external network that they are reached from.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net, Ipv4Subnets};

use crate::model::ExternalIndex;
use crate::prefixes::Prefixes;
use crate::reader::Reader;
use crate::rules::{Refusal, check_not_edge};
use crate::tree::NodeId;
use crate::validate::tenants::Surroundings;

/// The external networks, and what tenants have of their addresses without translation.
pub(super) struct Publics<'a> {
    pub(super) around: &'a Surroundings<'a>,
    /// All tenants' public prefixes.
    pub(super) prefixes: &'a Prefixes<NodeId>,
}

impl Publics<'_> {
    /// Reports public addresses, first and last, that the network has another use for.
    pub(super) fn check(
        &self,
        reader: &mut Reader<'_>,
        node: NodeId,
        external: ExternalIndex,
        range: (Ipv4Addr, Ipv4Addr),
    ) {
        let wrong = self.stations(reader, external, range);
        let wrong = wrong.or_else(|| self.edges(external, range)).or_else(|| self.routes(external, range));
        if let Some(wrong) = wrong.or_else(|| self.untranslated(reader, range)) {
            reader.problem(node, wrong);
        }
    }

    /// Addresses that are the gateway's own, or that the document gives to other stations of the network.
    fn stations(
        &self,
        reader: &Reader<'_>,
        external: ExternalIndex,
        (first, last): (Ipv4Addr, Ipv4Addr),
    ) -> Option<Refusal> {
        let network = &self.around.networks.external[external.0];
        let (first, last) = (IpAddr::V4(first), IpAddr::V4(last));
        let own = network.own.iter().filter(|(address, _)| (first..=last).contains(*address)).min();
        let (address, whose, place) = match (own, network.others.range(first..=last).next()) {
            (Some((address, node)), _) => (address, "our own address", reader.place(*node)),
            (None, Some((address, node))) => (address, "another station's", reader.place(*node)),
            (None, None) => return None,
        };
        let message = format!("public address {address} is {whose}, {place}");
        Some(Refusal::new(message, "write addresses that no station has"))
    }

    fn edges(&self, external: ExternalIndex, (first, last): (Ipv4Addr, Ipv4Addr)) -> Option<Refusal> {
        let connected = self.around.networks.external[external.0].prefixes.iter();
        let ends = connected.flat_map(|(net, _)| [(*net, net.network()), (*net, net.broadcast())]);
        let among = |address: &IpAddr| (IpAddr::V4(first)..=IpAddr::V4(last)).contains(address);
        let edges = ends.filter(|(_, address)| among(address)).filter_map(|(net, address)| {
            let wrong = check_not_edge("public address", address, net).err()?;
            Some((address, wrong))
        });
        edges.min_by_key(|(address, _)| *address).map(|(_, wrong)| wrong)
    }

    /// Static routes of the network that would take addresses away.
    fn routes(&self, external: ExternalIndex, (first, last): (Ipv4Addr, Ipv4Addr)) -> Option<Refusal> {
        let net = |address, length| IpNet::V4(Ipv4Net::new_assert(address, length));
        // A route that covers all of the addresses is less specific than they are, and takes none of them.
        let within = self.around.routed[external.0]
            .range(net(first, 0)..=net(last, 32))
            .find(|route| matches!(route, IpNet::V4(route) if route.broadcast() <= last))?;
        let message = format!("{within} is routed to a next hop of the external network too");
        Some(Refusal::new(message, "route it to the next hop or translate to it, not both"))
    }

    /// Prefixes that are routed to tenants untranslated.
    fn untranslated(&self, reader: &Reader<'_>, (first, last): (Ipv4Addr, Ipv4Addr)) -> Option<Refusal> {
        let (prefix, place) =
            Ipv4Subnets::new(first, last, 0).find_map(|net| self.prefixes.overlapping(net.into()))?;
        let message = format!("public prefix {prefix} has some of these, {}", reader.place(place));
        Some(Refusal::new(message, "write addresses that are in no tenant's public-prefixes"))
    }
}

/// Addresses for people, as they can be written.
pub(super) fn addresses(first: Ipv4Addr, last: Ipv4Addr) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}
