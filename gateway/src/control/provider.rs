//! The provider network's routing table: which site, and which next hop there, leads to a provider address.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_config::SiteIndex;
use nvgw_types::Family;

use super::desired::everywhere;
use super::model::Model;
use super::owner::Owner;

/// A provider route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProviderRoute {
    /// The destination.
    pub prefix: IpNet,
    /// The next hop; `None`: the destination itself, on the site's subnet.
    pub next_hop: Option<IpAddr>,
    /// The site it leads over.
    pub site: SiteIndex,
    /// The lower wins among equal prefixes.
    pub metric: u32,
    /// The biggest IP packet of the whole path, in bytes; `None`: the site's.
    pub mtu: Option<u16>,
    /// Whose it is.
    pub owner: Owner,
}

/// The way to a provider address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderPath {
    /// The site.
    pub site: SiteIndex,
    /// The next hop on the site's subnet.
    pub next_hop: IpAddr,
    /// The biggest IP packet of the whole path, in bytes; `None`: the site's.
    pub mtu: Option<u16>,
}

/// The provider network's routes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProviderRoutes {
    all: Vec<ProviderRoute>,
    /// The best route of every prefix; the longest prefixes first.
    best: BTreeMap<Reverse<u8>, BTreeMap<IpAddr, ProviderRoute>>,
}

impl ProviderPath {
    /// The biggest IP packet of the path, in bytes, over a site of that MTU.
    #[must_use]
    pub fn fits(&self, site: u16) -> u16 {
        self.mtu.map_or(site, |mtu| mtu.min(site))
    }
}

impl ProviderRoutes {
    /// The routes of a model: the sites' subnets, the static routes, the sites' default gateways. Subnets and default
    /// gateways have metric 0, and of equal routes the first in that order wins.
    pub(super) fn new(model: &Model) -> Self {
        let sites =
            || model.frame.provider.sites.iter().enumerate().map(|(index, site)| (SiteIndex(index), site));
        let mut all = Vec::new();
        for (index, site) in sites() {
            all.push(ProviderRoute {
                prefix: site.subnet.trunc(),
                next_hop: None,
                site: index,
                metric: 0,
                mtu: None,
                owner: Owner::Site,
            });
        }
        let mut routes: Vec<_> = model.provider_routes.iter().collect();
        routes.sort_unstable_by_key(|(_, route)| route.order);
        for (key, route) in routes {
            all.push(ProviderRoute {
                prefix: key.prefix,
                next_hop: Some(key.next_hop),
                site: route.site,
                metric: route.metric,
                mtu: route.mtu,
                owner: key.owner,
            });
        }
        for (index, site) in sites() {
            if let Some(gateway) = site.gateway {
                all.push(ProviderRoute {
                    prefix: everywhere(Family::of(gateway)),
                    next_hop: Some(gateway),
                    site: index,
                    metric: 0,
                    mtu: None,
                    owner: Owner::Site,
                });
            }
        }
        let mut best = BTreeMap::<_, BTreeMap<_, ProviderRoute>>::new();
        for route in &all {
            let prefixes = best.entry(Reverse(route.prefix.prefix_len())).or_default();
            let winner = prefixes.entry(route.prefix.network()).or_insert(*route);
            if route.metric < winner.metric {
                *winner = *route;
            }
        }
        Self { all, best }
    }

    /// All routes, those that another one beats included.
    #[must_use]
    pub fn all(&self) -> &[ProviderRoute] {
        &self.all
    }

    /// Whether packets take a route, and not a better one to the same prefix.
    #[must_use]
    pub fn is_in_force(&self, route: &ProviderRoute) -> bool {
        let of_length = self.best.get(&Reverse(route.prefix.prefix_len()));
        of_length.and_then(|prefixes| prefixes.get(&route.prefix.network())) == Some(route)
    }

    /// The way to `address`: longest prefix, then lowest metric, then first.
    #[must_use]
    pub fn lookup(&self, address: IpAddr) -> Option<ProviderPath> {
        self.best.iter().find_map(|(Reverse(length), prefixes)| {
            // IPv4 has no prefixes as long as IPv6 has.
            let prefix = IpNet::new(address, *length).ok()?;
            let route = prefixes.get(&prefix.network())?;
            let next_hop = route.next_hop.unwrap_or(address);
            Some(ProviderPath { site: route.site, next_hop, mtu: route.mtu })
        })
    }
}

#[cfg(test)]
mod tests {
    use nvgw_config::ProviderRoute as Static;

    use super::*;
    use crate::control::fixture;

    fn path(site: usize, next_hop: [u8; 4]) -> Option<ProviderPath> {
        Some(ProviderPath { site: SiteIndex(site), next_hop: next_hop.into(), mtu: None })
    }

    fn route(prefix: &str, next_hop: &str, site: usize, metric: u32) -> Static {
        Static {
            prefix: prefix.parse().expect("a prefix"),
            next_hop: next_hop.parse().expect("an address"),
            site: SiteIndex(site),
            metric,
            mtu: None,
        }
    }

    fn routes_of(config: nvgw_config::Config) -> ProviderRoutes {
        let model = Model::of_file(config, &BTreeMap::new(), &Default::default());
        ProviderRoutes::new(&model)
    }

    #[test]
    fn the_longest_prefix_wins_then_the_metric_then_the_order() {
        let mut config = fixture::config();
        config.provider.sites.push(fixture::site("second", 21, "100.64.21.0/24", "100.64.21.10"));
        config.provider.routes = vec![
            route("100.64.30.0/24", "100.64.20.2", 0, 10),
            route("100.64.30.0/24", "100.64.21.2", 1, 5),
            route("100.64.30.0/24", "100.64.21.3", 1, 5),
            route("100.64.30.128/25", "100.64.20.4", 0, 99),
        ];
        let routes = routes_of(config);
        let look = |a: [u8; 4]| routes.lookup(a.into());
        assert_eq!(look([100, 64, 20, 30]), path(0, [100, 64, 20, 30]), "on the subnet: itself");
        assert_eq!(look([100, 64, 30, 2]), path(1, [100, 64, 21, 2]), "lower metric, then first");
        assert_eq!(look([100, 64, 30, 200]), path(0, [100, 64, 20, 4]), "longer prefix whatever its metric");
        assert_eq!(look([8, 8, 8, 8]), path(0, [100, 64, 20, 1]), "default gateway");
    }

    #[test]
    fn without_a_default_gateway_there_may_be_no_route() {
        let mut config = fixture::config();
        config.provider.sites[0].gateway = None;
        let routes = routes_of(config);
        assert_eq!(routes.lookup([100, 64, 10, 2].into()), None);
    }
}
