//! Echo requests that the gateway makes itself, and what comes back for them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nvgw_types::Family;
use zerocopy::{FromBytes, IntoBytes};

use super::icmpv6_message;
use crate::packet::icmp::{self, Echo};
use crate::packet::icmpv6::{self, Ends};
use crate::packet::ipv4::{self, Ipv4};
use crate::packet::ipv6::{self, Ipv6};

/// The shortest echo request of a family, in bytes of its IP packet.
pub(in crate::control) const fn shortest(family: Family) -> u16 {
    (match family {
        Family::V4 => ipv4::HEADER + icmp::HEADER,
        Family::V6 => ipv6::HEADER + icmpv6::HEADER,
    }) as u16
}

/// What every probe of the gateway has in common, and which one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::control) struct Number {
    pub(in crate::control) identifier: u16,
    pub(in crate::control) sequence: u16,
}

/// Who sends a packet to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::control) enum Way {
    V4(Ipv4Addr, Ipv4Addr),
    V6(Ipv6Addr, Ipv6Addr),
}

impl Way {
    /// `None`: of two families.
    pub(in crate::control) const fn between(source: IpAddr, destination: IpAddr) -> Option<Self> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Some(Self::V4(source, destination)),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Some(Self::V6(source, destination)),
            _ => None,
        }
    }
}

/// An echo request.
#[derive(Debug, Clone, Copy)]
pub(in crate::control) struct Request {
    pub(in crate::control) number: Number,
    pub(in crate::control) way: Way,
    pub(in crate::control) ttl: u8,
    /// Whether routers may not fragment it; those of IPv6 never do.
    pub(in crate::control) df: bool,
    /// Bytes of the whole IP packet, at least the [`shortest`].
    pub(in crate::control) size: u16,
}

impl Request {
    /// The IP packet.
    pub(in crate::control) fn packet(&self) -> Vec<u8> {
        let Number { identifier, sequence } = self.number;
        let payload = |family| payload(usize::from(self.size.saturating_sub(shortest(family))));
        match self.way {
            Way::V4(source, destination) => {
                let message = icmp::echo_request(identifier, sequence, &payload(Family::V4));
                let length = message.len() as u16;
                let mut header = Ipv4::new(source, destination, ipv4::ICMP, self.ttl, length);
                if !self.df {
                    header.allow_fragments(sequence);
                }
                [header.as_bytes(), &message].concat()
            }
            Way::V6(source, destination) => {
                let ends = Ends { source, destination };
                let message = icmpv6::echo_request(ends, identifier, sequence, &payload(Family::V6));
                let length = message.len() as u16;
                let header = Ipv6::new(source, destination, ipv6::ICMP, self.ttl, length);
                [header.as_bytes(), &message].concat()
            }
        }
    }
}

/// What a probe carries: known, so that an answer can be held against it.
fn payload(length: usize) -> Vec<u8> {
    (0..length).map(|at| at as u8).collect()
}

/// What became of an echo request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::control) enum Outcome {
    /// It was answered, with all that it carried. The size is that of the answer's IP packet without options.
    Reply { size: u16 },
    /// Its time to live ran out.
    TimeExceeded,
    /// It was refused.
    Unreachable { code: u8, mtu: Option<u16> },
    /// It was too big for a link on the way, which takes so many bytes. IPv4 calls that unreachable.
    TooBig { mtu: u16 },
}

/// An answer to a probe, believable in itself: lengths, checksums, and an error's quotation fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::control) struct Answer {
    pub(in crate::control) number: Number,
    /// Who answers.
    pub(in crate::control) from: IpAddr,
    /// Whom: the one who asked.
    pub(in crate::control) to: IpAddr,
    /// Who was asked.
    pub(in crate::control) asked: IpAddr,
    pub(in crate::control) ttl: u8,
    pub(in crate::control) outcome: Outcome,
}

/// Reads an IP packet that is an answer to some echo request.
pub(in crate::control) fn answer(packet: &[u8]) -> Option<Answer> {
    match packet.first()? >> 4 {
        6 => answer_ipv6(packet),
        _ => answer_ipv4(packet),
    }
}

fn answer_ipv4(packet: &[u8]) -> Option<Answer> {
    let header = Ipv4::checked(packet, packet.len()).ok()?;
    let usable = header.protocol() == ipv4::ICMP && !header.is_fragment() && ipv4::may_send(header.source());
    if !usable {
        return None;
    }
    let message = packet.get(header.header_length()..header.total_length())?;
    let (from, to) = (Ipv4Addr::from(header.source()), Ipv4Addr::from(header.destination()));
    let (number, asked, outcome) = match icmp::read_answer(message)? {
        icmp::Answer::EchoReply { identifier, sequence, payload } => {
            (Number { identifier, sequence }, from, reply(Family::V4, payload)?)
        }
        icmp::Answer::Unreachable { code, mtu, quoted } => {
            let (number, asked) = quoted_request(quoted, to)?;
            (number, asked, Outcome::Unreachable { code, mtu: (mtu != 0).then_some(mtu) })
        }
        icmp::Answer::TimeExceeded { quoted } => {
            let (number, asked) = quoted_request(quoted, to)?;
            (number, asked, Outcome::TimeExceeded)
        }
    };
    Some(Answer { number, from: from.into(), to: to.into(), asked: asked.into(), ttl: header.ttl, outcome })
}

