//! Virtual subnets of all tenants.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_types::Vsid;

use crate::document;
use crate::model::{Subnet, TenantIndex};
use crate::objects::Reach;
use crate::prefixes::Prefixes;
use crate::reader::{Field, List, Reader, Spanned};
use crate::rules::{Refusal, check_not_gateway, check_station, check_vsid};
use crate::tree::NodeId;
use crate::validate::system::Used;

/// Every tenant's subnets.
pub(super) struct Subnets {
    /// In the order of the document.
    pub(super) tenants: Vec<TenantSubnets>,
    by_vsid: HashMap<Vsid, Owned>,
    nodes: Vec<(IpNet, NodeId)>,
    /// Whether every subnet's VSID could be read.
    whole: bool,
}

/// What stands behind a VSID.
struct Owned {
    tenant: TenantIndex,
    node: NodeId,
    subnet: Reaches,
}

/// The addresses of a subnet.
pub(super) struct Reaches {
    reaches: Vec<Reach>,
    /// Whether every prefix could be read.
    whole: bool,
}

impl Reaches {
    fn of(subnet: &document::Subnet) -> Self {
        Self { reaches: subnet.reaches().collect(), whole: subnet.is_whole() }
    }

    /// Reports a customer address that no VM of the subnet can have.
    pub(super) fn check_vm(&self, reader: &mut Reader<'_>, node: NodeId, address: IpAddr) {
        let of_family = |reach: &&Reach| reach.prefix.value.addr().is_ipv4() == address.is_ipv4();
        match (self.reaches.iter().find(of_family), self.reaches.first()) {
            (Some(Reach { prefix, gateway }), _) => {
                if reader.check(node, check_station(address, prefix.value))
                    && let Some(gateway) = gateway
                {
                    reader.check(node, check_not_gateway("customer address", address, gateway.value));
                }
            }
            (None, Some(other)) if self.whole => {
                reader.check(node, check_station(address, other.prefix.value));
            }
            _ => {}
        }
    }
}

/// One tenant's subnets.
pub(super) struct TenantSubnets {
    pub(super) subnets: Vec<Subnet>,
    /// Each prefix with its gateway.
    pub(super) by_address: Prefixes<Option<IpAddr>>,
    reaches: Vec<IpNet>,
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
            let reaches = subnets.items().iter().flat_map(|subnet| subnet.value.reaches());
            all.nodes.extend(reaches.map(|reach| (reach.prefix.value, reach.prefix.node)));
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
        let owned = Owned { tenant, node: *node, subnet: Reaches::of(subnet) };
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
    ) -> Option<&Reaches> {
        let Spanned { node, value } = record.vsid.given()?;
        let vsid = value.0;
        let message = match self.by_vsid.get(&vsid) {
            Some(owned) if owned.tenant == tenant => return Some(&owned.subnet),
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
        let reaches: Vec<Reach> = items().flat_map(document::Subnet::reaches).collect();
        let nodes = reaches.iter().map(|reach| (reach.prefix.value, reach.prefix.node));
        for overlap in Prefixes::new(nodes).1 {
            let (later, earlier) = if overlap.inner.1 > overlap.outer.1 {
                (overlap.inner, overlap.outer)
            } else {
                (overlap.outer, overlap.inner)
            };
            let message = format!("{} overlaps {}, {}", later.0, earlier.0, reader.place(earlier.1));
            let hint = "write subnets of one tenant that do not overlap";
            reader.problem(later.1, Refusal::new(message, hint));
        }
        let by_address = reaches
            .iter()
            .map(|Reach { prefix, gateway }| (prefix.value, gateway.map(|gateway| gateway.value)));
        Self {
            subnets: items().filter_map(document::Subnet::build).collect(),
            by_address: Prefixes::new(by_address).0,
            whole: list.is_whole() && items().all(document::Subnet::is_whole),
            reaches: reaches.into_iter().map(|reach| reach.prefix.value).collect(),
        }
    }

    /// The prefixes that could be read.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = IpNet> {
        self.reaches.iter().copied()
    }

    /// The subnet of exactly this prefix.
    pub(super) fn exact(&self, net: IpNet) -> Option<IpNet> {
        let (found, _) = self.by_address.find(net.network())?;
        (found == net).then_some(found)
    }
}
