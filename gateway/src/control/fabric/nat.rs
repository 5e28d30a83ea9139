//! What translation reads, and what it leaves behind.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use nvgw_config::RemovedAddresses;
use nvgw_types::{PublicId, VrfId};

use super::{Fabric, Written};
use crate::control::desired::{Goal, InterfaceKey, Public, PublicKey, Role, RouteKey, Settings, is_single};
use crate::control::draft::Draft;
use crate::tables::Grace;
use crate::tables::entries::{self, Binding, BindingKey, Endpoint, NatPolicy, PublicState, Target};
use crate::tables::set::NAT_SETTINGS;

/// A public address's own route.
fn route_of(key: PublicKey) -> RouteKey {
    RouteKey { vrf: key.external, prefix: IpAddr::V4(key.address).into() }
}

impl<G: Grace> Fabric<G> {
    /// The entry of a public address, one that drains included.
    pub(in crate::control) fn public(&self, key: PublicKey) -> Option<&entries::Public> {
        self.writers.publics.get(&entries::Public::key_of(key.external, key.address.into()))
    }

    /// Whether an address of an interface's connected prefixes is a public one, for which the gateway speaks there.
    pub(in crate::control) fn speaks_for(&self, interface: InterfaceKey, address: IpAddr) -> bool {
        self.network(interface).is_some_and(|network| match (network.role, address) {
            (Role::External(external), IpAddr::V4(public)) => {
                network.own_address_toward(address).is_some()
                    && self.public(PublicKey { external, address: public }).is_some()
            }
            _ => false,
        })
    }

    /// The public addresses in an interface's connected prefixes.
    pub(in crate::control) fn spoken_for(&self, interface: InterfaceKey) -> impl Iterator<Item = IpAddr> {
        let external = self.network(interface).and_then(|network| match network.role {
            Role::External(external) => Some(external),
            Role::Site => None,
        });
        let all = external.into_iter().flat_map(|external| {
            let key = |address| PublicKey { external, address };
            let all = key(Ipv4Addr::UNSPECIFIED)..=key(Ipv4Addr::BROADCAST);
            let configured = &self.current.publics;
            let draining = self.nat.draining.range(all.clone()).map(|(key, _)| *key);
            let draining = draining.filter(|key| !configured.contains_key(key));
            draining.chain(configured.range(all).map(|(key, _)| *key)).map(|key| key.address.into())
        });
        all.filter(move |address| self.speaks_for(interface, *address))
    }

    /// How many public addresses need an identifier at most on the way to what a draft says. What goes keeps its own
    /// for a while.
    pub(in crate::control) fn public_ids(&self, draft: &Draft) -> usize {
        let removed = draft.settings.unwrap_or(self.current.settings).removed;
        let wanted = draft.publics.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
        let new = wanted.filter(|(key, value)| self.kept(**key, value, removed).is_none());
        self.nat.used_ids() + new.count()
    }

    /// The entry whose identifier a public address keeps: that of the same address, unless it has sessions that what
    /// it is for from now on forbids.
    fn kept(&self, key: PublicKey, value: &Public, removed: RemovedAddresses) -> Option<&entries::Public> {
        let customer = value.customer.map(|(vrf, customer)| (vrf, customer.into()));
        let cut = removed == RemovedAddresses::Cut;
        self.public(key).filter(|old| {
            let handed_out = old.ports.is_some() && value.ports.is_none();
            old.customer == customer && !(handed_out && cut)
        })
    }

    pub(in crate::control) fn put_settings(&mut self, settings: Settings) -> Written {
        if !self.writers.settings.update(NAT_SETTINGS, settings.table, &self.grace)? {
            self.writers.settings.create(settings.table, &self.grace)?;
        }
        self.current.settings = settings;
        if settings.removed == RemovedAddresses::Cut {
            let draining: Vec<_> = self.nat.draining.keys().copied().collect();
            draining.into_iter().try_for_each(|key| self.end_draining(key))?;
        }
        Ok(())
    }

    pub(in crate::control) fn put_public(&mut self, key: PublicKey, public: Public) -> Written {
        let old = self.public(key).copied();
        let kept = self.kept(key, &public, self.current.settings.removed).copied();
        let id = kept.map_or_else(|| self.nat.take_id(), |kept| kept.id);
        // In no pool any more, but with forwards: what the pool has handed out drains.
        let drains = kept.and_then(|old| old.ports).filter(|_| public.ports.is_none());
        let written = match drains {
            Some(ports) => {
                self.write_public(key, id, &Public { ports: Some(ports), ..public }, PublicState::Draining)
            }
            None => self.write_public(key, id, &public, PublicState::Active),
        };
        if let Err(error) = written {
            if kept.is_none() {
                self.nat.untake_id(id);
            }
            return Err(error);
        }
        match old {
            Some(old) if kept.is_none() => self.nat.rest(key.external, old.id),
            Some(_) => self.nat.take_away(),
            None => {}
        }
        if drains.is_some() {
            self.nat.drain(key, id);
        } else if self.nat.draining.remove(&key).is_some() {
            self.nat.revived.push(route_of(key));
        }
        self.current.publics.insert(key, public);
        Ok(())
    }

    fn write_public(&mut self, key: PublicKey, id: PublicId, public: &Public, state: PublicState) -> Written {
        let value = entries::Public {
            external: key.external,
            address: key.address.into(),
            id,
            ports: public.ports,
            state,
            forwards: public.forwards,
            customer: public.customer.map(|(vrf, customer)| (vrf, customer.into())),
        };
        self.writers.publics.upsert(value, &self.grace)?;
        Ok(())
    }

