//! Hash tables: VSIDs, lookup records and whatever else is found by a key.
//!
//! # Structure
//!
//! A power-of-two number of buckets of one cache line each: eight 16-bit tags, the eight indices of the entries in a
//! slab, and how many entries had to pass the bucket because it was full. An entry lives in the first bucket from
//! its home on that had room when it came, and never moves. A lookup compares all tags of a bucket at once, follows
//! the index of each that matches, and goes on to the next bucket only if something passed this one. There are twice
//! as many places as promised entries, so nearly every lookup touches one bucket and one entry.
//!
//! # Readers and the writer
//!
//! The writer changes a bucket in place while readers look at it. Why a reader finds every entry that is present
//! during its whole lookup, and never returns one that is not of its key:
//!
//! - Nothing moves, so the place of a present entry is constant. The half of the tags that holds its tag is rewritten
//!   when a neighbour comes or goes, in one store that keeps all other tags: every version has the entry's tag.
//! - The buckets that the entry passed count it from before it is published until after it is withdrawn: a lookup
//!   that starts at home gets to the entry's bucket.
//! - A tag only says where to look. Between reading the tags and reading an index, the place may have been emptied,
//!   or given to another entry: the index is then [`NONE`](super::slab::NONE) or another entry's, never garbage, and
//!   the comparison of the whole key tells. An index is loaded with acquire and stored with release ordering, so the
//!   entry behind it is complete.
//! - Replacing a value stores one index: a lookup returns the old value or the new one.
//! - If the key is removed and inserted again at another place, a lookup may pass the new place before the insertion
//!   and reach the old one after the removal, and miss. The key was absent for a moment within the lookup, and that
//!   is the moment it reports.
//! - A removed entry stays intact until the reader's section ends, and so does a place in the slab: an index that was
//!   loaded within a section means the same entry throughout.

mod bucket;
mod key;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use bucket::{Bucket, POSITIONS, tag_of};
pub use key::{Keyed, TableKey, mix};
pub use reader::{Candidate, HashReader, HashView};
pub use writer::{HashWriter, Upserted};

use super::arena::{HugeArc, OutOfMemory};
use super::slab::SlabWriter;

/// A table for `capacity` entries, any entries, whose keys are hashed with `seed`: a secret where others choose the
/// keys, a constant where runs must repeat.
///
/// # Errors
///
/// If the system has not enough memory.
pub fn hash_table<T: Keyed>(
    capacity: usize,
    seed: u64,
) -> Result<(HashWriter<T>, HashReader<T>), OutOfMemory> {
    let entries = SlabWriter::new(capacity)?;
    let buckets = HugeArc::<Bucket>::zeroed((2 * capacity).div_ceil(POSITIONS).next_power_of_two())?;
    let reader = HashReader::new(buckets.clone(), entries.reader(), seed);
    Ok((HashWriter::new(buckets, entries, capacity, seed), reader))
}
