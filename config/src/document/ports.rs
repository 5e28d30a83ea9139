//! Ports of TCP and UDP.

use schemars::{Schema, json_schema};

use crate::decode::Leaf;
use crate::rules::Refusal;
use crate::tree::{Scalar, quote};

use super::number::Int;

/// One port, or first and last port, `A-B`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl Leaf for Ports {
    const WANTED: &'static str = "a port, or first and last port, as in 8080 or 8080-8089";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        match scalar.text.split_once('-') {
            Some((first, last)) if !first.is_empty() => range(scalar.text, first, last),
            _ => {
                let Int(port) = Port::read(scalar)?;
                Ok(Self { first: port, last: port })
            }
        }
    }

    fn leaf_schema() -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "minimum": 1,
            "maximum": 65535,
            "pattern": "^[1-9][0-9]{0,4} *- *[1-9][0-9]{0,4}$",
        })
    }
}

/// A port's number.
pub(crate) type Port = Int<u16, 1, 65_535>;

fn range(text: &str, first: &str, last: &str) -> Result<Ports, Refusal> {
    let port = |text: &str| {
        let text = text.trim();
        let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        text.parse().ok().filter(|_| digits)
    };
    let (Some(first), Some(last)) = (port(first), port(last)) else {
        let message = format!("{} is no range of ports", quote(text));
        return Err(Refusal::new(message, "write first and last port from 1 to 65535, as in 8080-8089"));
    };
    if first > last {
        let message = format!("the range ends at {last}, before it begins at {first}");
        return Err(Refusal::new(message, format!("write {last}-{first}")));
    }
    Ok(Ports { first, last })
}

/// How many ports a customer gets at a time: a power of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockSize(pub(crate) u16);

impl BlockSize {
    const ALL: [u16; 7] = [64, 128, 256, 512, 1024, 2048, 4096];
}

impl Leaf for BlockSize {
    const WANTED: &'static str = "64, 128, 256, 512, 1024, 2048 or 4096";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let Int(size) = Int::<u16, 64, 4096>::read(scalar)?;
        if !Self::ALL.contains(&size) {
            let message = format!("{size} is no power of two");
            return Err(Refusal::new(message, format!("write {}", Self::WANTED)));
        }
        Ok(Self(size))
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "enum": Self::ALL })
    }
}
