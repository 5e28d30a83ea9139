//! The gateway on captures: the same datapath, the same control side, one thread, virtual time.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;
use dpdk_bindings::{BURST, Burst, Eal, Mempool, Qsbr};
use nvgw_config::{Config, Rss};
use nvgw_types::{MacAddr, PortId, WorkerId};

use super::capture::{Frame, Writer};
use super::changes::{Answer, Scheduled};
use super::{Error, Totals};
use crate::app::datapath;
use crate::app::refusals::Refusals;
use crate::app::translation::{Sizes, translators};
use crate::control::{Beginning, Control, Egress, Nanos, PortHardware, table_limits};
use crate::datapath::{Batch, Handed, Outputs, Pipeline, Plan, QsbrGrace, QsbrReaders, Spreader};
use crate::nat_log::ReplayLog;
use crate::packet::ipv4::Ipv4;
use crate::tables::exchange::{Millis, NatEvent, NatOrder};
use crate::tables::hash::mix;
use crate::tables::set::tables;
use crate::telemetry::DropReason;
use crate::telemetry::counters::Counters;
use crate::telemetry::nat::NatCounters;

/// The secret of the hash tables: fixed, so that two runs are the same to the last byte.
const SEED: u64 = 0x6e76_6777_7265_706c;

/// A gateway whose ports are captures.
pub(super) struct Engine {
    control: Control<QsbrGrace>,
    workers: Vec<VirtualWorker>,
    pool: Mempool,
    wires: Wires,
    /// The longest frame that a port takes, by port: its MTU, Ethernet header and one tag.
    longest: Vec<usize>,
    /// Whether software spreads what a port receives, by port; else a device does.
    software: Vec<bool>,
    burst: Burst,
    out: Outputs,
    /// Packets that workers have handed over, oldest first.
    handed: VecDeque<Handed>,
    /// What the translation log is told.
    events: Vec<NatEvent>,
    log: ReplayLog,
    /// What ports count before a worker sees a frame.
    refused: Counters,
    /// What the policers refused of late.
    refusals: Refusals,
    /// What came of the changes so far.
    answers: Vec<Answer>,
    now: Nanos,
}

/// The control side's time as workers know it, and the other way round.
fn millis(now: Nanos) -> Millis {
    Millis(now.0 / 1_000_000)
}

fn nanos(time: Millis) -> Nanos {
    Nanos(time.0.saturating_mul(1_000_000))
}

/// A worker that shares the one thread.
struct VirtualWorker {
    pipeline: Pipeline,
    spreader: Spreader,
    readers: QsbrReaders,
    counters: Arc<Counters>,
    nat: Arc<NatCounters>,
}

/// The output captures.
struct Wires {
    writers: Vec<Writer>,
    now: Nanos,
    sent: Vec<(u64, u64)>,
    failed: Option<Error>,
}

impl Wires {
    fn send(&mut self, port: PortId, frame: &[u8]) {
        let Some(writer) = self.writers.get_mut(port.index()) else { return };
        if let Err(error) = writer.write(self.now, frame) {
            self.failed.get_or_insert(error.into());
        }
        let sent = &mut self.sent[port.index()];
        *sent = (sent.0 + 1, sent.1 + frame.len() as u64);
    }
}

impl Egress for Wires {
    fn transmit(&mut self, port: PortId, frame: &[u8]) -> bool {
        self.send(port, frame);
        true
    }
}

/// The Ethernet address of a port that the configuration gives none: locally administered, by the port's number.
fn address(port: usize) -> MacAddr {
    let [high, low] = (port as u16 + 1).to_be_bytes();
    MacAddr([0x02, 0x00, 0x5e, 0x00, high, low])
}

