//! Ethernet II and 802.1Q (IEEE 802.3, 802.1Q).

use nvgw_types::MacAddr;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const ARP: u16 = 0x0806;
/// EtherType of IPv6.
pub const IPV6: u16 = 0x86dd;
/// EtherType of an 802.1Q tag.
pub const VLAN: u16 = 0x8100;
/// EtherType of an 802.1ad service tag.
pub const SERVICE_VLAN: u16 = 0x88a8;
/// EtherType that older equipment puts before a second tag.
pub const LEGACY_QINQ: u16 = 0x9100;
/// Length of a header without a tag.
pub const HEADER: usize = 14;
/// Length of an 802.1Q tag.
pub const TAG: usize = 4;

/// Whether an EtherType announces a VLAN tag of any kind.
#[inline(always)]
#[must_use]
pub const fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, VLAN | SERVICE_VLAN | LEGACY_QINQ)
}

/// An Ethernet header without a tag.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Ethernet {
    destination: [u8; 6],
    source: [u8; 6],
    ethertype: U16,
}

impl Ethernet {
    /// A header.
    #[must_use]
    pub const fn new(destination: MacAddr, source: MacAddr, ethertype: u16) -> Self {
        Self { destination: destination.0, source: source.0, ethertype: U16::new(ethertype) }
    }

    /// Where the frame goes.
    #[inline(always)]
    #[must_use]
    pub const fn destination(&self) -> MacAddr {
        MacAddr(self.destination)
    }

    /// Who sent it.
    #[inline(always)]
    #[must_use]
    pub const fn source(&self) -> MacAddr {
        MacAddr(self.source)
    }

    /// What follows, in host byte order.
    #[inline(always)]
    #[must_use]
    pub const fn ethertype(&self) -> u16 {
        self.ethertype.get()
    }
}

/// An 802.1Q tag and the EtherType after it.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Tag {
    control: U16,
    ethertype: U16,
}

impl Tag {
    /// A tag of priority 0.
    #[must_use]
    pub const fn new(vlan: u16, ethertype: u16) -> Self {
        Self { control: U16::new(vlan & 0x0fff), ethertype: U16::new(ethertype) }
    }

    /// The VLAN identifier; 0 is a priority tag, which belongs to the untagged network.
    #[inline(always)]
    #[must_use]
    pub const fn vlan(&self) -> u16 {
        self.control.get() & 0x0fff
    }

    /// What follows, in host byte order.
    #[inline(always)]
    #[must_use]
    pub const fn ethertype(&self) -> u16 {
        self.ethertype.get()
    }
}
