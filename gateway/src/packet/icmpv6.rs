//! ICMPv6 (RFC 4443).

use std::net::Ipv6Addr;

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{checksum, ipv6};

/// Length of the header of an error or an echo.
pub const HEADER: usize = 8;
/// Type of a destination-unreachable message.
pub const UNREACHABLE: u8 = 1;
/// Code of a destination-unreachable message: there is no route.
pub const NO_ROUTE: u8 = 0;
/// Code of a destination-unreachable message: communication is administratively prohibited.
pub const PROHIBITED: u8 = 1;
/// Code of a destination-unreachable message: the address cannot be reached.
pub const ADDRESS_UNREACHABLE: u8 = 3;
/// Code of a destination-unreachable message: nobody is behind the port.
pub const PORT_UNREACHABLE: u8 = 4;
/// Type of a packet-too-big message.
pub const PACKET_TOO_BIG: u8 = 2;
/// Type of a time-exceeded message.
pub const TIME_EXCEEDED: u8 = 3;
/// Code of a time-exceeded message: the hop limit ran out on the way.
pub const IN_TRANSIT: u8 = 0;
/// Type of a parameter-problem message.
pub const PARAMETER_PROBLEM: u8 = 4;
/// Code of a parameter-problem message: nobody here speaks the protocol.
pub const NEXT_HEADER: u8 = 1;
/// Type of an echo request.
pub const ECHO_REQUEST: u8 = 128;
/// Type of an echo reply.
pub const ECHO_REPLY: u8 = 129;

/// Whether a type is an error's (RFC 4443 §2.1).
#[inline(always)]
#[must_use]
pub const fn is_error(kind: u8) -> bool {
    kind < 128
}

/// What the header of an error or an echo is.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    kind: u8,
    code: u8,
    checksum: U16,
    /// Identifier and sequence number of an echo, MTU or pointer of an error.
    word: U32,
}

const _: () = assert!(size_of::<Header>() == HEADER);

/// The addresses of the IPv6 header before a message, which its checksum covers (RFC 4443 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// Who sends it.
    pub source: Ipv6Addr,
    /// Who gets it.
    pub destination: Ipv6Addr,
}

impl Ends {
    /// Of the packet that goes the other way.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self { source: self.destination, destination: self.source }
    }

    /// Whether the checksum of a whole message is right.
    #[must_use]
    pub fn vouch_for(self, message: &[u8]) -> bool {
        self.sum(message) == 0xffff
    }

    /// The sum of a message and its pseudo-header.
    fn sum(self, message: &[u8]) -> u16 {
        // An IPv6 packet without a jumbogram option carries less than 65,536 bytes.
        let pseudo = checksum::pseudo_header(self.source, self.destination, ipv6::ICMP, message.len() as u32);
        checksum::fold(u64::from(pseudo) + u64::from(checksum::sum(message)))
    }

    /// Fills in the checksum of a message whose checksum field is 0.
    pub(super) fn seal(self, mut message: Vec<u8>) -> Vec<u8> {
        let checksum = !self.sum(&message);
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
        message
    }
}

/// An echo request, whole.
#[must_use]
pub fn echo_request(ends: Ends, identifier: u16, sequence: u16, payload: &[u8]) -> Vec<u8> {
    message(ends, ECHO_REQUEST, 0, u32::from(identifier) << 16 | u32::from(sequence), payload)
}

/// An error about the packet that `quoted` starts, whole. `word` is the MTU of a packet that was too big, in bytes, or
/// where in the packet a parameter is wrong; 0 in other errors.
#[must_use]
pub fn error(ends: Ends, kind: u8, code: u8, word: u32, quoted: &[u8]) -> Vec<u8> {
    message(ends, kind, code, word, quoted)
}

/// A message with its checksum.
fn message(ends: Ends, kind: u8, code: u8, word: u32, rest: &[u8]) -> Vec<u8> {
    let header = Header { kind, code, checksum: U16::ZERO, word: U32::new(word) };
    ends.seal([header.as_bytes(), rest].concat())
}

