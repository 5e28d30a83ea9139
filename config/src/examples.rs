//! Commented configurations to start from.

/// The shipped examples: file name and text.
pub const EXAMPLES: &[(&str, &str)] = &[
    ("one-nic.yaml", include_str!("../examples/one-nic.yaml")),
    ("two-nics.yaml", include_str!("../examples/two-nics.yaml")),
    ("laptop.yaml", include_str!("../examples/laptop.yaml")),
];
