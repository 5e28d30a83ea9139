//! The internet checksum (RFC 1071) and its incremental update (RFC 1624).

/// The ones' complement sum of some bytes as 16-bit words, the last one padded; its complement is the checksum.
/// Over bytes that include their own right checksum it is 0xFFFF.
#[must_use]
pub fn sum(bytes: &[u8]) -> u16 {
    let mut total: u64 = 0;
    let mut words = bytes.chunks_exact(2);
    for word in &mut words {
        total += u64::from(u16::from_be_bytes([word[0], word[1]]));
    }
    if let [last] = words.remainder() {
        total += u64::from(*last) << 8;
    }
    fold(total)
}

/// Folds carries into 16 bits.
#[inline(always)]
#[must_use]
pub const fn fold(total: u64) -> u16 {
    let total = (total & 0xffff_ffff) + (total >> 32);
    let total = (total & 0xffff) + (total >> 16);
    let total = (total & 0xffff) + (total >> 16);
    let total = (total & 0xffff) + (total >> 16);
    total as u16
}

/// Whether the checksum of an IPv4 header without options is right.
#[inline(always)]
#[must_use]
pub fn ipv4_header_is_valid(header: &[u8; 20]) -> bool {
    // The sum does not depend on byte order (RFC 1071 §2 (B)): five native words and one fold do.
    let mut total: u64 = 0;
    let mut at = 0;
    while at < 20 {
        let word = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        total += u64::from(u32::from_ne_bytes(word));
        at += 4;
    }
    fold(total) == 0xffff
}

/// The checksum after one 16-bit word that it covers has changed (RFC 1624, equation 3).
#[inline(always)]
#[must_use]
pub const fn replace(checksum: u16, old: u16, new: u16) -> u16 {
    !fold(!checksum as u64 + !old as u64 + new as u64)
}
