//! What nvgw's fuzz targets do with their inputs.
//!
//! Each target is a function of some bytes that must come back: no panic, no packet that is neither forwarded nor
//! counted, no buffer that is lost. `cargo fuzz` looks for bytes that break one (see `docs/fuzzing.md`); the tests of
//! this crate run all committed seeds and a fixed number of variations of them.

mod datapath;
mod documents;
mod frames;
mod packets;
mod plan;
mod repair;

/// What a target does with an input.
pub type Target = fn(&[u8]);

/// All targets, by name.
pub const TARGETS: [(&str, Target); 11] = [
    ("ethernet", packets::ethernet),
    ("ipv4", packets::ipv4),
    ("ipv6", packets::ipv6),
    ("icmp", packets::icmp),
    ("transport", packets::transport),
    ("configuration", documents::configuration),
    ("changes", documents::changes),
    ("hyper_v", documents::hyper_v),
    ("nat_log", documents::nat_log),
    ("journal", documents::journal),
    ("datapath", datapath::run),
];

/// Runs a target by its name.
///
/// # Panics
/// If there is none of that name, or the target finds a fault.
pub fn run(name: &str, input: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of that name");
    target(input);
}
