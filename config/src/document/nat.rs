//! Address translation: what all tenants have in common, and what each has of its own.

use crate::decode::object;
use crate::model::{Filtering, ForwardProtocol, RemovedAddresses, UnsolicitedSyn};
use crate::reader::List;

use super::choice::OneOf;
use super::net::{AddressRange, NatAddress, NatPrefix};
use super::number::{Bool, Int};
use super::ports::{BlockSize, Port, Ports};
use super::syslog::{Facility, SyslogServer};
use super::text::AbsolutePath;

/// How long something lives, in seconds.
type Seconds = Int<u32, 1, 86_400>;
/// How much there may be of something.
type Most = Int<u32, 1, 4_000_000_000>;

object! {
    /// What all tenants' network address translation has in common.
    Nat {
        /// How long sessions live without traffic from the customer, in seconds.
        "timeouts" => timeouts: NatTimeouts, section;
        /// What an unsolicited TCP SYN from outside is answered after it was held for six seconds: ICMP port
        /// unreachable, or nothing.
        "unsolicited-syn" => unsolicited_syn: OneOf<UnsolicitedSyn>, default("reject");
        /// What becomes of the sessions of a public address that a reload takes away: they live on until they end, or
        /// are cut.
        "removed-addresses" => removed_addresses: OneOf<RemovedAddresses>, default("drain");
        /// Where it is logged which customer has which block of ports.
        "log" => log: NatLog, section;
    }

    /// How long sessions live without traffic from the customer, in seconds.
    NatTimeouts {
        /// UDP; no less than two minutes (RFC 4787).
        "udp" => udp: Int<u32, 120, 86_400>, default("300");
        /// UDP to remote ports below 1024.
        "udp-well-known" => udp_well_known: Seconds, default("300");
        /// TCP, established; RFC 5382 wants 7440 or more.
        "tcp-established" => tcp_established: Seconds, default("7440");
        /// TCP, opening and closing; RFC 5382 wants 240 or more.
        "tcp-transitory" => tcp_transitory: Seconds, default("240");
        /// TCP, after a reset.
        "tcp-reset" => tcp_reset: Seconds, default("240");
        /// ICMP queries; RFC 5508 wants 60 or more.
        "icmp" => icmp: Seconds, default("60");
        /// How long a port rests after its last session, unless that was TCP and was seen to close.
        "port-quarantine" => port_quarantine: Seconds, default("120");
    }

    /// Where it is logged which customer has which block of ports.
    NatLog {
        /// A file of JSON lines, to which is added.
        "file" => file: AbsolutePath, optional;
        /// A syslog server.
        "syslog" => syslog: Syslog, optional_section;
        /// Whether each session is logged as well, with its destination.
        "sessions" => sessions: Bool, default("false");
    }

    /// A syslog server (RFC 5424), spoken to over UDP.
    Syslog {
        /// Its address, with its port where that is not 514.
        "server" => server: SyslogServer, required;
        /// The facility of the messages.
        "facility" => facility: OneOf<Facility>, default("local4");
    }

    /// A tenant's network address translation toward a shared external network. It is for IPv4: IPv6 is never
    /// translated.
    TenantNat {
        /// Pools of public addresses. Tenants that name the same pool share it.
        "pools" => pools: List<NatPool>, list;
        /// Customer addresses that have a public address of their own.
        "static" => statics: List<StaticNat>, list;
        /// Public ports that lead to a customer address.
        "forwards" => forwards: List<PortForward>, list;
        /// Destinations that the tenant's own addresses are shown to, untranslated.
        "exempt" => exempt: List<NatPrefix>, list;
        /// Whom sessions let in.
        "filtering" => filtering: NatFiltering, section;
        /// How much the tenant, and each of its customer addresses, may take.
        "limits" => limits: NatLimits, section;
    }

    /// Public addresses whose ports are handed out to customer addresses in blocks.
    NatPool {
        /// One address, a prefix, or first and last address.
        "addresses" => addresses: AddressRange, required;
        /// First and last port that are handed out.
        "ports" => ports: Ports, default("1024-65535");
        /// Ports that a customer address gets at a time: a power of two.
        "block-size" => block_size: BlockSize, default("512");
    }

    /// A customer address that has a public address of its own.
    StaticNat {
        /// The public address, in no pool.
        "public" => public: NatAddress, required;
        /// The customer address.
        "customer" => customer: NatAddress, required;
    }

    /// Public ports that lead to a customer address.
    PortForward {
        /// The public address; it may be one of a pool.
        "public" => public: NatAddress, required;
        /// The protocol.
        "protocol" => protocol: OneOf<ForwardProtocol>, required;
        /// The public port, or first and last.
        "ports" => ports: Ports, required;
        /// The customer address.
        "customer" => customer: NatAddress, required;
        /// The customer's port for the first public port, the others follow it; left out, the same ports.
        "to" => to: Port, optional;
    }

    /// Whom a session lets in: everyone, or only addresses that the customer has sent to.
    NatFiltering {
        /// TCP.
        "tcp" => tcp: OneOf<Filtering>, default("endpoint-independent");
        /// UDP.
        "udp" => udp: OneOf<Filtering>, default("endpoint-independent");
        /// ICMP queries.
        "icmp" => icmp: OneOf<Filtering>, default("endpoint-independent");
    }

    /// How much a tenant, and each of its customer addresses, may take; left out, as much as fits where no default is named.
    NatLimits {
        /// Sessions of the tenant at a time.
        "sessions" => sessions: Most, optional;
        /// Public ports of the tenant at a time.
        "ports" => ports: Most, optional;
        /// New sessions of the tenant in any one second.
        "new-sessions-per-second" => new_sessions: Most, optional;
        /// Sessions of one customer address at a time: one customer must not use up the worker's table.
        "sessions-per-address" => address_sessions: Most, default("16384");
        /// Public ports of one customer address at a time.
        "ports-per-address" => address_ports: Most, optional;
        /// New sessions of one customer address in any one second.
        "new-sessions-per-second-per-address" => address_new_sessions: Most, optional;
    }
}
