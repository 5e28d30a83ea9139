//! Changes to a trie, one store at a time, under the eyes of readers.

use std::cell::Cell;
use std::ops::RangeInclusive;

use super::address::{Address, STRIDE};
use super::node::{FANOUT, Leaf, Nodes, Says, Table};
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

    /// How many nodes [`insert`](Self::insert) would make.
    pub(super) fn missing<A: Address>(&self, mut at: At, prefix: Prefix<A>) -> usize {
        while prefix.length > at.end() {
            match self.table(at).get(at.slot(prefix.address)) {
                Says::Node(node) => at = at.child(node),
                Says::Leaf(_) => return (prefix.length - at.end()).div_ceil(STRIDE).into(),
            }
        }
        0
    }

    /// Makes `leaf` the answer of a prefix, from the table at `at` on, but for what longer prefixes answer. Nodes for
    /// it are reserved.
    pub(super) fn insert<A: Address>(&mut self, mut at: At, prefix: Prefix<A>, leaf: Leaf) {
        while prefix.length > at.end() {
            let slot = at.slot(prefix.address);
            match self.table(at).get(slot) {
                Says::Node(node) => at = at.child(node),
                Says::Leaf(inherited) => {
                    let node = self.nodes.create(inherited);
                    self.insert(at.child(node), prefix, leaf);
                    self.table(at).set_node(slot, node);
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
        let Says::Node(node) = self.table(at).get(slot) else {
            unreachable!("the nodes of a route stay as long as the route");
        };
        self.remove(at.child(node), prefix, cover, grace);
        if let Some(leaf) = self.nodes.table(node).uniform(at.end()) {
            self.table(at).set_leaf(slot, leaf);
            self.nodes.retire(node, grace);
        }
    }

    /// Makes everything below an array answer "no route".
    pub(super) fn clear_array(&mut self, array: u32, grace: &impl Grace) {
        for slot in 0..ARRAY_LEN {
            let table = self.table(At::Array(array));
            if table.is_used(slot) {
                let said = table.get(slot);
                table.set_leaf(slot, Leaf::default());
                if let Says::Node(node) = said {
                    self.nodes.retire_tree(node, grace);
                }
            }
        }
    }

    /// The answer for an address.
    pub(super) fn lookup<A: Address>(&self, mut at: At, address: A) -> Leaf {
        loop {
            match self.table(at).get(at.slot(address)) {
                Says::Node(node) => at = at.child(node),
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
                Says::Leaf(old) if lengths.contains(&old.length) => table.set_leaf(slot, leaf),
                Says::Leaf(_) => {}
            }
        }
    }
}
