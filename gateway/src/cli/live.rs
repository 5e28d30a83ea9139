//! Commands to the running gateway that show no list.

use std::io::Write;

use super::CliError;
use super::args::SocketOption;
use super::client::Client;
use crate::api::view::{ReloadView, VersionView};

/// `nvgw reload`.
pub(super) fn reload(at: &SocketOption, out: &mut impl Write) -> Result<(), CliError> {
    let ReloadView { file, changes } = Client::connect(&at.socket)?.post("/v1/reload", &(), Vec::new())?;
    if changes.is_empty() {
        writeln!(out, "{file} says nothing new")?;
    } else {
        writeln!(out, "applied {file}:")?;
        changes.iter().try_for_each(|change| writeln!(out, "  {change}"))?;
    }
    Ok(())
}

/// `nvgw version`.
pub(super) fn version(at: &SocketOption, out: &mut impl Write) -> Result<(), CliError> {
    writeln!(out, "nvgw {}", env!("CARGO_PKG_VERSION"))?;
    let running = Client::connect(&at.socket).and_then(|mut client| client.get::<VersionView>("/v1/version"));
    match running {
        Ok(VersionView { nvgw, dpdk }) => {
            let dpdk = dpdk.map(|version| format!(", {version}")).unwrap_or_default();
            writeln!(out, "running at {}: nvgw {nvgw}{dpdk}", at.socket.display())?;
        }
        // A gateway that does not run, or is another user's, is no reason for `version` to fail.
        Err(error @ CliError::NoGateway { .. }) => writeln!(out, "{error}")?,
        Err(error) => return Err(error),
    }
    Ok(())
}
