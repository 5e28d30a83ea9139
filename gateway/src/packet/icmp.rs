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
