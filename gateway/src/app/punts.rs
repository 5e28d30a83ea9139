//! The ways of packets from workers to the control thread: a queue for each class on each worker, so that a flood of
//! one kind fills no other's.

use std::num::NonZero;

use arrayvec::ArrayVec;
use dpdk_bindings::ring::{self, Consumer, Producer};
use dpdk_bindings::{Eal, Error};

use super::gateway::WorkerHandle;
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
/// wait for a turn's 512 packets at most, and those of one class never for more than 384 of others.
const fn batches(class: PuntClass) -> usize {
    match class {
        PuntClass::Neighbor => 4,
        PuntClass::OverlayNeighbor | PuntClass::Unresolved | PuntClass::Local => 2,
        PuntClass::OverlayLinkLocal | PuntClass::OverlayLocal | PuntClass::Learn | PuntClass::Error => 1,
    }
}

/// A worker's ends of its queues, by class.
pub(super) struct PuntSender([Producer<Punted>; PuntClass::COUNT]);

/// The control thread's ends of a worker's queues, by class.
pub(super) struct PuntReceiver([Consumer<Punted>; PuntClass::COUNT]);

/// The queues of a worker.
///
/// # Errors
/// Too little memory.
pub(super) fn queues(eal: &Eal, worker: usize) -> Result<(PuntSender, PuntReceiver), Error> {
    let (mut senders, mut receivers) = (ArrayVec::new(), ArrayVec::new());
    for &class in PuntClass::ALL {
        let (sender, receiver) = ring::spsc(eal, &format!("{class}-{worker}"), room(class))?;
        senders.push(sender);
        receivers.push(receiver);
    }
    let (Ok(senders), Ok(receivers)) = (senders.into_inner(), receivers.into_inner()) else {
        unreachable!("there is a queue for each class")
    };
    Ok((PuntSender(senders), PuntReceiver(receivers)))
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

/// Takes packets from workers' queues, class by class, each worker in turn.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// The worker that is first in the next turn.
    first: usize,
}

impl Turns {
    /// Gives `take` what one turn takes, the most important class first. Returns how many packets that was.
    pub(super) fn turn(&mut self, workers: &mut [WorkerHandle], mut take: impl FnMut(Punted)) -> usize {
        let Some(count) = NonZero::new(workers.len()) else { return 0 };
        let mut taken = 0;
        for &class in PuntClass::ALL {
            let (mut left, mut idle, mut worker) = (batches(class), 0, self.first);
            while left > 0 && idle < count.get() {
                let mut batch = ArrayVec::<Punted, BATCH>::new();
                let got = workers[worker % count].punts.0[class.index()].pop_into(&mut batch);
                if got == 0 {
                    idle += 1;
                } else {
                    (left, idle) = (left - 1, 0);
                    taken += got;
                    batch.into_iter().for_each(&mut take);
                }
                worker += 1;
            }
        }
        self.first = (self.first + 1) % count;
        taken
    }
}
