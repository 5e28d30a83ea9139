use std::collections::btree_map::Entry;
use std::num::NonZeroU32;

use nvgw_types::VrfId;

use super::address::{Address, STRIDE};
use super::edit::{At, Tries};
use super::node::Leaf;
use super::reader::RoutesReader;
use super::rib::{Prefix, Rib};
use super::root::Vrf;
use super::{RouteError, RoutesOptions, Shape, tenant};
use crate::tables::arena::{HugeArc, OutOfMemory};
use crate::tables::grace::Grace;
use crate::tables::pool::IndexPool;

/// The only writer of all routing tables.
pub struct RoutesWriter<A> {
    vrfs: HugeArc<Vrf>,
    /// Which tables have been created.
    created: Vec<bool>,
    tries: Tries,
    /// The arrays of external tables.
    arrays: IndexPool,
    rib: Rib<A>,
    options: RoutesOptions,
}

impl<A: Address> RoutesWriter<A> {
    pub(super) fn new(options: RoutesOptions) -> Result<Self, OutOfMemory> {
        // Each route has at most a node for each stride of its prefix.
        let nodes = options.routes.saturating_mul((A::BITS / STRIDE).into());
        Ok(Self {
            vrfs: HugeArc::zeroed(options.vrfs)?,
            created: vec![false; options.vrfs],
            tries: Tries::new(options.external_vrfs, nodes)?,
            arrays: IndexPool::new(0, options.external_vrfs as u32),
            rib: Rib::new(),
            options,
        })
    }

    /// Another reader.
    #[must_use]
    pub fn reader(&self) -> RoutesReader<A> {
        RoutesReader::new(self.vrfs.clone(), self.tries.shared_arrays(), self.tries.nodes.shared())
    }

    /// Creates a routing table without routes.
    ///
    /// # Errors
    ///
    /// If it exists, or is more than the tables are sized for; nothing has changed then.
    pub fn create_vrf(&mut self, vrf: VrfId, shape: Shape, grace: &impl Grace) -> Result<(), RouteError> {
        let vrfs = self.options.vrfs;
        match self.created.get(vrf.index()) {
            None => return Err(RouteError::BeyondLimit { vrf, vrfs }),
            Some(true) => return Err(RouteError::VrfExists(vrf)),
            Some(false) => {}
        }
        let array = match shape {
            Shape::Tenant => None,
            Shape::External => {
                let limit = self.options.external_vrfs;
                // An array that was just given up may still be read.
                self.arrays.reserve(1, grace).map_err(|_| RouteError::NoExternal { limit })?;
                self.arrays.take()
            }
        };
        self.vrfs[vrf.index()].set_array(array);
        self.created[vrf.index()] = true;
        Ok(())
    }

    /// Removes a routing table with all its routes. Readers see them go one after the other.
    ///
    /// # Errors
    ///
    /// If it does not exist.
    pub fn remove_vrf(&mut self, vrf: VrfId, grace: &impl Grace) -> Result<(), RouteError> {
        let record = Self::record(&self.created, &self.vrfs, vrf)?;
        record.set_default(0);
        if let Some(array) = record.root().array() {
            record.set_array(None);
            self.tries.clear_array(array, grace);
            self.arrays.retire(array, grace);
        } else {
            tenant::clear(&mut self.tries, record, grace);
        }
        self.rib.clear(vrf);
        self.created[vrf.index()] = false;
        Ok(())
    }

    /// What a routing table is made for; `None` if it does not exist.
    #[must_use]
    pub fn shape(&self, vrf: VrfId) -> Option<Shape> {
        let record = Self::record(&self.created, &self.vrfs, vrf).ok()?;
        Some(if record.root().array().is_some() { Shape::External } else { Shape::Tenant })
    }

