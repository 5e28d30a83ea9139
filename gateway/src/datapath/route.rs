//! Routing: the VRF's table, and the one it leads to.

use dpdk_bindings::Burst;

use super::lane::{Lane, Origin, Packets, append};
use super::meter::Meter;
use super::output::Outputs;
use super::pipeline::Stages;
use super::refuse::refuse;
use super::resolve::Plain;
use crate::packet::ethernet;
use crate::tables::entries::{ScopedAddress, Target, ipv4_mapped};
use crate::tables::exchange::Punt;
use crate::tables::{ReadSection, prefetch};
use crate::telemetry::DropReason;

/// Looks every packet up in its own VRF, and asks ahead for the table that the route leads to.
#[inline(never)]
pub(super) fn look_up(stages: &Stages<'_>, packets: &mut Packets, lane: &Lane<u8>) {
    for &place in lane {
        let packet = &mut packets[place];
        packet.leaf = stages.tables.routes.lookup(packet.vrf, packet.destination);
        if let Target::Vrf(vrf) = Target::decode(packet.leaf) {
            stages.tables.routes.prefetch(vrf, packet.destination);
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
}

/// Follows routes into other VRFs to their end and sorts the packets by the way they leave.
#[inline(never)]
pub(super) fn decide<'s, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    packets: &mut Packets,
    burst: &mut Burst,
    lane: &Lane<u8>,
    out: &mut Outputs,
) -> Ways<'s> {
    let mut ways = Ways::default();
    let tables = stages.tables;
    let mut entered = Meter::new(stages.counters, |vrf| &vrf.rx);
    let mut left = Meter::new(stages.counters, |vrf| &vrf.tx);
    for &place in lane {
        let packet = &mut packets[place];
        let mut target = Target::decode(packet.leaf);
        // The longest way: a tenant's VRF, the shared external network's, another tenant's public prefix. What came
        // from outside has one step less, or a hand-off network would lead into other tenants.
        let most = if packet.origin == Origin::Outside { 1 } else { 2 };
        let mut hops = 0;
        while let Target::Vrf(vrf) = target {
            if hops == most {
                break;
            }
            if hops == 0 && packet.origin == Origin::Outside {
                entered.count(packet.vrf, packet.length);
            }
            hops += 1;
            packet.vrf = vrf;
            target = Target::decode(tables.routes.lookup(vrf, packet.destination));
        }
        let reason = match (target, packet.origin) {
            (Target::Local, Origin::Tenant) => {
                let punt = Punt::Overlay { vsid: packet.vsid, vrf: packet.tenant };
                out.punt(stages.counters, burst, place, packet.l3 - ethernet::HEADER as u16, punt);
                continue;
            }
            (Target::Local, Origin::Outside) => {
                out.punt(stages.counters, burst, place, 0, Punt::Local { interface: packet.interface });
                continue;
            }
            // For the gateway itself time to live does not count; from here on it does.
            (Target::Adjacency(_) | Target::Subnet | Target::Via(_), _) if packet.ttl <= 1 => {
                DropReason::TtlExpired
            }
            // Two steps lead into another tenant's VRF, and its own external network is its alone.
            (Target::Adjacency(adjacency), Origin::Tenant) if hops < 2 => {
                if hops > 0 {
                    left.count(packet.vrf, packet.length);
                }
                let way = tables.adjacencies.get(section, adjacency.0);
                prefetch(way);
                append(&mut ways.plain, Plain { place, way });
                continue;
            }
            (Target::Adjacency(_), _) => DropReason::Transit,
            (Target::Subnet | Target::Via(_), _) => {
                packet.next = match target {
                    Target::Via(via) => tables.vias.get(section, via.0).address as u32,
                    _ => packet.destination,
                };
                let key = ScopedAddress { scope: packet.vrf.0, address: ipv4_mapped(packet.next) };
                packet.hash = tables.records.hash(&key);
                tables.records.prefetch(packet.hash);
                append(&mut ways.overlay, place);
                continue;
            }
            (Target::Discard, _) => DropReason::MulticastUnsupported,
            (Target::Public, _) => DropReason::NatNoSession,
            (Target::Vrf(_) | Target::Translate(_), _) => DropReason::VirtualRouteMissing,
            (Target::Missing, Origin::Tenant) if hops == 0 => DropReason::VirtualRouteMissing,
            (Target::Missing, Origin::Outside) if hops > 0 => DropReason::VirtualRouteMissing,
            (Target::Missing, _) => DropReason::ExternalRouteMissing,
        };
        refuse(stages, packet, burst, place, reason, out);
    }
    entered.flush();
    left.flush();
    ways
}
