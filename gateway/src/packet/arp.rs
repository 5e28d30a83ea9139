//! ARP for IPv4 over Ethernet (RFC 826, RFC 5227).

use std::net::Ipv4Addr;

use nvgw_types::MacAddr;
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of a packet.
pub const LENGTH: usize = 28;

/// What an ARP packet does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Asks.
    Request,
    /// Answers.
    Reply,
}

/// An ARP packet for IPv4 over Ethernet.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Arp {
    hardware: U16,
    protocol: U16,
    lengths: [u8; 2],
    operation: U16,
    sender_mac: [u8; 6],
    sender: U32,
    target_mac: [u8; 6],
    target: U32,
}

impl Arp {
    /// Asks who has `target`.
    #[must_use]
    pub fn request(sender_mac: MacAddr, sender: Ipv4Addr, target: Ipv4Addr) -> Self {
        Self::new(1, sender_mac, sender, MacAddr::ZERO, target)
    }

    /// Says that `sender_mac` has `sender`.
    #[must_use]
    pub fn reply(sender_mac: MacAddr, sender: Ipv4Addr, target_mac: MacAddr, target: Ipv4Addr) -> Self {
        Self::new(2, sender_mac, sender, target_mac, target)
    }

    fn new(
        operation: u16,
        sender_mac: MacAddr,
        sender: Ipv4Addr,
        target_mac: MacAddr,
        target: Ipv4Addr,
    ) -> Self {
        Self {
            hardware: U16::new(1),
            protocol: U16::new(super::ethernet::IPV4),
            lengths: [6, 4],
            operation: U16::new(operation),
            sender_mac: sender_mac.0,
            sender: U32::new(sender.into()),
            target_mac: target_mac.0,
            target: U32::new(target.into()),
        }
    }

    /// A view of the packet that starts `bytes`, where it is one for IPv4 over Ethernet with a known operation.
    #[must_use]
    pub fn checked(bytes: &[u8]) -> Option<(&Self, Operation)> {
        let (arp, _) = Self::ref_from_prefix(bytes).ok()?;
        if arp.hardware.get() != 1 || arp.protocol.get() != super::ethernet::IPV4 || arp.lengths != [6, 4] {
            return None;
        }
        let operation = match arp.operation.get() {
            1 => Operation::Request,
            2 => Operation::Reply,
            _ => return None,
        };
        Some((arp, operation))
    }

    /// Who sent it.
    #[must_use]
    pub const fn sender_mac(&self) -> MacAddr {
        MacAddr(self.sender_mac)
    }

    /// The address the sender says is its own; 0.0.0.0 in a probe (RFC 5227 §1.1).
    #[must_use]
    pub const fn sender(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.sender.get())
    }

    /// The address asked for, or the asker's in a reply.
    #[must_use]
    pub const fn target(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.target.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scapy: `ARP(op=1, hwsrc="02:00:00:00:00:01", psrc="10.0.1.5", pdst="10.0.1.1")`
    const REQUEST: [u8; 28] =
        [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 1, 5, 0, 0, 0, 0, 0, 0, 10, 0, 1, 1];

    #[test]
    fn reads_and_writes_what_another_implementation_does() {
        let (arp, operation) = Arp::checked(&REQUEST).expect("valid");
        assert_eq!(operation, Operation::Request);
        assert_eq!(arp.sender(), Ipv4Addr::new(10, 0, 1, 5));
        assert_eq!(arp.target(), Ipv4Addr::new(10, 0, 1, 1));
        let written = Arp::request(arp.sender_mac(), arp.sender(), arp.target());
        assert_eq!(written.as_bytes(), REQUEST);
    }

    #[test]
    fn refuses_other_hardware_protocols_lengths_and_operations() {
        for (at, value) in [(1, 6), (2, 0x86), (4, 8), (5, 16), (7, 0), (7, 3)] {
            let mut bytes = REQUEST;
            bytes[at] = value;
            assert!(Arp::checked(&bytes).is_none(), "byte {at} = {value}");
        }
        for length in 0..LENGTH {
            assert!(Arp::checked(&REQUEST[..length]).is_none(), "{length} bytes");
        }
    }
}
