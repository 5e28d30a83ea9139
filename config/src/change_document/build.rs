//! From what a change is written as to the [`Change`].

use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_types::{CustomerAddr, MacAddr, ProviderAddr};

use crate::change::{Change, NewTenant};
use crate::document::{Address, Mac, Mtu, Name, Neighbor, Prefix, ProviderRoute, Record, Subnet};
use crate::model;
use crate::objects::sender_check;
use crate::reader::{Field, Reader};
use crate::rules::{check_destination, check_next_hop, check_path_mtu};

use super::keys::{
    AddProviderAddress, AddSubnet, AddTenant, CustomerRoute, MoveLookup, MoveProviderRoute, MoveTenant,
    RemoveCustomerRoute, RemoveLookup, RemoveNeighbor, RemoveProviderAddress, RemoveProviderRoute,
    RemoveSubnet, RemoveTenant,
};

fn name(field: &Field<Name>) -> Option<String> {
    field.value().map(|name| name.0.clone())
}

fn ip(field: &Field<Address>) -> Option<IpAddr> {
    field.value().map(|address| address.0)
}

fn customer(field: &Field<Address>) -> Option<CustomerAddr> {
    ip(field).map(CustomerAddr)
}

fn provider(field: &Field<Address>) -> Option<ProviderAddr> {
    ip(field).map(ProviderAddr)
}

fn mac(field: &Field<Mac>) -> Option<MacAddr> {
    field.value().map(|mac| mac.0)
}

fn net(field: &Field<Prefix>) -> Option<IpNet> {
    field.value().map(|prefix| prefix.0)
}

/// The destination of a route; reports one that no packet is routed to.
fn destination(reader: &mut Reader<'_>, field: &Field<Prefix>) -> Option<IpNet> {
    let prefix = field.given()?;
    reader.check(prefix.node, check_destination(prefix.value.0)).then_some(prefix.value.0)
}

/// The next hop of a route; reports one of the other family than the destination.
fn next_hop(reader: &mut Reader<'_>, field: &Field<Address>, prefix: IpNet) -> Option<IpAddr> {
    let next_hop = field.given()?;
    reader.check(next_hop.node, check_next_hop(next_hop.value.0, prefix)).then_some(next_hop.value.0)
}

/// The path MTU of a route; reports one that no path has. What the site takes, the gateway's model says.
fn path_mtu(reader: &mut Reader<'_>, field: &Field<Mtu>, prefix: IpNet) -> Option<Option<u16>> {
    match field {
        Field::Given(mtu) => {
            reader.check(mtu.node, check_path_mtu(mtu.value.0, prefix, u16::MAX)).then_some(Some(mtu.value.0))
        }
        Field::Absent => Some(None),
        Field::Broken => None,
    }
}

pub(super) fn add_tenant(tenant: AddTenant, reader: &mut Reader<'_>) -> Option<Change> {
    let sender_check = sender_check(reader, &tenant.sender_check, &tenant.learn);
    let prefixes = tenant.public_prefixes.items().iter();
    Some(Change::AddTenant(NewTenant {
        name: name(&tenant.name)?,
        routing_domain: tenant.routing_domain.optional()?.map(|guid| guid.0.clone()),
        gateway_mac: mac(&tenant.gateway_mac)?,
        sender_check: sender_check?,
        router_advertisements: tenant.router_advertisements.value()?.0,
        external: tenant.external.optional()?.map(|name| name.0.clone()),
        public_prefixes: prefixes.map(|prefix| prefix.value.0).collect(),
    }))
}

pub(super) fn move_tenant(tenant: MoveTenant, _: &mut Reader<'_>) -> Option<Change> {
    Some(Change::MoveTenant { name: name(&tenant.name)?, external: name(&tenant.external)? })
}

pub(super) fn remove_tenant(tenant: RemoveTenant, _: &mut Reader<'_>) -> Option<Change> {
    Some(Change::RemoveTenant { name: name(&tenant.name)? })
}

pub(super) fn add_subnet(added: AddSubnet, reader: &mut Reader<'_>) -> Option<Change> {
    let AddSubnet { tenant, vsid, prefix, gateway, prefix_ipv6, gateway_ipv6 } = added;
    let subnet = Subnet { vsid, prefix, gateway, prefix_ipv6, gateway_ipv6 };
    subnet.check(reader);
    Some(Change::AddSubnet { tenant: name(&tenant)?, subnet: subnet.build()? })
}

