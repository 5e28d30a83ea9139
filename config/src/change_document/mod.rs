//! The document of changes to a running gateway: what `nvgw apply` reads and the admin API takes.
//!
//! Each change is read by itself; whether it fits what the gateway holds, its model says.

mod build;
mod keys;
mod kinds;

use crate::change::ChangeSet;
use crate::reader::Field;

pub(crate) use keys::Changes;

impl Changes {
    /// The changes; `None` only where a problem has been reported.
    pub(crate) fn build(self) -> Option<ChangeSet> {
        let if_generation = self.if_generation.optional()?.map(|generation| generation.0);
        let changes = match self.changes {
            Field::Given(list) if list.value.whole => list.value.items,
            _ => return None,
        };
        let (changes, places) = changes.into_iter().map(|item| (item.value.change, item.value.place)).unzip();
        Some(ChangeSet { if_generation, changes, places })
    }
}
