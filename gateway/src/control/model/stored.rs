//! What is kept of objects that no file holds: one entry of the journal for each.

use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_config::{
    Change, CustomerRoute, FlowIdMode, LearnLimits, LookupRecord, NewTenant, SenderCheck, Subnet,
    SubnetPrefix as FilePrefix,
};
use nvgw_types::{CustomerAddr, MacAddr, ProviderAddr, Vsid};
use serde::{Deserialize, Serialize};

use super::edit::Edit;
use super::{Model, Owned, PlacedRecord};
use crate::control::desired::{Customer, Hop, SubnetPrefix};
use crate::control::owner::Owner;

/// A change of the journal: an entry's key and its new value; `None`: it goes.
pub type StoredWrite = (String, Option<Vec<u8>>);

/// An object as the journal keeps it. Fields may be added to the variants, with a default; none changes its meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Stored {
    /// A tenant.
    Tenant {
        /// Its name.
        name: String,
        /// Hyper-V's RoutingDomainID.
        routing_domain: Option<String>,
        /// The gateway's own Ethernet address in its subnets.
        gateway_mac: String,
        /// What happens to packets of unknown senders.
        sender_check: StoredSenderCheck,
        /// The external network.
        external: Option<String>,
        /// Prefixes routed into its VRF.
        public_prefixes: Vec<IpNet>,
        /// Whether router solicitations in its IPv6 subnets are answered.
        #[serde(default = "yes")]
        router_advertisements: bool,
    },
    /// A virtual subnet.
    Subnet {
        /// Its tenant.
        tenant: String,
        /// Its VSID.
        vsid: u32,
        /// Its prefix.
        prefix: IpNet,
        /// The gateway's own address there.
        gateway: IpAddr,
        /// Its IPv6 prefix and the gateway's address there, beside IPv4 ones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ipv6: Option<(IpNet, IpAddr)>,
    },
    /// A provider address of the gateway's own.
    ProviderAddress {
        /// Its site.
        site: String,
        /// The address.
        address: IpAddr,
        /// Its place among the others: the first is the source of what the gateway sends.
        #[serde(default)]
        order: u64,
    },
    /// A provider route.
    ProviderRoute {
        /// Its destination.
        prefix: IpNet,
        /// Its next hop.
        next_hop: IpAddr,
        /// Its metric.
        metric: u32,
        /// The biggest IP packet of the whole path.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mtu: Option<u16>,
    },
    /// A lookup record.
    Lookup {
        /// The VSID of its subnet.
        vsid: u32,
        /// The customer address.
        address: IpAddr,
        /// The VM's Ethernet address.
        mac: String,
        /// The provider address of its host.
        provider_address: IpAddr,
        /// A name for people.
        name: Option<String>,
        /// Whether its FlowID is a hash, where it differs from its peer's.
        hash_flow_id: Option<bool>,
        /// Whose it is.
        owner: Owner,
    },
    /// A VM of another owner's record has moved.
    Move {
        /// The VSID of its subnet.
        vsid: u32,
        /// The customer address.
        address: IpAddr,
        /// What the record says.
        from: IpAddr,
        /// The provider address of its new host.
        to: IpAddr,
        /// Who moved it.
        by: Owner,
    },
    /// A customer route.
    CustomerRoute {
        /// Its tenant.
        tenant: String,
        /// Its destination.
        prefix: IpNet,
        /// Its next hop.
        next_hop: IpAddr,
    },
    /// A static neighbour.
    Neighbor {
        /// The network.
        network: String,
        /// Its address.
        address: IpAddr,
        /// Its Ethernet address.
        mac: String,
    },
}

/// What happens to packets of unknown senders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum StoredSenderCheck {
    /// Dropped.
    Strict,
    /// Counted and forwarded.
    LogOnly,
    /// Learned.
    Learn {
        /// Records of one Ethernet address at most.
        addresses_per_mac: u32,
        /// Learned records of one subnet at most.
        records_per_subnet: u32,
    },
}

/// An entry that this version cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("journal entry {key}: {reason}")]
pub struct Unreadable {
    /// Its key.
    pub key: String,
    /// What is wrong.
    pub reason: String,
}

impl Stored {
    /// Reads an entry.
    ///
    /// # Errors
    /// A value that this version does not know.
    pub fn read(key: &str, value: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(value)
            .map_err(|error| Unreadable { key: key.to_owned(), reason: error.to_string() })
    }

