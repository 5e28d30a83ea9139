//! The workers' translation: made together, since they divide customers and ports among themselves.

use std::sync::Arc;

use dpdk_bindings::Mempool;
use nvgw_types::WorkerId;

use crate::datapath::Translator;
use crate::nat::share::Division;
use crate::nat::{Nat, NatOptions};
use crate::tables::OutOfMemory;
use crate::telemetry::nat::NatCounters;

/// What all workers' translation is made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Workers.
    pub(super) workers: usize,
    /// VRFs there may be.
    pub(super) vrfs: usize,
    /// Public addresses there may be.
    pub(super) publics: usize,
    /// Sessions of each worker.
    pub(super) sessions: usize,
    /// Keys hashes and choices: a secret, but a constant where runs must repeat.
    pub(super) seed: u64,
}

impl Sizes {
    /// How customers and ports are divided among the workers.
    pub(super) fn division(&self) -> Division {
        Division::new(self.workers as u16, self.seed)
    }
}

/// The translation of every worker, and what it counts.
pub(super) fn translators(
    sizes: Sizes,
    pool: &Mempool,
) -> Result<Vec<(Translator, Arc<NatCounters>)>, OutOfMemory> {
    let division = sizes.division();
    let all: Arc<[_]> =
        (0..sizes.workers).map(|_| Arc::new(NatCounters::new(sizes.vrfs, sizes.publics))).collect();
    let make = |(number, counters): (usize, &Arc<NatCounters>)| {
        let worker = WorkerId(number as u16);
        let Sizes { sessions, publics, seed, .. } = sizes;
        let options = NatOptions { sessions, publics, division, worker, seed };
        let nat = Nat::new(options, Arc::clone(counters), Arc::clone(&all))?;
        let translator = Translator::new(nat, Arc::clone(counters), division, worker, pool.clone());
        Ok((translator, Arc::clone(counters)))
    };
    all.iter().enumerate().map(make).collect()
}
