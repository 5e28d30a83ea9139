//! What objects owe each other. The file's validator asks the same of a whole document; here one object is held
//! against what is there.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use nvgw_config::rules::{
    Refusal as SharedRefusal, Verdict, check_destination, check_host_family, check_not_connected,
    check_not_edge, check_not_gateway, check_site_mtu, check_station, check_subnet, check_vm_mac, check_vsid,
};
use nvgw_config::{ExternalIndex, NetworkRef, SiteIndex};
use nvgw_types::{Family, MacAddr, VrfId, Vsid};

use super::{Model, Subnet, Tenant};
use crate::control::desired::Customer;
use crate::control::owner::Owner;

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {hint}")]
pub struct Refusal {
    /// The key of the change that is at fault; empty: the change as such.
    pub field: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to write or do instead.
    pub hint: String,
}

impl Refusal {
    pub(super) fn new(field: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { field, message: message.into(), hint: hint.into() }
    }

    /// What is another's to change.
    pub(super) fn owned(what: &str, owner: Owner) -> Self {
        let hint = match owner {
            Owner::Config | Owner::Site => "change the configuration file, then reload",
            Owner::Api => "nvgw … remove takes it away",
            Owner::Learned => "remove it first: nvgw lookup remove",
        };
        Self::new("", format!("{what} belongs to {owner}"), hint)
    }
}

pub(super) type Judged<T = ()> = Result<T, Refusal>;

/// A rule that file and changes share, held against the value of one key.
pub(super) trait At {
    /// The verdict as one on `field`.
    fn at(self, field: &'static str) -> Judged;
}

impl At for Verdict {
    fn at(self, field: &'static str) -> Judged {
        self.map_err(|wrong| Refusal::new(field, wrong.message, wrong.hint))
    }
}

impl Model {
    pub(super) fn tenant(&self, name: &str) -> Judged<&super::Owned<Tenant>> {
        self.tenants.get(name).ok_or_else(|| {
            let field = "tenant";
            Refusal::new(field, format!("there is no tenant {name}"), "`nvgw tenant list` shows the tenants")
        })
    }

    pub(super) fn subnet(&self, vsid: Vsid) -> Judged<&super::Owned<Subnet>> {
        self.subnets.get(&vsid).ok_or_else(|| {
            let message = format!("VSID {vsid} is in no subnet");
            Refusal::new("vsid", message, "`nvgw subnet list` shows the subnets")
        })
    }

    pub(super) fn site(&self, name: &str) -> Judged<SiteIndex> {
        let sites = &self.frame.provider.sites;
        sites.iter().position(|site| site.name == name).map(SiteIndex).ok_or_else(|| {
            let names: Vec<_> = sites.iter().map(|site| site.name.as_str()).collect();
            let hint = format!("write one of {}", names.join(", "));
            Refusal::new("site", format!("there is no site {name}"), hint)
        })
    }

    pub(super) fn network(&self, name: &str) -> Judged<NetworkRef> {
        let external = self.frame.external.iter().position(|network| network.name == name);
        let external = external.map(|index| NetworkRef::External(ExternalIndex(index)));
        external.or_else(|| self.site(name).ok().map(NetworkRef::Site)).ok_or_else(|| {
            let sites = self.frame.provider.sites.iter().map(|site| site.name.as_str());
            let names: Vec<_> = sites.chain(self.frame.external.iter().map(|n| n.name.as_str())).collect();
            let hint = format!("write one of {}", names.join(", "));
            Refusal::new("network", format!("there is no network {name}"), hint)
        })
    }

    /// An external network that a tenant's default route can lead to.
    pub(super) fn way_out(&self, name: &str, tenant: &str) -> Judged<ExternalIndex> {
        let field = "external";
        let found = self.frame.external.iter().position(|network| network.name == name);
        let index = found.ok_or_else(|| {
            let shared = self.frame.external.iter().filter(|network| network.tenant.is_none());
            let names: Vec<_> = shared.map(|network| network.name.as_str()).collect();
            let hint = format!("write one of {}", names.join(", "));
            Refusal::new(field, format!("there is no external network {name}"), hint)
        })?;
        let owner = self.tenant_of(self.externals[index]);
        match owner {
            Some(owner) if owner != tenant => {
                let message = format!("{name} is the own hand-off network of tenant {owner}");
                Err(Refusal::new(field, message, "write an external network without a tenant"))
            }
            _ => Ok(ExternalIndex(index)),
        }
    }