impl Engine {
    /// A gateway in the state it has before its first packet. After a cold start, its provider addresses are still to
    /// be checked.
    pub(super) fn new(
        config: Config,
        cold_start: bool,
        eal: &Eal,
        pool: Mempool,
        writers: Vec<Writer>,
        log: ReplayLog,
    ) -> Result<Self, Error> {
        let hardware = config.ports.iter().enumerate().map(|(number, port)| PortHardware {
            mac: port.mac.unwrap_or_else(|| address(number)),
            // A capture of another gateway has that gateway's address as its destination.
            check_mac: port.mac.is_some(),
            sums_headers: false,
        });
        let hardware = hardware.collect();
        let limits = table_limits(&config);
        let options = datapath::options(&config, false);
        let ports = config.ports.len();
        let longest = config.ports.iter().map(|port| usize::from(port.mtu) + 18).collect();
        let (table_writers, table_readers) = tables(limits, SEED)?;
        let qsbr = Qsbr::new(eal, config.system.worker_cores.len() as u32)?;
        let mut workers = Vec::new();
        let sizes = Sizes {
            workers: config.system.worker_cores.len(),
            vrfs: limits.vrfs,
            publics: limits.publics,
            sessions: config.system.limits.nat_sessions,
            seed: SEED,
        };
        let software: Vec<_> = config.ports.iter().map(|port| port.rss == Rss::Software).collect();
        let spreads = |worker| software.iter().skip(worker).step_by(sizes.workers).any(|software| *software);
        let receivers: Vec<_> = (0..sizes.workers).map(spreads).collect();
        let plan = Plan { division: sizes.division(), seed: SEED };
        for (number, (translator, nat)) in translators(sizes, &pool)?.into_iter().enumerate() {
            let counters = Arc::new(Counters::new(ports, limits.vrfs));
            workers.push(VirtualWorker {
                spreader: Spreader::new(table_readers.clone(), plan, WorkerId(number as u16), &receivers),
                pipeline: Pipeline::new(table_readers.clone(), Arc::clone(&counters), options, translator)
                    .with_reassembly(datapath::reassembly(&config, eal)?),
                readers: QsbrReaders::new(qsbr.register(number as u32)?),
                counters,
                nat,
            });
        }
        let beginning = Beginning { check_addresses: cold_start, ..Beginning::default() };
        let control = Control::begin(config, beginning, hardware, table_writers, QsbrGrace::new(qsbr))?;
        Ok(Self {
            control,
            workers,
            pool,
            wires: Wires { writers, now: Nanos(0), sent: vec![(0, 0); ports], failed: None },
            longest,
            software,
            burst: Burst::new(),
            out: Outputs::new(&limits),
            handed: VecDeque::new(),
            events: Vec::new(),
            log,
            refused: Counters::new(ports, 0),
            refusals: Refusals::default(),
            answers: Vec::new(),
            now: Nanos(0),
        })
    }

