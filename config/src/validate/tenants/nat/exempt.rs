//! Destinations that the tenant's own addresses are shown to.

use std::collections::{HashMap, HashSet};

use ipnet::IpNet;

use crate::document;
use crate::model::{ExternalIndex, TenantIndex};
use crate::reader::{Reader, Spanned};
use crate::rules::{Refusal, check_destination, check_exempt};
use crate::tree::NodeId;
use crate::validate::tenants::{Surroundings, TenantSubnets};

pub(super) fn read(
    reader: &mut Reader<'_>,
    (tenant, index): (&document::Tenant, TenantIndex),
    nat: &document::TenantNat,
    subnets: &TenantSubnets,
    around: &Surroundings<'_>,
) -> Vec<IpNet> {
    let own = || around.hand_offs(index);
    let connected = own().flat_map(|ExternalIndex(i)| &around.networks.external[i].prefixes);
    let connected: Vec<IpNet> = connected.map(|(net, _)| *net).chain(subnets.prefixes()).collect();
    let behind = tenant.routes.items().iter().filter_map(|route| route.value.prefix.value());
    let behind: HashSet<IpNet> = behind.map(|prefix| prefix.0).collect();
    let mut seen: HashMap<IpNet, NodeId> = HashMap::new();
    let mut exempt = Vec::new();
    for Spanned { node, value } in nat.exempt.items() {
        let prefix = value.0;
        let right = reader.check(*node, check_destination(prefix))
            && reader.check(*node, check_exempt(prefix, connected.iter().copied()));
        let routed = || own().any(|ExternalIndex(i)| around.routed[i].contains(&prefix));
        if right && (behind.contains(&prefix) || routed()) {
            let message =
                format!("{prefix} has a route of the tenant's own: nothing is translated on that way");
            reader.problem(*node, Refusal::new(message, "leave it out"));
        }
        if let Some(first) = seen.insert(prefix, *node) {
            let message = format!("{prefix} is exempt already: {}", reader.place(first));
            reader.problem(*node, Refusal::new(message, "keep one of them"));
        }
        exempt.push(prefix);
    }
    exempt
}