    /// Inserts a route, or gives it another value; returns the value it had. `address` is the prefix with zeroes behind
    /// its `length` bits.
    ///
    /// # Errors
    ///
    /// Nothing has changed after an error.
    pub fn insert(
        &mut self,
        vrf: VrfId,
        address: A,
        length: u8,
        value: NonZeroU32,
        grace: &impl Grace,
    ) -> Result<Option<NonZeroU32>, RouteError> {
        let record = Self::record(&self.created, &self.vrfs, vrf)?;
        if length > A::BITS || address.masked(length) != address {
            return Err(RouteError::NotAPrefix { length });
        }
        if value.get() >> 31 != 0 {
            return Err(RouteError::NotAValue);
        }
        let prefix = Prefix { address, length };
        let leaf = Leaf { value: value.get(), length };
        let full = self.rib.len() == self.options.routes;
        let known = self.rib.entry(vrf, prefix);
        if full && matches!(known, Entry::Vacant(_)) {
            return Err(RouteError::Full { capacity: self.options.routes });
        }
        if length == 0 {
            record.set_default(leaf.value);
        } else if let Some(array) = record.root().array() {
            let at = At::Array(array);
            let missing = self.tries.missing(at, prefix);
            self.tries.nodes.reserve(missing, grace)?;
            self.tries.insert(at, prefix, leaf, grace);
        } else {
            tenant::insert(&mut self.tries, record, prefix, leaf, grace)?;
        }
        Ok(match known {
            Entry::Vacant(place) => {
                place.insert(leaf.value);
                None
            }
            Entry::Occupied(mut old) => NonZeroU32::new(old.insert(leaf.value)),
        })
    }

    /// Removes a route; returns the value it had, `None` if there is no such route.
    pub fn remove(&mut self, vrf: VrfId, address: A, length: u8, grace: &impl Grace) -> Option<NonZeroU32> {
        let prefix = Prefix { address, length };
        let old = self.rib.remove(vrf, prefix)?;
        let record = &self.vrfs[vrf.index()];
        if length == 0 {
            record.set_default(0);
        } else {
            let cover = self.rib.cover(vrf, prefix);
            if let Some(array) = record.root().array() {
                self.tries.remove(At::Array(array), prefix, cover, grace);
            } else {
                tenant::remove(&mut self.tries, record, prefix, cover, grace);
            }
        }
        NonZeroU32::new(old)
    }

    /// The value of a route of exactly this prefix.
    #[must_use]
    pub fn get(&self, vrf: VrfId, address: A, length: u8) -> Option<NonZeroU32> {
        self.rib.get(vrf, Prefix { address, length }).and_then(NonZeroU32::new)
    }

    /// The route that an address takes: its prefix, as address and length, and its value.
    #[must_use]
    pub fn lookup(&self, vrf: VrfId, address: A) -> Option<(A, u8, NonZeroU32)> {
        let root = self.vrfs.get(vrf.index())?.root();
        let leaf = match root.array() {
            Some(array) => self.tries.lookup(At::Array(array), address),
            None => tenant::lookup(&self.tries, root.word, address),
        };
        let leaf = if leaf.value == 0 { Leaf { value: root.default, length: 0 } } else { leaf };
        Some((address.masked(leaf.length), leaf.length, NonZeroU32::new(leaf.value)?))
    }

    /// All routes of a table, in the order of their addresses, shorter prefixes first.
    pub fn iter(&self, vrf: VrfId) -> impl Iterator<Item = (A, u8, NonZeroU32)> {
        self.rib
            .iter(vrf)
            .filter_map(|(prefix, value)| Some((prefix.address, prefix.length, NonZeroU32::new(value)?)))
    }

    /// The number of routes in all tables.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rib.len()
    }

    /// Whether no table has a route.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rib.len() == 0
    }

    /// The number of routes there is room for, whatever their prefixes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.options.routes
    }

    /// Makes the memory of unlinked nodes available again, as far as no reader is on them. Cheap: the control thread
    /// calls it now and then.
    pub fn reclaim(&mut self, grace: &impl Grace) {
        self.tries.nodes.reclaim(grace);
        self.arrays.reclaim(grace);
    }

    /// Bytes in use, at most: what was reserved but never touched does not count, except within external tables.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.vrfs.len() * (size_of::<Vrf>() + size_of::<bool>())
            + self.tries.memory_bytes(self.arrays.touched() as usize)
            + self.rib.memory_bytes()
    }

    fn record<'v>(created: &[bool], vrfs: &'v [Vrf], vrf: VrfId) -> Result<&'v Vrf, RouteError> {
        match created.get(vrf.index()) {
            Some(true) => Ok(&vrfs[vrf.index()]),
            _ => Err(RouteError::NoVrf(vrf)),
        }
    }
}

#[cfg(test)]
impl<A: Address> RoutesWriter<A> {
    /// Nodes that are neither free nor retired.
    pub(super) fn nodes_in_use(&self) -> usize {
        self.tries.nodes.in_use()
    }
}
