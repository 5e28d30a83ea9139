//! What network address translation reads of the control thread's tables (RFC 4787, RFC 6888): public addresses,
//! tenants' policies, and bindings that no traffic makes.

use nvgw_types::{PublicId, VrfId};

use crate::packet::ipv4;
use crate::tables::hash::{Keyed, TableKey, mix};

/// A protocol whose packets have ports, or what serves as one: the identifier of an ICMP query (RFC 5508 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Protocol {
    /// TCP.
    Tcp = ipv4::TCP,
    /// UDP.
    Udp = ipv4::UDP,
    /// ICMP queries.
    Icmp = ipv4::ICMP,
}

impl Protocol {
    /// All of them, in the order of their [indices](Self::index).
    pub const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Icmp];
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The protocol of an IP header's number; `None` for those without ports that translation knows.
    #[inline(always)]
    #[must_use]
    pub const fn of(number: u8) -> Option<Self> {
        match number {
            ipv4::TCP => Some(Self::Tcp),
            ipv4::UDP => Some(Self::Udp),
            ipv4::ICMP => Some(Self::Icmp),
            _ => None,
        }
    }

    /// Its place in tables of [`Self::COUNT`].
    #[inline(always)]
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Tcp => 0,
            Self::Udp => 1,
            Self::Icmp => 2,
        }
    }

    /// Its name in outputs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        }
    }
}

/// An address and a port in a VRF: a customer's in its tenant's, or a public one in the external network's. Host byte
/// order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The VRF.
    pub vrf: VrfId,
    /// The address.
    pub address: u32,
    /// The port or identifier.
    pub port: u16,
}

/// Which ports of a public address are handed out to customers, in blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortRange {
    /// The first port.
    pub first: u16,
    /// The last port, no less than the first.
    pub last: u16,
    /// Ports of a block: a power of two, 64 to 4096. Blocks begin at its multiples.
    pub block: u16,
}

/// What becomes of a public address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicState {
    /// It is handed out.
    Active,
    /// It is to go: what it translates lives on, nothing new begins.
    Draining,
}

/// A public address: one of a pool, or one with static bindings, or both. Found by external VRF and address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(32))]
pub struct Public {
    /// The external network's VRF.
    pub external: VrfId,
    /// The address, host byte order.
    pub address: u32,
    /// Its identifier, under which workers keep its ports.
    pub id: PublicId,
    /// The ports that are handed out; `None`: static bindings only.
    pub ports: Option<PortRange>,
    /// What becomes of it.
    pub state: PublicState,
    /// Whether some of its ports are forwarded.
    pub forwards: bool,
    /// The VRF and customer address that it belongs to one to one (host byte order).
    pub customer: Option<(VrfId, u32)>,
}

impl Public {
    /// The key of an address of an external VRF.
    #[inline(always)]
    #[must_use]
    pub const fn key_of(external: VrfId, address: u32) -> InVrf {
        InVrf { vrf: external, address }
    }
}

impl Keyed for Public {
    type Key = InVrf;

    #[inline(always)]
    fn key(&self) -> InVrf {
        Self::key_of(self.external, self.address)
    }
}

/// An IPv4 address (host byte order) in a VRF, as a table key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InVrf {
    /// The VRF.
    pub vrf: VrfId,
    /// The address.
    pub address: u32,
}

impl TableKey for InVrf {
    #[inline(always)]
    fn hash(&self, seed: u64) -> u64 {
        let key = u64::from(self.vrf.0) << 32 | u64::from(self.address);
        mix(key ^ seed, 0x9e37_79b9_7f4a_7c15)
    }
}

/// The direction in which a binding translates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From customer to public.
    Outbound,
    /// From public to customer.
    Inbound,
}

/// The key of a binding: what is translated, and in which direction. A customer's whole address is bound under port 0
/// and no protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BindingKey {
    /// The direction.
    pub direction: Direction,
    /// The protocol; `None`: all of them.
    pub protocol: Option<Protocol>,
    /// Before translation.
    pub from: Endpoint,
}

impl TableKey for BindingKey {
    #[inline(always)]
    fn hash(&self, seed: u64) -> u64 {
        let protocol = self.protocol.map_or(0, |protocol| protocol as u64);
        let kind = (self.direction as u64) << 24 | protocol << 16 | u64::from(self.from.port);
        let address = u64::from(self.from.vrf.0) << 32 | u64::from(self.from.address);
        mix(address ^ seed, kind ^ 0x9e37_79b9_7f4a_7c15)
    }
}

