//! ICMP errors that the gateway makes itself, about packets of either family.

mod ipv4;
mod ipv6;

use std::net::IpAddr;

use super::TTL;
use crate::packet::ipv4::{ICMP, TCP, UDP};
use crate::packet::ipv6::{ICMP as ICMPV6, NOTHING};
use crate::tables::exchange::IcmpError;

/// Type of service, or traffic class, of an error: precedence internetwork control (RFC 1812 §4.3.2.5).
pub(in crate::control) const TOS: u8 = 0xc0;

/// A packet whose sender may be told of its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::control) struct Refused<'p> {
    pub(in crate::control) source: IpAddr,
    pub(in crate::control) destination: IpAddr,
    /// The protocol that it carries.
    protocol: u8,
    /// Where it names that protocol, in bytes from its start.
    named_at: usize,
    is_fragment: bool,
    /// The packet, or its start, without anything that follows it.
    packet: &'p [u8],
}

impl<'p> Refused<'p> {
    /// Reads an IP packet, or the start of one. `None` where no error may be sent about it (RFC 1812 §4.3.2.7, RFC 4443
    /// §2.4): its header is invalid, it is an error itself or a later fragment, its sender or its destination is no
    /// single host.
    pub(in crate::control) fn read(packet: &'p [u8]) -> Option<Self> {
        match packet.first()? >> 4 {
            6 => ipv6::read(packet),
            _ => ipv4::read(packet),
        }
    }

    /// What to tell of the packet where it is for an address of ours, and nothing here waits for it. `None`: nothing.
    pub(in crate::control) const fn unserved(&self) -> Option<IcmpError> {
        match (self.source, self.protocol) {
            // Nobody has seen the rest of it (RFC 1122 §3.3.2).
            _ if self.is_fragment => None,
            (IpAddr::V4(_), ICMP) | (IpAddr::V6(_), ICMPV6 | NOTHING) => None,
            (_, TCP | UDP) => Some(IcmpError::PortUnreachable),
            _ => Some(IcmpError::ProtocolUnreachable),
        }
    }

    /// The error, as a whole IP packet from that address of ours, which quotes as much of the packet as goes into it.
    /// The way to its sender takes packets of up to `mtu` bytes. `None`: the address is not of the packet's family.
    pub(in crate::control) fn answer(&self, error: IcmpError, from: IpAddr, mtu: u16) -> Option<Vec<u8>> {
        match (from, self.source) {
            (IpAddr::V4(from), IpAddr::V4(to)) => Some(ipv4::answer(self, error, from, to, mtu)),
            (IpAddr::V6(from), IpAddr::V6(to)) => Some(ipv6::answer(self, error, from, to, mtu)),
            _ => None,
        }
    }

    /// The packet's start, of `room` bytes at most.
    fn quoted(&self, room: usize) -> &'p [u8] {
        &self.packet[..self.packet.len().min(room)]
    }
}
