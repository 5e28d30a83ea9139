//! Room for what packets of many senders wait for, shared so that a flood leaves some to everybody else.

use std::collections::BTreeMap;

use crate::control::desired::InterfaceKey;
use crate::tables::exchange::Ingress;

/// Whose packets are on their way to a network: where they came in, or the gateway's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Party {
    /// Where they go.
    pub(super) network: InterfaceKey,
    /// Where they came in; `None`: the gateway itself made them.
    pub(super) sender: Option<Ingress>,
}

/// How much each party has.
#[derive(Debug, Default)]
pub(super) struct Shares(BTreeMap<Party, usize>);

impl Shares {
    /// Whether a party may have one more while so much is free: as long as what it has is less than a quarter of what
    /// it leaves to others. Alone it gets a fifth of the room, and of many who want all there is, each gets as much as
    /// the others; whoever has nothing finds room.
    pub(super) fn allow(&self, party: Party, free: usize) -> bool {
        4 * self.0.get(&party).copied().unwrap_or_default() < free
    }

    /// A party has one more.
    pub(super) fn add(&mut self, party: Party) {
        *self.0.entry(party).or_default() += 1;
    }

    /// A party has one less.
    pub(super) fn remove(&mut self, party: Party) {
        if let Some(has) = self.0.get_mut(&party) {
            *has -= 1;
            if *has == 0 {
                self.0.remove(&party);
            }
        }
    }

    /// What all have together.
    #[cfg(test)]
    pub(super) fn total(&self) -> usize {
        self.0.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use nvgw_types::{PortId, VrfId};

    use super::*;

    const ROOM: usize = 4096;

    fn party(tenant: u32) -> Party {
        let network = InterfaceKey { port: PortId(0), vlan: 300 };
        Party { network, sender: Some(Ingress::Tenant(VrfId(tenant))) }
    }

    /// Takes as much as there is for a party.
    fn fill(shares: &mut Shares, tenant: u32) -> usize {
        let before = shares.total();
        while shares.allow(party(tenant), ROOM - shares.total()) {
            shares.add(party(tenant));
        }
        shares.total() - before
    }

    #[test]
    fn one_alone_gets_a_fifth() {
        assert_eq!(fill(&mut Shares::default(), 0), 820);
    }

    #[test]
    fn after_many_floods_there_is_room_for_whoever_comes_next() {
        let mut shares = Shares::default();
        for tenant in 0..16 {
            assert!(fill(&mut shares, tenant) >= 28, "tenant {tenant}");
        }
        assert_eq!(fill(&mut shares, 0), 0, "the first has more than its share by now");
    }

    #[test]
    fn floods_that_last_have_the_same_each() {
        let mut shares = Shares::default();
        for _ in 0..100 {
            for tenant in 0..8 {
                fill(&mut shares, tenant);
            }
            // What waits ends some time.
            for tenant in 0..8 {
                (0..shares.0[&party(tenant)] / 10).for_each(|_| shares.remove(party(tenant)));
            }
        }
        for tenant in 0..8 {
            fill(&mut shares, tenant);
        }
        let each: Vec<_> = shares.0.values().copied().collect();
        assert!(each.iter().all(|has| (310..=390).contains(has)), "a twelfth of the room: {each:?}");
    }

    #[test]
    fn nothing_is_kept_of_a_party_that_has_nothing() {
        let mut shares = Shares::default();
        fill(&mut shares, 3);
        (0..820).for_each(|_| shares.remove(party(3)));
        assert!(shares.0.is_empty());
    }
}
