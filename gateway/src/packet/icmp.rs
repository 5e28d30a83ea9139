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
