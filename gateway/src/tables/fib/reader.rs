use nvgw_types::VrfId;

use super::address::{Address, STRIDE};
use super::edit::{ARRAY_BITS, array_slot};
use super::node::{Entry, Node};
use super::root::{Root, RootWord, Vrf};
use crate::tables::arena::HugeArc;
use crate::tables::prefetch;
use crate::tables::sync::{AtomicU32, Ordering};

/// A worker's view of all routing tables.
///
/// It can be used at any time, but an answer is right only if no grace period elapses within the lookup, that is if
/// the worker reports quiescent states between lookups.
pub struct RoutesReader<A> {
    vrfs: HugeArc<Vrf>,
    arrays: HugeArc<AtomicU32>,
    nodes: HugeArc<Node>,
    family: std::marker::PhantomData<fn(A)>,
}

/// All routing tables as a burst works with them: where they lie, at hand in registers, whatever is written between two
/// lookups.
pub struct RoutesView<'r, A> {
    vrfs: &'r [Vrf],
    arrays: &'r [AtomicU32],
    nodes: &'r [Node],
    family: std::marker::PhantomData<fn(A)>,
}

impl<A> Clone for RoutesView<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for RoutesView<'_, A> {}

/// A lookup whose first entry is on its way from memory.
#[derive(Clone, Copy)]
pub struct Begun<'r> {
    first: &'r AtomicU32,
    /// The answer where the entries have none.
    default: u32,
    /// The first bit that the node behind the entry, if there is one, stands for.
    bit: u8,
}

/// A lookup under way. A burst of them advances together, so that memory answers all at once.
#[derive(Clone, Copy)]
pub struct Cursor<'r, A> {
    /// The entry to be read next, on its way from memory; `None` at the end.
    next: Option<&'r AtomicU32>,
    address: A,
    /// The first bit that the node behind `next`, if there is one, stands for.
    bit: u8,
    /// The value for what the trie says nothing about, and in the end the answer.
    value: u32,
}

impl<A: Address> RoutesReader<A> {
    pub(super) fn new(vrfs: HugeArc<Vrf>, arrays: HugeArc<AtomicU32>, nodes: HugeArc<Node>) -> Self {
        Self { vrfs, arrays, nodes, family: std::marker::PhantomData }
    }

    /// What a burst works with.
    #[inline(always)]
    #[must_use]
    pub fn view(&self) -> RoutesView<'_, A> {
        let Self { vrfs, arrays, nodes, family } = self;
        RoutesView { vrfs, arrays, nodes, family: *family }
    }

    /// As [`RoutesView::lookup`].
    #[inline(always)]
    #[must_use]
    pub fn lookup(&self, vrf: VrfId, address: A) -> u32 {
        self.view().lookup(vrf, address)
    }
}

impl<'r, A: Address> RoutesView<'r, A> {
    /// The value of the longest prefix of a routing table that covers an address, 0 if there is none.
    #[inline(always)]
    #[must_use]
    pub fn lookup(self, vrf: VrfId, address: A) -> u32 {
        self.lookup_from(self.root(vrf), address)
    }

    /// Where the lookups of a routing table start. A table that does not exist has no routes.
    #[inline(always)]
    #[must_use]
    pub fn root(self, vrf: VrfId) -> Root {
        self.vrfs.get(vrf.index()).map_or(Root::NONE, Vrf::root)
    }

    /// As [`lookup`](Self::lookup), from a root that was loaded before, in the same burst.
    #[inline(always)]
    #[must_use]
    pub fn lookup_from(self, root: Root, address: A) -> u32 {
        let (first, bit) = match root.array() {
            Some(array) => self.slot(array, address),
            // Most addresses that a tenant's VMs talk to lie outside: no entry is read for them.
            None if !root.word.covers(address) => return root.default,
            None => self.below(root.word, root.word.node(), address),
        };
        self.end(Begun { first, bit, default: root.default }, address)
    }

