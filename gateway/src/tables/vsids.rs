//! A table found by VSID: an array with a place for each of the 2^24, and the entries behind it.
//!
//! VSIDs are few bits, and operators give them out in ranges: a lookup that needs no hash and compares no key reads one
//! word, which shares a cache line with seven neighbours. The word says which VRF the VSID belongs to, so that a burst can
//! ask ahead for what it looks up there before it has the entries. The array takes 128 MiB of address space, and memory
//! where VSIDs are in use: 4 KiB for 512 neighbours, or a huge page for 262,144.
//!
//! # Readers and the writer
//!
//! A place holds the index of an entry in a slab, or [`NONE`], and the entry's VRF. The writer stores both as one word with
//! release ordering once the entry is complete, and stores another one, or `NONE`, before it retires the entry: a lookup
//! finds the entry as it was before or as it is after, and may refer to it until its section ends.

use std::collections::BTreeMap;

use nvgw_types::{VrfId, Vsid};

use super::arena::{HugeArc, OutOfMemory};
use super::grace::{Grace, ReadSection};
use super::hash::{Keyed, Upserted};
use super::slab::{NONE, SlabReader, SlabView, SlabWriter};
use super::sync::{AtomicU64, Ordering};
use super::{TableError, prefetch};

/// One place for each VSID.
const PLACES: usize = 1 << 24;

/// An entry of a table found by VSID.
pub trait OfVsid: Keyed<Key = Vsid> {
    /// The VRF that the VSID belongs to.
    fn vrf(&self) -> VrfId;
}

/// What a place holds: 0 for nothing.
#[derive(Clone, Copy)]
struct Place(u64);

impl Place {
    const EMPTY: Self = Self::new(NONE, VrfId(0));

    const fn new(index: u32, vrf: VrfId) -> Self {
        Self((index as u64) << 32 | vrf.0 as u64)
    }

    #[inline(always)]
    const fn index(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[inline(always)]
    const fn vrf(self) -> VrfId {
        VrfId(self.0 as u32)
    }
}

/// A worker's view of a table.
pub struct VsidReader<T> {
    places: HugeArc<AtomicU64>,
    entries: SlabReader<T>,
}

/// A table as a burst works with it: where it lies, at hand in registers, whatever is written between two lookups.
///
/// [`get`](Self::get) is for those who look at the entry at once. A burst [locates](Self::locate) the entries of all its
/// packets before it looks at any, so that memory works while the processor does.
pub struct VsidView<'t, T> {
    places: &'t [AtomicU64],
    entries: SlabView<'t, T>,
}

impl<T: Send + Sync> VsidReader<T> {
    /// What a burst works with.
    #[inline(always)]
    #[must_use]
    pub fn view(&self) -> VsidView<'_, T> {
        VsidView { places: &self.places, entries: self.entries.view() }
    }

    /// The VSID's entry.
    #[inline(always)]
    #[must_use]
    pub fn get<'s>(&'s self, section: &'s impl ReadSection, vsid: Vsid) -> Option<&'s T> {
        self.view().get(section, vsid)
    }
}

impl<'t, T: Send + Sync> VsidView<'t, T> {
    /// The VSID's entry, which is brought near, and its VRF. Nothing has read the entry yet.
    #[inline(always)]
    #[must_use]
    pub fn locate<'s>(self, section: &'s impl ReadSection, vsid: Vsid) -> Option<(&'s T, VrfId)>
    where
        't: 's,
    {
        let place = self.place(vsid);
        let entry = self.entry(section, place)?;
        prefetch(entry);
        Some((entry, place.vrf()))
    }

    /// The VSID's entry.
    #[inline(always)]
    #[must_use]
    pub fn get<'s>(self, section: &'s impl ReadSection, vsid: Vsid) -> Option<&'s T>
    where
        't: 's,
    {
        self.entry(section, self.place(vsid))
    }

    #[inline(always)]
    fn place(self, vsid: Vsid) -> Place {
        // SAFETY: the masked number is below the number of places.
        let place = unsafe { self.places.get_unchecked(vsid.get() as usize & (PLACES - 1)) };
        Place(place.load(Ordering::Acquire))
    }

    #[inline(always)]
    fn entry<'s>(self, section: &'s impl ReadSection, place: Place) -> Option<&'s T>
    where
        't: 's,
    {
        if place.index() == NONE {
            return None;
        }
        // SAFETY: the index was loaded from where the writer publishes it, and is not `NONE`. The writer clears or
        // replaces it before it retires the entry.
        Some(unsafe { self.entries.get(place.index(), section) })
    }
}

