//! What readers of the telemetry are told: plain values, read once from the counters, the same for the admin API,
//! the commands and `/metrics`. Counters are cumulative since the process started.

use std::time::Duration;

use nvgw_types::{PortId, WorkerId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::counters::{Counters, PuntTotal, TrafficTotal};
use super::latency::LatencyView;
use super::nat_totals::NatTable;
use super::{DropReason, PuntClass, Stage};

/// Declares an enum of words: what the JSON, the metrics and the tables for people write is the same.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize, schemars::JsonSchema,
        )]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word in reports, metrics and commands.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Whether a port has a link.
    Link {
        /// It has.
        Up = "up",
        /// It has none.
        Down = "down",
    }
}

words! {
    /// Whose a VRF is.
    VrfKind {
        /// A tenant's.
        Tenant = "tenant",
        /// An external network's.
        External = "external",
    }
}

words! {
    /// What is known of a neighbour.
    NeighborState {
        /// It was asked and has not answered yet.
        Incomplete = "incomplete",
        /// It answered lately.
        Reachable = "reachable",
        /// Its answer is old and is being asked for again, while packets still go there.
        Stale = "stale",
        /// It did not answer.
        Failed = "failed",
        /// The configuration names it.
        Static = "static",
    }
}

words! {
    /// How bad an alarm is.
    Severity {
        /// Nothing is lost yet.
        Warning = "warning",
        /// Packets are being lost, or would be.
        Critical = "critical",
    }
}

/// A port: what it is, and what went through it. Bytes are those of the frames, without FCS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortView {
    /// Its name in the configuration.
    pub name: String,
    /// Its PCI address or vdev string.
    pub device: String,
    /// The DPDK driver that runs it.
    pub driver: String,
    /// Its Ethernet address.
    pub mac: String,
    /// The biggest IP packet on the wire, in bytes.
    pub mtu: u16,
    /// Whether it has a link.
    pub link: Link,
    /// The link's speed in Mbit/s, where the device knows it.
    pub speed_mbps: Option<u32>,
    /// The NUMA node it is attached to, where there is one.
    pub numa_node: Option<u32>,
    /// Its receive queues.
    pub rx_queues: u16,
    /// Who spreads what it receives over the workers: `one-worker`, `inner-hash`, `flow-rules` and `outer-hash` of the
    /// device, the `peer` behind a virtual one, or `software`.
    pub rss: String,
    /// Which checksums of IPv4 headers are its device's work: `rx` (those received), `tx` (those of outer headers), `both`,
    /// or `software`: none.
    pub checksums: String,
    /// Its transmit queues.
    pub tx_queues: u16,
    /// Packets taken from it.
    pub rx_packets: u64,
    /// Bytes taken from it.
    pub rx_bytes: u64,
    /// Packets given to it.
    pub tx_packets: u64,
    /// Bytes given to it.
    pub tx_bytes: u64,
    /// Packets that it did not take in time.
    pub tx_dropped: u64,
    /// Packets that it dropped because its receive queues were full.
    pub rx_missed: u64,
    /// Packets that it received with errors.
    pub rx_errors: u64,
    /// Packets that it could not receive for want of a buffer.
    pub rx_no_buffer: u64,
}

/// A receive queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QueueView {
    /// The port's name.
    pub port: String,
    /// The queue's number on the port.
    pub queue: u16,
}

/// A worker, for people: what it polls, and how busy that keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerView {
    /// Its number.
    pub worker: u16,
    /// The core it is pinned to.
    pub core: usize,
    /// The queues it polls.
    pub queues: Vec<QueueView>,
    /// Packets that it received by its queues.
    pub received: u64,
    /// Packets that it gave to other workers: what it received for them, and what has its sessions there.
    pub handed_out: u64,
    /// Packets that other workers gave it.
    pub taken_over: u64,
    /// Packets that it took in: what it received and kept, and what others received for it.
    pub rx_packets: u64,
    /// Packets that it gave to ports.
    pub tx_packets: u64,
    /// Polls that found packets.
    pub bursts: u64,
    /// Polls that found none.
    pub idle_polls: u64,
    /// How many packets such a poll found on average.
    pub packets_per_burst: f64,
    /// How much of its time since the start went into polls that found packets.
    pub busy_percent: f64,
    /// Entries of its table of address translation: sessions, and ports that rest.
    pub nat_entries: u64,
    /// The most entries there were at a time.
    pub nat_most_entries: u64,
    /// Entries there is room for.
    pub nat_capacity: u64,
}

