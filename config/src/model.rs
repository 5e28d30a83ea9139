//! The validated configuration: what the gateway builds from.
//!
//! Every reference is resolved (names are indices into the vectors beside them), every number is in its range, every
//! rule of the document holds. Only the validator makes these types.

mod nat;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use nvgw_types::{CustomerAddr, MacAddr, PortId, ProviderAddr, VlanId, Vsid};

pub use nat::{
    Filtering, ForwardProtocol, Nat, NatFiltering, NatLimits, NatLog, NatPool, NatTimeouts, PortForward,
    RemovedAddresses, StaticNat, Syslog, TenantNat, UnsolicitedSyn,
};

/// A whole gateway.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The process: cores, memory, limits, listeners.
    pub system: System,
    /// The ports, indexed by [`PortId`].
    pub ports: Vec<Port>,
    /// The provider network.
    pub provider: Provider,
    /// The external networks, indexed by [`ExternalIndex`].
    pub external: Vec<ExternalNetwork>,
    /// The tenants, indexed by [`TenantIndex`].
    pub tenants: Vec<Tenant>,
    /// What all tenants' address translation has in common.
    pub nat: Nat,
    /// Static neighbours.
    pub neighbors: Vec<StaticNeighbor>,
}

/// Index of a site in [`Provider::sites`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteIndex(pub usize);

/// Index of an external network in [`Config::external`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalIndex(pub usize);

/// Index of a tenant in [`Config::tenants`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantIndex(pub usize);

/// Whether memory comes from hugepages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hugepages {
    /// Hugepages where the machine has them, else ordinary pages.
    Auto,
    /// Hugepages or no start.
    Required,
    /// Ordinary pages.
    Off,
}

/// What a worker does while no packets come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerIdle {
    /// It polls on.
    Poll,
    /// It sleeps, longer and longer up to a bound, and looks for packets in between.
    Sleep,
}

/// The process.
#[derive(Debug, Clone, PartialEq)]
pub struct System {
    /// The core on which control thread, API and metrics live.
    pub control_core: usize,
    /// One poll-mode worker per core; never empty, no duplicates.
    pub worker_cores: Vec<usize>,
    /// What workers do while no packets come.
    pub worker_idle: WorkerIdle,
    /// Whether memory comes from hugepages.
    pub hugepages: Hugepages,
    /// Memory for packet buffers, in MiB.
    pub memory_mb: u32,
    /// Where run-time changes are kept.
    pub state_dir: PathBuf,
    /// The admin API's Unix socket.
    pub admin_socket: PathBuf,
    /// Where `/metrics`, `/healthz` and `/readyz` listen; `None`: nowhere (written `off`).
    pub metrics_listen: Option<SocketAddr>,
    /// Table sizes.
    pub limits: Limits,
}

/// Table sizes: reserved at start, refused beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Virtual subnets.
    pub vsids: usize,
    /// Lookup records.
    pub records: usize,
    /// IPv4 routes of all external networks together.
    pub external_routes: usize,
    /// IPv6 routes of all external networks together.
    pub external_routes_ipv6: usize,
    /// NAT sessions for each worker.
    pub nat_sessions: usize,
    /// Public addresses of all NAT pools, 1:1 addresses and forwards together.
    pub nat_addresses: usize,
    /// Translations that the configuration makes: two for each forwarded port, one for each 1:1 address.
    pub nat_bindings: usize,
}

/// A port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name, unique.
    pub name: String,
    /// The PCI address or the DPDK vdev string.
    pub device: Device,
    /// The biggest IP packet on the wire, in bytes.
    pub mtu: u16,
    /// The port's own Ethernet address where it is given; else the device's.
    pub mac: Option<MacAddr>,
    /// Receive descriptors for each queue.
    pub rx_descriptors: u16,
    /// Transmit descriptors for each queue.
    pub tx_descriptors: u16,
    /// Receive queues where given; else one for each worker, as far as the device goes.
    pub rx_queues: Option<u16>,
    /// Who spreads received packets over the workers.
    pub rss: Rss,
    /// Who sums IPv4 headers.
    pub checksums: Checksums,
}

/// Who checks and fills in the checksums of IPv4 headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Checksums {
    /// The device as far as it offers that, else software.
    #[default]
    Auto,
    /// Software.
    Software,
}

/// Who spreads the packets of a port over the workers (receive-side scaling).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rss {
    /// The device where it can tell flows apart and has a queue for each worker, else software.
    #[default]
    Auto,
    /// The device, however it does it.
    Device,
    /// The worker that receives them, by the headers of the innermost packet.
    Software,
}

