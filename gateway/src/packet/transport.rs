//! Transport headers as far as translation reads them: TCP (RFC 9293), UDP (RFC 768), ICMP queries (RFC 792).

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::icmp;

/// TCP: no more data from the sender.
pub const FIN: u8 = 0x01;
/// TCP: synchronize sequence numbers.
pub const SYN: u8 = 0x02;
/// TCP: reset the connection.
pub const RST: u8 = 0x04;
/// TCP: the acknowledgment number counts.
pub const ACK: u8 = 0x10;

/// What both begin with: two ports.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Ports {
    source: U16,
    destination: U16,
}

impl Ports {
    /// The source port.
    #[inline(always)]
    #[must_use]
    pub const fn source(&self) -> u16 {
        self.source.get()
    }

    /// The destination port.
    #[inline(always)]
    #[must_use]
    pub const fn destination(&self) -> u16 {
        self.destination.get()
    }
}

/// A TCP header, options aside.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Tcp {
    /// The ports.
    pub ports: Ports,
    sequence: U32,
    acknowledgment: U32,
    offset: u8,
    /// The flags, [`SYN`] and others.
    pub flags: u8,
    window: U16,
    checksum: U16,
    urgent: U16,
}

/// Length of a TCP header without options.
pub const TCP_HEADER: usize = 20;
const _: () = assert!(size_of::<Tcp>() == TCP_HEADER);

impl Tcp {
    /// The sequence number.
    #[inline(always)]
    #[must_use]
    pub const fn sequence(&self) -> u32 {
        self.sequence.get()
    }

    /// The acknowledgment number.
    #[inline(always)]
    #[must_use]
    pub const fn acknowledgment(&self) -> u32 {
        self.acknowledgment.get()
    }

    /// Header length in bytes, options included.
    #[inline(always)]
    #[must_use]
    pub const fn header_length(&self) -> usize {
        (self.offset >> 4) as usize * 4
    }
}

/// Whether an ICMP type is a query's or its answer's, which have an identifier (RFC 5508 §3): echo, timestamp,
/// information, address mask.
#[inline(always)]
#[must_use]
pub const fn is_query(kind: u8) -> bool {
    matches!(kind, icmp::ECHO_REPLY | icmp::ECHO_REQUEST | 13..=18)
}

/// Whether an ICMP type asks: only these begin a session.
#[must_use]
pub const fn asks(kind: u8) -> bool {
    matches!(kind, icmp::ECHO_REQUEST | 13 | 15 | 17)
}

/// Whether an ICMP type is an error that is translated with the packet it carries: destination unreachable, time
/// exceeded, parameter problem.
#[must_use]
pub const fn is_error(kind: u8) -> bool {
    matches!(kind, icmp::UNREACHABLE | icmp::TIME_EXCEEDED | 12)
}
