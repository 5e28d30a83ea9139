//! IPv4 (RFC 791), checked as RFC 1812 §5.2.2 asks of a router.

use std::net::Ipv4Addr;

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::checksum;

/// Length of a header without options.
pub const HEADER: usize = 20;
/// Protocol number of ICMP.
pub const ICMP: u8 = 1;
/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of UDP.
pub const UDP: u8 = 17;
/// Protocol number of GRE.
pub const GRE: u8 = 47;
/// The don't-fragment flag in the flags and fragment-offset word.
pub const DONT_FRAGMENT: u16 = 0x4000;

/// An IPv4 header, options aside.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Ipv4 {
    version_ihl: u8,
    /// DSCP (6 bits) and ECN (2 bits).
    pub tos: u8,
    total_length: U16,
    identification: U16,
    fragment: U16,
    /// Time to live.
    pub ttl: u8,
    protocol: u8,
    checksum: U16,
    source: U32,
    destination: U32,
}

/// Why an IPv4 header was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// Version, header length or total length contradict each other or the bytes there are.
    Malformed,
    /// The header checksum is wrong.
    Checksum,
}

impl Ipv4 {
    /// A header without options: DF set, identification 0 (RFC 6864 §4.1), checksum filled in.
    #[must_use]
    pub fn new(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, ttl: u8, payload: u16) -> Self {
        let mut header = Self {
            version_ihl: 0x45,
            tos: 0,
            total_length: U16::new(payload + HEADER as u16),
            identification: U16::ZERO,
            fragment: U16::new(DONT_FRAGMENT),
            ttl,
            protocol,
            checksum: U16::ZERO,
            source: U32::new(source.into()),
            destination: U32::new(destination.into()),
        };
        header.checksum = U16::new(!checksum::sum(header.as_bytes()));
        header
    }

    /// A view of the header that starts `packet`, checked: version, header length, total length against the bytes
    /// there are (`length`, which may exceed the slice where a packet lies in several segments), checksum.
    ///
    /// # Errors
    /// The first of these that fails.
    #[inline(always)]
    pub fn checked(packet: &[u8], length: usize) -> Result<&Self, Invalid> {
        let Ok((header, _)) = Self::ref_from_prefix(packet) else { return Err(Invalid::Malformed) };
        let header_length = header.header_length();
        let total = header.total_length();
        if header.version_ihl != 0x45 {
            if header.version_ihl >> 4 != 4 || header_length < HEADER || packet.len() < header_length {
                return Err(Invalid::Malformed);
            }
            if total < header_length || total > length {
                return Err(Invalid::Malformed);
            }
            if checksum::sum(&packet[..header_length]) != 0xffff {
                return Err(Invalid::Checksum);
            }
            return Ok(header);
        }
        if total < HEADER || total > length {
            return Err(Invalid::Malformed);
        }
        if !checksum::ipv4_header_is_valid(header.as_array()) {
            return Err(Invalid::Checksum);
        }
        Ok(header)
    }

    /// The header's bytes.
    #[inline(always)]
    fn as_array(&self) -> &[u8; HEADER] {
        zerocopy::transmute_ref!(self)
    }

    /// Header length in bytes, options included.
    #[inline(always)]
    #[must_use]
    pub const fn header_length(&self) -> usize {
        (self.version_ihl & 0x0f) as usize * 4
    }

    /// Length of the packet in bytes, header included.
    #[inline(always)]
    #[must_use]
    pub const fn total_length(&self) -> usize {
        self.total_length.get() as usize
    }

    /// Whether it is a fragment, the first one included.
    #[inline(always)]
    #[must_use]
    pub const fn is_fragment(&self) -> bool {
        self.fragment.get() & 0x3fff != 0
    }

    /// What follows.
    #[inline(always)]
    #[must_use]
    pub const fn protocol(&self) -> u8 {
        self.protocol
    }

    /// The source in host byte order.
    #[inline(always)]
    #[must_use]
    pub const fn source(&self) -> u32 {
        self.source.get()
    }

    /// The destination in host byte order.
    #[inline(always)]
    #[must_use]
    pub const fn destination(&self) -> u32 {
        self.destination.get()
    }

    /// Takes one from the time to live and mends the checksum (RFC 1624, equation 3).
    #[inline(always)]
    pub fn decrement_ttl(&mut self) {
        self.ttl = self.ttl.wrapping_sub(1);
        // HC' = ~(~HC + ~m + m'), and m' - m is -0x0100 in the word of TTL and protocol. 0xFFFF becomes 0, as a
        // sum over the whole header would have it.
        let sum = u32::from(self.checksum.get()) + 0x0100;
        self.checksum = U16::new((sum + u32::from(sum >= 0xffff)) as u16);
    }

    /// Changes DSCP and ECN and mends the checksum (RFC 1624, equation 3).
    #[inline(always)]
    pub fn set_tos(&mut self, tos: u8) {
        let new = checksum::replace(self.checksum.get(), u16::from(self.tos), u16::from(tos));
        self.tos = tos;
        self.checksum = U16::new(new);
    }
}

/// Whether an address (host byte order) can be a sender's: not this network, not loopback, not multicast, not
/// reserved, not broadcast (RFC 1122 §3.2.1.3, RFC 1812 §5.3.7).
#[inline(always)]
#[must_use]
pub const fn may_send(address: u32) -> bool {
    let first = address >> 24;
    first != 0 && first != 127 && first < 224
}

/// Whether an address (host byte order) is multicast, reserved or the limited broadcast.
#[inline(always)]
#[must_use]
pub const fn is_multicast_or_reserved(address: u32) -> bool {
    address >> 28 >= 0xe
}
