//! IPv6 (RFC 8200), its extension headers walked with a bound.

use std::net::Ipv6Addr;

use zerocopy::byteorder::network_endian::{U16, U32, U128};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of a header without extension headers.
pub const HEADER: usize = 40;
/// Next header: ICMPv6.
pub const ICMP: u8 = 58;
/// Next header: a fragment header.
pub const FRAGMENT: u8 = 44;
/// Next header: nothing follows (RFC 8200 §4.7).
pub const NOTHING: u8 = 59;
/// Length of a fragment header.
pub const FRAGMENT_HEADER: usize = 8;
/// The least MTU of a link that IPv6 goes over (RFC 8200 §5).
pub const LEAST_MTU: u16 = 1280;
/// How many extension headers of a packet are walked. Real packets have one or two; what lies behind more of them is
/// not looked at (RFC 8504 §5.3 allows such limits).
pub const EXTENSIONS: usize = 8;

/// An IPv6 header.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Ipv6 {
    word: U32,
    payload_length: U16,
    next_header: u8,
    /// How many more routers may forward it.
    pub hop_limit: u8,
    source: U128,
    destination: U128,
}

const _: () = assert!(size_of::<Ipv6>() == HEADER);

impl Ipv6 {
    /// A header of traffic class and flow label 0.
    #[must_use]
    pub fn new(
        source: Ipv6Addr,
        destination: Ipv6Addr,
        next_header: u8,
        hop_limit: u8,
        payload: u16,
    ) -> Self {
        Self {
            word: U32::new(6 << 28),
            payload_length: U16::new(payload),
            next_header,
            hop_limit,
            source: U128::new(source.into()),
            destination: U128::new(destination.into()),
        }
    }

    /// A view of the header that starts `packet`, checked: version, and payload length against the bytes there are
    /// (`length`, which may exceed the slice where a packet lies in several segments). `None` where one is wrong.
    #[inline(always)]
    #[must_use]
    pub fn checked(packet: &[u8], length: usize) -> Option<&Self> {
        let (header, _) = Self::ref_from_prefix(packet).ok()?;
        (header.word.get() >> 28 == 6 && header.total_length() <= length).then_some(header)
    }

    /// Length of the packet in bytes, header included.
    #[inline(always)]
    #[must_use]
    pub const fn total_length(&self) -> usize {
        HEADER + self.payload_length.get() as usize
    }

    /// What follows: an extension header, or a protocol.
    #[inline(always)]
    #[must_use]
    pub const fn next_header(&self) -> u8 {
        self.next_header
    }

    /// The source as a number.
    #[inline(always)]
    #[must_use]
    pub const fn source(&self) -> u128 {
        self.source.get()
    }

    /// The destination as a number.
    #[inline(always)]
    #[must_use]
    pub const fn destination(&self) -> u128 {
        self.destination.get()
    }

    /// DSCP (6 bits) and ECN (2 bits).
    #[inline(always)]
    #[must_use]
    pub const fn traffic_class(&self) -> u8 {
        (self.word.get() >> 20) as u8
    }

    /// Changes DSCP and ECN.
    #[inline(always)]
    pub const fn set_traffic_class(&mut self, class: u8) {
        self.word = U32::new(self.word.get() & !(0xff << 20) | (class as u32) << 20);
    }

    /// The flow label, 20 bits (RFC 6437).
    #[inline(always)]
    #[must_use]
    pub const fn flow_label(&self) -> u32 {
        self.word.get() & 0xf_ffff
    }
}

/// What a packet carries behind its extension headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transport {
    /// The protocol.
    pub protocol: u8,
    /// Where it begins, in bytes from the IPv6 header.
    pub offset: usize,
    /// Where the field stands that names the protocol, likewise.
    pub named_at: usize,
    /// The fragment header, if there is one.
    pub fragment: Option<Fragment>,
}

