//! `/metrics`: the counters in Prometheus' text format.
//!
//! A scrape is bounded: every label but `vrf`, `tenant` and `pool` takes its values from a fixed set or from ports and cores, and
//! [`VrfMetrics`] keeps at most [`VrfMetrics::MAX`] VRFs apart. With 65,536 VRFs the first 1,000 (in the order of
//! their numbers, so that a series never changes its meaning while the configuration stays) have series of their
//! own, and all others together are `kind="other"` with an empty `vrf`. `nvgw show vrfs` tells every one apart.

mod latency;
mod nat;

pub use nat::{LogMetrics, NatMetrics, PoolMetrics};

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::TextEncoder;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use super::counters::TrafficTotal;
use super::view::{
    DropView, Link, NeighborState, PortView, PuntView, Severity, StageStats, StatsView, TableUsage, VrfKind,
    VrfTraffic, WorkerStats,
};

/// The media type of what [`render`] makes.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Everything that `/metrics` shows, read once.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsSnapshot {
    /// When the process started.
    pub started: SystemTime,
    /// The ports.
    pub ports: Vec<PortView>,
    /// Every drop reason.
    pub drops: Vec<DropView>,
    /// All packets, and the workers.
    pub stats: StatsView,
    /// The VRFs.
    pub vrfs: VrfMetrics,
    /// The state of each neighbour there is, counted.
    pub neighbors: Tally<NeighborState>,
    /// How full the tables are.
    pub tables: Vec<TableUsage>,
    /// The severity and the check of each alarm there is, counted.
    pub alarms: Tally<(Severity, String)>,
    /// The state of each provider address of the gateway's own, counted.
    pub addresses: Tally<&'static str>,
    /// How many events there were of each kind.
    pub events: Vec<(&'static str, u64)>,
    /// How often the gateway's objects have changed.
    pub generation: u64,
    /// Address translation.
    pub nat: NatMetrics,
}

/// How often each of a few words was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally<T>(std::collections::BTreeMap<T, u64>);

impl<T: Ord> FromIterator<T> for Tally<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut counts = std::collections::BTreeMap::new();
        for item in items {
            *counts.entry(item).or_default() += 1;
        }
        Self(counts)
    }
}

impl<T: Ord> Tally<T> {
    fn of(&self, item: &T) -> u64 {
        self.0.get(item).copied().unwrap_or_default()
    }
}

/// The traffic of VRFs, the first ones apart and the rest together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VrfMetrics {
    apart: Vec<VrfTraffic>,
    others: Option<VrfTraffic>,
}

impl VrfMetrics {
    /// How many VRFs have series of their own.
    pub const MAX: usize = 1000;

    /// Adds a VRF; call it in the order of their numbers.
    pub fn add(&mut self, name: &str, kind: VrfKind, rx: TrafficTotal, tx: TrafficTotal) {
        if self.apart.len() < Self::MAX {
            self.apart.push(VrfTraffic { name: name.to_owned(), kind: Some(kind), rx, tx });
        } else if let Some(others) = &mut self.others {
            others.rx += rx;
            others.tx += tx;
        } else {
            self.others = Some(VrfTraffic { name: String::new(), kind: None, rx, tx });
        }
    }

    fn iter(&self) -> impl Iterator<Item = &VrfTraffic> {
        self.apart.iter().chain(&self.others)
    }
}

/// Writes the snapshot in the text format 0.0.4, with the versions of nvgw and DPDK.
///
/// # Errors
/// The encoder refuses a family, which would be a mistake in this file.
pub fn render(
    snapshot: &MetricsSnapshot,
    version: &str,
    dpdk: Option<&str>,
) -> Result<String, prometheus::Error> {
    let mut families = Vec::new();
    process(&mut families, snapshot, version, dpdk.unwrap_or_default());
    ports(&mut families, &snapshot.ports);
    totals(&mut families, &snapshot.stats, &snapshot.drops);
    vrfs(&mut families, &snapshot.vrfs);
    workers(&mut families, &snapshot.stats.workers);
    latency::families(&mut families, &snapshot.stats.latency, snapshot.stats.tsc_hz);
    control(&mut families, snapshot);
    nat::families(&mut families, &snapshot.nat);
    // The encoder refuses families without series, such as those of the tables before any is made.
    families.retain(|family: &MetricFamily| !family.get_metric().is_empty());
    TextEncoder::new().encode_to_string(&families)
}

