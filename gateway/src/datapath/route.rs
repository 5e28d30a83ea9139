//! Routing: the VRF's table, and the one it leads to.

use dpdk_bindings::Burst;
use nvgw_types::VrfId;

use super::family::AddressFamily;
use super::lane::{Lane, Origin, Packet, Packets, append};
use super::output::Outputs;
use super::pipeline::Stages;
use super::refuse::refuse;
use super::resolve::Plain;
use crate::packet::ethernet;
use crate::tables::entries::{Rewrite, ScopedAddress, Target};
use crate::tables::exchange::Punt;
use crate::tables::fib::Root;
use crate::tables::{ReadSection, RoutesReader, prefetch};
use crate::telemetry::DropReason;

/// Looks packets up among the routes. What one packet had to find out, the next remembers: many lead to the same network.
pub(super) struct LookUp<'t, A> {
    routes: &'t RoutesReader<A>,
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

    /// Looks a packet up in its own VRF, and asks ahead for the table that the route leads to.
    #[inline(always)]
    pub(super) fn look_up(&mut self, packet: &mut Packet<A>) {
        packet.leaf = self.routes.lookup(packet.vrf, packet.destination);
        if let Target::Vrf(vrf) | Target::Translate(vrf) = Target::decode(packet.leaf) {
            self.routes.prefetch_from(self.root(vrf), packet.destination);
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

/// Looks packets from outside up in their networks' tables, and asks ahead for those of the tenants that they are for:
/// for where these start, and once that is there, for what comes next.
#[inline(never)]
pub(super) fn look_up<A: AddressFamily>(stages: &Stages<'_>, packets: &mut Packets<A>, lane: &Lane<u8>) {
    let mut networks = LookUp::new(stages);
    for &place in lane {
        let packet = &mut packets[place];
        packet.leaf = networks.routes.lookup_from(networks.root(packet.vrf), packet.destination);
        if let Target::Vrf(tenant) = Target::decode(packet.leaf) {
            networks.routes.prefetch_root(tenant);
        }
    }
    for &place in lane {
        let packet = &packets[place];
        if let Target::Vrf(tenant) = Target::decode(packet.leaf) {
            networks.routes.prefetch(tenant, packet.destination);
        }
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

/// Follows routes into other VRFs to their end and sorts the packets by the way they leave.
#[inline(never)]
pub(super) fn decide<'s, A: AddressFamily, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    packets: &mut Packets<A>,
    burst: &mut Burst,
    lane: &Lane<u8>,
    ways: &mut Ways<'s>,
    out: &mut Outputs,
) {
    let mut routes = LookUp::new(stages);
    for &place in lane {
        if !ways.usual(stages, section, &mut routes, &mut packets[place], place) {
            ways.any(stages, section, packets, burst, place, out);
        }
    }
}

impl<'s> Ways<'s> {
    /// Sends a packet one of the ways that nearly all packets go: out of a tenant's VRF by the external network's next
    /// hop, translated or not, to a VM of the same routing domain, or from an external network to a VM. Whether it was
    /// one of these; [`any`](Self::any) would decide the same.
    #[inline(always)]
    fn usual<A: AddressFamily, S: ReadSection>(
        &mut self,
        stages: &Stages<'s>,
        section: &'s S,
        routes: &mut LookUp<'_, A>,
        packet: &mut Packet<A>,
        place: u8,
    ) -> bool {
        if packet.ttl <= 1 {
            return false;
        }
        let target = Target::decode(packet.leaf);
        match (packet.origin, target) {
            (Origin::Tenant, Target::Vrf(external) | Target::Translate(external)) => {
                let leaf = routes.routes.lookup_from(routes.root(external), packet.destination);
                let Target::Adjacency(adjacency) = Target::decode(leaf) else { return false };
                let way = stages.tables.adjacencies.get(section, adjacency.0);
                prefetch(way);
                packet.vrf = external;
                if A::TRANSLATED && target == Target::Translate(external) {
                    append(&mut self.outbound, Leaving { place, external, exit: Exit::Plain(way) });
                } else {
                    stages.sent(external, packet.length);
                    append(&mut self.plain, Plain { place, way });
                }
                return true;
            }
            (Origin::Outside, Target::Vrf(tenant)) => {
                if Target::decode(routes.routes.lookup(tenant, packet.destination)) != Target::Subnet {
                    return false;
                }
                stages.received(packet.vrf, packet.length);
                packet.vrf = tenant;
            }
            (Origin::Tenant, Target::Subnet) => {}
            _ => return false,
        }
        packet.next = packet.destination;
        ask_for_record(stages, packet);
        append(&mut self.overlay, place);
        true
    }

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
                prefetch(way);
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

/// Asks ahead for the record of a packet's next customer address.
#[inline(always)]
pub(super) fn ask_for_record<A: AddressFamily>(stages: &Stages<'_>, packet: &mut Packet<A>) {
    let key = ScopedAddress { scope: packet.vrf.0, address: packet.next.number() };
    packet.hash = stages.tables.records.hash(&key);
    stages.tables.records.prefetch(packet.hash);
}

/// Whether the external network routes a packet's source to the tenant that sent it.
#[cold]
fn is_routed<A: AddressFamily>(stages: &Stages<'_>, external: VrfId, packet: &Packet<A>) -> bool {
    Target::decode(A::routes(stages.tables).lookup(external, packet.source)) == Target::Vrf(packet.tenant)
}
