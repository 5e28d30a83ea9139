//! What the gateway is told to be: the objects of the file, of the admin API and of learning, each with its owner.
//!
//! The model is the one place where changes are judged. A change becomes [`Edit`]s, which can be taken back in
//! reverse order: a batch is made whole or not at all, and a change that is only asked about is made and taken back.
//! What follows for the tables is for [`compile`](super::compile) to say.

mod change;
mod describe;
mod edit;
mod file;
mod restore;
mod rules;
mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use nvgw_config::{Config, ExternalIndex, FlowIdMode, SenderCheck, SiteIndex, TenantNat};
use nvgw_types::{MacAddr, VrfId, Vsid};

use super::desired::{Customer, Hop, SubnetPrefixes, VrfKey};
use super::owner::Owner;

pub use change::{Prepared, Refused};
pub(super) use edit::{Edit, Swap, Way};
pub use restore::Suspended;
pub use rules::Refusal;
pub use stored::{Stored, StoredWrite, Unreadable};

/// An object and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned<V> {
    /// The object.
    pub value: V,
    /// Who alone may remove it.
    pub owner: Owner,
    /// What the file says of the same object while another owner's is in force.
    pub hidden: Option<Box<V>>,
}

impl<V> Owned<V> {
    pub(super) fn new(value: V, owner: Owner) -> Self {
        Self { value, owner, hidden: None }
    }
}

/// A tenant without what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its VRF.
    pub vrf: VrfId,
    /// Hyper-V's RoutingDomainID.
    pub routing_domain: Option<String>,
    /// The gateway's own inner Ethernet address in its subnets.
    pub gateway_mac: MacAddr,
    /// What happens to packets of unknown senders.
    pub sender_check: SenderCheck,
    /// Whether router solicitations in its IPv6 subnets are answered.
    pub router_advertisements: bool,
    /// The external network that its default route leads to.
    pub external: Option<ExternalIndex>,
    /// Prefixes routed from the external network into the VRF.
    pub public_prefixes: Vec<IpNet>,
    /// Address translation toward the external network, which is a shared one then. Only the file says it.
    pub nat: Option<Box<TenantNat>>,
}

/// A virtual subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its tenant.
    pub tenant: String,
    /// Its tenant's VRF.
    pub vrf: VrfId,
    /// Its prefixes.
    pub prefixes: SubnetPrefixes,
}

/// What a lookup record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The VSID of its virtual subnet.
    pub vsid: Vsid,
    /// The VM's Ethernet address.
    pub mac: MacAddr,
    /// The provider address of its host.
    pub provider: IpAddr,
    /// A name for people.
    pub name: Option<Box<str>>,
    /// FlowID of packets to it, where it differs from its peer's.
    pub flow_id: Option<FlowIdMode>,
}

/// Where a VM lives now, other than its record's owner says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The provider address of its new host.
    pub to: IpAddr,
    /// Who moved it.
    pub by: Owner,
}

/// A lookup record and where its VM has moved since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedRecord {
    /// The record.
    pub record: Owned<Record>,
    /// The move.
    pub moved: Option<Moved>,
}

impl PlacedRecord {
    /// The provider address of the VM's host.
    #[must_use]
    pub fn provider(&self) -> IpAddr {
        self.moved.map_or(self.record.value.provider, |moved| moved.to)
    }
}

/// A provider address of the gateway's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnAddress {
    /// Its site.
    pub site: SiteIndex,
    /// Its place among the site's addresses: the usable one that is first is the source of what the gateway sends.
    pub order: u64,
    /// Whose it is.
    pub owner: Owner,
    /// Whether it was found to be nobody else's.
    pub usable: bool,
}

/// A provider route's name. Two owners may have the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProviderRouteKey {
    /// The destination, host bits zero.
    pub prefix: IpNet,
    /// The next hop, in a site's subnet.
    pub next_hop: IpAddr,
    /// Whose it is.
    pub owner: Owner,
}

/// What a provider route says beside its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderRoute {
    /// The site whose subnet holds the next hop.
    pub site: SiteIndex,
    /// The lower wins among equal prefixes.
    pub metric: u32,
    /// The biggest IP packet of the whole path, in bytes; `None`: the site's.
    pub mtu: Option<u16>,
    /// Its place among routes of equal prefix and metric.
    pub order: u64,
}

