//! What changes the gateway, and what is answered later.

use nvgw_config::Change;
use nvgw_types::Vsid;

use crate::api::fixture::{Fixture, Running};
use crate::api::view::ProblemView;
use crate::api::{ApiError, MAX_BODY};
use crate::diagnosis::{ExplainRequest, ProbeWorld};

const TWO: &str = "\
changes:
  - remove-lookup: { vsid: 5001, address: 10.0.0.5 }
  - remove-subnet: { vsid: 5001 }
";

#[test]
fn changes_come_as_yaml_or_json_and_make_a_generation() {
    let fixture = Fixture::new();
    let asked = fixture.asked.clone();
    let running = Running::start(fixture);
    let dry = running.post("/v1/changes?dry-run=true", TWO).json();
    assert_eq!((&dry["generation"], &dry["applied"]), (&42.into(), &false.into()));
    assert_eq!(dry["changes"].as_array().expect("a list").len(), 2);
    let json = r#"{"if-generation": 41, "changes": [{"remove-subnet": {"vsid": 5001}}]}"#;
    let applied = running.post("/v1/changes", json).json();
    assert_eq!((&applied["generation"], &applied["applied"]), (&42.into(), &true.into()));
    assert_eq!(running.admin("GET", "/v1/generation").json(), serde_json::json!({"generation": 42}));
    let asked = asked.lock().expect("no panic");
    let [(first, true), (second, false)] = &asked.changes[..] else { panic!("{asked:?}") };
    assert_eq!(first.changes.len(), 2);
    assert_eq!(first.places[1].line, 3);
    assert_eq!(second.if_generation, Some(41));
    assert_eq!(second.changes, [Change::RemoveSubnet { vsid: Vsid::new(5001).expect("a VSID") }]);
}

#[test]
fn another_generation_is_a_conflict_that_names_both() {
    let running = Running::start(Fixture::new());
    let in_document = format!("if-generation: 40\n{TWO}");
    for answer in [
        running.post("/v1/changes", in_document.clone()),
        running.post("/v1/changes?if-generation=40", TWO),
        running.post("/v1/changes?if-generation=40", in_document.clone()),
    ] {
        assert_eq!(answer.status, 409);
        let message = &answer.json()["error"]["message"];
        assert_eq!(message, "the changes are for generation 40, and the gateway is at generation 41");
    }
    let answer = running.post("/v1/changes?if-generation=41", in_document);
    assert_eq!(answer.status, 400, "{}", answer.text);
}

#[test]
fn mistakes_of_a_document_come_with_their_places() {
    let fixture = Fixture::new();
    let asked = fixture.asked.clone();
    let running = Running::start(fixture);
    let answer =
        running.post("/v1/changes", "changes:\n  - remove-subnet: { vsid: red }\n  - add-nothing: {}\n");
    assert_eq!(answer.status, 422);
    let error = &answer.json()["error"];
    assert_eq!(error["message"], "the changes have 2 mistakes");
    let problems: Vec<ProblemView> = serde_json::from_value(error["problems"].clone()).expect("problems");
    assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [2, 3]);
    assert!(problems.iter().all(|problem| problem.file == "changes"), "{problems:?}");
    assert!(asked.lock().expect("no panic").changes.is_empty(), "the gateway has not heard of them");
}

#[test]
fn what_does_not_fit_the_gateway_is_at_its_place_too() {
    let set = nvgw_config::parse_changes(TWO, "changes").expect("well written");
    let mut fixture = Fixture::new();
    let problem = ProblemView::of_change(&set, 1, "vsid", "VSID 5001 has records", "remove them first");
    fixture.refusal = Some(ApiError::refused(vec![problem]));
    let running = Running::start(fixture);
    let answer = running.post("/v1/changes", TWO);
    assert_eq!(answer.status, 422);
    let problems: Vec<ProblemView> =
        serde_json::from_value(answer.json()["error"]["problems"].clone()).expect("problems");
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    let (line, column) = (problem.line, problem.column);
    assert_eq!(
        problem.to_string(),
        format!(
            "changes:{line}:{column}: changes[1].remove-subnet.vsid: VSID 5001 has records; remove them first"
        )
    );
    assert_eq!(line, 3);
}

#[test]
fn a_body_that_is_too_big_or_no_text_is_refused() {
    let running = Running::start(Fixture::new());
    let answer = running.post("/v1/changes", b"changes: \xff".to_vec());
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"]["message"], "the changes are not UTF-8 text after byte 9");
    let answer = running.post("/v1/changes", vec![b' '; MAX_BODY + 1]);
    assert_eq!(answer.status, 413);
    assert_eq!(answer.json()["error"]["message"], "the body has more than 64 MiB");
}

#[test]
fn a_probe_s_request_reaches_the_gateway_if_it_makes_sense() {
    let fixture = Fixture::new();
    let asked = fixture.asked.clone();
    let running = Running::start(fixture);
    let probe = |size: u32, ttl: u32, timeout: u32| {
        let world = r#"{"overlay":{"vsid":5001}}"#;
        let body = format!(
            r#"{{"world":{world},"to":"10.0.0.5","size":{size},"df":true,"ttl":{ttl},"timeout-ms":{timeout}}}"#
        );
        running.post("/v1/probe", body)
    };
    for (answer, message) in [
        (probe(27, 64, 1000), "size is 27"),
        (probe(84, 0, 1000), "ttl is 0"),
        (probe(84, 64, 0), "timeout-ms is 0"),
        (probe(84, 64, 60_001), "timeout-ms is 60001"),
        (probe(84, 256, 1000), "no probe: invalid value: integer `256`"),
        (running.post("/v1/probe", "{}"), "no probe: missing field `world`"),
    ] {
        assert_eq!(answer.status, 400, "{message}");
        let error = &answer.json()["error"];
        assert!(error["message"].as_str().expect("text").starts_with(message), "{error}");
    }
    assert_eq!(probe(28, 1, 60_000).json()["outcome"], "reply");
    let asked = asked.lock().expect("no panic");
    let [probe] = &asked.probes[..] else { panic!("{asked:?}") };
    assert_eq!(probe.world, ProbeWorld::Overlay { vsid: 5001, from: None });
    assert_eq!((probe.size, probe.df, probe.ttl, probe.timeout_ms), (28, true, 1, 60_000));
}

#[test]
fn explain_and_doctor_are_told_what_is_asked() {
    let fixture = Fixture::new();
    let asked = fixture.asked.clone();
    let running = Running::start(fixture);
    let answer =
        running.admin("GET", "/v1/explain?vsid=5001&src=10.0.0.5&dst=192.0.2.1&provider-address=100.64.10.2");
    assert_eq!(answer.json()["verdict"]["verdict"], "forwarded");
    assert_eq!(running.admin("GET", "/v1/doctor").json()["health"], "red");
    running.admin("GET", "/v1/doctor?probe=false");
    let asked = asked.lock().expect("no panic");
    assert_eq!(asked.doctor, [true, false]);
    let expected = ExplainRequest {
        vsid: Some(5001),
        src: Some("10.0.0.5".parse().expect("an address")),
        dst: "192.0.2.1".parse().expect("an address"),
        provider_address: Some("100.64.10.2".parse().expect("an address")),
        network: None,
        protocol: None,
        src_port: None,
        dst_port: None,
    };
    assert_eq!(asked.explained, [expected]);
}
