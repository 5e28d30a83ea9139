//! The datapath as a library: a configuration text becomes tables, bursts of frames become other frames.

mod arbitrary;
mod capacity;
mod checksums;
mod directions;
mod explain;
mod harness;
mod model;
mod oracle;
mod property;
mod reload;
mod traffic;
mod wire;
