//! What an export takes from a running gateway: its objects as they are now, wherever they have come from.

use std::collections::BTreeSet;
use std::path::Path;

use nvgw_hyperv::{ExportError, ExportOptions, Input, Site, Subnet, Tenant};
use nvgw_types::{MacAddr, ProviderAddr, Vsid};

use super::HypervError;
use crate::api::view::{AddressState, LookupView, ProviderAddressView, SubnetView, TenantView};
use crate::api::{LookupFilter, Page, ProviderAddressFilter, Row, SubnetFilter, TenantFilter};
use crate::cli::CliError;
use crate::cli::client::Client;

/// An export of a tenant of the gateway that listens at `socket`.
pub(super) fn input(socket: &Path, tenant: &str, options: &ExportOptions) -> Result<Input, CliError> {
    let mut client = Client::connect(socket)?;
    let tenants = rows::<TenantView>(&mut client, &TenantFilter::default())?;
    let Some(found) = tenants.iter().find(|known| known.name == tenant) else {
        let names = tenants.iter().map(|known| &known.name);
        return Err(HypervError::from(ExportError::no_tenant(tenant, names)).into());
    };
    let tenant = read_tenant(&mut client, found)?;
    let sites = sites(&mut client)?;
    Ok(Input::new(tenant, &sites, options).map_err(HypervError::from)?)
}

fn read_tenant(client: &mut Client, view: &TenantView) -> Result<Tenant, CliError> {
    let name = Some(view.name.clone());
    let subnets = rows::<SubnetView>(client, &SubnetFilter { tenant: name.clone() })?;
    let subnets: Result<Vec<Subnet>, CliError> = subnets
        .into_iter()
        .flat_map(|SubnetView { vsid, prefix, gateway, prefix_ipv6, gateway_ipv6, .. }| {
            let second = prefix_ipv6.zip(gateway_ipv6);
            std::iter::once((prefix, gateway)).chain(second).map(move |both| (vsid, both))
        })
        .map(|(vsid, (prefix, gateway))| Ok(Subnet { vsid: read_vsid(client, vsid)?, prefix, gateway }))
        .collect();
    // One for each host and subnet: the records themselves may be a million.
    let mut placements = BTreeSet::new();
    let filter = LookupFilter { tenant: name, ..LookupFilter::default() };
    client.pages(&filter, Page::MAX_ROWS, |page: Vec<LookupView>| {
        placements
            .extend(page.into_iter().map(|record| (record.vsid, ProviderAddr(record.provider_address))));
        Ok(())
    })?;
    let placements: Result<BTreeSet<_>, CliError> =
        placements.into_iter().map(|(vsid, host)| Ok((read_vsid(client, vsid)?, host))).collect();
    Ok(Tenant {
        name: view.name.clone(),
        routing_domain: view.routing_domain.clone(),
        gateway_mac: view.gateway_mac.parse::<MacAddr>().map_err(|error| client.no_answer(&error))?,
        subnets: subnets?,
        placements: placements?,
    })
}

/// Where the gateway receives: the first address of a site before its others. What an address that is not in use is
/// sent is lost.
fn sites(client: &mut Client) -> Result<Vec<Site>, CliError> {
    let own = rows::<ProviderAddressView>(client, &ProviderAddressFilter::default())?;
    let in_use = own.into_iter().filter(|own| own.state == AddressState::Preferred);
    Ok(in_use.map(|own| Site { address: ProviderAddr(own.address), subnet: own.subnet }).collect())
}

fn rows<R: Row>(client: &mut Client, filter: &R::Filter) -> Result<Vec<R>, CliError> {
    let mut rows = Vec::new();
    client.pages(filter, Page::MAX_ROWS, |page| {
        rows.extend(page);
        Ok(())
    })?;
    Ok(rows)
}

fn read_vsid(client: &Client, vsid: u32) -> Result<Vsid, CliError> {
    Vsid::new(vsid.into()).map_err(|error| client.no_answer(&error))
}
