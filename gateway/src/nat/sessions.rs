//! The session table: entries, and where they are found.

use std::ops;

use super::entry::{Entry, Kind};
use super::index::Index;
use crate::tables::entries::{Direction, Endpoint, Protocol};
use crate::tables::hash::mix;
use crate::tables::{HugeBox, NONE, OutOfMemory, prefetch};

/// A slab of entries and two indices. An entry is in one place of each index at most, so both together and the entry
/// itself are no more than 128 bytes a session: twice as many places as entries, rounded up to a power of two.
pub(super) struct Sessions {
    entries: HugeBox<Entry>,
    /// Mappings by customer's end; connections and permissions by mapping and remote end.
    inside: Index,
    /// Mappings by public end.
    outside: Index,
    free: u32,
    /// Entries below this have been used.
    touched: u32,
    used: u32,
    seed: u64,
}

impl Sessions {
    /// A table for `capacity` entries.
    pub(super) fn new(capacity: usize, seed: u64) -> Result<Self, OutOfMemory> {
        Ok(Self {
            // The first place is `NONE`'s, and never more than free.
            entries: HugeBox::zeroed(capacity + 1)?,
            inside: Index::new(capacity)?,
            outside: Index::new(capacity)?,
            free: NONE,
            touched: NONE + 1,
            used: 0,
            seed,
        })
    }

    /// The bytes it has, touched or not.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.entries) + self.inside.bytes() + self.outside.bytes()
    }

    /// Entries that are not free.
    pub(super) const fn used(&self) -> u32 {
        self.used
    }

    /// How many more entries there is room for.
    pub(super) fn room(&self) -> usize {
        self.entries.len() - 1 - self.used as usize
    }

    /// The number that all entries in use are below.
    pub(super) const fn end(&self) -> u32 {
        self.touched
    }

    /// The hash of an end: of a customer's inside, of a public one outside.
    #[inline(always)]
    pub(super) const fn hash(&self, direction: Direction, protocol: Protocol, end: Endpoint) -> u64 {
        let salt = match direction {
            Direction::Outbound => 0x9e37_79b9_7f4a_7c15,
            Direction::Inbound => 0xc2b2_ae3d_27d4_eb4f,
        };
        let address = (end.vrf.0 as u64) << 32 | end.address as u64;
        mix(address ^ self.seed, ((protocol as u64) << 16 | end.port as u64) ^ salt)
    }

    /// Brings near where an end is looked up.
    #[inline(always)]
    pub(super) fn prefetch(&self, direction: Direction, hash: u64) {
        self.index(direction).prefetch(hash);
    }

    /// The entry that is probably of a hash, brought near; or [`NONE`].
    #[inline(always)]
    pub(super) fn locate(&self, direction: Direction, hash: u64) -> u32 {
        let index = self.index(direction).first(hash);
        prefetch(&self.entries[index as usize]);
        index
    }

    #[inline(always)]
    const fn index(&self, direction: Direction) -> &Index {
        match direction {
            Direction::Outbound => &self.inside,
            Direction::Inbound => &self.outside,
        }
    }

    /// The mapping of a customer's end.
    pub(super) fn inside(&self, hash: u64, protocol: Protocol, customer: Endpoint) -> Option<u32> {
        self.inside.find(hash, |index| self[index].maps(protocol, customer))
    }

    /// The mapping behind a public end.
    pub(super) fn outside(&self, hash: u64, protocol: Protocol, public: Endpoint) -> Option<u32> {
        self.outside.find(hash, |index| self[index].unmaps(protocol, public))
    }

    /// The connection or the permission of a mapping toward a remote end.
    pub(super) fn child(&self, kind: Kind, mapping: u32, remote: (u32, u16)) -> Option<u32> {
        self.inside.find(self.child_hash(mapping, remote), |index| self[index].belongs(kind, mapping, remote))
    }

    const fn child_hash(&self, mapping: u32, remote: (u32, u16)) -> u64 {
        mix((mapping as u64) << 32 | remote.0 as u64, self.seed ^ (remote.1 as u64) << 32)
    }

    /// Adds a mapping, which is found from inside; `None` if there is no room. It is to be [exposed](Self::expose).
    pub(super) fn map(
        &mut self,
        protocol: Protocol,
        customer: Endpoint,
        public: Endpoint,
        owner: u32,
    ) -> Option<u32> {
        let index = self.take()?;
        self[index].map(protocol, customer, public, owner);
        self.inside.insert(self.hash(Direction::Outbound, protocol, customer), index);
        Some(index)
    }

    /// Makes a mapping one that is found from outside, too, by the hash of its public end. That is a look at far memory,
    /// which is best [brought near](Self::prefetch) some work before.
    pub(super) fn expose(&mut self, index: u32, hash: u64) {
        self.outside.insert(hash, index);
    }

    /// Takes a mapping out of both indices: its port rests.
    pub(super) fn unmap(&mut self, index: u32) {
        let (protocol, customer, public) =
            (self[index].protocol(), self[index].customer(), self[index].public());
        let inside = self.hash(Direction::Outbound, protocol, customer);
        let outside = self.hash(Direction::Inbound, protocol, public);
        self.inside.prefetch(inside);
        self.outside.prefetch(outside);
        self.inside.remove(inside, index);
        self.outside.remove(outside, index);
        self[index].kind = Kind::Resting;
    }

    /// Adds something to a mapping; `None` if there is no room.
    pub(super) fn add(&mut self, kind: Kind, mapping: u32, remote: (u32, u16)) -> Option<u32> {
        let index = self.take()?;
        let protocol = self[mapping].protocol();
        self[index].belong(kind, protocol, mapping, remote);
        self.inside.insert(self.child_hash(mapping, remote), index);
        self[mapping].children += 1;
        Some(index)
    }

    /// Removes what was added to a mapping.
    pub(super) fn remove(&mut self, index: u32) {
        let (mapping, remote) = (self[index].owner, self[index].remote());
        self.inside.remove(self.child_hash(mapping, remote), index);
        self[mapping].children -= 1;
        self.give(index);
    }

    /// Makes an entry free that is in no index and no time slot.
    pub(super) fn give(&mut self, index: u32) {
        let free = self.free;
        let entry = &mut self[index];
        entry.kind = Kind::Free;
        entry.next = free;
        self.free = index;
        self.used -= 1;
    }

    fn take(&mut self) -> Option<u32> {
        let index = if self.free != NONE {
            let index = self.free;
            self.free = self[index].next;
            index
        } else if (self.touched as usize) < self.entries.len() {
            self.touched += 1;
            self.touched - 1
        } else {
            return None;
        };
        self.used += 1;
        Some(index)
    }
}

