//! Counters that one thread writes and every thread reads.
//!
//! A worker's counters are written by that worker alone, so an addition is a relaxed load and a relaxed store: two
//! plain instructions, no locked one. Readers see each counter whole, and never slow the writer beyond the cache
//! line they fetch.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::latency::{Direction, Histogram};
use super::stage::TIMED;
use super::{DropReason, PuntClass, Stage};
use nvgw_types::{PortId, VrfId};

/// A counter with one writer.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds. Only the counter's one writer may call it; a second one would lose counts, nothing worse.
    #[inline(always)]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Takes a new value. Only the counter's one writer may call it, for what is a mark rather than a count.
    #[inline(always)]
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// The value now.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Packets and bytes.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Traffic {
    /// Packets.
    pub packets: Counter,
    /// Bytes.
    pub bytes: Counter,
}

impl Traffic {
    /// Counts some packets.
    #[inline(always)]
    pub fn add(&self, packets: u64, bytes: u64) {
        self.packets.add(packets);
        self.bytes.add(bytes);
    }

    /// The values now.
    #[must_use]
    pub fn get(&self) -> TrafficTotal {
        TrafficTotal { packets: self.packets.get(), bytes: self.bytes.get() }
    }
}

/// Packets and bytes, read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct TrafficTotal {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

impl std::ops::AddAssign for TrafficTotal {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

/// A port's counters on one worker; bytes are those of the frames, without FCS.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct PortCounters {
    /// Taken from the port.
    pub rx: Traffic,
    /// Given to the port.
    pub tx: Traffic,
    /// Refused by the port in time.
    pub tx_dropped: Counter,
    /// Of what came in, for the control thread; by class.
    punts: [PuntCounters; PuntClass::COUNT],
}

impl PortCounters {
    /// The counters of packets for the control thread.
    #[inline]
    #[must_use]
    pub fn punts(&self, class: PuntClass) -> &PuntCounters {
        &self.punts[class.index()]
    }
}

/// What became of the packets of one class for the control thread.
#[derive(Debug, Default)]
#[repr(C)]
pub struct PuntCounters {
    /// Admitted by the policers.
    pub admitted: Counter,
    /// Refused by the policers.
    pub policed: Counter,
    /// Admitted, and lost because the class's queue was full.
    pub lost: Counter,
}

impl PuntCounters {
    /// The values now.
    #[must_use]
    pub fn get(&self) -> PuntTotal {
        PuntTotal { admitted: self.admitted.get(), policed: self.policed.get(), lost: self.lost.get() }
    }
}

/// What became of the packets of one class for the control thread, read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct PuntTotal {
    /// Admitted by the policers.
    pub admitted: u64,
    /// Refused by the policers.
    pub policed: u64,
    /// Admitted, and lost because the class's queue was full.
    pub lost: u64,
}

impl PuntTotal {
    /// Sums a class of a port over all writers.
    #[must_use]
    pub fn read(counters: &[&Counters], port: PortId, class: PuntClass) -> Self {
        counters.iter().map(|counters| counters.port(port).punts(class).get()).fold(
            Self::default(),
            |sum, one| Self {
                admitted: sum.admitted + one.admitted,
                policed: sum.policed + one.policed,
                lost: sum.lost + one.lost,
            },
        )
    }
}

/// A VRF's counters on one worker; bytes are those of the inner IP packets.
#[derive(Debug, Default)]
#[repr(C, align(32))]
pub struct VrfCounters {
    /// Accepted from the VRF's own side: a tenant's VMs, or the outside for an external network.
    pub rx: Traffic,
    /// Sent to the VRF's own side.
    pub tx: Traffic,
}

/// A stage's counters on one worker.
#[derive(Debug, Default)]
#[repr(C)]
pub struct StageCounters {
    /// Times the stage ran.
    pub calls: Counter,
    /// Packets it was given.
    pub packets: Counter,
    /// Time-stamp counter cycles it took, those of [bursts that were not timed](super::timing_weight) estimated.
    pub cycles: Counter,
}

impl StageCounters {
    /// Counts one run of the stage.
    #[inline(always)]
    pub fn add(&self, packets: u64, cycles: u64) {
        if TIMED {
            self.calls.add(1);
            self.packets.add(packets);
            self.cycles.add(cycles);
        }
    }
}

