//! How many ICMP errors may be sent (RFC 1812 §4.3.2.8).

use std::collections::BTreeMap;
use std::time::Duration;

use nvgw_types::VrfId;

use crate::control::time::Nanos;

/// A token bucket. What is left in it is known from when it will be full again, which is all that is remembered of it.
struct Bucket {
    /// How long it takes until there is one more.
    refill: Duration,
    /// How many there are at most.
    burst: u32,
}

/// To the senders of one VRF: 100 a second, 50 at once.
const EACH: Bucket = Bucket { refill: Duration::from_millis(10), burst: 50 };
/// In all: 1,000 a second, 500 at once.
const ALL: Bucket = Bucket { refill: Duration::from_millis(1), burst: 500 };
/// VRFs that are remembered. A bucket is full half a second after it was last taken from, and in half a second [`ALL`]
/// allows no more than 1,000 errors: there is always room once the full ones are forgotten.
const VRFS: usize = 2048;

impl Bucket {
    /// Takes one: when the bucket will be full then, if it would have been so at `full`. `None`: it is empty.
    fn take(&self, full: Nanos, now: Nanos) -> Option<Nanos> {
        let next = full.max(now).after(self.refill);
        (next.since(now) <= self.refill * self.burst).then_some(next)
    }
}

/// Limits the errors to each VRF's senders, and all of them together.
#[derive(Debug, Default)]
pub(in crate::control) struct Limits {
    /// When the bucket of all will be full.
    all: Nanos,
    /// Likewise of each VRF that was heard of lately.
    each: BTreeMap<VrfId, Nanos>,
}

impl Limits {
    /// Whether one more error may be sent now, about a packet that came in by this VRF.
    pub(in crate::control) fn admit(&mut self, now: Nanos, vrf: VrfId) -> bool {
        let own = self.each.get(&vrf).copied().unwrap_or_default();
        let (Some(all), Some(own)) = (ALL.take(self.all, now), EACH.take(own, now)) else { return false };
        if self.each.len() >= VRFS {
            self.each.retain(|_, full| *full > now);
        }
        self.all = all;
        self.each.insert(vrf, own);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RED: VrfId = VrfId(0);
    const BLUE: VrfId = VrfId(1);

    fn at(milliseconds: u64) -> Nanos {
        Nanos(milliseconds * 1_000_000)
    }

    fn admitted(limits: &mut Limits, now: Nanos, vrf: VrfId, asked: usize) -> usize {
        (0..asked).filter(|_| limits.admit(now, vrf)).count()
    }

    #[test]
    fn fifty_at_once_then_one_every_ten_milliseconds() {
        let mut limits = Limits::default();
        assert_eq!(admitted(&mut limits, at(0), RED, 60), 50);
        assert_eq!(admitted(&mut limits, Nanos(9_999_999), RED, 2), 0);
        assert_eq!(admitted(&mut limits, at(10), RED, 2), 1);
        assert_eq!(admitted(&mut limits, at(45), RED, 9), 3, "no part of the time is lost");
        assert_eq!(admitted(&mut limits, at(50), RED, 9), 1);
        assert_eq!(admitted(&mut limits, at(10_000), RED, 99), 50);
    }

    #[test]
    fn what_one_sends_is_not_taken_from_another() {
        let mut limits = Limits::default();
        assert_eq!(admitted(&mut limits, at(0), RED, 500), 50);
        assert_eq!(admitted(&mut limits, at(0), BLUE, 50), 50);
    }

    #[test]
    fn five_hundred_at_once_in_all() {
        let mut limits = Limits::default();
        let total: usize = (0..20).map(|vrf| admitted(&mut limits, at(0), VrfId(vrf), 49)).sum();
        assert_eq!(total, 500);
        assert_eq!(admitted(&mut limits, at(5), VrfId(100), 49), 5);
        assert_eq!(admitted(&mut limits, at(6), VrfId(19), 49), 1, "a refusal costs nothing");
    }

    #[test]
    fn any_number_of_vrfs_is_remembered_in_bounded_memory() {
        let mut limits = Limits::default();
        let mut most = 0;
        for number in 0..20_000 {
            assert!(limits.admit(at(u64::from(number)), VrfId(number)), "never more than the limit of all");
            most = most.max(limits.each.len());
        }
        assert_eq!(most, VRFS);
    }

    proptest! {
        #[test]
        fn no_span_of_time_sees_more_than_it_may(
            steps in proptest::collection::vec((0..3_000_000_u64, 0..4_u32), 1..2000),
        ) {
            let (mut limits, mut now) = (Limits::default(), Nanos(0));
            let mut sent: BTreeMap<VrfId, Vec<Nanos>> = BTreeMap::new();
            for (gap, vrf) in steps {
                now = Nanos(now.0 + gap);
                if limits.admit(now, VrfId(vrf)) {
                    sent.entry(VrfId(vrf)).or_default().push(now);
                }
            }
            for times in sent.values() {
                for (index, end) in times.iter().enumerate() {
                    for (earlier, start) in times[..=index].iter().enumerate() {
                        let allowed = 50 + (end.since(*start).as_nanos() / 10_000_000) as usize;
                        prop_assert!(index - earlier < allowed);
                    }
                }
            }
        }
    }
}
