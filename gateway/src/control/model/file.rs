//! From the file to the model, and back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_config::{
    Config, CustomerRoute, ExternalIndex, LookupRecord, NetworkRef, SiteIndex, StaticNeighbor, TenantIndex,
};
use nvgw_types::{CustomerAddr, Family, ProviderAddr, VrfId};

use super::edit::{Edit, Swap, Way};
use super::{
    Index, Model, OwnAddress, Owned, PlacedRecord, ProviderRoute, ProviderRouteKey, Record, Subnet, Tenant,
};
use crate::control::compile::{external_interface, site_interface};
use crate::control::desired::{Customer, Hop, SubnetPrefixes, VrfKey};
use crate::control::owner::Owner;

/// The address that is before all others in order.
pub(super) const LOWEST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

impl Model {
    /// The model of a file. A VRF that `known` has keeps its identifier; new ones get the lowest that neither `known`
    /// nor `gone` has, so that no identifier changes its meaning while a packet is on its way. What the file does not
    /// have of those known is free again once [other owners' objects](Self::restore) have come back.
    pub fn of_file(mut config: Config, known: &BTreeMap<VrfKey, VrfId>, gone: &BTreeSet<VrfId>) -> Self {
        let mut ids = Identifiers::new(known, gone);
        let tenants = std::mem::take(&mut config.tenants);
        let neighbors = std::mem::take(&mut config.neighbors);
        let routes = std::mem::take(&mut config.provider.routes);
        let addresses: Vec<_> =
            config.provider.sites.iter_mut().map(|site| std::mem::take(&mut site.addresses)).collect();
        let tenant_vrfs: Vec<_> =
            tenants.iter().map(|tenant| ids.of(VrfKey::Tenant(tenant.name.clone()))).collect();
        let externals = config.external.iter().map(|network| match network.tenant {
            Some(TenantIndex(tenant)) => tenant_vrfs[tenant],
            None => ids.of(VrfKey::External(network.name.clone())),
        });
        let externals = externals.collect();
        // Those that the file does not have may be tenants of other owners, and keep theirs.
        let leaving = known.iter().filter(|(key, _)| !ids.taken.contains_key(key));
        let leaving: BTreeMap<_, _> = leaving.map(|(key, id)| (key.clone(), *id)).collect();
        let vrfs = ids.taken.values().chain(leaving.values()).chain(gone).copied().collect();
        let mut index = Index { vrfs, ..Index::default() };
        for network in &config.external {
            let routes = network.routes.iter().map(|route| route.prefix.addr());
            for address in routes.chain(network.gateways.iter().copied()) {
                index.external_routes[Family::of(address) as usize] += 1;
            }
        }
        let mut model = Self {
            frame: config,
            vrfs: ids.taken,
            externals,
            tenants: BTreeMap::new(),
            subnets: BTreeMap::new(),
            records: BTreeMap::new(),
            customer_routes: BTreeMap::new(),
            addresses: BTreeMap::new(),
            provider_routes: BTreeMap::new(),
            neighbors: BTreeMap::new(),
            suspended: BTreeMap::new(),
            index,
            leaving,
            next_order: 0,
        };
        for (site, addresses) in addresses.into_iter().enumerate() {
            for address in addresses {
                let own = OwnAddress {
                    site: SiteIndex(site),
                    order: model.order(),
                    owner: Owner::Config,
                    usable: true,
                };
                model.put(Edit::Address(Swap::of(&model.addresses, address.0, Some(own))));
            }
        }
        for (tenant, vrf) in tenants.into_iter().zip(tenant_vrfs) {
            model.tenant_of_file(tenant, vrf);
        }
        for route in routes {
            let key = ProviderRouteKey {
                prefix: route.prefix.trunc(),
                next_hop: route.next_hop,
                owner: Owner::Config,
            };
            let value = ProviderRoute {
                site: route.site,
                metric: route.metric,
                mtu: route.mtu,
                order: model.order(),
            };
            // The same way twice: only the better one can ever count.
            if model.provider_routes.get(&key).is_some_and(|other| other.metric <= value.metric) {
                continue;
            }
            model.put(Edit::ProviderRoute(Swap::of(&model.provider_routes, key, Some(value))));
        }
        for neighbor in neighbors {
            let interface = match neighbor.network {
                NetworkRef::Site(site) => site_interface(&model.frame, site),
                NetworkRef::External(network) => external_interface(&model.frame, network),
            };
            let hop = Hop { interface, address: neighbor.address };
            let value = Some(Owned::new(neighbor.mac, Owner::Config));
            model.put(Edit::Neighbor(Swap::of(&model.neighbors, hop, value)));
        }
        model
    }

