//! Packets that take longer: fragments, answers to queries, protocols without ports, other workers' packets.

use dpdk_bindings::Burst;
use nvgw_types::{VrfId, WorkerId};
use zerocopy::FromBytes;

use super::fragments::Key;
use super::transport::Transport;
use super::{Ports, Step, Translation, packet_bytes};
use crate::datapath::handed::{Handed, Kind};
use crate::datapath::lane::{Packet, Packets};
use crate::datapath::output::Outputs;
use crate::nat::{Flow, Segment};
use crate::packet::ipv4::Ipv4;
use crate::tables::ReadSection;
use crate::tables::entries::{BindingKey, Direction, Endpoint, Protocol, Public, Target};
use crate::telemetry::DropReason;

impl<S: ReadSection> Translation<'_, '_, S> {
    /// A first fragment, or a packet of another worker's.
    #[cold]
    #[inline(never)]
    pub(super) fn strays(
        &mut self,
        direction: Direction,
        packets: &Packets,
        burst: &mut Burst,
        place: u8,
        (flow, segment): (Flow, Segment),
        out: &mut Outputs,
    ) -> Step {
        let packet = &packets[place];
        let shard = self.translator.shard(direction, &flow);
        let key = key(direction, packet, burst, place);
        let noted = packets.fragment(place).is_some();
        let owner = self.translator.owner(shard).filter(|_| !self.is_bound(direction, &flow));
        if let Some(key) = key.filter(|_| !noted) {
            let keeper = match direction {
                // The owner of the sender keeps its fragments too.
                Direction::Outbound => owner,
                Direction::Inbound => self.keeper(&key),
            };
            if let Some(keeper) = keeper {
                return self.hand_over(packets, burst, place, keeper, None, out);
            }
            self.translator.fragments.learn(self.now, key, flow.local.port);
            while let Some(waiting) = self.translator.fragments.next(&key) {
                out.hand_over(self.stages.counters, waiting);
            }
        }
        match owner {
            Some(owner) => self.hand_over(packets, burst, place, owner, key.map(|_| flow.local.port), out),
            // The others of a fragmented packet may be in the same burst, and need the session.
            None if key.is_some() => self.at_once(direction, flow, segment, out),
            None => Step::Ask(flow, segment),
        }
    }

    /// Asks the session table about one packet.
    fn at_once(&mut self, direction: Direction, flow: Flow, segment: Segment, out: &mut Outputs) -> Step {
        let (context, nat) = (self.context(), &mut self.translator.nat);
        let hash = nat.hash(direction, &flow);
        let located = nat.locate(direction, hash);
        let said = match direction {
            Direction::Outbound => nat.outbound(&context, &flow, &segment, hash, located, &mut out.events),
            Direction::Inbound => nat.inbound(&context, &flow, &segment, hash, located),
        };
        said.map_or_else(Step::Refused, |end| Step::Known(end, Ports::Replaced))
    }

    /// A packet that begins no session.
    #[cold]
    #[inline(never)]
    pub(super) fn unusual(
        &mut self,
        direction: Direction,
        packets: &mut Packets,
        burst: &mut Burst,
        place: u8,
        transport: Transport,
        out: &mut Outputs,
    ) -> Step {
        if let Transport::IcmpError = transport {
            return self.icmp_error(direction, packets, burst, place, out);
        }
        let packet = packets[place];
        if let Some(step) = self.without_ports(direction, &packet) {
            return step;
        }
        match transport {
            Transport::Ports { protocol, source, .. } => {
                // The answer to a query from outside: it has a mapping, or nobody asked.
                let shard = self.translator.division.of_customer(packet.tenant, packet.source);
                if let Some(owner) = self.translator.owner(shard) {
                    return self.hand_over(packets, burst, place, owner, None, out);
                }
                let customer = Endpoint { vrf: packet.tenant, address: packet.source, port: source };
                match self.translator.nat.peek_inside(&self.context(), protocol, customer) {
                    Some(public) => Step::Known(public, Ports::Replaced),
                    None => Step::Drop(DropReason::NatNoSession),
                }
            }
            Transport::LaterFragment => self.later_fragment(direction, packets, burst, place, out),
            Transport::Other => Step::Drop(DropReason::NatProtocol),
            Transport::IcmpError | Transport::Malformed => Step::Drop(DropReason::NatMalformed),
        }
    }

    /// The translation of a whole address: 1:1, or none at all for a routed public address.
    pub(super) fn without_ports(&self, direction: Direction, packet: &Packet) -> Option<Step> {
        match direction {
            Direction::Outbound => {
                if let Some(public) = self.one_to_one(direction, packet.tenant, packet.source) {
                    return Some(Step::Known(public, Ports::Kept));
                }
                let tables = self.stages.tables;
                let external = tables.policies.get(self.section, &packet.tenant)?.external;
                let routed = Target::decode(tables.ipv4_routes.lookup(external, packet.source));
                (routed == Target::Vrf(packet.tenant)).then_some(Step::Done(Endpoint {
                    vrf: external,
                    address: packet.source,
                    port: 0,
                }))
            }
            Direction::Inbound => {
                let customer = self.one_to_one(direction, packet.vrf, packet.destination)?;
                Some(Step::Known(customer, Ports::Kept))
            }
        }
    }

