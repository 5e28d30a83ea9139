//! Prefixes as full tables of the internet have them.

use std::collections::HashSet;

use gateway::tables::fib::Address;

use crate::Draw;

/// A prefix: address and length.
pub type Prefix<A> = (A, u8);

/// IPv4 routes of each length, in parts of a thousand; all others are /24.
const IPV4_LENGTHS: [(u8, usize); 15] = [
    (8, 1),
    (10, 1),
    (11, 1),
    (12, 1),
    (13, 1),
    (14, 1),
    (15, 2),
    (16, 14),
    (17, 8),
    (18, 14),
    (19, 25),
    (20, 44),
    (21, 52),
    (22, 111),
    (23, 101),
];

/// Distinct IPv4 prefixes of unicast addresses.
#[must_use]
pub fn ipv4_internet(count: usize) -> Vec<Prefix<u32>> {
    let lengths: Vec<u8> =
        IPV4_LENGTHS.iter().flat_map(|&(length, share)| std::iter::repeat_n(length, share)).collect();
    let mut draw = Draw::new(4);
    distinct(count, || {
        let length = lengths.get(draw.below(1000)).copied().unwrap_or(24);
        let address = 0x0100_0000 + draw.below(0xdf00_0000) as u32;
        (address & u32::MAX << (32 - length), length)
    })
}

/// Distinct IPv6 prefixes: a sixth of them are what registries gave out, the others more specific parts of those, most
/// of them for one site.
#[must_use]
pub fn ipv6_internet(count: usize) -> Vec<Prefix<u128>> {
    const PARTS: [u8; 8] = [48, 48, 48, 48, 44, 40, 36, 46];
    let mut draw = Draw::new(6);
    let mut given = 0x2001_u128 << 112;
    distinct(count, || {
        if draw.below(6) == 0 {
            // From 2000::/3.
            given = u128::from(0x2000_0000 | draw.next_u64() as u32 & 0x1fff_ffff) << 96;
            return (given, 32);
        }
        let length = PARTS[draw.below(PARTS.len())];
        let part = u128::from(draw.next_u64() as u32) << 64;
        (given | part & u128::MAX << (128 - length), length)
    })
}

fn distinct<A: Address + std::hash::Hash>(count: usize, draw: impl FnMut() -> Prefix<A>) -> Vec<Prefix<A>> {
    let mut seen = HashSet::new();
    std::iter::repeat_with(draw).filter(|&prefix| seen.insert(prefix)).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_distinct_and_end_where_they_say() {
        let ipv4 = ipv4_internet(20_000);
        assert_eq!(ipv4.iter().collect::<HashSet<_>>().len(), 20_000);
        assert!(ipv4.iter().all(|&(address, length)| address.masked(length) == address));
        let longest = ipv4.iter().filter(|&&(_, length)| length == 24).count();
        assert!((11_500..13_500).contains(&longest), "{longest} of 20,000 are /24");
        let ipv6 = ipv6_internet(20_000);
        assert_eq!(ipv6.iter().collect::<HashSet<_>>().len(), 20_000);
        assert!(
            ipv6.iter().all(|&(address, length)| address.masked(length) == address && address >> 125 == 1)
        );
    }
}
