//! Network address translation (RFC 3022, RFC 4787): which customer is behind a public port, and the other way round.
//!
//! The stage comes after the whole way is known and before anything is rewritten: what it finds out is noted beside the
//! packet, and the bytes change with all other headers at the end, so that an error quotes a packet as it came. Only
//! ICMP errors, of which no error is ever sent, are changed right here, with the packet that they carry.

mod asking;
mod errors;
mod fragments;
mod inbound;
mod outbound;
mod transport;
mod unusual;

use std::sync::Arc;

use arrayvec::ArrayVec;
use dpdk_bindings::{BURST, Burst, Mempool};
use nvgw_types::{PortId, VrfId, WorkerId};

use super::handed::Handed;
use super::lane::{Packet, Packets};
use super::output::Outputs;
use super::pipeline::Stages;
use crate::nat::share::{Division, Shard};
use crate::nat::{Context, Flow, Located, Nat, Segment};
use crate::packet::translation::{End, Replacement};
use crate::tables::ReadSection;
use crate::tables::entries::{Endpoint, NatSettings, Protocol};
use crate::tables::exchange::{Ingress, Millis, NatOrder, Punt};
use crate::tables::set::{NAT_SETTINGS, TableReaders};
use crate::telemetry::DropReason;
use crate::telemetry::nat::NatCounters;
use asking::Asked;
use fragments::Fragments;

/// How many entries of the session table one turn of a worker looks at, beside its packets: time-outs and questions
/// cost it a constant.
const STEP: usize = 64;

/// A worker's translation: its sessions, and what it knows of fragments.
pub struct Translator {
    nat: Nat,
    counters: Arc<NatCounters>,
    division: Division,
    worker: WorkerId,
    fragments: Fragments<Handed>,
    /// Where errors about held packets are made.
    pool: Mempool,
    asked: Box<[Asked; BURST]>,
    ordered: bool,
}

/// What becomes of a packet before the session table is asked, or without it.
enum Step {
    /// The table is asked, under this hash.
    Ask(Flow, Segment),
    /// It is known already.
    Known(Endpoint, Ports),
    /// Nothing of it changes any more.
    Done(Endpoint),
    /// It is another worker's, or waits.
    Gone,
    /// It is not translated.
    Drop(DropReason),
    /// The session table says so, and has counted it.
    Refused(DropReason),
}

/// Whether a packet's port is replaced with its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ports {
    Replaced,
    Kept,
}

impl Translator {
    /// The translation of one worker, as the engine was made for it.
    #[must_use]
    pub fn new(
        nat: Nat,
        counters: Arc<NatCounters>,
        division: Division,
        worker: WorkerId,
        pool: Mempool,
    ) -> Self {
        let nobody = Endpoint { vrf: VrfId(0), address: 0, port: 0 };
        let flow = Flow { protocol: Protocol::Udp, local: nobody, remote: (0, 0) };
        let asked = Asked { flow, segment: Segment::default(), hash: 0, located: Located::default() };
        let (fragments, asked) = (Fragments::new(), Box::new([asked; BURST]));
        Self { nat, counters, division, worker, fragments, pool, asked, ordered: false }
    }

    /// Where packets are made that did not come in.
    pub(super) const fn pool(&self) -> &Mempool {
        &self.pool
    }

    /// Takes an order about sessions, which [`Pipeline::tend`](super::Pipeline::tend) works on. One at a
    /// time: others have to wait until it [is done](Self::is_ordered).
    pub fn order(&mut self, order: NatOrder) {
        self.ordered = self.nat.order(order);
    }

    /// Whether orders are being worked on.
    #[inline(always)]
    #[must_use]
    pub const fn is_ordered(&self) -> bool {
        self.ordered
    }

    /// When exactly the next session, resting port or held packet ends. Looks at everything: for replays.
    #[must_use]
    pub fn next_end(&self, settings: &NatSettings) -> Option<Millis> {
        let ends = [self.nat.next_end(settings), self.fragments.wakeup()];
        ends.into_iter().flatten().min()
    }

    /// Fragments that wait for the first one of their packet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.fragments.waiting()
    }

    /// Whether [`Pipeline::tend`](super::Pipeline::tend) may have something to do.
    #[inline(always)]
    #[must_use]
    pub fn is_due(&self, now: Millis) -> bool {
        self.ordered || self.wakeup().is_some_and(|due| due <= now)
    }

    /// When time alone gives [`Pipeline::tend`](super::Pipeline::tend) something to do.
    #[inline(always)]
    #[must_use]
    pub fn wakeup(&self) -> Option<Millis> {
        match (self.nat.wakeup(), self.fragments.wakeup()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// The other worker whose packets of that shard are.
    #[inline(always)]
    fn owner(&self, shard: Shard) -> Option<WorkerId> {
        Some(self.division.worker(shard)).filter(|owner| *owner != self.worker)
    }
}

/// What translation works with.
pub(super) struct Translation<'t, 's, S> {
    pub(super) stages: &'t Stages<'s>,
    pub(super) section: &'s S,
    pub(super) translator: &'t mut Translator,
    pub(super) now: Millis,
    /// The port of the burst, where it was received.
    pub(super) port: PortId,
}

/// Reads what all translation has in common.
pub(super) fn settings<'s, S: ReadSection>(tables: &'s TableReaders, section: &'s S) -> &'s NatSettings {
    tables.settings.get(section, NAT_SETTINGS)
}

impl<'s, S: ReadSection> Translation<'_, 's, S> {
    fn context(&self) -> Context<'s, S> {
        let tables = self.stages.tables;
        Context { tables, section: self.section, settings: settings(tables, self.section), now: self.now }
    }

    /// Does what is due, a little of it. Whether more is.
    pub(super) fn tend(&mut self, out: &mut Outputs) -> bool {
        let context = self.context();
        while self.translator.fragments.expired(self.now).is_some() {
            self.stages.counters.drop(DropReason::NatFragment);
        }
        let mut notices = ArrayVec::new();
        let more = self.translator.nat.advance(&context, STEP, &mut out.events, &mut notices);
        for notice in notices {
            let punt = Punt::Error { error: notice.error, ingress: Ingress::Outside(notice.interface) };
            out.arrived(self.now, self.stages.tables.interfaces.get(self.section, notice.interface).port);
            if out.may_report(self.stages.counters, &punt)
                && let Some(mbuf) = self.translator.pool.mbuf_from(&notice.packet)
            {
                out.report(mbuf, punt);
            }
        }
        more
    }

    /// Answers some of what was asked about sessions. Whether there is more to do.
    pub(super) fn answer(&mut self, out: &mut Outputs) -> bool {
        if self.translator.ordered {
            let context = self.context();
            self.translator.ordered =
                self.translator.nat.answer(&context, STEP, &mut out.answers, &mut out.events);
        }
        self.translator.ordered
    }
}

/// A packet's first segment, from its IP header on.
#[inline(always)]
fn packet_bytes<'b>(packet: &Packet, burst: &'b Burst, place: u8) -> Option<&'b [u8]> {
    burst.get(usize::from(place))?.data().get(usize::from(packet.l3)..)
}

/// Notes what becomes of one end of a packet.
#[inline(always)]
fn note(packets: &mut Packets, place: u8, end: End, new: Endpoint, ports: Ports) {
    let port = match ports {
        Ports::Replaced => Some(new.port),
        Ports::Kept => None,
    };
    packets.replace(place, end, Replacement { address: new.address, port });
}
