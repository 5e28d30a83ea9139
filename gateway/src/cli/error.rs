//! Why a command cannot be done: one line that says what is wrong and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::api::{ErrorBody, MAX_BODY};

/// Why a command cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Nobody answers at the socket.
    #[error("no gateway answers at {}: {}; {}", socket.display(), Plain(source), cure(source))]
    NoGateway {
        /// The socket.
        socket: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The connection broke, or the answer was no answer.
    #[error("the gateway at {} gave no answer: {reason}; see its log, and ask again", socket.display())]
    NoAnswer {
        /// The socket.
        socket: PathBuf,
        /// What happened.
        reason: String,
    },
    /// The gateway refused.
    #[error("{}", Refusal(.0))]
    Refused(ErrorBody),
    /// A configuration cannot be read or has mistakes.
    #[error(transparent)]
    Config(#[from] nvgw_config::LoadError),
    /// A configuration has mistakes, which have been written already.
    #[error("{} has {count} {}; correct {} and check again", file.display(),
        if *count == 1 { "mistake" } else { "mistakes" }, if *count == 1 { "it" } else { "them" })]
    Mistakes {
        /// The file.
        file: PathBuf,
        /// How many.
        count: usize,
    },
    /// No example has that name.
    #[error("there is no example {name:?}; the examples are: {known}")]
    NoExample {
        /// The name.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// There is nothing to import or export.
    #[error(transparent)]
    Hyperv(#[from] super::HypervError),
    /// What was written on the command line makes no sense: one line for each option.
    #[error("{0}")]
    Arguments(String),
    /// The gateway does not take what was written on the command line: one line for each option.
    #[error("{0}")]
    NotTaken(String),
    /// A file cannot be read.
    #[error("cannot read {}: {}", file.display(), Plain(source))]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file of changes is bigger than what the gateway takes.
    #[error("{} has more than {} MiB; nothing has changed; send it in parts", file.display(), MAX_BODY >> 20)]
    TooBig {
        /// The file.
        file: PathBuf,
    },
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
}

impl CliError {
    /// A probe to nobody.
    pub(super) fn no_target() -> Self {
        Self::Arguments("nobody to ask; write --provider PA, or --vsid VSID and CA".to_owned())
    }

    /// The exit status that mistakes on the command line have; `None`: the command's own.
    #[must_use]
    pub fn status(&self) -> Option<u8> {
        matches!(self, Self::Arguments(_)).then_some(2)
    }
}

/// An error of the operating system without its number, which tells people nothing.
struct Plain<'a>(&'a io::Error);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        f.write_str(text.split_once(" (os error ").map_or(text.as_str(), |(plain, _)| plain))
    }
}

fn cure(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "ask as the user who started `nvgw run`",
        _ => "is `nvgw run` up, or name its socket with --socket?",
    }
}

/// What a gateway answered: the message, and below it the mistakes of a file.
struct Refusal<'a>(&'a ErrorBody);

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.0.message, self.0.hint)?;
        self.0.problems.iter().try_for_each(|problem| write!(f, "\n{problem}"))
    }
}
