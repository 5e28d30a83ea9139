//! What workers hand to the control thread beside a packet: plain words, no pointers.

use std::net::Ipv4Addr;

use nvgw_types::{InterfaceId, NeighborId, VrfId, Vsid};

use crate::telemetry::DropReason;

/// Why a worker hands a packet to the control thread, and what it already knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Punt {
    /// An ARP packet on an interface. The bytes start at the Ethernet header.
    Arp {
        /// Where it came in.
        interface: InterfaceId,
    },
    /// An IPv4 packet to one of the gateway's own addresses of an interface's network, header checked. The bytes
    /// start at the Ethernet header.
    Local {
        /// Where it came in.
        interface: InterfaceId,
    },
    /// A frame from a tenant's VM for the gateway itself: ARP, or a checked IPv4 packet to an address of the
    /// gateway; its sender passed the sender check. The bytes start at the inner Ethernet header.
    Overlay {
        /// The VSID it carried.
        vsid: Vsid,
        /// The tenant's VRF.
        vrf: VrfId,
    },
    /// A frame of a VM, ARP or IPv4, that failed the sender check of a subnet that learns; its sender's address is
    /// one that a VM of that subnet may have. The bytes start at the inner Ethernet header.
    Learn {
        /// The VSID it carried.
        vsid: Vsid,
        /// The tenant's VRF.
        vrf: VrfId,
        /// Its outer source: where its sender is.
        provider: Ipv4Addr,
        /// Why a strict subnet would have dropped it.
        reason: DropReason,
    },
    /// A finished frame whose next hop has no Ethernet address yet. The bytes start at the Ethernet header.
    Unresolved {
        /// The next hop.
        neighbor: NeighborId,
    },
}
