//! Packets that leave for external networks.

use dpdk_bindings::Burst;
use nvgw_types::VrfId;
use zerocopy::FromBytes;

use super::asking::Asked;
use super::{Ports, Step, Translation, Translator, note};
use crate::datapath::handed::{Behind, Handed, Kind};
use crate::datapath::lane::{Lane, Packets, append};
use crate::datapath::output::Outputs;
use crate::datapath::refuse::refuse;
use crate::datapath::resolve::Plain;
use crate::datapath::route::{Exit, Leaving, Ways, ask_for_record};
use crate::packet::ipv4::Ipv4;
use crate::packet::translation::{self, End};
use crate::tables::ReadSection;
use crate::tables::entries::{Direction, Endpoint};
use crate::telemetry::DropReason;

/// Where packets go that leave: by a next hop, or by a lookup record.
type WaysOut<'w, 's> = (&'w mut Lane<Plain<'s>>, &'w mut Lane<u8>);

impl<'s, S: ReadSection> Translation<'_, 's, S> {
    /// Translates what leaves for an external network, and sorts it by its way out.
    #[inline(never)]
    pub(in crate::datapath) fn outbound(
        &mut self,
        packets: &mut Packets,
        burst: &mut Burst,
        ways: &mut Ways<'s>,
        out: &mut Outputs,
    ) {
        let Ways { plain, overlay, outbound, .. } = ways;
        let (mut rest, mut to) = (outbound.as_slice(), (plain, overlay));
        loop {
            let lane = (rest, |leaving: &Leaving<'_>| leaving.place);
            let (asked, step) = self.ask(Direction::Outbound, lane, packets, burst, out);
            let (asking, others) = rest.split_at(asked);
            // Packets leave in the order they came.
            self.outbound_asked(asking, packets, burst, &mut to, out);
            let (Some(step), Some((next, others))) = (step, others.split_first()) else { break };
            self.outbound_unasked(step, next, packets, burst, &mut to, out);
            rest = others;
        }
        outbound.clear();
    }

    /// Asks the session table about packets, all at once, and lets them leave.
    #[inline(always)]
    fn outbound_asked(
        &mut self,
        asking: &[Leaving<'s>],
        packets: &mut Packets,
        burst: &mut Burst,
        to: &mut WaysOut<'_, 's>,
        out: &mut Outputs,
    ) {
        for leaving in asking {
            self.translator.locate(Direction::Outbound, leaving.place);
        }
        let context = self.context();
        for leaving in asking {
            let Asked { flow, segment, located, .. } = *self.translator.asked(leaving.place);
            match self.translator.nat.usual_outbound(&context, &flow, &segment, located) {
                Some(public) => {
                    self.leave(leaving, (public, Ports::Replaced), packets, burst, to, out);
                }
                None => self.outbound_unusual(leaving, packets, burst, to, out),
            }
        }
    }

    /// A packet that does more than to refresh a session.
    #[inline(never)]
    fn outbound_unusual(
        &mut self,
        leaving: &Leaving<'s>,
        packets: &mut Packets,
        burst: &mut Burst,
        to: &mut WaysOut<'_, 's>,
        out: &mut Outputs,
    ) {
        let context = self.context();
        let Asked { flow, segment, hash, located } = *self.translator.asked(leaving.place);
        let Translator { nat, .. } = &mut *self.translator;
        match nat.outbound(&context, &flow, &segment, hash, located, &mut out.events) {
            Ok(public) => self.leave(leaving, (public, Ports::Replaced), packets, burst, to, out),
            Err(reason) => refuse(self.stages, packets, burst, leaving.place, reason, out),
        }
    }

    /// Lets a packet leave of which the session table is not asked.
    #[cold]
    #[inline(never)]
    fn outbound_unasked(
        &mut self,
        step: Step,
        leaving: &Leaving<'s>,
        packets: &mut Packets,
        burst: &mut Burst,
        to: &mut WaysOut<'_, 's>,
        out: &mut Outputs,
    ) {
        let place = leaving.place;
        match step {
            Step::Known(public, ports) => self.leave(leaving, (public, ports), packets, burst, to, out),
            Step::Done(_) => self.send_away(leaving, packets, burst, to, out),
            Step::Ask(..) | Step::Gone => {}
            Step::Drop(reason) => {
                self.translator.counters.failed(packets[place].tenant, reason);
                refuse(self.stages, packets, burst, place, reason, out);
            }
            Step::Refused(reason) => refuse(self.stages, packets, burst, place, reason, out),
        }
    }

    /// Lets a packet leave as a public end's.
    #[inline(always)]
    fn leave(
        &mut self,
        leaving: &Leaving<'s>,
        (public, ports): (Endpoint, Ports),
        packets: &mut Packets,
        burst: &mut Burst,
        to: &mut WaysOut<'_, 's>,
        out: &mut Outputs,
    ) {
        note(packets, leaving.place, End::Source, public, ports);
        self.send_away(leaving, packets, burst, to, out);
    }

    /// Lets a packet leave whose translation is noted.
    #[inline(always)]
    fn send_away(
        &mut self,
        &Leaving { place, external, ref exit }: &Leaving<'s>,
        packets: &mut Packets,
        burst: &mut Burst,
        to: &mut WaysOut<'_, 's>,
        out: &mut Outputs,
    ) {
        match *exit {
            Exit::Plain(way) => {
                self.stages.sent(external, packets[place].length);
                append(to.0, Plain { place, way });
            }
            Exit::Overlay => {
                ask_for_record(self.stages, &mut packets[place]);
                append(to.1, place);
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
}
