//! The server over a real socket, with a small gateway behind it.

mod document;
mod writes;

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use super::fixture::{Answer, Fixture, Running, ask_admin, options};
use super::*;
use crate::telemetry::DropReason;

fn split(known: &str) -> (&str, &str) {
    known.split_once(' ').expect("method and path")
}

/// A request that every route answers.
pub(super) fn ask(running: &Running, method: &str, path: &str) -> Answer {
    match (method, path) {
        ("POST", "/v1/changes") => running.post(path, "changes: []"),
        ("POST", "/v1/probe") => running.post(
            path,
            r#"{"world":{"provider":{}},"to":"100.64.10.2","size":84,"df":false,"ttl":64,"timeout-ms":1000}"#,
        ),
        ("GET", "/v1/nat/lookup") => running.admin(method, "/v1/nat/lookup?public=198.51.100.16:1024"),
        ("GET", "/v1/explain") => running.admin(method, "/v1/explain?dst=192.0.2.1"),
        _ => running.admin(method, path),
    }
}

#[test]
fn every_path_that_is_listed_answers_and_refuses_the_other_method() {
    let running = Running::start(Fixture::new());
    for route in routes::table() {
        let (method, path) = (route.method, route.path.as_str());
        let answer = ask(&running, method, path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert_eq!(answer.content_type, "application/json");
        for other in ["GET", "POST", "DELETE"].into_iter().filter(|other| *other != method) {
            let refused = running.admin(other, path);
            assert_eq!(refused.status, 405, "{path}");
            assert_eq!(refused.json()["error"]["hint"], format!("use {method}"));
        }
    }
    for (_, path) in metrics::PATHS.iter().copied().map(split) {
        assert_eq!(running.metrics(path).status, 200, "{path}");
    }
}

#[test]
fn an_unknown_path_is_told_those_that_exist() {
    let running = Running::start(Fixture::new());
    let admin: Vec<_> = routes::table().iter().map(route::Route::name).collect();
    let metrics = metrics::PATHS.iter().copied().map(str::to_owned).collect();
    for (answer, known) in [(running.admin("GET", "/v1/nat"), admin), (running.metrics("/"), metrics)] {
        assert_eq!(answer.status, 404);
        let error = &answer.json()["error"];
        assert!(error["message"].as_str().expect("text").starts_with("there is no /"), "{error}");
        assert_eq!(error["paths"], serde_json::json!(known));
    }
}

#[test]
fn lists_are_named_and_hold_the_state() {
    let running = Running::start(Fixture::new());
    let ports = running.admin("GET", "/v1/ports").json();
    assert_eq!(ports["ports"][0]["name"], "wire0");
    assert_eq!(ports["ports"][0]["link"], "up");
    assert_eq!(ports["ports"][0]["tx_packets"], 1_407);
    assert!(ports.get("next").is_none());
    let drops = running.admin("GET", "/v1/drops").json();
    let drops = drops["drops"].as_array().expect("a list");
    let reasons: Vec<_> = drops.iter().map(|drop| drop["reason"].as_str().expect("text")).collect();
    assert_eq!(reasons, DropReason::ALL.iter().map(|reason| reason.name()).collect::<Vec<_>>());
    let unresolved = &drops[DropReason::NeighborUnresolved.index()];
    assert_eq!(unresolved["packets"], 2);
    assert_eq!(unresolved["hyper_v_name"], "Neighbour unresolved");
    let stats = running.admin("GET", "/v1/stats").json();
    assert_eq!(stats["dropped"], 62);
    assert_eq!(stats["workers"][0]["stages"][0]["cycles"], 30_000);
    assert_eq!(stats["latency"][1]["direction"], "outside-to-tenant");
    assert_eq!(stats["latency"][1]["p50_us"], 6.0);
    assert_eq!(stats["latency"][1]["buckets"], serde_json::json!([{"cycles": 6, "frames": 400}]));
    let version = running.admin("GET", "/v1/version").json();
    assert_eq!(version, serde_json::json!({"nvgw": "1.2.3", "dpdk": "DPDK 22.11.7"}));
}

#[test]
fn pages_are_cut_and_filters_narrow_them() {
    let mut fixture = Fixture::new();
    fixture.records = 5;
    let running = Running::start(fixture);
    let first = running.admin("GET", "/v1/lookup?limit=3&tenant=red").json();
    assert_eq!(first["lookup"].as_array().expect("a list").len(), 3);
    assert_eq!(first["next"], 3);
    let last = running.admin("GET", "/v1/lookup?tenant=red&offset=3&limit=3").json();
    assert_eq!(last["lookup"][1]["address"], "10.0.0.5");
    assert!(last.get("next").is_none());
    let one = running.admin("GET", "/v1/lookup?vsid=5001&address=10.0.0.2").json();
    assert_eq!(one["lookup"].as_array().expect("a list").len(), 1);
    let drops = running.admin("GET", "/v1/drops?offset=1&limit=2").json();
    assert_eq!(drops["drops"][0]["reason"], DropReason::ALL[1].name());
    assert_eq!((drops["drops"].as_array().expect("a list").len(), &drops["next"]), (2, &3.into()));
    let sessions = running.admin("GET", "/v1/nat/sessions?tenant=red&offset=1&limit=1").json();
    assert_eq!((&sessions["nat_sessions"][0]["protocol"], &sessions["next"]), (&"udp".into(), &2.into()));
    let events = running.admin("GET", "/v1/events?after=1").json();
    assert_eq!(events["events"][0]["sequence"], 2);
    let none = running.admin("GET", "/v1/routes?prefix=10.0.0.0%2F8").json();
    assert_eq!(none, serde_json::json!({"routes": []}));
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let running = Running::start(Fixture::new());
    for (query, status, message) in [
        ("lookup?vsid=red", 400, "vsid: invalid digit"),
        ("lookup?tennant=red", 400, "unknown field `tennant`, expected one of `tenant`, `vsid`, `address`"),
        ("ports?name=wire0", 400, "query: name: unknown field `name`"),
        ("generation?page=1", 400, "unknown field `page`"),
        ("nat/sessions?tenant=green", 404, "there is no such tenant"),
        ("nat/sessions?public=198.51.100.16:x", 400, "write ADDRESS or ADDRESS:PORT"),
        ("nat/sessions?protocol=gre", 400, "unknown variant `gre`"),
        ("nat/lookup", 400, "missing field `public`"),
        ("nat/lookup?public=198.51.100.16", 400, "198.51.100.16 has no port"),
        ("nat/lookup?public=198.51.100.16:1&at=noon", 400, "write date, time and zone"),
        ("nat/lookup?public=198.51.100.16:1&at=2026-11-22T10:00:00Z", 404, "logs to no file"),
        ("explain?vsid=5001", 400, "missing field `dst`"),
        ("doctor?probe=maybe", 400, "probe: provided string was not `true` or `false`"),
        ("lookup?limit=0", 400, "limit is 0"),
        ("lookup?limit=10001", 400, "limit is 10001"),
        ("routes?prefix=10.0.0.0", 400, "prefix: invalid IP address syntax"),
        ("lookup?tenant=green", 404, "there is no such tenant"),
    ] {
        let answer = running.admin("GET", &format!("/v1/{query}"));
        assert_eq!(answer.status, status, "{query}");
        let error = &answer.json()["error"];
        assert!(error["message"].as_str().expect("text").contains(message), "{query}: {error}");
        assert!(!error["hint"].as_str().expect("text").is_empty());
    }
}

#[test]
fn a_refused_reload_lists_every_mistake() {
    let mut fixture = Fixture::new();
    let problems = nvgw_config::parse("ports: 5\nsistem: {}\n", "gw.yaml").expect_err("it has mistakes");
    let count = problems.iter().count();
    fixture.reload = Err(ApiError::from(&problems.into()));
    let running = Running::start(fixture);
    let answer = running.admin("POST", "/v1/reload");
    assert_eq!(answer.status, 422);
    let error = &answer.json()["error"];
    assert_eq!(error["message"], "gw.yaml has mistakes");
    assert_eq!(error["problems"].as_array().expect("a list").len(), count);
    assert_eq!(error["problems"][0]["file"], "gw.yaml");
    assert_eq!(error["problems"][0]["line"], 1);
}

#[test]
fn readiness_says_why_not_while_health_stays() {
    let mut fixture = Fixture::new();
    fixture.readiness = Readiness::NotReady("port wire0 has no link".into());
    let running = Running::start(fixture);
    let ready = running.metrics("/readyz");
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json(), serde_json::json!({"status": "not ready", "reason": "port wire0 has no link"}));
    let health = running.metrics("/healthz");
    assert_eq!(health.status, 200);
    assert_eq!(health.json(), serde_json::json!({"status": "healthy"}));
}

