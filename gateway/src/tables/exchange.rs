//! What workers and the control thread say to each other beside tables: plain words, no pointers.

use std::net::IpAddr;

use nvgw_types::{InterfaceId, NeighborId, VrfId, Vsid};

use zerocopy::FromBytes;

use super::entries::{Endpoint, Protocol};
use crate::packet::ethernet::{self, Ethernet};
use crate::packet::ipv6::{self, Ipv6};
use crate::telemetry::{DropReason, PuntClass};

/// Milliseconds since an origin of the caller's choice: the start of the process, or of a capture. The control
/// thread's nanoseconds have the same origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub u64);

/// Why the sender of a packet is told that it went no further (RFC 792, RFC 1812 §5.2.7; RFC 4443 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IcmpError {
    /// Its time to live ran out: time exceeded, in transit.
    TimeExceeded,
    /// There is no route to its destination: network unreachable, or no route to destination.
    NetUnreachable,
    /// Its destination cannot be reached, or translation has no room for it: host, or address, unreachable.
    HostUnreachable,
    /// Nobody is behind the port: port unreachable.
    PortUnreachable,
    /// The gateway does not speak the protocol: protocol unreachable, or parameter problem, next header unrecognized.
    ProtocolUnreachable,
    /// It may not go where its route leads: communication administratively prohibited.
    AdminProhibited,
    /// It does not fit the way out and must not be fragmented: fragmentation needed, or packet too big.
    FragmentationNeeded {
        /// The biggest IP packet that fits, in bytes.
        mtu: u16,
    },
}

/// Where a packet came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ingress {
    /// From a VM of the tenant with this VRF.
    Tenant(VrfId),
    /// From a site or an external network, by its interface.
    Outside(InterfaceId),
}

/// Why a worker hands a packet to the control thread, and what it already knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Punt {
    /// A packet about neighbours on an interface: ARP, or ICMPv6 of the types 133 to 137 (RFC 4861), not yet checked.
    /// The bytes start at the Ethernet header.
    Neighbor {
        /// Where it came in.
        interface: InterfaceId,
    },
    /// An IP packet to one of the gateway's own addresses of an interface's network, header checked. The bytes
    /// start at the Ethernet header.
    Local {
        /// Where it came in.
        interface: InterfaceId,
    },
    /// A frame from a tenant's VM for the gateway itself: ARP, neighbour discovery, or a checked IP packet to an
    /// address of the gateway; its sender passed the sender check. The bytes start at the inner Ethernet header.
    Overlay {
        /// The VSID it carried.
        vsid: Vsid,
        /// The tenant's VRF.
        vrf: VrfId,
    },
    /// An IPv6 frame of a tenant's VM whose source is link-local or unspecified, so that no record vouches for it, to
    /// the gateway or to a group: neighbour and router discovery, and the like. Whether a VM of the virtual subnet has
    /// its Ethernet source and lives there is yet to be checked. The bytes start at the inner Ethernet header.
    LinkLocal {
        /// The VSID it carried.
        vsid: Vsid,
        /// The tenant's VRF.
        vrf: VrfId,
        /// Its outer source.
        provider: IpAddr,
    },
    /// A frame of a VM, ARP or IP, that failed the sender check of a subnet that learns; its sender's address is
    /// one that a VM of that subnet may have. The bytes start at the inner Ethernet header.
    Learn {
        /// The VSID it carried.
        vsid: Vsid,
        /// The tenant's VRF.
        vrf: VrfId,
        /// Its outer source: where its sender is.
        provider: IpAddr,
        /// Why a strict subnet would have dropped it.
        reason: DropReason,
    },
    /// A finished frame whose next hop has no Ethernet address yet. The bytes start at the Ethernet header.
    Unresolved {
        /// The next hop.
        neighbor: NeighborId,
        /// Where the packet came in.
        ingress: Ingress,
    },
    /// A packet that was dropped and counted, and of which its sender is to be told, as far as that is allowed. The
    /// bytes start at its IP header, and are as they came.
    Error {
        /// What to tell.
        error: IcmpError,
        /// Where it came in.
        ingress: Ingress,
    },
}

impl Punt {
    /// Where the packet came in.
    #[inline]
    #[must_use]
    pub const fn ingress(&self) -> Ingress {
        match *self {
            Self::Neighbor { interface } | Self::Local { interface } => Ingress::Outside(interface),
            Self::Overlay { vrf, .. } | Self::LinkLocal { vrf, .. } | Self::Learn { vrf, .. } => {
                Ingress::Tenant(vrf)
            }
            Self::Unresolved { ingress, .. } | Self::Error { ingress, .. } => ingress,
        }
    }

