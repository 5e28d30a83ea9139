//! Putting fragmented IP packets together, by DPDK's `rte_ip_frag`.
//!
//! What the library leaves to its caller is done here, so that no bytes can make it link what is not there: lengths are
//! checked against the packet, padding is cut off, and what would be longer than an IP packet can be is refused. What it
//! does by itself: a packet whose fragments overlap, repeat or are more than [`FRAGMENTS`] is given up as a whole, since
//! it is put together only where fragments follow each other exactly and their lengths add up. It tells neither which
//! packet it gave up nor why, and forgets all marks but the first fragment's: who wants to know keeps books.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::ptr::NonNull;

use dpdk_sys::{rte_ip_frag_tbl, rte_mbuf};

use crate::error::{Errno, Error, Result};
use crate::{Eal, Mbuf};

/// Fragments that a packet may have.
pub const FRAGMENTS: usize = dpdk_sys::IP_FRAG_MAX as usize;

/// An IPv4 header without options.
const IPV4: usize = 20;
/// An IPv6 header, and the fragment header behind it (RFC 8200 §4.5).
const IPV6: usize = 40;
const FRAGMENT: usize = 8;
/// The protocol number of a fragment header.
const IS_FRAGMENT: u8 = 44;
/// The longest packet, without an IPv6 header.
const LONGEST: usize = u16::MAX as usize;
/// Packets that a table can have room for.
const MOST: u32 = 1 << 16;

/// The size of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReassemblyOptions {
    /// Packets whose fragments may wait at the same time.
    pub packets: u32,
    /// How long a packet's fragments wait from the first one's arrival on, in ticks of whatever clock its caller goes
    /// by; at least one.
    pub timeout: u64,
}

/// What became of a fragment.
#[derive(Debug)]
#[must_use = "a whole packet is to go on, and what was freed is to be counted"]
pub struct Reassembled {
    /// The packet that it made whole: an IP packet like any other, in several segments, its header checksum right.
    pub whole: Option<Mbuf>,
    /// Fragments that were freed, this one included if it was refused.
    pub freed: u32,
}

impl Reassembled {
    const REFUSED: Self = Self { whole: None, freed: 1 };
}

/// Packets of which some fragments have come.
///
/// It holds at most [`FRAGMENTS`] for each packet, which are freed when it is dropped.
pub struct ReassemblyTable {
    raw: NonNull<rte_ip_frag_tbl>,
    _not_sync: PhantomData<Cell<()>>,
}

// SAFETY: the table is memory of its own that nothing else knows of, and packets may be freed from any thread.
unsafe impl Send for ReassemblyTable {}

/// DPDK's function for one of the families.
type Reassemble =
    unsafe extern "C" fn(*mut rte_ip_frag_tbl, *mut rte_mbuf, u16, u16, u64, *mut u32) -> *mut rte_mbuf;

impl ReassemblyTable {
    /// Makes a table.
    ///
    /// # Errors
    ///
    /// Too little memory, and sizes that cannot be.
    pub fn new(_: &Eal, options: &ReassemblyOptions) -> Result<Self> {
        /// A packet has two buckets to be in, of so many places each.
        const PLACES: u32 = 4;
        /// DPDK's `SOCKET_ID_ANY`.
        const ANY_SOCKET: i32 = -1;
        let fault = |reason| Error::Reassembly { packets: options.packets, reason };
        if options.packets == 0 || options.packets > MOST {
            return Err(fault(Errno(libc::EINVAL)));
        }
        let buckets = options.packets.div_ceil(PLACES);
        // DPDK lets go of what has waited longer than it is told.
        let waiting = options.timeout.saturating_sub(1);
        // SAFETY: EAL is up; the numbers are in the ranges that the function wants.
        let raw = unsafe {
            dpdk_sys::rte_ip_frag_table_create(buckets, PLACES, options.packets, waiting, ANY_SOCKET)
        };
        let raw = NonNull::new(raw).ok_or_else(|| fault(Errno(libc::ENOMEM)))?;
        Ok(Self { raw, _not_sync: PhantomData })
    }

    /// Takes an IPv4 fragment whose IP header, in the first segment, starts behind `l2` bytes. What is no fragment is
    /// whole already.
    pub fn ipv4(&mut self, mbuf: Mbuf, l2: u8, now: u64) -> Reassembled {
        let Some(bytes) = mbuf.data().get(usize::from(l2)..) else { return Reassembled::REFUSED };
        let Some(header) = bytes.first_chunk::<IPV4>() else { return Reassembled::REFUSED };
        let length = usize::from(header[0] & 0x0f) * 4;
        if header[0] >> 4 != 4 || length < IPV4 || length > bytes.len() {
            return Reassembled::REFUSED;
        }
        let total = usize::from(word(header, 2));
        let place = word(header, 6);
        let piece = Piece { header: length, total, offset: place << 3, more: place & 0x2000 != 0 };
        let Reassembled { whole, freed } = self.take(mbuf, l2, piece, now, dpdk_sys::shim_ipv4_reassemble);
        match whole {
            Some(mut whole) if !piece.is_all() => match mend_ipv4(&mut whole, usize::from(l2)) {
                true => Reassembled { whole: Some(whole), freed },
                false => Reassembled { whole: None, freed: freed + u32::from(whole.segment_count()) },
            },
            whole => Reassembled { whole, freed },
        }
    }

