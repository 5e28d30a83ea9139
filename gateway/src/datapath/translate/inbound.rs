//! Packets to public addresses.

use dpdk_bindings::Burst;

use super::asking::Asked;
use super::{Ports, Step, Translation, Translator, note, packet_bytes};
use crate::datapath::lane::{Lane, Packet, Packets, append};
use crate::datapath::output::Outputs;
use crate::datapath::refuse::refuse;
use crate::datapath::route::{Ways, ask_for_record};
use crate::packet::translation::End;
use crate::tables::ReadSection;
use crate::tables::entries::{Direction, Endpoint, Target};
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
        self.translator.locate(Direction::Inbound, asking.iter().copied());
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
            let packet = take_in(packets, place, customer, Ports::Replaced);
            // Nearly all customers are VMs of a subnet.
            packet.next = packet.destination;
            tables.ipv4_routes.prefetch_root(packet.vrf);
            ask_for_record(self.stages, packet);
            append(&mut arriving, place);
        }
        for &place in &arriving {
            let packet = &packets[place];
            let target = Target::decode(tables.ipv4_routes.lookup(packet.vrf, packet.destination));
            if target == Target::Subnet {
                append(&mut ways.overlay, place);
            } else {
                ways.deliver(self.stages, self.section, packets, burst, place, out);
            }
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
            Step::Known(customer, ports) => {
                take_in(packets, place, customer, ports);
                ways.deliver(self.stages, self.section, packets, burst, place, out);
            }
            Step::Done(customer) => {
                enter(&mut packets[place], customer);
                ways.deliver(self.stages, self.section, packets, burst, place, out);
            }
            Step::Ask(..) | Step::Gone => {}
            Step::Drop(reason) | Step::Refused(reason) => {
                refuse(self.stages, packets, burst, place, reason, out);
            }
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

/// Notes which customer a packet is for.
#[inline(always)]
fn take_in(packets: &mut Packets, place: u8, customer: Endpoint, ports: Ports) -> &mut Packet {
    note(packets, place, End::Destination, customer, ports);
    let packet = &mut packets[place];
    enter(packet, customer);
    packet
}

/// Has a packet go on in the VRF of its customer.
#[inline(always)]
const fn enter(packet: &mut Packet, customer: Endpoint) {
    (packet.vrf, packet.destination) = (customer.vrf, customer.address);
}
