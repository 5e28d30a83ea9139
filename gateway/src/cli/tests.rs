//! Commands against a running server, and what people see.

mod diagnosis;
mod nat;
mod writes;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use super::{Cli, CliError, Command, Style, execute};
use crate::api::fixture::{Fixture, Running};
use crate::api::view::{NeighborState, NeighborView};
use crate::api::{ApiError, Page};
use crate::telemetry::DropReason;

fn run_into(line: &str, out: &mut impl Write) -> Result<ExitCode, CliError> {
    match Cli::try_parse_from(line.split(' ')).expect("a command line").command {
        Command::Tool(tool) => execute(&tool, Style::Plain, out),
        other => panic!("{other:?} needs the datapath"),
    }
}

fn run(line: &str) -> Result<String, CliError> {
    let mut out = Vec::new();
    run_into(line, &mut out).map(|_| String::from_utf8(out).expect("text"))
}

/// What a command to a running gateway prints.
fn ask(running: &Running, line: &str) -> String {
    run(&format!("{line} --socket {}", running.socket().display())).expect(line)
}

#[test]
fn ports_are_a_table() {
    let expected = "\
PORT   LINK   MBIT/S  MAC                 MTU  RX PACKETS  RX BYTES  TX PACKETS  TX BYTES  TX DROPPED  RX MISSED  RX ERRORS  NO BUFFER  NUMA  RSS       CHECKSUMS  DRIVER   DEVICE
wire0  up    100,000  02:00:00:00:00:01  1600       1,500   150,000       1,407   196,420           0         12          0          0     -  software  both       net_ice  0000:3b:00.0
";
    assert_eq!(ask(&Running::start(Fixture::new()), "nvgw show ports"), expected);
}

#[test]
fn workers_vrfs_routes_and_alarms_are_tables() {
    let running = Running::start(Fixture::new());
    let workers = "\
WORKER  CORE  BUSY %  RECEIVED  HANDED OUT  TAKEN OVER  TX PACKETS  PACKETS/BURST  BURSTS  IDLE POLLS  NAT ENTRIES         OF  QUEUES
     0     1    25.0     1,600         300         200       1,400           15.0     100         300            5  1,000,000  wire0/0
";
    assert_eq!(ask(&running, "nvgw show workers"), workers);
    let vrfs = "\
ID  VRF  KIND    TENANT  EXTERNAL  SUBNETS  RECORDS  ROUTES  RX PACKETS  RX BYTES  TX PACKETS  TX BYTES  ROUTING DOMAIN
 0  red  tenant  red     internet        1        3       2         900    90,000         500    50,000  -
";
    assert_eq!(ask(&running, "nvgw show vrfs --name red"), vrfs);
    let routes = "\
TABLE     PREFIX          TARGET             NEXT HOP  INTERFACE     METRIC  OWNER      STATE
provider  100.64.20.0/24  site gateway-site  -         gateway-site       0  connected  ready
";
    assert_eq!(ask(&running, "nvgw show routes"), routes);
    let alarms = "\
SEVERITY  OBJECT                        ALARM                          CURE
critical  provider address 100.64.99.9  no provider route leads there  add a route to `provider.routes`
";
    assert_eq!(ask(&running, "nvgw show alarms"), alarms);
}

#[test]
fn lookup_takes_filters() {
    let expected = "\
TENANT  VSID  ADDRESS   MAC                PROVIDER ADDRESS  NEXT HOP     OWNER   MOVED  STATE  NAME
red     5001  10.0.0.1  02:15:5d:00:00:05  100.64.10.2       100.64.20.1  config  -      ready  web-1
";
    let running = Running::start(Fixture::new());
    assert_eq!(ask(&running, "nvgw show lookup --tenant red --vsid 5001 --address 10.0.0.1"), expected);
    assert_eq!(ask(&running, "nvgw show lookup --address 10.9.9.9"), "no lookup records match\n");
    assert_eq!(ask(&running, "nvgw show routes --prefix 10.0.0.0/8 --table provider"), "no routes match\n");
}

#[test]
fn neighbors_may_be_none_yet() {
    assert_eq!(ask(&Running::start(Fixture::new()), "nvgw show neighbors"), "no neighbours yet\n");
    let mut fixture = Fixture::new();
    let address = "198.18.0.1".parse().expect("an address");
    fixture.neighbors = vec![NeighborView {
        network: "internet".into(),
        address,
        mac: None,
        owner: "arp".into(),
        state: NeighborState::Incomplete,
        age_seconds: None,
        held: 4,
    }];
    let expected = "\
NETWORK   ADDRESS     MAC  OWNER  STATE       AGE (S)  HELD
internet  198.18.0.1  -    arp    incomplete        -     4
";
    assert_eq!(ask(&Running::start(fixture), "nvgw show neighbors"), expected);
}

