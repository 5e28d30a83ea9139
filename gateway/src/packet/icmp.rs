//! ICMP (RFC 792).

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::checksum;

/// Length of the header of an echo.
pub const HEADER: usize = 8;
/// Type of an echo request.
pub const ECHO_REQUEST: u8 = 8;
/// Type of an echo reply.
pub const ECHO_REPLY: u8 = 0;
/// Type of a destination-unreachable message.
pub const UNREACHABLE: u8 = 3;
/// Code of a destination-unreachable message: there is no route.
pub const NET_UNREACHABLE: u8 = 0;
/// Code of a destination-unreachable message: the host cannot be reached.
pub const HOST_UNREACHABLE: u8 = 1;
/// Code of a destination-unreachable message: the protocol is not spoken.
pub const PROTOCOL_UNREACHABLE: u8 = 2;
/// Code of a destination-unreachable message: nobody is behind the port.
pub const PORT_UNREACHABLE: u8 = 3;
/// Code of a destination-unreachable message: the packet was too big and must not be fragmented.
pub const FRAGMENTATION_NEEDED: u8 = 4;
/// Code of a destination-unreachable message: it may not go there (RFC 1812 §5.2.7.1).
pub const ADMIN_PROHIBITED: u8 = 13;
/// Type of a time-exceeded message.
pub const TIME_EXCEEDED: u8 = 11;
/// Code of a time-exceeded message: the time to live ran out on the way.
pub const IN_TRANSIT: u8 = 0;

/// The header of an echo request or reply.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Echo {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    checksum: U16,
    identifier: U16,
    sequence: U16,
}

impl Echo {
    /// Who asked.
    #[must_use]
    pub const fn identifier(&self) -> u16 {
        self.identifier.get()
    }

    /// Which of the asker's requests it is.
    #[must_use]
    pub const fn sequence(&self) -> u16 {
        self.sequence.get()
    }
}

/// An echo request, whole.
#[must_use]
pub fn echo_request(identifier: u16, sequence: u16, payload: &[u8]) -> Vec<u8> {
    message(ECHO_REQUEST, 0, [identifier, sequence], payload)
}

/// An error about the packet that `quoted` starts, whole. `mtu` is what the packet should have fitted, in bytes
/// (RFC 1191 §4); 0 where that was not its fault.
#[must_use]
pub fn error(kind: u8, code: u8, mtu: u16, quoted: &[u8]) -> Vec<u8> {
    message(kind, code, [0, mtu], quoted)
}

/// A message with its checksum. What an echo has as identifier and sequence number, others name otherwise.
fn message(kind: u8, code: u8, words: [u16; 2], rest: &[u8]) -> Vec<u8> {
    let [identifier, sequence] = words.map(U16::new);
    let header = Echo { kind, code, checksum: U16::ZERO, identifier, sequence };
    let mut message = [header.as_bytes(), rest].concat();
    let checksum = !checksum::sum(&message);
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    message
}

/// What an ICMP message says to one who sent something.
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
        /// Why (RFC 792, RFC 1812 §5.2.7.1).
        code: u8,
        /// The next network's MTU (RFC 1191 §4), where the packet was too big for it; 0: not said.
        mtu: u16,
        /// The packet's start.
        quoted: &'m [u8],
    },
    /// A packet's time to live ran out on the way.
    TimeExceeded {
        /// The packet's start.
        quoted: &'m [u8],
    },
}

/// Reads a whole ICMP message that answers something; `None` for others, for one that is too short, and for one whose
/// checksum is wrong.
#[must_use]
pub fn read_answer(message: &[u8]) -> Option<Answer<'_>> {
    if checksum::sum(message) != 0xffff {
        return None;
    }
    let (header, rest) = Echo::ref_from_prefix(message).ok()?;
    match (header.kind, header.code) {
        (ECHO_REPLY, 0) => Some(Answer::EchoReply {
            identifier: header.identifier(),
            sequence: header.sequence(),
            payload: rest,
        }),
        // In errors the last two bytes of the header are the MTU, where an echo has its sequence number.
        (UNREACHABLE, code) => {
            let mtu = if code == FRAGMENTATION_NEEDED { header.sequence() } else { 0 };
            Some(Answer::Unreachable { code, mtu, quoted: rest })
        }
        (TIME_EXCEEDED, IN_TRANSIT) => Some(Answer::TimeExceeded { quoted: rest }),
        _ => None,
    }
}

