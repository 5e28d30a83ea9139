//! Changes to a running gateway: the objects of the document, one by one, with their names instead of their places.
//!
//! A change is what the admin API, `nvgw apply` and the journal speak of. Its values are in their ranges; whether
//! it fits what the gateway holds is for the gateway's model to say.

use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_types::{CustomerAddr, MacAddr, ProviderAddr, Vsid};

use crate::model::{CustomerRoute, LookupRecord, SenderCheck, Subnet};

mod value;

/// A tenant without what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTenant {
    /// Its name, unique.
    pub name: String,
    /// Hyper-V's RoutingDomainID.
    pub routing_domain: Option<String>,
    /// The gateway's own inner Ethernet address in the tenant's subnets.
    pub gateway_mac: MacAddr,
    /// What happens to packets of unknown senders.
    pub sender_check: SenderCheck,
    /// Whether router solicitations in its IPv6 subnets are answered.
    pub router_advertisements: bool,
    /// The external network of its default route; `None`: its own hand-off network, else the first shared one.
    pub external: Option<String>,
    /// Prefixes routed from the external network into the VRF, untranslated.
    pub public_prefixes: Vec<IpNet>,
}

/// One change.
///
/// `Add` makes what is not there yet, `Move` gives what is there another place at one stroke, `Remove` takes away.
/// What belongs to a tenant is removed before the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A tenant comes.
    AddTenant(NewTenant),
    /// A tenant's default route leads to another external network.
    MoveTenant {
        /// The tenant.
        name: String,
        /// The external network.
        external: String,
    },
    /// A tenant goes.
    RemoveTenant {
        /// The tenant.
        name: String,
    },
    /// A virtual subnet comes.
    AddSubnet {
        /// Its tenant.
        tenant: String,
        /// The subnet.
        subnet: Subnet,
    },
    /// A virtual subnet goes.
    RemoveSubnet {
        /// Its VSID.
        vsid: Vsid,
    },
    /// A lookup record comes.
    AddLookup(LookupRecord),
    /// A customer address lives on another host: live migration.
    MoveLookup {
        /// The VSID of its subnet.
        vsid: Vsid,
        /// The customer address.
        address: CustomerAddr,
        /// The provider address of its new host.
        provider_address: ProviderAddr,
    },
    /// A lookup record goes.
    RemoveLookup {
        /// The VSID of its subnet.
        vsid: Vsid,
        /// The customer address.
        address: CustomerAddr,
    },
    /// A customer route comes.
    AddCustomerRoute {
        /// Its tenant.
        tenant: String,
        /// The route.
        route: CustomerRoute,
    },
    /// A customer route leads to another VM.
    MoveCustomerRoute {
        /// Its tenant.
        tenant: String,
        /// The route, with its new next hop.
        route: CustomerRoute,
    },
    /// A customer route goes.
    RemoveCustomerRoute {
        /// Its tenant.
        tenant: String,
        /// Its destination.
        prefix: IpNet,
    },
    /// A provider address of the gateway's own comes.
    AddProviderAddress {
        /// The site.
        site: String,
        /// The address; `None`: the first free one of the site's pool.
        address: Option<ProviderAddr>,
    },
    /// A provider address of the gateway's own goes.
    RemoveProviderAddress {
        /// The address.
        address: ProviderAddr,
    },
    /// A provider route comes.
    AddProviderRoute {
        /// Its destination.
        prefix: IpNet,
        /// Its next hop, inside a site's subnet.
        next_hop: IpAddr,
        /// The lower wins among equal prefixes.
        metric: u32,
        /// The biggest IP packet of the whole path, in bytes; `None`: the site's.
        mtu: Option<u16>,
    },
    /// A provider route leads to another next hop.
    MoveProviderRoute {
        /// Its destination.
        prefix: IpNet,
        /// Its next hop until now.
        next_hop: IpAddr,
        /// Its next hop from now on.
        to: IpAddr,
    },
    /// A provider route goes.
    RemoveProviderRoute {
        /// Its destination.
        prefix: IpNet,
        /// Its next hop.
        next_hop: IpAddr,
    },
    /// A static neighbour comes.
    AddNeighbor {
        /// The site or external network.
        network: String,
        /// Its address.
        address: IpAddr,
        /// Its Ethernet address.
        mac: MacAddr,
    },
    /// A static neighbour has another Ethernet address.
    MoveNeighbor {
        /// The site or external network.
        network: String,
        /// Its address.
        address: IpAddr,
        /// Its new Ethernet address.
        mac: MacAddr,
    },
    /// A static neighbour goes.
    RemoveNeighbor {
        /// The site or external network.
        network: String,
        /// Its address.
        address: IpAddr,
    },
}

/// Changes that are made together or not at all, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeSet {
    /// The generation that they were thought of for; another one refuses them.
    pub if_generation: Option<u64>,
    /// The changes.
    pub changes: Vec<Change>,
    /// Where each change stands in the document that it was read from, in the order of `changes`; empty where there
    /// is none.
    pub places: Vec<Place>,
}

/// A place in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The path, as in `changes[3].add-lookup`.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}
