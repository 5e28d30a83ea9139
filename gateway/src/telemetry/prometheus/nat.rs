//! Address translation in `/metrics`. Tenants and pools are as bounded as VRFs are: the first ones have series of their
//! own, all others together have one, without a name.

use std::collections::BTreeMap;

use prometheus::proto::MetricFamily;

use super::VrfMetrics;
use super::family::{Column, Labels, counter, gauge};
use crate::telemetry::nat_totals::{NatTable, TenantTotal};

/// What is in use of a pool of public addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolMetrics {
    /// Its addresses.
    pub addresses: u64,
    /// Port blocks in use.
    pub blocks: u64,
    /// Port blocks there are.
    pub blocks_possible: u64,
    /// Ports in use.
    pub ports: u64,
}

/// What was written of the log to one of its sinks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogMetrics {
    /// The sink's name.
    pub sink: &'static str,
    /// Lines that it took.
    pub lines: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// Lines that it never got.
    pub skipped: u64,
}

/// Address translation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NatMetrics {
    tenants: Vec<(String, TenantTotal)>,
    pools: BTreeMap<(String, String), PoolMetrics>,
    tables: Vec<NatTable>,
    log: Vec<LogMetrics>,
    log_queue: u64,
}

impl NatMetrics {
    /// How many tenants, and how many pools, have series of their own.
    pub const MAX: usize = VrfMetrics::MAX;

    /// The session table of each worker, the sinks of the log, and how many lines wait for them.
    #[must_use]
    pub fn new(tables: Vec<NatTable>, log: Vec<LogMetrics>, log_queue: u64) -> Self {
        Self { tables, log, log_queue, ..Self::default() }
    }

    /// Adds a tenant whose packets are translated; call it in the order of their numbers.
    pub fn add_tenant(&mut self, name: &str, total: TenantTotal) {
        if self.tenants.len() < Self::MAX {
            self.tenants.push((name.to_owned(), total));
        } else if self.tenants.len() == Self::MAX {
            self.tenants.push((String::new(), total));
        } else if let Some((_, others)) = self.tenants.last_mut() {
            *others += total;
        }
    }

    /// Adds a pool of an external network.
    pub fn add_pool(&mut self, external: &str, pool: &str, metrics: &PoolMetrics) {
        let apart = self.pools.len() < Self::MAX;
        let name = if apart { (external.to_owned(), pool.to_owned()) } else { Default::default() };
        let sum = self.pools.entry(name).or_default();
        sum.addresses += metrics.addresses;
        sum.blocks += metrics.blocks;
        sum.blocks_possible += metrics.blocks_possible;
        sum.ports += metrics.ports;
    }
}

pub(super) fn families(to: &mut Vec<MetricFamily>, nat: &NatMetrics) {
    tenants(to, nat);
    tables(to, &nat.tables);
    pools(to, nat);
    log(to, nat);
}

fn tenants(to: &mut Vec<MetricFamily>, nat: &NatMetrics) {
    let label = |name: &str| vec![("tenant", name.to_owned())];
    let gauges: [Column<TenantTotal>; 3] = [
        ("nvgw_nat_sessions", "Sessions of the tenant's address translation.", |t| t.sessions),
        ("nvgw_nat_ports", "Public ports and query identifiers that the tenant uses.", |t| t.ports),
        ("nvgw_nat_blocks", "Port blocks that the tenant holds.", |t| t.blocks),
    ];
    for (name, help, value) in gauges {
        let series = nat.tenants.iter().map(|(tenant, total)| (label(tenant), value(total) as f64));
        to.push(gauge(name, help, series));
    }
    let counters: [Column<TenantTotal>; 2] = [
        ("nvgw_nat_sessions_created_total", "Sessions that began.", |t| t.created),
        ("nvgw_nat_block_allocations_total", "Port blocks handed out.", |t| t.allocations),
    ];
    for (name, help, value) in counters {
        let series = nat.tenants.iter().map(|(tenant, total)| (label(tenant), value(total)));
        to.push(counter(name, help, series));
    }
    let failures = nat.tenants.iter().flat_map(|(tenant, total)| {
        total.failures().map(move |(reason, count)| {
            (vec![("reason", reason.name().to_owned()), ("tenant", tenant.clone())], count)
        })
    });
    to.push(counter(
        "nvgw_nat_failures_total",
        "Packets of the tenant that were not translated, for each reason.",
        failures,
    ));
}

fn tables(to: &mut Vec<MetricFamily>, tables: &[NatTable]) {
    let workers =
        || tables.iter().enumerate().map(|(worker, table)| (vec![("worker", worker.to_string())], table));
    let gauges: [Column<NatTable>; 3] = [
        ("nvgw_nat_table_entries", "Sessions of the worker and ports that rest.", |t| t.entries),
        ("nvgw_nat_table_capacity", "Sessions that the worker has room for.", |t| t.capacity),
        ("nvgw_nat_table_high_water", "The most entries there were at a time.", |t| t.most),
    ];
    for (name, help, value) in gauges {
        to.push(gauge(name, help, workers().map(|(labels, table)| (labels, value(table) as f64))));
    }
    to.push(counter(
        "nvgw_nat_handed_over_packets_total",
        "Packets that the worker handed to the one that owns their sessions.",
        workers().map(|(labels, table)| (labels, table.handed_over)),
    ));
}

