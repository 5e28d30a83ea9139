//! Identifiers of the gateway's own objects: small integers that index tables, one type for each table.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The identifier as an index into its table.
            #[inline]
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A port of the gateway, in the order of the configuration's `ports`.
    PortId(u16)
}
id! {
    /// A worker, in the order of the configuration's `worker-cores`.
    WorkerId(u16)
}
id! {
    /// A routing table: a tenant's VRF or an external network's.
    VrfId(u32)
}
id! {
    /// A layer-3 interface: one VLAN (or the untagged traffic) of one port.
    InterfaceId(u16)
}
id! {
    /// An egress: one next hop on one interface, with or without an NVGRE header before it.
    AdjacencyId(u32)
}
id! {
    /// A neighbour (ARP or ND) entry: one address on one interface.
    NeighborId(u32)
}
id! {
    /// A customer route's next hop: a customer address whose lookup record leads on.
    ViaId(u32)
}
id! {
    /// A public address that network address translation uses.
    PublicId(u32)
}
