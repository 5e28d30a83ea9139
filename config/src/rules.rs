//! What values owe each other wherever they are held: in the file, or in what a running gateway has become.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use nvgw_types::{MacAddr, Vsid};

/// What is wrong, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {hint}")]
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

impl Refusal {
    /// A refusal of what `message` says; `hint` is a whole sentence without its full stop, too.
    #[must_use]
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }

    /// A part of the document that a later version brings.
    pub(crate) fn not_yet(what: &str, hint: impl Into<String>) -> Self {
        Self::new(format!("{what} is not supported yet"), hint)
    }
}

/// What a rule says of a value.
pub type Verdict = Result<(), Refusal>;

/// Whether an address is its network's own or its broadcast address: no station's.
#[must_use]
pub fn is_edge(net: Ipv4Net, address: Ipv4Addr) -> bool {
    // RFC 3021: a /31 has two stations; a /32 is one.
    net.prefix_len() <= 30 && (address == net.network() || address == net.broadcast())
}

/// Whether no packet can be sent to such an address as to a station's.
#[must_use]
pub fn is_special(address: Ipv4Addr) -> bool {
    address.octets()[0] == 0 || address.is_loopback() || address.is_multicast() || address.is_broadcast()
}

/// The hint that names the addresses which stations of a network can have.
#[must_use]
pub fn usable(net: Ipv4Net) -> String {
    let mut hosts = net.hosts();
    match (hosts.next(), net.hosts().next_back()) {
        (Some(first), Some(last)) if first != last => {
            format!("write an address from {first} to {last}")
        }
        (Some(only), _) => format!("write {only}"),
        _ => format!("write an address of {net}"),
    }
}

/// Stations can live in a subnet.
///
/// # Errors
/// A subnet of every address, of one, or of such as no station has.
pub fn check_subnet(subnet: Ipv4Net) -> Verdict {
    let message = if subnet.prefix_len() == 0 {
        "a subnet cannot hold every address".to_owned()
    } else if subnet.prefix_len() == 32 {
        format!("{subnet} has room for one station only")
    } else if is_special(subnet.network()) {
        format!("{subnet} holds addresses of no station")
    } else {
        return Ok(());
    };
    Err(Refusal::new(message, "write a unicast prefix from /1 to /31, as in 10.0.1.0/24"))
}

/// A station of a subnet can have the address.
///
/// # Errors
/// An address outside the subnet, or one of its edges.
pub fn check_station(address: Ipv4Addr, subnet: Ipv4Net) -> Verdict {
    let message = if !subnet.contains(&address) {
        format!("{address} is outside {subnet}")
    } else if is_edge(subnet, address) {
        format!("{address} is the network or broadcast address of {subnet}")
    } else {
        return Ok(());
    };
    Err(Refusal::new(message, usable(subnet)))
}

/// An address, which is a `what`, is a station's as far as its network's prefix says.
///
/// # Errors
/// An edge of the network.
pub fn check_not_edge(what: &str, address: Ipv4Addr, net: Ipv4Net) -> Verdict {
    if is_edge(net, address) {
        let message = format!("{what} {address} is the network or broadcast address of {net}");
        return Err(Refusal::new(message, usable(net)));
    }
    Ok(())
}

/// A VM can have the customer address, which is a `what`, beside its subnet's gateway.
///
/// # Errors
/// The gateway's address.
pub fn check_not_gateway(what: &str, address: Ipv4Addr, gateway: Ipv4Addr) -> Verdict {
    if address == gateway {
        let message = format!("{what} {address} is the gateway address of its subnet");
        return Err(Refusal::new(message, "write the address of a VM"));
    }
    Ok(())
}

/// A VM can have the Ethernet address beside its tenant's gateway.
///
/// # Errors
/// The gateway's address.
pub fn check_vm_mac(mac: MacAddr, gateway_mac: MacAddr) -> Verdict {
    if mac == gateway_mac {
        let message = format!("{mac} is the tenant's gateway-mac");
        return Err(Refusal::new(message, "write the VM's own Ethernet address"));
    }
    Ok(())
}

