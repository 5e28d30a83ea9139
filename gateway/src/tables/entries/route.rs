//! Where a route leads: a value of 31 bits that fits a trie's leaf.

use std::num::NonZeroU32;

use nvgw_types::{AdjacencyId, ViaId, VrfId};

const KIND_SHIFT: u32 = 27;
const INDEX: u32 = (1 << KIND_SHIFT) - 1;

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Nowhere: no route.
    Missing,
    /// To the gateway itself.
    Local,
    /// Into a virtual subnet: the destination's own lookup record leads on.
    Subnet,
    /// To a VM that routes: the lookup record of that customer address leads on.
    Via(ViaId),
    /// To a next hop on an external network.
    Adjacency(AdjacencyId),
    /// On to another VRF's table.
    Vrf(VrfId),
    /// On to an external network's table, translated (RFC 3022).
    Translate(VrfId),
    /// To a public address, behind which translation finds the customer.
    Public,
    /// To an address that must not be reached, such as a directed broadcast (RFC 2644).
    Discard,
}

impl Target {
    /// The leaf of [`Self::Adjacency`] 0, which nobody gets.
    pub const ADJACENCY: u32 = 4 << KIND_SHIFT;

    /// The leaf; `None` for [`Self::Missing`], and for an index of more than 27 bits.
    #[must_use]
    pub const fn encode(self) -> Option<NonZeroU32> {
        let (kind, index) = match self {
            Self::Missing => return None,
            Self::Local => (1, 0),
            Self::Subnet => (2, 0),
            Self::Via(id) => (3, id.0),
            Self::Adjacency(id) => (4, id.0),
            Self::Vrf(id) => (5, id.0),
            Self::Discard => (6, 0),
            Self::Translate(id) => (7, id.0),
            Self::Public => (8, 0),
        };
        if index > INDEX { None } else { NonZeroU32::new(kind << KIND_SHIFT | index) }
    }

    /// The target of a leaf; what no [`Self::encode`] made is [`Self::Missing`].
    #[inline(always)]
    #[must_use]
    pub const fn decode(leaf: u32) -> Self {
        let index = leaf & INDEX;
        match leaf >> KIND_SHIFT {
            1 => Self::Local,
            2 => Self::Subnet,
            3 => Self::Via(ViaId(index)),
            4 => Self::Adjacency(AdjacencyId(index)),
            5 => Self::Vrf(VrfId(index)),
            6 => Self::Discard,
            7 => Self::Translate(VrfId(index)),
            8 => Self::Public,
            _ => Self::Missing,
        }
    }
}

/// A customer route's next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via {
    /// The next hop's customer address as a number, IPv4 in its mapped form.
    pub address: u128,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_reads_back() {
        let targets = [
            Target::Local,
            Target::Subnet,
            Target::Via(ViaId(7)),
            Target::Adjacency(AdjacencyId(INDEX)),
            Target::Vrf(VrfId(0)),
            Target::Discard,
            Target::Translate(VrfId(7)),
            Target::Public,
        ];
        for target in targets {
            let leaf = target.encode().expect("encodes").get();
            assert!(leaf < 1 << 31);
            assert_eq!(Target::decode(leaf), target);
        }
        assert_eq!(Target::decode(Target::ADJACENCY), Target::Adjacency(AdjacencyId(0)));
        assert_eq!(Target::Missing.encode(), None);
        assert_eq!(Target::decode(0), Target::Missing);
        assert_eq!(Target::Via(ViaId(INDEX + 1)).encode(), None);
    }
}
