//! New headers: decapsulation takes the old ones off, one prebuilt template puts the new ones on.

mod offload;
mod oversized;
mod path;

use dpdk_bindings::{Burst, Mbuf};
use zerocopy::FromBytes;

use super::family::AddressFamily;
use super::lane::{Lane, Packet, Packets};
use super::output::Outputs;
use super::pipeline::Stages;
use super::refuse::refuse;
use super::resolve::{Plain, Wrapped};
use crate::packet::mss;
use crate::tables::ReadSection;
use crate::tables::entries::{Inner, Reach, Record, Rewrite};
use crate::tables::exchange::Punt;
use crate::telemetry::DropReason;
use offload::left_to_device;
use oversized::split;
use path::largest_segment;

/// Sends packets out by external networks.
#[inline(never)]
pub(super) fn rewrite_plain<A: AddressFamily, S: ReadSection>(
    stages: &Stages<'_>,
    section: &S,
    packets: &Packets<A>,
    burst: &mut Burst,
    lane: &Lane<Plain<'_>>,
    out: &mut Outputs,
) {
    let leaving = Leaving { stages, section, packets };
    for &Plain { place, way } in lane {
        send(&leaving, (place, &packets[place]), way, NoTunnel, burst, out);
    }
}

/// Sends packets out to VMs, wrapped.
#[inline(never)]
pub(super) fn rewrite_wrapped<A: AddressFamily, S: ReadSection>(
    stages: &Stages<'_>,
    section: &S,
    packets: &Packets<A>,
    burst: &mut Burst,
    lane: &Lane<Wrapped<'_>>,
    out: &mut Outputs,
) {
    let traffic = stages.traffic();
    let leaving = Leaving { stages, section, packets };
    for &Wrapped { place, record, way } in lane {
        let packet = &packets[place];
        if send(&leaving, (place, packet), way, record, burst, out) {
            traffic.sent(packet.vrf, 1, packet.length.into());
        }
    }
}

/// What becomes of the headers that a way out adds.
trait Headers: Copy {
    /// Whether a device may have something to do about them.
    const TUNNEL: bool;

    /// Writes them to the end of the room before an IP packet of `length` bytes that has this TOS, and says how many they
    /// are. The packet that is routed may have become several: `header` and `payload` are its IP header and what follows
    /// it.
    fn write<A: AddressFamily>(
        self,
        way: &Rewrite,
        room: &mut [u8; Rewrite::ROOM],
        packet: (u16, u8),
        header: &A::Header,
        payload: &[u8],
    ) -> u16;
}

/// The packet leaves as it is.
#[derive(Clone, Copy)]
struct NoTunnel;

impl Headers for NoTunnel {
    const TUNNEL: bool = false;

    #[inline(always)]
    fn write<A: AddressFamily>(
        self,
        way: &Rewrite,
        room: &mut [u8; Rewrite::ROOM],
        _: (u16, u8),
        _: &A::Header,
        _: &[u8],
    ) -> u16 {
        way.plain(room)
    }
}

/// The packet goes through the tunnel to the record's VM.
impl Headers for &Record {
    const TUNNEL: bool = true;

    #[inline(always)]
    fn write<A: AddressFamily>(
        self,
        way: &Rewrite,
        room: &mut [u8; Rewrite::ROOM],
        (length, tos): (u16, u8),
        header: &A::Header,
        payload: &[u8],
    ) -> u16 {
        way.encapsulate(room, self, Inner { length, tos, flow: A::flow_id(header, payload) })
    }
}

/// What packets on their way out have in common.
struct Leaving<'r, 's, A, S> {
    stages: &'r Stages<'s>,
    section: &'r S,
    packets: &'r Packets<A>,
}

/// Gives a packet new headers and hands it to its port; whether it went.
#[inline(always)]
fn send<A: AddressFamily, S: ReadSection, H: Headers>(
    leaving: &Leaving<'_, '_, A, S>,
    (place, packet): (u8, &Packet<A>),
    way: &Rewrite,
    headers: H,
    burst: &mut Burst,
    out: &mut Outputs,
) -> bool {
    if packet.length > way.limit() {
        return send_unusual(leaving, place, way, headers, burst, out);
    }
    let Some(mut mbuf) = burst.take(usize::from(place)) else { return false };
    if !exchange(leaving, (place, packet), way, headers, &mut mbuf) {
        leaving.stages.counters.drop(DropReason::NoBuffer);
        return false;
    }
    transmit::<H>(leaving.stages, way, mbuf, out);
    true
}

