//! Entries and nodes: what readers walk, and what the writer alone knows about it.

use std::arch::x86_64::{_mm_testz_si128, _mm_xor_si128};
use std::cell::Cell;

use zerocopy::FromZeros;

use super::address::{Address, STRIDE, WORDS};
use crate::tables::arena::{HugeArc, HugeBox, OutOfMemory};
use crate::tables::grace::Grace;
use crate::tables::pool::{IndexPool, ReadersStalled, slack};
use crate::tables::sync::{AtomicU32, Ordering, load_four};

/// Entries of a node.
pub(super) const FANOUT: usize = 1 << STRIDE;

/// The node that says "no route" for everything: the root of tables without routes. It never changes.
pub(super) const EMPTY_NODE: u32 = 0;

/// Nodes are numbered by what a root word has room for.
pub(super) const MAX_NODES: usize = 1 << 29;

/// One cache line: the entries of four bits of an address.
#[derive(FromZeros)]
#[repr(C, align(64))]
pub(super) struct Node(pub(super) [AtomicU32; FANOUT]);

const _: () = assert!(size_of::<Node>() == 64);

/// A node that is read as a run of bits that lookups skip, since all prefixes behind agree in them: words of the address
/// that has them, the bit behind the last of them, what is said for addresses without them, and the node for those with
/// them. But for what is said without, it never changes.
mod skip {
    use super::WORDS;

    pub(super) const END: usize = WORDS;
    pub(super) const OTHER: usize = WORDS + 1;
    pub(super) const NODE: usize = WORDS + 2;
}

impl Node {
    /// The next entry of a lookup that comes upon this node, a run of bits to be skipped, and the first bit that a node
    /// behind the entry stands for.
    #[inline(always)]
    pub(super) fn pass<A: Address>(&self, address: A) -> (Entry, u8) {
        // What the entry that led here was stored after.
        let word = |at: usize| self.0[at].load(Ordering::Relaxed);
        let end = word(skip::END) as u8;
        if starts_as(self.0.first_chunk().expect("a node has more"), address, end) {
            (Entry(word(skip::NODE)), end)
        } else {
            (Entry(self.0[skip::OTHER].load(Ordering::Acquire)), end)
        }
    }
}

/// Whether an address has the first `length` bits, a multiple of four below 128, of the one whose words are given.
#[inline(always)]
fn starts_as<A: Address>(words: &[AtomicU32; WORDS], address: A, length: u8) -> bool {
    const MASKS: [u128; 32] = {
        let mut masks = [0; 32];
        let mut digits = 1;
        while digits < masks.len() {
            masks[digits] = u128::MAX << (128 - digits * STRIDE as usize);
            digits += 1;
        }
        masks
    };
    let mask = zerocopy::transmute!(MASKS[usize::from(length / STRIDE) % MASKS.len()]);
    let address = zerocopy::transmute!(address.words());
    // SAFETY: SSE4.1 is part of x86-64-v2, which all of this is compiled for.
    unsafe { _mm_testz_si128(_mm_xor_si128(load_four(words), address), mask) == 1 }
}

/// A run of bits that lookups skip, as the writer knows it.
#[derive(Clone, Copy)]
pub(super) struct Skip<A> {
    /// An address that has the bits.
    pub(super) common: A,
    /// The bit behind the last of them, a multiple of four.
    pub(super) end: u8,
    /// The answer for addresses that do not have them.
    pub(super) other: Leaf,
    /// The node for those that do.
    pub(super) node: u32,
}

/// An entry: 0 for no route, a value of 31 bits, or the number of a node with the highest bit set, and the next one for a
/// run of bits to be skipped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry(pub(super) u32);

impl Entry {
    const NODE: u32 = 1 << 31;
    const SKIP: u32 = 1 << 30;

    pub(super) const fn to_node(node: u32) -> Self {
        Self(Self::NODE | node)
    }

    const fn to_skip(node: u32) -> Self {
        Self(Self::NODE | Self::SKIP | node)
    }

    /// The node it leads to, if it does not end the lookup.
    #[inline(always)]
    pub(super) const fn node(self) -> Option<u32> {
        if self.0 & Self::NODE == 0 { None } else { Some(self.0 & !(Self::NODE | Self::SKIP)) }
    }

