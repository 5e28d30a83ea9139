//! Every mistake that a document can have: one table for each section.
//!
//! A case changes one spot of a right document. `¦` in the new text marks where the problem is to be reported; it is
//! taken out before the document is read. The problem must be the only one: one mistake does not draw others.

mod external;
mod ipv6;
mod nat;
mod provider;
mod syntax;
mod system;
mod tenants;
mod together;
mod values;

use nvgw_config::{Problem, Problems, parse};

/// A right document that uses every part there is.
const RIGHT: &str = include_str!("right.yaml");

/// The text to replace, what to write instead, and the path, a part of the message and a part of the hint that are
/// expected.
type Case = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// Takes the mark out of a text; its line and column.
fn unmark(text: &str) -> (String, usize, usize) {
    let (before, after) = text.split_once('¦').expect("the case has a mark");
    assert!(!after.contains('¦'), "the case has one mark");
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (format!("{before}{after}"), line, column)
}

fn problems_of(text: &str) -> Vec<Problem> {
    match parse(text, "test.yaml") {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().cloned().collect(),
    }
}

fn changed(right: &str, old: &str, new: &str) -> String {
    assert_eq!(right.matches(old).count(), 1, "{old:?} stands once in the right document");
    right.replacen(old, new, 1)
}

fn check(cases: &[Case]) {
    check_in(RIGHT, cases);
}

/// Checks each case and tells all that fail.
fn check_in(right: &str, cases: &[Case]) {
    let mut failures = Vec::new();
    for (old, new, path, message, hint) in cases {
        let (text, line, column) = unmark(&changed(right, old, new));
        let found = problems_of(&text);
        let as_expected = matches!(&found[..], [problem]
            if problem.path == *path
                && (problem.line, problem.column) == (line, column)
                && problem.message.contains(message)
                && problem.hint.contains(hint));
        if !as_expected {
            failures.push(format!(
                "{new:?}\n  expected {line}:{column}: {path}: {message}; {hint}\n  found {found:#?}"
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn check_right(changes: &[(&str, &str)]) {
    check_right_in(RIGHT, changes);
}

/// Checks that changes of the right document leave it right.
fn check_right_in(right: &str, changes: &[(&str, &str)]) {
    for (old, new) in changes {
        let found = problems_of(&changed(right, old, new));
        assert!(found.is_empty(), "{new:?}: {found:#?}");
    }
}

fn displayed(text: &str) -> String {
    parse(text, "test.yaml").map_or_else(|problems: Problems| problems.to_string(), |_| String::new())
}

#[test]
fn the_right_document_is_right() {
    assert_eq!(displayed(RIGHT), "");
}