/// What a fragment header says (RFC 8200 §4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// Where the fragment belongs, in bytes from the start of the fragmentable part.
    pub offset: u16,
    /// Whether more follow.
    pub more: bool,
    /// What fragments of a packet have in common.
    pub identification: u32,
}

impl Transport {
    /// Whether the packet is a fragment that does not begin the packet, so that no transport header is in it.
    #[must_use]
    pub fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|fragment| fragment.offset != 0)
    }
}

/// Walks the extension headers of a packet that begins with a checked header. `None` where they are cut off or more
/// than [`EXTENSIONS`]. Behind a later fragment's header nothing is walked: there is no header there.
#[must_use]
pub fn transport(packet: &[u8]) -> Option<Transport> {
    behind(*packet.get(NEXT_HEADER)?, packet.get(HEADER..)?)
}

/// Where an IPv6 header names what follows.
const NEXT_HEADER: usize = 6;

/// As [`transport`], for what follows a header that names `next_header`.
#[must_use]
pub fn behind(next_header: u8, after: &[u8]) -> Option<Transport> {
    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    const AUTHENTICATION: u8 = 51;
    const DESTINATION: u8 = 60;
    const MOBILITY: u8 = 135;
    const HIP: u8 = 139;
    const SHIM6: u8 = 140;
    let mut found =
        Transport { protocol: next_header, offset: HEADER, named_at: NEXT_HEADER, fragment: None };
    for _ in 0..=EXTENSIONS {
        let here = after.get(found.offset - HEADER..)?;
        let length = match found.protocol {
            HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY | HIP | SHIM6 => 8 + usize::from(*here.get(1)?) * 8,
            AUTHENTICATION => 8 + usize::from(*here.get(1)?) * 4,
            FRAGMENT => {
                let [_, _, high, low, identification @ ..] = here.first_chunk::<FRAGMENT_HEADER>()?;
                let word = u16::from_be_bytes([*high, *low]);
                found.fragment = Some(Fragment {
                    offset: word & 0xfff8,
                    more: word & 1 != 0,
                    identification: u32::from_be_bytes(*identification),
                });
                FRAGMENT_HEADER
            }
            _ => return Some(found),
        };
        let next = *here.get(..length)?.first()?;
        (found.protocol, found.named_at, found.offset) = (next, found.offset, found.offset + length);
        if found.is_later_fragment() {
            return Some(found);
        }
    }
    None
}

/// `fe80::/10`, addresses of one link.
#[inline(always)]
#[must_use]
pub const fn is_link_local(address: u128) -> bool {
    address >> 118 == 0xfe80 >> 6
}

/// Whether an address can be a sender's beyond its own link, and not only a destination's: not multicast, not
/// unspecified, not loopback, not link-local, and not an IPv4 address in disguise (RFC 4291 §2.5, RFC 6890).
#[inline(always)]
#[must_use]
pub const fn may_send(address: u128) -> bool {
    may_receive(address) && !is_link_local(address)
}

