//! Layer-3 interfaces: one VLAN, or the untagged traffic, of one port.

use nvgw_types::{MacAddr, PortId, VrfId};

/// What an interface leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterfaceKind {
    /// A site of the provider network.
    Provider,
    /// An external network; its packets are routed in this VRF.
    External(VrfId),
}

/// A layer-3 interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface {
    /// What it leads to.
    pub kind: InterfaceKind,
    /// Its port.
    pub port: PortId,
    /// The Ethernet address it answers to.
    pub mac: MacAddr,
    /// Whether frames to another station's address are refused; not where captures of an unknown gateway are
    /// replayed.
    pub check_mac: bool,
}
