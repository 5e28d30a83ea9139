//! What an export is made of, and how it is taken from a configuration.

use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_config::Config;
use nvgw_types::{MacAddr, ProviderAddr, Vsid};

/// A tenant and its gateway, as compute hosts must know them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The tenant's name, for people.
    pub tenant: String,
    /// Its RoutingDomainID, with braces.
    pub routing_domain: String,
    /// The gateway's own inner Ethernet address in its subnets.
    pub gateway_mac: MacAddr,
    /// Its virtual subnets.
    pub subnets: Vec<Subnet>,
    /// The one of them that carries what leaves the tenant: wildcard record and default route.
    pub gateway_subnet: Subnet,
    /// Where the gateway is on the provider network.
    pub site: Site,
    /// Provider addresses of compute hosts.
    pub hosts: Vec<ProviderAddr>,
}

/// A virtual subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet {
    /// Its VSID.
    pub vsid: Vsid,
    /// Its prefix.
    pub prefix: IpNet,
    /// The gateway's own address there.
    pub gateway: IpAddr,
}

/// A place on the provider network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// The provider address that hosts send to.
    pub address: ProviderAddr,
    /// The provider subnet that it is in.
    pub subnet: IpNet,
}

/// What may be said about an export from a configuration.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportOptions {
    /// The subnet for wildcard record and default route; `None`: the first without lookup records, which is what a
    /// gateway's own subnet looks like, else the first.
    pub gateway_vsid: Option<Vsid>,
    /// The gateway's provider address; `None`: the first of the first site.
    pub provider_address: Option<ProviderAddr>,
}

/// Why a configuration gives no export.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// There is no such tenant.
    #[error("there is no tenant {name:?}; the tenants are: {known}")]
    NoTenant {
        /// The name.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// Hosts know tenants by their routing domain.
    #[error(
        "tenant {name} has no routing domain, by which Hyper-V knows it; write its RoutingDomainID in the \
        configuration, as in tenants: [{{ name: {name}, routing-domain: \"{{6c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e01}}\" }}]"
    )]
    NoRoutingDomain {
        /// The tenant.
        name: String,
    },
    /// There is nothing to route.
    #[error("tenant {name} has no virtual subnet; add one")]
    NoSubnet {
        /// The tenant.
        name: String,
    },
    /// The subnet is another tenant's or nobody's.
    #[error("VSID {vsid} is no subnet of tenant {name}; its VSIDs are: {known}")]
    NotItsSubnet {
        /// The tenant.
        name: String,
        /// The VSID.
        vsid: Vsid,
        /// The tenant's VSIDs.
        known: String,
    },
    /// The address is none of the gateway's.
    #[error("this gateway has no provider address {wanted}; its addresses are: {known}")]
    NoAddress {
        /// The address.
        wanted: String,
        /// The gateway's addresses.
        known: String,
    },
}

impl Input {
    /// What an export of a tenant takes from a configuration.
    ///
    /// # Errors
    /// A tenant that is not there or has no routing domain or no subnet, and options that name nothing of it.
    pub fn from_config(config: &Config, tenant: &str, options: &ExportOptions) -> Result<Self, ExportError> {
        let tenants = &config.tenants;
        let Some(found) = tenants.iter().find(|known| known.name == tenant) else {
            let known = list(tenants.iter().map(|tenant| &tenant.name));
            return Err(ExportError::NoTenant { name: tenant.to_owned(), known });
        };
        let name = || found.name.clone();
        let Some(routing_domain) = found.routing_domain.clone() else {
            return Err(ExportError::NoRoutingDomain { name: name() });
        };
        let subnets: Vec<Subnet> = found
            .subnets
            .iter()
            .map(|subnet| Subnet { vsid: subnet.vsid, prefix: subnet.prefix, gateway: subnet.gateway.0 })
            .collect();
        let is_empty = |subnet: &&Subnet| !found.records.iter().any(|record| record.vsid == subnet.vsid);
        let Some(first) = subnets.first() else {
            return Err(ExportError::NoSubnet { name: name() });
        };
        let gateway_subnet = match options.gateway_vsid {
            None => *subnets.iter().find(is_empty).unwrap_or(first),
            Some(vsid) => *subnets.iter().find(|subnet| subnet.vsid == vsid).ok_or_else(|| {
                let known = list(subnets.iter().map(|subnet| subnet.vsid));
                ExportError::NotItsSubnet { name: name(), vsid, known }
            })?,
        };
        let mut hosts: Vec<ProviderAddr> =
            found.records.iter().map(|record| record.provider_address).collect();
        hosts.sort();
        hosts.dedup();
        Ok(Self {
            tenant: name(),
            routing_domain,
            gateway_mac: found.gateway_mac,
            gateway_subnet,
            subnets,
            site: site(config, options.provider_address)?,
            hosts,
        })
    }

    /// The hosts outside the gateway's provider subnet.
    pub(super) fn hosts_elsewhere(&self) -> Vec<ProviderAddr> {
        self.hosts.iter().copied().filter(|host| !self.site.subnet.contains(&host.0)).collect()
    }
}

fn site(config: &Config, address: Option<ProviderAddr>) -> Result<Site, ExportError> {
    let sites = &config.provider.sites;
    let all = || sites.iter().flat_map(|site| site.addresses.iter().map(|address| (*address, site.subnet)));
    let wanted = |(own, _): &(ProviderAddr, IpNet)| address.is_none_or(|address| address == *own);
    let Some((address, subnet)) = all().find(wanted) else {
        let wanted = address.map_or_else(|| "at all".to_owned(), |address| address.to_string());
        return Err(ExportError::NoAddress { wanted, known: list(all().map(|(address, _)| address)) });
    };
    Ok(Site { address, subnet })
}

fn list<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
