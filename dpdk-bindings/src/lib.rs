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
//! Everything starts with an [`Eal`], the proof that DPDK's environment is up.

mod burst;
pub mod clock;
mod eal;
mod error;
mod mbuf;
mod mempool;
mod port;
mod qsbr;
pub mod ring;

pub use burst::{BURST, Burst, Drain, TX_BATCH, TxBatch, free_bulk};
pub use eal::{Eal, EalOptions, Hugepages, LogLevel, ThreadRegistration};
pub use error::{Errno, Error, Result};
pub use mbuf::{Checksum, Mbuf, Network, Segments, Transport, TxChecksum};
pub use mempool::{Mempool, MempoolOptions};
pub use port::{Capabilities, Link, Port, PortInfo, PortOptions, PortStats, Rss, RxQueue, Sent, TxQueue};
pub use qsbr::{Qsbr, QsbrReader};

/// Room in front of a packet's first byte in a fresh buffer, in bytes.
pub const HEADROOM: u16 = dpdk_sys::MBUF_HEADROOM as u16;

/// DPDK's version, as it names itself: the one that runs, which may be newer than the one built against.
#[must_use]
pub fn version() -> String {
    // SAFETY: the function returns a static text.
    unsafe { std::ffi::CStr::from_ptr(dpdk_sys::rte_version()) }.to_string_lossy().into_owned()
}