/// Whether a packet to an address is for one station: not multicast, not unspecified, not loopback, not an IPv4
/// address in disguise (RFC 4291 §2.5).
#[inline(always)]
#[must_use]
pub const fn may_receive(address: u128) -> bool {
    let top = address >> 32;
    // ::/96 has ::, ::1 and the addresses that RFC 4291 §2.5.5.1 withdrew; ::ffff:0:0/96 are IPv4's.
    address >> 120 != 0xff && top != 0 && top != 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// scapy: `IPv6(src="2001:db8::1", dst="2001:db8::2", tc=0xb9, fl=0x12345, hlim=63)/UDP(sport=1, dport=2)`
    const PACKET: [u8; 48] = [
        0x6b, 0x91, 0x23, 0x45, 0x00, 0x08, 0x11, 0x3f, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 1, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 2, 0, 8, 0xa4, 0x66,
    ];

    fn number(address: &str) -> u128 {
        address.parse::<Ipv6Addr>().expect("an address").into()
    }

    #[test]
    fn reads_what_another_implementation_wrote() {
        let header = Ipv6::checked(&PACKET, PACKET.len()).expect("valid");
        assert_eq!((header.traffic_class(), header.flow_label(), header.hop_limit), (0xb9, 0x12345, 63));
        assert_eq!((header.source(), header.destination()), (number("2001:db8::1"), number("2001:db8::2")));
        assert_eq!((header.total_length(), header.next_header()), (48, 17));
        let mut changed = *header;
        changed.set_traffic_class(0x02);
        assert_eq!(changed.as_bytes()[..4], [0x60, 0x21, 0x23, 0x45]);
        for length in 0..PACKET.len() {
            assert!(Ipv6::checked(&PACKET[..length], length).is_none(), "{length} bytes");
        }
        for version in (0..16_u8).filter(|version| *version != 6) {
            let mut other = PACKET;
            other[0] = version << 4;
            assert!(Ipv6::checked(&other, other.len()).is_none(), "version {version}");
        }
    }

    #[test]
    fn walks_extension_headers_up_to_its_bound() {
        let plain = transport(&PACKET).expect("no extension headers");
        assert_eq!((plain.protocol, plain.offset, plain.named_at, plain.fragment), (17, 40, 6, None));
        // Hop-by-hop of 8 bytes, routing of 24, destination options of 8, then TCP.
        let mut packet = PACKET[..40].to_vec();
        packet[6] = 0;
        packet.extend([43, 0, 1, 4, 0, 0, 0, 0]);
        packet.extend([60, 2].into_iter().chain([0; 22]));
        packet.extend([6, 0, 1, 4, 0, 0, 0, 0]);
        let found = transport(&packet).expect("three extension headers");
        assert_eq!((found.protocol, found.offset, found.named_at), (6, 80, 72));
        for length in 0..80 {
            assert_eq!(transport(&packet[..length]), None, "{length} bytes");
        }
        for count in 0..12 {
            let mut packet = PACKET[..40].to_vec();
            packet[6] = if count == 0 { 17 } else { 60 };
            for rest in (0..count).rev() {
                packet.extend([if rest == 0 { 17 } else { 60 }, 0, 1, 4, 0, 0, 0, 0]);
            }
            assert_eq!(transport(&packet).is_some(), count <= EXTENSIONS, "{count} headers");
        }
    }

    #[test]
    fn nothing_is_walked_behind_a_later_fragment() {
        let mut packet = PACKET[..40].to_vec();
        packet[6] = FRAGMENT;
        packet.extend([60, 0, 0x05, 0xa9, 0xde, 0xad, 0xbe, 0xef]);
        let found = transport(&packet).expect("a later fragment");
        let fragment = Fragment { offset: 1448, more: true, identification: 0xdead_beef };
        assert_eq!((found.protocol, found.fragment), (60, Some(fragment)));
        packet[42..44].copy_from_slice(&[0, 1]);
        assert_eq!(transport(&packet), None, "a first fragment without what it promises");
    }

    #[test]
    fn addresses_that_are_no_single_station_of_the_internet() {
        for good in ["2001:db8::1", "fd00::1", "64:ff9b::1", "::1:0:0"] {
            assert!(may_send(number(good)) && may_receive(number(good)), "{good}");
        }
        for bad in ["::", "::1", "::ffff:10.0.0.1", "::10.0.0.1", "ff02::1"] {
            assert!(!may_send(number(bad)) && !may_receive(number(bad)), "{bad}");
        }
        for local in ["fe80::1", "febf::1"] {
            assert!(is_link_local(number(local)) && !may_send(number(local)) && may_receive(number(local)));
        }
        assert!(!is_link_local(number("fec0::1")) && !is_link_local(number("fe40::1")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked_without_harm(mut packet: Vec<u8>, next: u8) {
            if let Some(field) = packet.get_mut(6) {
                *field = next;
            }
            if let Some(found) = transport(&packet) {
                prop_assert!(found.offset <= packet.len() && found.named_at < packet.len());
            }
        }
    }
}
