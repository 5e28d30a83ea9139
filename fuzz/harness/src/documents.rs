//! Documents that people and other systems write.

use std::hint::black_box;
use std::net::Ipv4Addr;

use gateway::control::model::Stored;
use gateway::control::{Beginning, Control, ControlError, PortHardware, table_limits};
use gateway::nat_log::Moment;
use gateway::nat_log::search::{Question, Search};
use gateway::tables::grace::LocalGrace;
use gateway::tables::set::tables;
use nvgw_config::ChangeSet;
use nvgw_hyperv::{Document, Options, Underlay};
use nvgw_types::MacAddr;

use crate::plan::Plan;

/// A configuration: refused with places that are in it, or valid.
pub(crate) fn configuration(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    // YAML takes a carriage return alone for the end of a line, too.
    let lines = text.matches(['\n', '\r']).count() + 1;
    if let Err(problems) = nvgw_config::parse(text, "fuzz.yaml") {
        assert!(problems.iter().next().is_some(), "refused for no reason");
        assert!(problems.iter().all(|problem| problem.line <= lines), "a place behind the end");
    }
}

/// Changes to a running gateway: what is read of them is read again from what is written of it.
pub(crate) fn changes(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match nvgw_config::parse_changes(text, "fuzz.yaml") {
        Ok(set) => {
            let written = set.to_value().to_string();
            let again = nvgw_config::parse_changes(&written, "again.json")
                .unwrap_or_else(|problems| panic!("what is written is refused: {problems}"));
            let what = |set: &ChangeSet| (set.if_generation, set.changes.clone());
            assert_eq!(what(&again), what(&set), "written as something else");
        }
        Err(problems) => assert!(problems.iter().next().is_some(), "refused for no reason"),
    }
}

/// What Hyper-V's commands print: what comes of it can be read.
pub(crate) fn hyper_v(input: &[u8]) {
    let Ok(document) = Document::read("fuzz.json", input) else { return };
    let Ok(import) = nvgw_hyperv::import(&[document], &Options::default()) else { return };
    if let Err(problems) = nvgw_config::parse_changes(&import.to_changes(), "changes.yaml") {
        panic!("the changes are refused: {problems}");
    }
    black_box(import.to_config(&Underlay::default()));
}

/// What a gateway finds in its journal, a value on each line: what can be read, a gateway can begin with.
pub(crate) fn journal(input: &[u8]) {
    let values = input.split(|byte| *byte == b'\n');
    let stored: Vec<Stored> = values.filter_map(|value| Stored::read("fuzz", value).ok()).collect();
    if stored.is_empty() {
        return;
    }
    for object in &stored {
        let value = serde_json::to_vec(object).expect("JSON");
        assert_eq!(Stored::read("again", &value).as_ref(), Ok(object), "written as something else");
    }
    let config = nvgw_config::parse(&Plan::default().document(), "fuzz.yaml").expect("valid");
    let (writers, _readers) = tables(table_limits(&config), 1).expect("memory");
    let hardware = (0..2).map(|port| PortHardware {
        mac: MacAddr([2, 0, 0, 0, 0, 0xa0 + port]),
        check_mac: true,
        sums_headers: false,
    });
    let beginning = Beginning { generation: 1, stored, check_addresses: true };
    match Control::begin(config, beginning, hardware.collect(), writers, LocalGrace::new()) {
        Ok(control) => drop(black_box(control.model().suspended().count())),
        Err(error) => assert!(matches!(error, ControlError::OverCapacity(_)), "{error}"),
    }
}

/// A log of port blocks, of which lines may be cut off or foreign.
pub(crate) fn nat_log(input: &[u8]) {
    let public = Ipv4Addr::new(198, 51, 100, 16);
    let at: Moment = "2026-01-02T03:04:05Z".parse().expect("a moment");
    let question = Question { public, port: 1024, external: None, at };
    let mut search = Search::new(&question);
    if search.read(input).is_ok() {
        black_box(search.finish());
    }
}
