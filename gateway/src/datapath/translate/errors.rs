//! ICMP errors about translated packets (RFC 5508 §4): they are translated with the packet that they carry, and change
//! nothing else.

use dpdk_bindings::Burst;
use zerocopy::FromBytes;

use super::{Step, Translation, packet_bytes};
use crate::datapath::lane::Packets;
use crate::datapath::output::Outputs;
use crate::packet::ipv4::{self, Ipv4};
use crate::packet::translation::{End, Quoted, Replacement, quoted, translate_quoted};
use crate::tables::ReadSection;
use crate::tables::entries::{Direction, Endpoint, Protocol};
use crate::telemetry::DropReason;

impl<S: ReadSection> Translation<'_, '_, S> {
    /// Translates an ICMP error in place: no error is ever sent about it, so nobody needs it as it came.
    pub(super) fn icmp_error(
        &mut self,
        direction: Direction,
        packets: &mut Packets,
        burst: &mut Burst,
        place: u8,
        out: &mut Outputs,
    ) -> Step {
        const REFUSED: Step = Step::Drop(DropReason::NatIcmpError);
        let packet = packets[place];
        let bytes = packet_bytes(&packet, burst, place);
        let message = bytes.and_then(|bytes| {
            let (header, _) = Ipv4::ref_from_prefix(bytes).ok()?;
            bytes.get(header.header_length()..header.total_length().min(bytes.len()))
        });
        let Some(about) = message.and_then(quoted) else { return REFUSED };
        let division = self.translator.division;
        let (shard, end, whole) = match direction {
            Direction::Outbound => (
                division.of_customer(packet.tenant, about.destination),
                End::Destination,
                self.one_to_one(direction, packet.tenant, about.destination),
            ),
            // It goes to whom it says has sent the packet.
            Direction::Inbound if about.source != packet.destination => return REFUSED,
            Direction::Inbound => (
                division.of_port(about.ports.map_or(0, |(source, _)| source)),
                End::Source,
                self.one_to_one(direction, packet.vrf, about.source),
            ),
        };
        let found = match whole {
            Some(whole) => Some((whole, None)),
            None => {
                if let Some(owner) = self.translator.owner(shard).filter(|_| about.ports.is_some()) {
                    return self.hand_over(packets, burst, place, owner, None, out);
                }
                self.session(direction, packets, place, &about).map(|end| (end, Some(end.port)))
            }
        };
        let Some((new, port)) = found else {
            return match self.without_ports(direction, &packet) {
                Some(routed @ Step::Done(_)) => routed,
                _ => REFUSED,
            };
        };
        let Some(mbuf) = burst.get_mut(usize::from(place)) else { return REFUSED };
        let Some(bytes) = mbuf.data_mut().get_mut(usize::from(packet.l3)..) else { return REFUSED };
        let Ok((header, after)) = Ipv4::mut_from_prefix(bytes) else { return REFUSED };
        let (options, payload) =
            (header.header_length() - ipv4::HEADER, header.total_length() - header.header_length());
        match direction {
            // Whoever reports it inside, a router of the tenant's perhaps, has no other public address.
            Direction::Outbound => header.set_source(new.address),
            Direction::Inbound => header.set_destination(new.address),
        };
        let message = after.get_mut(options..).unwrap_or_default();
        let length = payload.min(message.len());
        translate_quoted(&mut message[..length], end, Replacement { address: new.address, port });
        if direction == Direction::Outbound {
            packets[place].source = new.address;
        }
        Step::Done(new)
    }

    /// The translation of the quoted packet by a session or a forward.
    fn session(
        &self,
        direction: Direction,
        packets: &Packets,
        place: u8,
        about: &Quoted,
    ) -> Option<Endpoint> {
        let packet = &packets[place];
        let (protocol, (source, destination)) = (Protocol::of(about.protocol)?, about.ports?);
        let context = self.context();
        match direction {
            Direction::Outbound => {
                let customer = Endpoint { vrf: packet.tenant, address: about.destination, port: destination };
                self.translator.nat.peek_inside(&context, protocol, customer)
            }
            Direction::Inbound => {
                let public = Endpoint { vrf: packet.vrf, address: about.source, port: source };
                self.translator.nat.peek_outside(&context, protocol, public)
            }
        }
    }
}
