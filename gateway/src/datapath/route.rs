//! Routing: the VRF's table, and the one it leads to.

use dpdk_bindings::Burst;
use nvgw_types::VrfId;

use super::family::AddressFamily;
use super::lane::{Lane, Origin, Packet, Packets, append};
use super::meter::Meter;
use super::output::Outputs;
use super::pipeline::Stages;
use super::refuse::refuse;
use super::resolve::Plain;
use crate::packet::ethernet;
use crate::tables::entries::{Rewrite, ScopedAddress, Target};
use crate::tables::exchange::Punt;
use crate::tables::{ReadSection, prefetch};
use crate::telemetry::DropReason;

/// Looks every packet up in its own VRF, and asks ahead for the table that the route leads to.
#[inline(never)]
pub(super) fn look_up<A: AddressFamily>(stages: &Stages<'_>, packets: &mut Packets<A>, lane: &Lane<u8>) {
    let routes = A::routes(stages.tables);
    for &place in lane {
        let packet = &mut packets[place];
        packet.leaf = routes.lookup(packet.vrf, packet.destination);
        if let Target::Vrf(vrf) | Target::Translate(vrf) = Target::decode(packet.leaf) {
            routes.prefetch(vrf, packet.destination);
        }
    }
}

/// The lanes that leave the routing stage.
pub(super) struct Ways<'s> {
    /// By an external network's next hop.
    pub(super) plain: Lane<Plain<'s>>,
    /// By a lookup record.
    pub(super) overlay: Lane<u8>,
    /// Out of a tenant's VRF, to be translated.
    pub(super) outbound: Lane<Leaving<'s>>,
    /// To a public address, behind which translation finds a customer.
    pub(super) inbound: Lane<u8>,
    /// Counts what leaves by external networks.
    pub(super) left: Meter<'s>,
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
    out: &mut Outputs,
) -> Ways<'s> {
    let mut ways = Ways {
        plain: Lane::new(),
        overlay: Lane::new(),
        outbound: Lane::new(),
        inbound: Lane::new(),
        left: Meter::new(stages.counters, |vrf| &vrf.tx),
    };
    let tables = stages.tables;
    let mut entered = Meter::new(stages.counters, |vrf| &vrf.rx).only_if(stages.fresh);
    for &place in lane {
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
                    entered.count(packet.vrf, packet.length);
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
                continue;
            }
            (Target::Local, Origin::Outside) if !packet.around => {
                out.punt(stages.counters, burst, place, 0, Punt::Local { interface: packet.interface });
                continue;
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
                    append(&mut ways.outbound, Leaving { place, external, exit: Exit::Plain(way) });
                    continue;
                }
                if hops > 0 {
                    ways.left.count(packet.vrf, packet.length);
                }
                append(&mut ways.plain, Plain { place, way });
                continue;
            }
            (Target::Subnet | Target::Via(_), _) => {
                packet.next = next(stages, section, target, packet);
                if translated {
                    append(&mut ways.outbound, Leaving { place, external, exit: Exit::Overlay });
                    continue;
                }
                ask_for_record(stages, packet);
                append(&mut ways.overlay, place);
                continue;
            }
            (Target::Public, Origin::Outside) if A::TRANSLATED && hops == 0 => {
                if !packet.around {
                    entered.count(packet.vrf, packet.length);
                }
                append(&mut ways.inbound, place);
                continue;
            }
            // A private address must not reach another tenant; what is routed publicly is no secret there.
            (Target::Public, Origin::Tenant)
                if A::TRANSLATED && hops == 1 && (translated || is_routed(stages, external, packet)) =>
            {
                append(&mut ways.outbound, Leaving { place, external, exit: Exit::Around });
                continue;
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
    entered.flush();
    ways
}

impl Ways<'_> {
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
