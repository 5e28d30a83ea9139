//! From changes to edits.

mod provider;

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_config::rules::check_next_hop;
use nvgw_config::{Change, ChangeSet, ExternalIndex, LookupRecord, NetworkRef, NewTenant, Place};
use nvgw_types::Vsid;

use super::edit::{Edit, Swap, Way};
use super::file::LOWEST;
use super::rules::{At, Judged, Refusal};
use super::stored::{self, StoredWrite};
use super::{Model, Moved, Owned, PlacedRecord, ProviderRoute, ProviderRouteKey, Record, Subnet, Tenant};
use crate::control::desired::{Customer, Hop, SubnetPrefixes};
use crate::control::owner::Owner;

/// Changes that were made to the model and wait for journal and tables.
#[derive(Debug)]
pub struct Prepared {
    pub(in crate::control) edits: Vec<Edit>,
    /// What the journal has to note before the tables may say it.
    pub writes: Vec<StoredWrite>,
    /// What changes, one line for each object.
    pub lines: Vec<String>,
}

/// Why a set of changes is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{refusal}", .place.as_ref().map(|place| format!("line {}: ", place.line)).unwrap_or_default())]
pub struct Refused {
    /// Which change of the set, from 0.
    pub number: usize,
    /// Where it stands in the document that it was read from.
    pub place: Option<Place>,
    /// Why.
    pub refusal: Refusal,
}

impl Model {
    /// Makes all changes, or none.
    ///
    /// # Errors
    /// The first change that does not fit what those before it leave.
    pub(in crate::control) fn prepare(&mut self, set: &ChangeSet, owner: Owner) -> Result<Prepared, Refused> {
        let (mut edits, mut writes, mut lines) = (Vec::new(), Vec::new(), Vec::new());
        for (number, change) in set.changes.iter().enumerate() {
            let (made, noted) = (edits.len(), writes.len());
            let outcome = self.change(change, owner, &mut edits);
            if let Err(refusal) =
                outcome.or_else(|refusal| self.discard_instead(change, &mut edits).ok_or(refusal))
            {
                self.take_back(&edits);
                return Err(Refused { number, place: set.places.get(number).cloned(), refusal });
            }
            for edit in &edits[made..] {
                self.writes(edit, &mut writes);
                lines.push(self.describe(edit));
            }
            // The journal has one entry for one name, and it is the newcomer's.
            for (key, _) in &writes[noted..] {
                self.discard(key, &mut edits);
            }
        }
        Ok(Prepared { edits, writes, lines })
    }

    /// Removes what is suspended, where what would be removed is not in force or another's.
    fn discard_instead(&mut self, change: &Change, edits: &mut Vec<Edit>) -> Option<()> {
        self.discard(&stored::key_of_removal(change)?, edits).then_some(())
    }

    /// Removes what is suspended by its name; whether there was anything.
    fn discard(&mut self, key: &str, edits: &mut Vec<Edit>) -> bool {
        let there = self.suspended.contains_key(key);
        if there {
            self.make(Edit::Suspended(Swap::of(&self.suspended, key.to_owned(), None)), edits);
        }
        there
    }

    pub(super) fn make(&mut self, edit: Edit, edits: &mut Vec<Edit>) {
        self.edit(&edit, Way::Make);
        edits.push(edit);
    }

