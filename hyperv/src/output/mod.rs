//! Imports as documents of nvgw.

mod changes;
mod config;

pub use config::{Configuration, External, Underlay};

use std::fmt::Write as _;

use nvgw_config::{CustomerRoute, LookupRecord, Subnet, SubnetPrefix};

use crate::import::ProviderRoute;
use crate::quote::{address, yaml};

/// A lookup record's keys and values, as the configuration and the change document both write them.
fn lookup(record: &LookupRecord) -> String {
    let LookupRecord { vsid, mac, name, .. } = record;
    let (customer, host) = (address(record.address), address(record.provider_address));
    let name = name.as_ref().map(|name| format!(", name: {}", yaml(name))).unwrap_or_default();
    format!("vsid: {vsid}, address: {customer}, mac: {mac}, provider-address: {host}{name}")
}

/// A virtual subnet's keys and values, likewise.
fn virtual_subnet(subnet: &Subnet) -> String {
    let mut text = format!("vsid: {}", subnet.vsid);
    // The second of two is IPv6.
    for (SubnetPrefix { prefix, gateway }, suffix) in subnet.prefixes.iter().zip(["", "-ipv6"]) {
        // Writing to a String cannot fail.
        let (prefix, gateway) = (address(prefix), address(gateway));
        let _ = write!(text, ", prefix{suffix}: {prefix}, gateway{suffix}: {gateway}");
    }
    text
}

/// A customer route's, likewise.
fn customer_route(route: &CustomerRoute) -> String {
    format!("prefix: {}, next-hop: {}", address(route.prefix), address(route.next_hop))
}

/// A provider route's, likewise.
fn provider_route(route: &ProviderRoute) -> String {
    let ProviderRoute { prefix, next_hop, metric } = route;
    format!("prefix: {}, next-hop: {}, metric: {metric}", address(prefix), address(next_hop))
}
