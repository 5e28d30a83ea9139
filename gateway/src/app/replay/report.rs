//! `report.json`: every counter, what the gateway knows in the end, and whether every packet is accounted for.

use serde_json::{Map, Value, json};

use super::Totals;
use crate::api::view::{AlarmView, ProviderAddressView};
use crate::app::rows::{alarm_view, provider_address_view};
use crate::control::doctor::PortFacts;
use crate::diagnosis::{DoctorReport, Event};
use crate::telemetry::counters::{Counters, PuntTotal, TrafficTotal};
use crate::telemetry::view::VrfKind;
use crate::telemetry::{DropReason, PuntClass};
use nvgw_types::PortId;

/// Where the packets went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(super) struct Balance {
    /// Packets that came in.
    received: u64,
    /// Of these, outer packets' fragments that were put together, and the packets.
    reassembled_fragments: u64,
    reassembled: u64,
    /// Packets that left in fragments, and these.
    fragmented: u64,
    fragments: u64,
    /// Frames sent on.
    forwarded: u64,
    /// Answered or absorbed by the gateway itself.
    consumed: u64,
    /// Still waiting for a next hop.
    held: u64,
    /// Dropped for a reason.
    dropped: u64,
    /// Frames that the gateway made itself.
    originated: u64,
    /// Packet buffers that nobody gave back, those of packets that wait aside.
    lost_buffers: u32,
}

impl Balance {
    pub(super) fn of(totals: &Totals<'_>) -> Self {
        let sum = |of: fn(&Counters) -> u64| totals.counters.iter().map(|c| of(c)).sum();
        let ports = 0..totals.sent.len();
        Self {
            received: ports.map(|port| traffic(totals, PortId(port as u16)).packets).sum(),
            reassembled_fragments: sum(|c| c.reassembled_fragments.get()),
            reassembled: sum(|c| c.reassembled.get()),
            fragmented: sum(|c| c.fragmented.get()),
            fragments: sum(|c| c.fragments.get()),
            forwarded: sum(|c| c.forwarded.get()),
            consumed: sum(|c| c.consumed.get()),
            held: (totals.control.held() + totals.waiting) as u64,
            dropped: sum(Counters::dropped_total),
            originated: sum(|c| c.originated.get()),
            lost_buffers: totals.buffers_in_use,
        }
    }

    /// Whether each packet that came in went exactly one way, and the ports sent what they were given.
    pub(super) fn holds(&self, totals: &Totals<'_>) -> bool {
        let sent: u64 = totals.sent.iter().map(|(packets, _)| packets).sum();
        // Several fragments may be one packet, and one packet several fragments.
        let there = self.received + self.reassembled + self.fragments;
        let gone = self.reassembled_fragments + self.fragmented;
        there == gone + self.forwarded + self.consumed + self.held + self.dropped
            && sent == self.forwarded + self.originated
            && self.lost_buffers == 0
    }
}

/// What came in by a port.
fn traffic(totals: &Totals<'_>, port: PortId) -> TrafficTotal {
    totals.counters.iter().fold(TrafficTotal::default(), |mut sum, counters| {
        sum += counters.port(port).rx.get();
        sum
    })
}