/// A binding that the configuration makes: half a port forward or, outbound, a 1:1 address. It needs no session and
/// outlives all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// What it translates.
    pub key: BindingKey,
    /// After translation.
    pub to: Endpoint,
}

impl Keyed for Binding {
    type Key = BindingKey;

    #[inline(always)]
    fn key(&self) -> BindingKey {
        self.key
    }
}

/// Addresses of a pool that follow each other. Host byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicRange {
    /// The first address.
    pub first: u32,
    /// How many there are.
    pub count: u32,
}

/// How many address ranges a tenant's pools may have together.
pub const RANGES: usize = 16;

/// From whom packets are let in by a session (RFC 4787 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filtering {
    /// From everyone.
    EndpointIndependent,
    /// From addresses that the customer has sent to from the same port.
    AddressDependent,
}

/// How much of something there may be. `u32::MAX`: no limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatQuota {
    /// Sessions at a time.
    pub sessions: u32,
    /// Public ports (and query identifiers) at a time.
    pub ports: u32,
    /// New sessions in any one second.
    pub new_sessions: u32,
}

impl NatQuota {
    /// No limits.
    pub const UNLIMITED: Self = Self { sessions: u32::MAX, ports: u32::MAX, new_sessions: u32::MAX };
}

/// What translation does for a tenant. Found by the tenant's VRF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatPolicy {
    /// The tenant's VRF.
    pub vrf: VrfId,
    /// The VRF of the external network that it translates toward.
    pub external: VrfId,
    /// The addresses of its pools, in the order they are tried. `count` 0: no range.
    pub ranges: [PublicRange; RANGES],
    /// Filtering by protocol.
    pub filtering: [Filtering; Protocol::COUNT],
    /// Limits of the tenant as a whole.
    pub of_tenant: NatQuota,
    /// Limits of each customer address.
    pub of_address: NatQuota,
    /// Whether it has forwards.
    pub forwards: bool,
    /// Whether it has 1:1 addresses.
    pub statics: bool,
}

impl NatPolicy {
    /// The ranges there are.
    pub fn pools(&self) -> impl Iterator<Item = PublicRange> {
        self.ranges.iter().copied().take_while(|range| range.count > 0)
    }
}

/// A VRF as a table key.
impl TableKey for VrfId {
    #[inline(always)]
    fn hash(&self, seed: u64) -> u64 {
        mix(u64::from(self.0) ^ seed, 0x9e37_79b9_7f4a_7c15)
    }
}

impl Keyed for NatPolicy {
    type Key = VrfId;

    #[inline(always)]
    fn key(&self) -> VrfId {
        self.vrf
    }
}

/// What all tenants' translation has in common. Times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatSettings {
    /// UDP sessions whose customer port is 1024 or higher, or whose remote port is (RFC 4787 REQ-5).
    pub udp: u32,
    /// UDP sessions to remote ports below 1024, which may be shorter.
    pub udp_well_known: u32,
    /// Established TCP sessions (RFC 5382 REQ-5).
    pub tcp_established: u32,
    /// TCP sessions that open or close.
    pub tcp_transitory: u32,
    /// TCP sessions that were reset (RFC 7857 §2.2).
    pub tcp_reset: u32,
    /// ICMP queries (RFC 5508 REQ-1).
    pub icmp: u32,
    /// How long a port rests after its session, unless that was TCP and seen to close (RFC 6888 REQ-8).
    pub quarantine: u32,
    /// What is said to an unsolicited SYN from outside after it was held for six seconds: ICMP 3/3, or nothing
    /// (RFC 5382 REQ-4).
    pub reject_unsolicited: bool,
    /// Whether every session is logged, not only port blocks.
    pub log_sessions: bool,
    /// Whether some tenant has pools: only then there are sessions, which belong to one worker each.
    pub has_sessions: bool,
}

impl Default for NatSettings {
    fn default() -> Self {
        Self {
            udp: 300_000,
            udp_well_known: 300_000,
            tcp_established: 7_440_000,
            tcp_transitory: 240_000,
            tcp_reset: 240_000,
            icmp: 60_000,
            quarantine: 120_000,
            reject_unsolicited: true,
            log_sessions: false,
            has_sessions: false,
        }
    }
}
