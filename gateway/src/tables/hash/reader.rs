use super::bucket::{Bucket, tag_of};
use super::key::{Keyed, TableKey};
use crate::tables::arena::HugeArc;
use crate::tables::grace::ReadSection;
use crate::tables::prefetch;
use crate::tables::slab::{NONE, SlabReader, SlabView};

/// A worker's view of a hash table.
pub struct HashReader<T> {
    buckets: HugeArc<Bucket>,
    entries: SlabReader<T>,
    seed: u64,
}

/// A hash table as a burst works with it: what every lookup needs to know of the table, at hand in registers, whatever is
/// written between two of them.
///
/// [`get`](Self::get) does it all at once. A burst does it in stages, each over all packets, so that memory works
/// while the processor does: [`hash`](Self::hash) and [`prefetch`](Self::prefetch), then
/// [`candidate`](Self::candidate), then [`confirm`](Self::confirm).
pub struct HashView<'t, T> {
    buckets: &'t [Bucket],
    entries: SlabView<'t, T>,
    seed: u64,
}

impl<T> Clone for HashView<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for HashView<'_, T> {}

/// What the tags of a key's home bucket promise.
pub struct Candidate<'s, T>(Option<&'s T>);

impl<T> Clone for Candidate<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Candidate<'_, T> {}

impl<T> Candidate<'_, T> {
    /// What a key has of which nothing is known yet.
    pub const NONE: Self = Self(None);
}

impl<T: Keyed> HashReader<T> {
    pub(super) fn new(buckets: HugeArc<Bucket>, entries: SlabReader<T>, seed: u64) -> Self {
        Self { buckets, entries, seed }
    }

    /// What a burst works with.
    #[inline(always)]
    #[must_use]
    pub fn view(&self) -> HashView<'_, T> {
        HashView { buckets: &self.buckets, entries: self.entries.view(), seed: self.seed }
    }

    /// The entry of `key`.
    #[inline(always)]
    #[must_use]
    pub fn get<'s>(&'s self, section: &'s impl ReadSection, key: &T::Key) -> Option<&'s T> {
        self.view().get(section, key)
    }
}

impl<'t, T: Keyed> HashView<'t, T> {
    /// The hash of a key in this table.
    #[inline(always)]
    #[must_use]
    pub fn hash(self, key: &T::Key) -> u64 {
        key.hash(self.seed)
    }

    /// First stage: brings the home bucket near.
    #[inline(always)]
    pub fn prefetch(self, hash: u64) {
        prefetch(self.bucket(hash as usize));
    }

    /// Second stage: the first entry whose tag matches in the home bucket, and brings it near.
    #[inline(always)]
    #[must_use]
    pub fn candidate<'s>(self, section: &'s impl ReadSection, hash: u64) -> Candidate<'s, T>
    where
        't: 's,
    {
        let bucket = self.bucket(hash as usize);
        let first = bucket.matching(tag_of(hash)).first();
        let entry = first.and_then(|position| self.entry(section, bucket, position));
        if let Some(entry) = entry {
            prefetch(entry);
        }
        Candidate(entry)
    }

    /// Third stage: the entry of `key`, whose hash and candidate are given.
    #[inline(always)]
    #[must_use]
    pub fn confirm<'s>(
        &self,
        section: &'s impl ReadSection,
        candidate: Candidate<'s, T>,
        hash: u64,
        key: &T::Key,
    ) -> Option<&'s T>
    where
        't: 's,
    {
        self.confirm_by(section, candidate, hash, key, |entry| entry.key() == *key)
    }

    /// As [`confirm`](Self::confirm), where the caller has a faster way to say whether a key is the entry's.
    #[inline(always)]
    #[must_use]
    pub fn confirm_by<'s>(
        &self,
        section: &'s impl ReadSection,
        candidate: Candidate<'s, T>,
        hash: u64,
        key: &T::Key,
        is_its: impl FnOnce(&T) -> bool,
    ) -> Option<&'s T>
    where
        't: 's,
    {
        match candidate.0 {
            Some(entry) if is_its(entry) => Some(entry),
            _ => self.search(section, hash, key),
        }
    }

    /// The entry of `key`.
    #[inline(always)]
    #[must_use]
    pub fn get<'s>(self, section: &'s impl ReadSection, key: &T::Key) -> Option<&'s T>
    where
        't: 's,
    {
        let hash = self.hash(key);
        self.confirm(section, self.candidate(section, hash), hash, key)
    }

    /// The whole search, for the keys that are not found by the first tag that matches. The view is taken by reference, or
    /// every lookup would put a copy of it together before it knows whether it needs one.
    #[cold]
    #[inline(never)]
    fn search<'s>(&self, section: &'s impl ReadSection, hash: u64, key: &T::Key) -> Option<&'s T>
    where
        't: 's,
    {
        let tag = tag_of(hash);
        for step in 0..self.buckets.len() {
            let bucket = self.bucket((hash as usize).wrapping_add(step));
            let found = bucket
                .matching(tag)
                .filter_map(|position| self.entry(section, bucket, position))
                .find(|entry| entry.key() == *key);
            if found.is_some() {
                return found;
            }
            if !bucket.was_passed() {
                return None;
            }
        }
        None
    }

    /// The bucket with a number, modulo the number of buckets.
    #[inline(always)]
    fn bucket(self, number: usize) -> &'t Bucket {
        let mask = self.buckets.len() - 1;
        // SAFETY: the number of buckets is a power of two, so the masked number is below it.
        unsafe { self.buckets.get_unchecked(number & mask) }
    }

    #[inline(always)]
    fn entry<'s>(self, section: &'s impl ReadSection, bucket: &Bucket, position: usize) -> Option<&'s T>
    where
        't: 's,
    {
        let index = bucket.index(position);
        if index == NONE {
            return None;
        }
        // SAFETY: the index was loaded from where the writer publishes it, and is not `NONE`. The writer clears or
        // replaces it before it retires the entry.
        Some(unsafe { self.entries.get(index, section) })
    }
}

impl<T> Clone for HashReader<T> {
    fn clone(&self) -> Self {
        Self { buckets: self.buckets.clone(), entries: self.entries.clone(), seed: self.seed }
    }
}
