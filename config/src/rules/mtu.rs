//! How big packets must be able to be.

use ipnet::IpNet;
use nvgw_types::Family;

use super::{Refusal, Verdict};

/// The least MTU of a link that carries IPv6 (RFC 8200 §5), in bytes.
const LEAST_IPV6_MTU: u16 = 1280;
/// The least MTU of a path that may be written: what every IPv4 station puts together (RFC 1122 §3.3.2), in bytes.
const LEAST_IPV4_PATH_MTU: u16 = 576;
/// The smallest packet that every IPv4 link carries (RFC 791), in bytes.
const LEAST_IPV4_MTU: u16 = 68;
/// NVGRE around an IP packet: inner Ethernet header and GRE header with its key (RFC 7637 §3.2), in bytes.
const NVGRE: u16 = 14 + 8;

/// A site of the subnet's family, whose biggest IP packet has `mtu` bytes, carries every packet of tenants that must be
/// carried whole; `tenants_ipv6`: tenants have IPv6 subnets.
///
/// # Errors
/// A smaller MTU.
pub fn check_site_mtu(mtu: u16, subnet: IpNet, tenants_ipv6: bool) -> Verdict {
    if !tenants_ipv6 {
        check_network_mtu(mtu, subnet)?;
    }
    let overhead = NVGRE + if subnet.addr().is_ipv4() { 20 } else { 40 };
    let inner = if tenants_ipv6 { LEAST_IPV6_MTU } else { LEAST_IPV4_MTU };
    let least = inner + overhead;
    if mtu >= least {
        return Ok(());
    }
    let message = if tenants_ipv6 {
        let room = mtu.saturating_sub(overhead);
        format!("mtu {mtu} leaves {room} bytes for tenants' packets in NVGRE, IPv6 needs {inner} (RFC 8200)")
    } else {
        format!("mtu {mtu} leaves no room for a tenant's packet in NVGRE")
    };
    let best = 1500 + overhead;
    let hint = format!(
        "raise the mtu to {least} or more, and the port's where it is less; packets of 1500 bytes need {best}"
    );
    Err(Refusal::new(message, hint))
}

/// A network on which the gateway has the address carries packets of the family, `mtu` bytes at most.
///
/// # Errors
/// Less than IPv6 asks of every link (RFC 8200 §5).
pub(crate) fn check_network_mtu(mtu: u16, address: IpNet) -> Verdict {
    if address.addr().is_ipv6() && mtu < LEAST_IPV6_MTU {
        let message = format!("mtu {mtu} is less than IPv6 asks of every link, {LEAST_IPV6_MTU} (RFC 8200)");
        let hint = format!("raise the mtu to {LEAST_IPV6_MTU} or more, and the port's where it is less");
        return Err(Refusal::new(message, hint));
    }
    Ok(())
}

/// The path of a provider route to the prefix can be `mtu` bytes wide, in a site of `most`.
///
/// # Errors
/// Less than every path of the family takes, or more than the site.
pub fn check_path_mtu(mtu: u16, prefix: IpNet, most: u16) -> Verdict {
    let least = if prefix.addr().is_ipv4() { LEAST_IPV4_PATH_MTU } else { LEAST_IPV6_MTU };
    if mtu < least {
        let message = format!("mtu {mtu} is less than {} asks of a path, {least}", Family::of(prefix.addr()));
        return Err(Refusal::new(message, format!("write {least} or more")));
    }
    if mtu > most {
        let message = format!("mtu {mtu} is more than the site's, {most}");
        return Err(Refusal::new(message, format!("write {most} or less, or raise the site's mtu")));
    }
    Ok(())
}
