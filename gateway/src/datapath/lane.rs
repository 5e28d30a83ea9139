//! Lanes and packet state: what stages hand to each other.

use arrayvec::ArrayVec;
use dpdk_bindings::BURST;
use nvgw_types::{InterfaceId, VrfId, Vsid};

use super::family::AddressFamily;
use super::handed::Behind;
use crate::packet::ethernet::Stations;
use crate::packet::translation::{End, Replacement};
use crate::tables::entries::ScopedAddress;
use crate::tables::exchange::Ingress;
use crate::telemetry::latency::Direction;

/// Packets of one burst on their way to the same stage, in the order they came: places in the burst, alone or with
/// what a stage found out about each.
pub(super) type Lane<T> = ArrayVec<T, BURST>;

const _: () = assert!(BURST.is_power_of_two() && BURST <= 256);

/// Appends to a lane. A packet enters each lane at most once, so there is always room.
#[inline(always)]
pub(super) fn append<T>(lane: &mut Lane<T>, item: T) {
    let full = lane.try_push(item).is_err();
    debug_assert!(!full, "a packet entered a lane twice");
}

/// Where a packet came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A tenant's VM, through NVGRE.
    Tenant,
    /// An external network.
    Outside,
}

impl Origin {
    /// The direction of what goes from there to a tenant's VM.
    #[inline(always)]
    pub(super) const fn to_tenant(self) -> Direction {
        match self {
            Self::Tenant => Direction::TenantToTenant,
            Self::Outside => Direction::OutsideToTenant,
        }
    }
}

/// What a packet of a tenant's VM is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A packet to be routed.
    Routed,
    /// ARP, neighbour discovery, or a packet to a link-local address: the gateway's, if it passes the sender check.
    Ours,
    /// IPv6 from a link-local or no address: the gateway's, and no record vouches for it.
    LinkLocal,
}

/// What is known of a packet on its way through the stages: one cache line for IPv4. Addresses are numbers in host byte
/// order, of type `A`.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Packet<A = u32> {
    /// Destination of the packet that is routed: the inner one for a tenant's. It comes first, since in a header it
    /// comes last: the parser writes both ends at once.
    pub(super) destination: A,
    /// Its source.
    pub(super) source: A,
    /// The customer address whose record leads to the destination.
    pub(super) next: A,
    /// The hash of the key that the next stage looks up.
    pub(super) hash: u64,
    /// The VSID it came with.
    pub(super) vsid: Vsid,
    /// The VRF it is routed in.
    pub(super) vrf: VrfId,
    /// The VRF of the tenant that sent it.
    pub(super) tenant: VrfId,
    /// The leaf that the route lookup found.
    pub(super) leaf: u32,
    /// Where the packet came in.
    pub(super) interface: InterfaceId,
    /// Where the routed packet's IP header starts, in bytes from the start of the frame.
    pub(super) l3: u16,
    /// Its length in bytes.
    pub(super) length: u16,
    /// Inner Ethernet destination and source.
    pub(super) stations: Stations,
    /// DSCP and ECN that the routed packet leaves with.
    pub(super) tos: u8,
    /// Time to live it came with.
    pub(super) ttl: u8,
    pub(super) origin: Origin,
    pub(super) kind: Kind,
    /// Whether it is a customer's, already translated, to another customer's public address.
    pub(super) around: bool,
    /// The end that is translated, if any is.
    pub(super) translation: Option<End>,
}

const _: () = assert!(size_of::<Packet>() == 64 && size_of::<Packet<u128>>() == 128);

impl<A: AddressFamily> Packet<A> {
    /// Notes where a packet from an external network came in, and where its IP header starts.
    #[inline(always)]
    pub(super) fn came_from_outside(&mut self, vrf: VrfId, interface: InterfaceId, l3: usize) {
        (self.vrf, self.tenant) = (vrf, VrfId(0));
        self.came_in(Origin::Outside, interface, l3);
    }

    /// Notes which virtual subnet a packet came from, where it came in, and where its inner IP header starts.
    #[inline(always)]
    pub(super) fn came_from_tenant(&mut self, vsid: Vsid, interface: InterfaceId, l3: usize) {
        self.vsid = vsid;
        self.came_in(Origin::Tenant, interface, l3);
    }

    /// Where the record of its sender is found.
    #[inline(always)]
    pub(super) fn sender(&self) -> ScopedAddress {
        ScopedAddress { scope: self.vrf.0, address: self.source.number() }
    }

    /// Where the record of its destination is found, if that is a VM in a subnet of this VRF.
    #[inline(always)]
    pub(super) fn receiver(&self, vrf: VrfId) -> ScopedAddress {
        ScopedAddress { scope: vrf.0, address: self.destination.number() }
    }

