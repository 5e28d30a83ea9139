//! ICMP errors (RFC 792).

use std::net::Ipv4Addr;

use zerocopy::IntoBytes;

use super::{Refused, TOS, TTL};
use crate::packet::ipv4::{self, Ipv4};
use crate::packet::{icmp, transport};
use crate::tables::exchange::IcmpError;

/// The longest error, in bytes of its IP packet: every host takes as much (RFC 1812 §4.3.2.3).
const LONGEST: u16 = 576;
/// The least MTU that there can be (RFC 791); a smaller one would be a lie, or an attack (RFC 1191 §3).
const LEAST_MTU: u16 = 68;
/// Where a header names the protocol.
const PROTOCOL: usize = 9;

/// As [`Refused::read`]. ICMP that is no query counts as an error: of a type that nobody knows, there is no telling.
pub(super) fn read(packet: &[u8]) -> Option<Refused<'_>> {
    let header = Ipv4::checked(packet, usize::from(u16::MAX)).ok()?;
    let query = || packet.get(header.header_length()).is_some_and(|kind| transport::is_query(*kind));
    let may_be_told = !header.is_later_fragment()
        && ipv4::may_send(header.source())
        && ipv4::may_send(header.destination())
        && (header.protocol() != ipv4::ICMP || query());
    may_be_told.then(|| Refused {
        source: Ipv4Addr::from(header.source()).into(),
        destination: Ipv4Addr::from(header.destination()).into(),
        protocol: header.protocol(),
        named_at: PROTOCOL,
        is_fragment: header.is_fragment(),
        packet: &packet[..packet.len().min(header.total_length())],
    })
}