    pub(super) fn change(&mut self, change: &Change, owner: Owner, edits: &mut Vec<Edit>) -> Judged {
        match change {
            Change::AddTenant(new) => self.add_tenant(new, owner, edits),
            Change::MoveTenant { name, external } => self.move_tenant(name, external, owner, edits),
            Change::RemoveTenant { name } => self.remove_tenant(name, owner, edits),
            Change::AddSubnet { tenant, subnet } => self.add_subnet(tenant, subnet, owner, edits),
            Change::RemoveSubnet { vsid } => self.remove_subnet(*vsid, owner, edits),
            Change::AddLookup(record) => self.add_lookup(record, owner, edits),
            Change::MoveLookup { vsid, address, provider_address } => {
                self.move_lookup(*vsid, address.0, provider_address.0, owner, edits)
            }
            Change::RemoveLookup { vsid, address } => self.remove_lookup(*vsid, address.0, owner, edits),
            Change::AddCustomerRoute { tenant, route } => {
                self.add_customer_route(tenant, route, owner, edits)
            }
            Change::MoveCustomerRoute { tenant, route } => {
                self.move_customer_route(tenant, route, owner, edits)
            }
            Change::RemoveCustomerRoute { tenant, prefix } => {
                let key = (self.tenant(tenant)?.value.vrf, prefix.trunc());
                let what = format!("customer route {prefix} of {tenant}");
                let after = withdrawn(self.customer_routes.get(&key), owner, &what, "prefix")?;
                self.make(Edit::CustomerRoute(Swap::of(&self.customer_routes, key, after)), edits);
                Ok(())
            }
            Change::AddProviderAddress { site, address } => {
                self.add_provider_address(site, address.map(|a| a.0), owner, edits)
            }
            Change::RemoveProviderAddress { address } => {
                self.remove_provider_address(address.0, owner, edits)
            }
            Change::AddProviderRoute { prefix, next_hop, metric, mtu } => {
                let key = ProviderRouteKey { prefix: prefix.trunc(), next_hop: *next_hop, owner };
                self.add_provider_route("next-hop", key, (*metric, *mtu), edits)
            }
            Change::MoveProviderRoute { prefix, next_hop, to } => {
                let key = ProviderRouteKey { prefix: prefix.trunc(), next_hop: *next_hop, owner };
                let &ProviderRoute { metric, mtu, .. } = self.own_provider_route(key)?;
                self.make(Edit::ProviderRoute(Swap::of(&self.provider_routes, key, None)), edits);
                let key = ProviderRouteKey { next_hop: *to, ..key };
                self.add_provider_route("to", key, (metric, mtu), edits)
            }
            Change::RemoveProviderRoute { prefix, next_hop } => {
                let key = ProviderRouteKey { prefix: prefix.trunc(), next_hop: *next_hop, owner };
                self.own_provider_route(key)?;
                self.make(Edit::ProviderRoute(Swap::of(&self.provider_routes, key, None)), edits);
                Ok(())
            }
            Change::AddNeighbor { network, address, mac } => {
                let (network, hop) = self.hop(network, *address)?;
                self.neighbor_on("address", "neighbour", network, hop.address)?;
                if let Some(other) = self.neighbors.get(&hop) {
                    return Err(exists(&format!("neighbour {address}"), other.owner));
                }
                let after = Some(Owned::new(*mac, owner));
                self.make(Edit::Neighbor(Swap::of(&self.neighbors, hop, after)), edits);
                Ok(())
            }
            Change::MoveNeighbor { network, address, mac } => {
                let (_, hop) = self.hop(network, *address)?;
                let what = format!("neighbour {address}");
                let mut after = owned(self.neighbors.get(&hop), owner, &what, "address")?.clone();
                after.value = *mac;
                self.make(Edit::Neighbor(Swap::of(&self.neighbors, hop, Some(after))), edits);
                Ok(())
            }
            Change::RemoveNeighbor { network, address } => {
                let (_, hop) = self.hop(network, *address)?;
                let what = format!("neighbour {address}");
                let after = withdrawn(self.neighbors.get(&hop), owner, &what, "address")?;
                self.make(Edit::Neighbor(Swap::of(&self.neighbors, hop, after)), edits);
                Ok(())
            }
        }
    }

    fn add_tenant(&mut self, new: &NewTenant, owner: Owner, edits: &mut Vec<Edit>) -> Judged {
        if let Some(other) = self.tenants.get(&new.name) {
            return Err(exists(&format!("tenant {}", new.name), other.owner));
        }
        if let Some(domain) = &new.routing_domain
            && let Some(other) = self.index.domains.get(&domain.to_ascii_lowercase())
        {
            let message = format!("routing domain {domain} is that of tenant {other}");
            return Err(Refusal::new("routing-domain", message, "write the tenant's own RoutingDomainID"));
        }
        let external = match &new.external {
            Some(name) => Some(self.way_out(name, &new.name)?),
            None => {
                let shared = self.frame.external.iter().position(|network| network.tenant.is_none());
                shared.map(ExternalIndex)
            }
        };
        let value = Tenant {
            vrf: self.vrf_for(&new.name),
            routing_domain: new.routing_domain.clone(),
            gateway_mac: new.gateway_mac,
            sender_check: new.sender_check,
            router_advertisements: new.router_advertisements,
            external,
            public_prefixes: new.public_prefixes.iter().map(IpNet::trunc).collect(),
            nat: None,
        };
        self.public_prefixes(&new.name, &value)?;
        let after = Some(Owned::new(value, owner));
        self.make(Edit::Tenant(Swap::of(&self.tenants, new.name.clone(), after)), edits);
        Ok(())
    }

    fn move_tenant(&mut self, name: &str, external: &str, owner: Owner, edits: &mut Vec<Edit>) -> Judged {
        let mut after = owned(self.tenants.get(name), owner, &format!("tenant {name}"), "name")?.clone();
        after.value.external = Some(self.way_out(external, name)?);
        self.public_prefixes(name, &after.value)?;
        self.make(Edit::Tenant(Swap::of(&self.tenants, name.to_owned(), Some(after))), edits);
        Ok(())
    }

