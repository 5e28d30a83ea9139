//! Packets that do not fit their way out: split, or refused.

use dpdk_bindings::{Burst, Mbuf};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::{Headers, Leaving, hand_out, pass_on};
use crate::datapath::family::AddressFamily;
use crate::datapath::output::Outputs;
use crate::datapath::refuse::refuse_size;
use crate::packet::fragment::Fragment;
use crate::tables::ReadSection;
use crate::tables::entries::Rewrite;
use crate::telemetry::DropReason;

/// Sends a packet in as many fragments as it takes, each behind new headers, as
/// [`send`](super::send) has it; a packet that must not be split is refused. The fragments are those of the packet as it
/// leaves: translated, with the options that every fragment has, all of one flow.
#[cold]
#[inline(never)]
pub(super) fn split<A: AddressFamily, S: ReadSection, H: Headers>(
    leaving: &Leaving<'_, '_, A, S>,
    place: u8,
    way: &Rewrite,
    headers: H,
    burst: &mut Burst,
    out: &mut Outputs,
) -> bool {
    let Leaving { stages, packets, .. } = *leaving;
    let tos = packets[place].tos;
    let l3 = usize::from(packets[place].l3);
    let bytes = burst.get(usize::from(place)).and_then(|mbuf| mbuf.data().get(l3..));
    if bytes.and_then(|bytes| A::fragments(bytes, way.mtu())).is_none() {
        refuse_size(stages, packets, burst, place, way.mtu(), out);
        return false;
    }
    let Some(mut packet) = burst.take(usize::from(place)) else { return false };
    let write = |room: &mut _, length, header: &_, payload: &[u8]| {
        headers.write::<A>(way, room, (length, tos), header, payload)
    };
    let sent = bare(leaving, place, way, &mut packet)
        && A::fragments(packet.data(), way.mtu()).is_some_and(|mut fragments| {
            fragments.all(|fragment| match frame(stages.pool.alloc(), &packet, &fragment, write) {
                Some(frame) => {
                    stages.counters.fragments.add(1);
                    hand_out::<A, S, H>(leaving, place, way, frame, out);
                    true
                }
                None => false,
            })
        });
    if sent {
        stages.counters.fragmented.add(1);
    } else {
        // Nobody puts the packet together without the fragments that are missing.
        stages.counters.drop(DropReason::NoBuffer);
    }
    sent
}

/// Takes everything off a packet that is before it, and gives it what it leaves with.
fn bare<A: AddressFamily, S: ReadSection>(
    leaving: &Leaving<'_, '_, A, S>,
    place: u8,
    way: &Rewrite,
    mbuf: &mut Mbuf,
) -> bool {
    let packet = &leaving.packets[place];
    let Some(bare) = mbuf.reframe::<0>(packet.l3, packet.length) else { return false };
    let passed_on = pass_on(leaving, (place, packet), way, &mut *bare.rest).is_some();
    bare.finish(0);
    passed_on
}

/// A fragment of a packet in a fresh buffer, complete. `None` where there is none, or it has no room.
fn frame<H: FromBytes + KnownLayout + Immutable + Unaligned>(
    fresh: Option<Mbuf>,
    packet: &Mbuf,
    fragment: &Fragment,
    write: impl Fn(&mut [u8; Rewrite::ROOM], u16, &H, &[u8]) -> u16,
) -> Option<Mbuf> {
    let mut frame = fresh?;
    let length = fragment.header.len() + fragment.part.len();
    let length = u16::try_from(length).ok()?;
    let (header, part) = frame.append(length)?.split_at_mut(fragment.header.len());
    header.copy_from_slice(&fragment.header);
    let (routed, payload) = H::ref_from_prefix(packet.data()).ok()?;
    if !packet.read(fragment.part.start, part) {
        return None;
    }
    let front = frame.reframe(0, length)?;
    let added = write(front.room, length, routed, payload);
    front.finish(added);
    Some(frame)
}
