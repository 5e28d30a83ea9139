//! Commands that change the gateway.

use std::fs;
use std::process::ExitCode;

use clap::Parser;
use nvgw_config::Change;
use serde_json::{Value, json};

use super::{ask, run, run_into};
use crate::api::ApiError;
use crate::api::fixture::{Fixture, Running};
use crate::api::view::ProblemView;
use crate::cli::{Cli, CliError};

fn refused(running: &Running, line: &str) -> CliError {
    run(&format!("{line} --socket {}", running.socket().display())).expect_err(line)
}

#[test]
fn each_command_makes_the_change_that_is_written() {
    let lookup = json!({"vsid": 5001, "address": "10.0.1.9", "provider-address": "100.64.30.2"});
    for (line, kind, expected) in [
        (
            "tenant add green --sender-check log-only --external isp2 --public-prefix 203.0.113.0/28",
            "add-tenant",
            json!({"name": "green", "sender-check": "log-only", "external": "isp2", "public-prefixes": ["203.0.113.0/28"]}),
        ),
        (
            "tenant add green --sender-check learn --learn-addresses-per-mac 2",
            "add-tenant",
            json!({"sender-check": "learn", "learn": {"addresses-per-mac": 2, "records-per-subnet": 256}}),
        ),
        (
            "tenant add green --sender-check learn --learn-records-per-subnet 9",
            "add-tenant",
            json!({"sender-check": "learn", "learn": {"addresses-per-mac": 8, "records-per-subnet": 9}}),
        ),
        (
            "tenant add green --router-advertisements off",
            "add-tenant",
            json!({"name": "green", "router-advertisements": "off"}),
        ),
        ("tenant move green --external isp2", "move-tenant", json!({"name": "green", "external": "isp2"})),
        ("tenant remove green", "remove-tenant", json!({"name": "green"})),
        (
            "subnet add --tenant green --vsid 7001 --prefix 10.0.1.0/24 --gateway 10.0.1.1",
            "add-subnet",
            json!({"tenant": "green", "vsid": 7001, "prefix": "10.0.1.0/24", "gateway": "10.0.1.1"}),
        ),
        (
            "subnet add --tenant green --vsid 7001 --prefix 10.0.1.0/24 --gateway 10.0.1.1 \
             --prefix-ipv6 2001:db8:71::/64 --gateway-ipv6 2001:db8:71::1",
            "add-subnet",
            json!({"prefix": "10.0.1.0/24", "prefix-ipv6": "2001:db8:71::/64", "gateway-ipv6": "2001:db8:71::1"}),
        ),
        ("subnet remove --vsid 7001", "remove-subnet", json!({"vsid": 7001})),
        (
            "lookup add --vsid 5001 --ca 10.0.1.9 --mac 02-15-5D-00-00-09 --pa 100.64.30.2 --name web --flow-id zero",
            "add-lookup",
            json!({"vsid": 5001, "address": "10.0.1.9", "mac": "02:15:5d:00:00:09", "provider-address": "100.64.30.2", "name": "web", "flow-id": "zero"}),
        ),
        ("lookup move --vsid 5001 --ca 10.0.1.9 --pa 100.64.30.2", "move-lookup", lookup),
        (
            "lookup remove --vsid 5001 --ca 10.0.1.9",
            "remove-lookup",
            json!({"vsid": 5001, "address": "10.0.1.9"}),
        ),
        (
            "customer-route add --tenant red 172.16.0.0/16 --via 10.0.1.5",
            "add-customer-route",
            json!({"tenant": "red", "prefix": "172.16.0.0/16", "next-hop": "10.0.1.5"}),
        ),
        (
            "customer-route move --tenant red 172.16.0.0/16 --via 10.0.1.6",
            "move-customer-route",
            json!({"tenant": "red", "prefix": "172.16.0.0/16", "next-hop": "10.0.1.6"}),
        ),
        (
            "customer-route remove --tenant red 172.16.0.0/16",
            "remove-customer-route",
            json!({"tenant": "red", "prefix": "172.16.0.0/16"}),
        ),
        ("provider-address add --site s", "add-provider-address", json!({"site": "s"})),
        (
            "provider-address add --site s 100.64.20.11",
            "add-provider-address",
            json!({"site": "s", "address": "100.64.20.11"}),
        ),
        (
            "provider-address remove 100.64.20.11",
            "remove-provider-address",
            json!({"address": "100.64.20.11"}),
        ),
        (
            "provider-route add 100.64.40.0/24 --via 100.64.20.2 --metric 10",
            "add-provider-route",
            json!({"prefix": "100.64.40.0/24", "next-hop": "100.64.20.2", "metric": 10}),
        ),
        (
            "provider-route add 2001:db8:40::/48 --via 2001:db8:20::2 --mtu 1400",
            "add-provider-route",
            json!({"prefix": "2001:db8:40::/48", "next-hop": "2001:db8:20::2", "metric": 0, "mtu": 1400}),
        ),
        (
            "provider-route move 100.64.40.0/24 --via 100.64.20.2 --to 100.64.20.3",
            "move-provider-route",
            json!({"prefix": "100.64.40.0/24", "next-hop": "100.64.20.2", "to": "100.64.20.3"}),
        ),
        (
            "provider-route remove 100.64.40.0/24 --via 100.64.20.2",
            "remove-provider-route",
            json!({"prefix": "100.64.40.0/24", "next-hop": "100.64.20.2"}),
        ),
        (
            "neighbor add --network s 100.64.20.2 --mac 02:00:00:00:00:02",
            "add-neighbor",
            json!({"network": "s", "address": "100.64.20.2", "mac": "02:00:00:00:00:02"}),
        ),
        (
            "neighbor move --network s 100.64.20.2 --mac 02:00:00:00:00:03",
            "move-neighbor",
            json!({"network": "s", "address": "100.64.20.2", "mac": "02:00:00:00:00:03"}),
        ),
        (
            "neighbor remove --network s 100.64.20.2",
            "remove-neighbor",
            json!({"network": "s", "address": "100.64.20.2"}),
        ),
    ] {
        let fixture = Fixture::new();
        let asked = fixture.asked.clone();
        let running = Running::start(fixture);
        let said = ask(&running, &format!("nvgw {line} --if-generation 41"));
        assert!(said.ends_with("\ngeneration 42\n"), "{line}: {said}");
        let asked = asked.lock().expect("no panic");
        let [(set, false)] = &asked.changes[..] else { panic!("{line}: {asked:?}") };
        assert_eq!(set.if_generation, Some(41));
        let [change] = &set.changes[..] else { panic!("{line}: {set:?}") };
        let written = change.to_value();
        let values = expected.as_object().expect("an object");
        assert_eq!(change.kind(), kind, "{line}");
        for (key, value) in values {
            assert_eq!(&written[kind][key], value, "{line}: {key}");
        }
    }
}

