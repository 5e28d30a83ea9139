//! From the document to a configuration that cannot be wrong: what its values say to each other.
//!
//! Each section reports its mistakes and gives what it could build. A value that could not be read has been reported;
//! whatever depends on it is left alone, so that one mistake is one problem.

mod external;
mod names;
mod nat;
mod neighbors;
mod network;
mod provider;
mod routes;
mod system;
mod tenants;

use std::time::Duration;

use crate::document::Document;
use crate::model::{Config, Provider, TenantIndex};
use crate::reader::Reader;

use names::Names;
use network::Networks;
use tenants::Surroundings;

/// Builds the configuration; `None` only where a problem has been reported.
pub(crate) fn validate(reader: &mut Reader<'_>, document: &Document) -> Option<Config> {
    let (system, mut limits) = system::system(reader, &document.system);
    let ports = system::ports(reader, &document.ports);
    let tenant_names = Names::of(
        reader,
        "tenant",
        document.tenants.items().iter().map(|tenant| &tenant.value.name),
        document.tenants.is_whole(),
        TenantIndex,
    );
    let provider = document.provider.value();
    let mut networks = Networks::new(document);
    let mut subnets = document.tenants.items().iter().flat_map(|tenant| tenant.value.subnets.items());
    let tenants_ipv6 = subnets.any(|subnet| subnet.value.has_ipv6());
    let sites = provider::sites(reader, provider, &ports, &mut networks, tenants_ipv6);
    let external =
        external::networks(reader, &document.external, &ports, &tenant_names, &mut networks, &mut limits);
    networks.check_overlaps(reader);
    let every = provider.and_then(|provider| provider.check_paths_every.value());
    let detection = provider.and_then(|provider| provider.duplicate_address_detection.value());
    let encapsulation = provider.and_then(|provider| provider.encapsulation.given());
    let (encapsulation, allow_reserved) = provider::encapsulation(reader, encapsulation, &networks);
    let neighbors = neighbors::neighbors(reader, &document.neighbors, &mut networks);
    let tenants = tenants::tenants(
        reader,
        &document.tenants,
        &Surroundings {
            networks: &networks,
            owners: &external.owners,
            routed: &external.routed,
            allow_reserved,
            workers: system.as_ref().map(|system| system.worker_cores.len()),
        },
        &mut limits,
    );
    let provider_routes = provider::routes(reader, provider, &networks, &tenants.subnets);
    let nat = nat::settings(&document.nat);
    limits.report(reader);
    Some(Config {
        system: system?,
        ports: ports.ports,
        provider: Provider {
            sites,
            routes: provider_routes,
            encapsulation: encapsulation?,
            duplicate_address_detection: detection?.0,
            check_paths_every: Some(every?.0)
                .filter(|every| *every > 0)
                .map(|every| Duration::from_secs(every.into())),
        },
        external: external.networks,
        tenants: tenants.tenants,
        nat: nat?,
        neighbors,
    })
}
