//! Edits in words, as `nvgw diff` and `nvgw apply` print them.

use std::fmt::Display;

use nvgw_config::NetworkRef;
use nvgw_types::MacAddr;

use super::edit::{Edit, Swap};
use super::{Model, OwnAddress, Owned, PlacedRecord, ProviderRoute, ProviderRouteKey, Subnet, Tenant};
use crate::control::desired::Hop;

impl Model {
    /// An edit in one line: `+` for what comes, `-` for what goes, `~` for what is different.
    pub(super) fn describe(&self, edit: &Edit) -> String {
        match edit {
            Edit::Tenant(swap) => {
                line(swap, format_args!("tenant {}", swap.key), |tenant: &Owned<Tenant>| {
                    match tenant.value.external {
                        Some(index) => format!("out by {}", self.frame.external[index.0].name),
                        None => "without a way out".to_owned(),
                    }
                })
            }
            Edit::Subnet(swap) => {
                line(swap, format_args!("subnet {}", swap.key), |subnet: &Owned<Subnet>| {
                    let Subnet { tenant, prefixes, .. } = &subnet.value;
                    let gateways: Vec<_> = prefixes.iter().map(|own| own.gateway.to_string()).collect();
                    format!("{prefixes} of {tenant}, gateway {}", gateways.join(" and "))
                })
            }
            Edit::Record(swap) => {
                let tenant = self.tenant_of(swap.key.vrf).unwrap_or_default();
                let what = format!("lookup {tenant} {}", swap.key.address);
                line(swap, what, |placed: &PlacedRecord| {
                    format!("VSID {} at {}", placed.record.value.vsid, placed.provider())
                })
            }
            Edit::CustomerRoute(swap) => {
                let (vrf, prefix) = swap.key;
                let what = format!("customer-route {} {prefix}", self.tenant_of(vrf).unwrap_or_default());
                line(swap, what, |hop: &Owned<_>| format!("via {}", hop.value))
            }
            Edit::Address(swap) => {
                line(swap, format_args!("provider-address {}", swap.key), |own: &OwnAddress| {
                    format!("at site {}", self.frame.provider.sites[own.site.0].name)
                })
            }
            Edit::ProviderRoute(swap) => {
                let ProviderRouteKey { prefix, next_hop, .. } = swap.key;
                let what = format!("provider-route {prefix} via {next_hop}");
                line(swap, what, |route: &ProviderRoute| {
                    let mtu = route.mtu.map_or_else(String::new, |mtu| format!(", MTU {mtu}"));
                    format!("metric {}{mtu}", route.metric)
                })
            }
            Edit::Neighbor(swap) => {
                let what = format!("neighbor {} on {}", swap.key.address, self.network_name(swap.key));
                line(swap, what, |mac: &Owned<MacAddr>| mac.value.to_string())
            }
            Edit::Suspended(swap) => format!("- {}, which was suspended", swap.key),
        }
    }

    fn network_name(&self, hop: Hop) -> &str {
        self.network_at(hop).map_or("", |network| self.name_of(network))
    }

    /// The name of a network.
    pub(in crate::control) fn name_of(&self, network: NetworkRef) -> &str {
        match network {
            NetworkRef::Site(site) => &self.frame.provider.sites[site.0].name,
            NetworkRef::External(external) => &self.frame.external[external.0].name,
        }
    }
}

fn line<K, V>(swap: &Swap<K, V>, what: impl Display, value: impl Fn(&V) -> String) -> String {
    match (&swap.before, &swap.after) {
        (None, Some(after)) => format!("+ {what}: {}", value(after)),
        (Some(before), None) => format!("- {what}: {}", value(before)),
        (Some(before), Some(after)) => format!("~ {what}: {} → {}", value(before), value(after)),
        (None, None) => format!("= {what}"),
    }
}
