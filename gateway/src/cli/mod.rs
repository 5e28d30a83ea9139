//! The command line: `nvgw run`, and the commands that ask a running gateway.
//!
//! [`Cli`] is what was written; `run` and `replay` are carried out by the binary, and [`execute`] does the rest.

mod args;
mod check;
mod client;
mod diagnosis;
mod drop_reasons;
mod error;
mod example;
mod hyperv;
mod live;
mod logging;
mod nat;
mod objects;
mod ping;
mod rows;
mod show;
mod stats;
mod style;
mod table;
mod write;

use args::NatCommand;
pub use args::{Cli, Command, ReplayOptions, RunOptions, ToolCommand};
pub use error::CliError;
pub use hyperv::HypervError;
pub use logging::init as init_logging;
pub use style::Style;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::diagnosis::Health;

/// Carries out a command that needs no datapath, and writes its answer to `out`.
///
/// A reader of `out` that goes away early, as `head` does, ends the command without an error.
///
/// # Errors
/// The command cannot be done; the error is one line for people, and below it one for each mistake of a file.
pub fn execute(command: &ToolCommand, style: Style, out: &mut impl Write) -> Result<ExitCode, CliError> {
    let result = carry_out(command, style, out);
    match result.and_then(|status| out.flush().map(|()| status).map_err(CliError::from)) {
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        result => result,
    }
}

fn carry_out(command: &ToolCommand, style: Style, out: &mut impl Write) -> Result<ExitCode, CliError> {
    let done = match command {
        ToolCommand::Diff(options) => return write::diff(options, out).map(|differs| status(!differs)),
        ToolCommand::Ping(options) => return ping::ping(options, out).map(status),
        ToolCommand::Traceroute(options) => return ping::traceroute(options, out).map(status),
        ToolCommand::Explain(options) => return diagnosis::explain(options, out).map(status),
        ToolCommand::Doctor(options) => {
            return diagnosis::doctor(options, style, out).map(|health| match health {
                Health::Green => ExitCode::SUCCESS,
                Health::Yellow => ExitCode::from(1),
                Health::Red => ExitCode::from(2),
            });
        }
        ToolCommand::Nat(NatCommand::Lookup(options)) => return nat::lookup(options, out).map(status),
        ToolCommand::Nat(NatCommand::Sessions(options)) => nat::sessions(options, out),
        ToolCommand::Nat(NatCommand::Pools(listing)) => nat::pools(listing, out),
        ToolCommand::Check(options) => check::check(options, out),
        ToolCommand::Schema => check::schema(out),
        ToolCommand::OpenApi => check::openapi(out),
        ToolCommand::Example { name } => example::example(name.as_deref(), out),
        ToolCommand::Show(what) => show::show(what, out),
        ToolCommand::Tenant(command) => objects::tenant(command, out),
        ToolCommand::Subnet(command) => objects::subnet(command, out),
        ToolCommand::Lookup(command) => objects::lookup(command, out),
        ToolCommand::CustomerRoute(command) => objects::customer_route(command, out),
        ToolCommand::ProviderAddress(command) => objects::provider_address(command, out),
        ToolCommand::ProviderRoute(command) => objects::provider_route(command, out),
        ToolCommand::Neighbor(command) => objects::neighbor(command, out),
        ToolCommand::Apply(options) => write::apply(options, out),
        ToolCommand::Stats(options) => stats::stats(options, out),
        ToolCommand::Reload(options) => live::reload(options, out),
        ToolCommand::Import(from) => hyperv::import(from, out, &mut io::stderr().lock()),
        ToolCommand::Export(to) => hyperv::export(to, out),
        ToolCommand::Version(options) => live::version(options, out),
        ToolCommand::DropReasons => drop_reasons::write(out).map_err(CliError::from),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn status(good: bool) -> ExitCode {
    ExitCode::from(u8::from(!good))
}

#[cfg(test)]
mod tests;
