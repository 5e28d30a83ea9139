//! `nvgw explain` and `nvgw doctor`.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::args::{DoctorOptions, ExplainOptions};
use super::client::Client;
use super::table::pad;
use super::{CliError, Style};
use crate::api::DoctorQuery;
use crate::diagnosis::{DoctorReport, Explanation, Health, Verdict};

/// `nvgw explain`: whether the packet gets somewhere.
pub(super) fn explain(options: &ExplainOptions, out: &mut impl Write) -> Result<bool, CliError> {
    let mut client = Client::connect(&options.at.socket)?;
    let explanation: Explanation = client.ask("/v1/explain", &options.packet)?;
    if options.json {
        serde_json::to_writer_pretty(&mut *out, &explanation).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        steps(&explanation, out)?;
        verdict(&explanation.verdict, out)?;
    }
    Ok(!matches!(explanation.verdict, Verdict::Dropped { .. }))
}

fn steps(explanation: &Explanation, out: &mut impl Write) -> io::Result<()> {
    let steps = &explanation.steps;
    let numbers = steps.len().to_string().len();
    let width = steps.iter().map(|step| step.step.width()).max().unwrap_or_default();
    steps.iter().enumerate().try_for_each(|(index, step)| {
        writeln!(out, "{:numbers$}. {}  {}", index + 1, pad(&step.step, width), step.finding)
    })
}

fn verdict(verdict: &Verdict, out: &mut impl Write) -> io::Result<()> {
    match verdict {
        Verdict::Forwarded { port, vlan, mac, what } => {
            let vlan = vlan.map_or_else(|| "untagged".to_owned(), |vlan| format!("VLAN {vlan}"));
            writeln!(out, "forwarded {what}: port {port}, {vlan}, to {mac}")
        }
        Verdict::Local { what } => writeln!(out, "for the gateway itself: {what}"),
        Verdict::Held { reason, message, cure } => {
            writeln!(out, "held: {message} (without an answer: {reason})\ncure: {cure}")
        }
        Verdict::Dropped { reason, hyperv, message, cure } => {
            let hyperv = hyperv.as_ref().map(|name| format!("; Hyper-V: {name}")).unwrap_or_default();
            writeln!(out, "dropped: {message} ({reason}{hyperv})\ncure: {cure}")
        }
    }
}

/// `nvgw doctor`: how healthy the gateway is.
pub(super) fn doctor(
    options: &DoctorOptions,
    style: Style,
    out: &mut impl Write,
) -> Result<Health, CliError> {
    let mut client = Client::connect(&options.at.socket)?;
    let report: DoctorReport = client.ask("/v1/doctor", &DoctorQuery { probe: !options.no_probe })?;
    if options.json {
        serde_json::to_writer_pretty(&mut *out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        findings(&report, style, out)?;
    }
    Ok(report.health)
}

fn findings(report: &DoctorReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    let findings = &report.findings;
    let checks = findings.iter().map(|finding| finding.check.width()).max().unwrap_or_default().max(5);
    let objects = findings.iter().map(|finding| finding.object.width()).max().unwrap_or_default().max(6);
    writeln!(out, "HEALTH  {}  {}  FINDING", pad("CHECK", checks), pad("OBJECT", objects))?;
    for finding in findings {
        let health = style.health(finding.health, &pad(word(finding.health), 6));
        let (check, object) = (pad(&finding.check, checks), pad(&finding.object, objects));
        writeln!(out, "{health}  {check}  {object}  {}", finding.message)?;
        if let Some(cure) = &finding.cure {
            writeln!(out, "        cure: {cure}")?;
        }
    }
    writeln!(out, "the gateway is {}", style.health(report.health, word(report.health)))
}

const fn word(health: Health) -> &'static str {
    match health {
        Health::Green => "GREEN",
        Health::Yellow => "YELLOW",
        Health::Red => "RED",
    }
}
