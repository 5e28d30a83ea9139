//! What a path takes at once, both ways.

use nvgw_types::VrfId;

use super::Leaving;
use crate::datapath::family::AddressFamily;
use crate::datapath::lane::Origin;
use crate::tables::ReadSection;
use crate::tables::entries::{InterfaceKind, Rewrite, ScopedAddress, Target, ipv4_mapped};

/// The most that an end of a TCP connection may be told to send at once, which a packet opens: what fits both the way
/// that the packet takes and the way back to its sender.
#[cold]
#[inline(never)]
pub(super) fn largest_segment<A: AddressFamily, S: ReadSection>(
    leaving: &Leaving<'_, '_, A, S>,
    place: u8,
    way: &Rewrite,
) -> u16 {
    let there = way.mtu();
    let back = way_back(leaving, place).map_or(u16::MAX, Rewrite::mtu);
    there.min(back).saturating_sub(A::TCP_HEADERS)
}

/// The way that answers take, as far as it is known.
fn way_back<'r, A: AddressFamily, S: ReadSection>(
    leaving: &Leaving<'r, '_, A, S>,
    place: u8,
) -> Option<&'r Rewrite> {
    let Leaving { stages, section, packets } = *leaving;
    let packet = &packets[place];
    match (packet.origin, packets.behind(place)) {
        (Origin::Tenant, _) => to_vm(leaving, packet.tenant, packet.source),
        (Origin::Outside, Some(sender)) => {
            to_vm(leaving, sender.tenant, A::of_number(ipv4_mapped(sender.address)))
        }
        (Origin::Outside, None) => {
            let InterfaceKind::External(vrf) = stages.tables.interfaces.get(section, packet.interface).kind
            else {
                return None;
            };
            match Target::decode(A::routes(stages.tables).lookup(vrf, packet.source)) {
                Target::Adjacency(way) => Some(stages.tables.adjacencies.get(section, way.0)),
                _ => None,
            }
        }
    }
}

/// The way to a customer address of a tenant.
fn to_vm<'r, A: AddressFamily, S: ReadSection>(
    leaving: &Leaving<'r, '_, A, S>,
    vrf: VrfId,
    address: A,
) -> Option<&'r Rewrite> {
    let (tables, section) = (leaving.stages.tables, leaving.section);
    let address = match Target::decode(A::routes(tables).lookup(vrf, address)) {
        Target::Via(via) => tables.vias.get(section, via.0).address,
        _ => address.number(),
    };
    let record = tables.records.get(section, &ScopedAddress { scope: vrf.0, address })?;
    Some(tables.adjacencies.get(section, record.adjacency().0))
}
