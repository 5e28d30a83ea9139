use std::fmt::Debug;

/// Bits of an address that one node stands for.
pub(super) const STRIDE: u8 = 4;

/// Words that hold an address of either family.
pub(super) const WORDS: usize = 4;

/// An address of a family, as a number whose highest bit is the first: `u32` for IPv4, `u128` for IPv6.
pub trait Address: Copy + Ord + Debug + Default + Send + Sync + 'static {
    /// Its length in bits.
    const BITS: u8;

    /// Whether tries skip runs of bits in which prefixes do not part. It pays where addresses are long: a lookup looks at
    /// one more bit of each entry.
    const SKIPS: bool;

    /// The first 32 bits.
    fn top(self) -> u32;

    /// Four bits from bit `bit` on, a multiple of four below [`BITS`](Self::BITS).
    fn digit(self, bit: u8) -> usize;

    /// The address with all bits from bit `length` on cleared.
    #[must_use]
    fn masked(self, length: u8) -> Self;

    /// How many bits two addresses have in common, from the first.
    fn common_bits(self, other: Self) -> u8;

    /// The address with four bits, which are zero, from bit `bit` on set to those of `digit`.
    #[must_use]
    fn with_digit(self, bit: u8, digit: usize) -> Self;

    /// The address as words, the last bits first, as a vector has them.
    fn words(self) -> [u32; WORDS];

    /// The address that such words make.
    fn of_words(words: [u32; WORDS]) -> Self;
}

macro_rules! address {
    ($number:ty, skips: $skips:literal, digit: $digit:path) => {
        impl Address for $number {
            const BITS: u8 = <$number>::BITS as u8;
            const SKIPS: bool = $skips;

            #[inline(always)]
            fn top(self) -> u32 {
                (self >> (<$number>::BITS - 32)) as u32
            }

            #[inline(always)]
            fn digit(self, bit: u8) -> usize {
                $digit(self, bit)
            }

            fn masked(self, length: u8) -> Self {
                let cleared = <Self as Address>::BITS.saturating_sub(length);
                self & <$number>::MAX.checked_shl(u32::from(cleared)).unwrap_or(0)
            }

            #[inline(always)]
            fn common_bits(self, other: Self) -> u8 {
                (self ^ other).leading_zeros() as u8
            }

            fn with_digit(self, bit: u8, digit: usize) -> Self {
                self | (digit as Self) << (<Self as Address>::BITS - STRIDE - bit)
            }

            #[inline(always)]
            fn words(self) -> [u32; WORDS] {
                let number = self as u128;
                [0, 32, 64, 96].map(|shift| (number >> shift) as u32)
            }

            #[inline(always)]
            fn of_words([d, c, b, a]: [u32; WORDS]) -> Self {
                let high = u64::from(a) << 32 | u64::from(b);
                let low = u64::from(c) << 32 | u64::from(d);
                (u128::from(high) << 64 | u128::from(low)) as Self
            }
        }
    };
}

address!(u32, skips: false, digit: of_word);
address!(u128, skips: true, digit: of_two);

/// Shifts are masked: a bit beyond the address is a wrong answer, not a panic in a worker.
#[inline(always)]
const fn of_word(address: u32, bit: u8) -> usize {
    let shift = 28u8.wrapping_sub(bit);
    (address.wrapping_shr(shift as u32) & 0xf) as usize
}

/// As [`of_word`], from the half that has the bits: four never lie in both, and to shift both takes longer.
#[inline(always)]
const fn of_two(address: u128, bit: u8) -> usize {
    let half = if bit & 64 == 0 { (address >> 64) as u64 } else { address as u64 };
    let shift = 60u8.wrapping_sub(bit);
    (half.wrapping_shr(shift as u32) & 0xf) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_masks_count_from_the_first_bit() {
        let v4 = 0x1234_5678_u32;
        assert_eq!((v4.digit(0), v4.digit(28), v4.top()), (1, 8, v4));
        assert_eq!((v4.masked(0), v4.masked(12), v4.masked(32)), (0, 0x1230_0000, v4));
        assert_eq!((v4.common_bits(v4), v4.common_bits(0x1235_0000), v4.common_bits(!v4)), (32, 15, 0));
        let v6 = 0x2001_0db8_0000_0000_0000_0000_0000_000f_u128;
        assert_eq!((v6.digit(0), v6.digit(124), v6.top()), (2, 15, 0x2001_0db8));
        let counting = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210_u128;
        let digits: Vec<_> = (0..128).step_by(4).map(|bit| counting.digit(bit)).collect();
        assert_eq!(digits, (0..16).chain((0..16).rev()).collect::<Vec<_>>());
        assert_eq!(u128::of_words(counting.words()), counting);
        assert_eq!((v6.masked(0), v6.masked(32)), (0, 0x2001_0db8 << 96));
        assert_eq!(v6.common_bits(v6), 128);
    }
}
