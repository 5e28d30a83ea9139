//! One cache line of the session table.

use nvgw_types::VrfId;
use zerocopy::FromZeros;

use super::tcp::{Phase, Seen, Track};
use super::{Flow, Segment};
use crate::tables::entries::{Endpoint, NatSettings, Protocol};
use crate::tables::exchange::SessionState;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromZeros)]
#[repr(u8)]
pub(super) enum Kind {
    /// Nothing.
    Free,
    /// A customer's end and the public end that takes its place, with a session of its own unless that has ended
    /// before others of the mapping.
    Mapping,
    /// One more TCP connection through a mapping.
    Connection,
    /// A remote address that a mapping with address-dependent filtering lets in.
    Permission,
    /// A public port that translates no more.
    Resting,
}

/// Which time-out holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromZeros)]
#[repr(u8)]
pub(super) enum Class {
    /// None: there is no session.
    Idle,
    /// UDP.
    Udp,
    /// UDP, to no other than well-known ports.
    UdpWellKnown,
    /// An ICMP query.
    Icmp,
    /// TCP that opens.
    Opening,
    /// TCP.
    Established,
    /// TCP that closes.
    Closing,
    /// TCP that was reset.
    Reset,
    /// A port that rests.
    Quarantined,
    /// A port that needs no rest.
    Ended,
}

impl Class {
    /// The first of a session. Ports below 1024 are well known (RFC 6335 §6).
    pub(super) const fn of(protocol: Protocol, remote_port: u16) -> Self {
        match protocol {
            Protocol::Udp if remote_port < 1024 => Self::UdpWellKnown,
            Protocol::Udp => Self::Udp,
            Protocol::Icmp => Self::Icmp,
            Protocol::Tcp => Self::Opening,
        }
    }

    /// Milliseconds.
    pub(super) const fn timeout(self, settings: &NatSettings) -> u32 {
        match self {
            Self::Idle | Self::Ended => 0,
            Self::Udp => settings.udp,
            Self::UdpWellKnown => settings.udp_well_known,
            Self::Icmp => settings.icmp,
            Self::Opening | Self::Closing => settings.tcp_transitory,
            Self::Established => settings.tcp_established,
            Self::Reset => settings.tcp_reset,
            Self::Quarantined => settings.quarantine,
        }
    }

    /// What it is called outside.
    pub(super) const fn state(self) -> SessionState {
        match self {
            Self::Udp | Self::UdpWellKnown | Self::Icmp => SessionState::Active,
            Self::Opening => SessionState::Opening,
            Self::Established => SessionState::Established,
            Self::Closing => SessionState::Closing,
            Self::Reset => SessionState::Reset,
            Self::Idle | Self::Quarantined | Self::Ended => SessionState::Quarantined,
        }
    }
}

impl From<Phase> for Class {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Opening => Self::Opening,
            Phase::Established => Self::Established,
            Phase::Closing => Self::Closing,
            Phase::Reset => Self::Reset,
        }
    }
}

/// The shortest of all time-outs: however an entry changes, it does not end sooner than that, nor than it would have.
pub(super) fn shortest(settings: &NatSettings) -> u32 {
    let NatSettings {
        udp, udp_well_known, tcp_established, tcp_transitory, tcp_reset, icmp, quarantine, ..
    } = *settings;
    udp.min(udp_well_known).min(tcp_established).min(tcp_transitory).min(tcp_reset).min(icmp).min(quarantine)
}

/// A mapping, a session, a permission or a port that rests. Connections and permissions refer to their mapping, which
/// has the ends.
#[derive(FromZeros)]
#[repr(C, align(64))]
pub(super) struct Entry {
    vrf: u32,
    customer_address: u32,
    external: u32,
    public_address: u32,
    customer_port: u16,
    public_port: u16,
    /// [`Protocol`] as the header's number.
    protocol: u8,
    pub(super) kind: Kind,
    pub(super) class: Class,
    flags: u8,
    remote_address: u32,
    remote_port: u16,
    pub(super) seen: Seen,
    /// The time of the last packet from the customer, in milliseconds modulo 2³²: what time-outs count from.
    pub(super) base: u32,
    /// The next in the list that the entry is in: of its time slot, or of free ones.
    pub(super) next: u32,
    /// Of a mapping: its customer. Of others: their mapping.
    pub(super) owner: u32,
    /// Of a mapping: its connections and permissions. Of a permission: the TCP sessions that it is for.
    pub(super) children: u32,
    pub(super) track: Track,
}

