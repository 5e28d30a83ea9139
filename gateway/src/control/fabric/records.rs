//! Lookup records, and what the routes around them mean for them.

use nvgw_types::VrfId;

use super::{Fabric, WriteError, Written};
use crate::control::desired::{AdjacencyKey, Customer, Record, RouteKey};
use crate::tables::entries::{self, RecordSpec, ScopedAddress, Target, from_ip};
use crate::tables::{Grace, Shape};

impl<G: Grace> Fabric<G> {
    pub(in crate::control) fn put_record(&mut self, customer: Customer, record: Record) -> Written {
        self.write_record(customer, record, self.is_on_link(customer))?;
        self.current.records.insert(customer, record);
        Ok(())
    }

    pub(in crate::control) fn drop_record(&mut self, customer: Customer) {
        let key = ScopedAddress { scope: customer.vrf.0, address: from_ip(customer.address) };
        self.writers.records.remove(&key, &self.grace);
        self.off_link.remove(&customer);
        self.current.records.remove(&customer);
    }

    /// Tells the records behind a prefix whether they are on link still, after a route has got another target, or has
    /// gone.
    pub(super) fn settle_records(&mut self, route: RouteKey, target: Option<Target>) -> Written {
        if self.is_external(route.vrf) {
            return Ok(());
        }
        let customer = |address| Customer { vrf: route.vrf, address };
        let behind = customer(route.prefix.network())..=customer(route.prefix.broadcast());
        let customers: Vec<_> = match target {
            Some(target) if is_no_detour(target) => self.off_link.range(behind).copied().collect(),
            _ => self.current.records.range(behind).map(|(customer, _)| *customer).collect(),
        };
        for customer in customers {
            let (is, was) = (self.is_on_link(customer), !self.off_link.contains(&customer));
            if is != was
                && let Some(record) = self.current.records.get(&customer)
            {
                self.write_record(customer, *record, is)?;
            }
        }
        Ok(())
    }

    fn write_record(&mut self, customer: Customer, record: Record, on_link: bool) -> Written {
        let adjacency = self.adjacencies.get(&AdjacencyKey::Peer(record.peer));
        let value = entries::Record::new(&RecordSpec {
            vrf: customer.vrf,
            address: from_ip(customer.address),
            provider: from_ip(record.peer),
            adjacency: *adjacency.ok_or(WriteError::Missing("way to the record's host"))?,
            vsid: record.vsid,
            mac: record.mac,
            gateway_mac: record.gateway_mac,
            flow_id_zero: record.flow_id_zero,
            on_link,
        });
        self.writers.records.upsert(value, &self.grace)?;
        if on_link {
            self.off_link.remove(&customer);
        } else {
            self.off_link.insert(customer);
        }
        Ok(())
    }

    fn is_on_link(&self, customer: Customer) -> bool {
        self.lookup(customer.vrf, customer.address).is_none_or(|(_, target)| is_no_detour(target))
    }

    /// Whether a VRF is an external network's alone, where no customers are.
    fn is_external(&self, vrf: VrfId) -> bool {
        self.writers.ipv4_routes.shape(vrf) == Some(Shape::External)
    }
}

/// Whether a route does not lead past a record: it is a subnet's, or so wide that a subnet's own, which may come after the
/// record, beats it.
fn is_no_detour(target: Target) -> bool {
    matches!(target, Target::Subnet | Target::Vrf(_) | Target::Translate(_))
}
