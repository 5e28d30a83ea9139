//! What each table takes: a process of its own for each builds it, and says by how much it grew.
//!
//!     cargo run --profile bench -p nvgw-table-bench --bin table-memory

use std::env;
use std::error::Error;
use std::process::Command;

use nvgw_table_bench::{
    Keys, Prefix, Routes, adjacency_tables, growth, ipv4_internet, ipv4_tables, ipv6_internet, ipv6_tables,
    record_tables, start_peers, subnet_tables, tenant_tables,
};

/// A table to be measured.
struct Case {
    what: &'static str,
    table: &'static str,
    entries: usize,
    /// By how many bytes the process grows.
    grown: Box<dyn Fn() -> usize>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let cases = cases();
    if let Some(number) = env::args().nth(1) {
        // Small pages: the whole of DPDK's memory is in use from the beginning where it is of hugepages.
        start_peers(false);
        println!("{}", (cases[number.parse::<usize>()?].grown)());
        return Ok(());
    }
    println!("{:<22} {:<14} {:>9} {:>9} {:>12}", "table", "", "entries", "MB", "bytes/entry");
    for (number, Case { what, table, entries, .. }) in cases.iter().enumerate() {
        let output = Command::new(env::current_exe()?).arg(number.to_string()).output()?;
        if !output.status.success() {
            return Err(format!("{table}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let grown: usize = String::from_utf8(output.stdout)?.trim().parse()?;
        let (megabytes, each) = (grown as f64 / 1e6, grown as f64 / *entries as f64);
        println!("{what:<22} {table:<14} {entries:>9} {megabytes:>9.1} {each:>12.0}");
    }
    Ok(())
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    keys(&mut cases, "virtual subnets", &subnet_tables(), 65_536);
    keys(&mut cases, "lookup records", &record_tables(), 1_000_000);
    keys(&mut cases, "ways out", &adjacency_tables(), 65_536);
    routes(&mut cases, "external IPv4 routes", &ipv4_tables(), || ipv4_internet(1_000_000), 1_000_000);
    routes(&mut cases, "external IPv6 routes", &ipv6_tables(), || ipv6_internet(250_000), 250_000);
    for (table, build) in tenant_tables() {
        let entries = 65_536;
        let grown = Box::new(move || growth(|| build(entries)).1);
        cases.push(Case { what: "tenants", table, entries, grown });
    }
    cases
}

fn keys<K: 'static>(cases: &mut Vec<Case>, what: &'static str, tables: &[Keys<K>], entries: usize) {
    for &(table, build) in tables {
        cases.push(Case { what, table, entries, grown: Box::new(move || growth(|| build(entries)).1) });
    }
}

fn routes<A: Copy + 'static>(
    cases: &mut Vec<Case>,
    what: &'static str,
    tables: &[Routes<A>],
    prefixes: fn() -> Vec<Prefix<A>>,
    entries: usize,
) {
    // The way of looking up does not change what is looked into.
    for &(table, build) in tables.iter().filter(|(name, _)| !name.contains(',')) {
        let grown = move || {
            let prefixes = prefixes();
            growth(|| {
                let mut table = build(entries);
                for (value, &prefix) in (1..).zip(&prefixes) {
                    table.insert(prefix, value);
                }
                table
            })
            .1
        };
        cases.push(Case { what, table, entries, grown: Box::new(grown) });
    }
}
