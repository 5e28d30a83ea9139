//! What can go wrong with the journal, and what to do about it.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Batch;

/// Why the journal cannot be opened, or a batch not be written.
///
/// One transaction may carry many batches, each of which is told what became of it: hence `Clone`.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// Another process has it open.
    #[error("another nvgw uses the journal in {}; stop it, or give this one another directory", dir.display())]
    InUse {
        /// The journal's directory.
        dir: PathBuf,
    },
    /// The directory cannot be made or used.
    #[error("cannot use {} as the journal's directory: {source}; {}", dir.display(), cure(source))]
    Directory {
        /// The journal's directory.
        dir: PathBuf,
        /// What the operating system says.
        source: Arc<io::Error>,
    },
    /// The file cannot be read or written.
    #[error("cannot read or write the journal {}: {source}; {}", file.display(), cure(source))]
    Io {
        /// The journal's file.
        file: PathBuf,
        /// What the operating system says.
        source: Arc<io::Error>,
    },
    /// The file does not hold what was written to it.
    #[error(
        "the journal {} is damaged: {reason}; check the disk, then put a copy from a backup in its place, or move \
         it away to start without the changes that were made at run time", file.display()
    )]
    Damaged {
        /// The journal's file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is of a version that comes after this one.
    #[error(
        "the journal {} is from a newer nvgw (its schema is {found}, this nvgw knows up to {known}); run that nvgw, \
         or move the journal away to start without the changes that were made at run time", file.display()
    )]
    Newer {
        /// The journal's file.
        file: PathBuf,
        /// The schema that it has.
        found: u64,
        /// The latest schema known here.
        known: u64,
    },
    /// An earlier batch could not be written, and this one may rest upon it.
    #[error(
        "a change before this one could not be written to the journal, so this one was not tried; repeat it"
    )]
    Behind,
    /// The thread cannot be made.
    #[error("cannot start the journal's thread: {0}")]
    Thread(Arc<io::Error>),
}

impl JournalError {
    pub(super) fn directory(dir: &Path, source: io::Error) -> Self {
        Self::Directory { dir: dir.to_owned(), source: Arc::new(source) }
    }

    pub(super) fn io(file: &Path, source: io::Error) -> Self {
        Self::Io { file: file.to_owned(), source: Arc::new(source) }
    }

    pub(super) fn damaged(file: &Path, reason: impl ToString) -> Self {
        Self::Damaged { file: file.to_owned(), reason: reason.to_string() }
    }

    pub(super) fn from_redb(file: &Path, error: impl Into<redb::Error>) -> Self {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
                Self::InUse { dir: file.parent().unwrap_or(file).to_owned() }
            }
            // A file that is no database, or ends too early.
            redb::Error::Io(source)
                if matches!(source.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
            {
                Self::damaged(file, source)
            }
            redb::Error::Io(source) => Self::io(file, source),
            redb::Error::Corrupted(reason) => Self::damaged(file, reason),
            // The rest says that tables are missing or of other types, which no journal's are.
            error => Self::damaged(file, error),
        }
    }
}

fn cure(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "make room for it: changes are taken again as soon as they can be written"
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "the user that nvgw runs as must be able to write there"
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "move away what is in its place, or choose another directory"
        }
        _ => "check the disk and the kernel's log",
    }
}

/// A batch that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too many wait.
    #[error("the journal's disk is too slow: too many changes wait to be written; try again")]
    Full(Batch),
    /// The thread has ended, which it only does by a fault of its own.
    #[error("the journal's thread has ended; restart nvgw")]
    Ended(Batch),
}
