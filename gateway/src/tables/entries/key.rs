//! Addresses as table keys.

use std::net::{IpAddr, Ipv6Addr};

use crate::tables::hash::{TableKey, mix};

/// An address together with the space it means something in: a VRF for customer addresses, an interface for
/// provider addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopedAddress {
    /// The identifier of the space.
    pub scope: u32,
    /// The address, IPv4 in its IPv4-mapped form (RFC 4291 §2.5.5.2), as a number.
    pub address: u128,
}

impl TableKey for ScopedAddress {
    #[inline(always)]
    fn hash(&self, seed: u64) -> u64 {
        let high = (self.address >> 64) as u64;
        mix(self.address as u64 ^ seed, high ^ u64::from(self.scope).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// An IPv4 address (host byte order) in its IPv4-mapped form.
#[inline(always)]
#[must_use]
pub const fn ipv4_mapped(address: u32) -> u128 {
    0xffff_0000_0000 | address as u128
}

/// An address of either family as a number.
#[must_use]
pub fn from_ip(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => ipv4_mapped(v4.into()),
        IpAddr::V6(v6) => v6.into(),
    }
}

/// The address that a number stands for.
#[must_use]
pub fn to_ip(address: u128) -> IpAddr {
    Ipv6Addr::from(address).to_canonical()
}