    /// The other side of an address that belongs to a customer, or to the public, as a whole. Its port is 0.
    pub(super) fn one_to_one(&self, direction: Direction, vrf: VrfId, address: u32) -> Option<Endpoint> {
        let tables = self.stages.tables;
        match direction {
            Direction::Outbound => {
                let key = BindingKey { direction, protocol: None, from: Endpoint { vrf, address, port: 0 } };
                tables.bindings.get(self.section, &key).map(|binding| binding.to)
            }
            Direction::Inbound => {
                let public = tables.publics.get(self.section, &Public::key_of(vrf, address))?;
                public.customer.map(|(vrf, address)| Endpoint { vrf, address, port: 0 })
            }
        }
    }

    fn later_fragment(
        &mut self,
        direction: Direction,
        packets: &Packets,
        burst: &mut Burst,
        place: u8,
        out: &mut Outputs,
    ) -> Step {
        let packet = packets[place];
        let Some(key) = key(direction, &packet, burst, place) else {
            return Step::Drop(DropReason::NatMalformed);
        };
        let Some(protocol) = Protocol::of(key.protocol) else { return Step::Drop(DropReason::NatProtocol) };
        let noted = packets.fragment(place);
        if noted.is_none() {
            let keeper = match direction {
                Direction::Outbound => {
                    let shard = self.translator.division.of_customer(packet.tenant, packet.source);
                    self.translator.owner(shard)
                }
                Direction::Inbound => self.keeper(&key),
            };
            if let Some(keeper) = keeper {
                return self.hand_over(packets, burst, place, keeper, None, out);
            }
        }
        let Some(port) = noted.or_else(|| self.translator.fragments.port(self.now, &key)) else {
            return self.wait(packets, burst, place, key, out);
        };
        let context = self.context();
        let found = match direction {
            Direction::Outbound => {
                let customer = Endpoint { vrf: packet.tenant, address: packet.source, port };
                self.translator.nat.peek_inside(&context, protocol, customer)
            }
            Direction::Inbound => {
                let public = Endpoint { vrf: packet.vrf, address: packet.destination, port };
                let flow = Flow { protocol, local: public, remote: (packet.source, 0) };
                let owner = self.translator.owner(self.translator.division.of_port(port));
                if let Some(owner) = owner.filter(|_| !self.is_bound(direction, &flow)) {
                    return self.hand_over(packets, burst, place, owner, Some(port), out);
                }
                self.translator.nat.peek_outside(&context, protocol, public)
            }
        };
        found.map_or(Step::Drop(DropReason::NatNoSession), |end| Step::Known(end, Ports::Kept))
    }

    /// Lets a fragment wait for the first one of its packet.
    fn wait(&mut self, packets: &Packets, burst: &mut Burst, place: u8, key: Key, out: &Outputs) -> Step {
        let Some(handed) = self.handed(packets, burst, place, (self.translator.worker, None), out) else {
            return Step::Gone;
        };
        match self.translator.fragments.wait(self.now, key, handed) {
            Ok(()) => Step::Gone,
            Err(_) => {
                self.stages.counters.drop(DropReason::NatFragment);
                Step::Gone
            }
        }
    }

    /// Whether the configuration binds the flow: any worker translates it then.
    fn is_bound(&self, direction: Direction, flow: &Flow) -> bool {
        let key = BindingKey { direction, protocol: Some(flow.protocol), from: flow.local };
        self.stages.tables.bindings.get(self.section, &key).is_some()
            || self.one_to_one(direction, flow.local.vrf, flow.local.address).is_some()
    }

    /// The other worker that keeps the fragments of a packet from outside, whose owner only its first one tells.
    fn keeper(&self, key: &Key) -> Option<WorkerId> {
        let word = key.source ^ key.destination.rotate_left(16) ^ u32::from(key.identification);
        self.translator.owner(self.translator.division.of_customer(key.vrf, word))
    }

    /// Gives a packet to another worker.
    pub(super) fn hand_over(
        &mut self,
        packets: &Packets,
        burst: &mut Burst,
        place: u8,
        to: WorkerId,
        fragment: Option<u16>,
        out: &mut Outputs,
    ) -> Step {
        if let Some(handed) = self.handed(packets, burst, place, (to, fragment), out) {
            self.translator.counters.handed_over.add(1);
            out.hand_over(self.stages.counters, handed);
        }
        Step::Gone
    }

    fn handed(
        &self,
        packets: &Packets,
        burst: &mut Burst,
        place: u8,
        (to, fragment): (WorkerId, Option<u16>),
        out: &Outputs,
    ) -> Option<Handed> {
        let kind = match packets.sender(place) {
            Some(sender) if packets[place].around => Kind::Around { port: self.port, sender, fragment },
            _ => Kind::Frame { port: self.port, fragment },
        };
        let from = self.translator.worker;
        Some(Handed { from, to, polled: out.polled, mbuf: burst.take(usize::from(place))?, kind })
    }
}

/// What the fragments of a packet have in common; `None` where it is none.
fn key(direction: Direction, packet: &Packet, burst: &Burst, place: u8) -> Option<Key> {
    let bytes = packet_bytes(packet, burst, place)?;
    let (header, _) = Ipv4::ref_from_prefix(bytes).ok()?;
    let vrf = match direction {
        Direction::Outbound => packet.tenant,
        Direction::Inbound => packet.vrf,
    };
    header.is_fragment().then(|| Key {
        vrf,
        source: packet.source,
        destination: packet.destination,
        protocol: header.protocol(),
        identification: header.identification(),
    })
}