fn answer_ipv6(packet: &[u8]) -> Option<Answer> {
    let (header, message) = icmpv6_message(packet)?;
    if !ipv6::may_send(header.source()) {
        return None;
    }
    let ends = Ends { source: header.source().into(), destination: header.destination().into() };
    let (from, to) = (ends.source, ends.destination);
    let (number, asked, outcome) = match icmpv6::read_answer(ends, message)? {
        icmpv6::Answer::EchoReply { identifier, sequence, payload } => {
            (Number { identifier, sequence }, from, reply(Family::V6, payload)?)
        }
        icmpv6::Answer::Unreachable { code, quoted } => {
            let (number, asked) = quoted_request_ipv6(quoted, to)?;
            (number, asked, Outcome::Unreachable { code, mtu: None })
        }
        icmpv6::Answer::PacketTooBig { mtu, quoted } => {
            let (number, asked) = quoted_request_ipv6(quoted, to)?;
            (number, asked, Outcome::TooBig { mtu: u16::try_from(mtu).unwrap_or(u16::MAX) })
        }
        icmpv6::Answer::TimeExceeded { quoted } => {
            let (number, asked) = quoted_request_ipv6(quoted, to)?;
            (number, asked, Outcome::TimeExceeded)
        }
    };
    let ttl = header.hop_limit;
    Some(Answer { number, from: from.into(), to: to.into(), asked: asked.into(), ttl, outcome })
}

/// An echo reply that carries what a probe carries.
fn reply(family: Family, carried: &[u8]) -> Option<Outcome> {
    let size = u16::try_from(carried.len() + usize::from(shortest(family))).ok()?;
    (carried == payload(carried.len())).then_some(Outcome::Reply { size })
}

/// The echo request of `asker` that an error quotes: at least its header and eight bytes (RFC 792). The header checksum
/// is as the router left it, right or not.
fn quoted_request(quoted: &[u8], asker: Ipv4Addr) -> Option<(Number, Ipv4Addr)> {
    let (header, _) = Ipv4::ref_from_prefix(quoted).ok()?;
    let length = header.header_length();
    let fits = quoted.first()? >> 4 == 4
        && length >= ipv4::HEADER
        && header.total_length() >= length + icmp::HEADER
        && header.protocol() == ipv4::ICMP
        && !header.is_fragment()
        && Ipv4Addr::from(header.source()) == asker;
    if !fits {
        return None;
    }
    let (echo, _) = Echo::ref_from_prefix(quoted.get(length..)?).ok()?;
    let number = Number { identifier: echo.identifier(), sequence: echo.sequence() };
    (echo.kind == icmp::ECHO_REQUEST && echo.code == 0)
        .then_some((number, Ipv4Addr::from(header.destination())))
}

