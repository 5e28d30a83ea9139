//! Documents that people and other systems write.

use std::hint::black_box;
use std::net::Ipv4Addr;

use gateway::nat_log::Moment;
use gateway::nat_log::search::{Question, Search};
use nvgw_hyperv::{Document, Options};

/// A configuration: refused with places that are in it, or valid.
pub(crate) fn configuration(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let lines = text.lines().count() + 1;
    if let Err(problems) = nvgw_config::parse(text, "fuzz.yaml") {
        assert!(problems.iter().next().is_some(), "refused for no reason");
        assert!(problems.iter().all(|problem| problem.line <= lines), "a place behind the end");
    }
}

/// Changes to a running gateway.
pub(crate) fn changes(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Err(problems) = nvgw_config::parse_changes(text, "fuzz.yaml") {
        assert!(problems.iter().next().is_some(), "refused for no reason");
    }
}

/// What Hyper-V's commands print.
pub(crate) fn hyper_v(input: &[u8]) {
    if let Ok(document) = Document::read("fuzz.json", input) {
        drop(black_box(nvgw_hyperv::import(&[document], &Options::default())));
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