#[test]
fn a_dry_run_changes_nothing_and_json_is_the_server_s() {
    let fixture = Fixture::new();
    let asked = fixture.asked.clone();
    let running = Running::start(fixture);
    let said = ask(&running, "nvgw subnet remove --vsid 7001 --dry-run");
    assert_eq!(
        said,
        "+ {\"remove-subnet\":{\"vsid\":7001}}\nnothing has changed yet: it would be generation 42\n"
    );
    let said: Value =
        serde_json::from_str(&ask(&running, "nvgw subnet remove --vsid 7001 --json")).expect("JSON");
    assert_eq!((&said["generation"], &said["applied"]), (&json!(42), &json!(true)));
    let asked = asked.lock().expect("no panic");
    assert_eq!(asked.changes.iter().map(|(_, dry_run)| *dry_run).collect::<Vec<_>>(), [true, false]);
    assert!(matches!(asked.changes[0].0.changes[..], [Change::RemoveSubnet { .. }]));
}

#[test]
fn values_that_make_no_sense_are_refused_by_their_options_before_the_gateway_is_asked() {
    for (line, expected) in [
        ("lookup add --vsid 5001 --ca 10.0.1.9 --mac 02:15 --pa 100.64.10.2", "--mac: "),
        ("lookup move --vsid 5001 --ca 10.0.1.9 --pa nowhere", "--pa: "),
        ("lookup remove --vsid 99999999 --ca 10.0.1.9", "--vsid: "),
        (
            "provider-route add 10.0.1.5/24 --via 100.64.20.2",
            "PREFIX: 10.0.1.5/24 has host bits set; write 10.0.1.0/24",
        ),
        ("provider-route add 10.0.1.0/24 --via 10.0.1.0/24", "--via: "),
        (
            "provider-route add 2001:db8:40::/48 --via 2001:db8:20::2 --mtu 1279",
            "--mtu: mtu 1279 is less than IPv6 asks of a path, 1280; write 1280 or more",
        ),
        (
            "subnet add --tenant red --vsid 7001 --prefix 10.0.1.0/24 --gateway 10.0.1.1 --prefix-ipv6 2001:db8:71::/64",
            "--prefix-ipv6: prefix-ipv6 without gateway-ipv6; add gateway-ipv6",
        ),
        ("tenant add green --sender-check lax", "--sender-check: "),
        ("tenant add green --sender-check learn --learn-addresses-per-mac 0", "--learn-addresses-per-mac: "),
        ("tenant add green --learn-records-per-subnet 9", "the tenant does not learn; "),
        (
            "tenant add green --public-prefix 203.0.113.1/28",
            "--public-prefix: 203.0.113.1/28 has host bits set",
        ),
        ("neighbor add --network s here --mac 02:00:00:00:00:02", "ADDRESS: "),
    ] {
        let error = run(&format!("nvgw {line} --socket /nonexistent")).expect_err(line);
        assert!(error.to_string().starts_with(expected), "{line}: {error}");
        assert_eq!(error.status(), Some(2), "{line}");
    }
    for line in
        ["nvgw lookup add --vsid red", "nvgw lookup add --vsid 1", "nvgw provider-route add --via 10.0.0.1"]
    {
        assert_eq!(Cli::try_parse_from(line.split(' ')).expect_err(line).exit_code(), 2);
    }
}

