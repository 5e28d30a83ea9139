//! Changes to a trie, one store at a time, under the eyes of readers.

use std::cell::Cell;
use std::ops::RangeInclusive;

use super::address::{Address, STRIDE};
use super::node::{FANOUT, Leaf, Nodes, Says, Skip, Table};
use super::rib::Prefix;
use crate::tables::arena::{HugeArc, HugeBox, OutOfMemory};
use crate::tables::grace::Grace;
use crate::tables::sync::AtomicU32;

/// Bits of an address that the array of an external table stands for.
pub(super) const ARRAY_BITS: u8 = 24;
const ARRAY_LEN: usize = 1 << ARRAY_BITS;

/// The place of an address in all arrays, by the number of its array.
#[inline(always)]
pub(super) fn array_slot(array: u32, address: impl Address) -> usize {
    (array as usize) << ARRAY_BITS | (address.top() >> (32 - ARRAY_BITS)) as usize
}

/// The arrays and nodes of all tries.
pub(super) struct Tries {
    arrays: HugeArc<AtomicU32>,
    array_lengths: HugeBox<Cell<u8>>,
    pub(super) nodes: Nodes,
}

/// A table of entries and its place in a trie.
#[derive(Clone, Copy)]
pub(super) enum At {
    /// The array with that number, at the first bit.
    Array(u32),
    /// A node that stands for the four bits from `bit` on.
    Node { node: u32, bit: u8 },
}

impl At {
    /// The first bit of an address behind the table.
    fn end(self) -> u8 {
        match self {
            Self::Array(_) => ARRAY_BITS,
            Self::Node { bit, .. } => bit + STRIDE,
        }
    }

    fn slot(self, address: impl Address) -> usize {
        match self {
            Self::Array(_) => array_slot(0, address),
            Self::Node { bit, .. } => address.digit(bit),
        }
    }

    /// The slots of a prefix that ends in the table.
    fn slots<A: Address>(self, prefix: Prefix<A>) -> RangeInclusive<usize> {
        let first = self.slot(prefix.address);
        first..=first + (1 << (self.end() - prefix.length)) - 1
    }

    /// What the entry of an address leads to, if it leads to `node`.
    fn child(self, node: u32) -> Self {
        Self::Node { node, bit: self.end() }
    }
}

impl Tries {
    pub(super) fn new(arrays: usize, nodes: usize) -> Result<Self, OutOfMemory> {
        Ok(Self {
            arrays: HugeArc::zeroed(arrays * ARRAY_LEN)?,
            array_lengths: HugeBox::zeroed(arrays * ARRAY_LEN)?,
            nodes: Nodes::new(nodes)?,
        })
    }

    pub(super) fn shared_arrays(&self) -> HugeArc<AtomicU32> {
        self.arrays.clone()
    }

    /// How many nodes [`insert`](Self::insert) would make at most.
    pub(super) fn missing<A: Address>(&self, mut at: At, prefix: Prefix<A>) -> usize {
        // A node, and a run of bits before it.
        const OWN: usize = 2;
        // Where the prefix parts from a run of bits: a node, and what is left of the run before and behind it.
        const PARTING: usize = 3;
        while prefix.length > at.end() {
            match self.table(at).get(at.slot(prefix.address)) {
                Says::Node(node) => at = at.child(node),
                Says::Skip(skip) => match self.behind(skip, prefix) {
                    Some(behind) => at = behind,
                    None => return PARTING + OWN,
                },
                Says::Leaf(_) if A::SKIPS => return OWN,
                Says::Leaf(_) => return (prefix.length - at.end()).div_ceil(STRIDE).into(),
            }
        }
        0
    }

    /// The table behind a run of bits, if a prefix has them: it may end there, and is then said by the whole table.
    fn behind<A: Address>(&self, skip: u32, prefix: Prefix<A>) -> Option<At> {
        let Skip { common, end, node, .. } = self.nodes.skip::<A>(skip);
        let has_them = prefix.length >= end && common.common_bits(prefix.address) >= end;
        has_them.then_some(At::Node { node, bit: end })
    }

    /// Lets the entry of an address in a table lead to a node that stands for the bits from `end` on, at once or by a
    /// run of bits.
    fn lead<A: Address>(&mut self, at: At, way: Skip<A>) {
        let slot = at.slot(way.common);
        if at.end() == way.end {
            self.table(at).set_node(slot, way.node);
        } else {
            let skip = self.nodes.create_skip(way);
            self.table(at).set_skip(slot, skip);
        }
    }

    /// Puts a node where a prefix parts from a run of bits, or ends among them. Every address has the answer it had.
    fn part<A: Address>(&mut self, at: At, skip: u32, prefix: Prefix<A>, grace: &impl Grace) {
        let run = self.nodes.skip::<A>(skip);
        let shared = run.common.common_bits(prefix.address);
        let bit = shared.min(prefix.length - 1) / STRIDE * STRIDE;
        let node = self.nodes.create(run.other);
        self.lead(At::Node { node, bit }, run);
        self.lead(at, Skip { end: bit, node, ..run });
        self.nodes.retire(skip, grace);
    }

