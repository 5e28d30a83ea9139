use proptest::prelude::*;

use super::*;

const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const ALICE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xa);
const BOB: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xb);
const BOB_GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0xb);
const LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 1);

/// scapy: `IPv6(src="2001:db8::a", dst="ff02::1:ff00:b", hlim=255)/ICMPv6ND_NS(tgt="2001:db8::b")/
/// ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:01")`
const SOLICITATION: [u8; 32] = [
    0x87, 0, 0x1c, 0x0c, 0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b, 1, 1, 2,
    0, 0, 0, 0, 1,
];
const SOLICITED: Ends = Ends { source: ALICE, destination: BOB_GROUP };

/// scapy: as before from `::`, without the option.
const DETECTION: [u8; 24] =
    [0x87, 0, 0x4c, 0xd9, 0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b];
const DETECTED: Ends = Ends { source: Ipv6Addr::UNSPECIFIED, destination: BOB_GROUP };

/// scapy: `IPv6(src="2001:db8::b", dst="2001:db8::a", hlim=255)/ICMPv6ND_NA(tgt="2001:db8::b", R=1, S=1, O=1)/
/// ICMPv6NDOptDstLLAddr(lladdr="02:00:00:00:00:01")`
const ADVERTISEMENT: [u8; 32] = [
    0x88, 0, 0x0a, 0x57, 0xe0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b, 2, 1,
    2, 0, 0, 0, 0, 1,
];
const ANSWERED: Ends = Ends { source: BOB, destination: ALICE };

/// scapy: as before to `ff02::1`, R=0, S=0.
const UNASKED: [u8; 32] = [
    0x88, 0, 0xf9, 0x16, 0x20, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b, 2, 1,
    2, 0, 0, 0, 0, 1,
];
const TO_ALL: Ends = Ends { source: BOB, destination: ALL_NODES };

/// scapy: `IPv6(src="fe80::ff:fe00:1", dst="ff02::2", hlim=255)/ICMPv6ND_RS()/
/// ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:01")`, and the same from `::` without the option.
const ROUTERS: [u8; 16] = [0x85, 0, 0x7b, 0x2c, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 1];
const ROUTERS_UNNAMED: [u8; 8] = [0x85, 0, 0x7b, 0xb8, 0, 0, 0, 0];
const TO_ROUTERS: Ends = Ends { source: LOCAL, destination: ALL_ROUTERS };

const TOLD: NeighborAdvertisement = NeighborAdvertisement {
    target: BOB,
    router: true,
    solicited: true,
    overrides: true,
    target_mac: Some(MAC),
};

#[test]
fn addresses_made_of_addresses() {
    assert_eq!(
        solicited_node("2001:db8::12:3456:789a".parse().expect("an address")),
        "ff02::1:ff56:789a".parse::<Ipv6Addr>().expect("an address")
    );
    assert_eq!(
        group_mac("ff02::1:ff56:789a".parse().expect("an address")),
        MacAddr([0x33, 0x33, 0xff, 0x56, 0x78, 0x9a])
    );
    assert_eq!(link_local(MAC), LOCAL);
    // RFC 4291 appendix A: the universal bit is inverted.
    let universal = link_local(MacAddr([0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]));
    assert_eq!(universal, "fe80::3656:78ff:fe9a:bcde".parse::<Ipv6Addr>().expect("an address"));
}

#[test]
fn reads_what_another_implementation_wrote() {
    let asked = Message::NeighborSolicitation { target: BOB, source_mac: Some(MAC) };
    assert_eq!(read(SOLICITED, 255, &SOLICITATION), Some(asked));
    let wanted = Message::NeighborSolicitation { target: BOB, source_mac: None };
    assert_eq!(read(DETECTED, 255, &DETECTION), Some(wanted));
    assert_eq!(read(ANSWERED, 255, &ADVERTISEMENT), Some(Message::NeighborAdvertisement(TOLD)));
    let unasked = NeighborAdvertisement { router: false, solicited: false, ..TOLD };
    assert_eq!(read(TO_ALL, 255, &UNASKED), Some(Message::NeighborAdvertisement(unasked)));
    let routers = Message::RouterSolicitation { source_mac: Some(MAC) };
    assert_eq!(read(TO_ROUTERS, 255, &ROUTERS), Some(routers));
    let unnamed = Ends { source: Ipv6Addr::UNSPECIFIED, ..TO_ROUTERS };
    let routers = Message::RouterSolicitation { source_mac: None };
    assert_eq!(read(unnamed, 255, &ROUTERS_UNNAMED), Some(routers));
}

