//! What the tables shall hold, said in names that survive a reload: an interface is its port and VLAN, an adjacency
//! its peer. Two of these are compared to find what a reload has to touch.

use std::collections::BTreeMap;
#[cfg(test)]
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use nvgw_config::RemovedAddresses;
use nvgw_types::{Family, MacAddr, PortId, VrfId, Vsid};

use crate::packet::ndp;
use crate::tables::entries::{BindingKey, Endpoint, NatPolicy, NatSettings, PortRange, SenderMode, Tunnel};

/// An interface's name: its port and VLAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceKey {
    /// The port.
    pub port: PortId,
    /// The VLAN; 0: untagged.
    pub vlan: u16,
}

/// A next hop's name: an address on an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// The interface.
    pub interface: InterfaceKey,
    /// The address.
    pub address: IpAddr,
}

/// A VRF's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VrfKey {
    /// A tenant's.
    Tenant(String),
    /// A shared external network's.
    External(String),
}

impl VrfKey {
    /// The tenant's or the network's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Tenant(name) | Self::External(name) => name,
        }
    }
}

/// What an interface leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A site of the provider network.
    Site,
    /// An external network, routed in this VRF.
    External(VrfId),
}

/// A network that the gateway is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The site's or the external network's name.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// The gateway's own addresses there, each with its prefix length; never empty.
    pub addresses: Vec<IpNet>,
    /// The biggest IP packet, in bytes.
    pub mtu: u16,
}

impl Network {
    /// Whether the address is the gateway's own.
    #[must_use]
    pub fn owns(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|own| own.addr() == address)
    }

    /// The own address whose prefix holds a host's `address`; `None` for addresses that are on no connected prefix
    /// and for those that no host can have.
    #[must_use]
    pub fn own_address_toward(&self, address: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().find(|own| can_be_host(own, address)).map(IpNet::addr)
    }

    /// The families of its addresses.
    pub fn families(&self) -> impl Iterator<Item = Family> {
        [Family::V4, Family::V6]
            .into_iter()
            .filter(|family| self.addresses.iter().any(|own| Family::of(own.addr()) == *family))
    }
}

/// The addresses of a prefix that nobody has: network and broadcast address, which IPv6 and IPv4 prefixes of 31 and 32
/// bits lack (RFC 3021).
#[must_use]
pub fn unassignable(prefix: &IpNet) -> Vec<IpAddr> {
    match prefix {
        IpNet::V4(prefix) if prefix.prefix_len() <= 30 => {
            vec![prefix.network().into(), prefix.broadcast().into()]
        }
        _ => Vec::new(),
    }
}

/// The address of a prefix that all of its routers have, the gateway among them: IPv6's subnet-router anycast address
/// (RFC 4291 §2.6.1), which prefixes of 127 and 128 bits lack (RFC 6164).
#[must_use]
pub fn anycast(prefix: &IpNet) -> Option<IpAddr> {
    match prefix {
        IpNet::V6(prefix) if prefix.prefix_len() <= 126 => Some(prefix.network().into()),
        _ => None,
    }
}

/// Whether a host of a prefix can have an address.
#[must_use]
pub fn can_be_host(prefix: &IpNet, address: IpAddr) -> bool {
    prefix.contains(&address) && anycast(prefix) != Some(address) && !unassignable(prefix).contains(&address)
}

/// The prefix of all addresses of a family.
#[must_use]
pub const fn everywhere(family: Family) -> IpNet {
    match family {
        Family::V4 => IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)),
        Family::V6 => IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)),
    }
}

/// Whether a prefix is that of a single address.
#[must_use]
pub fn is_single(prefix: &IpNet) -> bool {
    prefix.prefix_len() == prefix.max_prefix_len()
}

/// A prefix of a virtual subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubnetPrefix {
    /// The prefix, host bits zero.
    pub prefix: IpNet,
    /// The gateway's own address there.
    pub gateway: IpAddr,
}

impl From<nvgw_config::SubnetPrefix> for SubnetPrefix {
    fn from(file: nvgw_config::SubnetPrefix) -> Self {
        Self { prefix: file.prefix.trunc(), gateway: file.gateway.0 }
    }
}

impl From<SubnetPrefix> for nvgw_config::SubnetPrefix {
    fn from(own: SubnetPrefix) -> Self {
        Self { prefix: own.prefix, gateway: nvgw_types::CustomerAddr(own.gateway) }
    }
}

/// The prefixes of a virtual subnet: one, or two of different families, IPv4 first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubnetPrefixes {
    first: SubnetPrefix,
    second: Option<SubnetPrefix>,
}

impl SubnetPrefixes {
    /// The prefixes of a subnet of the file.
    #[must_use]
    pub fn of_file(subnet: &nvgw_config::Subnet) -> Self {
        let own = |at: usize| subnet.prefixes.get(at).map(|prefix| SubnetPrefix::from(*prefix));
        Self { first: own(0).expect("a subnet has a prefix"), second: own(1) }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &SubnetPrefix> {
        std::iter::once(&self.first).chain(&self.second)
    }

    /// The first, and the second where there is one.
    #[must_use]
    pub const fn both(&self) -> (SubnetPrefix, Option<SubnetPrefix>) {
        (self.first, self.second)
    }

    /// The one that holds an address.
    #[must_use]
    pub fn at(&self, address: IpAddr) -> Option<&SubnetPrefix> {
        self.iter().find(|own| own.prefix.contains(&address))
    }

    /// The one of a family.
    #[must_use]
    pub fn of(&self, family: Family) -> Option<&SubnetPrefix> {
        self.iter().find(|own| Family::of(own.gateway) == family)
    }
}

impl std::fmt::Display for SubnetPrefixes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.first.prefix)?;
        self.second.map_or(Ok(()), |second| write!(f, " and {}", second.prefix))
    }
}

