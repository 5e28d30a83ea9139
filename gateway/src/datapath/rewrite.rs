//! New headers: decapsulation takes the old ones off, one prebuilt template puts the new ones on.

use dpdk_bindings::{BURST, Burst, Mbuf};
use zerocopy::FromBytes;

use super::flow::flow_id;
use super::lane::{Lane, Packet, Packets};
use super::meter::Meter;
use super::output::Outputs;
use super::pipeline::Stages;
use super::resolve::{Records, WaysOut};
use crate::packet::ipv4::Ipv4;
use crate::tables::entries::{Inner, Reach, Record, Rewrite};
use crate::tables::exchange::Punt;
use crate::telemetry::DropReason;

/// Gives every packet its new headers and hands it to its port, or to the control thread while its next hop is not
/// resolved. `records` says by place which packets are wrapped, and for whom; the others leave plain.
#[inline(always)]
pub(super) fn rewrite(
    stages: &Stages<'_>,
    packets: &Packets,
    ways: &WaysOut<'_>,
    records: &Records<'_>,
    burst: &mut Burst,
    leaving: &Lane,
    out: &mut Outputs,
) {
    let mut delivered = Meter::new(stages.counters, |vrf| &vrf.tx);
    for place in leaving.iter() {
        let packet = &packets[place];
        let Some(way) = ways[usize::from(place) % BURST] else { continue };
        if packet.length > way.mtu() || way.reach() == Reach::NoRoute {
            stages.counters.drop(match way.reach() {
                Reach::NoRoute => DropReason::ProviderRouteMissing,
                _ => DropReason::MtuExceeded,
            });
            continue;
        }
        let Some(mut mbuf) = burst.take(usize::from(place)) else { continue };
        let record = records[usize::from(place) % BURST];
        if !write(&mut mbuf, packet, way, record) {
            stages.counters.drop(DropReason::NoBuffer);
            continue;
        }
        if record.is_some() {
            delivered.count(packet.vrf, packet.length);
        }
        if way.reach() == Reach::Resolved {
            out.transmit(stages.counters, way.port(), mbuf);
        } else {
            out.punt_frame(stages.counters, mbuf, Punt::Unresolved { neighbor: way.neighbor() });
        }
    }
    delivered.flush();
}

/// Writes the headers. `false` where the buffer has no room for them, or the IP header is not in its first segment.
#[inline(always)]
fn write(mbuf: &mut Mbuf, packet: &Packet, way: &Rewrite, record: Option<&Record>) -> bool {
    // Everything before the routed packet goes, and whatever padded its frame.
    if !mbuf.adj(packet.l3) || !mbuf.trim_to(u32::from(packet.length)) {
        return false;
    }
    let Ok((header, _)) = Ipv4::mut_from_prefix(mbuf.data_mut()) else { return false };
    if header.tos != packet.tos {
        header.set_tos(packet.tos);
    }
    header.decrement_ttl();
    let flow = match record {
        Some(_) => {
            let data = mbuf.data();
            Ipv4::ref_from_prefix(data).map_or(0, |(header, _)| flow_id(header, data))
        }
        None => 0,
    };
    let Some(room) = mbuf.room::<{ Rewrite::ROOM }>() else { return false };
    let added = match record {
        Some(record) => way.encapsulate(room, record, Inner { length: packet.length, tos: packet.tos, flow }),
        None => way.plain(room),
    };
    mbuf.prepend(added).is_some()
}
