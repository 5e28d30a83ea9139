//! What comes back: an answer, silence, or the next hop's silence.

use std::net::IpAddr;

use super::{Probe, Side};
use crate::control::frames::{self, probe};
use crate::control::{Control, Nanos};
use crate::diagnosis::ProbeOutcome;
use crate::packet::ethernet;
use crate::tables::Grace;
use crate::telemetry::DropReason;

impl<G: Grace> Control<G> {
    /// The outcomes of probes since the last time, each with the number that [`Self::start_probe`] was given.
    pub fn finished_probes(&mut self) -> Vec<(u64, ProbeOutcome)> {
        self.probes.take_finished()
    }

    /// Takes a frame to this station alone where it is an answer to a probe, on the side where answers to it come in.
    pub(in crate::control) fn take_answer(&mut self, now: Nanos, side: Side, frame: &[u8]) -> bool {
        let packet =
            frames::read(frame).filter(|r| r.ethertype != ethernet::ARP && !r.destination.is_multicast());
        let Some(answer) = packet.and_then(|received| probe::answer(received.payload)) else { return false };
        let probe::Answer { number, from, to, asked, ttl, outcome } = answer;
        let Some(probe) = self.probes.answered(side, number, to, asked, outcome) else {
            return false;
        };
        let rtt_ms = milliseconds(now.since(probe.sent.unwrap_or(now)));
        let source = to;
        let outcome = match outcome {
            probe::Outcome::Reply { .. } => ProbeOutcome::Reply { source, from, ttl, rtt_ms },
            probe::Outcome::TimeExceeded => ProbeOutcome::TimeExceeded { source, from, rtt_ms },
            probe::Outcome::Unreachable { code, mtu } => {
                let reason = unreachable(from, code).to_owned();
                ProbeOutcome::Unreachable { source, from, code, reason, mtu, rtt_ms }
            }
            probe::Outcome::TooBig { mtu } => {
                let (reason, mtu) = ("packet too big".to_owned(), Some(mtu));
                ProbeOutcome::Unreachable { source, from, code: 0, reason, mtu, rtt_ms }
            }
        };
        self.probes.finish(probe.asker, outcome);
        true
    }

    /// Gives up probes whose time is up.
    pub(in crate::control) fn tick_probes(&mut self, now: Nanos) {
        while let Some(probe) = self.probes.overdue(now) {
            let cure = Some(Self::cure_of_silence(&probe));
            self.probes.finish(probe.asker, ProbeOutcome::TimedOut { source: probe.source, cure });
        }
    }

    /// Ends a probe that its next hop's neighbour entry did not send.
    pub(in crate::control) fn probe_unsent(&mut self, sequence: u16, reason: DropReason) {
        if let Some(probe) = self.probes.remove(sequence) {
            let obstacle = self.next_hop_obstacle(probe.hop, reason);
            self.probes.finish(probe.asker, obstacle.not_sent());
        }
    }

    /// What can be done about a probe that nobody answered.
    fn cure_of_silence(probe: &Probe) -> String {
        let Probe { source, to, .. } = probe;
        match probe.side {
            Side::Provider => format!(
                "check that {to} is up and answers ping, and that its network has a route back to {source}"
            ),
            Side::Vrf(_) => format!(
                "check that {to} is up and answers ping, and that its host or network leads {source} to this gateway"
            ),
        }
    }
}

/// Milliseconds, for people.
fn milliseconds(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The code of a destination-unreachable message in words (RFC 792, RFC 1812 §5.2.7.1; RFC 4443 §3.1).
const fn unreachable(from: IpAddr, code: u8) -> &'static str {
    if from.is_ipv6() {
        return match code {
            0 => "no route to destination",
            1 => "communication administratively prohibited",
            2 => "beyond scope of source address",
            3 => "address unreachable",
            4 => "port unreachable",
            5 => "source address failed ingress/egress policy",
            6 => "reject route to destination",
            _ => "unreachable",
        };
    }
    match code {
        0 => "network unreachable",
        1 => "host unreachable",
        2 => "protocol unreachable",
        3 => "port unreachable",
        4 => "fragmentation needed",
        5 => "source route failed",
        6 => "network unknown",
        7 => "host unknown",
        9 => "network administratively prohibited",
        10 => "host administratively prohibited",
        11 => "network unreachable for this type of service",
        12 => "host unreachable for this type of service",
        13 => "communication administratively prohibited",
        _ => "unreachable",
    }
}
