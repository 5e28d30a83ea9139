//! The control thread's side of a running gateway: what it owns, and one turn of its loop.

use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use dpdk_bindings::Mempool;
use dpdk_bindings::ring::{Consumer, Producer};
use nvgw_types::{PortId, WorkerId};

use super::devices::OpenPort;
use super::nat::Desk;
use super::punts::{PuntReceiver, Turns};
use super::refusals::Refusals;
use super::work::Work;
use super::worker::Inject;
use crate::control::doctor::PortFacts;
use crate::control::{Control, Egress, Nanos, ReloadError};
use crate::datapath::{Punted, QsbrGrace};
use crate::journal::Journal;
use crate::nat_log::NatLog;
use crate::tables::exchange::{NatAnswer, NatEvent, NatOrder};
use crate::telemetry::counters::Counters;
use crate::telemetry::nat::NatCounters;

/// What the control thread knows of a worker.
pub(super) struct WorkerHandle {
    pub(super) core: usize,
    pub(super) counters: Arc<Counters>,
    pub(super) punts: PuntReceiver,
    pub(super) queues: Vec<(PortId, u16)>,
    /// What its translation counts.
    pub(super) nat: Arc<NatCounters>,
    /// What it is asked about its sessions, and what it answers.
    pub(super) nat_orders: Producer<NatOrder>,
    pub(super) nat_answers: Consumer<NatAnswer>,
    /// What the translation log wants to know.
    pub(super) nat_events: Consumer<NatEvent>,
}

/// All that the control thread owns.
pub(super) struct Gateway {
    pub(super) control: Control<QsbrGrace>,
    pub(super) workers: Vec<WorkerHandle>,
    pub(super) ports: Vec<OpenPort>,
    pub(super) file: PathBuf,
    pub(super) started: Instant,
    pub(super) started_wall: SystemTime,
    pub(super) started_tsc: u64,
    /// When next hops that are not known are asked for again.
    ask_at: Nanos,
    turns: Turns,
    refusals: Refusals,
    pub(super) out: Injector,
    pub(super) work: Work,
    pub(super) desk: Desk,
    scratch: Vec<u8>,
}

/// When the gateway's time began, by every clock there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) instant: Instant,
    pub(super) wall: SystemTime,
    /// The time-stamp counter.
    pub(super) tsc: u64,
}

impl Origin {
    pub(super) fn now() -> Self {
        Self { instant: Instant::now(), wall: SystemTime::now(), tsc: dpdk_bindings::clock::tsc() }
    }
}

/// Where it is written down what happened.
pub(super) struct Books {
    /// Changes.
    pub(super) journal: Journal,
    /// Address translation.
    pub(super) log: NatLog,
}

/// How often next hops that are not known are asked for, so that one that does not answer is an alarm before a packet
/// is lost to it.
const ASK_EVERY: Duration = Duration::from_secs(30);

/// Why a reload was refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error(transparent)]
    Load(#[from] nvgw_config::LoadError),
    #[error(transparent)]
    Reload(#[from] ReloadError),
    #[error("no thread to read the file: {0}")]
    NotRead(std::io::Error),
}

/// Frames of the control thread on their way to a worker that sends them.
pub(super) struct Injector {
    pool: Mempool,
    ring: Producer<Inject>,
}

impl Injector {
    pub(super) fn new(pool: Mempool, ring: Producer<Inject>) -> Self {
        Self { pool, ring }
    }
}

impl Egress for Injector {
    fn transmit(&mut self, port: PortId, frame: &[u8]) -> bool {
        let Some(mbuf) = self.pool.mbuf_from(frame) else { return false };
        self.ring.push(Inject { port, mbuf }).is_ok()
    }
}

impl Gateway {
    pub(super) fn new(
        origin: Origin,
        control: Control<QsbrGrace>,
        workers: Vec<WorkerHandle>,
        ports: Vec<OpenPort>,
        file: PathBuf,
        books: Books,
        out: Injector,
    ) -> Self {
        Self {
            desk: Desk::new(books.log, origin.wall, workers.len()),
            control,
            workers,
            ports,
            file,
            started: origin.instant,
            started_wall: origin.wall,
            started_tsc: origin.tsc,
            ask_at: Nanos::default(),
            turns: Turns::default(),
            refusals: Refusals::default(),
            out,
            work: Work::new(books.journal),
            scratch: Vec::new(),
        }
    }

    /// Time as the control side counts it: since the start.
    pub(super) fn now(&self) -> Nanos {
        Nanos(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// One turn: what workers have handed over, then the timers that are due. Returns how much there was.
    pub(super) fn turn(&mut self) -> usize {
        let now = self.now();
        let count = self.workers.len();
        let Self { turns, workers, scratch, control, out, .. } = self;
        let take = |worker: usize, class, batch: &mut _| workers[worker].punts.take(class, batch);
        let packets = turns.turn(count, take, |Punted { punt, mbuf, .. }| {
            scratch.clear();
            mbuf.copy_to(scratch);
            // The buffer goes back to the pool before the packet is looked at: what is held is a copy.
            drop(mbuf);
            control.handle_punt(now, punt, scratch, out);
        });
        if self.refusals.is_due(now) {
            let mut refusals = mem::take(&mut self.refusals);
            refusals.note(now, self.ports.len(), &self.counters());
            self.refusals = refusals;
        }
        self.control.tick(now, &mut self.out);
        if now >= self.ask_at || self.control.has_unasked_next_hops() {
            self.control.ask_for_next_hops(now, &mut self.out);
            self.ask_at = now.after(ASK_EVERY);
        }
        self.go_on();
        packets + self.tend_nat()
    }

    /// Tells the networks where our addresses are now.
    pub(super) fn announce(&mut self) {
        self.control.announce(&mut self.out);
    }

    /// How long nothing is due, at most `longest`.
    pub(super) fn idle_for(&self, longest: Duration) -> Duration {
        self.control.next_due().map_or(longest, |due| due.since(self.now()).min(longest))
    }

    /// What the doctor is told of the ports.
    pub(super) fn port_facts(&self) -> Vec<PortFacts> {
        let configured = &self.control.config().ports;
        let (now, counters) = (self.now(), self.counters());
        let facts =
            self.ports.iter().zip(configured).enumerate().map(|(number, (open, configured))| PortFacts {
                name: configured.name.clone(),
                refused: self.refusals.lately(now, PortId(number as u16), &counters),
                rx_queues: open.rx_queues,
                inner_hash: open.scaling.sees_inner_flows(),
            });
        facts.collect()
    }

    /// All writers of counters: the workers and the control side.
    pub(super) fn counters(&self) -> Vec<&Counters> {
        let workers = self.workers.iter().map(|worker| &*worker.counters);
        workers.chain([&**self.control.counters()]).collect()
    }

    pub(super) fn worker_ids(&self) -> impl Iterator<Item = (WorkerId, &WorkerHandle)> {
        self.workers.iter().enumerate().map(|(number, worker)| (WorkerId(number as u16), worker))
    }
}
