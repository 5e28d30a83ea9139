//! Changes as they are written: what [`parse_changes`](crate::parse_changes) reads back to the same.

use serde_json::{Map, Value, json};

use super::{Change, ChangeSet, NewTenant};
use crate::model::{CustomerRoute, FlowIdMode, LookupRecord, SenderCheck, Subnet, SubnetPrefix};

impl Change {
    /// The kind of the change, as it is written: `add-lookup`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AddTenant(_) => "add-tenant",
            Self::MoveTenant { .. } => "move-tenant",
            Self::RemoveTenant { .. } => "remove-tenant",
            Self::AddSubnet { .. } => "add-subnet",
            Self::RemoveSubnet { .. } => "remove-subnet",
            Self::AddLookup(_) => "add-lookup",
            Self::MoveLookup { .. } => "move-lookup",
            Self::RemoveLookup { .. } => "remove-lookup",
            Self::AddCustomerRoute { .. } => "add-customer-route",
            Self::MoveCustomerRoute { .. } => "move-customer-route",
            Self::RemoveCustomerRoute { .. } => "remove-customer-route",
            Self::AddProviderAddress { .. } => "add-provider-address",
            Self::RemoveProviderAddress { .. } => "remove-provider-address",
            Self::AddProviderRoute { .. } => "add-provider-route",
            Self::MoveProviderRoute { .. } => "move-provider-route",
            Self::RemoveProviderRoute { .. } => "remove-provider-route",
            Self::AddNeighbor { .. } => "add-neighbor",
            Self::MoveNeighbor { .. } => "move-neighbor",
            Self::RemoveNeighbor { .. } => "remove-neighbor",
        }
    }

    /// The change as an item of the document: `{ "remove-subnet": { "vsid": 5001 } }`.
    ///
    /// Defaults are written out: a later version with other ones reads the same change.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut item = Map::new();
        item.insert(self.kind().to_owned(), self.values());
        Value::Object(item)
    }

    fn values(&self) -> Value {
        match self {
            Self::AddTenant(tenant) => new_tenant(tenant),
            Self::MoveTenant { name, external } => json!({ "name": name, "external": external }),
            Self::RemoveTenant { name } => json!({ "name": name }),
            Self::AddSubnet { tenant, subnet } => new_subnet(tenant, subnet),
            Self::RemoveSubnet { vsid } => json!({ "vsid": vsid }),
            Self::AddLookup(record) => lookup(record),
            Self::MoveLookup { vsid, address, provider_address } => {
                json!({ "vsid": vsid, "address": address.0, "provider-address": provider_address.0 })
            }
            Self::RemoveLookup { vsid, address } => json!({ "vsid": vsid, "address": address.0 }),
            Self::AddCustomerRoute { tenant, route: CustomerRoute { prefix, next_hop } }
            | Self::MoveCustomerRoute { tenant, route: CustomerRoute { prefix, next_hop } } => {
                json!({ "tenant": tenant, "prefix": prefix, "next-hop": next_hop.0 })
            }
            Self::RemoveCustomerRoute { tenant, prefix } => json!({ "tenant": tenant, "prefix": prefix }),
            Self::AddProviderAddress { site, address } => {
                let mut value = json!({ "site": site });
                if let Some(address) = address {
                    value["address"] = json!(address.0);
                }
                value
            }
            Self::RemoveProviderAddress { address } => json!({ "address": address.0 }),
            Self::AddProviderRoute { prefix, next_hop, metric, mtu } => {
                let mut value = json!({ "prefix": prefix, "next-hop": next_hop, "metric": metric });
                if let Some(mtu) = mtu {
                    value["mtu"] = json!(mtu);
                }
                value
            }
            Self::MoveProviderRoute { prefix, next_hop, to } => {
                json!({ "prefix": prefix, "next-hop": next_hop, "to": to })
            }
            Self::RemoveProviderRoute { prefix, next_hop } => {
                json!({ "prefix": prefix, "next-hop": next_hop })
            }
            Self::AddNeighbor { network, address, mac } | Self::MoveNeighbor { network, address, mac } => {
                json!({ "network": network, "address": address, "mac": mac })
            }
            Self::RemoveNeighbor { network, address } => json!({ "network": network, "address": address }),
        }
    }
}

impl ChangeSet {
    /// The whole document, without its places.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut document = Map::new();
        if let Some(generation) = self.if_generation {
            document.insert("if-generation".to_owned(), generation.into());
        }
        document.insert("changes".to_owned(), self.changes.iter().map(Change::to_value).collect());
        Value::Object(document)
    }
}

fn new_tenant(tenant: &NewTenant) -> Value {
    let NewTenant {
        name,
        routing_domain,
        gateway_mac,
        sender_check,
        router_advertisements,
        external,
        public_prefixes,
    } = tenant;
    let mut value = json!({ "name": name, "gateway-mac": gateway_mac });
    value["router-advertisements"] = json!(if *router_advertisements { "on" } else { "off" });
    if let Some(routing_domain) = routing_domain {
        value["routing-domain"] = json!(routing_domain);
    }
    match sender_check {
        SenderCheck::Strict => value["sender-check"] = json!("strict"),
        SenderCheck::LogOnly => value["sender-check"] = json!("log-only"),
        SenderCheck::Learn(limits) => {
            value["sender-check"] = json!("learn");
            value["learn"] = json!({
                "addresses-per-mac": limits.addresses_per_mac,
                "records-per-subnet": limits.records_per_subnet,
            });
        }
    }
    if let Some(external) = external {
        value["external"] = json!(external);
    }
    if !public_prefixes.is_empty() {
        value["public-prefixes"] = json!(public_prefixes);
    }
    value
}

fn new_subnet(tenant: &str, Subnet { vsid, prefixes }: &Subnet) -> Value {
    let mut value = json!({ "tenant": tenant, "vsid": vsid });
    // The second of two is IPv6.
    for (keys, SubnetPrefix { prefix, gateway }) in
        [("prefix", "gateway"), ("prefix-ipv6", "gateway-ipv6")].into_iter().zip(prefixes)
    {
        value[keys.0] = json!(prefix);
        value[keys.1] = json!(gateway.0);
    }
    value
}

fn lookup(record: &LookupRecord) -> Value {
    let LookupRecord { vsid, address, mac, provider_address, name, flow_id } = record;
    let mut value = json!({
        "vsid": vsid,
        "address": address.0,
        "mac": mac,
        "provider-address": provider_address.0,
    });
    if let Some(name) = name {
        value["name"] = json!(name);
    }
    match flow_id {
        None => {}
        Some(FlowIdMode::Hash) => value["flow-id"] = json!("hash"),
        Some(FlowIdMode::Zero) => value["flow-id"] = json!("zero"),
    }
    value
}
