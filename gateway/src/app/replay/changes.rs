//! Changes while packets come (`--at`).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nvgw_config::{ChangeSet, LoadError, parse_changes};
use serde::Serialize;

use super::Error;
use crate::api::view::ProblemView;
use crate::control::model::{Refusal, Refused};
use crate::control::{ChangeError, Control, Egress, Nanos, Owner};
use crate::tables::Grace;

/// A batch of changes and when it is made.
#[derive(Debug)]
pub(super) struct Scheduled {
    after: Duration,
    file: PathBuf,
    set: ChangeSet,
}

/// What came of a batch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Answer {
    /// When it was made: seconds since the first packet.
    at: f64,
    /// The document, as the command line names it.
    file: String,
    applied: bool,
    /// The generation after it.
    generation: u64,
    /// Each difference in words; none where the batch was refused.
    changes: Vec<String>,
    /// Why it was refused, beginning with the place.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Reads all documents, and puts them in the order of time; ties stay in the order of the command line.
///
/// # Errors
/// The first document that cannot be read, or has mistakes.
pub(super) fn read(changes: &[(Duration, PathBuf)]) -> Result<Vec<Scheduled>, LoadError> {
    let scheduled = changes
        .iter()
        .map(|(after, file)| Ok(Scheduled { after: *after, file: file.clone(), set: document(file)? }));
    let mut scheduled = scheduled.collect::<Result<Vec<_>, LoadError>>()?;
    scheduled.sort_by_key(|batch| batch.after);
    Ok(scheduled)
}

fn document(file: &Path) -> Result<ChangeSet, LoadError> {
    let text =
        fs::read_to_string(file).map_err(|source| LoadError::Read { path: file.to_owned(), source })?;
    Ok(parse_changes(&text, &file.display().to_string())?)
}

impl Scheduled {
    /// The virtual time at which it is made.
    pub(super) fn at(&self) -> Nanos {
        Nanos::default().after(self.after)
    }

    /// Makes the changes; a refusal is an answer.
    ///
    /// # Errors
    /// Tables that take only a part of them.
    pub(super) fn apply<G: Grace>(
        &self,
        control: &mut Control<G>,
        now: Nanos,
        out: &mut impl Egress,
    ) -> Result<Answer, Error> {
        let (changes, error) = match control.prepare(&self.set, Owner::Api) {
            Ok(pending) => {
                let lines = pending.lines.clone();
                control.commit(pending, now, out)?;
                (lines, None)
            }
            Err(error) => (Vec::new(), Some(self.reason(&error))),
        };
        Ok(Answer {
            at: self.after.as_secs_f64(),
            file: self.file.display().to_string(),
            applied: error.is_none(),
            generation: control.generation(),
            changes,
            error,
        })
    }

    /// Why the changes were refused, with the place in the document where one of them is at fault.
    fn reason(&self, error: &ChangeError) -> String {
        let ChangeError::Refused(Refused { number, refusal, .. }) = error else {
            return format!("{}: {error}", self.file.display());
        };
        let Refusal { field, message, hint } = refusal;
        let problem = ProblemView::of_change(&self.set, *number, field, message, hint);
        ProblemView { file: self.file.display().to_string(), ..problem }.to_string()
    }
}
