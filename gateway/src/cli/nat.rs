//! `nvgw nat`: sessions, pools, and whose a public port is.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

use super::CliError;
use super::args::{Listing, NatLookupOptions, NatSessionOptions};
use super::client::Client;
use super::rows::Printed;
use super::table::Table;
use crate::api::view::{NatAddressView, NatLookupView, NatPoolView, NatSessionView};
use crate::api::{List, NatLookupQuery, NatPoolFilter, Page, Row};
use crate::nat_log::search::{Question, Search};

/// `nvgw nat sessions`.
pub(super) fn sessions(options: &NatSessionOptions, out: &mut impl Write) -> Result<(), CliError> {
    let Listing { filter, at, json } = &options.listing;
    let mut client = Client::connect(&at.socket)?;
    let (mut left, mut next) = (if options.all { u64::MAX } else { options.limit }, Some(0));
    let mut table = Table::new(NatSessionView::COLUMNS);
    let mut separator = "\n";
    if *json {
        write!(out, "{{\"{}\":[", NatSessionView::NAME)?;
    }
    while let Some(offset) = next.filter(|_| left > 0) {
        let limit = usize::try_from(left).unwrap_or(usize::MAX).min(Page::MAX_ROWS);
        let page: List<NatSessionView> = client.page(filter, Page { offset, limit })?;
        left = left.saturating_sub(page.rows.len() as u64);
        next = page.next;
        if *json {
            rows(&page.rows, &mut separator, out)?;
        } else {
            table.write(&page.rows, out)?;
        }
    }
    if *json {
        writeln!(out, "\n]{}}}", next.map(|next| format!(",\"next\":{next}")).unwrap_or_default())?;
    } else if table.is_empty() {
        writeln!(out, "{}", NatSessionView::NONE)?;
    } else if next.is_some() {
        writeln!(out, "there may be more: --limit NUMBER or --all shows them")?;
    }
    Ok(())
}

/// `nvgw nat pools`: the pools, and below them each address.
pub(super) fn pools(listing: &Listing<NatPoolFilter>, out: &mut impl Write) -> Result<(), CliError> {
    let Listing { filter, at, json } = listing;
    let mut client = Client::connect(&at.socket)?;
    if *json {
        write!(out, "{{")?;
        json_list::<NatPoolView>(&mut client, filter, out)?;
        write!(out, ",")?;
        json_list::<NatAddressView>(&mut client, filter, out)?;
        writeln!(out, "}}")?;
    } else {
        table::<NatPoolView>(&mut client, filter, out)?;
        writeln!(out)?;
        table::<NatAddressView>(&mut client, filter, out)?;
    }
    Ok(())
}

/// `nvgw nat lookup`: whether the port is, or was, somebody's.
pub(super) fn lookup(options: &NatLookupOptions, out: &mut impl Write) -> Result<bool, CliError> {
    let NatLookupOptions { public, at, external, log, .. } = options;
    let view = match (at, public.port) {
        (Some(at), Some(port)) if !log.is_empty() => {
            let question = Question { public: public.address, port, external: external.clone(), at: *at };
            let mut search = Search::new(&question);
            log.iter().try_for_each(|file| read(&mut search, file))?;
            NatLookupView::of_log(&question, &search.finish())
        }
        _ => {
            let query = NatLookupQuery { public: *public, external: external.clone(), at: *at };
            Client::connect(&options.gateway.socket)?.ask("/v1/nat/lookup", &query)?
        }
    };
    if options.json {
        serde_json::to_writer(&mut *out, &view).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}", view.message)?;
        view.cure.iter().try_for_each(|cure| writeln!(out, "cure: {cure}"))?;
    }
    Ok(!view.holders.is_empty())
}

fn read(search: &mut Search<'_>, file: &Path) -> Result<(), CliError> {
    let outcome = if file == Path::new("-") {
        search.read(io::stdin().lock())
    } else {
        File::open(file).and_then(|log| search.read(BufReader::new(log)))
    };
    outcome.map_err(|source| CliError::Unreadable { file: file.to_owned(), source })
}

fn table<R: Printed>(client: &mut Client, filter: &R::Filter, out: &mut impl Write) -> Result<(), CliError> {
    let mut table = Table::new(R::COLUMNS);
    client.pages(filter, Page::MAX_ROWS, |rows: Vec<R>| Ok(table.write(&rows, out)?))?;
    if table.is_empty() {
        writeln!(out, "{}", R::NONE)?;
    }
    Ok(())
}

/// A list as a member of an object.
fn json_list<R: Row>(client: &mut Client, filter: &R::Filter, out: &mut impl Write) -> Result<(), CliError> {
    write!(out, "\"{}\":[", R::NAME)?;
    let mut separator = "\n";
    client.pages(filter, Page::MAX_ROWS, |page: Vec<R>| rows(&page, &mut separator, out))?;
    write!(out, "\n]")?;
    Ok(())
}

fn rows<R: Row>(rows: &[R], separator: &mut &str, out: &mut impl Write) -> Result<(), CliError> {
    for row in rows {
        out.write_all(separator.as_bytes())?;
        serde_json::to_writer(&mut *out, row).map_err(io::Error::from)?;
        *separator = ",\n";
    }
    Ok(())
}