    /// The connected prefixes of the external networks in a VRF.
    fn connected_in(&self, vrf: VrfId) -> impl Iterator<Item = IpNet> {
        let networks = self.frame.external.iter().zip(&self.externals);
        let own = networks.filter(move |(_, of)| **of == vrf).flat_map(|(network, _)| &network.addresses);
        own.map(IpNet::trunc)
    }

    /// The connected prefixes of a network.
    pub(super) fn prefixes_of(&self, network: NetworkRef) -> Vec<IpNet> {
        match network {
            NetworkRef::Site(SiteIndex(site)) => {
                vec![self.frame.provider.sites[site].subnet.trunc()]
            }
            NetworkRef::External(ExternalIndex(index)) => {
                let own = &self.frame.external[index].addresses;
                own.iter().map(IpNet::trunc).collect()
            }
        }
    }

    fn is_own(&self, network: NetworkRef, address: IpAddr) -> bool {
        match network {
            NetworkRef::Site(_) => self.addresses.contains_key(&address),
            NetworkRef::External(ExternalIndex(index)) => {
                self.frame.external[index].addresses.iter().any(|own| own.addr() == address)
            }
        }
    }

    /// Whether another station of a network can have the address, which is a `what`.
    pub(super) fn neighbor_on(
        &self,
        field: &'static str,
        what: &str,
        network: NetworkRef,
        address: IpAddr,
    ) -> Judged {
        if self.is_own(network, address) {
            let message = format!("{what} {address} is the gateway's own address");
            return Err(Refusal::new(field, message, "write the address of another station on the network"));
        }
        if let NetworkRef::External(external) = network
            && self.is_translated_to(external, address.into())
        {
            let message = format!("{what} {address} is a public address that tenants are translated to");
            return Err(Refusal::new(field, message, "write the address of another station on the network"));
        }
        let prefixes = self.prefixes_of(network);
        match prefixes.iter().find(|prefix| prefix.contains(&address)) {
            Some(prefix) => check_not_edge(what, address, *prefix).at(field),
            None => {
                let message =
                    format!("{what} {address} is on no connected prefix of {}", self.name_of(network));
                Err(Refusal::new(field, message, inside(prefixes)))
            }
        }
    }

    /// Whether the gateway can have the address at a site.
    pub(super) fn own_address(&self, site: SiteIndex, address: IpAddr) -> Judged {
        let mut subnet = self.prefixes_of(NetworkRef::Site(site)).into_iter();
        subnet.try_for_each(|subnet| check_station(address, subnet).at("address"))
    }

    /// The site in whose subnet a next hop of the provider network is.
    pub(super) fn site_at(&self, address: IpAddr) -> Option<SiteIndex> {
        let sites = 0..self.frame.provider.sites.len();
        sites.map(SiteIndex).find(|site| {
            self.prefixes_of(NetworkRef::Site(*site)).iter().any(|subnet| subnet.contains(&address))
        })
    }

    pub(super) fn provider_next_hop(&self, field: &'static str, address: IpAddr) -> Judged<SiteIndex> {
        let Some(site) = self.site_at(address) else {
            let outside = self.frame.external.iter().enumerate().find(|(index, _)| {
                let network = NetworkRef::External(ExternalIndex(*index));
                self.prefixes_of(network).iter().any(|prefix| prefix.contains(&address))
            });
            let message = match outside {
                Some((_, network)) => format!(
                    "next hop {address} is on the external network {}: the provider network is a routing table of its own",
                    network.name
                ),
                None => format!("next hop {address} is in no site's subnet"),
            };
            return Err(Refusal::new(field, message, inside(self.site_subnets())));
        };
        self.neighbor_on(field, "next hop", NetworkRef::Site(site), address)?;
        Ok(site)
    }

    /// Whether a provider route can lead to the prefix.
    pub(super) fn provider_destination(&self, prefix: IpNet) -> Judged {
        check_destination(prefix).at("prefix")?;
        check_not_connected(prefix, self.site_subnets()).at("prefix")
    }

    fn site_subnets(&self) -> impl Iterator<Item = IpNet> {
        self.frame.provider.sites.iter().map(|site| site.subnet.trunc())
    }

