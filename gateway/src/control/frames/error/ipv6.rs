//! ICMPv6 errors (RFC 4443).

use std::net::Ipv6Addr;

use zerocopy::IntoBytes;

use super::{Refused, TOS, TTL};
use crate::packet::icmpv6::{self, Ends};
use crate::packet::ipv6::{self, Ipv6, LEAST_MTU};
use crate::packet::ndp;
use crate::tables::exchange::IcmpError;

/// As [`Refused::read`]. A packet whose extension headers do not end within what is walked of them may be an error.
/// Of neighbour discovery nothing is told either: what is wrong with it is ignored (RFC 4861 §6.1, §7.1).
pub(super) fn read(packet: &[u8]) -> Option<Refused<'_>> {
    let header = Ipv6::checked(packet, ipv6::HEADER + usize::from(u16::MAX))?;
    let packet = &packet[..packet.len().min(header.total_length())];
    let found = ipv6::transport(packet)?;
    let query = |kind: &u8| !icmpv6::is_error(*kind) && !ndp::is_discovery(*kind);
    let may_be_told = !found.is_later_fragment()
        && ipv6::may_send(header.source())
        && ipv6::may_receive(header.destination())
        && (found.protocol != ipv6::ICMP || packet.get(found.offset).is_some_and(query));
    may_be_told.then(|| Refused {
        source: Ipv6Addr::from(header.source()).into(),
        destination: Ipv6Addr::from(header.destination()).into(),
        protocol: found.protocol,
        named_at: found.named_at,
        is_fragment: found.fragment.is_some(),
        packet,
    })
}

