//! Addresses, prefixes and Ethernet addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpAddrRange, IpNet, Ipv4AddrRange, Ipv6AddrRange};
use nvgw_types::{Family, MacAddr};
use schemars::{Schema, json_schema};

use crate::decode::Leaf;
use crate::rules::{Refusal, check_unicast, edge, example, usable};
use crate::tree::{Scalar, quote};

/// A station's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Address(pub(crate) IpAddr);

impl Leaf for Address {
    const WANTED: &'static str = "an IP address, as in 10.0.1.5 or 2001:db8::5";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        address(scalar.text, Self::WANTED).map(Self)
    }

    fn leaf_schema() -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^([0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)$",
        })
    }
}

/// A station's IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ipv6Address(pub(crate) Ipv6Addr);

impl Leaf for Ipv6Address {
    const WANTED: &'static str = "an IPv6 address, as in 2001:db8::5";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        match address(scalar.text, Self::WANTED)? {
            IpAddr::V6(address) => Ok(Self(address)),
            IpAddr::V4(address) => {
                Err(Refusal::new(format!("{address} is an IPv4 address"), format!("write {}", Self::WANTED)))
            }
        }
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "string", "format": "ipv6" })
    }
}

/// A station's address that takes part in address translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NatAddress(pub(crate) Ipv4Addr);

impl Leaf for NatAddress {
    const WANTED: &'static str = "an IPv4 address, as in 198.51.100.7";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        translated(address(scalar.text, Self::WANTED)?).map(Self)
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "string", "format": "ipv4" })
    }
}

/// A prefix without host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prefix(pub(crate) IpNet);

impl Leaf for Prefix {
    const WANTED: &'static str = "a prefix, as in 10.0.1.0/24 or 2001:db8:1::/64";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let net = net(scalar.text, Self::WANTED, |address| if address.is_ipv4() { 32 } else { 128 })?;
        if net.addr() != net.network() {
            return Err(Refusal::new(format!("{net} has host bits set"), format!("write {}", net.trunc())));
        }
        Ok(Self(net))
    }

    fn leaf_schema() -> Schema {
        prefix_schema()
    }
}

/// A prefix without host bits that address translation would concern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NatPrefix(pub(crate) IpNet);

impl Leaf for NatPrefix {
    const WANTED: &'static str = "an IPv4 prefix, as in 172.31.0.0/16";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        match Prefix::read(scalar)? {
            Prefix(net @ IpNet::V4(_)) => Ok(Self(net)),
            Prefix(net @ IpNet::V6(_)) => {
                Err(Refusal::new(format!("{net} is IPv6, which is never translated"), "leave it out"))
            }
        }
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}$" })
    }
}

/// An IPv6 prefix without host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ipv6Prefix(pub(crate) IpNet);

impl Leaf for Ipv6Prefix {
    const WANTED: &'static str = "an IPv6 prefix, as in 2001:db8:1::/64";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        match Prefix::read(scalar)? {
            Prefix(net @ IpNet::V6(_)) => Ok(Self(net)),
            Prefix(net @ IpNet::V4(_)) => {
                Err(Refusal::new(format!("{net} is an IPv4 prefix"), format!("write {}", Self::WANTED)))
            }
        }
    }

    fn leaf_schema() -> Schema {
        prefix_schema()
    }
}

/// An address of ours with the length of its network's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InterfaceAddress(pub(crate) IpNet);

impl Leaf for InterfaceAddress {
    const WANTED: &'static str =
        "an address with its prefix length, as in 198.18.0.2/24 or 2001:db8:ffff::2/64";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let net = net(scalar.text, Self::WANTED, |address| if address.is_ipv4() { 24 } else { 64 })?;
        let address = net.addr();
        check_unicast(address)?;
        if net.prefix_len() == 0 {
            return Err(Refusal::new(
                format!("{net} would make every address a neighbour"),
                format!("write the length of the network's prefix, as in {}", example(address, "/24", "/64")),
            ));
        }
        if let Some(edge) = edge(net, address) {
            let message = format!("{address} is the {edge} address of {}", net.trunc());
            return Err(Refusal::new(message, usable(net)));
        }
        Ok(Self(net))
    }

    fn leaf_schema() -> Schema {
        prefix_schema()
    }
}

