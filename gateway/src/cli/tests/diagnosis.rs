//! Commands that look for faults.

use std::process::ExitCode;

use clap::Parser;
use serde_json::{Value, json};

use super::{ask, run, run_into};
use crate::api::fixture::{Fixture, Running, answers};
use crate::cli::{Cli, Command, Style, execute};
use crate::diagnosis::{Health, ProbeOutcome, ProbeWorld, Verdict};

/// What a command prints, and its exit status.
fn look(fixture: Fixture, line: &str) -> (String, ExitCode) {
    let running = Running::start(fixture);
    let mut out = Vec::new();
    let status =
        run_into(&format!("nvgw {line} --socket {}", running.socket().display()), &mut out).expect(line);
    (String::from_utf8(out).expect("text"), status)
}

fn with_outcomes(outcomes: &[ProbeOutcome]) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.outcomes = outcomes.iter().cloned().collect();
    fixture
}

/// The text without the line that has the time in it.
fn timeless(text: &str) -> String {
    let lines = text.lines().map(|line| line.split(", time ").next().unwrap_or(line));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn ping_tells_each_outcome_and_each_cure_once() {
    let (text, status) =
        look(Fixture::new(), "ping --provider 100.64.10.2 --count 7 --interval 0 --timeout 0.5");
    let expected = "\
PING 100.64.10.2 from 100.64.20.10 in the provider network: 84 bytes
84 bytes from 100.64.10.2: seq=1 ttl=63 time=0.400 ms
from 100.64.20.1: seq=2 the TTL ran out on the way
from 100.64.20.1: seq=3 fragmentation needed (MTU 1500)
seq=4 no answer within 0.5 s
seq=5 not sent: no provider route to 100.64.10.2 from site gateway-site (VLAN 20) (provider-route-missing)
seq=6 not sent: no provider route to 100.64.10.2 from site gateway-site (VLAN 20) (provider-route-missing)
seq=7 not sent: no provider route to 100.64.10.2 from site gateway-site (VLAN 20) (provider-route-missing)
cure: see whether the host is up
cure: add a default gateway to the site, or: nvgw provider-route add 100.64.10.0/24 --via NEXT-HOP

--- 100.64.10.2 ping statistics ---
4 packets transmitted, 1 received, 2 errors, 3 not sent, 75% packet loss
rtt min/avg/max = 0.400/0.400/0.400 ms
";
    assert_eq!(timeless(&text), expected);
    assert_eq!(status, ExitCode::SUCCESS);
}

#[test]
fn ping_fails_where_nothing_comes_back() {
    let [.., silent, unsent] = answers::outcomes();
    let (text, status) = look(with_outcomes(&[silent]), "ping --vsid 5001 10.0.0.5 --count 1");
    let expected = "\
PING 10.0.0.5 from 100.64.20.10 in VSID 5001: 84 bytes
seq=1 no answer within 1 s
cure: see whether the host is up

--- 10.0.0.5 ping statistics ---
1 packets transmitted, 0 received, 100% packet loss
";
    assert_eq!((timeless(&text).as_str(), status), (expected, ExitCode::from(1)));
    let (text, status) = look(with_outcomes(&[unsent]), "ping --provider 100.64.10.2 --count 1");
    assert!(text.contains("\n0 packets transmitted, 0 received, 1 not sent, time "), "{text}");
    assert_eq!(status, ExitCode::from(1));
}

#[test]
fn a_probe_is_what_was_asked_for() {
    let fixture = Fixture::new();
    let asked = fixture.asked.clone();
    let line =
        "ping --vsid 5001 --from 10.0.0.1 10.0.0.5 --size 1500 --df --ttl 3 --timeout 2.5 --count 1 --json";
    let (text, _) = look(fixture, line);
    let mut printed: Value = serde_json::from_str(&text).expect("one line of JSON");
    assert_eq!(printed.as_object_mut().expect("an object").remove("sequence"), Some(json!(1)));
    let outcome: ProbeOutcome = serde_json::from_value(printed).expect("an outcome");
    assert_eq!(outcome, answers::outcomes()[0]);
    let asked = asked.lock().expect("no panic");
    let [probe] = &asked.probes[..] else { panic!("{asked:?}") };
    let from = Some("10.0.0.1".parse().expect("an address"));
    assert_eq!(probe.world, ProbeWorld::Overlay { vsid: 5001, from });
    assert_eq!((probe.size, probe.df, probe.ttl, probe.timeout_ms), (1500, true, 3, 2500));
}

#[test]
fn programs_are_told_which_probe_an_outcome_is_of() {
    let [reply, router, ..] = answers::outcomes();
    let places = |line: &str| {
        let outcomes = [&router, &router, &router, &reply].map(Clone::clone);
        let (text, _) = look(with_outcomes(&outcomes), line);
        let printed = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        printed.map(|probe| (probe["hop"].as_u64(), probe["sequence"].as_u64())).collect::<Vec<_>>()
    };
    let trace = places("traceroute --provider 100.64.10.2 --json");
    assert_eq!(trace, [1, 2].map(|hop| [1, 2, 3].map(|probe| (Some(hop), Some(probe)))).concat());
    let pings = places("ping --provider 100.64.10.2 --count 2 --interval 0 --json");
    assert_eq!(pings, [(None, Some(1)), (None, Some(2))]);
}

#[test]
fn traceroute_prints_hops_until_the_destination_answers() {
    let [reply, router, _, silent, _] = answers::outcomes();
    let outcomes =
        [&router, &router, &silent, &silent, &silent, &silent, &router, &reply, &reply].map(Clone::clone);
    let fixture = with_outcomes(&outcomes);
    let asked = fixture.asked.clone();
    let (text, status) = look(fixture, "traceroute --provider 100.64.10.2");
    let expected = "\
traceroute to 100.64.10.2 from 100.64.20.10, 30 hops max, 84 byte packets
 1  100.64.20.1  0.250 ms  0.250 ms *
 2  * * *
 3  100.64.20.1  0.250 ms 100.64.10.2  0.400 ms  0.400 ms
cure: see whether the host is up
";
    assert_eq!((text.as_str(), status), (expected, ExitCode::SUCCESS));
    let ttls: Vec<_> = asked.lock().expect("no panic").probes.iter().map(|probe| probe.ttl).collect();
    assert_eq!(ttls, [1, 1, 1, 2, 2, 2, 3, 3, 3]);
}

#[test]
fn traceroute_ends_where_it_is_refused_or_cannot_be_sent() {
    let [_, router, refused, silent, unsent] = answers::outcomes();
    let (text, status) = look(with_outcomes(&[refused]), "traceroute --provider 100.64.10.2");
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains(" 1  100.64.20.1  0.300 ms (fragmentation needed, MTU 1500)  0.300 ms"), "{text}");
    assert_eq!(status, ExitCode::from(1));
    let (text, status) = look(with_outcomes(&[router, unsent]), "traceroute --vsid 5001 10.0.0.5");
    assert!(text.contains(" 1  100.64.20.1  0.250 ms not sent: no provider route"), "{text}");
    assert!(text.contains("\ncure: add a default gateway to the site"), "{text}");
    assert_eq!(status, ExitCode::from(1));
    let (text, status) = look(with_outcomes(&[silent]), "traceroute --provider 100.64.10.2 --max-hops 2");
    assert!(text.contains("\n 1  * * *\n 2  * * *\n"), "{text}");
    assert_eq!(status, ExitCode::from(1));
}