fn pools(to: &mut Vec<MetricFamily>, nat: &NatMetrics) {
    let gauges: [Column<PoolMetrics>; 4] = [
        ("nvgw_nat_pool_addresses", "Addresses of the pool.", |p| p.addresses),
        ("nvgw_nat_pool_blocks", "Port blocks of the pool in use.", |p| p.blocks),
        ("nvgw_nat_pool_blocks_possible", "Port blocks that the pool has.", |p| p.blocks_possible),
        ("nvgw_nat_pool_ports", "Ports of the pool in use, of all protocols together.", |p| p.ports),
    ];
    for (name, help, value) in gauges {
        let series = nat.pools.iter().map(|((external, pool), metrics)| {
            let labels: Labels = vec![("external", external.clone()), ("pool", pool.clone())];
            (labels, value(metrics) as f64)
        });
        to.push(gauge(name, help, series));
    }
}

fn log(to: &mut Vec<MetricFamily>, nat: &NatMetrics) {
    let counters: [Column<LogMetrics>; 3] = [
        ("nvgw_nat_log_lines_total", "Lines of the translation log that the sink took.", |l| l.lines),
        ("nvgw_nat_log_failures_total", "Attempts to write the translation log that failed.", |l| l.failures),
        ("nvgw_nat_log_skipped_lines_total", "Lines of the translation log that only the file has.", |l| {
            l.skipped
        }),
    ];
    for (name, help, value) in counters {
        let series = nat.log.iter().map(|log| (vec![("sink", log.sink.to_owned())], value(log)));
        to.push(counter(name, help, series));
    }
    to.push(gauge(
        "nvgw_nat_log_queue_lines",
        "Lines of the translation log that wait to be written.",
        [(vec![], nat.log_queue as f64)],
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Backend;
    use crate::api::fixture::Fixture;
    use crate::telemetry::nat::NatCounters;
    use crate::telemetry::prometheus::render;
    use nvgw_types::VrfId;

    #[test]
    fn translation_appears_under_its_names() {
        let text = render(&Fixture::new().metrics(), "1.2.3", None).expect("renders");
        for line in [
            "# TYPE nvgw_nat_sessions gauge",
            "nvgw_nat_sessions{tenant=\"red\"} 3",
            "nvgw_nat_ports{tenant=\"red\"} 3",
            "nvgw_nat_blocks{tenant=\"red\"} 1",
            "nvgw_nat_sessions_created_total{tenant=\"red\"} 40",
            "nvgw_nat_block_allocations_total{tenant=\"red\"} 2",
            "nvgw_nat_failures_total{reason=\"nat-port-limit\",tenant=\"red\"} 6",
            "nvgw_nat_failures_total{reason=\"nat-rate-limit\",tenant=\"red\"} 0",
            "nvgw_nat_table_entries{worker=\"0\"} 5",
            "nvgw_nat_table_capacity{worker=\"0\"} 1000000",
            "nvgw_nat_table_high_water{worker=\"0\"} 1500",
            "nvgw_nat_handed_over_packets_total{worker=\"0\"} 20",
            "nvgw_nat_pool_blocks{external=\"internet\",pool=\"198.51.100.16-198.51.100.17\"} 1",
            "nvgw_nat_pool_blocks_possible{external=\"internet\",pool=\"198.51.100.16-198.51.100.17\"} 252",
            "nvgw_nat_log_lines_total{sink=\"file\"} 12",
            "nvgw_nat_log_failures_total{sink=\"file\"} 1",
            "nvgw_nat_log_queue_lines 4",
        ] {
            assert!(text.lines().any(|candidate| candidate == line), "{line} is missing from\n{text}");
        }
    }

    #[test]
    fn many_tenants_and_pools_make_a_bounded_scrape_that_loses_nothing() {
        let mut snapshot = Fixture::new().metrics();
        snapshot.nat = NatMetrics::default();
        for number in 0..3_000 {
            let counters = NatCounters::new(1, 0);
            counters.tenant(VrfId(0)).expect("a tenant").sessions.set(1);
            let total = TenantTotal::read([&counters], VrfId(0));
            snapshot.nat.add_tenant(&format!("t{number}"), total);
            let pool = PoolMetrics { blocks: 2, ..PoolMetrics::default() };
            snapshot.nat.add_pool("internet", &format!("198.51.{}.{}", number / 256, number % 256), &pool);
        }
        let text = render(&snapshot, "1.2.3", None).expect("renders");
        let series = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
        assert_eq!(series("nvgw_nat_sessions{"), NatMetrics::MAX + 1);
        assert_eq!(series("nvgw_nat_pool_blocks{"), NatMetrics::MAX + 1);
        assert!(text.contains("nvgw_nat_sessions{tenant=\"\"} 2000\n"));
        assert!(text.contains("nvgw_nat_pool_blocks{external=\"\",pool=\"\"} 4000\n"));
    }
}
