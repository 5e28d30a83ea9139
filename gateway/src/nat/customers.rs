//! Customer addresses that hold ports: their public address, their blocks, and what their limits count.

use nvgw_types::{PublicId, VrfId};
use zerocopy::FromZeros;

use super::index::Index;
use crate::tables::hash::mix;
use crate::tables::{HugeBox, NONE, OutOfMemory};

/// A customer address with at least one block.
#[derive(Debug, Clone, Copy, FromZeros)]
#[repr(C, align(64))]
pub(super) struct Customer {
    vrf: u32,
    address: u32,
    /// The external VRF and the public address that it gets new ports of (RFC 4787 REQ-2, RFC 6888 REQ-2).
    pub(super) external: u32,
    pub(super) public: u32,
    public_id: u32,
    /// Its first block, and the first free record of a free one.
    pub(super) blocks: u32,
    /// Sessions now.
    pub(super) sessions: u32,
    /// Ports in use now, those that rest included.
    pub(super) ports: u32,
    /// A second, and how many sessions began in it.
    second: u32,
    begun: u32,
}

impl Customer {
    /// The tenant's VRF.
    pub(super) const fn vrf(&self) -> VrfId {
        VrfId(self.vrf)
    }

    /// Its address.
    pub(super) const fn address(&self) -> u32 {
        self.address
    }

    /// The identifier of its public address.
    pub(super) const fn public_id(&self) -> PublicId {
        PublicId(self.public_id)
    }

    /// Gives it another public address for its next ports.
    pub(super) const fn pair(&mut self, external: VrfId, address: u32, id: PublicId) {
        (self.external, self.public, self.public_id) = (external.0, address, id.0);
    }

    /// How many sessions began in a second.
    pub(super) const fn begun(&self, second: u64) -> u32 {
        if self.second == second as u32 { self.begun } else { 0 }
    }

    /// Counts one more.
    pub(super) const fn begin(&mut self, second: u64) {
        self.begun = self.begun(second).saturating_add(1);
        self.second = second as u32;
        self.sessions += 1;
    }
}

/// All of them.
pub(super) struct Customers {
    records: HugeBox<Customer>,
    index: Index,
    free: u32,
    touched: u32,
    seed: u64,
}

impl Customers {
    /// For as many as there may be sessions.
    pub(super) fn new(capacity: usize, seed: u64) -> Result<Self, OutOfMemory> {
        Ok(Self {
            records: HugeBox::zeroed(capacity + 1)?,
            index: Index::new(capacity)?,
            free: NONE,
            touched: NONE + 1,
            seed,
        })
    }

    /// A customer by tenant and address.
    pub(super) fn find(&self, vrf: VrfId, address: u32) -> Option<u32> {
        let is_it = |index| {
            let customer = self.get(index);
            customer.vrf == vrf.0 && customer.address == address
        };
        self.index.find(self.hash(vrf, address), is_it)
    }

    /// Adds one; `None` if there are no more than were promised.
    pub(super) fn add(&mut self, vrf: VrfId, address: u32) -> Option<u32> {
        let index = if self.free != NONE {
            let index = self.free;
            self.free = self.get(index).blocks;
            index
        } else if (self.touched as usize) < self.records.len() {
            self.touched += 1;
            self.touched - 1
        } else {
            return None;
        };
        *self.get_mut(index) = Customer { vrf: vrf.0, address, ..Customer::new_zeroed() };
        self.index.insert(self.hash(vrf, address), index);
        Some(index)
    }

    /// Forgets one that has no block.
    pub(super) fn remove(&mut self, index: u32) {
        let (vrf, address) = (self.get(index).vrf(), self.get(index).address);
        self.index.remove(self.hash(vrf, address), index);
        let free = self.free;
        self.get_mut(index).blocks = free;
        self.free = index;
    }

    pub(super) fn get(&self, index: u32) -> &Customer {
        &self.records[index as usize]
    }

    pub(super) fn get_mut(&mut self, index: u32) -> &mut Customer {
        &mut self.records[index as usize]
    }

    const fn hash(&self, vrf: VrfId, address: u32) -> u64 {
        mix((vrf.0 as u64) << 32 | address as u64, self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_address_of_two_tenants_is_two_customers() {
        let mut customers = Customers::new(2, 1).expect("memory");
        let one = customers.add(VrfId(1), 9).expect("room");
        let two = customers.add(VrfId(2), 9).expect("room");
        assert_eq!(customers.add(VrfId(3), 9), None);
        assert_eq!((customers.find(VrfId(1), 9), customers.find(VrfId(2), 9)), (Some(one), Some(two)));
        customers.remove(one);
        assert_eq!(customers.find(VrfId(1), 9), None);
        assert_eq!(customers.add(VrfId(3), 9), Some(one));
        assert_eq!((customers.find(VrfId(2), 9), customers.find(VrfId(3), 9)), (Some(two), Some(one)));
    }

    #[test]
    fn sessions_are_counted_by_the_second() {
        let mut customers = Customers::new(1, 1).expect("memory");
        let index = customers.add(VrfId(1), 9).expect("room");
        let customer = customers.get_mut(index);
        (0..3).for_each(|_| customer.begin(5));
        assert_eq!((customer.begun(5), customer.begun(6)), (3, 0));
        customer.begin(6);
        assert_eq!((customer.begun(6), customer.begun(5), customer.sessions), (1, 0, 4));
    }
}
