//! `nvgw run`: the gateway.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{io, mem};

use core_affinity::CoreId;
use crossbeam::channel::{self, RecvTimeoutError};
use dpdk_bindings::ring;
use dpdk_bindings::{Eal, Qsbr, clock};
use nvgw_config::Config;
use nvgw_types::PortId;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use tracing::info;

use super::datapath;
use super::devices::{Queues, open_ports, pool, start_dpdk};
use super::exits::{self, Exits};
use super::gateway::{Books, Gateway, Injector, Origin, WorkerHandle};
use super::idle::Idle;
use super::punts;
use super::scaling;
use super::translation::{Sizes, translators};
use super::worker::{Clock, Inject, NatDesk, Received, Worker};
use crate::api::view::VersionView;
use crate::api::{ApiOptions, ApiServer, StartError};
use crate::cli::RunOptions;
use crate::control::model::{Stored, Unreadable};
use crate::control::{Beginning, Control, ControlError, table_limits};
use crate::datapath::{Options, Pipeline, Plan, QsbrGrace, QsbrReaders, Translator};
use crate::journal::{Journal, JournalError};
use crate::nat_log::NatLog;
use crate::tables::OutOfMemory;
use crate::tables::set::{TableLimits, TableReaders, tables};
use crate::telemetry::counters::Counters;
use crate::telemetry::nat::NatCounters;

