//! The log, on standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// The variable that says what is logged: `debug`, `warn`, `info,gateway::control=debug`, …
const VARIABLE: &str = "NVGW_LOG";

/// Starts the log: what `NVGW_LOG` says, or else what is worth telling an operator. A word there that makes no
/// sense is ignored with a warning of its own.
pub fn init() {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .with_env_var(VARIABLE)
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .init();
}
