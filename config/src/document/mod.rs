//! The document as a user writes it: its keys, their defaults and what each says of itself.
//!
//! What stands here is single values: what two values say to each other is the validator's.

mod choice;
mod device;
mod nat;
mod net;
mod number;
mod ports;
mod switch;
mod syslog;
mod text;

pub(crate) use choice::{Dscp, OneOf, SenderCheckMode, TcpMss};
pub(crate) use device::PortDevice;
pub(crate) use nat::{Nat, NatFiltering, NatLimits, NatLog, NatPool, NatTimeouts, PortForward, TenantNat};
pub(crate) use net::{Address, InterfaceAddress, Ipv6Address, Ipv6Prefix, Mac, PoolRange, Prefix};
pub(crate) use number::{Bool, Core, Int, Vlan, VsidNumber, WorkerCores};
pub(crate) use switch::OrOff;
pub(crate) use text::{AbsolutePath, Guid, Label, Listen, Name};

use crate::decode::object;
use crate::model::{Checksums, DuplicateAddressDetection, EcnMode, FlowIdMode, Hugepages, Rss, WorkerIdle};
use crate::reader::List;

/// The biggest IP packet, in bytes. A frame lies in one buffer, whose size, headroom included, has 16 bits.
pub(crate) type Mtu = Int<u16, 68, 65000>;
/// Descriptors of one queue.
pub(crate) type Descriptors = Int<u16, 32, 32768>;
/// The gateway's own Ethernet address in the subnets of a tenant that names no other.
pub(crate) const GATEWAY_MAC: &str = "02:00:5e:00:01:01";
/// What `system.limits` can be at most: there are no more VSIDs, and identifiers of public addresses have 16 bits.
pub(crate) const MOST_VSIDS: u64 = 16_777_216;
pub(crate) const MOST_NAT_ADDRESSES: u64 = 65_536;
pub(crate) const BIGGEST_TABLE: u64 = 100_000_000;
/// How many entries a table has.
pub(crate) type TableSize = Int<usize, 1, BIGGEST_TABLE>;

object! {
    /// The configuration of an nvgw gateway: a multi-tenant gateway between NVGRE and external networks.
    Document {
        /// The process: cores, memory, listeners, table sizes.
        "system" => system: System, section;
        /// The ports: network cards and virtual devices.
        "ports" => ports: List<Port>, required;
        /// The provider network, which carries NVGRE: a routing table of its own.
        "provider" => provider: Provider, required;
        /// Networks toward the internet, and tenants' own hand-off networks.
        "external" => external: List<External>, list;
        /// The tenants: one routing domain, one VRF each.
        "tenants" => tenants: List<Tenant>, list;
        /// What all tenants' network address translation has in common.
        "nat" => nat: Nat, section;
        /// Static neighbours; the rest is learned by ARP and neighbour discovery.
        "neighbors" => neighbors: List<Neighbor>, list;
    }

    /// The process: cores, memory, listeners, table sizes.
    System {
        /// The core on which control thread, API and metrics live.
        "control-core" => control_core: Core, default("0");
        /// One poll-mode worker for each core.
        "worker-cores" => worker_cores: WorkerCores, optional;
        /// What workers do while no packets come: poll on, or sleep a little and look again, which saves power and costs
        /// latency.
        "worker-idle" => worker_idle: OneOf<WorkerIdle>, default("poll");
        /// Whether memory comes from hugepages: where the machine has them, always, or never.
        "hugepages" => hugepages: OneOf<Hugepages>, default("auto");
        /// Memory for packet buffers, in MiB.
        "memory-mb" => memory_mb: Int<u32, 64, 1_048_576>, default("1024");
        /// The folder of what was changed at run time.
        "state-dir" => state_dir: AbsolutePath, default("/var/lib/nvgw");
        /// The Unix socket of the admin API.
        "admin-socket" => admin_socket: AbsolutePath, default("/run/nvgw/admin.sock");
        /// Where metrics and health are served: address and port, or off.
        "metrics-listen" => metrics_listen: Listen, default("127.0.0.1:9477");
        /// Table sizes: reserved at start, refused beyond.
        "limits" => limits: Limits, section;
    }

    /// Table sizes: reserved at start, refused beyond.
    Limits {
        /// Virtual subnets of all tenants.
        "vsids" => vsids: Int<usize, 1, MOST_VSIDS>, default("65536");
        /// Lookup records of all tenants.
        "records" => records: TableSize, default("1000000");
        /// IPv4 routes of all external networks: static routes, default gateways and tenants' public prefixes.
        "external-routes" => external_routes: TableSize, default("1000000");
        /// IPv6 routes of all external networks, likewise.
        "external-routes-ipv6" => external_routes_ipv6: TableSize, default("250000");
        /// NAT sessions for each worker.
        "nat-sessions" => nat_sessions: TableSize, default("1000000");
        /// Public addresses of all NAT pools, 1:1 addresses and forwards together.
        "nat-addresses" => nat_addresses: Int<usize, 1, MOST_NAT_ADDRESSES>, default("4096");
        /// Translations that the configuration makes: two for each forwarded port, one for each 1:1 address.
        "nat-bindings" => nat_bindings: TableSize, default("65536");
    }