/// A DPDK device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    /// A PCI address in full form, `0000:3b:00.0`.
    Pci(String),
    /// A vdev string, `net_af_packet0,iface=veth0`.
    Vdev(String),
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pci(name) | Self::Vdev(name) => f.write_str(name),
        }
    }
}

/// The provider network: a routing table of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Provider {
    /// The sites, indexed by [`SiteIndex`].
    pub sites: Vec<Site>,
    /// Static provider routes.
    pub routes: Vec<ProviderRoute>,
    /// How tenants' packets are wrapped.
    pub encapsulation: Encapsulation,
    /// How the gateway's own provider addresses are checked before they are used.
    pub duplicate_address_detection: DuplicateAddressDetection,
    /// Between two probes of the paths to all hosts; `None`: nobody probes but the doctor.
    pub check_paths_every: Option<Duration>,
}

/// How a provider address of the gateway's own is checked before it is used (RFC 5227 §2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DuplicateAddressDetection {
    /// Three probes, 200 ms apart, and 200 ms to hear of another station that has the address.
    Fast,
    /// The RFC's own times: 0 to 1 s, then three probes 1 to 2 s apart, then 2 s.
    Rfc5227,
    /// Not at all.
    Off,
}

/// A site of the provider network: one VLAN, one subnet, one address family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its name, unique among sites and external networks.
    pub name: String,
    /// The port it is on.
    pub port: PortId,
    /// Its VLAN; `None`: untagged.
    pub vlan: Option<VlanId>,
    /// Its subnet (host bits zero).
    pub subnet: IpNet,
    /// The gateway's own provider addresses there, pool addresses included; never empty; all inside `subnet`.
    pub addresses: Vec<ProviderAddr>,
    /// What more addresses can be taken from while the gateway runs.
    pub pool: Option<Pool>,
    /// Its default gateway, inside `subnet`, none of ours.
    pub gateway: Option<IpAddr>,
    /// The biggest IP packet of the site, at most the port's.
    pub mtu: u16,
}

/// A range of provider addresses of one family, inside its site's subnet; others may have addresses in it as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// The first address.
    pub first: ProviderAddr,
    /// The last address, no less than the first.
    pub last: ProviderAddr,
}

/// A static route of the provider network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderRoute {
    /// Destination (host bits zero).
    pub prefix: IpNet,
    /// Next hop, inside a site's subnet, of the prefix's family.
    pub next_hop: IpAddr,
    /// The site whose subnet holds `next_hop`.
    pub site: SiteIndex,
    /// The lower wins among equal prefixes.
    pub metric: u32,
    /// The biggest IP packet of the whole path, in bytes, at most the site's; `None`: the site's.
    pub mtu: Option<u16>,
}

/// How the FlowID of sent packets is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowIdMode {
    /// A hash of the inner flow.
    Hash,
    /// Always zero, for peers that compare all 32 bits of the key.
    Zero,
}

/// The outer DSCP (RFC 2983).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DscpMode {
    /// Copied from the inner header.
    Uniform,
    /// A fixed value, 0 to 63.
    Pipe(u8),
}

/// The outer ECN field (RFC 6040 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EcnMode {
    /// Copied from the inner header.
    Normal,
    /// Cleared.
    Compatible,
}

/// How tenants' packets are wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encapsulation {
    /// Outer TTL, 1 to 255.
    pub ttl: u8,
    /// FlowID of peers that say nothing else.
    pub flow_id: FlowIdMode,
    /// Outer DSCP.
    pub dscp: DscpMode,
    /// Outer ECN.
    pub ecn: EcnMode,
    /// Whether VSIDs outside 4096–16777214 may be used and are accepted.
    pub allow_reserved_vsids: bool,
    /// Whether outer fragments are put together; else they are dropped.
    pub reassemble: bool,
    /// Whether the MSS of tenants' TCP connections is lowered to what the way to the VM takes.
    pub clamp_mss: bool,
    /// What single provider addresses want otherwise.
    pub peers: Vec<Peer>,
}

/// What one provider address wants otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The peer.
    pub address: ProviderAddr,
    /// Its FlowID mode.
    pub flow_id: Option<FlowIdMode>,
    /// Its ECN mode.
    pub ecn: Option<EcnMode>,
}