#[test]
fn metrics_are_served_in_prometheus_format() {
    let answer = Running::start(Fixture::new()).metrics("/metrics");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.content_type, "text/plain; version=0.0.4");
    assert!(
        answer.text.contains("\nnvgw_build_info{version=\"1.2.3\",dpdk=\"DPDK 22.11.7\"} 1\n"),
        "{}",
        answer.text
    );
}

#[test]
fn a_silent_busy_or_absent_control_thread_is_told_apart() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = options(&dir);
    options.answer_within = Duration::from_millis(20);
    let (sender, requests) = crossbeam::channel::bounded(1);
    let server = ApiServer::spawn(options, sender).expect("starts");
    let ask = || {
        let answer = ask_admin(&dir.path().join("admin.sock"), "GET", "/v1/stats");
        (answer.status.as_u16(), answer.json()["error"]["message"].as_str().expect("text").to_owned())
    };
    assert_eq!(ask(), (504, "the control thread did not answer within 20ms".into()));
    assert_eq!(ask(), (503, "the control thread has too many questions waiting".into()));
    drop(requests);
    assert_eq!(ask(), (503, "the gateway is ending".into()));
    server.shutdown();
}

#[test]
fn a_second_server_is_refused_until_the_first_has_ended() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("admin.sock");
    let (sender, _requests) = crossbeam::channel::bounded(1);
    let first = ApiServer::spawn(options(&dir), sender.clone()).expect("starts");
    let mode = std::fs::metadata(&socket).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let error = ApiServer::spawn(options(&dir), sender.clone()).expect_err("in use");
    assert!(matches!(error, StartError::InUse { .. }), "{error}");
    assert_eq!(ask_admin(&socket, "GET", "/v1/version").status, 200);
    first.shutdown();
    assert!(!socket.exists());
    ApiServer::spawn(options(&dir), sender).expect("the place is free again").shutdown();
}

#[test]
fn a_metrics_address_in_use_is_named_and_leaves_no_socket() {
    let dir = tempfile::tempdir().expect("a directory");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let mut options = options(&dir);
    options.metrics_listen = Some(taken.local_addr().expect("an address"));
    let (sender, _requests) = crossbeam::channel::bounded(1);
    let error = ApiServer::spawn(options, sender).expect_err("in use").to_string();
    assert!(error.contains("127.0.0.1:") && error.contains("metrics-listen"), "{error}");
    assert!(!dir.path().join("admin.sock").exists());
}

#[test]
fn shutdown_does_not_wait_for_an_open_request() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("admin.sock");
    let (sender, requests) = crossbeam::channel::bounded(1);
    let server = ApiServer::spawn(options(&dir), sender).expect("starts");
    let mut stream = std::os::unix::net::UnixStream::connect(&socket).expect("connects");
    std::io::Write::write_all(&mut stream, b"GET /v1/stats HTTP/1.1\r\nhost: nvgw\r\n\r\n").expect("asks");
    let asked = requests.recv().expect("the question arrives");
    let begun = Instant::now();
    server.shutdown();
    assert!(begun.elapsed() < Duration::from_secs(1));
    drop(asked);
}