    /// Makes `leaf` the answer of a prefix, from the table at `at` on, but for what longer prefixes answer. Nodes for
    /// it are reserved.
    pub(super) fn insert<A: Address>(
        &mut self,
        mut at: At,
        prefix: Prefix<A>,
        leaf: Leaf,
        grace: &impl Grace,
    ) {
        while prefix.length > at.end() {
            match self.table(at).get(at.slot(prefix.address)) {
                Says::Node(node) => at = at.child(node),
                Says::Skip(skip) => match self.behind(skip, prefix) {
                    Some(behind) => at = behind,
                    None => self.part(at, skip, prefix, grace),
                },
                Says::Leaf(other) => {
                    let end = if A::SKIPS { (prefix.length - 1) / STRIDE * STRIDE } else { at.end() };
                    let node = self.nodes.create(other);
                    // Complete before it is published.
                    self.insert(At::Node { node, bit: end }, prefix, leaf, grace);
                    self.lead(at, Skip { common: prefix.address, end, other, node });
                    return;
                }
            }
        }
        self.paint(at, at.slots(prefix), 0..=leaf.length, leaf);
    }

    /// Takes the answer of a prefix back, and gives its place to the one that covers it.
    pub(super) fn remove<A: Address>(&mut self, at: At, prefix: Prefix<A>, cover: Leaf, grace: &impl Grace) {
        if prefix.length <= at.end() {
            self.paint(at, at.slots(prefix), prefix.length..=prefix.length, cover);
            return;
        }
        let slot = at.slot(prefix.address);
        let (skip, node, bit) = match self.table(at).get(slot) {
            Says::Node(node) => (None, node, at.end()),
            Says::Skip(skip) => {
                let Skip { end, node, .. } = self.nodes.skip::<A>(skip);
                (Some(skip), node, end)
            }
            Says::Leaf(_) => unreachable!("the nodes of a route stay as long as the route"),
        };
        self.remove(At::Node { node, bit }, prefix, cover, grace);
        if let Some(leaf) = self.nodes.table(node).uniform(at.end()) {
            self.table(at).set_leaf(slot, leaf);
        } else if !(A::SKIPS && self.skip_over(at, At::Node { node, bit }, prefix.address, grace)) {
            return;
        }
        self.nodes.retire(node, grace);
        if let Some(skip) = skip {
            self.nodes.retire(skip, grace);
        }
    }

    /// Leads past a node in which prefixes do not part any more, if there is memory for a run of bits; whether it does.
    /// `path` has the bits before the node.
    fn skip_over<A: Address>(&mut self, at: At, node: At, path: A, grace: &impl Grace) -> bool {
        let bit = node.end() - STRIDE;
        let Some((way, other)) = self.table(node).only_way(at.end()) else { return false };
        // Without it the table is bigger, and right.
        if self.nodes.reserve(1, grace).is_err() {
            return false;
        }
        match self.table(node).get(way) {
            Says::Node(next) => {
                let common = path.masked(bit).with_digit(bit, way);
                self.lead(at, Skip { common, end: node.end(), other, node: next });
            }
            Says::Skip(skip) => {
                let run = self.nodes.skip::<A>(skip);
                // Else a prefix ends between the two.
                if run.other.length > at.end() {
                    return false;
                }
                self.lead(at, run);
                self.nodes.retire(skip, grace);
            }
            Says::Leaf(_) => return false,
        }
        true
    }

    /// Makes everything below an array answer "no route".
    pub(super) fn clear_array(&mut self, array: u32, grace: &impl Grace) {
        for slot in 0..ARRAY_LEN {
            let table = self.table(At::Array(array));
            if table.is_used(slot) {
                let said = table.get(slot);
                table.set_leaf(slot, Leaf::default());
                self.nodes.retire_behind(said, grace);
            }
        }
    }

    /// The answer for an address.
    pub(super) fn lookup<A: Address>(&self, mut at: At, address: A) -> Leaf {
        loop {
            match self.table(at).get(at.slot(address)) {
                Says::Node(node) => at = at.child(node),
                Says::Skip(skip) => match self.nodes.skip::<A>(skip) {
                    Skip { common, end, node, .. } if common.common_bits(address) >= end => {
                        at = At::Node { node, bit: end };
                    }
                    Skip { other, .. } => return other,
                },
                Says::Leaf(leaf) => return leaf,
            }
        }
    }

    /// Bytes that have been touched, if `arrays` arrays have.
    pub(super) fn memory_bytes(&self, arrays: usize) -> usize {
        arrays * ARRAY_LEN * (size_of::<AtomicU32>() + size_of::<u8>()) + self.nodes.memory_bytes()
    }

    pub(super) fn table(&self, at: At) -> Table<'_> {
        match at {
            At::Array(number) => {
                let all = number as usize * ARRAY_LEN..(number as usize + 1) * ARRAY_LEN;
                Table::new(&self.arrays[all.clone()], &self.array_lengths[all])
            }
            At::Node { node, .. } => self.nodes.table(node),
        }
    }

    /// Replaces the leaves of some lengths, in some slots and everything below.
    fn paint(&self, at: At, slots: RangeInclusive<usize>, lengths: RangeInclusive<u8>, leaf: Leaf) {
        let table = self.table(at);
        for slot in slots {
            match table.get(slot) {
                Says::Node(node) => self.paint(at.child(node), 0..=FANOUT - 1, lengths.clone(), leaf),
                Says::Skip(skip) => {
                    // Where nodes lie does not depend on the family.
                    let Skip { end: bit, other, node, .. } = self.nodes.skip::<u128>(skip);
                    if lengths.contains(&other.length) {
                        self.nodes.set_other(skip, leaf);
                    }
                    self.paint(At::Node { node, bit }, 0..=FANOUT - 1, lengths.clone(), leaf);
                }
                Says::Leaf(old) if lengths.contains(&old.length) => table.set_leaf(slot, leaf),
                Says::Leaf(_) => {}
            }
        }
    }
}
