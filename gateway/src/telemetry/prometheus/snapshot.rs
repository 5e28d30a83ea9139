//! What a scrape shows, as the control thread reads it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::NatMetrics;
use crate::telemetry::counters::TrafficTotal;
use crate::telemetry::view::{
    DropView, NeighborState, PortView, Severity, StatsView, TableUsage, VrfKind, VrfTraffic,
};

/// Everything that `/metrics` shows, read once.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsSnapshot {
    /// When the process started.
    pub started: SystemTime,
    /// The ports.
    pub ports: Vec<PortView>,
    /// Every drop reason.
    pub drops: Vec<DropView>,
    /// All packets, and the workers.
    pub stats: StatsView,
    /// The VRFs.
    pub vrfs: VrfMetrics,
    /// The state of each neighbour there is, counted.
    pub neighbors: Tally<NeighborState>,
    /// How full the tables are.
    pub tables: Vec<TableUsage>,
    /// The severity and the check of each alarm there is, counted.
    pub alarms: Tally<(Severity, String)>,
    /// The state of each provider address of the gateway's own, counted.
    pub addresses: Tally<&'static str>,
    /// How many events there were of each kind.
    pub events: Vec<(&'static str, u64)>,
    /// How often the gateway's objects have changed.
    pub generation: u64,
    /// Address translation.
    pub nat: NatMetrics,
}

/// How often each of a few words was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally<T>(pub(super) BTreeMap<T, u64>);

impl<T: Ord> FromIterator<T> for Tally<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut counts = BTreeMap::new();
        for item in items {
            *counts.entry(item).or_default() += 1;
        }
        Self(counts)
    }
}

impl<T: Ord> Tally<T> {
    pub(super) fn of(&self, item: &T) -> u64 {
        self.0.get(item).copied().unwrap_or_default()
    }
}

/// The traffic of VRFs, the first ones apart and the rest together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VrfMetrics {
    apart: Vec<VrfTraffic>,
    others: Option<VrfTraffic>,
}

impl VrfMetrics {
    /// How many VRFs have series of their own.
    pub const MAX: usize = 1000;

    /// Adds a VRF; call it in the order of their numbers.
    pub fn add(&mut self, name: &str, kind: VrfKind, rx: TrafficTotal, tx: TrafficTotal) {
        if self.apart.len() < Self::MAX {
            self.apart.push(VrfTraffic { name: name.to_owned(), kind: Some(kind), rx, tx });
        } else if let Some(others) = &mut self.others {
            others.rx += rx;
            others.tx += tx;
        } else {
            self.others = Some(VrfTraffic { name: String::new(), kind: None, rx, tx });
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &VrfTraffic> {
        self.apart.iter().chain(&self.others)
    }
}
