//! Longest-prefix match for many routing tables of very different sizes.
//!
//! # Structure
//!
//! A trie of nodes of sixteen 32-bit entries, one cache line, each standing for four bits of an address. An entry is
//! the value of the longest prefix that covers all its addresses, or leads to a node that knows more; values are
//! pushed down to the leaves, so a lookup ends at the first entry that is not a node. What differs is where a lookup
//! starts, the [`Shape`] of the table:
//!
//! - A **tenant**'s table skips the bits that all its prefixes have in common: its root word is the common prefix and
//!   the node behind, and an address that does not have the prefix has no route but the default one. A tenant of one
//!   subnet is one node and one access, wherever its subnet is, and 65,536 such tenants fit a second-level cache.
//! - An **external** table starts at an array of the first 24 bits: most of the internet is one access.
//!
//! IPv6 prefixes of one subnet agree in many bits before they part. A run of four bits and more in which all prefixes
//! behind an entry agree is one node of another kind, which holds the bits to be compared, the answer for addresses that
//! do not have them, and the node behind: the host of a /64 beside the gateway's own /128 is found in four accesses.
//!
//! The default route, of length 0, is kept beside the root and taken where the trie says nothing. Memory is reserved
//! for the worst case but touched only by use: parts of the address space without routes cost none.
//!
//! # Readers and the writer
//!
//! The writer changes entries in place, each with one store, from the value that was right for all its addresses to
//! the one that is. New nodes are complete before the entry that leads to them is stored, with release ordering, and
//! say for every address what that entry said before, but for the new prefix. A node that has come to say one thing
//! is replaced by that thing in the entry that led there; the same goes for roots that skip more or less bits than
//! before, and for a run of bits in which a prefix comes to part, or no prefix does any more: it is replaced by others,
//! which say the same. So a lookup gets what held before or after the change for its address, and never a miss between two
//! covering prefixes. Nodes that were unlinked are used again after a grace period.

mod address;
mod edit;
mod node;
mod reader;
mod rib;
mod root;
mod tenant;
mod writer;

#[cfg(test)]
mod tests;

pub use address::Address;
pub use reader::{Begun, Cursor, RoutesReader, RoutesView};
pub use root::Root;
pub use writer::RoutesWriter;

use nvgw_types::VrfId;
use thiserror::Error;

use super::arena::OutOfMemory;
use super::pool::ReadersStalled;

/// What routes are sized for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoutesOptions {
    /// Routing tables: their identifiers are below this.
    pub vrfs: usize,
    /// How many of them may have the external shape, which takes 80 MB of address space each.
    pub external_vrfs: usize,
    /// Routes in all tables together, default routes included, whatever their prefixes.
    pub routes: usize,
}

/// What a routing table is made for. It answers the same in either shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Few routes, in many tables: memory in proportion to the routes.
    Tenant,
    /// A great many routes, in few tables: the first 24 bits in one access.
    External,
}

/// Why routes were not changed. They are as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RouteError {
    /// The identifier is beyond what the tables are sized for.
    #[error("there is no routing table {vrf}: the tables are sized for {vrfs}")]
    BeyondLimit {
        /// The identifier.
        vrf: VrfId,
        /// The number of tables.
        vrfs: usize,
    },
    /// The routing table has not been created.
    #[error("routing table {0} does not exist")]
    NoVrf(VrfId),
    /// The routing table has been created already.
    #[error("routing table {0} exists already")]
    VrfExists(VrfId),
    /// All tables of the external shape are in use.
    #[error("no more routing table of the external shape: there are {limit}")]
    NoExternal {
        /// Their number.
        limit: usize,
    },
    /// The length is longer than an address, or bits behind it are set.
    #[error("not a prefix: a length of {length} bits does not fit the address")]
    NotAPrefix {
        /// The length.
        length: u8,
    },
    /// The value has its highest bit set.
    #[error("not a route's value: it has more than 31 bits")]
    NotAValue,
    /// Every route that was promised is in use.
    #[error("the routing tables are full: they hold the {capacity} routes they were sized for")]
    Full {
        /// The routes they were sized for.
        capacity: usize,
    },
    /// Retired nodes could not be reclaimed in time.
    #[error(transparent)]
    Stalled(#[from] ReadersStalled),
}

/// Routing tables of the given size, all of them yet to be created.
///
/// # Errors
///
/// If the system has not enough memory.
pub fn routes<A: Address>(options: RoutesOptions) -> Result<(RoutesWriter<A>, RoutesReader<A>), OutOfMemory> {
    let writer = RoutesWriter::new(options)?;
    let reader = writer.reader();
    Ok((writer, reader))
}
