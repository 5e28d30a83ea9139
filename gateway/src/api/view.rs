//! The JSON face of the gateway's state: the rows that the admin API answers with and that the commands print.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_config::{Problem, Problems};
use serde::{Deserialize, Serialize};

use crate::telemetry::view::words;
pub use crate::telemetry::view::{
    DropView, Link, NeighborState, PortView, QueueView, Severity, StageStats, StatsView, VrfKind,
    WorkerStats, WorkerView,
};

words! {
    /// Whether packets for an entry have a way out.
    PathState {
        /// They have.
        Ready = "ready",
        /// The next hop has not answered yet.
        Unresolved = "unresolved",
        /// No route leads to it.
        NoRoute = "no-route",
    }
}

/// A VRF: a tenant's, or an external network's. Bytes are those of the inner IP packets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VrfView {
    /// Its number.
    pub id: u32,
    /// The tenant's name, or the external network's.
    pub name: String,
    /// Whose it is.
    pub kind: VrfKind,
    /// The tenant that it belongs to alone.
    pub tenant: Option<String>,
    /// Hyper-V's RoutingDomainID.
    pub routing_domain: Option<String>,
    /// The external network that a tenant's default route leads to.
    pub external: Option<String>,
    /// Virtual subnets.
    pub subnets: u64,
    /// Lookup records.
    pub records: u64,
    /// Routes.
    pub routes: u64,
    /// Packets accepted from its own side.
    pub rx_packets: u64,
    /// Bytes accepted from its own side.
    pub rx_bytes: u64,
    /// Packets sent to its own side.
    pub tx_packets: u64,
    /// Bytes sent to its own side.
    pub tx_bytes: u64,
}

/// A lookup record: where a customer address lives, and whether packets get there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupView {
    /// The tenant.
    pub tenant: String,
    /// The VSID of its virtual subnet.
    pub vsid: u32,
    /// The customer address.
    pub address: IpAddr,
    /// The VM's Ethernet address.
    pub mac: String,
    /// The provider address of the host it runs on.
    pub provider_address: IpAddr,
    /// A name for people.
    pub name: Option<String>,
    /// The provider network's next hop to that host.
    pub next_hop: Option<IpAddr>,
    /// Whether packets get there.
    pub state: PathState,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteView {
    /// The VRF's name, or `provider`.
    pub table: String,
    /// The destination.
    pub prefix: IpNet,
    /// Who made it, and alone may remove it: `static`, `site`, `connected`, …
    pub owner: String,
    /// Where it leads, in words: `subnet 5001`, `external internet`, `local`, …
    pub target: String,
    /// The next hop's address, where there is one.
    pub next_hop: Option<IpAddr>,
    /// The site or external network that it leaves by.
    pub interface: Option<String>,
    /// The lower wins among equal prefixes.
    pub metric: Option<u32>,
    /// Whether packets get there.
    pub state: PathState,
}

/// A neighbour on a provider site or an external network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NeighborView {
    /// The site or external network.
    pub network: String,
    /// Its address.
    pub address: IpAddr,
    /// Its Ethernet address, once it is known.
    pub mac: Option<String>,
    /// What is known of it.
    pub state: NeighborState,
    /// Seconds since its last answer; `None`: it never gave one.
    pub age_seconds: Option<f64>,
    /// Packets that wait for its answer.
    pub held: u64,
}

/// Something an operator should look at before packets are lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmView {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: `provider address 100.64.10.2`, …
    pub object: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub cure: String,
}

/// The versions of what runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionView {
    /// nvgw's.
    pub nvgw: String,
    /// DPDK's, as it names itself.
    pub dpdk: Option<String>,
}

/// What a reload did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadView {
    /// The file that was read.
    pub file: String,
    /// Each difference that was applied, in words; empty: the file said nothing new.
    pub changes: Vec<String>,
}

/// A mistake in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemView {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The place in the document, as in `tenants[0].subnets[1].vsid`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

impl ProblemView {
    /// Every mistake of a document.
    #[must_use]
    pub fn all(problems: &Problems) -> Vec<Self> {
        let view = |problem: &Problem| Self {
            file: problems.origin().to_owned(),
            line: problem.line,
            column: problem.column,
            path: problem.path.clone(),
            message: problem.message.clone(),
            hint: problem.hint.clone(),
        };
        problems.iter().map(view).collect()
    }
}

impl fmt::Display for ProblemView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, path, message, hint } = self;
        write!(f, "{file}:{line}:{column}: {path}: {message}; {hint}")
    }
}
