//! The command line: `nvgw run`, and the commands that ask a running gateway.
//!
//! [`Cli`] is what was written; `run` and `replay` are carried out by the binary, and [`execute`] does the rest.

mod args;
mod check;
mod client;
mod drop_reasons;
mod error;
mod example;
mod hyperv;
mod live;
mod logging;
mod rows;
mod show;
mod stats;
mod table;

pub use args::{Cli, Command, ReplayOptions, RunOptions, ToolCommand};
pub use error::CliError;
pub use hyperv::HypervError;
pub use logging::init as init_logging;

use std::io::{self, Write};
use std::process::ExitCode;

/// Carries out a command that needs no datapath, and writes its answer to `out`.
///
/// A reader of `out` that goes away early, as `head` does, ends the command without an error.
///
/// # Errors
/// The command cannot be done; the error is one line for people.
pub fn execute(command: &ToolCommand, out: &mut impl Write) -> Result<ExitCode, CliError> {
    let result = match command {
        ToolCommand::Check(options) => check::check(options, out),
        ToolCommand::Schema => check::schema(out),
        ToolCommand::Example { name } => example::example(name.as_deref(), out),
        ToolCommand::Show(what) => show::show(what, out),
        ToolCommand::Stats(options) => stats::stats(options, out),
        ToolCommand::Reload(options) => live::reload(options, out),
        ToolCommand::Import(from) => hyperv::import(from, out, &mut io::stderr().lock()),
        ToolCommand::Export(to) => hyperv::export(to, out),
        ToolCommand::Version(options) => live::version(options, out),
        ToolCommand::DropReasons => drop_reasons::write(out).map_err(CliError::from),
    };
    let result = result.and_then(|()| out.flush().map_err(CliError::from));
    match result {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