    /// The entry's key.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Tenant { name, .. } => format!("tenant/{name}"),
            Self::Subnet { vsid, .. } => format!("subnet/{vsid}"),
            Self::ProviderAddress { address, .. } => format!("provider-address/{address}"),
            Self::ProviderRoute { prefix, next_hop, .. } => format!("provider-route/{prefix}/{next_hop}"),
            Self::Lookup { vsid, address, .. } => format!("lookup/{vsid}/{address}"),
            Self::Move { vsid, address, .. } => key_of_move(vsid, *address),
            Self::CustomerRoute { tenant, prefix, .. } => format!("customer-route/{tenant}/{prefix}"),
            Self::Neighbor { network, address, .. } => format!("neighbor/{network}/{address}"),
        }
    }

    /// Whether it was learned, and so gives way to what was written.
    pub(super) const fn is_learned(&self) -> bool {
        matches!(self, Self::Lookup { owner: Owner::Learned, .. } | Self::Move { by: Owner::Learned, .. })
    }

    /// The place among the entries: what others need comes first, and own addresses in their order.
    #[must_use]
    pub const fn rank(&self) -> (u8, u64) {
        match self {
            Self::Tenant { .. } => (0, 0),
            Self::Subnet { .. } => (1, 0),
            Self::ProviderAddress { order, .. } => (2, *order),
            Self::ProviderRoute { .. } => (3, 0),
            Self::Lookup { .. } => (4, 0),
            Self::Move { .. } => (5, 0),
            Self::CustomerRoute { .. } => (6, 0),
            Self::Neighbor { .. } => (7, 0),
        }
    }

    /// The change that makes the object, and whose it is; `None`: the entry holds values that cannot be.
    pub(super) fn change(&self) -> Option<(Change, Owner)> {
        let change = match self.clone() {
            Self::Tenant {
                name,
                routing_domain,
                gateway_mac,
                sender_check,
                external,
                public_prefixes,
                router_advertisements,
            } => Change::AddTenant(NewTenant {
                name,
                routing_domain,
                gateway_mac: gateway_mac.parse().ok()?,
                sender_check: sender_check.into(),
                router_advertisements,
                external,
                public_prefixes,
            }),
            Self::Subnet { tenant, vsid, prefix, gateway, ipv6 } => {
                let prefixes = std::iter::once((prefix, gateway)).chain(ipv6);
                let prefix = |(prefix, gateway)| FilePrefix { prefix, gateway: CustomerAddr(gateway) };
                let prefixes = prefixes.map(prefix).collect();
                Change::AddSubnet { tenant, subnet: Subnet { vsid: number(vsid)?, prefixes } }
            }
            Self::ProviderAddress { site, address, .. } => {
                Change::AddProviderAddress { site, address: Some(ProviderAddr(address)) }
            }
            Self::ProviderRoute { prefix, next_hop, metric, mtu } => {
                Change::AddProviderRoute { prefix, next_hop, metric, mtu }
            }
            Self::Lookup { vsid, address, mac, provider_address, name, hash_flow_id, owner } => {
                let hash = |hash| if hash { FlowIdMode::Hash } else { FlowIdMode::Zero };
                let record = LookupRecord {
                    vsid: number(vsid)?,
                    address: CustomerAddr(address),
                    mac: mac.parse().ok()?,
                    provider_address: ProviderAddr(provider_address),
                    name,
                    flow_id: hash_flow_id.map(hash),
                };
                return Some((Change::AddLookup(record), owner));
            }
            Self::Move { vsid, address, to, by, .. } => {
                let (address, to) = (CustomerAddr(address), ProviderAddr(to));
                let change = Change::MoveLookup { vsid: number(vsid)?, address, provider_address: to };
                return Some((change, by));
            }
            Self::CustomerRoute { tenant, prefix, next_hop } => {
                let next_hop = CustomerAddr(next_hop);
                Change::AddCustomerRoute { tenant, route: CustomerRoute { prefix, next_hop } }
            }
            Self::Neighbor { network, address, mac } => {
                Change::AddNeighbor { network, address, mac: mac.parse().ok()? }
            }
        };
        Some((change, Owner::Api))
    }

    fn write(&self) -> StoredWrite {
        // Strings, numbers and addresses: nothing that JSON has no form for.
        (self.key(), Some(serde_json::to_vec(self).unwrap_or_default()))
    }
}

const fn yes() -> bool {
    true
}

fn number(vsid: u32) -> Option<Vsid> {
    Vsid::new(vsid.into()).ok()
}

impl From<StoredSenderCheck> for SenderCheck {
    fn from(stored: StoredSenderCheck) -> Self {
        match stored {
            StoredSenderCheck::Strict => Self::Strict,
            StoredSenderCheck::LogOnly => Self::LogOnly,
            StoredSenderCheck::Learn { addresses_per_mac, records_per_subnet } => {
                Self::Learn(LearnLimits { addresses_per_mac, records_per_subnet })
            }
        }
    }
}

