//! What values owe each other wherever they are held: in the file, or in what a running gateway has become.

mod address;
mod mtu;

use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_types::{MacAddr, Vsid};

pub use address::{
    check_destination, check_host_family, check_next_hop, check_not_edge, check_station, check_subnet,
    stations,
};
pub(crate) use address::{check_unicast, edge, example, usable};
pub(crate) use mtu::check_network_mtu;
pub use mtu::{check_path_mtu, check_site_mtu};

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
}

/// What a rule says of a value.
pub type Verdict = Result<(), Refusal>;

/// A VM can have the customer address, which is a `what`, beside its subnet's gateway.
///
/// # Errors
/// The gateway's address.
pub fn check_not_gateway(what: &str, address: IpAddr, gateway: IpAddr) -> Verdict {
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

/// A route to the prefix says something that the connected prefixes do not.
///
/// # Errors
/// A connected prefix.
pub fn check_not_connected(prefix: IpNet, connected: impl IntoIterator<Item = IpNet>) -> Verdict {
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
pub fn check_exempt(prefix: IpNet, connected: impl IntoIterator<Item = IpNet>) -> Verdict {
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
