//! Commands about documents: `nvgw check`, `nvgw schema` and `nvgw openapi`.

use std::io::{self, Write};

use nvgw_config::{Config, LoadError};
use serde::Serialize;

use super::CliError;
use super::args::CheckOptions;
use crate::api::view::ProblemView;

/// What `nvgw check --json` writes.
#[derive(Serialize)]
struct Verdict {
    file: String,
    problems: Vec<ProblemView>,
}

/// `nvgw check`.
pub(super) fn check(options: &CheckOptions, out: &mut impl Write) -> Result<(), CliError> {
    let CheckOptions { file, json } = options;
    let problems = match nvgw_config::load(file) {
        Ok(config) if !json => {
            writeln!(out, "{}: no mistakes: {}", file.display(), summary(&config))?;
            return Ok(());
        }
        Ok(_) => Vec::new(),
        Err(LoadError::Problems(problems)) => ProblemView::all(&problems),
        Err(error) => return Err(error.into()),
    };
    let count = problems.len();
    if *json {
        write_json(&Verdict { file: file.display().to_string(), problems }, out)?;
    } else {
        problems.iter().try_for_each(|problem| writeln!(out, "{problem}"))?;
    }
    if count == 0 { Ok(()) } else { Err(CliError::Mistakes { file: file.clone(), count }) }
}

fn summary(config: &Config) -> String {
    let count = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    let tenants = &config.tenants;
    [
        count(config.ports.len(), "port"),
        count(config.provider.sites.len(), "provider site"),
        count(config.external.len(), "external network"),
        count(tenants.len(), "tenant"),
        count(tenants.iter().map(|tenant| tenant.subnets.len()).sum(), "virtual subnet"),
        count(tenants.iter().map(|tenant| tenant.records.len()).sum(), "lookup record"),
    ]
    .join(", ")
}

/// `nvgw schema`.
pub(super) fn schema(out: &mut impl Write) -> Result<(), CliError> {
    write_json(&nvgw_config::schema(), out)
}

/// `nvgw openapi`.
pub(super) fn openapi(out: &mut impl Write) -> Result<(), CliError> {
    write_json(&crate::api::openapi(), out)
}

fn write_json(value: &impl Serialize, out: &mut impl Write) -> Result<(), CliError> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}