/// The VSID can be a virtual subnet's (RFC 7637 §3.2).
///
/// # Errors
/// A reserved one, unless they are allowed.
pub fn check_vsid(vsid: Vsid, allow_reserved: bool) -> Verdict {
    if vsid.is_reserved() && !allow_reserved {
        let message = format!("VSID {vsid} is reserved (RFC 7637)");
        let hint = "write a VSID from 4096 to 16777214, or set provider.encapsulation.allow-reserved-vsids";
        return Err(Refusal::new(message, hint));
    }
    Ok(())
}

/// Packets can be routed to the prefix.
///
/// # Errors
/// A prefix of multicast or loopback addresses.
pub fn check_destination(prefix: Ipv4Net) -> Verdict {
    if prefix.network().is_multicast() || prefix.network().is_loopback() {
        let message = format!("{prefix} holds no unicast destination");
        return Err(Refusal::new(message, "write a unicast prefix, as in 10.0.0.0/8"));
    }
    Ok(())
}

/// A route to the prefix says something that the connected prefixes do not.
///
/// # Errors
/// A connected prefix.
pub fn check_not_connected(prefix: Ipv4Net, connected: impl IntoIterator<Item = Ipv4Net>) -> Verdict {
    if connected.into_iter().any(|net| net == prefix) {
        let message = format!("{prefix} is connected: its addresses are neighbours");
        return Err(Refusal::new(message, "leave the route out"));
    }
    Ok(())
}

/// The biggest port block there can be with so many workers, at least one: the ports of a public address are divided
/// into as many shards as there are workers, rounded up to a power of two and no fewer than eight, in two rows of
/// equal pieces; no block crosses from one piece to the next.
#[must_use]
pub fn biggest_block(workers: usize) -> u16 {
    let shards = workers.clamp(8, 1 << 15).next_power_of_two();
    1 << (15 - shards.ilog2())
}

/// A port block lies in one shard.
///
/// # Errors
/// A bigger one.
pub fn check_block_size(size: u16, workers: usize) -> Verdict {
    let biggest = biggest_block(workers);
    if size > biggest {
        let message =
            format!("blocks of {size} ports are too big for {workers} workers to divide ports among them");
        let hint = format!("write {biggest} or less for block-size, or have fewer worker-cores");
        return Err(Refusal::new(message, hint));
    }
    Ok(())
}

/// Ports that a pool hands out hold a block, which begins at a multiple of its size.
///
/// # Errors
/// Ports without one.
pub fn check_blocks(first: u16, last: u16, size: u16) -> Verdict {
    let (begin, end) = (u32::from(first).next_multiple_of(size.into()), u32::from(last) + 1);
    if begin + u32::from(size) > end {
        let message = format!(
            "no block of {size} ports lies in {first}-{last}: blocks begin at multiples of their size"
        );
        let begin = (first - first % size).max(size);
        let hint = format!("write {begin}-{}, more ports, or a smaller block-size", begin + (size - 1));
        return Err(Refusal::new(message, hint));
    }
    Ok(())
}

/// The customer's ports of a forward, from `to` on, are as many as its public ports.
///
/// # Errors
/// Ports beyond the last.
pub fn check_forward(first: u16, last: u16, to: u16) -> Verdict {
    let most = u16::MAX - (last - first);
    if to > most {
        let message = format!("the ports from {to} on are fewer than {first}-{last}");
        return Err(Refusal::new(message, format!("write {most} or less")));
    }
    Ok(())
}

/// Packets to the prefix would be translated, were it not exempt, and others are.
///
/// # Errors
/// The prefix of all addresses, and one inside a connected prefix.
pub fn check_exempt(prefix: Ipv4Net, connected: impl IntoIterator<Item = Ipv4Net>) -> Verdict {
    if prefix.prefix_len() == 0 {
        let hint = "write the destinations that see the tenant's own addresses, or nat: off";
        return Err(Refusal::new(format!("{prefix} leaves nothing to translate"), hint));
    }
    if let Some(net) = connected.into_iter().find(|net| net.contains(&prefix)) {
        let message = format!("{prefix} is in {net}, which is connected: nothing is translated there");
        return Err(Refusal::new(message, "leave it out"));
    }
    Ok(())
}
