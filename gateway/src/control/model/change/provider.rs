//! Changes of the provider network: the gateway's own addresses, and provider routes.

use std::net::IpAddr;

use nvgw_config::rules::{check_next_hop, check_path_mtu};
use nvgw_config::{NetworkRef, SiteIndex};

use super::super::edit::{Edit, Swap};
use super::super::file::LOWEST;
use super::super::rules::{At, Judged, Refusal};
use super::super::{Model, OwnAddress, ProviderRoute, ProviderRouteKey};
use super::exists;
use crate::control::desired::Hop;
use crate::control::owner::Owner;
use crate::tables::entries::{from_ip, to_ip};

impl Model {
    pub(super) fn add_provider_address(
        &mut self,
        site: &str,
        address: Option<IpAddr>,
        owner: Owner,
        edits: &mut Vec<Edit>,
    ) -> Judged {
        let site = self.site(site)?;
        let address = match address {
            Some(address) => address,
            None => self.free_in_pool(site)?,
        };
        if let Some(other) = self.addresses.get(&address) {
            return Err(exists(&format!("provider address {address}"), other.owner));
        }
        self.own_address(site, address)?;
        if let Some(whose) = self.station_at(site, address) {
            let message = format!("{address} is the address of {whose}");
            return Err(Refusal::new("address", message, "write an address that nobody has"));
        }
        // Usable once nobody else was found to have it.
        let own = OwnAddress { site, order: self.order(), owner, usable: false };
        self.make(Edit::Address(Swap::of(&self.addresses, address, Some(own))), edits);
        Ok(())
    }

    pub(super) fn remove_provider_address(
        &mut self,
        address: IpAddr,
        owner: Owner,
        edits: &mut Vec<Edit>,
    ) -> Judged {
        let own = self.addresses.get(&address).ok_or_else(|| {
            let message = format!("{address} is no provider address of the gateway");
            Refusal::new("address", message, "`nvgw provider-address list` shows them")
        })?;
        if own.owner != owner {
            return Err(Refusal::owned(&format!("provider address {address}"), own.owner));
        }
        self.make(Edit::Address(Swap::of(&self.addresses, address, None)), edits);
        Ok(())
    }

    /// The first address of a site's pool that nobody is known to have.
    fn free_in_pool(&self, site: SiteIndex) -> Judged<IpAddr> {
        let configured = &self.frame.provider.sites[site.0];
        let pool = configured.pool.as_ref().ok_or_else(|| {
            let message = format!("site {} has no pool to take an address from", configured.name);
            Refusal::new("site", message, "write the address, or give the site a pool in the file")
        })?;
        let free = |address: &IpAddr| {
            !self.addresses.contains_key(address) && self.station_at(site, *address).is_none()
        };
        let (first, last) = (from_ip(pool.first.0), from_ip(pool.last.0));
        (first..=last).map(to_ip).find(free).ok_or_else(|| {
            let message = format!("the pool of site {} has no free address", configured.name);
            Refusal::new("site", message, "widen it in the file, or remove an address")
        })
    }

    /// The station of a site's subnet that is known to have an address.
    fn station_at(&self, site: SiteIndex, address: IpAddr) -> Option<&'static str> {
        let gateway = self.frame.provider.sites[site.0].gateway;
        let hop = Hop { interface: self.interface_of(NetworkRef::Site(site)), address };
        if gateway == Some(address) {
            Some("the site's default gateway")
        } else if self.neighbors.contains_key(&hop) {
            Some("a static neighbour")
        } else if self.provider_routes.keys().any(|route| route.next_hop == address) {
            Some("a provider route's next hop")
        } else if self.index.peers.contains_key(&address) {
            Some("a compute host in a lookup record")
        } else {
            None
        }
    }

    pub(super) fn add_provider_route(
        &mut self,
        field: &'static str,
        key: ProviderRouteKey,
        (metric, mtu): (u32, Option<u16>),
        edits: &mut Vec<Edit>,
    ) -> Judged {
        let ProviderRouteKey { prefix, next_hop, owner } = key;
        let site = self.provider_next_hop(field, next_hop)?;
        check_next_hop(next_hop, prefix).at(field)?;
        self.provider_destination(prefix)?;
        if let Some(mtu) = mtu {
            check_path_mtu(mtu, prefix, self.frame.provider.sites[site.0].mtu).at("mtu")?;
        }
        let others = ProviderRouteKey { next_hop: LOWEST, owner: Owner::Site, ..key };
        let others = self.provider_routes.range(others..).take_while(|(other, _)| other.prefix == prefix);
        for (other, route) in others {
            if other.next_hop == next_hop && other.owner == owner {
                return Err(exists(&format!("provider route {prefix} by {next_hop}"), owner));
            }
            if route.metric == metric && other.next_hop != next_hop {
                let message = format!(
                    "{prefix} is routed by {} with metric {metric} already, by {}",
                    other.next_hop, other.owner
                );
                return Err(Refusal::new("metric", message, "write another metric, or move that route"));
            }
        }
        let value = ProviderRoute { site, metric, mtu, order: self.order() };
        self.make(Edit::ProviderRoute(Swap::of(&self.provider_routes, key, Some(value))), edits);
        Ok(())
    }

    /// A provider route that the asker owns.
    pub(super) fn own_provider_route(&self, key: ProviderRouteKey) -> Judged<&ProviderRoute> {
        self.provider_routes.get(&key).ok_or_else(|| {
            let what = format!("provider route {} by {}", key.prefix, key.next_hop);
            let owners = [Owner::Site, Owner::Config, Owner::Api, Owner::Learned];
            let other = owners.map(|owner| ProviderRouteKey { owner, ..key });
            let mut sites = self.frame.provider.sites.iter();
            let gateway = sites.find(|site| site.gateway == Some(key.next_hop));
            if let Some(site) = gateway.filter(|_| key.prefix.prefix_len() == 0) {
                let message = format!("{what} is the default gateway of site {}", site.name);
                let hint = "change the site's gateway in the configuration file, then reload";
                return Refusal::new("prefix", message, hint);
            }
            match other.iter().find(|other| self.provider_routes.contains_key(other)) {
                Some(other) => Refusal::owned(&what, other.owner),
                None => {
                    let hint = "`nvgw provider-route list` shows the routes";
                    Refusal::new("prefix", format!("there is no {what}"), hint)
                }
            }
        })
    }
}
