//! The ways of packets from workers to the control thread: a queue for each class on each worker, so that a flood of
//! one kind fills no other's.

use std::num::NonZero;

use arrayvec::ArrayVec;
use dpdk_bindings::ring::{self, Consumer, Producer};
use dpdk_bindings::{Eal, Error};

use crate::datapath::{Outputs, Punted};
use crate::telemetry::counters::Counters;
use crate::telemetry::{DropReason, PuntClass};

/// How many packets of a class may wait for the control thread, for each worker: what comes in a few milliseconds at
/// most, for that is how long it does something else.
const fn room(class: PuntClass) -> u32 {
    match class {
        PuntClass::Neighbor => 1024,
        PuntClass::OverlayNeighbor | PuntClass::Unresolved => 512,
        PuntClass::OverlayLinkLocal
        | PuntClass::Local
        | PuntClass::OverlayLocal
        | PuntClass::Learn
        | PuntClass::Error => 256,
    }
}

/// Packets of one worker and class that are taken at a stroke.
const BATCH: usize = 32;

/// How many batches of a class a turn of the control thread takes, all workers together. Timers, changes and questions
/// wait for a turn, about a millisecond, and so does a class for the others.
const fn batches(class: PuntClass) -> usize {
    match class {
        PuntClass::Neighbor => 4,
        PuntClass::OverlayNeighbor | PuntClass::Unresolved | PuntClass::Local => 2,
        PuntClass::OverlayLinkLocal | PuntClass::OverlayLocal | PuntClass::Learn | PuntClass::Error => 1,
    }
}

/// A worker's ends of its queues, by class.
pub(super) struct PuntSender(Box<[Producer<Punted>]>);

/// The control thread's ends of a worker's queues, by class.
pub(super) struct PuntReceiver(Box<[Consumer<Punted>]>);

/// The queues of a worker.
///
/// # Errors
/// Too little memory.
pub(super) fn queues(eal: &Eal, worker: usize) -> Result<(PuntSender, PuntReceiver), Error> {
    let queue = |&class| ring::spsc(eal, &format!("{class}-{worker}"), room(class));
    let queues = PuntClass::ALL.iter().map(queue).collect::<Result<Vec<_>, _>>()?;
    let (senders, receivers): (Vec<_>, Vec<_>) = queues.into_iter().unzip();
    Ok((PuntSender(senders.into()), PuntReceiver(receivers.into())))
}

impl PuntSender {
    /// Hands the control thread its packets. A full queue drops and counts, it never waits.
    #[inline(always)]
    pub(super) fn hand_over(&mut self, out: &mut Outputs, counters: &Counters) {
        for punted in out.punts.drain(..) {
            if let Err(lost) = self.0[punted.class.index()].push(punted) {
                refuse(&lost, counters);
            }
        }
    }
}

#[cold]
fn refuse(lost: &Punted, counters: &Counters) {
    counters.port(lost.port).punts(lost.class).lost.add(1);
    // What its sender is only to hear of was counted as dropped before.
    if lost.class != PuntClass::Error {
        counters.drop(DropReason::PuntQueueFull);
    }
}

/// Packets of one worker and class, taken at a stroke.
pub(super) type Batch<T> = ArrayVec<T, BATCH>;

impl PuntReceiver {
    /// Takes as many packets of a class as there are and a batch holds.
    pub(super) fn take(&mut self, class: PuntClass, batch: &mut Batch<Punted>) {
        self.0[class.index()].pop_into(batch);
    }
}

/// Whose turn it is: class by class, each worker in turn.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// The worker that is first in the next turn.
    first: usize,
}

impl Turns {
    /// Gives `handle` what one turn takes of the queues of so many workers, the most important class first. `take` takes
    /// a batch from a worker's queue. Returns how many there were.
    pub(super) fn turn<T>(
        &mut self,
        workers: usize,
        mut take: impl FnMut(usize, PuntClass, &mut Batch<T>),
        mut handle: impl FnMut(T),
    ) -> usize {
        let Some(workers) = NonZero::new(workers) else { return 0 };
        let mut taken = 0;
        for &class in PuntClass::ALL {
            let (mut left, mut idle, mut worker) = (batches(class), 0, self.first);
            while left > 0 && idle < workers.get() {
                let mut batch = Batch::new();
                take(worker % workers, class, &mut batch);
                if batch.is_empty() {
                    idle += 1;
                } else {
                    (left, idle) = (left - 1, 0);
                    taken += batch.len();
                    batch.into_iter().for_each(&mut handle);
                }
                worker += 1;
            }
        }
        self.first = (self.first + 1) % workers;
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Packets that wait, by worker and class.
    type Waiting = BTreeMap<(usize, PuntClass), usize>;

    /// Where packets came from, in the order in which a turn handled them.
    fn turn(turns: &mut Turns, waiting: &mut Waiting) -> Vec<(usize, PuntClass)> {
        let mut handled = Vec::new();
        let take = |worker, class, batch: &mut Batch<(usize, PuntClass)>| {
            let left = waiting.entry((worker, class)).or_default();
            while *left > 0 && batch.try_push((worker, class)).is_ok() {
                *left -= 1;
            }
        };
        let taken = turns.turn(3, take, |packet| handled.push(packet));
        assert_eq!(taken, handled.len());
        handled
    }

    fn flood(classes: &[PuntClass]) -> Waiting {
        let queues = classes.iter().flat_map(|&class| (0..3).map(move |worker| (worker, class)));
        queues.map(|queue| (queue, 100_000)).collect()
    }

    #[test]
    fn a_turn_takes_of_each_class_what_it_may_and_neighbors_first() {
        let handled = turn(&mut Turns::default(), &mut flood(PuntClass::ALL));
        assert!(handled.is_sorted_by_key(|(_, class)| *class));
        for &class in PuntClass::ALL {
            let of_class = handled.iter().filter(|(_, other)| *other == class).count();
            assert_eq!(of_class, batches(class) * BATCH, "{class}");
        }
        assert_eq!(handled.len(), 14 * BATCH);
    }

    #[test]
    fn whatever_floods_a_lone_packet_is_handled_in_the_same_turn() {
        for &lone in PuntClass::ALL {
            let others: Vec<_> = PuntClass::ALL.iter().copied().filter(|class| *class != lone).collect();
            let (mut turns, mut waiting) = (Turns::default(), flood(&others));
            for worker in 0..3 {
                waiting.insert((worker, lone), 1);
                assert!(turn(&mut turns, &mut waiting).contains(&(worker, lone)), "{lone} of {worker}");
            }
        }
    }

    #[test]
    fn workers_share_what_a_class_may_have() {
        let (mut turns, mut waiting) = (Turns::default(), flood(PuntClass::ALL));
        let mut of_each = BTreeMap::<_, usize>::new();
        for _ in 0..300 {
            for packet in turn(&mut turns, &mut waiting) {
                *of_each.entry(packet).or_default() += 1;
            }
        }
        for ((worker, class), count) in of_each {
            assert_eq!(count, 100 * batches(class) * BATCH, "{class} of {worker}");
        }
    }

    #[test]
    fn a_busy_worker_gets_what_idle_ones_leave() {
        let mut waiting = Waiting::from([((1, PuntClass::Neighbor), 1_000)]);
        assert_eq!(turn(&mut Turns::default(), &mut waiting).len(), batches(PuntClass::Neighbor) * BATCH);
        assert_eq!(Turns::default().turn(0, |_, _, _: &mut Batch<()>| (), drop), 0, "there are no workers");
    }
}
