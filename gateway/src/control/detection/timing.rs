//! When probes go out, and how long is listened for objections.

use std::net::IpAddr;
use std::time::Duration;

use nvgw_types::MacAddr;

use crate::tables::hash::mix;

/// How carefully an address is checked before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timing {
    /// In 600 ms, for networks where every answer comes within 200 ms (RFC 5227 §2.2).
    #[default]
    Fast,
    /// With the times of RFC 5227 §1.1, meant for slow and wireless networks: 4 to 7 s.
    Rfc5227,
    /// Not at all.
    Off,
}

/// The times of one check.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// The longest random delay before the first probe of an address (PROBE_WAIT).
    first: Duration,
    /// The shortest time between two probes (PROBE_MIN).
    between: Duration,
    /// What is added to it at random at most (PROBE_MAX less PROBE_MIN).
    spread: Duration,
    /// From the last probe to the use of the address (ANNOUNCE_WAIT).
    pub(super) listen: Duration,
}

impl Timing {
    /// The times; `None` where nothing is checked.
    pub(super) const fn pace(self) -> Option<Pace> {
        match self {
            Self::Fast => Some(Pace {
                first: Duration::ZERO,
                between: Duration::from_millis(200),
                spread: Duration::ZERO,
                listen: Duration::from_millis(200),
            }),
            Self::Rfc5227 => Some(Pace {
                first: Duration::from_secs(1),
                between: Duration::from_secs(1),
                spread: Duration::from_secs(1),
                listen: Duration::from_secs(2),
            }),
            Self::Off => None,
        }
    }
}

impl Pace {
    pub(super) fn before_first(self, jitter: &mut Jitter) -> Duration {
        jitter.up_to(self.first)
    }

    pub(super) fn between(self, jitter: &mut Jitter) -> Duration {
        self.between + jitter.up_to(self.spread)
    }
}

/// Random delays of one address. Two stations draw different ones, a replay the same ones every time.
#[derive(Debug)]
pub(super) struct Jitter {
    seed: u64,
    drawn: u64,
}

impl Jitter {
    pub(super) fn new(address: IpAddr, mac: MacAddr) -> Self {
        let [a, b, c, d, e, f] = mac.0;
        let address_bits = match address {
            IpAddr::V4(v4) => v4.to_bits().into(),
            IpAddr::V6(v6) => mix((v6.to_bits() >> 64) as u64, v6.to_bits() as u64),
        };
        let seed = mix(u64::from_be_bytes([0, 0, a, b, c, d, e, f]), address_bits);
        Self { seed, drawn: 0 }
    }

    /// The next delay, `longest` excluded.
    pub(super) fn up_to(&mut self, longest: Duration) -> Duration {
        self.drawn += 1;
        let share = u128::from(mix(self.seed, self.drawn));
        Duration::from_nanos(((longest.as_nanos() * share) >> 64) as u64)
    }
}