/// All counters of one writer: a worker, or the control thread.
#[derive(Debug)]
#[repr(align(128))]
pub struct Counters {
    ports: Box<[PortCounters]>,
    vrfs: Box<[VrfCounters]>,
    drops: [Counter; DropReason::COUNT],
    stages: [StageCounters; Stage::COUNT],
    latencies: Box<[Histogram]>,
    /// Frames sent on of what had come in on a port.
    pub forwarded: Counter,
    /// Packets that did not fit their way out and left in fragments.
    pub fragmented: Counter,
    /// The fragments that they left in; each is among those [sent on](Self::forwarded).
    pub fragments: Counter,
    /// Outer packets that came in fragments and were put together.
    pub reassembled: Counter,
    /// The fragments that they came in.
    pub reassembled_fragments: Counter,
    /// Packets that the gateway itself answered or absorbed.
    pub consumed: Counter,
    /// Frames that the gateway itself made.
    pub originated: Counter,
    /// ICMP errors that told a packet's sender why it was dropped; among [`Self::originated`].
    pub icmp_errors_sent: Counter,
    /// ICMP errors that would have been right, but were too many, or did not find their way.
    pub icmp_errors_suppressed: Counter,
    /// Packets whose sender no lookup record vouches for, forwarded because the check only logs.
    pub sender_unverified: Counter,
    /// Packets that it took from its queues.
    pub received: Counter,
    /// Packets that it gave to other workers: what it received for them, and what has its sessions there.
    pub handed_out: Counter,
    /// Packets that other workers gave it.
    pub taken_over: Counter,
    /// Polls that found packets.
    pub bursts: Counter,
    /// Polls that found none.
    pub idle_polls: Counter,
    /// Time-stamp counter cycles spent on polls that found packets.
    pub busy_cycles: Counter,
}

impl Counters {
    /// Counters for so many ports and VRFs, all zero.
    #[must_use]
    pub fn new(ports: usize, vrfs: usize) -> Self {
        Self {
            ports: (0..ports).map(|_| PortCounters::default()).collect(),
            vrfs: (0..vrfs).map(|_| VrfCounters::default()).collect(),
            drops: std::array::from_fn(|_| Counter::default()),
            stages: std::array::from_fn(|_| StageCounters::default()),
            latencies: Direction::ALL.iter().map(|_| Histogram::default()).collect(),
            forwarded: Counter::default(),
            fragmented: Counter::default(),
            fragments: Counter::default(),
            reassembled: Counter::default(),
            reassembled_fragments: Counter::default(),
            consumed: Counter::default(),
            originated: Counter::default(),
            icmp_errors_sent: Counter::default(),
            icmp_errors_suppressed: Counter::default(),
            sender_unverified: Counter::default(),
            received: Counter::default(),
            handed_out: Counter::default(),
            taken_over: Counter::default(),
            bursts: Counter::default(),
            idle_polls: Counter::default(),
            busy_cycles: Counter::default(),
        }
    }

    /// The counters of a port.
    ///
    /// # Panics
    /// A port that was not declared in [`Self::new`].
    #[inline]
    #[must_use]
    pub fn port(&self, port: PortId) -> &PortCounters {
        &self.ports[port.index()]
    }

    /// How many packets of a class were admitted to the control thread.
    #[must_use]
    pub fn punted(&self, class: PuntClass) -> u64 {
        self.ports.iter().map(|port| port.punts(class).admitted.get()).sum()
    }

    /// The counters of a VRF, if it has any.
    #[inline]
    #[must_use]
    pub fn vrf(&self, vrf: VrfId) -> Option<&VrfCounters> {
        self.vrfs.get(vrf.index())
    }

    /// The counters of all VRFs, by number.
    #[inline(always)]
    #[must_use]
    pub fn vrfs(&self) -> &[VrfCounters] {
        &self.vrfs
    }

    /// The counters of a stage.
    #[inline(always)]
    #[must_use]
    pub fn stage(&self, stage: Stage) -> &StageCounters {
        &self.stages[stage as usize]
    }

    /// How long the frames of a direction stayed in the box.
    #[inline(always)]
    #[must_use]
    pub fn latency(&self, direction: Direction) -> &Histogram {
        &self.latencies[direction as usize]
    }

    /// Counts frames of each direction that stayed in the box for so many cycles.
    #[inline(always)]
    pub fn add_latency(&self, frames: [u64; Direction::COUNT], cycles: u64) {
        for (histogram, frames) in self.latencies.iter().zip(frames) {
            if TIMED && frames > 0 {
                histogram.add(cycles, frames);
            }
        }
    }

    /// Counts a dropped packet.
    #[inline(always)]
    pub fn drop(&self, reason: DropReason) {
        self.drops(reason, 1);
    }

    /// Counts some dropped packets.
    #[inline(always)]
    pub fn drops(&self, reason: DropReason, packets: u64) {
        self.drops[reason.index()].add(packets);
    }

    /// How many packets were dropped for a reason.
    #[must_use]
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops[reason.index()].get()
    }

    /// How many packets were dropped in all.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.drops.iter().map(Counter::get).sum()
    }
}