/// A network toward the internet, or one tenant's hand-off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalNetwork {
    /// Its name, unique among sites and external networks.
    pub name: String,
    /// The port it is on.
    pub port: PortId,
    /// Its VLAN; `None`: untagged.
    pub vlan: Option<VlanId>,
    /// The gateway's own addresses there, each with its prefix length (host bits kept); never empty.
    pub addresses: Vec<IpNet>,
    /// Default gateways, at most one of each family, each inside a connected prefix.
    pub gateways: Vec<IpAddr>,
    /// Static routes.
    pub routes: Vec<ExternalRoute>,
    /// The tenant whose VRF alone this network belongs to; `None`: shared.
    pub tenant: Option<TenantIndex>,
    /// The biggest IP packet of the network, at most the port's.
    pub mtu: u16,
}

/// A static route of an external network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalRoute {
    /// Destination (host bits zero).
    pub prefix: IpNet,
    /// Next hop, inside a connected prefix of the network, of the prefix's family.
    pub next_hop: IpAddr,
}

/// What happens to a packet whose sender the lookup records do not vouch for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderCheck {
    /// Dropped and counted.
    Strict,
    /// Counted and forwarded.
    LogOnly,
    /// Learned from, within limits: a record comes or moves to where the packet came from.
    Learn(LearnLimits),
}

/// How much may be learned in one virtual subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LearnLimits {
    /// Learned customer addresses of one Ethernet address, at least 1.
    pub addresses_per_mac: u32,
    /// Learned records of the subnet, at least 1.
    pub records_per_subnet: u32,
}

impl Default for LearnLimits {
    /// What the document takes for what is left out.
    fn default() -> Self {
        Self { addresses_per_mac: 8, records_per_subnet: 256 }
    }
}

/// A tenant: one routing domain, one VRF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its name, unique.
    pub name: String,
    /// Hyper-V's RoutingDomainID, with braces, upper case as written.
    pub routing_domain: Option<String>,
    /// The gateway's own inner Ethernet address in the tenant's subnets.
    pub gateway_mac: MacAddr,
    /// What happens to packets of unknown senders.
    pub sender_check: SenderCheck,
    /// Whether router solicitations in its IPv6 subnets are answered (RFC 4861 §6.2.6).
    pub router_advertisements: bool,
    /// Virtual subnets.
    pub subnets: Vec<Subnet>,
    /// Lookup records.
    pub records: Vec<LookupRecord>,
    /// Customer routes.
    pub routes: Vec<CustomerRoute>,
    /// The external network its default route leads to; `None`: the tenant has no way out.
    pub external: Option<ExternalIndex>,
    /// Prefixes routed from the external network into the VRF, untranslated.
    pub public_prefixes: Vec<IpNet>,
    /// Address translation toward the external network, which is a shared one then; `None`: none.
    pub nat: Option<TenantNat>,
}

/// A virtual subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its VSID, unique in the gateway.
    pub vsid: Vsid,
    /// Its prefixes: one, or two of different families, IPv4 first.
    pub prefixes: Vec<SubnetPrefix>,
}

/// A prefix of a virtual subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubnetPrefix {
    /// The prefix (host bits zero), overlapping no other of its tenant.
    pub prefix: IpNet,
    /// The gateway's own address there, inside `prefix`.
    pub gateway: CustomerAddr,
}

/// A lookup record: where a customer address lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupRecord {
    /// The VSID of its virtual subnet, one of the tenant's.
    pub vsid: Vsid,
    /// The customer address, inside a prefix of the subnet, unique in the tenant.
    pub address: CustomerAddr,
    /// The VM's Ethernet address.
    pub mac: MacAddr,
    /// The provider address of the host it runs on; of either family, whatever the customer address is.
    pub provider_address: ProviderAddr,
    /// A name for people.
    pub name: Option<String>,
    /// FlowID of packets to it, where it differs from its peer's.
    pub flow_id: Option<FlowIdMode>,
}

/// A customer route: a prefix behind a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerRoute {
    /// Destination (host bits zero).
    pub prefix: IpNet,
    /// The VM's customer address, inside one of the tenant's subnets, of the prefix's family.
    pub next_hop: CustomerAddr,
}

/// The network a neighbour lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkRef {
    /// A provider site.
    Site(SiteIndex),
    /// An external network.
    External(ExternalIndex),
}

/// A static neighbour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticNeighbor {
    /// Where it lives.
    pub network: NetworkRef,
    /// Its address, inside a connected prefix of the network.
    pub address: IpAddr,
    /// Its Ethernet address.
    pub mac: MacAddr,
}
