//! What went through ports, VRFs and workers, and what became of it.

use prometheus::proto::MetricFamily;

use super::VrfMetrics;
use super::family::{Column, counter, gauge};
use crate::telemetry::view::{
    DropView, Link, PortView, PuntView, StageStats, StatsView, VrfKind, VrfTraffic, WorkerStats,
};

pub(super) fn ports(to: &mut Vec<MetricFamily>, ports: &[PortView]) {
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

pub(super) fn totals(to: &mut Vec<MetricFamily>, stats: &StatsView, drops: &[DropView]) {
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

pub(super) fn vrfs(to: &mut Vec<MetricFamily>, vrfs: &VrfMetrics) {
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

pub(super) fn workers(to: &mut Vec<MetricFamily>, workers: &[WorkerStats]) {
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
