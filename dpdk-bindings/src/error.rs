//! What can go wrong, in one line that says what to do about it.

use std::ffi::CStr;
use std::fmt;

/// Shorthand for what fails with an [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// An error number of DPDK or of the system, shown as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    /// What the last failed DPDK call left behind on this thread.
    pub(crate) fn last() -> Self {
        // SAFETY: reads a thread-local variable of DPDK.
        Self(unsafe { dpdk_sys::shim_errno() })
    }

    /// `status` if it is no error, otherwise the error: DPDK returns negated numbers.
    pub(crate) fn check(status: i32) -> std::result::Result<u32, Self> {
        u32::try_from(status).map_err(|_| Self(-status))
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: rte_strerror takes any number and returns a NUL-terminated text in a buffer of
        // this thread, which is read before the thread calls it again.
        let text = unsafe { CStr::from_ptr(dpdk_sys::rte_strerror(self.0)) };
        f.write_str(&text.to_string_lossy())
    }
}

/// Why DPDK did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// EAL was initialized before, successfully or not.
    #[error("DPDK was already started in this process, which can be done once only")]
    AlreadyRunning,
    /// A text for DPDK has a NUL byte in it.
    #[error("{what} {text:?} has a NUL byte in it: remove it")]
    Text {
        /// What the text is for.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// Hugepages were required and there are not enough.
    #[error(
        "{wanted_mb} MB of hugepages are required and {free_mb} MB are free: reserve more, as in \
         `sysctl vm.nr_hugepages={pages}` for pages of 2 MB, or do not require them"
    )]
    Hugepages {
        /// What was asked for, in MB.
        wanted_mb: u32,
        /// What the machine has free, in MB.
        free_mb: u64,
        /// Pages of 2 MB that would do.
        pages: u32,
    },
    /// The calling thread's affinity cannot be read or restored.
    #[error("cannot {action} the CPU affinity of the thread that starts DPDK: {reason}")]
    Affinity {
        /// What was tried.
        action: &'static str,
        /// The system's reason.
        reason: std::io::Error,
    },
    /// EAL refuses to start.
    #[error(
        "DPDK did not start on CPU {main_lcore}: {reason}; its own words are on standard error, \
         and {hint}"
    )]
    Init {
        /// The CPU of the main thread.
        main_lcore: usize,
        /// DPDK's reason.
        reason: Errno,
        /// What to look at.
        hint: &'static str,
    },
    /// A thread registers that is an EAL thread already.
    #[error("this thread is registered with DPDK already: register each thread once")]
    AlreadyRegistered,
    /// EAL takes no more threads.
    #[error(
        "DPDK takes no further thread: {reason}; it has room for a fixed number of threads at a \
         time, so let others end first"
    )]
    Register {
        /// DPDK's reason.
        reason: Errno,
    },
    /// A pool cannot be made.
    #[error("packet pool {pool}: cannot make {mbufs} buffers of {room} bytes: {reason}; {hint}")]
    Mempool {
        /// The pool's name.
        pool: String,
        /// Buffers asked for.
        mbufs: u32,
        /// Bytes of a buffer, without the headroom.
        room: u16,
        /// DPDK's reason.
        reason: Errno,
        /// What to do.
        hint: &'static str,
    },
    /// A pool's sizes make no sense.
    #[error("packet pool {pool}: {problem}")]
    MempoolSize {
        /// The pool's name.
        pool: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// An operation on a port failed.
    #[error("port {port}: cannot {action}: {reason}; {hint}")]
    Port {
        /// The port's name.
        port: String,
        /// What was tried.
        action: &'static str,
        /// DPDK's reason.
        reason: Errno,
        /// What to do.
        hint: &'static str,
    },
    /// No driver made a port of that device.
    #[error(
        "port {port}: no driver takes this device: bind it to vfio-pci, or install the driver's \
         package and look for the device's name in the driver's documentation"
    )]
    NoSuchPort {
        /// The name that was looked for.
        port: String,
    },
    /// The port is open already.
    #[error("port {port}: is open already: name it once")]
    PortInUse {
        /// The port's name.
        port: String,
    },
    /// The device has fewer queues.
    #[error(
        "port {port}: {asked} {direction} queues are asked for and the device has {limit}: ask \
         for fewer, or give the device more with its own options"
    )]
    Queues {
        /// The port's name.
        port: String,
        /// `receive` or `transmit`.
        direction: &'static str,
        /// What was asked for.
        asked: u16,
        /// What the device has.
        limit: u16,
    },
    /// Receive queues and pools do not match.
    #[error(
        "port {port}: {pools} packet pools for {queues} receive queues: give one for all of them \
         or one for each"
    )]
    Pools {
        /// The port's name.
        port: String,
        /// Pools given.
        pools: usize,
        /// Receive queues asked for.
        queues: u16,
    },
    /// A frame does not fit a buffer.
    #[error(
        "port {port}: an MTU of {mtu} makes frames of {frame} bytes and the buffers of packet \
         pool {pool} hold {room}: give the pool a data room of {frame} or more, or the port an \
         MTU of {fitting} or less"
    )]
    FrameTooBig {
        /// The port's name.
        port: String,
        /// The MTU asked for.
        mtu: u16,
        /// What a frame of it takes, in bytes.
        frame: u32,
        /// The pool's name.
        pool: String,
        /// Bytes of its buffers, without the headroom.
        room: u16,
        /// The biggest MTU that fits the buffers.
        fitting: u16,
    },
    /// The device cannot do the MTU.
    #[error("port {port}: an MTU of {mtu} is asked for and the device takes {min} to {max}")]
    Mtu {
        /// The port's name.
        port: String,
        /// What was asked for.
        mtu: u16,
        /// The device's smallest.
        min: u16,
        /// The device's biggest.
        max: u16,
    },
    /// The port's queues were handed out before.
    #[error("port {port}: is started already: its queues are handed out once")]
    AlreadyStarted {
        /// The port's name.
        port: String,
    },
    /// A ring cannot be made.
    #[error("ring {ring}: cannot make room for {capacity} items: {reason}; {hint}")]
    Ring {
        /// The ring's name.
        ring: String,
        /// Items asked for.
        capacity: u32,
        /// DPDK's reason.
        reason: Errno,
        /// What to do.
        hint: &'static str,
    },
    /// A reassembly table cannot be made.
    #[error(
        "reassembly of {packets} packets: {reason}; ask for 1 to 65536 packets, or give DPDK more memory"
    )]
    Reassembly {
        /// Packets asked for.
        packets: u32,
        /// DPDK's reason.
        reason: Errno,
    },
    /// A quiescent-state variable cannot be made.
    #[error("quiescent states of {threads} threads: {reason}; ask for 1 to 65536 threads")]
    Qsbr {
        /// Threads asked for.
        threads: u32,
        /// DPDK's reason.
        reason: Errno,
    },
    /// A reader's number is taken or too big.
    #[error(
        "quiescent states: reader {reader} is registered already or not below {threads}: give \
         each reader a number of its own"
    )]
    QsbrReader {
        /// The number.
        reader: u32,
        /// How many readers there can be.
        threads: u32,
    },
}
