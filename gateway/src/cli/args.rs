//! What can be written on the command line. The comments here are the help that people read.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::hyperv::{Exporter, Importer};
use crate::api::{
    AlarmFilter, EventFilter, LookupFilter, NeighborFilter, RouteFilter, VrfFilter, WholeTable,
};

mod diagnosis;
mod nat;
mod objects;

pub(super) use diagnosis::{DoctorOptions, ExplainOptions, PingOptions, TracerouteOptions};
pub(super) use nat::{NatCommand, NatLookupOptions, NatSessionOptions};
pub(super) use objects::*;

/// A multi-tenant NVGRE gateway
#[derive(Debug, Parser)]
#[command(name = "nvgw", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway
    Run(RunOptions),
    /// Run captures through the gateway's datapath, without privileges
    Replay(ReplayOptions),
    /// Everything that needs no datapath.
    #[command(flatten)]
    Tool(ToolCommand),
}

/// `nvgw run`.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct RunOptions {
    /// The configuration
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
}

/// `nvgw replay`.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct ReplayOptions {
    /// The configuration; its devices are ignored
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
    /// A capture (pcap or pcapng) that comes in on a port; may be given several times
    #[arg(long = "in", value_name = "PORT=CAPTURE", value_parser = input, required = true)]
    pub inputs: Vec<(String, PathBuf)>,
    /// A change document (as `nvgw apply` takes) that is applied so long after the first packet; may be given several
    /// times
    #[arg(long = "at", value_name = "SECONDS=FILE", value_parser = change)]
    pub changes: Vec<(Duration, PathBuf)>,
    /// Check the gateway's provider addresses for duplicates before they are used, as `nvgw run` does when it starts
    #[arg(long)]
    pub cold_start: bool,
    /// Where PORT.pcap for every port and report.json are written
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How long the clock runs on after the last packet, so that retries and time-outs show
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub settle: Duration,
    /// Write frames as the wire has them: padded to 60 bytes and followed by their check sequence
    #[arg(long)]
    pub fcs: bool,
}

/// Commands that need no datapath.
#[derive(Debug, Subcommand)]
pub enum ToolCommand {
    /// Say what is wrong with a configuration
    Check(CheckOptions),
    /// Print the configuration's JSON schema
    Schema,
    /// Print the admin API's OpenAPI document
    #[command(name = "openapi")]
    OpenApi,
    /// Print an example configuration
    Example {
        /// Which one; without it, the names of all are printed
        name: Option<String>,
    },
    /// Show what the running gateway holds
    #[command(subcommand)]
    Show(Show),
    /// Make, move, remove and list tenants
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Make, remove and list virtual subnets
    #[command(subcommand)]
    Subnet(SubnetCommand),
    /// Make, move, remove and list lookup records
    #[command(subcommand)]
    Lookup(LookupCommand),
    /// Make, move, remove and list customer routes
    #[command(subcommand)]
    CustomerRoute(CustomerRouteCommand),
    /// Make, remove and list the gateway's own provider addresses
    #[command(subcommand)]
    ProviderAddress(ProviderAddressCommand),
    /// Make, move, remove and list provider routes
    #[command(subcommand)]
    ProviderRoute(ProviderRouteCommand),
    /// Make, move, remove and list neighbours
    #[command(subcommand)]
    Neighbor(NeighborCommand),
    /// Make all changes of a file, or none
    Apply(ApplyOptions),
    /// Say what the changes of a file would do; exit status 0: nothing, 1: something, 2: no answer
    Diff(DiffOptions),
    /// Ask an address in the provider network or in a tenant's; exit status 0: it answered, 1: it did not, 2: the
    /// gateway could not be asked
    Ping(PingOptions),
    /// Find the routers on the way to an address; exit status as that of ping
    Traceroute(TracerouteOptions),
    /// Walk a packet through the gateway's tables; exit status 0: it passes, 1: it is dropped, 2: no answer
    Explain(ExplainOptions),
    /// Look for what is wrong; exit status 0: green, 1: yellow, 2: red, 3: no answer
    Doctor(DoctorOptions),
    /// Look into address translation: sessions, pools, and whose a public port is
    #[command(subcommand)]
    Nat(NatCommand),
    /// Show packets, cycles per packet and packets per burst of each worker and stage
    Stats(StatsOptions),
    /// Have the running gateway read its configuration again
    Reload(SocketOption),
    /// Make a configuration or a change document of what another system holds
    #[command(subcommand)]
    Import(Importer),
    /// Print what points other systems at this gateway
    #[command(subcommand)]
    Export(Exporter),
    /// Print the versions of this program and of the running gateway
    Version(SocketOption),
    /// Print the documentation's page of drop reasons
    #[command(hide = true)]
    DropReasons,
}

impl Command {
    /// The exit status where the command cannot be carried out.
    #[must_use]
    pub fn failure_status(&self) -> u8 {
        match self {
            Self::Tool(
                ToolCommand::Diff(_)
                | ToolCommand::Ping(_)
                | ToolCommand::Traceroute(_)
                | ToolCommand::Explain(_)
                | ToolCommand::Nat(NatCommand::Lookup(_)),
            ) => 2,
            Self::Tool(ToolCommand::Doctor(_)) => 3,
            _ => 1,
        }
    }
}

