//! What workers read and the control thread writes: lookup tables, routes and egresses, as containers that never
//! block a reader.
//!
//! Every container is split into a writer half, of which there is one, and a reader half that is cloned to each
//! worker. Writers change their table in place, entry by entry, with single atomic stores; what a reader may still
//! look at is retired and used again only after a [grace period](grace).

mod arena;
mod pool;
mod prefetch;
mod slab;
#[cfg(not(loom))]
mod sync;
// Models seal and forget what they touched.
#[cfg(loom)]
pub mod sync;

#[cfg(test)]
mod storm;

#[cfg(not(loom))]
pub mod entries;
#[cfg(not(loom))]
pub mod exchange;
pub mod fib;
pub mod grace;
pub mod hash;
#[cfg(not(loom))]
pub mod interfaces;
#[cfg(not(loom))]
pub mod set;
pub mod stable;
pub mod vsids;

pub(crate) use arena::HugeBox;
pub use arena::OutOfMemory;
pub use fib::{RouteError, RoutesOptions, RoutesReader, RoutesView, RoutesWriter, Shape, routes};
pub use grace::{Grace, ReadSection};
pub use hash::{HashReader, HashView, HashWriter, Keyed, TableKey, Upserted, hash_table};
pub use pool::ReadersStalled;
pub use prefetch::{prefetch, prefetch_front};
pub(crate) use slab::NONE;
pub use stable::{StableReader, StableView, StableWriter, stable};
pub use vsids::{OfVsid, VsidReader, VsidView, VsidWriter, vsid_table};

use thiserror::Error;

/// Why a table did not take an entry. It is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TableError {
    /// Every entry that was promised is in use.
    #[error("the table is full: it holds the {capacity} entries it was sized for")]
    Full {
        /// The entries it was sized for.
        capacity: usize,
    },
    /// Retired entries could not be reclaimed in time.
    #[error(transparent)]
    Stalled(#[from] ReadersStalled),
}
