//! The commands that change or list objects of one kind.

use std::io::Write;

use super::CliError;
use super::args::{
    CustomerRouteCommand, LookupCommand, NeighborCommand, ProviderAddressCommand, ProviderRouteCommand,
    SubnetCommand, TenantCommand,
};
use super::show::list;
use super::write::change;
use crate::api::view::{
    CustomerRouteView, LookupView, NeighborView, ProviderAddressView, ProviderRouteView, SubnetView,
    TenantView,
};

/// `nvgw tenant …`
pub(super) fn tenant(command: &TenantCommand, out: &mut impl Write) -> Result<(), CliError> {
    match command {
        TenantCommand::Add(write) => change(write, out),
        TenantCommand::Move(write) => change(write, out),
        TenantCommand::Remove(write) => change(write, out),
        TenantCommand::List(listing) => list::<TenantView>(listing, |_| true, out),
    }
}

/// `nvgw subnet …`
pub(super) fn subnet(command: &SubnetCommand, out: &mut impl Write) -> Result<(), CliError> {
    match command {
        SubnetCommand::Add(write) => change(write, out),
        SubnetCommand::Remove(write) => change(write, out),
        SubnetCommand::List(listing) => list::<SubnetView>(listing, |_| true, out),
    }
}

/// `nvgw lookup …`
pub(super) fn lookup(command: &LookupCommand, out: &mut impl Write) -> Result<(), CliError> {
    match command {
        LookupCommand::Add(write) => change(write, out),
        LookupCommand::Move(write) => change(write, out),
        LookupCommand::Remove(write) => change(write, out),
        LookupCommand::List(listing) => list::<LookupView>(listing, |_| true, out),
    }
}

/// `nvgw customer-route …`
pub(super) fn customer_route(command: &CustomerRouteCommand, out: &mut impl Write) -> Result<(), CliError> {
    match command {
        CustomerRouteCommand::Add(write) => change(write, out),
        CustomerRouteCommand::Move(write) => change(write, out),
        CustomerRouteCommand::Remove(write) => change(write, out),
        CustomerRouteCommand::List(listing) => list::<CustomerRouteView>(listing, |_| true, out),
    }
}

/// `nvgw provider-address …`
pub(super) fn provider_address(
    command: &ProviderAddressCommand,
    out: &mut impl Write,
) -> Result<(), CliError> {
    match command {
        ProviderAddressCommand::Add(write) => change(write, out),
        ProviderAddressCommand::Remove(write) => change(write, out),
        ProviderAddressCommand::List(listing) => list::<ProviderAddressView>(listing, |_| true, out),
    }
}

/// `nvgw provider-route …`
pub(super) fn provider_route(command: &ProviderRouteCommand, out: &mut impl Write) -> Result<(), CliError> {
    match command {
        ProviderRouteCommand::Add(write) => change(write, out),
        ProviderRouteCommand::Move(write) => change(write, out),
        ProviderRouteCommand::Remove(write) => change(write, out),
        ProviderRouteCommand::List(listing) => list::<ProviderRouteView>(listing, |_| true, out),
    }
}

/// `nvgw neighbor …`
pub(super) fn neighbor(command: &NeighborCommand, out: &mut impl Write) -> Result<(), CliError> {
    match command {
        NeighborCommand::Add(write) => change(write, out),
        NeighborCommand::Move(write) => change(write, out),
        NeighborCommand::Remove(write) => change(write, out),
        NeighborCommand::List(listing) => list::<NeighborView>(listing, |_| true, out),
    }
}