/// What an ICMPv6 message says to one who sent something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<'m> {
    /// An echo comes back.
    EchoReply {
        /// Who asked.
        identifier: u16,
        /// Which request it answers.
        sequence: u16,
        /// What the request carried.
        payload: &'m [u8],
    },
    /// A packet was not delivered.
    Unreachable {
        /// Why (RFC 4443 §3.1).
        code: u8,
        /// The packet's start.
        quoted: &'m [u8],
    },
    /// A packet was too big for the next link.
    PacketTooBig {
        /// That link's MTU in bytes, as it was said: it may be any number.
        mtu: u32,
        /// The packet's start.
        quoted: &'m [u8],
    },
    /// A packet's hop limit ran out on the way.
    TimeExceeded {
        /// The packet's start.
        quoted: &'m [u8],
    },
}

/// Reads a whole ICMPv6 message that answers something; `None` for others, for one that is too short, and for one whose
/// checksum is wrong.
#[must_use]
pub fn read_answer(ends: Ends, message: &[u8]) -> Option<Answer<'_>> {
    let (header, rest) = Header::ref_from_prefix(message).ok()?;
    if !ends.vouch_for(message) {
        return None;
    }
    let word = header.word.get();
    match (header.kind, header.code) {
        (ECHO_REPLY, 0) => {
            Some(Answer::EchoReply { identifier: (word >> 16) as u16, sequence: word as u16, payload: rest })
        }
        (UNREACHABLE, code) => Some(Answer::Unreachable { code, quoted: rest }),
        // Senders write 0 as the code, and receivers ignore it (RFC 4443 §3.2).
        (PACKET_TOO_BIG, _) => Some(Answer::PacketTooBig { mtu: word, quoted: rest }),
        (TIME_EXCEEDED, IN_TRANSIT) => Some(Answer::TimeExceeded { quoted: rest }),
        _ => None,
    }
}