impl<T> Clone for VsidView<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for VsidView<'_, T> {}

impl<T> Clone for VsidReader<T> {
    fn clone(&self) -> Self {
        Self { places: self.places.clone(), entries: self.entries.clone() }
    }
}

/// The only writer of a table.
pub struct VsidWriter<T> {
    places: HugeArc<AtomicU64>,
    entries: SlabWriter<T>,
    /// The index of each entry.
    indices: BTreeMap<Vsid, u32>,
    capacity: usize,
}

impl<T: OfVsid> VsidWriter<T> {
    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The number of entries there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The entry of a VSID.
    #[must_use]
    pub fn get(&self, vsid: Vsid) -> Option<&T> {
        self.indices.get(&vsid).map(|&index| self.entry(index))
    }

    /// Makes `value` the entry of its VSID. Readers see the old value, or none, and then the new one.
    ///
    /// # Errors
    ///
    /// [`TableError::Full`] if the VSID is new and the promised entries are there, [`TableError::Stalled`] if readers
    /// hold up the grace periods of a thousand changes and more; nothing has changed then.
    pub fn upsert(&mut self, value: T, grace: &impl Grace) -> Result<Upserted, TableError> {
        let (vsid, vrf) = (value.key(), value.vrf());
        let old = self.indices.get(&vsid).copied();
        if old.is_none() && self.len() == self.capacity {
            return Err(TableError::Full { capacity: self.capacity });
        }
        let index = self.entries.insert(value, grace)?;
        self.publish(vsid, Place::new(index, vrf));
        self.indices.insert(vsid, index);
        Ok(match old {
            Some(old) => {
                self.entries.retire(old, grace);
                Upserted::Replaced
            }
            None => Upserted::Inserted,
        })
    }

    /// Removes a VSID's entry; whether there was one.
    pub fn remove(&mut self, vsid: Vsid, grace: &impl Grace) -> bool {
        let Some(index) = self.indices.remove(&vsid) else {
            return false;
        };
        self.publish(vsid, Place::EMPTY);
        self.entries.retire(index, grace);
        true
    }

    /// Makes the memory of removed and replaced entries available again, as far as no reader holds them.
    pub fn reclaim(&mut self, grace: &impl Grace) {
        self.entries.reclaim(grace);
    }

    fn publish(&self, vsid: Vsid, place: Place) {
        self.places[vsid.get() as usize].store(place.0, Ordering::Release);
    }

    fn entry(&self, index: u32) -> &T {
        // SAFETY: the index is one of `indices`, from which an entry is taken before it is retired.
        unsafe { self.entries.get(index) }
    }
}

