//! Packets to public addresses.

use dpdk_bindings::Burst;

use super::asking::Asked;
use super::{Ports, Step, Translation, Translator, note, packet_bytes};
use crate::datapath::lane::{Lane, Packet, Packets, append};
use crate::datapath::output::Outputs;
use crate::datapath::refuse::refuse;
use crate::datapath::resolve::wrap;
use crate::datapath::route::{Ways, expect_receiver};
use crate::packet::translation::End;
use crate::tables::ReadSection;
use crate::tables::entries::{Direction, Endpoint, Record};
use crate::tables::hash::Candidate;
use crate::telemetry::DropReason;

impl<'s, S: ReadSection> Translation<'_, 's, S> {
    /// Finds the customers behind public addresses, and routes to them.
    #[inline(never)]
    pub(in crate::datapath) fn inbound(
        &mut self,
        packets: &mut Packets,
        burst: &mut Burst,
        ways: &mut Ways<'s>,
        out: &mut Outputs,
    ) {
        let arriving = std::mem::take(&mut ways.inbound);
        let mut rest = arriving.as_slice();
        loop {
            let lane = (rest, |place: &u8| *place);
            let (asked, step) = self.ask(Direction::Inbound, lane, packets, burst, out);
            let (asking, others) = rest.split_at(asked);
            self.inbound_asked(asking, packets, burst, ways, out);
            let (Some(step), Some((&place, others))) = (step, others.split_first()) else { break };
            self.inbound_unasked(step, place, packets, burst, ways, out);
            rest = others;
        }
    }

    /// Asks the session table about packets, all at once, and routes them to the customers that it finds.
    #[inline(always)]
    fn inbound_asked(
        &mut self,
        asking: &[u8],
        packets: &mut Packets,
        burst: &mut Burst,
        ways: &mut Ways<'s>,
        out: &mut Outputs,
    ) {
        for &place in asking {
            self.translator.locate(Direction::Inbound, place);
        }
        let context = self.context();
        let tables = self.stages.tables;
        let mut arriving = Lane::new();
        for &place in asking {
            let Asked { flow, segment, located, .. } = *self.translator.asked(place);
            let customer = match self.translator.nat.usual_inbound(&context, &flow, &segment, located) {
                Some(customer) => customer,
                None => match self.inbound_unusual(packets, burst, place, out) {
                    Some(customer) => customer,
                    None => continue,
                },
            };
            self.take_in(packets, place, customer, Ports::Replaced);
            append(&mut arriving, place);
        }
        let mut candidates = Lane::new();
        for &place in &arriving {
            append(&mut candidates, tables.records.view().candidate(self.section, packets[place].hash));
        }
        for (&place, &candidate) in arriving.iter().zip(&candidates) {
            self.arrive(packets, burst, (place, candidate), ways, out);
        }
    }

    /// The customer that gets a packet which is not just one more of a session.
    #[inline(never)]
    fn inbound_unusual(
        &mut self,
        packets: &mut Packets,
        burst: &mut Burst,
        place: u8,
        out: &mut Outputs,
    ) -> Option<Endpoint> {
        let context = self.context();
        let Asked { flow, segment, hash, located } = *self.translator.asked(place);
        match self.translator.nat.inbound(&context, &flow, &segment, hash, located) {
            Ok(customer) => Some(customer),
            Err(reason) => {
                if reason == DropReason::NatUnsolicited {
                    self.hold(&packets[place], burst, place);
                }
                refuse(self.stages, packets, burst, place, reason, out);
                None
            }
        }
    }

    /// Routes a packet of which the session table is not asked.
    #[cold]
    #[inline(never)]
    fn inbound_unasked(
        &mut self,
        step: Step,
        place: u8,
        packets: &mut Packets,
        burst: &mut Burst,
        ways: &mut Ways<'s>,
        out: &mut Outputs,
    ) {
        match step {
            Step::Known(customer, ports) => self.take_in(packets, place, customer, ports),
            Step::Done(customer) => self.enter(&mut packets[place], customer),
            Step::Ask(..) | Step::Gone => return,
            Step::Drop(reason) | Step::Refused(reason) => {
                return refuse(self.stages, packets, burst, place, reason, out);
            }
        }
        let candidate = self.stages.tables.records.view().candidate(self.section, packets[place].hash);
        self.arrive(packets, burst, (place, candidate), ways, out);
    }

    /// Notes which customer a packet is for.
    #[inline(always)]
    fn take_in(&self, packets: &mut Packets, place: u8, customer: Endpoint, ports: Ports) {
        note(packets, place, End::Destination, customer, ports);
        self.enter(&mut packets[place], customer);
    }

    /// Has a packet go on in the VRF of its customer, and asks ahead for the record of a VM in a subnet, as nearly all
    /// customers are.
    #[inline(always)]
    fn enter(&self, packet: &mut Packet, customer: Endpoint) {
        (packet.vrf, packet.destination) = (customer.vrf, customer.address);
        expect_receiver(self.stages.tables.records.view(), packet, customer.vrf);
        self.stages.traffic().prefetch(customer.vrf);
    }

    /// Routes a packet to the customer that it is for, by the record that may be the customer's. Where it is not, or another
    /// route may lead past it, the tenant's routes decide.
    #[inline(always)]
    fn arrive(
        &self,
        packets: &mut Packets,
        burst: &mut Burst,
        (place, candidate): (u8, Candidate<'s, Record>),
        ways: &mut Ways<'s>,
        out: &mut Outputs,
    ) {
        let (packet, tables) = (&packets[place], self.stages.tables);
        let key = packet.receiver(packet.vrf);
        let record = tables.records.view().confirm(self.section, candidate, packet.hash, &key);
        if let Some(record) = record.filter(|record| record.on_link()) {
            wrap(self.section, tables.adjacencies.view(), (place, record), &mut ways.wrapped);
        } else {
            ways.deliver(self.stages, self.section, packets, burst, place, out);
        }
    }

    /// Keeps the start of an unsolicited SYN.
    #[cold]
    fn hold(&mut self, packet: &Packet, burst: &Burst, place: u8) {
        if packet.around {
            return;
        }
        if let Some(bytes) = packet_bytes(packet, burst, place) {
            let Asked { flow, .. } = *self.translator.asked(place);
            let Translator { nat, .. } = &mut *self.translator;
            nat.hold_syn(self.now, &flow, packet.interface, bytes);
        }
    }
}
