//! The rows of what the control side knows.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use nvgw_config::SenderCheck;
use nvgw_types::{MacAddr, VrfId};
use serde::Serialize;

use crate::control::detection::AddressState;
use crate::control::neighbors::State;
use crate::control::owner::Owner;
use crate::telemetry::view::VrfKind;

/// A VRF.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VrfView {
    /// Its identifier, which counters use.
    #[serde(serialize_with = "number")]
    pub id: VrfId,
    /// The tenant's or the external network's name.
    pub name: String,
    /// Whose it is.
    pub kind: VrfKind,
    /// Its virtual subnets.
    pub subnets: usize,
    /// Its lookup records.
    pub records: usize,
    /// Its routes, learned hosts included.
    pub routes: usize,
}

fn number<S: serde::Serializer>(id: &VrfId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u32(id.0)
}

/// How a packet to some destination would fare at its next hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NextHopView {
    /// The network's name.
    pub network: String,
    /// The address there.
    pub address: IpAddr,
    /// How the neighbour stands.
    pub state: State,
}

/// A lookup record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordView {
    /// The tenant.
    pub tenant: String,
    /// The VSID.
    pub vsid: u32,
    /// The customer address.
    pub address: IpAddr,
    /// The VM's Ethernet address.
    pub mac: MacAddr,
    /// The provider address of its host.
    pub provider_address: IpAddr,
    /// The name its owner gives it.
    pub name: Option<String>,
    /// Whose it is.
    pub owner: Owner,
    /// The provider address that its owner says, where the VM has moved since.
    pub moved_from: Option<IpAddr>,
    /// Who moved it.
    pub moved_by: Option<Owner>,
    /// The next hop to the host; `None`: no provider route.
    pub next_hop: Option<NextHopView>,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteView {
    /// The VRF's name, `provider` for the provider network's routes.
    pub vrf: String,
    /// The destination.
    pub prefix: IpNet,
    /// Where it leads: `local`, `discard`, `subnet`, `connected`, `next-hop`, `vrf`.
    pub kind: &'static str,
    /// Whose it is: `config`, `site`, `api`, or `arp` or `nd` (a host that was learned).
    pub owner: &'static str,
    /// The metric, of provider routes.
    pub metric: Option<u32>,
    /// The next hop on a network.
    pub next_hop: Option<NextHopView>,
    /// The next hop in the tenant's own network, of customer routes.
    pub via: Option<IpAddr>,
    /// The VRF it leads to.
    pub to_vrf: Option<String>,
}

/// A neighbour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NeighborView {
    /// The network's name.
    pub network: String,
    /// Its address.
    pub address: IpAddr,
    /// Its Ethernet address, where known.
    pub mac: Option<MacAddr>,
    /// How it stands.
    pub state: State,
    /// Whose it is where it is static; `None`: what is known of it came by ARP or neighbour discovery.
    pub owner: Option<Owner>,
    /// For how long; of a reachable one, since it was last heard.
    pub age: Duration,
    /// Packets that wait for it.
    pub held: usize,
    /// Ways out that lead over it.
    pub adjacencies: usize,
}

/// A provider address of the gateway's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderAddressView {
    /// Its site.
    pub site: String,
    /// The address.
    pub address: IpAddr,
    /// The site's VLAN.
    pub vlan: Option<u16>,
    /// The site's subnet.
    pub subnet: IpNet,
    /// The site's port.
    pub port: String,
    /// Whether it is known to be nobody else's.
    pub state: AddressState,
    /// Whose it is.
    pub owner: Owner,
    /// Whether what the gateway sends by the site comes from it.
    pub primary: bool,
    /// The station that claims it too.
    pub claimed_by: Option<MacAddr>,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantView {
    /// Its name.
    pub name: String,
    /// Hyper-V's RoutingDomainID.
    pub routing_domain: Option<String>,
    /// The gateway's own Ethernet address in its subnets.
    pub gateway_mac: MacAddr,
    /// What happens to packets of unknown senders.
    pub sender_check: SenderCheck,
    /// Whether router solicitations in its IPv6 subnets are answered.
    pub router_advertisements: bool,
    /// The external network of its default route.
    pub external: Option<String>,
    /// Prefixes routed from there into its VRF.
    pub public_prefixes: Vec<IpNet>,
    /// Whose it is.
    pub owner: Owner,
    /// Its virtual subnets.
    pub subnets: usize,
    /// Its lookup records.
    pub records: usize,
}

/// A virtual subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubnetView {
    /// Its tenant.
    pub tenant: String,
    /// Its VSID.
    pub vsid: u32,
    /// Its prefix; of two, the IPv4 one.
    pub prefix: IpNet,
    /// The gateway's own address there.
    pub gateway: IpAddr,
    /// Its IPv6 prefix beside an IPv4 one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix_ipv6: Option<IpNet>,
    /// The gateway's own address there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_ipv6: Option<IpAddr>,
    /// Whose it is.
    pub owner: Owner,
}

/// A customer route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CustomerRouteView {
    /// Its tenant.
    pub tenant: String,
    /// Its destination.
    pub prefix: IpNet,
    /// The VM that it leads to.
    pub next_hop: IpAddr,
    /// Whose it is.
    pub owner: Owner,
}

/// A route of the provider network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderRouteView {
    /// Its destination.
    pub prefix: IpNet,
    /// Its next hop; `None`: on the site's subnet.
    pub next_hop: Option<NextHopView>,
    /// The site that it leads over.
    pub site: String,
    /// Its metric.
    pub metric: u32,
    /// The biggest IP packet of the whole path, in bytes; `None`: the site's.
    pub mtu: Option<u16>,
    /// Whose it is.
    pub owner: Owner,
    /// Whether packets take it, and not a better one to the same prefix.
    pub in_force: bool,
}

/// What keeps a provider address from being reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// The provider address.
    pub provider_address: IpAddr,
    /// The lookup records that name it.
    pub records: usize,
    /// The next hop that is not known; `None`: no provider route.
    pub next_hop: Option<NextHopView>,
    /// Whether the next hop was last asked in vain.
    pub silent: bool,
}