#[test]
fn explain_numbers_the_steps_and_says_how_it_ends() {
    let line = "explain --vsid 5001 --src 10.0.0.5 --dst 192.0.2.1";
    let expected = "\
1. subnet        VSID 5001 is 10.0.0.0/24 of tenant red
2. sender-check  10.0.0.5 lives at 100.64.10.2
3. route         0.0.0.0/0 leads to external network internet
forwarded to 198.18.0.1, plain: port wire1, untagged, to 02:00:00:00:00:fe
";
    assert_eq!(look(Fixture::new(), line), (expected.to_owned(), ExitCode::SUCCESS));
    let text = |text: &str| text.to_owned();
    for (verdict, last, status) in [
        (Verdict::Local { what: text("a ping") }, "for the gateway itself: a ping\n", ExitCode::SUCCESS),
        (
            Verdict::Held { reason: text("neighbor-unresolved"), message: text("asked"), cure: text("wait") },
            "held: asked (without an answer: neighbor-unresolved)\ncure: wait\n",
            ExitCode::SUCCESS,
        ),
        (
            Verdict::Dropped {
                reason: text("destination-record-missing"),
                hyperv: Some(text("Lookup record missing")),
                message: text("nobody is 10.0.0.9"),
                cure: text("add it"),
            },
            "dropped: nobody is 10.0.0.9 (destination-record-missing; Hyper-V: Lookup record missing)\ncure: add it\n",
            ExitCode::from(1),
        ),
    ] {
        let mut fixture = Fixture::new();
        fixture.explanation.verdict = verdict;
        let (said, code) = look(fixture, line);
        assert!(said.ends_with(last), "{said}");
        assert_eq!(code, status, "{said}");
    }
}

