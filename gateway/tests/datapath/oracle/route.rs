//! Routing tables as lists in the order of precedence: the longest prefix wins, and of equal ones the first.

use std::net::{IpAddr, Ipv6Addr};

use gateway::telemetry::DropReason;

use super::{From, Vrf};
use crate::model::{Model, Net, Network};

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// To the gateway itself.
    Local,
    /// To an address that no station has.
    Discard,
    /// To the destination's own record.
    Subnet,
    /// To the record of a VM that routes.
    Via(IpAddr),
    /// To a next hop of an external network.
    Hop(usize, IpAddr),
    /// To a host of an external network's own prefix.
    Connected(usize),
    /// Into another table.
    Table(Vrf),
}

const EVERYWHERE: [Net; 2] = [Net::new(0, 0, 0, 0, 0), Net::ipv6(Ipv6Addr::UNSPECIFIED, 0)];

/// All addresses of an address's family.
fn everywhere(like: IpAddr) -> Net {
    EVERYWHERE[usize::from(like.is_ipv6())]
}

fn host(address: IpAddr) -> Net {
    Net { address, length: if address.is_ipv4() { 32 } else { 128 } }
}

/// The addresses of a prefix that no station has: of IPv4 the first and the last, which are for all of them; of IPv6 the
/// first, which is any router's (RFC 4291 §2.6.1).
fn edges(prefix: Net) -> Vec<(Net, Goal)> {
    match prefix.address {
        IpAddr::V4(_) if prefix.length < 31 => {
            [prefix.first(), prefix.last()].map(|edge| (host(edge), Goal::Discard)).to_vec()
        }
        IpAddr::V6(_) if prefix.length < 127 => vec![(host(prefix.first()), Goal::Local)],
        _ => vec![],
    }
}

impl Model {
    /// Where a packet ends up, in which table, and after how many steps from table to table: at most two from a
    /// tenant into another one, one from outside.
    pub(super) fn goal(&self, from: Vrf, to: IpAddr, origin: From) -> Result<(Goal, Vrf, u8), DropReason> {
        let mut vrf = from;
        let most = if origin == From::Tenant { 2 } else { 1 };
        for steps in 0..=most {
            match self.best(vrf, to) {
                Some(Goal::Table(next)) => vrf = next,
                Some(Goal::Connected(external)) => return Ok((Goal::Hop(external, to), vrf, steps)),
                Some(goal) => return Ok((goal, vrf, steps)),
                None => {
                    return Err(match (origin, steps) {
                        (From::Tenant, 0) | (From::External, 1..) => DropReason::VirtualRouteMissing,
                        _ => DropReason::ExternalRouteMissing,
                    });
                }
            }
        }
        Err(DropReason::VirtualRouteMissing)
    }

    pub(super) fn best(&self, vrf: Vrf, to: IpAddr) -> Option<Goal> {
        let mut best: Option<(Net, Goal)> = None;
        for (prefix, goal) in self.table(vrf) {
            if prefix.contains(to) && best.is_none_or(|(other, _)| prefix.length > other.length) {
                best = Some((prefix, goal));
            }
        }
        best.map(|(_, goal)| goal)
    }

    fn table(&self, vrf: Vrf) -> Vec<(Net, Goal)> {
        let networks: Vec<_> = (0..self.externals.len())
            .filter(|number| match (self.externals[*number].tenant, vrf) {
                (Some(tenant), Vrf::Tenant(number)) => tenant == number,
                (None, Vrf::External(other)) => *number == other,
                _ => false,
            })
            .collect();
        let own = |number: &usize| self.externals[*number].own.iter().map(|own| host(own.address));
        let mut table: Vec<_> = networks.iter().flat_map(own).map(|own| (own, Goal::Local)).collect();
        for &number in &networks {
            let own = &self.externals[number].own;
            table.extend(own.iter().flat_map(|own| edges(*own)));
            table.extend(own.iter().map(|own| (*own, Goal::Connected(number))));
        }
        match vrf {
            Vrf::Tenant(number) => self.of_tenant(number, &mut table),
            Vrf::External(number) => self.to_tenants(number, &mut table),
        }
        for number in networks {
            let network = &self.externals[number];
            table.extend(network.routes.iter().map(|(prefix, hop)| (*prefix, Goal::Hop(number, *hop))));
            table.extend(network.gateways.iter().map(|hop| (everywhere(*hop), Goal::Hop(number, *hop))));
        }
        table
    }

    fn of_tenant(&self, number: usize, table: &mut Vec<(Net, Goal)>) {
        let tenant = &self.tenants[number];
        for subnet in &tenant.subnets {
            for (prefix, gateway) in &subnet.networks {
                table.push((host(*gateway), Goal::Local));
                table.extend(edges(*prefix));
                table.push((*prefix, Goal::Subnet));
            }
        }
        table.extend(tenant.routes.iter().map(|(prefix, via)| (*prefix, Goal::Via(*via))));
        let external = &self.externals[tenant.external];
        if external.tenant.is_none() {
            // There is a way out for the families that the network has.
            let out = EVERYWHERE
                .into_iter()
                .filter(|all| external.own.iter().any(|own| own.is_ipv6() == all.is_ipv6()));
            table.extend(out.map(|all| (all, Goal::Table(Vrf::External(tenant.external)))));
        }
    }

    fn to_tenants(&self, external: usize, table: &mut Vec<(Net, Goal)>) {
        for (number, tenant) in self.tenants.iter().enumerate().filter(|(_, t)| t.external == external) {
            table.extend(tenant.public.iter().map(|prefix| (*prefix, Goal::Table(Vrf::Tenant(number)))));
        }
    }

    /// The site and the next hop that lead to a provider address.
    pub(super) fn provider_path(&self, to: IpAddr) -> Option<(usize, IpAddr)> {
        let sites = self.sites.iter().enumerate();
        let connected = sites.clone().map(|(number, site)| (site.subnet, 0, number, to));
        let routes = self.provider_routes.iter().map(|r| (r.prefix, r.metric, r.site, r.next_hop));
        let defaults = sites.filter_map(|(number, site)| {
            let gateway = site.gateway?;
            Some((everywhere(gateway), 0, number, gateway))
        });
        let all = connected.chain(routes).chain(defaults).filter(|route| route.0.contains(to));
        // Of equal ones `min_by_key` takes the first.
        let best = all.min_by_key(|(prefix, metric, ..)| (128 - prefix.length, *metric));
        best.map(|(_, _, site, next_hop)| (site, next_hop))
    }

    /// The next hops that the configuration names, and the hosts of sites that records name.
    pub(crate) fn next_hops(&self) -> Vec<(Network, IpAddr)> {
        let mut hops = Vec::new();
        let records = self.tenants.iter().flat_map(|tenant| &tenant.records);
        let paths = records.filter_map(|record| self.provider_path(record.provider));
        hops.extend(paths.map(|(site, hop)| (Network::Site(site), hop)));
        for (number, network) in self.externals.iter().enumerate() {
            let via = network.routes.iter().map(|route| route.1).chain(network.gateways.iter().copied());
            hops.extend(via.map(|hop| (Network::External(number), hop)));
        }
        hops.sort_by_key(|(network, hop)| match network {
            Network::Site(number) => (0, *number, *hop),
            Network::External(number) => (1, *number, *hop),
        });
        hops.dedup();
        hops
    }
}