impl ops::Index<u32> for Sessions {
    type Output = Entry;

    #[inline(always)]
    fn index(&self, index: u32) -> &Entry {
        &self.entries[index as usize]
    }
}

impl ops::IndexMut<u32> for Sessions {
    #[inline(always)]
    fn index_mut(&mut self, index: u32) -> &mut Entry {
        &mut self.entries[index as usize]
    }
}

#[cfg(test)]
mod tests {
    use nvgw_types::VrfId;

    use super::*;

    fn end(vrf: u32, port: u16) -> Endpoint {
        Endpoint { vrf: VrfId(vrf), address: 0x0a00_0001, port }
    }

    #[test]
    fn a_session_takes_128_bytes_at_most() {
        for capacity in [1000, 1024, 1025, 65_536, 1_000_000] {
            let sessions = Sessions::new(capacity, 1).expect("memory");
            // The place of `NONE` is no session's.
            let bytes = sessions.bytes() - size_of::<Entry>();
            assert!(bytes as f64 / capacity as f64 <= 128.0, "{capacity}: {bytes}");
        }
    }

    #[test]
    fn both_ends_lead_to_a_mapping_until_it_rests() {
        let mut sessions = Sessions::new(4, 1).expect("memory");
        let (customer, public) = (end(1, 40_000), end(2, 50_000));
        let index = sessions.map(Protocol::Udp, customer, public, 7).expect("room");
        let inside = sessions.hash(Direction::Outbound, Protocol::Udp, customer);
        let outside = sessions.hash(Direction::Inbound, Protocol::Udp, public);
        assert_eq!(sessions.locate(Direction::Outbound, inside), index);
        assert_eq!(sessions.inside(inside, Protocol::Udp, customer), Some(index));
        assert_eq!(sessions.outside(outside, Protocol::Udp, public), None);
        sessions.expose(index, outside);
        assert_eq!(sessions.outside(outside, Protocol::Udp, public), Some(index));
        assert_eq!(sessions.inside(inside, Protocol::Tcp, customer), None);
        assert_eq!(sessions.inside(inside, Protocol::Udp, end(3, 40_000)), None);
        sessions.unmap(index);
        assert_eq!(sessions.inside(inside, Protocol::Udp, customer), None);
        assert_eq!(sessions.outside(outside, Protocol::Udp, public), None);
        assert_eq!((sessions[index].public(), sessions.room()), (public, 3));
    }

    #[test]
    fn entries_are_used_again_and_no_more_than_there_is_room() {
        let mut sessions = Sessions::new(3, 1).expect("memory");
        let mapping = sessions.map(Protocol::Tcp, end(1, 1), end(2, 2), 7).expect("room");
        let connection = sessions.add(Kind::Connection, mapping, (9, 0)).expect("room");
        let permission = sessions.add(Kind::Permission, mapping, (9, 0)).expect("room");
        assert_eq!(sessions.add(Kind::Connection, mapping, (9, 80)), None);
        assert_eq!(sessions.child(Kind::Connection, mapping, (9, 0)), Some(connection));
        assert_eq!(sessions.child(Kind::Permission, mapping, (9, 0)), Some(permission));
        sessions.remove(connection);
        assert_eq!((sessions[mapping].children, sessions.used()), (1, 2));
        assert_eq!(sessions.child(Kind::Connection, mapping, (9, 0)), None);
        assert_eq!(sessions.add(Kind::Connection, mapping, (9, 80)), Some(connection));
    }
}