impl From<SenderCheck> for StoredSenderCheck {
    fn from(check: SenderCheck) -> Self {
        match check {
            SenderCheck::Strict => Self::Strict,
            SenderCheck::LogOnly => Self::LogOnly,
            SenderCheck::Learn(LearnLimits { addresses_per_mac, records_per_subnet }) => {
                Self::Learn { addresses_per_mac, records_per_subnet }
            }
        }
    }
}

/// The entry of a record's move.
pub(super) fn key_of_move(vsid: impl std::fmt::Display, address: IpAddr) -> String {
    format!("move/{vsid}/{address}")
}

/// The entry of an object that goes by this change, where it has one.
pub(super) fn key_of_removal(change: &Change) -> Option<String> {
    Some(match change {
        Change::RemoveTenant { name } => format!("tenant/{name}"),
        Change::RemoveSubnet { vsid } => format!("subnet/{vsid}"),
        Change::RemoveProviderAddress { address } => format!("provider-address/{address}"),
        Change::RemoveProviderRoute { prefix, next_hop } => {
            format!("provider-route/{}/{next_hop}", prefix.trunc())
        }
        Change::RemoveLookup { vsid, address } => format!("lookup/{vsid}/{address}"),
        Change::RemoveCustomerRoute { tenant, prefix } => {
            format!("customer-route/{tenant}/{}", prefix.trunc())
        }
        Change::RemoveNeighbor { network, address } => format!("neighbor/{network}/{address}"),
        _ => return None,
    })
}

impl Model {
    /// What the journal has to note of an edit that was just made.
    pub(super) fn writes(&self, edit: &Edit, writes: &mut Vec<StoredWrite>) {
        match edit {
            Edit::Tenant(swap) => {
                let stored = |tenant: &Owned<_>| self.stored_tenant(&swap.key, tenant);
                note(writes, &swap.before, &swap.after, kept, stored);
            }
            Edit::Subnet(swap) => {
                let stored = |subnet: &Owned<super::Subnet>| stored_subnet(swap.key, &subnet.value);
                note(writes, &swap.before, &swap.after, kept, stored);
            }
            Edit::Record(swap) => {
                let record = |placed: &PlacedRecord| stored_record(swap.key, placed);
                note(writes, &swap.before, &swap.after, |placed| kept(&placed.record), record);
                let moved = |placed: &PlacedRecord| stored_move(swap.key, placed);
                let (before, after) = (swap.before.as_ref(), swap.after.as_ref());
                let key = before.and_then(moved).map(|stored| stored.key());
                match after.and_then(moved) {
                    Some(stored) => writes.push(stored.write()),
                    None => writes.extend(key.map(|key| (key, None))),
                }
            }
            Edit::CustomerRoute(swap) => {
                let stored = |hop: &Owned<IpAddr>| self.stored_customer_route(swap.key, hop);
                note(writes, &swap.before, &swap.after, kept, stored);
            }
            Edit::Address(swap) => {
                let stored = |own: &super::OwnAddress| Stored::ProviderAddress {
                    site: self.frame.provider.sites[own.site.0].name.clone(),
                    address: swap.key,
                    order: own.order,
                };
                note(writes, &swap.before, &swap.after, |own| own.owner == Owner::Api, stored);
            }
            Edit::ProviderRoute(swap) => {
                let stored = |route: &super::ProviderRoute| Stored::ProviderRoute {
                    prefix: swap.key.prefix,
                    next_hop: swap.key.next_hop,
                    metric: route.metric,
                    mtu: route.mtu,
                };
                note(writes, &swap.before, &swap.after, |_| swap.key.owner == Owner::Api, stored);
            }
            Edit::Neighbor(swap) => {
                let stored = |mac: &Owned<MacAddr>| self.stored_neighbor(swap.key, mac);
                note(writes, &swap.before, &swap.after, kept, stored);
            }
            Edit::Suspended(swap) => {
                if swap.after.is_none() {
                    writes.push((swap.key.clone(), None));
                }
            }
        }
    }

