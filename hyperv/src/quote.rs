//! Text into other languages, so that it stays text there.

use std::fmt::{Display, Write as _};

/// What a document says, in quotes, escaped and cut so that it fits a line.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", &text[..end]),
    }
}

/// An address or a prefix as a YAML scalar. One that begins or ends with a colon is quoted: to some readers it would be
/// a key.
pub(crate) fn address(address: impl Display) -> String {
    let text = address.to_string();
    if text.starts_with(':') || text.ends_with(':') { format!("\"{text}\"") } else { text }
}

/// A YAML scalar in double quotes.
pub(crate) fn yaml(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // The line separators and the byte order mark are printable nowhere.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A PowerShell string in single quotes, in which nothing is expanded.
///
/// PowerShell takes typographic single quotes for the plain one, hence doubles them as well.
pub(crate) fn powershell(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
            quoted.push(c);
        }
        quoted.push(c);
    }
    quoted.push('\'');
    quoted
}

/// Text for a comment, which ends with its line.
pub(crate) fn comment(text: &str) -> String {
    let ends_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().map(|c| if ends_line(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn powershell_sees_one_string() {
        for (text, quoted) in [
            ("red", "'red'"),
            ("it's $(Stop-Computer) `n", "'it''s $(Stop-Computer) `n'"),
            ("a‘b’c‚d‛e", "'a‘‘b’’c‚‚d‛‛e'"),
        ] {
            assert_eq!(powershell(text), quoted);
        }
    }

    #[test]
    fn comments_stay_on_their_line() {
        assert_eq!(comment("red\r\nRemove-Item\u{2028}x"), "red  Remove-Item x");
    }

    proptest! {
        #[test]
        fn yaml_reads_back(text in "\\PC*|.*|[\u{2028}\u{feff}\u{85}\"\\\\]*") {
            let read: String = serde_yaml::from_str(&yaml(&text)).expect("YAML");
            prop_assert_eq!(read, text);
        }
    }
}
