//! What a frame says about its sender.

use std::net::IpAddr;

use nvgw_types::{MacAddr, VrfId, Vsid};
use zerocopy::FromBytes;

use crate::control::desired::Customer;
use crate::packet::arp::Arp;
use crate::packet::ethernet::{self, Ethernet};
use crate::packet::ipv4::Ipv4;
use crate::packet::ipv6::Ipv6;

/// Who sent a frame, as it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The VSID it carried.
    pub vsid: Vsid,
    /// The sender's address, in its tenant's VRF.
    pub customer: Customer,
    /// The sender's Ethernet address.
    pub mac: MacAddr,
    /// The provider address that it came from.
    pub provider: IpAddr,
}

impl Seen {
    /// Reads the inner frame that a worker handed over. `None` where it is neither IP nor ARP, or ARP that speaks
    /// for another station than the one that sends it.
    #[must_use]
    pub fn read(vsid: Vsid, vrf: VrfId, provider: IpAddr, frame: &[u8]) -> Option<Self> {
        let (header, payload) = Ethernet::ref_from_prefix(frame).ok()?;
        let mac = header.source();
        let address = match header.ethertype() {
            ethernet::IPV4 => IpAddr::V4(Ipv4::ref_from_prefix(payload).ok()?.0.source().into()),
            ethernet::IPV6 => IpAddr::V6(Ipv6::ref_from_prefix(payload).ok()?.0.source().into()),
            ethernet::ARP => {
                let (arp, _) = Arp::checked(payload).filter(|(arp, _)| arp.sender_mac() == mac)?;
                arp.sender().into()
            }
            _ => return None,
        };
        Some(Self { vsid, customer: Customer { vrf, address }, mac, provider })
    }
}
