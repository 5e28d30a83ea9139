//! `nvgw ping` and `nvgw traceroute`: probes one after the other, and what people know from ping(8) and
//! traceroute(8).

use std::io::{self, Write};
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::CliError;
use super::args::{PingOptions, TracerouteOptions};
use super::client::Client;
use crate::diagnosis::{ProbeOutcome, ProbeRequest, ProbeWorld};

/// Probes for each hop of `nvgw traceroute`.
const PROBES_PER_HOP: u32 = 3;

/// `nvgw ping`: whether anybody answered.
pub(super) fn ping(options: &PingOptions, out: &mut impl Write) -> Result<bool, CliError> {
    let Some((world, to)) = options.target.resolve() else { return Err(CliError::no_target()) };
    let mut client = Client::connect(&options.at.socket)?;
    let request = options.shape.probe(world, to, options.ttl);
    let begun = Instant::now();
    let mut statistics = Statistics::default();
    for sequence in 1..=options.count {
        let next = Instant::now() + options.interval;
        let outcome = probe(&mut client, &request)?;
        if options.json {
            json(Probed { hop: None, sequence, outcome: &outcome }, out)?;
        } else {
            if sequence == 1 {
                let from = source(&outcome).map(|from| format!(" from {from}")).unwrap_or_default();
                writeln!(out, "PING {to}{from} in {}: {} bytes", place(&request.world), request.size)?;
            }
            print(sequence, &request, &outcome, out)?;
        }
        out.flush()?;
        statistics.count(outcome);
        if sequence < options.count {
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }
    if !options.json {
        statistics.print(to, begun.elapsed(), out)?;
    }
    Ok(!statistics.round_trips.is_empty())
}

/// `nvgw traceroute`: whether the destination answered.
pub(super) fn traceroute(options: &TracerouteOptions, out: &mut impl Write) -> Result<bool, CliError> {
    let Some((world, to)) = options.target.resolve() else { return Err(CliError::no_target()) };
    let mut client = Client::connect(&options.at.socket)?;
    let mut cures = Cures::default();
    let mut end = None;
    for hop in 1..=options.max_hops {
        let request = options.shape.probe(world.clone(), to, hop);
        let mut line = Hop::new(hop);
        for sequence in 1..=PROBES_PER_HOP {
            let outcome = probe(&mut client, &request)?;
            if options.json {
                json(Probed { hop: Some(hop), sequence, outcome: &outcome }, out)?;
            }
            if hop == 1 && line.is_empty() && !options.json {
                let from = source(&outcome).map(|from| format!(" from {from}")).unwrap_or_default();
                let (max, size) = (options.max_hops, request.size);
                writeln!(out, "traceroute to {to}{from}, {max} hops max, {size} byte packets")?;
            }
            line.add(&outcome);
            end = end.max(last(&outcome));
            cures.add(&outcome);
            if matches!(outcome, ProbeOutcome::NotSent { .. }) {
                break;
            }
        }
        if !options.json {
            writeln!(out, "{}", line.text)?;
        }
        out.flush()?;
        if end.is_some() {
            break;
        }
    }
    if !options.json {
        cures.print(out)?;
    }
    Ok(end == Some(End::Reached))
}

/// Why nothing further is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Refused,
    Reached,
}

fn last(outcome: &ProbeOutcome) -> Option<End> {
    match outcome {
        ProbeOutcome::Reply { .. } => Some(End::Reached),
        ProbeOutcome::Unreachable { .. } | ProbeOutcome::NotSent { .. } => Some(End::Refused),
        ProbeOutcome::TimeExceeded { .. } | ProbeOutcome::TimedOut { .. } => None,
    }
}

fn probe(client: &mut Client, request: &ProbeRequest) -> Result<ProbeOutcome, CliError> {
    let body = serde_json::to_vec(request).map_err(io::Error::from)?;
    client.post("/v1/probe", &(), body)
}

/// A probe and what became of it, for programs.
#[derive(Serialize)]
struct Probed<'a> {
    /// How many routers away an answer was looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    hop: Option<u8>,
    /// Which of the probes it was, from 1; `nvgw traceroute` counts for each hop.
    sequence: u32,
    #[serde(flatten)]
    outcome: &'a ProbeOutcome,
}

fn json(probed: Probed<'_>, out: &mut impl Write) -> Result<(), CliError> {
    serde_json::to_writer(&mut *out, &probed).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}

fn place(world: &ProbeWorld) -> String {
    match world {
        ProbeWorld::Provider { .. } => "the provider network".to_owned(),
        ProbeWorld::Overlay { vsid, .. } => format!("VSID {vsid}"),
    }
}

fn source(outcome: &ProbeOutcome) -> Option<IpAddr> {
    match outcome {
        ProbeOutcome::Reply { source, .. }
        | ProbeOutcome::TimeExceeded { source, .. }
        | ProbeOutcome::Unreachable { source, .. }
        | ProbeOutcome::TimedOut { source, .. } => Some(*source),
        ProbeOutcome::NotSent { .. } => None,
    }
}

