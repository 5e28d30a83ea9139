//! The maximum segment size that the ends of a TCP connection tell each other (RFC 9293 §3.7.1), lowered on the way.

use zerocopy::FromBytes;

use super::checksum::Delta;
use super::transport::{SYN, TCP_HEADER, Tcp};

/// Option kinds: the end of all options, one that fills space, the maximum segment size.
const END: u8 = 0;
const FILLER: u8 = 1;
const MSS: u8 = 2;
/// Length of the maximum segment size option.
const MSS_LENGTH: usize = 4;
/// Where the checksum is in a header.
const CHECKSUM: usize = 16;

/// What IP and TCP headers without options take of an MTU, over IPv4 and over IPv6 (RFC 6691 §2).
pub const IPV4_HEADERS: u16 = 40;
/// As [`IPV4_HEADERS`], over IPv6.
pub const IPV6_HEADERS: u16 = 60;

/// Whether a TCP segment begins a connection or answers one that does: only then the sizes are told.
#[inline(always)]
#[must_use]
pub fn is_told(segment: &[u8]) -> bool {
    Tcp::ref_from_prefix(segment).is_ok_and(|(tcp, _)| tcp.flags & SYN != 0)
}

/// Lowers the maximum segment size in a TCP header to `most` bytes and mends the checksum. `segment` starts with the
/// header and may end in it. Returns whether anything was lowered: where no size is told, the one that everybody takes
/// is meant, and none is added.
pub fn clamp(segment: &mut [u8], most: u16) -> bool {
    let Ok((tcp, _)) = Tcp::ref_from_prefix(segment) else { return false };
    let end = tcp.header_length().min(segment.len());
    let mut delta = None;
    let mut at = TCP_HEADER;
    while at < end {
        let length = match segment[at] {
            END => break,
            FILLER => 1,
            _ => usize::from(segment.get(at + 1).copied().unwrap_or_default()),
        };
        if length == 0 || segment[at] != FILLER && length < 2 || at + length > end {
            break;
        }
        if segment[at] == MSS && length == MSS_LENGTH {
            let old = u16::from_be_bytes([segment[at + 2], segment[at + 3]]);
            if old > most {
                segment[at + 2..at + 4].copy_from_slice(&most.to_be_bytes());
                // At an odd place the bytes lie the other way round in the words that are summed (RFC 1071 §2 (B)).
                let place = |size: u16| if at.is_multiple_of(2) { size } else { size.swap_bytes() };
                delta = Some(delta.unwrap_or(Delta::default()).word(place(old), place(most)));
            }
        }
        at += length;
    }
    let Some(delta) = delta else { return false };
    let old = u16::from_be_bytes([segment[CHECKSUM], segment[CHECKSUM + 1]]);
    segment[CHECKSUM..CHECKSUM + 2].copy_from_slice(&delta.mend(old).to_be_bytes());
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::checksum;
    use proptest::prelude::*;

    /// scapy: `IP(src="10.0.1.5", dst="203.0.113.9")/TCP(sport=40000, dport=80, seq=1, flags="S", options=[("MSS", 1460),
    /// ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)])` without its IP header, and the same with
    /// an MSS of 1358.
    const SYN_1460: [u8; 40] = [
        0x9c, 0x40, 0x00, 0x50, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0xa0, 0x02, 0x20, 0x00, 0x44,
        0x5f, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4, 0x04, 0x02, 0x08, 0x0a, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
        0x00, 0x00, 0x01, 0x03, 0x03, 0x07,
    ];
    const SYN_1358: [u8; 40] = [
        0x9c, 0x40, 0x00, 0x50, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0xa0, 0x02, 0x20, 0x00, 0x44,
        0xc5, 0x00, 0x00, 0x02, 0x04, 0x05, 0x4e, 0x04, 0x02, 0x08, 0x0a, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
        0x00, 0x00, 0x01, 0x03, 0x03, 0x07,
    ];
    /// scapy: `IPv6(src="2001:db8::5", dst="2001:db8:1::9")/TCP(sport=80, dport=40000, seq=7, ack=2, flags="SA",
    /// options=[("NOP", None), ("MSS", 1440), ("NOP", None)])` without its IP header, and the same with an MSS of 1338.
    const SYN_ACK_1440: [u8; 28] = [
        0x00, 0x50, 0x9c, 0x40, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0x02, 0x70, 0x12, 0x20, 0x00, 0xd2,
        0xa7, 0x00, 0x00, 0x01, 0x02, 0x04, 0x05, 0xa0, 0x01, 0x00, 0x00,
    ];
    const SYN_ACK_1338: [u8; 28] = [
        0x00, 0x50, 0x9c, 0x40, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0x02, 0x70, 0x12, 0x20, 0x00, 0x38,
        0xa8, 0x00, 0x00, 0x01, 0x02, 0x04, 0x05, 0x3a, 0x01, 0x00, 0x00,
    ];

    #[test]
    fn lowers_what_another_implementation_wrote() {
        let mut segment = SYN_1460;
        assert!(is_told(&segment));
        assert!(clamp(&mut segment, 1358));
        assert_eq!(segment, SYN_1358);
        let mut segment = SYN_ACK_1440;
        assert!(is_told(&segment));
        assert!(clamp(&mut segment, 1338));
        assert_eq!(segment, SYN_ACK_1338);
    }

    #[test]
    fn raises_and_adds_nothing() {
        for most in [1460, 1461, u16::MAX] {
            let mut segment = SYN_1460;
            assert!(!clamp(&mut segment, most));
            assert_eq!(segment, SYN_1460);
        }
        let mut bare = SYN_1460;
        bare[12] = 0x50;
        let before = bare;
        assert!(!clamp(&mut bare, 536));
        assert_eq!(bare, before);
    }

    #[test]
    fn options_end_where_they_say_or_contradict_themselves() {
        for (option, reached) in [
            ([END, FILLER, FILLER, FILLER], false),
            ([FILLER, FILLER, FILLER, FILLER], true),
            ([8, 0, FILLER, FILLER], false),
            ([8, 1, FILLER, FILLER], false),
            ([8, 2, FILLER, FILLER], true),
            ([8, 250, FILLER, FILLER], false),
            ([MSS, 3, FILLER, FILLER], true),
        ] {
            let mut segment = SYN_1460;
            segment[20..24].copy_from_slice(&option);
            segment[24..28].copy_from_slice(&[MSS, 4, 5, 0xb4]);
            assert_eq!(clamp(&mut segment, 1000), reached, "{option:?}");
        }
    }

    #[test]
    fn cut_off_headers_are_left_alone() {
        for length in 0..24 {
            let mut segment = SYN_1460[..length].to_vec();
            assert!(!clamp(&mut segment, 536), "{length}");
            assert_eq!(is_told(&segment), length >= TCP_HEADER);
            assert_eq!(segment, &SYN_1460[..length]);
        }
        let mut segment = SYN_1460[..24].to_vec();
        assert!(clamp(&mut segment, 536));
    }

    proptest! {
        /// Whatever the options are, the checksum stays as right as it was, and only sizes above the limit change.
        #[test]
        fn the_checksum_follows(
            options in prop::collection::vec(prop_oneof![Just(1), Just(2), Just(4), any::<u8>()], 0..40),
            offset in 5u8..16,
            most: u16,
            odd: u16,
        ) {
            let mut segment = [&SYN_1460[..TCP_HEADER], &options].concat();
            segment[12] = offset << 4;
            segment[CHECKSUM..CHECKSUM + 2].copy_from_slice(&odd.to_be_bytes());
            let before = segment.clone();
            let lowered = clamp(&mut segment, most);
            prop_assert_eq!(lowered, segment[TCP_HEADER..] != before[TCP_HEADER..]);
            // Two words of ones' complement arithmetic that differ only in which zero they are.
            let same = |a: u16, b: u16| a == b || (a == 0xffff && b == 0) || (a == 0 && b == 0xffff);
            prop_assert!(same(checksum::sum(&segment), checksum::sum(&before)));
            prop_assert_eq!(segment.len(), before.len());
        }
    }
}
