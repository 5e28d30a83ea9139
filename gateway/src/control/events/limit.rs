//! A limit for log lines.

use std::time::Duration;

use crate::control::time::Nanos;

/// Lines that may come at once.
const BURST: u32 = 10;
/// How long it takes until one more may come.
const REFILL: Duration = Duration::from_secs(1);

/// A token bucket that counts what it held back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    left: u32,
    /// When the last line was given back; without meaning while none is missing.
    refilled: Nanos,
    suppressed: u64,
}

impl Default for Limit {
    fn default() -> Self {
        Self { left: BURST, refilled: Nanos::default(), suppressed: 0 }
    }
}

impl Limit {
    /// Whether a line may come now, and then how many were held back since the last one.
    pub(super) fn take(&mut self, now: Nanos) -> Option<u64> {
        self.refill(now);
        if self.left == 0 {
            self.suppressed += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.suppressed))
    }

    fn refill(&mut self, now: Nanos) {
        let lines = now.since(self.refilled).as_nanos() / REFILL.as_nanos();
        let missing = BURST - self.left;
        if lines >= u128::from(missing) {
            (self.left, self.refilled) = (BURST, now);
        } else {
            let lines = lines as u32;
            self.left += lines;
            self.refilled = self.refilled.after(REFILL * lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(tenths: u64) -> Nanos {
        Nanos(tenths * 100_000_000)
    }

    #[test]
    fn ten_lines_at_once_then_one_each_second() {
        let mut limit = Limit::default();
        for _ in 0..10 {
            assert_eq!(limit.take(at(5)), Some(0));
        }
        assert_eq!([limit.take(at(5)), limit.take(at(14))], [None, None]);
        assert_eq!(limit.take(at(15)), Some(2), "says what is missing");
        assert_eq!([limit.take(at(24)), limit.take(at(29))], [None, Some(1)], "no part of a second is lost");
        let after_a_pause: Vec<_> = (0..12).map(|_| limit.take(at(1000))).collect();
        assert_eq!(after_a_pause, [[Some(0); 10].as_slice(), &[None; 2]].concat());
    }

    proptest! {
        #[test]
        fn no_span_of_time_sees_more_lines_than_it_may(
            gaps in proptest::collection::vec(0..2_000_000_000_u64, 1..200),
        ) {
            let (mut limit, mut now, mut asked, mut told) = (Limit::default(), Nanos(0), 0, 0);
            let mut passed: Vec<Nanos> = Vec::new();
            for gap in gaps {
                now = Nanos(now.0 + gap);
                asked += 1;
                if let Some(suppressed) = limit.take(now) {
                    told += 1 + suppressed;
                    passed.push(now);
                    prop_assert_eq!(told, asked, "every line is passed or counted");
                }
                for (index, start) in passed.iter().enumerate() {
                    let allowed = u64::from(BURST) + now.since(*start).as_secs() + 1;
                    prop_assert!((passed.len() - index) as u64 <= allowed);
                }
            }
        }
    }
}