    /// Whether a compute host can have the provider address.
    pub(super) fn peer(&self, field: &'static str, address: IpAddr) -> Judged {
        if self.addresses.contains_key(&address) {
            let message = format!("provider address {address} is the gateway's own");
            return Err(Refusal::new(field, message, "write the provider address of the compute host"));
        }
        match self.site_at(address) {
            Some(site) => self.neighbor_on(field, "provider address", NetworkRef::Site(site), address),
            None => check_host_family(address, self.site_subnets()).at(field),
        }
    }

    /// Whether a lookup record fits its subnet.
    pub(super) fn record(&self, vsid: Vsid, address: IpAddr, mac: MacAddr) -> Judged<Customer> {
        let subnet = &self.subnet(vsid)?.value;
        let (first, _) = subnet.prefixes.both();
        let own = subnet.prefixes.of(Family::of(address)).unwrap_or(&first);
        check_station(address, own.prefix).at("address")?;
        check_not_gateway("customer address", address, own.gateway).at("address")?;
        let tenant = &self.tenant(&subnet.tenant)?.value;
        check_vm_mac(mac, tenant.gateway_mac).at("mac")?;
        Ok(Customer { vrf: tenant.vrf, address })
    }

    /// Whether a new subnet fits its tenant and the gateway.
    pub(super) fn new_subnet(&self, vsid: Vsid, tenant: &Tenant, subnet: &Subnet) -> Judged {
        if let Some(other) = self.subnets.get(&vsid) {
            let message = format!("VSID {vsid} is taken by a subnet of tenant {}", other.value.tenant);
            return Err(Refusal::new("vsid", message, "one VSID names exactly one virtual subnet"));
        }
        check_vsid(vsid, self.frame.provider.encapsulation.allow_reserved_vsids).at("vsid")?;
        let fields = [("prefix", "gateway"), ("prefix-ipv6", "gateway-ipv6")];
        for (own, (prefix, gateway)) in subnet.prefixes.iter().zip(fields) {
            check_subnet(own.prefix).at(prefix)?;
            check_station(own.gateway, own.prefix).at(gateway)?;
            if own.prefix.addr().is_ipv6() {
                self.sites_carry_ipv6().at(prefix)?;
            }
            self.new_prefix(prefix, tenant, own.prefix)?;
        }
        Ok(())
    }

    /// Whether every site carries the smallest packet that IPv6 asks of a link.
    fn sites_carry_ipv6(&self) -> Verdict {
        self.frame.provider.sites.iter().try_for_each(|site| {
            check_site_mtu(site.mtu, site.subnet, true).map_err(|wrong| SharedRefusal {
                message: format!("site {}: {}", site.name, wrong.message),
                ..wrong
            })
        })
    }

    fn new_prefix(&self, field: &'static str, tenant: &Tenant, prefix: IpNet) -> Judged {
        if let Some(other) = self.overlapping_subnet(tenant.vrf, prefix) {
            let message = format!("{prefix} overlaps {other} of the same tenant");
            return Err(Refusal::new(field, message, "write a prefix that overlaps no other of the tenant"));
        }
        if let Some(other) = self.connected_in(tenant.vrf).find(|p| meet(p, &prefix)) {
            let message = format!("{prefix} overlaps {other} of the tenant's hand-off network");
            return Err(Refusal::new(
                field,
                message,
                "write a prefix that overlaps no network of the tenant",
            ));
        }
        if self.customer_routes.contains_key(&(tenant.vrf, prefix)) {
            let message = format!("{prefix} is the destination of a customer route");
            return Err(Refusal::new(field, message, "remove that route first"));
        }
        Ok(())
    }

    fn overlapping_subnet(&self, vrf: VrfId, prefix: IpNet) -> Option<IpNet> {
        self.prefix_at(vrf, prefix.network()).or_else(|| {
            let range = (vrf, prefix.network())..=(vrf, prefix.broadcast());
            let ((_, inside), _) = self.index.prefixes.range(range).next()?;
            self.prefix_at(vrf, *inside)
        })
    }

    /// The prefix of a VRF's subnets that holds an address.
    fn prefix_at(&self, vrf: VrfId, address: IpAddr) -> Option<IpNet> {
        self.subnet_at(vrf, address)?.1.prefixes.at(address).map(|own| own.prefix)
    }