#[test]
fn show_drops_knows_every_reason() {
    let running = Running::start(Fixture::new());
    let table = ask(&running, "nvgw show drops");
    assert_eq!(table.lines().count(), 1 + DropReason::COUNT);
    for reason in DropReason::ALL {
        let line = table.lines().find(|line| line.split(' ').next() == Some(reason.name()));
        let line = line.unwrap_or_else(|| panic!("{reason:?} is missing"));
        assert!(line.contains(reason.description()), "{line}");
    }
    let expected = "\
REASON               PACKETS  DESCRIPTION                                              HYPER-V
gre-no-key                60  GRE's key bit is clear: no VSID.                         -
neighbor-unresolved        2  The next hop did not answer ARP or neighbour discovery.  Neighbour unresolved
";
    assert_eq!(ask(&running, "nvgw show drops --nonzero"), expected);
}

#[test]
fn json_joins_all_pages_into_one_document() {
    let mut fixture = Fixture::new();
    fixture.records = 2 * Page::MAX_ROWS as u32 + 1;
    let running = Running::start(fixture);
    let text = ask(&running, "nvgw show lookup --json");
    let document: serde_json::Value = serde_json::from_str(&text).expect("one document");
    let rows = document["lookup"].as_array().expect("a list");
    assert_eq!(rows.len(), 2 * Page::MAX_ROWS + 1);
    assert_eq!(rows[2 * Page::MAX_ROWS]["address"], "10.0.78.33");
    assert_eq!(text.lines().count(), rows.len() + 2);
    let table = ask(&running, "nvgw show lookup");
    assert_eq!(table.lines().count(), rows.len() + 1);
    let empty: serde_json::Value =
        serde_json::from_str(&ask(&running, "nvgw show neighbors --json")).expect("a document");
    assert_eq!(empty, serde_json::json!({"neighbors": []}));
}

#[test]
fn stats_show_cycles_and_bursts_of_each_stage() {
    let expected = "\
in 2.0 seconds

PACKETS                 COUNT  PER SECOND
forwarded               1,400         700
fragmented                  0           0
fragments sent              0           0
reassembled                 0           0
fragments reassembled       0           0
consumed                   38          19
originated                  7           4
ICMP errors sent            3           2
ICMP errors suppressed      2           1
punted                     40          20
dropped                    62          31
sender unverified           0           0

PORT   CLASS     PUNTED  PER SECOND  POLICED  PER SECOND  QUEUE FULL
wire0  neighbor      40          20  120,000      60,000           3

IN THE BOX         FRAMES  P50 µs  P90 µs  P99 µs  P99.9 µs   MAX µs
tenant-to-outside   1,000     4.0    12.0    50.0      50.0  9,000.0
outside-to-tenant     400     6.0     6.0     6.0       6.0      6.0

WORKER  CORE  RX PACKETS  RX/SECOND  TX PACKETS  CYCLES/PACKET  PACKETS/BURST  BUSY %
     0     1       1,500        750       1,400          333.3           15.0    25.0

WORKER  STAGE        PACKETS  CYCLES/PACKET  PACKETS/BURST
     0  receive        1,500           20.0           15.0
     0  spread             0            0.0            0.0
     0  parse              0            0.0            0.0
     0  decapsulate    1,000           20.0           10.0
     0  route              0            0.0            0.0
     0  translate          0            0.0            0.0
     0  resolve            0            0.0            0.0
     0  rewrite            0            0.0            0.0
     0  transmit           0            0.0            0.0
";
    let running = Running::start(Fixture::new());
    assert_eq!(ask(&running, "nvgw stats"), expected);
    let json: serde_json::Value = serde_json::from_str(&ask(&running, "nvgw stats --json")).expect("JSON");
    assert_eq!(json["workers"][0]["busy_cycles"], 500_000);
}

#[test]
fn reload_says_what_changed_or_what_is_wrong() {
    let running = Running::start(Fixture::new());
    assert_eq!(ask(&running, "nvgw reload"), "applied gw.yaml:\n  1 tenant added\n");
    let mut fixture = Fixture::new();
    let problems = nvgw_config::parse("sistem: {}\n", "gw.yaml").expect_err("it has mistakes");
    let lines = problems.to_string();
    fixture.reload = Err(ApiError::from(&problems.into()));
    let running = Running::start(fixture);
    let error = run(&format!("nvgw reload --socket {}", running.socket().display())).expect_err("refused");
    assert_eq!(
        error.to_string(),
        format!("gw.yaml has mistakes; nothing has changed; correct the file\n{lines}")
    );
}

