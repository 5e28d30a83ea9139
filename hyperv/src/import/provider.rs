//! The provider network, as far as hosts tell of it.

use crate::items::Items;

use super::{Findings, Options, Provider, ProviderRoute, Remark};

/// Which subnets hosts are in, and which of their routes are the gateway's too: those whose next hop is in the
/// gateway's own subnet.
pub(super) fn take(items: &Items<'_>, options: &Options, findings: &mut Findings) -> Provider {
    let mut provider = Provider { address: options.provider_address, ..Provider::default() };
    provider.host_subnets.extend(&items.host_subnets);
    provider.host_subnets.sort();
    provider.host_subnets.dedup();
    let mut routes: Vec<_> = items.provider_routes.iter().collect();
    routes.sort_by_key(|route| route.metric);
    for route in routes {
        let (prefix, next_hop) = (route.prefix, route.next_hop.value);
        let Some(address) = options.provider_address else {
            let hint =
                "with --provider-address ADDRESS/LENGTH it is taken where the gateway shares their subnet";
            findings.remarks.push(Remark::left_out(&route.place, "a route of the hosts", hint));
            continue;
        };
        // On-link routes have no next hop; a next hop outside the gateway's subnet is the hosts' own way.
        if !address.contains(&next_hop) {
            let message = format!(
                "a route of the hosts: {next_hop} is not in the gateway's subnet {}",
                address.trunc()
            );
            findings.remarks.push(Remark::left_out(
                &route.place,
                message,
                "the gateway has routes of its own",
            ));
        } else if next_hop == address.addr() {
            let hint = "the gateway is its next hop";
            findings.remarks.push(Remark::left_out(&route.place, "a route of the hosts", hint));
        } else if prefix.prefix_len() == 0 && provider.gateway.is_none_or(|gateway| gateway == next_hop) {
            provider.gateway = Some(next_hop);
        } else if !provider.routes.iter().any(|known| (known.prefix, known.next_hop) == (prefix, next_hop)) {
            provider.routes.push(ProviderRoute { prefix, next_hop, metric: route.metric });
        }
    }
    provider
}
