//! Which fragments of which packets have come, and which may not: books beside the table that holds them.

use arrayvec::ArrayVec;
use dpdk_bindings::FRAGMENTS;

use crate::tables::exchange::Millis;
use crate::tables::hash::mix;
use crate::telemetry::DropReason;

/// How long a packet's fragments wait for the others, in milliseconds. Fragments of one packet are sent in one go: what
/// has not come by then is lost.
pub(super) const WAIT: u64 = 2_000;
/// Packets whose fragments may wait at the same time; they share places by their hash.
const SETS: usize = 256;
const PLACES: usize = 4;
/// As [`SETS`] times [`PLACES`].
pub(super) const PACKETS: usize = SETS * PLACES;
/// Packets of one sender whose fragments may wait at the same time.
const OF_ONE: usize = PACKETS / 8;
/// The least that a first fragment carries: GRE, inner Ethernet, and an IPv4 header. What hides its headers in later
/// fragments is up to no good (RFC 1858 §3).
const LEAST: u16 = 8 + 14 + 20;

/// ECN field values (RFC 3168 §5).
const NOT_CAPABLE: u8 = 0;
pub(super) const CONGESTION: u8 = 3;

/// What all fragments of a packet have in common (RFC 791 §3.2, RFC 8200 §4.5). All carry the same protocol here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) source: u128,
    pub(super) destination: u128,
    pub(super) identification: u32,
}

impl Key {
    fn set(&self) -> usize {
        let fold = |address: u128| (address >> 64) as u64 ^ (address as u64).rotate_left(32);
        let addresses = mix(fold(self.source), fold(self.destination));
        mix(addresses, u64::from(self.identification)) as usize % SETS
    }
}

/// What a fragment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Where it starts and ends in the packet's payload, in bytes.
    pub(super) start: u16,
    pub(super) length: u16,
    /// Whether more follow.
    pub(super) more: bool,
    /// Length of its IP header that the whole packet keeps.
    pub(super) header: u16,
    /// Its ECN field.
    pub(super) ecn: u8,
}

/// What is known of a packet.
#[derive(Debug, Clone)]
struct Entry {
    key: Key,
    until: Millis,
    parts: ArrayVec<(u32, u32), FRAGMENTS>,
    /// Length of the payload, once the last fragment has come.
    end: Option<u32>,
    /// Length of the header, once the first one has come.
    header: Option<u16>,
    /// The ECN fields that have come, as a set of bits.
    marks: u8,
    /// Whether its fragments contradict each other: it is lost, with all that are still to come (RFC 5722 §4).
    spoilt: bool,
}

/// What becomes of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It waits.
    Waits,
    /// It is the last one that was missing. Whether congestion was marked on any.
    Completes {
        /// RFC 3168 §5.3: no mark may be lost.
        congestion: bool,
        /// How many fragments the packet has.
        fragments: u32,
    },
}

/// The packets of one worker.
pub(super) struct Ledger {
    sets: Box<[[Option<Entry>; PLACES]]>,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { sets: vec![const { [const { None }; PLACES] }; SETS].into_boxed_slice() }
    }

    /// Enters a fragment.
    ///
    /// # Errors
    /// It is not to be kept: for what it says, or for want of room.
    pub(super) fn enter(&mut self, now: Millis, key: Key, part: Part) -> Result<Verdict, DropReason> {
        if !part.is_possible() {
            return Err(DropReason::ReassemblyInvalid);
        }
        let Some(place) = self.place(now, &key) else { return Err(DropReason::ReassemblyFull) };
        let entry = place.get_or_insert_with(|| Entry::new(now, key));
        let verdict = entry.add(part)?;
        if let Verdict::Completes { .. } = verdict {
            *place = None;
        }
        Ok(verdict)
    }

    /// Forgets a packet whose fragments are gone.
    pub(super) fn forget(&mut self, key: &Key) {
        for place in &mut self.sets[key.set()] {
            if place.as_ref().is_some_and(|entry| entry.key == *key) {
                *place = None;
            }
        }
    }

    /// The place of a packet, or a free one. `None` where there is none, or its sender has enough.
    fn place(&mut self, now: Millis, key: &Key) -> Option<&mut Option<Entry>> {
        let live = |entry: &Entry| now < entry.until;
        let places = &mut self.sets[key.set()];
        for place in places.iter_mut() {
            if place.as_ref().is_some_and(|entry| !live(entry)) {
                *place = None;
            }
        }
        let of = |place: &Option<Entry>| place.as_ref().is_some_and(|entry| entry.key == *key);
        let known = places.iter().position(of);
        let index = match known {
            Some(index) => index,
            None => {
                let free = places.iter().position(Option::is_none)?;
                let others = self.sets.iter().flatten().flatten();
                let held = others.filter(|entry| entry.key.source == key.source && live(entry)).count();
                if held >= OF_ONE {
                    return None;
                }
                free
            }
        };
        self.sets[key.set()].get_mut(index)
    }
}