#[test]
fn writes_what_another_implementation_does() {
    assert_eq!(neighbor_solicitation(SOLICITED, BOB, Some(MAC)), SOLICITATION);
    assert_eq!(neighbor_solicitation(DETECTED, BOB, None), DETECTION);
    assert_eq!(neighbor_advertisement(ANSWERED, &TOLD), ADVERTISEMENT);
    let unasked = NeighborAdvertisement { router: false, solicited: false, ..TOLD };
    assert_eq!(neighbor_advertisement(TO_ALL, &unasked), UNASKED);
    // scapy: ICMPv6ND_NA(tgt="2001:db8::b", R=1, S=1, O=0) from there to 2001:db8::a.
    let bare = NeighborAdvertisement { overrides: false, target_mac: None, ..TOLD };
    let bytes =
        [0x88, 0, 0x2e, 0x61, 0xc0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b];
    assert_eq!(neighbor_advertisement(ANSWERED, &bare), bytes);
}

#[test]
fn writes_router_advertisements_as_another_implementation_does() {
    let ends = Ends { source: LOCAL, destination: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2) };
    let prefix = Prefix {
        prefix: "2001:db8:1::/64".parse().expect("a prefix"),
        on_link: true,
        autonomous: true,
        valid: 2_592_000,
        preferred: 604_800,
    };
    let said = RouterAdvertisement {
        hop_limit: 64,
        managed: false,
        other: false,
        lifetime: 9000,
        source_mac: MAC,
        mtu: Some(1438),
        prefixes: &[prefix],
    };
    // scapy: ICMPv6ND_RA(chlim=64, M=0, O=0, routerlifetime=9000, prf=0)/ICMPv6NDOptSrcLLAddr(lladdr=…01)/
    // ICMPv6NDOptMTU(mtu=1438)/ICMPv6NDOptPrefixInfo(prefixlen=64, L=1, A=1, validlifetime=2592000,
    // preferredlifetime=604800, prefix="2001:db8:1::") from fe80::ff:fe00:1 to fe80::2.
    let expected = [
        0x86, 0x00, 0xd3, 0x87, 0x40, 0x00, 0x23, 0x28, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 1, 5, 1,
        0, 0, 0, 0, 0x05, 0x9e, 3, 4, 0x40, 0xc0, 0x00, 0x27, 0x8d, 0x00, 0x00, 0x09, 0x3a, 0x80, 0, 0, 0, 0,
        0x20, 0x01, 0x0d, 0xb8, 0x00, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    assert_eq!(router_advertisement(ends, &said), expected);
    // Likewise with M=1, O=1, routerlifetime=1800, no MTU, and a /96 with A=0 and lifetimes without end.
    let fixed = Prefix {
        prefix: "2001:db8:1::/96".parse().expect("a prefix"),
        autonomous: false,
        valid: u32::MAX,
        preferred: u32::MAX,
        ..prefix
    };
    let said = RouterAdvertisement {
        managed: true,
        other: true,
        lifetime: 1800,
        mtu: None,
        prefixes: &[fixed],
        ..said
    };
    let expected = [
        0x86, 0x00, 0xa1, 0x7f, 0x40, 0xc0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 1, 3, 4,
        0x60, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0x00,
        0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    assert_eq!(router_advertisement(ends, &said), expected);
}

/// The message with its checksum made right again.
fn sealed(ends: Ends, message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    message[2..4].fill(0);
    ends.seal(message)
}

/// The messages of this file that are read, and between whom they go.
fn valid() -> [(Ends, &'static [u8]); 5] {
    [
        (SOLICITED, &SOLICITATION),
        (DETECTED, &DETECTION),
        (ANSWERED, &ADVERTISEMENT),
        (TO_ALL, &UNASKED),
        (TO_ROUTERS, &ROUTERS),
    ]
}

#[test]
fn refuses_what_came_through_a_router_was_changed_or_has_a_code() {
    for (ends, message) in valid() {
        assert!(read(ends, 255, message).is_some());
        for hop_limit in [0, 1, 64, 254] {
            assert_eq!(read(ends, hop_limit, message), None, "hop limit {hop_limit}");
        }
        for at in 0..message.len() {
            let mut broken = message.to_vec();
            broken[at] ^= 0x04;
            assert_eq!(read(ends, 255, &broken), None, "byte {at}");
        }
        let mut coded = message.to_vec();
        coded[1] = 1;
        assert_eq!(read(ends, 255, &sealed(ends, &coded)), None);
    }
}

#[test]
fn refuses_every_truncation_inside_a_header_or_an_option() {
    for (ends, message) in valid() {
        let fixed = if message[0] == ROUTER_SOLICITATION { 8 } else { 24 };
        for length in 4..message.len() {
            let cut = sealed(ends, &message[..length]);
            assert_eq!(read(ends, 255, &cut).is_some(), length == fixed, "{length} bytes");
        }
        for length in 0..4 {
            assert_eq!(read(ends, 255, &message[..length]), None, "{length} bytes");
        }
    }
}

#[test]
fn refuses_options_without_length_and_walks_over_unknown_ones() {
    for (ends, message) in valid() {
        let with = |option: &[u8]| read(ends, 255, &sealed(ends, &[message, option].concat()));
        assert_eq!(with(&[14, 0, 0, 0, 0, 0, 0, 0]), None, "no length");
        assert_eq!(with(&[14, 2, 0, 0, 0, 0, 0, 0]), None, "longer than the message");
        assert_eq!(with(&[14]), None, "half an option");
        assert_eq!(with(&[14, 1, 0, 0, 0, 0, 0, 0]), read(ends, 255, message));
        let many = [14, 1, 0, 0, 0, 0, 0, 0].repeat(1000);
        assert_eq!(with(&many), read(ends, 255, message));
    }
    let long = [&SOLICITATION[..24], &[1, 2], &[2; 14]].concat();
    let asked = Message::NeighborSolicitation { target: BOB, source_mac: None };
    assert_eq!(read(SOLICITED, 255, &sealed(SOLICITED, &long)), Some(asked), "no Ethernet address");
    let group = [&SOLICITATION[..24], &[1, 1, 0x33, 0x33, 0, 0, 0, 1]].concat();
    assert_eq!(read(SOLICITED, 255, &sealed(SOLICITED, &group)), Some(asked), "no station's");
}

#[test]
fn refuses_what_contradicts_itself() {
    let mut to_group = SOLICITATION;
    to_group[8] = 0xff;
    assert_eq!(read(SOLICITED, 255, &sealed(SOLICITED, &to_group)), None, "a group as the target");
    let unnamed = Ends { source: Ipv6Addr::UNSPECIFIED, ..SOLICITED };
    assert_eq!(read(unnamed, 255, &sealed(unnamed, &SOLICITATION)), None, "from nowhere, with a place");
    let unnamed = Ends { source: Ipv6Addr::UNSPECIFIED, ..TO_ROUTERS };
    assert_eq!(read(unnamed, 255, &sealed(unnamed, &ROUTERS)), None, "from nowhere, with a place");
    let to_one = Ends { destination: BOB, ..DETECTED };
    assert_eq!(read(to_one, 255, &sealed(to_one, &DETECTION)), None, "detection is for the group");
    assert_eq!(read(TO_ALL, 255, &sealed(TO_ALL, &ADVERTISEMENT)), None, "solicited by all");
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(source: u128, destination: u128, kind in 130..140_u8, rest: Vec<u8>) {
        let ends = Ends { source: source.into(), destination: destination.into() };
        let message = sealed(ends, &[&[kind, 0, 0, 0], &rest[..]].concat());
        let _ = read(ends, 255, &message);
    }

    #[test]
    fn advertisements_read_back(target: u64, bits in 0..8_u8, mac: Option<[u8; 6]>) {
        let said = NeighborAdvertisement {
            target: Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(target)),
            router: bits & 1 != 0,
            solicited: bits & 2 != 0,
            overrides: bits & 4 != 0,
            target_mac: mac.map(MacAddr).filter(|mac| mac.is_station()),
        };
        let message = neighbor_advertisement(ANSWERED, &said);
        prop_assert_eq!(read(ANSWERED, 255, &message), Some(Message::NeighborAdvertisement(said)));
    }
}
