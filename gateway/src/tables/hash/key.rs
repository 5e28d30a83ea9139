use nvgw_types::Vsid;

/// An entry of a hash table, which knows its key.
pub trait Keyed: Send + Sync + 'static {
    /// What it is found by.
    type Key: TableKey;

    /// The key. It never changes.
    fn key(&self) -> Self::Key;
}

/// A key of a hash table.
pub trait TableKey: Copy + Eq {
    /// A hash in which every bit depends on all bits of the key and of the table's secret `seed`.
    fn hash(&self, seed: u64) -> u64;
}

/// Mixes two words into one: both halves of their 128-bit product, folded.
///
/// A word of zeroes is as good as any other, since neither enters the product as it is.
#[inline(always)]
#[must_use]
pub const fn mix(a: u64, b: u64) -> u64 {
    let product = (a ^ 0xa076_1d64_78bd_642f) as u128 * (b ^ 0xe703_7ed1_a0b4_28db) as u128;
    (product >> 64) as u64 ^ product as u64
}

impl TableKey for u32 {
    #[inline(always)]
    fn hash(&self, seed: u64) -> u64 {
        mix(u64::from(*self) ^ seed, seed.rotate_left(32))
    }
}

impl TableKey for Vsid {
    #[inline(always)]
    fn hash(&self, seed: u64) -> u64 {
        self.get().hash(seed)
    }
}
