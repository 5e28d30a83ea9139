//! Ethernet II and 802.1Q (IEEE 802.3, 802.1Q).

use nvgw_types::{Family, MacAddr};
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
    stations: Stations,
    ethertype: U16,
}

/// The stations that a header names.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Stations {
    destination: [u8; 6],
    source: [u8; 6],
}

impl Stations {
    /// None.
    pub const ZERO: Self = Self { destination: [0; 6], source: [0; 6] };

    /// Whether the frame goes to this station.
    #[inline(always)]
    #[must_use]
    pub fn are_to(&self, mac: &MacAddr) -> bool {
        same(&self.destination, &mac.0)
    }

    /// Whether this station, whose address is given as its bytes, sent it.
    #[inline(always)]
    #[must_use]
    pub fn are_from(&self, mac: &[u8; 6]) -> bool {
        same(&self.source, mac)
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
}

/// Whether two addresses are the same, by two words each: workers compare those of every frame, and six bytes are no word.
#[inline(always)]
fn same(one: &[u8; 6], other: &[u8; 6]) -> bool {
    let long = |bytes: &[u8; 6]| u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let short = |bytes: &[u8; 6]| u16::from_ne_bytes([bytes[4], bytes[5]]);
    long(one) == long(other) && short(one) == short(other)
}

impl Ethernet {
    /// A header.
    #[must_use]
    pub const fn new(destination: MacAddr, source: MacAddr, ethertype: u16) -> Self {
        let stations = Stations { destination: destination.0, source: source.0 };
        Self { stations, ethertype: U16::new(ethertype) }
    }

    /// Where the frame goes, and who sent it.
    #[inline(always)]
    #[must_use]
    pub const fn stations(&self) -> Stations {
        self.stations
    }

    /// Where the frame goes.
    #[inline(always)]
    #[must_use]
    pub const fn destination(&self) -> MacAddr {
        self.stations.destination()
    }

    /// Who sent it.
    #[inline(always)]
    #[must_use]
    pub const fn source(&self) -> MacAddr {
        self.stations.source()
    }

    /// What follows, in host byte order.
    #[inline(always)]
    #[must_use]
    pub const fn ethertype(&self) -> u16 {
        self.ethertype.get()
    }

    /// What IP follows, if any does.
    #[inline(always)]
    #[must_use]
    pub fn family(&self) -> Option<Family> {
        family_of(self.ethertype.to_bytes())
    }
}

/// What IP an EtherType announces, if any, which is given as its bytes: they are compared as they are.
#[inline(always)]
#[must_use]
pub fn family_of(ethertype: [u8; 2]) -> Option<Family> {
    const IPV4_AS_SENT: u16 = IPV4.to_be();
    const IPV6_AS_SENT: u16 = IPV6.to_be();
    match u16::from_ne_bytes(ethertype) {
        IPV4_AS_SENT => Some(Family::V4),
        IPV6_AS_SENT => Some(Family::V6),
        _ => None,
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

    /// What IP follows, if any does.
    #[inline(always)]
    #[must_use]
    pub fn family(&self) -> Option<Family> {
        family_of(self.ethertype.to_bytes())
    }
}

/// What IP an EtherType announces, if any, which is given as its bytes: they are compared as they are.
#[inline(always)]
#[must_use]
pub fn family(ethertype: [u8; 2]) -> Option<Family> {
    const IPV4_AS_SENT: u16 = IPV4.to_be();
    const IPV6_AS_SENT: u16 = IPV6.to_be();
    match u16::from_ne_bytes(ethertype) {
        IPV4_AS_SENT => Some(Family::V4),
        IPV6_AS_SENT => Some(Family::V6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stations_differ_in_any_byte() {
        let (one, two) = (MacAddr([1, 2, 3, 4, 5, 6]), MacAddr([6, 5, 4, 3, 2, 1]));
        let stations = Ethernet::new(one, two, IPV4).stations();
        assert!(stations.are_to(&one) && stations.are_from(&two.0));
        for at in 0..6 {
            let (mut one, mut two) = (one, two);
            one.0[at] ^= 0x80;
            two.0[at] ^= 0x01;
            assert!(!stations.are_to(&one) && !stations.are_from(&two.0), "byte {at}");
        }
    }
}
