//! Fragments: the first one carries the ports, the others follow it, also those that come before it (RFC 4787 §11).

use arrayvec::ArrayVec;
use nvgw_types::VrfId;

use crate::tables::exchange::Millis;
use crate::tables::hash::mix;

/// How long the ports of a fragmented packet are remembered, in milliseconds: as long as a host waits for its rest at
/// least (RFC 1122 §3.3.2).
const LIFE: u64 = 60_000;
/// How long a fragment waits for the first one of its packet, in milliseconds.
const WAIT: u64 = 2_000;
/// How many fragments may wait.
const WAITING: usize = 64;
/// How many of one packet may wait.
const WAITING_OF_ONE: usize = 16;
/// Packets that are remembered share places by the hash of what their fragments have in common.
const SETS: usize = 4096;
const PLACES: usize = 4;

/// What all fragments of a packet have in common (RFC 791 §3.2), and where they came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) vrf: VrfId,
    pub(super) source: u32,
    pub(super) destination: u32,
    pub(super) protocol: u8,
    pub(super) identification: u16,
}

impl Key {
    fn set(&self) -> usize {
        let addresses = u64::from(self.source) << 32 | u64::from(self.destination);
        let rest =
            u64::from(self.vrf.0) << 24 | u64::from(self.identification) << 8 | u64::from(self.protocol);
        mix(addresses, rest) as usize % SETS
    }
}

/// A packet whose first fragment was seen.
#[derive(Debug, Clone, Copy)]
struct Known {
    key: Key,
    port: u16,
    until: Millis,
}

/// A fragment that came before the first one of its packet.
struct Waiting<T> {
    key: Key,
    until: Millis,
    fragment: T,
}

/// The fragmented packets of one worker. `T` is what waits.
pub(super) struct Fragments<T> {
    known: Box<[[Option<Known>; PLACES]]>,
    waiting: ArrayVec<Waiting<T>, WAITING>,
}

impl<T> Fragments<T> {
    pub(super) fn new() -> Self {
        Self { known: vec![[None; PLACES]; SETS].into_boxed_slice(), waiting: ArrayVec::new() }
    }

    /// Remembers the port of a packet whose first fragment has come. Where there is no room, the packet that would be
    /// forgotten first is forgotten now.
    pub(super) fn learn(&mut self, now: Millis, key: Key, port: u16) {
        let places = &mut self.known[key.set()];
        let until = |place: &Option<Known>| match place {
            Some(known) if known.key == key => Millis(0),
            place => place.map_or(Millis(0), |known| known.until),
        };
        if let Some(place) = places.iter_mut().min_by_key(|place| until(place)) {
            *place = Some(Known { key, port, until: Millis(now.0 + LIFE) });
        }
    }

    /// The port of the packet that a later fragment belongs to, if its first one has come.
    pub(super) fn port(&self, now: Millis, key: &Key) -> Option<u16> {
        let known = self.known[key.set()].iter().flatten().find(|known| known.key == *key);
        known.filter(|known| now < known.until).map(|known| known.port)
    }

    /// Lets a fragment wait for its first one.
    ///
    /// # Errors
    /// Gives it back where too many wait.
    pub(super) fn wait(&mut self, now: Millis, key: Key, fragment: T) -> Result<(), T> {
        if self.waiting.iter().filter(|waiting| waiting.key == key).count() >= WAITING_OF_ONE {
            return Err(fragment);
        }
        let until = Millis(now.0 + WAIT);
        self.waiting.try_push(Waiting { key, until, fragment }).map_err(|full| full.element().fragment)
    }

    /// Takes out one fragment that waited for the first one of that packet, in the order they came.
    pub(super) fn next(&mut self, key: &Key) -> Option<T> {
        let place = self.waiting.iter().position(|waiting| waiting.key == *key)?;
        Some(self.waiting.remove(place).fragment)
    }

    /// Takes out one fragment that has waited in vain.
    pub(super) fn expired(&mut self, now: Millis) -> Option<T> {
        // They came in the order in which they expire.
        self.waiting.first().filter(|first| first.until <= now)?;
        Some(self.waiting.remove(0).fragment)
    }

    /// When the next one has waited in vain.
    pub(super) fn wakeup(&self) -> Option<Millis> {
        self.waiting.first().map(|first| first.until)
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(identification: u16) -> Key {
        Key { vrf: VrfId(1), source: 1, destination: 2, protocol: 17, identification }
    }

    #[test]
    fn later_fragments_find_the_port_of_the_first_one_for_a_minute() {
        let mut fragments = Fragments::<()>::new();
        assert_eq!(fragments.port(Millis(0), &key(7)), None);
        fragments.learn(Millis(5), key(7), 1024);
        assert_eq!(fragments.port(Millis(5 + LIFE - 1), &key(7)), Some(1024));
        assert_eq!(fragments.port(Millis(5 + LIFE), &key(7)), None);
        for other in [
            Key { vrf: VrfId(2), ..key(7) },
            Key { source: 3, ..key(7) },
            Key { destination: 3, ..key(7) },
            Key { protocol: 6, ..key(7) },
            key(8),
        ] {
            assert_eq!(fragments.port(Millis(5), &other), None, "{other:?}");
        }
        fragments.learn(Millis(6), key(7), 1025);
        assert_eq!(fragments.port(Millis(6), &key(7)), Some(1025));
    }

    #[test]
    fn a_flood_of_packets_forgets_the_oldest_and_nothing_else() {
        let mut fragments = Fragments::<()>::new();
        for number in 0..=u16::MAX {
            fragments.learn(Millis(number.into()), key(number), number);
        }
        let known =
            (0..=u16::MAX).filter(|number| fragments.port(Millis(0), &key(*number)).is_some()).count();
        assert!(known > SETS * PLACES * 9 / 10, "{known}");
        assert_eq!(fragments.port(Millis(0), &key(u16::MAX)), Some(u16::MAX));
    }

    #[test]
    fn early_fragments_wait_in_order_and_not_for_ever() {
        let mut fragments = Fragments::new();
        assert_eq!(fragments.wait(Millis(0), key(1), 'a'), Ok(()));
        assert_eq!(fragments.wait(Millis(1), key(2), 'b'), Ok(()));
        assert_eq!(fragments.wait(Millis(2), key(1), 'c'), Ok(()));
        assert_eq!(fragments.next(&key(3)), None);
        assert_eq!(
            (fragments.next(&key(1)), fragments.next(&key(1)), fragments.next(&key(1))),
            (Some('a'), Some('c'), None)
        );
        assert_eq!(fragments.wakeup(), Some(Millis(1 + WAIT)));
        assert_eq!(fragments.expired(Millis(WAIT)), None);
        assert_eq!(fragments.expired(Millis(1 + WAIT)), Some('b'));
        assert_eq!(fragments.waiting(), 0);
    }

    #[test]
    fn few_of_one_packet_and_not_many_in_all_may_wait() {
        let mut fragments = Fragments::new();
        for _ in 0..WAITING_OF_ONE {
            assert_eq!(fragments.wait(Millis(0), key(0), ()), Ok(()));
        }
        assert_eq!(fragments.wait(Millis(0), key(0), ()), Err(()));
        for number in 0..(WAITING - WAITING_OF_ONE) as u16 {
            assert_eq!(fragments.wait(Millis(0), key(1 + number), ()), Ok(()));
        }
        assert_eq!(fragments.wait(Millis(0), key(99), ()), Err(()));
    }
}
