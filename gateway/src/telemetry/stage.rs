//! The stages of the datapath, as operators see them, and which bursts are timed.

/// A stage of the datapath: one loop over a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Stage {
    /// Taking packets from a queue.
    Receive,
    /// Choosing workers for what was received, where the device does not, and giving it to them.
    Spread,
    /// Outer headers, and the split into lanes.
    Parse,
    /// VSID, sender check, decapsulation.
    Decapsulate,
    /// The VRF's route, and the external network's.
    Route,
    /// Network address translation.
    Translate,
    /// The destination's lookup record.
    Resolve,
    /// New headers.
    Rewrite,
    /// Giving packets to a queue.
    Transmit,
}

impl Stage {
    /// All stages, in the order a packet meets them.
    pub const ALL: &'static [Self] = &[
        Self::Receive,
        Self::Spread,
        Self::Parse,
        Self::Decapsulate,
        Self::Route,
        Self::Translate,
        Self::Resolve,
        Self::Rewrite,
        Self::Transmit,
    ];
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The name in commands and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Spread => "spread",
            Self::Parse => "parse",
            Self::Decapsulate => "decapsulate",
            Self::Route => "route",
            Self::Translate => "translate",
            Self::Resolve => "resolve",
            Self::Rewrite => "rewrite",
            Self::Transmit => "transmit",
        }
    }
}

/// Whether stages and frames are timed and counted. A build with `--cfg nvgw_untimed` does without, only so that what it
/// costs can be measured: the one build beside the other.
pub(super) const TIMED: bool = !cfg!(nvgw_untimed);

/// A burst of so many packets or more comes to a worker that has little time to spare.
const BIG: usize = 32;
/// One big burst of so many is timed.
const TIMED_OF: u64 = 8;

/// For how many bursts the times of one stand: 0 where it is not to be timed. It has `packets`, and came when the
/// time-stamp counter was at `tsc`.
///
/// Reading that counter takes as long as a third of a packet, so that timing all stages of each burst would cost some
/// percent of the most that a worker can do. Big bursts are chosen by chance, as their regular order may be that of the
/// ports; smaller ones are all timed.
#[inline(always)]
#[must_use]
pub const fn timing_weight(packets: usize, tsc: u64) -> u64 {
    if !TIMED {
        0
    } else if packets < BIG {
        1
    } else if tsc.wrapping_mul(0x9e37_79b9_7f4a_7c15) < u64::MAX / TIMED_OF {
        TIMED_OF
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timed_bursts_stand_for_all_whatever_the_interval_between_them() {
        const BURSTS: u64 = 1 << 16;
        for cycles in [1, 2, 36, 1000, 4096, 5_200, 65_536, 1_000_003] {
            let weights = || (0..BURSTS).map(move |burst| timing_weight(64, 77 + burst * cycles));
            let stood_for: u64 = weights().sum();
            assert!(stood_for.abs_diff(BURSTS) < BURSTS / 20, "every {cycles} cycles: {stood_for}");
            // Neither are those of one of two ports whose bursts take turns.
            let of_one: u64 = weights().step_by(2).sum();
            assert!(of_one.abs_diff(BURSTS / 2) < BURSTS / 20, "every {cycles} cycles: {of_one}");
        }
    }

    #[test]
    fn small_bursts_are_all_timed() {
        assert!((0..1000).all(|tsc| timing_weight(31, tsc) == 1));
    }
}