/// As [`send`], where the packet does not fit, or the way cannot be used right away.
#[cold]
#[inline(never)]
fn send_unusual<A: AddressFamily, S: ReadSection, H: Headers>(
    leaving: &Leaving<'_, '_, A, S>,
    place: u8,
    way: &Rewrite,
    headers: H,
    burst: &mut Burst,
    out: &mut Outputs,
) -> bool {
    let Leaving { stages, packets, .. } = *leaving;
    if way.reach() == Reach::NoRoute {
        refuse(stages, packets, burst, place, DropReason::ProviderRouteMissing, out);
        return false;
    }
    let packet = &packets[place];
    if packet.length > way.mtu() {
        return split(leaving, place, way, headers, burst, out);
    }
    let Some(mut mbuf) = burst.take(usize::from(place)) else { return false };
    if !exchange(leaving, (place, packet), way, headers, &mut mbuf) {
        stages.counters.drop(DropReason::NoBuffer);
        return false;
    }
    hand_out::<A, S, H>(leaving, place, way, mbuf, out);
    true
}

/// Exchanges everything before the routed packet, and whatever padded its frame, for new headers. `false` where the
/// buffer has no room for them, or the IP header is not in its first segment.
#[inline(always)]
fn exchange<A: AddressFamily, S: ReadSection, H: Headers>(
    leaving: &Leaving<'_, '_, A, S>,
    (place, packet): (u8, &Packet<A>),
    way: &Rewrite,
    headers: H,
    mbuf: &mut Mbuf,
) -> bool {
    let Packet { l3, length, tos, .. } = *packet;
    let Some(frame) = mbuf.reframe(l3, length) else { return false };
    let Some((header, payload)) = pass_on(leaving, (place, packet), way, frame.rest) else { return false };
    let added = headers.write::<A>(way, frame.room, (length, tos), header, payload);
    frame.finish(added);
    true
}

/// Gives the routed packet what it leaves with. Returns its IP header, and what follows it.
#[inline(always)]
fn pass_on<'m, A: AddressFamily, S: ReadSection>(
    leaving: &Leaving<'_, '_, A, S>,
    (place, packet): (u8, &Packet<A>),
    way: &Rewrite,
    bytes: &'m mut [u8],
) -> Option<(&'m mut A::Header, &'m mut [u8])> {
    let (header, payload) = A::Header::mut_from_prefix(bytes).ok()?;
    A::pass_on(header, payload, packet.tos, packet.translation, || leaving.packets.replacement(place));
    if let Some(segment) = A::opening(header, payload)
        && leaving.stages.clamp_mss
    {
        mss::clamp(segment, largest_segment(leaving, place, way));
    }
    Some((header, payload))
}

/// Hands a finished frame to its port, whose device may have something left to do.
#[inline(always)]
fn transmit<H: Headers>(stages: &Stages<'_>, way: &Rewrite, mut mbuf: Mbuf, out: &mut Outputs) {
    if H::TUNNEL && way.reach() == Reach::LeftToDevice {
        mbuf = left_to_device(mbuf, way);
    }
    out.transmit(stages.counters, way.port(), mbuf);
}

/// Hands a finished frame to its port, or to the control thread while its next hop is not resolved.
fn hand_out<A: AddressFamily, S, H: Headers>(
    leaving: &Leaving<'_, '_, A, S>,
    place: u8,
    way: &Rewrite,
    mbuf: Mbuf,
    out: &mut Outputs,
) {
    let Leaving { stages, packets, .. } = *leaving;
    match way.reach() {
        Reach::Resolved | Reach::LeftToDevice => transmit::<H>(stages, way, mbuf, out),
        Reach::Unresolved | Reach::NoRoute => {
            let punt = Punt::Unresolved { neighbor: way.neighbor(), ingress: packets.ingress(place) };
            out.punt_frame(stages.counters, mbuf, punt);
        }
    }
}