/// A virtual subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet {
    /// Its tenant's VRF.
    pub vrf: VrfId,
    /// Its prefixes.
    pub prefixes: SubnetPrefixes,
    /// The gateway's own Ethernet address there.
    pub gateway_mac: MacAddr,
    /// What becomes of packets of unknown senders.
    pub sender_mode: SenderMode,
}

impl Subnet {
    /// The gateway's own link-local address there, where there is IPv6 (RFC 4291 §2.8).
    #[must_use]
    pub fn link_local(&self) -> Option<Ipv6Addr> {
        self.prefixes.of(Family::V6).map(|_| ndp::link_local(self.gateway_mac))
    }
}

/// A customer address of a VRF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Customer {
    /// The VRF.
    pub vrf: VrfId,
    /// The address.
    pub address: IpAddr,
}

/// A lookup record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The VSID its frames carry.
    pub vsid: Vsid,
    /// The VM's Ethernet address.
    pub mac: MacAddr,
    /// The provider address of its host.
    pub peer: IpAddr,
    /// The gateway's Ethernet address in its subnet.
    pub gateway_mac: MacAddr,
    /// Whether its FlowID is always zero.
    pub flow_id_zero: bool,
}

/// A route's name: a prefix of a VRF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteKey {
    /// The VRF.
    pub vrf: VrfId,
    /// The prefix, host bits zero.
    pub prefix: IpNet,
}

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Goal {
    /// To the gateway itself.
    Local,
    /// Nowhere, on purpose.
    Discard,
    /// Into a virtual subnet.
    Subnet,
    /// To a VM that routes.
    Via(Customer),
    /// To a next hop on an external network.
    Hop(Hop),
    /// To the hosts of a connected prefix, each asked for when it is needed.
    Connected(InterfaceKey),
    /// On to another VRF.
    Vrf(VrfId),
    /// On to an external network's VRF, translated.
    Translate(VrfId),
    /// To whom translation finds behind a public address.
    Public,
}

/// An adjacency's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdjacencyKey {
    /// The tunnel to a provider address.
    Peer(IpAddr),
    /// A next hop or host on an external network.
    Hop(Hop),
    /// The hosts of an external network's connected prefixes of a family that are not known yet.
    Connected(InterfaceKey, Family),
}

impl Adjacency {
    /// A way over a next hop without a tunnel.
    #[must_use]
    pub const fn plain(hop: Hop) -> Self {
        Self::Hop { hop, tunnel: None, mtu: None }
    }
}

/// What an adjacency is made of, but for the next hop's Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjacency {
    /// A tunnel that the provider network has no route for.
    NoRoute,
    /// A way over a next hop.
    Hop {
        /// The next hop.
        hop: Hop,
        /// The tunnel, toward a peer.
        tunnel: Option<Tunnel>,
        /// The biggest IP packet of the whole way, outer headers included, where it is less than the network's.
        mtu: Option<u16>,
    },
    /// See [`AdjacencyKey::Connected`].
    Connected(InterfaceKey, Family),
}

/// A public address's name: the external network's VRF, and the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey {
    /// The VRF of the external network.
    pub external: VrfId,
    /// The address.
    pub address: Ipv4Addr,
}

/// What a public address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Public {
    /// The ports that a pool hands out.
    pub ports: Option<PortRange>,
    /// Whether ports of it are forwarded.
    pub forwards: bool,
    /// Whose it is one to one: a VRF, and the customer address there.
    pub customer: Option<(VrfId, Ipv4Addr)>,
}

/// What all translation has in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// What workers read.
    pub table: NatSettings,
    /// What becomes of sessions of a public address that goes.
    pub removed: RemovedAddresses,
}

impl Default for Settings {
    /// What holds as long as nothing is said.
    fn default() -> Self {
        Self { table: NatSettings::default(), removed: RemovedAddresses::Drain }
    }
}

/// Everything the tables shall hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Desired {
    /// The VRFs.
    pub vrfs: BTreeMap<VrfKey, VrfId>,
    /// The networks, each one interface.
    pub networks: BTreeMap<InterfaceKey, Network>,
    /// The gateway's own provider addresses.
    pub locals: BTreeMap<Hop, ()>,
    /// The virtual subnets.
    pub subnets: BTreeMap<Vsid, Subnet>,
    /// The lookup records.
    pub records: BTreeMap<Customer, Record>,
    /// The routes of all VRFs.
    pub routes: BTreeMap<RouteKey, Goal>,
    /// The ways out.
    pub adjacencies: BTreeMap<AdjacencyKey, Adjacency>,
    /// Next hops of customer routes.
    pub vias: BTreeMap<Customer, ()>,
    /// Neighbours whose Ethernet address the configuration gives.
    pub static_neighbors: BTreeMap<Hop, MacAddr>,
    /// The public addresses that translation uses.
    pub publics: BTreeMap<PublicKey, Public>,
    /// Translations that no traffic makes.
    pub bindings: BTreeMap<BindingKey, Endpoint>,
    /// What translation does for tenants, by their VRFs.
    pub policies: BTreeMap<VrfId, NatPolicy>,
    /// What all translation has in common.
    pub settings: Settings,
}

#[cfg(test)]
impl Desired {
    /// The next hops that some adjacency needs.
    pub(super) fn hops(&self) -> BTreeSet<Hop> {
        self.adjacencies
            .values()
            .filter_map(|adjacency| match adjacency {
                Adjacency::Hop { hop, .. } => Some(*hop),
                Adjacency::NoRoute | Adjacency::Connected(..) => None,
            })
            .collect()
    }
}
