//! All routes as they were given: what the trie, which only knows the longest prefix of each address, cannot tell.

use std::collections::btree_map::{BTreeMap, Entry};

use nvgw_types::VrfId;

use super::address::Address;
use super::node::Leaf;

/// A prefix: the bits of `address` behind the first `length` are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Prefix<A> {
    pub(super) address: A,
    pub(super) length: u8,
}

/// The routes of all tables, in one map, since most tables have but a few.
pub(super) struct Rib<A>(BTreeMap<(VrfId, Prefix<A>), u32>);

impl<A: Address> Rib<A> {
    pub(super) fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, vrf: VrfId, prefix: Prefix<A>) -> Option<u32> {
        self.0.get(&(vrf, prefix)).copied()
    }

    /// A route's place, whether it is there or not.
    pub(super) fn entry(&mut self, vrf: VrfId, prefix: Prefix<A>) -> Entry<'_, (VrfId, Prefix<A>), u32> {
        self.0.entry((vrf, prefix))
    }

    pub(super) fn remove(&mut self, vrf: VrfId, prefix: Prefix<A>) -> Option<u32> {
        self.0.remove(&(vrf, prefix))
    }

    /// The routes of a table, in the order of their addresses, shorter prefixes first.
    pub(super) fn iter(&self, vrf: VrfId) -> impl Iterator<Item = (Prefix<A>, u32)> {
        let first = Prefix { address: A::default(), length: 0 };
        self.0
            .range((vrf, first)..)
            .take_while(move |((of, _), _)| *of == vrf)
            .map(|((_, prefix), &value)| (*prefix, value))
    }

    /// Forgets the routes of a table.
    pub(super) fn clear(&mut self, vrf: VrfId) {
        let prefixes: Vec<_> = self.iter(vrf).map(|(prefix, _)| prefix).collect();
        for prefix in prefixes {
            self.remove(vrf, prefix);
        }
    }

    /// The longest route that covers more than `prefix`, other than the default route.
    ///
    /// Among the routes that are not behind `prefix` cut to some length, the last one either covers it, and is the
    /// longest such, or parts from it at a bit that every cover ends before: cut there, and look again.
    pub(super) fn cover(&self, vrf: VrfId, prefix: Prefix<A>) -> Leaf {
        let mut length = prefix.length - 1;
        while length > 0 {
            let bound = Prefix { address: prefix.address.masked(length), length };
            let Some((&(of, last), &value)) = self.0.range(..=(vrf, bound)).next_back() else {
                break;
            };
            let shared = last.address.common_bits(prefix.address);
            if of != vrf || last.length == 0 {
                break;
            }
            if last.length <= shared.min(length) {
                return Leaf { value, length: last.length };
            }
            length = shared;
        }
        Leaf::default()
    }

    /// Bytes in use, as far as a map tells: its nodes are two thirds full.
    pub(super) fn memory_bytes(&self) -> usize {
        self.len() * size_of::<((VrfId, Prefix<A>), u32)>() * 3 / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VRF: VrfId = VrfId(3);

    fn prefix(address: u32, length: u8) -> Prefix<u32> {
        Prefix { address, length }
    }

    fn rib(routes: impl IntoIterator<Item = (VrfId, Prefix<u32>, u32)>) -> Rib<u32> {
        Rib(routes.into_iter().map(|(vrf, prefix, value)| ((vrf, prefix), value)).collect())
    }

    #[test]
    fn the_longest_cover_is_found_across_neighbours() {
        let rib = rib([
            (VrfId(2), prefix(0x0a00_0000, 7), 9),
            (VRF, prefix(0, 0), 1),
            (VRF, prefix(0x0a00_0000, 8), 2),
            (VRF, prefix(0x0a01_0000, 16), 3),
            (VRF, prefix(0x0a01_0100, 24), 4),
            (VRF, prefix(0x0a01_0180, 25), 5),
            (VRF, prefix(0x0a01_ff00, 24), 6),
        ]);
        let cover = |address, length| rib.cover(VRF, prefix(address, length));
        assert_eq!(cover(0x0a01_0180, 25), Leaf { value: 4, length: 24 });
        assert_eq!(cover(0x0a01_0200, 24), Leaf { value: 3, length: 16 });
        assert_eq!(cover(0x0a01_0000, 24), Leaf { value: 3, length: 16 });
        assert_eq!(cover(0x0aff_0000, 16), Leaf { value: 2, length: 8 });
        assert_eq!(cover(0x0a00_0000, 8), Leaf::default());
        assert_eq!(cover(0xffff_ffff, 32), Leaf::default());
        assert_eq!(rib.cover(VrfId(1), prefix(0x0a00_0000, 8)), Leaf::default());
    }

    #[test]
    fn a_table_is_listed_alone_and_in_order() {
        let rib = rib([2, 3, 4]
            .into_iter()
            .flat_map(|vrf| [(VrfId(vrf), prefix(0x8000_0000, 1), vrf), (VrfId(vrf), prefix(0, 0), vrf)]));
        let listed: Vec<_> = rib.iter(VRF).collect();
        assert_eq!(listed, [(prefix(0, 0), 3), (prefix(0x8000_0000, 1), 3)]);
    }
}
