//! The destination's lookup record, and the way to its host.

use dpdk_bindings::Burst;

use super::family::AddressFamily;
use super::lane::{Lane, Packets, append};
use super::output::Outputs;
use super::pipeline::Stages;
use super::refuse::refuse;
use crate::tables::entries::{Record, Rewrite, ScopedAddress};
use crate::tables::hash::Candidate;
use crate::tables::{HashReader, Keyed, ReadSection, prefetch};
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

/// Asks ahead for the entries of a table whose keys an earlier stage has hashed.
#[inline(never)]
pub(super) fn locate<'s, A: AddressFamily, T: Keyed, S: ReadSection>(
    table: &'s HashReader<T>,
    section: &'s S,
    packets: &Packets<A>,
    lane: &Lane<u8>,
) -> Lane<Candidate<'s, T>> {
    lane.iter().map(|place| table.candidate(section, packets[*place].hash)).collect()
}

/// Finds the destinations' records, and asks ahead for the ways to their hosts.
#[inline(never)]
pub(super) fn resolve<'s, A: AddressFamily, S: ReadSection>(
    stages: &Stages<'s>,
    section: &'s S,
    packets: &Packets<A>,
    burst: &mut Burst,
    overlay: &Lane<u8>,
    candidates: &Lane<Candidate<'s, Record>>,
    out: &mut Outputs,
) -> Lane<Wrapped<'s>> {
    let tables = stages.tables;
    let mut wrapped = Lane::new();
    for (&place, candidate) in overlay.iter().zip(candidates) {
        let packet = &packets[place];
        let key = ScopedAddress { scope: packet.vrf.0, address: packet.next.number() };
        let Some(record) = tables.records.confirm(section, *candidate, packet.hash, &key) else {
            refuse(stages, packets, burst, place, DropReason::DestinationRecordMissing, out);
            continue;
        };
        let way = tables.adjacencies.get(section, record.adjacency().0);
        prefetch(way);
        append(&mut wrapped, Wrapped { place, record, way });
    }
    wrapped
}
