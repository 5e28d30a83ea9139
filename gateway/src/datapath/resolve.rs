//! The destination's lookup record, and the way to its host.

use dpdk_bindings::Burst;

use super::family::AddressFamily;
use super::lane::{Lane, Packets, append};
use super::output::Outputs;
use super::pipeline::Stages;
use super::refuse::refuse;
use crate::tables::entries::{Record, Rewrite, ScopedAddress};
use crate::tables::hash::Candidate;
use crate::tables::{ReadSection, StableView, prefetch_front};
use crate::telemetry::DropReason;

/// A packet that leaves plain, and its way out.
pub(super) struct Plain<'s> {
    pub(super) place: u8,
    pub(super) way: &'s Rewrite,
}

/// A packet that leaves wrapped, for whom, and its way out.
pub(super) struct Wrapped<'s> {
    pub(super) place: u8,
    pub(super) record: &'s Record,
    pub(super) way: &'s Rewrite,
}

/// Asks ahead for the destinations' records, whose keys an earlier stage has hashed.
#[inline(never)]
pub(super) fn locate<'s, A: AddressFamily, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    packets: &Packets<A>,
    overlay: &Lane<u8>,
    candidates: &mut Lane<Candidate<'s, Record>>,
) {
    let table = stages.tables.records.view();
    for &place in overlay {
        append(candidates, table.candidate(section, packets[place].hash));
    }
}

/// Finds the destinations' records, and asks ahead for the ways to their hosts.
#[inline(never)]
pub(super) fn resolve<'s, A: AddressFamily, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    packets: &Packets<A>,
    burst: &mut Burst,
    located: (&Lane<u8>, &Lane<Candidate<'s, Record>>),
    wrapped: &mut Lane<Wrapped<'s>>,
    out: &mut Outputs,
) {
    let (table, ways) = (stages.tables.records.view(), stages.tables.adjacencies.view());
    for (&place, candidate) in located.0.iter().zip(located.1) {
        let packet = &packets[place];
        let key = ScopedAddress { scope: packet.vrf.0, address: packet.next.number() };
        let is_its = |record: &Record| packet.next.has(packet.vrf, record);
        let Some(record) = table.confirm_by(section, *candidate, packet.hash, &key, is_its) else {
            refuse(stages, packets, burst, place, DropReason::DestinationRecordMissing, out);
            continue;
        };
        wrap(section, ways, (place, record), wrapped);
    }
}

/// Has a packet leave by the record that was found for it, and asks ahead for the way to the record's host.
#[inline(always)]
pub(super) fn wrap<'s, S: ReadSection>(
    section: &'s S,
    ways: StableView<'s, Rewrite>,
    (place, record): (u8, &'s Record),
    wrapped: &mut Lane<Wrapped<'s>>,
) {
    let way = ways.get(section, record.adjacency().0);
    prefetch_front(way);
    append(wrapped, Wrapped { place, record, way });
}
