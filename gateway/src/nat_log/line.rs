//! A line of the log, which is the same in the file and for a syslog server.

use std::net::Ipv4Addr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Moment;
use crate::telemetry::view::words;

words! {
    /// A protocol whose sessions are translated.
    NatProtocol {
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
        /// ICMP queries.
        Icmp = "icmp",
    }
}

impl From<crate::tables::entries::Protocol> for NatProtocol {
    fn from(protocol: crate::tables::entries::Protocol) -> Self {
        use crate::tables::entries::Protocol;
        match protocol {
            Protocol::Tcp => Self::Tcp,
            Protocol::Udp => Self::Udp,
            Protocol::Icmp => Self::Icmp,
        }
    }
}

impl From<NatProtocol> for crate::tables::entries::Protocol {
    fn from(protocol: NatProtocol) -> Self {
        match protocol {
            NatProtocol::Tcp => Self::Tcp,
            NatProtocol::Udp => Self::Udp,
            NatProtocol::Icmp => Self::Icmp,
        }
    }
}

impl clap::ValueEnum for NatProtocol {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.name()))
    }
}

/// A line: what happened, and when. In JSON one object, in which `event` says what the other members are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub time: Moment,
    /// What.
    #[serde(flatten)]
    pub event: LineEvent,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum LineEvent {
    /// The gateway started: nobody has a port.
    GatewayStarted,
    /// The gateway ended: nobody has a port any more.
    GatewayStopped,
    /// A customer address got a block of ports.
    BlockAllocated(BlockLine),
    /// A block of ports is free again.
    BlockReleased(BlockLine),
    /// A session began.
    SessionCreated(SessionLine),
    /// A session ended.
    SessionEnded(SessionLine),
}

/// A block of ports, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BlockLine {
    /// The tenant.
    pub tenant: Arc<str>,
    /// The customer address.
    pub customer: Ipv4Addr,
    /// The external network.
    pub external: Arc<str>,
    /// The public address.
    pub public: Ipv4Addr,
    /// The first port.
    pub first_port: u16,
    /// The last port.
    pub last_port: u16,
    /// When the customer got it, where that is not the time of the line itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SessionLine {
    /// The tenant.
    pub tenant: Arc<str>,
    /// The customer address.
    pub customer: Ipv4Addr,
    /// The external network.
    pub external: Arc<str>,
    /// The public address.
    pub public: Ipv4Addr,
    /// The protocol.
    pub protocol: NatProtocol,
    /// The customer's port, or query identifier.
    pub customer_port: u16,
    /// The public port, or query identifier.
    pub public_port: u16,
    /// Whom the customer sent to first.
    pub remote: Ipv4Addr,
    /// The port there; 0 for ICMP.
    pub remote_port: u16,
}

impl LineEvent {
    /// The MSGID of the line for a syslog server (RFC 5424 §6.2.7).
    #[must_use]
    pub const fn message_id(&self) -> &'static str {
        match self {
            Self::GatewayStarted => "NATLOG-A",
            Self::GatewayStopped => "NATLOG-R",
            Self::BlockAllocated(_) => "NATBLK-A",
            Self::BlockReleased(_) => "NATBLK-R",
            Self::SessionCreated(_) => "NATSES-A",
            Self::SessionEnded(_) => "NATSES-R",
        }
    }
}