    /// Whether the node that it leads to is a run of bits.
    #[inline(always)]
    pub(super) const fn is_skip(self) -> bool {
        self.0 & Self::SKIP != 0
    }
}

/// The end of a lookup as the writer knows it: a value and the length of its prefix, both 0 for no route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Leaf {
    pub(super) value: u32,
    pub(super) length: u8,
}

/// In place of a leaf's length: the entry leads to a node.
const LEADS_ON: u8 = u8::MAX;

/// Entries side by side, a node or the array of an external root, with the lengths of their leaves. Readers know but
/// the entries.
#[derive(Clone, Copy)]
pub(super) struct Table<'t> {
    entries: &'t [AtomicU32],
    lengths: &'t [Cell<u8>],
}

/// What an entry says.
#[derive(Clone, Copy)]
pub(super) enum Says {
    /// Ask that node.
    Node(u32),
    /// That node is a run of bits to be skipped.
    Skip(u32),
    /// This is the answer.
    Leaf(Leaf),
}

impl<'t> Table<'t> {
    pub(super) fn new(entries: &'t [AtomicU32], lengths: &'t [Cell<u8>]) -> Self {
        Self { entries, lengths }
    }

    pub(super) fn get(self, slot: usize) -> Says {
        let entry = Entry(self.entries[slot].load(Ordering::Relaxed));
        match entry.node() {
            Some(node) if entry.is_skip() => Says::Skip(node),
            Some(node) => Says::Node(node),
            None => Says::Leaf(Leaf { value: entry.0, length: self.lengths[slot].get() }),
        }
    }

    pub(super) fn set_leaf(self, slot: usize, leaf: Leaf) {
        self.entries[slot].store(leaf.value, Ordering::Release);
        self.lengths[slot].set(leaf.length);
    }

    pub(super) fn set_node(self, slot: usize, node: u32) {
        self.set_entry(slot, Entry::to_node(node));
    }

    pub(super) fn set_skip(self, slot: usize, node: u32) {
        self.set_entry(slot, Entry::to_skip(node));
    }

    fn set_entry(self, slot: usize, entry: Entry) {
        self.entries[slot].store(entry.0, Ordering::Release);
        self.lengths[slot].set(LEADS_ON);
    }

    /// Whether the entry says anything but "no route".
    pub(super) fn is_used(self, slot: usize) -> bool {
        self.lengths[slot].get() != 0
    }

    /// The one leaf that could stand for the whole table, which begins at bit `base`: no prefix ends within.
    pub(super) fn uniform(self, base: u8) -> Option<Leaf> {
        if self.lengths.iter().any(|length| length.get() > base) {
            return None;
        }
        match self.get(0) {
            Says::Leaf(leaf) => Some(leaf),
            Says::Node(_) | Says::Skip(_) => None,
        }
    }

    /// The one entry that leads on, if all others say the same, of a prefix of no more than `base` bits; and what they
    /// say.
    pub(super) fn only_way(self, base: u8) -> Option<(usize, Leaf)> {
        let mut ways = (0..self.lengths.len()).filter(|&slot| self.lengths[slot].get() == LEADS_ON);
        let way = ways.next()?;
        if ways.next().is_some()
            || self.lengths.iter().enumerate().any(|(slot, length)| slot != way && length.get() > base)
        {
            return None;
        }
        match self.get(usize::from(way == 0)) {
            Says::Leaf(leaf) => Some((way, leaf)),
            Says::Node(_) | Says::Skip(_) => None,
        }
    }

    /// The node it leads to, if that is all it says.
    pub(super) fn only_child(self) -> Option<(usize, u32)> {
        let mut used = (0..self.lengths.len()).filter(|&slot| self.is_used(slot));
        match (used.next().map(|slot| (slot, self.get(slot))), used.next()) {
            (Some((slot, Says::Node(node))), None) => Some((slot, node)),
            _ => None,
        }
    }
}

/// All nodes, and which are free.
pub(super) struct Nodes {
    nodes: HugeArc<Node>,
    /// The lengths of each node's leaves, which lookups do not need.
    lengths: HugeBox<[Cell<u8>; FANOUT]>,
    pool: IndexPool,
}