const _: () = assert!(size_of::<Entry>() == 64);

/// Two numbers that lie side by side, for both to be compared at once.
#[inline(always)]
const fn joined(first: u32, second: u32) -> u64 {
    first as u64 | (second as u64) << 32
}

impl Entry {
    /// The entry waits in a time slot.
    pub(super) const LINKED: u8 = 1;
    /// Of a mapping: filtering is address-dependent.
    pub(super) const FILTERED: u8 = 2;
    /// Of a mapping: not all of its sessions were seen to close.
    pub(super) const UNCLEAN: u8 = 4;

    /// Makes it a mapping without a session.
    pub(super) fn map(&mut self, protocol: Protocol, customer: Endpoint, public: Endpoint, owner: u32) {
        *self = Self {
            vrf: customer.vrf.0,
            customer_address: customer.address,
            external: public.vrf.0,
            public_address: public.address,
            customer_port: customer.port,
            public_port: public.port,
            protocol: protocol as u8,
            kind: Kind::Mapping,
            owner,
            ..Self::new_zeroed()
        };
    }

    /// Makes it something of a mapping, toward a remote end.
    pub(super) fn belong(&mut self, kind: Kind, protocol: Protocol, mapping: u32, remote: (u32, u16)) {
        *self = Self {
            protocol: protocol as u8,
            kind,
            remote_address: remote.0,
            remote_port: remote.1,
            owner: mapping,
            ..Self::new_zeroed()
        };
    }

    /// Begins a session of its own.
    pub(super) const fn start(&mut self, class: Class, remote: (u32, u16), now: u32) {
        self.class = class;
        self.remote_address = remote.0;
        self.remote_port = remote.1;
        self.base = now;
    }

    /// Notes that the customer sends to the mapping's own remote end. With address-dependent filtering that lets the
    /// address in, and the mapping may live longer by what is sent to others.
    pub(super) const fn note_own_remote(&mut self, now: u32) {
        if !matches!(self.protocol(), Protocol::Tcp) {
            self.track = Track::stamp(now);
        }
    }

    /// Whether the mapping's own session lets its remote address in.
    pub(super) const fn permits_own_remote(&self, settings: &NatSettings, now: u32) -> bool {
        let noted = match self.protocol() {
            Protocol::Tcp => true,
            _ => now.wrapping_sub(self.track.stamped()) < self.class.timeout(settings),
        };
        noted && self.lives(settings, now)
    }

    /// The protocol. Free entries have none, and nobody asks them.
    pub(super) const fn protocol(&self) -> Protocol {
        match Protocol::of(self.protocol) {
            Some(protocol) => protocol,
            None => Protocol::Udp,
        }
    }

    /// The other end of its session.
    #[inline(always)]
    pub(super) const fn remote(&self) -> (u32, u16) {
        (self.remote_address, self.remote_port)
    }

    /// A mapping's inside.
    #[inline(always)]
    pub(super) const fn customer(&self) -> Endpoint {
        Endpoint { vrf: VrfId(self.vrf), address: self.customer_address, port: self.customer_port }
    }

    /// A mapping's outside.
    #[inline(always)]
    pub(super) const fn public(&self) -> Endpoint {
        Endpoint { vrf: VrfId(self.external), address: self.public_address, port: self.public_port }
    }

    /// Whether it is the mapping of a customer's end.
    #[inline(always)]
    pub(super) fn maps(&self, protocol: Protocol, customer: Endpoint) -> bool {
        joined(self.vrf, self.customer_address) == joined(customer.vrf.0, customer.address)
            && self.customer_port == customer.port
            && self.protocol == protocol as u8
            && self.kind == Kind::Mapping
    }

    /// Whether it is the mapping behind a public end.
    #[inline(always)]
    pub(super) fn unmaps(&self, protocol: Protocol, public: Endpoint) -> bool {
        joined(self.external, self.public_address) == joined(public.vrf.0, public.address)
            && self.public_port == public.port
            && self.protocol == protocol as u8
            && self.kind == Kind::Mapping
    }

    /// Whether it is that of a mapping toward a remote end.
    pub(super) fn belongs(&self, kind: Kind, mapping: u32, remote: (u32, u16)) -> bool {
        self.kind == kind && self.owner == mapping && self.remote() == remote
    }

