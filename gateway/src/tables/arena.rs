//! Fixed arrays of zeroes, in huge pages where they are large: the memory under every table.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;
use std::{fmt, io, ptr, slice};

use thiserror::Error;
use zerocopy::FromZeros;

const HUGE_PAGE: usize = 2 << 20;
const CACHE_LINE: usize = 64;

/// The system did not give the memory that a table was sized for.
#[derive(Debug, Error)]
#[error("no memory for a table of {bytes} bytes: {source}")]
pub struct OutOfMemory {
    bytes: usize,
    source: io::Error,
}

impl OutOfMemory {
    /// For a table of `len` elements that no system could give.
    pub(super) fn too_large<T>(len: usize) -> Self {
        Self { bytes: len.saturating_mul(size_of::<T>()), source: io::ErrorKind::OutOfMemory.into() }
    }
}

/// A fixed array that starts as zeroes and on a cache line.
///
/// From 2 MiB on it is a mapping of its own, aligned and advised for transparent huge pages. Its pages are touched
/// only by use: an array sized for the worst case costs address space, not memory.
pub(crate) struct HugeBox<T> {
    start: NonNull<T>,
    len: usize,
}

/// How an array came and has to go.
enum Backing {
    Heap(Layout),
    /// A mapping of that many bytes.
    Mapped(usize),
}

impl<T> HugeBox<T> {
    /// An array of `len` zeroes.
    pub(crate) fn zeroed(len: usize) -> Result<Self, OutOfMemory>
    where
        T: FromZeros,
    {
        const { assert!(size_of::<T>() > 0 && align_of::<T>() <= HUGE_PAGE && !std::mem::needs_drop::<T>()) };
        let too_large = |_| OutOfMemory {
            bytes: len.saturating_mul(size_of::<T>()),
            source: io::ErrorKind::OutOfMemory.into(),
        };
        let start = match Self::backing(len.max(1)).map_err(too_large)? {
            Backing::Mapped(bytes) => map_huge(bytes).map_err(|source| OutOfMemory { bytes, source })?,
            Backing::Heap(layout) => {
                // SAFETY: the size is not zero, `T` has a size and `len` was raised to one.
                NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or_else(|| OutOfMemory {
                    bytes: layout.size(),
                    source: io::ErrorKind::OutOfMemory.into(),
                })?
            }
        };
        Ok(Self { start: start.cast(), len })
    }

    fn backing(len: usize) -> Result<Backing, std::alloc::LayoutError> {
        let layout = Layout::array::<T>(len)?.align_to(CACHE_LINE)?;
        // Miri knows no huge pages.
        if layout.size() >= HUGE_PAGE && !cfg!(miri) {
            Ok(Backing::Mapped(layout.size().next_multiple_of(HUGE_PAGE)))
        } else {
            Ok(Backing::Heap(layout))
        }
    }
}

impl<T> Drop for HugeBox<T> {
    fn drop(&mut self) {
        match Self::backing(self.len.max(1)) {
            Ok(Backing::Mapped(bytes)) => {
                // SAFETY: `map_huge` returned exactly this range, and nobody borrows it any more.
                unsafe { libc::munmap(self.start.as_ptr().cast(), bytes) };
            }
            Ok(Backing::Heap(layout)) => {
                // SAFETY: it was allocated with this very layout; the elements need no drop, `zeroed` asserts that.
                unsafe { dealloc(self.start.as_ptr().cast(), layout) };
            }
            Err(_) => unreachable!("the array was allocated with this layout"),
        }
    }
}

impl<T> Deref for HugeBox<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: the allocation holds `len` elements, valid from the beginning since `T: FromZeros`.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for HugeBox<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and the box owns the allocation.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

// SAFETY: the box owns its elements like a `Box<[T]>`.
unsafe impl<T: Send> Send for HugeBox<T> {}
// SAFETY: sharing the box shares its elements and nothing else.
unsafe impl<T: Sync> Sync for HugeBox<T> {}

