//! A safe layer over DPDK.
//!
//! The only place with `unsafe` around DPDK. What it promises:
//!
//! * a packet buffer has one owner ([`Mbuf`], or the [`Burst`], [`TxBatch`], [`Ring`](ring) or
//!   device it was moved into), is freed exactly once, and never outlives its pool's memory;
//! * a device queue has one poller ([`RxQueue`], [`TxQueue`]: unique, used through `&mut`), and the
//!   port stays open until the last of them is gone;
//! * nothing blocks, allocates from the heap or panics between a poll and a send.
//!
//! Everything starts with an [`Eal`], the proof that DPDK's environment is up:
//!
//! ```
//! use dpdk_bindings::{
//!     Burst, Eal, EalOptions, Hugepages, Mempool, MempoolOptions, Port, PortOptions, TxBatch,
//! };
//!
//! let eal = Eal::init(&EalOptions { hugepages: Hugepages::Off, ..EalOptions::default() })?;
//! let pool = Mempool::new(&eal, "packets", &MempoolOptions { mbufs: 1023, ..Default::default() })?;
//! let options = PortOptions { mempools: vec![pool.clone()], ..PortOptions::default() };
//! let port = Port::open(&eal, "net_null0", &options)?;
//! let (mut rx, mut tx) = port.start()?;
//!
//! let (mut burst, mut batch) = (Burst::new(), TxBatch::new());
//! rx[0].poll(&mut burst);
//! for mut mbuf in burst.drain() {
//!     if mbuf.trim_to(60) && batch.push(mbuf).is_err() {
//!         break;
//!     }
//! }
//! let sent = tx[0].send(&mut batch);
//! assert_eq!((sent.sent, sent.dropped, pool.in_use()), (64, 0, 0));
//! # Ok::<(), dpdk_bindings::Error>(())
//! ```
//!
//! A packet has no copies, and a queue is for one thread at a time:
//!
//! ```compile_fail,E0277
//! fn is_clone<T: Clone>() {}
//! is_clone::<dpdk_bindings::Mbuf>();
//! ```
//!
//! ```compile_fail,E0277
//! fn is_sync<T: Sync>() {}
//! is_sync::<dpdk_bindings::RxQueue>();
//! ```

mod burst;
pub mod clock;
mod eal;
mod error;
mod mbuf;
mod mempool;
mod port;
mod qsbr;
mod reassembly;
pub mod ring;

pub use burst::{BURST, Burst, Drain, TX_BATCH, TxBatch, free_bulk};
pub use eal::{Eal, EalOptions, Hugepages, LogLevel, ThreadRegistration};
pub use error::{Errno, Error, Result};
pub use mbuf::{Checksum, Mbuf, Network, Reframing, Segments, Transport, TxChecksum};
pub use mempool::{Mempool, MempoolOptions, Reuse, buffers_in};
pub use port::{
    Capabilities, Checksums, Link, Outer, Port, PortInfo, PortOptions, PortStats, Rss, RxQueue, Sent, TxQueue,
};
pub use qsbr::{Qsbr, QsbrReader};
pub use reassembly::{FRAGMENTS, Reassembled, ReassemblyOptions, ReassemblyTable};

/// Room in front of a packet's first byte in a fresh buffer, in bytes.
pub const HEADROOM: u16 = dpdk_sys::MBUF_HEADROOM as u16;

/// DPDK's version, as it names itself: the one that runs, which may be newer than the one built against.
#[must_use]
pub fn version() -> String {
    // SAFETY: the function returns a static text.
    unsafe { std::ffi::CStr::from_ptr(dpdk_sys::rte_version()) }.to_string_lossy().into_owned()
}
