//! Drops that a packet's sender is to hear of (RFC 792, RFC 1812 §4.3; RFC 4443).

use dpdk_bindings::Burst;
use zerocopy::FromBytes;

use super::family::AddressFamily;
use super::handed::Behind;
use super::lane::{Origin, Packets};
use super::output::Outputs;
use super::pipeline::Stages;
use crate::packet::ipv4::Ipv4;
use crate::packet::translation::{End, Replacement, translate};
use crate::tables::exchange::{IcmpError, Punt};
use crate::telemetry::DropReason;

/// Counts a routed packet as dropped, and hands it to the control thread where its sender is to be told. Its bytes are
/// still as they came.
#[cold]
#[inline(never)]
pub(super) fn refuse<A: AddressFamily>(
    stages: &Stages<'_>,
    packets: &Packets<A>,
    burst: &mut Burst,
    place: u8,
    reason: DropReason,
    out: &mut Outputs,
) {
    let error = match reason {
        DropReason::TtlExpired => IcmpError::TimeExceeded,
        DropReason::VirtualRouteMissing | DropReason::ExternalRouteMissing => IcmpError::NetUnreachable,
        // Who asks from outside to be sent outside again learns nothing of what is where.
        DropReason::Transit if packets[place].origin == Origin::Tenant => IcmpError::AdminProhibited,
        DropReason::DestinationRecordMissing
        | DropReason::ProviderRouteMissing
        | DropReason::NatPoolExhausted
        | DropReason::NatPortsExhausted
        | DropReason::NatSessionLimit
        | DropReason::NatPortLimit
        | DropReason::NatRateLimit
        | DropReason::NatTableFull
        | DropReason::NatLogFull => IcmpError::HostUnreachable,
        _ => return stages.counters.drop(reason),
    };
    tell(stages, packets, burst, place, reason, error, out);
}

/// Counts a packet as dropped that does not fit the way out and must not be fragmented, and hands it to the control
/// thread.
#[cold]
#[inline(never)]
pub(super) fn refuse_size<A: AddressFamily>(
    stages: &Stages<'_>,
    packets: &Packets<A>,
    burst: &mut Burst,
    place: u8,
    mtu: u16,
    out: &mut Outputs,
) {
    let error = IcmpError::FragmentationNeeded { mtu };
    tell(stages, packets, burst, place, DropReason::MtuExceeded, error, out);
}

fn tell<A: AddressFamily>(
    stages: &Stages<'_>,
    packets: &Packets<A>,
    burst: &mut Burst,
    place: u8,
    reason: DropReason,
    error: IcmpError,
    out: &mut Outputs,
) {
    stages.counters.drop(reason);
    let (packet, sender) = (&packets[place], packets.behind(place));
    let punt = Punt::Error { error, ingress: packets.ingress(place) };
    if out.may_report(stages.counters, &punt)
        && let Some(mut mbuf) = burst.take(usize::from(place))
        && mbuf.adj(packet.l3)
    {
        if let Some(Behind { address, port, .. }) = sender
            && let Ok((header, after)) = Ipv4::mut_from_prefix(mbuf.data_mut())
        {
            // The sender knows the packet as it was before translation.
            translate(header, after, End::Source, Replacement { address, port });
        }
        out.report(mbuf, punt);
    }
}