#[test]
fn what_the_gateway_does_not_take_is_named_by_its_option() {
    let mut fixture = Fixture::new();
    let problem = |path: &str, message: &str| ProblemView {
        file: "changes".into(),
        line: 1,
        column: 30,
        path: path.into(),
        message: message.into(),
        hint: "see `nvgw lookup list`".into(),
    };
    fixture.refusal = Some(ApiError::refused(vec![
        problem("changes[0].move-lookup.provider-address", "100.64.30.2 is the gateway's own"),
        problem("changes[0].move-lookup", "there is no such record"),
    ]));
    let running = Running::start(fixture);
    let error = refused(&running, "nvgw lookup move --vsid 5001 --ca 10.0.1.9 --pa 100.64.30.2");
    assert_eq!(
        error.to_string(),
        "--pa: 100.64.30.2 is the gateway's own; see `nvgw lookup list`\n\
         there is no such record; see `nvgw lookup list`"
    );
    assert_eq!(error.status(), None);
    let error =
        refused(&running, "nvgw lookup remove --vsid 5001 --ca 10.0.1.9 --if-generation 7").to_string();
    assert!(
        error.starts_with("the changes are for generation 7, and the gateway is at generation 41"),
        "{error}"
    );
}

#[test]
fn apply_and_diff_take_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("changes.yaml");
    fs::write(&file, "changes:\n  - remove-subnet: { vsid: 7001 }\n").expect("writes");
    let running = Running::start(Fixture::new());
    let line = |command: &str| {
        format!("nvgw {command} -f {} --socket {}", file.display(), running.socket().display())
    };
    let mut out = Vec::new();
    assert_eq!(run_into(&line("diff"), &mut out).expect("answers"), ExitCode::from(1));
    let out = String::from_utf8(out).expect("text");
    assert_eq!(
        out,
        "+ {\"remove-subnet\":{\"vsid\":7001}}\nnothing has changed yet: it would be generation 42\n"
    );
    let said = run(&line("apply")).expect("applies");
    assert_eq!(said, "+ {\"remove-subnet\":{\"vsid\":7001}}\ngeneration 42\n");
    fs::write(&file, "changes: []\n").expect("writes");
    let said = run(&line("apply")).expect("applies");
    assert_eq!(said, "everything was so already: generation 43\n");
    let mut out = Vec::new();
    assert_eq!(run_into(&line("diff"), &mut out).expect("answers"), ExitCode::SUCCESS);
    assert_eq!(String::from_utf8(out).expect("text"), "nothing would change\n");
    let conflict = run(&format!("{} --if-generation 41", line("apply"))).expect_err("conflict").to_string();
    assert!(conflict.contains("generation 41, and the gateway is at generation 43"), "{conflict}");
}