#[test]
fn what_the_gateway_refuses_is_one_line() {
    let running = Running::start(Fixture::new());
    let line = format!("nvgw show lookup --tenant green --socket {}", running.socket().display());
    let error = run(&line).expect_err("no such tenant");
    assert_eq!(error.to_string(), "there is no such tenant; see `nvgw show vrfs`");
}

#[test]
fn a_gateway_that_does_not_run_is_one_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("admin.sock");
    let error = run(&format!("nvgw show ports --socket {}", socket.display())).expect_err("nobody there");
    let expected = format!(
        "no gateway answers at {}: No such file or directory; is `nvgw run` up, or name its socket with --socket?",
        socket.display()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn version_tells_program_and_gateway_apart() {
    let own = format!("nvgw {}\n", env!("CARGO_PKG_VERSION"));
    let running = Running::start(Fixture::new());
    let socket = running.socket();
    let expected = format!("{own}running at {}: nvgw 1.2.3, DPDK 22.11.7\n", socket.display());
    assert_eq!(ask(&running, "nvgw version"), expected);
    drop(running);
    let line = format!("nvgw version --socket {}", socket.display());
    let said = run(&line).expect("its own version");
    assert!(said.starts_with(&format!("{own}no gateway answers at {}: ", socket.display())), "{said}");
}

/// A pipe whose reader has gone.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let running = Running::start(Fixture::new());
    for command in ["show ports", "show drops --json", "stats", "reload"] {
        let line = format!("nvgw {command} --socket {}", running.socket().display());
        assert!(matches!(run_into(&line, &mut Gone), Ok(ExitCode::SUCCESS)), "{line}");
    }
    assert!(matches!(run_into("nvgw schema", &mut Gone), Ok(ExitCode::SUCCESS)));
}

#[test]
fn every_example_is_printed_and_checks() {
    let dir = tempfile::tempdir().expect("a directory");
    let names = run("nvgw example").expect("names");
    assert!(names.lines().count() >= 3, "{names}");
    let (changes, text) = nvgw_config::CHANGES_EXAMPLE;
    assert_eq!(run(&format!("nvgw example {changes}")).expect("an example"), text);
    assert!(names.lines().any(|name| name == changes), "{names}");
    for name in names.lines().filter(|name| *name != changes) {
        let file = dir.path().join(name);
        std::fs::write(&file, run(&format!("nvgw example {name}")).expect("an example")).expect("writes");
        let said = check(&file, "").expect(name);
        assert!(said.starts_with(&format!("{}: no mistakes: ", file.display())), "{said}");
    }
    assert_eq!(
        run("nvgw example laptop").expect("short name"),
        run("nvgw example laptop.yaml").expect("name")
    );
    let error = run("nvgw example phone.yaml").expect_err("no such example").to_string();
    assert!(error.starts_with("there is no example \"phone.yaml\"; the examples are: "), "{error}");
}

fn check(file: &Path, options: &str) -> Result<String, CliError> {
    run(&format!("nvgw check {}{options}", file.display()))
}

#[test]
fn check_prints_every_mistake_and_fails() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("gw.yaml");
    std::fs::write(&file, "ports: 5\nsistem: {}\n").expect("writes");
    let problems = nvgw_config::load(&file).expect_err("it has mistakes").to_string();
    for (options, expected) in [(" --json", None), ("", Some(format!("{problems}\n")))] {
        let mut out = Vec::new();
        let error =
            run_into(&format!("nvgw check {}{options}", file.display()), &mut out).expect_err("mistakes");
        assert!(matches!(&error, CliError::Mistakes { count, .. } if *count == problems.lines().count()));
        let out = String::from_utf8(out).expect("text");
        match expected {
            Some(expected) => assert_eq!(out, expected),
            None => {
                let verdict: serde_json::Value = serde_json::from_str(&out).expect("JSON");
                assert_eq!(verdict["problems"].as_array().expect("a list").len(), problems.lines().count());
                assert_eq!(verdict["problems"][0]["line"], 1);
            }
        }
    }
    let error = check(&dir.path().join("none.yaml"), "").expect_err("no file").to_string();
    assert!(error.starts_with("cannot read ") && error.contains("none.yaml"), "{error}");
}

#[test]
fn the_openapi_document_is_that_of_the_server() {
    let printed: serde_json::Value =
        serde_json::from_str(&run("nvgw openapi").expect("a document")).expect("JSON");
    assert_eq!(printed, Running::start(Fixture::new()).admin("GET", "/v1/openapi.json").json());
}

#[test]
fn the_schema_is_json() {
    let schema: serde_json::Value =
        serde_json::from_str(&run("nvgw schema").expect("a schema")).expect("JSON");
    assert!(schema["properties"]["tenants"].is_object(), "{schema}");
}
