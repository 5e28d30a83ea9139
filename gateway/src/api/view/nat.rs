//! Address translation.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::nat_log::NatProtocol;
use crate::nat_log::search::{Found, Question, Tenure};
use crate::telemetry::nat_totals::TenantTotal;
use crate::telemetry::view::words;

/// A session: what a customer's packets become, and the answers to them again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NatSessionView {
    /// The tenant.
    pub tenant: String,
    /// The protocol.
    pub protocol: NatProtocol,
    /// The customer address.
    pub customer: Ipv4Addr,
    /// The customer's port, or query identifier.
    pub customer_port: u16,
    /// The external network.
    pub external: String,
    /// The public address.
    pub public: Ipv4Addr,
    /// The public port, or query identifier.
    pub public_port: u16,
    /// For TCP the other end, otherwise whom the customer sent to first.
    pub remote: Ipv4Addr,
    /// The port there; 0 for ICMP.
    pub remote_port: u16,
    /// `active`, or for TCP `opening`, `established`, `closing`, `reset`; `quarantined`: only the port rests.
    pub state: String,
    /// Seconds until it ends unless the customer sends more.
    pub expires_seconds: f64,
}

/// What address translation does for a tenant, on all workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TenantNatView {
    /// Sessions now.
    pub sessions: u64,
    /// Public ports and query identifiers in use now.
    pub ports: u64,
    /// Port blocks held now.
    pub blocks: u64,
    /// Sessions since the start.
    pub created: u64,
    /// Port blocks handed out since the start.
    pub allocations: u64,
    /// Packets that were not translated, for each reason that happened.
    pub failures: BTreeMap<String, u64>,
}

impl From<TenantTotal> for TenantNatView {
    fn from(total: TenantTotal) -> Self {
        let failures = total.failures().filter(|(_, count)| *count > 0);
        Self {
            failures: failures.map(|(reason, count)| (reason.name().to_owned(), count)).collect(),
            sessions: total.sessions,
            ports: total.ports,
            blocks: total.blocks,
            created: total.created,
            allocations: total.allocations,
        }
    }
}

words! {
    /// What becomes of a public address.
    PublicStateView {
        /// It is handed out.
        Active = "active",
        /// It is to go: what it translates lives on, nothing new begins.
        Draining = "draining",
    }
}

/// A pool of public addresses. Ports and blocks are those of its addresses that are handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NatPoolView {
    /// The external network.
    pub external: String,
    /// Its addresses: `198.51.100.16-198.51.100.23`.
    pub pool: String,
    /// How many tenants use it.
    pub tenants: u64,
    /// How many addresses it has.
    pub addresses: u64,
    /// Port blocks in use.
    pub blocks: u64,
    /// Port blocks there are.
    pub blocks_possible: u64,
    /// There were never more blocks in use than this.
    pub most_blocks: u64,
    /// Ports in use, of all protocols together.
    pub ports: u64,
    /// There were never more ports in use than this.
    pub most_ports: u64,
}

/// A public address that translation uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NatAddressView {
    /// The external network.
    pub external: String,
    /// The address.
    pub address: Ipv4Addr,
    /// What becomes of it.
    pub state: PublicStateView,
    /// The tenant that it belongs to one to one.
    pub tenant: Option<String>,
    /// The customer address that it belongs to one to one.
    pub customer: Option<Ipv4Addr>,
    /// Whether some of its ports are forwarded.
    pub forwards: bool,
    /// The first port that is handed out; `None`: none is.
    pub first_port: Option<u16>,
    /// The last port that is handed out.
    pub last_port: Option<u16>,
    /// Ports of a block.
    pub block_size: Option<u16>,
    /// Port blocks in use.
    pub blocks: u64,
    /// Port blocks there are.
    pub blocks_possible: u64,
    /// There were never more blocks in use than this.
    pub most_blocks: u64,
    /// Ports in use, of all protocols together.
    pub ports: u64,
    /// There were never more ports in use than this.
    pub most_ports: u64,
}

words! {
    /// Why a public port is somebody's.
    NatHolding {
        /// The configuration forwards it.
        Forward = "forward",
        /// The whole address is the customer's.
        OneToOne = "one-to-one",
        /// It is in a block of ports that the customer was given.
        Block = "block",
    }
}

/// Whose a public port is or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NatHolderView {
    /// Why.
    pub holding: NatHolding,
    /// The external network.
    pub external: String,
    /// The tenant.
    pub tenant: String,
    /// The customer address.
    pub customer: Ipv4Addr,
    /// Of a forward: the protocol.
    pub protocol: Option<NatProtocol>,
    /// Of a forward: the customer's port.
    pub customer_port: Option<u16>,
    /// Of a block: its first port.
    pub first_port: Option<u16>,
    /// Of a block: its last port.
    pub last_port: Option<u16>,
    /// Of a block: since when (RFC 3339).
    pub since: Option<String>,
    /// Of a block: until when; `None`: nothing says that it has ended.
    pub until: Option<String>,
}

