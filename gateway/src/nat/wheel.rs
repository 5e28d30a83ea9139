//! The timer wheel: when to look at which entry again.
//!
//! A slot for each of the next seconds (of 1024 ms) and, within the current one, for each millisecond. An entry waits
//! in one slot at most, in a singly linked list, and is not moved when a packet refreshes it: who takes it out looks how
//! much time is left and puts it back. So that an entry is never late whose time-out becomes shorter, none waits longer
//! than [`LONGEST`], nor than the caller's own bound.

use super::entry::Entry;
use super::sessions::Sessions;
use crate::tables::{NONE, prefetch};

/// The longest that an entry waits before it is looked at, in milliseconds.
pub(super) const LONGEST: u64 = 32_000;

const FINE_BITS: u32 = 10;
const FINE: u64 = 1 << FINE_BITS;
const COARSE: u64 = 64;

// An entry never comes to a slot whose second is more than one turn away.
const _: () = assert!(LONGEST / FINE + 2 < COARSE);

/// Heads of the lists, and the time.
pub(super) struct Wheel {
    fine: [u32; FINE as usize],
    /// Fine slots that are not empty.
    fine_filled: [u64; FINE as usize / 64],
    coarse: [u32; COARSE as usize],
    /// Coarse slots that are not empty.
    coarse_filled: u64,
    /// Slots before this millisecond are empty.
    cursor: u64,
    /// The second whose entries are in the fine slots.
    second: u64,
    /// Taken out of their slot, and due.
    pending: u32,
    /// Nothing is due before.
    soonest: u64,
}

impl Wheel {
    /// An empty wheel.
    pub(super) const fn new() -> Self {
        Self {
            fine: [NONE; FINE as usize],
            fine_filled: [0; FINE as usize / 64],
            coarse: [NONE; COARSE as usize],
            coarse_filled: 0,
            cursor: 0,
            second: 0,
            pending: NONE,
            soonest: u64::MAX,
        }
    }

    /// No [`next`](Self::next) before this time gives anything; `u64::MAX`: nothing waits.
    #[inline(always)]
    pub(super) const fn soonest(&self) -> u64 {
        self.soonest
    }

    /// The earliest that something put in now comes out.
    pub(super) const fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Lets an entry wait that is in no slot, from `now` until `due` or some time before.
    pub(super) fn put(&mut self, sessions: &mut Sessions, index: u32, now: u64, due: u64) {
        if self.soonest == u64::MAX {
            // Nobody turned the wheel while it was empty.
            self.cursor = self.cursor.max(now);
            self.second = self.cursor >> FINE_BITS;
        }
        let due = due.clamp(self.cursor, self.cursor + LONGEST);
        let second = due >> FINE_BITS;
        let (slot, starts) = if second == self.second {
            let place = (due % FINE) as usize;
            self.fine_filled[place / 64] |= 1 << (place % 64);
            (&mut self.fine[place], due)
        } else {
            let place = second % COARSE;
            self.coarse_filled |= 1 << place;
            (&mut self.coarse[place as usize], second << FINE_BITS)
        };
        let entry = &mut sessions[index];
        entry.next = *slot;
        entry.set(Entry::LINKED, true);
        *slot = index;
        self.soonest = self.soonest.min(starts);
    }

    /// Gives back what [`next`](Self::next) gave last, to be the next again.
    pub(super) fn put_back(&mut self, sessions: &mut Sessions, index: u32) {
        let entry = &mut sessions[index];
        entry.next = self.pending;
        entry.set(Entry::LINKED, true);
        self.pending = index;
        self.soonest = self.cursor;
    }

    /// Takes out an entry to look at: its time has come, or it has waited long. `None`: nothing is due.
    pub(super) fn next(&mut self, sessions: &mut Sessions, now: u64) -> Option<u32> {
        loop {
            if self.pending != NONE {
                let index = self.pending;
                let entry = &mut sessions[index];
                entry.set(Entry::LINKED, false);
                self.pending = entry.next;
                prefetch(&sessions[self.pending]);
                return Some(index);
            }
            self.soonest = self.earliest();
            if self.soonest > now {
                self.cursor = self.cursor.max(now + 1).min(self.soonest);
                return None;
            }
            self.cursor = self.soonest;
            let second = self.cursor >> FINE_BITS;
            if second == self.second {
                let place = (self.cursor % FINE) as usize;
                self.fine_filled[place / 64] &= !(1 << (place % 64));
                self.pending = std::mem::replace(&mut self.fine[place], NONE);
            } else {
                let place = second % COARSE;
                self.second = second;
                self.coarse_filled &= !(1 << place);
                self.pending = std::mem::replace(&mut self.coarse[place as usize], NONE);
            }
        }
    }