    /// Whether a customer route of a tenant can lead to the address.
    pub(super) fn customer_next_hop(&self, tenant: &Tenant, address: IpAddr) -> Judged {
        let field = "next-hop";
        let own = self.subnet_at(tenant.vrf, address).and_then(|(_, subnet)| subnet.prefixes.at(address));
        let Some(own) = own else {
            let message = format!("next hop {address} is in no subnet of the tenant");
            return Err(Refusal::new(
                field,
                message,
                "write the address of a VM in one of the tenant's subnets",
            ));
        };
        check_not_edge("next hop", address, own.prefix).at(field)?;
        check_not_gateway("next hop", address, own.gateway).at(field)
    }

    /// Whether a customer route of a VRF can lead to the prefix.
    pub(super) fn customer_destination(&self, vrf: VrfId, prefix: IpNet) -> Judged {
        check_destination(prefix).at("prefix")?;
        let subnet = self.prefix_at(vrf, prefix.network());
        check_not_connected(prefix, self.connected_in(vrf).chain(subnet)).at("prefix")
    }

    /// Whether tenants are translated to an address of a prefix, on an external network.
    fn is_translated_to(&self, external: ExternalIndex, prefix: IpNet) -> bool {
        let IpNet::V4(prefix) = prefix else { return false };
        let (first, last) = (prefix.network(), prefix.broadcast());
        let single = || self.index.publics.range((external, first)..=(external, last)).next().is_some();
        let pools = ..=(external, last, Ipv4Addr::BROADCAST);
        let pool = self.index.pools.range(pools).next_back().map(|(pool, _)| *pool);
        pool.is_some_and(|(of, _, end)| of == external && first <= end) || single()
    }

    /// The public prefix that shares an address with another one. All are disjoint: it holds the other's first
    /// address, or begins inside it.
    fn public_prefix_meeting(&self, prefix: &IpNet) -> Option<&(IpNet, String)> {
        let public = &self.index.public_prefixes;
        let before = public.range(..=prefix.network()).next_back().map(|(_, other)| other);
        let inside = || public.range(prefix.network()..=prefix.broadcast()).next().map(|(_, other)| other);
        before.filter(|(other, _)| other.contains(prefix)).or_else(inside)
    }

    /// Whether public prefixes can be routed to a tenant.
    pub(super) fn public_prefixes(&self, name: &str, tenant: &Tenant) -> Judged {
        let field = "public-prefixes";
        let Some(ExternalIndex(external)) = tenant.external else {
            return match tenant.public_prefixes.first() {
                None => Ok(()),
                Some(prefix) => {
                    let message =
                        format!("{prefix} leads in from nowhere: the tenant has no external network");
                    Err(Refusal::new(field, message, "add an external network to the file, or leave it out"))
                }
            };
        };
        for (number, prefix) in tenant.public_prefixes.iter().enumerate() {
            let other = self.public_prefix_meeting(prefix).filter(|(_, owner)| owner != name);
            let mut others =
                other.map(|(other, _)| other).into_iter().chain(&tenant.public_prefixes[..number]);
            if let Some(other) = others.find(|p| meet(p, prefix)) {
                let message = format!("public prefix {prefix} overlaps {other}");
                return Err(Refusal::new(field, message, "route each prefix to one tenant, once"));
            }
            let connected = (0..self.frame.external.len()).map(|i| NetworkRef::External(ExternalIndex(i)));
            let mut connected = connected.flat_map(|network| self.prefixes_of(network));
            if let Some(other) = connected.find(|p| meet(p, prefix)) {
                let message = format!("public prefix {prefix} overlaps {other}, which is connected");
                return Err(Refusal::new(field, message, "write a prefix that is routed to the gateway"));
            }
            let networks = 0..self.frame.external.len();
            if networks.map(ExternalIndex).any(|network| self.is_translated_to(network, *prefix)) {
                let message = format!("public prefix {prefix} has addresses that tenants are translated to");
                return Err(Refusal::new(field, message, "write a prefix without them"));
            }
            let mut routes = self.frame.external[external].routes.iter();
            if routes.any(|route| route.prefix.trunc() == *prefix) {
                let message = format!("{prefix} is routed to a next hop of the external network too");
                return Err(Refusal::new(field, message, "route it to the tenant or to the next hop"));
            }
        }
        Ok(())
    }
}

/// The hint that names the prefixes to choose from.
fn inside(prefixes: impl IntoIterator<Item = IpNet>) -> String {
    let prefixes: Vec<_> = prefixes.into_iter().map(|prefix| prefix.to_string()).collect();
    format!("write an address inside {}", prefixes.join(" or "))
}

/// Whether two prefixes share an address.
fn meet(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}
