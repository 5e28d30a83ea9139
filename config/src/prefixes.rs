//! Sets of prefixes: which of them overlap, and which one holds an address.

use std::net::IpAddr;

use ipnet::IpNet;

/// Prefixes with a value each, to be searched by address.
///
/// A prefix inside another is left out of the set, so that the rest are disjoint and one binary search finds the one
/// that matters. Families do not meet: every IPv4 prefix comes before every IPv6 prefix.
#[derive(Debug)]
pub(crate) struct Prefixes<V> {
    /// Disjoint, in the order of their addresses.
    covers: Vec<(IpNet, V)>,
}

/// A prefix that another one holds, or equals.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overlap<V> {
    pub(crate) inner: (IpNet, V),
    pub(crate) outer: (IpNet, V),
}

impl<V: Copy + Ord> Prefixes<V> {
    /// The set, and each prefix that is inside another one. Of two equal prefixes the one with the lesser value is
    /// the outer one.
    pub(crate) fn new(entries: impl IntoIterator<Item = (IpNet, V)>) -> (Self, Vec<Overlap<V>>) {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_unstable_by_key(|(net, value)| (net.network(), net.prefix_len(), *value));
        let mut covers: Vec<(IpNet, V)> = Vec::new();
        let mut overlaps = Vec::new();
        for inner in entries {
            match covers.last() {
                Some(&outer) if outer.0.contains(&inner.0) => overlaps.push(Overlap { inner, outer }),
                _ => covers.push(inner),
            }
        }
        (Self { covers }, overlaps)
    }

    /// The prefix that holds an address.
    pub(crate) fn find(&self, address: IpAddr) -> Option<(IpNet, V)> {
        let after = self.covers.partition_point(|(net, _)| net.network() <= address);
        let (net, value) = *self.covers.get(after.checked_sub(1)?)?;
        net.contains(&address).then_some((net, value))
    }

    /// A prefix that holds `net` or is held by it.
    pub(crate) fn overlapping(&self, net: IpNet) -> Option<(IpNet, V)> {
        self.find(net.network()).or_else(|| {
            let next = self.covers.partition_point(|(cover, _)| cover.network() < net.network());
            self.covers.get(next).copied().filter(|(cover, _)| net.contains(cover))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    fn address(is_ipv4: bool, bits: u32) -> IpAddr {
        if is_ipv4 { Ipv4Addr::from(bits).into() } else { Ipv6Addr::from(u128::from(bits) << 96).into() }
    }

    fn net() -> impl Strategy<Value = IpNet> {
        // Few bits vary, so that prefixes meet, and look alike in both families.
        (any::<bool>(), 0_u32..64, 0_u8..=6).prop_map(|(is_ipv4, bits, length)| {
            IpNet::new_assert(address(is_ipv4, bits << 26), length).trunc()
        })
    }

    fn meet(a: IpNet, b: IpNet) -> bool {
        a.contains(&b) || b.contains(&a)
    }

    proptest! {
        #[test]
        fn agrees_with_comparing_all(nets in prop::collection::vec(net(), 0..12), other in net(), is_ipv4: bool, bits: u32) {
            let address = address(is_ipv4, bits);
            let (set, overlaps) = Prefixes::new(nets.iter().copied().zip(0_usize..));

            let any_pair = (0..nets.len()).any(|i| nets[..i].iter().any(|net| meet(nets[i], *net)));
            prop_assert_eq!(!overlaps.is_empty(), any_pair);
            for overlap in &overlaps {
                prop_assert!(overlap.outer.0.contains(&overlap.inner.0));
                prop_assert_ne!(overlap.outer.1, overlap.inner.1);
            }
            prop_assert_eq!(set.find(address).is_some(), nets.iter().any(|net| net.contains(&address)));
            if let Some((net, index)) = set.find(address) {
                prop_assert!(net.contains(&address));
                prop_assert_eq!(nets[index], net);
            }
            prop_assert_eq!(set.overlapping(other).is_some(), nets.iter().any(|net| meet(other, *net)));
        }
    }
}