    /// Takes a public address away, now or, where its sessions live on, when they have ended.
    pub(in crate::control) fn drop_public(&mut self, key: PublicKey) -> Written {
        let cut = self.current.settings.removed == RemovedAddresses::Cut;
        let old = self.public(key).copied();
        match old.filter(|old| !cut && old.ports.is_some()) {
            Some(old) => {
                // The pool's route may be about to go.
                self.write_route(route_of(key), Target::Public)?;
                let alone = Public { ports: old.ports, ..Public::default() };
                self.write_public(key, old.id, &alone, PublicState::Draining)?;
                self.nat.drain(key, old.id);
            }
            None => self.cut_public(key),
        }
        self.current.publics.remove(&key);
        Ok(())
    }

    /// Leaves an address that drains what the configuration says of it, which may be nothing.
    pub(in crate::control) fn end_draining(&mut self, key: PublicKey) -> Written {
        let Some(draining) = self.nat.draining.get(&key).copied() else { return Ok(()) };
        let Some(public) = self.current.publics.get(&key).copied() else {
            self.cut_public(key);
            return Ok(());
        };
        self.write_public(key, draining.id, &public, PublicState::Active)?;
        self.nat.draining.remove(&key);
        self.nat.take_away_in(key.external);
        self.erase_unless_configured(route_of(key));
        Ok(())
    }

    /// Takes a public address away at once.
    fn cut_public(&mut self, key: PublicKey) {
        let table_key = entries::Public::key_of(key.external, key.address.into());
        let id = self.writers.publics.get(&table_key).map(|public| public.id);
        self.writers.publics.remove(&table_key, &self.grace);
        if self.nat.draining.remove(&key).is_some() {
            self.erase_unless_configured(route_of(key));
        }
        if let Some(id) = id {
            self.nat.rest(key.external, id);
        }
    }

    /// Ends the draining of addresses that a route leads elsewhere from now on.
    pub(super) fn yield_to(&mut self, route: RouteKey, goal: Goal) -> Written {
        let IpNet::V4(prefix) = route.prefix else { return Ok(()) };
        let elsewhere = matches!(goal, Goal::Vrf(_)) || (is_single(&route.prefix) && goal != Goal::Public);
        if elsewhere && !self.nat.draining.is_empty() {
            let key = |address| PublicKey { external: route.vrf, address };
            let within = key(prefix.network())..=key(prefix.broadcast());
            let draining: Vec<_> = self.nat.draining.range(within).map(|(key, _)| *key).collect();
            draining.into_iter().try_for_each(|key| self.end_draining(key))?;
        }
        Ok(())
    }

    /// Whether a route in the table is that of a draining address.
    pub(super) fn drains(&self, route: RouteKey) -> bool {
        let IpAddr::V4(address) = route.prefix.addr() else { return false };
        let key = PublicKey { external: route.vrf, address };
        is_single(&route.prefix) && self.nat.draining.contains_key(&key)
    }

    /// Takes the own routes of addresses away that drained and have routes of the configuration's again.
    pub(in crate::control) fn settle_revived(&mut self) {
        for route in std::mem::take(&mut self.nat.revived) {
            self.erase_unless_configured(route);
        }
    }

    fn erase_unless_configured(&mut self, route: RouteKey) {
        if !self.current.routes.contains_key(&route) {
            self.erase_route(route);
        }
    }

    pub(in crate::control) fn put_binding(&mut self, key: BindingKey, to: Endpoint) -> Written {
        self.writers.bindings.upsert(Binding { key, to }, &self.grace)?;
        self.current.bindings.insert(key, to);
        // Where there may be sessions already, one may translate what the binding is for.
        let vrfs = [key.from.vrf, to.vrf];
        if vrfs.iter().any(|vrf| self.current.policies.contains_key(vrf)) {
            self.nat.take_away();
        }
        Ok(())
    }

    pub(in crate::control) fn drop_binding(&mut self, key: BindingKey) {
        self.writers.bindings.remove(&key, &self.grace);
        self.current.bindings.remove(&key);
        self.nat.take_away();
    }

    pub(in crate::control) fn put_policy(&mut self, policy: NatPolicy) -> Written {
        self.writers.policies.upsert(policy, &self.grace)?;
        if let Some(old) = self.current.policies.insert(policy.vrf, policy) {
            self.nat.take_away_in(policy.vrf);
            self.nat.take_away_in(old.external);
        }
        Ok(())
    }

    pub(in crate::control) fn drop_policy(&mut self, vrf: VrfId) {
        self.writers.policies.remove(&vrf, &self.grace);
        if let Some(old) = self.current.policies.remove(&vrf) {
            self.nat.take_away_in(vrf);
            self.nat.take_away_in(old.external);
        }
    }

    /// Ends all draining in an external network's VRF, which is about to go.
    pub(super) fn cut_draining_of(&mut self, vrf: VrfId) {
        let first = PublicKey { external: vrf, address: Ipv4Addr::UNSPECIFIED };
        let of_vrf = self.nat.draining.range(first..).map(|(key, _)| *key);
        let draining: Vec<_> = of_vrf.take_while(|key| key.external == vrf).collect();
        draining.into_iter().for_each(|key| self.cut_public(key));
    }
}
