//! Lookup records: where a customer address lives, and the headers that lead there.

use nvgw_types::{AdjacencyId, FlowId, MacAddr, VrfId, Vsid};
use zerocopy::IntoBytes;

use super::ScopedAddress;
use crate::packet::{ethernet, gre};
use crate::tables::hash::Keyed;

/// Length of the headers that a record adds: GRE and inner Ethernet.
pub(super) const HEADERS: usize = gre::HEADER + ethernet::HEADER;

const FLOW_ID_ZERO: u8 = 1;
const ON_LINK: u8 = 2;

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
    vrf: VrfId,
    adjacency: AdjacencyId,
    headers: [u8; HEADERS],
    flags: u8,
    _reserved: u8,
}

const _: () = assert!(size_of::<Record>() == 64);

impl Record {
    /// Builds a record.
    #[must_use]
    pub fn new(spec: &RecordSpec) -> Self {
        let ethertype = if spec.address >> 32 == 0xffff { ethernet::IPV4 } else { ethernet::IPV6 };
        let mut headers = [0; HEADERS];
        let (gre, ethernet) = headers.split_at_mut(gre::HEADER);
        gre.copy_from_slice(gre::Gre::new(spec.vsid, FlowId(0)).as_bytes());
        ethernet.copy_from_slice(ethernet::Ethernet::new(spec.mac, spec.gateway_mac, ethertype).as_bytes());
        Self {
            address: spec.address,
            provider: spec.provider,
            vrf: spec.vrf,
            adjacency: spec.adjacency,
            headers,
            flags: if spec.flow_id_zero { FLOW_ID_ZERO } else { 0 } | if spec.on_link { ON_LINK } else { 0 },
            _reserved: 0,
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
        self.flags & FLOW_ID_ZERO != 0
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
        ScopedAddress { scope: self.vrf.0, address: self.address }
    }
}
