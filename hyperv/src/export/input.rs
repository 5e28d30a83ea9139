//! What an export is made of, and how it is taken from a configuration.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_config::{Config, SubnetPrefix};
use nvgw_types::{Family, MacAddr, ProviderAddr, Vsid};

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
    /// Those of them that carry what leaves the tenant, one of each family: wildcard record and default route.
    pub gateway_subnets: Vec<Subnet>,
    /// Where the gateway is on the provider network.
    pub site: Site,
    /// Provider addresses of compute hosts.
    pub hosts: Vec<ProviderAddr>,
}

/// A tenant as its gateway has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// Its RoutingDomainID, with braces; `None`: Hyper-V does not know it.
    pub routing_domain: Option<String>,
    /// The gateway's own inner Ethernet address in its subnets.
    pub gateway_mac: MacAddr,
    /// Its virtual subnets; one of both families is there twice.
    pub subnets: Vec<Subnet>,
    /// Which hosts have lookup records in which of them.
    pub placements: BTreeSet<(Vsid, ProviderAddr)>,
}

/// The addresses of one family in a virtual subnet.
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

/// What may be said about an export.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportOptions {
    /// The subnet for wildcard record and default route of the families that it has; else the first of the family
    /// without lookup records, which is what a gateway's own subnet looks like, else the first.
    pub gateway_vsid: Option<Vsid>,
    /// The gateway's provider address; `None`: the first that a host can send to.
    pub provider_address: Option<ProviderAddr>,
}

/// Why there is no export.
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
        "tenant {name} has no routing domain, by which Hyper-V knows it; write its RoutingDomainID where the tenant is \
        made, as in tenants: [{{ name: {name}, routing-domain: \"{{6c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e01}}\" }}]"
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
    #[error("this gateway does not receive at provider address {wanted}; write one of: {known}")]
    NotItsAddress {
        /// The address.
        wanted: ProviderAddr,
        /// The gateway's addresses.
        known: String,
    },
    /// Nothing leads to the gateway.
    #[error("this gateway has no provider address in use; `nvgw provider-address list` says why")]
    NoAddress,
}

impl Input {
    /// What an export of a tenant is made of. `sites` are the places that the gateway receives at, the best first.
    ///
    /// # Errors
    /// A tenant that has no routing domain or no subnet, no place at all, and options that name nothing of them.
    pub fn new(tenant: Tenant, sites: &[Site], options: &ExportOptions) -> Result<Self, ExportError> {
        let Tenant { name, routing_domain, gateway_mac, subnets, placements } = tenant;
        let Some(routing_domain) = routing_domain else {
            return Err(ExportError::NoRoutingDomain { name });
        };
        if subnets.is_empty() {
            return Err(ExportError::NoSubnet { name });
        }
        if let Some(vsid) = options.gateway_vsid
            && subnets.iter().all(|subnet| subnet.vsid != vsid)
        {
            let mut known: Vec<Vsid> = subnets.iter().map(|subnet| subnet.vsid).collect();
            known.dedup();
            return Err(ExportError::NotItsSubnet { name, vsid, known: list(known.into_iter()) });
        }
        let is_empty = |subnet: &&Subnet| placements.iter().all(|(vsid, _)| *vsid != subnet.vsid);
        let gateway_subnet = |family: Family| {
            let of_family = || subnets.iter().filter(move |subnet| Family::of(subnet.gateway) == family);
            let named = of_family().find(|subnet| Some(subnet.vsid) == options.gateway_vsid);
            named.or_else(|| of_family().find(is_empty)).or_else(|| of_family().next()).copied()
        };
        let gateway_subnets = [Family::V4, Family::V6].into_iter().filter_map(gateway_subnet).collect();
        let hosts: BTreeSet<ProviderAddr> = placements.into_iter().map(|(_, host)| host).collect();
        Ok(Self {
            tenant: name,
            routing_domain,
            gateway_mac,
            gateway_subnets,
            subnets,
            site: site(sites, &hosts, options.provider_address)?,
            hosts: hosts.into_iter().collect(),
        })
    }

    /// What an export of a tenant takes from a configuration.
    ///
    /// # Errors
    /// As those of [`Input::new`], and a tenant that is not there.
    pub fn from_config(config: &Config, tenant: &str, options: &ExportOptions) -> Result<Self, ExportError> {
        let tenants = &config.tenants;
        let found = tenants
            .iter()
            .find(|known| known.name == tenant)
            .ok_or_else(|| ExportError::no_tenant(tenant, tenants.iter().map(|tenant| &tenant.name)))?;
        let subnets = found.subnets.iter();
        let tenant = Tenant {
            name: found.name.clone(),
            routing_domain: found.routing_domain.clone(),
            gateway_mac: found.gateway_mac,
            subnets: subnets
                .flat_map(|subnet| {
                    let of = |net: &SubnetPrefix| Subnet {
                        vsid: subnet.vsid,
                        prefix: net.prefix,
                        gateway: net.gateway.0,
                    };
                    subnet.prefixes.iter().map(of)
                })
                .collect(),
            placements: found.records.iter().map(|record| (record.vsid, record.provider_address)).collect(),
        };
        let sites = config.provider.sites.iter();
        let sites: Vec<Site> = sites
            .flat_map(|site| site.addresses.iter().map(|&address| Site { address, subnet: site.subnet }))
            .collect();
        Self::new(tenant, &sites, options)
    }

    /// The hosts that send to the gateway's address from outside its provider subnet.
    pub(super) fn hosts_elsewhere(&self) -> Vec<ProviderAddr> {
        let family = Family::of(self.site.address.0);
        let of_family = self.hosts.iter().copied().filter(|host| Family::of(host.0) == family);
        of_family.filter(|host| !self.site.subnet.contains(&host.0)).collect()
    }
}

impl ExportError {
    /// There is no tenant of that name among the `known` ones.
    #[must_use]
    pub fn no_tenant<T: ToString>(name: &str, known: impl IntoIterator<Item = T>) -> Self {
        Self::NoTenant { name: name.to_owned(), known: list(known.into_iter()) }
    }
}

fn site(
    sites: &[Site],
    hosts: &BTreeSet<ProviderAddr>,
    address: Option<ProviderAddr>,
) -> Result<Site, ExportError> {
    let Some(first) = sites.first() else { return Err(ExportError::NoAddress) };
    match address {
        None => {
            // Hosts send to an address of their own family.
            let reached =
                |site: &&Site| hosts.iter().any(|host| Family::of(host.0) == Family::of(site.address.0));
            Ok(*sites.iter().find(reached).unwrap_or(first))
        }
        Some(wanted) => sites.iter().find(|site| site.address == wanted).copied().ok_or_else(|| {
            ExportError::NotItsAddress { wanted, known: list(sites.iter().map(|site| site.address)) }
        }),
    }
}

fn list<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
