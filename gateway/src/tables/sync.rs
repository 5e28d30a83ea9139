//! What threads share, in one place: `std`'s own, or stand-ins that a model checker watches (`cfg(loom)`, which only
//! `tests/loom` sets).

#[cfg(loom)]
mod modelled;
#[cfg(not(loom))]
mod plain;

#[cfg(loom)]
pub(crate) use modelled::{
    AtomicU32, AtomicU64, Mutex, Ordering, UnsafeCell, fence, load_four, load_pair, spin_loop, yield_now,
};
#[cfg(loom)]
pub use modelled::{forget, seal};
#[cfg(not(loom))]
pub(crate) use plain::{
    AtomicU32, AtomicU64, Mutex, Ordering, UnsafeCell, fence, load_four, load_pair, spin_loop, yield_now,
};
