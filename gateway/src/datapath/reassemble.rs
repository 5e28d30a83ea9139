//! Fragments of outer packets, put together where the operator wants that (RFC 7637 §4.4 lets a receiver discard them).
//!
//! `rte_ip_frag` holds the fragments and links them. In front of it stands a [ledger], since the library alone takes a
//! repeated fragment for the packet's ruin, forgets the congestion marks of all but the first, and says of nothing why it
//! went: the ledger lets only such fragments in as make one packet, and knows when it is whole.

mod ledger;

use dpdk_bindings::{Burst, Eal, Mbuf, Reassembled, ReassemblyOptions, ReassemblyTable};
use zerocopy::FromBytes;

use crate::packet::ethernet::{self, Ethernet};
use crate::packet::ipv4::Ipv4;
use crate::packet::ipv6::{self, Ipv6};
use crate::tables::entries::ipv4_mapped;
use crate::tables::exchange::Millis;
use crate::telemetry::DropReason;
use crate::telemetry::counters::Counters;
use ledger::{CONGESTION, Key, Ledger, PACKETS, Part, Verdict, WAIT};

/// The outer fragments of one worker, bounded in number and time.
pub struct Reassembly {
    table: ReassemblyTable,
    ledger: Ledger,
    /// Fragments that wait.
    waiting: u32,
    /// No fragment has waited too long before this.
    due: Millis,
}

/// How often, in milliseconds, it is asked who has waited too long, once somebody may have.
const STEP: u64 = 100;

/// Which IP header a fragment has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outer {
    Ipv4,
    Ipv6,
}

/// A fragment's place in a frame, and in a packet.
#[derive(Debug, Clone, Copy)]
struct Fragment {
    outer: Outer,
    l3: u8,
    key: Key,
    part: Part,
}

impl Reassembly {
    /// Room for the fragments of one worker.
    ///
    /// # Errors
    /// Too little memory.
    pub fn new(eal: &Eal) -> Result<Self, dpdk_bindings::Error> {
        let options = ReassemblyOptions { packets: 2 * PACKETS as u32, timeout: WAIT };
        let table = ReassemblyTable::new(eal, &options)?;
        Ok(Self { table, ledger: Ledger::new(), waiting: 0, due: Millis(0) })
    }

    /// Fragments that wait for others of their packet.
    #[must_use]
    pub const fn waiting(&self) -> u32 {
        self.waiting
    }

    /// When fragments may have waited too long.
    #[inline(always)]
    #[must_use]
    pub fn wakeup(&self) -> Option<Millis> {
        (self.waiting > 0).then_some(self.due)
    }

    /// Frees the fragments that have waited too long, and counts them.
    #[cold]
    pub(super) fn expire(&mut self, now: Millis, counters: &Counters) {
        loop {
            match self.table.expire(now.0) {
                0 => break,
                expired => self.lose(expired, DropReason::ReassemblyTimeout, counters),
            }
        }
        self.due = Millis(now.0 + STEP);
    }

    /// Takes the fragment at a place of a burst, and puts its packet there if that makes it whole. Whether it does.
    #[cold]
    pub(super) fn join(&mut self, now: Millis, counters: &Counters, burst: &mut Burst, place: u8) -> bool {
        // The table forgets when the ledger does, so that it never finds what the ledger does not know of.
        self.expire(now, counters);
        match self.take(now, counters, burst, usize::from(place)) {
            Ok(None) => false,
            Ok(Some(whole)) => burst.put(place.into(), whole).is_ok(),
            Err(reason) => {
                counters.drop(reason);
                false
            }
        }
    }

