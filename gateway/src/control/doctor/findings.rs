//! Findings, collected check by check.

use crate::diagnosis::{DoctorReport, Finding, Health};

/// Findings of one check that are told one by one.
pub const MOST: usize = 100;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// How bad it is.
    pub health: Health,
    /// What it is about.
    pub object: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub cure: String,
}

/// What all checks found.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a check: its faults, or where there is none the one thing that is good. `object` is what it looks at.
    pub fn check(
        &mut self,
        check: &str,
        object: &str,
        faults: impl IntoIterator<Item = Fault>,
        good: impl FnOnce() -> String,
    ) {
        let mut count = 0;
        let mut rest = Health::Green;
        for fault in faults {
            count += 1;
            if count > MOST {
                rest = rest.max(fault.health);
                continue;
            }
            let Fault { health, object, message, cure } = fault;
            self.push(check, health, object, message, Some(cure));
        }
        if count == 0 {
            self.push(check, Health::Green, object.to_owned(), good(), None);
        } else if count > MOST {
            let message = format!("{} more of the same kind", count - MOST);
            let cure = Some("cure those above, then ask again".to_owned());
            self.push(check, rest, object.to_owned(), message, cure);
        }
    }

    fn push(&mut self, check: &str, health: Health, object: String, message: String, cure: Option<String>) {
        self.0.push(Finding { health, check: check.to_owned(), object, message, cure });
    }

    /// The report: all findings in the order of the checks.
    #[must_use]
    pub fn report(self) -> DoctorReport {
        let health = self.0.iter().map(|finding| finding.health).max().unwrap_or(Health::Green);
        DoctorReport { health, findings: self.0 }
    }
}

/// `1 record`, `2 records`, `2 addresses`.
pub(super) fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ if what.ends_with('s') => format!("{count} {what}es"),
        _ => format!("{count} {what}s"),
    }
}
