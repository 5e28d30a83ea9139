//! Bounded queues between threads.
//!
//! A full ring gives the item back: pushing never waits. What is in a ring when the last of its
//! ends is dropped is dropped with it.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arrayvec::ArrayVec;
use dpdk_sys::{RING_F_EXACT_SZ, RING_F_MP_RTS_ENQ, RING_F_SC_DEQ, RING_F_SP_ENQ, rte_ring};

use crate::Eal;
use crate::eal::c_string;
use crate::error::{Errno, Error, Result};

/// Items that a ring holds at most. DPDK computes with sizes beyond that in numbers too small for
/// them, and makes a ring that is shorter than it says.
const MAX_CAPACITY: u32 = (1 << 30) - 1;

/// A ring for one producer and one consumer that holds `capacity` items.
///
/// # Errors
///
/// Too little memory, and a capacity that DPDK refuses.
pub fn spsc<T: Send>(eal: &Eal, name: &str, capacity: u32) -> Result<(Producer<T>, Consumer<T>)> {
    let ring = Arc::new(Ring::new(eal, name, capacity, RING_F_SP_ENQ)?);
    Ok((
        Producer { ring: Arc::clone(&ring), _not_sync: PhantomData },
        Consumer { ring, _not_sync: PhantomData },
    ))
}

/// A ring for many producers and one consumer that holds `capacity` items. A producer that is
/// interrupted in the middle of a push does not stop the others, until these have pushed an eighth
/// of the capacity.
///
/// # Errors
///
/// Too little memory, and a capacity that DPDK refuses.
pub fn mpsc<T: Send>(eal: &Eal, name: &str, capacity: u32) -> Result<(SharedProducer<T>, Consumer<T>)> {
    let ring = Arc::new(Ring::new(eal, name, capacity, RING_F_MP_RTS_ENQ)?);
    Ok((SharedProducer { ring: Arc::clone(&ring) }, Consumer { ring, _not_sync: PhantomData }))
}

struct Ring<T> {
    raw: NonNull<rte_ring>,
    _items: PhantomData<T>,
}

// SAFETY: the ring hands items from one thread to another, which `T: Send` allows; DPDK's ring is
// made for that, and the ends keep to the number of producers and consumers that it was made for.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Ring<T> {}

impl<T> Ring<T> {
    /// Bytes of an item. DPDK copies items in units of four bytes, from and to where they lie.
    const SIZE: u32 = {
        assert!(size_of::<T>() > 0, "a ring of nothing");
        assert!(align_of::<T>() >= 4, "items are to be aligned to four bytes");
        assert!(size_of::<T>() <= 4096, "items this big are to be boxed");
        size_of::<T>() as u32
    };

    fn new(_: &Eal, name: &str, capacity: u32, producers: u32) -> Result<Self> {
        let error = |reason, hint| Error::Ring { ring: name.to_owned(), capacity, reason, hint };
        if capacity == 0 || capacity > MAX_CAPACITY {
            return Err(error(Errno(libc::EINVAL), "a ring holds 1 to 1073741823 items"));
        }
        static MADE: AtomicU32 = AtomicU32::new(0);
        // DPDK wants names that are short and unique in the process.
        let unique = format!("ring{}", MADE.fetch_add(1, Ordering::Relaxed));
        let unique = c_string("a ring's name", &unique)?;
        let flags = producers | RING_F_SC_DEQ | RING_F_EXACT_SZ;
        // SAFETY: EAL is up; the name is copied.
        let raw = unsafe { dpdk_sys::rte_ring_create_elem(unique.as_ptr(), Self::SIZE, capacity, -1, flags) };
        let raw = NonNull::new(raw)
            .ok_or_else(|| error(Errno::last(), "give DPDK more memory, or the ring less room"))?;
        Ok(Self { raw, _items: PhantomData })
    }

    #[inline]
    fn push(&self, item: T) -> std::result::Result<(), T> {
        let item = ManuallyDrop::new(item);
        // SAFETY: one item of the ring's size, which the ring owns once it has copied it.
        let pushed = unsafe {
            dpdk_sys::shim_ring_enqueue_burst(self.raw.as_ptr(), (&raw const item).cast(), Self::SIZE, 1)
        };
        if pushed == 0 { Err(ManuallyDrop::into_inner(item)) } else { Ok(()) }
    }

    #[inline]
    fn push_bulk<const N: usize>(&self, items: &mut ArrayVec<T, N>) -> usize {
        let (first, len) = (items.as_mut_ptr(), items.len());
        // SAFETY: so many items of the ring's size, of which it owns those that it has copied: the
        // first ones. No vector is longer than an `u32`. The others move to the front.
        unsafe {
            let pushed =
                dpdk_sys::shim_ring_enqueue_burst(self.raw.as_ptr(), first.cast(), Self::SIZE, len as u32)
                    as usize;
            items.set_len(0);
            if pushed < len {
                ptr::copy(first.add(pushed), first, len - pushed);
                items.set_len(len - pushed);
            }
            pushed
        }
    }