fn process(to: &mut Vec<MetricFamily>, snapshot: &MetricsSnapshot, version: &str, dpdk: &str) {
    let started = snapshot.started.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    to.push(gauge(
        "process_start_time_seconds",
        "Start time of the process since the Unix epoch.",
        [(vec![], started.as_secs_f64())],
    ));
    to.push(gauge(
        "nvgw_build_info",
        "Always 1; the labels are the versions.",
        [(vec![("version", version.to_owned()), ("dpdk", dpdk.to_owned())], 1.0)],
    ));
    to.push(gauge(
        "nvgw_tsc_hertz",
        "Cycles of the time-stamp counter in a second: what all counters of cycles count.",
        [(vec![], snapshot.stats.tsc_hz as f64)],
    ));
}

fn ports(to: &mut Vec<MetricFamily>, ports: &[PortView]) {
    let label = |port: &PortView| vec![("port", port.name.clone())];
    let columns: [Column<PortView>; 8] = [
        ("nvgw_port_receive_packets_total", "Packets taken from the port.", |p| p.rx_packets),
        ("nvgw_port_receive_bytes_total", "Bytes taken from the port, without FCS.", |p| p.rx_bytes),
        ("nvgw_port_transmit_packets_total", "Packets given to the port.", |p| p.tx_packets),
        ("nvgw_port_transmit_bytes_total", "Bytes given to the port, without FCS.", |p| p.tx_bytes),
        ("nvgw_port_transmit_dropped_packets_total", "Packets that the port did not take in time.", |p| {
            p.tx_dropped
        }),
        (
            "nvgw_port_receive_missed_packets_total",
            "Packets that the port dropped because its receive queues were full.",
            |p| p.rx_missed,
        ),
        ("nvgw_port_receive_error_packets_total", "Packets that the port received with errors.", |p| {
            p.rx_errors
        }),
        (
            "nvgw_port_receive_no_buffer_packets_total",
            "Packets that the port could not receive for want of a buffer.",
            |p| p.rx_no_buffer,
        ),
    ];
    for (name, help, value) in columns {
        to.push(counter(name, help, ports.iter().map(|port| (label(port), value(port)))));
    }
    let up = |port: &PortView| f64::from(u8::from(port.link == Link::Up));
    let up = ports.iter().map(|port| (label(port), up(port)));
    to.push(gauge("nvgw_port_up", "Whether the port has a link (1) or not (0).", up));
}

fn totals(to: &mut Vec<MetricFamily>, stats: &StatsView, drops: &[DropView]) {
    let all = [
        ("nvgw_forwarded_packets_total", "Frames sent on of what had come in on a port.", stats.forwarded),
        (
            "nvgw_fragmented_packets_total",
            "Packets that did not fit their way out and left in fragments.",
            stats.fragmented,
        ),
        (
            "nvgw_fragments_total",
            "The fragments that packets left in which did not fit their way out.",
            stats.fragments,
        ),
        (
            "nvgw_reassembled_packets_total",
            "Outer packets that came in fragments and were put together.",
            stats.reassembled,
        ),
        (
            "nvgw_reassembled_fragments_total",
            "The fragments that outer packets came in which were put together.",
            stats.reassembled_fragments,
        ),
        (
            "nvgw_consumed_packets_total",
            "Packets that the gateway itself answered or absorbed.",
            stats.consumed,
        ),
        ("nvgw_originated_packets_total", "Frames that the gateway itself made.", stats.originated),
        (
            "nvgw_icmp_errors_total",
            "ICMP errors that told a packet's sender why it was dropped.",
            stats.icmp_errors_sent,
        ),
        (
            "nvgw_icmp_errors_suppressed_total",
            "ICMP errors not sent because they were too many, or did not find their way.",
            stats.icmp_errors_suppressed,
        ),
        (
            "nvgw_sender_unverified_packets_total",
            "Packets forwarded though no lookup record vouches for their sender, because the check only logs.",
            stats.sender_unverified,
        ),
    ];
    for (name, help, value) in all {
        to.push(counter(name, help, [(vec![], value)]));
    }
    let label = |punt: &PuntView| vec![("class", punt.class.name().to_owned()), ("port", punt.port.clone())];
    let columns: [Column<PuntView>; 3] = [
        ("nvgw_punts_total", "Packets handed to the control thread.", |p| p.packets),
        ("nvgw_punts_policed_total", "Packets for the control thread that the policers refused.", |p| {
            p.policed
        }),
        ("nvgw_punts_lost_total", "Packets for the control thread whose queue was full.", |p| p.lost),
    ];
    for (name, help, value) in columns {
        to.push(counter(name, help, stats.punts.iter().map(|punt| (label(punt), value(punt)))));
    }
    let drops = drops.iter().map(|drop| (vec![("reason", drop.reason.clone())], drop.packets));
    to.push(counter("nvgw_drops_total", "Packets dropped, for each reason.", drops));
}

