//! The YAML document that describes a gateway: parsed, validated into a type that cannot be wrong, explained.

mod model;

pub use model::*;