#[test]
fn mistakes_in_a_file_have_their_place_in_that_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("changes.yaml");
    fs::write(&file, "changes:\n  - remove-subnet: { vsid: red }\n").expect("writes");
    let running = Running::start(Fixture::new());
    let error = refused(&running, &format!("nvgw apply -f {}", file.display())).to_string();
    let mut lines = error.lines();
    assert_eq!(lines.next(), Some("the changes have a mistake; nothing has changed"));
    let place = format!("{}:2:", file.display());
    assert!(lines.next().is_some_and(|line| line.starts_with(&place)), "{error}");
    let missing =
        refused(&running, &format!("nvgw apply -f {}", dir.path().join("none").display())).to_string();
    assert!(
        missing.starts_with("cannot read ") && missing.ends_with("No such file or directory"),
        "{missing}"
    );
}

#[test]
fn objects_are_listed() {
    let running = Running::start(Fixture::new());
    for (line, expected) in [
        ("tenant list", "\
TENANT  GATEWAY MAC        SENDER CHECK  EXTERNAL  SUBNETS  RECORDS  NAT SESSIONS  NAT PORTS  OWNER   PUBLIC PREFIXES                 ROUTING DOMAIN
red     02:00:5e:00:00:01  learn         internet        1        3             3          3  config  203.0.113.0/28 203.0.113.64/28  {6c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e01}
"),
        ("subnet list --tenant red", "\
TENANT  VSID  PREFIX                       GATEWAY                 OWNER
red     5001  10.0.0.0/24 2001:db8:1::/64  10.0.0.1 2001:db8:1::1  config
"),
        ("customer-route list", "\
TENANT  PREFIX         VIA       OWNER
red     172.16.0.0/16  10.0.0.5  api
"),
        ("provider-address list --site gateway-site", "\
SITE          ADDRESS       STATE      PRIMARY  PORT   VLAN  SUBNET          OWNER   CLAIMED BY
gateway-site  100.64.20.10  preferred  yes      wire0    20  100.64.20.0/24  config  -
gateway-site  100.64.20.11  duplicate  no       wire0    20  100.64.20.0/24  config  02:00:00:00:00:99
"),
        ("provider-route list --prefix 0.0.0.0/0", "\
PREFIX     VIA          SITE          METRIC   MTU  OWNER  IN FORCE  STATE
0.0.0.0/0  100.64.20.1  gateway-site     256  1500  site   yes       ready
"),
        ("show events --after 1", "\
EVENT  AFTER (S)  KIND          OBJECT                              WHAT HAPPENED
    2       75.3  lookup-moved  lookup record 10.0.0.2 (VSID 5001)  from 100.64.10.9 to 100.64.10.2
"),
        ("neighbor list", "no neighbours yet\n"),
        ("subnet list --tenant blue", "no virtual subnets match\n"),
    ] {
        assert_eq!(ask(&running, &format!("nvgw {line}")), expected, "{line}");
    }
    let moved = ask(&running, "nvgw lookup list --address 10.0.0.2");
    assert!(moved.contains("from 100.64.10.9 by api"), "{moved}");
}

#[test]
fn help_names_the_defaults_that_a_tenant_gets() {
    let set =
        nvgw_config::parse_changes("changes: [{ add-tenant: { name: green } }]", "changes").expect("right");
    let tenant = &set.changes[0].to_value()["add-tenant"];
    let help = Cli::try_parse_from(["nvgw", "tenant", "add", "--help"]).expect_err("help").to_string();
    for key in ["gateway-mac", "sender-check"] {
        let default = tenant[key].as_str().expect("a default");
        let (_, option) = help.split_once(&format!("--{key} ")).expect("an option");
        let (_, rest) = option.split_once("left out, ").expect("what is taken then");
        assert!(rest.starts_with(default), "{key}: {default}: {rest}");
    }
}
