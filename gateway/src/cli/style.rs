//! Colour, where somebody looks.

use std::env;
use std::io::{IsTerminal, stdout};

use crate::diagnosis::Health;

/// How text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// For files and other programs.
    Plain,
    /// For a terminal.
    Coloured,
}

impl Style {
    /// What suits standard output: colour on a terminal, unless the environment has `NO_COLOR`.
    #[must_use]
    pub fn of_stdout() -> Self {
        let wanted = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if wanted && stdout().is_terminal() { Self::Coloured } else { Self::Plain }
    }

    /// `text` in the colour of a state of health.
    pub(super) fn health(self, health: Health, text: &str) -> String {
        let colour = match (self, health) {
            (Self::Plain, _) => return text.to_owned(),
            (Self::Coloured, Health::Green) => 32,
            (Self::Coloured, Health::Yellow) => 33,
            (Self::Coloured, Health::Red) => 31,
        };
        format!("\x1b[{colour}m{text}\x1b[0m")
    }
}
