//! Names and what they stand for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::document::Name;
use crate::reader::{Field, Reader, Spanned};
use crate::rules::Refusal;
use crate::suggest::did_you_mean;
use crate::tree::NodeId;

/// Above this many names nobody reads through them, and a hint need not either.
const MOST_TO_SUGGEST: usize = 1000;

/// The names of one kind of thing.
pub(super) struct Names<T> {
    kind: &'static str,
    by_name: HashMap<String, (NodeId, T)>,
    /// Whether every name could be read: else an unknown one may be one of those.
    whole: bool,
}

impl<T: Copy> Names<T> {
    pub(super) fn new(kind: &'static str, whole: bool) -> Self {
        Self { kind, by_name: HashMap::new(), whole }
    }

    /// The names of a list's items, each standing for its place in the list.
    pub(super) fn of<'a>(
        reader: &mut Reader<'_>,
        kind: &'static str,
        names: impl Iterator<Item = &'a Field<Name>>,
        whole: bool,
        index: impl Fn(usize) -> T,
    ) -> Self {
        let mut all = Self::new(kind, whole);
        for (i, name) in names.enumerate() {
            all.add(reader, name, index(i));
        }
        all
    }

    /// Adds a name; reports one that is taken.
    pub(super) fn add(&mut self, reader: &mut Reader<'_>, name: &Field<Name>, meaning: T) {
        let Some(Spanned { node, value }) = name.given() else {
            self.whole = false;
            return;
        };
        match self.by_name.entry(value.0.clone()) {
            Entry::Vacant(entry) => {
                entry.insert((*node, meaning));
            }
            Entry::Occupied(entry) => {
                // The name that was meant may be spoken of elsewhere.
                self.whole = false;
                let message =
                    format!("the {} name {} is taken by {}", self.kind, value.0, reader.place(entry.get().0));
                reader.problem(*node, Refusal::new(message, "write a name of its own"));
            }
        }
    }

    /// What a name stands for; reports one that stands for nothing.
    pub(super) fn resolve(&self, reader: &mut Reader<'_>, name: &Field<Name>) -> Option<T> {
        let Spanned { node, value } = name.given()?;
        if let Some((_, meaning)) = self.by_name.get(&value.0) {
            return Some(*meaning);
        }
        if self.whole {
            let message = format!("there is no {} {}", self.kind, value.0);
            let hint = self.hint(&value.0);
            reader.problem(*node, Refusal::new(message, hint));
        }
        None
    }

    fn hint(&self, written: &str) -> String {
        const MOST_TO_LIST: usize = 8;
        if self.by_name.len() <= MOST_TO_SUGGEST {
            let mut names: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
            names.sort_unstable();
            if let Some(hint) = did_you_mean(written, names.iter().copied()) {
                return hint;
            }
            if (1..=MOST_TO_LIST).contains(&names.len()) {
                return format!("write one of {}", names.join(", "));
            }
        }
        format!("write the name of a {}, or add one of that name", self.kind)
    }
}
