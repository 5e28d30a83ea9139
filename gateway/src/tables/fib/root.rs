//! Where the lookups of a routing table start.

use zerocopy::FromZeros;

use super::address::{Address, STRIDE};
use super::node::{EMPTY_NODE, MAX_NODES};
use crate::tables::sync::{AtomicU32, AtomicU64, Ordering};

/// The deepest level that a tenant's root may be at: what three bits can say.
pub(super) const MAX_LEVEL: u8 = (1 << LEVEL_BITS) - 1;
const LEVEL_BITS: u32 = 3;

const _: () = assert!(MAX_NODES.trailing_zeros() + LEVEL_BITS == 32);

/// The root of a tenant's trie: its first node, and the bits that every prefix shares before. They are the
/// `level` × 4 first bits of `common`, the others are zero.
///
/// One word, so that a reader gets all of a root or all of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RootWord(u64);

impl RootWord {
    /// The root of no routes.
    pub(super) const EMPTY: Self = Self::new(0, 0, EMPTY_NODE);

    pub(super) const fn new(common: u32, level: u8, node: u32) -> Self {
        Self((common as u64) << 32 | (node as u64) << LEVEL_BITS | level as u64)
    }

    #[inline(always)]
    pub(super) const fn common(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[inline(always)]
    pub(super) const fn level(self) -> u8 {
        self.0 as u8 & MAX_LEVEL
    }

    /// The first bit that the node stands for.
    #[inline(always)]
    pub(super) const fn bit(self) -> u8 {
        self.level() * STRIDE
    }

    #[inline(always)]
    pub(super) const fn node(self) -> u32 {
        self.0 as u32 >> LEVEL_BITS
    }

    /// Whether an address begins with the common bits: no other has a route here but the default one.
    #[inline(always)]
    pub(super) fn covers(self, address: impl Address) -> bool {
        u64::from(address.top() ^ self.common()) >> (32 - self.bit()) == 0
    }

    /// The node for an address: the empty one if the address does not begin with the common bits.
    #[inline(always)]
    pub(super) fn node_for(self, address: impl Address) -> u32 {
        if self.covers(address) { self.node() } else { EMPTY_NODE }
    }
}

/// A routing table as readers see it. Zeroes are a table without routes.
#[derive(FromZeros)]
#[repr(C, align(16))]
pub(super) struct Vrf {
    word: AtomicU64,
    default: AtomicU32,
    /// 0 for the tenant shape, else one more than the number of the external array.
    array: AtomicU32,
}

impl Vrf {
    #[inline(always)]
    pub(super) fn root(&self) -> Root {
        Root {
            word: RootWord(self.word.load(Ordering::Acquire)),
            default: self.default.load(Ordering::Acquire),
            array: self.array.load(Ordering::Acquire),
        }
    }

    pub(super) fn set_word(&self, word: RootWord) {
        self.word.store(word.0, Ordering::Release);
    }

    pub(super) fn set_default(&self, value: u32) {
        self.default.store(value, Ordering::Release);
    }

    pub(super) fn set_array(&self, array: Option<u32>) {
        self.array.store(array.map_or(0, |number| number + 1), Ordering::Release);
    }
}

/// Where the lookups of one routing table start, to be kept by a reader that has several to do. It grows old: it is
/// for the burst it was loaded in, and answers wrongly after the reader's next quiescent state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Root {
    pub(super) word: RootWord,
    pub(super) default: u32,
    array: u32,
}

impl Root {
    /// The root of a table that does not exist.
    pub(super) const NONE: Self = Self { word: RootWord::EMPTY, default: 0, array: 0 };

    #[inline(always)]
    pub(super) const fn array(self) -> Option<u32> {
        self.array.checked_sub(1)
    }
}