/// What became of one probe of `nvgw ping`.
fn print(
    sequence: u32,
    request: &ProbeRequest,
    outcome: &ProbeOutcome,
    out: &mut impl Write,
) -> io::Result<()> {
    match outcome {
        ProbeOutcome::Reply { from, ttl, rtt_ms, .. } => {
            writeln!(out, "{} bytes from {from}: seq={sequence} ttl={ttl} time={rtt_ms:.3} ms", request.size)
        }
        ProbeOutcome::TimeExceeded { from, .. } => {
            writeln!(out, "from {from}: seq={sequence} the TTL ran out on the way")
        }
        ProbeOutcome::Unreachable { from, reason, mtu, .. } => {
            let mtu = mtu.map(|mtu| format!(" (MTU {mtu})")).unwrap_or_default();
            writeln!(out, "from {from}: seq={sequence} {reason}{mtu}")
        }
        ProbeOutcome::TimedOut { .. } => {
            let seconds = f64::from(request.timeout_ms) / 1000.0;
            writeln!(out, "seq={sequence} no answer within {seconds} s")
        }
        ProbeOutcome::NotSent { reason, message, .. } => {
            writeln!(out, "seq={sequence} not sent: {message} ({reason})")
        }
    }
}

/// What can be done, each once.
#[derive(Debug, Default)]
struct Cures(Vec<String>);

impl Cures {
    fn add(&mut self, outcome: &ProbeOutcome) {
        let cure = match outcome {
            ProbeOutcome::NotSent { cure, .. } => Some(cure),
            ProbeOutcome::TimedOut { cure, .. } => cure.as_ref(),
            _ => None,
        };
        if let Some(cure) = cure.filter(|cure| !self.0.contains(cure)) {
            self.0.push(cure.clone());
        }
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        self.0.iter().try_for_each(|cure| writeln!(out, "cure: {cure}"))
    }
}

/// What became of all probes.
#[derive(Debug, Default)]
struct Statistics {
    transmitted: u32,
    not_sent: u32,
    errors: u32,
    round_trips: Vec<f64>,
    cures: Cures,
}

impl Statistics {
    fn count(&mut self, outcome: ProbeOutcome) {
        self.cures.add(&outcome);
        self.transmitted += 1;
        match outcome {
            ProbeOutcome::Reply { rtt_ms, .. } => self.round_trips.push(rtt_ms),
            ProbeOutcome::TimeExceeded { .. } | ProbeOutcome::Unreachable { .. } => self.errors += 1,
            ProbeOutcome::TimedOut { .. } => {}
            ProbeOutcome::NotSent { .. } => {
                self.transmitted -= 1;
                self.not_sent += 1;
            }
        }
    }

    fn print(&self, to: IpAddr, time: Duration, out: &mut impl Write) -> io::Result<()> {
        let received = self.round_trips.len();
        self.cures.print(out)?;
        writeln!(out, "\n--- {to} ping statistics ---")?;
        write!(out, "{} packets transmitted, {received} received", self.transmitted)?;
        for (count, what) in [(self.errors, "errors"), (self.not_sent, "not sent")] {
            if count > 0 {
                write!(out, ", {count} {what}")?;
            }
        }
        if self.transmitted > 0 {
            let lost = f64::from(self.transmitted) - received as f64;
            write!(out, ", {:.0}% packet loss", 100.0 * lost / f64::from(self.transmitted))?;
        }
        writeln!(out, ", time {} ms", time.as_millis())?;
        if received > 0 {
            let (min, max) = self
                .round_trips
                .iter()
                .fold((f64::MAX, 0.0), |(min, max), &rtt| (rtt.min(min), rtt.max(max)));
            let average = self.round_trips.iter().sum::<f64>() / received as f64;
            writeln!(out, "rtt min/avg/max = {min:.3}/{average:.3}/{max:.3} ms")?;
        }
        Ok(())
    }
}

/// A line of `nvgw traceroute`.
struct Hop {
    text: String,
    from: Option<IpAddr>,
    probes: u32,
}

impl Hop {
    fn new(hop: u8) -> Self {
        Self { text: format!("{hop:2} "), from: None, probes: 0 }
    }

    fn is_empty(&self) -> bool {
        self.probes == 0
    }

    fn add(&mut self, outcome: &ProbeOutcome) {
        self.probes += 1;
        match outcome {
            ProbeOutcome::Reply { from, rtt_ms, .. } | ProbeOutcome::TimeExceeded { from, rtt_ms, .. } => {
                self.answer(*from, *rtt_ms);
            }
            ProbeOutcome::Unreachable { from, reason, mtu, rtt_ms, .. } => {
                self.answer(*from, *rtt_ms);
                let mtu = mtu.map(|mtu| format!(", MTU {mtu}")).unwrap_or_default();
                self.text.push_str(&format!(" ({reason}{mtu})"));
            }
            ProbeOutcome::TimedOut { .. } => self.text.push_str(" *"),
            ProbeOutcome::NotSent { reason, message, .. } => {
                self.text.push_str(&format!(" not sent: {message} ({reason})"));
            }
        }
    }

    fn answer(&mut self, from: IpAddr, rtt_ms: f64) {
        if self.from != Some(from) {
            self.from = Some(from);
            self.text.push_str(&format!(" {from}"));
        }
        self.text.push_str(&format!("  {rtt_ms:.3} ms"));
    }
}
