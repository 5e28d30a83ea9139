use super::*;
use proptest::prelude::*;

/// scapy: `IP(src="10.0.1.5", dst="203.0.113.9", id=0x1234, tos=0x2e, ttl=63, proto=17)/Raw(100 bytes)`.
const PLAIN: [u8; 20] = [
    0x45, 0x2e, 0x00, 0x78, 0x12, 0x34, 0x00, 0x00, 0x3f, 0x11, 0x22, 0x05, 0x0a, 0x00, 0x01, 0x05, 0xcb,
    0x00, 0x71, 0x09,
];

/// scapy: the same with `tos=0` and the options record route (7 bytes, not copied), filler, and router alert (4 bytes,
/// copied).
const OPTIONS: [u8; 32] = [
    0x48, 0x00, 0x00, 0x84, 0x12, 0x34, 0x00, 0x00, 0x3f, 0x11, 0x80, 0x1a, 0x0a, 0x00, 0x01, 0x05, 0xcb,
    0x00, 0x71, 0x09, 0x07, 0x07, 0x04, 0x00, 0x00, 0x00, 0x00, 0x01, 0x94, 0x04, 0x00, 0x00,
];

fn fragments(packet: &[u8], mtu: u16) -> Vec<Fragment> {
    Fragments::new(packet, mtu).expect("room").collect()
}

#[test]
fn cuts_as_another_implementation_does() {
    // scapy: fragment(packet, fragsize=48)
    let expected: [([u8; 4], [u8; 2], Range<usize>); 3] = [
        ([0x00, 0x44, 0x20, 0x00], [0x02, 0x39], 20..68),
        ([0x00, 0x44, 0x20, 0x06], [0x02, 0x33], 68..116),
        ([0x00, 0x18, 0x00, 0x0c], [0x22, 0x59], 116..120),
    ];
    // Payloads are cut at multiples of eight bytes: the last bytes of room stay empty.
    for mtu in 68..72 {
        let found = fragments(&PLAIN, mtu);
        assert_eq!(found.len(), expected.len(), "{mtu}");
        for (Fragment { header, part }, (words, checksum, range)) in found.into_iter().zip(&expected) {
            let mut wanted = PLAIN;
            wanted[2..4].copy_from_slice(&words[..2]);
            wanted[6..8].copy_from_slice(&words[2..]);
            wanted[10..12].copy_from_slice(checksum);
            assert_eq!((&header[..], &part), (&wanted[..], range), "{mtu}");
        }
    }
}

#[test]
fn only_copied_options_go_on() {
    let found = fragments(&OPTIONS, 80);
    let parts: Vec<_> = found.iter().map(|fragment| (fragment.header.len(), fragment.part.clone())).collect();
    assert_eq!(parts, [(32, 32..80), (24, 80..132)]);
    assert_eq!(found[0].header[20..], OPTIONS[20..]);
    // scapy: IP(..., ihl=6, len=76, frag=6, options=[IPOption_Router_Alert()]).
    let second = [
        0x46, 0x00, 0x00, 0x4c, 0x12, 0x34, 0x00, 0x06, 0x3f, 0x11, 0x8d, 0x54, 0x0a, 0x00, 0x01, 0x05, 0xcb,
        0x00, 0x71, 0x09, 0x94, 0x04, 0x00, 0x00,
    ];
    assert_eq!(found[1].header[..], second);
}

#[test]
fn broken_options_end_the_copied_ones() {
    for broken in [[0x94, 0], [0x94, 1], [0x94, 40], [0x83, 0xff]] {
        let mut header = OPTIONS;
        header[20..28].fill(FILLER);
        header[28..32].copy_from_slice(&[FILLER, FILLER, broken[0], broken[1]]);
        let found = fragments(&header, 80);
        let expected = if broken[1] == 1 { 24 } else { 20 };
        assert_eq!(found[1].header.len(), expected, "{broken:?}");
        assert_eq!(checksum::sum(&found[1].header), 0xffff);
    }
}

#[test]
fn fragments_of_a_fragment_are_those_of_its_packet() {
    let mut packet = PLAIN;
    packet[6..8].copy_from_slice(&(MORE | 100).to_be_bytes());
    let places: Vec<_> = fragments(&packet, 68)
        .iter()
        .map(|Fragment { header, .. }| u16::from_be_bytes([header[6], header[7]]))
        .collect();
    assert_eq!(places, [MORE | 100, MORE | 106, MORE | 112]);
}

#[test]
fn no_fragment_begins_beyond_the_longest_packet() {
    // 65,535 bytes of payload end 15 bytes behind unit 8,190.
    for (payload, fits) in [(15, true), (16, false), (100, false)] {
        let mut packet = PLAIN.to_vec();
        packet[3] = 20 + payload;
        packet[6..8].copy_from_slice(&8190_u16.to_be_bytes());
        let found = Fragments::new(&packet, 28);
        assert_eq!(found.is_some(), fits, "{payload} bytes");
        for (units, fragment) in (8190..).zip(found.into_iter().flatten()) {
            let last = units == 8191;
            assert_eq!(fragment.header[6..8], (if last { units } else { units | MORE }).to_be_bytes());
        }
    }
}

#[test]
fn no_room_is_no_fragments() {
    assert!(Fragments::new(&PLAIN, 27).is_none());
    assert!(Fragments::new(&OPTIONS, 39).is_none());
    assert_eq!(fragments(&PLAIN, 28).len(), 13);
}

proptest! {
    #[test]
    fn parts_cover_the_payload_once_and_fit(
        length in 0usize..4000,
        mtu in 40u16..1600,
        offset in 0u16..0x1000,
        flags in 0u16..8,
        options in prop::collection::vec(any::<u8>(), 0..=5),
    ) {
        let options: Vec<u8> = options.iter().flat_map(|option| [*option, 4, 1, 2]).collect();
        let mut packet = [&PLAIN[..], &options].concat();
        let header = packet.len();
        prop_assume!(usize::from(mtu) >= header + UNIT);
        packet[0] = 0x40 | (header / 4) as u8;
        packet[2..4].copy_from_slice(&((header + length) as u16).to_be_bytes());
        let place = offset | flags << 13;
        packet[6..8].copy_from_slice(&place.to_be_bytes());
        let found = fragments(&packet, mtu);
        let mut at = packet.len();
        for (number, Fragment { header, part }) in found.iter().enumerate() {
            let last = number + 1 == found.len();
            prop_assert_eq!(part.start, at);
            at = part.end;
            let read = Ipv4::checked(header, header.len() + part.len()).expect("valid");
            prop_assert_eq!(read.total_length(), header.len() + part.len());
            prop_assert!(read.total_length() <= mtu.into());
            prop_assert!(last || part.len().is_multiple_of(UNIT));
            prop_assert!(last || read.total_length() + UNIT > mtu.into(), "no more than are needed");
            let more = if last { place & MORE } else { MORE };
            let expected = (offset + ((part.start - packet.len()) / UNIT) as u16) | place & !MORE & 0xe000 | more;
            prop_assert_eq!(u16::from_be_bytes([header[6], header[7]]), expected);
            prop_assert_eq!(&header[12..20], &packet[12..20]);
            prop_assert_eq!(read.identification(), 0x1234);
        }
        prop_assert_eq!(at, packet.len() + length);
    }
}
