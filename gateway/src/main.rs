//! `nvgw`: reads the command line, and leaves everything else to the library.

use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::Parser;
use gateway::app::{replay, run};
use gateway::cli::{self, Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli::init_logging();
    dispatch(&cli.command).unwrap_or_else(|error| {
        // Where even standard error is gone, the exit status still tells.
        drop(writeln!(io::stderr(), "nvgw: {error}"));
        ExitCode::FAILURE
    })
}

fn dispatch(command: &Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Run(options) => Ok(run::run(options).map(|()| ExitCode::SUCCESS)?),
        Command::Replay(options) => Ok(replay::replay(options).map(|()| ExitCode::SUCCESS)?),
        Command::Tool(tool) => Ok(cli::execute(tool, &mut BufWriter::new(io::stdout().lock()))?),
    }
}
