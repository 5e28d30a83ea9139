//! The control thread's side of a running gateway: what it owns, and one turn of its loop.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arrayvec::ArrayVec;
use dpdk_bindings::ring::{Consumer, Producer};
use dpdk_bindings::{BURST, Mempool};
use nvgw_types::{PortId, WorkerId};
use tracing::{error, info};

use super::devices::OpenPort;
use super::worker::Inject;
use crate::control::{Applied, Control, ControlError, Egress, Nanos, ReloadError};
use crate::datapath::{Punted, QsbrGrace};
use crate::telemetry::counters::Counters;

/// What the control thread knows of a worker.
pub(super) struct WorkerHandle {
    pub(super) core: usize,
    pub(super) counters: Arc<Counters>,
    pub(super) punts: Consumer<Punted>,
    pub(super) queues: Vec<(PortId, u16)>,
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
    out: Injector,
    scratch: Vec<u8>,
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
}

impl Refused {
    /// What that means for the running gateway.
    pub(super) const fn consequence(&self) -> &'static str {
        match self {
            Self::Reload(ReloadError::Refused(ControlError::Incomplete(_))) => {
                "part of the change is in force; reload again"
            }
            Self::Load(_) | Self::Reload(_) => "nothing has changed",
        }
    }
}

/// Frames of the control thread on their way to a worker that sends them.
struct Injector {
    pool: Mempool,
    ring: Producer<Inject>,
}

impl Egress for Injector {
    fn transmit(&mut self, port: PortId, frame: &[u8]) -> bool {
        let Some(mbuf) = self.pool.mbuf_from(frame) else { return false };
        self.ring.push(Inject { port, mbuf }).is_ok()
    }
}

impl Gateway {
    pub(super) fn new(
        control: Control<QsbrGrace>,
        workers: Vec<WorkerHandle>,
        ports: Vec<OpenPort>,
        file: PathBuf,
        pool: Mempool,
        ring: Producer<Inject>,
    ) -> Self {
        Self {
            control,
            workers,
            ports,
            file,
            started: Instant::now(),
            started_wall: SystemTime::now(),
            started_tsc: dpdk_bindings::clock::tsc(),
            ask_at: Nanos::default(),
            out: Injector { pool, ring },
            scratch: Vec::new(),
        }
    }

    /// Time as the control side counts it: since the start.
    pub(super) fn now(&self) -> Nanos {
        Nanos(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// One turn: what workers have handed over, then the timers that are due. Returns how many packets there were.
    pub(super) fn turn(&mut self) -> usize {
        let now = self.now();
        let mut packets = 0;
        for worker in &mut self.workers {
            let mut punts = ArrayVec::<Punted, BURST>::new();
            // One batch a worker and turn: a flood on one of them delays nobody else.
            packets += worker.punts.pop_into(&mut punts);
            for Punted { punt, mbuf } in punts {
                self.scratch.clear();
                mbuf.copy_to(&mut self.scratch);
                // The buffer goes back to the pool before the packet is looked at: what is held is a copy.
                drop(mbuf);
                self.control.handle_punt(now, punt, &self.scratch, &mut self.out);
            }
        }
        self.control.tick(now, &mut self.out);
        if now >= self.ask_at {
            self.control.ask_for_next_hops(now, &mut self.out);
            self.ask_at = now.after(ASK_EVERY);
        }
        packets
    }

    /// Tells the networks where our addresses are now.
    pub(super) fn announce(&mut self) {
        self.control.announce(&mut self.out);
    }

    /// How long nothing is due, at most `longest`.
    pub(super) fn idle_for(&self, longest: Duration) -> Duration {
        self.control.next_due().map_or(longest, |due| due.since(self.now()).min(longest))
    }

    /// Reads the configuration file again and carries out what changed in it. The log says how that went, whoever
    /// asked for it.
    pub(super) fn reload(&mut self) -> Result<Applied, Refused> {
        let outcome = self.try_reload();
        match &outcome {
            Ok(applied) => info!(%applied, "configuration reloaded"),
            Err(refused) => error!("configuration not reloaded, {}:\n{refused}", refused.consequence()),
        }
        outcome
    }

    fn try_reload(&mut self) -> Result<Applied, Refused> {
        let config = nvgw_config::load(&self.file)?;
        let now = self.now();
        let applied = self.control.reload(config, now, &mut self.out)?;
        self.ask_at = now;
        if !applied.is_empty() {
            self.announce();
        }
        Ok(applied)
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