/// Why the gateway does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] nvgw_config::LoadError),
    /// DPDK.
    #[error(transparent)]
    Dpdk(#[from] dpdk_bindings::Error),
    /// The tables cannot be made.
    #[error("{0}; lower what system.limits promises")]
    Tables(#[from] OutOfMemory),
    /// The configuration cannot be carried out.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// What was changed at run time cannot be read or kept.
    #[error("system.state-dir: {0}")]
    Journal(#[from] JournalError),
    /// What was changed at run time is not understood.
    #[error("system.state-dir: {0}; run the nvgw that wrote it, or move the journal away")]
    Stored(#[from] Unreadable),
    /// The admin API cannot be offered.
    #[error(transparent)]
    Api(#[from] StartError),
    /// Packet memory is too small.
    #[error("system.memory-mb is {memory_mb}: at least {needed} MiB are needed for these MTUs")]
    Memory {
        /// What is configured, in MiB.
        memory_mb: u32,
        /// What is needed, in MiB.
        needed: u32,
    },
    /// A thread cannot be pinned.
    #[error(
        "core {core} cannot be used (system.{key}): it does not exist here, or this process may not run on it"
    )]
    Core {
        /// The core.
        core: usize,
        /// The key of the configuration that names it.
        key: &'static str,
    },
    /// A signal handler or a thread cannot be made.
    #[error("the operating system refuses a signal handler or a thread: {0}")]
    System(#[from] io::Error),
    /// A worker's thread ended by itself.
    #[error("worker {0} stopped by itself, which is a fault of the gateway")]
    WorkerLost(usize),
}

/// How many frames of the control thread may wait for a worker.
const INJECTS: u32 = 4096;
/// How long the control thread sleeps at most: what an ARP request or a ping to the gateway itself waits at worst.
const NAP: Duration = Duration::from_millis(1);
/// How many questions of the API may wait.
const QUESTIONS: usize = 64;

/// Runs the gateway until SIGTERM or SIGINT. SIGHUP reloads the configuration file.
///
/// # Errors
/// Whatever keeps it from starting. What goes wrong later is logged and counted.
pub fn run(options: &RunOptions) -> Result<(), Error> {
    let config = nvgw_config::load(&options.config)?;
    let signals = Signals::register()?;
    pin(config.system.control_core, "control-core")?;

    let (journal, beginning) = state(&config)?;
    let log = NatLog::start(&config.nat.log)?;
    let eal = start_dpdk(&config)?;
    let pool = pool(&config, &eal)?;
    let (ports, queues) = open_ports(&config, &eal, &pool)?;

    let limits = table_limits(&config);
    // Customers choose addresses; what they hash to must not be theirs to know.
    let (writers, readers) = tables(limits, RandomState::new().hash_one(()))?;
    let qsbr = Qsbr::new(&eal, config.system.worker_cores.len() as u32)?;
    let system = config.system.clone();
    let datapath = datapath::options(&config, ports.iter().any(|port| port.checksums.received()));
    let hardware = ports.iter().map(|port| port.hardware()).collect();

    let origin = Origin::now();
    let (injects, handed) = ring::spsc(&eal, "inject-0", INJECTS)?;
    let sizes = Sizes {
        workers: config.system.worker_cores.len(),
        vrfs: limits.vrfs,
        publics: limits.publics,
        sessions: config.system.limits.nat_sessions,
        seed: RandomState::new().hash_one(()),
    };
    let setup = Setup {
        eal: &eal,
        config: &config,
        readers,
        qsbr: &qsbr,
        limits,
        sizes,
        datapath,
        started_tsc: origin.tsc,
    };
    let software: Vec<_> = ports.iter().map(|port| port.scaling.is_software()).collect();
    let (workers, handles) = setup.workers(queues, &software, handed, translators(sizes, &pool)?)?;
    let mut control = Control::begin(config, beginning, hardware, writers, QsbrGrace::new(qsbr.clone()))?;
    control.seed_probes(RandomState::new().hash_one(()));
    let out = Injector::new(pool, injects);
    let books = Books { journal, log };
    let mut gateway = Gateway::new(origin, control, handles, ports, options.config.clone(), books, out);

    let (sender, questions) = channel::bounded(QUESTIONS);
    let version =
        VersionView { nvgw: env!("CARGO_PKG_VERSION").into(), dpdk: Some(dpdk_bindings::version()) };
    let api = ApiServer::spawn(ApiOptions::new(system.admin_socket, system.metrics_listen, version), sender)?;
    let fleet = Fleet::start(&eal, workers, &system.worker_cores)?;
    gateway.announce();
    info!(workers = system.worker_cores.len(), "forwarding");

    while !signals.stop.load(Ordering::Relaxed) {
        if signals.reload.swap(false, Ordering::Relaxed) {
            // Whether it was carried out is in the log; the gateway goes on either way.
            gateway.ask_for_reload(None);
        }
        if let Some(lost) = fleet.lost() {
            return Err(Error::WorkerLost(lost));
        }
        let nap = if gateway.turn() > 0 { Duration::ZERO } else { gateway.idle_for(NAP) };
        match questions.recv_timeout(nap) {
            Ok(question) => question.answer(&mut gateway),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::sleep(nap),
        }
    }
    info!("stopping");
    drop(fleet);
    // What the workers did last is written down too.
    gateway.turn();
    drop(api);
    Ok(())
}

/// The journal, and what it brings back: all that was changed at run time.
fn state(config: &Config) -> Result<(Journal, Beginning), Error> {
    let (journal, state) = Journal::open(&config.system.state_dir)?;
    let mut stored = Vec::new();
    let mut unreadable = None;
    state.read(|key, value| match Stored::read(key, value) {
        Ok(object) => stored.push(object),
        Err(error) => drop(unreadable.get_or_insert(error)),
    })?;
    if let Some(error) = unreadable {
        return Err(error.into());
    }
    let beginning = Beginning { generation: state.generation, stored, check_addresses: true };
    Ok((journal, beginning))
}

/// What signals ask for.
struct Signals {
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Signals {
    fn register() -> io::Result<Self> {
        let signals = Self { stop: Arc::default(), reload: Arc::default() };
        flag::register(SIGTERM, Arc::clone(&signals.stop))?;
        flag::register(SIGINT, Arc::clone(&signals.stop))?;
        flag::register(SIGHUP, Arc::clone(&signals.reload))?;
        Ok(signals)
    }
}

/// Pins the calling thread to a core, which `key` of the configuration names.
fn pin(core: usize, key: &'static str) -> Result<(), Error> {
    if core_affinity::set_for_current(CoreId { id: core }) { Ok(()) } else { Err(Error::Core { core, key }) }
}

/// What workers are made from.
struct Setup<'a> {
    eal: &'a Eal,
    config: &'a Config,
    readers: TableReaders,
    qsbr: &'a Qsbr,
    limits: TableLimits,
    sizes: Sizes,
    datapath: Options,
    /// When the gateway's time began, by the time-stamp counter.
    started_tsc: u64,
}

/// How many packets may be on their way from all workers to one.
const HANDED: u32 = 2048;
/// How much the log may still want to know of a worker's sessions. Port blocks are not handed out beyond it.
const NAT_EVENTS: u32 = 16_384;
/// How many answers about sessions may wait.
const NAT_ANSWERS: u32 = 1024;
/// How many questions about sessions may wait.
const NAT_ORDERS: u32 = 16;

impl Setup<'_> {
    /// The workers, and what the control thread keeps of each. Receive queues go round among the workers, from one port
    /// to the next; frames that the control thread makes leave by the first one. `software` says of each port whether
    /// the workers spread what it receives.
    fn workers(
        &self,
        ports: Vec<Queues>,
        software: &[bool],
        injects: ring::Consumer<Inject>,
        translators: Vec<(Translator, Arc<NatCounters>)>,
    ) -> Result<(Vec<Worker>, Vec<WorkerHandle>), Error> {
        let count = self.config.system.worker_cores.len();
        let mut injects = Some(injects);
        let mut receive: Vec<_> = (0..count).map(|_| Vec::new()).collect();
        let mut transmit = Vec::new();
        let mut round = (0..count).cycle();
        for ((number, queues), &spread) in ports.into_iter().enumerate().zip(software) {
            for (queue, worker) in queues.receive.into_iter().zip(&mut round) {
                receive[worker].push(Received { port: PortId(number as u16), queue, spread });
            }
            transmit.push(queues.transmit);
        }
        let rings = (0..count).map(|number| ring::mpsc(self.eal, &format!("handed-{number}"), HANDED));
        let (peers, handed): (Vec<_>, Vec<_>) = rings.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let spreads = |queues: &Vec<Received>| queues.iter().any(|received| received.spread);
        let receivers: Vec<_> = receive.iter().map(spreads).collect();
        let plan = Plan { division: self.sizes.division(), seed: self.sizes.seed.rotate_left(32) };
        let ends = scaling::ways(self.eal, &self.readers, plan, &receivers)?;
        let (mut workers, mut handles) = (Vec::new(), Vec::new());
        let cores = self.config.system.worker_cores.iter().enumerate();
        let exits = exits::divide(self.eal, transmit, count)?;
        let all = cores.zip(translators).zip(handed).zip(ends).zip(exits);
        for (((((number, &core), (translator, nat)), handed), ends), Exits { exits, relays }) in all {
            let counters = Arc::new(Counters::new(self.config.ports.len(), self.sizes.vrfs));
            let (nat_orders, orders) = ring::spsc(self.eal, &format!("nat-orders-{number}"), NAT_ORDERS)?;
            let (answers, nat_answers) = ring::spsc(self.eal, &format!("nat-answers-{number}"), NAT_ANSWERS)?;
            let (events, nat_events) = ring::spsc(self.eal, &format!("nat-events-{number}"), NAT_EVENTS)?;
            let (punts, punted) = punts::queues(self.eal, number)?;
            let receive = mem::take(&mut receive[number]);
            handles.push(WorkerHandle {
                core,
                counters: Arc::clone(&counters),
                punts: punted,
                queues: receive.iter().map(|received| (received.port, received.queue.index())).collect(),
                nat,
                nat_orders,
                nat_answers,
                nat_events,
            });
            workers.push(Worker {
                receive,
                transmit: exits,
                relays,
                pipeline: Pipeline::new(
                    self.readers.clone(),
                    Arc::clone(&counters),
                    self.datapath,
                    translator,
                )
                .with_reassembly(datapath::reassembly(self.config, self.eal)?),
                clock: Clock::new(self.started_tsc),
                idle: Idle::new(self.config.system.worker_idle, clock::tsc_hz()),
                giving: ends.giving,
                taking: ends.taking,
                peers: peers.clone(),
                handed,
                desk: NatDesk { orders, answers, events },
                limits: self.limits,
                punts,
                injects: injects.take(),
                readers: QsbrReaders::new(self.qsbr.register(number as u32)?),
                counters,
            });
        }
        Ok((workers, handles))
    }
}

/// The workers' threads.
struct Fleet {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Fleet {
    /// Starts every worker on its core, and returns when all of them poll.
    fn start(eal: &Eal, workers: Vec<Worker>, cores: &[usize]) -> Result<Self, Error> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut fleet = Self { stop: Arc::clone(&stop), threads: Vec::new() };
        let (ready, started) = channel::bounded(workers.len());
        for (number, (worker, &core)) in workers.into_iter().zip(cores).enumerate() {
            let (eal, stop, ready) = (eal.clone(), Arc::clone(&stop), ready.clone());
            let thread = thread::Builder::new().name(format!("nvgw-worker-{number}")).spawn(move || {
                let registered = pin(core, "worker-cores").and_then(|()| Ok(eal.register_thread()?));
                match registered {
                    Ok(_registration) => {
                        drop(ready.send(Ok(())));
                        // The last of the senders that goes says that all workers poll.
                        drop(ready);
                        worker.run(&stop);
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            })?;
            fleet.threads.push(thread);
        }
        drop(ready);
        // Where one does not start, the fleet goes, and with it those that have started.
        started.iter().collect::<Result<(), Error>>()?;
        Ok(fleet)
    }

    /// The first worker whose thread has ended.
    fn lost(&self) -> Option<usize> {
        self.threads.iter().position(JoinHandle::is_finished)
    }
}

impl Drop for Fleet {
    /// Tells the workers to stop, and waits until each has finished the burst it was at: ports and tables outlive
    /// them, whatever the gateway ends for.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}
