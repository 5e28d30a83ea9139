//! The JSON face of the gateway's state: the rows that the admin API answers with and that the commands print.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_config::{ChangeSet, Problem, Problems};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod nat;

pub use nat::*;

use crate::telemetry::view::words;
pub use crate::telemetry::view::{
    DropView, Link, NeighborState, PortView, PuntView, QueueView, Severity, StageStats, StatsView, VrfKind,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// Who made it, and alone may remove it: `config`, `api` or `learned`.
    pub owner: String,
    /// Where its owner says it is, after a move by somebody else.
    pub moved_from: Option<IpAddr>,
    /// Who moved it: `api` or `learned`.
    pub moved_by: Option<String>,
    /// The provider network's next hop to that host.
    pub next_hop: Option<IpAddr>,
    /// Whether packets get there.
    pub state: PathState,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RouteView {
    /// The VRF's name, or `provider`.
    pub table: String,
    /// The destination.
    #[schemars(with = "String")]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NeighborView {
    /// The site or external network.
    pub network: String,
    /// Its address.
    pub address: IpAddr,
    /// Its Ethernet address, once it is known.
    pub mac: Option<String>,
    /// Who knows it: `config`, `api` or `arp`.
    pub owner: String,
    /// What is known of it.
    pub state: NeighborState,
    /// Seconds since its last answer; `None`: it never gave one.
    pub age_seconds: Option<f64>,
    /// Packets that wait for its answer.
    pub held: u64,
}

/// Something an operator should look at before packets are lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlarmView {
    /// How bad it is.
    pub severity: Severity,
    /// Which of the doctor's checks found it: `provider-route`, `next-hop`, …
    pub check: String,
    /// What it is about: `provider address 100.64.10.2`, …
    pub object: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub cure: String,
}

words! {
    /// Whether a provider address of the gateway's own is in use (RFC 5227).
    AddressState {
        /// It is being asked for whether another station has it.
        Tentative = "tentative",
        /// It is the gateway's, and in use.
        Preferred = "preferred",
        /// Another station has it: the gateway does not use it.
        Duplicate = "duplicate",
    }
}

/// A provider address of the gateway's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderAddressView {
    /// The site.
    pub site: String,
    /// The address.
    pub address: IpAddr,
    /// The site's VLAN; `None`: untagged.
    pub vlan: Option<u16>,
    /// The site's subnet.
    #[schemars(with = "String")]
    pub subnet: IpNet,
    /// The site's port.
    pub port: String,
    /// Whether it is in use.
    pub state: AddressState,
    /// Who made it, and alone may remove it: `config` or `api`.
    pub owner: String,
    /// Whether it is the site's first address in use: the source of what the gateway itself sends there.
    pub primary: bool,
    /// The Ethernet address of the station that claims it too.
    pub claimed_by: Option<String>,
}

/// A route of the provider network with a next hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderRouteView {
    /// The destination.
    #[schemars(with = "String")]
    pub prefix: IpNet,
    /// The next hop.
    pub next_hop: IpAddr,
    /// The site that it leaves by.
    pub site: String,
    /// The lower wins among equal prefixes.
    pub metric: u32,
    /// The biggest IP packet of the whole path, in bytes; `None`: the site's.
    pub mtu: Option<u16>,
    /// Who made it, and alone may remove it: `config`, `site`, `api`, …
    pub owner: String,
    /// Whether packets take it: no other route to the prefix is better.
    pub in_force: bool,
    /// Whether packets get there.
    pub state: PathState,
}