fn vrfs(to: &mut Vec<MetricFamily>, vrfs: &VrfMetrics) {
    let label = |vrf: &VrfTraffic| {
        let kind = vrf.kind.map_or("other", VrfKind::name);
        vec![("kind", kind.to_owned()), ("vrf", vrf.name.clone())]
    };
    let columns: [Column<VrfTraffic>; 4] = [
        ("nvgw_vrf_receive_packets_total", "Packets accepted from the VRF's own side.", |v| v.rx.packets),
        ("nvgw_vrf_receive_bytes_total", "Bytes of inner IP accepted from the VRF's own side.", |v| {
            v.rx.bytes
        }),
        ("nvgw_vrf_transmit_packets_total", "Packets sent to the VRF's own side.", |v| v.tx.packets),
        ("nvgw_vrf_transmit_bytes_total", "Bytes of inner IP sent to the VRF's own side.", |v| v.tx.bytes),
    ];
    for (name, help, value) in columns {
        to.push(counter(name, help, vrfs.iter().map(|vrf| (label(vrf), value(vrf)))));
    }
}

fn workers(to: &mut Vec<MetricFamily>, workers: &[WorkerStats]) {
    let label = |worker: &WorkerStats| vec![("worker", worker.worker.to_string())];
    let columns: [Column<WorkerStats>; 6] = [
        (
            "nvgw_worker_receive_packets_total",
            "Packets that the worker received and kept, or that others received for it.",
            |w| w.rx_packets,
        ),
        ("nvgw_worker_queue_packets_total", "Packets that the worker received by its queues.", |w| {
            w.received
        }),
        ("nvgw_worker_handed_out_packets_total", "Packets that the worker gave to other workers.", |w| {
            w.handed_out
        }),
        ("nvgw_worker_taken_over_packets_total", "Packets that other workers gave the worker.", |w| {
            w.taken_over
        }),
        ("nvgw_worker_transmit_packets_total", "Packets that the worker gave to ports.", |w| w.tx_packets),
        (
            "nvgw_worker_busy_cycles_total",
            "Time-stamp counter cycles that the worker spent on polls that found packets.",
            |w| w.busy_cycles,
        ),
    ];
    for (name, help, value) in columns {
        to.push(counter(name, help, workers.iter().map(|worker| (label(worker), value(worker)))));
    }
    let polls = workers.iter().flat_map(|worker| {
        [("busy", worker.bursts), ("idle", worker.idle_polls)].map(|(result, polls)| {
            let mut labels = vec![("result", result.to_owned())];
            labels.extend(label(worker));
            (labels, polls)
        })
    });
    to.push(counter(
        "nvgw_worker_polls_total",
        "Polls that found packets (busy) and that found none (idle).",
        polls,
    ));
    let columns: [Column<StageStats>; 3] = [
        ("nvgw_worker_stage_calls_total", "Times the stage ran.", |s| s.calls),
        ("nvgw_worker_stage_packets_total", "Packets that the stage was given.", |s| s.packets),
        ("nvgw_worker_stage_cycles_total", "Time-stamp counter cycles that the stage took.", |s| s.cycles),
    ];
    for (name, help, value) in columns {
        let stages = workers.iter().flat_map(|worker| worker.stages.iter().map(move |stage| (worker, stage)));
        let series = stages.map(|(worker, stage)| {
            let mut labels = vec![("stage", stage.stage.clone())];
            labels.extend(label(worker));
            (labels, value(stage))
        });
        to.push(counter(name, help, series));
    }
}

