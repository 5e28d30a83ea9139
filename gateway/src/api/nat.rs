//! Questions about address translation.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::Path;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tokio::sync::Semaphore;

use super::control::Control;
use super::view::{NatLookupView, NatProtocol};
use super::{ApiError, ErrorKind, Request};
use crate::nat_log::Moment;
use crate::nat_log::search::{Question, rotated, search_files};

/// How many logs are searched at the same time: each takes the disk for a while.
static SEARCHES: Semaphore = Semaphore::const_new(2);

/// Which sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct NatSessionFilter {
    /// Only this tenant's sessions
    #[arg(long)]
    pub tenant: Option<String>,
    /// Only sessions of this customer address
    #[arg(long = "ca", value_name = "CA")]
    pub customer: Option<Ipv4Addr>,
    /// Only sessions of this public address, or of this port of it
    #[arg(long, value_name = "ADDRESS[:PORT]")]
    pub public: Option<PublicPlace>,
    /// Only sessions of this protocol
    #[arg(long, value_enum)]
    pub protocol: Option<NatProtocol>,
}

/// Which public addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct NatPoolFilter {
    /// Only those of this external network
    #[arg(long, value_name = "NETWORK")]
    pub external: Option<String>,
}

/// A public port to be looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NatLookupQuery {
    /// The public address and port: `198.51.100.16:1055`.
    pub public: PublicPlace,
    /// Only in this external network; left out, in all that have the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<String>,
    /// When: a time with its zone (RFC 3339), for which the gateway's log is searched. Left out: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub at: Option<Moment>,
}

/// A public address, or one port of it: `198.51.100.16`, `198.51.100.16:1055`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicPlace {
    /// The address.
    pub address: Ipv4Addr,
    /// The port, or query identifier.
    pub port: Option<u16>,
}

impl FromStr for PublicPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, port) = match text.split_once(':') {
            None => (text, None),
            Some((address, port)) => (address, Some(port)),
        };
        let wrong = || format!("{text:?} is no public address; write ADDRESS or ADDRESS:PORT");
        let port = port.map(str::parse).transpose().map_err(|_| wrong())?;
        Ok(Self { address: address.parse().map_err(|_| wrong())?, port })
    }
}

impl fmt::Display for PublicPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        self.port.iter().try_for_each(|port| write!(f, ":{port}"))
    }
}

impl Serialize for PublicPlace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicPlace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for PublicPlace {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PublicPlace".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// Looks a public port up: now, in the tables and with the workers; at some time, in the log.
pub(super) async fn lookup(control: &Control, query: NatLookupQuery) -> Result<NatLookupView, ApiError> {
    let Some(port) = query.public.port else {
        let message = format!("{} has no port", query.public);
        return Err(ApiError::new(ErrorKind::BadRequest, message, "write ADDRESS:PORT"));
    };
    let Some(at) = query.at else {
        return control.ask(|responder| Request::NatLookup(query, responder)).await;
    };
    let Some(log) = control.ask(Request::NatLogFile).await? else {
        return Err(ApiError::not_found(
            "the gateway logs to no file, so that it knows nothing of the past",
            "set nat.log.file; what a syslog server has kept is searched with --log",
        ));
    };
    let question = Question { public: query.public.address, port, external: query.external, at };
    let Ok(_permit) = SEARCHES.try_acquire() else {
        return Err(ApiError::new(
            ErrorKind::Unavailable,
            "other searches are under way",
            "ask again in a moment",
        ));
    };
    let search = move || search(&log, &question);
    tokio::task::spawn_blocking(search).await.map_err(|error| {
        ApiError::new(
            ErrorKind::Internal,
            format!("the log was not searched: {error}"),
            "report this as a bug",
        )
    })?
}

fn search(log: &Path, question: &Question) -> Result<NatLookupView, ApiError> {
    let found = rotated(log).and_then(|logs| search_files(&logs, question));
    found.map(|found| NatLookupView::of_log(question, &found)).map_err(|error| {
        let message = format!("cannot read the log {}: {error}", log.display());
        ApiError::new(ErrorKind::Unavailable, message, "see nat.log.file")
    })
}
