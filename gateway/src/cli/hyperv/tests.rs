//! Imports and exports by their command lines.

use std::path::Path;

use clap::Parser;
use tempfile::TempDir;

use super::*;
use crate::api::fixture::{Fixture, Running};
use crate::cli::{Cli, Command, ToolCommand};

const POLICY: &str = r#"[
  { "VirtualSubnetID": 5001, "CustomerAddress": "10.0.1.5", "MACAddress": "00155D000005", "ProviderAddress": "100.64.10.2" },
  { "VirtualSubnetID": 5001, "CustomerAddress": "10.0.1.6", "MACAddress": "00155D000006", "ProviderAddress": "100.64.10.2", "Unusable": true },
  { "RoutingDomainID": "{6C1A3A52-3D2B-4C0E-9A65-0D7A5F0C9E01}", "VirtualSubnetID": 5001, "DestinationPrefix": "10.0.1.0/24", "NextHop": "0.0.0.0" }
]"#;

/// Everything that Hyper-V does not know.
const UNDERLAY: &str = "--provider-device 3b:00.0 --provider-address 100.64.20.10/24 --provider-gateway 100.64.20.1 \
    --provider-vlan 20 --external-device 3b:00.1 --external-address 198.18.0.2/24 --external-gateway 198.18.0.1 \
    --tenant-name 6c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e01=red --gateway 5001=10.0.1.254";

fn policy() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("policy.json"), POLICY).expect("written");
    directory
}

/// Standard output and standard error of a command in a directory.
fn run(directory: &Path, line: &str) -> Result<(String, String), CliError> {
    let line = line.replace("@", &format!("{}/", directory.display()));
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    match Cli::try_parse_from(line.split_whitespace()).unwrap_or_else(|error| panic!("{error}")).command {
        Command::Tool(ToolCommand::Import(from)) => import(&from, &mut out, &mut notes)?,
        Command::Tool(ToolCommand::Export(to)) => export(&to, &mut out)?,
        other => panic!("another command: {other:?}"),
    }
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ok((text(out), text(notes)))
}

#[test]
fn an_import_goes_back_to_the_hosts() {
    let directory = policy();
    let (config, notes) =
        run(directory.path(), &format!("nvgw import hyperv @policy.json {UNDERLAY}")).expect("right");
    let skipped = "policy.json:3:3: [1]: skipped: Hyper-V calls it unusable; set it right on the hosts, and export \
                   again\n";
    assert!(notes.ends_with(skipped) && notes.lines().count() == 1, "{notes}");
    std::fs::write(directory.path().join("gw.yaml"), config).expect("written");
    let (script, _) = run(directory.path(), "nvgw export hyperv --tenant red -c @gw.yaml").expect("right");
    for part in
        ["-CustomerAddress '10.0.1.254'", "-ProviderAddress '100.64.20.10'", "$elsewhere = '100.64.10.2'"]
    {
        assert!(script.contains(part), "{part}: {script}");
    }
    let error =
        run(directory.path(), "nvgw export hyperv --tenant blue -c @gw.yaml").expect_err("no such tenant");
    assert_eq!(error.to_string(), "there is no tenant \"blue\"; the tenants are: red");
}

#[test]
fn a_running_gateway_is_exported_as_it_is_now() {
    let mut fixture = Fixture::new();
    fixture.records = 3;
    let running = Running::start(fixture);
    let line = |rest: &str| format!("nvgw export hyperv --socket {} {rest}", running.socket().display());
    let (script, _) = run(Path::new("."), &line("--tenant red")).expect("a script");
    for part in [
        "its gateway is nvgw, at provider address 100.64.20.10.",
        "$domain = '{6c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e01}'",
        "-CustomerAddress '10.0.0.1' -VirtualSubnetID 5001 -MACAddress '02005E000001'",
        "-CustomerAddress '2001:db8:1::1' -VirtualSubnetID 5001 -MACAddress '02005E000001'",
        "-DestinationPrefix '::/0' -NextHop '2001:db8:1::1'",
        "$elsewhere = '100.64.10.2'\n",
    ] {
        assert!(script.contains(part), "{part}: {script}");
    }
    for (rest, expected) in [
        ("--tenant green", "there is no tenant \"green\"; the tenants are: red"),
        ("--tenant red --gateway-vsid 5002", "VSID 5002 is no subnet of tenant red; its VSIDs are: 5001"),
        // The gateway has it, and does not use it: another station does.
        (
            "--tenant red --provider-address 100.64.20.11",
            "this gateway does not receive at provider address 100.64.20.11; write one of: 100.64.20.10",
        ),
    ] {
        let error = run(Path::new("."), &line(rest)).expect_err(rest);
        assert_eq!(error.to_string(), expected);
    }
    let line = line("--tenant red");
    drop(running);
    assert!(matches!(run(Path::new("."), &line), Err(CliError::NoGateway { .. })));
}

#[test]
fn what_is_still_to_be_edited_is_told() {
    let directory = policy();
    let (config, notes) = run(directory.path(), "nvgw import hyperv @policy.json").expect("right");
    let edits: Vec<&str> = notes.lines().filter(|line| line.starts_with("edit ")).collect();
    assert_eq!(edits.len(), 3, "{notes}");
    assert!(config.contains("# EDIT: the PCI address"), "{config}");
}

#[test]
fn changes_need_no_underlay() {
    let directory = policy();
    let (changes, notes) =
        run(directory.path(), "nvgw import hyperv --as changes @policy.json").expect("right");
    assert!(changes.contains("  - add-lookup: { vsid: 5001, address: 10.0.1.5, "), "{changes}");
    assert!(!notes.contains("edit "), "{notes}");
}

#[test]
fn refusals_say_why() {
    let directory = policy();
    std::fs::write(directory.path().join("bad.json"), "[{ \"CustomerAddress\": \"10.0.1\" }]")
        .expect("written");
    for (line, expected) in [
        ("nvgw import hyperv @none.json", "cannot read "),
        ("nvgw import hyperv --strict @policy.json", "1 object was skipped; "),
        (
            "nvgw import hyperv @policy.json @bad.json",
            "bad.json:1:23: [0].CustomerAddress: \"10.0.1\" is no IP address; ",
        ),
        (
            "nvgw import hyperv @policy.json --gateway 5001=10.0.2.1",
            "--gateway 5001=10.0.2.1: write an address",
        ),
        (
            "nvgw import hyperv @policy.json --provider-address 100.64.10.2/24",
            "tenants[0].records[0].provider-address: provider address 100.64.10.2 is our own; ",
        ),
    ] {
        let error = run(directory.path(), line).expect_err(line).to_string();
        assert!(error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn mistakes_on_the_command_line_say_what_to_write() {
    for (line, expected) in [
        ("nvgw import hyperv", "<FILE>"),
        ("nvgw import hyperv f --as xml", "config, changes"),
        ("nvgw import hyperv f --tenant-name red", "write two values with = between them"),
        ("nvgw import hyperv f --gateway red=10.0.0.1", "write a number from 4096"),
        ("nvgw import hyperv f --gateway 5001=host", "invalid IP address"),
        ("nvgw import hyperv f --provider-vlan 4095", "4094"),
        ("nvgw import hyperv f --provider-gateway 10.0.0.1", "--provider-address"),
        ("nvgw import hyperv f --external-device 3b:00.1", "--external-address"),
        ("nvgw export hyperv -c f", "--tenant"),
    ] {
        let error = Cli::try_parse_from(line.split(' ')).expect_err(line);
        assert!(error.to_string().contains(expected), "{line}: {error}");
    }
}
