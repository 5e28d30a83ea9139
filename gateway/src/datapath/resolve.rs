//! The destination's lookup record, and the way to its host.

use dpdk_bindings::BURST;

use super::lane::{Lane, Packets};
use super::pipeline::Stages;
use crate::tables::entries::{Record, Rewrite, ScopedAddress};
use crate::tables::hash::Candidate;
use crate::tables::{ReadSection, prefetch};
use crate::telemetry::DropReason;

/// Where lookups of a burst's packets continue, by place.
pub(super) type Candidates<'s> = [Option<Candidate<'s, Record>>; BURST];

/// The destinations' records of a burst's packets, by place.
pub(super) type Records<'s> = [Option<&'s Record>; BURST];

/// Asks ahead for the records whose keys have been hashed before: the senders', then the destinations'.
#[inline(always)]
pub(super) fn locate<'s, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    packets: &Packets,
    lane: &Lane,
) -> Candidates<'s> {
    let mut candidates = [None; BURST];
    for place in lane.iter() {
        let candidate = stages.tables.records.candidate(section, packets[place].hash);
        candidates[usize::from(place) % BURST] = Some(candidate);
    }
    candidates
}

/// Finds the destinations' records, and asks ahead for the ways to their hosts.
#[inline(always)]
pub(super) fn resolve<'s, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    packets: &mut Packets,
    candidates: &Candidates<'s>,
    overlay: &Lane,
    leaving: &mut Lane,
) -> Records<'s> {
    let tables = stages.tables;
    let mut records = [None; BURST];
    for place in overlay.iter() {
        let packet = &mut packets[place];
        let key = ScopedAddress { scope: packet.vrf.0, address: packet.next };
        let Some(candidate) = candidates[usize::from(place) % BURST] else { continue };
        let Some(record) = tables.records.confirm(section, candidate, packet.hash, &key) else {
            stages.counters.drop(DropReason::DestinationRecordMissing);
            continue;
        };
        packet.adjacency = record.adjacency();
        records[usize::from(place) % BURST] = Some(record);
        leaving.push(place);
    }
    records
}

/// The ways out of a burst's packets, by place.
pub(super) type WaysOut<'s> = [Option<&'s Rewrite>; BURST];

/// Asks ahead for the ways out.
#[inline(always)]
pub(super) fn locate_ways<'s, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    packets: &Packets,
    leaving: &Lane,
) -> WaysOut<'s> {
    let mut ways = [None; BURST];
    for place in leaving.iter() {
        let way = stages.tables.adjacencies.get(section, packets[place].adjacency.0);
        prefetch(way);
        ways[usize::from(place) % BURST] = Some(way);
    }
    ways
}
