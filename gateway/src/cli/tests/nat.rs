//! What people see of address translation.

use std::fs;
use std::process::ExitCode;

use clap::Parser;
use serde_json::{Value, json};

use super::{ask, run, run_into};
use crate::api::fixture::{Fixture, Running, nat};
use crate::api::view::NatSessionView;
use crate::cli::Cli;

const SESSIONS: &str = "\
TENANT  PROTOCOL  CUSTOMER        PUBLIC              EXTERNAL  REMOTE         STATE        ENDS IN (S)
red     tcp       10.0.0.5:40000  198.51.100.16:1024  internet  192.0.2.7:443  established        240.0
";

/// What a command prints, and its exit status.
fn look(running: &Running, line: &str) -> (String, ExitCode) {
    let mut out = Vec::new();
    let line = format!("nvgw nat {line} --socket {}", running.socket().display());
    let status = run_into(&line, &mut out).expect(&line);
    (String::from_utf8(out).expect("text"), status)
}

#[test]
fn sessions_are_a_table_that_filters_narrow_down() {
    let running = Running::start(Fixture::new());
    let ask = |line: &str| ask(&running, format!("nvgw nat sessions {line}").trim_end());
    assert_eq!(ask("--tenant red --protocol tcp"), SESSIONS);
    assert_eq!(ask("--ca 10.0.0.5 --public 198.51.100.16:1024"), SESSIONS);
    assert_eq!(ask("--public 198.51.100.16").lines().count(), 4);
    assert_eq!(ask("--public 198.51.100.17"), "no sessions match\n");
    assert_eq!(ask("--all").lines().count(), 4);
}

#[test]
fn sessions_beyond_the_limit_are_left_out_and_hinted_at() {
    let running = Running::start(Fixture::new());
    let more = format!("{SESSIONS}there may be more: --limit NUMBER or --all shows them\n");
    assert_eq!(ask(&running, "nvgw nat sessions --limit 1"), more);
    let text = ask(&running, "nvgw nat sessions --limit 2 --json");
    let cut: Value = serde_json::from_str(&text).expect("one document");
    assert_eq!(cut["next"], 2);
    let sessions: Vec<NatSessionView> =
        serde_json::from_value(cut["nat_sessions"].clone()).expect("sessions");
    assert_eq!(sessions, nat::sessions()[..2]);
    let all: Value =
        serde_json::from_str(&ask(&running, "nvgw nat sessions --all --json")).expect("one document");
    assert_eq!(all["nat_sessions"].as_array().map(Vec::len), Some(3));
    assert!(all.get("next").is_none());
}

#[test]
fn pools_come_with_their_addresses() {
    let running = Running::start(Fixture::new());
    let expected = "\
EXTERNAL  POOL                         TENANTS  ADDRESSES  BLOCKS   OF  AT MOST  PORTS  AT MOST
internet  198.51.100.16-198.51.100.17        1          2       1  252        3      3    1,200

EXTERNAL  ADDRESS        STATE     FOR                         BLOCKS   OF  AT MOST  PORTS  AT MOST
internet  198.51.100.16  active    ports 1024-65535, forwards       1  126        3      3    1,200
internet  198.51.100.32  draining  10.0.0.9 of red                  0    0        0      0        0
";
    assert_eq!(ask(&running, "nvgw nat pools"), expected);
    let document: Value =
        serde_json::from_str(&ask(&running, "nvgw nat pools --json")).expect("one document");
    assert_eq!(document["nat_pools"][0]["blocks_possible"], 252);
    assert_eq!(document["nat_addresses"][1]["state"], "draining");
    let none = "no pools\n\nno public addresses\n";
    assert_eq!(ask(&running, "nvgw nat pools --external elsewhere"), none);
}

#[test]
fn lookup_says_whose_a_port_is_now() {
    let running = Running::start(Fixture::new());
    let block =
        "10.0.0.5 of tenant red, by a block of ports 1024-1535 on internet since 2026-11-22T10:00:00.000Z";
    let forward = "10.0.0.9 of tenant red, by a forward of tcp on internet to port 80";
    let found = |port, holders: &str| (format!("198.51.100.16:{port} is {holders}\n"), ExitCode::SUCCESS);
    assert_eq!(look(&running, "lookup 198.51.100.16:1025"), found(1025, block));
    assert_eq!(look(&running, "lookup 198.51.100.16:1024"), found(1024, &format!("{forward}; and {block}")));
    let nobody = "198.51.100.16:9 is nobody's\ncure: ask with --at\n".to_owned();
    assert_eq!(look(&running, "lookup 198.51.100.16:9"), (nobody, ExitCode::from(1)));
    let (text, _) = look(&running, "lookup 198.51.100.16:1025 --json");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["holders"][0]["holding"], "block");
    assert_eq!(document["at"], Value::Null);
}

