//! Network address translation (RFC 3022, RFC 4787): which customer is behind a public port, and the other way round.
//!
//! The stage comes after the whole way is known and before anything is rewritten: what it finds out is noted beside the
//! packet, and the bytes change with all other headers at the end, so that an error quotes a packet as it came. Only
//! ICMP errors, of which no error is ever sent, are changed right here, with the packet that they carry.

mod errors;
mod fragments;
mod transport;
mod unusual;

use std::sync::Arc;

use arrayvec::ArrayVec;
use dpdk_bindings::{BURST, Burst, Mempool};
use nvgw_types::{PortId, VrfId, WorkerId};
use zerocopy::FromBytes;

use super::handed::{Behind, Handed, Kind};
use super::lane::{Lane, Packet, Packets, append};
use super::output::Outputs;
use super::pipeline::Stages;
use super::refuse::refuse;
use super::resolve::Plain;
use super::route::{Exit, Leaving, Ways, ask_for_record};
use crate::nat::share::{Division, Shard};
use crate::nat::{Context, Flow, Located, Nat, Segment};
use crate::packet::ipv4::Ipv4;
use crate::packet::translation::{self, End, Replacement};
use crate::tables::ReadSection;
use crate::tables::entries::{Direction, Endpoint, NatSettings, Protocol};
use crate::tables::exchange::{Ingress, Millis, NatOrder, Punt};
use crate::tables::set::{NAT_SETTINGS, TableReaders};
use crate::telemetry::DropReason;
use crate::telemetry::nat::NatCounters;
use fragments::Fragments;
use transport::Transport;

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

/// A packet that the session table is asked about.
#[derive(Debug, Clone, Copy)]
struct Asked {
    flow: Flow,
    segment: Segment,
    hash: u64,
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
        let asked = Asked { flow, segment: Segment::default(), hash: 0 };
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

    /// Whether a packet of that shard is another worker's.
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

    /// Translates what leaves for an external network, and sorts it by its way out.
    #[inline(never)]
    pub(super) fn outbound(
        &mut self,
        packets: &mut Packets,
        burst: &mut Burst,
        ways: &mut Ways<'s>,
        out: &mut Outputs,
    ) {
        let leaving = std::mem::take(&mut ways.outbound);
        let mut asking = Lane::new();
        for leaving in leaving {
            let place = leaving.place;
            let step = self.first(Direction::Outbound, packets, burst, place, out);
            if let Step::Ask(flow, segment) = step {
                self.ask(Direction::Outbound, place, flow, segment);
                append(&mut asking, leaving);
                continue;
            }
            // Packets leave in the order they came.
            self.outbound_asked(&mut asking, packets, burst, ways, out);
            match step {
                Step::Known(public, ports) => {
                    note(packets, place, End::Source, public, ports);
                    self.leave(leaving, packets, burst, ways, out);
                }
                Step::Done(_) => self.leave(leaving, packets, burst, ways, out),
                Step::Ask(..) | Step::Gone => {}
                Step::Drop(reason) => {
                    self.translator.counters.failed(packets[place].tenant, reason);
                    refuse(self.stages, packets, burst, place, reason, out);
                }
                Step::Refused(reason) => refuse(self.stages, packets, burst, place, reason, out),
            }
        }
        self.outbound_asked(&mut asking, packets, burst, ways, out);
    }

    /// Asks the session table about packets that leave, all at once, and lets them leave.
    #[inline(always)]
    fn outbound_asked(
        &mut self,
        asking: &mut Lane<Leaving<'s>>,
        packets: &mut Packets,
        burst: &mut Burst,
        ways: &mut Ways<'s>,
        out: &mut Outputs,
    ) {
        let located = self.locate(Direction::Outbound, asking.iter().map(|leaving| leaving.place));
        let context = self.context();
        for (leaving, located) in asking.drain(..).zip(located) {
            let place = leaving.place;
            let Asked { flow, segment, hash } = self.translator.asked[usize::from(place) % BURST];
            match self.translator.nat.outbound(&context, &flow, &segment, hash, located, &mut out.events) {
                Ok(public) => {
                    note(packets, place, End::Source, public, Ports::Replaced);
                    self.leave(leaving, packets, burst, ways, out);
                }
                Err(reason) => refuse(self.stages, packets, burst, place, reason, out),
            }
        }
    }

