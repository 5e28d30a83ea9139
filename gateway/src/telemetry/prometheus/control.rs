//! What the control side knows: neighbours, tables, alarms, addresses, events.

use prometheus::proto::MetricFamily;

use super::MetricsSnapshot;
use super::family::{counter, gauge};
use crate::telemetry::view::{NeighborState, Severity};

pub(super) fn families(to: &mut Vec<MetricFamily>, snapshot: &MetricsSnapshot) {
    let neighbors = NeighborState::ALL
        .iter()
        .map(|state| (vec![("state", state.name().to_owned())], snapshot.neighbors.of(state) as f64));
    to.push(gauge("nvgw_neighbors", "Neighbours in each state.", neighbors));
    let tables = || snapshot.tables.iter().map(|table| (vec![("table", table.table.to_owned())], table));
    let entries = tables().map(|(labels, table)| (labels, table.entries as f64));
    to.push(gauge("nvgw_table_entries", "Entries in use.", entries));
    let capacity = tables().map(|(labels, table)| (labels, table.capacity as f64));
    to.push(gauge("nvgw_table_capacity", "Entries that the table has room for.", capacity));
    let alarms = Severity::ALL.iter().map(|severity| {
        let of_severity = snapshot.alarms.0.iter().filter(|((other, _), _)| other == severity);
        let number: u64 = of_severity.map(|(_, number)| number).sum();
        (vec![("severity", severity.name().to_owned())], number as f64)
    });
    to.push(gauge("nvgw_alarms", "Alarms of each severity; `nvgw show alarms` says what they are.", alarms));
    let checks = snapshot.alarms.0.iter().map(|((severity, check), number)| {
        let labels = vec![("check", check.clone()), ("severity", severity.name().to_owned())];
        (labels, *number as f64)
    });
    to.push(gauge(
        "nvgw_check_alarms",
        "Alarms of each of the doctor's checks that found something.",
        checks,
    ));
    let states = ["tentative", "preferred", "duplicate"];
    let addresses =
        states.map(|state| (vec![("state", state.to_owned())], snapshot.addresses.of(&state) as f64));
    to.push(gauge(
        "nvgw_provider_addresses",
        "The gateway's own provider addresses in each state.",
        addresses,
    ));
    to.push(gauge(
        "nvgw_generation",
        "Batches of changes and reloads so far, restarts included.",
        [(vec![], snapshot.generation as f64)],
    ));
    let events = snapshot.events.iter().map(|(kind, number)| (vec![("kind", (*kind).to_owned())], *number));
    to.push(counter(
        "nvgw_events_total",
        "Events of each kind; `nvgw show events` lists the last ones.",
        events,
    ));
}
