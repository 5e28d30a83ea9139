//! What is wrong with documents, and where.

use std::fmt;

/// One place in a document, and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The document: what stands before the line number.
    pub origin: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The path, as in `LookupRecords[3].MACAddress`; `document` for the whole of it.
    pub path: String,
    /// What is the matter.
    pub message: String,
    /// What to write or do instead.
    pub hint: String,
}

impl fmt::Display for Problem {
    /// One line: `FILE:LINE:COLUMN: PATH: message; hint`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, line, column, path, message, hint } = self;
        write!(f, "{origin}:{line}:{column}: {path}: {message}; {hint}")
    }
}

/// Every mistake of the documents of one import, in the order of their places; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// `Err` where there are problems. Those of one document stay beside each other, in the order of their places.
    pub(crate) fn check(mut problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            return Ok(());
        }
        let mut origins: Vec<String> = Vec::new();
        for problem in &problems {
            if !origins.contains(&problem.origin) {
                origins.push(problem.origin.clone());
            }
        }
        problems.sort_by_key(|problem| {
            let origin = origins.iter().position(|origin| *origin == problem.origin);
            (origin, problem.line, problem.column)
        });
        Err(Self(problems))
    }

    pub(crate) fn single(problem: Problem) -> Self {
        Self(vec![problem])
    }

    /// The problems, in the order of their places.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
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
    /// One problem for each line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
