//! Routing: the VRF's table, and the one it leads to.

use dpdk_bindings::Burst;
use nvgw_types::VrfId;

use super::family::AddressFamily;
use super::lane::{Lane, Origin, Packet, Packets, append};
use super::output::Outputs;
use super::pipeline::Stages;
use super::refuse::refuse;
use super::resolve::{Plain, Wrapped, wrap};
use crate::packet::ethernet;
use crate::tables::entries::{Record, Rewrite, ScopedAddress, Target};
use crate::tables::exchange::Punt;
use crate::tables::fib::{Begun, Root};
use crate::tables::hash::Candidate;
use crate::tables::{HashView, ReadSection, RoutesView, prefetch_front};
use crate::telemetry::DropReason;

/// Looks packets up among the routes. What one packet had to find out, the next remembers: many lead to the same network.
#[derive(Clone, Copy)]
pub(super) struct LookUp<'t, A> {
    routes: RoutesView<'t, A>,
    /// A routing table, and where lookups in it start.
    vrf: VrfId,
    root: Root,
}

impl<'t, A: AddressFamily> LookUp<'t, A> {
    #[inline(always)]
    pub(super) fn new(stages: &Stages<'t>) -> Self {
        let routes = A::routes(stages.tables);
        Self { routes, vrf: VrfId(0), root: routes.root(VrfId(0)) }
    }

    /// Looks a tenant's packet up in its own VRF. Where the route leads to an external network, the lookup there is begun.
    #[inline(always)]
    pub(super) fn look_up(&mut self, packet: &mut Packet<A>, place: u8, routed: &mut Routed<'t>) {
        packet.leaf = self.routes.lookup(packet.vrf, packet.destination);
        let target = Target::decode(packet.leaf);
        match target {
            Target::Vrf(external) | Target::Translate(external) if packet.ttl > 1 => {
                let route = self.routes.begin(self.root(external), packet.destination);
                let translated = A::TRANSLATED && target == Target::Translate(external);
                append(&mut routed.leaving, Exiting { place, translated, external, route });
            }
            _ => append(&mut routed.staying, place),
        }
    }

    /// Where lookups in an external network's table start.
    #[inline(always)]
    fn root(&mut self, vrf: VrfId) -> Root {
        if vrf != self.vrf {
            (self.vrf, self.root) = (vrf, self.routes.root(vrf));
        }
        self.root
    }
}

/// A packet from outside to a tenant, and what may be its destination's record, once somebody has looked.
pub(super) struct Incoming<'s> {
    place: u8,
    tenant: VrfId,
    record: Candidate<'s, Record>,
}

/// Looks packets from outside up in their networks' tables, and asks ahead for what comes next: as nearly all are for VMs
/// in subnets of tenants, for where the records of their destinations are.
#[inline(never)]
pub(super) fn look_up<'s, A: AddressFamily>(
    stages: &Stages<'s>,
    packets: &mut Packets<A>,
    lane: &Lane<u8>,
    (incoming, others): (&mut Lane<Incoming<'s>>, &mut Lane<u8>),
) {
    let (mut networks, records) = (LookUp::new(stages), stages.tables.records.view());
    for &place in lane {
        let packet = &mut packets[place];
        packet.leaf = networks.routes.lookup_from(networks.root(packet.vrf), packet.destination);
        match Target::decode(packet.leaf) {
            Target::Vrf(tenant) if packet.ttl > 1 => {
                expect_receiver(records, packet, tenant);
                append(incoming, Incoming { place, tenant, record: Candidate::NONE });
            }
            _ => append(others, place),
        }
    }
}

/// Asks ahead for the records themselves.
#[inline(never)]
pub(super) fn locate_receivers<'s, A: AddressFamily, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    packets: &Packets<A>,
    incoming: &mut Lane<Incoming<'s>>,
) {
    let records = stages.tables.records.view();
    for Incoming { place, record, .. } in incoming {
        *record = records.candidate(section, packets[*place].hash);
    }
}

/// The lanes that leave the routing stage.
#[derive(Default)]
pub(super) struct Ways<'s> {
    /// By an external network's next hop.
    pub(super) plain: Lane<Plain<'s>>,
    /// By a lookup record.
    pub(super) overlay: Lane<u8>,
    /// Out of a tenant's VRF, to be translated.
    pub(super) outbound: Lane<Leaving<'s>>,
    /// To a public address, behind which translation finds a customer.
    pub(super) inbound: Lane<u8>,
    /// By a lookup record that has been found.
    pub(super) wrapped: Lane<Wrapped<'s>>,
}

