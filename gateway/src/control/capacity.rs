//! Whether what is desired fits: asked before the first write, so that what does not fit changes nothing.

use nvgw_config::Config;
use nvgw_types::Family;

use super::desired::VrfKey;
use super::draft::{Draft, beside, sizes};
use super::fabric::Fabric;
use super::model::Model;
use super::neighbors::LEARNED_EACH;
use crate::tables::Grace;
use crate::tables::set::TableLimits;

/// Own provider addresses, interfaces: far beyond what a gateway has, for no memory.
const MANY: usize = 16_384;
/// External networks that a reload may add to those there are at the start.
const MORE_EXTERNAL: usize = 8;
/// External networks whose hosts can all be learned at the same time.
const LEARNING: usize = 16;
/// Routes of a virtual subnet: its prefix, the gateway, network and broadcast address; public prefix, customer
/// routes and the tenant's default route take the rest.
const ROUTES_OF_SUBNET: usize = 16;

/// A table does not hold what the configuration asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{needed} {what} are more than the {limit} there is room for: {advice}")]
pub struct OverCapacity {
    /// What there are too many of.
    pub what: &'static str,
    /// How many there would be.
    pub needed: usize,
    /// How many there may be.
    pub limit: usize,
    /// What to do about it.
    pub advice: &'static str,
}

/// The table sizes that a configuration promises.
#[must_use]
pub fn table_limits(config: &Config) -> TableLimits {
    let limits = &config.system.limits;
    let shared = config.external.iter().filter(|network| network.tenant.is_none()).count();
    let external_vrfs = shared + MORE_EXTERNAL;
    let derived = limits.vsids.max(config.tenants.len()) * ROUTES_OF_SUBNET + MANY;
    TableLimits {
        ports: config.ports.len(),
        interfaces: MANY,
        vrfs: limits.vsids.max(config.tenants.len()) + external_vrfs,
        external_vrfs,
        vsids: limits.vsids,
        records: limits.records,
        // A pool's address has a route of its own at most, and another while it drains.
        ipv4_routes: limits.external_routes + derived + LEARNING * LEARNED_EACH + 2 * limits.nat_addresses,
        ipv6_routes: limits.external_routes_ipv6 + derived + LEARNING * LEARNED_EACH,
        adjacencies: limits.records + MANY + LEARNING * LEARNED_EACH,
        vias: derived,
        locals: MANY,
        publics: limits.nat_addresses,
        bindings: limits.nat_bindings,
    }
}

/// Checks that the tables hold what they hold now together with what is to come, and keep room for learned hosts;
/// subnets, records and own addresses that go leave their room first.
pub(super) fn check<G: Grace>(model: &Model, fabric: &Fabric<G>, draft: &Draft) -> Result<(), OverCapacity> {
    const RAISE: &str = "raise it under system.limits and restart";
    const FEWER: &str = "make the change in several steps";
    const LATER: &str = "wait until what was removed has drained, or say removed-addresses: cut";
    let (limits, now) = (&fabric.writers.limits, &fabric.current);
    let fits = |what, needed, limit, advice| {
        if needed <= limit { Ok(()) } else { Err(OverCapacity { what, needed, limit, advice }) }
    };
    let promised = &model.frame().system.limits;
    let hosts = LEARNING * LEARNED_EACH;
    fits("virtual subnets", sizes(&draft.subnets, &now.subnets).0, limits.vsids, RAISE)?;
    fits("lookup records", sizes(&draft.records, &now.records).0, limits.records, RAISE)?;
    let [ipv4, ipv6] = model.external_routes();
    fits("external IPv4 routes", ipv4, promised.external_routes, RAISE)?;
    fits("external IPv6 routes", ipv6, promised.external_routes_ipv6, RAISE)?;
    fits("provider addresses of the gateway", sizes(&draft.locals, &now.locals).0, limits.locals, FEWER)?;
    fits("networks", sizes(&draft.networks, &now.networks).1, limits.interfaces, FEWER)?;
    let [ipv4, ipv6] = routes(fabric, draft);
    fits("routes", ipv4, limits.ipv4_routes.saturating_sub(hosts + limits.publics), FEWER)?;
    fits("IPv6 routes", ipv6, limits.ipv6_routes.saturating_sub(hosts), FEWER)?;
    let ways = sizes(&draft.adjacencies, &now.adjacencies).1;
    fits("next hops and peers", ways, limits.adjacencies.saturating_sub(hosts), FEWER)?;
    fits("customer next hops", sizes(&draft.vias, &now.vias).1, limits.vias, FEWER)?;
    let tables = sizes(&draft.vrfs, &now.vrfs).1 + fabric.nat.gone().len();
    fits("routing tables", tables, limits.vrfs, FEWER)?;
    fits("public addresses", sizes(&draft.publics, &now.publics).0, limits.publics, RAISE)?;
    fits("public addresses, old and new", fabric.public_ids(draft), limits.publics, LATER)?;
    fits(
        "forwarded ports and 1:1 addresses",
        sizes(&draft.bindings, &now.bindings).0,
        limits.bindings,
        RAISE,
    )?;
    // They come after the tenants' in their order: a change among many tenants does not walk those.
    let externals = || VrfKey::External(String::new())..;
    let come = draft.vrfs.range(externals()).filter(|(key, id)| id.is_some() && !now.vrfs.contains_key(key));
    let external = now.vrfs.range(externals()).count() + come.count();
    fits("shared external networks", external, limits.external_vrfs, "restart to have more")
}

/// How many routes of each family there are at most on the way to what a draft says, but for those of learned hosts
/// and of public addresses that drain.
fn routes<G: Grace>(fabric: &Fabric<G>, draft: &Draft) -> [usize; 2] {
    let mut most = [Family::V4, Family::V6].map(|family| fabric.routes(family));
    for (key, goal, now) in beside(&draft.routes, &fabric.current.routes) {
        if goal.is_some() && now.is_none() {
            most[Family::of(key.prefix.addr()) as usize] += 1;
        }
    }
    most
}