fn control(to: &mut Vec<MetricFamily>, snapshot: &MetricsSnapshot) {
    let neighbors = NeighborState::ALL
        .iter()
        .map(|state| (vec![("state", state.name().to_owned())], snapshot.neighbors.of(state) as f64));
    to.push(gauge("nvgw_neighbors", "Neighbours in each state.", neighbors));
    let tables = || snapshot.tables.iter().map(|table| (vec![("table", table.table.to_owned())], table));
    let entries = tables().map(|(labels, table)| (labels, table.entries as f64));
    to.push(gauge("nvgw_table_entries", "Entries in use.", entries));
    let capacity = tables().map(|(labels, table)| (labels, table.capacity as f64));
    to.push(gauge("nvgw_table_capacity", "Entries that the table has room for.", capacity));
    let alarms = Severity::ALL.iter().map(|severity| {
        let of_severity = snapshot.alarms.0.iter().filter(|((other, _), _)| other == severity);
        let number: u64 = of_severity.map(|(_, number)| number).sum();
        (vec![("severity", severity.name().to_owned())], number as f64)
    });
    to.push(gauge("nvgw_alarms", "Alarms of each severity; `nvgw show alarms` says what they are.", alarms));
    let checks = snapshot.alarms.0.iter().map(|((severity, check), number)| {
        let labels = vec![("check", check.clone()), ("severity", severity.name().to_owned())];
        (labels, *number as f64)
    });
    to.push(gauge(
        "nvgw_check_alarms",
        "Alarms of each of the doctor's checks that found something.",
        checks,
    ));
    let states = ["tentative", "preferred", "duplicate"];
    let addresses =
        states.map(|state| (vec![("state", state.to_owned())], snapshot.addresses.of(&state) as f64));
    to.push(gauge(
        "nvgw_provider_addresses",
        "The gateway's own provider addresses in each state.",
        addresses,
    ));
    to.push(gauge(
        "nvgw_generation",
        "Batches of changes and reloads so far, restarts included.",
        [(vec![], snapshot.generation as f64)],
    ));
    let events = snapshot.events.iter().map(|(kind, number)| (vec![("kind", (*kind).to_owned())], *number));
    to.push(counter(
        "nvgw_events_total",
        "Events of each kind; `nvgw show events` lists the last ones.",
        events,
    ));
}

/// Name, help and value of one counter of a `T`.
type Column<T> = (&'static str, &'static str, fn(&T) -> u64);
type Labels = Vec<(&'static str, String)>;

fn counter(name: &str, help: &str, series: impl IntoIterator<Item = (Labels, u64)>) -> MetricFamily {
    let series = series.into_iter().map(|(labels, value)| {
        let mut counter = Counter::default();
        counter.set_value(value as f64);
        let mut metric = metric(labels);
        metric.set_counter(counter);
        metric
    });
    family(name, help, MetricType::COUNTER, series.collect())
}

fn gauge(name: &str, help: &str, series: impl IntoIterator<Item = (Labels, f64)>) -> MetricFamily {
    let series = series.into_iter().map(|(labels, value)| {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = metric(labels);
        metric.set_gauge(gauge);
        metric
    });
    family(name, help, MetricType::GAUGE, series.collect())
}

fn metric(labels: Labels) -> Metric {
    let pair = |(name, value): (&str, String)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value);
        pair
    };
    let mut metric = Metric::default();
    metric.set_label(labels.into_iter().map(pair).collect());
    metric
}

