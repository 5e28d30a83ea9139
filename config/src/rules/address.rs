//! Which addresses stations can have, and which prefixes networks can have, in both families.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use nvgw_types::Family;

use super::{Refusal, Verdict};

/// Addresses that are no station's beyond one link: this network (RFC 791), loopback, multicast, broadcast; for IPv6
/// the unspecified address, loopback, IPv4-mapped and link-local addresses, multicast (RFC 4291 §2.4).
const SPECIAL: [IpNet; 9] = [
    v4([0, 0, 0, 0], 8),
    v4([127, 0, 0, 0], 8),
    v4([224, 0, 0, 0], 4),
    v4([255, 255, 255, 255], 32),
    v6(0, 0, 0, 128),
    v6(0, 0, 1, 128),
    v6(0, 0xffff, 0, 96),
    v6(0xfe80, 0, 0, 10),
    v6(0xff00, 0, 0, 8),
];

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length))
}

const fn v6(first: u16, sixth: u16, last: u16, length: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(first, 0, 0, 0, 0, sixth, 0, last), length))
}

/// An example, in the family of an address.
pub(crate) fn example(address: IpAddr, ipv4: &'static str, ipv6: &'static str) -> &'static str {
    match Family::of(address) {
        Family::V4 => ipv4,
        Family::V6 => ipv6,
    }
}

/// A station can have the address, and be spoken to from beyond its link.
///
/// # Errors
/// An address that means something on one link only, or that is no single station's.
pub(crate) fn check_unicast(address: IpAddr) -> Verdict {
    if let IpAddr::V6(v6) = address {
        if let Some(v4) = v6.to_ipv4_mapped() {
            let message = format!("{address} is an IPv4 address in the form of an IPv6 one");
            return Err(Refusal::new(message, format!("write {v4}")));
        }
        if v6.is_unicast_link_local() {
            let message = format!("{address} is a link-local address: it says nothing beyond its link");
            return Err(Refusal::new(message, "write a global or unique local address, as in 2001:db8::5"));
        }
    }
    if SPECIAL.iter().any(|net| net.contains(&address)) {
        let hint =
            format!("write a station's address, as in {}", example(address, "10.0.1.5", "2001:db8::5"));
        return Err(Refusal::new(format!("{address} is no station's address"), hint));
    }
    Ok(())
}

/// What an address that no station of its network has is called: IPv4's network and broadcast addresses, IPv6's
/// subnet-router anycast address (RFC 4291 §2.6.1).
pub(crate) fn edge(net: IpNet, address: IpAddr) -> Option<&'static str> {
    match net {
        // RFC 3021: a /31 has two stations; a /32 is one.
        IpNet::V4(net) if net.prefix_len() <= 30 => {
            let is_edge = address == net.network() || address == net.broadcast();
            is_edge.then_some("network or broadcast")
        }
        // RFC 6164: a /127 has two stations; a /128 is one.
        IpNet::V6(net) if net.prefix_len() <= 126 => {
            (address == net.network()).then_some("subnet-router anycast")
        }
        _ => None,
    }
}

/// The first and the last address that stations of a network can have.
#[must_use]
pub fn stations(net: IpNet) -> (IpAddr, IpAddr) {
    match net {
        IpNet::V4(net) => {
            let inset = u32::from(net.prefix_len() <= 30);
            let first = Ipv4Addr::from_bits(net.network().to_bits() + inset);
            (first.into(), Ipv4Addr::from_bits(net.broadcast().to_bits() - inset).into())
        }
        IpNet::V6(net) => {
            let inset = u128::from(net.prefix_len() <= 126);
            (Ipv6Addr::from_bits(net.network().to_bits() + inset).into(), net.broadcast().into())
        }
    }
}

/// The hint that names the addresses which stations of a network can have.
pub(crate) fn usable(net: IpNet) -> String {
    let (first, last) = stations(net);
    if first == last { format!("write {first}") } else { format!("write an address from {first} to {last}") }
}

