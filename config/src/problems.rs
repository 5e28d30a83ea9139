//! What is wrong with a document, and where.

use std::fmt;
use std::io;
use std::path::PathBuf;

use serde::Serialize;

/// One mistake of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The place in the document, as in `tenants[0].subnets[1].vsid`; `document` for the whole of it.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

/// Every mistake of one document, in the order of their places; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problems {
    origin: String,
    problems: Vec<Problem>,
}

impl Problems {
    /// The problems of the document from `origin`, or `None` where there are none.
    pub(crate) fn collect(origin: &str, mut problems: Vec<Problem>) -> Option<Self> {
        if problems.is_empty() {
            return None;
        }
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Some(Self { origin: origin.to_owned(), problems })
    }

    /// The problem of a document that cannot be read at all.
    pub(crate) fn single(origin: &str, problem: Problem) -> Self {
        Self { origin: origin.to_owned(), problems: vec![problem] }
    }

    /// Where the document came from: what stands before the line numbers.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The problems, in the order of their places.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.problems.iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    /// One problem for each line: `FILE:LINE:COLUMN: PATH: message; hint`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            let Problem { path, line, column, message, hint } = problem;
            write!(f, "{}:{line}:{column}: {path}: {message}; {hint}", self.origin)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Why a file gives no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file has mistakes.
    #[error(transparent)]
    Problems(#[from] Problems),
}
