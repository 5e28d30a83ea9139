//! A worker: one thread, one core, its own queues.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use arrayvec::ArrayVec;
use dpdk_bindings::ring::{Consumer, Producer, SharedProducer};
use dpdk_bindings::{BURST, Burst, Mbuf, RxQueue, clock};
use nvgw_types::PortId;

use super::exits::Exit;
use super::idle::Idle;
use super::punts::PuntSender;
use super::scaling::{Giving, Taking};
use crate::datapath::{Handed, Outputs, Pipeline, QsbrReaders};
use crate::tables::exchange::{Millis, NatAnswer, NatEvent, NatOrder};
use crate::tables::set::TableLimits;
use crate::telemetry::counters::Counters;
use crate::telemetry::{DropReason, Stage, timing_weight};

/// A finished frame that the control thread, or a worker without a transmit queue, gives a worker to send.
#[derive(Debug)]
pub(super) struct Inject {
    pub(super) port: PortId,
    pub(super) mbuf: Mbuf,
}

/// A receive queue that a worker polls.
pub(super) struct Received {
    pub(super) port: PortId,
    pub(super) queue: RxQueue,
    /// Whether the worker spreads what comes in by it over all workers.
    pub(super) spread: bool,
}

/// All that a worker owns. It shares counters and tables, which it reads, and rings, with nobody but the control
/// thread.
pub(super) struct Worker {
    pub(super) receive: Vec<Received>,
    /// By port.
    pub(super) transmit: Vec<Exit>,
    /// Finished frames of workers that have no transmit queue of a port of which this one has.
    pub(super) relays: Vec<Consumer<Inject>>,
    pub(super) pipeline: Pipeline,
    pub(super) limits: TableLimits,
    pub(super) punts: PuntSender,
    /// The first worker sends what the control thread makes.
    pub(super) injects: Option<Consumer<Inject>>,
    pub(super) readers: QsbrReaders,
    pub(super) counters: Arc<Counters>,
    pub(super) clock: Clock,
    pub(super) idle: Idle,
    /// Where it gives away what it receives for others, if it spreads that.
    pub(super) giving: Option<Giving>,
    /// Where it gets what others receive for it.
    pub(super) taking: Taking,
    /// The ways to all workers, by number.
    pub(super) peers: Vec<SharedProducer<Handed>>,
    /// What other workers hand over.
    pub(super) handed: Consumer<Handed>,
    pub(super) desk: NatDesk,
}

/// What the control thread and a worker say to each other about sessions.
pub(super) struct NatDesk {
    pub(super) orders: Consumer<NatOrder>,
    pub(super) answers: Producer<NatAnswer>,
    pub(super) events: Producer<NatEvent>,
}

/// Time as workers know it: from the time-stamp counter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    origin: u64,
    /// Milliseconds for each cycle, as a fraction of 2^64.
    scale: u64,
}

impl Clock {
    /// Time that began when the time-stamp counter was at `origin`.
    pub(super) fn new(origin: u64) -> Self {
        Self { origin, scale: u64::MAX / (clock::tsc_hz() / 1000).max(1) }
    }

    #[inline(always)]
    fn at(&self, tsc: u64) -> Millis {
        Millis(((u128::from(tsc.saturating_sub(self.origin)) * u128::from(self.scale)) >> 64) as u64)
    }
}

impl Worker {
    /// Polls until told to stop. Between two bursts nothing of this thread refers to a table.
    pub(super) fn run(mut self, stop: &AtomicBool) {
        let mut burst = Burst::new();
        let mut out = Outputs::new(&self.limits);
        let mut handed = ArrayVec::<Handed, BURST>::new();
        let mut since = clock::tsc();
        while !stop.load(Ordering::Relaxed) {
            let mut worked = false;
            for at in 0..self.receive.len() {
                let Received { port, ref mut queue, spread } = self.receive[at];
                let received = queue.poll(&mut burst);
                if received == 0 {
                    continue;
                }
                let polled = clock::tsc();
                self.counters.received.add(received as u64);
                self.counters.stage(Stage::Receive).add(received as u64, polled.wrapping_sub(since));
                worked = true;
                (out.polled, out.weight) = (polled, timing_weight(received, polled));
                let now = self.clock.at(polled);
                let section = self.readers.section();
                let own = match &mut self.giving {
                    Some(giving) if spread => {
                        giving.give(&section, (port, polled), &mut burst, &self.counters)
                    }
                    _ => &mut burst,
                };
                if !own.is_empty() {
                    self.pipeline.process(&section, now, port, own, &mut out);
                }
                since = self.flush(&mut out, since);
            }
            for _ in 0..self.taking.sources() {
                let taken = self.taking.fetch(&self.counters);
                let fetched = clock::tsc();
                if taken == 0 {
                    break;
                }
                worked = true;
                self.counters.stage(Stage::Receive).add(taken as u64, fetched.wrapping_sub(since));
                out.weight = timing_weight(taken, fetched);
                while let Some((port, polled)) = self.taking.take(fetched, &mut burst) {
                    out.polled = polled;
                    let now = self.clock.at(fetched);
                    self.pipeline.process(&self.readers.section(), now, port, &mut burst, &mut out);
                    since = self.flush(&mut out, since);
                }
            }
            // What other workers, or an earlier turn, left to this one.
            if self.handed.pop_into(&mut handed) > 0 {
                worked = true;
                let others = handed.iter().filter(|handed| handed.from != handed.to).count();
                self.counters.taken_over.add(others as u64);
                let tsc = clock::tsc();
                // They came by several polls; one of them, chosen by chance, tells for all.
                out.polled = handed[tsc as usize % handed.len()].polled;
                out.weight = timing_weight(handed.len(), tsc);
                let now = self.clock.at(tsc);
                self.pipeline.resume(&self.readers.section(), now, &mut handed, &mut burst, &mut out);
                since = self.flush(&mut out, since);
            }
            let now = if worked { since } else { clock::tsc() };
            worked |= self.tend(now, &mut out);
            if let Some(ring) = &mut self.injects {
                worked |= inject(ring, &mut self.transmit, &mut out, &self.counters, Flush::Injected);
            }
            for ring in &mut self.relays {
                worked |= inject(ring, &mut self.transmit, &mut out, &self.counters, Flush::Forwarded);
            }
            self.readers.quiescent();
            if worked {
                self.idle.end();
            } else {
                self.counters.idle_polls.add(1);
                since = clock::tsc();
                if let Some(pause) = self.idle.go_on(since) {
                    thread::sleep(pause);
                    since = clock::tsc();
                }
            }
        }
        // What the control thread handed over before it stopped leaves too; it makes no more.
        if let Some(ring) = &mut self.injects {
            while inject(ring, &mut self.transmit, &mut out, &self.counters, Flush::Injected) {}
        }
    }

