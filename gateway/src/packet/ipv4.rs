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

    /// Lets routers fragment the packet; fragments find each other by `identification` (RFC 6864 §4.2).
    pub fn allow_fragments(&mut self, identification: u16) {
        self.identification = U16::new(identification);
        self.fragment = U16::ZERO;
        self.checksum = U16::ZERO;
        self.checksum = U16::new(!checksum::sum(self.as_bytes()));
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

    /// The IP version that the header claims.
    #[inline(always)]
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version_ihl >> 4
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

    /// Whether the ports of TCP or UDP follow right behind the 20 bytes: there are no options, and it is no fragment.
    #[inline(always)]
    #[must_use]
    pub const fn begins_tcp_or_udp(&self) -> bool {
        self.version_ihl == 0x45 && matches!(self.protocol, TCP | UDP) && !self.is_fragment()
    }

    /// Whether routers must not fragment it.
    #[inline(always)]
    #[must_use]
    pub const fn dont_fragment(&self) -> bool {
        self.fragment.get() & DONT_FRAGMENT != 0
    }

    /// Whether it is a fragment that does not begin the packet.
    #[inline(always)]
    #[must_use]
    pub const fn is_later_fragment(&self) -> bool {
        self.fragment.get() & 0x1fff != 0
    }

    /// Where a fragment belongs in its packet's payload, in bytes.
    #[inline(always)]
    #[must_use]
    pub const fn fragment_offset(&self) -> u16 {
        self.fragment.get() << 3
    }

    /// Whether more fragments of the packet follow.
    #[inline(always)]
    #[must_use]
    pub const fn more_fragments(&self) -> bool {
        self.fragment.get() & 0x2000 != 0
    }

    /// What fragments of a packet have in common, and no other packet of the same flow has for a while.
    #[inline(always)]
    #[must_use]
    pub const fn identification(&self) -> u16 {
        self.identification.get()
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

    /// Takes one from the time to live, which is not 0, and mends the checksum (RFC 1624, equation 3).
    #[inline(always)]
    pub fn decrement_ttl(&mut self) {
        debug_assert!(self.ttl > 0, "routed after its time");
        // Time to live, protocol, checksum: one word, read and written as such.
        let Some((_, bytes)) = self.as_mut_bytes().split_first_chunk_mut::<8>() else { return };
        let Some(bytes) = bytes.first_chunk_mut::<4>() else { return };
        let word = u32::from_le_bytes(*bytes);
        // HC' = ~(~HC + ~m + m'), and m' - m is -1 in the word of TTL and protocol, its first byte read as the lowest:
        // sums do not depend on byte order (RFC 1071 §2 (B)). 0xFFFF becomes 0, as a sum over the whole header would
        // have it.
        let carry = u32::from(word >= 0xfffe_0000) << 16;
        *bytes = word.wrapping_add(0x1_0000 - 1 + carry).to_le_bytes();
    }

    /// Changes the source (host byte order) and mends the checksum. Returns what the change does to checksums that
    /// cover the address.
    #[inline(always)]
    pub fn set_source(&mut self, address: u32) -> checksum::Delta {
        let delta = checksum::Delta::default().long(self.source.get(), address);
        self.source = U32::new(address);
        self.checksum = U16::new(delta.mend(self.checksum.get()));
        delta
    }

    /// As [`Self::set_source`], for the destination.
    #[inline(always)]
    pub fn set_destination(&mut self, address: u32) -> checksum::Delta {
        let delta = checksum::Delta::default().long(self.destination.get(), address);
        self.destination = U32::new(address);
        self.checksum = U16::new(delta.mend(self.checksum.get()));
        delta
    }

    /// The header checksum as it stands.
    #[inline(always)]
    #[must_use]
    pub const fn checksum(&self) -> u16 {
        self.checksum.get()
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
    SENDERS[(address >> 24) as usize]
}

/// [`may_send`] by an address's first byte: one load where comparisons are three.
const SENDERS: [bool; 256] = {
    let mut senders = [false; 256];
    let mut first = 1;
    while first < 224 {
        senders[first] = first != 127;
        first += 1;
    }
    senders
};

/// Whether an address (host byte order) is multicast, reserved or the limited broadcast.
#[inline(always)]
#[must_use]
pub const fn is_multicast_or_reserved(address: u32) -> bool {
    address >> 28 >= 0xe
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A header that another implementation made: scapy's `IP(src="10.0.1.5", dst="203.0.113.9", ttl=64)/UDP()`.
    const UDP_HEADER: [u8; 28] = [
        0x45, 0x00, 0x00, 0x1c, 0x00, 0x01, 0x00, 0x00, 0x40, 0x11, 0x33, 0xc2, 0x0a, 0x00, 0x01, 0x05, 0xcb,
        0x00, 0x71, 0x09, 0x00, 0x35, 0x00, 0x35, 0x00, 0x08, 0xb8, 0x65,
    ];

    #[test]
    fn reads_what_another_implementation_wrote() {
        let header = Ipv4::checked(&UDP_HEADER, UDP_HEADER.len()).expect("valid");
        assert_eq!(header.header_length(), 20);
        assert_eq!(header.total_length(), 28);
        assert_eq!(header.protocol(), UDP);
        assert_eq!(header.source(), 0x0a00_0105);
        assert_eq!(header.destination(), 0xcb00_7109);
        assert!(!header.is_fragment());
    }

    #[test]
    fn refuses_every_truncation() {
        for length in 0..UDP_HEADER.len() {
            let refused = Ipv4::checked(&UDP_HEADER[..length], length);
            assert_eq!(refused.map(|_| ()), Err(Invalid::Malformed), "{length}");
        }
    }

    #[test]
    fn refuses_contradictions() {
        let with = |at: usize, value: u8| {
            let mut packet = UDP_HEADER;
            packet[at] = value;
            Ipv4::checked(&packet, packet.len()).map(|_| ()).expect_err("refused")
        };
        assert_eq!(with(0, 0x55), Invalid::Malformed, "version 5");
        assert_eq!(with(0, 0x65), Invalid::Malformed, "version 6");
        assert_eq!(with(0, 0x44), Invalid::Malformed, "header of 16 bytes");
        assert_eq!(with(0, 0x48), Invalid::Malformed, "header longer than the packet");
        assert_eq!(with(3, 19), Invalid::Malformed, "shorter than its header");
        assert_eq!(with(3, 29), Invalid::Malformed, "longer than the bytes");
        assert_eq!(with(8, 0x41), Invalid::Checksum, "changed on the way");
    }

    #[test]
    fn options_are_summed_too() {
        // scapy: IP(src="10.0.1.5", dst="203.0.113.9", options=[IPOption_NOP()]*4)/UDP()
        let mut packet = vec![
            0x46, 0x00, 0x00, 0x20, 0x00, 0x01, 0x00, 0x00, 0x40, 0x11, 0x30, 0xbc, 0x0a, 0x00, 0x01, 0x05,
            0xcb, 0x00, 0x71, 0x09, 0x01, 0x01, 0x01, 0x01, 0x00, 0x35, 0x00, 0x35, 0x00, 0x08, 0xb8, 0x65,
        ];
        assert_eq!(Ipv4::checked(&packet, 32).map(Ipv4::header_length), Ok(24));
        packet[21] = 0;
        assert_eq!(Ipv4::checked(&packet, 32).map(|_| ()), Err(Invalid::Checksum));
    }

    #[test]
    fn a_packet_that_may_be_fragmented_has_an_identification() {
        let mut header = Ipv4::new([10, 0, 1, 5].into(), [203, 0, 113, 9].into(), UDP, 64, 8);
        header.allow_fragments(1);
        assert_eq!(header.as_bytes(), &UDP_HEADER[..HEADER]);
    }

    #[test]
    fn tells_fragments_apart() {
        let with = |flags_and_offset: [u8; 2]| {
            let mut packet = UDP_HEADER;
            packet[6..8].copy_from_slice(&flags_and_offset);
            let (header, _) = Ipv4::read_from_prefix(&packet).expect("long enough");
            (header.is_fragment(), header.is_later_fragment(), header.dont_fragment())
        };
        assert_eq!(with([0, 0]), (false, false, false));
        assert_eq!(with([0x40, 0]), (false, false, true));
        assert_eq!(with([0x20, 0]), (true, false, false), "the first one: more fragments");
        assert_eq!(with([0x20, 1]), (true, true, false));
        assert_eq!(with([0x1f, 0xff]), (true, true, false), "the last one");
    }

    #[test]
    fn only_unicast_addresses_may_send() {
        let address = |text: &str| u32::from(text.parse::<Ipv4Addr>().expect("address"));
        for martian in
            ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255"]
        {
            assert!(!may_send(address(martian)), "{martian}");
        }
        for sender in ["1.0.0.1", "10.0.0.1", "126.255.255.255", "128.0.0.1", "192.0.2.1", "223.255.255.255"]
        {
            assert!(may_send(address(sender)), "{sender}");
        }
    }

    proptest! {
        #[test]
        fn what_changes_keeps_the_checksum_right(source: u32, destination: u32, ttl in 1u8.., tos: u8, protocol: u8) {
            let mut header = Ipv4::new(source.into(), destination.into(), protocol, ttl, 100);
            prop_assert_eq!(checksum::sum(header.as_bytes()), 0xffff);
            let mut other = header;
            header.set_tos(tos);
            header.decrement_ttl();
            other.decrement_ttl();
            other.set_tos(tos);
            prop_assert_eq!(header.as_bytes(), other.as_bytes());
            prop_assert_eq!(header.tos, tos);
            prop_assert_eq!(header.ttl, ttl - 1);
            let mut bytes = header.as_bytes().to_vec();
            let incremental = [bytes[10], bytes[11]];
            bytes[10..12].fill(0);
            prop_assert_eq!(u16::from_be_bytes(incremental), !checksum::sum(&bytes));
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            if let Ok(header) = Ipv4::checked(&bytes, bytes.len()) {
                prop_assert!(header.total_length() <= bytes.len());
                prop_assert!(header.header_length() <= header.total_length());
            }
        }
    }
}
