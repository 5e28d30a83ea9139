//! Packet buffers.

mod near;
mod offload;
mod raw;
mod reframe;

use std::fmt;
use std::mem;
use std::ptr::NonNull;
use std::slice;

use dpdk_sys::rte_mbuf;

pub use offload::{Checksum, Network, Transport, TxChecksum};
use raw::Segment;
pub use reframe::Reframing;

/// A packet, which owns its buffers: one, or a chain of segments. Dropping it returns them to
/// their pools.
///
/// The bytes that [`prepend`](Self::prepend) and [`append`](Self::append) add are whatever an
/// earlier packet left there: write them.
#[repr(transparent)]
pub struct Mbuf(NonNull<rte_mbuf>);

// SAFETY: a packet is owned by its `Mbuf` alone, and pools take buffers back from any thread.
unsafe impl Send for Mbuf {}

impl Mbuf {
    /// # Safety
    ///
    /// `mbuf` is the first segment of a packet that nothing else owns, with a consistent chain.
    #[inline]
    pub(crate) unsafe fn from_raw(mbuf: NonNull<rte_mbuf>) -> Self {
        Self(mbuf)
    }

    #[inline]
    fn head(&self) -> Segment {
        // SAFETY: `self` owns the chain, and hands out segments only while it is borrowed.
        unsafe { Segment::new(self.0) }
    }

    /// The segment after which the next one would be chained.
    #[inline]
    fn tail(&self) -> Segment {
        let mut tail = self.head();
        for _ in 1..self.segment_count() {
            let Some(next) = tail.next() else { break };
            tail = next;
        }
        tail
    }

    /// DPDK's own pointer. It is valid, and the packet unchanged by others, as long as `self` is
    /// not borrowed mutably or moved.
    #[inline]
    #[must_use]
    pub fn as_ptr(&self) -> *mut rte_mbuf {
        self.0.as_ptr()
    }

    /// Where the packet's first byte is. The first [`data_len`](Self::data_len) bytes may be read.
    #[inline]
    #[must_use]
    pub fn data_ptr(&self) -> *const u8 {
        self.head().data()
    }

    /// Where the packet's first byte is. The first [`data_len`](Self::data_len) bytes may be read
    /// and written.
    #[inline]
    #[must_use]
    pub fn data_ptr_mut(&mut self) -> *mut u8 {
        self.head().data()
    }

    /// The bytes of the first segment: the whole packet, if it [is contiguous](Self::is_contiguous).
    #[inline]
    #[must_use]
    pub fn data(&self) -> &[u8] {
        let head = self.head();
        // SAFETY: the segment has that many initialized bytes, which `self` owns.
        unsafe { slice::from_raw_parts(head.data(), usize::from(head.data_len())) }
    }

    /// As [`data`](Self::data), to write.
    #[inline]
    #[must_use]
    pub fn data_mut(&mut self) -> &mut [u8] {
        let head = self.head();
        // SAFETY: as in `data`, and `self` is borrowed mutably.
        unsafe { slice::from_raw_parts_mut(head.data(), usize::from(head.data_len())) }
    }

    /// Bytes of the first segment.
    #[inline]
    #[must_use]
    pub fn data_len(&self) -> u16 {
        self.head().data_len()
    }

    /// Bytes of the packet.
    #[inline]
    #[must_use]
    pub fn pkt_len(&self) -> u32 {
        self.head().pkt_len()
    }

    /// How many segments the packet has; at least one.
    #[inline]
    #[must_use]
    pub fn segment_count(&self) -> u16 {
        self.head().nb_segs()
    }

    /// Whether the packet is in one segment.
    #[inline]
    #[must_use]
    pub fn is_contiguous(&self) -> bool {
        self.segment_count() == 1
    }

