//! Addresses, prefixes and Ethernet addresses.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use nvgw_types::MacAddr;
use schemars::{Schema, json_schema};

use crate::decode::Leaf;
use crate::rules::{Refusal, is_edge, is_special, usable};
use crate::tree::{Scalar, quote};

/// A station's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Address(pub(crate) Ipv4Addr);

impl Leaf for Address {
    const WANTED: &'static str = "an IPv4 address, as in 10.0.1.5";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        address(scalar.text, Self::WANTED).map(Self)
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "string", "format": "ipv4" })
    }
}

/// A prefix without host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prefix(pub(crate) Ipv4Net);

impl Leaf for Prefix {
    const WANTED: &'static str = "an IPv4 prefix, as in 10.0.1.0/24";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let net = prefix(scalar.text, 32)?;
        if net.addr() != net.network() {
            return Err(Refusal::new(format!("{net} has host bits set"), format!("write {}", net.trunc())));
        }
        Ok(Self(net))
    }

    fn leaf_schema() -> Schema {
        prefix_schema()
    }
}

/// An address of ours with the length of its network's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InterfaceAddress(pub(crate) Ipv4Net);

impl Leaf for InterfaceAddress {
    const WANTED: &'static str = "an IPv4 address with its prefix length, as in 198.18.0.2/24";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let net = prefix(scalar.text, 24)?;
        station(net.addr(), Self::WANTED)?;
        if net.prefix_len() == 0 {
            return Err(Refusal::new(
                format!("{net} would make every address a neighbour"),
                "write the length of the network's prefix, as in /24",
            ));
        }
        if is_edge(net, net.addr()) {
            return Err(Refusal::new(
                format!("{} is the network or broadcast address of {}", net.addr(), net.trunc()),
                usable(net),
            ));
        }
        Ok(Self(net))
    }

    fn leaf_schema() -> Schema {
        prefix_schema()
    }
}

/// First and last address, `A-B`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolRange {
    pub(crate) first: Ipv4Addr,
    pub(crate) last: Ipv4Addr,
}

impl Leaf for PoolRange {
    const WANTED: &'static str = "first and last address, as in 100.64.20.50-100.64.20.59";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let ends = scalar.text.split_once('-').ok_or_else(|| {
            let message = format!("{} is no range", quote(scalar.text));
            Refusal::new(message, format!("write {}", Self::WANTED))
        })?;
        let (first, last) = range(ends, Self::WANTED)?;
        Ok(Self { first, last })
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9.]+ *- *[0-9.]+$" })
    }
}

/// Public addresses: one, a prefix, or first and last address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AddressRange {
    pub(crate) first: Ipv4Addr,
    pub(crate) last: Ipv4Addr,
}

impl Leaf for AddressRange {
    const WANTED: &'static str =
        "an address, a prefix or a range, as in 198.51.100.7, 198.51.100.16/29 or 198.51.100.1-198.51.100.9";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let (first, last) = if let Some(ends) = scalar.text.split_once('-') {
            range(ends, Self::WANTED)?
        } else if scalar.text.contains('/') {
            let Prefix(net) = Prefix::read(scalar)?;
            (station(net.network(), Self::WANTED)?, station(net.broadcast(), Self::WANTED)?)
        } else {
            let address = address(scalar.text, Self::WANTED)?;
            (address, address)
        };
        Ok(Self { first, last })
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9.]+(/[0-9]{1,2}| *- *[0-9.]+)?$" })
    }
}

/// A station's Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mac(pub(crate) MacAddr);

impl Leaf for Mac {
    const WANTED: &'static str = "an Ethernet address, as in 02:15:5d:00:00:05";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let hint = format!("write {}", Self::WANTED);
        match scalar.text.parse::<MacAddr>() {
            Ok(mac) if mac.is_station() => Ok(Self(mac)),
            Ok(MacAddr::ZERO) => Err(Refusal::new(format!("{} belongs to no station", MacAddr::ZERO), hint)),
            Ok(mac) => {
                let message = format!("{mac} is a group address: its first byte is odd");
                Err(Refusal::new(message, hint))
            }
            Err(_) => Err(Refusal::new(format!("{} is no Ethernet address", quote(scalar.text)), hint)),
        }
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$" })
    }
}

fn address(text: &str, wanted: &str) -> Result<Ipv4Addr, Refusal> {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => station(address, wanted),
        Ok(IpAddr::V6(_)) => Err(ipv6(wanted)),
        Err(_) => Err(match text.parse::<IpNet>() {
            Ok(IpNet::V6(_)) => ipv6(wanted),
            Ok(IpNet::V4(net)) => Refusal::new(
                format!("{net} is a prefix, not an address"),
                format!("write {} without its length", net.addr()),
            ),
            Err(_) => Refusal::new(format!("{} is no address", quote(text)), format!("write {wanted}")),
        }),
    }
}

/// Reads the ends of a range of addresses.
fn range((first, last): (&str, &str), wanted: &str) -> Result<(Ipv4Addr, Ipv4Addr), Refusal> {
    let first = address(first.trim(), wanted)?;
    let last = address(last.trim(), wanted)?;
    if first > last {
        let message = format!("the range ends at {last}, before it begins at {first}");
        return Err(Refusal::new(message, format!("write {last}-{first}")));
    }
    Ok((first, last))
}

fn station(address: Ipv4Addr, wanted: &str) -> Result<Ipv4Addr, Refusal> {
    if is_special(address) {
        let message = format!("{address} is no station's address");
        return Err(Refusal::new(message, format!("write {wanted}")));
    }
    Ok(address)
}

/// Reads `A.B.C.D/N`; `likely` is the length that the hint gives to an address without one.
fn prefix(text: &str, likely: u8) -> Result<Ipv4Net, Refusal> {
    match text.parse::<IpNet>() {
        Ok(IpNet::V4(net)) => Ok(net),
        Ok(IpNet::V6(_)) => Err(ipv6(Prefix::WANTED)),
        Err(_) => Err(match text.parse::<IpAddr>() {
            Ok(IpAddr::V6(_)) => ipv6(Prefix::WANTED),
            Ok(IpAddr::V4(address)) => Refusal::new(
                format!("{address} has no prefix length"),
                format!("add it, as in {address}/{likely}"),
            ),
            Err(_) => {
                Refusal::new(format!("{} is no prefix", quote(text)), format!("write {}", Prefix::WANTED))
            }
        }),
    }
}

fn ipv6(wanted: &str) -> Refusal {
    Refusal::not_yet("IPv6", format!("write {wanted}"))
}

fn prefix_schema() -> Schema {
    json_schema!({ "type": "string", "pattern": "^[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}$" })
}
