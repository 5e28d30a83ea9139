//! What a burst became: frames for ports, packets for the control thread.

use std::mem;

use arrayvec::ArrayVec;
use dpdk_bindings::{BURST, Burst, Mbuf, TxBatch};
use nvgw_types::PortId;

use super::handed::Handed;
use super::police::Police;
use crate::nat::{self, Events};
use crate::tables::exchange::{Millis, NatAnswer, Punt};
use crate::tables::set::TableLimits;
use crate::telemetry::counters::Counters;
use crate::telemetry::latency::Direction;
use crate::telemetry::{DropReason, PuntClass};

/// A packet for the control thread.
#[derive(Debug)]
pub struct Punted {
    /// Why, and what is known of it.
    pub punt: Punt,
    /// The packet, from where `punt` says that its bytes start.
    pub mbuf: Mbuf,
    /// What kind it is.
    pub class: PuntClass,
    /// The port that it came in by.
    pub port: PortId,
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
    /// When the poll returned that brought the packets that are worked on, by the time-stamp counter.
    pub polled: u64,
    /// For how many bursts the times of this one stand, see [`timing_weight`](crate::telemetry::timing_weight).
    pub weight: u64,
    /// Frames handed to ports.
    directions: [u64; Direction::COUNT],
    police: Police,
    /// When the packets came that are worked on.
    now: Millis,
    /// The port that they came in by.
    port: PortId,
}

/// Room for packets that are handed over: every packet of a burst, and the fragments that waited for some of them.
const HANDED: usize = 2 * BURST;

impl Outputs {
    /// Room for what comes of as many ports, networks and tenants as the tables have room for.
    #[must_use]
    pub fn new(limits: &TableLimits) -> Self {
        Self {
            transmit: (0..limits.ports).map(|_| TxBatch::new()).collect(),
            punts: ArrayVec::new(),
            handed: ArrayVec::new(),
            events: Events::new(),
            answers: ArrayVec::new(),
            polled: 0,
            weight: 0,
            directions: [0; Direction::COUNT],
            police: Police::new(limits),
            now: Millis::default(),
            port: PortId::default(),
        }
    }

    /// What comes next is of packets that came in by this port at this time.
    #[inline(always)]
    pub(super) fn arrived(&mut self, now: Millis, port: PortId) {
        (self.now, self.port) = (now, port);
    }

    /// How many frames were handed to ports in each direction since this was asked last.
    #[inline(always)]
    pub fn take_directions(&mut self) -> [u64; Direction::COUNT] {
        mem::take(&mut self.directions)
    }

    /// How many frames there are for ports.
    #[inline(always)]
    pub(super) fn frames(&self) -> usize {
        self.transmit.iter().map(TxBatch::len).sum()
    }

    /// Counts what came to the frames `before` as frames of a direction. How many there are now.
    #[inline(always)]
    pub(super) fn count(&mut self, direction: Direction, before: usize) -> usize {
        let frames = self.frames();
        self.directions[direction as usize] += (frames - before) as u64;
        frames
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

    /// Takes a packet out of the burst for the control thread, without its first `strip` bytes, as far as the policers
    /// allow it.
    #[cold]
    pub(super) fn punt(&mut self, counters: &Counters, burst: &mut Burst, place: u8, strip: u16, punt: Punt) {
        let Some(mbuf) = burst.get(usize::from(place)) else { return };
        let class = punt.class(mbuf.data().get(usize::from(strip)..).unwrap_or_default());
        if !self.admits(counters, class, &punt) {
            counters.drop(DropReason::PuntPoliced);
        } else if let Some(mut mbuf) = burst.take(usize::from(place))
            && mbuf.adj(strip)
        {
            self.push(counters, class, mbuf, punt);
        } else {
            counters.drop(DropReason::Malformed);
        }
    }

    /// Hands a packet to the control thread, as far as the policers allow it.
    #[cold]
    pub(super) fn punt_frame(&mut self, counters: &Counters, mbuf: Mbuf, punt: Punt) {
        let class = punt.class(mbuf.data());
        if self.admits(counters, class, &punt) {
            self.push(counters, class, mbuf, punt);
        } else {
            counters.drop(DropReason::PuntPoliced);
        }
    }

    /// Whether the policers allow it to [report](Self::report) a packet that was dropped and counted.
    #[cold]
    pub(super) fn may_report(&mut self, counters: &Counters, punt: &Punt) -> bool {
        self.admits(counters, PuntClass::Error, punt)
    }

    /// Hands a packet to the control thread that was dropped and counted. Where there is no room, nobody hears of it.
    #[cold]
    pub(super) fn report(&mut self, mbuf: Mbuf, punt: Punt) {
        drop(self.punts.try_push(Punted { punt, mbuf, class: PuntClass::Error, port: self.port }));
    }

    /// Hands a packet to another worker, or to a later turn of this one.
    #[cold]
    pub(super) fn hand_over(&mut self, counters: &Counters, handed: Handed) {
        if self.handed.try_push(handed).is_err() {
            counters.drop(DropReason::HandOverFull);
        }
    }

    /// Whether the control thread may have a packet; counts it one way or the other.
    #[inline]
    fn admits(&mut self, counters: &Counters, class: PuntClass, punt: &Punt) -> bool {
        let admitted = self.police.admits(self.now, self.port, class, punt);
        let counters = counters.port(self.port).punts(class);
        if admitted { &counters.admitted } else { &counters.policed }.add(1);
        admitted
    }

    fn push(&mut self, counters: &Counters, class: PuntClass, mbuf: Mbuf, punt: Punt) {
        if self.punts.try_push(Punted { punt, mbuf, class, port: self.port }).is_err() {
            counters.drop(DropReason::PuntQueueFull);
        }
    }
}