impl Nodes {
    /// Room for `capacity` nodes at a time.
    pub(super) fn new(capacity: usize) -> Result<Self, OutOfMemory> {
        let count = capacity.saturating_add(1 + slack(capacity));
        if count > MAX_NODES {
            return Err(OutOfMemory::too_large::<Node>(count));
        }
        let nodes = HugeArc::zeroed(count)?;
        let lengths = HugeBox::zeroed(count)?;
        Ok(Self { nodes, lengths, pool: IndexPool::new(EMPTY_NODE + 1, count as u32) })
    }

    pub(super) fn shared(&self) -> HugeArc<Node> {
        self.nodes.clone()
    }

    pub(super) fn table(&self, node: u32) -> Table<'_> {
        Table::new(&self.nodes[node as usize].0, &self.lengths[node as usize])
    }

    /// Makes sure that the next `count` calls of [`create`](Self::create) succeed.
    pub(super) fn reserve(&mut self, count: usize, grace: &impl Grace) -> Result<(), ReadersStalled> {
        self.pool.reserve(count, grace)
    }

    /// A node that says `leaf` for everything, from those reserved.
    pub(super) fn create(&mut self, leaf: Leaf) -> u32 {
        let node = self.pool.take().expect("nodes are reserved before a change begins");
        let table = self.table(node);
        (0..FANOUT).for_each(|slot| table.set_leaf(slot, leaf));
        node
    }

    /// A run of bits to be skipped, from the nodes that are reserved.
    pub(super) fn create_skip<A: Address>(&mut self, skip: Skip<A>) -> u32 {
        debug_assert!(skip.end < A::BITS, "a node comes behind");
        let node = self.pool.take().expect("nodes are reserved before a change begins");
        let words = &self.nodes[node as usize].0;
        let set = |at: usize, value: u32| words[at].store(value, Ordering::Relaxed);
        for (at, word) in skip.common.masked(skip.end).words().into_iter().enumerate() {
            set(at, word);
        }
        set(skip::END, skip.end.into());
        set(skip::NODE, Entry::to_node(skip.node).0);
        self.set_other(node, skip.other);
        node
    }

    /// Changes what a run of bits says for addresses that do not have them.
    pub(super) fn set_other(&self, skip: u32, leaf: Leaf) {
        self.table(skip).set_leaf(skip::OTHER, leaf);
    }

    /// What a run of bits says.
    pub(super) fn skip<A: Address>(&self, skip: u32) -> Skip<A> {
        let words = &self.nodes[skip as usize].0;
        let get = |at: usize| words[at].load(Ordering::Relaxed);
        Skip {
            common: A::of_words([get(0), get(1), get(2), get(3)]),
            end: get(skip::END) as u8,
            other: Leaf { value: get(skip::OTHER), length: self.lengths[skip as usize][skip::OTHER].get() },
            node: Entry(get(skip::NODE)).node().unwrap_or(EMPTY_NODE),
        }
    }

    /// Gives up a node that nothing leads to any more.
    pub(super) fn retire(&mut self, node: u32, grace: &impl Grace) {
        self.pool.retire(node, grace);
    }

    /// Gives up a node that nothing leads to any more, and all below.
    pub(super) fn retire_tree(&mut self, node: u32, grace: &impl Grace) {
        for slot in 0..FANOUT {
            self.retire_behind(self.table(node).get(slot), grace);
        }
        self.retire(node, grace);
    }

    /// Gives up all that an entry led to, which says something else now.
    pub(super) fn retire_behind(&mut self, said: Says, grace: &impl Grace) {
        match said {
            Says::Node(node) => self.retire_tree(node, grace),
            Says::Skip(skip) => {
                // The node is the same for addresses of either family.
                self.retire_tree(self.skip::<u128>(skip).node, grace);
                self.retire(skip, grace);
            }
            Says::Leaf(_) => {}
        }
    }

    pub(super) fn reclaim(&mut self, grace: &impl Grace) {
        self.pool.reclaim(grace);
    }

    /// Bytes that have been touched.
    pub(super) fn memory_bytes(&self) -> usize {
        self.pool.touched() as usize * size_of::<(Node, [u8; FANOUT])>()
    }
}

#[cfg(test)]
impl Nodes {
    pub(super) fn in_use(&self) -> usize {
        self.pool.in_use()
    }
}
