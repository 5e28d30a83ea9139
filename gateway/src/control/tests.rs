//! What a configuration and its reloads make of the tables, as workers see them; what changes to it are judged by, and
//! what the gateway finds out for itself.

mod changes;
mod hosts;
mod ipv6;
mod kept;
mod learn;
mod nat;
mod own_addresses;
mod owners;
mod reload;
mod rules;
mod snapshot;
mod suspended;
mod variants;

use nvgw_config::{ChangeSet, Config};

use super::events::EventKind;
use super::fixture::{Sent, WIRE0, WIRE1};
use super::model::{Stored, StoredWrite};
use super::{Beginning, Control, Nanos, Owner, PortHardware, table_limits};
use crate::tables::grace::LocalGrace;
use crate::tables::set::{TableReaders, tables};

fn at(milliseconds: u64) -> Nanos {
    Nanos(milliseconds * 1_000_000)
}

/// Changes as an operator writes them.
fn written(changes: &[&str]) -> ChangeSet {
    let lines: String = changes.iter().map(|change| format!("  - {change}\n")).collect();
    let set = nvgw_config::parse_changes(&format!("changes:\n{lines}"), "test");
    ChangeSet { places: vec![], ..set.expect("changes") }
}

/// Has the API make changes, which fit.
fn apply(control: &mut Control<LocalGrace>, changes: &[&str]) {
    let made = control.change(&written(changes), Owner::Api, at(0), &mut Sent::default());
    assert!(made.is_ok(), "{changes:?}: {made:?}");
}

/// Has workers that hold nothing do all sweeps that are due.
fn sweep(control: &mut Control<LocalGrace>) {
    // What drained goes with the first, and is forgotten with the second.
    for _ in 0..2 {
        control.nat_swept(control.nat_sweep(), |_| 0);
    }
}

/// A gateway that starts with what a journal kept.
fn begin(config: Config, stored: Vec<Stored>, check_addresses: bool) -> (Control<LocalGrace>, TableReaders) {
    let (writers, readers) = tables(table_limits(&config), 7).expect("memory");
    let hardware = [WIRE0, WIRE1].map(|mac| PortHardware { mac, check_mac: true, sums_headers: false });
    let beginning = Beginning { generation: 0, stored, check_addresses };
    let control = Control::begin(config, beginning, hardware.to_vec(), writers, LocalGrace::new());
    (control.expect("fits"), readers)
}

/// What a journal holds after its notes, the oldest first.
fn journal<'w>(writes: impl IntoIterator<Item = &'w StoredWrite>) -> Vec<Stored> {
    let mut entries = std::collections::BTreeMap::new();
    for (key, value) in writes {
        match value {
            Some(value) => drop(entries.insert(key, Stored::read(key, value).expect("readable"))),
            None => drop(entries.remove(key)),
        }
    }
    entries.into_values().collect()
}

/// The events of a kind: what each was about.
fn told(control: &Control<LocalGrace>, kind: EventKind) -> Vec<&str> {
    let events = control.events().after(0).filter(|event| event.kind == kind.name());
    events.map(|event| event.object.as_str()).collect()
}

/// The keys of what is out of force.
fn suspended(control: &Control<LocalGrace>) -> Vec<String> {
    control.model().suspended().map(|suspended| suspended.stored.key()).collect()
}

/// The keys of what no file holds.
fn stored(control: &Control<LocalGrace>) -> Vec<String> {
    control.model.stored().iter().map(Stored::key).collect()
}