    fn remove_tenant(&mut self, name: &str, owner: Owner, edits: &mut Vec<Edit>) -> Judged {
        let after = withdrawn(self.tenants.get(name), owner, &format!("tenant {name}"), "name")?;
        let vrf = self.tenant(name)?.value.vrf;
        let prefixes = self.index.prefixes.range((vrf, LOWEST)..).take_while(|((of, _), _)| *of == vrf);
        let subnets = prefixes.map(|(_, vsid)| vsid).collect::<BTreeSet<_>>().len();
        if subnets > 0 {
            let message = format!("tenant {name} has {}", counted(subnets, "subnet"));
            return Err(Refusal::new("name", message, "remove them first: nvgw subnet remove"));
        }
        self.make(Edit::Tenant(Swap::of(&self.tenants, name.to_owned(), after)), edits);
        Ok(())
    }

    fn add_subnet(
        &mut self,
        tenant: &str,
        new: &nvgw_config::Subnet,
        owner: Owner,
        edits: &mut Vec<Edit>,
    ) -> Judged {
        let value = Subnet {
            tenant: tenant.to_owned(),
            vrf: self.tenant(tenant)?.value.vrf,
            prefixes: SubnetPrefixes::of_file(new),
        };
        self.new_subnet(new.vsid, &self.tenant(tenant)?.value, &value)?;
        let after = Some(Owned::new(value, owner));
        self.make(Edit::Subnet(Swap::of(&self.subnets, new.vsid, after)), edits);
        Ok(())
    }

    fn remove_subnet(&mut self, vsid: Vsid, owner: Owner, edits: &mut Vec<Edit>) -> Judged {
        self.subnet(vsid)?;
        let after = withdrawn(self.subnets.get(&vsid), owner, &format!("subnet {vsid}"), "vsid")?;
        if let Some(subnet) = self.subnets.get(&vsid) {
            let Subnet { vrf, prefixes, .. } = &subnet.value;
            let within = || {
                let customer = |address| Customer { vrf: *vrf, address };
                prefixes
                    .iter()
                    .map(move |own| customer(own.prefix.network())..=customer(own.prefix.broadcast()))
            };
            let records: usize = within().map(|range| self.records.range(range).count()).sum();
            if records > 0 {
                let message = format!("subnet {vsid} has {}", counted(records, "lookup record"));
                return Err(Refusal::new("vsid", message, "remove them first: nvgw lookup remove"));
            }
            if let Some((via, _)) = within().find_map(|range| self.index.next_hops.range(range).next()) {
                let message = format!("a customer route leads to {} in subnet {vsid}", via.address);
                return Err(Refusal::new("vsid", message, "remove it first: nvgw customer-route remove"));
            }
        }
        self.make(Edit::Subnet(Swap::of(&self.subnets, vsid, after)), edits);
        Ok(())
    }

    fn add_lookup(&mut self, new: &LookupRecord, owner: Owner, edits: &mut Vec<Edit>) -> Judged {
        let address = new.address.0;
        let customer = self.record(new.vsid, address, new.mac)?;
        self.peer("provider-address", new.provider_address.0)?;
        if let Some(other) = self.records.get(&customer) {
            let by = other.record.owner;
            let mut refusal = exists(&format!("a lookup record of {address}"), by);
            refusal.field = "address";
            refusal.hint = "nvgw lookup move gives it another provider address".to_owned();
            return Err(refusal);
        }
        let record = Record::of_file(new.clone());
        let after = Some(PlacedRecord { record: Owned::new(record, owner), moved: None });
        self.make(Edit::Record(Swap::of(&self.records, customer, after)), edits);
        Ok(())
    }

    fn customer(&self, vsid: Vsid, address: IpAddr) -> Judged<(Customer, &PlacedRecord)> {
        self.subnet(vsid)?;
        let vrf = self.vrf_of(vsid);
        let customer = vrf.map(|vrf| Customer { vrf, address });
        let found = customer.and_then(|customer| Some((customer, self.records.get(&customer)?)));
        found.filter(|(_, placed)| placed.record.value.vsid == vsid).ok_or_else(|| {
            let message = format!("{address} has no lookup record with VSID {vsid}");
            Refusal::new("address", message, format!("nvgw lookup list --vsid {vsid} shows the records"))
        })
    }

