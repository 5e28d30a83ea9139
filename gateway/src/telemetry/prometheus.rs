//! `/metrics`: the counters in Prometheus' text format.
//!
//! A scrape is bounded: every label but `vrf`, `tenant` and `pool` takes its values from a fixed set or from ports and cores, and
//! [`VrfMetrics`] keeps at most [`VrfMetrics::MAX`] VRFs apart. With 65,536 VRFs the first 1,000 (in the order of
//! their numbers, so that a series never changes its meaning while the configuration stays) have series of their
//! own, and all others together are `kind="other"` with an empty `vrf`. `nvgw show vrfs` tells every one apart.

mod control;
mod family;
mod latency;
mod nat;
mod snapshot;
#[cfg(test)]
mod tests;
mod traffic;

pub use nat::{LogMetrics, NatMetrics, PoolMetrics};
pub use snapshot::{MetricsSnapshot, Tally, VrfMetrics};

use std::time::{Duration, UNIX_EPOCH};

use prometheus::TextEncoder;
use prometheus::proto::MetricFamily;

use family::gauge;

/// The media type of what [`render`] makes.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Writes the snapshot in the text format 0.0.4, with the versions of nvgw and DPDK.
///
/// # Errors
/// The encoder refuses a family, which would be a mistake here.
pub fn render(
    snapshot: &MetricsSnapshot,
    version: &str,
    dpdk: Option<&str>,
) -> Result<String, prometheus::Error> {
    let mut families = Vec::new();
    process(&mut families, snapshot, version, dpdk.unwrap_or_default());
    traffic::ports(&mut families, &snapshot.ports);
    traffic::totals(&mut families, &snapshot.stats, &snapshot.drops);
    traffic::vrfs(&mut families, &snapshot.vrfs);
    traffic::workers(&mut families, &snapshot.stats.workers);
    latency::families(&mut families, &snapshot.stats.latency, snapshot.stats.tsc_hz);
    control::families(&mut families, snapshot);
    nat::families(&mut families, &snapshot.nat);
    // The encoder refuses families without series, such as those of the tables before any is made.
    families.retain(|family: &MetricFamily| !family.get_metric().is_empty());
    TextEncoder::new().encode_to_string(&families)
}

fn process(to: &mut Vec<MetricFamily>, snapshot: &MetricsSnapshot, version: &str, dpdk: &str) {
    let started = snapshot.started.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    to.push(gauge(
        "process_start_time_seconds",
        "Start time of the process since the Unix epoch.",
        [(vec![], started.as_secs_f64())],
    ));
    to.push(gauge(
        "nvgw_build_info",
        "Always 1; the labels are the versions.",
        [(vec![("version", version.to_owned()), ("dpdk", dpdk.to_owned())], 1.0)],
    ));
    to.push(gauge(
        "nvgw_tsc_hertz",
        "Cycles of the time-stamp counter in a second: what all counters of cycles count.",
        [(vec![], snapshot.stats.tsc_hz as f64)],
    ));
}
