//! What no file holds comes back on top of what the file says: after a restart, and after a reload.

use std::net::IpAddr;

use nvgw_types::Vsid;

use super::edit::{Edit, Swap, Way};
use super::rules::Refusal;
use super::stored::Stored;
use super::{Model, Owned};
use crate::control::desired::{Customer, Hop};
use crate::control::owner::Owner;

/// An object that was accepted once and does not fit what the file says now. It is kept, out of force, until a
/// reload or a start finds room for it, it is removed, or another one takes its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspended {
    /// The object.
    pub stored: Stored,
    /// Why it does not fit.
    pub refusal: Refusal,
}

impl Model {
    /// Puts objects of other owners on top of the file's. Those that do not fit are suspended. Returns the keys of
    /// those that mean nothing any more: a move whose record says something else now, an address that the file has,
    /// what was learned and does not fit.
    pub(in crate::control) fn restore(&mut self, mut objects: Vec<Stored>) -> Vec<String> {
        objects.sort_by_key(Stored::rank);
        // The journal keeps the places that it noted: whatever is added later comes after all of them.
        let places = objects.iter().map(|stored| stored.rank().1);
        self.next_order = places.max().unwrap_or_default().max(self.next_order);
        let mut obsolete = Vec::new();
        for stored in objects {
            let key = stored.key();
            // What comes later has its place behind it, in the journal too.
            if let Stored::ProviderAddress { order, .. } = stored {
                self.next_order = self.next_order.max(order);
            }
            if self.is_obsolete(&stored) {
                obsolete.push(key);
                continue;
            }
            let Err(refusal) = self.put_on_top(&stored) else { continue };
            if stored.is_learned() {
                obsolete.push(key);
            } else {
                self.suspended.insert(key, Suspended { stored, refusal });
            }
        }
        self.settle();
        obsolete
    }

    fn is_obsolete(&self, stored: &Stored) -> bool {
        match stored {
            Stored::ProviderAddress { address, .. } => self.addresses.contains_key(address),
            Stored::Move { vsid, address, from, .. } => {
                let placed =
                    self.customer_key(*vsid, *address).and_then(|customer| self.records.get(&customer));
                placed.is_none_or(|placed| {
                    placed.record.value.vsid.get() != *vsid || placed.record.value.provider != *from
                })
            }
            // What was learned gives way to what was written.
            Stored::Lookup { vsid, address, owner: Owner::Learned, .. } => {
                self.customer_key(*vsid, *address).is_none_or(|customer| self.records.contains_key(&customer))
            }
            _ => false,
        }
    }

    fn customer_key(&self, vsid: u32, address: IpAddr) -> Option<Customer> {
        let vrf = self.vrf_of(Vsid::new(vsid.into()).ok()?)?;
        Some(Customer { vrf, address })
    }

    /// Makes an object; what the file says of the same one is hidden under it.
    fn put_on_top(&mut self, stored: &Stored) -> Result<(), Refusal> {
        let damaged = || {
            let message = format!("the journal's entry {} cannot be", stored.key());
            Refusal::new("", message, "remove it and make it anew")
        };
        let (change, owner) = stored.change().ok_or_else(damaged)?;
        let under = self.lift(stored);
        let mut edits = Vec::new();
        let made = self.change(&change, owner, &mut edits);
        match under {
            Some(under) if made.is_ok() => self.hide(under),
            Some(under) => self.edit(&under, Way::TakeBack),
            None => {}
        }
        made
    }

    /// Takes the file's object of the same name away.
    fn lift(&mut self, stored: &Stored) -> Option<Edit> {
        let edit = match stored {
            Stored::Lookup { vsid, address, .. } => {
                Edit::Record(Swap::of(&self.records, self.customer_key(*vsid, *address)?, None))
            }
            Stored::CustomerRoute { tenant, prefix, .. } => {
                let key = (self.tenants.get(tenant)?.value.vrf, *prefix);
                Edit::CustomerRoute(Swap::of(&self.customer_routes, key, None))
            }
            Stored::Neighbor { network, address, .. } => {
                let network = self.network(network).ok()?;
                let hop = Hop { interface: self.interface_of(network), address: *address };
                Edit::Neighbor(Swap::of(&self.neighbors, hop, None))
            }
            _ => return None,
        };
        let there = match &edit {
            Edit::Record(swap) => swap.before.is_some(),
            Edit::CustomerRoute(swap) => swap.before.is_some(),
            Edit::Neighbor(swap) => swap.before.is_some(),
            _ => false,
        };
        there.then(|| {
            self.edit(&edit, Way::Make);
            edit
        })
    }

    /// Notes what was lifted under what is there now.
    fn hide(&mut self, lifted: Edit) {
        fn under<V>(object: Option<&mut Owned<V>>, lifted: Option<Owned<V>>) {
            if let (Some(object), Some(lifted)) = (object, lifted) {
                object.hidden = Some(Box::new(lifted.value));
            }
        }
        match lifted {
            Edit::Record(swap) => {
                let there = self.records.get_mut(&swap.key).map(|placed| &mut placed.record);
                under(there, swap.before.map(|placed| placed.record));
            }
            Edit::CustomerRoute(swap) => under(self.customer_routes.get_mut(&swap.key), swap.before),
            Edit::Neighbor(swap) => under(self.neighbors.get_mut(&swap.key), swap.before),
            _ => {}
        }
    }
}