fn family(name: &str, help: &str, kind: MetricType, series: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(series);
    family
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Backend;
    use crate::api::fixture::Fixture;
    use crate::telemetry::DropReason;
    use std::io::Write;
    use std::process::{Command, Stdio};

    fn rendered() -> String {
        render(&Fixture::new().metrics(), "1.2.3", None).expect("renders")
    }

    #[test]
    fn counters_appear_under_their_names() {
        let text = rendered();
        for line in [
            "# TYPE nvgw_port_receive_packets_total counter",
            "nvgw_port_receive_packets_total{port=\"wire0\"} 1500",
            "nvgw_port_transmit_bytes_total{port=\"wire0\"} 196420",
            "nvgw_port_receive_missed_packets_total{port=\"wire0\"} 12",
            "nvgw_port_up{port=\"wire0\"} 1",
            "nvgw_forwarded_packets_total 1400",
            "nvgw_drops_total{reason=\"gre-no-key\"} 60",
            "nvgw_drops_total{reason=\"vsid-vendor\"} 0",
            "nvgw_punts_total{class=\"neighbor\",port=\"wire0\"} 40",
            "nvgw_punts_policed_total{class=\"neighbor\",port=\"wire0\"} 120000",
            "nvgw_punts_lost_total{class=\"neighbor\",port=\"wire0\"} 3",
            "nvgw_punts_policed_total{class=\"learn\",port=\"wire0\"} 0",
            "nvgw_vrf_receive_packets_total{kind=\"tenant\",vrf=\"red\"} 900",
            "nvgw_worker_polls_total{result=\"busy\",worker=\"0\"} 100",
            "nvgw_worker_polls_total{result=\"idle\",worker=\"0\"} 300",
            "nvgw_worker_stage_cycles_total{stage=\"receive\",worker=\"0\"} 30000",
            "nvgw_worker_stage_packets_total{stage=\"decapsulate\",worker=\"0\"} 1000",
            "nvgw_neighbors{state=\"reachable\"} 0",
            "nvgw_table_entries{table=\"lookup\"} 3",
            "nvgw_table_capacity{table=\"lookup\"} 1000000",
            "nvgw_alarms{severity=\"critical\"} 1",
            "nvgw_alarms{severity=\"warning\"} 0",
            "nvgw_check_alarms{check=\"provider-route\",severity=\"critical\"} 1",
            "nvgw_provider_addresses{state=\"preferred\"} 1",
            "nvgw_provider_addresses{state=\"duplicate\"} 0",
            "nvgw_events_total{kind=\"lookup-moved\"} 2",
            "nvgw_generation 41",
            "nvgw_build_info{version=\"1.2.3\",dpdk=\"\"} 1",
            "process_start_time_seconds 1700000000.5",
        ] {
            assert!(text.lines().any(|candidate| candidate == line), "{line} is missing from\n{text}");
        }
    }

    #[test]
    fn every_drop_reason_is_a_series() {
        let text = rendered();
        for reason in DropReason::ALL {
            let series = format!("nvgw_drops_total{{reason=\"{}\"}} ", reason.name());
            assert_eq!(text.matches(&series).count(), 1, "{reason:?}");
        }
    }

    #[test]
    fn many_vrfs_make_a_bounded_scrape_that_loses_no_packet() {
        let mut snapshot = Fixture::new().metrics();
        snapshot.vrfs = VrfMetrics::default();
        let one = TrafficTotal { packets: 1, bytes: 100 };
        for vrf in 0..65_536 {
            snapshot.vrfs.add(&format!("t{vrf}"), VrfKind::Tenant, one, one);
        }
        let text = render(&snapshot, "1.2.3", None).expect("renders");
        let series = |line: &&str| line.starts_with("nvgw_vrf_receive_packets_total{");
        assert_eq!(text.lines().filter(series).count(), VrfMetrics::MAX + 1);
        assert!(text.contains("nvgw_vrf_receive_bytes_total{kind=\"other\",vrf=\"\"} 6453600\n"));
    }

    #[test]
    fn promtool_has_no_complaint() {
        let promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut promtool = match promtool {
            Ok(promtool) => promtool,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("skipped: promtool is not installed (Debian: apt install prometheus)");
                return;
            }
            Err(error) => panic!("promtool does not start: {error}"),
        };
        let mut input = promtool.stdin.take().expect("a pipe");
        input.write_all(rendered().as_bytes()).expect("promtool reads");
        drop(input);
        let output = promtool.wait_with_output().expect("promtool ends");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
    }
}
