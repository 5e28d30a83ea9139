//! Values with stable identifiers, such as ways out that many routes share: who knows the identifier sees the current
//! version, and an update, however large the value, is one store.

use std::sync::atomic::{AtomicU32, Ordering};

use super::TableError;
use super::arena::{HugeArc, OutOfMemory};
use super::grace::{Grace, ReadSection};
use super::pool::{IndexPool, ReadersStalled};
use super::slab::{NONE, SlabReader, SlabWriter};

/// A table for `capacity` values at a time. An identifier of no value, such as 0, reads as `absent`.
///
/// # Errors
///
/// If the system has not enough memory.
pub fn stable<T: Send + Sync + 'static>(
    capacity: usize,
    absent: T,
) -> Result<(StableWriter<T>, StableReader<T>), OutOfMemory> {
    let versions = SlabWriter::with_none(capacity, absent)?;
    let end = versions.end();
    let current = HugeArc::zeroed(end as usize)?;
    let ids = IndexPool::new(1, end);
    let reader = StableReader { current: current.clone(), versions: versions.reader() };
    Ok((StableWriter { current, versions, ids, len: 0, capacity }, reader))
}

/// The only writer of a table of versions.
pub struct StableWriter<T> {
    /// The version of each identifier, [`NONE`] if there is no value.
    current: HugeArc<AtomicU32>,
    versions: SlabWriter<T>,
    /// Identifiers are used again after a grace period too: a worker may just have read one from a route.
    ids: IndexPool,
    len: usize,
    capacity: usize,
}

impl<T: Send + Sync + 'static> StableWriter<T> {
    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of values there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Adds a value and returns its identifier, never 0.
    ///
    /// # Errors
    ///
    /// [`TableError::Full`] if the promised values are there, [`TableError::Stalled`] if readers hold up the grace
    /// periods of a thousand changes and more; nothing has changed then.
    pub fn create(&mut self, value: T, grace: &impl Grace) -> Result<u32, TableError> {
        if self.len == self.capacity {
            return Err(TableError::Full { capacity: self.capacity });
        }
        self.ids.reserve(1, grace)?;
        let version = self.versions.insert(value, grace)?;
        let id = self.ids.take().ok_or(ReadersStalled)?;
        self.current[id as usize].store(version, Ordering::Release);
        self.len += 1;
        Ok(id)
    }

    /// Gives an identifier a new value, which readers see at once and as a whole; whether there is the identifier.
    ///
    /// # Errors
    ///
    /// [`ReadersStalled`] if readers hold up the grace periods of a thousand changes and more; nothing has changed
    /// then.
    pub fn update(&mut self, id: u32, value: T, grace: &impl Grace) -> Result<bool, ReadersStalled> {
        let Some(old) = self.version(id) else {
            return Ok(false);
        };
        let new = self.versions.insert(value, grace)?;
        self.current[id as usize].store(new, Ordering::Release);
        self.versions.retire(old, grace);
        Ok(true)
    }

    /// Removes an identifier, which nothing that readers find may lead to any more; whether there was one.
    pub fn remove(&mut self, id: u32, grace: &impl Grace) -> bool {
        let Some(old) = self.version(id) else {
            return false;
        };
        self.current[id as usize].store(NONE, Ordering::Release);
        self.versions.retire(old, grace);
        self.ids.retire(id, grace);
        self.len -= 1;
        true
    }

    /// The value of an identifier.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<&T> {
        let version = self.version(id)?;
        // SAFETY: it is current, and versions are taken out of `current` before they are retired.
        Some(unsafe { self.versions.get(version) })
    }

    /// All identifiers with their values, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (1..self.ids.touched()).filter_map(|id| Some((id, self.get(id)?)))
    }

    /// Makes the memory of removed and replaced values available again, as far as no reader holds them. Cheap: the
    /// control thread calls it now and then.
    pub fn reclaim(&mut self, grace: &impl Grace) {
        self.versions.reclaim(grace);
        self.ids.reclaim(grace);
    }

    fn version(&self, id: u32) -> Option<u32> {
        let version = self.current.get(id as usize)?.load(Ordering::Relaxed);
        (version != NONE).then_some(version)
    }
}

/// A worker's view of a table of versions.
pub struct StableReader<T> {
    current: HugeArc<AtomicU32>,
    versions: SlabReader<T>,
}

impl<T> StableReader<T> {
    /// The current value of an identifier, which is the `absent` one if there is none.
    ///
    /// Only following the reference touches the value: a burst takes all its references first and
    /// [prefetches](super::prefetch) them.
    #[inline(always)]
    #[must_use]
    pub fn get<'s>(&'s self, section: &'s impl ReadSection, id: u32) -> &'s T {
        let version = self.current.get(id as usize).map_or(NONE, |version| version.load(Ordering::Acquire));
        // SAFETY: the version was loaded from where the writer publishes it, or is `NONE`, which has a value in this
        // slab. The writer replaces or clears it before it retires it.
        unsafe { self.versions.get(version, section) }
    }
}

impl<T> Clone for StableReader<T> {
    fn clone(&self) -> Self {
        Self { current: self.current.clone(), versions: self.versions.clone() }
    }
}