/// What is known of a public port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NatLookupView {
    /// The public address.
    pub public: Ipv4Addr,
    /// The public port, or query identifier.
    pub port: u16,
    /// At what time (RFC 3339); `None`: now.
    pub at: Option<String>,
    /// Whose it is or was; empty: nobody's, or nothing is known.
    pub holders: Vec<NatHolderView>,
    /// The same in words, and where nobody has it, why not.
    pub message: String,
    /// Where nobody has it: what else can be tried.
    pub cure: Option<String>,
}

impl NatHolderView {
    fn of_tenure(tenure: &Tenure) -> Self {
        let Tenure { block, since, until } = tenure;
        Self {
            holding: NatHolding::Block,
            external: block.external.to_string(),
            tenant: block.tenant.to_string(),
            customer: block.customer,
            protocol: None,
            customer_port: None,
            first_port: Some(block.first_port),
            last_port: Some(block.last_port),
            since: Some(since.to_string()),
            until: until.map(|until| until.to_string()),
        }
    }
}

impl std::fmt::Display for NatHolderView {
    /// `10.0.1.5 of tenant blue, by a block of ports 1024-1535 on internet since …`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { external, tenant, customer, .. } = self;
        write!(f, "{customer} of tenant {tenant}, ")?;
        match self.holding {
            NatHolding::Forward => {
                let port = self.customer_port.unwrap_or_default();
                let protocol = self.protocol.map_or("", NatProtocol::name);
                write!(f, "by a forward of {protocol} on {external} to port {port}")
            }
            NatHolding::OneToOne => write!(f, "to whom the whole address belongs on {external}"),
            NatHolding::Block => {
                let (first, last) = (self.first_port.unwrap_or_default(), self.last_port.unwrap_or_default());
                write!(f, "by a block of ports {first}-{last} on {external}")?;
                self.since.iter().try_for_each(|since| write!(f, " since {since}"))?;
                self.until.iter().try_for_each(|until| write!(f, " until {until}"))
            }
        }
    }
}

/// Whose it is or was, in words.
fn in_words(public: Ipv4Addr, port: u16, holders: &[NatHolderView], verb: &str) -> String {
    let holders: Vec<_> = holders.iter().map(ToString::to_string).collect();
    format!("{public}:{port} {verb} {}", holders.join("; and "))
}

impl NatLookupView {
    /// What is so now. Without holders, `none` says why and what can be tried.
    #[must_use]
    pub fn now(
        public: Ipv4Addr,
        port: u16,
        holders: Vec<NatHolderView>,
        none: impl FnOnce() -> (String, String),
    ) -> Self {
        let (message, cure) = match &holders[..] {
            [] => {
                let (message, cure) = none();
                (message, Some(cure))
            }
            holders => (in_words(public, port, holders, "is"), None),
        };
        Self { public, port, at: None, holders, message, cure }
    }

    /// What a log says.
    #[must_use]
    pub fn of_log(question: &Question, found: &Found) -> Self {
        let Question { public, port, at, .. } = question;
        let holders: Vec<_> = found.holders.iter().map(NatHolderView::of_tenure).collect();
        let (message, cure) = if holders.is_empty() {
            let (why, cure) = nobody(question, found);
            (format!("{public}:{port} was nobody's at {at}: {why}"), Some(cure))
        } else {
            (format!("{} (at {at})", in_words(*public, *port, &holders, "was")), None)
        };
        Self { public: *public, port: *port, at: Some(at.to_string()), holders, message, cure }
    }
}

/// Why the log names nobody, and what can be tried.
fn nobody(question: &Question, found: &Found) -> (String, String) {
    let at = question.at;
    let (why, cure) = match found.span {
        None => ("the log is empty".to_owned(), "name the right file with --log".to_owned()),
        Some((first, _)) if at < first => (
            format!("the log begins only at {first}"),
            "name an older file with --log".to_owned(),
        ),
        Some((_, last)) if at > last && found.before.is_none() => (
            format!("the log ends at {last}, and nobody had the port before"),
            "name a newer file with --log, or ask the running gateway without --at".to_owned(),
        ),
        Some(_) => (
            "no customer had a block of ports with it".to_owned(),
            "check address, port and time zone; forwards and 1:1 addresses are in the configuration, not in the log"
                .to_owned(),
        ),
    };
    let neighbor = |when: &str, tenure: &Option<Tenure>| {
        tenure
            .iter()
            .map(|tenure| format!("; {when} it was {}", NatHolderView::of_tenure(tenure)))
            .collect::<String>()
    };
    (why + &neighbor("before", &found.before) + &neighbor("afterwards", &found.after), cure)
}