    /// What kind of packet it is; `frame` is its first bytes, from where [`Punt`] says that they start.
    #[inline]
    #[must_use]
    pub fn class(&self, frame: &[u8]) -> PuntClass {
        match self {
            Self::Neighbor { .. } => PuntClass::Neighbor,
            Self::Overlay { .. } if asks_for_neighbor(frame) => PuntClass::OverlayNeighbor,
            Self::Overlay { .. } => PuntClass::OverlayLocal,
            Self::LinkLocal { .. } => PuntClass::OverlayLinkLocal,
            Self::Unresolved { .. } => PuntClass::Unresolved,
            Self::Local { .. } => PuntClass::Local,
            Self::Learn { .. } => PuntClass::Learn,
            Self::Error { .. } => PuntClass::Error,
        }
    }
}

/// Whether a frame is ARP or neighbour discovery (RFC 4861: ICMPv6 types 133 to 137 right after the IPv6 header).
fn asks_for_neighbor(frame: &[u8]) -> bool {
    let Ok((header, packet)) = Ethernet::ref_from_prefix(frame) else { return false };
    match header.ethertype() {
        ethernet::ARP => true,
        ethernet::IPV6 => Ipv6::ref_from_prefix(packet).is_ok_and(|(header, rest)| {
            header.next_header() == ipv6::ICMP && matches!(rest.first(), Some(133..=137))
        }),
        _ => false,
    }
}

/// What happened to translation that the log wants (RFC 6888 REQ-12). Every event is delivered: where there is no room
/// for one, what it is about does not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatEvent {
    /// When.
    pub at: Millis,
    /// What.
    pub kind: NatEventKind,
}

/// What happened to translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NatEventKind {
    /// A customer address got a block of ports.
    BlockAllocated(PortBlock),
    /// A block of ports is free again.
    BlockReleased(PortBlock),
    /// A session began; only where sessions are logged.
    SessionCreated(SessionRow),
    /// A session ended; only where sessions are logged.
    SessionEnded(SessionRow),
}

/// A block of ports of a public address, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortBlock {
    /// The customer: the tenant's VRF and the customer address, its port is 0.
    pub customer: Endpoint,
    /// The external VRF, the public address and the block's first port.
    pub public: Endpoint,
    /// The block's last port.
    pub last: u16,
    /// Since when.
    pub since: Millis,
}

/// The state of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionState {
    /// UDP or ICMP: it translates.
    Active,
    /// TCP: not yet established.
    Opening,
    /// TCP: established.
    Established,
    /// TCP: both ends have closed.
    Closing,
    /// TCP: reset.
    Reset,
    /// Nothing is translated any more, the port rests.
    Quarantined,
}

impl SessionState {
    /// Its name in outputs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Opening => "opening",
            Self::Established => "established",
            Self::Closing => "closing",
            Self::Reset => "reset",
            Self::Quarantined => "quarantined",
        }
    }
}

/// A session, as it is shown and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRow {
    /// The protocol.
    pub protocol: Protocol,
    /// The customer's side.
    pub customer: Endpoint,
    /// The public side, in the external network's VRF.
    pub public: Endpoint,
    /// Whom the customer sent to first, or for TCP: the other end. Host byte order.
    pub remote: (u32, u16),
    /// Its state.
    pub state: SessionState,
    /// When it ends unless the customer sends more.
    pub expires: Millis,
}

/// Which sessions are asked for. Fields that are `None` match everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionFilter {
    /// The tenant's VRF.
    pub vrf: Option<VrfId>,
    /// The customer address, host byte order.
    pub customer: Option<u32>,
    /// The public address, host byte order.
    pub public: Option<u32>,
    /// The public port.
    pub port: Option<u16>,
    /// The protocol.
    pub protocol: Option<Protocol>,
}

/// What the control thread asks a worker to do with its sessions, in between bursts and a little at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NatOrder {
    /// End all sessions that the tables do not allow any more, then count the order as done under this number.
    Sweep(u64),
    /// List sessions, from a place on, at most so many, and say where to go on.
    List {
        /// The number of the question.
        question: u64,
        /// Which sessions.
        filter: SessionFilter,
        /// Where to begin: 0, or where the last answer ended.
        from: u32,
        /// How many rows at most.
        limit: u32,
    },
    /// Say whose block of ports a public endpoint is in.
    Owner {
        /// The number of the question.
        question: u64,
        /// External VRF, public address, port.
        public: Endpoint,
    },
}

/// What a worker answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NatAnswer {
    /// One of the sessions asked for.
    Session {
        /// The number of the question.
        question: u64,
        /// The session.
        row: SessionRow,
    },
    /// The block asked for.
    Block {
        /// The number of the question.
        question: u64,
        /// The block.
        block: PortBlock,
    },
    /// There are no more answers to the question.
    End {
        /// The number of the question.
        question: u64,
        /// Where to go on, if there is more; 0: there is not.
        next: u32,
    },
}
