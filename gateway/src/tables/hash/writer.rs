use super::bucket::{Bucket, tag_of};
use super::key::{Keyed, TableKey};
use crate::tables::TableError;
use crate::tables::arena::HugeArc;
use crate::tables::grace::Grace;
use crate::tables::slab::SlabWriter;

/// The only writer of a hash table.
pub struct HashWriter<T> {
    buckets: HugeArc<Bucket>,
    entries: SlabWriter<T>,
    seed: u64,
    len: usize,
    capacity: usize,
}

/// What [`HashWriter::upsert`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upserted {
    /// The key is new.
    Inserted,
    /// The key had another value before.
    Replaced,
}

/// Where an entry is.
struct Place {
    bucket: usize,
    position: usize,
    index: u32,
}

impl<T: Keyed> HashWriter<T> {
    pub(super) fn new(buckets: HugeArc<Bucket>, entries: SlabWriter<T>, capacity: usize, seed: u64) -> Self {
        Self { buckets, entries, seed, len: 0, capacity }
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of entries there is room for, whatever their keys.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The entry of `key`.
    #[must_use]
    pub fn get(&self, key: &T::Key) -> Option<&T> {
        let place = self.find(key, key.hash(self.seed))?;
        Some(self.entry(place.index))
    }

    /// All entries, in an order of the table's own that the seed and the history of the table determine.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.buckets.iter().flat_map(Bucket::occupied).map(|index| self.entry(index))
    }

    /// Makes `value` the entry of its key. Readers see the old value, or none, and then the new one.
    ///
    /// # Errors
    ///
    /// [`TableError::Full`] if the key is new and the promised entries are there, [`TableError::Stalled`] if readers
    /// hold up the grace periods of a thousand changes and more; nothing has changed then.
    pub fn upsert(&mut self, value: T, grace: &impl Grace) -> Result<Upserted, TableError> {
        let key = value.key();
        let hash = key.hash(self.seed);
        if let Some(place) = self.find(&key, hash) {
            let index = self.entries.insert(value, grace)?;
            self.buckets[place.bucket].replace(place.position, index);
            self.entries.retire(place.index, grace);
            return Ok(Upserted::Replaced);
        }
        if self.len == self.capacity {
            return Err(TableError::Full { capacity: self.capacity });
        }
        let index = self.entries.insert(value, grace)?;
        for number in self.probe(hash) {
            let bucket = &self.buckets[number];
            if let Some(position) = bucket.vacant() {
                bucket.fill(position, tag_of(hash), index);
                self.len += 1;
                return Ok(Upserted::Inserted);
            }
            bucket.pass();
        }
        unreachable!("there are twice as many places as promised entries")
    }

    /// Removes the entry of `key`; whether there was one.
    pub fn remove(&mut self, key: &T::Key, grace: &impl Grace) -> bool {
        let hash = key.hash(self.seed);
        let Some(place) = self.find(key, hash) else {
            return false;
        };
        self.buckets[place.bucket].clear(place.position);
        self.probe(hash)
            .take_while(|&number| number != place.bucket)
            .for_each(|number| self.buckets[number].unpass());
        self.entries.retire(place.index, grace);
        self.len -= 1;
        true
    }

    /// Makes the memory of removed and replaced entries available again, as far as no reader holds them. Cheap: the
    /// control thread calls it now and then.
    pub fn reclaim(&mut self, grace: &impl Grace) {
        self.entries.reclaim(grace);
    }

    fn find(&self, key: &T::Key, hash: u64) -> Option<Place> {
        for number in self.probe(hash) {
            let bucket = &self.buckets[number];
            for position in bucket.matching(tag_of(hash)) {
                let index = bucket.index(position);
                if self.entry(index).key() == *key {
                    return Some(Place { bucket: number, position, index });
                }
            }
            if !bucket.was_passed() {
                break;
            }
        }
        None
    }

    /// All buckets, from the home of a hash on.
    fn probe(&self, hash: u64) -> impl Iterator<Item = usize> + use<T> {
        let count = self.buckets.len();
        (0..count).map(move |step| (hash as usize).wrapping_add(step) & (count - 1))
    }

    fn entry(&self, index: u32) -> &T {
        // SAFETY: all callers have the index from a bucket, and an entry is taken out of its bucket before it is
        // retired.
        unsafe { self.entries.get(index) }
    }
}
