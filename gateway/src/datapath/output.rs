//! What a burst became: frames for ports, packets for the control thread.

use arrayvec::ArrayVec;
use dpdk_bindings::{BURST, Burst, Mbuf, TxBatch};
use nvgw_types::PortId;

use super::handed::Handed;
use crate::nat::{self, Events};
use crate::tables::exchange::{NatAnswer, Punt};
use crate::telemetry::DropReason;
use crate::telemetry::counters::Counters;

/// A packet for the control thread.
#[derive(Debug)]
pub struct Punted {
    /// Why, and what is known of it.
    pub punt: Punt,
    /// The packet, from where `punt` says that its bytes start.
    pub mbuf: Mbuf,
}

/// What a burst became. Whoever runs the pipeline empties it after every burst.
#[derive(Debug)]
pub struct Outputs {
    /// Finished frames by port.
    pub transmit: Box<[TxBatch]>,
    /// Packets for the control thread.
    pub punts: ArrayVec<Punted, BURST>,
    /// Packets for other workers, and for another turn of this one.
    pub handed: ArrayVec<Handed, HANDED>,
    /// What the translation log wants to know. What is left here when the next burst comes takes room from it.
    pub events: Events,
    /// What was asked about sessions.
    pub answers: ArrayVec<NatAnswer, { nat::BATCH }>,
}

/// Room for packets that are handed over: every packet of a burst, and the fragments that waited for some of them.
const HANDED: usize = 2 * BURST;

impl Outputs {
    /// Room for so many ports.
    #[must_use]
    pub fn new(ports: usize) -> Self {
        Self {
            transmit: (0..ports).map(|_| TxBatch::new()).collect(),
            punts: ArrayVec::new(),
            handed: ArrayVec::new(),
            events: Events::new(),
            answers: ArrayVec::new(),
        }
    }

    /// Hands a finished frame to a port.
    #[inline(always)]
    pub(super) fn transmit(&mut self, counters: &Counters, port: PortId, mbuf: Mbuf) {
        let taken = match self.transmit.get_mut(port.index()) {
            Some(batch) => batch.push(mbuf).is_ok(),
            None => false,
        };
        if !taken {
            counters.drop(DropReason::TransmitFull);
        }
    }

    /// Takes a packet out of the burst for the control thread, without its first `strip` bytes.
    #[cold]
    pub(super) fn punt(&mut self, counters: &Counters, burst: &mut Burst, place: u8, strip: u16, punt: Punt) {
        let Some(mut mbuf) = burst.take(usize::from(place)) else { return };
        if mbuf.adj(strip) {
            self.punt_frame(counters, mbuf, punt);
        } else {
            counters.drop(DropReason::Malformed);
        }
    }

    /// Hands a packet to the control thread that was dropped and counted. Where there is no room, nobody hears of it.
    #[cold]
    pub(super) fn report(&mut self, mbuf: Mbuf, punt: Punt) {
        drop(self.punts.try_push(Punted { punt, mbuf }));
    }

    /// Hands a packet to another worker, or to a later turn of this one.
    #[cold]
    pub(super) fn hand_over(&mut self, counters: &Counters, handed: Handed) {
        if self.handed.try_push(handed).is_err() {
            counters.drop(DropReason::HandOverFull);
        }
    }

    /// Hands a packet to the control thread.
    #[cold]
    pub(super) fn punt_frame(&mut self, counters: &Counters, mbuf: Mbuf, punt: Punt) {
        match self.punts.try_push(Punted { punt, mbuf }) {
            Ok(()) => counters.punted.add(1),
            Err(_) => counters.drop(DropReason::PuntQueueFull),
        }
    }
}
