//! What the doctor says of translation: tables and pools that run full, and a log that cannot be written.

use crate::api::view::NatPoolView;
use crate::control::doctor::{Fault, Findings};
use crate::diagnosis::{DoctorReport, Health};
use crate::nat_log::{NatLog, Sink};
use crate::telemetry::nat_totals::NatTable;

/// Adds to a report what is to be said of translation. `log` is the running gateway's.
pub(crate) fn with_nat(
    mut report: DoctorReport,
    tables: &[NatTable],
    pools: &[NatPoolView],
    log: Option<&NatLog>,
) -> DoctorReport {
    let mut findings = Findings::default();
    check_tables(&mut findings, tables);
    check_pools(&mut findings, pools);
    if let Some(log) = log.filter(|log| log.is_on()) {
        check_log(&mut findings, log);
    }
    let DoctorReport { health, findings } = findings.report();
    report.health = report.health.max(health);
    report.findings.extend(findings);
    report
}

/// How bad it is that so much is in use; `None`: not at all.
fn saturation(used: u64, room: u64) -> Option<Health> {
    if used * 10 <= room * 9 {
        None
    } else if used < room {
        Some(Health::Yellow)
    } else {
        Some(Health::Red)
    }
}

fn check_tables(findings: &mut Findings, tables: &[NatTable]) {
    let full = tables.iter().enumerate().filter_map(|(worker, table)| {
        Some(Fault {
            health: saturation(table.entries, table.capacity)?,
            object: format!("worker {worker}"),
            message: format!("{} of {} entries of its sessions are in use", table.entries, table.capacity),
            cure: "raise system.limits.nat-sessions and restart the gateway, or limit the tenants that have most: \
                   nvgw tenant list"
                .to_owned(),
        })
    });
    findings.check("nat-table", "sessions", full, || {
        "every worker has room for a tenth more of sessions".to_owned()
    });
}

fn check_pools(findings: &mut Findings, pools: &[NatPoolView]) {
    let full = pools.iter().filter_map(|pool| {
        let NatPoolView { blocks, blocks_possible, .. } = pool;
        Some(Fault {
            health: saturation(*blocks, *blocks_possible)?,
            object: format!("pool {} on {}", pool.pool, pool.external),
            message: format!("{blocks} of {blocks_possible} port blocks are in use"),
            cure: "give the pool more addresses or smaller blocks, or limit ports-per-address".to_owned(),
        })
    });
    findings.check("nat-pool", "pools", full, || "every pool has a tenth of its port blocks left".to_owned());
}

fn check_log(findings: &mut Findings, log: &NatLog) {
    let to_file = log.config().file.is_some();
    let faults = Sink::ALL.into_iter().filter_map(|sink| {
        let message = log.health().of(sink).trouble()?;
        let (health, cure) = match sink {
            Sink::File => (
                Health::Red,
                "make room or make it writable: no port block is handed out once the queue is full",
            ),
            Sink::Syslog if to_file => {
                (Health::Yellow, "see whether the server listens; the file has every line")
            }
            Sink::Syslog => (Health::Red, "see whether the server listens, or log to a file: nat.log.file"),
        };
        let (object, cure) = (format!("nat.log.{}", sink.name()), cure.to_owned());
        Some(Fault { health, object, message, cure })
    });
    findings.check("nat-log", "log", faults, || "what is handed out is logged".to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvgw_config::NatLog as Config;
    use std::time::{Duration, Instant};

    fn table(entries: u64) -> NatTable {
        NatTable { entries, capacity: 1_000, ..NatTable::default() }
    }

    fn pool(blocks: u64) -> NatPoolView {
        NatPoolView {
            external: "internet".into(),
            pool: "198.51.100.16".into(),
            tenants: 1,
            addresses: 1,
            blocks,
            blocks_possible: 126,
            most_blocks: 126,
            ports: 0,
            most_ports: 0,
        }
    }

    fn said(tables: &[NatTable], pools: &[NatPoolView], log: Option<&NatLog>) -> Vec<(Health, String)> {
        let empty = DoctorReport { health: Health::Green, findings: vec![] };
        let report = with_nat(empty, tables, pools, log);
        let worst = report.findings.iter().map(|finding| finding.health).max();
        assert_eq!(Some(report.health), worst);
        report.findings.into_iter().map(|finding| (finding.health, finding.object)).collect()
    }

    #[test]
    fn what_runs_full_is_told_before_it_is() {
        let good = |object: &str| (Health::Green, object.to_owned());
        assert_eq!(said(&[table(900)], &[pool(113)], None), [good("sessions"), good("pools")]);
        let on = |pool: &str| format!("pool {pool} on internet");
        assert_eq!(
            said(&[NatTable::default(), table(901), table(1_000)], &[pool(114), pool(126)], None),
            [
                (Health::Yellow, "worker 1".to_owned()),
                (Health::Red, "worker 2".to_owned()),
                (Health::Yellow, on("198.51.100.16")),
                (Health::Red, on("198.51.100.16")),
            ]
        );
    }

    #[test]
    fn a_log_that_cannot_be_written_is_red() {
        let folder = tempfile::tempdir().expect("a folder");
        let off = NatLog::start(&Config::default()).expect("a thread");
        assert_eq!(said(&[], &[], Some(&off)).len(), 2, "what is off is not looked at");
        let file = Some(folder.path().join("none/nat.jsonl"));
        let log = NatLog::start(&Config { file, ..Config::default() }).expect("a thread");
        let begun = Instant::now();
        while log.health().of(Sink::File).trouble().is_none() && begun.elapsed() < Duration::from_secs(20) {
            std::thread::yield_now();
        }
        assert_eq!(said(&[], &[], Some(&log)).pop(), Some((Health::Red, "nat.log.file".to_owned())));
    }
}