    fn take(
        &mut self,
        now: Millis,
        counters: &Counters,
        burst: &mut Burst,
        place: usize,
    ) -> Result<Option<Mbuf>, DropReason> {
        let fragment = burst.get(place).and_then(read).ok_or(DropReason::ReassemblyInvalid)?;
        let Fragment { outer, l3, key, part } = fragment;
        // The only fragment of its packet has nothing to do with others (RFC 6946).
        let verdict = match part.start == 0 && !part.more {
            true => Verdict::Completes { congestion: false, fragments: 1 },
            false => self.ledger.enter(now, key, part)?,
        };
        let Some(mbuf) = burst.take(place) else { return Ok(None) };
        if self.waiting == 0 {
            self.due = Millis(now.0 + WAIT);
        }
        self.waiting += 1;
        let Reassembled { whole, freed } = match outer {
            Outer::Ipv4 => self.table.ipv4(mbuf, l3, now.0),
            Outer::Ipv6 => self.table.ipv6(mbuf, l3, now.0),
        };
        if freed > 0 {
            // Whatever the ledger allows, the table takes, if it has room.
            self.lose(freed, DropReason::ReassemblyFull, counters);
            self.ledger.forget(&key);
        }
        let (Some(mut whole), Verdict::Completes { congestion, fragments }) = (whole, verdict) else {
            return Ok(None);
        };
        self.waiting -= fragments;
        counters.reassembled.add(1);
        counters.reassembled_fragments.add(fragments.into());
        if congestion {
            mark(&mut whole, outer, l3.into());
        }
        // Headers are looked for in the first segment. Where not all of the packet fits that, its headers do: the first
        // fragment had them.
        let _: bool = whole.linearize();
        Ok(Some(whole))
    }

    fn lose(&mut self, fragments: u32, reason: DropReason, counters: &Counters) {
        self.waiting -= fragments;
        for _ in 0..fragments {
            counters.drop(reason);
        }
    }
}

/// Reads a frame that an earlier look has found to be a fragment. `None` where its fragment header does not follow the
/// IP header, as senders place it that have nothing to say to routers.
fn read(mbuf: &Mbuf) -> Option<Fragment> {
    let data = mbuf.data();
    let (frame, mut rest) = Ethernet::ref_from_prefix(data).ok()?;
    let mut ethertype = frame.ethertype();
    if ethertype == ethernet::VLAN {
        let (tag, after) = ethernet::Tag::ref_from_prefix(rest).ok()?;
        (ethertype, rest) = (tag.ethertype(), after);
    }
    let l3 = (data.len() - rest.len()) as u8;
    if ethertype == ethernet::IPV4 {
        let (header, _) = Ipv4::ref_from_prefix(rest).ok()?;
        let length = header.header_length();
        let key = Key {
            source: ipv4_mapped(header.source()),
            destination: ipv4_mapped(header.destination()),
            identification: header.identification().into(),
        };
        let part = Part {
            start: header.fragment_offset(),
            length: header.total_length().checked_sub(length)? as u16,
            more: header.more_fragments(),
            header: length as u16,
            ecn: header.tos & 3,
        };
        return Some(Fragment { outer: Outer::Ipv4, l3, key, part });
    }
    let (header, after) = Ipv6::ref_from_prefix(rest).ok()?;
    let named = header.next_header();
    let fragment = ipv6::behind(named, after)?.fragment.filter(|_| named == ipv6::FRAGMENT)?;
    let length = header.total_length().checked_sub(ipv6::HEADER + ipv6::FRAGMENT_HEADER)?;
    let key = Key {
        source: header.source(),
        destination: header.destination(),
        identification: fragment.identification,
    };
    let part = Part {
        start: fragment.offset,
        length: u16::try_from(length).ok()?,
        more: fragment.more,
        // The length that a header gives is without itself.
        header: 0,
        ecn: header.traffic_class() & 3,
    };
    Some(Fragment { outer: Outer::Ipv6, l3, key, part })
}

/// Marks a whole packet, of which a fragment was marked.
fn mark(whole: &mut Mbuf, outer: Outer, l3: usize) {
    let Some(bytes) = whole.data_mut().get_mut(l3..) else { return };
    match outer {
        Outer::Ipv4 => {
            if let Ok((header, _)) = Ipv4::mut_from_prefix(bytes) {
                header.set_tos(header.tos | CONGESTION);
            }
        }
        Outer::Ipv6 => {
            if let Ok((header, _)) = Ipv6::mut_from_prefix(bytes) {
                header.set_traffic_class(header.traffic_class() | CONGESTION);
            }
        }
    }
}