impl<T> fmt::Debug for HugeBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HugeBox").field("len", &self.len).finish_non_exhaustive()
    }
}

/// A [`HugeBox`] that a writer and its readers share.
///
/// Each holder has the address of the elements at hand, not behind the counter: readers come here for every packet.
pub(super) struct HugeArc<T> {
    start: NonNull<T>,
    owner: Arc<HugeBox<T>>,
    len: usize,
}

impl<T: FromZeros> HugeArc<T> {
    /// A shared array of `len` zeroes.
    pub(super) fn zeroed(len: usize) -> Result<Self, OutOfMemory> {
        let owner = HugeBox::zeroed(len)?;
        Ok(Self { start: owner.start, len, owner: Arc::new(owner) })
    }
}

impl<T> Clone for HugeArc<T> {
    fn clone(&self) -> Self {
        Self { start: self.start, len: self.len, owner: Arc::clone(&self.owner) }
    }
}

impl<T> Deref for HugeArc<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: these are address and length of the elements of `owner`, which lives as long as `self`.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

// SAFETY: it is an `Arc` of elements that may be shared and sent.
unsafe impl<T: Send + Sync> Send for HugeArc<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for HugeArc<T> {}

impl<T> fmt::Debug for HugeArc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.owner.fmt(f)
    }
}

/// Maps `bytes`, a multiple of the huge page, at a multiple of the huge page.
fn map_huge(bytes: usize) -> io::Result<NonNull<u8>> {
    // The kernel aligns mappings to small pages: take one huge page more and give back what sticks out.
    let reserved = bytes.checked_add(HUGE_PAGE).ok_or(io::ErrorKind::OutOfMemory)?;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a fresh anonymous mapping at an address of the kernel's choice touches nothing that exists.
    let base =
        unsafe { libc::mmap(ptr::null_mut(), reserved, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let head = base.addr().next_multiple_of(HUGE_PAGE) - base.addr();
    let start = base.wrapping_byte_add(head);
    let tail = HUGE_PAGE - head;
    // SAFETY: head, the `bytes` from `start`, and tail are the three parts of the mapping made above.
    unsafe {
        if head > 0 {
            libc::munmap(base, head);
        }
        if tail > 0 {
            libc::munmap(start.wrapping_byte_add(bytes), tail);
        }
        // Only advice: where the kernel has no huge pages the mapping works all the same.
        libc::madvise(start, bytes, libc::MADV_HUGEPAGE);
    }
    NonNull::new(start.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn small_and_large_arrays_are_aligned_zeroes() {
        for len in [0, 1, 1000, if cfg!(miri) { 2000 } else { 3 << 19 }] {
            let array = HugeBox::<u32>::zeroed(len).expect("memory");
            assert_eq!(array.len(), len);
            assert!(array.iter().all(|&element| element == 0));
            assert!(array.as_ptr().addr().is_multiple_of(CACHE_LINE));
        }
    }

    #[test]
    fn elements_keep_what_is_written() {
        let mut array = HugeBox::<u64>::zeroed(1 << 19).expect("memory");
        let last = array.len() - 1;
        array[0] = 1;
        array[last] = 2;
        assert_eq!((array[0], array[last]), (1, 2));
    }

    #[test]
    fn holders_share_elements_beyond_the_first_owner() {
        let first = HugeArc::<AtomicU32>::zeroed(4).expect("memory");
        let second = first.clone();
        first[3].store(7, Ordering::Relaxed);
        drop(first);
        assert_eq!(second[3].load(Ordering::Relaxed), 7);
    }

    #[test]
    #[cfg_attr(miri, ignore = "asks the operating system")]
    fn what_cannot_be_had_is_an_error() {
        assert!(HugeBox::<u64>::zeroed(usize::MAX / 4).is_err());
        let error = HugeBox::<u64>::zeroed(1 << 50).expect_err("eight pebibytes");
        assert!(error.to_string().contains("9007199254740992 bytes"), "{error}");
    }
}
