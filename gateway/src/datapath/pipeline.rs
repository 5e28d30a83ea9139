//! The stages in their order, and what they share.

use std::sync::Arc;

use dpdk_bindings::{Burst, clock};
use nvgw_types::PortId;

use super::decapsulate::{check_senders, find_subnets, locate_senders};
use super::lane::{Lane, Packet, Packets};
use super::output::Outputs;
use super::parse::parse;
use super::resolve::{locate, resolve};
use super::rewrite::{rewrite_plain, rewrite_wrapped};
use super::route::{decide, look_up};
use crate::tables::ReadSection;
use crate::tables::set::TableReaders;
use crate::telemetry::Stage;
use crate::telemetry::counters::Counters;

/// What the operator chose for the datapath as a whole.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Whether VSIDs 0 to 0xFFF are accepted.
    pub allow_reserved_vsids: bool,
}

/// What every stage may ask.
pub(super) struct Stages<'s> {
    pub(super) tables: &'s TableReaders,
    pub(super) counters: &'s Counters,
    pub(super) allow_reserved_vsids: bool,
}

/// A worker's datapath: bursts in, finished frames out.
///
/// It allocates when it is made and never again.
pub struct Pipeline {
    tables: TableReaders,
    counters: Arc<Counters>,
    options: Options,
    packets: Box<Packets>,
}

impl Pipeline {
    /// A datapath over these tables that counts into these counters, of which it is the only writer.
    #[must_use]
    pub fn new(tables: TableReaders, counters: Arc<Counters>, options: Options) -> Self {
        Self { tables, counters, options, packets: Box::new(Packets([Packet::EMPTY; _])) }
    }

    /// Takes a burst that came in on a port through all stages. The burst is empty afterwards: each of its packets is
    /// in `out`, or was dropped and counted.
    pub fn process<S: ReadSection>(
        &mut self,
        section: &S,
        port: PortId,
        burst: &mut Burst,
        out: &mut Outputs,
    ) {
        let stages = Stages {
            tables: &self.tables,
            counters: &self.counters,
            allow_reserved_vsids: self.options.allow_reserved_vsids,
        };
        let packets = &mut *self.packets;
        let mut lap = Lap::start(&self.counters);

        let (mut tenants, mut routed) = (Lane::new(), Lane::new());
        let arrived = burst.len();
        parse(&stages, section, port, packets, burst, (&mut tenants, &mut routed), out);
        lap.end(Stage::Parse, arrived);

        if !tenants.is_empty() {
            // The parser left their hashes.
            let subnets = locate(&stages.tables.subnets, section, packets, &tenants);
            let known = find_subnets(&stages, section, packets, &tenants, &subnets);
            let senders = locate_senders(&stages, section, packets, &known);
            check_senders(&stages, section, packets, &senders, burst, &mut routed, out);
            lap.end(Stage::Decapsulate, tenants.len());
        }

        look_up(&stages, packets, &routed);
        let ways = decide(&stages, section, packets, burst, &routed, out);
        lap.end(Stage::Route, routed.len());

        if !ways.overlay.is_empty() {
            let candidates = locate(&stages.tables.records, section, packets, &ways.overlay);
            let wrapped = resolve(&stages, section, packets, burst, &ways.overlay, &candidates, out);
            lap.end(Stage::Resolve, ways.overlay.len());
            rewrite_wrapped(&stages, packets, burst, &wrapped, out);
        }
        rewrite_plain(&stages, packets, burst, &ways.plain, out);
        burst.clear();
        lap.end(Stage::Rewrite, ways.overlay.len() + ways.plain.len());
    }
}

/// Times stages by the time-stamp counter: one read a stage and burst.
struct Lap<'c> {
    counters: &'c Counters,
    since: u64,
}

impl<'c> Lap<'c> {
    #[inline(always)]
    fn start(counters: &'c Counters) -> Self {
        Self { counters, since: clock::tsc() }
    }

    #[inline(always)]
    fn end(&mut self, stage: Stage, packets: usize) {
        let now = clock::tsc();
        self.counters.stage(stage).add(packets as u64, now.wrapping_sub(self.since));
        self.since = now;
    }
}
