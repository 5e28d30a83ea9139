//! Frames, byte by byte, written without the gateway's own packet views.

use std::net::IpAddr;

/// An Ethernet address.
pub(crate) type Mac = [u8; 6];

/// The EtherType of IPv4.
pub(crate) const IPV4: u16 = 0x0800;
/// The EtherType of IPv6.
pub(crate) const IPV6: u16 = 0x86dd;
/// Protocol number of UDP.
pub(crate) const UDP: u8 = 17;
/// Protocol number of GRE.
pub(crate) const GRE: u8 = 47;
/// Next header: a fragment header.
pub(crate) const FRAGMENT: u8 = 44;
/// Next header: options for the destination.
const DESTINATION: u8 = 60;
/// Don't fragment.
pub(crate) const DF: u16 = 0x4000;
/// More fragments follow.
pub(crate) const MORE: u16 = 0x2000;
/// The first 16 bits of NVGRE's GRE header.
pub(crate) const KEY_PRESENT: u16 = 0x2000;
/// GRE's protocol type of NVGRE.
pub(crate) const BRIDGED: u16 = 0x6558;

/// An IP header of either family, of which both ends are; lengths and checksum follow from it.
#[derive(Debug, Clone)]
pub(crate) struct Ip {
    /// DSCP and ECN; of IPv6, the traffic class.
    pub(crate) tos: u8,
    pub(crate) identification: u16,
    /// Flags and fragment offset, as IPv4 has them; IPv6 has a fragment header where they are those of a fragment.
    pub(crate) fragment: u16,
    /// Of IPv6, the hop limit.
    pub(crate) ttl: u8,
    pub(crate) protocol: u8,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// Words of no-operation options; of IPv6, extension headers of 8 bytes that say nothing.
    pub(crate) options: u8,
}

impl Ip {
    pub(crate) fn new(source: IpAddr, destination: IpAddr, protocol: u8) -> Self {
        Self { tos: 0, identification: 0, fragment: DF, ttl: 64, protocol, source, destination, options: 0 }
    }

    /// The EtherType of its family.
    pub(crate) const fn ethertype(&self) -> u16 {
        if self.source.is_ipv4() { IPV4 } else { IPV6 }
    }

    const fn is_fragment(&self) -> bool {
        self.fragment & 0x3fff != 0
    }

    /// Its length in bytes.
    pub(crate) fn length(&self) -> usize {
        if self.source.is_ipv4() {
            20 + 4 * usize::from(self.options)
        } else {
            40 + 8 * usize::from(self.options) + if self.is_fragment() { 8 } else { 0 }
        }
    }

    /// The packet with this header.
    pub(crate) fn packet(&self, payload: &[u8]) -> Vec<u8> {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                self.ipv4([source.octets(), destination.octets()], payload)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                self.ipv6([source.octets(), destination.octets()], payload)
            }
            (source, destination) => panic!("from {source} to {destination}"),
        }
    }

    fn ipv4(&self, ends: [[u8; 4]; 2], payload: &[u8]) -> Vec<u8> {
        let header = self.length();
        let mut bytes = vec![0x40 | (header / 4) as u8, self.tos];
        bytes.extend(((header + payload.len()) as u16).to_be_bytes());
        bytes.extend(self.identification.to_be_bytes());
        bytes.extend(self.fragment.to_be_bytes());
        bytes.extend([self.ttl, self.protocol, 0, 0]);
        bytes.extend(ends.concat());
        bytes.resize(header, 1);
        let sum = checksum(&bytes);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    /// Extension headers with options come first, then that of a fragment.
    fn ipv6(&self, ends: [[u8; 16]; 2], payload: &[u8]) -> Vec<u8> {
        let last = if self.is_fragment() { FRAGMENT } else { self.protocol };
        let first = if self.options > 0 { DESTINATION } else { last };
        let mut bytes = vec![0x60 | self.tos >> 4, self.tos << 4, 0, 0];
        bytes.extend(((self.length() - 40 + payload.len()) as u16).to_be_bytes());
        bytes.extend([first, self.ttl]);
        bytes.extend(ends.concat());
        for left in (0..self.options).rev() {
            // One option, which pads (RFC 8200 §4.2).
            bytes.extend([if left == 0 { last } else { DESTINATION }, 0, 1, 4, 0, 0, 0, 0]);
        }
        if self.is_fragment() {
            let more = u16::from(self.fragment & MORE != 0);
            bytes.extend([self.protocol, 0]);
            bytes.extend((self.fragment << 3 | more).to_be_bytes());
            bytes.extend(u32::from(self.identification).to_be_bytes());
        }
        bytes.extend(payload);
        bytes
    }
}

/// The internet checksum (RFC 1071), two bytes at a time.
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) * 256 + u32::from(*pair.get(1).unwrap_or(&0));
        if sum > 0xffff {
            sum -= 0xffff;
        }
    }
    !(sum as u16)
}

/// An Ethernet frame; `vlan` is the tag control information of its 802.1Q tag.
pub(crate) fn ethernet(to: Mac, from: Mac, vlan: Option<u16>, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = [to, from].concat();
    if let Some(vlan) = vlan {
        bytes.extend([0x81, 0x00]);
        bytes.extend(vlan.to_be_bytes());
    }
    bytes.extend(ethertype.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A GRE header with a key, and what it carries.
pub(crate) fn gre(flags: u16, protocol: u16, vsid: u32, flow: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(flags.to_be_bytes());
    bytes.extend(protocol.to_be_bytes());
    bytes.extend((vsid << 8 | u32::from(flow)).to_be_bytes());
    bytes.extend(payload);
    bytes
}
