//! Virtual subnets, found by VSID.

use ipnet::IpNet;
use nvgw_types::{MacAddr, VrfId, Vsid};

use crate::tables::OfVsid;
use crate::tables::hash::Keyed;

/// What becomes of a packet whose sender no lookup record vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderMode {
    /// It is dropped.
    Strict,
    /// It is counted and forwarded.
    LogOnly,
    /// The control thread sees it, which may make its sender a record or move the one it has.
    Learn,
}

/// A virtual subnet: to which VRF its packets belong, and what its frames must look like. One cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Subnet {
    ipv6: Prefix<u128>,
    ipv4: Prefix<u32>,
    /// Its VSID.
    pub vsid: Vsid,
    /// The tenant's VRF.
    pub vrf: VrfId,
    /// The gateway's own Ethernet address there.
    pub gateway_mac: MacAddr,
    /// What becomes of packets of senders that no record vouches for.
    pub sender_mode: SenderMode,
}

const _: () = assert!(size_of::<Subnet>() == 64);

/// The addresses of one family that a subnet has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Prefix<A> {
    network: A,
    mask: A,
}

impl Subnet {
    /// A subnet with at most one prefix of each family.
    #[must_use]
    pub fn new(
        vsid: Vsid,
        vrf: VrfId,
        gateway_mac: MacAddr,
        sender_mode: SenderMode,
        prefixes: impl IntoIterator<Item = IpNet>,
    ) -> Self {
        // No address is all ones where no bit of it counts: without a prefix nothing is inside.
        let mut ipv4 = Prefix { network: u32::MAX, mask: 0 };
        let mut ipv6 = Prefix { network: u128::MAX, mask: 0 };
        for prefix in prefixes {
            match prefix {
                IpNet::V4(v4) => {
                    ipv4 = Prefix { network: v4.network().into(), mask: v4.netmask().into() };
                }
                IpNet::V6(v6) => {
                    ipv6 = Prefix { network: v6.network().into(), mask: v6.netmask().into() };
                }
            }
        }
        Self { ipv6, ipv4, vsid, vrf, gateway_mac, sender_mode }
    }

    /// Whether an address (as a number, IPv4 in its mapped form) lies in the subnet.
    #[inline(always)]
    #[must_use]
    pub const fn contains(&self, address: u128) -> bool {
        if address >> 32 == 0xffff {
            address as u32 & self.ipv4.mask == self.ipv4.network
        } else {
            address & self.ipv6.mask == self.ipv6.network
        }
    }
}

impl OfVsid for Subnet {
    #[inline(always)]
    fn vrf(&self) -> VrfId {
        self.vrf
    }
}

impl Keyed for Subnet {
    type Key = Vsid;

    #[inline(always)]
    fn key(&self) -> Vsid {
        self.vsid
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::entries::from_ip;

    fn subnet(prefixes: &[&str]) -> Subnet {
        let vsid = Vsid::new(5001).expect("a VSID");
        let prefixes = prefixes.iter().map(|prefix| prefix.parse().expect("a prefix"));
        Subnet::new(vsid, VrfId(1), MacAddr([2, 0, 0, 0, 0, 1]), SenderMode::Strict, prefixes)
    }

    fn contains(subnet: &Subnet, address: &str) -> bool {
        subnet.contains(from_ip(address.parse().expect("an address")))
    }

    #[test]
    fn each_family_has_its_own_prefix_or_none() {
        let both = subnet(&["10.0.1.0/24", "2001:db8:1::/64"]);
        assert!(contains(&both, "10.0.1.255") && contains(&both, "2001:db8:1::5"));
        assert!(!contains(&both, "10.0.2.0") && !contains(&both, "2001:db8:2::5"));
        let ipv4 = subnet(&["10.0.1.0/24"]);
        for other in ["::", "2001:db8:1::5", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "255.255.255.255"] {
            assert!(!contains(&ipv4, other), "{other}");
        }
        let ipv6 = subnet(&["2001:db8:1::/64"]);
        assert!(contains(&ipv6, "2001:db8:1::ffff") && !contains(&ipv6, "0.0.0.0"));
        assert!(!contains(&ipv6, "255.255.255.255"));
    }
}
