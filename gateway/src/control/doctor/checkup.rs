//! The check-up: a probe of the site's MTU to every provider address that lookup records name, and what follows.
//!
//! Some hundred paths are examined at a time. A next hop that is not known yet is asked for once, by the first probe
//! over it; the others wait for what comes of that, so that they do not fill the room for packets that wait.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use nvgw_types::Family;

use super::PortFacts;
use super::findings::{Fault, Findings, counted};
use super::path::{Next, Path, Verdict};
use crate::control::desired::Hop;
use crate::control::neighbors::State;
use crate::control::probes::Asker;
use crate::control::{Control, Egress, Nanos};
use crate::diagnosis::{DoctorReport, Health, ProbeRequest, ProbeWorld};
use crate::tables::Grace;
use crate::tables::entries::Rewrite;

/// Paths examined at a time.
const AT_A_TIME: usize = 256;
/// How long an answer is waited for.
const TIMEOUT_MS: u32 = 1000;
/// TTL of the probes: what the gateway's own packets have.
const TTL: u8 = 64;

/// The check-up that runs, and the reports that nobody has fetched yet.
#[derive(Debug, Default)]
pub(in crate::control) struct Checkups {
    running: Option<Checkup>,
    finished: Vec<(u64, DoctorReport)>,
}

#[derive(Debug)]
struct Checkup {
    /// Who asked: everyone who did while it ran gets its report.
    ids: Vec<u64>,
    ports: Vec<PortFacts>,
    /// Provider addresses that are still to be examined.
    queue: VecDeque<IpAddr>,
    /// Those that are being examined.
    paths: BTreeMap<IpAddr, Path>,
    /// Those that wait for the first probe over their next hop.
    behind: BTreeMap<Hop, Vec<IpAddr>>,
    examined: BTreeMap<IpAddr, (Verdict, u16)>,
}

impl<G: Grace> Control<G> {
    /// Starts the doctor's second stage. Its report, with the first stage's findings as they are then, is among
    /// [`Self::finished_checkups`] under the number `id`, after this call, or after a later [`Self::handle_punt`] or
    /// [`Self::tick`]. One check-up runs at a time: who asks meanwhile gets the report of that.
    pub fn start_checkup(&mut self, now: Nanos, id: u64, ports: Vec<PortFacts>, out: &mut impl Egress) {
        if let Some(running) = &mut self.checkups.running {
            running.ids.push(id);
            return;
        }
        self.checkups.running = Some(Checkup {
            ids: vec![id],
            ports,
            queue: self.model.peers().map(|(peer, _)| peer).collect(),
            paths: BTreeMap::new(),
            behind: BTreeMap::new(),
            examined: BTreeMap::new(),
        });
        self.check_up(now, out);
    }

    /// The reports of check-ups since the last time, each with the number that [`Self::start_checkup`] was given.
    pub fn finished_checkups(&mut self) -> Vec<(u64, DoctorReport)> {
        std::mem::take(&mut self.checkups.finished)
    }

    /// Goes on with the check-up as far as answers have come.
    pub(in crate::control) fn check_up(&mut self, now: Nanos, out: &mut impl Egress) {
        let Some(mut checkup) = self.checkups.running.take() else { return };
        loop {
            for (peer, outcome) in self.probes.take_of_checkup() {
                let Some(mut path) = checkup.paths.remove(&peer) else { continue };
                if let Some(waiting) = checkup.behind.remove(&path.hop) {
                    checkup.queue.extend(waiting);
                }
                match path.next(&outcome) {
                    Next::Probe(size) => {
                        checkup.paths.insert(peer, path);
                        self.probe_path(now, peer, size, out);
                    }
                    Next::Known(verdict) => {
                        checkup.examined.insert(peer, (verdict, path.mtu));
                    }
                }
            }
            while checkup.paths.len() < AT_A_TIME
                && let Some(peer) = checkup.queue.pop_front()
            {
                self.begin_path(now, &mut checkup, peer, out);
            }
            if !self.probes.has_of_checkup() {
                break;
            }
        }
        if checkup.paths.is_empty() && checkup.queue.is_empty() {
            let mut findings = self.examine(now, &checkup.ports);
            checkup.add_to(&mut findings);
            let report = findings.report();
            let reports = checkup.ids.into_iter().map(|id| (id, report.clone()));
            self.checkups.finished.extend(reports);
        } else {
            self.checkups.running = Some(checkup);
        }
    }