/// A customer route's name: its tenant's VRF and its destination.
pub type CustomerRouteKey = (VrfId, IpNet);

/// All objects of a gateway.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// What only the file says: process, ports, sites, external networks, encapsulation. What the model holds itself
    /// (tenants, neighbours, provider routes and the sites' addresses) is not in it.
    pub(super) frame: Config,
    pub(super) vrfs: BTreeMap<VrfKey, VrfId>,
    /// The VRF of every external network: its own, or its tenant's.
    pub(super) externals: Vec<VrfId>,
    pub(super) tenants: BTreeMap<String, Owned<Tenant>>,
    pub(super) subnets: BTreeMap<Vsid, Owned<Subnet>>,
    pub(super) records: BTreeMap<Customer, PlacedRecord>,
    pub(super) customer_routes: BTreeMap<CustomerRouteKey, Owned<IpAddr>>,
    pub(super) addresses: BTreeMap<IpAddr, OwnAddress>,
    pub(super) provider_routes: BTreeMap<ProviderRouteKey, ProviderRoute>,
    pub(super) neighbors: BTreeMap<Hop, Owned<MacAddr>>,
    /// What was accepted once and does not fit the file any more, by its key in the journal.
    pub(super) suspended: BTreeMap<String, Suspended>,
    index: Index,
    /// VRFs that go with the changes at hand. The tables still know them, so nothing else gets their identifiers.
    leaving: BTreeMap<VrfKey, VrfId>,
    /// The place of what is added next among its like.
    next_order: u64,
}

/// What is found by something else than its name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Index {
    tenants: BTreeMap<VrfId, String>,
    /// The subnets of a tenant, which are disjoint, by the first addresses of their prefixes.
    prefixes: BTreeMap<(VrfId, IpAddr), Vsid>,
    /// Lookup records by subnet, provider address, where the VM is and where its record's owner says, and Ethernet
    /// address.
    hosts: BTreeMap<(Vsid, IpAddr, MacAddr), usize>,
    /// Lookup records by provider address.
    peers: BTreeMap<IpAddr, usize>,
    /// Customer routes by next hop.
    next_hops: BTreeMap<Customer, usize>,
    /// The VRFs that are taken, those that are leaving included, and a number below which none is free.
    vrfs: BTreeSet<VrfId>,
    vrfs_from: u32,
    /// The tenants of routing domains, in lower case: a GUID is the same in either.
    domains: BTreeMap<String, String>,
    /// Prefixes that are routed into tenants, which are disjoint, by their first addresses, with those tenants.
    public_prefixes: BTreeMap<IpAddr, (IpNet, String)>,
    /// Static routes and default gateways of external networks, and public prefixes: of IPv4, and of IPv6.
    external_routes: [usize; 2],
    /// Tenants that name no external network.
    inside: BTreeSet<String>,
    /// Pools that packets are translated to, first and last address: those of a network are disjoint. And single
    /// addresses, in a pool or not.
    pools: BTreeMap<(ExternalIndex, Ipv4Addr, Ipv4Addr), usize>,
    publics: BTreeMap<(ExternalIndex, Ipv4Addr), usize>,
    /// Lookup records by subnet, and the subnets that have none.
    records: BTreeMap<Vsid, usize>,
    empty: BTreeSet<Vsid>,
    /// Learned lookup records of a subnet, and of an Ethernet address there.
    learned: BTreeMap<Vsid, usize>,
    stations: BTreeMap<(Vsid, MacAddr), usize>,
}

impl Model {
    /// What only the file says.
    #[must_use]
    pub fn frame(&self) -> &Config {
        &self.frame
    }

    /// The tenants.
    #[must_use]
    pub fn tenants(&self) -> &BTreeMap<String, Owned<Tenant>> {
        &self.tenants
    }

    /// The virtual subnets.
    #[must_use]
    pub fn subnets(&self) -> &BTreeMap<Vsid, Owned<Subnet>> {
        &self.subnets
    }

    /// The lookup records, in the order of their VRFs and addresses.
    #[must_use]
    pub fn records(&self) -> &BTreeMap<Customer, PlacedRecord> {
        &self.records
    }

