//! Virtual subnets of all tenants.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use nvgw_types::Vsid;

use crate::document;
use crate::model::{Subnet, TenantIndex};
use crate::prefixes::Prefixes;
use crate::reader::{Field, List, Reader, Spanned};
use crate::rules::{Refusal, check_vsid};
use crate::tree::NodeId;
use crate::validate::system::Used;

/// Every tenant's subnets.
pub(super) struct Subnets {
    /// In the order of the document.
    pub(super) tenants: Vec<TenantSubnets>,
    by_vsid: HashMap<Vsid, Owned>,
    nodes: Vec<(Ipv4Net, NodeId)>,
    /// Whether every subnet's VSID could be read.
    whole: bool,
}

/// What stands behind a VSID.
struct Owned {
    tenant: TenantIndex,
    node: NodeId,
    subnet: Option<Reach>,
}

/// The addresses of a subnet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    pub(super) prefix: Ipv4Net,
    pub(super) gateway: Option<Ipv4Addr>,
}

/// One tenant's subnets.
pub(super) struct TenantSubnets {
    pub(super) subnets: Vec<Subnet>,
    /// Each prefix with its gateway.
    pub(super) by_address: Prefixes<Option<Ipv4Addr>>,
    reaches: Vec<Ipv4Net>,
    /// Whether everything could be read.
    pub(super) whole: bool,
}

impl Subnets {
    pub(super) fn read(
        reader: &mut Reader<'_>,
        list: &Field<List<document::Tenant>>,
        allow_reserved: Option<bool>,
        used: &mut Used,
    ) -> Self {
        let mut all =
            Self { tenants: Vec::new(), by_vsid: HashMap::new(), nodes: Vec::new(), whole: list.is_whole() };
        for (i, tenant) in list.items().iter().enumerate() {
            let subnets = &tenant.value.subnets;
            all.whole &= subnets.is_whole();
            for subnet in subnets.items() {
                used.vsids.take(subnet.node);
                all.add(reader, TenantIndex(i), &subnet.value, allow_reserved);
            }
            all.tenants.push(TenantSubnets::read(reader, subnets));
            let prefixes = subnets.items().iter().filter_map(|subnet| subnet.value.prefix.given());
            all.nodes.extend(prefixes.map(|prefix| (prefix.value.0, prefix.node)));
        }
        all
    }

    fn add(
        &mut self,
        reader: &mut Reader<'_>,
        tenant: TenantIndex,
        subnet: &document::Subnet,
        allow_reserved: Option<bool>,
    ) {
        let Some(Spanned { node, value }) = subnet.vsid.given() else {
            self.whole = false;
            return;
        };
        let vsid = value.0;
        if let Some(allow_reserved) = allow_reserved {
            reader.check(*node, check_vsid(vsid, allow_reserved));
        }
        let owned = Owned { tenant, node: *node, subnet: reach(subnet) };
        if let Some(first) = self.by_vsid.get(&vsid) {
            let message = format!("VSID {vsid} is taken by {}", reader.place(first.node));
            let hint = "write a VSID of its own: one names exactly one virtual subnet of the gateway";
            reader.problem(*node, Refusal::new(message, hint));
        } else {
            self.by_vsid.insert(vsid, owned);
        }
    }

    /// The subnet that a record is in; reports a VSID that is none of its tenant's.
    pub(super) fn of_record(
        &self,
        reader: &mut Reader<'_>,
        record: &document::Record,
        tenant: TenantIndex,
    ) -> Option<Reach> {
        let Spanned { node, value } = record.vsid.given()?;
        let vsid = value.0;
        let message = match self.by_vsid.get(&vsid) {
            Some(owned) if owned.tenant == tenant => return owned.subnet,
            Some(owned) => format!("VSID {vsid} is another tenant's, {}", reader.place(owned.node)),
            None if self.whole => format!("VSID {vsid} is in no subnet"),
            None => return None,
        };
        reader.problem(*node, Refusal::new(message, self.hint(tenant)));
        None
    }

    /// Every subnet's prefix.
    pub(super) fn all(self) -> Prefixes<NodeId> {
        Prefixes::new(self.nodes).0
    }

    fn hint(&self, tenant: TenantIndex) -> String {
        const MOST_TO_LIST: usize = 8;
        let subnets = &self.tenants[tenant.0].subnets;
        if subnets.is_empty() || subnets.len() > MOST_TO_LIST {
            return "write the VSID of one of the tenant's subnets".to_owned();
        }
        let vsids: Vec<String> = subnets.iter().map(|subnet| subnet.vsid.to_string()).collect();
        format!("write the VSID of one of the tenant's subnets: {}", vsids.join(", "))
    }
}

impl TenantSubnets {
    fn read(reader: &mut Reader<'_>, list: &Field<List<document::Subnet>>) -> Self {
        let items = || list.items().iter().map(|subnet| &subnet.value);
        for subnet in items() {
            subnet.check(reader);
        }
        let nodes = items().filter_map(|subnet| subnet.prefix.given());
        for overlap in Prefixes::new(nodes.map(|prefix| (prefix.value.0, prefix.node))).1 {
            let (later, earlier) = if overlap.inner.1 > overlap.outer.1 {
                (overlap.inner, overlap.outer)
            } else {
                (overlap.outer, overlap.inner)
            };
            let message = format!("{} overlaps {}, {}", later.0, earlier.0, reader.place(earlier.1));
            let hint = "write subnets of one tenant that do not overlap";
            reader.problem(later.1, Refusal::new(message, hint));
        }
        let reaches: Vec<Reach> = items().filter_map(reach).collect();
        Self {
            subnets: items().filter_map(document::Subnet::build).collect(),
            by_address: Prefixes::new(reaches.iter().map(|reach| (reach.prefix, reach.gateway))).0,
            whole: list.is_whole() && reaches.len() == list.items().len(),
            reaches: reaches.into_iter().map(|reach| reach.prefix).collect(),
        }
    }

    /// The prefixes that could be read.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = Ipv4Net> {
        self.reaches.iter().copied()
    }

    /// The subnet of exactly this prefix.
    pub(super) fn exact(&self, net: Ipv4Net) -> Option<Ipv4Net> {
        let (found, _) = self.by_address.find(net.network())?;
        (found == net).then_some(found)
    }
}

fn reach(subnet: &document::Subnet) -> Option<Reach> {
    Some(Reach { prefix: subnet.prefix.value()?.0, gateway: subnet.gateway.value().map(|gateway| gateway.0) })
}
