//! New headers: decapsulation takes the old ones off, one prebuilt template puts the new ones on.

mod offload;
mod oversized;
mod path;

use dpdk_bindings::{Burst, Mbuf};
use zerocopy::FromBytes;

use super::family::AddressFamily;
use super::lane::{Lane, Packets};
use super::output::Outputs;
use super::pipeline::Stages;
use super::refuse::refuse;
use super::resolve::{Plain, Wrapped};
use crate::packet::mss;
use crate::tables::ReadSection;
use crate::tables::entries::{Inner, Reach, Rewrite};
use crate::tables::exchange::Punt;
use crate::telemetry::DropReason;
use offload::leave_to_device;
use oversized::split;
use path::largest_segment;

/// Sends packets out by external networks.
#[inline(never)]
pub(super) fn rewrite_plain<A: AddressFamily, S: ReadSection>(
    stages: &Stages<'_>,
    section: &S,
    packets: &Packets<A>,
    burst: &mut Burst,
    leaving: &Lane<Plain<'_>>,
    out: &mut Outputs,
) {
    for &Plain { place, way } in leaving {
        let leaving = Leaving { stages, section, packets, place, way };
        leaving.send(burst, out, |room, _, _, _| way.plain(room));
    }
}

/// Sends packets out to VMs, wrapped.
#[inline(never)]
pub(super) fn rewrite_wrapped<A: AddressFamily, S: ReadSection>(
    stages: &Stages<'_>,
    section: &S,
    packets: &Packets<A>,
    burst: &mut Burst,
    leaving: &Lane<Wrapped<'_>>,
    out: &mut Outputs,
) {
    for &Wrapped { place, record, way } in leaving {
        let packet = &packets[place];
        let leaving = Leaving { stages, section, packets, place, way };
        let sent = leaving.send(burst, out, |room, length, header, payload| {
            let inner = Inner { length, tos: packet.tos, flow: A::flow_id(header, payload) };
            way.encapsulate(room, record, inner)
        });
        if sent {
            stages.sent(packet.vrf, packet.length);
        }
    }
}

/// A packet on its way out.
struct Leaving<'r, 's, A, S> {
    stages: &'r Stages<'s>,
    section: &'r S,
    packets: &'r Packets<A>,
    place: u8,
    way: &'r Rewrite,
}

impl<A: AddressFamily, S: ReadSection> Leaving<'_, '_, A, S> {
    /// Gives the packet the headers that `write` makes, and hands it to its port, or to the control thread while its
    /// next hop is not resolved. `write` gets the room before an IP packet, the length of that packet, and the IP header
    /// and what follows it of the packet that is routed, which may have become several; it says how much of the room it
    /// used.
    #[inline(always)]
    fn send(
        &self,
        burst: &mut Burst,
        out: &mut Outputs,
        write: impl Fn(&mut [u8; Rewrite::ROOM], u16, &A::Header, &[u8]) -> u16,
    ) -> bool {
        let Self { stages, packets, place, way, .. } = *self;
        let packet = &packets[place];
        if packet.length > way.mtu() || way.reach() == Reach::NoRoute {
            if way.reach() == Reach::NoRoute {
                refuse(stages, packets, burst, place, DropReason::ProviderRouteMissing, out);
                return false;
            }
            return split(self, burst, out, write);
        }
        let Some(mut mbuf) = burst.take(usize::from(place)) else { return false };
        let framed =
            self.pass_on(&mut mbuf, |room, header, payload| write(room, packet.length, header, payload));
        if !framed {
            stages.counters.drop(DropReason::NoBuffer);
            return false;
        }
        self.hand_out(mbuf, out);
        true
    }

    /// Exchanges everything before the routed packet, and whatever padded its frame, for new headers. `false` where the
    /// buffer has no room for them, or the IP header is not in its first segment.
    #[inline(always)]
    fn pass_on<const ROOM: usize>(
        &self,
        mbuf: &mut Mbuf,
        write: impl FnOnce(&mut [u8; ROOM], &A::Header, &[u8]) -> u16,
    ) -> bool {
        let packet = &self.packets[self.place];
        let new = self.packets.replacement(self.place);
        mbuf.reframe(packet.l3, packet.length, |room, rest| {
            let Ok((header, payload)) = A::Header::mut_from_prefix(rest) else { return None };
            A::pass_on(header, payload, packet.tos, packet.translation, new);
            if self.stages.clamp_mss
                && let Some(segment) = A::opening(header, payload)
            {
                mss::clamp(segment, largest_segment(self));
            }
            Some(write(room, header, payload))
        })
    }

    /// Hands a finished frame to its port, or to the control thread while its next hop is not resolved.
    #[inline(always)]
    fn hand_out(&self, mut mbuf: Mbuf, out: &mut Outputs) {
        let Self { stages, packets, place, way, .. } = *self;
        match way.reach() {
            Reach::Resolved => out.transmit(stages.counters, way.port(), mbuf),
            Reach::LeftToDevice => {
                leave_to_device(&mut mbuf, way);
                out.transmit(stages.counters, way.port(), mbuf);
            }
            Reach::Unresolved | Reach::NoRoute => {
                let punt = Punt::Unresolved { neighbor: way.neighbor(), ingress: packets.ingress(place) };
                out.punt_frame(stages.counters, mbuf, punt);
            }
        }
    }
}
