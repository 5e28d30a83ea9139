//! Virtual subnets, found by VSID.

use nvgw_types::{MacAddr, VrfId, Vsid};

use crate::tables::hash::Keyed;

/// A virtual subnet: to which VRF its packets belong, and what its frames must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Subnet {
    /// The subnet's prefix as a number, IPv4 in its mapped form.
    pub prefix: u128,
    /// The bits of an address that the prefix fixes.
    pub mask: u128,
    /// Its VSID.
    pub vsid: Vsid,
    /// The tenant's VRF.
    pub vrf: VrfId,
    /// The gateway's own Ethernet address there.
    pub gateway_mac: MacAddr,
    /// Whether packets of senders that no record vouches for are counted and forwarded, not dropped.
    pub log_only: bool,
}

impl Subnet {
    /// Whether an address (as a number) lies in the subnet.
    #[inline(always)]
    #[must_use]
    pub const fn contains(&self, address: u128) -> bool {
        address & self.mask == self.prefix
    }
}

impl Keyed for Subnet {
    type Key = Vsid;

    #[inline(always)]
    fn key(&self) -> Vsid {
        self.vsid
    }
}
