//! New headers: decapsulation takes the old ones off, one prebuilt template puts the new ones on.

use dpdk_bindings::{Burst, Mbuf};
use zerocopy::FromBytes;

use super::family::AddressFamily;
use super::lane::{Lane, Packet, Packets};
use super::meter::Meter;
use super::output::Outputs;
use super::pipeline::Stages;
use super::refuse::{refuse, refuse_size};
use super::resolve::{Plain, Wrapped};
use crate::packet::translation::Replacement;
use crate::tables::entries::{Inner, Reach, Rewrite};
use crate::tables::exchange::Punt;
use crate::telemetry::DropReason;

/// Sends packets out by external networks.
#[inline(never)]
pub(super) fn rewrite_plain<A: AddressFamily>(
    stages: &Stages<'_>,
    packets: &Packets<A>,
    burst: &mut Burst,
    leaving: &Lane<Plain<'_>>,
    out: &mut Outputs,
) {
    for &Plain { place, way } in leaving {
        send(stages, packets, burst, place, way, out, |room, _, _| way.plain(room));
    }
}

/// Sends packets out to VMs, wrapped.
#[inline(never)]
pub(super) fn rewrite_wrapped<A: AddressFamily>(
    stages: &Stages<'_>,
    packets: &Packets<A>,
    burst: &mut Burst,
    leaving: &Lane<Wrapped<'_>>,
    out: &mut Outputs,
) {
    let mut delivered = Meter::new(stages.counters, |vrf| &vrf.tx);
    for &Wrapped { place, record, way } in leaving {
        let packet = &packets[place];
        let sent = send(stages, packets, burst, place, way, out, |room, header, payload| {
            let inner = Inner { length: packet.length, tos: packet.tos, flow: A::flow_id(header, payload) };
            way.encapsulate(room, record, inner)
        });
        if sent {
            delivered.count(packet.vrf, packet.length);
        }
    }
    delivered.flush();
}

/// Gives a packet the headers that `write` makes, and hands it to its port, or to the control thread while its next
/// hop is not resolved. `write` gets the room before the routed packet, its IP header and what follows, and says how
/// much of the room it used.
#[inline(always)]
fn send<A: AddressFamily>(
    stages: &Stages<'_>,
    packets: &Packets<A>,
    burst: &mut Burst,
    place: u8,
    way: &Rewrite,
    out: &mut Outputs,
    write: impl FnOnce(&mut [u8; Rewrite::ROOM], &A::Header, &[u8]) -> u16,
) -> bool {
    let packet = &packets[place];
    if packet.length > way.mtu() || way.reach() == Reach::NoRoute {
        match way.reach() {
            Reach::NoRoute => refuse(stages, packets, burst, place, DropReason::ProviderRouteMissing, out),
            Reach::Resolved | Reach::Unresolved => refuse_size(stages, packets, burst, place, way.mtu(), out),
        }
        return false;
    }
    let Some(mut mbuf) = burst.take(usize::from(place)) else { return false };
    if !reframe(&mut mbuf, packet, packets.replacement(place), write) {
        stages.counters.drop(DropReason::NoBuffer);
        return false;
    }
    if way.reach() == Reach::Resolved {
        out.transmit(stages.counters, way.port(), mbuf);
    } else {
        out.punt_frame(
            stages.counters,
            mbuf,
            Punt::Unresolved { neighbor: way.neighbor(), ingress: packets.ingress(place) },
        );
    }
    true
}

/// Exchanges everything before the routed packet, and whatever padded its frame, for new headers. `false` where the
/// buffer has no room for them, or the IP header is not in its first segment.
#[inline(always)]
fn reframe<A: AddressFamily>(
    mbuf: &mut Mbuf,
    packet: &Packet<A>,
    new: Replacement,
    write: impl FnOnce(&mut [u8; Rewrite::ROOM], &A::Header, &[u8]) -> u16,
) -> bool {
    mbuf.reframe(packet.l3, packet.length, |room, rest| {
        let Ok((header, payload)) = A::Header::mut_from_prefix(rest) else { return None };
        A::pass_on(header, payload, packet.tos, packet.translation, new);
        Some(write(room, header, payload))
    })
}
