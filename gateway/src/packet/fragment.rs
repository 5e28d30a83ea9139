//! Fragmentation of IPv4 packets (RFC 791 §3.2): which part goes into which fragment, under which header.

use std::ops::Range;

use arrayvec::ArrayVec;
use zerocopy::FromBytes;

use super::checksum;
use super::ipv4::{HEADER, Ipv4};

/// The longest header, options included.
const LONGEST: usize = 60;
/// Payloads are cut at multiples of so many bytes.
const UNIT: usize = 8;
/// In the word of flags and offset: more fragments follow.
const MORE: u16 = 0x2000;
/// In the same word: the offset, in units.
const OFFSET: u16 = 0x1fff;
/// In an option's type: every fragment has the option.
const COPIED: u8 = 0x80;
/// The option types of one byte: the end of all options, and one that fills space.
const END: u8 = 0;
const FILLER: u8 = 1;

/// A header with its options.
pub type Header = ArrayVec<u8, LONGEST>;

/// One fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Its header, complete.
    pub header: Header,
    /// Its part of the packet, in bytes from the start of the packet's header.
    pub part: Range<usize>,
}

/// The fragments of a packet that does not fit, in order.
///
/// Identification and all flags stay, so that a packet that is a fragment already becomes fragments of the same packet.
#[derive(Debug, Clone)]
pub struct Fragments {
    /// The header of the next fragment, but for what differs from one to the next.
    header: Header,
    /// The header of all that follow it: only some options go on (RFC 791 §3.1).
    later: Header,
    /// Flags and offset of the packet.
    place: u16,
    mtu: usize,
    /// Length of the packet, and of its header.
    total: usize,
    start: usize,
    /// Where the next part begins in the packet.
    next: usize,
}

impl Fragments {
    /// Cuts the packet that `packet` begins, a valid IPv4 header with its options, into fragments of at most `mtu`
    /// bytes. `None` where that has no room for the header and a unit of payload, and of a fragment that reaches
    /// beyond the longest packet that there is: no offset names places there.
    #[must_use]
    pub fn new(packet: &[u8], mtu: u16) -> Option<Self> {
        let (fixed, _) = Ipv4::ref_from_prefix(packet).ok()?;
        let length = fixed.header_length();
        let header: Header = packet.get(..length)?.try_into().ok()?;
        let total = fixed.total_length();
        let mtu = usize::from(mtu);
        if mtu < length + UNIT {
            return None;
        }
        let place = u16::from_be_bytes([header[6], header[7]]);
        let end = usize::from(place & OFFSET) * UNIT + total.checked_sub(length)?;
        if end > usize::from(u16::MAX) {
            return None;
        }
        let later = later(&header);
        Some(Self { header, later, place, mtu, total, start: length, next: length })
    }
}

impl Iterator for Fragments {
    type Item = Fragment;

    fn next(&mut self) -> Option<Fragment> {
        let at = self.next;
        if at >= self.total {
            return None;
        }
        let mut header = std::mem::replace(&mut self.header, self.later.clone());
        let room = self.mtu - header.len();
        let rest = self.total - at;
        let part = if rest <= room { rest } else { room / UNIT * UNIT };
        self.next = at + part;
        let more = if part < rest { MORE } else { 0 };
        // The packet's length fits 16 bits, and so do its parts'; their places are within the longest packet.
        let place = (self.place + ((at - self.start) / UNIT) as u16) | more;
        let total = (header.len() + part) as u16;
        header[2..4].copy_from_slice(&total.to_be_bytes());
        header[6..8].copy_from_slice(&place.to_be_bytes());
        header[10..12].fill(0);
        let checksum = !checksum::sum(&header);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        Some(Fragment { header, part: at..self.next })
    }
}

/// The header of a fragment that is not the first: with those options that go on, filled up to whole words.
fn later(header: &Header) -> Header {
    let mut later: Header = header[..HEADER].iter().copied().collect();
    let mut options = &header[HEADER..];
    while let Some(&kind) = options.first() {
        let length = match kind {
            END => break,
            FILLER => 1,
            _ => usize::from(options.get(1).copied().unwrap_or_default()),
        };
        // An option that contradicts itself ends them.
        let Some((option, rest)) = options.split_at_checked(length).filter(|_| length > 0) else { break };
        if kind & COPIED != 0 {
            later.extend(option.iter().copied());
        }
        options = rest;
    }
    while !later.len().is_multiple_of(4) {
        later.push(END);
    }
    later[0] = 0x40 | (later.len() / 4) as u8;
    later
}

#[cfg(test)]
mod tests;
