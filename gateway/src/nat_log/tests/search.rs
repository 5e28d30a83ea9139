//! Whose a port was.

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use crate::nat_log::search::{Found, Question, Search, rotated, search_files};

fn question(port: u16, at: &str) -> Question {
    let at = format!("2026-11-22T{at}Z").parse().expect("a time");
    Question { public: "198.51.100.16".parse().expect("an address"), port, external: None, at }
}

fn block_line(time: &str, event: &str, customer: &str, external: &str, since: Option<&str>) -> String {
    let since = since.map(|since| format!(r#","since":"2026-11-22T{since}Z""#)).unwrap_or_default();
    format!(
        r#"{{"time":"2026-11-22T{time}Z","event":"{event}","tenant":"blue","customer":"{customer}","external":"{external}","public":"198.51.100.16","first-port":1024,"last-port":1535{since}}}"#
    ) + "\n"
}

fn gateway(time: &str, event: &str) -> String {
    format!(r#"{{"time":"2026-11-22T{time}Z","event":"gateway-{event}"}}"#) + "\n"
}

fn log() -> String {
    [
        block_line("09:00:00", "block-released", "10.0.1.4", "internet", Some("08:00:00")),
        block_line("10:00:00", "block-allocated", "10.0.1.5", "internet", None),
        block_line("10:30:00", "block-released", "10.0.1.5", "internet", Some("10:00:00")),
        block_line("11:00:00", "block-allocated", "10.0.1.6", "internet", None),
        gateway("12:00:00", "started"),
        block_line("12:00:01", "block-allocated", "10.0.1.7", "internet", None),
    ]
    .concat()
}

fn find(log: &str, question: &Question) -> Found {
    let mut search = Search::new(question);
    search.read(Cursor::new(log)).expect("reads");
    search.finish()
}

fn holders(log: &str, question: &Question) -> Vec<String> {
    find(log, question).holders.iter().map(|tenure| tenure.block.customer.to_string()).collect()
}

#[test]
fn each_moment_has_the_holder_of_that_moment() {
    let log = log();
    for (at, holder) in [
        ("07:59:59.999", None),
        ("08:00:00", Some("10.0.1.4")),
        ("08:59:59.999", Some("10.0.1.4")),
        ("09:00:00", None),
        ("09:59:59", None),
        ("10:00:00", Some("10.0.1.5")),
        ("10:29:59.999", Some("10.0.1.5")),
        ("10:30:00", None),
        ("11:59:59", Some("10.0.1.6")),
        ("12:00:00", None),
        ("23:59:59", Some("10.0.1.7")),
    ] {
        assert_eq!(holders(&log, &question(1535, at)), Vec::from_iter(holder), "{at}");
    }
    for port in [1023, 1536] {
        assert!(holders(&log, &question(port, "10:10:00")).is_empty(), "{port}");
    }
    let other =
        Question { public: "198.51.100.1".parse().expect("an address"), ..question(1024, "10:10:00") };
    assert!(holders(&log, &other).is_empty());
}

#[test]
fn who_had_it_before_and_after_is_told_too() {
    let found = find(&log(), &question(1024, "10:45:00"));
    let who =
        |tenure: Option<crate::nat_log::search::Tenure>| tenure.expect("somebody").block.customer.to_string();
    assert_eq!((who(found.before), who(found.after)), ("10.0.1.5".to_owned(), "10.0.1.6".to_owned()));
    let (first, last) = found.span.expect("lines");
    assert_eq!(
        (first.to_string(), last.to_string()),
        ("2026-11-22T09:00:00.000Z".into(), "2026-11-22T12:00:01.000Z".into())
    );
    assert_eq!(find("", &question(1024, "10:45:00")), Found::default());
}

#[test]
fn a_gateway_that_ended_released_everything() {
    let log = [
        block_line("10:00:00", "block-allocated", "10.0.1.5", "internet", None),
        gateway("10:20:00", "stopped"),
        gateway("10:40:00", "started"),
    ]
    .concat();
    assert_eq!(holders(&log, &question(1024, "10:19:59")), ["10.0.1.5"]);
    assert!(holders(&log, &question(1024, "10:20:00")).is_empty());
}

#[test]
fn external_networks_may_have_the_same_address() {
    let log = [
        block_line("10:00:00", "block-allocated", "10.0.1.5", "internet", None),
        block_line("10:05:00", "block-allocated", "10.9.9.9", "partner", None),
        block_line("10:20:00", "block-released", "10.9.9.9", "partner", Some("10:05:00")),
    ]
    .concat();
    assert_eq!(holders(&log, &question(1024, "10:10:00")), ["10.0.1.5", "10.9.9.9"]);
    assert_eq!(holders(&log, &question(1024, "10:25:00")), ["10.0.1.5"]);
    let only = Question { external: Some("partner".into()), ..question(1024, "10:10:00") };
    assert_eq!(holders(&log, &only), ["10.9.9.9"]);
}

#[test]
fn what_is_no_line_is_passed_over() {
    let log = log().replacen("{\"time\"", "{\"ti{\"198.51.100.16\"\n\u{fffd}\n{\"time\"", 2);
    assert_eq!(holders(&log, &question(1024, "10:10:00")), ["10.0.1.5"]);
}

#[test]
fn rotated_files_are_searched_in_whatever_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let log = log();
    let (old, new) =
        log.split_at(log.find("10.0.1.6").map_or(0, |at| log[..at].rfind('\n').unwrap_or(0) + 1));
    fs::write(path("nat.jsonl.1"), old).expect("writes");
    fs::write(path("nat.jsonl"), new).expect("writes");
    fs::write(path("nat.jsonl.2.gz"), "compressed").expect("writes");
    fs::write(path("nat.jsonl.save"), "somebody's").expect("writes");
    fs::write(path("nat.jsonl-20261121"), "").expect("writes");
    let logs = rotated(&path("nat.jsonl")).expect("a folder");
    let expected: Vec<PathBuf> = ["nat.jsonl", "nat.jsonl-20261121", "nat.jsonl.1"].map(path).into();
    assert_eq!(logs, expected);
    for logs in [logs.clone(), logs.into_iter().rev().collect()] {
        let found = search_files(&logs, &question(1024, "11:30:00")).expect("reads");
        assert_eq!(found.holders[0].block.customer.to_string(), "10.0.1.6");
        let found = search_files(&logs, &question(1024, "10:10:00")).expect("reads");
        assert_eq!(found.holders[0].block.customer.to_string(), "10.0.1.5");
    }
    let without =
        search_files(&[path("none"), path("nat.jsonl.1")], &question(1024, "10:10:00")).expect("reads");
    assert_eq!(without.holders.len(), 1);
    assert!(search_files(&[path("none")], &question(1024, "10:10:00")).is_err());
}
