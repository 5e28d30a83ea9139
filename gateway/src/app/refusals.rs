//! What the policers refused of late: totals since the start say nothing of now.

use std::collections::VecDeque;
use std::time::Duration;

use nvgw_types::PortId;

use crate::control::Nanos;
use crate::control::doctor::RefusedPunts;
use crate::telemetry::PuntClass;
use crate::telemetry::counters::{Counters, PuntTotal};

/// What counts as of late.
const LATELY: Duration = Duration::from_secs(60);
/// How often totals are noted, which is how much longer what counts may be.
const EVERY: Duration = Duration::from_secs(5);

/// The totals of a port, by class.
type Totals = [PuntTotal; PuntClass::COUNT];

/// Totals as they were at some moments of the last minute.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// By port; oldest first, the first one older than [`LATELY`] as soon as there is one.
    noted: VecDeque<(Nanos, Vec<Totals>)>,
}

impl Refusals {
    /// Whether totals are to be noted.
    pub(super) fn is_due(&self, now: Nanos) -> bool {
        self.noted.back().is_none_or(|(last, _)| now.since(*last) >= EVERY)
    }

    /// Notes the totals of so many ports, as all writers have them at this time.
    pub(super) fn note(&mut self, at: Nanos, ports: usize, counters: &[&Counters]) {
        while self.noted.get(1).is_some_and(|(next, _)| at.since(*next) >= LATELY) {
            self.noted.pop_front();
        }
        self.noted.push_back((at, (0..ports).map(|port| totals(PortId(port as u16), counters)).collect()));
    }

    /// What was refused of late of what came in by a port: all classes of which something was.
    pub(super) fn lately(&self, now: Nanos, port: PortId, counters: &[&Counters]) -> Vec<RefusedPunts> {
        let base = self.noted.iter().rev().find(|(at, _)| now.since(*at) >= LATELY).or(self.noted.front());
        let before = base.and_then(|(_, ports)| ports.get(port.index())).copied().unwrap_or_default();
        let classes = PuntClass::ALL.iter().zip(totals(port, counters)).zip(before);
        let refused = classes.map(|((&class, now), before)| RefusedPunts {
            class,
            policed: now.policed - before.policed,
            lost: now.lost - before.lost,
        });
        refused.filter(|refused| refused.policed > 0 || refused.lost > 0).collect()
    }
}

fn totals(port: PortId, counters: &[&Counters]) -> Totals {
    std::array::from_fn(|class| PuntTotal::read(counters, port, PuntClass::ALL[class]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIRE0: PortId = PortId(0);

    fn at(seconds: u64) -> Nanos {
        Nanos(seconds * 1_000_000_000)
    }

    fn refuse(counters: &Counters, packets: u64) {
        counters.port(WIRE0).punts(PuntClass::Neighbor).policed.add(packets);
    }

    #[test]
    fn a_minute_and_no_more_is_remembered() {
        let (worker, control) = (Counters::new(2, 0), Counters::new(2, 0));
        let counters = [&worker, &control];
        let mut refusals = Refusals::default();
        for second in 0..200 {
            if refusals.is_due(at(second)) {
                refusals.note(at(second), 2, &counters);
            }
            if second == 100 {
                refuse(&worker, 7);
                worker.port(WIRE0).punts(PuntClass::Learn).lost.add(2);
            }
            let seen = refusals.lately(at(second), WIRE0, &counters);
            let expected = [
                RefusedPunts { class: PuntClass::Neighbor, policed: 7, lost: 0 },
                RefusedPunts { class: PuntClass::Learn, policed: 0, lost: 2 },
            ];
            match second {
                0..100 | 165.. => assert_eq!(seen, [], "{second}"),
                100..160 => assert_eq!(seen, expected, "{second}"),
                // Somewhere in between it is forgotten.
                _ => {}
            }
            assert_eq!(refusals.lately(at(second), PortId(1), &counters), []);
            assert!(refusals.noted.len() <= 14, "{}", refusals.noted.len());
        }
    }

    #[test]
    fn before_the_first_note_everything_is_of_late() {
        let worker = Counters::new(1, 0);
        refuse(&worker, 3);
        let seen = Refusals::default().lately(at(500), WIRE0, &[&worker]);
        assert_eq!(seen, [RefusedPunts { class: PuntClass::Neighbor, policed: 3, lost: 0 }]);
    }
}
