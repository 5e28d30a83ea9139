//! Time, as the processor counts it.

/// The time stamp counter of this CPU.
#[inline]
#[must_use]
pub fn tsc() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and it touches no memory.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// How often [`tsc`] counts in a second, as EAL measured it; zero before there is an
/// [`Eal`](crate::Eal).
#[must_use]
pub fn tsc_hz() -> u64 {
    // SAFETY: reads a variable that EAL sets when it starts.
    unsafe { dpdk_sys::rte_get_tsc_hz() }
}
