//! New headers in place of old ones.

use std::slice;

use super::raw::Segment;
use super::{Mbuf, trim_chain};

/// A packet that is about to lose its front, and all behind so many bytes, for a [new front](Self::finish). Until then it
/// is whole, but for what is written to it.
///
/// Two steps and no closure: what happens between them is compiled into the loop that does it.
pub struct Reframing<'m, const N: usize> {
    /// The `N` bytes before what is left of the packet.
    pub room: &'m mut [u8; N],
    /// As much of that as is in the first segment.
    pub rest: &'m mut [u8],
    head: Segment,
    strip: u16,
    length: u16,
    single: bool,
}

impl Mbuf {
    /// Begins to exchange the packet's first `strip` bytes, and all after the `length` bytes that follow them, for a new
    /// front of at most `N` bytes.
    ///
    /// `None` where the packet is shorter, the first segment has less than `strip` bytes, or the room is smaller.
    #[inline(always)]
    #[must_use]
    pub fn reframe<const N: usize>(&mut self, strip: u16, length: u16) -> Option<Reframing<'_, N>> {
        let head = self.head();
        let single = head.nb_segs() == 1;
        // A packet in one segment has no bytes but that one's.
        let rest = if single { length } else { self.kept_of_first(strip, length)? };
        if u32::from(strip) + u32::from(rest) > u32::from(head.data_len())
            || usize::from(head.data_off()) + usize::from(strip) < N
        {
            return None;
        }
        // SAFETY: the first segment has `strip` bytes, so this points into it or behind its end; before it lie at
        // least `N` bytes of the buffer, behind it `rest` bytes of the segment. The two do not overlap, and `self` is
        // borrowed mutably. Pools hand their buffers out zeroed or used, so the bytes are initialized.
        let (room, rest) = unsafe {
            let start = head.data().add(usize::from(strip));
            (&mut *start.sub(N).cast::<[u8; N]>(), slice::from_raw_parts_mut(start, usize::from(rest)))
        };
        Some(Reframing { room, rest, head, strip, length, single })
    }

    /// How many bytes of the first of several segments are kept when the packet loses its first `strip` bytes and all after
    /// the `length` bytes that follow; `None` where it is shorter than that.
    #[cold]
    fn kept_of_first(&self, strip: u16, length: u16) -> Option<u16> {
        let kept = u32::from(strip) + u32::from(length);
        (kept <= self.pkt_len()).then(|| self.data_len().saturating_sub(strip).min(length))
    }
}

impl<const N: usize> Reframing<'_, N> {
    /// Makes the last `added` bytes of the room, of which there are not more than `N`, the packet's new front.
    #[inline(always)]
    pub fn finish(self, added: u16) {
        let Self { rest, head, strip, length, single, .. } = self;
        let added = added.min(N as u16);
        if !single {
            trim_chain(head, u32::from(strip) + u32::from(length));
        }
        // The room before the packet's old front had `N` bytes at least.
        head.set_data_off((head.data_off() + strip).wrapping_sub(added));
        head.set_data_len((rest.len() as u16).wrapping_add(added));
        head.set_pkt_len(u32::from(length) + u32::from(added));
    }
}
