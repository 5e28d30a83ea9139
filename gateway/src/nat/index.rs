//! Where entries are found: the buckets of the [hash tables](crate::tables::hash), for one thread that looks up,
//! inserts and removes without grace periods.

use crate::tables::hash::{Bucket, POSITIONS, tag_of};
use crate::tables::{HugeBox, NONE, OutOfMemory, prefetch};

/// Indices of entries by the hashes of their keys. What the keys are is the caller's business.
pub(super) struct Index {
    buckets: HugeBox<Bucket>,
    mask: usize,
}

impl Index {
    /// An index for `capacity` entries, which fill half of its places at most.
    pub(super) fn new(capacity: usize) -> Result<Self, OutOfMemory> {
        let buckets = HugeBox::<Bucket>::zeroed((2 * capacity).div_ceil(POSITIONS).next_power_of_two())?;
        let mask = buckets.len() - 1;
        Ok(Self { buckets, mask })
    }

    /// The bytes it has.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.buckets)
    }

    /// Brings the home bucket near.
    #[inline(always)]
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(self.bucket(hash as usize));
    }

    /// The first entry whose tag matches in the home bucket, or [`NONE`].
    #[inline(always)]
    pub(super) fn first(&self, hash: u64) -> u32 {
        let bucket = self.bucket(hash as usize);
        bucket.matching(tag_of(hash)).first().map_or(NONE, |position| bucket.index(position))
    }

    /// The entry of a hash that is the one looked for.
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let tag = tag_of(hash);
        for number in self.probe(hash) {
            let bucket = self.bucket(number);
            let found =
                bucket.matching(tag).map(|position| bucket.index(position)).find(|&index| is_it(index));
            if found.is_some() || !bucket.was_passed() {
                return found;
            }
        }
        None
    }

    /// Adds an entry, which is not there yet. There is room for as many as promised.
    pub(super) fn insert(&mut self, hash: u64, index: u32) {
        for number in self.probe(hash) {
            let bucket = self.bucket(number);
            if let Some(position) = bucket.vacant() {
                bucket.fill(position, tag_of(hash), index);
                return;
            }
            bucket.pass();
        }
        unreachable!("there are twice as many places as promised entries")
    }

    /// Removes an entry that was added with this hash.
    pub(super) fn remove(&mut self, hash: u64, index: u32) {
        let tag = tag_of(hash);
        for number in self.probe(hash) {
            let bucket = self.bucket(number);
            if let Some(position) = bucket.matching(tag).find(|&position| bucket.index(position) == index) {
                bucket.clear(position);
                return;
            }
            bucket.unpass();
        }
        unreachable!("the entry was added with this hash")
    }

    /// All buckets, from the home of a hash on.
    fn probe(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        (0..=self.mask).map(move |step| (hash as usize).wrapping_add(step))
    }

    /// The bucket with a number, modulo the number of buckets.
    #[inline(always)]
    fn bucket(&self, number: usize) -> &Bucket {
        // SAFETY: the number of buckets is a power of two, and the mask one less.
        unsafe { self.buckets.get_unchecked(number & self.mask) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::hash::mix;

    #[test]
    fn what_is_added_is_found_until_it_is_removed() {
        const COUNT: u32 = 10_000;
        let hash = |index| mix(u64::from(index), 7);
        let mut index = Index::new(COUNT as usize).expect("memory");
        for round in 0..3 {
            for entry in 1..=COUNT {
                assert_eq!(index.find(hash(entry), |found| found == entry), None, "round {round}");
                index.insert(hash(entry), entry);
            }
            for entry in 1..=COUNT {
                assert_eq!(index.find(hash(entry), |found| found == entry), Some(entry));
            }
            for entry in (1..=COUNT).rev() {
                index.remove(hash(entry), entry);
                assert_eq!(index.find(hash(entry), |found| found == entry), None);
            }
        }
    }

    #[test]
    fn entries_of_one_hash_are_told_apart() {
        let mut index = Index::new(64).expect("memory");
        (1..=40).for_each(|entry| index.insert(99, entry));
        (1..=40).for_each(|entry| assert_eq!(index.find(99, |found| found == entry), Some(entry)));
        assert_eq!(index.first(99), 1);
        (1..40).for_each(|entry| index.remove(99, entry));
        assert_eq!(index.find(99, |_| true), Some(40));
        index.remove(99, 40);
        assert_eq!((index.find(99, |_| true), index.first(99)), (None, NONE));
    }
}
