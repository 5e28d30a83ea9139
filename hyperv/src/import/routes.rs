//! Customer routes: prefixes behind VMs.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_config::CustomerRoute;
use nvgw_config::rules::{check_destination, check_next_hop};
use nvgw_types::CustomerAddr;

use crate::items::Route;

use super::domains::{Domains, Net, first_usable, is_station};
use super::records::Records;
use super::{Findings, Remark, Tenant};

/// Gives the routes with a next hop to their tenants.
pub(super) fn take<'a>(
    routes: &[Route<'a>],
    domains: &Domains<'_>,
    records: &Records<'_, '_>,
    tenants: &mut [Tenant],
    findings: &mut Findings,
) {
    let mut ordered: Vec<&Route<'a>> =
        routes.iter().filter(|route| !route.next_hop.value.is_unspecified()).collect();
    ordered.sort_by_key(|route| route.metric);
    let mut known: HashMap<(usize, IpNet), (IpAddr, &Route<'a>)> = HashMap::new();
    for route in ordered {
        let (prefix, next_hop) = (route.prefix.value, route.next_hop.value);
        if let Err(wrong) = check_destination(prefix).and_then(|()| check_next_hop(next_hop, prefix)) {
            findings.remarks.push(Remark::skipped(&route.place, wrong.message, wrong.hint));
            continue;
        }
        let Some(domain) = domains.ids.iter().position(|id| *id == route.domain.value) else {
            if !domains.whole {
                continue;
            }
            let message = format!("routing domain {} has no on-link customer route", route.domain.value);
            let hint = "export all of the routing domain's customer routes";
            findings.problems.push(route.domain.place.problem(message, hint));
            continue;
        };
        let Some(net) = domains.by_address(domain, next_hop).filter(|net| is_station(net.prefix, next_hop))
        else {
            if !domains.whole {
                continue;
            }
            let message = format!("next hop {next_hop} is no station of the routing domain's subnets");
            let hint = "correct the route, or export the on-link route of the subnet that is missing";
            findings.problems.push(route.next_hop.place.problem(message, hint));
            continue;
        };
        if is_gateway(net, next_hop, records) {
            findings.remarks.push(through_gateway(route, prefix));
            continue;
        }
        if domains.nets.iter().any(|net| net.domain == domain && net.prefix == prefix) {
            let hint = "nvgw reaches it without";
            findings.remarks.push(Remark::skipped(
                &route.place,
                format!("{prefix} is a subnet itself"),
                hint,
            ));
            continue;
        }
        if let Some((first_hop, first)) = known.get(&(domain, prefix)) {
            // The same route may stand in several virtual subnets and on several hosts.
            if *first_hop != next_hop {
                let message = format!("{prefix} leads to {first_hop} already: {}", first.place.named());
                let hint = "nvgw takes one next hop for each prefix, that of the lowest metric";
                findings.remarks.push(Remark::skipped(&route.place, message, hint));
            }
            continue;
        }
        known.insert((domain, prefix), (next_hop, route));
        tenants[domain].routes.push(CustomerRoute { prefix, next_hop: CustomerAddr(next_hop) });
    }
}

/// Whether a next hop is a gateway: the one that is replaced, Hyper-V's own router, or nvgw itself.
fn is_gateway(net: &Net<'_>, next_hop: IpAddr, records: &Records<'_, '_>) -> bool {
    next_hop == net.gateway
        || records.replaced(net.vsid).contains(&next_hop)
        || records.routers(net.vsid).contains(&next_hop)
        || (!net.named && next_hop == first_usable(net.prefix))
}

fn through_gateway(route: &Route<'_>, prefix: IpNet) -> Remark {
    if prefix.prefix_len() == 0 {
        let hint = "nvgw's own leads to the tenant's external network";
        return Remark::left_out(&route.place, "the default route to the gateway that is replaced", hint);
    }
    let message = format!("{prefix} lies behind the gateway that is replaced");
    let hint = "say how nvgw reaches it: a route of an external network, or a customer route to a VM";
    Remark::skipped(&route.place, message, hint)
}
