//! A tenant's packet: its virtual subnet, its VRF, and whether its sender is who the records say.

use dpdk_bindings::Burst;

use super::family::AddressFamily;
use super::lane::{Kind, Lane, Packet, Packets};
use super::output::Outputs;
use super::parse::Arrived;
use super::pipeline::Stages;
use super::route::{LookUp, Routed};
use crate::packet::ethernet;
use crate::tables::ReadSection;
use crate::tables::entries::{Record, ScopedAddress, SenderMode, Subnet, Target, to_ip};
use crate::tables::exchange::Punt;
use crate::tables::set::LocalAddress;
use crate::telemetry::DropReason;

/// Asks ahead for the senders' records themselves.
#[inline(never)]
pub(super) fn locate_senders<'s, A: AddressFamily, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    packets: &Packets<A>,
    tenants: &mut Lane<Arrived<'s>>,
) {
    let (traffic, table) = (stages.traffic(), stages.tables.records.view());
    for Arrived { place, sender, .. } in tenants {
        let packet = &packets[*place];
        traffic.prefetch(packet.tenant);
        *sender = table.candidate(section, packet.hash);
    }
}

/// What a tenant's frame must be: to the gateway's Ethernet address, and from who the records say that it comes from. The
/// sender check (VSID × provider address × customer address) is made in the routing domain as Hyper-V's hosts
/// send: a frame may carry the gateway subnet's VSID while its sender lives in another subnet. Who passes is looked up
/// among the routes.
#[inline(never)]
pub(super) fn check_senders<'s, A: AddressFamily, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    packets: &mut Packets<A>,
    tenants: &Lane<Arrived<'s>>,
    burst: &mut Burst,
    routed: &mut Routed<'s>,
    out: &mut Outputs,
) {
    let (traffic, table) = (stages.traffic(), stages.tables.records.view());
    let mut routes = LookUp::new(stages);
    for &Arrived { place, subnet, sender } in tenants {
        let (packet, provider) = packets.with_outer_source(place);
        if !packet.stations.are_to(&subnet.gateway_mac) && !may_be_for_us(packet) {
            stages.counters.drop(DropReason::InnerDestinationMac);
            continue;
        }
        let key = packet.sender();
        let is_its = |record: &Record| packet.source.has(packet.vrf, record);
        let record = table.confirm_by(section, sender, packet.hash, &key, is_its);
        let fault = fault(packet, provider, subnet, record);
        if (fault.is_some() || packet.kind != Kind::Routed)
            && !passes_after_all(stages, section, (packet, provider, subnet), fault, burst, place, out)
        {
            continue;
        }
        traffic.received(packet.tenant, 1, packet.length.into());
        routes.look_up(packet, place, routed);
    }
}

/// Whether a packet is to be routed that has a fault, or is no packet to be routed. Otherwise it is dropped and counted, or
/// the control thread sees it.
#[cold]
#[inline(never)]
fn passes_after_all<A: AddressFamily, S: ReadSection>(
    stages: &Stages<'_>,
    section: &S,
    (packet, provider, subnet): (&Packet<A>, &u128, &Subnet),
    fault: Option<DropReason>,
    burst: &mut Burst,
    place: u8,
    out: &mut Outputs,
) -> bool {
    let verdict = match fault {
        None => Verdict::Passes,
        Some(reason) => judge(stages, section, packet, *provider, subnet, reason),
    };
    let punt = match verdict {
        Verdict::Passes if packet.kind == Kind::Routed => return true,
        Verdict::Passes => Punt::Overlay { vsid: packet.vsid, vrf: packet.vrf },
        Verdict::Punted(punt) => punt,
        Verdict::Dropped => return false,
    };
    out.punt(stages.counters, burst, place, packet.l3 - ethernet::HEADER as u16, punt);
    false
}

/// Whether a frame that is not to the gateway's own Ethernet address may be for it all the same: what neighbours say to
/// each other goes to groups.
#[cold]
fn may_be_for_us<A: AddressFamily>(packet: &Packet<A>) -> bool {
    packet.kind != Kind::Routed && A::is_group(packet.stations.destination())
}

