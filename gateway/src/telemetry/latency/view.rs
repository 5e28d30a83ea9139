//! A histogram, read: plain values for the admin API, the commands and `/metrics`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BUCKETS, Direction, Histogram, longest_of};
use crate::telemetry::counters::Counters;

/// How long frames of one direction stayed in the box: from the return of the poll that brought them to the end of
/// the calls that sent all of their burst.
///
/// Quantiles are the longest times of their buckets, so at most 1/32 too long. What waited elsewhere is not in them:
/// before the poll in the device's queue, after the call in the next one, or with the control thread for a neighbor's
/// answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyView {
    /// Where they came from, and where they went.
    pub direction: Direction,
    /// The frames.
    pub frames: u64,
    /// The mean of their times, in microseconds; 0 of none, as all that follow.
    pub mean_us: f64,
    /// Half of them took no longer, in microseconds.
    pub p50_us: f64,
    /// Nine of ten took no longer, in microseconds.
    pub p90_us: f64,
    /// 99 of 100 took no longer, in microseconds.
    pub p99_us: f64,
    /// 999 of 1,000 took no longer, in microseconds.
    pub p999_us: f64,
    /// The longest time, in microseconds.
    pub max_us: f64,
    /// The sum of all times, in time-stamp counter cycles.
    pub total_cycles: u64,
    /// The longest time, in time-stamp counter cycles.
    pub max_cycles: u64,
    /// The histogram: its buckets that are not empty, shortest times first.
    pub buckets: Vec<LatencyBucket>,
}

/// Frames of about the same time in the box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyBucket {
    /// The longest time in the bucket, in time-stamp counter cycles; the shortest is at most 1/32 shorter.
    pub cycles: u64,
    /// The frames.
    pub frames: u64,
}

impl LatencyView {
    /// Every direction, summed over all writers.
    #[must_use]
    pub fn read(counters: &[&Counters], tsc_hz: u64) -> Vec<Self> {
        let read = |&direction| {
            let all: Vec<_> = counters.iter().map(|counters| counters.latency(direction)).collect();
            Self::merge(direction, &all, tsc_hz)
        };
        Direction::ALL.iter().map(read).collect()
    }

    fn merge(direction: Direction, all: &[&Histogram], tsc_hz: u64) -> Self {
        let buckets = (0..BUCKETS).map(|bucket| LatencyBucket {
            cycles: longest_of(bucket),
            frames: all.iter().map(|histogram| histogram.buckets[bucket].get()).sum(),
        });
        let buckets = buckets.filter(|bucket| bucket.frames > 0).collect();
        let total = all.iter().map(|histogram| histogram.cycles.get()).sum();
        let max = all.iter().map(|histogram| histogram.longest.get()).max().unwrap_or_default();
        Self::of(direction, buckets, total, max, tsc_hz)
    }

    fn of(
        direction: Direction,
        buckets: Vec<LatencyBucket>,
        total_cycles: u64,
        max_cycles: u64,
        tsc_hz: u64,
    ) -> Self {
        let frames: u64 = buckets.iter().map(|bucket| bucket.frames).sum();
        let us = |cycles: f64| if tsc_hz == 0 { 0.0 } else { cycles * 1e6 / tsc_hz as f64 };
        let quantile = |per_mille: u64| {
            let rank = (u128::from(frames) * u128::from(per_mille)).div_ceil(1000);
            let mut below = 0;
            let found = buckets.iter().find(|bucket| {
                below += u128::from(bucket.frames);
                below >= rank
            });
            us(found.map_or(0, |bucket| bucket.cycles.min(max_cycles)) as f64)
        };
        Self {
            direction,
            frames,
            mean_us: us(if frames == 0 { 0.0 } else { total_cycles as f64 / frames as f64 }),
            p50_us: quantile(500),
            p90_us: quantile(900),
            p99_us: quantile(990),
            p999_us: quantile(999),
            max_us: us(max_cycles as f64),
            total_cycles,
            max_cycles,
            buckets,
        }
    }