    #[inline(always)]
    fn came_in(&mut self, origin: Origin, interface: InterfaceId, l3: usize) {
        (self.interface, self.l3) = (interface, l3 as u16);
        (self.origin, self.kind) = (origin, Kind::Routed);
        (self.around, self.translation) = (false, None);
    }

    pub(super) const EMPTY: Self = Self {
        destination: A::ZERO,
        source: A::ZERO,
        next: A::ZERO,
        hash: 0,
        vsid: Vsid::VENDOR,
        vrf: VrfId(0),
        tenant: VrfId(0),
        leaf: 0,
        interface: InterfaceId(0),
        l3: 0,
        length: 0,
        stations: Stations::ZERO,
        tos: 0,
        ttl: 0,
        origin: Origin::Outside,
        kind: Kind::Routed,
        around: false,
        translation: None,
    };
}

/// The state of all packets of one family in a burst, and what few of them need beside it.
pub(super) struct Packets<A = u32> {
    packets: [Packet<A>; BURST],
    /// Sources of outer headers, as numbers of either family.
    outer_sources: [u128; BURST],
    replacements: [Replacement; BURST],
    /// The port of the packet that a handed fragment belongs to.
    fragments: [Option<u16>; BURST],
    /// The customers behind packets that go around.
    senders: [Option<Behind>; BURST],
}

impl<A: AddressFamily> Packets<A> {
    pub(super) const EMPTY: Self = Self {
        packets: [Packet::EMPTY; _],
        outer_sources: [0; _],
        replacements: [Replacement { address: 0, port: None }; _],
        fragments: [None; _],
        senders: [None; _],
    };

    /// Source of a packet's outer header, as a number of either family.
    #[inline(always)]
    pub(super) fn outer_source(&self, place: u8) -> u128 {
        self.outer_sources[usize::from(place) % BURST]
    }

    /// A packet, and the source of its outer header.
    #[inline(always)]
    pub(super) fn with_outer_source(&mut self, place: u8) -> (&mut Packet<A>, &u128) {
        let at = usize::from(place) % BURST;
        (&mut self.packets[at], &self.outer_sources[at])
    }

    /// Notes the source of a packet's outer header.
    #[inline(always)]
    pub(super) fn came_from(&mut self, place: u8, provider: u128) {
        self.outer_sources[usize::from(place) % BURST] = provider;
    }

    /// What the end becomes that a packet's [`translation`](Packet::translation) names.
    #[inline(always)]
    pub(super) fn replacement(&self, place: u8) -> Replacement {
        self.replacements[usize::from(place) % BURST]
    }

    /// Notes what one end of a packet becomes.
    #[inline(always)]
    pub(super) fn replace(&mut self, place: u8, end: End, new: Replacement) {
        self[place].translation = Some(end);
        self.replacements[usize::from(place) % BURST] = new;
    }

    /// The port of the packet that a handed fragment belongs to.
    pub(super) fn fragment(&self, place: u8) -> Option<u16> {
        self.fragments[usize::from(place) % BURST]
    }

    /// The customer behind a packet that goes around.
    pub(super) fn sender(&self, place: u8) -> Option<Behind> {
        self.senders[usize::from(place) % BURST]
    }

    /// The customer who sent a packet that goes around, already translated.
    pub(super) fn behind(&self, place: u8) -> Option<Behind> {
        self.sender(place).filter(|_| self[place].around)
    }

    /// Where a packet came in.
    pub(super) fn ingress(&self, place: u8) -> Ingress {
        let packet = &self[place];
        match (packet.origin, self.behind(place)) {
            (Origin::Tenant, _) => Ingress::Tenant(packet.tenant),
            (Origin::Outside, Some(sender)) => Ingress::Tenant(sender.tenant),
            (Origin::Outside, None) => Ingress::Outside(packet.interface),
        }
    }

    /// Notes what is known of a handed packet.
    pub(super) fn hand(&mut self, place: u8, fragment: Option<u16>, sender: Option<Behind>) {
        self.fragments[usize::from(place) % BURST] = fragment;
        self.senders[usize::from(place) % BURST] = sender;
    }

    /// Forgets what was known of handed packets.
    pub(super) fn forget_handed(&mut self) {
        (self.fragments, self.senders) = ([None; _], [None; _]);
    }
}

impl<A> std::ops::Index<u8> for Packets<A> {
    type Output = Packet<A>;

    #[inline(always)]
    fn index(&self, place: u8) -> &Packet<A> {
        &self.packets[usize::from(place) % BURST]
    }
}

impl<A> std::ops::IndexMut<u8> for Packets<A> {
    #[inline(always)]
    fn index_mut(&mut self, place: u8) -> &mut Packet<A> {
        &mut self.packets[usize::from(place) % BURST]
    }
}
