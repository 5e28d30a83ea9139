//! `nvgw show`: the gateway's lists, as tables or as JSON.

use std::io::Write;

use super::CliError;
use super::args::{Listing, Show};
use super::client::Client;
use super::rows::Printed;
use super::table::Table;
use crate::api::view::{
    AlarmView, DropView, LookupView, NeighborView, PortView, RouteView, VrfView, WorkerView,
};
use crate::api::{Page, Row};
use crate::diagnosis::Event;

/// `nvgw show …`
pub(super) fn show(what: &Show, out: &mut impl Write) -> Result<(), CliError> {
    match what {
        Show::Ports(listing) => list::<PortView>(listing, |_| true, out),
        Show::Workers(listing) => list::<WorkerView>(listing, |_| true, out),
        Show::Vrfs(listing) => list::<VrfView>(listing, |_| true, out),
        Show::Lookup(listing) => list::<LookupView>(listing, |_| true, out),
        Show::Routes(listing) => list::<RouteView>(listing, |_| true, out),
        Show::Neighbors(listing) => list::<NeighborView>(listing, |_| true, out),
        Show::Drops { listing, nonzero } => {
            list(listing, |drop: &DropView| !nonzero || drop.packets > 0, out)
        }
        Show::Alarms(listing) => list::<AlarmView>(listing, |_| true, out),
        Show::Events(listing) => list::<Event>(listing, |_| true, out),
    }
}

/// Shows a list.
pub(super) fn list<R: Printed>(
    listing: &Listing<R::Filter>,
    keep: impl Fn(&R) -> bool,
    out: &mut impl Write,
) -> Result<(), CliError>
where
    <R as Row>::Filter: clap::Args,
{
    let mut client = Client::connect(&listing.at.socket)?;
    if listing.json { json(&mut client, listing, keep, out) } else { table(&mut client, listing, keep, out) }
}

fn table<R: Printed>(
    client: &mut Client,
    listing: &Listing<R::Filter>,
    keep: impl Fn(&R) -> bool,
    out: &mut impl Write,
) -> Result<(), CliError>
where
    <R as Row>::Filter: clap::Args,
{
    let mut table = Table::new(R::COLUMNS);
    client.pages(&listing.filter, Page::MAX_ROWS, |mut rows: Vec<R>| {
        rows.retain(&keep);
        Ok(table.write(&rows, out)?)
    })?;
    if table.is_empty() {
        writeln!(out, "{}", R::NONE)?;
    }
    Ok(())
}

/// The pages joined into one document, a row on each line.
fn json<R: Printed>(
    client: &mut Client,
    listing: &Listing<R::Filter>,
    keep: impl Fn(&R) -> bool,
    out: &mut impl Write,
) -> Result<(), CliError>
where
    <R as Row>::Filter: clap::Args,
{
    write!(out, "{{\"{}\":[", R::NAME)?;
    let mut separator = "\n";
    client.pages(&listing.filter, Page::MAX_ROWS, |rows: Vec<R>| {
        for row in rows.iter().filter(|row| keep(row)) {
            out.write_all(separator.as_bytes())?;
            serde_json::to_writer(&mut *out, row).map_err(std::io::Error::from)?;
            separator = ",\n";
        }
        Ok(())
    })?;
    writeln!(out, "\n]}}")?;
    Ok(())
}
