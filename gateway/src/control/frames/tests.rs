use super::*;
use crate::control::fixture::ip;

const OURS: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xa0]);
const THEIRS: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x0b]);

#[test]
fn an_arp_request_on_a_vlan() {
    let link = Link { mac: OURS, vlan: 20 };
    let frame = link.ask(None, ip("100.64.20.10"), ip("100.64.20.2")).expect("one family");
    #[rustfmt::skip]
    assert_eq!(frame, [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0xa0, 0x81, 0, 0, 20, 0x08, 0x06,
        0, 1, 0x08, 0, 6, 4, 0, 1,
        2, 0, 0, 0, 0, 0xa0, 100, 64, 20, 10,
        0, 0, 0, 0, 0, 0, 100, 64, 20, 2,
    ]);
    let again = link.ask(Some(THEIRS), ip("100.64.20.10"), ip("100.64.20.2")).expect("one family");
    assert_eq!((&again[..6], &again[6..]), (&THEIRS.0[..], &frame[6..]));
}

#[test]
fn an_arp_probe_claims_nothing_and_an_announcement_does() {
    let link = Link { mac: OURS, vlan: 0 };
    #[rustfmt::skip]
    let mut expected = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0xa0, 0x08, 0x06,
        0, 1, 0x08, 0, 6, 4, 0, 1,
        2, 0, 0, 0, 0, 0xa0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 100, 64, 20, 10,
    ];
    assert_eq!(link.probe(ip("100.64.20.10")), Some(expected.to_vec()));
    expected[28..32].copy_from_slice(&[100, 64, 20, 10]);
    assert_eq!(link.announcement(ip("100.64.20.10")), Some(expected.to_vec()));
}

#[test]
fn an_untagged_arp_reply() {
    let frame = Link { mac: OURS, vlan: 0 }.arp_reply([10, 0, 0, 1].into(), THEIRS, [10, 0, 0, 9].into());
    #[rustfmt::skip]
    assert_eq!(frame, [
        2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0xa0, 0x08, 0x06,
        0, 1, 0x08, 0, 6, 4, 0, 2,
        2, 0, 0, 0, 0, 0xa0, 10, 0, 0, 1,
        2, 0, 0, 0, 0, 0x0b, 10, 0, 0, 9,
    ]);
}

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

#[test]
fn the_destination_is_found_behind_a_tag_and_without() {
    let destination = |frame: &[u8]| addresses(frame).map(|(_, destination)| destination);
    let tagged = Link { mac: OURS, vlan: 300 }.frame(THEIRS, 0x0800, &REQUEST);
    let untagged = Link { mac: OURS, vlan: 0 }.frame(THEIRS, 0x0800, &REQUEST);
    assert_eq!(destination(&tagged), Some(ip("10.0.0.1")));
    assert_eq!(destination(&untagged), Some(ip("10.0.0.1")));
    assert_eq!(destination(&Link { mac: OURS, vlan: 0 }.frame(THEIRS, 0x0806, &REQUEST)), None);
    assert_eq!(destination(&untagged[..30]), None);
}
