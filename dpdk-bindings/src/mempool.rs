//! Pools of packet buffers.

use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dpdk_sys::rte_mempool;

use crate::eal::c_string;
use crate::error::{Errno, Error, Result};
use crate::{Burst, Eal, HEADROOM, Mbuf};

/// The size of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MempoolOptions {
    /// Buffers in the pool; a power of two less one uses memory best.
    pub mbufs: u32,
    /// Buffers that each registered thread may keep for itself, 0 to 512.
    pub cache: u32,
    /// Bytes of a buffer behind its headroom: the longest frame that fits.
    pub data_room: u16,
    /// The NUMA node of the memory; any by default.
    pub socket: Option<u32>,
    /// Which free buffers are used first.
    pub reuse: Reuse,
}

/// Which of a pool's free buffers are used first, beside those that a thread keeps for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reuse {
    /// Those that have been free for the longest time. All of the pool's memory is used in turn.
    #[default]
    OldestFirst,
    /// Those that came back last, which are still in some cache: where one thread takes buffers and
    /// another one returns them, as many buffers are used as are on their way. A thread that finds
    /// too few or too many with itself takes a lock while it copies some hundred pointers. Where the
    /// driver for it is missing, the oldest ones are used first.
    NewestFirst,
}

impl Default for MempoolOptions {
    fn default() -> Self {
        Self { mbufs: 16_383, cache: 256, data_room: 2048, socket: None, reuse: Reuse::default() }
    }
}

/// Memory that DPDK made a pool of. It is never given back: a buffer does not know whether the
/// memory under it is still there, and may be on its way home from any thread. Instead a pool that
/// nobody holds any more is kept for the next one of its shape.
#[derive(Clone, Copy)]
struct Memory {
    raw: NonNull<rte_mempool>,
    shape: MempoolOptions,
}

// SAFETY: DPDK makes its pools for concurrent use, and they live until the process ends.
unsafe impl Send for Memory {}
// SAFETY: as above; all that `&Memory` gives is calls into DPDK.
unsafe impl Sync for Memory {}

/// Buffers that a pool can have: more than any machine has memory for, and few enough for DPDK to
/// compute with.
const MAX_MBUFS: u32 = 1 << 28;

/// A pool that was made, and whether nobody holds it any more.
struct Known {
    memory: Memory,
    retired: bool,
}

static POOLS: Mutex<Vec<Known>> = Mutex::new(Vec::new());

fn pools() -> MutexGuard<'static, Vec<Known>> {
    POOLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns to all pools what the calling thread keeps of them: once it is no longer registered,
/// nobody could use that.
pub(crate) fn flush_caches() {
    pools().iter().for_each(|pool| pool.memory.flush_cache());
}

impl Memory {
    /// A retired pool of that shape to which all buffers have returned.
    fn reuse(shape: &MempoolOptions) -> Option<Self> {
        let mut pools = pools();
        let pool = pools
            .iter_mut()
            .find(|pool| pool.retired && pool.memory.shape == *shape && pool.memory.in_use() == 0)?;
        pool.retired = false;
        Some(pool.memory)
    }

    fn make(name: &str, shape: &MempoolOptions) -> Result<Self> {
        if shape.mbufs == 0 || shape.mbufs > MAX_MBUFS {
            return Err(Error::MempoolSize {
                pool: name.to_owned(),
                problem: format!("{} buffers are asked for: ask for 1 to {MAX_MBUFS}", shape.mbufs),
            });
        }
        static MADE: AtomicU32 = AtomicU32::new(0);
        // DPDK wants names that are short and unique in the process.
        let unique =
            c_string("a packet pool's name", &format!("mbufs{}", MADE.fetch_add(1, Ordering::Relaxed)))?;
        let room = shape.data_room.checked_add(HEADROOM).ok_or_else(|| Error::MempoolSize {
            pool: name.to_owned(),
            problem: format!(
                "a data room of {} bytes leaves no room for the headroom: {} is the most",
                shape.data_room,
                u16::MAX - HEADROOM
            ),
        })?;
        let socket = shape.socket.and_then(|node| i32::try_from(node).ok()).unwrap_or(ANY_SOCKET);
        let newest_first = || {
            // SAFETY: EAL is up, the names are NUL-terminated and copied.
            NonNull::new(unsafe {
                dpdk_sys::rte_pktmbuf_pool_create_by_ops(
                    unique.as_ptr(),
                    shape.mbufs,
                    shape.cache,
                    0,
                    room,
                    socket,
                    c"stack".as_ptr(),
                )
            })
        };
        let oldest_first = || {
            // SAFETY: EAL is up, the name is NUL-terminated and copied.
            NonNull::new(unsafe {
                dpdk_sys::rte_pktmbuf_pool_create(unique.as_ptr(), shape.mbufs, shape.cache, 0, room, socket)
            })
        };
        let raw = match shape.reuse {
            Reuse::OldestFirst => oldest_first(),
            Reuse::NewestFirst => newest_first().or_else(oldest_first),
        };
        let raw = raw.ok_or_else(|| {
            let reason = Errno::last();
            Error::Mempool {
                pool: name.to_owned(),
                mbufs: shape.mbufs,
                room: shape.data_room,
                reason,
                hint: hint(reason),
            }
        })?;
        let memory = Self { raw, shape: *shape };
        pools().push(Known { memory, retired: false });
        Ok(memory)
    }

