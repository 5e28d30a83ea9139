//! What the tables hold of address translation, for commands and reports, and who hears of its log.

use nvgw_types::VrfId;

use super::events::EventKind;
use super::{Control, Nanos};
use crate::tables::Grace;
use crate::tables::entries::{Binding, BindingKey, NatPolicy, Public};

impl<G: Grace> Control<G> {
    /// The public addresses, in the order of their external VRFs and of the addresses.
    #[must_use]
    pub fn publics(&self) -> Vec<Public> {
        let mut publics: Vec<_> = self.fabric.writers.publics.iter().copied().collect();
        publics.sort_unstable_by_key(|public| (public.external, public.address));
        publics
    }

    /// A translation that the configuration makes.
    #[must_use]
    pub fn nat_binding(&self, key: &BindingKey) -> Option<&Binding> {
        self.fabric.writers.bindings.get(key)
    }

    /// What translation does for a tenant.
    #[must_use]
    pub fn nat_policy(&self, vrf: VrfId) -> Option<&NatPolicy> {
        self.fabric.writers.policies.get(&vrf)
    }

    /// Whether translation does anything for anybody.
    #[must_use]
    pub fn has_nat(&self) -> bool {
        !self.fabric.writers.policies.is_empty()
    }

    /// What translation does for all tenants that it does something for, in no order.
    pub fn nat_policies(&self) -> impl Iterator<Item = &NatPolicy> {
        self.fabric.writers.policies.iter()
    }

    /// Takes down what happened to the translation log.
    pub fn note_nat_log(&mut self, now: Nanos, object: &str, trouble: Option<String>) {
        let (kind, message) = match trouble {
            Some(trouble) => (EventKind::NatLogFailed, trouble),
            None => (EventKind::NatLogRestored, "it is written again".to_owned()),
        };
        self.events.record(now, kind, object.to_owned(), message);
    }
}