    /// A port: a network card or a virtual device.
    Port {
        /// Its name, unique among ports.
        "name" => name: Name, required;
        /// A PCI address, 0000:3b:00.0, or a DPDK vdev, net_af_packet0,iface=veth0.
        "device" => device: PortDevice, required;
        /// The biggest IP packet on the wire, in bytes.
        "mtu" => mtu: Mtu, default("1500");
        /// The port's own Ethernet address; left out, the device's.
        "mac" => mac: Mac, optional;
        /// Receive queues; left out, one for each worker as far as the device goes.
        "rx-queues" => rx_queues: Int<u16, 1, 1024>, optional;
        /// Who spreads received packets over the workers by their flows: the device, by its own hash; software, on the
        /// worker that receives them; auto: software where the device cannot.
        "rss" => rss: OneOf<Rss>, default("auto");
        /// Who checks and fills in the checksums of IPv4 headers: auto: the device as far as it offers that, else
        /// software; software: never the device.
        "checksums" => checksums: OneOf<Checksums>, default("auto");
        /// Receive descriptors of each queue.
        "rx-descriptors" => rx_descriptors: Descriptors, default("1024");
        /// Transmit descriptors of each queue.
        "tx-descriptors" => tx_descriptors: Descriptors, default("1024");
    }

    /// The provider network, which carries NVGRE: a routing table of its own.
    Provider {
        /// The sites: one VLAN and one subnet each, IPv4 or IPv6.
        "sites" => sites: List<Site>, required;
        /// Static provider routes.
        "routes" => routes: List<ProviderRoute>, list;
        /// How tenants' packets are wrapped.
        "encapsulation" => encapsulation: Encapsulation, section;
        /// How the gateway's own provider addresses are checked before they are used: fast, with three probes in
        /// 600 ms; with the times of RFC 5227; or off.
        "duplicate-address-detection" => duplicate_address_detection: OneOf<DuplicateAddressDetection>, default("fast");
        /// Seconds between two probes of the paths to all hosts, which find one that is too narrow for the site's MTU
        /// before a packet is lost to it; 0: no probes but the doctor's.
        "check-paths-every" => check_paths_every: Int<u32, 0, 86_400>, default("300");
    }

    /// A site of the provider network: one VLAN, one subnet, one address family.
    Site {
        /// Its name, unique among sites and external networks.
        "name" => name: Name, required;
        /// The name of the port that it is on.
        "port" => port: Name, required;
        /// Its VLAN; left out, untagged.
        "vlan" => vlan: Vlan, optional;
        /// Its subnet, IPv4 or IPv6.
        "subnet" => subnet: Prefix, required;
        /// The gateway's own provider addresses, without prefix length. These, or the pool's, or both.
        "addresses" => addresses: List<Address>, list;
        /// More provider addresses, taken from a range.
        "pool" => pool: Pool, optional;
        /// The site's default gateway: installs a default provider route.
        "gateway" => gateway: Address, optional;
        /// The biggest IP packet of the site, in bytes; left out, the port's.
        "mtu" => mtu: Mtu, optional;
    }

    /// A range that a site's provider addresses are taken from.
    Pool {
        /// First and last address of the range.
        "range" => range: PoolRange, required;
        /// How many addresses to take, from the start of the range; the site's gateway and addresses that are given
        /// are passed over. More can be taken at run time.
        "take" => take: Int<usize, 0, 4096>, required;
    }

    /// A static route of the provider network.
    ProviderRoute {
        /// Destination.
        "prefix" => prefix: Prefix, required;
        /// The next hop, in a site's subnet.
        "next-hop" => next_hop: Address, required;
        /// The lower wins among equal prefixes.
        "metric" => metric: Int<u32, 0, 4_294_967_295>, default("0");
        /// The biggest IP packet of the whole path behind the next hop, in bytes; left out, the site's.
        "mtu" => mtu: Mtu, optional;
    }

    /// How tenants' packets are wrapped.
    Encapsulation {
        /// TTL of the outer header.
        "ttl" => ttl: Int<u8, 1, 255>, default("64");
        /// FlowID of sent packets: a hash of the inner flow, or zero for peers that compare the whole GRE key.
        "flow-id" => flow_id: OneOf<FlowIdMode>, default("hash");
        /// DSCP of the outer header: uniform copies the inner one, pipe:<value> sets it.
        "dscp" => dscp: Dscp, default("uniform");
        /// ECN of the outer header (RFC 6040): copied, or cleared for peers that do not know it.
        "ecn" => ecn: OneOf<EcnMode>, default("normal");
        /// Whether VSIDs below 4096 may be used.
        "allow-reserved-vsids" => allow_reserved_vsids: Bool, default("false");
        /// Whether NVGRE packets that the provider network has fragmented are put together; else they are dropped.
        "reassemble" => reassemble: Bool, default("false");
        /// The MSS of tenants' TCP connections: clamp lowers it to what the way to the VM takes, keep leaves it.
        "tcp-mss" => tcp_mss: OneOf<TcpMss>, default("clamp");
        /// Peers that want something else.
        "peers" => peers: List<Peer>, list;
    }