    #[inline]
    fn pop(&self) -> Option<T> {
        let mut item = MaybeUninit::<T>::uninit();
        // SAFETY: there is room for one item of the ring's size.
        let popped = unsafe {
            dpdk_sys::shim_ring_dequeue_burst(self.raw.as_ptr(), item.as_mut_ptr().cast(), Self::SIZE, 1)
        };
        // SAFETY: the ring wrote the item and no longer owns it.
        (popped == 1).then(|| unsafe { item.assume_init() })
    }

    #[inline]
    fn pop_into<const N: usize>(&self, items: &mut ArrayVec<T, N>) -> usize {
        let (len, room) = (items.len(), items.remaining_capacity());
        // SAFETY: there is room for so many items of the ring's size behind those that are there,
        // and the ring no longer owns what it says it wrote. No vector is longer than an `u32`.
        unsafe {
            let free = items.as_mut_ptr().add(len);
            let popped =
                dpdk_sys::shim_ring_dequeue_burst(self.raw.as_ptr(), free.cast(), Self::SIZE, room as u32)
                    as usize;
            items.set_len(len + popped);
            popped
        }
    }

    fn len(&self) -> usize {
        // SAFETY: the ring is there until it is dropped.
        unsafe { dpdk_sys::shim_ring_count(self.raw.as_ptr()) as usize }
    }

    fn capacity(&self) -> usize {
        // SAFETY: the ring is there until it is dropped.
        unsafe { dpdk_sys::shim_ring_capacity(self.raw.as_ptr()) as usize }
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        while let Some(item) = self.pop() {
            drop(item);
        }
        // SAFETY: all ends are gone, and the ring is empty.
        unsafe { dpdk_sys::rte_ring_free(self.raw.as_ptr()) };
    }
}

/// The end of a ring that one thread pushes into.
pub struct Producer<T: Send> {
    ring: Arc<Ring<T>>,
    _not_sync: PhantomData<Cell<()>>,
}

impl<T: Send> Producer<T> {
    /// Pushes an item.
    ///
    /// # Errors
    ///
    /// Gives the item back when the ring is full.
    #[inline]
    pub fn push(&mut self, item: T) -> std::result::Result<(), T> {
        self.ring.push(item)
    }

    /// Pushes items from the front of `items` until the ring is full; returns how many. The others
    /// stay.
    #[inline]
    pub fn push_bulk<const N: usize>(&mut self, items: &mut ArrayVec<T, N>) -> usize {
        self.ring.push_bulk(items)
    }
}

/// The end of a ring that many threads push into; a clone for each, or one behind a reference.
pub struct SharedProducer<T: Send> {
    ring: Arc<Ring<T>>,
}

impl<T: Send> SharedProducer<T> {
    /// Pushes an item.
    ///
    /// # Errors
    ///
    /// Gives the item back when the ring is full.
    #[inline]
    pub fn push(&self, item: T) -> std::result::Result<(), T> {
        self.ring.push(item)
    }

    /// Pushes items from the front of `items` until the ring is full; returns how many. The others
    /// stay.
    #[inline]
    pub fn push_bulk<const N: usize>(&self, items: &mut ArrayVec<T, N>) -> usize {
        self.ring.push_bulk(items)
    }
}

impl<T: Send> Clone for SharedProducer<T> {
    fn clone(&self) -> Self {
        Self { ring: Arc::clone(&self.ring) }
    }
}

/// The end of a ring that one thread pops from.
pub struct Consumer<T: Send> {
    ring: Arc<Ring<T>>,
    _not_sync: PhantomData<Cell<()>>,
}

impl<T: Send> Consumer<T> {
    /// The oldest item, if there is one.
    #[inline]
    #[must_use]
    pub fn pop(&mut self) -> Option<T> {
        self.ring.pop()
    }

    /// Appends the oldest items to `items`, as many as fit; returns how many.
    #[inline]
    pub fn pop_into<const N: usize>(&mut self, items: &mut ArrayVec<T, N>) -> usize {
        self.ring.pop_into(items)
    }
}

macro_rules! ends {
    ($($end:ident),+) => {$(
        impl<T: Send> $end<T> {
            /// Items in the ring; a guess while another thread uses it.
            #[must_use]
            pub fn len(&self) -> usize {
                self.ring.len()
            }

            /// Whether the ring is empty; a guess while another thread uses it.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Items that fit the ring.
            #[must_use]
            pub fn capacity(&self) -> usize {
                self.ring.capacity()
            }
        }

        impl<T: Send> fmt::Debug for $end<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($end))
                    .field("len", &self.len())
                    .field("capacity", &self.capacity())
                    .finish()
            }
        }
    )+};
}

ends!(Producer, SharedProducer, Consumer);