fn log() -> String {
    let line = |time: &str, event: &str, customer: &str| {
        let block = json!({
            "time": format!("2026-11-22T{time}Z"), "event": event, "tenant": "blue", "customer": customer,
            "external": "internet", "public": "198.51.100.16", "first-port": 1024, "last-port": 1535,
        });
        format!("{block}\n")
    };
    line("10:00:00", "block-allocated", "10.0.1.5")
        + &line("11:00:00", "block-released", "10.0.1.5")
        + &line("12:00:00", "block-allocated", "10.0.1.6")
}

#[test]
fn lookup_searches_logs_without_a_gateway() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("nat.jsonl");
    fs::write(&file, log()).expect("writes");
    let look = |options: &str| {
        let mut out = Vec::new();
        let line = format!("nvgw nat lookup 198.51.100.16:1055 --log {} --at {options}", file.display());
        let status = run_into(&line, &mut out).expect(&line);
        (String::from_utf8(out).expect("text"), status)
    };
    let (text, status) = look("2026-11-22T11:30:00+01:00");
    let expected = "198.51.100.16:1055 was 10.0.1.5 of tenant blue, by a block of ports 1024-1535 on internet since \
                    2026-11-22T10:00:00.000Z until 2026-11-22T11:00:00.000Z (at 2026-11-22T10:30:00.000Z)\n";
    assert_eq!((text.as_str(), status), (expected, ExitCode::SUCCESS));
    for (at, why) in [
        (
            "2026-11-22T11:30:00Z",
            "no customer had a block of ports with it; before it was 10.0.1.5 of tenant blue",
        ),
        (
            "2026-11-22T09:00:00Z",
            "the log begins only at 2026-11-22T10:00:00.000Z; afterwards it was 10.0.1.5",
        ),
    ] {
        let (text, status) = look(at);
        assert!(text.starts_with("198.51.100.16:1055 was nobody's at "), "{text}");
        assert!(text.contains(why) && text.contains("\ncure: "), "{text}");
        assert_eq!(status, ExitCode::from(1));
    }
    let error =
        run("nvgw nat lookup 198.51.100.16:1055 --log /none --at 2026-11-22T09:00:00Z").expect_err("none");
    assert!(error.to_string().starts_with("cannot read /none: "), "{error}");
}

#[test]
fn lookup_in_the_past_searches_the_gateway_s_own_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut fixture = Fixture::new();
    fixture.nat_log = Some(folder.path().join("nat.jsonl"));
    fs::write(folder.path().join("nat.jsonl.1"), log()).expect("writes");
    fs::write(folder.path().join("nat.jsonl"), "").expect("writes");
    let running = Running::start(fixture);
    let (text, status) = look(&running, "lookup 198.51.100.16:1055 --at 2026-11-22T12:30:00Z --json");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["holders"][0]["customer"], "10.0.1.6");
    assert_eq!(
        (&document["holders"][0]["until"], &document["at"]),
        (&Value::Null, &json!("2026-11-22T12:30:00.000Z"))
    );
    assert_eq!(status, ExitCode::SUCCESS);
    let line = "nvgw nat lookup 198.51.100.16:1055 --at 2026-11-22T12:30:00Z --socket";
    let without = Running::start(Fixture::new());
    let error = run(&format!("{line} {}", without.socket().display())).expect_err("no log").to_string();
    assert!(error.starts_with("the gateway logs to no file") && error.contains("nat.log.file"), "{error}");
}

#[test]
fn wrong_places_and_times_are_refused_with_2() {
    for (line, hint) in [
        ("nvgw nat lookup 198.51.100.16", "write ADDRESS:PORT"),
        ("nvgw nat lookup 198.51.100.16:70000", "write ADDRESS or ADDRESS:PORT"),
        ("nvgw nat lookup 198.51.100.16:1 --at noon", "write date, time and zone"),
        ("nvgw nat lookup 198.51.100.16:1 --log f", "--at <TIME>"),
        ("nvgw nat sessions --protocol gre", "possible values: tcp, udp, icmp"),
        ("nvgw nat sessions --limit 0", "0 is not in 1.."),
        ("nvgw nat sessions --limit 5 --all", "cannot be used with"),
    ] {
        let error = Cli::try_parse_from(line.split(' ')).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
        assert!(error.to_string().contains(hint), "{line}: {error}");
    }
}
