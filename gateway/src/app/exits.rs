//! How a worker's frames get to a port: by a transmit queue of its own, or by that of another worker, where the device
//! has fewer queues than there are workers.

use arrayvec::ArrayVec;
use dpdk_bindings::ring::{self, Consumer, Producer};
use dpdk_bindings::{Eal, Error, Sent, TX_BATCH, TxBatch, TxQueue, free_bulk};
use nvgw_types::PortId;

use super::worker::Inject;

/// A worker's way to a port.
pub(super) enum Exit {
    /// By its own queue.
    Queue(TxQueue),
    /// By another worker, which has one.
    Relay(PortId, Producer<Inject>),
}

impl Exit {
    /// Sends a batch, which is empty afterwards. What another worker takes is counted when that one has sent it.
    #[inline(always)]
    pub(super) fn send(&mut self, batch: &mut TxBatch) -> Sent {
        match self {
            Self::Queue(queue) => queue.send(batch),
            Self::Relay(port, ring) => relay(*port, ring, batch),
        }
    }
}

#[cold]
fn relay(port: PortId, ring: &mut Producer<Inject>, batch: &mut TxBatch) -> Sent {
    let frames = batch.drain().map(|mbuf| Inject { port, mbuf });
    let mut frames: ArrayVec<Inject, TX_BATCH> = frames.collect();
    ring.push_bulk(&mut frames);
    let mut refused: ArrayVec<_, TX_BATCH> = frames.into_iter().map(|frame| frame.mbuf).collect();
    // A batch is short enough for the number of its packets to fit.
    let dropped = refused.len() as u32;
    free_bulk(&mut refused);
    Sent { dropped, ..Sent::default() }
}

/// What one worker sends by, and for whom.
#[derive(Default)]
pub(super) struct Exits {
    /// By port.
    pub(super) exits: Vec<Exit>,
    /// From workers that have no queue of their own.
    pub(super) relays: Vec<Consumer<Inject>>,
}

/// How many frames may wait to be sent for a worker.
const WAITING: u32 = 1024;

/// Divides the transmit queues of all ports among the workers: queue n is worker n's, and workers beyond the last queue
/// send by the others'.
pub(super) fn divide(eal: &Eal, ports: Vec<Vec<TxQueue>>, workers: usize) -> Result<Vec<Exits>, Error> {
    let mut all: Vec<_> = (0..workers).map(|_| Exits::default()).collect();
    for (number, queues) in ports.into_iter().enumerate() {
        let port = PortId(number as u16);
        let count = queues.len();
        for (worker, queue) in all.iter_mut().zip(queues) {
            worker.exits.push(Exit::Queue(queue));
        }
        for worker in count..workers {
            let (way, end) = ring::spsc(eal, &format!("send-{number}-{worker}"), WAITING)?;
            all[worker].exits.push(Exit::Relay(port, way));
            all[worker % count].relays.push(end);
        }
    }
    Ok(all)
}
