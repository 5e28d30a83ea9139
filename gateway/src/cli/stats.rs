//! `nvgw stats`: packets, cycles per packet and packets per burst, since the start or between two samples.

use std::io::{self, Write};
use std::thread;

use super::CliError;
use super::args::StatsOptions;
use super::client::Client;
use super::table::{Column, Table, decimal, grouped};
use crate::api::view::{PuntView, StageStats, StatsView, WorkerStats};
use crate::telemetry::latency::LatencyView;
use crate::telemetry::view::ratio;

/// `nvgw stats`.
pub(super) fn stats(options: &StatsOptions, out: &mut impl Write) -> Result<(), CliError> {
    let mut client = Client::connect(&options.at.socket)?;
    let mut sample = || client.get::<StatsView>("/v1/stats");
    match options.watch {
        None if options.json => json(&sample()?, out),
        None => print(&sample()?, out),
        Some(period) => watch(sample, || thread::sleep(period), options.json, out),
    }
}

/// Shows what happened between samples, until one fails or nobody reads on.
fn watch(
    mut sample: impl FnMut() -> Result<StatsView, CliError>,
    mut pause: impl FnMut(),
    as_json: bool,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let mut before = sample()?;
    if as_json {
        json(&before, out)?;
    }
    loop {
        pause();
        let now = sample()?;
        if as_json {
            json(&now, out)?;
        } else {
            print(&since(&now, &before), out)?;
            writeln!(out)?;
        }
        out.flush()?;
        before = now;
    }
}

fn json(stats: &StatsView, out: &mut impl Write) -> Result<(), CliError> {
    serde_json::to_writer(&mut *out, stats).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}

/// What happened between two samples. A gateway that started anew in between counts from its start.
fn since(now: &StatsView, before: &StatsView) -> StatsView {
    if now.uptime_seconds < before.uptime_seconds {
        return now.clone();
    }
    let workers = now.workers.iter().map(|worker| {
        let earlier = before.workers.iter().find(|earlier| earlier.worker == worker.worker);
        earlier.map_or_else(|| worker.clone(), |earlier| worker_since(worker, earlier))
    });
    StatsView {
        tsc_hz: now.tsc_hz,
        uptime_seconds: now.uptime_seconds - before.uptime_seconds,
        forwarded: now.forwarded.saturating_sub(before.forwarded),
        fragmented: now.fragmented.saturating_sub(before.fragmented),
        fragments: now.fragments.saturating_sub(before.fragments),
        reassembled: now.reassembled.saturating_sub(before.reassembled),
        reassembled_fragments: now.reassembled_fragments.saturating_sub(before.reassembled_fragments),
        consumed: now.consumed.saturating_sub(before.consumed),
        originated: now.originated.saturating_sub(before.originated),
        icmp_errors_sent: now.icmp_errors_sent.saturating_sub(before.icmp_errors_sent),
        icmp_errors_suppressed: now.icmp_errors_suppressed.saturating_sub(before.icmp_errors_suppressed),
        punted: now.punted.saturating_sub(before.punted),
        punts: now.punts.iter().map(|punt| punt_since(punt, &before.punts)).collect(),
        dropped: now.dropped.saturating_sub(before.dropped),
        sender_unverified: now.sender_unverified.saturating_sub(before.sender_unverified),
        latency: now.latency.iter().map(|view| latency_since(view, &before.latency, now.tsc_hz)).collect(),
        workers: workers.collect(),
    }
}

fn latency_since(now: &LatencyView, before: &[LatencyView], tsc_hz: u64) -> LatencyView {
    let earlier = before.iter().find(|earlier| earlier.direction == now.direction);
    earlier.map_or_else(|| now.clone(), |earlier| now.since(earlier, tsc_hz))
}

fn punt_since(now: &PuntView, before: &[PuntView]) -> PuntView {
    let same = |earlier: &&PuntView| earlier.port == now.port && earlier.class == now.class;
    let Some(earlier) = before.iter().find(same) else { return now.clone() };
    PuntView {
        packets: now.packets.saturating_sub(earlier.packets),
        policed: now.policed.saturating_sub(earlier.policed),
        lost: now.lost.saturating_sub(earlier.lost),
        ..now.clone()
    }
}

fn worker_since(now: &WorkerStats, before: &WorkerStats) -> WorkerStats {
    let stages = now.stages.iter().zip(&before.stages).map(|(now, before)| StageStats {
        stage: now.stage.clone(),
        calls: now.calls.saturating_sub(before.calls),
        packets: now.packets.saturating_sub(before.packets),
        cycles: now.cycles.saturating_sub(before.cycles),
    });
    WorkerStats {
        worker: now.worker,
        core: now.core,
        received: now.received.saturating_sub(before.received),
        handed_out: now.handed_out.saturating_sub(before.handed_out),
        taken_over: now.taken_over.saturating_sub(before.taken_over),
        rx_packets: now.rx_packets.saturating_sub(before.rx_packets),
        tx_packets: now.tx_packets.saturating_sub(before.tx_packets),
        busy_cycles: now.busy_cycles.saturating_sub(before.busy_cycles),
        idle_polls: now.idle_polls.saturating_sub(before.idle_polls),
        bursts: now.bursts.saturating_sub(before.bursts),
        stages: stages.collect(),
    }
}