/// `nvgw check`.
#[derive(Debug, Args)]
pub struct CheckOptions {
    /// The configuration
    pub file: PathBuf,
    /// Write JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// `nvgw apply`.
#[derive(Debug, Args)]
pub struct ApplyOptions {
    /// The changes, YAML or JSON; `-`: standard input
    #[arg(short, long)]
    pub file: PathBuf,
    /// How they are made.
    #[command(flatten)]
    pub how: HowToChange,
}

/// `nvgw diff`.
#[derive(Debug, Args)]
pub struct DiffOptions {
    /// The changes, YAML or JSON; `-`: standard input
    #[arg(short, long)]
    pub file: PathBuf,
    /// For which generation.
    #[command(flatten)]
    pub how: HowToChange,
}

/// Where the running gateway is reached.
#[derive(Debug, Clone, Args)]
pub struct SocketOption {
    /// The running gateway's admin socket
    #[arg(long, value_name = "PATH", env = "NVGW_SOCKET", default_value = "/run/nvgw/admin.sock")]
    pub socket: PathBuf,
}

/// What to show.
#[derive(Debug, Subcommand)]
pub enum Show {
    /// The ports and what went through them
    Ports(Listing<WholeTable>),
    /// The workers and how busy they are
    Workers(Listing<WholeTable>),
    /// The routing tables of tenants and external networks
    Vrfs(Listing<VrfFilter>),
    /// Lookup records: where customer addresses live
    Lookup(Listing<LookupFilter>),
    /// Routes of tenants, external networks and the provider network
    Routes(Listing<RouteFilter>),
    /// Neighbours on provider sites and external networks
    Neighbors(Listing<NeighborFilter>),
    /// Packets dropped, for each reason
    Drops {
        /// Where and how.
        #[command(flatten)]
        listing: Listing<WholeTable>,
        /// Only the reasons that happened
        #[arg(long)]
        nonzero: bool,
    },
    /// What should be looked at before packets are lost
    Alarms(Listing<AlarmFilter>),
    /// What has happened lately
    Events(Listing<EventFilter>),
}

/// How a list is shown.
#[derive(Debug, Args)]
pub struct Listing<F: Args> {
    /// Which rows.
    #[command(flatten)]
    pub filter: F,
    /// Where the gateway is.
    #[command(flatten)]
    pub at: SocketOption,
    /// Write JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// `nvgw stats`.
#[derive(Debug, Args)]
pub struct StatsOptions {
    /// Where the gateway is.
    #[command(flatten)]
    pub at: SocketOption,
    /// Write JSON, for programs; with --watch one line for each sample
    #[arg(long)]
    pub json: bool,
    /// Show what happened in every so many seconds, until interrupted
    #[arg(long, value_name = "SECONDS", value_parser = period)]
    pub watch: Option<Duration>,
}

fn input(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((port, capture)) if !port.is_empty() && !capture.is_empty() => {
            Ok((port.to_owned(), PathBuf::from(capture)))
        }
        _ => Err("write PORT=CAPTURE, as in wire0=in.pcap".to_owned()),
    }
}

fn change(text: &str) -> Result<(Duration, PathBuf), String> {
    match text.split_once('=') {
        Some((at, file)) if !file.is_empty() => Ok((seconds(at)?, PathBuf::from(file))),
        _ => Err("write SECONDS=FILE, as in 2.5=move.yaml".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "write a number of seconds, as in 2.5".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn period(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("write more than 0 seconds".to_owned()),
        period => Ok(period),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn replay_takes_several_captures_in_the_order_written() {
        let line = "nvgw replay -c gw.yaml --in b=2.pcap --in a=x=1.pcap --out out --settle 0.5";
        let Command::Replay(options) = Cli::try_parse_from(line.split(' ')).expect("parses").command else {
            panic!("another command");
        };
        assert_eq!(
            options,
            ReplayOptions {
                config: "gw.yaml".into(),
                inputs: vec![("b".into(), "2.pcap".into()), ("a".into(), "x=1.pcap".into())],
                out: "out".into(),
                changes: vec![],
                cold_start: false,
                settle: Duration::from_millis(500),
                fcs: false,
            }
        );
    }

    #[test]
    fn replay_takes_several_changes_with_fractions_of_seconds() {
        let line = "nvgw replay -c f --in a=b --out d --at 2.5=x=1.yaml --at 0=b.yaml --cold-start";
        let Command::Replay(options) = Cli::try_parse_from(line.split(' ')).expect("parses").command else {
            panic!("another command");
        };
        let changes: [(_, PathBuf); 2] =
            [(Duration::from_millis(2500), "x=1.yaml".into()), (Duration::ZERO, "b.yaml".into())];
        assert_eq!(options.changes, changes);
        assert!(options.cold_start);
    }

    #[test]
    fn mistakes_on_the_command_line_say_what_to_write_and_exit_with_2() {
        for (line, hint) in [
            ("nvgw replay -c f --in wire0 --out d", "write PORT=CAPTURE"),
            ("nvgw replay -c f --in a=b --out d --settle soon", "write a number of seconds"),
            ("nvgw replay -c f --in a=b --out d --settle=-1", "negative"),
            ("nvgw replay -c f --in a=b --out d --at b.yaml", "write SECONDS=FILE"),
            ("nvgw replay -c f --in a=b --out d --at 1=", "write SECONDS=FILE"),
            ("nvgw replay -c f --in a=b --out d --at soon=b.yaml", "write a number of seconds"),
            ("nvgw replay -c f --in a=b --out d --at=-1=b.yaml", "negative"),
            ("nvgw replay -c f --in a=b", "--out <DIR>"),
            ("nvgw stats --watch 0", "write more than 0 seconds"),
            ("nvgw show lookup --vsid red", "invalid digit"),
            ("nvgw run", "--config <FILE>"),
        ] {
            let error = Cli::try_parse_from(line.split(' ')).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(hint), "{line}: {error}");
        }
    }
}
