//! Tenants' address translation.
//!
//! What a tenant says is held against its own subnets first. What it takes of the external networks' addresses is kept
//! until all tenants have spoken, then held against each other's and against what else is known of those networks.

mod exempt;
mod forwards;
mod pools;
mod publics;
mod statics;

use std::net::Ipv4Addr;

use crate::document;
use crate::model::{ExternalIndex, NatFiltering, NatLimits, NatPool, PortForward, TenantIndex, TenantNat};
use crate::prefixes::Prefixes;
use crate::reader::{Reader, Spanned};
use crate::rules::Refusal;
use crate::tree::NodeId;
use crate::validate::external::Owner;
use crate::validate::system::Used;

use super::{Surroundings, TenantSubnets, Way};

use publics::Publics;

/// What tenants take of the external networks' addresses, in the order of the document.
#[derive(Default)]
pub(super) struct Claims {
    pools: Vec<Claim<NatPool>>,
    statics: Vec<Claim<Ipv4Addr>>,
    forwards: Vec<Claim<PortForward>>,
}

/// Something that is taken of an external network's addresses.
struct Claim<T> {
    external: ExternalIndex,
    /// The node of the address or addresses.
    node: NodeId,
    value: T,
}

impl Claims {
    /// Reads a tenant's translation; `None` where it could not be read.
    pub(super) fn read(
        &mut self,
        reader: &mut Reader<'_>,
        (tenant, index): (&document::Tenant, TenantIndex),
        subnets: &TenantSubnets,
        external: Way,
        around: &Surroundings<'_>,
    ) -> Option<Option<TenantNat>> {
        let Some(nat) = tenant.nat.optional()?.and_then(|nat| nat.0.as_ref()) else {
            return Some(None);
        };
        if let Some(Spanned { node, .. }) = tenant.nat.given() {
            check_way_out(reader, *node, external, around);
            check_purpose(reader, *node, nat);
        }
        let pools = pools::read(reader, nat, around.workers);
        let statics = statics::read(reader, nat, subnets);
        let forwards = forwards::read(reader, nat, subnets);
        let exempt = exempt::read(reader, (tenant, index), nat, subnets, around);
        if let Way::To(external) = external
            && around.owners[external.0] == Owner::Shared
        {
            let pools = pools.iter().map(|pool| Claim { external, node: pool.node, value: pool.value });
            self.pools.extend(pools);
            let publics =
                statics.iter().map(|fixed| Claim { external, node: fixed.node, value: fixed.value.public });
            self.statics.extend(publics);
            let forwards =
                forwards.iter().map(|forward| Claim { external, node: forward.node, value: forward.value });
            self.forwards.extend(forwards);
        }
        let (limits, limits_per_address) = limits(nat.limits.value()?)?;
        Some(Some(TenantNat {
            pools: values(pools),
            statics: values(statics),
            forwards: values(forwards),
            exempt,
            filtering: filtering(nat.filtering.value()?)?,
            limits,
            limits_per_address,
        }))
    }

    /// Holds what all tenants take against each other, and against what else is known of the external networks.
    pub(super) fn check(
        &self,
        reader: &mut Reader<'_>,
        around: &Surroundings<'_>,
        public_prefixes: &Prefixes<NodeId>,
        used: &mut Used,
    ) {
        let publics = Publics { around, prefixes: public_prefixes };
        let pools = pools::check(reader, &self.pools, &publics, used);
        let statics = statics::check(reader, &self.statics, &pools, &publics, used);
        forwards::check(reader, &self.forwards, &pools, &statics, &publics, used);
    }
}

fn values<T>(items: Vec<Spanned<T>>) -> Vec<T> {
    items.into_iter().map(|item| item.value).collect()
}

fn check_way_out(reader: &mut Reader<'_>, node: NodeId, external: Way, around: &Surroundings<'_>) {
    let wrong = match external {
        Way::None => Refusal::new(
            "there is no network to translate toward: the tenant has no external network",
            "add an external network, or write nat: off",
        ),
        Way::To(ExternalIndex(i)) if matches!(around.owners[i], Owner::Tenant(_)) => Refusal::new(
            "there is no network to translate toward: the tenant's external network is its own",
            "write nat: off, or the name of an external network without a tenant as the tenant's external",
        ),
        Way::To(_) | Way::Unknown => return,
    };
    reader.problem(node, wrong);
}

fn check_purpose(reader: &mut Reader<'_>, node: NodeId, nat: &document::TenantNat) {
    let empty = nat.pools.items().is_empty() && nat.pools.is_whole();
    let empty = empty && nat.statics.items().is_empty() && nat.statics.is_whole();
    if empty && nat.forwards.items().is_empty() && nat.forwards.is_whole() {
        let message = "there is nothing to translate to: no pool, no static address, no forward";
        reader.problem(node, Refusal::new(message, "add pools, or write nat: off"));
    }
}

fn filtering(filtering: &document::NatFiltering) -> Option<NatFiltering> {
    Some(NatFiltering {
        tcp: filtering.tcp.value()?.0,
        udp: filtering.udp.value()?.0,
        icmp: filtering.icmp.value()?.0,
    })
}

/// The limits of the tenant and of each of its customer addresses.
fn limits(limits: &document::NatLimits) -> Option<(NatLimits, NatLimits)> {
    let of_tenant = NatLimits {
        sessions: limits.sessions.optional()?.map(|most| most.0),
        ports: limits.ports.optional()?.map(|most| most.0),
        new_sessions: limits.new_sessions.optional()?.map(|most| most.0),
    };
    let of_address = NatLimits {
        sessions: Some(limits.address_sessions.value()?.0),
        ports: limits.address_ports.optional()?.map(|most| most.0),
        new_sessions: limits.address_new_sessions.optional()?.map(|most| most.0),
    };
    Some((of_tenant, of_address))
}
