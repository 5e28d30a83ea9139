//! Checks of translation: what they cost follows the 1:1 addresses, the forwards and the networks.

use std::net::Ipv4Addr;

use ipnet::IpNet;

use super::findings::{Fault, Findings, counted};
use crate::control::Control;
use crate::control::desired::{PublicKey, Role, RouteKey};
use crate::diagnosis::Health;
use crate::tables::Grace;
use crate::telemetry::DropReason;

impl<G: Grace> Control<G> {
    /// Every customer that a 1:1 address or a forward leads to has a lookup record.
    pub(super) fn check_translated_customers(&self, findings: &mut Findings) {
        let records = &self.fabric.current.records;
        let lost = self.needs.bound.keys().filter(|customer| !records.contains_key(customer));
        let faults = lost.map(|customer| {
            let reason = DropReason::DestinationRecordMissing;
            let obstacle = self.no_record(reason, customer.vrf, customer.address, None);
            Fault {
                health: Health::Yellow,
                object: format!("customer {} of {}", customer.address, self.vrf_words(customer.vrf)),
                message: format!("{}; a static address or a forward leads there", obstacle.message),
                cure: obstacle.cure,
            }
        });
        findings.check("nat-customer", "static addresses and forwards", faults, || {
            let customers = counted(self.needs.bound.keys().count(), "customer address");
            format!("{customers} behind static addresses and forwards known")
        });
    }

    /// Every external network that packets are translated toward has a default route.
    pub(super) fn check_translated_ways(&self, findings: &mut Findings) {
        let current = &self.fabric.current;
        let translated = current.networks.values().filter_map(|network| {
            let Role::External(external) = network.role else { return None };
            let key = |address| PublicKey { external, address };
            let all = key(Ipv4Addr::UNSPECIFIED)..=key(Ipv4Addr::BROADCAST);
            current.publics.range(all).next().map(|_| (network, external))
        });
        let translated: Vec<_> = translated.collect();
        let lost = translated.iter().filter(|(_, vrf)| {
            !current.routes.contains_key(&RouteKey { vrf: *vrf, prefix: IpNet::default() })
        });
        let faults = lost.map(|(network, _)| Fault {
            health: Health::Yellow,
            object: format!("network {}", network.name),
            message:
                "tenants are translated toward it, but it has no default route: they reach its own hosts and \
                      the prefixes of its routes only"
                    .to_owned(),
            cure: "give the external network a gateway in the configuration file".to_owned(),
        });
        findings.check("nat-external", "external networks", faults, || {
            "every external network that tenants are translated toward has a default route".to_owned()
        });
    }
}

#[cfg(test)]
mod tests;