    /// Finds the customers behind public addresses, and routes to them.
    #[inline(never)]
    pub(super) fn inbound(
        &mut self,
        packets: &mut Packets,
        burst: &mut Burst,
        ways: &mut Ways<'s>,
        out: &mut Outputs,
    ) {
        let arriving = std::mem::take(&mut ways.inbound);
        let mut asking = Lane::new();
        for place in arriving {
            let step = self.first(Direction::Inbound, packets, burst, place, out);
            if let Step::Ask(flow, segment) = step {
                self.ask(Direction::Inbound, place, flow, segment);
                append(&mut asking, place);
                continue;
            }
            self.inbound_asked(&mut asking, packets, burst, ways, out);
            match step {
                Step::Known(customer, ports) => {
                    note(packets, place, End::Destination, customer, ports);
                    self.arrive(packets, burst, place, customer, ways, out);
                }
                Step::Done(customer) => self.arrive(packets, burst, place, customer, ways, out),
                Step::Ask(..) | Step::Gone => {}
                Step::Drop(reason) | Step::Refused(reason) => {
                    refuse(self.stages, packets, burst, place, reason, out);
                }
            }
        }
        self.inbound_asked(&mut asking, packets, burst, ways, out);
    }

    /// Asks the session table about packets from outside, all at once, and routes them.
    #[inline(always)]
    fn inbound_asked(
        &mut self,
        asking: &mut Lane<u8>,
        packets: &mut Packets,
        burst: &mut Burst,
        ways: &mut Ways<'s>,
        out: &mut Outputs,
    ) {
        let located = self.locate(Direction::Inbound, asking.iter().copied());
        let context = self.context();
        for (place, located) in asking.drain(..).zip(located) {
            let Asked { flow, segment, hash } = self.translator.asked[usize::from(place) % BURST];
            match self.translator.nat.inbound(&context, &flow, &segment, hash, located) {
                Ok(customer) => {
                    note(packets, place, End::Destination, customer, Ports::Replaced);
                    self.arrive(packets, burst, place, customer, ways, out);
                }
                Err(reason) => {
                    if reason == DropReason::NatUnsolicited {
                        self.hold(&packets[place], burst, place, &flow);
                    }
                    refuse(self.stages, packets, burst, place, reason, out);
                }
            }
        }
    }

    /// Reads a packet's transport header. What is not plainly one packet of one flow of this worker's is dealt with.
    #[inline(always)]
    fn first(
        &mut self,
        direction: Direction,
        packets: &mut Packets,
        burst: &mut Burst,
        place: u8,
        out: &mut Outputs,
    ) -> Step {
        let packet = &packets[place];
        let bytes = packet_bytes(packet, burst, place);
        let Some(Ok((header, _))) = bytes.map(Ipv4::ref_from_prefix) else {
            return Step::Drop(DropReason::NatMalformed);
        };
        let transport = transport::read(header, bytes.unwrap_or_default());
        let (protocol, source, destination, segment) = match transport {
            Transport::Ports { protocol, source, destination, segment, begins }
                if begins || direction == Direction::Inbound =>
            {
                (protocol, source, destination, segment)
            }
            _ => return self.unusual(direction, packets, burst, place, transport, out),
        };
        let (flow, shard) = match direction {
            Direction::Outbound => {
                let local = Endpoint { vrf: packet.tenant, address: packet.source, port: source };
                let flow = Flow { protocol, local, remote: (packet.destination, destination) };
                (flow, self.translator.division.of_customer(packet.tenant, packet.source))
            }
            Direction::Inbound => {
                let local = Endpoint { vrf: packet.vrf, address: packet.destination, port: destination };
                let flow = Flow { protocol, local, remote: (packet.source, source) };
                (flow, self.translator.division.of_port(destination))
            }
        };
        if header.is_fragment() || self.translator.owner(shard).is_some() {
            return self.strays(direction, packets, burst, place, flow, segment, shard, out);
        }
        Step::Ask(flow, segment)
    }

