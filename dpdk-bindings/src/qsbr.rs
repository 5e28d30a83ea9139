//! Quiescent states: how a writer knows that no reader can still see what it took away.

use std::alloc::{self, Layout};
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use dpdk_sys::rte_rcu_qsbr;

use crate::Eal;
use crate::error::{Errno, Error, Result};

/// What DPDK aligns the variable to, and more than any cache line that a CPU fetches in one go.
const ALIGN: usize = 128;

/// Readers that a variable can have: far more than there are CPUs, and few enough for DPDK to
/// compute with.
const MAX_READERS: u32 = 1 << 16;

struct Inner {
    raw: NonNull<rte_rcu_qsbr>,
    layout: Layout,
    /// Which readers are registered: DPDK would register one twice.
    readers: Mutex<Vec<bool>>,
}

// SAFETY: DPDK's variable is made to be used by many threads at once.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl Drop for Inner {
    fn drop(&mut self) {
        // SAFETY: allocated with that layout; every handle and every reader is gone.
        unsafe { alloc::dealloc(self.raw.as_ptr().cast(), self.layout) };
    }
}

/// A quiescent-state variable, the writer's side. Clones are handles to the same variable.
///
/// A writer takes something out of every reader's sight, [starts](Self::start) a grace period, and
/// may free it once the period [is over](Self::check): then every reader that was online has been
/// quiescent, or gone offline, since.
#[derive(Clone)]
pub struct Qsbr(Arc<Inner>);

impl Qsbr {
    /// A variable for up to `max_readers` readers.
    ///
    /// # Errors
    ///
    /// No readers, more than 65,536, or too little memory.
    pub fn new(_: &Eal, max_readers: u32) -> Result<Self> {
        let error = |reason| Error::Qsbr { threads: max_readers, reason };
        if max_readers == 0 || max_readers > MAX_READERS {
            return Err(error(Errno(libc::EINVAL)));
        }
        // SAFETY: the number is in a range that DPDK can compute with.
        let size = unsafe { dpdk_sys::rte_rcu_qsbr_get_memsize(max_readers) };
        let layout = Layout::from_size_align(size, ALIGN).map_err(|_| error(Errno(libc::EINVAL)))?;
        // SAFETY: the size is not zero.
        let raw = NonNull::new(unsafe { alloc::alloc_zeroed(layout) }.cast())
            .ok_or_else(|| error(Errno(libc::ENOMEM)))?;
        let inner = Inner { raw, layout, readers: Mutex::new(vec![false; max_readers as usize]) };
        // SAFETY: memory of the size that DPDK asked for, aligned, and not used yet.
        let status = unsafe { dpdk_sys::rte_rcu_qsbr_init(inner.raw.as_ptr(), max_readers) };
        if status != 0 {
            return Err(error(Errno::last()));
        }
        Ok(Self(Arc::new(inner)))
    }

    /// Registers a reader under a number of its own, below the maximum. It starts offline.
    ///
    /// # Errors
    ///
    /// The number is taken or too big.
    pub fn register(&self, reader: u32) -> Result<QsbrReader> {
        let mut readers = self.readers();
        let threads = readers.len() as u32;
        let taken = readers
            .get_mut(reader as usize)
            .filter(|taken| !**taken)
            .ok_or(Error::QsbrReader { reader, threads })?;
        // SAFETY: the number is in range, and not registered.
        let status = unsafe { dpdk_sys::rte_rcu_qsbr_thread_register(self.0.raw.as_ptr(), reader) };
        if status != 0 {
            return Err(Error::QsbrReader { reader, threads });
        }
        *taken = true;
        drop(readers);
        Ok(QsbrReader { qsbr: self.clone(), reader, online: false, _not_sync: PhantomData })
    }

    /// Starts a grace period, and returns its token. What was taken out of sight before is what the
    /// period is for.
    #[must_use]
    pub fn start(&self) -> u64 {
        // SAFETY: the variable is initialized.
        unsafe { dpdk_sys::shim_rcu_qsbr_start(self.0.raw.as_ptr()) }
    }

    /// Whether a grace period is over. Does not wait.
    #[must_use]
    pub fn check(&self, token: u64) -> bool {
        // SAFETY: the variable is initialized.
        unsafe { dpdk_sys::shim_rcu_qsbr_check(self.0.raw.as_ptr(), token) == 1 }
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, Vec<bool>> {
        self.0.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Qsbr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let readers = self.readers();
        f.debug_struct("Qsbr")
            .field("max_readers", &readers.len())
            .field("registered", &readers.iter().filter(|taken| **taken).count())
            .finish()
    }
}

/// A reader: one thread, which says when it holds nothing that a writer may take away. Unregisters
/// when dropped.
#[derive(Debug)]
pub struct QsbrReader {
    qsbr: Qsbr,
    reader: u32,
    online: bool,
    /// For one thread at a time: it may move, not be shared.
    _not_sync: PhantomData<Cell<()>>,
}

impl QsbrReader {
    /// From here on the reader may look at what writers take away; grace periods wait for it.
    pub fn online(&mut self) {
        self.online = true;
        // SAFETY: the reader is registered.
        unsafe { dpdk_sys::shim_rcu_qsbr_online(self.qsbr.0.raw.as_ptr(), self.reader) };
    }

    /// From here on the reader looks at nothing; grace periods do not wait for it.
    pub fn offline(&mut self) {
        self.online = false;
        // SAFETY: the reader is registered.
        unsafe { dpdk_sys::shim_rcu_qsbr_offline(self.qsbr.0.raw.as_ptr(), self.reader) };
    }

    /// Says that the reader holds nothing at this moment. While it is offline, this says nothing
    /// new.
    #[inline]
    pub fn quiescent(&mut self) {
        if self.online {
            // SAFETY: the reader is registered and online.
            unsafe { dpdk_sys::shim_rcu_qsbr_quiescent(self.qsbr.0.raw.as_ptr(), self.reader) };
        }
    }

    /// Whether the reader is online.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.online
    }
}

impl Drop for QsbrReader {
    fn drop(&mut self) {
        self.offline();
        let mut readers = self.qsbr.readers();
        // SAFETY: the reader is registered, and the number is not given away before this is done.
        unsafe {
            dpdk_sys::rte_rcu_qsbr_thread_unregister(self.qsbr.0.raw.as_ptr(), self.reader);
        }
        if let Some(taken) = readers.get_mut(self.reader as usize) {
            *taken = false;
        }
    }
}
