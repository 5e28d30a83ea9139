//! What the report says of address translation.

use nvgw_types::VrfId;
use serde_json::{Map, Value, json};

use super::Totals;
use crate::api::view::TenantNatView;
use crate::app::nat::{address_views, pool_views, with_nat};
use crate::diagnosis::DoctorReport;
use crate::telemetry::nat_totals::{NatTable, TenantTotal};

/// Tenants whose packets are translated, public addresses, and how full the session tables are together.
pub(super) fn report(totals: &Totals<'_>) -> Value {
    let tenants: Map<_, _> = totals
        .control
        .vrf_names()
        .into_iter()
        .filter(|(vrf, ..)| totals.control.nat_policy(*vrf).is_some())
        .map(|(vrf, name, _)| {
            let nat = TenantNatView::from(TenantTotal::read(totals.nat.iter().copied(), vrf));
            (name.to_owned(), json!(nat))
        })
        .collect();
    let addresses = address_views(totals.control, &totals.nat, names(totals)).into_iter().map(|address| {
        json!({
            "address": address.address,
            "external": address.external,
            "state": address.state,
            "blocks": address.blocks,
            "ports": address.ports,
            "most_blocks": address.most_blocks,
            "most_ports": address.most_ports,
        })
    });
    let tables: Vec<_> = totals.nat.iter().map(|worker| NatTable::read(worker)).collect();
    let sum = |of: fn(&NatTable) -> u64| tables.iter().map(of).sum::<u64>();
    json!({
        "tenants": tenants,
        "addresses": addresses.collect::<Vec<_>>(),
        "entries": { "used": sum(|t| t.entries), "most": sum(|t| t.most), "capacity": sum(|t| t.capacity) },
    })
}

/// Adds what the doctor says of translation, where there is any.
pub(super) fn doctor(totals: &Totals<'_>, report: DoctorReport) -> DoctorReport {
    if !totals.control.has_nat() {
        return report;
    }
    let tables: Vec<_> = totals.nat.iter().map(|worker| NatTable::read(worker)).collect();
    with_nat(report, &tables, &pool_views(totals.control, &totals.nat, names(totals)), None)
}

fn names(totals: &Totals<'_>) -> impl Fn(VrfId) -> String {
    let names = totals.control.vrf_names().into_iter().map(|(vrf, name, _)| (vrf, name.to_owned()));
    let names: std::collections::BTreeMap<_, _> = names.collect();
    move |vrf| names.get(&vrf).cloned().unwrap_or_default()
}