/// The report.
pub(super) fn report(totals: &Totals<'_>) -> Value {
    let balance = Balance::of(totals);
    let config = totals.control.config();
    let ports: Map<_, _> = config
        .ports
        .iter()
        .zip(totals.sent)
        .enumerate()
        .map(|(number, (port, (tx_packets, tx_bytes)))| {
            let rx = traffic(totals, PortId(number as u16));
            let value = json!({
                "rx_packets": rx.packets, "rx_bytes": rx.bytes, "tx_packets": tx_packets, "tx_bytes": tx_bytes,
            });
            (port.name.clone(), value)
        })
        .collect();
    let (mut tenants, mut external) = (Map::new(), Map::new());
    for vrf in totals.control.vrfs() {
        let (mut rx, mut tx) = (TrafficTotal::default(), TrafficTotal::default());
        for counters in totals.counters.iter().filter_map(|counters| counters.vrf(vrf.id)) {
            rx += counters.rx.get();
            tx += counters.tx.get();
        }
        let value = json!({
            "rx_packets": rx.packets, "rx_bytes": rx.bytes, "tx_packets": tx.packets, "tx_bytes": tx.bytes,
        });
        let vrfs = match vrf.kind {
            VrfKind::Tenant => &mut tenants,
            VrfKind::External => &mut external,
        };
        vrfs.insert(vrf.name, value);
    }
    let drops: Map<_, _> = DropReason::ALL
        .iter()
        .map(|reason| (reason, totals.counters.iter().map(|c| c.dropped(*reason)).sum::<u64>()))
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| (reason.name().to_owned(), count.into()))
        .collect();
    let sum = |of: fn(&Counters) -> u64| totals.counters.iter().map(|c| of(c)).sum::<u64>();
    let doctor = doctor(totals);
    let events: Vec<&Event> = totals.control.events().after(0).collect();
    json!({
        "ports": ports,
        "tenants": tenants,
        "external": external,
        "drops": drops,
        "neighbors": neighbors(totals),
        "nat": super::nat::report(totals),
        "provider_addresses": provider_addresses(totals),
        "generation": totals.control.generation(),
        "changes": totals.answers,
        "events": events,
        "alarms": alarms(&doctor),
        "doctor": doctor,
        "punts": punts(totals),
        "packets": balance,
        "icmp_errors": {
            "sent": sum(|c| c.icmp_errors_sent.get()),
            "suppressed": sum(|c| c.icmp_errors_suppressed.get()),
        },
        "sender_unverified": sum(|c| c.sender_unverified.get()),
        "accounted": balance.holds(totals),
    })
}

/// What was for the control side: by port and class, where there was any.
fn punts(totals: &Totals<'_>) -> Map<String, Value> {
    let ports = totals.control.config().ports.iter().enumerate();
    let ports = ports.map(|(number, port)| {
        let classes = PuntClass::ALL.iter().filter_map(|&class| {
            let total = PuntTotal::read(&totals.counters, PortId(number as u16), class);
            let value = json!({ "packets": total.admitted, "policed": total.policed });
            (total != PuntTotal::default()).then(|| (class.name().to_owned(), value))
        });
        (port.name.clone(), Value::Object(classes.collect()))
    });
    ports.collect()
}

/// Every neighbour, as it was in the end.
fn neighbors(totals: &Totals<'_>) -> Vec<Value> {
    let neighbors = totals.control.neighbors(totals.now).into_iter().map(|neighbor| {
        json!({
            "network": neighbor.network,
            "address": neighbor.address,
            "mac": neighbor.mac,
            "state": neighbor.state,
            "age_seconds": neighbor.mac.map(|_| neighbor.age.as_secs_f64()),
            "held": neighbor.held,
        })
    });
    neighbors.collect()
}

/// Every provider address of the gateway's own, as it was in the end.
fn provider_addresses(totals: &Totals<'_>) -> Vec<ProviderAddressView> {
    let addresses = totals.control.provider_addresses(totals.now);
    addresses.into_iter().map(provider_address_view).collect()
}

/// What the doctor says in the end without asking anyone. A capture is one queue, chosen by nothing.
fn doctor(totals: &Totals<'_>) -> DoctorReport {
    let ports = totals.control.config().ports.iter();
    let facts = ports.zip(&totals.refused).map(|(port, refused)| PortFacts {
        name: port.name.clone(),
        rx_queues: 1,
        inner_hash: false,
        refused: refused.clone(),
    });
    super::nat::doctor(totals, totals.control.doctor(totals.now, &facts.collect::<Vec<_>>()))
}

/// What of the doctor's findings the running gateway would raise an alarm for.
fn alarms(doctor: &DoctorReport) -> Vec<AlarmView> {
    doctor.findings.iter().cloned().filter_map(alarm_view).collect()
}
