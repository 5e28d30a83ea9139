//! Packets by the dozen: what a queue gives, and what a queue is given.

use std::fmt;
use std::mem::MaybeUninit;

use arrayvec::ArrayVec;
use dpdk_sys::rte_mbuf;

use crate::Mbuf;

/// Packets that one poll gives at most.
pub const BURST: usize = 64;

/// Packets that a [`TxBatch`] holds at most: what several bursts and the slow path leave for one
/// port.
pub const TX_BATCH: usize = 256;

/// Up to [`BURST`] packets, each of which can be taken out at its place.
///
/// What is left when the burst is cleared or dropped returns to its pools in bulk.
#[repr(C)]
pub struct Burst {
    /// The first `len` are initialized. The others are not even `None`: vectorized drivers write
    /// pointers that they still own behind the packets that they report.
    slots: [MaybeUninit<Option<Mbuf>>; BURST],
    len: usize,
}

impl Burst {
    /// No packets.
    #[must_use]
    pub const fn new() -> Self {
        Self { slots: [const { MaybeUninit::uninit() }; BURST], len: 0 }
    }

    /// How many places are used, those of packets that were taken out included.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no place is used.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    fn slot(&self, index: usize) -> Option<&Option<Mbuf>> {
        if index >= self.len {
            return None;
        }
        // SAFETY: the first `len` slots exist and are initialized.
        Some(unsafe { self.slots.get_unchecked(index).assume_init_ref() })
    }

    #[inline]
    fn slot_mut(&mut self, index: usize) -> Option<&mut Option<Mbuf>> {
        if index >= self.len {
            return None;
        }
        // SAFETY: the first `len` slots exist and are initialized.
        Some(unsafe { self.slots.get_unchecked_mut(index).assume_init_mut() })
    }

    /// The packet at that place, unless it was taken out.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Mbuf> {
        self.slot(index)?.as_ref()
    }

    /// The packet at that place, unless it was taken out.
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut Mbuf> {
        self.slot_mut(index)?.as_mut()
    }

    /// Takes the packet at that place out, unless that was done before.
    #[inline]
    #[must_use]
    pub fn take(&mut self, index: usize) -> Option<Mbuf> {
        self.slot_mut(index)?.take()
    }

    /// Puts a packet at a place whose packet was taken out.
    ///
    /// # Errors
    ///
    /// Gives the packet back where there is no such place, or a packet in it.
    #[inline]
    pub fn put(&mut self, index: usize, mbuf: Mbuf) -> Result<(), Mbuf> {
        match self.slot_mut(index) {
            Some(slot @ None) => {
                *slot = Some(mbuf);
                Ok(())
            }
            _ => Err(mbuf),
        }
    }

    /// As [`get`](Self::get), without looking.
    ///
    /// # Safety
    ///
    /// `index` is below [`len`](Self::len), and the packet there was not taken out.
    #[inline]
    #[must_use]
    pub unsafe fn get_unchecked(&self, index: usize) -> &Mbuf {
        debug_assert!(self.get(index).is_some());
        // SAFETY: the caller vouches that the slot is initialized and not `None`.
        unsafe { self.slots.get_unchecked(index).assume_init_ref().as_ref().unwrap_unchecked() }
    }

    /// As [`get_mut`](Self::get_mut), without looking.
    ///
    /// # Safety
    ///
    /// `index` is below [`len`](Self::len), and the packet there was not taken out.
    #[inline]
    #[must_use]
    pub unsafe fn get_unchecked_mut(&mut self, index: usize) -> &mut Mbuf {
        debug_assert!(self.get(index).is_some());
        // SAFETY: the caller vouches that the slot is initialized and not `None`.
        unsafe { self.slots.get_unchecked_mut(index).assume_init_mut().as_mut().unwrap_unchecked() }
    }

    /// As [`take`](Self::take), without looking.
    ///
    /// # Safety
    ///
    /// `index` is below [`len`](Self::len), and the packet there was not taken out.
    #[inline]
    #[must_use]
    pub unsafe fn take_unchecked(&mut self, index: usize) -> Mbuf {
        debug_assert!(self.get(index).is_some());
        // SAFETY: the caller vouches that the slot is initialized and not `None`.
        unsafe { self.slots.get_unchecked_mut(index).assume_init_mut().take().unwrap_unchecked() }
    }

    /// Appends a packet.
    ///
    /// # Errors
    ///
    /// Gives the packet back when all places are used.
    #[inline]
    pub fn push(&mut self, mbuf: Mbuf) -> Result<(), Mbuf> {
        let Some(slot) = self.slots.get_mut(self.len) else {
            return Err(mbuf);
        };
        slot.write(Some(mbuf));
        self.len += 1;
        Ok(())
    }

    /// The packets that are left.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = &Mbuf> {
        (0..self.len).filter_map(|index| self.get(index))
    }

    /// Takes all packets out that are left; those that the iterator is dropped with are freed.
    #[inline]
    pub fn drain(&mut self) -> Drain<'_> {
        Drain { burst: self, next: 0 }
    }

    /// Returns the packets that are left to their pools, in bulk; all places are free then.
    #[inline]
    pub fn clear(&mut self) {
        let any = self.slots.iter().take(self.len).fold(0, |any, slot| {
            // SAFETY: the first `len` slots are initialized, and an `Option<Mbuf>` is a pointer.
            any | unsafe { slot.as_ptr().cast::<usize>().read() }
        });
        let len = std::mem::take(&mut self.len);
        if any != 0 {
            // SAFETY: the first `len` slots are packets, which the burst no longer owns, or NULL,
            // which DPDK skips.
            unsafe { free(self.slots.as_mut_ptr().cast(), len) };
        }
    }

    /// Hands the free places to `receive`, which says how many of them it filled from the first on.
    ///
    /// # Safety
    ///
    /// The first so many places hold packets then that the burst may own, no more than there are.
    #[inline]
    pub(crate) unsafe fn extend_with(
        &mut self,
        receive: impl FnOnce(*mut *mut rte_mbuf, u16) -> u16,
    ) -> usize {
        // SAFETY: `len` is at most the number of slots.
        let free = unsafe { self.slots.as_mut_ptr().add(self.len) };
        // A burst has few enough places for their number to fit.
        let received = usize::from(receive(free.cast(), (BURST - self.len) as u16));
        self.len += received;
        received
    }
}