    #[inline(always)]
    pub(super) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(super) const fn set(&mut self, flag: u8, to: bool) {
        if to {
            self.flags |= flag;
        } else {
            self.flags &= !flag;
        }
    }

    /// Milliseconds that are left.
    pub(super) const fn left(&self, settings: &NatSettings, now: u32) -> u32 {
        self.class.timeout(settings).saturating_sub(now.wrapping_sub(self.base))
    }

    /// When that is over, if something at `cursor` or later is to come of it.
    pub(super) fn end(&self, settings: &NatSettings, cursor: u64) -> u64 {
        let deadline = self.base.wrapping_add(self.class.timeout(settings));
        cursor.saturating_add_signed(deadline.wrapping_sub(cursor as u32).cast_signed().max(0).into())
    }

    /// Whether it has a session (or is a permission) whose time is not over.
    pub(super) const fn lives(&self, settings: &NatSettings, now: u32) -> bool {
        self.left(settings, now) > 0
    }

    /// Whether a mapping translates. Connections that it had besides its own keep it until they have been removed.
    pub(super) const fn translates(&self, settings: &NatSettings, now: u32) -> bool {
        self.lives(settings, now) || self.children > 0 && matches!(self.protocol(), Protocol::Tcp)
    }

    /// The usual packet of a customer through a mapping: refreshes it. Whether that was all there is to do.
    #[inline(always)]
    pub(super) fn refresh(
        &mut self,
        settings: &NatSettings,
        now: u32,
        flow: &Flow,
        segment: &Segment,
    ) -> bool {
        let age = now.wrapping_sub(self.base);
        if flow.protocol == Protocol::Tcp {
            if self.class != Class::Established
                || !segment.is_plain()
                || self.remote() != flow.remote
                || age >= settings.tcp_established
            {
                return false;
            }
            self.track.customer_sends(segment);
        } else {
            let timeout = match self.class {
                Class::Udp => settings.udp,
                Class::Icmp => settings.icmp,
                Class::UdpWellKnown if flow.remote.1 < 1024 => settings.udp_well_known,
                _ => return false,
            };
            if age >= timeout || self.has(Self::FILTERED) {
                return false;
            }
        }
        self.base = now;
        true
    }

    /// The usual packet from outside through a mapping. Whether that was all there is to do.
    #[inline(always)]
    pub(super) fn admit(&mut self, settings: &NatSettings, now: u32, flow: &Flow, segment: &Segment) -> bool {
        let age = now.wrapping_sub(self.base);
        if flow.protocol == Protocol::Tcp {
            if self.class != Class::Established
                || !segment.is_plain()
                || self.remote() != flow.remote
                || age >= settings.tcp_established
            {
                return false;
            }
            self.track.remote_sends(segment);
            true
        } else {
            let timeout = match self.class {
                Class::Udp => settings.udp,
                Class::UdpWellKnown => settings.udp_well_known,
                Class::Icmp => settings.icmp,
                _ => return false,
            };
            age < timeout && !self.has(Self::FILTERED)
        }
    }

    /// A segment of the customer in the TCP session.
    pub(super) fn customer_segment(&mut self, segment: &Segment, now: u32) {
        self.track.outbound(&mut self.seen, segment);
        self.class = self.seen.phase().into();
        self.base = now;
    }

    /// A segment from outside in the TCP session. Nothing that comes from there makes it end later, unless it opens it;
    /// a state with a shorter time-out begins now, or ends when the session would have ended.
    pub(super) fn remote_segment(&mut self, segment: &Segment, settings: &NatSettings, now: u32) {
        let left = self.left(settings, now);
        let before = self.class.timeout(settings);
        self.track.inbound(&mut self.seen, segment);
        self.class = self.seen.phase().into();
        let timeout = self.class.timeout(settings);
        if timeout < before {
            self.base = now.wrapping_sub(timeout - left.min(timeout));
        }
    }

    /// Begins a TCP connection with a segment of the customer.
    pub(super) fn connect(&mut self, segment: &Segment, remote: (u32, u16), now: u32) {
        (self.seen, self.track) = Track::begin(segment);
        self.start(Class::Opening, remote, now);
    }

    /// Whether the TCP session was seen to close, or to be reset.
    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.class, Class::Closing | Class::Reset)
    }
}