    fn put(&mut self, edit: Edit) {
        self.edit(&edit, Way::Make);
    }

    fn tenant_of_file(&mut self, tenant: nvgw_config::Tenant, vrf: VrfId) {
        let value = Tenant {
            vrf,
            routing_domain: tenant.routing_domain,
            gateway_mac: tenant.gateway_mac,
            sender_check: tenant.sender_check,
            router_advertisements: tenant.router_advertisements,
            external: tenant.external,
            public_prefixes: tenant.public_prefixes.iter().map(IpNet::trunc).collect(),
            nat: tenant.nat.map(Box::new),
        };
        let owned = Some(Owned::new(value, Owner::Config));
        self.put(Edit::Tenant(Swap::of(&self.tenants, tenant.name.clone(), owned)));
        for subnet in tenant.subnets {
            let prefixes = SubnetPrefixes::of_file(&subnet);
            let owned =
                Some(Owned::new(Subnet { tenant: tenant.name.clone(), vrf, prefixes }, Owner::Config));
            self.put(Edit::Subnet(Swap::of(&self.subnets, subnet.vsid, owned)));
        }
        for record in tenant.records {
            let customer = Customer { vrf, address: record.address.0 };
            let placed =
                PlacedRecord { record: Owned::new(Record::of_file(record), Owner::Config), moved: None };
            self.put(Edit::Record(Swap::of(&self.records, customer, Some(placed))));
        }
        for route in tenant.routes {
            let key = (vrf, route.prefix.trunc());
            let owned = Some(Owned::new(route.next_hop.0, Owner::Config));
            self.put(Edit::CustomerRoute(Swap::of(&self.customer_routes, key, owned)));
        }
    }

    /// What is in force, as a file would say it.
    #[must_use]
    pub fn to_config(&self) -> Config {
        let mut config = self.frame.clone();
        for (index, site) in config.provider.sites.iter_mut().enumerate() {
            let own = self.addresses_of(SiteIndex(index));
            site.addresses = own.into_iter().map(|(address, _)| ProviderAddr(address)).collect();
        }
        let mut routes: Vec<_> = self.provider_routes.iter().collect();
        routes.sort_unstable_by_key(|(_, route)| route.order);
        config.provider.routes = routes
            .into_iter()
            .map(|(key, route)| nvgw_config::ProviderRoute {
                prefix: key.prefix,
                next_hop: key.next_hop,
                site: route.site,
                metric: route.metric,
                mtu: route.mtu,
            })
            .collect();
        let mut tenants: Vec<_> = self.tenants.iter().collect();
        // Hand-off networks of the frame name tenants by their places, which are those of their VRFs.
        tenants.sort_unstable_by_key(|(_, tenant)| tenant.value.vrf);
        for (network, vrf) in config.external.iter_mut().zip(&self.externals) {
            if network.tenant.is_some() {
                network.tenant = tenants.iter().position(|(_, t)| t.value.vrf == *vrf).map(TenantIndex);
            }
        }
        config.tenants =
            tenants.into_iter().map(|(name, tenant)| self.tenant_to_file(name, tenant)).collect();
        config.neighbors =
            self.neighbors.iter().filter_map(|(hop, mac)| self.neighbor_to_file(*hop, mac)).collect();
        config
    }