impl Default for Burst {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Burst {
    fn drop(&mut self) {
        self.clear();
    }
}

impl fmt::Debug for Burst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Takes the packets out of a [`Burst`]; see [`Burst::drain`].
#[derive(Debug)]
pub struct Drain<'a> {
    burst: &'a mut Burst,
    next: usize,
}

impl Iterator for Drain<'_> {
    type Item = Mbuf;

    #[inline]
    fn next(&mut self) -> Option<Mbuf> {
        while self.next < self.burst.len {
            let index = self.next;
            self.next += 1;
            if let Some(mbuf) = self.burst.take(index) {
                return Some(mbuf);
            }
        }
        None
    }
}

impl Drop for Drain<'_> {
    fn drop(&mut self) {
        self.burst.clear();
    }
}

/// Packets that wait for a [`TxQueue`](crate::TxQueue), up to [`TX_BATCH`]. Those that are left
/// when the batch is dropped return to their pools in bulk.
///
/// It knows its bytes and segments from when packets come in: a queue that sends it need not look at each of them again.
#[derive(Debug, Default)]
pub struct TxBatch {
    packets: ArrayVec<Mbuf, TX_BATCH>,
    bytes: u64,
    segments: u32,
}

impl TxBatch {
    /// No packets.
    #[must_use]
    pub const fn new() -> Self {
        Self { packets: ArrayVec::new_const(), bytes: 0, segments: 0 }
    }

    /// How many packets wait.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether no packet waits.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Appends a packet.
    ///
    /// # Errors
    ///
    /// Gives the packet back when the batch is full.
    #[inline]
    pub fn push(&mut self, mbuf: Mbuf) -> Result<(), Mbuf> {
        let (bytes, segments) = (mbuf.pkt_len(), mbuf.segment_count());
        self.packets.try_push(mbuf).map_err(|error| error.element())?;
        self.bytes += u64::from(bytes);
        self.segments += u32::from(segments);
        Ok(())
    }

    /// The packets in order.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[Mbuf] {
        &self.packets
    }

    /// The bytes of all packets.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether some packet has several segments.
    #[inline]
    pub(crate) fn is_chained(&self) -> bool {
        self.segments as usize != self.len()
    }

    /// Takes all packets out, in order.
    #[inline]
    pub fn drain(&mut self) -> impl Iterator<Item = Mbuf> {
        (self.bytes, self.segments) = (0, 0);
        self.packets.drain(..)
    }

    /// Returns the packets to their pools, in bulk.
    #[inline]
    pub fn clear(&mut self) {
        (self.bytes, self.segments) = (0, 0);
        free_bulk(&mut self.packets);
    }

    /// Copies packets of several segments together, and frees those that do not fit one; returns how many.
    #[cold]
    pub(crate) fn linearize(&mut self) -> usize {
        let before = self.len();
        self.packets.retain(Mbuf::linearize_for_good);
        self.bytes = self.packets.iter().map(|mbuf| u64::from(mbuf.pkt_len())).sum();
        self.segments = self.len() as u32;
        before - self.len()
    }

    /// Hands the packets to `send`, which says how many of them it took, from the first on; the
    /// others are freed in bulk.
    ///
    /// # Safety
    ///
    /// The first so many packets belong to somebody else then.
    #[inline]
    pub(crate) unsafe fn hand_over(
        &mut self,
        send: impl FnOnce(*mut *mut rte_mbuf, usize) -> usize,
    ) -> usize {
        let len = self.packets.len();
        // SAFETY: the packets are owned by this function from here on, as pointers.
        unsafe { self.packets.set_len(0) };
        (self.bytes, self.segments) = (0, 0);
        let packets: *mut *mut rte_mbuf = self.packets.as_mut_ptr().cast();
        let sent = send(packets, len);
        if sent < len {
            // SAFETY: the packets from `sent` on were not taken.
            unsafe { free(packets.add(sent), len - sent) };
        }
        sent
    }
}

impl Drop for TxBatch {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Returns packets to their pools, which is cheaper in bulk than one by one.
#[inline]
pub fn free_bulk<const N: usize>(mbufs: &mut ArrayVec<Mbuf, N>) {
    let len = mbufs.len();
    // SAFETY: the packets are owned by this function from here on, as pointers.
    unsafe { mbufs.set_len(0) };
    // SAFETY: so many packets, which nothing else owns.
    unsafe { free(mbufs.as_mut_ptr().cast(), len) };
}

/// # Safety
///
/// `mbufs` points to `len` packets that the caller owns, or NULLs.
#[inline]
unsafe fn free(mbufs: *mut *mut rte_mbuf, len: usize) {
    // SAFETY: as the caller vouches. No array of packets is longer than an `u32`.
    unsafe { dpdk_sys::rte_pktmbuf_free_bulk(mbufs, len as u32) };
}
