//! The vocabulary that the configuration and the gateway share.
//!
//! Wire types carry their meaning and can only be made valid: a [`Vsid`] always fits its 24 bits, a
//! [`VlanId`] is never 0 or 4095. They live in a crate of their own so that the configuration, which knows
//! no packets, and the packet views, which know no configuration, speak of the same things.

mod family;
mod id;
mod mac;
mod vlan;
mod vsid;

pub use family::Family;
pub use id::{AdjacencyId, InterfaceId, NeighborId, PortId, PublicId, ViaId, VrfId, WorkerId};
pub use mac::{MacAddr, ParseMacError};
pub use vlan::{VlanId, VlanIdError};
pub use vsid::{FlowId, Vsid, VsidError};

use std::fmt;
use std::net::IpAddr;

/// An address of the provider network: what the outer IP header of NVGRE carries (RFC 7637 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderAddr(pub IpAddr);

/// A customer address: what the inner IP header carries. It means something only together with its routing
/// domain, since tenants reuse each other's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerAddr(pub IpAddr);

impl fmt::Display for ProviderAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for CustomerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
