//! Bringing packets near that another core has touched last.

use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

use super::Mbuf;

/// Bytes of a cache line.
const LINE: usize = 64;

impl Mbuf {
    /// Asks the processor for what the packet's buffer says of itself, without which not even its
    /// bytes are found. A driver has just written that of a packet that was polled; it is far away
    /// where another core polled it.
    #[inline]
    pub fn prefetch(&self) {
        near(self.as_ptr().cast());
    }

    /// Asks the processor for the packet's first two cache lines: headers around headers.
    #[inline]
    pub fn prefetch_headers(&self) {
        let first = self.data_ptr().cast::<i8>();
        near(first);
        near(first.wrapping_add(LINE));
    }
}

#[inline(always)]
fn near(address: *const i8) {
    // SAFETY: a prefetch of any address is harmless, and every x86-64 processor has it.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address) };
}
