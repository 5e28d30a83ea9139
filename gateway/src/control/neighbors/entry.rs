//! One neighbour's state.

use std::collections::VecDeque;

use nvgw_types::MacAddr;

use super::Frame;
use super::share::Party;
use crate::control::desired::Hop;
use crate::control::time::Nanos;

/// How a neighbour stands, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The configuration gives its Ethernet address.
    Static,
    /// Nobody has asked yet, or it was lost and nobody asked since.
    Unresolved,
    /// Asked for; packets wait.
    Incomplete,
    /// Known.
    Reachable,
    /// Known, and asked whether it is still there.
    Probing,
    /// It did not answer; it is not asked for a few seconds.
    Failed,
}

impl State {
    /// The name in commands and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Unresolved => "unresolved",
            Self::Incomplete => "incomplete",
            Self::Reachable => "reachable",
            Self::Probing => "probing",
            Self::Failed => "failed",
        }
    }
}

/// What a station says of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// By ARP: it has the address.
    Arp(MacAddr),
    /// By a neighbour solicitation from the address: that is where it is.
    Solicitation(MacAddr),
    /// By a neighbour advertisement.
    Advertisement {
        /// Where the address is; `None`: where it was.
        mac: Option<MacAddr>,
        /// Whether it answers a solicitation of ours.
        solicited: bool,
        /// Whether it counts against what was known.
        overrides: bool,
    },
}

/// Whether what a station says shows that packets reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// They do: it answers, or speaks ARP, which does not tell the difference.
    Reachable,
    /// It has to be asked: it may be gone, or somebody else.
    Doubtful,
}

/// A state with what belongs to it.
#[derive(Debug)]
pub(super) enum Phase {
    Idle,
    Static(MacAddr),
    Asking { held: VecDeque<Frame>, asked: u8 },
    Reachable(MacAddr),
    Verifying { mac: MacAddr, asked: u8 },
    Failed,
}

impl Phase {
    pub(super) fn into_held(self) -> VecDeque<Frame> {
        match self {
            Self::Asking { held, .. } => held,
            _ => VecDeque::new(),
        }
    }
}

/// One neighbour.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) hop: Hop,
    /// Whether the configuration names it: it stays, known or not.
    pub(super) configured: bool,
    pub(super) phase: Phase,
    pub(super) due: Option<Nanos>,
    pub(super) since: Nanos,
    /// Whether it was last asked in vain: it stays so while it is asked again, until it answers.
    pub(super) silent: bool,
    /// Whose packets need it, as long as it has not answered and nobody configured it.
    pub(super) asker: Option<Party>,
}

impl Entry {
    pub(super) fn mac(&self) -> Option<MacAddr> {
        match self.phase {
            Phase::Static(mac) | Phase::Reachable(mac) | Phase::Verifying { mac, .. } => Some(mac),
            Phase::Idle | Phase::Asking { .. } | Phase::Failed => None,
        }
    }

    /// The Ethernet address that counts after what a station said, and what it is worth; `None`: nothing changes.
    ///
    /// For neighbour discovery these are the rules of RFC 4861 §7.2.3 and §7.2.5, but that an address which is stale
    /// there is asked for at once here.
    pub(super) fn follows(&self, told: Told) -> Option<(MacAddr, Trust)> {
        if matches!(self.phase, Phase::Static(_)) {
            return None;
        }
        let trust = |solicited| if solicited { Trust::Reachable } else { Trust::Doubtful };
        match (told, self.mac()) {
            (Told::Arp(mac), _) => Some((mac, Trust::Reachable)),
            (Told::Solicitation(mac), known) => (known != Some(mac)).then_some((mac, Trust::Doubtful)),
            (Told::Advertisement { mac, solicited, .. }, None) => mac.map(|mac| (mac, trust(solicited))),
            (Told::Advertisement { mac, solicited, overrides }, Some(known)) => {
                let mac = mac.unwrap_or(known);
                if mac == known {
                    solicited.then_some((mac, Trust::Reachable))
                } else if overrides {
                    Some((mac, trust(solicited)))
                } else {
                    let undoubted = matches!(self.phase, Phase::Reachable(_));
                    undoubted.then_some((known, Trust::Doubtful))
                }
            }
        }
    }

    pub(super) fn state(&self) -> State {
        match self.phase {
            Phase::Idle => State::Unresolved,
            Phase::Static(_) => State::Static,
            Phase::Asking { .. } => State::Incomplete,
            Phase::Reachable(_) => State::Reachable,
            Phase::Verifying { .. } => State::Probing,
            Phase::Failed => State::Failed,
        }
    }

    pub(super) fn held(&self) -> usize {
        match &self.phase {
            Phase::Asking { held, .. } => held.len(),
            _ => 0,
        }
    }

    pub(super) fn into_held(self) -> VecDeque<Frame> {
        self.phase.into_held()
    }
}

impl serde::Serialize for State {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