/// Turns the echo request in `message` (the whole ICMP message) into its reply. `false`, and nothing changed, where
/// it is no echo request, is too short or its checksum is wrong.
pub fn answer_echo(message: &mut [u8]) -> bool {
    if checksum::sum(message) != 0xffff {
        return false;
    }
    let Ok((echo, _)) = Echo::mut_from_prefix(message) else { return false };
    if echo.kind != ECHO_REQUEST || echo.code != 0 {
        return false;
    }
    echo.kind = ECHO_REPLY;
    let old = u16::from(ECHO_REQUEST) << 8;
    echo.checksum = U16::new(checksum::replace(echo.checksum.get(), old, u16::from(ECHO_REPLY) << 8));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scapy: `ICMP(type=8, id=0x1234, seq=1)/b"abc"`, and the reply of the same.
    const REQUEST: [u8; 11] = [0x08, 0x00, 0x21, 0x68, 0x12, 0x34, 0x00, 0x01, 0x61, 0x62, 0x63];
    const REPLY: [u8; 11] = [0x00, 0x00, 0x29, 0x68, 0x12, 0x34, 0x00, 0x01, 0x61, 0x62, 0x63];

    #[test]
    fn answers_an_echo() {
        let mut message = REQUEST;
        assert!(answer_echo(&mut message));
        assert_eq!(message, REPLY);
    }

    #[test]
    fn asks_as_another_implementation_does() {
        assert_eq!(echo_request(0x1234, 1, b"abc"), REQUEST);
    }

    #[test]
    fn reads_the_answer() {
        let reply = Answer::EchoReply { identifier: 0x1234, sequence: 1, payload: b"abc" };
        assert_eq!(read_answer(&REPLY), Some(reply));
        assert_eq!(read_answer(&REQUEST), None);
        for at in 0..REPLY.len() {
            let mut broken = REPLY;
            broken[at] ^= 0x10;
            assert_eq!(read_answer(&broken), None, "byte {at}");
        }
        for length in 0..HEADER {
            assert_eq!(read_answer(&REPLY[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn reads_errors() {
        // scapy: ICMP(type=3, code=4, nexthopmtu=1400)/b"abcd", ICMP(type=3, code=1)/b"abcd", ICMP(type=11)/b"abcd"
        let too_big = [3, 4, 0x32, 0xbd, 0, 0, 5, 0x78, 0x61, 0x62, 0x63, 0x64];
        assert_eq!(read_answer(&too_big), Some(Answer::Unreachable { code: 4, mtu: 1400, quoted: b"abcd" }));
        let no_host = [3, 1, 0x38, 0x38, 0, 0, 0, 0, 0x61, 0x62, 0x63, 0x64];
        assert_eq!(read_answer(&no_host), Some(Answer::Unreachable { code: 1, mtu: 0, quoted: b"abcd" }));
        let expired = [11, 0, 0x30, 0x39, 0, 0, 0, 0, 0x61, 0x62, 0x63, 0x64];
        assert_eq!(read_answer(&expired), Some(Answer::TimeExceeded { quoted: b"abcd" }));
    }

    #[test]
    fn writes_errors_as_another_implementation_does() {
        // scapy: ICMP(type=3, code=4, nexthopmtu=1400)/b"abcd", ICMP(type=11)/b"abc"
        let too_big = [3, 4, 0x32, 0xbd, 0, 0, 5, 0x78, 0x61, 0x62, 0x63, 0x64];
        assert_eq!(error(UNREACHABLE, FRAGMENTATION_NEEDED, 1400, b"abcd"), too_big);
        let expired = [11, 0, 0x30, 0x9d, 0, 0, 0, 0, 0x61, 0x62, 0x63];
        assert_eq!(error(TIME_EXCEEDED, IN_TRANSIT, 0, b"abc"), expired);
    }

    #[test]
    fn answers_nothing_else() {
        let mut reply = REPLY;
        assert!(!answer_echo(&mut reply));
        let mut broken = REQUEST;
        broken[9] ^= 1;
        let before = broken;
        assert!(!answer_echo(&mut broken));
        assert_eq!(broken, before);
        for length in 0..HEADER {
            assert!(!answer_echo(&mut REQUEST[..length].to_vec()));
        }
    }
}
