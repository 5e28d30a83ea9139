//! Every way in which a packet may end without being forwarded.

/// Declares the enum and its table together, so that a reason cannot exist in one and not in the other.
macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $hyper_v:expr, $text:literal;)+) => {
        /// Why a packet was dropped. Counters, `/metrics`, the CLI, the replay report and the documentation all
        /// come from this one table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum DropReason {
            $(#[doc = $text] $(#[$doc])* $variant,)+
        }

        impl DropReason {
            /// All reasons, in the order of their discriminants.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in reports, metrics and commands.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What Hyper-V's network virtualization trace calls the same failure, where it knows it.
            #[must_use]
            pub const fn hyper_v_name(self) -> Option<&'static str> {
                match self { $(Self::$variant => $hyper_v,)+ }
            }

            /// One sentence for people.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

drop_reasons! {
    // Outer Ethernet.
    NotOurMac = "not-our-mac", None, "The frame's destination is another station's Ethernet address.";
    VlanUnknown = "vlan-unknown", None, "No site and no external network uses the frame's VLAN on this port.";
    EthertypeUnknown = "ethertype-unknown", None, "The frame carries neither IP nor ARP.";
    // Outer IP, or the IP header of a packet from outside.
    OuterMalformed = "outer-malformed", None, "The outer headers are truncated or contradict each other.";
    OuterChecksum = "outer-checksum", None, "The header checksum of the outer or external IPv4 header is wrong.";
    OuterFragment = "outer-fragment", None, "An NVGRE packet came in fragments, which RFC 7637 lets a receiver discard.";
    ReassemblyInvalid = "reassembly-invalid", None, "An outer fragment that no packet can have, or that repeats, overlaps or contradicts another.";
    ReassemblyFull = "reassembly-full", None, "An outer fragment, and no room for its packet among those that wait for others.";
    ReassemblyTimeout = "reassembly-timeout", None, "An outer fragment whose packet did not become whole in time.";
    OuterMartianSource = "outer-martian-source", None, "The outer or external source address cannot be a sender's.";
    OuterDestinationUnknown = "outer-destination-unknown", None, "The outer destination is none of the gateway's addresses on that network.";
    OuterProtocolUnknown = "outer-protocol-unknown", None, "A packet to a provider address carries neither GRE nor ICMP.";
    OwnPacket = "own-packet", None, "The gateway's own address is the source: a packet of its own came back.";
    // GRE.
    GreChecksumBit = "gre-checksum-bit", None, "GRE's checksum bit is set, which NVGRE forbids.";
    GreNoKey = "gre-no-key", None, "GRE's key bit is clear: no VSID.";
    GreFlags = "gre-flags", None, "A GRE routing, sequence or reserved bit is set.";
    GreVersion = "gre-version", None, "GRE's version is not 0.";
    GreProtocol = "gre-protocol", None, "GRE carries something other than Ethernet (0x6558).";
    VsidReserved = "vsid-reserved", None, "The VSID is one of 0 to 0xFFF, reserved by RFC 7637.";
    VsidVendor = "vsid-vendor", None, "The VSID is 0xFFFFFF, vendor specific in RFC 7637.";
    NoPolicyForVsid = "no-policy-for-vsid", Some("No policy for VSID"), "No tenant has this VSID.";
    // Inner Ethernet.
    InnerVlan = "inner-vlan", None, "The inner frame carries an 802.1Q tag, which RFC 7637 forbids.";
    InnerDestinationMac = "inner-destination-mac", None, "The inner destination is not the gateway's Ethernet address in that subnet.";
    UnsupportedEthertype = "unsupported-ethertype", Some("Unsupported EtherType"), "The inner frame carries neither IPv4 nor ARP.";
    // Inner IP.
    Malformed = "malformed", Some("Malformed packet"), "The inner headers are truncated or contradict each other.";
    IpChecksum = "ip-checksum", Some("IP checksum failure"), "The header checksum of the inner IPv4 header is wrong.";
    InnerMartianSource = "inner-martian-source", None, "The inner source address cannot be a sender's.";
    CongestionMark = "congestion-mark", Some("ECN marked on non-ECN-capable packet"), "Congestion was marked on the way, and the inner packet cannot carry the mark (RFC 6040).";
    // The sender check.
    SourceRecordMissing = "source-record-missing", Some("Source lookup record missing"), "The sender's customer address has no lookup record in the routing domain.";
    SourceCaPaMismatch = "source-ca-pa-mismatch", Some("Source CA-PA mismatch"), "The sender's lookup record names another provider address.";
    SourceCaMacMismatch = "source-ca-mac-mismatch", Some("Source CA-MAC mismatch"), "The sender's lookup record names another Ethernet address.";
    // Routing.
    VirtualRouteMissing = "virtual-route-missing", Some("Virtual (customer) route missing"), "The tenant's VRF has no route to the destination.";
    DestinationRecordMissing = "destination-record-missing", Some("Destination lookup record missing"), "The destination's customer address has no lookup record.";
    DestinationCaPaMismatch = "destination-ca-pa-mismatch", Some("Destination CA-PA mismatch"), "The destination's lookup record contradicts its provider address.";
    ProviderRouteMissing = "provider-route-missing", Some("Physical (provider) route missing"), "The provider network has no route to the destination's provider address.";
    ExternalRouteMissing = "external-route-missing", None, "The external network has no route to the destination.";
    Transit = "transit", None, "A packet from outside would leave to the outside again.";
    MulticastUnsupported = "multicast-unsupported", None, "The destination is a multicast or broadcast address, which is not forwarded.";
    TtlExpired = "ttl-expired", Some("TTL expired"), "The packet's time to live is used up.";
    MtuExceeded = "mtu-exceeded", Some("MTU exceeded"), "The packet does not fit the way out.";
    // Translation (NAT44).
    NatNoPool = "nat-no-pool", None, "The tenant's packets are translated, but no pool, 1:1 address or forward is for their sender.";
    NatPoolExhausted = "nat-pool-exhausted", None, "No address of the tenant's pools has a free port block.";
    NatPortsExhausted = "nat-ports-exhausted", None, "The customer's public address has no free port left for it.";
    NatSessionLimit = "nat-session-limit", None, "The tenant or the customer address has as many NAT sessions as it may have.";
    NatPortLimit = "nat-port-limit", None, "The tenant or the customer address has as many public ports as it may have.";
    NatRateLimit = "nat-rate-limit", None, "The tenant or the customer address makes more new NAT sessions a second than it may.";
    NatTableFull = "nat-table-full", None, "The worker's session table is full.";
    NatNoSession = "nat-no-session", None, "No NAT session and no binding translates the packet, and it may begin none.";
    NatFiltered = "nat-filtered", None, "The customer has not sent to the packet's source, and filtering is address-dependent.";
    NatUnsolicited = "nat-unsolicited", None, "A SYN from outside for which there is no session: silently held for a simultaneous open.";
    NatProtocol = "nat-protocol", None, "The packet's protocol has no ports, so only 1:1 addresses translate it.";
    NatMalformed = "nat-malformed", None, "The transport header of a packet to be translated is truncated or contradicts itself.";
    NatFragment = "nat-fragment", None, "A fragment whose first one did not come in time, or more fragments than may wait.";
    NatIcmpError = "nat-icmp-error", None, "An ICMP error about a packet that no NAT session sent.";
    NatLogFull = "nat-log-full", None, "A port block cannot be handed out, since the log of the ones before is not written yet.";
    HandOverFull = "hand-over-full", None, "The queue to the worker that the packet is for is full.";
    // Neighbours.
    NeighborUnresolved = "neighbor-unresolved", Some("Neighbour unresolved"), "The next hop did not answer ARP or neighbour discovery.";
    HoldQueueFull = "hold-queue-full", None, "Too many packets already wait for the next hop's answer.";
    // The gateway's own addresses.
    LocalUnsupported = "local-unsupported", None, "A packet to the gateway itself is none that it answers.";
    ArpIgnored = "arp-ignored", None, "An ARP packet that is malformed or contradicts the configuration.";
    DiscoveryIgnored = "discovery-ignored", None, "A neighbour discovery packet that is malformed or contradicts the configuration.";
    // Resources.
    PuntPoliced = "punt-policed", None, "More packets of this kind are for the control thread than it takes from one port, network or tenant.";
    PuntQueueFull = "punt-queue-full", None, "The control thread's queue for packets of this kind is full.";
    TransmitFull = "transmit-full", None, "The port did not take the packet in time.";
    OversizedFrame = "oversized-frame", None, "The frame is longer than the port's MTU allows.";
    NoBuffer = "no-buffer", None, "No packet buffer was left, or the packet has no room for its new headers.";
}

impl DropReason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The reason as an index into tables of [`Self::COUNT`].
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_kebab_case_and_in_the_order_of_discriminants() {
        let names: BTreeSet<_> = DropReason::ALL.iter().map(|r| r.name()).collect();
        assert_eq!(names.len(), DropReason::COUNT);
        for (index, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), index);
            assert!(reason.name().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{reason:?}");
            assert!(reason.description().ends_with('.'), "{reason:?}");
        }
    }
}
