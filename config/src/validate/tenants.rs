//! Tenants: subnets, lookup records, customer routes, public prefixes, address translation.

mod nat;
mod subnets;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_types::CustomerAddr;

use crate::document;
use crate::model::{
    CustomerRoute, ExternalIndex, LookupRecord, NetworkRef, SenderCheck, Subnet, Tenant, TenantIndex,
    TenantNat,
};
use crate::objects::sender_check;
use crate::prefixes::Prefixes;
use crate::reader::{Field, List, Reader, Spanned};
use crate::rules::{Refusal, check_not_connected, check_not_edge, check_not_gateway, check_vm_mac};
use crate::tree::NodeId;

use super::external::Owner;
use super::network::Networks;
use super::provider::PeerAddresses;
use super::routes::{Destinations, check_families};
use super::system::Used;

use subnets::{Subnets, TenantSubnets};

/// What tenants stand in.
pub(super) struct Surroundings<'a> {
    pub(super) networks: &'a Networks,
    /// Whose each external network is.
    pub(super) owners: &'a [Owner],
    /// What each external network routes to next hops of its own.
    pub(super) routed: &'a [BTreeSet<IpNet>],
    /// `None` where it could not be read.
    pub(super) allow_reserved: Option<bool>,
    /// How many workers there are; `None` where it could not be read.
    pub(super) workers: Option<usize>,
}

impl Surroundings<'_> {
    /// The external networks that are a tenant's own.
    fn hand_offs(&self, tenant: TenantIndex) -> impl Iterator<Item = ExternalIndex> {
        let own = move |(_, owner): &(usize, &Owner)| **owner == Owner::Tenant(tenant);
        self.owners.iter().enumerate().filter(own).map(|(i, _)| ExternalIndex(i))
    }
}

/// The tenants, and all of their subnets.
pub(super) struct Tenants {
    pub(super) tenants: Vec<Tenant>,
    pub(super) subnets: Prefixes<NodeId>,
}

pub(super) fn tenants(
    reader: &mut Reader<'_>,
    list: &Field<List<document::Tenant>>,
    around: &Surroundings<'_>,
    used: &mut Used,
) -> Tenants {
    let peers = PeerAddresses::new(around.networks);
    // Every tenant's subnets come first: a record may name another tenant's.
    let subnets = Subnets::read(reader, list, around.allow_reserved, used);
    let mut routing_domains = HashMap::new();
    let mut claims = nat::Claims::default();
    let mut tenants = Vec::new();
    for (i, Spanned { value: tenant, .. }) in list.items().iter().enumerate() {
        check_routing_domain(reader, tenant, &mut routing_domains);
        let its_subnets = &subnets.tenants[i];
        let records = records(reader, tenant, TenantIndex(i), &subnets, &peers, used);
        let hand_offs = || around.hand_offs(TenantIndex(i));
        let subnet_nodes = tenant.subnets.items().iter().flat_map(|subnet| subnet.value.reaches());
        let subnet_nodes = subnet_nodes.map(|reach| (reach.prefix.value, reach.prefix.node));
        around.networks.check_hand_offs(reader, hand_offs(), subnet_nodes);
        let connected = hand_offs().flat_map(|ExternalIndex(i)| &around.networks.external[i].prefixes);
        let connected: Vec<_> = connected.map(|(net, _)| *net).collect();
        let routes = routes(reader, tenant, its_subnets, &connected);
        let external = external(reader, tenant, TenantIndex(i), around);
        check_public_prefixes(reader, tenant, its_subnets, external, around, used);
        let nat = claims.read(reader, (tenant, TenantIndex(i)), its_subnets, external, around);
        let sender_check = sender_check(reader, &tenant.sender_check, &tenant.learn);
        let subnets = its_subnets.subnets.clone();
        tenants.extend(build(tenant, sender_check, subnets, records, routes, external, nat));
    }
    let public_prefixes = check_public_prefixes_together(reader, list, around.networks);
    claims.check(reader, around, &public_prefixes, used);
    Tenants { tenants, subnets: subnets.all() }
}

fn build(
    tenant: &document::Tenant,
    sender_check: Option<SenderCheck>,
    subnets: Vec<Subnet>,
    records: Vec<LookupRecord>,
    routes: Vec<CustomerRoute>,
    external: Way,
    nat: Option<Option<TenantNat>>,
) -> Option<Tenant> {
    Some(Tenant {
        name: tenant.name.value()?.0.clone(),
        routing_domain: tenant.routing_domain.optional()?.map(|guid| guid.0.clone()),
        gateway_mac: tenant.gateway_mac.value()?.0,
        sender_check: sender_check?,
        router_advertisements: tenant.router_advertisements.value()?.0,
        subnets,
        records,
        routes,
        external: match external {
            Way::To(external) => Some(external),
            Way::None => None,
            Way::Unknown => return None,
        },
        public_prefixes: tenant.public_prefixes.items().iter().map(|prefix| prefix.value.0).collect(),
        nat: nat?,
    })
}

