//! The doctor: what an operator cannot see from outside, looked for before a packet is lost to it.
//!
//! Its first stage reads what the control side knows. The second, the [check-up](checkup), probes the path to every
//! provider address that lookup records name. Both are bounded: findings of a kind beyond [`MOST`] become one line.

mod checks;
mod checkup;
mod findings;
mod nat;
mod path;
mod punts;

pub(super) use checkup::Checkups;
pub use findings::{Fault, Findings, MOST};
pub use punts::RefusedPunts;

use super::{Control, Nanos};
use crate::diagnosis::DoctorReport;
use crate::tables::Grace;

/// The checks that probe the paths to hosts.
pub const PATH_CHECKS: [&str; 2] = ["path-mtu", "reachability"];

/// What the doctor has to be told of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortFacts {
    /// The name that the configuration gives it.
    pub name: String,
    /// Its receive queues.
    pub rx_queues: u16,
    /// Whether it spreads NVGRE over them by the inner packets' headers.
    pub inner_hash: bool,
    /// What of the last minute's packets for the control thread it did not get, for each class of which there was any.
    pub refused: Vec<RefusedPunts>,
}

impl<G: Grace> Control<G> {
    /// Looks at everything that is known without asking anyone.
    #[must_use]
    pub fn doctor(&self, now: Nanos, ports: &[PortFacts]) -> DoctorReport {
        self.examine(now, ports).report()
    }

    fn examine(&self, now: Nanos, ports: &[PortFacts]) -> Findings {
        let mut findings = Findings::default();
        self.check_provider_routes(&mut findings);
        self.check_next_hops(&mut findings);
        self.check_dead_next_hops(&mut findings);
        self.check_duplicate_addresses(&mut findings, now);
        self.check_virtual_subnets(&mut findings);
        self.check_external_networks(&mut findings);
        self.check_translated_customers(&mut findings);
        self.check_translated_ways(&mut findings);
        self.check_tables(&mut findings);
        self.check_ports(&mut findings, ports);
        punts::check(&mut findings, ports);
        self.check_flapping_records(&mut findings);
        self.check_suspended(&mut findings);
        findings
    }
}

#[cfg(test)]
mod tests;
