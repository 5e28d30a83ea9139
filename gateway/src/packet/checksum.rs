//! The internet checksum (RFC 1071) and its incremental update (RFC 1624).

use std::net::Ipv6Addr;

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
    let (total, carry) = (total as u32).overflowing_add((total >> 32) as u32);
    // After a carry there is room for it.
    let total = total.wrapping_add(carry as u32);
    let (total, carry) = (total as u16).overflowing_add((total >> 16) as u16);
    total.wrapping_add(carry as u16)
}

/// The sum of the pseudo-header that comes before an upper-layer packet of `length` bytes in IPv6 (RFC 8200 §8.1).
#[must_use]
pub fn pseudo_header(source: Ipv6Addr, destination: Ipv6Addr, protocol: u8, length: u32) -> u16 {
    let addresses = u64::from(sum(&source.octets())) + u64::from(sum(&destination.octets()));
    fold(addresses + u64::from(length) + u64::from(protocol))
}

/// Whether the checksum of an IPv4 header without options is right.
#[inline(always)]
#[must_use]
pub fn ipv4_header_is_valid(header: &[u8; 20]) -> bool {
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
    words_are_right(long(0), long(8), word(16))
}

/// As [`ipv4_header_is_valid`], of a header that has any bit set, in three words that were read lowest byte first.
#[inline(always)]
#[must_use]
pub const fn words_are_right(first: u64, second: u64, third: u32) -> bool {
    // The sum does not depend on byte order (RFC 1071 §2 (B)), nor on the width of the words as long as carries come
    // back at the other end.
    let (sum, carry) = first.overflowing_add(second);
    let (sum, more) = sum.overflowing_add(third as u64 + carry as u64);
    let sum = sum.wrapping_add(more as u64);
    // A carry into the next word of 16 bits is worth the carry out of it: the sum of those words is 0xFFFF where this one
    // is a multiple of it. It is never 0 for a header that has any bit set.
    sum % 0xffff == 0
}

/// The checksum after one 16-bit word that it covers has changed (RFC 1624, equation 3).
#[inline(always)]
#[must_use]
pub const fn replace(checksum: u16, old: u16, new: u16) -> u16 {
    !fold(!checksum as u64 + !old as u64 + new as u64)
}

/// What a change of words does to checksums that cover them (RFC 1624, equation 3).
#[derive(Debug, Clone, Copy, Default)]
pub struct Delta(u64);

impl Delta {
    /// Notes that a 16-bit word has changed.
    #[inline(always)]
    #[must_use]
    pub const fn word(self, old: u16, new: u16) -> Self {
        Self(self.0 + !old as u64 + new as u64)
    }

    /// Notes that a 32-bit word, on an even place, has changed.
    #[inline(always)]
    #[must_use]
    pub const fn long(self, old: u32, new: u32) -> Self {
        // Its upper half is added to its lower one in the end, as any carry is.
        Self(self.0 + !old as u64 + new as u64)
    }

    /// The changes of both.
    #[inline(always)]
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// The checksum after the changes.
    #[inline(always)]
    #[must_use]
    pub const fn mend(self, checksum: u16) -> u16 {
        !fold(!checksum as u64 + self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_rfc_1071() {
        // §3: the sum of these words is 0xddf2.
        assert_eq!(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
        assert_eq!(sum(&[0x12]), 0x1200);
        assert_eq!(sum(&[]), 0);
    }

    /// The sum as RFC 1071 words it: add, and add the carry at once.
    fn naive(bytes: &[u8]) -> u16 {
        bytes.chunks(2).fold(0, |sum, word| {
            let word = u16::from_be_bytes([word[0], word.get(1).copied().unwrap_or(0)]);
            let (sum, carry) = u16::overflowing_add(sum, word);
            sum + u16::from(carry)
        })
    }

    #[test]
    fn the_pseudo_header_is_summed_as_its_bytes() {
        let source = "2001:db8::a".parse().expect("an address");
        let destination = "fe80::ffff:1".parse().expect("an address");
        let bytes = [
            0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0xff, 0xff, 0, 1, 0, 1, 0x23, 0x45, 0, 0, 0, 58,
        ];
        assert_eq!(pseudo_header(source, destination, 58, 0x1_2345), naive(&bytes));
    }

    proptest! {
        #[test]
        fn changed_words_are_summed_as_from_the_start(mut bytes: [u8; 20], long: u32, word: u16) {
            bytes[19] |= 1;
            let before = !naive(&bytes);
            let at = |bytes: &[u8; 20], at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
            let old = u32::from(at(&bytes, 4)) << 16 | u32::from(at(&bytes, 6));
            let delta = Delta::default().long(old, long).word(at(&bytes, 12), word);
            bytes[4..8].copy_from_slice(&long.to_be_bytes());
            bytes[12..14].copy_from_slice(&word.to_be_bytes());
            prop_assert_eq!(delta.mend(before), !naive(&bytes));
        }

        #[test]
        fn sums_as_word_by_word(bytes: Vec<u8>) {
            prop_assert_eq!(sum(&bytes), naive(&bytes));
        }

        #[test]
        fn a_header_is_valid_where_its_sum_says_so(mut header: [u8; 20], right: bool) {
            if right {
                header[10..12].fill(0);
                let checksum = !naive(&header);
                header[10..12].copy_from_slice(&checksum.to_be_bytes());
            }
            prop_assert_eq!(ipv4_header_is_valid(&header), naive(&header) == 0xffff);
        }

        #[test]
        fn a_replaced_word_is_summed_as_from_the_start(mut bytes: [u8; 20], at in 0..9usize, new: u16) {
            // A header that is not all zeros, as none is.
            bytes[19] |= 1;
            let before = !naive(&bytes);
            let word = &mut bytes[2 * at..][..2];
            let old = u16::from_be_bytes([word[0], word[1]]);
            word.copy_from_slice(&new.to_be_bytes());
            prop_assert_eq!(replace(before, old, new), !naive(&bytes));
        }
    }
}
