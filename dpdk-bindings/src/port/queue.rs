//! The queues of a started port.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

use super::Shared;
use crate::{Burst, Mbuf, TxBatch};

/// How often in a row a device may take nothing before the rest of a batch is dropped. It bounds
/// the time that a worker spends on a device that is too slow.
const TX_RETRIES: u32 = 4;

/// Queues are for one thread at a time: they may move, not be shared.
type NotSync = PhantomData<Cell<()>>;

/// A receive queue: the only handle to it.
#[derive(Debug)]
pub struct RxQueue {
    port: u16,
    queue: u16,
    _shared: Arc<Shared>,
    _not_sync: NotSync,
}

impl RxQueue {
    pub(super) fn new(shared: &Arc<Shared>, queue: u16) -> Self {
        Self { port: shared.device.index, queue, _shared: Arc::clone(shared), _not_sync: PhantomData }
    }

    /// The number of the queue in its port.
    #[must_use]
    pub fn index(&self) -> u16 {
        self.queue
    }

    /// DPDK's number of the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Appends the packets that wait to `burst`, as many as it has free places; returns how many.
    /// An empty burst is what drivers are fast with: [clear](Burst::clear) it in between.
    #[inline]
    pub fn poll(&mut self, burst: &mut Burst) -> usize {
        // SAFETY: the queue is set up, and the port stays started while it is there; it gives away
        // the packets that it reports.
        unsafe {
            burst.extend_with(|slots, free| dpdk_sys::shim_eth_rx_burst(self.port, self.queue, slots, free))
        }
    }
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use = "what was dropped is to be counted"]
pub struct Sent {
    /// Packets that the device took.
    pub sent: u32,
    /// Bytes of the packets that the device took.
    pub sent_bytes: u64,
    /// Packets that it did not take, which are freed.
    pub dropped: u32,
}

/// A transmit queue: the only handle to it.
#[derive(Debug)]
pub struct TxQueue {
    port: u16,
    queue: u16,
    segments: bool,
    _shared: Arc<Shared>,
    _not_sync: NotSync,
}

impl TxQueue {
    pub(super) fn new(shared: &Arc<Shared>, queue: u16) -> Self {
        Self {
            port: shared.device.index,
            queue,
            segments: shared.tx_segments,
            _shared: Arc::clone(shared),
            _not_sync: PhantomData,
        }
    }

    /// The number of the queue in its port.
    #[must_use]
    pub fn index(&self) -> u16 {
        self.queue
    }

    /// DPDK's number of the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether packets of several segments are sent as they are, not copied together.
    #[must_use]
    pub fn segments(&self) -> bool {
        self.segments
    }

    /// Sends a batch, which is empty afterwards. Does not wait for the device: what it has not
    /// taken after a few attempts is freed and reported.
    #[inline]
    pub fn send(&mut self, batch: &mut TxBatch) -> Sent {
        let mut dropped = 0;
        if batch.is_chained() && !self.segments {
            dropped = batch.linearize();
        }
        let len = batch.len();
        let mut sent_bytes = batch.bytes();
        // SAFETY: the queue is set up, and the port stays started while it is there; it owns the
        // packets that it takes, and the others are read only before they are freed.
        let sent = unsafe {
            batch.hand_over(|packets, len| {
                let mut sent = 0;
                let mut retries = 0;
                while sent < len && retries < TX_RETRIES {
                    // A batch is short enough for the number of its packets to fit.
                    let left = (len - sent) as u16;
                    let taken = dpdk_sys::shim_eth_tx_burst(self.port, self.queue, packets.add(sent), left);
                    sent += usize::from(taken);
                    retries += u32::from(taken == 0);
                }
                if sent < len {
                    let left = std::slice::from_raw_parts(packets.add(sent).cast::<Mbuf>(), len - sent);
                    sent_bytes -= bytes(left);
                }
                sent
            })
        };
        dropped += len - sent;
        // A batch is short enough for the numbers of its packets to fit.
        Sent { sent: sent as u32, sent_bytes, dropped: dropped as u32 }
    }
}

/// The length of some packets together.
#[inline]
fn bytes(packets: &[Mbuf]) -> u64 {
    packets.iter().map(|mbuf| u64::from(mbuf.pkt_len())).sum()
}
