//! Claims at random, against what must hold whatever comes.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const PLACES: [IpAddr; 3] = [HERE, THERE, ELSEWHERE];

#[derive(Debug, Clone)]
enum Event {
    /// A VM is seen, so many times, so many milliseconds apart.
    Claims {
        vm: u8,
        place: usize,
        times: u8,
        gap: u64,
    },
    /// An operator moves a record.
    ByHand {
        vm: u8,
        place: usize,
    },
    /// A record goes.
    Gone {
        vm: u8,
    },
    Tick,
}

/// Events, each with the milliseconds that pass before it.
fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let pause = prop_oneof![4 => 0..1_500_u64, 4 => 0..20_000_u64, 1 => 50_000..130_000_u64];
    let gap = prop_oneof![0..1_500_u64, 0..30_000_u64];
    let vms = 5..8_u8;
    let event = prop_oneof![
        12 => (vms.clone(), 0..3_usize, 1..8_u8, gap)
            .prop_map(|(vm, place, times, gap)| Event::Claims { vm, place, times, gap }),
        1 => (vms.clone(), 0..3_usize).prop_map(|(vm, place)| Event::ByHand { vm, place }),
        1 => vms.prop_map(|vm| Event::Gone { vm }),
        2 => Just(Event::Tick),
    ];
    vec((pause, event), 1..80)
}

/// Two of them, one of which only ticks when it is due or asked, and the records as they are to be.
#[derive(Default)]
struct World {
    now: u64,
    lazy: Learning,
    eager: Learning,
    records: BTreeMap<u8, IpAddr>,
    /// Each record's moves by frames: when, and from where.
    moves: BTreeMap<u8, Vec<(u64, IpAddr)>>,
    notices: Vec<Notice>,
}

impl World {
    fn pass(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        while let Some(due) = self.eager.next_due().filter(|due| *due <= at(end)) {
            self.eager.tick(due);
        }
        self.now = end;
    }

    fn claim(&mut self, vm: u8, place: usize) -> Result<(), TestCaseError> {
        let seen = Seen { customer: customer(vm), ..seen(PLACES[place]) };
        let record = self.records.get(&vm).map(|provider| KnownRecord { mac: VM, provider: *provider });
        let now = at(self.now);
        let decision = self.lazy.consider(now, &seen, &facts(record));
        prop_assert_eq!(decision, self.eager.consider(now, &seen, &facts(record)), "ticks do not matter");
        self.hear()?;
        match (decision, record) {
            (Decision::Learn, None) => {}
            (Decision::Nothing, Some(record)) => prop_assert_eq!(record.provider, seen.provider),
            (Decision::Move, Some(record)) => {
                let moves = self.moves.entry(vm).or_default();
                if let Some((when, from)) = moves.last() {
                    prop_assert!(*from != seen.provider || self.now - when >= 1_000, "back at once");
                }
                moves.push((self.now, record.provider));
                let recent = moves.iter().filter(|(when, _)| self.now - when < 60_000).count();
                prop_assert!(recent <= MOVES, "{recent} moves in a minute");
            }
            (Decision::Refuse(Refusal::Late), Some(_)) => {}
            (Decision::Refuse(Refusal::Damped), Some(_)) => {
                prop_assert!(self.lazy.damped().any(|damped| damped.customer == customer(vm)));
            }
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        }
        if matches!(decision, Decision::Learn | Decision::Move) {
            self.records.insert(vm, seen.provider);
        }
        Ok(())
    }

    /// Both say the same, and of each record in turn that it is damped and that it is not.
    fn hear(&mut self) -> Result<(), TestCaseError> {
        let fresh: Vec<_> = self.lazy.notices().collect();
        prop_assert_eq!(&fresh, &self.eager.notices().collect::<Vec<_>>());
        self.notices.extend(fresh);
        prop_assert!(self.lazy.damped().eq(self.eager.damped()));
        Ok(())
    }

    fn run(&mut self, event: &Event) -> Result<(), TestCaseError> {
        match *event {
            Event::Claims { vm, place, times, gap } => {
                for _ in 0..times {
                    self.claim(vm, place)?;
                    self.pass(gap);
                }
            }
            Event::ByHand { vm, place } => {
                if let Some(from) = self.records.insert(vm, PLACES[place]) {
                    for learning in [&mut self.lazy, &mut self.eager] {
                        learning.tick(at(self.now));
                        learning.moved(at(self.now), vsid(), customer(vm), from);
                    }
                    self.moves.remove(&vm);
                }
            }
            Event::Gone { vm } => {
                for learning in [&mut self.lazy, &mut self.eager] {
                    learning.tick(at(self.now));
                    learning.forget(customer(vm));
                }
                self.records.remove(&vm);
                self.moves.remove(&vm);
                self.hear()?;
                let of_vm = |notice: &Notice| match notice {
                    Notice::Damped(damped) | Notice::Undamped(damped) => damped.customer == customer(vm),
                };
                self.notices.retain(|notice| !of_vm(notice));
            }
            Event::Tick => self.lazy.tick(at(self.now)),
        }
        self.lazy.tick(at(self.now));
        self.hear()
    }
}

proptest! {
    #[test]
    fn records_follow_but_never_flap(events in events(), last in 0..3_usize) {
        let mut world = World::default();
        for (pause, event) in &events {
            world.pass(*pause);
            world.run(event)?;
            let mut damped = BTreeMap::new();
            for notice in &world.notices {
                match notice {
                    Notice::Damped(start) => {
                        prop_assert!(damped.insert(start.customer, start.since).is_none(), "said twice");
                    }
                    Notice::Undamped(end) => {
                        prop_assert_eq!(damped.remove(&end.customer), Some(end.since));
                    }
                }
            }
            let now: BTreeMap<_, _> = world.lazy.damped().map(|d| (d.customer, d.since)).collect();
            prop_assert_eq!(damped, now, "what was said is what is");
        }
        // Wherever a VM comes to rest, its record follows within the settling time or a minute of damping.
        for _ in 0..=62 {
            world.claim(5, last)?;
            world.pass(1_000);
        }
        prop_assert_eq!(world.records[&5], PLACES[last]);
        world.pass(60_000);
        world.lazy.tick(at(world.now));
        prop_assert_eq!(world.lazy.next_due(), None, "memory of what rests");
        prop_assert_eq!(world.eager.next_due(), None);
    }
}
