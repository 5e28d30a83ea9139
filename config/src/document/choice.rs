//! Values that are one of a few words.

use schemars::{Schema, json_schema};
use serde_json::Value;

use crate::decode::Leaf;
use crate::model::{
    Checksums, DscpMode, DuplicateAddressDetection, EcnMode, Filtering, FlowIdMode, ForwardProtocol,
    Hugepages, RemovedAddresses, Rss, UnsolicitedSyn, WorkerIdle,
};
use crate::rules::Refusal;
use crate::suggest::did_you_mean;
use crate::tree::{Scalar, quote};

/// What can be written for a value, by name.
pub(crate) trait Choice: Copy + 'static {
    /// All there is.
    const OPTIONS: &'static [(&'static str, Self)];
    /// The same for people.
    const WANTED: &'static str;
}

/// One of the words of a [`Choice`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct OneOf<T>(pub(crate) T);

impl<T: Choice> Leaf for OneOf<T> {
    const WANTED: &'static str = T::WANTED;

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let found = T::OPTIONS.iter().find(|(name, _)| *name == scalar.text);
        found.map(|(_, value)| Self(*value)).ok_or_else(|| {
            let names = T::OPTIONS.iter().map(|(name, _)| *name);
            let hint = match did_you_mean(scalar.text, names) {
                Some(slip) => format!("write {} ({slip})", T::WANTED),
                None => format!("write {}", T::WANTED),
            };
            Refusal::new(format!("{} is none of the values here", quote(scalar.text)), hint)
        })
    }

    fn leaf_schema() -> Schema {
        let names: Vec<Value> = T::OPTIONS.iter().map(|(name, _)| Value::from(*name)).collect();
        json_schema!({ "enum": names })
    }
}

impl Choice for Hugepages {
    const OPTIONS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("required", Self::Required), ("off", Self::Off)];
    const WANTED: &'static str = "auto, required or off";
}

impl Choice for WorkerIdle {
    const OPTIONS: &'static [(&'static str, Self)] = &[("poll", Self::Poll), ("sleep", Self::Sleep)];
    const WANTED: &'static str = "poll or sleep";
}

impl Choice for Rss {
    const OPTIONS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("device", Self::Device), ("software", Self::Software)];
    const WANTED: &'static str = "auto, device or software";
}

impl Choice for Checksums {
    const OPTIONS: &'static [(&'static str, Self)] = &[("auto", Self::Auto), ("software", Self::Software)];
    const WANTED: &'static str = "auto or software";
}

impl Choice for FlowIdMode {
    const OPTIONS: &'static [(&'static str, Self)] = &[("hash", Self::Hash), ("zero", Self::Zero)];
    const WANTED: &'static str = "hash or zero";
}

impl Choice for EcnMode {
    const OPTIONS: &'static [(&'static str, Self)] =
        &[("normal", Self::Normal), ("compatible", Self::Compatible)];
    const WANTED: &'static str = "normal or compatible";
}

impl Choice for DuplicateAddressDetection {
    const OPTIONS: &'static [(&'static str, Self)] =
        &[("fast", Self::Fast), ("rfc5227", Self::Rfc5227), ("off", Self::Off)];
    const WANTED: &'static str = "fast, rfc5227 or off";
}

impl Choice for bool {
    const OPTIONS: &'static [(&'static str, Self)] = &[("on", true), ("off", false)];
    const WANTED: &'static str = "on or off";
}

/// What is done about the MSS of tenants' TCP connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TcpMss {
    Clamp,
    Keep,
}

impl Choice for TcpMss {
    const OPTIONS: &'static [(&'static str, Self)] = &[("clamp", Self::Clamp), ("keep", Self::Keep)];
    const WANTED: &'static str = "clamp or keep";
}

impl Choice for UnsolicitedSyn {
    const OPTIONS: &'static [(&'static str, Self)] = &[("reject", Self::Reject), ("drop", Self::Drop)];
    const WANTED: &'static str = "reject or drop";
}

impl Choice for RemovedAddresses {
    const OPTIONS: &'static [(&'static str, Self)] = &[("drain", Self::Drain), ("cut", Self::Cut)];
    const WANTED: &'static str = "drain or cut";
}

impl Choice for ForwardProtocol {
    const OPTIONS: &'static [(&'static str, Self)] = &[("tcp", Self::Tcp), ("udp", Self::Udp)];
    const WANTED: &'static str = "tcp or udp";
}

impl Choice for Filtering {
    const OPTIONS: &'static [(&'static str, Self)] =
        &[("endpoint-independent", Self::EndpointIndependent), ("address-dependent", Self::AddressDependent)];
    const WANTED: &'static str = "endpoint-independent or address-dependent";
}

/// What happens to packets of unknown senders; what may be learned of them is said elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SenderCheckMode {
    Strict,
    LogOnly,
    Learn,
}

impl Choice for SenderCheckMode {
    const OPTIONS: &'static [(&'static str, Self)] =
        &[("strict", Self::Strict), ("log-only", Self::LogOnly), ("learn", Self::Learn)];
    const WANTED: &'static str = "strict, log-only or learn";
}

/// `uniform` or `pipe:<value>`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dscp(pub(crate) DscpMode);

impl Leaf for Dscp {
    const WANTED: &'static str = "uniform, or pipe:<value> with a value from 0 to 63, as in pipe:46";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let text = scalar.text;
        if text == "uniform" {
            return Ok(Self(DscpMode::Uniform));
        }
        text.strip_prefix("pipe:")
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .filter(|value| *value < 64)
            .map(|value| Self(DscpMode::Pipe(value)))
            .ok_or_else(|| {
                let message = format!("{} is none of the values here", quote(text));
                Refusal::new(message, format!("write {}", Self::WANTED))
            })
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^(uniform|pipe:[0-9]{1,2})$" })
    }
}