    /// Moves a VM: at the record itself where it is the API's own, else beside it, so that what the owner said, or
    /// where the VM was first seen, is not lost.
    pub(super) fn move_lookup(
        &mut self,
        vsid: Vsid,
        address: IpAddr,
        to: IpAddr,
        by: Owner,
        edits: &mut Vec<Edit>,
    ) -> Judged {
        let (customer, placed) = self.customer(vsid, address)?;
        self.peer("provider-address", to)?;
        let mut after = placed.clone();
        after.moved = if after.record.owner == by && by == Owner::Api {
            after.record.value.provider = to;
            None
        } else if after.record.value.provider == to {
            None
        } else {
            Some(Moved { to, by })
        };
        if after != *placed {
            self.make(Edit::Record(Swap::of(&self.records, customer, Some(after))), edits);
        } else {
            // Where it is already: a move to elsewhere, which is suspended, is not meant any more.
            self.discard(&stored::key_of_move(vsid, address), edits);
        }
        Ok(())
    }

    fn remove_lookup(&mut self, vsid: Vsid, address: IpAddr, owner: Owner, edits: &mut Vec<Edit>) -> Judged {
        let (customer, placed) = self.customer(vsid, address)?;
        let what = format!("the lookup record of {address}");
        // Nobody speaks for what was learned: the operator may.
        let learned = placed.record.owner == Owner::Learned;
        let owner = if learned { Owner::Learned } else { owner };
        let after = withdrawn(Some(&placed.record), owner, &what, "address")?;
        let after = after.map(|record| PlacedRecord { record, moved: None });
        self.make(Edit::Record(Swap::of(&self.records, customer, after)), edits);
        Ok(())
    }

    fn add_customer_route(
        &mut self,
        tenant: &str,
        route: &nvgw_config::CustomerRoute,
        owner: Owner,
        edits: &mut Vec<Edit>,
    ) -> Judged {
        let (prefix, next_hop) = (route.prefix.trunc(), route.next_hop.0);
        let of = &self.tenant(tenant)?.value;
        check_next_hop(next_hop, prefix).at("next-hop")?;
        self.customer_next_hop(of, next_hop)?;
        let key = (of.vrf, prefix);
        self.customer_destination(of.vrf, prefix)?;
        if let Some(other) = self.customer_routes.get(&key) {
            return Err(exists(&format!("customer route {prefix} of {tenant}"), other.owner));
        }
        let after = Some(Owned::new(next_hop, owner));
        self.make(Edit::CustomerRoute(Swap::of(&self.customer_routes, key, after)), edits);
        Ok(())
    }

    fn move_customer_route(
        &mut self,
        tenant: &str,
        route: &nvgw_config::CustomerRoute,
        owner: Owner,
        edits: &mut Vec<Edit>,
    ) -> Judged {
        let (prefix, next_hop) = (route.prefix.trunc(), route.next_hop.0);
        let of = &self.tenant(tenant)?.value;
        check_next_hop(next_hop, prefix).at("next-hop")?;
        let key = (of.vrf, prefix);
        self.customer_next_hop(of, next_hop)?;
        let what = format!("customer route {prefix} of {tenant}");
        let mut after = owned(self.customer_routes.get(&key), owner, &what, "prefix")?.clone();
        after.value = next_hop;
        self.make(Edit::CustomerRoute(Swap::of(&self.customer_routes, key, Some(after))), edits);
        Ok(())
    }

    fn hop(&self, network: &str, address: IpAddr) -> Judged<(NetworkRef, Hop)> {
        let network = self.network(network)?;
        Ok((network, Hop { interface: self.interface_of(network), address }))
    }
}

fn exists(what: &str, owner: Owner) -> Refusal {
    let hint = match owner {
        Owner::Config | Owner::Site => "the configuration file has it: change it there, then reload",
        Owner::Api | Owner::Learned => "move or remove it",
    };
    Refusal::new("", format!("{what} is there already, by {owner}"), hint)
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn missing(what: &str, field: &'static str) -> Refusal {
    Refusal::new(field, format!("there is no {what}"), "nvgw … list shows what there is")
}

/// An object that the asker owns.
fn owned<'a, V>(
    found: Option<&'a Owned<V>>,
    owner: Owner,
    what: &str,
    field: &'static str,
) -> Judged<&'a Owned<V>> {
    let found = found.ok_or_else(|| missing(what, field))?;
    if found.owner == owner { Ok(found) } else { Err(Refusal::owned(what, found.owner)) }
}

/// What is left of an object when its owner takes it away: what the file says of it, if it does.
fn withdrawn<V: Clone>(
    found: Option<&Owned<V>>,
    owner: Owner,
    what: &str,
    field: &'static str,
) -> Judged<Option<Owned<V>>> {
    let found = owned(found, owner, what, field)?;
    Ok(found.hidden.as_deref().map(|value| Owned::new(value.clone(), Owner::Config)))
}