impl Part {
    /// Whether any packet can have such a part: with something in it, whole units where more follow, and no more than a
    /// packet can hold.
    fn is_possible(&self) -> bool {
        self.length > 0
            && (!self.more || self.length.is_multiple_of(8))
            && u32::from(self.header) + self.end() <= u32::from(u16::MAX)
            && (self.start > 0 || self.length >= LEAST)
    }

    fn end(&self) -> u32 {
        u32::from(self.start) + u32::from(self.length)
    }
}

impl Entry {
    fn new(now: Millis, key: Key) -> Self {
        let until = Millis(now.0 + WAIT);
        Self { key, until, parts: ArrayVec::new(), end: None, header: None, marks: 0, spoilt: false }
    }

    fn add(&mut self, part: Part) -> Result<Verdict, DropReason> {
        let (start, end) = (u32::from(part.start), part.end());
        // The network may repeat a packet: the one that came first counts (RFC 5722 §4).
        if self.spoilt || self.parts.contains(&(start, end)) && (part.more || self.end == Some(end)) {
            return Err(DropReason::ReassemblyInvalid);
        }
        if self.contradicts(part) {
            self.spoilt = true;
            return Err(DropReason::ReassemblyInvalid);
        }
        self.parts.push((start, end));
        self.marks |= 1 << part.ecn;
        if !part.more {
            self.end = Some(end);
        }
        if start == 0 {
            self.header = Some(part.header);
        }
        let come: u32 = self.parts.iter().map(|(start, end)| end - start).sum();
        if self.end != Some(come) || self.header.is_none() {
            return Ok(Verdict::Waits);
        }
        let congestion = self.marks & 1 << CONGESTION != 0;
        Ok(Verdict::Completes { congestion, fragments: self.parts.len() as u32 })
    }

    /// Whether the packet cannot have such a part, after what has come.
    fn contradicts(&self, part: Part) -> bool {
        let (start, end) = (u32::from(part.start), part.end());
        let overlaps = self.parts.iter().any(|other| start < other.1 && other.0 < end);
        let behind = match part.more {
            true => self.end.is_some_and(|last| end >= last),
            false => self.end.is_some() || self.parts.iter().any(|other| other.1 > end),
        };
        // There is a place for the first fragment and one for the last, whether they have come or not.
        let between = |start: u32, end: u32| start > 0 && self.end != Some(end);
        let inside = self.parts.iter().filter(|other| between(other.0, other.1)).count();
        let many = start > 0 && part.more && inside + 2 >= FRAGMENTS;
        let header = if start == 0 { Some(part.header) } else { self.header };
        let longest = self.parts.iter().map(|other| other.1).chain([end]).max().unwrap_or(end);
        let long = header.is_some_and(|header| u32::from(header) + longest > u32::from(u16::MAX));
        // A mark on a fragment, and others of the same packet that cannot have one (RFC 3168 §5.3).
        let marks = self.marks | 1 << part.ecn;
        let mixed = marks & 1 << CONGESTION != 0 && marks & 1 << NOT_CAPABLE != 0;
        overlaps || behind || many || long || mixed
    }
}

#[cfg(test)]
mod tests;