/// What the sender check finds wrong.
#[inline(always)]
fn fault<A: AddressFamily>(
    packet: &Packet<A>,
    provider: &u128,
    subnet: &Subnet,
    record: Option<&Record>,
) -> Option<DropReason> {
    let Some(record) = record else { return Some(DropReason::SourceRecordMissing) };
    if record.provider() != *provider {
        return Some(DropReason::SourceCaPaMismatch);
    }
    // A frame of a VM in the very subnet it names was bridged to us: its Ethernet source is the VM's own.
    if !packet.stations.are_from(record.mac_bytes()) && subnet.contains(record.address()) {
        return Some(DropReason::SourceCaMacMismatch);
    }
    None
}

/// What the sender check makes of a packet.
enum Verdict {
    /// It goes on.
    Passes,
    /// It is dropped, and was counted.
    Dropped,
    /// The control thread sees it.
    Punted(Punt),
}

/// What becomes of a packet that has a fault.
fn judge<A: AddressFamily, S: ReadSection>(
    stages: &Stages<'_>,
    section: &S,
    packet: &Packet<A>,
    provider: u128,
    subnet: &Subnet,
    reason: DropReason,
) -> Verdict {
    let Some(reason) = reconsider(stages, section, packet, provider, subnet, reason) else {
        return Verdict::Passes;
    };
    if packet.kind == Kind::LinkLocal && reason != DropReason::OwnPacket {
        let (vsid, vrf) = (packet.vsid, packet.vrf);
        return Verdict::Punted(Punt::LinkLocal { vsid, vrf, provider: to_ip(provider) });
    }
    match subnet.sender_mode {
        SenderMode::LogOnly if reason != DropReason::OwnPacket => {
            if stages.fresh {
                stages.counters.sender_unverified.add(1);
            }
            Verdict::Passes
        }
        SenderMode::Learn if reason != DropReason::OwnPacket && learnable(stages, packet, subnet) => {
            let provider = to_ip(provider);
            Verdict::Punted(Punt::Learn { vsid: packet.vsid, vrf: packet.vrf, provider, reason })
        }
        _ => {
            stages.counters.drop(reason);
            Verdict::Dropped
        }
    }
}

/// What is wrong after all. An address without a record may lie behind a customer route: then it is the next hop, a
/// VM that routes, whose host and Ethernet address count.
fn reconsider<A: AddressFamily, S: ReadSection>(
    stages: &Stages<'_>,
    section: &S,
    packet: &Packet<A>,
    provider: u128,
    subnet: &Subnet,
    reason: DropReason,
) -> Option<DropReason> {
    let tables = stages.tables;
    if reason == DropReason::SourceRecordMissing
        && packet.kind == Kind::Routed
        && let Target::Via(via) = Target::decode(A::routes(tables).lookup(packet.vrf, packet.source))
    {
        let address = tables.vias.get(section, via.0).address;
        let router = tables.records.get(section, &ScopedAddress { scope: packet.vrf.0, address });
        return fault(packet, &provider, subnet, router)
            .map(|reason| blame(stages, section, provider, reason));
    }
    Some(blame(stages, section, provider, reason))
}

/// Whether the sender's address is one that a VM of the very subnet may have: neither the gateway's own, nor the
/// prefix's first or last, nor behind a customer route, where the router's record counts.
fn learnable<A: AddressFamily>(stages: &Stages<'_>, packet: &Packet<A>, subnet: &Subnet) -> bool {
    subnet.contains(packet.source.number())
        && Target::decode(A::routes(stages.tables).lookup(packet.vrf, packet.source)) == Target::Subnet
}

/// The reason to name. No record has one of our own provider addresses, so a packet of our own that came back fails
/// the sender check; only then is it worth asking whose it is.
#[cold]
pub(super) fn blame<S: ReadSection>(
    stages: &Stages<'_>,
    section: &S,
    provider: u128,
    reason: DropReason,
) -> DropReason {
    match stages.tables.locals.get(section, &LocalAddress::key_of(provider)) {
        Some(_) => DropReason::OwnPacket,
        None => reason,
    }
}
