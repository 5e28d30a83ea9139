//! Imports as documents of nvgw.

mod changes;
mod config;

pub use config::{Configuration, External, Underlay};

use nvgw_config::LookupRecord;

use crate::quote::yaml;

/// A lookup record's keys and values, as the configuration and the change document both write them.
fn lookup(record: &LookupRecord) -> String {
    let LookupRecord { vsid, address, mac, provider_address, name, flow_id: _ } = record;
    let name = name.as_ref().map(|name| format!(", name: {}", yaml(name))).unwrap_or_default();
    format!("vsid: {vsid}, address: {address}, mac: {mac}, provider-address: {provider_address}{name}")
}