words! {
    /// What happens to packets of unknown senders.
    SenderCheckView {
        /// They are dropped.
        Strict = "strict",
        /// They are counted and forwarded.
        LogOnly = "log-only",
        /// Lookup records are learned from them.
        Learn = "learn",
    }
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TenantView {
    /// Its name.
    pub name: String,
    /// Hyper-V's RoutingDomainID.
    pub routing_domain: Option<String>,
    /// The gateway's own Ethernet address in its subnets.
    pub gateway_mac: String,
    /// What happens to packets of unknown senders.
    pub sender_check: SenderCheckView,
    /// How many addresses of one MAC are learned at most; `None`: it does not learn.
    pub learn_addresses_per_mac: Option<u32>,
    /// How many records of one virtual subnet are learned at most; `None`: it does not learn.
    pub learn_records_per_subnet: Option<u32>,
    /// Whether router solicitations in its IPv6 subnets are answered.
    pub router_advertisements: bool,
    /// The external network of its default route; `None`: it has no way out.
    pub external: Option<String>,
    /// Prefixes routed into it from the external network, untranslated.
    #[schemars(with = "Vec<String>")]
    pub public_prefixes: Vec<IpNet>,
    /// Who made it, and alone may remove it: `config` or `api`.
    pub owner: String,
    /// Its virtual subnets.
    pub subnets: u64,
    /// Its lookup records.
    pub records: u64,
    /// What address translation does for it; `None`: nothing.
    pub nat: Option<TenantNatView>,
}

/// A virtual subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubnetView {
    /// The tenant.
    pub tenant: String,
    /// Its VSID.
    pub vsid: u32,
    /// Its prefix; of two, the IPv4 one.
    #[schemars(with = "String")]
    pub prefix: IpNet,
    /// The gateway's own address there.
    pub gateway: IpAddr,
    /// Its IPv6 prefix beside an IPv4 one.
    #[schemars(with = "Option<String>")]
    pub prefix_ipv6: Option<IpNet>,
    /// The gateway's own address there.
    pub gateway_ipv6: Option<IpAddr>,
    /// Who made it, and alone may remove it: `config` or `api`.
    pub owner: String,
}

/// A customer route: a prefix behind a VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomerRouteView {
    /// The tenant.
    pub tenant: String,
    /// The destination.
    #[schemars(with = "String")]
    pub prefix: IpNet,
    /// The VM's customer address.
    pub next_hop: IpAddr,
    /// Who made it, and alone may remove it: `config` or `api`.
    pub owner: String,
}

/// How often the gateway's objects have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GenerationView {
    /// One more after each batch of changes and each reload; it outlives restarts.
    pub generation: u64,
}

/// What a batch of changes did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangesView {
    /// The generation after it.
    pub generation: u64,
    /// Whether it was applied and is on disk; not so after a dry run.
    pub applied: bool,
    /// Each difference in words: `+` for what comes, `~` for what changes, `-` for what goes.
    pub changes: Vec<String>,
}

/// The versions of what runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VersionView {
    /// nvgw's.
    pub nvgw: String,
    /// DPDK's, as it names itself.
    pub dpdk: Option<String>,
}

/// What a reload did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReloadView {
    /// The file that was read.
    pub file: String,
    /// Each difference that was applied, in words; empty: the file said nothing new.
    pub changes: Vec<String>,
}

/// A mistake in a configuration file or in a batch of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProblemView {
    /// The file; for what comes in a request, `changes`.
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

    /// The mistake of the change at `index`: in its value of `key`, or in the whole of it where `key` is empty.
    #[must_use]
    pub fn of_change(
        set: &ChangeSet,
        index: usize,
        key: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let (mut path, line, column) = match set.places.get(index) {
            Some(place) => (place.path.clone(), place.line, place.column),
            None => (format!("changes[{index}]"), 1, 1),
        };
        if !key.is_empty() {
            path.push('.');
            path.push_str(key);
        }
        let file = Self::CHANGES.to_owned();
        Self { file, line, column, path, message: message.into(), hint: hint.into() }
    }

    /// What stands for the file where changes come in a request.
    pub const CHANGES: &str = "changes";
}

impl fmt::Display for ProblemView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, path, message, hint } = self;
        write!(f, "{file}:{line}:{column}: {path}: {message}; {hint}")
    }
}