    /// Gives everybody what a burst that began at `since` became. Returns when that was done.
    #[inline(always)]
    fn flush(&mut self, out: &mut Outputs, since: u64) -> u64 {
        let processed = if out.weight > 0 { clock::tsc() } else { 0 };
        let sent = flush(&mut self.transmit, out, &self.counters, Flush::Forwarded);
        self.punts.hand_over(out, &self.counters);
        for handed in out.handed.drain(..) {
            let is_others = handed.from != handed.to;
            match self.peers[handed.to.index()].push(handed) {
                Ok(()) => self.counters.handed_out.add(is_others.into()),
                Err(_) => Counters::drop(&self.counters, DropReason::HandOverFull),
            }
        }
        let flushed = clock::tsc();
        self.counters.stage(Stage::Transmit).add(sent, out.weight * flushed.saturating_sub(processed));
        self.counters.add_latency(out.take_directions(), flushed.saturating_sub(out.polled));
        self.counters.bursts.add(1);
        self.counters.busy_cycles.add(flushed.wrapping_sub(since));
        flushed
    }

    /// Does what sessions are due for at `tsc`, and answers for them: a little in every turn. Whether there was anything
    /// to do.
    #[inline(always)]
    fn tend(&mut self, tsc: u64, out: &mut Outputs) -> bool {
        // What did not fit before goes first; the next answers and port blocks wait for it.
        if !out.events.is_empty() {
            self.desk.events.push_bulk(&mut out.events);
        }
        if !out.answers.is_empty() {
            self.desk.answers.push_bulk(&mut out.answers);
        }
        // One order after the other: the next one stays in the ring meanwhile.
        if !self.pipeline.translator().is_ordered()
            && let Some(order) = self.desk.orders.pop()
        {
            self.pipeline.translator_mut().order(order);
        }
        let now = self.clock.at(tsc);
        if !self.pipeline.is_due(now) {
            return false;
        }
        self.pipeline.tend(&self.readers.section(), now, out);
        self.punts.hand_over(out, &self.counters);
        self.desk.answers.push_bulk(&mut out.answers);
        true
    }
}

/// Whether frames came in on a port, or the control thread made them and has counted them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flush {
    Forwarded,
    Injected,
}

/// Gives each port its frames. Returns how many were taken.
#[inline(always)]
fn flush(queues: &mut [Exit], out: &mut Outputs, counters: &Counters, kind: Flush) -> u64 {
    let mut total = 0;
    for (number, (queue, batch)) in queues.iter_mut().zip(&mut out.transmit).enumerate() {
        if batch.is_empty() {
            continue;
        }
        let result = queue.send(batch);
        let (sent, dropped) = (u64::from(result.sent), u64::from(result.dropped));
        let port = counters.port(PortId(number as u16));
        port.tx.add(sent, result.sent_bytes);
        if kind == Flush::Forwarded {
            counters.forwarded.add(sent);
        }
        if dropped > 0 {
            port.tx_dropped.add(dropped);
            counters.drops(DropReason::TransmitFull, dropped);
        }
        total += sent;
    }
    total
}

/// Sends what the control thread, or a worker without a queue, has finished.
#[inline(always)]
fn inject(
    ring: &mut Consumer<Inject>,
    queues: &mut [Exit],
    out: &mut Outputs,
    counters: &Counters,
    kind: Flush,
) -> bool {
    let mut items = ArrayVec::<Inject, BURST>::new();
    if ring.pop_into(&mut items) == 0 {
        return false;
    }
    for Inject { port, mbuf } in items {
        if let Some(batch) = out.transmit.get_mut(port.index())
            && batch.push(mbuf).is_err()
        {
            counters.drop(DropReason::TransmitFull);
        }
    }
    flush(queues, out, counters, kind);
    true
}
