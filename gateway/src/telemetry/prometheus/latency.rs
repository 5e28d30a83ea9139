//! The time in the box in `/metrics`.

use prometheus::proto::{Bucket, Histogram, MetricFamily, MetricType};

use super::family::{family, metric};
use crate::telemetry::latency::LatencyView;

/// Upper bounds in microseconds: fine where bursts take their time, coarse where something else does.
const BOUNDS_US: [u32; 21] = [
    1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000,
    100_000,
];

pub(super) fn families(to: &mut Vec<MetricFamily>, latency: &[LatencyView], tsc_hz: u64) {
    let series = latency.iter().map(|view| {
        let mut metric = metric(vec![("direction", view.direction.name().to_owned())]);
        metric.set_histogram(histogram(view, tsc_hz));
        metric
    });
    to.push(family(
        "nvgw_latency_seconds",
        "Time from the poll that brought a frame to the end of the calls that sent its burst.",
        MetricType::HISTOGRAM,
        series.collect(),
    ));
}

/// A bucket of the gateway's own that lies on both sides of a bound counts with the next one: by 1/32 at most.
fn histogram(view: &LatencyView, tsc_hz: u64) -> Histogram {
    let buckets = BOUNDS_US.map(|bound| {
        let seconds = f64::from(bound) / 1e6;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(seconds);
        bucket.set_cumulative_count(view.within(seconds, tsc_hz));
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.into());
    histogram.set_sample_count(view.frames);
    histogram.set_sample_sum(view.mean_us * view.frames as f64 / 1e6);
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::TextEncoder;

    use crate::telemetry::counters::Counters;
    use crate::telemetry::latency::Direction;

    #[test]
    fn buckets_are_cumulative_and_in_seconds() {
        let counters = Counters::new(0, 0);
        for (cycles, frames) in [(1, 3), (4, 700), (20, 90), (1_000_000, 1)] {
            counters.latency(Direction::TenantToTenant).add(cycles, frames);
        }
        let mut families = Vec::new();
        super::families(&mut families, &LatencyView::read(&[&counters], 1_000_000), 1_000_000);
        let text = TextEncoder::new().encode_to_string(&families).expect("it is well formed");
        let label = "direction=\"tenant-to-tenant\"";
        for line in [
            "# TYPE nvgw_latency_seconds histogram".to_owned(),
            format!("nvgw_latency_seconds_bucket{{{label},le=\"0.000001\"}} 3"),
            format!("nvgw_latency_seconds_bucket{{{label},le=\"0.000003\"}} 3"),
            format!("nvgw_latency_seconds_bucket{{{label},le=\"0.000005\"}} 703"),
            format!("nvgw_latency_seconds_bucket{{{label},le=\"0.00002\"}} 793"),
            format!("nvgw_latency_seconds_bucket{{{label},le=\"0.1\"}} 793"),
            format!("nvgw_latency_seconds_bucket{{{label},le=\"+Inf\"}} 794"),
            format!("nvgw_latency_seconds_count{{{label}}} 794"),
            format!("nvgw_latency_seconds_sum{{{label}}} 1.004603"),
            "nvgw_latency_seconds_count{direction=\"tenant-to-outside\"} 0".to_owned(),
        ] {
            assert!(text.lines().any(|candidate| candidate == line), "{line} is missing from\n{text}");
        }
    }
}