    fn tenant_to_file(&self, name: &str, tenant: &Owned<Tenant>) -> nvgw_config::Tenant {
        let tenant = &tenant.value;
        let subnets = self.subnets.iter().filter(|(_, subnet)| subnet.value.tenant == name);
        let first = Customer { vrf: tenant.vrf, address: LOWEST };
        let records = self.records.range(first..).take_while(|(customer, _)| customer.vrf == tenant.vrf);
        let routes = self.customer_routes.range((tenant.vrf, IpNet::default())..);
        let routes = routes.take_while(|((vrf, _), _)| *vrf == tenant.vrf);
        nvgw_config::Tenant {
            name: name.to_owned(),
            routing_domain: tenant.routing_domain.clone(),
            gateway_mac: tenant.gateway_mac,
            sender_check: tenant.sender_check,
            router_advertisements: tenant.router_advertisements,
            subnets: subnets
                .map(|(vsid, subnet)| nvgw_config::Subnet {
                    vsid: *vsid,
                    prefixes: subnet.value.prefixes.iter().map(|own| (*own).into()).collect(),
                })
                .collect(),
            records: records.map(|(customer, placed)| placed.to_file(customer.address)).collect(),
            routes: routes
                .map(|((_, prefix), hop)| CustomerRoute {
                    prefix: *prefix,
                    next_hop: CustomerAddr(hop.value),
                })
                .collect(),
            external: tenant.external,
            public_prefixes: tenant.public_prefixes.clone(),
            nat: tenant.nat.as_deref().cloned(),
        }
    }

    fn neighbor_to_file(&self, hop: Hop, mac: &Owned<nvgw_types::MacAddr>) -> Option<StaticNeighbor> {
        let network = self.network_at(hop)?;
        Some(StaticNeighbor { network, address: hop.address, mac: mac.value })
    }

    /// The network of an interface.
    pub(in crate::control) fn network_at(&self, hop: Hop) -> Option<NetworkRef> {
        let sites = 0..self.frame.provider.sites.len();
        let mut networks = sites
            .map(|site| NetworkRef::Site(SiteIndex(site)))
            .chain((0..self.frame.external.len()).map(|i| NetworkRef::External(ExternalIndex(i))));
        networks.find(|network| self.interface_of(*network) == hop.interface)
    }

    /// The interface of a network.
    pub(in crate::control) fn interface_of(
        &self,
        network: NetworkRef,
    ) -> crate::control::desired::InterfaceKey {
        match network {
            NetworkRef::Site(site) => site_interface(&self.frame, site),
            NetworkRef::External(network) => external_interface(&self.frame, network),
        }
    }

    /// The identifier of a new tenant's VRF: the one that it had a moment ago, else the lowest that no VRF has and no
    /// table still knows.
    pub(super) fn vrf_for(&self, tenant: &str) -> VrfId {
        let free = |id: &VrfId| !self.index.vrfs.contains(id);
        let left = self.leaving.get(&VrfKey::Tenant(tenant.to_owned())).copied();
        left.or_else(|| (self.index.vrfs_from..).map(VrfId).find(free)).unwrap_or(VrfId(u32::MAX))
    }
}

impl Record {
    pub(super) fn of_file(record: LookupRecord) -> Self {
        Self {
            vsid: record.vsid,
            mac: record.mac,
            provider: record.provider_address.0,
            name: record.name.map(String::into_boxed_str),
            flow_id: record.flow_id,
        }
    }
}

impl PlacedRecord {
    fn to_file(&self, address: IpAddr) -> LookupRecord {
        let record = &self.record.value;
        LookupRecord {
            vsid: record.vsid,
            address: CustomerAddr(address),
            mac: record.mac,
            provider_address: ProviderAddr(self.provider()),
            name: record.name.as_deref().map(str::to_owned),
            flow_id: record.flow_id,
        }
    }
}

/// Identifiers for the VRFs of a file.
struct Identifiers<'k> {
    known: &'k BTreeMap<VrfKey, VrfId>,
    fresh: Box<dyn Iterator<Item = VrfId>>,
    taken: BTreeMap<VrfKey, VrfId>,
}

impl<'k> Identifiers<'k> {
    fn new(known: &'k BTreeMap<VrfKey, VrfId>, gone: &BTreeSet<VrfId>) -> Self {
        let used: BTreeSet<_> = known.values().chain(gone).copied().collect();
        let mut used = used.into_iter().peekable();
        let fresh = (0..).map(VrfId).filter(move |id| used.next_if_eq(id).is_none());
        Self { known, fresh: Box::new(fresh), taken: BTreeMap::new() }
    }

    fn of(&mut self, key: VrfKey) -> VrfId {
        let known = self.known.get(&key).copied();
        let id = known.or_else(|| self.fresh.next()).expect("the range has no end");
        self.taken.insert(key, id);
        id
    }
}
