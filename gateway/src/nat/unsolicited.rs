//! SYNs from outside that nobody waits for: held, so that a simultaneous open may happen, then answered
//! (RFC 5382 REQ-4).

use std::collections::VecDeque;

use arrayvec::ArrayVec;
use nvgw_types::InterfaceId;

use super::{Flow, HELD};
use crate::tables::exchange::Millis;

/// How many are held. Of a flood, the others are never answered.
const ROOM: usize = 256;

/// How long, in milliseconds.
pub(super) const HOLD: u64 = 6_000;

/// A SYN that is held.
#[derive(Debug, Clone)]
pub(super) struct HeldSyn {
    /// Until when.
    pub(super) until: Millis,
    /// Whose it is.
    pub(super) flow: Flow,
    /// Where it came in.
    pub(super) interface: InterfaceId,
    /// How it begins.
    pub(super) packet: ArrayVec<u8, HELD>,
}

/// Those that are held, oldest first.
pub(super) struct HeldSyns(VecDeque<HeldSyn>);

impl HeldSyns {
    pub(super) fn new() -> Self {
        Self(VecDeque::with_capacity(ROOM))
    }

    /// Holds one, unless there is no room or it is one that is held already.
    pub(super) fn hold(&mut self, now: Millis, flow: &Flow, interface: InterfaceId, packet: &[u8]) {
        if self.0.len() == ROOM || self.0.iter().any(|held| held.flow == *flow) {
            return;
        }
        let packet = packet.iter().copied().take(HELD).collect();
        self.0.push_back(HeldSyn { until: Millis(now.0 + HOLD), flow: *flow, interface, packet });
    }

    /// When the first is due.
    #[inline(always)]
    pub(super) fn next(&self) -> Option<Millis> {
        self.0.front().map(|held| held.until)
    }

    /// The first, if it is due.
    pub(super) fn take(&mut self, now: Millis) -> Option<HeldSyn> {
        if self.next()? <= now { self.0.pop_front() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use nvgw_types::VrfId;

    use super::*;
    use crate::tables::entries::{Endpoint, Protocol};

    fn flow(port: u16) -> Flow {
        let local = Endpoint { vrf: VrfId(1), address: 7, port };
        Flow { protocol: Protocol::Tcp, local, remote: (8, 9) }
    }

    #[test]
    fn each_is_held_for_six_seconds_and_once() {
        let mut held = HeldSyns::new();
        held.hold(Millis(100), &flow(1), InterfaceId(3), &[7; 60]);
        held.hold(Millis(1100), &flow(1), InterfaceId(3), &[7; 60]);
        held.hold(Millis(1200), &flow(2), InterfaceId(3), &[8; 40]);
        assert_eq!(held.next(), Some(Millis(6100)));
        assert!(held.take(Millis(6099)).is_none());
        let first = held.take(Millis(6100)).expect("due");
        assert_eq!(
            (first.flow, first.interface, &first.packet[..]),
            (flow(1), InterfaceId(3), &[7; HELD][..])
        );
        assert!(held.take(Millis(7199)).is_none());
        assert_eq!(held.take(Millis(7200)).expect("due").packet.len(), 40);
        assert_eq!(held.next(), None);
    }

    #[test]
    fn a_flood_takes_no_more_room_than_there_is() {
        let mut held = HeldSyns::new();
        (0..1000).for_each(|port| held.hold(Millis(0), &flow(port), InterfaceId(1), &[0; 40]));
        assert_eq!(std::iter::from_fn(|| held.take(Millis(HOLD))).count(), ROOM);
    }
}
