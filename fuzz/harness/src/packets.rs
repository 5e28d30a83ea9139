//! Readers of packets, one header at a time.

use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};

use gateway::packet::icmpv6::Ends;
use gateway::packet::ipv4::Ipv4;
use gateway::packet::ipv6::{self, Ipv6};
use gateway::packet::translation::{self, End, Replacement};
use gateway::packet::{arp, checksum, fragment, gre, icmp, icmpv6, mss, ndp};

const V4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 16);
const V6: Ends = Ends {
    source: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
    destination: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
};

/// GRE's first word, and ARP.
pub(crate) fn ethernet(input: &[u8]) {
    if let Some((arp, _)) = arp::Arp::checked(input) {
        black_box(arp::Arp::reply(arp.sender_mac(), arp.target(), arp.sender_mac(), arp.sender()));
    }
    if let Some(word) = input.first_chunk() {
        black_box(gre::fault_of_truncated(u32::from_be_bytes(*word)));
    }
}

/// IPv4: headers with options, fragments of it, quoted packets.
pub(crate) fn ipv4(input: &[u8]) {
    let Ok(header) = Ipv4::checked(input, input.len()) else { return };
    assert!(header.header_length() <= header.total_length() && header.total_length() <= input.len());
    let packet = &input[..header.total_length()];
    for mtu in [68, 576, 1280] {
        let Some(fragments) = fragment::Fragments::new(packet, mtu) else { continue };
        let mut next = header.header_length();
        for fragment in fragments {
            assert!(fragment.header.len() + fragment.part.len() <= usize::from(mtu), "longer than it may be");
            assert_eq!(fragment.part.start, next, "a gap, or an overlap");
            next = fragment.part.end;
        }
        assert_eq!(next, packet.len(), "bytes come or go");
    }
}

/// IPv6 and what follows it.
pub(crate) fn ipv6(input: &[u8]) {
    let Some(header) = Ipv6::checked(input, input.len()) else { return };
    let packet = &input[..header.total_length()];
    let Some(found) = ipv6::transport(packet) else { return };
    assert!(found.offset <= packet.len() && found.named_at < packet.len());
    let ends = Ends { source: header.source().into(), destination: header.destination().into() };
    black_box(ndp::read(ends, header.hop_limit, &packet[found.offset..]));
    black_box(icmpv6::read_answer(ends, &packet[found.offset..]));
}

/// ICMP and ICMPv6 messages, and neighbour discovery.
pub(crate) fn icmp(input: &[u8]) {
    black_box(icmp::read_answer(input));
    black_box(icmpv6::read_answer(V6, input));
    black_box(ndp::read(V6, u8::MAX, input));
    let mut message = input.to_vec();
    if icmp::answer_echo(&mut message) {
        assert_eq!(checksum::sum(&message), 0xffff);
    }
    let mut message = input.to_vec();
    black_box(icmpv6::answer_echo(V6, &mut message));
    let mut message = input.to_vec();
    if translation::quoted(&message).is_some() {
        translation::translate_quoted(
            &mut message,
            End::Source,
            Replacement { address: V4.into(), port: Some(1024) },
        );
    }
}

/// Transport headers: ports that are translated, the MSS of a SYN.
pub(crate) fn transport(input: &[u8]) {
    let mut segment = input.to_vec();
    if mss::is_told(&segment) && mss::clamp(&mut segment, 1200) {
        assert_eq!(segment.len(), input.len());
        let mut again = segment.clone();
        assert!(!mss::clamp(&mut again, 1200), "clamped twice");
    }
    for protocol in [1, 6, 17, 47] {
        let mut header = Ipv4::new(V4, V4, protocol, 64, 0);
        let mut after = input.to_vec();
        if translation::port(&header, &after, End::Destination).is_some() {
            let new = Replacement { address: 1, port: Some(2) };
            translation::translate(&mut header, &mut after, End::Destination, new);
        }
        assert_eq!(after.len(), input.len());
    }
}