    /// What was counted since an earlier reading of the same histogram. The longest time is that of the longest bucket
    /// where it was none longer than before.
    #[must_use]
    pub fn since(&self, before: &Self, tsc_hz: u64) -> Self {
        let frames_before = |cycles| {
            let at = before.buckets.binary_search_by_key(&cycles, |bucket| bucket.cycles);
            at.map_or(0, |at| before.buckets[at].frames)
        };
        let buckets = self.buckets.iter().map(|bucket| LatencyBucket {
            cycles: bucket.cycles,
            frames: bucket.frames.saturating_sub(frames_before(bucket.cycles)),
        });
        let buckets: Vec<_> = buckets.filter(|bucket| bucket.frames > 0).collect();
        let max = if self.max_cycles > before.max_cycles {
            self.max_cycles
        } else {
            buckets.last().map_or(0, |bucket| bucket.cycles.min(self.max_cycles))
        };
        let total = self.total_cycles.saturating_sub(before.total_cycles);
        Self::of(self.direction, buckets, total, max, tsc_hz)
    }

    /// How many frames took at most so many seconds. A bucket that only begins before is not in it.
    #[must_use]
    pub fn within(&self, seconds: f64, tsc_hz: u64) -> u64 {
        let most = seconds * tsc_hz as f64;
        let within = self.buckets.iter().take_while(|bucket| bucket.cycles as f64 <= most);
        within.map(|bucket| bucket.frames).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MHZ: u64 = 1_000_000;

    fn counters(times: impl IntoIterator<Item = (u64, u64)>) -> Counters {
        let counters = Counters::new(0, 0);
        for (cycles, frames) in times {
            counters.latency(Direction::TenantToOutside).add(cycles, frames);
        }
        counters
    }

    fn view(counters: &[&Counters]) -> LatencyView {
        LatencyView::read(counters, MHZ).remove(0)
    }

    /// Whether a quantile is that time in microseconds, as far as buckets tell times apart.
    #[track_caller]
    fn assert_about(quantile: f64, time: f64) {
        assert!((time..=time * (33.0 / 32.0)).contains(&quantile), "{quantile} is not about {time}");
    }

    #[test]
    fn quantiles_are_those_of_all_times_of_all_workers() {
        let even = counters((2..=10_000).step_by(2).map(|cycles| (cycles, 3)));
        let odd = counters((1..=10_000).step_by(2).map(|cycles| (cycles, 3)));
        let view = view(&[&even, &odd]);
        assert_eq!((view.frames, view.total_cycles, view.max_cycles), (30_000, 3 * 50_005_000, 10_000));
        assert_about(view.p50_us, 5_000.0);
        assert_about(view.p90_us, 9_000.0);
        assert_about(view.p99_us, 9_900.0);
        assert_about(view.p999_us, 9_990.0);
        assert_eq!(view.max_us, 10_000.0);
        assert_eq!(view.mean_us, 5_000.5);
        let told: u64 = view.buckets.iter().map(|bucket| bucket.frames).sum();
        assert_eq!(told, view.frames);
    }

    #[test]
    fn bursts_count_for_the_frames_in_them() {
        let view = view(&[&counters([(100, 1), (200, 64)])]);
        assert_about(view.p50_us, 200.0);
        assert_eq!(view.p999_us, 200.0, "never more than the longest");
    }

    #[test]
    fn nothing_took_no_time() {
        let views = LatencyView::read(&[&counters([])], MHZ);
        let directions: Vec<_> = views.iter().map(|view| view.direction).collect();
        assert_eq!(directions, Direction::ALL);
        for view in views {
            assert_eq!((view.frames, view.mean_us, view.p999_us, view.max_us), (0, 0.0, 0.0, 0.0));
            assert!(view.buckets.is_empty());
        }
    }

    #[test]
    fn a_difference_has_quantiles_of_its_own() {
        let counters = counters([(100_000, 1000)]);
        let before = view(&[&counters]);
        counters.latency(Direction::TenantToOutside).add(500, 10);
        let between = view(&[&counters]).since(&before, MHZ);
        assert_eq!((between.frames, between.total_cycles), (10, 5_000));
        assert_about(between.p50_us, 500.0);
        assert_about(between.max_us, 500.0);
        counters.latency(Direction::TenantToOutside).add(200_001, 1);
        assert_eq!(
            view(&[&counters]).since(&before, MHZ).max_us,
            200_001.0,
            "a new longest is known exactly"
        );
        assert_eq!(view(&[&counters]).since(&view(&[&counters]), MHZ).max_us, 0.0);
    }

    #[test]
    fn what_took_at_most_so_long_is_counted() {
        let view = view(&[&counters([(10, 1), (1_000, 2), (1_000_000, 4)])]);
        for (seconds, frames) in [(9e-6, 0), (10e-6, 1), (1.1e-3, 3), (0.9, 3), (1.1, 7)] {
            assert_eq!(view.within(seconds, MHZ), frames, "{seconds}");
        }
    }
}
