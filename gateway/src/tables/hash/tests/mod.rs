mod capacity;
mod concurrent;
mod model;

use super::{Keyed, TableKey};

/// A key with so poor a hash that buckets overflow and tags collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Crowded(u32);

impl TableKey for Crowded {
    fn hash(&self, _seed: u64) -> u64 {
        let (home, tag) = (u64::from(self.0 % 3), u64::from(self.0 / 3 % 2));
        tag << 48 | home
    }
}

/// An entry that proves to be whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Checked {
    key: Crowded,
    version: u64,
    check: u64,
}

impl Checked {
    fn new(key: u32, version: u64) -> Self {
        Self { key: Crowded(key), version, check: Self::sum(key, version) }
    }

    fn sum(key: u32, version: u64) -> u64 {
        super::mix(key.into(), version)
    }

    fn is_whole(&self) -> bool {
        self.check == Self::sum(self.key.0, self.version)
    }
}

impl Keyed for Checked {
    type Key = Crowded;

    fn key(&self) -> Crowded {
        self.key
    }
}
