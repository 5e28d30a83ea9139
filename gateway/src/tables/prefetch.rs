use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

const CACHE_LINE: usize = 64;

/// Starts to bring every cache line of `value` near.
///
/// A reference from a table costs nothing until it is followed, so a stage takes the references of a whole burst,
/// prefetches them, and leaves reading them to the next stage.
#[inline(always)]
pub fn prefetch<T>(value: &T) {
    let start = std::ptr::from_ref(value).cast::<i8>();
    for line in 0..size_of::<T>().div_ceil(CACHE_LINE) {
        // SAFETY: the instruction is part of SSE, which every x86-64 has, and never faults, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(line * CACHE_LINE)) };
    }
}

/// As [`prefetch`], of the first cache line alone, where the others are seldom read.
#[inline(always)]
pub fn prefetch_front<T>(value: &T) {
    // SAFETY: as in `prefetch`.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) };
}
