//! From what the control side knows to the rows of the admin API.

use nvgw_config::SenderCheck;

use crate::api::view::{
    AddressState, AlarmView, CustomerRouteView, LookupView, NeighborState, NeighborView, PathState,
    ProviderAddressView, ProviderRouteView, RouteView, SenderCheckView, Severity, SubnetView, TenantView,
};
use crate::control::Owner;
use crate::control::detection;
use crate::control::neighbors::State;
use crate::control::view as control;
use crate::diagnosis::{Finding, Health};
use crate::telemetry::nat_totals::TenantTotal;

pub(super) fn alarm_view(finding: Finding) -> Option<AlarmView> {
    let severity = match finding.health {
        Health::Green => return None,
        Health::Yellow => Severity::Warning,
        Health::Red => Severity::Critical,
    };
    let Finding { check, object, message, cure, .. } = finding;
    Some(AlarmView { severity, check, object, message, cure: cure.unwrap_or_default() })
}

/// Whether packets get past a next hop.
pub(super) fn path_state(hop: Option<&control::NextHopView>) -> PathState {
    match hop {
        None => PathState::NoRoute,
        Some(hop) => match hop.state {
            State::Static | State::Reachable | State::Probing => PathState::Ready,
            State::Unresolved | State::Incomplete | State::Failed => PathState::Unresolved,
        },
    }
}

pub(super) fn lookup_view(record: control::RecordView) -> LookupView {
    LookupView {
        state: path_state(record.next_hop.as_ref()),
        next_hop: record.next_hop.map(|hop| hop.address),
        tenant: record.tenant,
        vsid: record.vsid,
        address: record.address,
        mac: record.mac.to_string(),
        provider_address: record.provider_address,
        name: record.name,
        owner: record.owner.to_string(),
        moved_from: record.moved_from,
        moved_by: record.moved_by.map(|owner| owner.to_string()),
    }
}

pub(super) fn route_view(route: control::RouteView) -> RouteView {
    let target = match (route.kind, &route.to_vrf) {
        ("translate", Some(vrf)) => format!("translate to {vrf}"),
        (_, Some(vrf)) => format!("vrf {vrf}"),
        (kind, None) => kind.to_owned(),
    };
    RouteView {
        table: route.vrf,
        prefix: route.prefix,
        owner: route.owner.to_owned(),
        target,
        state: route.next_hop.as_ref().map_or(PathState::Ready, |hop| path_state(Some(hop))),
        interface: route.next_hop.as_ref().map(|hop| hop.network.clone()),
        next_hop: route.next_hop.map(|hop| hop.address).or(route.via),
        metric: route.metric,
    }
}

pub(super) fn neighbor_view(neighbor: control::NeighborView) -> NeighborView {
    NeighborView {
        network: neighbor.network,
        address: neighbor.address,
        mac: neighbor.mac.map(|mac| mac.to_string()),
        owner: neighbor
            .owner
            .map_or(if neighbor.address.is_ipv4() { "arp" } else { "nd" }, Owner::name)
            .to_owned(),
        state: match neighbor.state {
            State::Static => NeighborState::Static,
            State::Reachable => NeighborState::Reachable,
            State::Probing => NeighborState::Stale,
            State::Failed => NeighborState::Failed,
            State::Unresolved | State::Incomplete => NeighborState::Incomplete,
        },
        age_seconds: neighbor.mac.map(|_| neighbor.age.as_secs_f64()),
        held: neighbor.held as u64,
    }
}

pub(super) fn tenant_view(tenant: control::TenantView, nat: Option<TenantTotal>) -> TenantView {
    let limits = match tenant.sender_check {
        SenderCheck::Learn(limits) => Some(limits),
        SenderCheck::Strict | SenderCheck::LogOnly => None,
    };
    TenantView {
        name: tenant.name,
        routing_domain: tenant.routing_domain,
        gateway_mac: tenant.gateway_mac.to_string(),
        sender_check: match tenant.sender_check {
            SenderCheck::Strict => SenderCheckView::Strict,
            SenderCheck::LogOnly => SenderCheckView::LogOnly,
            SenderCheck::Learn(_) => SenderCheckView::Learn,
        },
        learn_addresses_per_mac: limits.map(|limits| limits.addresses_per_mac),
        learn_records_per_subnet: limits.map(|limits| limits.records_per_subnet),
        router_advertisements: tenant.router_advertisements,
        external: tenant.external,
        public_prefixes: tenant.public_prefixes,
        owner: tenant.owner.to_string(),
        subnets: tenant.subnets as u64,
        records: tenant.records as u64,
        nat: nat.map(Into::into),
    }
}

pub(super) fn subnet_view(subnet: control::SubnetView) -> SubnetView {
    let control::SubnetView { tenant, vsid, prefix, gateway, prefix_ipv6, gateway_ipv6, owner } = subnet;
    SubnetView { tenant, vsid, prefix, gateway, prefix_ipv6, gateway_ipv6, owner: owner.to_string() }
}

pub(super) fn customer_route_view(route: control::CustomerRouteView) -> CustomerRouteView {
    let control::CustomerRouteView { tenant, prefix, next_hop, owner } = route;
    CustomerRouteView { tenant, prefix, next_hop, owner: owner.to_string() }
}

pub(super) fn provider_address_view(own: control::ProviderAddressView) -> ProviderAddressView {
    ProviderAddressView {
        site: own.site,
        address: own.address,
        vlan: own.vlan,
        subnet: own.subnet,
        port: own.port,
        state: match own.state {
            detection::AddressState::Tentative => AddressState::Tentative,
            detection::AddressState::Preferred => AddressState::Preferred,
            detection::AddressState::Duplicate => AddressState::Duplicate,
        },
        owner: own.owner.to_string(),
        primary: own.primary,
        claimed_by: own.claimed_by.map(|mac| mac.to_string()),
    }
}

/// A provider route with a next hop; `None` for a site's connected subnet.
pub(super) fn provider_route_view(route: control::ProviderRouteView) -> Option<ProviderRouteView> {
    let hop = route.next_hop?;
    Some(ProviderRouteView {
        prefix: route.prefix,
        next_hop: hop.address,
        site: route.site,
        metric: route.metric,
        mtu: route.mtu,
        owner: route.owner.to_string(),
        in_force: route.in_force,
        state: path_state(Some(&hop)),
    })
}