fn check_routing_domain(
    reader: &mut Reader<'_>,
    tenant: &document::Tenant,
    routing_domains: &mut HashMap<String, NodeId>,
) {
    let Some(Spanned { node, value }) = tenant.routing_domain.given() else {
        return;
    };
    if let Some(first) = routing_domains.insert(value.0.to_ascii_uppercase(), *node) {
        let message = format!("routing domain {} is that of {} too", value.0, reader.place(first));
        reader.problem(*node, Refusal::new(message, "write the tenant's own RoutingDomainID"));
    }
}

fn records(
    reader: &mut Reader<'_>,
    tenant: &document::Tenant,
    index: TenantIndex,
    subnets: &Subnets,
    peers: &PeerAddresses,
    used: &mut Used,
) -> Vec<LookupRecord> {
    let gateway_mac = tenant.gateway_mac.value().map(|mac| mac.0);
    let items = tenant.records.items();
    let mut addresses: HashMap<IpAddr, NodeId> = HashMap::with_capacity(items.len());
    let mut records = Vec::with_capacity(items.len());
    for Spanned { node, value: record } in items {
        used.records.take(*node);
        let subnet = subnets.of_record(reader, record, index);
        if let Some(Spanned { node, value }) = record.address.given() {
            if let Some(subnet) = subnet {
                subnet.check_vm(reader, *node, value.0);
            }
            if let Some(first) = addresses.insert(value.0, *node) {
                let message =
                    format!("customer address {} has a record already: {}", value.0, reader.place(first));
                reader.problem(*node, Refusal::new(message, "keep one of them"));
            }
        }
        if let (Some(Spanned { node, value }), Some(gateway_mac)) = (record.mac.given(), gateway_mac) {
            reader.check(*node, check_vm_mac(value.0, gateway_mac));
        }
        if let Some(Spanned { node, value }) = record.provider_address.given() {
            peers.check(reader, *node, value.0);
        }
        records.extend(record.build());
    }
    records
}

fn routes(
    reader: &mut Reader<'_>,
    tenant: &document::Tenant,
    subnets: &TenantSubnets,
    connected: &[IpNet],
) -> Vec<CustomerRoute> {
    let mut destinations = Destinations::new();
    let mut routes = Vec::new();
    for Spanned { value: route, .. } in tenant.routes.items() {
        if let Some(prefix) = route.prefix.given() {
            destinations.add(reader, prefix, ());
            let connected = connected.iter().copied();
            let connected = connected.chain(subnets.exact(prefix.value.0));
            reader.check(prefix.node, check_not_connected(prefix.value.0, connected));
        }
        if let Some(next_hop) = route.next_hop.given()
            && check_families(reader, route.prefix.given(), next_hop)
        {
            check_customer(reader, "next hop", next_hop.node, next_hop.value.0, subnets);
        }
        let build = || {
            Some(CustomerRoute {
                prefix: route.prefix.value()?.0,
                next_hop: CustomerAddr(route.next_hop.value()?.0),
            })
        };
        routes.extend(build());
    }
    routes
}

/// Reports a `what` that no VM in the tenant's subnets can have.
fn check_customer(
    reader: &mut Reader<'_>,
    what: &str,
    node: NodeId,
    address: IpAddr,
    subnets: &TenantSubnets,
) {
    match subnets.by_address.find(address) {
        None if subnets.whole => {
            let message = format!("{what} {address} is on no connected network: in no subnet of the tenant");
            reader.problem(
                node,
                Refusal::new(message, "write the address of a VM in one of the tenant's subnets"),
            );
        }
        None => {}
        Some((net, gateway)) => {
            if reader.check(node, check_not_edge(what, address, net))
                && let Some(gateway) = gateway
            {
                reader.check(node, check_not_gateway(what, address, gateway));
            }
        }
    }
}

/// Where a tenant's default route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    To(ExternalIndex),
    None,
    /// The document says where, but it could not be read or found.
    Unknown,
}