#[test]
fn doctor_shows_findings_with_their_cures() {
    let fixture = Fixture::new();
    let asked = fixture.asked.clone();
    let (text, status) = look(fixture, "doctor --no-probe");
    let expected = "\
HEALTH  CHECK           OBJECT                       FINDING
RED     provider-route  provider address 10.10.0.21  no provider route leads there, and 1 lookup record needs one
        cure: add a default gateway to site gateway-site
YELLOW  empty-vsid      VSID 5002                    no lookup records
        cure: add them with: nvgw lookup add
GREEN   path-mtu        all paths                    every path takes 1600 bytes
the gateway is RED
";
    assert_eq!((text.as_str(), status), (expected, ExitCode::from(2)));
    assert_eq!(asked.lock().expect("no panic").doctor, [false]);
    for (health, status) in [(Health::Yellow, 1), (Health::Green, 0)] {
        let mut fixture = Fixture::new();
        fixture.report.health = health;
        assert_eq!(look(fixture, "doctor --json").1, ExitCode::from(status));
    }
}

#[test]
fn colour_is_for_terminals() {
    let running = Running::start(Fixture::new());
    let line = format!("nvgw doctor --socket {}", running.socket().display());
    let Command::Tool(tool) = Cli::try_parse_from(line.split(' ')).expect("parses").command else {
        panic!("another command")
    };
    let mut out = Vec::new();
    execute(&tool, Style::Coloured, &mut out).expect("answers");
    let coloured = String::from_utf8(out).expect("text");
    assert!(coloured.contains("\x1b[31mRED   \x1b[0m  provider-route"), "{coloured}");
    let plain = ["\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"];
    let plain = plain.iter().fold(coloured, |text, code| text.replace(code, ""));
    assert_eq!(plain, ask(&running, "nvgw doctor"));
}

#[test]
fn wrong_targets_and_shapes_are_refused_with_2() {
    for (line, hint) in [
        ("nvgw ping", "<--provider <PA>|--vsid <VSID>>"),
        ("nvgw ping --provider 10.0.0.1 --vsid 5001 10.0.0.5", "cannot be used with"),
        ("nvgw ping --provider 10.0.0.1 10.0.0.5", "cannot be used with"),
        ("nvgw ping --vsid 5001", "<CA>"),
        ("nvgw ping 10.0.0.5", "--vsid <VSID>"),
        ("nvgw ping --provider 10.0.0.1 --size 20", "20 is not in 28..=65535"),
        ("nvgw ping --provider 10.0.0.1 --ttl 0", "0 is not in 1..=255"),
        ("nvgw ping --provider 10.0.0.1 --count 0", "0 is not in 1.."),
        ("nvgw ping --provider 10.0.0.1 --timeout 61", "write 0.001 to 60 seconds"),
        ("nvgw traceroute --vsid 16777216 10.0.0.5", "16777216 is not in 0..16777216"),
        ("nvgw explain --vsid 5001", "--dst <DST>"),
    ] {
        let error = Cli::try_parse_from(line.split(' ')).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
        assert!(error.to_string().contains(hint), "{line}: {error}");
    }
}

#[test]
fn a_gateway_that_does_not_answer_has_a_status_of_its_own() {
    for (line, status) in [
        ("nvgw doctor", 3),
        ("nvgw ping --provider 10.0.0.1", 2),
        ("nvgw traceroute --provider 10.0.0.1", 2),
        ("nvgw explain --dst 10.0.0.1", 2),
        ("nvgw nat lookup 198.51.100.16:1", 2),
        ("nvgw nat sessions", 1),
        ("nvgw tenant list", 1),
    ] {
        let line = format!("{line} --socket /nonexistent/admin.sock");
        assert!(run(&line).is_err(), "{line}");
        assert_eq!(Cli::try_parse_from(line.split(' ')).expect(&line).command.failure_status(), status);
    }
}