pub(super) fn remove_subnet(subnet: RemoveSubnet, _: &mut Reader<'_>) -> Option<Change> {
    Some(Change::RemoveSubnet { vsid: subnet.vsid.value()?.0 })
}

pub(super) fn add_lookup(record: Record, _: &mut Reader<'_>) -> Option<Change> {
    record.build().map(Change::AddLookup)
}

pub(super) fn move_lookup(record: MoveLookup, _: &mut Reader<'_>) -> Option<Change> {
    Some(Change::MoveLookup {
        vsid: record.vsid.value()?.0,
        address: customer(&record.address)?,
        provider_address: provider(&record.provider_address)?,
    })
}

pub(super) fn remove_lookup(record: RemoveLookup, _: &mut Reader<'_>) -> Option<Change> {
    Some(Change::RemoveLookup { vsid: record.vsid.value()?.0, address: customer(&record.address)? })
}

pub(super) fn add_customer_route(route: CustomerRoute, reader: &mut Reader<'_>) -> Option<Change> {
    let (tenant, route) = customer_route(&route, reader)?;
    Some(Change::AddCustomerRoute { tenant, route })
}

pub(super) fn move_customer_route(route: CustomerRoute, reader: &mut Reader<'_>) -> Option<Change> {
    let (tenant, route) = customer_route(&route, reader)?;
    Some(Change::MoveCustomerRoute { tenant, route })
}

fn customer_route(route: &CustomerRoute, reader: &mut Reader<'_>) -> Option<(String, model::CustomerRoute)> {
    let prefix = destination(reader, &route.prefix)?;
    let next_hop = CustomerAddr(next_hop(reader, &route.next_hop, prefix)?);
    Some((name(&route.tenant)?, model::CustomerRoute { prefix, next_hop }))
}

pub(super) fn remove_customer_route(route: RemoveCustomerRoute, _: &mut Reader<'_>) -> Option<Change> {
    Some(Change::RemoveCustomerRoute { tenant: name(&route.tenant)?, prefix: net(&route.prefix)? })
}

pub(super) fn add_provider_address(added: AddProviderAddress, _: &mut Reader<'_>) -> Option<Change> {
    let address = added.address.optional()?.map(|address| ProviderAddr(address.0));
    Some(Change::AddProviderAddress { site: name(&added.site)?, address })
}

pub(super) fn remove_provider_address(removed: RemoveProviderAddress, _: &mut Reader<'_>) -> Option<Change> {
    Some(Change::RemoveProviderAddress { address: provider(&removed.address)? })
}

pub(super) fn add_provider_route(route: ProviderRoute, reader: &mut Reader<'_>) -> Option<Change> {
    let prefix = destination(reader, &route.prefix)?;
    Some(Change::AddProviderRoute {
        prefix,
        next_hop: next_hop(reader, &route.next_hop, prefix)?,
        metric: route.metric.value()?.0,
        mtu: path_mtu(reader, &route.mtu, prefix)?,
    })
}

pub(super) fn move_provider_route(route: MoveProviderRoute, reader: &mut Reader<'_>) -> Option<Change> {
    let prefix = net(&route.prefix)?;
    Some(Change::MoveProviderRoute {
        prefix,
        next_hop: ip(&route.next_hop)?,
        to: next_hop(reader, &route.to, prefix)?,
    })
}

pub(super) fn remove_provider_route(route: RemoveProviderRoute, _: &mut Reader<'_>) -> Option<Change> {
    Some(Change::RemoveProviderRoute { prefix: net(&route.prefix)?, next_hop: ip(&route.next_hop)? })
}

pub(super) fn add_neighbor(neighbor: Neighbor, _: &mut Reader<'_>) -> Option<Change> {
    Some(Change::AddNeighbor {
        network: name(&neighbor.network)?,
        address: ip(&neighbor.address)?,
        mac: mac(&neighbor.mac)?,
    })
}

pub(super) fn move_neighbor(neighbor: Neighbor, _: &mut Reader<'_>) -> Option<Change> {
    Some(Change::MoveNeighbor {
        network: name(&neighbor.network)?,
        address: ip(&neighbor.address)?,
        mac: mac(&neighbor.mac)?,
    })
}

pub(super) fn remove_neighbor(neighbor: RemoveNeighbor, _: &mut Reader<'_>) -> Option<Change> {
    Some(Change::RemoveNeighbor { network: name(&neighbor.network)?, address: ip(&neighbor.address)? })
}
