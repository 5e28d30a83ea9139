//! Documents of changes: what right ones say, every mistake of wrong ones, and the way back.

mod right;
mod round_trip;

/// A right document that uses every kind and every key there is.
const RIGHT: &str = include_str!("right.yaml");