    /// The start of the first slot that is not empty, or `u64::MAX`.
    fn earliest(&self) -> u64 {
        let from = if self.cursor >> FINE_BITS == self.second {
            (self.cursor % FINE) as usize
        } else {
            FINE as usize
        };
        let mut word = from / 64;
        let mut mask = u64::MAX << (from % 64);
        while let Some(filled) = self.fine_filled.get(word) {
            if filled & mask != 0 {
                let place = word as u64 * 64 + u64::from((filled & mask).trailing_zeros());
                return self.second << FINE_BITS | place;
            }
            (word, mask) = (word + 1, u64::MAX);
        }
        if self.coarse_filled == 0 {
            return u64::MAX;
        }
        // The second of the cursor may itself not have come to the fine slots.
        let first = (self.cursor >> FINE_BITS).max(self.second + 1);
        let ahead = self.coarse_filled.rotate_right((first % COARSE) as u32).trailing_zeros();
        (first + u64::from(ahead)) << FINE_BITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nat::random::Random;

    /// A wheel whose entries have a time each, in a table by index.
    struct Clock {
        sessions: Sessions,
        wheel: Wheel,
        due: Vec<u64>,
        now: u64,
        /// How often an entry was looked at in vain.
        looks: usize,
    }

    impl Clock {
        fn new(entries: usize) -> Self {
            let sessions = Sessions::new(entries, 1).expect("memory");
            Self { sessions, wheel: Wheel::new(), due: vec![u64::MAX; entries + 1], now: 0, looks: 0 }
        }

        fn put(&mut self, index: u32, due: u64) {
            self.due[index as usize] = due;
            self.wheel.put(&mut self.sessions, index, self.now, due);
        }

        /// Those whose time has come by `now`; the others go back.
        fn due(&mut self, now: u64) -> Vec<u32> {
            self.now = now;
            let mut over = Vec::new();
            while let Some(index) = self.wheel.next(&mut self.sessions, now) {
                assert!(!self.sessions[index].has(Entry::LINKED));
                let due = self.due[index as usize];
                if due <= now {
                    over.push(index);
                } else {
                    self.wheel.put(&mut self.sessions, index, now, due);
                    self.looks += 1;
                }
            }
            over
        }
    }

    #[test]
    fn an_entry_comes_in_its_millisecond() {
        for wait in [0, 1, 500, 1023, 1024, 1025, 31_999, 32_000, 32_001, 65_536, 100_000, 86_400_000] {
            let mut clock = Clock::new(1);
            clock.due(777_777);
            let due = clock.wheel.cursor() + wait;
            clock.put(1, due);
            let mut seen = clock.wheel.cursor();
            while seen < due {
                assert!(clock.due(seen).is_empty(), "{wait} {seen}");
                assert!(clock.wheel.soonest() > seen);
                seen = clock.wheel.soonest().min(due);
            }
            assert_eq!(clock.due(due), [1], "{wait}");
            assert_eq!(clock.wheel.soonest(), u64::MAX);
        }
    }

    #[test]
    fn many_entries_come_in_their_milliseconds_whatever_the_steps() {
        const ENTRIES: u32 = 500;
        let mut random = Random::new(1, 1);
        for longest_step in [1, 300, 5_000, 100_000] {
            let mut clock = Clock::new(ENTRIES as usize);
            let mut now = 5_000;
            clock.due(now);
            (1..=ENTRIES).for_each(|index| clock.put(index, now + 1 + u64::from(random.below(200_000))));
            let mut left = ENTRIES as usize;
            while left > 0 {
                let before = now;
                now += 1 + u64::from(random.below(longest_step));
                let over = clock.due(now);
                left -= over.len();
                assert!(over.iter().all(|&index| (before + 1..=now).contains(&clock.due[index as usize])));
            }
            assert_eq!(clock.wheel.soonest(), u64::MAX);
        }
    }

    #[test]
    fn none_waits_longer_than_the_longest() {
        let mut clock = Clock::new(1);
        clock.put(1, 1 << 40);
        assert!(clock.wheel.soonest() <= LONGEST);
        assert_eq!(clock.wheel.next(&mut clock.sessions, LONGEST), Some(1));
    }

    #[test]
    fn time_in_which_nothing_waited_costs_nothing() {
        let mut clock = Clock::new(1);
        clock.now = 1 << 40;
        clock.put(1, clock.now + 100_000);
        assert!(clock.due(clock.now + 99_999).is_empty());
        assert_eq!(clock.due(clock.now + 1), [1]);
        assert!(clock.looks <= 5, "{}", clock.looks);
    }

    #[test]
    fn what_is_put_back_is_the_next() {
        let mut clock = Clock::new(3);
        (1..=3).for_each(|index| clock.put(index, 10));
        let first = clock.wheel.next(&mut clock.sessions, 10).expect("due");
        clock.wheel.put_back(&mut clock.sessions, first);
        assert!(clock.wheel.soonest() <= 10);
        assert_eq!(clock.wheel.next(&mut clock.sessions, 10), Some(first));
        assert_eq!(clock.due(10).len(), 2);
    }
}
