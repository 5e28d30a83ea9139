//! Commands that change the running gateway: one change each, or a document of them.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Arg, Args, Command};
use nvgw_config::parse_changes;
use serde_json::json;

use super::CliError;
use super::args::{ApplyOptions, DiffOptions, HowToChange, Write, Written};
use super::client::Client;
use crate::api::view::{ChangesView, ProblemView};
use crate::api::{ChangesQuery, MAX_BODY};

/// Makes one change.
pub(super) fn change<C: Written>(write: &Write<C>, out: &mut impl io::Write) -> Result<(), CliError> {
    let change = serde_json::to_value(&write.change).map_err(io::Error::from)?;
    let document = json!({ "changes": [{ C::KIND: change }] }).to_string();
    // What can be seen to be wrong without the gateway is a mistake of the command line.
    parse_changes(&document, ProblemView::CHANGES)
        .map_err(|problems| CliError::Arguments(by_option::<C>(&ProblemView::all(&problems))))?;
    let answer = send(&write.how, write.dry_run, document.into_bytes()).map_err(|error| match error {
        CliError::Refused(body) if !body.problems.is_empty() => {
            CliError::NotTaken(by_option::<C>(&body.problems))
        }
        error => error,
    })?;
    print(&answer, write.how.json, out)
}

/// `nvgw apply`.
pub(super) fn apply(options: &ApplyOptions, out: &mut impl io::Write) -> Result<(), CliError> {
    let answer = send_file(&options.file, &options.how, false)?;
    print(&answer, options.how.json, out)
}

/// `nvgw diff`: whether anything would change.
pub(super) fn diff(options: &DiffOptions, out: &mut impl io::Write) -> Result<bool, CliError> {
    let answer = send_file(&options.file, &options.how, true)?;
    print(&answer, options.how.json, out)?;
    Ok(!answer.changes.is_empty())
}

fn send(how: &HowToChange, dry_run: bool, document: Vec<u8>) -> Result<ChangesView, CliError> {
    let query = ChangesQuery { dry_run, if_generation: how.if_generation };
    Client::connect(&how.at.socket)?.post("/v1/changes", &query, document)
}

fn send_file(file: &Path, how: &HowToChange, dry_run: bool) -> Result<ChangesView, CliError> {
    let unreadable = |source| CliError::Unreadable { file: file.to_owned(), source };
    let (document, name) = if file == Path::new("-") {
        let mut document = Vec::new();
        let limit = MAX_BODY as u64 + 1;
        io::stdin().lock().take(limit).read_to_end(&mut document).map_err(unreadable)?;
        (document, "<stdin>".to_owned())
    } else {
        (fs::read(file).map_err(unreadable)?, file.display().to_string())
    };
    if document.len() > MAX_BODY {
        return Err(CliError::TooBig { file: PathBuf::from(name) });
    }
    send(how, dry_run, document).map_err(|error| file_named(error, &name))
}

fn print(answer: &ChangesView, as_json: bool, out: &mut impl io::Write) -> Result<(), CliError> {
    if as_json {
        serde_json::to_writer_pretty(&mut *out, answer).map_err(io::Error::from)?;
        return Ok(writeln!(out)?);
    }
    answer.changes.iter().try_for_each(|change| writeln!(out, "{change}"))?;
    match (answer.applied, answer.changes.is_empty()) {
        (true, false) => writeln!(out, "generation {}", answer.generation)?,
        (true, true) => writeln!(out, "everything was so already: generation {}", answer.generation)?,
        (false, false) => {
            writeln!(out, "nothing has changed yet: it would be generation {}", answer.generation)?
        }
        (false, true) => writeln!(out, "nothing would change")?,
    }
    Ok(())
}

/// The gateway's problems, in the file that they were read from.
fn file_named(mut error: CliError, name: &str) -> CliError {
    if let CliError::Refused(body) = &mut error {
        for problem in body.problems.iter_mut().filter(|problem| problem.file == ProblemView::CHANGES) {
            name.clone_into(&mut problem.file);
        }
    }
    error
}

/// Problems by the options that they are in, one on each line.
fn by_option<C: Args>(problems: &[ProblemView]) -> String {
    let lines = problems.iter().map(|problem| {
        let message = format!("{}; {}", problem.message, problem.hint);
        named::<C>(&problem.path, &message)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A message after the option that has the value at `path`, as in `changes[0].add-lookup.provider-address`: the
/// innermost key of it that is an option.
fn named<C: Args>(path: &str, message: &str) -> String {
    let command = C::augment_args(Command::new("change"));
    let option = |key: &str| {
        let key = key.split('[').next().unwrap_or_default().replace('-', "_");
        command.get_arguments().find(|argument| argument.get_id() == key.as_str())
    };
    match path.split('.').skip(2).filter_map(option).last() {
        Some(argument) => format!("{}: {message}", written(argument)),
        None => message.to_owned(),
    }
}

/// An option as people write it.
fn written(argument: &Arg) -> String {
    match (argument.get_long(), argument.get_value_names()) {
        (Some(long), _) => format!("--{long}"),
        (None, Some([name, ..])) => name.to_string(),
        (None, _) => argument.get_id().as_str().to_ascii_uppercase(),
    }
}
