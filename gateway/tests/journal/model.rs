//! Batches that follow from their number alone, and what they lead to: the killed process and the one that judges
//! it make the same ones.

use std::collections::BTreeMap;

use gateway::journal::Batch;

pub(crate) type Entries = BTreeMap<String, Vec<u8>>;

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// The batch that leads to `generation`: its stamp at three places far from each other, and some of 2,000 keys
/// written, overwritten or removed.
pub(crate) fn batch(generation: u64) -> Batch {
    let mut random = Random(generation);
    let stamp = |place: &str| (format!("{place}/stamp"), Some(generation.to_string().into_bytes()));
    let mut writes = ["a", "lookup/5001", "z"].map(stamp).to_vec();
    for _ in 0..random.below(60) {
        let key = format!("lookup/{}/10.0.1.{}", 5000 + random.below(20), random.below(100));
        let value = (random.below(3) > 0).then(|| {
            let length = random.below(200) as usize;
            format!("{generation}:{}", "x".repeat(length)).into_bytes()
        });
        writes.push((key, value));
    }
    Batch { generation, writes }
}

/// Makes the batch's writes.
pub(crate) fn apply(entries: &mut Entries, batch: &Batch) {
    for (key, value) in &batch.writes {
        match value {
            Some(value) => drop(entries.insert(key.clone(), value.clone())),
            None => drop(entries.remove(key)),
        }
    }
}
