//! The stages of the datapath, as operators see them.

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
