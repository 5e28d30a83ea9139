//! What happened, for people: the last events, how many of each kind there were, and a line in the log for each as
//! long as they do not come in floods. A station on the network can cause events, so none of the three grows without
//! bound.

mod kind;
mod limit;

use std::collections::VecDeque;

use super::time::Nanos;
use crate::diagnosis::Event;
pub use kind::EventKind;
use kind::Severity;
use limit::Limit;

/// Events kept.
pub const KEPT: usize = 1_000;

/// The last events, and the numbers of all.
#[derive(Debug, Default)]
pub struct Events {
    /// The latest comes last; their numbers have no gap.
    kept: VecDeque<Event>,
    /// The number of the latest; 0: none yet.
    latest: u64,
    counts: [u64; EventKind::COUNT],
    limits: [Limit; EventKind::COUNT],
}

impl Events {
    /// Takes down what happened to `object`. Of what strangers cause at will, only as much is kept as is logged, so that
    /// they cannot push out what else happened.
    pub fn record(&mut self, now: Nanos, kind: EventKind, object: String, message: String) {
        self.counts[kind.index()] += 1;
        match self.limits[kind.index()].take(now) {
            Some(suppressed) => log(kind, &object, &message, suppressed),
            None if kind.is_for_strangers_to_cause() => return,
            None => {}
        }
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.latest += 1;
        self.kept.push_back(Event {
            sequence: self.latest,
            at_ms: now.0 / 1_000_000,
            kind: kind.name().to_owned(),
            object,
            message,
        });
    }

    /// The number of the latest event; 0 where there is none. The first is 1.
    #[must_use]
    pub fn latest(&self) -> u64 {
        self.latest
    }

    /// The events after the one with that number which are still kept, the earliest first: after 0, all.
    pub fn after(&self, sequence: u64) -> impl ExactSizeIterator<Item = &Event> {
        let newer = self.latest.saturating_sub(sequence).min(self.kept.len() as u64) as usize;
        self.kept.range(self.kept.len() - newer..)
    }

    /// How many events of each kind there were.
    pub fn counts(&self) -> impl Iterator<Item = (EventKind, u64)> {
        EventKind::ALL.iter().map(|kind| (*kind, self.counts[kind.index()]))
    }
}

fn log(kind: EventKind, object: &str, message: &str, suppressed: u64) {
    let event = kind.name();
    let suppressed = (suppressed > 0).then_some(suppressed);
    match kind.severity() {
        Severity::Info => tracing::info!(event, object, suppressed, "{message}"),
        Severity::Warning => tracing::warn!(event, object, suppressed, "{message}"),
    }
}

#[cfg(test)]
mod tests;