/// Stations can live in a subnet.
///
/// # Errors
/// A subnet of every address, of too few, or of such as no station has.
pub fn check_subnet(subnet: IpNet) -> Verdict {
    let message = match subnet {
        _ if subnet.prefix_len() == 0 => "a subnet cannot hold every address".to_owned(),
        IpNet::V4(_) if subnet.prefix_len() == 32 => format!("{subnet} has room for one station only"),
        IpNet::V6(_) if subnet.prefix_len() > 126 => {
            format!(
                "{subnet} has no room for a station beside the subnet-router anycast address and the gateway"
            )
        }
        _ if SPECIAL.iter().any(|net| net.contains(&subnet) || subnet.contains(net)) => {
            format!("{subnet} holds addresses of no station")
        }
        _ => return Ok(()),
    };
    let hint = example(
        subnet.addr(),
        "write a unicast prefix from /1 to /31, as in 10.0.1.0/24",
        "write a unicast prefix from /1 to /126, as in 2001:db8:1::/64",
    );
    Err(Refusal::new(message, hint))
}

/// A station of a subnet can have the address.
///
/// # Errors
/// An address outside the subnet, or one that no station of it has.
pub fn check_station(address: IpAddr, subnet: IpNet) -> Verdict {
    let message = if !subnet.contains(&address) {
        format!("{address} is outside {subnet}")
    } else if let Some(edge) = edge(subnet, address) {
        format!("{address} is the {edge} address of {subnet}")
    } else {
        return Ok(());
    };
    Err(Refusal::new(message, usable(subnet)))
}

/// An address, which is a `what`, is a station's as far as its network's prefix says.
///
/// # Errors
/// An address that no station of the network has.
pub fn check_not_edge(what: &str, address: IpAddr, net: IpNet) -> Verdict {
    if let Some(edge) = edge(net, address) {
        let message = format!("{what} {address} is the {edge} address of {net}");
        return Err(Refusal::new(message, usable(net)));
    }
    Ok(())
}

/// Packets can be routed to the prefix.
///
/// # Errors
/// A prefix of addresses that no packet is routed to.
pub fn check_destination(prefix: IpNet) -> Verdict {
    let routed = match prefix {
        IpNet::V4(prefix) => !prefix.network().is_multicast() && !prefix.network().is_loopback(),
        IpNet::V6(_) => !SPECIAL.iter().any(|net| net.contains(&prefix)),
    };
    if !routed {
        let hint = format!(
            "write a unicast prefix, as in {}",
            example(prefix.addr(), "10.0.0.0/8", "2001:db8::/32")
        );
        return Err(Refusal::new(format!("{prefix} holds no unicast destination"), hint));
    }
    Ok(())
}

/// A next hop is of the family of what is routed to it.
///
/// # Errors
/// The other family.
pub fn check_next_hop(next_hop: IpAddr, prefix: IpNet) -> Verdict {
    let (has, wants) = (Family::of(next_hop), Family::of(prefix.addr()));
    if has != wants {
        let message = format!("next hop {next_hop} is {has}, the prefix {prefix} {wants}");
        return Err(Refusal::new(message, format!("write the {wants} address of the next hop")));
    }
    Ok(())
}

/// Packets can be sent to a compute host's address from a site of one of the subnets.
///
/// # Errors
/// An address of a family that none of them is of.
pub fn check_host_family(address: IpAddr, sites: impl IntoIterator<Item = IpNet>) -> Verdict {
    let family = Family::of(address);
    if sites.into_iter().all(|subnet| Family::of(subnet.addr()) != family) {
        let message =
            format!("provider address {address} is {family}, and no site of the provider network is");
        let hint = format!("write an address of the sites' family, or add a site with an {family} subnet");
        return Err(Refusal::new(message, hint));
    }
    Ok(())
}