    /// The customer routes.
    #[must_use]
    pub fn customer_routes(&self) -> &BTreeMap<CustomerRouteKey, Owned<IpAddr>> {
        &self.customer_routes
    }

    /// The gateway's own provider addresses.
    #[must_use]
    pub fn provider_addresses(&self) -> &BTreeMap<IpAddr, OwnAddress> {
        &self.addresses
    }

    /// The name of a VRF's tenant.
    #[must_use]
    pub fn tenant_of(&self, vrf: VrfId) -> Option<&str> {
        self.index.tenants.get(&vrf).map(String::as_str)
    }

    /// The VRF of a VSID.
    #[must_use]
    pub fn vrf_of(&self, vsid: Vsid) -> Option<VrfId> {
        self.subnets.get(&vsid).map(|subnet| subnet.value.vrf)
    }

    /// The subnet of a VRF that holds an address.
    #[must_use]
    pub fn subnet_at(&self, vrf: VrfId, address: IpAddr) -> Option<(Vsid, &Subnet)> {
        let (_, vsid) = self.index.prefixes.range(..=(vrf, address)).next_back()?;
        let subnet = &self.subnets.get(vsid)?.value;
        (subnet.vrf == vrf && subnet.prefixes.at(address).is_some()).then_some((*vsid, subnet))
    }

    /// The own addresses of a site, in their order.
    pub(super) fn addresses_of(&self, site: SiteIndex) -> Vec<(IpAddr, OwnAddress)> {
        let of_site = self.addresses.iter().filter(|(_, own)| own.site == site);
        let mut own: Vec<_> = of_site.map(|(address, own)| (*address, *own)).collect();
        own.sort_unstable_by_key(|(_, own)| own.order);
        own
    }

    /// Provider addresses that lookup records name, and how many do.
    pub fn peers(&self) -> impl Iterator<Item = (IpAddr, usize)> {
        self.index.peers.iter().map(|(peer, records)| (*peer, *records))
    }

    /// Lookup records that name a provider address.
    #[must_use]
    pub fn records_at(&self, provider: IpAddr) -> usize {
        self.index.peers.get(&provider).copied().unwrap_or_default()
    }

    /// Whether some record of a subnet names the provider address.
    #[must_use]
    pub fn is_host_of(&self, vsid: Vsid, provider: IpAddr) -> bool {
        let all = (vsid, provider, MacAddr::ZERO)..=(vsid, provider, MacAddr::BROADCAST);
        self.index.hosts.range(all).next().is_some()
    }

    /// Whether some record of a subnet names the provider address together with the Ethernet address.
    #[must_use]
    pub fn is_station_of(&self, vsid: Vsid, provider: IpAddr, mac: MacAddr) -> bool {
        self.index.hosts.contains_key(&(vsid, provider, mac))
    }

    /// Tenants that name no external network.
    pub fn without_external_network(&self) -> impl Iterator<Item = &str> {
        self.index.inside.iter().map(String::as_str)
    }

    /// Subnets without lookup records.
    pub fn empty_subnets(&self) -> impl Iterator<Item = Vsid> {
        self.index.empty.iter().copied()
    }

    /// Learned records of a subnet.
    #[must_use]
    pub fn learned_in(&self, vsid: Vsid) -> usize {
        self.index.learned.get(&vsid).copied().unwrap_or_default()
    }

    /// Learned records of an Ethernet address in a subnet.
    #[must_use]
    pub fn learned_of(&self, vsid: Vsid, mac: MacAddr) -> usize {
        self.index.stations.get(&(vsid, mac)).copied().unwrap_or_default()
    }

    /// Entries that the promised sizes of external routes are for, of IPv4 and of IPv6: static routes, default
    /// gateways, public prefixes.
    #[must_use]
    pub fn external_routes(&self) -> [usize; 2] {
        self.index.external_routes
    }

    /// What was accepted once and does not fit the file any more.
    pub fn suspended(&self) -> impl Iterator<Item = &Suspended> {
        self.suspended.values()
    }

    /// The model without what only its history leaves behind.
    #[cfg(test)]
    pub(super) fn essence(&self) -> Self {
        let index = Index { vrfs_from: 0, ..self.index.clone() };
        Self { next_order: 0, index, ..self.clone() }
    }

    fn order(&mut self) -> u64 {
        self.next_order += 1;
        self.next_order
    }
}
