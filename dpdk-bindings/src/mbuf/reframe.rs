//! New headers in place of old ones.

use std::slice;

use super::raw::Segment;
use super::{Mbuf, trim_chain};

/// A packet that has lost its front, and all behind so many bytes, and is about to get a [new front](Self::finish).
///
/// Two steps and no closure: what happens between them is compiled into the loop that does it.
pub struct Reframing<'m, const N: usize> {
    /// The `N` bytes before what is left of the packet.
    pub room: &'m mut [u8; N],
    /// As much of that as is in the first segment.
    pub rest: &'m mut [u8],
    head: Segment,
}

impl Mbuf {
    /// Begins to exchange the packet's first `strip` bytes, and all after the `length` bytes that follow them, for a new
    /// front of at most `N` bytes. The packet is without them from here on, whatever becomes of the new front.
    ///
    /// `None` where the packet is shorter, the first segment has less than `strip` bytes, or the room is smaller; a packet
    /// of several segments may have lost its end then.
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
        // The segment's buffer has so many bytes, so their number fits.
        head.set_data_off(start as u16);
        head.set_data_len(rest);
        head.set_pkt_len(u32::from(length));
        // SAFETY: the segment has `rest` bytes; before it lie at least `N` bytes of the buffer. The two do not overlap, and
        // `self` is borrowed mutably. Pools hand their buffers out zeroed or used, so the bytes are initialized.
        let (room, rest) = unsafe {
            let start = head.data();
            (&mut *start.sub(N).cast::<[u8; N]>(), slice::from_raw_parts_mut(start, usize::from(rest)))
        };
        Some(Reframing { room, rest, head })
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
    /// Makes the last `added` bytes of the room the packet's new front. It has no such front if that is more than `N`.
    #[inline(always)]
    pub fn finish(self, added: u16) {
        let head = self.head;
        debug_assert!(usize::from(added) <= N, "more than the room has");
        if usize::from(added) > N {
            return;
        }
        head.set_data_off(head.data_off().wrapping_sub(added));
        head.set_data_len(head.data_len().wrapping_add(added));
        head.set_pkt_len(head.pkt_len() + u32::from(added));
    }
}