/// First and last address, `A-B`, of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PoolRange {
    V4(Ipv4Addr, Ipv4Addr),
    V6(Ipv6Addr, Ipv6Addr),
}

impl PoolRange {
    /// The first and the last address.
    pub(crate) fn ends(self) -> [IpAddr; 2] {
        match self {
            Self::V4(first, last) => [first.into(), last.into()],
            Self::V6(first, last) => [first.into(), last.into()],
        }
    }

    /// The addresses, in their order.
    pub(crate) fn addresses(self) -> IpAddrRange {
        match self {
            Self::V4(first, last) => IpAddrRange::V4(Ipv4AddrRange::new(first, last)),
            Self::V6(first, last) => IpAddrRange::V6(Ipv6AddrRange::new(first, last)),
        }
    }
}

impl Leaf for PoolRange {
    const WANTED: &'static str = "first and last address, as in 100.64.20.50-100.64.20.59";

    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal> {
        let ends = scalar.text.split_once('-').ok_or_else(|| {
            let message = format!("{} is no range", quote(scalar.text));
            Refusal::new(message, format!("write {}", Self::WANTED))
        })?;
        range(ends, Self::WANTED)
    }

    fn leaf_schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9A-Fa-f:.]+ *- *[0-9A-Fa-f:.]+$" })
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
        let [first, last] = if let Some(ends) = scalar.text.split_once('-') {
            range(ends, Self::WANTED)?.ends()
        } else if scalar.text.contains('/') {
            let Prefix(net) = Prefix::read(scalar)?;
            [net.network(), net.broadcast()]
        } else {
            [address(scalar.text, Self::WANTED)?; 2]
        };
        for end in [first, last] {
            check_unicast(end)
                .map_err(|wrong| Refusal { hint: format!("write {}", Self::WANTED), ..wrong })?;
        }
        Ok(Self { first: translated(first)?, last: translated(last)? })
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

/// Reads a station's address.
fn address(text: &str, wanted: &str) -> Result<IpAddr, Refusal> {
    let Ok(address) = text.parse::<IpAddr>() else {
        return Err(match text.parse::<IpNet>() {
            Ok(net) => Refusal::new(
                format!("{net} is a prefix, not an address"),
                format!("write {} without its length", net.addr()),
            ),
            Err(_) => Refusal::new(format!("{} is no address", quote(text)), format!("write {wanted}")),
        });
    };
    check_unicast(address)?;
    Ok(address)
}

/// Reads the ends of a range of addresses.
fn range((first, last): (&str, &str), wanted: &str) -> Result<PoolRange, Refusal> {
    let first = address(first.trim(), wanted)?;
    let last = address(last.trim(), wanted)?;
    let range = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => PoolRange::V4(first, last),
        (IpAddr::V6(first), IpAddr::V6(last)) => PoolRange::V6(first, last),
        _ => {
            let (from, to) = (Family::of(first), Family::of(last));
            let message = format!("the range begins with an {from} address and ends with an {to} one");
            return Err(Refusal::new(message, format!("write {wanted}")));
        }
    };
    if first > last {
        let message = format!("the range ends at {last}, before it begins at {first}");
        return Err(Refusal::new(message, format!("write {last}-{first}")));
    }
    Ok(range)
}

/// An address that can be translated.
fn translated(address: IpAddr) -> Result<Ipv4Addr, Refusal> {
    match address {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(_) => {
            let hint =
                "write an IPv4 address: IPv6 goes out untranslated, and comes in through public-prefixes";
            Err(Refusal::new(format!("{address} is IPv6, and address translation is for IPv4"), hint))
        }
    }
}

/// Reads `ADDRESS/N`; `likely` is the length that the hint gives to an address without one.
fn net(text: &str, wanted: &str, likely: impl Fn(IpAddr) -> u8) -> Result<IpNet, Refusal> {
    text.parse::<IpNet>().map_err(|_| match text.parse::<IpAddr>() {
        Ok(address) => Refusal::new(
            format!("{address} has no prefix length"),
            format!("add it, as in {address}/{}", likely(address)),
        ),
        Err(_) => Refusal::new(format!("{} is no prefix", quote(text)), format!("write {wanted}")),
    })
}

fn prefix_schema() -> Schema {
    json_schema!({
        "type": "string",
        "pattern": "^([0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*/[0-9]{1,3})$",
    })
}