    #[inline(always)]
    fn ask(&mut self, direction: Direction, place: u8, flow: Flow, segment: Segment) {
        let hash = self.translator.nat.hash(direction, &flow);
        self.translator.nat.prefetch(direction, hash);
        self.translator.asked[usize::from(place) % BURST] = Asked { flow, segment, hash };
    }

    #[inline(always)]
    fn locate(&self, direction: Direction, places: impl Iterator<Item = u8>) -> Lane<Located> {
        let hash = |place| self.translator.asked[usize::from(place) % BURST].hash;
        places.map(|place| self.translator.nat.locate(direction, hash(place))).collect()
    }

    /// Lets a packet leave whose translation is noted.
    #[inline(always)]
    fn leave(
        &mut self,
        Leaving { place, external, exit }: Leaving<'s>,
        packets: &mut Packets,
        burst: &mut Burst,
        ways: &mut Ways<'s>,
        out: &mut Outputs,
    ) {
        match exit {
            Exit::Plain(way) => {
                self.stages.sent(external, packets[place].length);
                append(&mut ways.plain, Plain { place, way });
            }
            Exit::Overlay => {
                ask_for_record(self.stages, &mut packets[place]);
                append(&mut ways.overlay, place);
            }
            Exit::Around => self.go_around(packets, burst, place, external, out),
        }
    }

    /// Sends a packet around, to come in from the external network.
    #[cold]
    fn go_around(
        &mut self,
        packets: &Packets,
        burst: &mut Burst,
        place: u8,
        external: VrfId,
        out: &mut Outputs,
    ) {
        let packet = &packets[place];
        let replacement = packet.translation.map(|end| (end, packets.replacement(place)));
        let mut port = None;
        let Some(mut mbuf) = burst.take(usize::from(place)) else { return };
        let Some(bare) = mbuf.reframe::<0>(packet.l3, packet.length) else {
            return self.stages.counters.drop(DropReason::NoBuffer);
        };
        let Ok((header, payload)) = Ipv4::mut_from_prefix(&mut *bare.rest) else {
            return self.stages.counters.drop(DropReason::NoBuffer);
        };
        header.set_tos(packet.tos);
        if let Some((end, new)) = replacement {
            port = new.port.and(translation::port(header, payload, end));
            translation::translate(header, payload, end, new);
        }
        bare.finish(0);
        let sender = Behind { external, tenant: packet.tenant, address: packet.source, port };
        let kind = Kind::Around { port: self.port, sender, fragment: None };
        let own = self.translator.worker;
        let handed = Handed { from: own, to: own, polled: out.polled, mbuf, kind };
        out.hand_over(self.stages.counters, handed);
    }

    /// Routes a packet to the customer that was found for it.
    #[inline(always)]
    fn arrive(
        &mut self,
        packets: &mut Packets,
        burst: &mut Burst,
        place: u8,
        customer: Endpoint,
        ways: &mut Ways<'s>,
        out: &mut Outputs,
    ) {
        let packet = &mut packets[place];
        (packet.vrf, packet.destination) = (customer.vrf, customer.address);
        ways.deliver(self.stages, self.section, packets, burst, place, out);
    }

    /// Keeps the start of an unsolicited SYN.
    #[cold]
    fn hold(&mut self, packet: &Packet, burst: &Burst, place: u8, flow: &Flow) {
        if packet.around {
            return;
        }
        if let Some(bytes) = packet_bytes(packet, burst, place) {
            self.translator.nat.hold_syn(self.now, flow, packet.interface, bytes);
        }
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
