//! Names, paths, identifiers: values that are text.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::{Schema, json_schema};

use crate::decode::Leaf;
use crate::rules::Refusal;
use crate::tree::{Scalar, quote};

/// The name of a port, a network or a tenant.
///
/// It goes into file names, metric labels and command lines, hence what it may hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Name(pub(crate) String);

const LONGEST_NAME: usize = 63;

impl Leaf for Name {
    const WANTED: &'static str = "a name, as in wire0";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let Scalar { text, plain } = scalar;
        if plain && is_number_or_boolean(text) {
            return Err(Refusal::new(
                format!("{text} is a number or a boolean, not a name"),
                format!("put it in quotes: \"{text}\""),
            ));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(allowed)
            && text.len() <= LONGEST_NAME
        {
            return Ok(Self(text.to_owned()));
        }
        Err(Refusal::new(
            format!("{} is no name", quote(text)),
            "write up to 63 letters, digits, dashes, dots and underscores, a letter or a digit first",
        ))
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" })
    }
}

/// A name for people only.
#[derive(Debug, Clone)]
pub(crate) struct Label(pub(crate) String);

const LONGEST_LABEL: usize = 255;

impl Leaf for Label {
    const WANTED: &'static str = "text";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let Scalar { text, plain } = scalar;
        if plain && is_number_or_boolean(text) {
            return Err(Refusal::new(
                format!("{text} is a number or a boolean, not text"),
                format!("put it in quotes: \"{text}\""),
            ));
        }
        let length = text.chars().count();
        if length == 0 || length > LONGEST_LABEL || text.chars().any(char::is_control) {
            return Err(Refusal::new(
                format!("{} is no name", quote(text)),
                "write 1 to 255 characters on one line",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": LONGEST_LABEL })
    }
}

/// A path that does not depend on where the gateway is started.
#[derive(Debug, Clone)]
pub(crate) struct AbsolutePath(pub(crate) PathBuf);

impl Leaf for AbsolutePath {
    const WANTED: &'static str = "a path from the root, as in /var/lib/nvgw";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        if scalar.text.starts_with('/') && !scalar.text.chars().any(char::is_control) {
            return Ok(Self(PathBuf::from(scalar.text)));
        }
        Err(Refusal::new(
            format!("{} is no absolute path", quote(scalar.text)),
            format!("write {}", Self::WANTED),
        ))
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^/" })
    }
}

/// A GUID, in braces; its letters as written.
#[derive(Debug, Clone)]
pub(crate) struct Guid(pub(crate) String);

impl Leaf for Guid {
    const WANTED: &'static str = "a GUID in quotes, as in \"{6c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e01}\"";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let text = scalar.text;
        let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
        let groups: Vec<&str> = inner.split('-').collect();
        let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
        if lengths == [8, 4, 4, 4, 12] && groups.concat().bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self(format!("{{{inner}}}")));
        }
        Err(Refusal::new(format!("{} is no GUID", quote(text)), format!("write {}", Self::WANTED)))
    }

    fn leaf_schema() -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(\\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\\}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$",
        })
    }
}

/// Where to listen; `None` is written `off`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listen(pub(crate) Option<SocketAddr>);

impl Leaf for Listen {
    const WANTED: &'static str = "an address and a port, as in 127.0.0.1:9477, or off";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        if scalar.text == "off" {
            return Ok(Self(None));
        }
        scalar.text.parse().map(|address| Self(Some(address))).map_err(|_| {
            let message = format!("{} is nowhere to listen", quote(scalar.text));
            Refusal::new(message, format!("write {}", Self::WANTED))
        })
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// Whether YAML 1.2 reads a plain scalar as something else than text.
fn is_number_or_boolean(text: &str) -> bool {
    let boolean = ["true", "false"].iter().any(|word| word.eq_ignore_ascii_case(text));
    let radix = |prefix, digits: &[char]| {
        text.strip_prefix(prefix).is_some_and(|rest: &str| {
            !rest.is_empty() && rest.chars().all(|c| digits.contains(&c.to_ascii_lowercase()))
        })
    };
    let hexadecimal: Vec<char> = "0123456789abcdef".chars().collect();
    let starts_as_number = text.trim_start_matches(['+', '-', '.']).starts_with(|c: char| c.is_ascii_digit());
    boolean
        || radix("0x", &hexadecimal)
        || radix("0o", &hexadecimal[..8])
        || (starts_as_number && text.parse::<f64>().is_ok())
}
