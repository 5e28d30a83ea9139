//! Values that never change once they are published, in places that are used again after a grace period.

use std::mem::MaybeUninit;

use zerocopy::FromZeros;

use super::arena::{HugeArc, OutOfMemory};
use super::grace::{Grace, ReadSection};
use super::pool::{IndexPool, ReadersStalled, slack};
use super::sync::UnsafeCell;

/// The index of no value: what tables that refer to a slab hold in their empty places.
pub(crate) const NONE: u32 = 0;

#[derive(FromZeros)]
#[repr(transparent)]
struct Slot<T>(UnsafeCell<MaybeUninit<T>>);

// SAFETY: a slot is written by the only writer while no reader knows its index, and only read while one may.
unsafe impl<T: Send + Sync> Sync for Slot<T> {}

/// The only writer of a slab.
pub(super) struct SlabWriter<T> {
    slots: HugeArc<Slot<T>>,
    pool: IndexPool,
}

/// A reader of a slab.
pub(super) struct SlabReader<T> {
    slots: HugeArc<Slot<T>>,
}

/// Where the values of a slab lie.
pub(super) struct SlabView<'t, T> {
    slots: &'t [Slot<T>],
}

impl<T: Send + Sync> SlabWriter<T> {
    /// A slab for `capacity` values at a time, and some more that are retired.
    pub(super) fn new(capacity: usize) -> Result<Self, OutOfMemory> {
        const { assert!(!std::mem::needs_drop::<T>(), "retired values are forgotten, not dropped") };
        let len = capacity.saturating_add(1 + slack(capacity));
        let end = u32::try_from(len).map_err(|_| OutOfMemory::too_large::<T>(len))?;
        let slots = HugeArc::zeroed(len)?;
        Ok(Self { slots, pool: IndexPool::new(NONE + 1, end) })
    }

    /// A slab in which [`NONE`] is the index of a value as well, one that readers always find.
    pub(super) fn with_none(capacity: usize, value: T) -> Result<Self, OutOfMemory> {
        let slab = Self::new(capacity)?;
        // SAFETY: no reader has been made, and the pool never gives out this index.
        slab.slots[NONE as usize].0.with_mut(|slot| unsafe { (*slot).write(value) });
        Ok(slab)
    }

    pub(super) fn reader(&self) -> SlabReader<T> {
        SlabReader { slots: self.slots.clone() }
    }

    /// The number that all indices are below.
    pub(super) fn end(&self) -> u32 {
        self.slots.len() as u32
    }

    /// Puts `value` into a free place and returns its index, never [`NONE`], for the caller to publish.
    pub(super) fn insert(&mut self, value: T, grace: &impl Grace) -> Result<u32, ReadersStalled> {
        self.pool.reserve(1, grace)?;
        let index = self.pool.take().ok_or(ReadersStalled)?;
        // SAFETY: a free index is known to no reader: it never was, or a grace period has passed since it was
        // unpublished. `&mut self` keeps the writer's own references away.
        self.slots[index as usize].0.with_mut(|slot| unsafe { (*slot).write(value) });
        Ok(index)
    }

    /// Gives up the value at `index`, which the caller has unpublished.
    pub(super) fn retire(&mut self, index: u32, grace: &impl Grace) {
        self.pool.retire(index, grace);
    }

    pub(super) fn reclaim(&mut self, grace: &impl Grace) {
        self.pool.reclaim(grace);
    }

    /// The value at `index`.
    ///
    /// # Safety
    ///
    /// `index` came from [`insert`](Self::insert) and has not been retired.
    pub(super) unsafe fn get(&self, index: u32) -> &T {
        // SAFETY: the caller says that the place holds a value; only `&mut self` could write there again.
        self.slots[index as usize].0.with(|slot| unsafe { (*slot).assume_init_ref() })
    }
}

impl<T> SlabReader<T> {
    /// What a burst works with.
    #[inline(always)]
    pub(super) fn view(&self) -> SlabView<'_, T> {
        SlabView { slots: &self.slots }
    }
}

impl<'t, T> SlabView<'t, T> {
    /// The value at `index`. Following the reference is the first that touches the value's memory.
    ///
    /// # Safety
    ///
    /// In this very section, `index` was loaded, with acquire ordering, from where the writer of the slab published
    /// it with release ordering, and is not [`NONE`] (or has a value [all the same](SlabWriter::with_none)). The
    /// writer unpublishes before it retires, with a grace of the
    /// section's domain.
    #[inline(always)]
    pub(super) unsafe fn get<'s>(self, index: u32, _section: &'s impl ReadSection) -> &'s T
    where
        't: 's,
    {
        // SAFETY: every index of the writer is within the array.
        let slot = unsafe { self.slots.get_unchecked(index as usize) };
        // SAFETY: the value was written before the index was published, and its place is not written again until a
        // grace period that began after this section has elapsed, which is after `'s`.
        slot.0.with(|slot| unsafe { (*slot).assume_init_ref() })
    }
}

impl<T> Clone for SlabView<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SlabView<'_, T> {}

impl<T> Clone for SlabReader<T> {
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone() }
    }
}
