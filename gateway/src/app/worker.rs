//! A worker: one thread, one core, its own queues.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrayvec::ArrayVec;
use dpdk_bindings::ring::{Consumer, Producer};
use dpdk_bindings::{BURST, Burst, Mbuf, RxQueue, TxQueue, clock};
use nvgw_types::PortId;

use crate::datapath::{Outputs, Pipeline, Punted, QsbrReaders};
use crate::tables::exchange::Punt;
use crate::telemetry::counters::Counters;
use crate::telemetry::{DropReason, Stage};

/// A finished frame that the control thread gives a worker to send.
#[derive(Debug)]
pub(super) struct Inject {
    pub(super) port: PortId,
    pub(super) mbuf: Mbuf,
}

/// All that a worker owns. It shares counters and tables, which it reads, and rings, with nobody but the control
/// thread.
pub(super) struct Worker {
    pub(super) receive: Vec<(PortId, RxQueue)>,
    /// By port.
    pub(super) transmit: Vec<TxQueue>,
    pub(super) pipeline: Pipeline,
    pub(super) punts: Producer<Punted>,
    /// The first worker sends what the control thread makes.
    pub(super) injects: Option<Consumer<Inject>>,
    pub(super) readers: QsbrReaders,
    pub(super) counters: Arc<Counters>,
}

impl Worker {
    /// Polls until told to stop. Between two bursts nothing of this thread refers to a table.
    pub(super) fn run(mut self, stop: &AtomicBool) {
        let mut burst = Burst::new();
        let mut out = Outputs::new(self.transmit.len());
        let mut since = clock::tsc();
        while !stop.load(Ordering::Relaxed) {
            let mut worked = false;
            for (port, queue) in &mut self.receive {
                let received = queue.poll(&mut burst);
                if received == 0 {
                    continue;
                }
                let began = since;
                let polled = clock::tsc();
                self.counters.stage(Stage::Receive).add(received as u64, polled.wrapping_sub(began));
                worked = true;
                {
                    let section = self.readers.section();
                    self.pipeline.process(&section, *port, &mut burst, &mut out);
                }
                let processed = clock::tsc();
                let sent = flush(&mut self.transmit, &mut out, &self.counters, Flush::Forwarded);
                punt(&mut self.punts, &mut out, &self.counters);
                let flushed = clock::tsc();
                self.counters.stage(Stage::Transmit).add(sent, flushed.wrapping_sub(processed));
                self.counters.bursts.add(1);
                self.counters.busy_cycles.add(flushed.wrapping_sub(began));
                since = flushed;
            }
            if let Some(ring) = &mut self.injects {
                worked |= inject(ring, &mut self.transmit, &mut out, &self.counters);
            }
            self.readers.quiescent();
            if !worked {
                self.counters.idle_polls.add(1);
                since = clock::tsc();
            }
        }
        // What the control thread handed over before it stopped leaves too; it makes no more.
        if let Some(ring) = &mut self.injects {
            while inject(ring, &mut self.transmit, &mut out, &self.counters) {}
        }
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
fn flush(queues: &mut [TxQueue], out: &mut Outputs, counters: &Counters, kind: Flush) -> u64 {
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

/// Hands the control thread its packets. A full queue drops and counts, it never waits.
#[inline(always)]
fn punt(ring: &mut Producer<Punted>, out: &mut Outputs, counters: &Counters) {
    for punted in out.punts.drain(..) {
        if let Err(lost) = ring.push(punted)
            && !matches!(lost.punt, Punt::Error { .. })
        {
            counters.drop(DropReason::PuntQueueFull);
        }
    }
}

/// Sends what the control thread made.
#[inline(always)]
fn inject(
    ring: &mut Consumer<Inject>,
    queues: &mut [TxQueue],
    out: &mut Outputs,
    counters: &Counters,
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
    flush(queues, out, counters, Flush::Injected);
    true
}
