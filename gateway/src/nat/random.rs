//! Choices that outsiders cannot foresee without the seed (RFC 6056), and that repeat with it.

use crate::tables::hash::mix;

/// A small generator: a counter, mixed. It is copied to go back to where it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Random {
    seed: u64,
    count: u64,
}

impl Random {
    /// The generator of a seed and a stream.
    pub(super) const fn new(seed: u64, stream: u64) -> Self {
        Self { seed: mix(seed, stream ^ 0x9e37_79b9_7f4a_7c15), count: 0 }
    }

    /// A number below `bound`, which is not zero.
    pub(super) const fn below(&mut self, bound: u32) -> u32 {
        self.count = self.count.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let number = mix(mix(self.count, self.seed), self.seed.rotate_left(32));
        (((number >> 32) * bound as u64) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_below_their_bound_and_about_as_many_each() {
        let mut random = Random::new(1, 2);
        let mut counts = [0; 10];
        (0..100_000).for_each(|_| counts[random.below(10) as usize] += 1);
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }

    #[test]
    fn streams_repeat_and_differ() {
        let numbers = |seed, stream| {
            let mut random = Random::new(seed, stream);
            [(); 8].map(|()| random.below(u32::MAX))
        };
        assert_eq!(numbers(1, 2), numbers(1, 2));
        assert_ne!(numbers(1, 2), numbers(1, 3));
        assert_ne!(numbers(1, 2), numbers(2, 2));
    }
}
