//! Lookup records: where a customer address lives, and the headers that lead there.

use nvgw_types::{AdjacencyId, FlowId, MacAddr, VrfId, Vsid};
use zerocopy::IntoBytes;

use super::ScopedAddress;
use crate::packet::{ethernet, gre};
use crate::tables::hash::Keyed;

/// Length of the headers that a record adds: GRE and inner Ethernet.
pub(super) const HEADERS: usize = gre::HEADER + ethernet::HEADER;

const ON_LINK: u8 = 1;
/// What a record's VRF has besides where its customer address is of IPv4: VRFs are numbered by fewer bits, as a route's
/// target has room for.
const IPV4: u32 = 1 << 31;

/// What a record is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSpec {
    /// The routing domain's VRF.
    pub vrf: VrfId,
    /// The customer address as a number, IPv4 in its mapped form.
    pub address: u128,
    /// The provider address of its host, likewise.
    pub provider: u128,
    /// The way to that host.
    pub adjacency: AdjacencyId,
    /// The VSID its frames carry.
    pub vsid: Vsid,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// The gateway's Ethernet address in its subnet.
    pub gateway_mac: MacAddr,
    /// Whether its FlowID is always zero.
    pub flow_id_zero: bool,
    /// Whether its VRF's route to the address is its subnet's, see [`Record::on_link`].
    pub on_link: bool,
}

/// A lookup record, ready for both directions: the sender check reads its addresses, encapsulation copies its
/// prebuilt GRE and inner Ethernet headers. One cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Record {
    address: u128,
    provider: u128,
    /// The number of its VRF, and [`IPV4`] if that is what the address is: an IPv4 address is compared by a word then.
    scope: u32,
    adjacency: AdjacencyId,
    headers: [u8; HEADERS],
    flags: u8,
    /// The bits of a FlowID that are sent.
    flow_mask: u8,
}

const _: () = assert!(size_of::<Record>() == 64);

impl Record {
    /// Builds a record.
    #[must_use]
    pub fn new(spec: &RecordSpec) -> Self {
        let is_ipv4 = spec.address >> 32 == 0xffff;
        let ethertype = if is_ipv4 { ethernet::IPV4 } else { ethernet::IPV6 };
        assert!(spec.vrf.0 < IPV4, "VRFs have fewer bits");
        let mut headers = [0; HEADERS];
        let (gre, ethernet) = headers.split_at_mut(gre::HEADER);
        gre.copy_from_slice(gre::Gre::new(spec.vsid, FlowId(0)).as_bytes());
        ethernet.copy_from_slice(ethernet::Ethernet::new(spec.mac, spec.gateway_mac, ethertype).as_bytes());
        Self {
            address: spec.address,
            provider: spec.provider,
            scope: spec.vrf.0 | if is_ipv4 { IPV4 } else { 0 },
            adjacency: spec.adjacency,
            headers,
            flags: if spec.on_link { ON_LINK } else { 0 },
            flow_mask: if spec.flow_id_zero { 0 } else { 0xff },
        }
    }

    /// The customer address as a number.
    #[inline(always)]
    #[must_use]
    pub const fn address(&self) -> u128 {
        self.address
    }

    /// The host's provider address as a number.
    #[inline(always)]
    #[must_use]
    pub const fn provider(&self) -> u128 {
        self.provider
    }

    /// The way to the host.
    #[inline(always)]
    #[must_use]
    pub const fn adjacency(&self) -> AdjacencyId {
        self.adjacency
    }

    /// The VM's Ethernet address.
    #[inline(always)]
    #[must_use]
    pub const fn mac(&self) -> MacAddr {
        let h = &self.headers;
        MacAddr([h[8], h[9], h[10], h[11], h[12], h[13]])
    }

    /// The bytes of [`mac`](Self::mac), where they are.
    #[inline(always)]
    #[must_use]
    pub fn mac_bytes(&self) -> &[u8; 6] {
        let [_, _, _, _, _, _, _, _, mac @ .., _, _, _, _, _, _, _, _] = &self.headers;
        mac
    }

    /// The VSID its frames carry.
    #[must_use]
    pub const fn vsid(&self) -> Vsid {
        let h = &self.headers;
        Vsid::from_key(u32::from_be_bytes([h[4], h[5], h[6], h[7]]))
    }

    /// Whether its FlowID is always zero.
    #[inline(always)]
    #[must_use]
    pub const fn flow_id_zero(&self) -> bool {
        self.flow_mask == 0
    }

    /// The FlowID of its packets, of a flow with this hash.
    #[inline(always)]
    #[must_use]
    pub const fn flow_id(&self, hash: u8) -> u8 {
        hash & self.flow_mask
    }

    /// Whether it is the one of an IPv4 address (host byte order) in a VRF.
    #[inline(always)]
    #[must_use]
    pub const fn is_of_ipv4(&self, vrf: VrfId, address: u32) -> bool {
        self.address as u32 == address && self.scope == vrf.0 | IPV4
    }

    /// Whether it is the one of an IPv6 address in a VRF.
    #[inline(always)]
    #[must_use]
    pub const fn is_of_ipv6(&self, vrf: VrfId, address: u128) -> bool {
        self.address == address && self.scope == vrf.0
    }

    /// Whether its VRF's route to the address is its subnet's: who comes from another VRF and finds the record need not
    /// look for a route. `false` where a more specific one, a customer route say, may lead past it.
    #[inline(always)]
    #[must_use]
    pub const fn on_link(&self) -> bool {
        self.flags & ON_LINK != 0
    }

    /// GRE and inner Ethernet headers, FlowID zero.
    #[inline(always)]
    pub(super) const fn headers(&self) -> &[u8; HEADERS] {
        &self.headers
    }
}

impl Keyed for Record {
    type Key = ScopedAddress;

    #[inline(always)]
    fn key(&self) -> ScopedAddress {
        ScopedAddress { scope: self.scope & !IPV4, address: self.address }
    }
}
