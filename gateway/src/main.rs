//! `nvgw`: reads the command line, and leaves everything else to the library.

use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::Parser;
use gateway::app::{replay, run};
use gateway::cli::{self, Cli, CliError, Command, Style};

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli::init_logging();
    dispatch(&cli.command).unwrap_or_else(|error| {
        // Where even standard error is gone, the exit status still tells.
        drop(writeln!(io::stderr(), "nvgw: {error}"));
        let own = error.downcast_ref::<CliError>().and_then(CliError::status);
        ExitCode::from(own.unwrap_or_else(|| cli.command.failure_status()))
    })
}

fn dispatch(command: &Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Run(options) => Ok(run::run(options).map(|()| ExitCode::SUCCESS)?),
        Command::Replay(options) => Ok(replay::replay(options).map(|()| ExitCode::SUCCESS)?),
        Command::Tool(tool) => {
            Ok(cli::execute(tool, Style::of_stdout(), &mut BufWriter::new(io::stdout().lock()))?)
        }
    }
}
