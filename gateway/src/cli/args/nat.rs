//! The commands that look into address translation.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Listing, SocketOption};
use crate::api::{NatPoolFilter, NatSessionFilter, PublicPlace};
use crate::nat_log::Moment;

/// `nvgw nat`.
#[derive(Debug, Subcommand)]
pub enum NatCommand {
    /// List sessions
    Sessions(NatSessionOptions),
    /// Show how much of the pools and of each public address is in use
    Pools(Listing<NatPoolFilter>),
    /// Say whose a public port is or was; exit status 0: somebody's, 1: nobody's, 2: no answer
    Lookup(NatLookupOptions),
}

/// `nvgw nat sessions`.
#[derive(Debug, Args)]
pub struct NatSessionOptions {
    /// Which sessions, and how they are shown.
    #[command(flatten)]
    pub listing: Listing<NatSessionFilter>,
    /// How many sessions at most
    #[arg(long, value_name = "NUMBER", default_value = "1000", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
    /// All sessions, however many there are
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
}

/// `nvgw nat lookup`.
#[derive(Debug, Args)]
pub struct NatLookupOptions {
    /// The public address and port
    #[arg(value_name = "PUBLIC:PORT", value_parser = port)]
    pub public: PublicPlace,
    /// When, with the time zone, as in 2026-11-22T10:00:00Z or 2026-11-22T11:00:00+01:00; left out, now
    #[arg(long, value_name = "TIME")]
    pub at: Option<Moment>,
    /// Only in this external network
    #[arg(long, value_name = "NETWORK")]
    pub external: Option<String>,
    /// Search this log instead of asking a gateway, `-` for standard input; may be given several times
    #[arg(long, value_name = "FILE", requires = "at")]
    pub log: Vec<PathBuf>,
    /// Write JSON, for programs
    #[arg(long)]
    pub json: bool,
    /// Where the gateway is.
    #[command(flatten)]
    pub gateway: SocketOption,
}

fn port(text: &str) -> Result<PublicPlace, String> {
    let place: PublicPlace = text.parse()?;
    match place.port {
        Some(_) => Ok(place),
        None => Err("write ADDRESS:PORT".to_owned()),
    }
}
