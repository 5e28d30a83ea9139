//! How many objects ask for the same thing: a next hop, a customer next hop, a route. What nobody asks for any more
//! goes; of several that want one route to lead to different places, the order of [`Goal`]s decides.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use nvgw_config::NatPool;
use nvgw_types::VrfId;

use super::desired::{Customer, Goal, Hop, PublicKey, RouteKey};
use crate::tables::entries::{BindingKey, Endpoint, PortRange};

/// A number for each key that there is one of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counts<K>(BTreeMap<K, usize>);

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Copy> Counts<K> {
    /// One more; whether it is the first.
    pub(super) fn more(&mut self, key: K) -> bool {
        let number = self.0.entry(key).or_default();
        *number += 1;
        *number == 1
    }

    /// One less; whether it was the last.
    pub(super) fn less(&mut self, key: K) -> bool {
        let Some(number) = self.0.get_mut(&key) else { return false };
        *number -= 1;
        let last = *number == 0;
        if last {
            self.0.remove(&key);
        }
        last
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = K> {
        self.0.keys().copied()
    }

    pub(super) fn contains(&self, key: K) -> bool {
        self.0.contains_key(&key)
    }

    /// The keys from one on.
    pub(super) fn from(&self, first: K) -> impl Iterator<Item = K> {
        self.0.range(first..).map(|(key, _)| *key)
    }
}

/// What somebody wants a public address for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// For ports that are forwarded.
    Forward,
    /// For a pool that hands out these ports.
    Pool(PortRange),
    /// For a customer who has it alone, in a VRF.
    Customer(VrfId, Ipv4Addr),
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Needs {
    /// Next hops on external networks.
    pub(super) hops: Counts<Hop>,
    /// Next hops of customer routes.
    pub(super) vias: Counts<Customer>,
    /// Provider addresses of hosts.
    pub(super) peers: Counts<IpAddr>,
    /// Pools, by external VRF: tenants share them.
    pub(super) pools: Counts<(VrfId, NatPool)>,
    /// Uses of public addresses.
    pub(super) publics: Counts<(PublicKey, Use)>,
    /// Where bindings lead.
    pub(super) bindings: Counts<(BindingKey, Endpoint)>,
    /// Customers that forwards and 1:1 addresses lead to.
    pub(super) bound: Counts<Customer>,
    /// Routes that are asked for more than once. Most are not, and have no entry here.
    contested: BTreeMap<RouteKey, BTreeMap<(u8, Goal), usize>>,
}

impl Needs {
    /// Notes that one more wants the route to lead to `goal`; it leads to `present` now. Returns where it leads then.
    pub(super) fn ask(&mut self, key: RouteKey, goal: Goal, present: Option<Goal>) -> Goal {
        let Some(present) = present else { return goal };
        let candidates = self
            .contested
            .entry(key)
            .or_insert_with(|| BTreeMap::from([((precedence(key, present), present), 1)]));
        *candidates.entry((precedence(key, goal), goal)).or_default() += 1;
        candidates.first_key_value().map_or(goal, |((_, goal), _)| *goal)
    }

    /// Notes that one less wants the route to lead to `goal`. Returns where it leads then, if anywhere.
    pub(super) fn withdraw(&mut self, key: RouteKey, goal: Goal) -> Option<Goal> {
        let candidates = self.contested.get_mut(&key)?;
        if let Some(number) = candidates.get_mut(&(precedence(key, goal), goal)) {
            *number -= 1;
            if *number == 0 {
                candidates.remove(&(precedence(key, goal), goal));
            }
        }
        let left: usize = candidates.values().sum();
        let first = candidates.first_key_value().map(|((_, goal), _)| *goal);
        if left <= 1 {
            self.contested.remove(&key);
        }
        first
    }
}

/// Which of several goals of one route counts: the lowest. Own addresses come first, so that no route hides them;
/// a tenant's own routes come before its default route and that of its hand-off network; what was written before what
/// follows from it, as the way to a next hop itself does.
fn precedence(key: RouteKey, goal: Goal) -> u8 {
    match goal {
        Goal::Local => 0,
        Goal::Discard => 1,
        Goal::Connected(_) => 2,
        Goal::Public => 3,
        Goal::Subnet => 4,
        Goal::Via(_) => 5,
        // What is exempt from translation comes before what is translated.
        Goal::Vrf(_) => 6,
        Goal::Translate(_) => 7,
        Goal::Hop(hop) if key.prefix != hop.address.into() => 8,
        Goal::Hop(_) => 9,
    }
}

#[cfg(test)]
mod tests {
    use nvgw_types::{PortId, VrfId};
    use proptest::prelude::*;

    use super::*;
    use crate::control::desired::InterfaceKey;

    fn goals() -> Vec<Goal> {
        let interface = InterfaceKey { port: PortId(0), vlan: 0 };
        let hop = |last| Goal::Hop(Hop { interface, address: [10, 0, 0, last].into() });
        vec![Goal::Local, Goal::Subnet, Goal::Vrf(VrfId(1)), hop(1), hop(2)]
    }

    proptest! {
        #[test]
        fn the_first_of_those_that_are_left_counts(
            steps in proptest::collection::vec((any::<bool>(), 0..5_usize), 1..40),
        ) {
            let key = RouteKey { vrf: VrfId(0), prefix: IpAddr::from([10, 0, 0, 1]).into() };
            // Where a route leads, by who asks: 10.0.0.1 itself is what follows from a route over it.
            let rank = [0, 1, 2, 4, 3];
            let (mut needs, mut present, mut asked) = (Needs::default(), None, Vec::<usize>::new());
            for (ask, number) in steps {
                if ask {
                    present = Some(needs.ask(key, goals()[number], present));
                    asked.push(number);
                } else if let Some(at) = asked.iter().position(|other| *other == number) {
                    asked.remove(at);
                    present = needs.withdraw(key, goals()[number]);
                }
                let wanted = asked.iter().min_by_key(|number| rank[**number]).map(|number| goals()[*number]);
                prop_assert_eq!(present, wanted);
            }
            for number in asked {
                present = needs.withdraw(key, goals()[number]);
            }
            prop_assert_eq!(present, None);
            prop_assert_eq!(needs, Needs::default());
        }
    }
}