impl WorkerView {
    /// The view of a worker that has run for so many time-stamp counter cycles.
    #[must_use]
    pub fn new(stats: &WorkerStats, queues: Vec<QueueView>, elapsed_cycles: u64, nat: NatTable) -> Self {
        Self {
            worker: stats.worker,
            core: stats.core,
            queues,
            received: stats.received,
            handed_out: stats.handed_out,
            taken_over: stats.taken_over,
            rx_packets: stats.rx_packets,
            tx_packets: stats.tx_packets,
            bursts: stats.bursts,
            idle_polls: stats.idle_polls,
            packets_per_burst: ratio(stats.rx_packets, stats.bursts),
            busy_percent: (100.0 * ratio(stats.busy_cycles, elapsed_cycles)).min(100.0),
            nat_entries: nat.entries,
            nat_most_entries: nat.most,
            nat_capacity: nat.capacity,
        }
    }
}

/// `part / whole`, and 0 of nothing.
#[must_use]
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A number with its thousands apart: `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A stage on one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageStats {
    /// Its name.
    pub stage: String,
    /// Times it ran.
    pub calls: u64,
    /// Packets it was given.
    pub packets: u64,
    /// Time-stamp counter cycles it took.
    pub cycles: u64,
}

/// A worker's counters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerStats {
    /// Its number.
    pub worker: u16,
    /// The core it is pinned to.
    pub core: usize,
    /// Packets that it received by its queues.
    pub received: u64,
    /// Packets that it gave to other workers: what it received for them, and what has its sessions there.
    pub handed_out: u64,
    /// Packets that other workers gave it.
    pub taken_over: u64,
    /// Packets that it took in: what it received and kept, and what others received for it.
    pub rx_packets: u64,
    /// Packets that it gave to ports.
    pub tx_packets: u64,
    /// Time-stamp counter cycles spent on polls that found packets.
    pub busy_cycles: u64,
    /// Polls that found none.
    pub idle_polls: u64,
    /// Polls that found packets.
    pub bursts: u64,
    /// Its stages, in the order a packet meets them.
    pub stages: Vec<StageStats>,
}

impl WorkerStats {
    /// Reads a worker's counters, which were made for so many ports.
    #[must_use]
    pub fn read(worker: WorkerId, core: usize, ports: u16, counters: &Counters) -> Self {
        let (mut rx_packets, mut tx_packets) = (0, 0);
        for port in (0..ports).map(|port| counters.port(PortId(port))) {
            rx_packets += port.rx.get().packets;
            tx_packets += port.tx.get().packets;
        }
        let stages = Stage::ALL.iter().map(|&stage| {
            let counters = counters.stage(stage);
            StageStats {
                stage: stage.name().to_owned(),
                calls: counters.calls.get(),
                packets: counters.packets.get(),
                cycles: counters.cycles.get(),
            }
        });
        Self {
            worker: worker.0,
            core,
            received: counters.received.get(),
            handed_out: counters.handed_out.get(),
            taken_over: counters.taken_over.get(),
            rx_packets,
            tx_packets,
            busy_cycles: counters.busy_cycles.get(),
            idle_polls: counters.idle_polls.get(),
            bursts: counters.bursts.get(),
            stages: stages.collect(),
        }
    }
}

/// What became of all packets, and what each worker did for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatsView {
    /// Cycles of the time-stamp counter in a second.
    pub tsc_hz: u64,
    /// Seconds since the workers started.
    pub uptime_seconds: f64,
    /// Frames sent on of what had come in on a port.
    pub forwarded: u64,
    /// Packets that did not fit their way out and left in fragments.
    pub fragmented: u64,
    /// The fragments that they left in; among those forwarded.
    pub fragments: u64,
    /// Outer packets that came in fragments and were put together.
    pub reassembled: u64,
    /// The fragments that they came in.
    pub reassembled_fragments: u64,
    /// Packets that the gateway itself answered or absorbed.
    pub consumed: u64,
    /// Frames that the gateway itself made.
    pub originated: u64,
    /// ICMP errors that told a packet's sender why it was dropped; among those originated.
    pub icmp_errors_sent: u64,
    /// ICMP errors that would have been right, but were too many, or did not find their way.
    pub icmp_errors_suppressed: u64,
    /// Packets handed to the control thread.
    pub punted: u64,
    /// The same, and what was refused of them, by port and class.
    pub punts: Vec<PuntView>,
    /// Packets dropped, for whatever reason.
    pub dropped: u64,
    /// Packets forwarded though no lookup record vouches for their sender, because the check only logs.
    pub sender_unverified: u64,
    /// How long frames stayed in the box, for each direction.
    pub latency: Vec<LatencyView>,
    /// The workers.
    pub workers: Vec<WorkerStats>,
}

impl StatsView {
    /// Sums the counters of all writers: the workers' and the control thread's. `ports` are their names.
    #[must_use]
    pub fn read<'n>(
        tsc_hz: u64,
        uptime: Duration,
        workers: Vec<WorkerStats>,
        counters: &[&Counters],
        ports: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        let sum = |read: fn(&Counters) -> u64| counters.iter().map(|c| read(c)).sum();
        let punts = PuntView::read(counters, ports);
        Self {
            tsc_hz,
            uptime_seconds: uptime.as_secs_f64(),
            forwarded: sum(|c| c.forwarded.get()),
            fragmented: sum(|c| c.fragmented.get()),
            fragments: sum(|c| c.fragments.get()),
            reassembled: sum(|c| c.reassembled.get()),
            reassembled_fragments: sum(|c| c.reassembled_fragments.get()),
            consumed: sum(|c| c.consumed.get()),
            originated: sum(|c| c.originated.get()),
            icmp_errors_sent: sum(|c| c.icmp_errors_sent.get()),
            icmp_errors_suppressed: sum(|c| c.icmp_errors_suppressed.get()),
            punted: punts.iter().map(|view| view.packets).sum(),
            punts,
            dropped: sum(Counters::dropped_total),
            sender_unverified: sum(|c| c.sender_unverified.get()),
            latency: LatencyView::read(counters, tsc_hz),
            workers,
        }
    }
}

/// Packets of one class for the control thread that came in by one port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PuntView {
    /// The port's name.
    pub port: String,
    /// The class.
    pub class: PuntClass,
    /// Packets handed to the control thread.
    pub packets: u64,
    /// Packets that the policers refused.
    pub policed: u64,
    /// Packets that the policers admitted, and for which the class's queue had no room; among `packets`.
    pub lost: u64,
}

impl PuntView {
    /// Every class of every port, summed over all writers.
    fn read<'n>(counters: &[&Counters], ports: impl IntoIterator<Item = &'n str>) -> Vec<Self> {
        let views = ports.into_iter().enumerate().flat_map(|(number, port)| {
            PuntClass::ALL.iter().map(move |&class| {
                let total = PuntTotal::read(counters, PortId(number as u16), class);
                let PuntTotal { admitted, policed, lost } = total;
                Self { port: port.to_owned(), class, packets: admitted, policed, lost }
            })
        });
        views.collect()
    }
}

/// How many packets were dropped for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DropView {
    /// The reason's name.
    pub reason: String,
    /// Packets dropped for it.
    pub packets: u64,
    /// What Hyper-V's network virtualization trace calls the same failure, where it knows it.
    pub hyper_v_name: Option<String>,
    /// One sentence for people.
    pub description: String,
}

impl DropView {
    /// Every reason, those that never happened included, summed over all writers.
    #[must_use]
    pub fn read(counters: &[&Counters]) -> Vec<Self> {
        let view = |&reason: &DropReason| Self {
            reason: reason.name().to_owned(),
            packets: counters.iter().map(|c| c.dropped(reason)).sum(),
            hyper_v_name: reason.hyper_v_name().map(str::to_owned),
            description: reason.description().to_owned(),
        };
        DropReason::ALL.iter().map(view).collect()
    }
}

/// What went through a VRF, as `/metrics` shows it. Bytes are those of the inner IP packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VrfTraffic {
    /// The VRF's name.
    pub name: String,
    /// Whose it is; `None`: several VRFs summed.
    pub kind: Option<VrfKind>,
    /// Accepted from the VRF's own side.
    pub rx: TrafficTotal,
    /// Sent to the VRF's own side.
    pub tx: TrafficTotal,
}

/// How full a table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableUsage {
    /// The table's name, such as `lookup`.
    pub table: &'static str,
    /// Entries in use.
    pub entries: u64,
    /// Entries it has room for.
    pub capacity: u64,
}