    /// Begins a lookup from a root that was loaded before, in the same burst: its first entry is brought near.
    #[inline(always)]
    #[must_use]
    pub fn begin(self, root: Root, address: A) -> Begun<'r> {
        let (first, bit) = self.first(root, address);
        prefetch(first);
        Begun { first, bit, default: root.default }
    }

    /// The answer of a lookup of this address that was begun before, in the same burst.
    #[inline(always)]
    #[must_use]
    pub fn end(self, Begun { first, mut bit, default }: Begun<'r>, address: A) -> u32 {
        let mut entry = Entry(first.load(Ordering::Acquire));
        // The last bits' nodes lead no further.
        while let Some(node) = entry.node() {
            if A::SKIPS && entry.is_skip() {
                (entry, bit) = self.node(node).pass(address);
                continue;
            }
            entry = Entry(self.entry(node, address, bit).load(Ordering::Acquire));
            bit = bit.wrapping_add(STRIDE);
        }
        if entry.0 == 0 { default } else { entry.0 }
    }

    /// Brings near where the lookups of a routing table start.
    #[inline(always)]
    pub fn prefetch_root(self, vrf: VrfId) {
        if let Some(vrf) = self.vrfs.get(vrf.index()) {
            prefetch(vrf);
        }
    }

    /// Brings the first entry of a lookup near.
    #[inline(always)]
    pub fn prefetch(self, vrf: VrfId, address: A) {
        self.prefetch_from(self.root(vrf), address);
    }

    /// As [`prefetch`](Self::prefetch), from a root that was loaded before, in the same burst.
    #[inline(always)]
    pub fn prefetch_from(self, root: Root, address: A) {
        prefetch(self.first(root, address).0);
    }

    /// Begins a lookup that is one of several.
    #[inline(always)]
    #[must_use]
    pub fn cursor(self, root: Root, address: A) -> Cursor<'r, A> {
        let Begun { first, default, bit } = self.begin(root, address);
        Cursor { next: Some(first), address, bit, value: default }
    }

    /// Reads the next entry of a lookup, and brings the one after near; whether there is one.
    #[inline(always)]
    pub fn advance(self, cursor: &mut Cursor<'r, A>) -> bool {
        let Some(next) = cursor.next else {
            return false;
        };
        let mut entry = Entry(next.load(Ordering::Acquire));
        if A::SKIPS
            && entry.is_skip()
            && let Some(node) = entry.node()
        {
            (entry, cursor.bit) = self.node(node).pass(cursor.address);
        }
        if let Some(node) = entry.node()
            && cursor.bit < A::BITS
        {
            let next = self.entry(node, cursor.address, cursor.bit);
            prefetch(next);
            cursor.next = Some(next);
            cursor.bit += STRIDE;
            return true;
        }
        cursor.next = None;
        if entry.0 != 0 {
            cursor.value = entry.0;
        }
        false
    }

    /// Brings all lookups to their ends, side by side.
    #[inline(always)]
    pub fn finish(self, cursors: &mut [Cursor<'r, A>]) {
        while cursors.iter_mut().fold(false, |more, cursor| self.advance(cursor) | more) {}
    }

    /// The first entry of a lookup, and the first bit that a node behind it stands for.
    #[inline(always)]
    fn first(self, root: Root, address: A) -> (&'r AtomicU32, u8) {
        match root.array() {
            Some(array) => self.slot(array, address),
            None => self.below(root.word, root.word.node_for(address), address),
        }
    }

    /// The entry of an address in an external array, and the first bit that a node behind it stands for.
    #[inline(always)]
    fn slot(self, array: u32, address: A) -> (&'r AtomicU32, u8) {
        // SAFETY: roots have numbers of arrays that exist, and the slot is within any array.
        (unsafe { self.arrays.get_unchecked(array_slot(array, address)) }, ARRAY_BITS)
    }

    /// The entry of an address in a root's first node, likewise.
    #[inline(always)]
    fn below(self, root: RootWord, node: u32, address: A) -> (&'r AtomicU32, u8) {
        (self.entry(node, address, root.bit()), root.bit() + STRIDE)
    }

    #[inline(always)]
    fn entry(self, node: u32, address: A, bit: u8) -> &'r AtomicU32 {
        &self.node(node).0[address.digit(bit)]
    }

    #[inline(always)]
    fn node(self, node: u32) -> &'r Node {
        // SAFETY: roots and entries never lead to anything but a node of this array.
        unsafe { self.nodes.get_unchecked(node as usize) }
    }
}

impl<A> Clone for RoutesReader<A> {
    fn clone(&self) -> Self {
        let Self { vrfs, arrays, nodes, family } = self;
        Self { vrfs: vrfs.clone(), arrays: arrays.clone(), nodes: nodes.clone(), family: *family }
    }
}

impl<A> Cursor<'_, A> {
    /// The answer, 0 if no prefix covers the address, once the lookup is at its end.
    #[inline(always)]
    #[must_use]
    pub const fn value(&self) -> u32 {
        self.value
    }
}
