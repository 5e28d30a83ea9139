//! What the session table is asked about packets: about all of a burst at once, and before, for what it looks at to be
//! brought near.

use dpdk_bindings::{BURST, Burst};
use zerocopy::FromBytes;

use super::transport::{self, Transport};
use super::{Step, Translation, Translator, packet_bytes};
use crate::datapath::lane::{Packet, Packets};
use crate::datapath::output::Outputs;
use crate::nat::share::Shard;
use crate::nat::{Flow, Located, Segment};
use crate::packet::ipv4::Ipv4;
use crate::tables::ReadSection;
use crate::tables::entries::{Direction, Endpoint, Protocol};
use crate::telemetry::DropReason;

/// A packet that the session table is asked about.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Asked {
    pub(super) flow: Flow,
    pub(super) segment: Segment,
    pub(super) hash: u64,
    pub(super) located: Located,
}

impl Translator {
    /// What the table is asked about a packet.
    #[inline(always)]
    pub(super) fn asked(&self, place: u8) -> &Asked {
        &self.asked[usize::from(place) % BURST]
    }

    /// Notes what the table is to be asked, and asks ahead for where it looks that up.
    #[inline(always)]
    fn note(&mut self, direction: Direction, place: u8, flow: Flow, segment: Segment) {
        let hash = self.nat.hash(direction, &flow);
        self.nat.prefetch(direction, hash);
        self.asked[usize::from(place) % BURST] = Asked { flow, segment, hash, located: Located::default() };
    }

    /// Asks ahead for the session of a packet that has been noted.
    #[inline(always)]
    pub(super) fn locate(&mut self, direction: Direction, place: u8) {
        let asked = &mut self.asked[usize::from(place) % BURST];
        asked.located = self.nat.locate(direction, asked.hash);
    }

    /// The shard that a flow belongs to: its customer's, or its public port's.
    #[inline(always)]
    pub(super) const fn shard(&self, direction: Direction, flow: &Flow) -> Shard {
        match direction {
            Direction::Outbound => self.division.of_customer(flow.local.vrf, flow.local.address),
            Direction::Inbound => self.division.of_port(flow.local.port),
        }
    }

    /// Whether a flow is this worker's.
    #[inline(always)]
    fn owns(&self, direction: Direction, flow: &Flow) -> bool {
        self.division.is_whole() || self.owner(self.shard(direction, flow)).is_none()
    }
}

impl<S: ReadSection> Translation<'_, '_, S> {
    /// Notes what the session table is to be asked about the packets of a lane, from its start on. How many these are,
    /// and what becomes of the next one, of which the table is not asked.
    #[inline(always)]
    pub(super) fn ask<T>(
        &mut self,
        direction: Direction,
        (lane, place): (&[T], impl Fn(&T) -> u8),
        packets: &mut Packets,
        burst: &mut Burst,
        out: &mut Outputs,
    ) -> (usize, Option<Step>) {
        for (number, item) in lane.iter().enumerate() {
            let place = place(item);
            if self.usual(direction, packets, burst, place) {
                continue;
            }
            match self.first(direction, packets, burst, place, out) {
                Step::Ask(flow, segment) => self.translator.note(direction, place, flow, segment),
                step => return (number, Some(step)),
            }
        }
        (lane.len(), None)
    }

    /// Notes what is asked about a whole packet of UDP or TCP under a header without options. Whether it is such a
    /// packet, and this worker's; [`first`](Self::first) would ask the same.
    #[inline(always)]
    fn usual(&mut self, direction: Direction, packets: &Packets, burst: &Burst, place: u8) -> bool {
        let packet = &packets[place];
        let Some(usual) = packet_bytes(packet, burst, place).and_then(transport::usual) else { return false };
        let flow = flow(direction, packet, usual.protocol, usual.source, usual.destination);
        let own = self.translator.owns(direction, &flow);
        if own {
            self.translator.note(direction, place, flow, usual.segment);
        }
        own
    }

    /// Reads a packet's transport header. What is not plainly one packet of one flow of this worker's is dealt with.
    #[cold]
    #[inline(never)]
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
        let flow = flow(direction, packet, protocol, source, destination);
        if header.is_fragment() || !self.translator.owns(direction, &flow) {
            return self.strays(direction, packets, burst, place, (flow, segment), out);
        }
        Step::Ask(flow, segment)
    }
}

/// Whose packet it is that goes from one port to another.
#[inline(always)]
const fn flow(
    direction: Direction,
    packet: &Packet,
    protocol: Protocol,
    source: u16,
    destination: u16,
) -> Flow {
    let (from, to) = ((packet.source, source), (packet.destination, destination));
    let (vrf, (address, port), remote) = match direction {
        Direction::Outbound => (packet.tenant, from, to),
        Direction::Inbound => (packet.vrf, to, from),
    };
    Flow { protocol, local: Endpoint { vrf, address, port }, remote }
}
