//! Numbers and booleans, as YAML 1.2 reads them.

use nvgw_types::{VlanId, Vsid};
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::decode::{Decode, Leaf};
use crate::reader::{List, Reader};
use crate::rules::Refusal;
use crate::tree::{NodeId, Scalar, quote};

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Int<T, const MIN: u64, const MAX: u64>(pub(crate) T);

impl<T: TryFrom<u64>, const MIN: u64, const MAX: u64> Leaf for Int<T, MIN, MAX> {
    const WANTED: &'static str = "a whole number";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let number = whole_number(scalar, MIN, MAX)?;
        match T::try_from(number) {
            Ok(value) if (MIN..=MAX).contains(&number) => Ok(Self(value)),
            _ => Err(out_of_range(scalar.text, MIN, MAX)),
        }
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

/// A core's number.
pub(crate) type Core = Int<usize, 0, 1023>;

/// The workers' cores.
#[derive(Debug)]
pub(crate) struct WorkerCores(pub(crate) List<Core>);

impl WorkerCores {
    /// The cores where none are given.
    pub(crate) const DEFAULT: [usize; 1] = [1];
}

impl Decode for WorkerCores {
    fn decode(reader: &mut Reader<'_>, node: NodeId) -> Option<Self> {
        List::decode(reader, node).map(Self)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = List::<Core>::schema(generator);
        schema.insert("minItems".to_owned(), 1.into());
        schema.insert("default".to_owned(), Self::DEFAULT.to_vec().into());
        schema
    }
}

/// A VLAN identifier.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vlan(pub(crate) VlanId);

impl Leaf for Vlan {
    const WANTED: &'static str = "a VLAN from 1 to 4094, or leave the key out for untagged";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let number = whole_number(scalar, 1, 4094)?;
        VlanId::new(number).map(Self).map_err(|_| {
            let hint = format!("write {}", Self::WANTED);
            Refusal::new(format!("VLAN {number} does not exist"), hint)
        })
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": 4094 })
    }
}

/// A VSID that fits its 24 bits; whether it may be used is the validator's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VsidNumber(pub(crate) Vsid);

impl Leaf for VsidNumber {
    const WANTED: &'static str = "a VSID from 4096 to 16777214";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let number = whole_number(scalar, 4096, 16_777_214)?;
        let wrong = || {
            let message = format!("VSID {number} does not fit 24 bits");
            Refusal::new(message, format!("write {}", Self::WANTED))
        };
        let vsid = Vsid::new(number).map_err(|_| wrong())?;
        if vsid == Vsid::VENDOR {
            let message =
                format!("VSID {number} is the vendor-specific one, which carries no tenant (RFC 7637)");
            return Err(Refusal::new(message, format!("write {}", Self::WANTED)));
        }
        Ok(Self(vsid))
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": 16_777_214 })
    }
}

/// A boolean.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bool(pub(crate) bool);

impl Leaf for Bool {
    const WANTED: &'static str = "true or false";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let Scalar { text, plain } = scalar;
        match text {
            "true" | "True" | "TRUE" if plain => return Ok(Self(true)),
            "false" | "False" | "FALSE" if plain => return Ok(Self(false)),
            _ => {}
        }
        let hint = match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" | "1" => "write true",
            "no" | "off" | "n" | "0" => "write false",
            "true" => "write true without quotes",
            "false" => "write false without quotes",
            _ => "write true or false",
        };
        Err(Refusal::new(format!("{} is no boolean", quote(text)), hint))
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

/// A whole number of YAML's core schema: decimal, `0x` or `0o`.
fn whole_number(scalar: Scalar<'_>, min: u64, max: u64) -> Result<u64, Refusal> {
    let Scalar { text, plain } = scalar;
    let is_decimal = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let decimal = is_decimal(text);
    if !plain {
        let hint = if decimal {
            format!("write {text} without quotes")
        } else {
            format!("write a whole number from {min} to {max}, without quotes")
        };
        return Err(Refusal::new(format!("{} is text, not a number", quote(text)), hint));
    }
    if decimal && text.len() > 1 && text.starts_with('0') {
        // Octal in YAML 1.1, decimal in YAML 1.2: whoever wrote it meant one of them.
        let decimal = text.trim_start_matches('0');
        let decimal = if decimal.is_empty() { "0" } else { decimal };
        let hint = format!("write {decimal}, or 0o{decimal} for an octal number");
        return Err(Refusal::new(format!("{text} has a leading zero"), hint));
    }
    let parsed = match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u64::from_str_radix(digits, 16)
        }
        (_, Some(digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            u64::from_str_radix(digits, 8)
        }
        _ if is_decimal(text.strip_prefix('+').unwrap_or(text)) => text.parse(),
        _ => {
            if text.strip_prefix('-').is_some_and(is_decimal) {
                return Err(out_of_range(text, min, max));
            }
            let without_underscores = text.replace('_', "");
            let hint = if is_decimal(&without_underscores) {
                format!("write {without_underscores}")
            } else {
                format!("write a whole number from {min} to {max}")
            };
            return Err(Refusal::new(format!("{} is no whole number", quote(text)), hint));
        }
    };
    parsed.map_err(|_| out_of_range(text, min, max))
}

fn out_of_range(text: &str, min: u64, max: u64) -> Refusal {
    Refusal::new(
        format!("{} is out of range", quote(text).trim_matches('"')),
        format!("write a whole number from {min} to {max}"),
    )
}
