//! What the gateway says of itself: counters, drop reasons, stages.
//!
//! Workers write, everyone else reads; see [`counters`] for how that costs a worker nothing.

pub mod counters;
mod drop_reason;
pub mod latency;
pub mod nat;
pub mod nat_totals;
pub mod prometheus;
mod punt_class;
mod stage;
pub mod view;

pub use drop_reason::DropReason;
pub use punt_class::PuntClass;
pub use stage::{Stage, timing_weight};