    /// What one provider address wants otherwise.
    Peer {
        /// The peer.
        "provider-address" => provider_address: Address, required;
        /// FlowID of packets to it.
        "flow-id" => flow_id: OneOf<FlowIdMode>, optional;
        /// ECN of packets to it.
        "ecn" => ecn: OneOf<EcnMode>, optional;
    }

    /// A network toward the internet, or one tenant's own hand-off.
    External {
        /// Its name, unique among sites and external networks.
        "name" => name: Name, required;
        /// The name of the port that it is on.
        "port" => port: Name, required;
        /// Its VLAN; left out, untagged.
        "vlan" => vlan: Vlan, optional;
        /// The gateway's own addresses, each with its prefix length, of one family or both.
        "addresses" => addresses: List<InterfaceAddress>, required;
        /// Default gateway, IPv4 or IPv6.
        "gateway" => gateway: Address, optional;
        /// IPv6 default gateway beside an IPv4 one.
        "gateway-ipv6" => gateway_ipv6: Ipv6Address, optional;
        /// Static routes.
        "routes" => routes: List<Route>, list;
        /// The tenant whose VRF alone this network belongs to; left out, the network is shared.
        "tenant" => tenant: Name, optional;
        /// The biggest IP packet of the network, in bytes; left out, the port's.
        "mtu" => mtu: Mtu, optional;
    }

    /// A static route.
    Route {
        /// Destination.
        "prefix" => prefix: Prefix, required;
        /// The next hop.
        "next-hop" => next_hop: Address, required;
    }

    /// A tenant: one routing domain, one VRF.
    Tenant {
        /// Its name, unique among tenants.
        "name" => name: Name, required;
        /// Hyper-V's RoutingDomainID, a GUID.
        "routing-domain" => routing_domain: Guid, optional;
        /// The gateway's own Ethernet address in the tenant's subnets.
        "gateway-mac" => gateway_mac: Mac, default(GATEWAY_MAC);
        /// What happens to a packet whose sender no lookup record vouches for: dropped, counted and
        /// forwarded, or learned from.
        "sender-check" => sender_check: OneOf<SenderCheckMode>, default("strict");
        /// How much may be learned; only with sender-check: learn.
        "learn" => learn: Learn, optional_section;
        /// Whether router solicitations in the tenant's IPv6 subnets are answered; nothing is advertised unasked.
        "router-advertisements" => router_advertisements: OneOf<bool>, default("on");
        /// Virtual subnets.
        "subnets" => subnets: List<Subnet>, list;
        /// Lookup records: where each customer address lives.
        "records" => records: List<Record>, list;
        /// Customer routes: prefixes behind a VM.
        "routes" => routes: List<Route>, list;
        /// The external network that the tenant's default route leads to; left out, the tenant's own hand-off
        /// network, else the first external network without a tenant.
        "external" => external: Name, optional;
        /// Prefixes routed from the external network to the tenant, untranslated.
        "public-prefixes" => public_prefixes: List<Prefix>, list;
        /// Network address translation toward the external network, or off.
        "nat" => nat: OrOff<TenantNat>, optional;
    }

    /// How much a tenant's virtual subnets may learn of their senders.
    Learn {
        /// Customer addresses that are learned for one Ethernet address of a subnet.
        "addresses-per-mac" => addresses_per_mac: Int<u32, 1, 65536>, default("8");
        /// Records that are learned for one subnet.
        "records-per-subnet" => records_per_subnet: Int<u32, 1, 100_000_000>, default("256");
    }

    /// A virtual subnet.
    Subnet {
        /// Its VSID, unique in the gateway.
        "vsid" => vsid: VsidNumber, required;
        /// Its prefix, IPv4 or IPv6, which no other subnet of the tenant overlaps.
        "prefix" => prefix: Prefix, required;
        /// The gateway's own address in it.
        "gateway" => gateway: Address, required;
        /// Its IPv6 prefix beside an IPv4 one.
        "prefix-ipv6" => prefix_ipv6: Ipv6Prefix, optional;
        /// The gateway's own address in the IPv6 prefix.
        "gateway-ipv6" => gateway_ipv6: Ipv6Address, optional;
    }

    /// A lookup record: where a customer address lives.
    Record {
        /// The VSID of its virtual subnet.
        "vsid" => vsid: VsidNumber, required;
        /// The customer address.
        "address" => address: Address, required;
        /// The VM's Ethernet address.
        "mac" => mac: Mac, required;
        /// The provider address of the host that it runs on, of either family whatever the customer address is.
        "provider-address" => provider_address: Address, required;
        /// A name for people.
        "name" => name: Label, optional;
        /// FlowID of packets to it, where it differs from its peer's.
        "flow-id" => flow_id: OneOf<FlowIdMode>, optional;
    }

    /// A static neighbour.
    Neighbor {
        /// The name of the site or external network that it is on.
        "network" => network: Name, required;
        /// Its address.
        "address" => address: Address, required;
        /// Its Ethernet address.
        "mac" => mac: Mac, required;
    }
}
