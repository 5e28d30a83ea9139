use super::*;
use crate::control::fixture::ip;

const OURS: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xa0]);
const THEIRS: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x0b]);

/// An echo request from 10.0.0.9 to 10.0.0.1 with DSCP 46 and ECN 1, identifier 0x1234, sequence 1, two bytes.
/// Header words: 45b9 001e 0000 0000 0501 .... 0a00 0009 0a00 0001, sum 5ee2, checksum a11d.
/// Message words: 0800 .... 1234 0001 6869, sum 829e, checksum 7d61.
#[rustfmt::skip]
const REQUEST: [u8; 30] = [
    0x45, 0xb9, 0, 30, 0, 0, 0, 0, 5, 1, 0xa1, 0x1d, 10, 0, 0, 9, 10, 0, 0, 1,
    8, 0, 0x7d, 0x61, 0x12, 0x34, 0, 1, 0x68, 0x69,
];

/// Its reply: DSCP kept, ECN cleared, DF, TTL 64.
/// Header words: 45b8 001e 0000 4000 4001 .... 0a00 0001 0a00 0009, sum d9e1, checksum 261e.
/// Message: type 0, so the checksum is 0x0800 more: 8561.
#[rustfmt::skip]
const REPLY: [u8; 30] = [
    0x45, 0xb8, 0, 30, 0, 0, 0x40, 0, 64, 1, 0x26, 0x1e, 10, 0, 0, 1, 10, 0, 0, 9,
    0, 0, 0x85, 0x61, 0x12, 0x34, 0, 1, 0x68, 0x69,
];

#[test]
fn an_echo_is_answered_without_padding() {
    let padded = [&REQUEST[..], &[0; 16]].concat();
    let reply = echo_reply(&padded).expect("an echo request");
    assert_eq!(reply.packet, REPLY);
    assert_eq!((reply.asker, reply.asked, reply.tos), ([10, 0, 0, 9].into(), [10, 0, 0, 1].into(), 0xb8));
}

/// The request with other header bytes, and a header checksum to match.
fn altered(changes: &[(usize, u8)]) -> Vec<u8> {
    let mut packet = REQUEST.to_vec();
    changes.iter().for_each(|(at, byte)| packet[*at] = *byte);
    packet[10..12].fill(0);
    let sum: u32 = packet[..20].chunks(2).map(|w| u32::from(w[0]) << 8 | u32::from(w[1])).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    packet[10..12].copy_from_slice(&(!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes());
    packet
}

#[test]
fn nothing_but_a_whole_echo_request_of_a_host_is_answered() {
    assert!(echo_reply(&altered(&[])).is_some());
    let cases: [(&str, Vec<u8>); 8] = [
        ("a first fragment", altered(&[(6, 0x20)])),
        ("a later fragment", altered(&[(7, 1)])),
        ("UDP", altered(&[(9, 17)])),
        ("from a group", altered(&[(12, 224)])),
        ("from this network", altered(&[(12, 0)])),
        ("to a group", altered(&[(16, 224)])),
        ("an echo reply", REPLY.to_vec()),
        ("a damaged message", [&REQUEST[..29], &[0]].concat()),
    ];
    for (what, packet) in cases {
        assert!(echo_reply(&packet).is_none(), "{what}");
    }
}

/// scapy: `IPv6(src="2001:db8:20::2", dst="2001:db8:20::a", hlim=9, tc=0xb9)/ICMPv6EchoRequest(id=0x1234, seq=1,
/// data=b"hi")`, and the reply of the same with `hlim=64, tc=0xb8`.
#[rustfmt::skip]
const REQUEST_IPV6: [u8; 50] = [
    0x6b, 0x90, 0, 0, 0, 10, 58, 9,
    0x20, 1, 0x0d, 0xb8, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
    0x20, 1, 0x0d, 0xb8, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a,
    0x80, 0, 0xa9, 0x5e, 0x12, 0x34, 0, 1, 0x68, 0x69,
];
#[rustfmt::skip]
const REPLY_IPV6: [u8; 50] = [
    0x6b, 0x80, 0, 0, 0, 10, 58, 64,
    0x20, 1, 0x0d, 0xb8, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a,
    0x20, 1, 0x0d, 0xb8, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
    0x81, 0, 0xa8, 0x5e, 0x12, 0x34, 0, 1, 0x68, 0x69,
];

#[test]
fn an_ipv6_echo_is_answered_without_padding_and_extension_headers() {
    let padded = [&REQUEST_IPV6[..], &[0; 16]].concat();
    let reply = echo_reply(&padded).expect("an echo request");
    assert_eq!(reply.packet, REPLY_IPV6);
    assert_eq!((reply.asker, reply.asked, reply.tos), (ip("2001:db8:20::2"), ip("2001:db8:20::a"), 0xb8));
    let mut options = REQUEST_IPV6[..40].to_vec();
    (options[5], options[6]) = (18, 60);
    options.extend([58, 0, 1, 4, 0, 0, 0, 0]);
    options.extend(&REQUEST_IPV6[40..]);
    assert_eq!(echo_reply(&options).map(|reply| reply.packet), Some(REPLY_IPV6.to_vec()));
}

#[test]
fn no_other_ipv6_packet_is_answered() {
    let altered = |changes: &[(usize, u8)]| {
        let mut packet = REQUEST_IPV6.to_vec();
        changes.iter().for_each(|(at, byte)| packet[*at] = *byte);
        packet
    };
    let mut fragment = REQUEST_IPV6[..40].to_vec();
    (fragment[5], fragment[6]) = (18, 44);
    fragment.extend([58, 0, 0, 1, 0, 0, 0, 7]);
    fragment.extend(&REQUEST_IPV6[40..]);
    // Where the checksum covers an address, what takes the address's place is made up for in another byte of it.
    let cases = [
        ("a first fragment", fragment),
        ("UDP", altered(&[(6, 17)])),
        ("from a group", altered(&[(8, 0xff), (10, 0x2e)])),
        (
            "from a link-local address to a global one",
            altered(&[(8, 0xfe), (9, 0x80), (10, 0x2f), (11, 0x38)]),
        ),
        ("to a group", altered(&[(24, 0xff), (26, 0x2e)])),
        ("an echo reply", REPLY_IPV6.to_vec()),
        ("a damaged message", altered(&[(49, 0)])),
        ("cut off", REQUEST_IPV6[..49].to_vec()),
    ];
    for (what, packet) in cases {
        assert!(echo_reply(&packet).is_none(), "{what}");
    }
}

#[test]
fn the_destination_is_found_behind_a_tag_and_without() {
    let destination = |frame: &[u8]| addresses(frame).map(|(_, destination)| destination);
    let tagged = Link { mac: OURS, vlan: 300 }.frame(THEIRS, 0x0800, &REQUEST);
    let untagged = Link { mac: OURS, vlan: 0 }.frame(THEIRS, 0x0800, &REQUEST);
    assert_eq!(destination(&tagged), Some(ip("10.0.0.1")));
    assert_eq!(destination(&untagged), Some(ip("10.0.0.1")));
    assert_eq!(destination(&Link { mac: OURS, vlan: 0 }.frame(THEIRS, 0x0806, &REQUEST)), None);
    assert_eq!(destination(&untagged[..30]), None);
    let ipv6 = Link { mac: OURS, vlan: 300 }.packet(THEIRS, &REQUEST_IPV6);
    assert_eq!(ipv6[16..18], [0x86, 0xdd]);
    assert_eq!(destination(&ipv6), Some(ip("2001:db8:20::a")));
    assert_eq!(destination(&ipv6[..57]), None);
}