    /// The bytes of every segment in turn.
    #[inline]
    #[must_use]
    pub fn segments(&self) -> Segments<'_> {
        Segments { next: Some(self.head()), left: self.segment_count(), _packet: self }
    }

    /// Free bytes in front of the packet.
    #[inline]
    #[must_use]
    pub fn headroom(&self) -> u16 {
        self.head().data_off()
    }

    /// Free bytes behind the packet, in its last segment.
    #[inline]
    #[must_use]
    pub fn tailroom(&self) -> u16 {
        self.tail().tailroom()
    }

    /// Grows the packet by `n` bytes at its front, and returns these. `None` changes nothing: the
    /// headroom is too small.
    #[inline]
    #[must_use]
    pub fn prepend(&mut self, n: u16) -> Option<&mut [u8]> {
        if n > self.headroom() {
            return None;
        }
        // SAFETY: the headroom has `n` bytes.
        let front = unsafe { self.prepend_unchecked(n) };
        // SAFETY: the `n` bytes at the front are the packet's now, and `self` is borrowed mutably.
        Some(unsafe { slice::from_raw_parts_mut(front, usize::from(n)) })
    }

    /// As [`prepend`](Self::prepend), without looking; returns where the packet starts now.
    ///
    /// # Safety
    ///
    /// `n` is at most [`headroom`](Self::headroom).
    #[inline]
    pub unsafe fn prepend_unchecked(&mut self, n: u16) -> *mut u8 {
        let head = self.head();
        debug_assert!(n <= head.data_off());
        head.set_data_off(head.data_off().wrapping_sub(n));
        head.set_data_len(head.data_len().wrapping_add(n));
        head.set_pkt_len(head.pkt_len().wrapping_add(u32::from(n)));
        head.data()
    }

    /// Removes `n` bytes at the front. `false` changes nothing: the first segment is shorter.
    #[inline]
    #[must_use]
    pub fn adj(&mut self, n: u16) -> bool {
        if n > self.data_len() {
            return false;
        }
        // SAFETY: the first segment has `n` bytes.
        unsafe { self.adj_unchecked(n) };
        true
    }

    /// As [`adj`](Self::adj), without looking.
    ///
    /// # Safety
    ///
    /// `n` is at most [`data_len`](Self::data_len).
    #[inline]
    pub unsafe fn adj_unchecked(&mut self, n: u16) {
        let head = self.head();
        debug_assert!(n <= head.data_len());
        head.set_data_off(head.data_off().wrapping_add(n));
        head.set_data_len(head.data_len().wrapping_sub(n));
        head.set_pkt_len(head.pkt_len().wrapping_sub(u32::from(n)));
    }

    /// Cuts the packet's end off, so that `len` bytes are left; segments that are empty then return
    /// to their pools. `false` changes nothing: the packet is shorter than that.
    #[inline]
    #[must_use]
    pub fn trim_to(&mut self, len: u32) -> bool {
        let head = self.head();
        if len > head.pkt_len() {
            return false;
        }
        if head.nb_segs() == 1 {
            // The packet's length is that of its only segment, so this cuts nothing off the number.
            head.set_data_len(len as u16);
        } else {
            trim_chain(head, len);
        }
        head.set_pkt_len(len);
        true
    }

    /// Grows the packet by `n` bytes at its end, in its last segment, and returns these. `None`
    /// changes nothing: the tailroom is too small.
    #[inline]
    #[must_use]
    pub fn append(&mut self, n: u16) -> Option<&mut [u8]> {
        let (head, tail) = (self.head(), self.tail());
        if n > tail.tailroom() {
            return None;
        }
        let len = tail.data_len();
        tail.set_data_len(len + n);
        head.set_pkt_len(head.pkt_len() + u32::from(n));
        // SAFETY: the `n` bytes behind the segment's old end are in its buffer and the packet's
        // now, and `self` is borrowed mutably.
        Some(unsafe { slice::from_raw_parts_mut(tail.data().add(usize::from(len)), usize::from(n)) })
    }

    /// Appends these bytes in the last segment. `false` changes nothing: the tailroom is too small.
    #[inline]
    #[must_use]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) -> bool {
        let Some(room) = u16::try_from(bytes.len()).ok().and_then(|n| self.append(n)) else {
            return false;
        };
        room.copy_from_slice(bytes);
        true
    }

    /// Appends another packet's segments to this one's.
    ///
    /// # Errors
    ///
    /// Gives `other` back, and changes nothing, when the chain would be too long.
    pub fn chain(&mut self, other: Self) -> Result<(), Self> {
        let head = self.head();
        let (Some(segments), Some(len)) =
            (head.nb_segs().checked_add(other.segment_count()), head.pkt_len().checked_add(other.pkt_len()))
        else {
            return Err(other);
        };
        self.tail().set_next(Some(other.head()));
        head.set_nb_segs(segments);
        head.set_pkt_len(len);
        mem::forget(other);
        Ok(())
    }

    /// Copies all segments into the first one. `false` changes nothing: it has no room for them.
    #[must_use]
    pub fn linearize(&mut self) -> bool {
        // SAFETY: `self` owns the whole chain.
        unsafe { dpdk_sys::shim_pktmbuf_linearize(self.as_ptr()) == 0 }
    }

    /// As [`linearize`](Self::linearize), with the free bytes in front of the packet as more room, which it uses up:
    /// for packets that get no more headers.
    #[must_use]
    pub(crate) fn linearize_for_good(&mut self) -> bool {
        let head = self.head();
        if self.linearize() {
            return true;
        }
        let (front, len) = (self.headroom(), self.data_len());
        let room = u32::from(front) + u32::from(head.tailroom()) + u32::from(len);
        if self.pkt_len() > room {
            return false;
        }
        // SAFETY: the headroom and the segment's bytes are one piece of its buffer, and `self` is borrowed mutably.
        let buffer = unsafe {
            slice::from_raw_parts_mut(
                head.data().sub(usize::from(front)),
                usize::from(front) + usize::from(len),
            )
        };
        buffer.copy_within(usize::from(front).., 0);
        head.set_data_off(0);
        self.linearize()
    }

    /// Copies the bytes from `offset` on, from whichever segments, into `out`. `false` where the packet has fewer; `out`
    /// has some of them then.
    #[must_use]
    pub fn read(&self, offset: usize, out: &mut [u8]) -> bool {
        let (mut skip, mut done) = (offset, 0);
        for segment in self.segments() {
            let bytes = segment.get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(segment.len());
            let n = bytes.len().min(out.len() - done);
            out[done..done + n].copy_from_slice(&bytes[..n]);
            done += n;
        }
        done == out.len()
    }

    /// Appends a copy of the packet's bytes, from all its segments, to `out`.
    pub fn copy_to(&self, out: &mut Vec<u8>) {
        for segment in self.segments() {
            out.extend_from_slice(segment);
        }
    }

    /// DPDK's number of the port that received the packet.
    #[inline]
    #[must_use]
    pub fn port(&self) -> u16 {
        self.head().port()
    }

    /// Asks the processor for the packet's first bytes, which are wanted soon.
    #[inline]
    pub fn prefetch_data(&self) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch of any address is harmless, and every x86-64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(self.head().data().cast()) };
    }
}