/// A table for `capacity` VSIDs, any VSIDs.
///
/// # Errors
/// If the system has not enough memory.
pub fn vsid_table<T: OfVsid>(capacity: usize) -> Result<(VsidWriter<T>, VsidReader<T>), OutOfMemory> {
    let entries = SlabWriter::new(capacity)?;
    let places = HugeArc::zeroed(PLACES)?;
    let reader = VsidReader { places: places.clone(), entries: entries.reader() };
    Ok((VsidWriter { places, entries, indices: BTreeMap::new(), capacity }, reader))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::tables::grace::LocalGrace;
    use crate::tables::storm::{patiently, storm};

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Named {
        vsid: Vsid,
        version: u64,
        /// What the two others make.
        sum: u64,
    }

    impl Named {
        fn new(vsid: Vsid, version: u64) -> Self {
            Self { vsid, version, sum: u64::from(vsid.get()) ^ version }
        }
    }

    impl Keyed for Named {
        type Key = Vsid;

        fn key(&self) -> Vsid {
            self.vsid
        }
    }

    impl OfVsid for Named {
        fn vrf(&self) -> VrfId {
            VrfId(!self.vsid.get() ^ self.version as u32)
        }
    }

    fn vsid(number: u32) -> Vsid {
        Vsid::new(number.into()).expect("a VSID")
    }

    #[test]
    fn takes_what_was_promised_and_no_more() {
        let grace = LocalGrace::new();
        let (mut writer, reader) = vsid_table::<Named>(3).expect("memory");
        let mut local = grace.reader();
        for number in [0, 5000, 0xff_ffff] {
            assert_eq!(writer.upsert(Named::new(vsid(number), 1), &grace), Ok(Upserted::Inserted));
        }
        let refused = writer.upsert(Named::new(vsid(5001), 1), &grace);
        assert_eq!(refused, Err(TableError::Full { capacity: 3 }));
        assert_eq!(writer.upsert(Named::new(vsid(5000), 2), &grace), Ok(Upserted::Replaced));
        let section = &local.section();
        for (number, version) in [(0, Some(1)), (5000, Some(2)), (0xff_ffff, Some(1)), (5001, None)] {
            assert_eq!(reader.get(section, vsid(number)).map(|named| named.version), version, "{number}");
        }
        assert!(writer.remove(vsid(0), &grace) && !writer.remove(vsid(0), &grace));
        assert_eq!(writer.upsert(Named::new(vsid(5001), 1), &grace), Ok(Upserted::Inserted));
    }

    proptest! {
        #[test]
        fn holds_what_a_map_would(changes in vec((0_u32..40, any::<bool>()), 0..200)) {
            let grace = LocalGrace::new();
            let mut local = grace.reader();
            let (mut writer, reader) = vsid_table::<Named>(40).expect("memory");
            let mut model = BTreeMap::new();
            for (version, (number, removed)) in changes.into_iter().enumerate() {
                // Neighbours, and VSIDs as far from each other as they can be.
                let vsid = vsid(if number < 20 { number } else { number * 0x6_0000 });
                let named = Named::new(vsid, version as u64);
                if removed {
                    prop_assert_eq!(writer.remove(vsid, &grace), model.remove(&vsid).is_some());
                } else {
                    writer.upsert(named, &grace).expect("room");
                    model.insert(vsid, named);
                }
                let section = local.section();
                prop_assert_eq!(reader.get(&section, vsid), model.get(&vsid));
                prop_assert_eq!(writer.get(vsid), model.get(&vsid));
                prop_assert_eq!(writer.len(), model.len());
            }
        }
    }

    #[test]
    fn readers_find_what_is_present_and_only_whole_entries() {
        const ALWAYS: u32 = 8;
        const ALL: u32 = 24;
        let rounds = if cfg!(miri) { 3 } else { 2000 };
        let grace = LocalGrace::new();
        let (mut writer, reader) = vsid_table::<Named>(ALL as usize).expect("memory");
        for number in 0..ALWAYS {
            writer.upsert(Named::new(vsid(number), 0), &grace).expect("room");
        }
        let oldest = AtomicU64::new(0);
        storm(
            [grace.reader(), grace.reader()],
            |local| {
                let oldest = oldest.load(Ordering::Acquire);
                let section = local.section();
                let located: Vec<_> =
                    (0..ALL).map(|number| (number, reader.view().locate(&section, vsid(number)))).collect();
                for (number, found) in located {
                    match found {
                        Some((named, vrf)) => {
                            assert_eq!(vrf, named.vrf());
                            assert_eq!(*named, Named::new(vsid(number), named.version));
                            assert!(number >= ALWAYS || named.version >= oldest);
                        }
                        None => assert!(number >= ALWAYS),
                    }
                }
            },
            || {
                for round in 1..=rounds {
                    for number in 0..ALL {
                        if number >= ALWAYS && (u64::from(number) + round).is_multiple_of(3) {
                            writer.remove(vsid(number), &grace);
                        } else {
                            patiently(|| writer.upsert(Named::new(vsid(number), round), &grace))
                                .expect("room");
                        }
                    }
                    oldest.store(round, Ordering::Release);
                }
            },
        );
    }
}