    /// Begins with a provider address; one that no packet reaches is for the first stage to tell.
    fn begin_path(&mut self, now: Nanos, checkup: &mut Checkup, peer: IpAddr, out: &mut impl Egress) {
        let Some(hop) = self.hop_of(peer) else { return };
        let mtu = self.provider_mtu(peer, hop.interface);
        if self.neighbors.mac(hop).is_none() {
            if self.neighbors.state(hop) == Some(State::Failed) {
                return;
            }
            if let Some(waiting) = checkup.behind.get_mut(&hop) {
                waiting.push(peer);
                return;
            }
            checkup.behind.insert(hop, Vec::new());
        }
        checkup.paths.insert(peer, Path::new(hop, mtu));
        self.probe_path(now, peer, mtu, out);
    }

    fn probe_path(&mut self, now: Nanos, peer: IpAddr, size: u16, out: &mut impl Egress) {
        let world = ProbeWorld::Provider { from: None };
        let request = ProbeRequest { world, to: peer, size, df: true, ttl: TTL, timeout_ms: TIMEOUT_MS };
        self.probe(now, Asker::Checkup(peer), &request, out);
    }
}

impl Checkup {
    fn add_to(&self, findings: &mut Findings) {
        let full = self.examined.values().filter(|(verdict, _)| *verdict == Verdict::Full).count();
        let answering = || format!("{} take packets of their site's MTU", counted(full, "path"));
        let faults = |narrow: bool| {
            let of_kind = move |verdict: &Verdict| matches!(verdict, Verdict::Narrow { .. }) == narrow;
            let examined = self.examined.iter().filter(move |(_, (verdict, _))| of_kind(verdict));
            examined.filter_map(|(peer, (verdict, mtu))| fault(*peer, verdict, *mtu))
        };
        findings.check("path-mtu", "provider addresses", faults(true), answering);
        findings.check("reachability", "provider addresses", faults(false), || {
            format!("{} answer ping", counted(full, "provider address"))
        });
    }
}

fn fault(peer: IpAddr, verdict: &Verdict, mtu: u16) -> Option<Fault> {
    let (health, message, cure) = match verdict {
        Verdict::Full | Verdict::Unsent => return None,
        Verdict::Narrow { passed, refused } => {
            let inner = passed.saturating_sub(Rewrite::overhead(Family::of(peer)));
            let message = format!(
                "packets of {passed} bytes get there, of {refused} bytes not, and the site's MTU is {mtu}: \
                 inner packets of more than {inner} bytes are lost"
            );
            let cure = format!(
                "raise the MTU on the way to {mtu}, or set the site's mtu to {passed}, which leaves VMs {inner}"
            );
            (Health::Red, message, cure)
        }
        Verdict::Silent => (
            Health::Yellow,
            "does not answer ping".to_owned(),
            format!("check that {peer} is up and has a route back; let its firewall answer ping"),
        ),
        Verdict::Refused { from, reason } => (
            Health::Red,
            format!("{from} says: {reason}"),
            format!("see why {from} does not deliver to {peer}"),
        ),
        Verdict::Loop { from } => (
            Health::Red,
            format!("packets to it go in circles: their time to live ran out at {from}"),
            format!("correct the route to {peer} on {from}"),
        ),
    };
    Some(Fault { health, object: format!("provider address {peer}"), message, cure })
}
