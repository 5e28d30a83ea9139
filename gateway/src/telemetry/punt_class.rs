//! Kinds of packets for the control thread, as operators see them and as they are policed.

use super::view::words;

words! {
    /// What a packet is that a worker hands to the control thread. The order is the one in which the control thread
    /// turns to them.
    PuntClass {
        /// ARP and neighbour discovery on a site or an external network: without it nothing is forwarded for long.
        Neighbor = "neighbor",
        /// ARP and neighbour discovery of VMs whose lookup record vouches for them.
        OverlayNeighbor = "overlay-neighbor",
        /// From VMs' link-local addresses, which no record vouches for.
        OverlayLinkLocal = "overlay-link-local",
        /// Packets whose next hop has no Ethernet address yet.
        Unresolved = "unresolved",
        /// To the gateway's own addresses on a site or an external network, answers to its own probes among them.
        Local = "local",
        /// From VMs to their gateway.
        OverlayLocal = "overlay-local",
        /// From VMs that have no lookup record yet, in subnets that learn.
        Learn = "learn",
        /// Dropped packets whose senders may be told.
        Error = "error",
    }
}

impl PuntClass {
    /// How many classes there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The class as an index into tables of [`Self::COUNT`].
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_the_order_of_all() {
        assert!(PuntClass::ALL.iter().enumerate().all(|(index, class)| class.index() == index));
    }
}
