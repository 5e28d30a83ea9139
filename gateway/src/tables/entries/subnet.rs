//! Virtual subnets, found by VSID.

use nvgw_types::{MacAddr, VrfId, Vsid};

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
    /// What becomes of packets of senders that no record vouches for.
    pub sender_mode: SenderMode,
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
