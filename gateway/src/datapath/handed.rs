//! Packets that one worker gives another, or itself, to go on with.

use dpdk_bindings::Mbuf;
use nvgw_types::{PortId, VrfId, WorkerId};

/// A packet on its way to the worker that owns its sessions.
#[derive(Debug)]
pub struct Handed {
    /// Who hands it over.
    pub from: WorkerId,
    /// Who goes on with it.
    pub to: WorkerId,
    /// When the poll returned that brought it, by the time-stamp counter.
    pub polled: u64,
    /// The packet.
    pub mbuf: Mbuf,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a handed packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A frame as it was received. It takes all stages again; its reception was counted.
    Frame {
        /// The port that received it.
        port: PortId,
        /// The port or identifier of the packet that it is a later fragment of, on the end that is translated.
        fragment: Option<u16>,
    },
    /// An IP packet of a customer, already translated, to another customer's public address: it goes on as if it had
    /// come in from the external network (hairpinning, RFC 4787 §6).
    Around {
        /// The port that received it.
        port: PortId,
        /// Who sent it.
        sender: Behind,
        /// The port of the packet that it is a later fragment of.
        fragment: Option<u16>,
    },
}

impl Kind {
    /// The port that received it, and whether it goes around.
    pub(super) const fn arrival(&self) -> (PortId, bool) {
        match *self {
            Self::Frame { port, .. } => (port, false),
            Self::Around { port, .. } => (port, true),
        }
    }

    /// The port of the packet that it is a fragment of, and the customer behind it.
    pub(super) const fn notes(&self) -> (Option<u16>, Option<Behind>) {
        match *self {
            Self::Frame { fragment, .. } => (fragment, None),
            Self::Around { fragment, sender, .. } => (fragment, Some(sender)),
        }
    }
}

/// The customer behind a translated packet, for errors about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Behind {
    /// The external network's VRF, where the packet goes on.
    pub(super) external: VrfId,
    /// The tenant's VRF.
    pub(super) tenant: VrfId,
    /// The customer address, host byte order.
    pub(super) address: u32,
    /// Its port or identifier; `None` where it was not translated.
    pub(super) port: Option<u16>,
}