/// A packet that leaves its tenant's VRF translated.
pub(super) struct Leaving<'s> {
    pub(super) place: u8,
    /// The external network's VRF.
    pub(super) external: VrfId,
    pub(super) exit: Exit<'s>,
}

/// The way of a packet that leaves its tenant's VRF.
pub(super) enum Exit<'s> {
    /// By a next hop of the external network.
    Plain(&'s Rewrite),
    /// To a VM of another tenant, whose public prefix it is.
    Overlay,
    /// To another customer's public address.
    Around,
}

/// Tenants' packets whose VRFs' routes are known.
#[derive(Default)]
pub(super) struct Routed<'s> {
    /// Those that go on to an external network.
    pub(super) leaving: Lane<Exiting<'s>>,
    /// All others.
    pub(super) staying: Lane<u8>,
}

/// A packet that its VRF's route leads to an external network, where its route is being looked up.
#[derive(Clone, Copy)]
pub(super) struct Exiting<'s> {
    place: u8,
    /// Whether it is to be translated.
    translated: bool,
    external: VrfId,
    route: Begun<'s>,
}

/// Sends tenants' packets out by the external networks' next hops, as nearly all go. What has another way there takes it.
#[inline(never)]
pub(super) fn leave<'s, A: AddressFamily, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    packets: &mut Packets<A>,
    burst: &mut Burst,
    (lane, ways): (&Lane<Exiting<'s>>, &mut Ways<'s>),
    out: &mut Outputs,
) {
    let (traffic, routes) = (stages.traffic(), A::routes(stages.tables));
    let mut next_hop = NextHop::new(stages, section);
    let mut sent = Tally::new(|vrf, packets, bytes| traffic.sent(vrf, packets, bytes));
    for &Exiting { place, translated, external, route } in lane {
        let packet = &mut packets[place];
        let leaf = routes.end(route, packet.destination);
        let Some(way) = next_hop.of(stages, section, leaf) else {
            ways.any(stages, section, packets, burst, place, out);
            continue;
        };
        packet.vrf = external;
        if translated {
            append(&mut ways.outbound, Leaving { place, external, exit: Exit::Plain(way) });
        } else {
            sent.add(external, packet.length);
            append(&mut ways.plain, Plain { place, way });
        }
    }
    sent.end();
}

/// Sends tenants' packets their way that do not simply leave, most of them to VMs of the same routing domain.
#[inline(never)]
pub(super) fn stay<'s, A: AddressFamily, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    packets: &mut Packets<A>,
    burst: &mut Burst,
    (lane, ways): (&Lane<u8>, &mut Ways<'s>),
    out: &mut Outputs,
) {
    for &place in lane {
        let packet = &mut packets[place];
        if Target::decode(packet.leaf) == Target::Subnet && packet.ttl > 1 {
            packet.next = packet.destination;
            ask_for_record(stages, packet);
            append(&mut ways.overlay, place);
        } else {
            ways.any(stages, section, packets, burst, place, out);
        }
    }
}

/// Sorts packets from outside by the way they leave that are not simply for VMs.
#[inline(never)]
pub(super) fn decide<'s, A: AddressFamily, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    packets: &mut Packets<A>,
    burst: &mut Burst,
    (lane, ways): (&Lane<u8>, &mut Ways<'s>),
    out: &mut Outputs,
) {
    for &place in lane {
        let packet = &packets[place];
        match Target::decode(packet.leaf) {
            Target::Public if A::TRANSLATED && packet.ttl > 1 && !packet.around => {
                stages.received(packet.vrf, packet.length);
                append(&mut ways.inbound, place);
            }
            _ => ways.any(stages, section, packets, burst, place, out),
        }
    }
}

/// Finds the records of packets from outside to VMs, and asks ahead for the ways to their hosts. Where there is none, or
/// another route may lead past it, the tenant's routes decide.
#[inline(never)]
pub(super) fn find_receivers<'s, A: AddressFamily, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    packets: &mut Packets<A>,
    burst: &mut Burst,
    (incoming, ways): (&Lane<Incoming<'s>>, &mut Ways<'s>),
    out: &mut Outputs,
) {
    let (traffic, records, to_hosts) =
        (stages.traffic(), stages.tables.records.view(), stages.tables.adjacencies.view());
    let mut received = Tally::new(|vrf, packets, bytes| traffic.received(vrf, packets, bytes));
    for &Incoming { place, tenant, record } in incoming {
        let packet = &mut packets[place];
        let key = packet.receiver(tenant);
        let is_its = |record: &Record| packet.destination.has(tenant, record);
        let record = records.confirm_by(section, record, packet.hash, &key, is_its);
        let Some(record) = record.filter(|record| record.on_link()) else {
            ways.any(stages, section, packets, burst, place, out);
            continue;
        };
        received.add(packet.vrf, packet.length);
        packet.vrf = tenant;
        traffic.prefetch(tenant);
        wrap(section, to_hosts, (place, record), &mut ways.wrapped);
    }
    received.end();
}