    /// Everything that no file holds, what is suspended included.
    pub(in crate::control) fn stored(&self) -> Vec<Stored> {
        let tenants = self.tenants.iter().filter(|(_, tenant)| kept(tenant));
        let mut stored: Vec<_> = tenants.map(|(name, tenant)| self.stored_tenant(name, tenant)).collect();
        let subnets = self.subnets.iter().filter(|(_, subnet)| kept(subnet));
        stored.extend(subnets.map(|(vsid, subnet)| stored_subnet(*vsid, &subnet.value)));
        let mut addresses: Vec<_> =
            self.addresses.iter().filter(|(_, own)| own.owner == Owner::Api).collect();
        addresses.sort_unstable_by_key(|(_, own)| own.order);
        stored.extend(addresses.into_iter().map(|(address, own)| Stored::ProviderAddress {
            site: self.frame.provider.sites[own.site.0].name.clone(),
            address: *address,
            order: own.order,
        }));
        let routes = self.provider_routes.iter().filter(|(key, _)| key.owner == Owner::Api);
        stored.extend(routes.map(|(key, route)| Stored::ProviderRoute {
            prefix: key.prefix,
            next_hop: key.next_hop,
            metric: route.metric,
            mtu: route.mtu,
        }));
        for (customer, placed) in &self.records {
            if kept(&placed.record) {
                stored.push(stored_record(*customer, placed));
            }
            stored.extend(stored_move(*customer, placed));
        }
        let routes = self.customer_routes.iter().filter(|(_, hop)| kept(hop));
        stored.extend(routes.map(|(key, hop)| self.stored_customer_route(*key, hop)));
        let neighbors = self.neighbors.iter().filter(|(_, mac)| kept(mac));
        stored.extend(neighbors.map(|(hop, mac)| self.stored_neighbor(*hop, mac)));
        stored.extend(self.suspended.values().map(|suspended| suspended.stored.clone()));
        stored
    }

    fn stored_tenant(&self, name: &str, tenant: &Owned<super::Tenant>) -> Stored {
        let tenant = &tenant.value;
        Stored::Tenant {
            name: name.to_owned(),
            routing_domain: tenant.routing_domain.clone(),
            gateway_mac: tenant.gateway_mac.to_string(),
            sender_check: tenant.sender_check.into(),
            external: tenant.external.map(|index| self.frame.external[index.0].name.clone()),
            public_prefixes: tenant.public_prefixes.clone(),
            router_advertisements: tenant.router_advertisements,
        }
    }

    fn stored_customer_route(&self, (vrf, prefix): super::CustomerRouteKey, hop: &Owned<IpAddr>) -> Stored {
        let tenant = self.tenant_of(vrf).unwrap_or_default().to_owned();
        Stored::CustomerRoute { tenant, prefix, next_hop: hop.value }
    }

    fn stored_neighbor(&self, hop: Hop, mac: &Owned<MacAddr>) -> Stored {
        let network =
            self.network_at(hop).map_or_else(String::new, |network| self.name_of(network).to_owned());
        Stored::Neighbor { network, address: hop.address, mac: mac.value.to_string() }
    }
}

/// Whether the journal keeps an object.
fn kept<V>(object: &Owned<V>) -> bool {
    matches!(object.owner, Owner::Api | Owner::Learned)
}

fn note<V>(
    writes: &mut Vec<StoredWrite>,
    before: &Option<V>,
    after: &Option<V>,
    kept: impl Fn(&V) -> bool,
    stored: impl Fn(&V) -> Stored,
) {
    let (before, after) = (before.as_ref().filter(|v| kept(v)), after.as_ref().filter(|v| kept(v)));
    match (before, after) {
        (_, Some(after)) => writes.push(stored(after).write()),
        (Some(before), None) => writes.push((stored(before).key(), None)),
        (None, None) => {}
    }
}

fn stored_subnet(vsid: Vsid, subnet: &super::Subnet) -> Stored {
    let (SubnetPrefix { prefix, gateway }, second) = subnet.prefixes.both();
    Stored::Subnet {
        tenant: subnet.tenant.clone(),
        vsid: vsid.get(),
        prefix,
        gateway,
        ipv6: second.map(|own| (own.prefix, own.gateway)),
    }
}

fn stored_record(customer: Customer, placed: &PlacedRecord) -> Stored {
    let Owned { value: record, owner, .. } = &placed.record;
    Stored::Lookup {
        vsid: record.vsid.get(),
        address: customer.address,
        mac: record.mac.to_string(),
        provider_address: record.provider,
        name: record.name.as_deref().map(str::to_owned),
        hash_flow_id: record.flow_id.map(|mode| mode == FlowIdMode::Hash),
        owner: *owner,
    }
}

fn stored_move(customer: Customer, placed: &PlacedRecord) -> Option<Stored> {
    let moved = placed.moved?;
    Some(Stored::Move {
        vsid: placed.record.value.vsid.get(),
        address: customer.address,
        from: placed.record.value.provider,
        to: moved.to,
        by: moved.by,
    })
}