    /// Takes an IPv6 fragment whose IP header, in the first segment, starts behind `l2` bytes, the fragment header right
    /// behind it: DPDK takes no other headers there. The only fragment of its packet (RFC 6946) is whole at once.
    pub fn ipv6(&mut self, mbuf: Mbuf, l2: u8, now: u64) -> Reassembled {
        let Some(bytes) = mbuf.data().get(usize::from(l2)..) else { return Reassembled::REFUSED };
        let Some(header) = bytes.first_chunk::<{ IPV6 + FRAGMENT }>() else { return Reassembled::REFUSED };
        if header[0] >> 4 != 6 || header[6] != IS_FRAGMENT {
            return Reassembled::REFUSED;
        }
        let total = IPV6 + usize::from(word(header, 4));
        let place = word(header, IPV6 + 2);
        let piece = Piece { header: header.len(), total, offset: place & !7, more: place & 1 != 0 };
        let mut reassembled = self.take(mbuf, l2, piece, now, dpdk_sys::shim_ipv6_reassemble);
        if piece.is_all()
            && let Some(whole) = &mut reassembled.whole
        {
            strip_fragment_header(whole, usize::from(l2));
        }
        reassembled
    }

    fn take(
        &mut self,
        mut mbuf: Mbuf,
        l2: u8,
        piece: Piece,
        now: u64,
        reassemble: Reassemble,
    ) -> Reassembled {
        if !piece.is_valid() || !mbuf.trim_to(u32::from(l2) + piece.total as u32) {
            return Reassembled::REFUSED;
        }
        if piece.is_all() {
            return Reassembled { whole: Some(mbuf), freed: 0 };
        }
        let mbuf = mem::ManuallyDrop::new(mbuf);
        let mut freed = 0;
        // SAFETY: the first segment has the headers, and the packet is exactly as long as they say, and longer than
        // they are. The table owns it from here on.
        let whole = unsafe {
            let (table, header) = (self.raw.as_ptr(), piece.header as u16);
            reassemble(table, mbuf.as_ptr(), l2.into(), header, now, &raw mut freed)
        };
        // SAFETY: what the table returns it has let go of: a packet with a consistent chain.
        let whole = NonNull::new(whole).map(|whole| unsafe { Mbuf::from_raw(whole) });
        Reassembled { whole, freed }
    }

    /// Frees fragments that have waited too long, some of them if they are very many; returns how many.
    pub fn expire(&mut self, now: u64) -> u32 {
        // SAFETY: the table is this one's own.
        unsafe { dpdk_sys::shim_ip_frag_expire(self.raw.as_ptr(), now) }
    }
}

impl Drop for ReassemblyTable {
    fn drop(&mut self) {
        // SAFETY: the table is this one's own, and nothing uses it any more. It frees the fragments that wait.
        unsafe { dpdk_sys::rte_ip_frag_table_destroy(self.raw.as_ptr()) };
    }
}

impl fmt::Debug for ReassemblyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReassemblyTable").finish_non_exhaustive()
    }
}

/// What a fragment says of itself, in bytes.
#[derive(Debug, Clone, Copy)]
struct Piece {
    /// Its headers, up to the part of the payload.
    header: usize,
    /// All of it.
    total: usize,
    /// Where its part starts in the packet's payload.
    offset: u16,
    /// Whether more parts follow.
    more: bool,
}

impl Piece {
    /// Whether it is the whole packet.
    fn is_all(&self) -> bool {
        self.offset == 0 && !self.more
    }

    /// Whether it can be a part of any packet.
    fn is_valid(&self) -> bool {
        let part = self.total.saturating_sub(self.header);
        (part > 0 || self.is_all() && self.total == self.header)
            && (!self.more || part.is_multiple_of(8))
            && usize::from(self.offset) + part <= LONGEST
    }
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Fills the header checksum in, which DPDK leaves to the device. `false` where the packet is longer than one can be:
/// its first fragment had a longer header than those that reached so far.
fn mend_ipv4(whole: &mut Mbuf, l2: usize) -> bool {
    if whole.pkt_len() as usize > l2 + LONGEST {
        return false;
    }
    let Some(header) = whole.data_mut().get_mut(l2..) else { return false };
    let length = header.first().map_or(0, |first| usize::from(first & 0x0f) * 4);
    let Some(header) = header.get_mut(..length) else { return false };
    let sum: u32 = (0..length).step_by(2).filter(|at| *at != 10).map(|at| u32::from(word(header, at))).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    header[10..12].copy_from_slice(&(!sum as u16).to_be_bytes());
    true
}

/// Takes the fragment header out.
fn strip_fragment_header(whole: &mut Mbuf, l2: usize) {
    let bytes = whole.data_mut();
    bytes[l2 + 6] = bytes[l2 + IPV6];
    let length = word(bytes, l2 + 4) - FRAGMENT as u16;
    bytes[l2 + 4..l2 + 6].copy_from_slice(&length.to_be_bytes());
    bytes.copy_within(..l2 + IPV6, FRAGMENT);
    // The first segment has both headers.
    let stripped = whole.adj(FRAGMENT as u16);
    debug_assert!(stripped);
}
