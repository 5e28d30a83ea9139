//! Address translation, as it was validated.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

/// What all tenants' address translation has in common (RFC 4787, RFC 5382, RFC 5508, RFC 6888).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nat {
    /// How long sessions live without traffic from the customer.
    pub timeouts: NatTimeouts,
    /// What an unsolicited SYN from outside is answered after it was held for six seconds.
    pub unsolicited_syn: UnsolicitedSyn,
    /// What becomes of sessions of a public address that is configured no more.
    pub removed_addresses: RemovedAddresses,
    /// Where port blocks are logged.
    pub log: NatLog,
}

/// How long sessions live without traffic from the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatTimeouts {
    /// UDP.
    pub udp: Duration,
    /// UDP to remote ports below 1024.
    pub udp_well_known: Duration,
    /// TCP, established.
    pub tcp_established: Duration,
    /// TCP, opening and closing.
    pub tcp_transitory: Duration,
    /// TCP, after a reset.
    pub tcp_reset: Duration,
    /// ICMP queries.
    pub icmp: Duration,
    /// How long a port rests afterwards.
    pub port_quarantine: Duration,
}

/// What an unsolicited SYN from outside is answered after it was held for six seconds (RFC 5382 REQ-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsolicitedSyn {
    /// ICMP port unreachable.
    Reject,
    /// Nothing.
    Drop,
}

/// What becomes of sessions of a public address that is configured no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovedAddresses {
    /// They live on until they end; nothing new begins.
    Drain,
    /// They end at once.
    Cut,
}

/// Where port blocks are logged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NatLog {
    /// A file of JSON lines.
    pub file: Option<PathBuf>,
    /// A syslog server.
    pub syslog: Option<Syslog>,
    /// Whether every session is logged too.
    pub sessions: bool,
}

/// A syslog server (RFC 5424 over UDP, RFC 5426).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syslog {
    /// Its address and UDP port.
    pub server: SocketAddr,
    /// The facility, 0 to 23 (RFC 5424 §6.2.1).
    pub facility: u8,
}

/// A tenant's address translation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantNat {
    /// Pools, in the order they are tried. Tenants that name the same pool share it.
    pub pools: Vec<NatPool>,
    /// 1:1 addresses.
    pub statics: Vec<StaticNat>,
    /// Port forwards.
    pub forwards: Vec<PortForward>,
    /// Destinations that are not translated to.
    pub exempt: Vec<IpNet>,
    /// Whom sessions let in.
    pub filtering: NatFiltering,
    /// Limits of the tenant as a whole.
    pub limits: NatLimits,
    /// Limits of each customer address.
    pub limits_per_address: NatLimits,
}

/// A pool of public addresses whose ports are handed out in blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NatPool {
    /// The first address.
    pub first: Ipv4Addr,
    /// The last address, no less than the first.
    pub last: Ipv4Addr,
    /// The first port.
    pub first_port: u16,
    /// The last port, no less than the first.
    pub last_port: u16,
    /// Ports of a block: a power of two, 64 to 4096.
    pub block_size: u16,
}

/// A customer address that has a public address of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaticNat {
    /// The public address, in no pool and of no forward.
    pub public: Ipv4Addr,
    /// The customer address, inside one of the tenant's subnets.
    pub customer: Ipv4Addr,
}

/// A protocol whose ports can be forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ForwardProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Ports of a public address that lead to a customer address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortForward {
    /// The public address; it may be a pool's, whose customers do not get these ports then.
    pub public: Ipv4Addr,
    /// The protocol.
    pub protocol: ForwardProtocol,
    /// The first public port.
    pub first: u16,
    /// The last public port, no less than the first.
    pub last: u16,
    /// The customer address, inside one of the tenant's subnets.
    pub customer: Ipv4Addr,
    /// The customer's port for the first public port; the others follow it, up to 65535.
    pub to: u16,
}

/// Whom sessions let in, by protocol (RFC 4787 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NatFiltering {
    /// TCP.
    pub tcp: Filtering,
    /// UDP.
    pub udp: Filtering,
    /// ICMP queries.
    pub icmp: Filtering,
}

/// Whom a session lets in (RFC 4787 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Filtering {
    /// Everyone.
    #[default]
    EndpointIndependent,
    /// Addresses that the customer has sent to.
    AddressDependent,
}

/// How much there may be; `None`: as much as fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NatLimits {
    /// Sessions at a time.
    pub sessions: Option<u32>,
    /// Public ports at a time.
    pub ports: Option<u32>,
    /// New sessions in any one second.
    pub new_sessions: Option<u32>,
}

impl Default for Nat {
    /// What the document takes for what is left out.
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            timeouts: NatTimeouts {
                udp: minutes(5),
                udp_well_known: minutes(5),
                tcp_established: minutes(124),
                tcp_transitory: minutes(4),
                tcp_reset: minutes(4),
                icmp: minutes(1),
                port_quarantine: minutes(2),
            },
            unsolicited_syn: UnsolicitedSyn::Reject,
            removed_addresses: RemovedAddresses::Drain,
            log: NatLog::default(),
        }
    }
}
