//! A tenant's packet: its virtual subnet, its VRF, and whether its sender is who the records say.

use dpdk_bindings::{BURST, Burst};
use nvgw_types::{MacAddr, Vsid};

use super::lane::{Lane, Packet, Packets};
use super::meter::Meter;
use super::output::Outputs;
use super::pipeline::Stages;
use super::resolve::Candidates;
use crate::packet::ethernet;
use crate::tables::ReadSection;
use crate::tables::entries::{Record, ScopedAddress, Subnet, ipv4_mapped};
use crate::tables::exchange::Punt;
use crate::tables::set::LocalAddress;
use crate::telemetry::DropReason;

/// The virtual subnets of a burst's packets, by place.
pub(super) type Subnets<'s> = [Option<&'s Subnet>; BURST];

/// Finds each packet's virtual subnet, and with it the VRF; asks ahead for the sender's record and for the route.
#[inline(always)]
pub(super) fn find_subnets<'s, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    packets: &mut Packets,
    tenants: &Lane,
    known: &mut Lane,
) -> Subnets<'s> {
    let tables = stages.tables;
    let mut last: Option<Vsid> = None;
    for place in tenants.iter() {
        let vsid = packets[place].vsid;
        if last != Some(vsid) {
            last = Some(vsid);
            tables.subnets.prefetch(tables.subnets.hash(&vsid));
        }
    }
    let mut subnets = [None; BURST];
    let mut memory: Option<&Subnet> = None;
    for place in tenants.iter() {
        let packet = &mut packets[place];
        let subnet = match memory {
            Some(subnet) if subnet.vsid == packet.vsid => subnet,
            _ => match tables.subnets.get(section, &packet.vsid) {
                Some(subnet) => subnet,
                None => {
                    stages.counters.drop(blame(stages, section, packet, DropReason::NoPolicyForVsid));
                    continue;
                }
            },
        };
        memory = Some(subnet);
        let for_us = packet.destination_mac == subnet.gateway_mac
            || packet.arp && packet.destination_mac == MacAddr::BROADCAST;
        if !for_us {
            stages.counters.drop(DropReason::InnerDestinationMac);
            continue;
        }
        packet.vrf = subnet.vrf;
        packet.tenant = subnet.vrf;
        packet.hash = tables.records.hash(&sender(packet));
        tables.records.prefetch(packet.hash);
        tables.routes.prefetch(packet.vrf, packet.destination);
        subnets[usize::from(place) % BURST] = Some(subnet);
        known.push(place);
    }
    subnets
}

/// The sender check (VSID × provider address × customer address), made in the routing domain as Hyper-V's hosts
/// send: a frame may carry the gateway subnet's VSID while its sender lives in another subnet.
#[inline(always)]
pub(super) fn check_senders<'s, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    packets: &Packets,
    subnets: &Subnets<'_>,
    senders: &Candidates<'s>,
    burst: &mut Burst,
    known: &Lane,
    lane: &mut Lane,
    out: &mut Outputs,
) {
    let mut accepted = Meter::new(stages.counters, |vrf| &vrf.rx);
    for place in known.iter() {
        let packet = &packets[place];
        let Some(subnet) = subnets[usize::from(place) % BURST] else { continue };
        let Some(candidate) = senders[usize::from(place) % BURST] else { continue };
        let record = stages.tables.records.confirm(section, candidate, packet.hash, &sender(packet));
        if let Some(reason) = fault(packet, subnet, record) {
            let reason = blame(stages, section, packet, reason);
            if !subnet.log_only || reason == DropReason::OwnPacket {
                stages.counters.drop(reason);
                continue;
            }
            stages.counters.sender_unverified.add(1);
        }
        if packet.arp {
            let punt = Punt::Overlay { vsid: packet.vsid, vrf: packet.vrf };
            out.punt(stages.counters, burst, place, packet.l3 - ethernet::HEADER as u16, punt);
        } else {
            accepted.count(packet.tenant, packet.length);
            lane.push(place);
        }
    }
    accepted.flush();
}

#[inline(always)]
fn sender(packet: &Packet) -> ScopedAddress {
    ScopedAddress { scope: packet.vrf.0, address: ipv4_mapped(packet.source) }
}

/// What the sender check finds wrong.
#[inline(always)]
fn fault(packet: &Packet, subnet: &Subnet, record: Option<&Record>) -> Option<DropReason> {
    let Some(record) = record else { return Some(DropReason::SourceRecordMissing) };
    if record.provider() != ipv4_mapped(packet.outer_source) {
        return Some(DropReason::SourceCaPaMismatch);
    }
    // A frame of a sender in the very subnet it names was bridged to us: its Ethernet source is the VM's own.
    if record.mac() != packet.source_mac && subnet.contains(ipv4_mapped(packet.source)) {
        return Some(DropReason::SourceCaMacMismatch);
    }
    None
}

/// The reason to name. No record has one of our own provider addresses, so a packet of our own that came back fails
/// the sender check; only then is it worth asking whose it is.
#[cold]
fn blame<S: ReadSection>(
    stages: &Stages<'_>,
    section: &S,
    packet: &Packet,
    reason: DropReason,
) -> DropReason {
    let ours = LocalAddress::key_of(ipv4_mapped(packet.outer_source));
    match stages.tables.locals.get(section, &ours) {
        Some(_) => DropReason::OwnPacket,
        None => reason,
    }
}
