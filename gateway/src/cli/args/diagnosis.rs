//! The commands that look for faults.

use std::net::IpAddr;
use std::time::Duration;

use clap::{ArgGroup, Args};

use super::{SocketOption, period};
use crate::diagnosis::{ExplainRequest, ProbeRequest, ProbeWorld};

/// In which world a probe travels, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(group(ArgGroup::new("world").args(["provider", "vsid"]).required(true)))]
pub struct Target {
    /// Ask this address of the provider network
    #[arg(long, value_name = "PA")]
    pub provider: Option<IpAddr>,
    /// Ask a customer address in the routing domain of this virtual subnet
    #[arg(long, requires = "address", value_parser = clap::value_parser!(u32).range(..1 << 24))]
    pub vsid: Option<u32>,
    /// The customer address to ask
    #[arg(value_name = "CA", requires = "vsid", conflicts_with = "provider")]
    pub address: Option<IpAddr>,
    /// The gateway's own address to ask from; left out, the one that fits
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<IpAddr>,
}

impl Target {
    /// The world, and who is asked there.
    pub(in crate::cli) fn resolve(&self) -> Option<(ProbeWorld, IpAddr)> {
        let from = self.from;
        match (self.provider, self.vsid.zip(self.address)) {
            (Some(to), _) => Some((ProbeWorld::Provider { from }, to)),
            (None, Some((vsid, to))) => Some((ProbeWorld::Overlay { vsid, from }, to)),
            (None, None) => None,
        }
    }
}

/// What a probe is like.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Shape {
    /// The size of its IP packet in bytes, header included: 28 or more
    #[arg(long, value_name = "BYTES", default_value = "84", value_parser = clap::value_parser!(u16).range(28..))]
    pub size: u16,
    /// Forbid routers to fragment it
    #[arg(long)]
    pub df: bool,
    /// How long to wait for an answer, at most 60 s
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = timeout)]
    pub timeout: Duration,
}

impl Shape {
    /// A probe of this shape.
    pub(in crate::cli) fn probe(&self, world: ProbeWorld, to: IpAddr, ttl: u8) -> ProbeRequest {
        let timeout_ms = u32::try_from(self.timeout.as_millis()).unwrap_or(u32::MAX);
        ProbeRequest { world, to, size: self.size, df: self.df, ttl, timeout_ms }
    }
}

/// `nvgw ping`.
#[derive(Debug, Args)]
pub struct PingOptions {
    /// Whom.
    #[command(flatten)]
    pub target: Target,
    /// What with.
    #[command(flatten)]
    pub shape: Shape,
    /// How many probes to send
    #[arg(long, default_value = "4", value_parser = clap::value_parser!(u32).range(1..))]
    pub count: u32,
    /// From one probe to the next
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = super::seconds)]
    pub interval: Duration,
    /// How many routers a probe may pass
    #[arg(long, default_value = "64", value_parser = clap::value_parser!(u8).range(1..))]
    pub ttl: u8,
    /// Write JSON, for programs: a line for each probe
    #[arg(long)]
    pub json: bool,
    /// Where the gateway is.
    #[command(flatten)]
    pub at: SocketOption,
}

/// `nvgw traceroute`.
#[derive(Debug, Args)]
pub struct TracerouteOptions {
    /// Whom.
    #[command(flatten)]
    pub target: Target,
    /// What with.
    #[command(flatten)]
    pub shape: Shape,
    /// How many routers to look for
    #[arg(long, value_name = "NUMBER", default_value = "30", value_parser = clap::value_parser!(u8).range(1..))]
    pub max_hops: u8,
    /// Write JSON, for programs: a line for each probe
    #[arg(long)]
    pub json: bool,
    /// Where the gateway is.
    #[command(flatten)]
    pub at: SocketOption,
}

/// `nvgw explain`.
#[derive(Debug, Args)]
pub struct ExplainOptions {
    /// Which packet.
    #[command(flatten)]
    pub packet: ExplainRequest,
    /// Write JSON, for programs
    #[arg(long)]
    pub json: bool,
    /// Where the gateway is.
    #[command(flatten)]
    pub at: SocketOption,
}

/// `nvgw doctor`.
#[derive(Debug, Args)]
pub struct DoctorOptions {
    /// Send no probes: only look at what the gateway knows
    #[arg(long)]
    pub no_probe: bool,
    /// Write JSON, for programs
    #[arg(long)]
    pub json: bool,
    /// Where the gateway is.
    #[command(flatten)]
    pub at: SocketOption,
}

fn timeout(text: &str) -> Result<Duration, String> {
    let timeout = period(text)?;
    if (1..=60_000).contains(&timeout.as_millis()) {
        Ok(timeout)
    } else {
        Err("write 0.001 to 60 seconds".to_owned())
    }
}