    fn flush_cache(&self) {
        // SAFETY: the pool lives until the process ends.
        unsafe { dpdk_sys::shim_mempool_flush_cache(self.raw.as_ptr()) };
    }

    fn in_use(&self) -> u32 {
        // SAFETY: the pool lives until the process ends.
        unsafe { dpdk_sys::rte_mempool_in_use_count(self.raw.as_ptr()) }
    }
}

fn hint(reason: Errno) -> &'static str {
    match reason.0 {
        libc::ENOMEM => "give DPDK more memory, or the pool fewer or smaller buffers",
        libc::EINVAL => "a cache is at most 512 and well below the number of buffers",
        _ => "the drivers of packet pools may be missing: install librte-mempool-ring",
    }
}

/// DPDK's `SOCKET_ID_ANY`.
const ANY_SOCKET: i32 = -1;

/// How many buffers of `data_room` bytes take up to `bytes` of memory.
#[must_use]
pub fn buffers_in(eal: &Eal, bytes: u64, data_room: u16) -> u32 {
    /// Beside headroom and data: the pool's header, the mbuf's two cache lines, and padding that spreads buffers over
    /// memory channels.
    const OVERHEAD: u64 = 64 + 128 + 128;
    /// Without hugepages, a buffer does not cross a page.
    const PAGE: u64 = 4096;
    let buffer = OVERHEAD + u64::from(HEADROOM) + u64::from(data_room);
    let each = if eal.uses_hugepages() || buffer > PAGE { buffer } else { PAGE / (PAGE / buffer) };
    u32::try_from(bytes / each).unwrap_or(u32::MAX).min(MAX_MBUFS)
}

struct Inner {
    memory: Memory,
    name: String,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.memory.flush_cache();
        let mut pools = pools();
        if let Some(pool) = pools.iter_mut().find(|pool| pool.memory.raw == self.memory.raw) {
            pool.retired = true;
        }
    }
}

/// A pool of packet buffers. Clones are handles to the same pool.
#[derive(Clone)]
pub struct Mempool(Arc<Inner>);

impl Mempool {
    /// Makes a pool. `name` is for messages and need not be unique.
    ///
    /// # Errors
    ///
    /// Too little memory, and sizes that DPDK refuses.
    pub fn new(_: &Eal, name: &str, options: &MempoolOptions) -> Result<Self> {
        let memory = match Memory::reuse(options) {
            Some(memory) => memory,
            None => Memory::make(name, options)?,
        };
        Ok(Self(Arc::new(Inner { memory, name: name.to_owned() })))
    }

    /// The name in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Bytes of a buffer behind its headroom.
    #[must_use]
    pub fn data_room(&self) -> u16 {
        self.0.memory.shape.data_room
    }

    /// Buffers in the pool, those in use included.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.0.memory.shape.mbufs
    }

    /// Buffers that are free, those in the threads' caches included. Exact only while no thread
    /// takes or returns any.
    #[must_use]
    pub fn available(&self) -> u32 {
        // SAFETY: the pool lives until the process ends.
        unsafe { dpdk_sys::rte_mempool_avail_count(self.as_ptr()) }
    }

    /// Buffers that are not free; as exact as [`available`](Self::available).
    #[must_use]
    pub fn in_use(&self) -> u32 {
        self.0.memory.in_use()
    }

    /// An empty packet, or `None` when the pool is exhausted.
    #[inline]
    #[must_use]
    pub fn alloc(&self) -> Option<Mbuf> {
        // SAFETY: the pool lives until the process ends.
        let mbuf = NonNull::new(unsafe { dpdk_sys::shim_pktmbuf_alloc(self.as_ptr()) })?;
        // SAFETY: a fresh buffer that nothing else knows of.
        Some(unsafe { Mbuf::from_raw(mbuf) })
    }

    /// Appends `count` empty packets to `burst`: all, or none and `false` when the pool or the
    /// burst has no room for all of them.
    #[must_use]
    pub fn alloc_bulk(&self, burst: &mut Burst, count: usize) -> bool {
        let Some(wanted) = u16::try_from(count).ok() else {
            return false;
        };
        let fill = |slots, free| {
            // SAFETY: the pool lives until the process ends, and there is room for `wanted`.
            let fits = wanted <= free
                && unsafe { dpdk_sys::shim_pktmbuf_alloc_bulk(self.as_ptr(), slots, u32::from(wanted)) == 0 };
            if fits { wanted } else { 0 }
        };
        // SAFETY: what is reported are fresh packets that nothing else knows of.
        unsafe { burst.extend_with(fill) == count }
    }

    /// A packet with these bytes, or `None` when the pool is exhausted or the bytes do not fit one
    /// buffer.
    #[must_use]
    pub fn mbuf_from(&self, bytes: &[u8]) -> Option<Mbuf> {
        if bytes.len() > usize::from(self.data_room()) {
            return None;
        }
        let mut mbuf = self.alloc()?;
        mbuf.extend_from_slice(bytes).then_some(mbuf)
    }

    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut rte_mempool {
        self.0.memory.raw.as_ptr()
    }
}

impl fmt::Debug for Mempool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mempool")
            .field("name", &self.0.name)
            .field("shape", &self.0.memory.shape)
            .finish_non_exhaustive()
    }
}
