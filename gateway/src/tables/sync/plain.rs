use std::arch::asm;
use std::arch::x86_64::__m128i;
pub(crate) use std::hint::spin_loop;
pub(crate) use std::sync::Mutex;
pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
pub(crate) use std::thread::yield_now;

use zerocopy::FromZeros;

/// Two words, each as [`Ordering::Relaxed`] loads it.
#[inline(always)]
pub(crate) fn load_pair(words: &[AtomicU64; 2]) -> __m128i {
    load_vector(words)
}

/// Four words, each as [`Ordering::Relaxed`] loads it.
#[inline(always)]
pub(crate) fn load_four(words: &[AtomicU32; 4]) -> __m128i {
    load_vector(words)
}

/// Loads words at once: the language has no such load, and takes five instructions and more to put them together.
#[inline(always)]
fn load_vector<T>(words: &T) -> __m128i {
    const { assert!(size_of::<T>() == size_of::<__m128i>()) }
    let vector;
    // SAFETY: the instruction is part of SSE2, which every x86-64 has, and reads what the reference leads to, in pieces of
    // at least a word where it is aligned to one.
    unsafe {
        asm!("movdqu {vector}, [{words}]", vector = out(xmm_reg) vector, words = in(reg) words,
             options(pure, readonly, nostack, preserves_flags));
    }
    vector
}

/// `std`'s cell, in the shape that a model checker wants: each access is one closure.
#[derive(FromZeros)]
#[repr(transparent)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// An access that reads.
    #[inline(always)]
    pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    /// An access that writes.
    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}