fn external(
    reader: &mut Reader<'_>,
    tenant: &document::Tenant,
    index: TenantIndex,
    around: &Surroundings<'_>,
) -> Way {
    let Some(Spanned { node, value }) = tenant.external.given() else {
        return match tenant.external {
            Field::Absent => default_external(index, around.owners),
            _ => Way::Unknown,
        };
    };
    let wrong = match around.networks.names.resolve(reader, &tenant.external) {
        None => return Way::Unknown,
        Some(NetworkRef::Site(_)) => Refusal::new(
            format!("{} is a site of the provider network", value.0),
            "write the name of an external network",
        ),
        Some(NetworkRef::External(external)) => match around.owners[external.0] {
            Owner::Tenant(owner) if owner != index => Refusal::new(
                format!("{} is another tenant's own hand-off network", value.0),
                "write the name of an external network without a tenant, or of the tenant's own",
            ),
            _ => return Way::To(external),
        },
    };
    reader.problem(*node, wrong);
    Way::Unknown
}

/// The tenant's own hand-off network, else the first that is shared.
fn default_external(tenant: TenantIndex, owners: &[Owner]) -> Way {
    let first = |owner| owners.iter().position(|other| *other == owner);
    match first(Owner::Tenant(tenant)).or_else(|| first(Owner::Shared)) {
        Some(external) => Way::To(ExternalIndex(external)),
        None if owners.contains(&Owner::Unknown) => Way::Unknown,
        None => Way::None,
    }
}

fn check_public_prefixes(
    reader: &mut Reader<'_>,
    tenant: &document::Tenant,
    subnets: &TenantSubnets,
    external: Way,
    around: &Surroundings<'_>,
    used: &mut Used,
) {
    let prefixes = tenant.public_prefixes.items();
    let behind = tenant.routes.items().iter().filter_map(|route| route.value.prefix.value());
    let reached = subnets.prefixes().chain(behind.map(|prefix| prefix.0));
    let (reached, _) = Prefixes::new(reached.map(|net| (net, ())));
    for Spanned { node, value } in prefixes {
        used.external_routes(value.0.addr()).take(*node);
        let wrong = if external == Way::None {
            let message = format!("{} leads in from nowhere: the tenant has no external network", value.0);
            Refusal::new(message, "add an external network, or leave the prefix out")
        } else if let Way::To(ExternalIndex(i)) = external
            && around.owners[i] != Owner::Shared
        {
            let message = format!("{} needs no way in: the tenant's external network is its own", value.0);
            Refusal::new(message, "leave it out: all of the tenant's addresses are reached from that network")
        } else if let Way::To(ExternalIndex(i)) = external
            && around.routed[i].contains(&value.0)
        {
            let message = format!("{} is routed to a next hop of the external network too", value.0);
            Refusal::new(message, "route it to the tenant or to the next hop, not to both")
        } else if subnets.whole && tenant.routes.is_whole() && reached.overlapping(value.0).is_none() {
            let message =
                format!("{} leads nowhere: it is in no subnet and no customer route of the tenant", value.0);
            Refusal::new(message, "write the prefix of a subnet or of a customer route, or add one")
        } else {
            continue;
        };
        reader.problem(*node, wrong);
    }
}

/// Public prefixes are one world for all tenants, and for the external networks' own addresses.
fn check_public_prefixes_together(
    reader: &mut Reader<'_>,
    list: &Field<List<document::Tenant>>,
    networks: &Networks,
) -> Prefixes<NodeId> {
    let connected = networks.external_by_address();
    let prefixes = list.items().iter().flat_map(|tenant| tenant.value.public_prefixes.items());
    let prefixes: Vec<(IpNet, NodeId)> = prefixes.map(|prefix| (prefix.value.0, prefix.node)).collect();
    for (net, node) in &prefixes {
        if let Some((other, network)) = connected.overlapping(*net) {
            let place = reader.place(networks.external[network.0].prefixes[0].1);
            let message = format!("public prefix {net} overlaps {other}, which is connected by {place}");
            let hint = "write a prefix that is routed to the gateway, not one on the external network itself";
            reader.problem(*node, Refusal::new(message, hint));
        }
    }
    let (set, overlaps) = Prefixes::new(prefixes);
    for overlap in overlaps {
        let (later, earlier) = if overlap.inner.1 > overlap.outer.1 {
            (overlap.inner, overlap.outer)
        } else {
            (overlap.outer, overlap.inner)
        };
        let message =
            format!("public prefix {} overlaps {}, {}", later.0, earlier.0, reader.place(earlier.1));
        reader.problem(later.1, Refusal::new(message, "route each prefix to one tenant, once"));
    }
    set
}
