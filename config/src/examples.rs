//! Commented documents to start from.

/// The shipped configurations: file name and text.
pub const EXAMPLES: &[(&str, &str)] = &[
    ("one-nic.yaml", include_str!("../examples/one-nic.yaml")),
    ("two-nics.yaml", include_str!("../examples/two-nics.yaml")),
    ("laptop.yaml", include_str!("../examples/laptop.yaml")),
];

/// The shipped document of changes, which fits the configuration `two-nics.yaml`: file name and text.
pub const CHANGES_EXAMPLE: (&str, &str) = ("changes.yaml", include_str!("../examples/changes.yaml"));
