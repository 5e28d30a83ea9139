//! The YAML document that describes a gateway: parsed, validated into a type that cannot be wrong, explained.
//!
//! A document goes through three hands: `tree` gives every node its place, `document` says which keys there are
//! and reads single values, `validate` holds the values against each other and builds the [`Config`]. Each reports
//! what it finds and goes on, so that one run shows every mistake.

mod change;
mod change_document;
mod decode;
mod document;
mod examples;
mod intervals;
mod model;
mod objects;
mod prefixes;
mod problems;
mod reader;
pub mod rules;
mod suggest;
mod tree;
mod validate;

use std::path::Path;

use change_document::Changes;
use decode::Decode;
use reader::Reader;
use schemars::generate::SchemaSettings;
use tree::NodeId;

pub use change::{Change, ChangeSet, NewTenant, Place};
pub use examples::{CHANGES_EXAMPLE, EXAMPLES};
pub use model::*;
pub use problems::{LoadError, Problem, Problems};

/// Reads and validates the configuration of a file.
///
/// # Errors
/// A file that cannot be read, and every mistake in one that can.
pub fn load(path: &Path) -> Result<Config, LoadError> {
    let read = std::fs::read(path);
    let bytes = read.map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let origin = path.display().to_string();
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(parse(text, &origin)?),
        Err(error) => Err(Problems::single(&origin, not_utf8(&bytes[..error.valid_up_to()])).into()),
    }
}

/// Reads and validates a configuration; `origin` stands before the line numbers of its problems.
///
/// # Errors
/// Every mistake of the document.
pub fn parse(text: &str, origin: &str) -> Result<Config, Problems> {
    let least = "give at least ports and provider; the shipped examples show how";
    read(text, origin, least, |reader, document: document::Document| validate::validate(reader, &document))
}

/// Reads a document of changes, YAML or JSON; `origin` stands before the line numbers of its problems.
///
/// # Errors
/// Every mistake that shows without knowing what the gateway holds.
pub fn parse_changes(text: &str, origin: &str) -> Result<ChangeSet, Problems> {
    let least = "give at least changes: []";
    read(text, origin, least, |_, changes: Changes| changes.build())
}

fn read<T: Decode, V>(
    text: &str,
    origin: &str,
    least: &str,
    build: impl FnOnce(&mut Reader<'_>, T) -> Option<V>,
) -> Result<V, Problems> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut problems = Vec::new();
    let tree =
        tree::parse(text, least, &mut problems).map_err(|problem| Problems::single(origin, problem))?;
    let mut reader = Reader::new(&tree, problems);
    let document = T::decode(&mut reader, NodeId::ROOT);
    let value = document.and_then(|document| build(&mut reader, document));
    match (Problems::collect(origin, reader.into_problems()), value) {
        (None, Some(value)) => Ok(value),
        (Some(problems), _) => Err(problems),
        // A reload must not end the process: should a check forget to speak, the document is still refused.
        (None, None) => Err(Problems::single(
            origin,
            Problem {
                path: "document".to_owned(),
                line: 1,
                column: 1,
                message: "the document cannot be understood, though no mistake was found".to_owned(),
                hint: "report this file as a defect of nvgw".to_owned(),
            },
        )),
    }
}

/// The JSON schema (draft 2020-12) of the configuration.
#[must_use]
pub fn schema() -> serde_json::Value {
    schema_of::<document::Document>()
}

/// The JSON schema (draft 2020-12) of a document of changes.
#[must_use]
pub fn changes_schema() -> serde_json::Value {
    schema_of::<Changes>()
}

fn schema_of<T: schemars::JsonSchema>() -> serde_json::Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value()
}

/// The problem of a file that is no UTF-8 after `valid`.
fn not_utf8(valid: &[u8]) -> Problem {
    let valid = String::from_utf8_lossy(valid);
    let line = tree::lines(&valid).last().unwrap_or("");
    Problem {
        path: "document".to_owned(),
        line: tree::lines(&valid).count(),
        column: line.chars().count() + 1,
        message: "not UTF-8 text".to_owned(),
        hint: "save the file as UTF-8".to_owned(),
    }
}