/// The way out that a route of an external network leads to. Most routes of a network lead to few.
struct NextHop<'s> {
    leaf: u32,
    way: &'s Rewrite,
}

impl<'s> NextHop<'s> {
    /// The way that no route leads to.
    #[inline(always)]
    fn new<S: ReadSection>(stages: &Stages<'s>, section: &'s S) -> Self {
        Self { leaf: Target::ADJACENCY, way: stages.tables.adjacencies.get(section, 0) }
    }

    /// The way that a leaf leads to, unless that is something else.
    #[inline(always)]
    fn of<S: ReadSection>(&mut self, stages: &Stages<'s>, section: &'s S, leaf: u32) -> Option<&'s Rewrite> {
        if leaf != self.leaf {
            let Target::Adjacency(adjacency) = Target::decode(leaf) else { return None };
            (self.leaf, self.way) = (leaf, stages.tables.adjacencies.get(section, adjacency.0));
            prefetch_front(self.way);
        }
        Some(self.way)
    }
}

/// Packets and bytes of one VRF, counted once another's turn comes: those of a burst are mostly of the same.
struct Tally<C> {
    count: C,
    vrf: VrfId,
    packets: u64,
    bytes: u64,
}

impl<C: Fn(VrfId, u64, u64)> Tally<C> {
    #[inline(always)]
    fn new(count: C) -> Self {
        Self { count, vrf: VrfId(0), packets: 0, bytes: 0 }
    }

    #[inline(always)]
    fn add(&mut self, vrf: VrfId, length: u16) {
        if vrf != self.vrf {
            self.end();
            (self.vrf, self.packets, self.bytes) = (vrf, 0, 0);
        }
        self.packets += 1;
        self.bytes += u64::from(length);
    }

    #[inline(always)]
    fn end(&self) {
        (self.count)(self.vrf, self.packets, self.bytes);
    }
}

