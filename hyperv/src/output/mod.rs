//! Imports as documents of nvgw.

mod changes;
mod config;

pub use config::{Configuration, External, Underlay};

use std::fmt::Write as _;

use nvgw_config::{LookupRecord, Subnet, SubnetPrefix};

use crate::quote::yaml;

/// A lookup record's keys and values, as the configuration and the change document both write them.
fn lookup(record: &LookupRecord) -> String {
    let LookupRecord { vsid, address, mac, provider_address, name, flow_id: _ } = record;
    let name = name.as_ref().map(|name| format!(", name: {}", yaml(name))).unwrap_or_default();
    format!("vsid: {vsid}, address: {address}, mac: {mac}, provider-address: {provider_address}{name}")
}

/// A virtual subnet's keys and values, likewise.
fn virtual_subnet(subnet: &Subnet) -> String {
    let mut text = format!("vsid: {}", subnet.vsid);
    // The second of two is IPv6.
    for (SubnetPrefix { prefix, gateway }, suffix) in subnet.prefixes.iter().zip(["", "-ipv6"]) {
        // Writing to a String cannot fail.
        let _ = write!(text, ", prefix{suffix}: {prefix}, gateway{suffix}: {gateway}");
    }
    text
}