/// As [`Refused::answer`].
pub(super) fn answer(
    refused: &Refused<'_>,
    error: IcmpError,
    from: Ipv4Addr,
    to: Ipv4Addr,
    mtu: u16,
) -> Vec<u8> {
    let (kind, code, fits) = match error {
        IcmpError::TimeExceeded => (icmp::TIME_EXCEEDED, icmp::IN_TRANSIT, 0),
        IcmpError::NetUnreachable => (icmp::UNREACHABLE, icmp::NET_UNREACHABLE, 0),
        IcmpError::HostUnreachable => (icmp::UNREACHABLE, icmp::HOST_UNREACHABLE, 0),
        IcmpError::PortUnreachable => (icmp::UNREACHABLE, icmp::PORT_UNREACHABLE, 0),
        IcmpError::ProtocolUnreachable => (icmp::UNREACHABLE, icmp::PROTOCOL_UNREACHABLE, 0),
        IcmpError::AdminProhibited => (icmp::UNREACHABLE, icmp::ADMIN_PROHIBITED, 0),
        IcmpError::FragmentationNeeded { mtu } => {
            (icmp::UNREACHABLE, icmp::FRAGMENTATION_NEEDED, mtu.max(LEAST_MTU))
        }
    };
    let room = usize::from(mtu.clamp(LEAST_MTU, LONGEST)) - ipv4::HEADER - icmp::HEADER;
    let message = icmp::error(kind, code, fits, refused.quoted(room));
    let mut header = Ipv4::new(from, to, ipv4::ICMP, TTL, message.len() as u16);
    header.set_tos(TOS);
    [header.as_bytes(), &message].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::checksum;
    use proptest::prelude::*;

    const FROM: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 1);

    /// A packet without options and what follows its header, checksum right.
    fn packet(source: [u8; 4], destination: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
        let header = Ipv4::new(source.into(), destination.into(), protocol, 1, payload.len() as u16);
        [header.as_bytes(), payload].concat()
    }

    /// The same with other flags and fragment offset.
    fn fragment(mut packet: Vec<u8>, word: [u8; 2]) -> Vec<u8> {
        packet[6..8].copy_from_slice(&word);
        packet[10..12].fill(0);
        let sum = !checksum::sum(&packet[..20]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet
    }

    fn datagram(payload: usize) -> Vec<u8> {
        packet([10, 0, 1, 5], [192, 0, 2, 1], ipv4::UDP, &vec![0xa5; payload])
    }

    #[test]
    fn as_another_implementation_writes_it() {
        // scapy: IP(src="10.0.1.1", dst="10.0.1.5", tos=0xc0, id=0, flags="DF", ttl=64)/ICMP(type=11, code=0)
        //        /Raw(bytes(IP(src="10.0.1.5", dst="192.0.2.1", id=0, flags="DF", ttl=1, proto=17)/Raw(b"\xa5"*8)))
        let sent = datagram(8);
        #[rustfmt::skip]
        let head = [
            0x45, 0xc0, 0, 56, 0, 0, 0x40, 0, 64, 1, 0x24, 0x00, 10, 0, 1, 1, 10, 0, 1, 5,
            11, 0, 0x5e, 0x69, 0, 0, 0, 0,
        ];
        let told =
            Refused::read(&sent).expect("may be told").answer(IcmpError::TimeExceeded, FROM.into(), 1500);
        let told = told.expect("of its family");
        assert_eq!(told[28..], sent);
        assert_eq!(told[..28], head);
    }

    #[test]
    fn each_error_has_its_type_and_code() {
        let sent = datagram(8);
        let refused = Refused::read(&sent).expect("may be told");
        let head = |error| {
            let told = refused.answer(error, FROM.into(), 1500).expect("of its family");
            assert_eq!((checksum::sum(&told[..20]), checksum::sum(&told[20..])), (0xffff, 0xffff));
            [told[20], told[21], told[24], told[25], told[26], told[27]]
        };
        assert_eq!(head(IcmpError::TimeExceeded), [11, 0, 0, 0, 0, 0]);
        assert_eq!(head(IcmpError::NetUnreachable), [3, 0, 0, 0, 0, 0]);
        assert_eq!(head(IcmpError::HostUnreachable), [3, 1, 0, 0, 0, 0]);
        assert_eq!(head(IcmpError::PortUnreachable), [3, 3, 0, 0, 0, 0]);
        assert_eq!(head(IcmpError::ProtocolUnreachable), [3, 2, 0, 0, 0, 0]);
        assert_eq!(head(IcmpError::AdminProhibited), [3, 13, 0, 0, 0, 0]);
        assert_eq!(head(IcmpError::FragmentationNeeded { mtu: 1458 }), [3, 4, 0, 0, 5, 0xb2]);
        assert_eq!(head(IcmpError::FragmentationNeeded { mtu: 67 }), [3, 4, 0, 0, 0, 68]);
    }

    #[test]
    fn quotes_as_much_as_there_is_and_goes() {
        let told = |bytes: &[u8], mtu| {
            let refused = Refused::read(bytes).expect("may be told");
            refused.answer(IcmpError::NetUnreachable, FROM.into(), mtu).expect("of its family")
        };
        for length in [0, 1, 527, 528, 529, 1480] {
            let sent = datagram(length);
            let quoted = sent.len().min(548);
            assert_eq!(told(&sent, 1500)[28..], sent[..quoted], "{length}");
            let padded = [&sent[..], &[0; 26]].concat();
            assert_eq!(told(&padded, 1500)[28..], sent[..quoted], "{length}, padded");
        }
        let sent = datagram(1000);
        assert_eq!(told(&sent[..48], 1500)[28..], sent[..48], "only the start is known");
        assert_eq!(told(&sent, 300).len(), 300, "the way back is narrow");
        assert_eq!(told(&sent, 576).len(), 576);
    }

    #[test]
    fn errors_about_errors_are_forbidden() {
        let may_be_told = |kind: &u8| {
            let message = [*kind, 0, 0, 0, 0, 0, 0, 0];
            Refused::read(&packet([10, 0, 1, 5], [192, 0, 2, 1], ipv4::ICMP, &message)).is_some()
        };
        let queries: Vec<u8> = (0..=u8::MAX).filter(may_be_told).collect();
        assert_eq!(queries, [0, 8, 13, 14, 15, 16, 17, 18]);
        assert_eq!(Refused::read(&packet([10, 0, 1, 5], [192, 0, 2, 1], ipv4::ICMP, &[])), None, "no type");
    }

    #[test]
    fn only_the_first_fragment_is_told_of() {
        assert!(Refused::read(&fragment(datagram(8), [0x20, 0])).is_some());
        assert_eq!(Refused::read(&fragment(datagram(8), [0x20, 1])), None);
        assert_eq!(Refused::read(&fragment(datagram(8), [0, 185])), None);
    }

    #[test]
    fn sender_and_destination_are_single_hosts() {
        for other in
            [[0, 0, 0, 0], [0, 1, 2, 3], [127, 0, 0, 1], [224, 0, 0, 1], [240, 0, 0, 1], [255, 255, 255, 255]]
        {
            assert_eq!(Refused::read(&packet(other, [192, 0, 2, 1], ipv4::UDP, &[0; 8])), None, "{other:?}");
            assert_eq!(Refused::read(&packet([10, 0, 1, 5], other, ipv4::UDP, &[0; 8])), None, "{other:?}");
        }
    }

    #[test]
    fn an_invalid_header_is_none() {
        let sent = datagram(8);
        for length in 0..20 {
            assert_eq!(Refused::read(&sent[..length]), None, "{length} bytes");
        }
        for (at, value) in [(0, 0x65), (0, 0x44), (3, 19), (8, 2)] {
            let mut broken = sent.clone();
            broken[at] = value;
            assert_eq!(Refused::read(&broken), None, "byte {at}");
        }
    }

    #[test]
    fn what_nobody_waits_for_is_told_by_its_protocol() {
        let unserved = |protocol: u8, word| {
            let sent = fragment(packet([10, 0, 1, 5], [10, 0, 1, 1], protocol, &[8; 8]), word);
            Refused::read(&sent).expect("may be told").unserved()
        };
        for protocol in [ipv4::TCP, ipv4::UDP] {
            assert_eq!(unserved(protocol, [0x40, 0]), Some(IcmpError::PortUnreachable), "{protocol}");
            assert_eq!(unserved(protocol, [0x20, 0]), None, "the start of a packet");
        }
        for protocol in [2, 47, 58, 59, 89, 132, 255] {
            assert_eq!(unserved(protocol, [0, 0]), Some(IcmpError::ProtocolUnreachable), "{protocol}");
        }
        assert_eq!(unserved(ipv4::ICMP, [0, 0]), None);
    }

    #[test]
    fn an_address_of_another_family_tells_nothing() {
        let sent = datagram(8);
        let refused = Refused::read(&sent).expect("may be told");
        assert_eq!(refused.answer(IcmpError::TimeExceeded, "2001:db8::1".parse().expect("one"), 1500), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_told_of_without_harm(bytes: Vec<u8>, mtu: u16, fits: u16) {
            if let Some(refused) = Refused::read(&bytes) {
                let error = IcmpError::FragmentationNeeded { mtu: fits };
                let told = refused.answer(error, FROM.into(), mtu);
                prop_assert!(told.is_none_or(|told| told.len() <= 576));
            }
        }
    }
}
