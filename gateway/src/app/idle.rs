//! What a worker does while no packets come.

use std::time::Duration;

use nvgw_config::WorkerIdle;

/// How long a worker polls in vain before it sleeps for the first time.
const PATIENCE: Duration = Duration::from_millis(1);
/// How long it sleeps at first, and at most: each sleep that brought nothing is followed by one twice as long.
const SHORTEST: Duration = Duration::from_micros(10);
const LONGEST: Duration = Duration::from_micros(100);

/// Decides when an idle worker sleeps, and how long.
#[derive(Debug)]
pub(super) struct Idle {
    /// How long to poll in vain, in time-stamp counter cycles; `None`: for ever.
    patience: Option<u64>,
    /// When the first poll in vain was.
    since: Option<u64>,
    next: Duration,
}

impl Idle {
    pub(super) fn new(wish: WorkerIdle, tsc_hz: u64) -> Self {
        let patience = match wish {
            WorkerIdle::Poll => None,
            WorkerIdle::Sleep => Some((u128::from(tsc_hz) * PATIENCE.as_nanos() / 1_000_000_000) as u64),
        };
        Self { patience, since: None, next: SHORTEST }
    }

    /// There was something to do.
    #[inline(always)]
    pub(super) fn end(&mut self) {
        self.since = None;
    }

    /// There was nothing to do, now, by the time-stamp counter: how long to sleep, if at all.
    #[inline(always)]
    pub(super) fn go_on(&mut self, now: u64) -> Option<Duration> {
        let patience = self.patience?;
        let Some(since) = self.since else {
            (self.since, self.next) = (Some(now), SHORTEST);
            return None;
        };
        if now.saturating_sub(since) < patience {
            return None;
        }
        let next = self.next;
        self.next = LONGEST.min(2 * next);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So that a cycle is a nanosecond.
    const GHZ: u64 = 1_000_000_000;
    const MS: u64 = 1_000_000;

    fn sleeps(idle: &mut Idle, from: u64) -> Vec<u128> {
        assert_eq!(idle.go_on(from), None);
        assert_eq!(idle.go_on(from + MS - 1), None, "it is patient");
        (0..6).map(|turn| idle.go_on(from + MS + turn).expect("it sleeps").as_micros()).collect()
    }

    #[test]
    fn sleeps_grow_to_their_bound_and_begin_anew_after_work() {
        let mut idle = Idle::new(WorkerIdle::Sleep, GHZ);
        assert_eq!(sleeps(&mut idle, 5 * MS), [10, 20, 40, 80, 100, 100]);
        idle.end();
        assert_eq!(sleeps(&mut idle, 9 * MS), [10, 20, 40, 80, 100, 100]);
    }

    #[test]
    fn who_polls_never_sleeps() {
        let mut idle = Idle::new(WorkerIdle::Poll, GHZ);
        assert!((0..100).all(|turn| idle.go_on(turn * MS).is_none()));
    }
}