/// Shortens the chain of a packet that the caller has borrowed mutably, which has `len` bytes or more, and leaves the
/// packet's length alone.
fn trim_chain(head: Segment, len: u32) {
    let (mut last, mut kept, mut left) = (head, 1, len);
    while left > u32::from(last.data_len()) {
        let Some(next) = last.next() else { return };
        left -= u32::from(last.data_len());
        last = next;
        kept += 1;
    }
    // `left` is at most the segment's length.
    last.set_data_len(left as u16);
    head.set_nb_segs(kept);
    if let Some(rest) = last.next() {
        last.set_next(None);
        // SAFETY: the chain from `rest` on was this packet's and is no longer in it.
        drop(unsafe { Mbuf::from_raw(rest.as_non_null()) });
    }
}

impl Drop for Mbuf {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `self` owns the chain and is gone after this.
        unsafe { dpdk_sys::shim_pktmbuf_free(self.as_ptr()) };
    }
}

impl fmt::Debug for Mbuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mbuf")
            .field("pkt_len", &self.pkt_len())
            .field("segments", &self.segment_count())
            .field("port", &self.port())
            .finish_non_exhaustive()
    }
}

/// The bytes of a packet, segment by segment; see [`Mbuf::segments`].
#[derive(Debug, Clone)]
pub struct Segments<'a> {
    next: Option<Segment>,
    left: u16,
    _packet: &'a Mbuf,
}

impl<'a> Iterator for Segments<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let segment = self.next?;
        self.left -= 1;
        // The pointer to the next segment is in a cache line of its own: the last one is not asked.
        self.next = if self.left == 0 { None } else { segment.next() };
        // SAFETY: the segment has that many initialized bytes, and its packet is borrowed for 'a.
        Some(unsafe { slice::from_raw_parts(segment.data(), usize::from(segment.data_len())) })
    }
}
