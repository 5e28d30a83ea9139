//! The CPUs that a thread may run on: EAL pins the thread that starts it, which is not wanted.

use std::io;
use std::mem;

use crate::error::{Error, Result};

/// A thread's CPU affinity as it was.
pub(super) struct Affinity(libc::cpu_set_t);

impl Affinity {
    pub(super) fn of_this_thread() -> Result<Self> {
        // SAFETY: a CPU set is a bit field, for which all zeros is a value.
        let mut cpus: libc::cpu_set_t = unsafe { mem::zeroed() };
        // SAFETY: the size is that of the set, which is a local variable.
        let status = unsafe { libc::sched_getaffinity(0, mem::size_of_val(&cpus), &raw mut cpus) };
        Self::check("read", status)?;
        Ok(Self(cpus))
    }

    pub(super) fn restore(&self) -> Result<()> {
        // SAFETY: the size is that of the set, which lives as long as the call.
        let status = unsafe { libc::sched_setaffinity(0, mem::size_of_val(&self.0), &raw const self.0) };
        Self::check("restore", status)
    }

    fn check(action: &'static str, status: libc::c_int) -> Result<()> {
        if status == 0 {
            return Ok(());
        }
        Err(Error::Affinity { action, reason: io::Error::last_os_error() })
    }
}

/// The CPU that the calling thread is on right now.
pub(super) fn current_cpu() -> usize {
    // SAFETY: takes nothing and touches no memory.
    usize::try_from(unsafe { libc::sched_getcpu() }).unwrap_or(0)
}
