//! Points in time as the log writes them.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::tables::exchange::Millis;

/// How far the system's clock may be away before it is followed: a step, not the time between two readings.
const STEP_MS: u64 = 100;

/// A point in time, in milliseconds since the epoch; written in UTC (RFC 3339): `2026-11-22T10:00:00.123Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// So many milliseconds after the epoch.
    #[must_use]
    pub const fn of_unix_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// So much later.
    #[must_use]
    pub fn after(self, Millis(ms): Millis) -> Self {
        Self(self.0.saturating_add_unsigned(ms))
    }
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(time.duration_since(UNIX_EPOCH).map_or_else(|before| -ms(before.duration()), ms))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What no calendar reaches is the end of it.
        let time = Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::MAX);
        write!(f, "{time:.3}")
    }
}

/// A text that is no point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no time; write date, time and zone, as in 2026-11-22T10:00:00Z or 2026-11-22T11:00:00+01:00"
)]
pub struct NoMoment(String);

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        let time: Timestamp = text.parse().map_err(|_| NoMoment(text.to_owned()))?;
        Ok(Self(time.as_millisecond()))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What the time of the day was when a clock of milliseconds stood at zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WallClock {
    origin: Moment,
}

impl WallClock {
    /// The clock that stood at zero then.
    #[must_use]
    pub const fn new(origin: Moment) -> Self {
        Self { origin }
    }

    /// The time of the day at some millisecond.
    #[must_use]
    pub fn at(&self, millis: Millis) -> Moment {
        self.origin.after(millis)
    }

    /// Follows the system's clock where somebody has set it meanwhile.
    pub fn follow(&mut self, wall: Moment, now: Millis) {
        if self.at(now).0.abs_diff(wall.0) > STEP_MS {
            self.origin = Moment(wall.0.saturating_sub_unsigned(now.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc_to_the_millisecond() {
        for (text, written) in [
            ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000Z"),
            ("2026-11-22T11:00:00.1234567+01:00", "2026-11-22T10:00:00.123Z"),
            ("2024-02-29 23:59:59.999Z", "2024-02-29T23:59:59.999Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"),
        ] {
            let moment: Moment = text.parse().expect(text);
            assert_eq!(moment.to_string(), written);
            assert_eq!(written.parse(), Ok(moment));
        }
        assert_eq!(Moment::from(UNIX_EPOCH + Duration::from_millis(1_500)), Moment(1_500));
        assert_eq!(Moment::from(UNIX_EPOCH - Duration::from_millis(1_500)), Moment(-1_500));
    }

    #[test]
    fn a_time_without_a_zone_is_refused() {
        for text in ["2026-11-22T10:00:00", "yesterday", "2026-11-22"] {
            let error = text.parse::<Moment>().expect_err(text).to_string();
            assert!(error.contains("write date, time and zone"), "{error}");
        }
    }

    #[test]
    fn the_wall_clock_follows_steps_and_no_jitter() {
        let mut clock = WallClock::new(Moment(1_000_000));
        clock.follow(Moment(1_005_099), Millis(5_000));
        assert_eq!(clock.at(Millis(5_000)), Moment(1_005_000));
        clock.follow(Moment(901_000), Millis(6_000));
        assert_eq!(clock.at(Millis(7_000)), Moment(902_000));
    }
}
