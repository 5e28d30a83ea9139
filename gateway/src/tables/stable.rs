//! Values with stable identifiers, such as ways out that many routes share: who knows the identifier sees the current
//! version, and an update, however large the value, is one store.

use super::TableError;
use super::arena::{HugeArc, OutOfMemory};
use super::grace::{Grace, ReadSection};
use super::pool::{IndexPool, ReadersStalled};
use super::slab::{NONE, SlabReader, SlabView, SlabWriter};
use super::sync::{AtomicU32, Ordering};

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

/// A table of versions as a burst works with it: where it lies, at hand in registers, whatever is written between two
/// lookups.
pub struct StableView<'t, T> {
    current: &'t [AtomicU32],
    versions: SlabView<'t, T>,
}

impl<T> StableReader<T> {
    /// What a burst works with.
    #[inline(always)]
    #[must_use]
    pub fn view(&self) -> StableView<'_, T> {
        StableView { current: &self.current, versions: self.versions.view() }
    }

    /// As [`StableView::get`].
    #[inline(always)]
    #[must_use]
    pub fn get<'s>(&'s self, section: &'s impl ReadSection, id: u32) -> &'s T {
        self.view().get(section, id)
    }
}

impl<'t, T> StableView<'t, T> {
    /// The current value of an identifier, which is the `absent` one if there is none.
    ///
    /// Only following the reference touches the value: a burst takes all its references first and
    /// [prefetches](super::prefetch) them.
    #[inline(always)]
    #[must_use]
    pub fn get<'s>(self, section: &'s impl ReadSection, id: u32) -> &'s T
    where
        't: 's,
    {
        let version = self.current.get(id as usize).map_or(NONE, |version| version.load(Ordering::Acquire));
        // SAFETY: the version was loaded from where the writer publishes it, or is `NONE`, which has a value in this
        // slab. The writer replaces or clears it before it retires it.
        unsafe { self.versions.get(version, section) }
    }
}

impl<T> Clone for StableView<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for StableView<'_, T> {}

impl<T> Clone for StableReader<T> {
    fn clone(&self) -> Self {
        Self { current: self.current.clone(), versions: self.versions.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::grace::LocalGrace;
    use crate::tables::storm::{patiently, storm};

    #[test]
    fn identifiers_keep_while_values_change() {
        let grace = LocalGrace::new();
        let mut local = grace.reader();
        let (mut table, reader) = stable(2, "absent").expect("memory");
        let first = table.create("one", &grace).expect("room");
        let second = table.create("two", &grace).expect("room");
        assert_ne!(first, second);
        assert_eq!(table.create("three", &grace), Err(TableError::Full { capacity: 2 }));
        assert_eq!(table.update(first, "uno", &grace), Ok(true));

        let section = local.section();
        assert_eq!((*reader.get(&section, first), *reader.get(&section, second)), ("uno", "two"));
        assert!(table.iter().eq([(first, &"uno"), (second, &"two")]));

        // The value goes at once, the identifier and the memory only after the section.
        assert!(table.remove(first, &grace));
        assert!(!table.remove(first, &grace));
        assert_eq!(table.update(first, "eins", &grace), Ok(false));
        assert_eq!((table.len(), table.get(first)), (1, None));
        assert_eq!(*reader.get(&section, first), "absent");
        let third = table.create("three", &grace).expect("room");
        assert_ne!(third, first);
    }

    #[test]
    fn what_no_value_was_created_for_is_absent() {
        let grace = LocalGrace::new();
        let mut local = grace.reader();
        let (table, reader) = stable(10, 99).expect("memory");
        let section = local.section();
        for id in [0, 1, u32::MAX] {
            assert_eq!(*reader.get(&section, id), 99);
            assert_eq!(table.get(id), None);
        }
    }

    #[test]
    fn readers_see_versions_in_order_and_whole() {
        const UPDATES: u64 = if cfg!(miri) { 300 } else { 100_000 };
        let grace = LocalGrace::new();
        let (mut table, reader) = stable(4, [0; 8]).expect("memory");
        let id = table.create([0_u64; 8], &grace).expect("room");
        storm(
            [(grace.reader(), 0), (grace.reader(), 0)],
            |(local, last)| {
                let section = local.section();
                let version = reader.get(&section, id);
                assert!(version[0] >= *last);
                *last = version[0];
                assert_eq!(*version, [*last; 8]);
            },
            || {
                for version in 1..=UPDATES {
                    assert_eq!(patiently(|| table.update(id, [version; 8], &grace)), Ok(true));
                }
            },
        );
        assert_eq!(table.get(id), Some(&[UPDATES; 8]));
    }
}
