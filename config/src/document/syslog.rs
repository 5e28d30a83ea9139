//! Syslog servers and facilities.

use std::net::{IpAddr, SocketAddr};

use schemars::{Schema, json_schema};

use crate::decode::Leaf;
use crate::rules::Refusal;
use crate::tree::{Scalar, quote};

use super::choice::Choice;

/// The UDP port of syslog (RFC 5426 §3.3).
const PORT: u16 = 514;

/// Where a syslog server listens, with or without its port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SyslogServer(pub(crate) SocketAddr);

impl Leaf for SyslogServer {
    const WANTED: &'static str = "an address, with or without a port, as in 192.0.2.9:514";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let text = scalar.text;
        let alone = || text.parse::<IpAddr>().map(|address| SocketAddr::new(address, PORT));
        let server = text.parse::<SocketAddr>().or_else(|_| alone()).ok();
        let reachable = |server: &SocketAddr| !server.ip().is_unspecified() && server.port() != 0;
        server.filter(reachable).map(Self).ok_or_else(|| {
            let message = format!("{} is no syslog server", quote(text));
            Refusal::new(message, format!("write {}", Self::WANTED))
        })
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// The number of a syslog facility (RFC 5424 §6.2.1).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facility(pub(crate) u8);

impl Choice for Facility {
    /// The names of RFC 5427.
    const OPTIONS: &'static [(&'static str, Self)] = &[
        ("kern", Self(0)),
        ("user", Self(1)),
        ("mail", Self(2)),
        ("daemon", Self(3)),
        ("auth", Self(4)),
        ("syslog", Self(5)),
        ("lpr", Self(6)),
        ("news", Self(7)),
        ("uucp", Self(8)),
        ("cron", Self(9)),
        ("authpriv", Self(10)),
        ("ftp", Self(11)),
        ("ntp", Self(12)),
        ("audit", Self(13)),
        ("console", Self(14)),
        ("cron2", Self(15)),
        ("local0", Self(16)),
        ("local1", Self(17)),
        ("local2", Self(18)),
        ("local3", Self(19)),
        ("local4", Self(20)),
        ("local5", Self(21)),
        ("local6", Self(22)),
        ("local7", Self(23)),
    ];
    const WANTED: &'static str = "a facility of syslog, as in local4, daemon or auth";
}
