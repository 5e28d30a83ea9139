//! Frames that wait for a neighbour.

use std::collections::VecDeque;

use nvgw_types::MacAddr;

use super::share::{Party, Shares};
use super::{Effect, HELD_TOTAL};
use crate::control::desired::{Hop, InterfaceKey};
use crate::tables::exchange::Ingress;
use crate::telemetry::DropReason;

/// What a held packet is, which decides how its end is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It came in here and goes on.
    Transit(Ingress),
    /// It is the gateway's answer to a packet that came in.
    Answer,
    /// It is an ICMP error of the gateway's own: the packet that it is about was counted as dropped before.
    Error,
    /// It is the gateway's own probe of this number: no packet that came in stands behind it.
    Probe(u16),
}

impl Origin {
    /// Whether its end is that of a packet that came in.
    const fn ends_a_packet(self) -> bool {
        matches!(self, Self::Transit(_) | Self::Answer)
    }

    /// Where it came in; `None`: the gateway itself made it.
    const fn sender(self) -> Option<Ingress> {
        match self {
            Self::Transit(ingress) => Some(ingress),
            Self::Answer | Self::Error | Self::Probe(_) => None,
        }
    }
}

/// A finished frame but for its destination Ethernet address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The bytes, from the Ethernet header on.
    pub bytes: Vec<u8>,
    /// What it is.
    pub origin: Origin,
}

impl Frame {
    /// Whose it is, on its way to a network.
    pub(super) const fn party(&self, network: InterfaceKey) -> Party {
        Party { network, sender: self.origin.sender() }
    }

    /// Fills in the destination Ethernet address.
    pub(super) fn address_to(&mut self, mac: MacAddr) {
        if let Some(destination) = self.bytes.first_chunk_mut() {
            *destination = mac.0;
        }
    }

    /// The frame's end because its next hop does not answer.
    pub(super) fn undelivered(self, hop: Hop) -> Effect {
        match self.origin {
            Origin::Transit(ingress) => Effect::Undelivered { ingress, hop, frame: self.bytes },
            _ => self.refused(DropReason::NeighborUnresolved),
        }
    }

    /// The frame's end for a reason.
    pub(super) fn refused(self, reason: DropReason) -> Effect {
        match self.origin {
            Origin::Transit(_) | Origin::Answer => Effect::Dropped(reason),
            Origin::Error => Effect::Untold,
            Origin::Probe(number) => Effect::Unsent(number, reason),
        }
    }
}

/// Frames that are held, counted.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// All of them.
    pub(super) frames: usize,
    /// Those whose end is that of a packet that came in.
    pub(super) packets: usize,
    pub(super) shares: Shares,
}

impl Waiting {
    /// Whether one more may wait for a neighbour on a network.
    pub(super) fn admits(&self, network: InterfaceKey, frame: &Frame) -> bool {
        self.shares.allow(frame.party(network), HELD_TOTAL - self.frames)
    }

    /// Counts one that waits from now on.
    pub(super) fn begins(&mut self, network: InterfaceKey, frame: &Frame) {
        self.shares.add(frame.party(network));
        self.frames += 1;
        self.packets += usize::from(frame.origin.ends_a_packet());
    }

    /// Counts those that wait no longer.
    pub(super) fn end(&mut self, network: InterfaceKey, held: &VecDeque<Frame>) {
        held.iter().for_each(|frame| self.shares.remove(frame.party(network)));
        self.frames -= held.len();
        self.packets -= held.iter().filter(|frame| frame.origin.ends_a_packet()).count();
    }
}