/// A line of a table: the counters, and the seconds in which they counted.
struct Total {
    what: &'static str,
    packets: u64,
    seconds: f64,
}

struct PuntLine<'a> {
    punt: &'a PuntView,
    seconds: f64,
}

struct WorkerLine<'a> {
    worker: &'a WorkerStats,
    seconds: f64,
    cycles: f64,
}

struct StageLine<'a> {
    worker: &'a WorkerStats,
    stage: &'a StageStats,
}

fn print(stats: &StatsView, out: &mut impl Write) -> Result<(), CliError> {
    let seconds = stats.uptime_seconds;
    writeln!(out, "in {} seconds\n", decimal(seconds))?;
    let total = |what, packets| Total { what, packets, seconds };
    let totals = [
        total("forwarded", stats.forwarded),
        total("fragmented", stats.fragmented),
        total("fragments sent", stats.fragments),
        total("reassembled", stats.reassembled),
        total("fragments reassembled", stats.reassembled_fragments),
        total("consumed", stats.consumed),
        total("originated", stats.originated),
        total("ICMP errors sent", stats.icmp_errors_sent),
        total("ICMP errors suppressed", stats.icmp_errors_suppressed),
        total("punted", stats.punted),
        total("dropped", stats.dropped),
        total("sender unverified", stats.sender_unverified),
    ];
    let columns = [
        Column::text("PACKETS", |t: &Total| t.what.to_owned()),
        Column::number("COUNT", |t| grouped(t.packets)),
        Column::number("PER SECOND", |t| rate(t.packets, t.seconds)),
    ];
    Table::new(&columns).write(&totals, out)?;
    writeln!(out)?;
    print_punts(stats, out)?;
    print_latency(&stats.latency, out)?;
    if stats.workers.is_empty() {
        return Ok(writeln!(out, "no workers")?);
    }
    let cycles = seconds * stats.tsc_hz as f64;
    let workers: Vec<_> = stats.workers.iter().map(|worker| WorkerLine { worker, seconds, cycles }).collect();
    let columns = [
        Column::number("WORKER", |l: &WorkerLine<'_>| l.worker.worker.to_string()),
        Column::number("CORE", |l| l.worker.core.to_string()),
        Column::number("RX PACKETS", |l| grouped(l.worker.rx_packets)),
        Column::number("RX/SECOND", |l| rate(l.worker.rx_packets, l.seconds)),
        Column::number("TX PACKETS", |l| grouped(l.worker.tx_packets)),
        Column::number("CYCLES/PACKET", |l| decimal(ratio(l.worker.busy_cycles, l.worker.rx_packets))),
        Column::number("PACKETS/BURST", |l| decimal(ratio(l.worker.rx_packets, l.worker.bursts))),
        Column::number("BUSY %", |l| {
            let busy = if l.cycles > 0.0 { 100.0 * l.worker.busy_cycles as f64 / l.cycles } else { 0.0 };
            decimal(busy.min(100.0))
        }),
    ];
    Table::new(&columns).write(&workers, out)?;
    writeln!(out)?;
    let stages: Vec<_> = (stats.workers.iter())
        .flat_map(|worker| worker.stages.iter().map(move |stage| StageLine { worker, stage }))
        .collect();
    let columns = [
        Column::number("WORKER", |l: &StageLine<'_>| l.worker.worker.to_string()),
        Column::text("STAGE", |l| l.stage.stage.clone()),
        Column::number("PACKETS", |l| grouped(l.stage.packets)),
        Column::number("CYCLES/PACKET", |l| decimal(ratio(l.stage.cycles, l.stage.packets))),
        Column::number("PACKETS/BURST", |l| decimal(ratio(l.stage.packets, l.stage.calls))),
    ];
    Ok(Table::new(&columns).write(&stages, out)?)
}

/// What the control thread got, and what it was spared; nothing where there was nothing.
fn print_punts(stats: &StatsView, out: &mut impl Write) -> Result<(), CliError> {
    let seconds = stats.uptime_seconds;
    let seen = stats.punts.iter().filter(|punt| punt.packets > 0 || punt.policed > 0);
    let seen: Vec<_> = seen.map(|punt| PuntLine { punt, seconds }).collect();
    if seen.is_empty() {
        return Ok(());
    }
    let columns = [
        Column::text("PORT", |l: &PuntLine<'_>| l.punt.port.clone()),
        Column::text("CLASS", |l| l.punt.class.name().to_owned()),
        Column::number("PUNTED", |l| grouped(l.punt.packets)),
        Column::number("PER SECOND", |l| rate(l.punt.packets, l.seconds)),
        Column::number("POLICED", |l| grouped(l.punt.policed)),
        Column::number("PER SECOND", |l| rate(l.punt.policed, l.seconds)),
        Column::number("QUEUE FULL", |l| grouped(l.punt.lost)),
    ];
    Table::new(&columns).write(&seen, out)?;
    Ok(writeln!(out)?)
}

/// How long frames stayed in the box; nothing where none did.
fn print_latency(latency: &[LatencyView], out: &mut impl Write) -> Result<(), CliError> {
    let seen: Vec<_> = latency.iter().filter(|view| view.frames > 0).collect();
    if seen.is_empty() {
        return Ok(());
    }
    let columns = [
        Column::text("IN THE BOX", |view: &&LatencyView| view.direction.to_string()),
        Column::number("FRAMES", |view| grouped(view.frames)),
        Column::number("P50 µs", |view| decimal(view.p50_us)),
        Column::number("P90 µs", |view| decimal(view.p90_us)),
        Column::number("P99 µs", |view| decimal(view.p99_us)),
        Column::number("P99.9 µs", |view| decimal(view.p999_us)),
        Column::number("MAX µs", |view| decimal(view.max_us)),
    ];
    Table::new(&columns).write(&seen, out)?;
    Ok(writeln!(out)?)
}

fn rate(packets: u64, seconds: f64) -> String {
    if seconds > 0.0 { grouped((packets as f64 / seconds).round() as u64) } else { "-".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::PuntClass;
    use crate::telemetry::counters::Counters;
    use crate::telemetry::latency::Direction;

    fn sample(uptime_seconds: f64, packets: u64) -> StatsView {
        let stage = StageStats { stage: "receive".into(), calls: packets / 10, packets, cycles: packets * 8 };
        let counters = Counters::new(0, 0);
        counters.latency(Direction::TenantToOutside).add(20, packets);
        StatsView {
            tsc_hz: 1000,
            uptime_seconds,
            latency: LatencyView::read(&[&counters], 1000),
            forwarded: packets,
            fragmented: 7,
            fragments: 14,
            reassembled: 8,
            reassembled_fragments: 16,
            consumed: 1,
            originated: 2,
            icmp_errors_sent: 1,
            icmp_errors_suppressed: 6,
            punted: 3,
            punts: vec![PuntView {
                port: "wire0".into(),
                class: PuntClass::Neighbor,
                packets,
                policed: 2 * packets,
                lost: 1,
            }],
            dropped: 4,
            sender_unverified: 5,
            workers: vec![WorkerStats {
                worker: 0,
                core: 1,
                received: packets,
                handed_out: 0,
                taken_over: 0,
                rx_packets: packets,
                tx_packets: packets,
                busy_cycles: packets * 10,
                idle_polls: 0,
                bursts: packets / 10,
                stages: vec![stage],
            }],
        }
    }

    #[test]
    fn a_difference_counts_only_what_happened_in_between() {
        let between = since(&sample(12.0, 500), &sample(10.0, 300));
        let expected = StatsView {
            fragmented: 0,
            fragments: 0,
            reassembled: 0,
            reassembled_fragments: 0,
            consumed: 0,
            originated: 0,
            icmp_errors_sent: 0,
            icmp_errors_suppressed: 0,
            punted: 0,
            punts: vec![PuntView { packets: 200, policed: 400, lost: 0, ..sample(0.0, 0).punts.remove(0) }],
            dropped: 0,
            sender_unverified: 0,
            ..sample(2.0, 200)
        };
        assert_eq!(between, expected);
        assert_eq!(since(&sample(1.0, 50), &sample(10.0, 300)), sample(1.0, 50), "it started anew");
    }

    #[test]
    fn watch_shows_each_interval_until_a_sample_fails() {
        let mut samples = [sample(1.0, 100), sample(3.0, 300), sample(4.0, 1_300)].into_iter();
        let ended = || CliError::NoAnswer { socket: "s".into(), reason: "ended".into() };
        let mut pauses = 0;
        let mut out = Vec::new();
        let result = watch(|| samples.next().ok_or_else(ended), || pauses += 1, false, &mut out);
        assert!(matches!(result, Err(CliError::NoAnswer { .. })));
        assert_eq!(pauses, 3);
        let out = String::from_utf8(out).expect("text");
        let forwarded: Vec<_> = out.lines().filter(|line| line.starts_with("forwarded")).collect();
        assert_eq!(forwarded.len(), 2, "{out}");
        assert!(forwarded[0].split_whitespace().eq(["forwarded", "200", "100"]), "{out}");
        assert!(forwarded[1].split_whitespace().eq(["forwarded", "1,000", "1,000"]), "{out}");
    }
}