    /// Runs all frames and changes, both in the order of time, then lets time pass until nothing is due within
    /// `settle`. A change comes before the frames of its instant.
    pub(super) fn run(
        &mut self,
        frames: &[Frame],
        changes: &[Scheduled],
        settle: Duration,
    ) -> Result<(), Error> {
        let (mut frames, mut changes) = (frames, changes);
        loop {
            if let Some((change, later)) = changes.split_first()
                && frames.first().is_none_or(|frame| change.at() <= frame.time)
            {
                self.let_pass(change.at());
                self.change(change)?;
                changes = later;
            } else if let Some(first) = frames.first() {
                self.let_pass(first.time);
                let worker = self.worker_of(first);
                let same =
                    |f: &&Frame| f.time == first.time && f.port == first.port && self.worker_of(f) == worker;
                let (burst, later) = frames.split_at(frames.iter().take(BURST).take_while(same).count());
                self.receive(first.port, worker, burst)?;
                frames = later;
            } else {
                break;
            }
        }
        while let Some(due) = self.next_end().filter(|due| due.since(self.now) <= settle) {
            // What is due may be done a moment later: time goes on.
            self.let_pass(due.max(self.now.after(Duration::from_millis(1))));
        }
        match self.wires.failed.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Does what is due until then, then's instant included.
    fn let_pass(&mut self, then: Nanos) {
        while let Some(due) = self.wakeup().filter(|due| *due <= then) {
            self.tick(due);
        }
        self.advance(then);
    }

    /// When something may be due.
    fn wakeup(&self) -> Option<Nanos> {
        let workers = self.workers.iter().filter_map(|worker| worker.pipeline.wakeup());
        workers.map(nanos).chain(self.control.next_due()).min()
    }

    /// When something is due.
    fn next_end(&mut self) -> Option<Nanos> {
        let ends = self.workers.iter_mut().filter_map(|VirtualWorker { pipeline, readers, .. }| {
            let end = pipeline.next_end(&readers.section());
            readers.rest();
            end
        });
        ends.map(nanos).chain(self.control.next_due()).min()
    }

    fn advance(&mut self, now: Nanos) {
        // As it is now it was until then.
        if now > self.now && self.refusals.is_due(now) {
            let mut refusals = mem::take(&mut self.refusals);
            refusals.note(self.now, self.longest.len(), &self.counters());
            self.refusals = refusals;
        }
        self.now = self.now.max(now);
        self.wires.now = self.now;
    }

    fn tick(&mut self, due: Nanos) {
        self.advance(due);
        self.control.tick(self.now, &mut self.wires);
        let now = millis(self.now);
        for worker in 0..self.workers.len() {
            while self.workers[worker].pipeline.is_due(now) {
                let VirtualWorker { pipeline, readers, .. } = &mut self.workers[worker];
                pipeline.tend(&readers.section(), now, &mut self.out);
                readers.rest();
                self.deliver(worker);
            }
        }
        self.sweep();
    }

    /// Lets workers end the sessions that the tables do not allow any more, and the control side forget what they used.
    fn sweep(&mut self) {
        let (wanted, now) = (self.control.nat_sweep(), millis(self.now));
        for worker in 0..self.workers.len() {
            let VirtualWorker { pipeline, readers, nat, .. } = &mut self.workers[worker];
            if nat.swept.get() >= wanted {
                continue;
            }
            pipeline.translator_mut().order(NatOrder::Sweep(wanted));
            while pipeline.translator().is_ordered() {
                pipeline.tend(&readers.section(), now, &mut self.out);
                self.events.extend(self.out.events.drain(..));
            }
            readers.rest();
            self.deliver(worker);
        }
        let workers = &self.workers;
        let blocks = |id| {
            workers.iter().filter_map(|worker| worker.nat.public(id)).map(|public| public.blocks.get()).sum()
        };
        self.control.nat_swept(wanted, blocks);
    }

    /// The worker whose queue a device would choose: by addresses and what follows them, the same for all packets of a
    /// flow; fragments have only addresses in common. Where software spreads them, the device has one queue.
    fn worker_of(&self, frame: &Frame) -> usize {
        if self.workers.len() == 1 {
            return 0;
        }
        if self.software[frame.port.index()] {
            return frame.port.index() % self.workers.len();
        }
        let tagged = usize::from(frame.bytes.get(12..14) == Some(&[0x81, 0x00])) * 4;
        let addresses = frame.bytes.get(26 + tagged..42 + tagged).unwrap_or_default();
        let word = |at: usize| {
            addresses.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
        };
        let ip = frame.bytes.get(14 + tagged..).unwrap_or_default();
        let is_fragment = Ipv4::checked(ip, ip.len()).is_ok_and(Ipv4::is_fragment);
        let rest = if is_fragment { 0 } else { word(8) };
        (mix(word(0), rest) % self.workers.len() as u64) as usize
    }

    /// One burst into one worker, and what becomes of it.
    fn receive(&mut self, port: PortId, worker: usize, frames: &[Frame]) -> Result<(), Error> {
        for frame in frames {
            if frame.bytes.len() > self.longest[port.index()] {
                self.refused.port(port).rx.add(1, frame.bytes.len() as u64);
                self.refused.drop(DropReason::OversizedFrame);
                continue;
            }
            let mbuf = self.pool.mbuf_from(&frame.bytes).ok_or(Error::OutOfBuffers)?;
            if self.burst.push(mbuf).is_err() {
                return Err(Error::OutOfBuffers);
            }
        }
        let others = if self.software[port.index()] { self.spread(port, worker) } else { Vec::new() };
        self.process(port, worker);
        for (other, frames) in others {
            // There is room for a part of a burst.
            frames.into_iter().for_each(|frame| drop(self.burst.push(frame.mbuf)));
            self.process(port, other.index());
        }
        // What the packets brought about right now, such as an answer's held packets, is due now.
        self.let_pass(self.now);
        Ok(())
    }

    /// Leaves of the burst what is the worker's own; the rest is returned, by worker.
    fn spread(&mut self, port: PortId, worker: usize) -> Vec<(WorkerId, Batch)> {
        let mut own = Burst::new();
        let VirtualWorker { spreader, readers, .. } = &mut self.workers[worker];
        spreader.spread(&readers.section(), (port, 0), &mut self.burst, &mut own);
        readers.rest();
        self.burst = own;
        spreader.away().map(|(other, batch)| (other, mem::take(batch))).collect()
    }

    /// Takes the burst through a worker's stages, and what it hands over through others'.
    fn process(&mut self, port: PortId, worker: usize) {
        let now = millis(self.now);
        let VirtualWorker { pipeline, readers, .. } = &mut self.workers[worker];
        pipeline.process(&readers.section(), now, port, &mut self.burst, &mut self.out);
        readers.rest();
        self.deliver(worker);
        let mut one = ArrayVec::new();
        while let Some(handed) = self.handed.pop_front() {
            let worker = handed.to.index();
            one.push(handed);
            let VirtualWorker { pipeline, readers, .. } = &mut self.workers[worker];
            pipeline.resume(&readers.section(), now, &mut one, &mut self.burst, &mut self.out);
            readers.rest();
            self.deliver(worker);
        }
    }

    /// Gives everybody what a worker's burst became.
    fn deliver(&mut self, worker: usize) {
        for (number, batch) in self.out.transmit.iter_mut().enumerate() {
            for mbuf in batch.drain() {
                self.workers[worker].counters.forwarded.add(1);
                self.wires.send(PortId(number as u16), mbuf.data());
            }
        }
        self.handed.extend(self.out.handed.drain(..));
        self.events.extend(self.out.events.drain(..));
        self.out.answers.clear();
        // The order in which the control thread turns to them.
        self.out.punts.sort_by_key(|punted| punted.class);
        for punted in self.out.punts.drain(..) {
            self.control.handle_punt(self.now, punted.punt, punted.mbuf.data(), &mut self.wires);
        }
        self.write_down();
    }

    /// Logs what translation did.
    fn write_down(&mut self) {
        if self.events.is_empty() {
            return;
        }
        let names = self.control.vrf_names().into_iter().map(|(vrf, name, _)| (vrf, name));
        if let Err(source) = self.log.write(names, self.events.drain(..)) {
            let path = self.log.path().to_owned();
            self.wires.failed.get_or_insert(Error::Output { path, source });
        }
    }

    /// Fragments that wait for others of their packet.
    fn waiting(&self) -> usize {
        self.workers.iter().map(|worker| worker.pipeline.waiting()).sum()
    }

    fn change(&mut self, change: &Scheduled) -> Result<(), Error> {
        let answer = change.apply(&mut self.control, self.now, &mut self.wires)?;
        self.answers.push(answer);
        // A new address is asked for right now, and what no worker holds any more is free for the next change.
        self.tick(self.now);
        self.let_pass(self.now);
        Ok(())
    }

    /// All writers of counters.
    fn counters(&self) -> Vec<&Counters> {
        let workers = self.workers.iter().map(|worker| &*worker.counters);
        workers.chain([&**self.control.counters(), &self.refused]).collect()
    }

    /// What happened, in numbers.
    pub(super) fn totals(&self) -> Totals<'_> {
        let counters = self.counters();
        let ports = 0..self.longest.len();
        let refused = ports.map(|port| self.refusals.lately(self.now, PortId(port as u16), &counters));
        Totals {
            control: &self.control,
            refused: refused.collect(),
            counters,
            sent: &self.wires.sent,
            answers: &self.answers,
            nat: self.workers.iter().map(|worker| &*worker.nat).collect(),
            waiting: self.waiting(),
            buffers_in_use: self.pool.in_use() - self.waiting() as u32,
            now: self.now,
        }
    }

    /// Finishes the output captures and the log.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        let finished = self.log.finish();
        finished.map_err(|source| Error::Output { path: self.log.path().to_owned(), source })?;
        self.wires.writers.into_iter().try_for_each(|writer| Ok(writer.finish()?))
    }
}
