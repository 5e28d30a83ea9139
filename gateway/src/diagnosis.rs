//! What the gateway says of itself and of the networks around it: the values that probes, explanations, the doctor
//! and the event log give, as the admin API answers with them. How they come about is the control side's business.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// In which of the two worlds a probe travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ProbeWorld {
    /// The provider network, from one of the gateway's provider addresses.
    Provider {
        /// The gateway's address; left out, the one that its routes choose.
        from: Option<IpAddr>,
    },
    /// A tenant's network, encapsulated where the destination is a VM.
    Overlay {
        /// The VSID whose routing domain it is.
        vsid: u32,
        /// One of the gateway's own addresses there; left out, that of the VSID's subnet.
        from: Option<IpAddr>,
    },
}

/// One ICMP echo request to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ProbeRequest {
    /// Where it travels.
    pub world: ProbeWorld,
    /// Whom it asks.
    pub to: IpAddr,
    /// The size of its IP packet in bytes, header included: 28 or more.
    pub size: u16,
    /// Whether routers must not fragment it.
    pub df: bool,
    /// Its TTL: 1 to 255.
    pub ttl: u8,
    /// How long an answer is waited for, in milliseconds.
    pub timeout_ms: u32,
}

/// What became of a probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum ProbeOutcome {
    /// It was answered.
    Reply {
        /// The address that the gateway sent from.
        source: IpAddr,
        /// Who answered.
        from: IpAddr,
        /// The answer's TTL.
        ttl: u8,
        /// Milliseconds from the request to the answer.
        rtt_ms: f64,
    },
    /// Its TTL ran out at a router.
    TimeExceeded {
        /// The address that the gateway sent from.
        source: IpAddr,
        /// The router.
        from: IpAddr,
        /// Milliseconds from the request to the answer.
        rtt_ms: f64,
    },
    /// A router or the host refused it.
    Unreachable {
        /// The address that the gateway sent from.
        source: IpAddr,
        /// Who refused.
        from: IpAddr,
        /// ICMP code (RFC 792, RFC 1812 §5.2.7.1).
        code: u8,
        /// The code in words.
        reason: String,
        /// The MTU of the next network, where fragmentation was needed.
        mtu: Option<u16>,
        /// Milliseconds from the request to the answer.
        rtt_ms: f64,
    },
    /// Nobody answered in time.
    TimedOut {
        /// The address that the gateway sent from.
        source: IpAddr,
        /// What can be done about it, where the gateway has an idea.
        cure: Option<String>,
    },
    /// The gateway could not send it.
    NotSent {
        /// The drop reason that a packet on the same way would have, by its name.
        reason: String,
        /// Why, in words with the addresses that matter.
        message: String,
        /// What to do about it.
        cure: String,
    },
}

/// A protocol whose ports can be forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum PortedProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A packet whose way is to be explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExplainRequest {
    /// It comes from a VM, with this VSID; left out, it comes from an external network
    #[arg(long)]
    pub vsid: Option<u32>,
    /// Its source: a customer address, or an address outside
    #[arg(long)]
    pub src: Option<IpAddr>,
    /// Its destination
    #[arg(long)]
    pub dst: IpAddr,
    /// The provider address that it comes from; left out, that of the source's lookup record
    #[arg(long)]
    pub provider_address: Option<IpAddr>,
    /// The external network that it comes in by; left out, the first shared one
    #[arg(long)]
    pub network: Option<String>,
    /// Its protocol: tcp or udp, where forwarded ports matter
    #[arg(long)]
    pub protocol: Option<PortedProtocol>,
    /// Its source port
    #[arg(long)]
    pub src_port: Option<u16>,
    /// Its destination port
    #[arg(long)]
    pub dst_port: Option<u16>,
}

/// One decision on a packet's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainStep {
    /// What is decided: `subnet`, `sender-check`, `route`, `record`, `provider-route`, `neighbor`, `translate`, `rewrite`, …
    pub step: String,
    /// What the tables say, in words.
    pub finding: String,
}

/// A packet's way through the real tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// Every decision, in order.
    pub steps: Vec<ExplainStep>,
    /// How it ends.
    pub verdict: Verdict,
}

/// How a packet ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// It leaves.
    Forwarded {
        /// The port.
        port: String,
        /// The VLAN; left out, untagged.
        vlan: Option<u16>,
        /// The Ethernet address that it goes to.
        mac: String,
        /// In words: `to 10.10.0.21 in NVGRE, VSID 5001`.
        what: String,
    },
    /// It is for the gateway itself.
    Local {
        /// In words.
        what: String,
    },
    /// It waits for a neighbour's answer, and is dropped where none comes.
    Held {
        /// The drop reason if no answer comes, by its name.
        reason: String,
        /// In words.
        message: String,
        /// What to do about it.
        cure: String,
    },
    /// It is dropped.
    Dropped {
        /// The drop reason, by its name.
        reason: String,
        /// What Hyper-V's trace calls it, where it has a name for it.
        hyperv: Option<String>,
        /// In words.
        message: String,
        /// What to do about it.
        cure: String,
    },
}

/// How healthy something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// As it should be.
    Green,
    /// Packets pass, but somebody should look.
    Yellow,
    /// Packets are lost, or will be.
    Red,
}

/// One finding of the doctor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// How bad it is.
    pub health: Health,
    /// Which check found it: `provider-route`, `next-hop`, `path-mtu`, `duplicate-address`, `dead-next-hop`,
    /// `empty-vsid`, `inner-hash`, `flapping-record`, `suspended-change`, …
    pub check: String,
    /// What it is about: `provider address 10.10.0.21`.
    pub object: String,
    /// What is wrong, or that nothing is.
    pub message: String,
    /// What to do about it; left out where nothing is wrong.
    pub cure: Option<String>,
}

/// What the doctor says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DoctorReport {
    /// The worst of all findings.
    pub health: Health,
    /// For each check one green finding, or all that are not.
    pub findings: Vec<Finding>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Its number; the next event has the next.
    pub sequence: u64,
    /// When, in milliseconds since the gateway started.
    pub at_ms: u64,
    /// What kind: `lookup-learned`, `lookup-moved`, `record-damped`, `duplicate-address`, `changes-applied`, …
    pub kind: String,
    /// What it is about.
    pub object: String,
    /// What happened, in words.
    pub message: String,
}