impl<'s> Ways<'s> {
    /// Sends a packet its way, whatever that is, or refuses it.
    #[inline(never)]
    fn any<A: AddressFamily, S: ReadSection>(
        &mut self,
        stages: &Stages<'s>,
        section: &'s S,
        packets: &mut Packets<A>,
        burst: &mut Burst,
        place: u8,
        out: &mut Outputs,
    ) {
        let tables = stages.tables;
        let packet = &mut packets[place];
        let mut target = Target::decode(packet.leaf);
        // The longest way: a tenant's VRF, the shared external network's, another tenant's public prefix. What came
        // from outside has one step less, or a hand-off network would lead into other tenants.
        let most = if packet.origin == Origin::Outside { 1 } else { 2 };
        let translated =
            A::TRANSLATED && matches!(target, Target::Translate(_)) && packet.origin == Origin::Tenant;
        let mut external = packet.vrf;
        let mut hops = 0;
        while let Target::Vrf(vrf) | Target::Translate(vrf) = target {
            if hops == most {
                break;
            }
            if hops == 0 {
                external = vrf;
                if packet.origin == Origin::Outside {
                    stages.received(packet.vrf, packet.length);
                }
            }
            hops += 1;
            packet.vrf = vrf;
            target = Target::decode(A::routes(tables).lookup(vrf, packet.destination));
        }
        let reason = match (target, packet.origin) {
            (Target::Local, Origin::Tenant) => {
                let punt = Punt::Overlay { vsid: packet.vsid, vrf: packet.tenant };
                out.punt(stages.counters, burst, place, packet.l3 - ethernet::HEADER as u16, punt);
                return;
            }
            (Target::Local, Origin::Outside) if !packet.around => {
                out.punt(stages.counters, burst, place, 0, Punt::Local { interface: packet.interface });
                return;
            }
            // For the gateway itself time to live does not count; from here on it does.
            (Target::Adjacency(_) | Target::Subnet | Target::Via(_) | Target::Public, _)
                if packet.ttl <= 1 =>
            {
                DropReason::TtlExpired
            }
            // Two steps lead into another tenant's VRF, and its own external network is its alone.
            (Target::Adjacency(adjacency), Origin::Tenant) if hops < 2 => {
                let way = tables.adjacencies.get(section, adjacency.0);
                prefetch_front(way);
                if translated {
                    append(&mut self.outbound, Leaving { place, external, exit: Exit::Plain(way) });
                    return;
                }
                if hops > 0 {
                    stages.sent(packet.vrf, packet.length);
                }
                append(&mut self.plain, Plain { place, way });
                return;
            }
            (Target::Subnet | Target::Via(_), _) => {
                packet.next = next(stages, section, target, packet);
                if translated {
                    append(&mut self.outbound, Leaving { place, external, exit: Exit::Overlay });
                    return;
                }
                ask_for_record(stages, packet);
                append(&mut self.overlay, place);
                return;
            }
            (Target::Public, Origin::Outside) if A::TRANSLATED && hops == 0 => {
                if !packet.around {
                    stages.received(packet.vrf, packet.length);
                }
                append(&mut self.inbound, place);
                return;
            }
            // A private address must not reach another tenant; what is routed publicly is no secret there.
            (Target::Public, Origin::Tenant)
                if A::TRANSLATED && hops == 1 && (translated || is_routed(stages, external, packet)) =>
            {
                append(&mut self.outbound, Leaving { place, external, exit: Exit::Around });
                return;
            }
            (Target::Adjacency(_) | Target::Public | Target::Local, _) => DropReason::Transit,
            (Target::Discard, _) => DropReason::MulticastUnsupported,
            (Target::Vrf(_) | Target::Translate(_), _) => DropReason::VirtualRouteMissing,
            (Target::Missing, Origin::Tenant) if hops == 0 => DropReason::VirtualRouteMissing,
            (Target::Missing, Origin::Outside) if hops > 0 => DropReason::VirtualRouteMissing,
            (Target::Missing, _) => DropReason::ExternalRouteMissing,
        };
        refuse(stages, packets, burst, place, reason, out);
    }

    /// Routes a packet in a tenant's VRF to one of its VMs.
    #[inline(always)]
    pub(super) fn deliver<A: AddressFamily, S: ReadSection>(
        &mut self,
        stages: &Stages<'_>,
        section: &S,
        packets: &mut Packets<A>,
        burst: &mut Burst,
        place: u8,
        out: &mut Outputs,
    ) {
        let packet = &mut packets[place];
        let target = Target::decode(A::routes(stages.tables).lookup(packet.vrf, packet.destination));
        if let Target::Subnet | Target::Via(_) = target {
            packet.next = next(stages, section, target, packet);
            ask_for_record(stages, packet);
            append(&mut self.overlay, place);
        } else {
            refuse(stages, packets, burst, place, DropReason::VirtualRouteMissing, out);
        }
    }
}

/// The customer address whose record leads to a packet's destination.
#[inline(always)]
fn next<A: AddressFamily, S: ReadSection>(
    stages: &Stages<'_>,
    section: &S,
    target: Target,
    packet: &Packet<A>,
) -> A {
    match target {
        Target::Via(via) => A::of_number(stages.tables.vias.get(section, via.0).address),
        _ => packet.destination,
    }
}

/// Asks ahead for the record of a packet's destination, if that is a VM in a subnet of a tenant.
#[inline(always)]
pub(super) fn expect_receiver<A: AddressFamily>(
    records: HashView<'_, Record>,
    packet: &mut Packet<A>,
    tenant: VrfId,
) {
    packet.hash = records.hash(&packet.receiver(tenant));
    records.prefetch(packet.hash);
}

/// Asks ahead for the record of a packet's next customer address.
#[inline(always)]
pub(super) fn ask_for_record<A: AddressFamily>(stages: &Stages<'_>, packet: &mut Packet<A>) {
    let records = stages.tables.records.view();
    let key = ScopedAddress { scope: packet.vrf.0, address: packet.next.number() };
    packet.hash = records.hash(&key);
    records.prefetch(packet.hash);
}

/// Whether the external network routes a packet's source to the tenant that sent it.
#[cold]
fn is_routed<A: AddressFamily>(stages: &Stages<'_>, external: VrfId, packet: &Packet<A>) -> bool {
    Target::decode(A::routes(stages.tables).lookup(external, packet.source)) == Target::Vrf(packet.tenant)
}
