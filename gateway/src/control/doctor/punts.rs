//! Floods of packets for the control thread.

use super::PortFacts;
use super::findings::{Fault, Findings};
use crate::diagnosis::Health;
use crate::telemetry::PuntClass;
use crate::telemetry::view::grouped;

/// Packets of one class that did not get to the control thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedPunts {
    /// The class.
    pub class: PuntClass,
    /// Packets that the policers refused.
    pub policed: u64,
    /// Packets that the queue had no room for.
    pub lost: u64,
}

/// No port brings more for the control thread than it takes.
pub(super) fn check(findings: &mut Findings, ports: &[PortFacts]) {
    let refused = ports.iter().flat_map(|port| port.refused.iter().map(move |refused| (port, *refused)));
    let faults = refused.filter_map(|(port, RefusedPunts { class, policed, lost })| {
        let (what, cure) = words(class)?;
        let refused = match (policed, lost) {
            (policed, 0) => format!("{} policed", grouped(policed)),
            (0, lost) => format!("{} lost because their queue was full", grouped(lost)),
            (policed, lost) => {
                format!(
                    "{} policed, and {} lost because their queue was full",
                    grouped(policed),
                    grouped(lost)
                )
            }
        };
        Some(Fault {
            health: Health::Yellow,
            object: format!("port {}", port.name),
            message: format!("{what} flood the control thread (class {class}): {refused} in the last minute"),
            cure: cure.to_owned(),
        })
    });
    findings.check("punt-flood", "ports", faults, || {
        "no port brought more for the control thread in the last minute than it takes".to_owned()
    });
}

/// What packets of a class are, and what to do about a flood of them. `None`: too many of them are nothing unusual.
const fn words(class: PuntClass) -> Option<(&'static str, &'static str)> {
    Some(match class {
        PuntClass::Neighbor => (
            "ARP and neighbour discovery",
            "look for a loop or a station gone wild on the networks of this port: capture ARP there and see who asks; \
             until then new neighbours there may take seconds",
        ),
        PuntClass::OverlayNeighbor => (
            "VMs' ARP and neighbour discovery",
            "see in nvgw show vrfs whose packets stop growing, and capture on its hosts which VM asks without end",
        ),
        PuntClass::OverlayLinkLocal => (
            "packets from VMs' link-local addresses",
            "capture NVGRE on this port: which host sends them, and for which VSID",
        ),
        PuntClass::Unresolved => (
            "packets to next hops whose Ethernet address is not known",
            "see which ones in nvgw show neighbors (incomplete, failed): one is down, or somebody scans a connected \
             network",
        ),
        PuntClass::Local => (
            "packets to the gateway's own addresses",
            "capture on this port who pings; the gateway's own pings and path checks may go unanswered meanwhile",
        ),
        PuntClass::OverlayLocal => (
            "packets of VMs to their gateway's address",
            "capture NVGRE on this port: which VM sends to its gateway instead of through it",
        ),
        PuntClass::Learn => (
            "packets of VMs without a lookup record",
            "see in nvgw show events which addresses are not learned and why; nvgw lookup add gives one a record",
        ),
        // Senders are told of far fewer packets than are dropped on any day.
        PuntClass::Error => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::only;
    use super::*;
    use crate::diagnosis::DoctorReport;

    fn report(refused: Vec<RefusedPunts>) -> DoctorReport {
        let port =
            |name: &str, refused| PortFacts { name: name.into(), rx_queues: 1, inner_hash: true, refused };
        let mut findings = Findings::default();
        check(&mut findings, &[port("wire0", vec![]), port("wire1", refused)]);
        findings.report()
    }

    #[test]
    fn a_flood_is_told_with_its_port_its_class_and_how_much_it_was() {
        let told = |policed, lost| {
            let report = report(vec![RefusedPunts { class: PuntClass::Neighbor, policed, lost }]);
            let (health, object, message) = only(&report, "punt-flood");
            assert_eq!((health, object), (Health::Yellow, "port wire1"));
            message.to_owned()
        };
        let flood = "ARP and neighbour discovery flood the control thread (class neighbor)";
        assert_eq!(told(120_000, 0), format!("{flood}: 120,000 policed in the last minute"));
        assert_eq!(
            told(120_000, 1_500),
            format!(
                "{flood}: 120,000 policed, and 1,500 lost because their queue was full in the last minute"
            )
        );
        assert_eq!(told(0, 7), format!("{flood}: 7 lost because their queue was full in the last minute"));
    }

    #[test]
    fn errors_that_are_not_told_are_no_fault() {
        let report = report(vec![RefusedPunts { class: PuntClass::Error, policed: 9, lost: 9 }]);
        assert_eq!(only(&report, "punt-flood").0, Health::Green);
    }
}