/// As [`Refused::answer`]. The whole error has at most 1,280 bytes (RFC 4443 §2.4 (c)).
pub(super) fn answer(
    refused: &Refused<'_>,
    error: IcmpError,
    from: Ipv6Addr,
    to: Ipv6Addr,
    mtu: u16,
) -> Vec<u8> {
    let (kind, code, word) = match error {
        IcmpError::TimeExceeded => (icmpv6::TIME_EXCEEDED, icmpv6::IN_TRANSIT, 0),
        IcmpError::NetUnreachable => (icmpv6::UNREACHABLE, icmpv6::NO_ROUTE, 0),
        IcmpError::HostUnreachable => (icmpv6::UNREACHABLE, icmpv6::ADDRESS_UNREACHABLE, 0),
        IcmpError::PortUnreachable => (icmpv6::UNREACHABLE, icmpv6::PORT_UNREACHABLE, 0),
        IcmpError::AdminProhibited => (icmpv6::UNREACHABLE, icmpv6::PROHIBITED, 0),
        IcmpError::ProtocolUnreachable => {
            (icmpv6::PARAMETER_PROBLEM, icmpv6::NEXT_HEADER, refused.named_at as u32)
        }
        IcmpError::FragmentationNeeded { mtu } => (icmpv6::PACKET_TOO_BIG, 0, u32::from(mtu.max(LEAST_MTU))),
    };
    let room = usize::from(mtu.min(LEAST_MTU)).saturating_sub(ipv6::HEADER + icmpv6::HEADER);
    let ends = Ends { source: from, destination: to };
    let message = icmpv6::error(ends, kind, code, word, refused.quoted(room));
    let mut header = Ipv6::new(from, to, ipv6::ICMP, TTL, message.len() as u16);
    header.set_traffic_class(TOS);
    [header.as_bytes(), &message].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::ipv4;
    use proptest::prelude::*;

    const FROM: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
    const VM: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 5);
    const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 1);

    /// A packet without extension headers, hop limit 1.
    fn packet(source: Ipv6Addr, destination: Ipv6Addr, next_header: u8, payload: &[u8]) -> Vec<u8> {
        let header = Ipv6::new(source, destination, next_header, 1, payload.len() as u16);
        [header.as_bytes(), payload].concat()
    }

    fn datagram(payload: usize) -> Vec<u8> {
        packet(VM, SERVER, ipv4::UDP, &vec![0xa5; payload])
    }

    fn told(sent: &[u8], error: IcmpError, mtu: u16) -> Vec<u8> {
        let refused = Refused::read(sent).expect("may be told");
        refused.answer(error, FROM.into(), mtu).expect("of its family")
    }

    #[test]
    fn as_another_implementation_writes_it() {
        // scapy: IPv6(src="2001:db8:1::1", dst="2001:db8:1::5", hlim=64, tc=0xc0)/ICMPv6TimeExceeded()
        //        /Raw(bytes(IPv6(src="2001:db8:1::5", dst="2001:db8:9::1", hlim=1, nh=17)/Raw(b"\xa5"*8)))
        let sent = datagram(8);
        #[rustfmt::skip]
        let head = [
            0x6c, 0, 0, 0, 0, 56, 58, 64,
            0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
            0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5,
            3, 0, 0x3d, 0xf1, 0, 0, 0, 0,
        ];
        let told = told(&sent, IcmpError::TimeExceeded, 1500);
        assert_eq!(told[48..], sent);
        assert_eq!(told[..48], head);
    }

    #[test]
    fn each_error_has_its_type_code_and_checksum() {
        // The checksums of packet too big and parameter problem are scapy's, over the same packet.
        let head = |error| {
            let told = told(&datagram(8), error, 1500);
            assert!(Ends { source: FROM, destination: VM }.vouch_for(&told[40..]));
            (
                told[40],
                told[41],
                [told[42], told[43]],
                u32::from_be_bytes([told[44], told[45], told[46], told[47]]),
            )
        };
        let kind = |error| {
            let (kind, code, _, word) = head(error);
            (kind, code, word)
        };
        assert_eq!(kind(IcmpError::TimeExceeded), (3, 0, 0));
        assert_eq!(kind(IcmpError::NetUnreachable), (1, 0, 0));
        assert_eq!(kind(IcmpError::AdminProhibited), (1, 1, 0));
        assert_eq!(kind(IcmpError::HostUnreachable), (1, 3, 0));
        assert_eq!(kind(IcmpError::PortUnreachable), (1, 4, 0));
        assert_eq!(head(IcmpError::ProtocolUnreachable), (4, 1, [0x3c, 0xea], 6));
        assert_eq!(head(IcmpError::FragmentationNeeded { mtu: 1438 }), (2, 0, [0x39, 0x53], 1438));
        assert_eq!(kind(IcmpError::FragmentationNeeded { mtu: 1279 }), (2, 0, 1280));
    }

    #[test]
    fn quotes_as_much_as_there_is_and_goes() {
        for length in [0, 1, 1191, 1192, 1193, 1400] {
            let sent = datagram(length);
            let quoted = sent.len().min(1232);
            assert_eq!(told(&sent, IcmpError::NetUnreachable, 9000)[48..], sent[..quoted], "{length}");
            let padded = [&sent[..], &[0; 26]].concat();
            assert_eq!(
                told(&padded, IcmpError::NetUnreachable, 9000)[48..],
                sent[..quoted],
                "{length}, padded"
            );
        }
        let sent = datagram(1400);
        assert_eq!(
            told(&sent[..60], IcmpError::NetUnreachable, 1500)[48..],
            sent[..60],
            "only the start is known"
        );
        assert_eq!(told(&sent, IcmpError::NetUnreachable, 1270).len(), 1270, "the way back is narrow");
        assert_eq!(told(&sent, IcmpError::NetUnreachable, 0).len(), 48);
    }

    #[test]
    fn errors_about_errors_and_discovery_are_forbidden() {
        let may_be_told = |kind: &u8| {
            let message = [*kind, 0, 0, 0, 0, 0, 0, 0];
            let plain = Refused::read(&packet(VM, SERVER, ipv6::ICMP, &message)).is_some();
            let options = [&[ipv6::ICMP, 0, 1, 4, 0, 0, 0, 0], &message[..]].concat();
            assert_eq!(Refused::read(&packet(VM, SERVER, 60, &options)).is_some(), plain, "behind options");
            plain
        };
        let refused: Vec<u8> = (0..=u8::MAX).filter(|kind| !may_be_told(kind)).collect();
        assert_eq!(refused, (0..128).chain(133..138).collect::<Vec<_>>());
        assert_eq!(Refused::read(&packet(VM, SERVER, ipv6::ICMP, &[])), None, "no type");
        let endless = [60, 0, 1, 4, 0, 0, 0, 0].repeat(20);
        assert_eq!(Refused::read(&packet(VM, SERVER, 60, &endless)), None, "who knows what it is");
    }

    /// A fragment of a datagram, its offset in bytes.
    fn fragment(offset: u16, more: bool) -> Vec<u8> {
        let [high, low] = (offset | u16::from(more)).to_be_bytes();
        packet(VM, SERVER, ipv6::FRAGMENT, &[ipv4::UDP, 0, high, low, 0, 0, 0, 7, 0, 1, 0, 2, 0, 99, 0, 0])
    }

    #[test]
    fn only_the_first_fragment_is_told_of() {
        assert!(Refused::read(&fragment(0, true)).is_some());
        assert_eq!(Refused::read(&fragment(8, true)), None);
        assert_eq!(Refused::read(&fragment(1448, false)), None);
    }

    #[test]
    fn sender_and_destination_are_single_hosts() {
        let address = |text: &str| text.parse::<Ipv6Addr>().expect("an address");
        for other in ["::", "::1", "ff02::1", "ff0e::1", "::ffff:10.0.0.1"].map(address) {
            assert_eq!(Refused::read(&packet(other, SERVER, ipv4::UDP, &[0; 8])), None, "{other}");
            assert_eq!(Refused::read(&packet(VM, other, ipv4::UDP, &[0; 8])), None, "{other}");
        }
        assert_eq!(Refused::read(&packet(address("fe80::5"), SERVER, ipv4::UDP, &[0; 8])), None);
    }

    #[test]
    fn what_nobody_waits_for_is_told_by_its_protocol() {
        let unserved = |sent: &[u8]| Refused::read(sent).expect("may be told").unserved();
        let of = |protocol| unserved(&packet(VM, FROM, protocol, &[128; 8]));
        assert_eq!(of(ipv4::TCP), Some(IcmpError::PortUnreachable));
        assert_eq!(of(ipv4::UDP), Some(IcmpError::PortUnreachable));
        for protocol in [ipv4::ICMP, 4, 41, 47, 50, 89, 132, 255] {
            assert_eq!(of(protocol), Some(IcmpError::ProtocolUnreachable), "{protocol}");
        }
        assert_eq!((of(ipv6::ICMP), of(ipv6::NOTHING)), (None, None));
        assert_eq!(unserved(&fragment(0, true)), None, "the start of a packet");
        // The pointer is where the unknown protocol is named: in the second of two extension headers.
        let options = [&[60, 0, 1, 4, 0, 0, 0, 0], &[132, 0, 1, 4, 0, 0, 0, 0][..], &[0; 8]].concat();
        let sent = packet(VM, FROM, 0, &options);
        assert_eq!(unserved(&sent), Some(IcmpError::ProtocolUnreachable));
        assert_eq!(told(&sent, IcmpError::ProtocolUnreachable, 1500)[40..48][4..], [0, 0, 0, 48]);
    }

    #[test]
    fn an_invalid_header_is_none() {
        let sent = datagram(8);
        for length in 0..40 {
            assert_eq!(Refused::read(&sent[..length]), None, "{length} bytes");
        }
        let refused = Refused::read(&sent).expect("may be told");
        assert_eq!(
            refused.answer(IcmpError::TimeExceeded, [10, 0, 0, 1].into(), 1500),
            None,
            "another family"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_told_of_without_harm(mut bytes: Vec<u8>, next: u8, mtu: u16, fits: u16) {
            let head = packet(VM, SERVER, next, &[]);
            let length = bytes.len() as u16;
            bytes.splice(..0, head);
            bytes[4..6].copy_from_slice(&length.to_be_bytes());
            if let Some(refused) = Refused::read(&bytes) {
                let error = IcmpError::FragmentationNeeded { mtu: fits };
                let told = refused.answer(error, FROM.into(), mtu).expect("of its family");
                prop_assert!(told.len() <= 1280 && told.len() <= 48 + bytes.len());
            }
        }
    }
}