/// The same for IPv6, where as much as fits is quoted (RFC 4443 §2.4 (c)). The probe had no extension headers.
fn quoted_request_ipv6(quoted: &[u8], asker: Ipv6Addr) -> Option<(Number, Ipv6Addr)> {
    let (header, message) = Ipv6::ref_from_prefix(quoted).ok()?;
    let fits = quoted.first()? >> 4 == 6
        && header.total_length() >= ipv6::HEADER + icmpv6::HEADER
        && header.next_header() == ipv6::ICMP
        && Ipv6Addr::from(header.source()) == asker;
    let [kind, code, _, _, a, b, c, d] = *message.first_chunk::<{ icmpv6::HEADER }>()?;
    let number = Number { identifier: u16::from_be_bytes([a, b]), sequence: u16::from_be_bytes([c, d]) };
    (fits && kind == icmpv6::ECHO_REQUEST && code == 0)
        .then_some((number, Ipv6Addr::from(header.destination())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::checksum;
    use proptest::prelude::*;

    const NUMBER: Number = Number { identifier: 0x1234, sequence: 7 };
    const US: Ipv4Addr = Ipv4Addr::new(100, 64, 20, 10);
    const THEM: Ipv4Addr = Ipv4Addr::new(100, 64, 30, 2);
    const ROUTER: Ipv4Addr = Ipv4Addr::new(100, 64, 20, 2);

    fn request(df: bool, size: u16) -> Vec<u8> {
        Request { number: NUMBER, way: Way::V4(US, THEM), ttl: 3, df, size }.packet()
    }

    /// An ICMP message in a packet to us, both checksums right.
    fn packet(from: Ipv4Addr, mut message: Vec<u8>) -> Vec<u8> {
        message[2..4].fill(0);
        let sum = !checksum::sum(&message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        let header = Ipv4::new(from, US, ipv4::ICMP, 61, message.len() as u16);
        [header.as_bytes(), &message].concat()
    }

    fn error(kind: u8, code: u8, mtu: u16, quoted: &[u8]) -> Vec<u8> {
        let head = [&[kind, code, 0, 0, 0, 0][..], &mtu.to_be_bytes()].concat();
        packet(ROUTER, [&head[..], quoted].concat())
    }

    fn told(from: impl Into<IpAddr>, outcome: Outcome) -> Answer {
        let (to, asked) = (US.into(), THEM.into());
        Answer { number: NUMBER, from: from.into(), to, asked, ttl: 61, outcome }
    }

    const US_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x20, 0, 0, 0, 0, 0xa);
    const THEM_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x30, 0, 0, 0, 0, 2);
    const ROUTER_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x20, 0, 0, 0, 0, 2);

    fn request_ipv6(size: u16) -> Vec<u8> {
        Request { number: NUMBER, way: Way::V6(US_6, THEM_6), ttl: 3, df: true, size }.packet()
    }

    /// A packet to us over IPv6.
    fn packet_ipv6(from: Ipv6Addr, message: &[u8]) -> Vec<u8> {
        let header = Ipv6::new(from, US_6, ipv6::ICMP, 61, message.len() as u16);
        [header.as_bytes(), message].concat()
    }

    fn error_ipv6(kind: u8, code: u8, word: u32, quoted: &[u8]) -> Vec<u8> {
        let ends = Ends { source: ROUTER_6, destination: US_6 };
        packet_ipv6(ROUTER_6, &icmpv6::error(ends, kind, code, word, quoted))
    }

    #[test]
    fn an_ipv6_request_as_another_implementation_writes_it() {
        // scapy: IPv6(src="2001:db8:20::a", dst="2001:db8:30::2", hlim=3)/ICMPv6EchoRequest(id=0x1234, seq=7,
        // data=b"\0\1\2")
        #[rustfmt::skip]
        assert_eq!(request_ipv6(51), [
            0x60, 0, 0, 0, 0, 11, 58, 3,
            0x20, 1, 0x0d, 0xb8, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a,
            0x20, 1, 0x0d, 0xb8, 0, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
            0x80, 0, 0x0f, 0xb0, 0x12, 0x34, 0, 7, 0, 1, 2,
        ]);
    }

    #[test]
    fn an_ipv6_echo_comes_back() {
        let mut message = request_ipv6(100)[40..].to_vec();
        message[0] = icmpv6::ECHO_REPLY;
        // The type is in the checksum: one more there, one less here.
        let sum = u16::from_be_bytes([message[2], message[3]]) - 0x0100;
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        let outcome = Outcome::Reply { size: 100 };
        let (from, to) = (THEM_6.into(), US_6.into());
        let wanted = Answer { number: NUMBER, from, to, asked: from, ttl: 61, outcome };
        let reply = packet_ipv6(THEM_6, &message);
        assert_eq!(answer(&reply), Some(wanted));
        assert_eq!(answer(&[&reply[..], &[0; 9]].concat()), Some(wanted));
        for at in 40..reply.len() {
            let mut broken = reply.clone();
            broken[at] ^= 1;
            assert_eq!(answer(&broken), None, "byte {at}");
        }
        assert_eq!(answer(&packet_ipv6(THEM_6, &request_ipv6(100)[40..])), None, "a request");
    }

    #[test]
    fn ipv6_errors_quote_the_request() {
        let sent = request_ipv6(1280);
        let at = |outcome| {
            let (from, to, asked) = (ROUTER_6.into(), US_6.into(), THEM_6.into());
            Some(Answer { number: NUMBER, from, to, asked, ttl: 61, outcome })
        };
        assert_eq!(answer(&error_ipv6(2, 0, 1400, &sent[..1232])), at(Outcome::TooBig { mtu: 1400 }));
        assert_eq!(answer(&error_ipv6(2, 0, 1 << 20, &sent[..48])), at(Outcome::TooBig { mtu: u16::MAX }));
        let no_host = Outcome::Unreachable { code: 3, mtu: None };
        assert_eq!(answer(&error_ipv6(1, 3, 0, &sent[..1232])), at(no_host));
        assert_eq!(answer(&error_ipv6(3, 0, 0, &sent[..48])), at(Outcome::TimeExceeded));
        for length in 0..48 {
            assert_eq!(answer(&error_ipv6(3, 0, 0, &sent[..length])), None, "{length} bytes quoted");
        }
        let changes = [
            ("IPv4", 0, 0x45),
            ("a short packet", 5, 7),
            ("UDP", 6, 17),
            ("another sender", 23, 11),
            ("an echo reply", 40, 129),
            ("a code", 41, 1),
        ];
        for (what, at, value) in changes {
            let mut quoted = sent[..48].to_vec();
            (quoted[4], quoted[at]) = (0, value);
            assert_eq!(answer(&error_ipv6(3, 0, 0, &quoted)), None, "{what}");
        }
    }

    #[test]
    fn a_request_as_another_implementation_writes_it() {
        // scapy: IP(src="100.64.20.10", dst="100.64.30.2", ttl=3, flags="DF", id=0)/ICMP(id=0x1234, seq=7)/b"\0\1\2"
        #[rustfmt::skip]
        assert_eq!(request(true, 31), [
            0x45, 0, 0, 31, 0, 0, 0x40, 0, 3, 1, 0x7d, 0x52, 100, 64, 20, 10, 100, 64, 30, 2,
            8, 0, 0xe3, 0xc3, 0x12, 0x34, 0, 7, 0, 1, 2,
        ]);
        let fragmentable = request(false, 31);
        assert_eq!(fragmentable[4..8], [0, 7, 0, 0]);
        assert_eq!(checksum::sum(&fragmentable[..20]), 0xffff);
    }

    #[test]
    fn an_echo_comes_back() {
        let reply = |message: Vec<u8>| answer(&packet(THEM, message));
        let mut message = request(true, 100)[20..].to_vec();
        message[0] = icmp::ECHO_REPLY;
        let outcome = Outcome::Reply { size: 100 };
        let wanted = told(THEM, outcome);
        assert_eq!(reply(message.clone()), Some(wanted));
        let padded = [packet(THEM, message.clone()), vec![0; 9]].concat();
        assert_eq!(answer(&padded), Some(wanted), "bytes after the packet's end are none of it");
        message[50] ^= 1;
        assert_eq!(reply(message), None, "not what was sent");
        assert_eq!(answer(&packet(THEM, request(true, 100)[20..].to_vec())), None, "a request");
    }

    #[test]
    fn errors_quote_the_request() {
        let sent = request(true, 1600);
        let at = |outcome| Some(told(ROUTER, outcome));
        let too_big = Outcome::Unreachable { code: 4, mtu: Some(1500) };
        assert_eq!(answer(&error(3, 4, 1500, &sent[..28])), at(too_big));
        let old_router = Outcome::Unreachable { code: 4, mtu: None };
        assert_eq!(answer(&error(3, 4, 0, &sent[..28])), at(old_router));
        let no_host = Outcome::Unreachable { code: 1, mtu: None };
        assert_eq!(answer(&error(3, 1, 77, &sent[..548])), at(no_host));
        assert_eq!(answer(&error(11, 0, 0, &sent[..28])), at(Outcome::TimeExceeded));
        assert_eq!(answer(&error(11, 1, 0, &sent[..28])), None, "a reassembly that took too long");
    }

    #[test]
    fn errors_about_something_else_are_none() {
        let sent = request(true, 60);
        for length in 0..28 {
            assert_eq!(answer(&error(11, 0, 0, &sent[..length])), None, "{length} bytes quoted");
        }
        let changes = [
            ("IPv6", 0, 0x65),
            ("a short header", 0, 0x44),
            ("a short packet", 3, 27),
            ("a later fragment", 7, 1),
            ("UDP", 9, 17),
            ("another sender", 15, 11),
            ("an echo reply", 20, 0),
            ("a code", 21, 1),
        ];
        for (what, at, value) in changes {
            let mut quoted = sent[..28].to_vec();
            quoted[at] = value;
            assert_eq!(answer(&error(11, 0, 0, &quoted)), None, "{what}");
        }
    }

    #[test]
    fn a_broken_or_impossible_packet_is_none() {
        let good = error(11, 0, 0, &request(true, 60)[..28]);
        assert!(answer(&good).is_some());
        for length in 0..good.len() {
            assert_eq!(answer(&good[..length]), None, "{length} bytes");
        }
        for at in [0, 2, 8, 10, 12, 20, 22, 30, 55] {
            let mut broken = good.clone();
            broken[at] ^= 0x80;
            assert_eq!(answer(&broken), None, "byte {at}");
        }
        let from_group = packet(Ipv4Addr::new(224, 0, 0, 1), good[20..].to_vec());
        assert_eq!(answer(&from_group), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(
            quoted in proptest::collection::vec(any::<u8>(), 0..80), kind in 0..12_u8, code: u8
        ) {
            if let Some(answer) = answer(&error(kind, code, 0, &quoted)) {
                prop_assert_eq!(answer.to, IpAddr::from(US));
            }
        }
    }
}
