//! New headers in place of old ones.

use std::slice;

use super::raw::Segment;
use super::{Mbuf, trim_chain};

/// A packet that is about to [lose](Self::finish) its front, and all behind so many bytes, and to get a new front.
///
/// Two steps and no closure: what happens between them is compiled into the loop that does it.
#[must_use = "nothing is exchanged before it is finished"]
pub struct Reframing<'m, const N: usize> {
    /// The `N` bytes before what is left of the packet.
    pub room: &'m mut [u8; N],
    /// As much of that as is in the first segment.
    pub rest: &'m mut [u8],
    head: Segment,
    /// Where what is left begins in the first segment's buffer.
    start: u16,
    /// How many bytes are left.
    length: u16,
}

impl Mbuf {
    /// Begins to exchange the packet's first `strip` bytes, and all after the `length` bytes that follow them, for a new
    /// front of at most `N` bytes.
    ///
    /// `None` where the packet is shorter, the first segment has less than `strip` bytes, or the room is smaller. A packet
    /// of several segments may have lost its end then, or where the exchange is not [finished](Reframing::finish).
    #[inline(always)]
    #[must_use]
    pub fn reframe<const N: usize>(&mut self, strip: u16, length: u16) -> Option<Reframing<'_, N>> {
        let head = self.head();
        // A packet in one segment has no bytes but that one's.
        let rest = if head.nb_segs() == 1 { length } else { kept_of_first(head, strip, length)? };
        let start = u32::from(head.data_off()) + u32::from(strip);
        if u32::from(strip) + u32::from(rest) > u32::from(head.data_len()) || start < N as u32 {
            return None;
        }
        // SAFETY: behind its first `strip` bytes the segment has `rest` more; before them lie at least `N` bytes of the
        // buffer. The two do not overlap, and `self` is borrowed mutably. Pools hand their buffers out zeroed or used, so
        // the bytes are initialized.
        let (room, rest) = unsafe {
            let first = head.data().add(usize::from(strip));
            (&mut *first.sub(N).cast::<[u8; N]>(), slice::from_raw_parts_mut(first, usize::from(rest)))
        };
        // The segment's buffer has so many bytes, so their number fits.
        Some(Reframing { room, rest, head, start: start as u16, length })
    }
}

/// Cuts off all after the first `strip` bytes of a packet of several segments, borrowed mutably, and the `length` bytes
/// that follow. How many of the latter are in the first segment; `None` where the packet is shorter.
#[cold]
fn kept_of_first(head: Segment, strip: u16, length: u16) -> Option<u16> {
    let kept = u32::from(strip) + u32::from(length);
    if kept > head.pkt_len() {
        return None;
    }
    trim_chain(head, kept);
    head.set_pkt_len(kept);
    Some(head.data_len().saturating_sub(strip))
}

impl<const N: usize> Reframing<'_, N> {
    /// Makes the last `added` bytes of the room the packet's new front. Nothing is exchanged if that is more than `N`.
    #[inline(always)]
    pub fn finish(self, added: u16) {
        let Self { head, start, length, rest, .. } = self;
        debug_assert!(usize::from(added) <= N, "more than the room has");
        if usize::from(added) > N {
            return;
        }
        head.set_data_off(start.wrapping_sub(added));
        // The slice is as long as a number of 16 bits says.
        head.set_data_len((rest.len() as u16).wrapping_add(added));
        head.set_pkt_len(u32::from(length) + u32::from(added));
    }
}
