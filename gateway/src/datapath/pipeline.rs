//! The stages in their order, and what they share.

use std::sync::Arc;

use dpdk_bindings::{Burst, clock};
use nvgw_types::PortId;

use super::decapsulate::{check_senders, find_subnets};
use super::lane::{Lane, Packet, Packets};
use super::output::Outputs;
use super::parse::parse;
use super::resolve::{locate, locate_ways, resolve};
use super::rewrite::rewrite;
use super::route::{Ways, decide, look_up};
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

        if tenants.len() > 0 {
            let mut known = Lane::new();
            let subnets = find_subnets(&stages, section, packets, &tenants, &mut known);
            let senders = locate(&stages, section, packets, &known);
            check_senders(&stages, section, packets, &subnets, &senders, burst, &known, &mut routed, out);
            lap.end(Stage::Decapsulate, tenants.len());
        }

        let (mut leaving, mut overlay) = (Lane::new(), Lane::new());
        look_up(&stages, packets, &routed);
        let ways = Ways { plain: &mut leaving, overlay: &mut overlay };
        decide(&stages, section, packets, burst, &routed, ways, out);
        lap.end(Stage::Route, routed.len());

        let candidates = locate(&stages, section, packets, &overlay);
        let records = resolve(&stages, section, packets, &candidates, &overlay, &mut leaving);
        let ways_out = locate_ways(&stages, section, packets, &leaving);
        lap.end(Stage::Resolve, leaving.len());

        rewrite(&stages, packets, &ways_out, &records, burst, &leaving, out);
        burst.clear();
        lap.end(Stage::Rewrite, leaving.len());
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