/// Turns the echo request in `message` (the whole ICMPv6 message, which came between `ends`) into the reply that goes
/// back between the same two addresses. `false`, and nothing changed, where it is no echo request, is too short or its
/// checksum is wrong.
pub fn answer_echo(ends: Ends, message: &mut [u8]) -> bool {
    if !ends.vouch_for(message) {
        return false;
    }
    let Ok((header, _)) = Header::mut_from_prefix(message) else { return false };
    if header.kind != ECHO_REQUEST || header.code != 0 {
        return false;
    }
    header.kind = ECHO_REPLY;
    // The pseudo-header sums up to the same either way.
    let old = u16::from(ECHO_REQUEST) << 8;
    header.checksum = U16::new(checksum::replace(header.checksum.get(), old, u16::from(ECHO_REPLY) << 8));
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ENDS: Ends = Ends {
        source: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xa),
        destination: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xb),
    };
    /// scapy: `IPv6(src="2001:db8::a", dst="2001:db8::b")/ICMPv6EchoRequest(id=0x1234, seq=1, data=b"abc")`, and the
    /// reply of the same.
    const REQUEST: [u8; 11] = [0x80, 0x00, 0x4d, 0x9b, 0x12, 0x34, 0x00, 0x01, 0x61, 0x62, 0x63];
    const REPLY: [u8; 11] = [0x81, 0x00, 0x4c, 0x9b, 0x12, 0x34, 0x00, 0x01, 0x61, 0x62, 0x63];
    /// Between the same, over `b"abcd"`: `ICMPv6PacketTooBig(mtu=1400)`, `ICMPv6DestUnreach(code=3)`.
    const TOO_BIG: [u8; 12] = [0x02, 0x00, 0xd7, 0xf3, 0, 0, 0x05, 0x78, 0x61, 0x62, 0x63, 0x64];
    const NO_HOST: [u8; 12] = [0x01, 0x03, 0xde, 0x68, 0, 0, 0, 0, 0x61, 0x62, 0x63, 0x64];
    /// Over `b"abc"`: `ICMPv6TimeExceeded()`, `ICMPv6ParamProblem(code=1, ptr=40)`.
    const EXPIRED: [u8; 11] = [0x03, 0x00, 0xdc, 0xd0, 0, 0, 0, 0, 0x61, 0x62, 0x63];
    const UNKNOWN: [u8; 11] = [0x04, 0x01, 0xdb, 0xa7, 0, 0, 0, 0x28, 0x61, 0x62, 0x63];

    #[test]
    fn answers_an_echo() {
        let mut message = REQUEST;
        assert!(answer_echo(ENDS, &mut message));
        assert_eq!(message, REPLY);
        assert!(ENDS.reversed().vouch_for(&message));
    }

    #[test]
    fn asks_as_another_implementation_does() {
        assert_eq!(echo_request(ENDS, 0x1234, 1, b"abc"), REQUEST);
    }

    #[test]
    fn writes_errors_as_another_implementation_does() {
        assert_eq!(error(ENDS, PACKET_TOO_BIG, 0, 1400, b"abcd"), TOO_BIG);
        assert_eq!(error(ENDS, UNREACHABLE, ADDRESS_UNREACHABLE, 0, b"abcd"), NO_HOST);
        assert_eq!(error(ENDS, TIME_EXCEEDED, IN_TRANSIT, 0, b"abc"), EXPIRED);
        assert_eq!(error(ENDS, PARAMETER_PROBLEM, NEXT_HEADER, 40, b"abc"), UNKNOWN);
    }

    #[test]
    fn reads_answers() {
        let reply = Answer::EchoReply { identifier: 0x1234, sequence: 1, payload: b"abc" };
        assert_eq!(read_answer(ENDS, &REPLY), Some(reply));
        assert_eq!(read_answer(ENDS, &TOO_BIG), Some(Answer::PacketTooBig { mtu: 1400, quoted: b"abcd" }));
        assert_eq!(read_answer(ENDS, &NO_HOST), Some(Answer::Unreachable { code: 3, quoted: b"abcd" }));
        assert_eq!(read_answer(ENDS, &EXPIRED), Some(Answer::TimeExceeded { quoted: b"abc" }));
        assert_eq!(read_answer(ENDS, &REQUEST), None);
    }

    #[test]
    fn refuses_every_changed_byte_and_every_truncation() {
        let elsewhere = Ends { source: Ipv6Addr::LOCALHOST, ..ENDS };
        for message in [&REPLY[..], &TOO_BIG, &NO_HOST, &EXPIRED] {
            assert_eq!(read_answer(elsewhere, message), None, "between other addresses");
            for at in 0..message.len() {
                let mut broken = message.to_vec();
                broken[at] ^= 0x10;
                assert_eq!(read_answer(ENDS, &broken), None, "byte {at}");
                assert_eq!(read_answer(ENDS, &message[..at]), None, "{at} bytes");
            }
        }
        for at in 0..REQUEST.len() {
            let mut broken = REQUEST;
            broken[at] ^= 1;
            let before = broken;
            assert!(!answer_echo(ENDS, &mut broken), "byte {at}");
            assert_eq!(broken, before);
            assert!(!answer_echo(ENDS, &mut REQUEST[..at].to_vec()), "{at} bytes");
        }
        assert!(!answer_echo(ENDS, &mut REPLY.to_vec()));
    }

    proptest! {
        #[test]
        fn what_is_written_has_a_right_checksum(
            source: u128, destination: u128, kind: u8, code: u8, word: u32, quoted: Vec<u8>,
        ) {
            let ends = Ends { source: source.into(), destination: destination.into() };
            let message = error(ends, kind, code, word, &quoted);
            prop_assert!(ends.vouch_for(&message));
            prop_assert_eq!(&message[HEADER..], &quoted[..]);
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>, kind: u8, right: bool) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = kind;
            }
            if right && bytes.len() >= 4 {
                bytes[2..4].fill(0);
                bytes = ENDS.seal(bytes);
            }
            let _ = read_answer(ENDS, &bytes);
            let is_request = right && kind == ECHO_REQUEST && bytes.len() >= HEADER && bytes[1] == 0;
            let answered = answer_echo(ENDS, &mut bytes);
            prop_assert!(answered || !is_request);
        }
    }
}
