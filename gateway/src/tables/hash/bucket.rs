use std::arch::x86_64::{_mm_cmpeq_epi16, _mm_movemask_epi8, _mm_set1_epi16};

use zerocopy::FromZeros;

use crate::tables::slab::NONE;
use crate::tables::sync::{AtomicU32, AtomicU64, Ordering, load_pair};

/// Entries that one bucket holds.
pub(crate) const POSITIONS: usize = 8;

/// The tag of a place without an entry.
const EMPTY: u16 = 0;
const TAGS_PER_WORD: usize = 4;

/// Eight places for entries, on one cache line. The words are atomic so that readers see each as a whole.
#[derive(FromZeros)]
#[repr(C, align(64))]
pub(crate) struct Bucket {
    tags: [AtomicU64; POSITIONS / TAGS_PER_WORD],
    indices: [AtomicU32; POSITIONS],
    /// How many entries have their home here or before, and their place behind.
    passed: AtomicU32,
}

const _: () = assert!(size_of::<Bucket>() == 64);

/// The tag of a hash, never [`EMPTY`]: one bit is always set. It takes the bits at the top; buckets are numbered by those
/// at the bottom.
#[inline(always)]
pub(crate) const fn tag_of(hash: u64) -> u16 {
    (hash >> 48) as u16 | 1
}

impl Bucket {
    /// The positions with `tag`.
    #[inline(always)]
    pub(crate) fn matching(&self, tag: u16) -> Positions {
        let tags = load_pair(&self.tags);
        // SAFETY: SSE2 is part of every x86-64.
        let mask = unsafe {
            let equal = _mm_cmpeq_epi16(tags, _mm_set1_epi16(tag.cast_signed()));
            _mm_movemask_epi8(equal)
        };
        Positions(mask.cast_unsigned())
    }

    /// The first position without an entry.
    pub(crate) fn vacant(&self) -> Option<usize> {
        self.matching(EMPTY).next()
    }

    /// The index at a position, [`NONE`] if it is empty. The entry behind it is complete.
    #[inline(always)]
    pub(crate) fn index(&self, position: usize) -> u32 {
        // Masked, which spares readers a check.
        self.indices[position % POSITIONS].load(Ordering::Acquire)
    }

    /// Whether an entry with its home here or before may be found behind.
    #[inline(always)]
    pub(crate) fn was_passed(&self) -> bool {
        self.passed.load(Ordering::Relaxed) != 0
    }

    /// The indices of all entries.
    pub(crate) fn occupied(&self) -> impl Iterator<Item = u32> {
        self.indices.iter().map(|index| index.load(Ordering::Relaxed)).filter(|&index| index != NONE)
    }

    /// Publishes an entry at a vacant position.
    pub(crate) fn fill(&self, position: usize, tag: u16, index: u32) {
        self.replace(position, index);
        self.set_tag(position, tag);
    }

    /// Publishes another entry of the same key.
    pub(crate) fn replace(&self, position: usize, index: u32) {
        self.indices[position].store(index, Ordering::Release);
    }

    /// Withdraws an entry.
    pub(crate) fn clear(&self, position: usize) {
        self.set_tag(position, EMPTY);
        self.indices[position].store(NONE, Ordering::Release);
    }

    /// Counts an entry that is about to be published behind.
    pub(crate) fn pass(&self) {
        self.passed.store(self.passed.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// Forgets an entry that has been withdrawn.
    pub(crate) fn unpass(&self) {
        self.passed.store(self.passed.load(Ordering::Relaxed) - 1, Ordering::Release);
    }

    /// There is one writer: no other store can come between load and store.
    fn set_tag(&self, position: usize, tag: u16) {
        let word = &self.tags[position / TAGS_PER_WORD];
        let shift = position % TAGS_PER_WORD * 16;
        let others = word.load(Ordering::Relaxed) & !(u64::from(u16::MAX) << shift);
        word.store(others | u64::from(tag) << shift, Ordering::Release);
    }
}

/// Positions of a bucket, two bits for each.
#[derive(Clone, Copy)]
pub(crate) struct Positions(u32);

impl Positions {
    #[inline(always)]
    pub(crate) const fn first(self) -> Option<usize> {
        if self.0 == 0 { None } else { Some(self.0.trailing_zeros() as usize / 2) }
    }
}

impl Iterator for Positions {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let first = self.first()?;
        self.0 &= !(0b11 << (2 * first));
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_is_found_by_its_tag_alone() {
        let bucket = Bucket::new_zeroed();
        for position in 0..POSITIONS {
            assert_eq!(bucket.vacant(), Some(position));
            bucket.fill(position, 0x8000 + position as u16, 1 + position as u32);
        }
        assert_eq!(bucket.vacant(), None);
        for position in 0..POSITIONS {
            let matching = bucket.matching(0x8000 + position as u16);
            assert!(matching.eq([position]));
            assert_eq!(bucket.index(position), 1 + position as u32);
        }
        bucket.clear(5);
        assert_eq!(bucket.matching(0x8005).first(), None);
        assert_eq!((bucket.vacant(), bucket.index(5)), (Some(5), NONE));
        assert!(bucket.occupied().eq([1, 2, 3, 4, 5, 7, 8]));
    }

    #[test]
    fn equal_tags_are_all_found() {
        let bucket = Bucket::new_zeroed();
        bucket.fill(2, u16::MAX, 20);
        bucket.fill(7, u16::MAX, 70);
        let matching = bucket.matching(u16::MAX);
        assert!(matching.eq([2, 7]));
    }

    #[test]
    fn no_hash_has_the_tag_of_an_empty_position() {
        assert_ne!(tag_of(0), EMPTY);
        assert_ne!(tag_of(0x0000_ffff_ffff_ffff), EMPTY);
        assert_eq!(tag_of(0xabcd_0000_0000_0000), 0xabcd);
        assert_eq!(tag_of(0xabcc_0000_0000_0000), 0xabcd);
    }
}
