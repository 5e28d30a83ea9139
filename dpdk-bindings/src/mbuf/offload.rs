//! What the device found out about a packet, and what it is asked to do with one.

use dpdk_sys::{
    MBUF_F_RX_IP_CKSUM_BAD, MBUF_F_RX_IP_CKSUM_GOOD, MBUF_F_RX_IP_CKSUM_MASK, MBUF_F_RX_L4_CKSUM_BAD,
    MBUF_F_RX_L4_CKSUM_GOOD, MBUF_F_RX_L4_CKSUM_MASK, MBUF_F_RX_RSS_HASH, MBUF_F_TX_IP_CKSUM, MBUF_F_TX_IPV4,
    MBUF_F_TX_IPV6, MBUF_F_TX_TCP_CKSUM, MBUF_F_TX_UDP_CKSUM, MBUF_L2_LEN_BITS, MBUF_L2_LEN_SHIFT,
    MBUF_L3_LEN_BITS, MBUF_L3_LEN_SHIFT, PTYPE_L3_IPV4, PTYPE_TUNNEL_MASK,
};

use super::Mbuf;

/// What the device found out about a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// Nothing: look at it.
    Unknown,
    /// It is right.
    Good,
    /// It is wrong.
    Bad,
}

impl Checksum {
    fn read(flags: u64, mask: u64, good: u64, bad: u64) -> Self {
        match flags & mask {
            found if found == good => Self::Good,
            found if found == bad => Self::Bad,
            _ => Self::Unknown,
        }
    }
}

/// The network layer of a packet whose checksums the device fills in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// IPv4, and whether the device fills in the header checksum.
    Ipv4 {
        /// The header checksum too.
        header_checksum: bool,
    },
    /// IPv6.
    Ipv6,
}

/// The transport layer whose checksum the device fills in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// None of it.
    None,
    /// TCP: its checksum field has the pseudo header's sum.
    Tcp,
    /// UDP: its checksum field has the pseudo header's sum.
    Udp,
}

/// The checksums that the device fills in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxChecksum {
    /// Bytes in front of the network header.
    pub l2_len: u8,
    /// Bytes of the network header.
    pub l3_len: u16,
    /// The network layer.
    pub network: Network,
    /// The transport layer.
    pub transport: Transport,
}

impl TxChecksum {
    fn flags(self) -> u64 {
        let network = match self.network {
            Network::Ipv4 { header_checksum: true } => MBUF_F_TX_IPV4 | MBUF_F_TX_IP_CKSUM,
            Network::Ipv4 { header_checksum: false } => MBUF_F_TX_IPV4,
            Network::Ipv6 => MBUF_F_TX_IPV6,
        };
        let transport = match self.transport {
            Transport::None => 0,
            Transport::Tcp => MBUF_F_TX_TCP_CKSUM,
            Transport::Udp => MBUF_F_TX_UDP_CKSUM,
        };
        network | transport
    }
}

/// Every flag that [`TxChecksum`] sets; the two transports are values of one field.
const TX_CHECKSUM: u64 =
    MBUF_F_TX_IPV4 | MBUF_F_TX_IPV6 | MBUF_F_TX_IP_CKSUM | MBUF_F_TX_TCP_CKSUM | MBUF_F_TX_UDP_CKSUM;

/// Whether flags and type of a received packet say that it is IPv4 in no tunnel, and its header checksum right.
#[inline]
const fn is_checked_ipv4(flags: u64, packet_type: u32) -> bool {
    flags & MBUF_F_RX_IP_CKSUM_MASK == MBUF_F_RX_IP_CKSUM_GOOD
        && packet_type & (PTYPE_L3_IPV4 | PTYPE_TUNNEL_MASK) == PTYPE_L3_IPV4
}

impl Mbuf {
    /// The hash by which the device chose the queue, if it told.
    #[inline]
    #[must_use]
    pub fn rss_hash(&self) -> Option<u32> {
        let head = self.head();
        (head.ol_flags() & MBUF_F_RX_RSS_HASH != 0).then(|| head.rss())
    }

    /// What the device says about the outermost IPv4 header's checksum.
    #[inline]
    #[must_use]
    pub fn ip_checksum(&self) -> Checksum {
        Checksum::read(
            self.head().ol_flags(),
            MBUF_F_RX_IP_CKSUM_MASK,
            MBUF_F_RX_IP_CKSUM_GOOD,
            MBUF_F_RX_IP_CKSUM_BAD,
        )
    }

    /// Whether the device says that this is an IPv4 packet, in or around no tunnel that it knows of, and that its header
    /// checksum is right. Drivers do not agree which header of a tunnel it is whose checksum they call right.
    #[inline]
    #[must_use]
    pub fn is_checked_ipv4(&self) -> bool {
        let head = self.head();
        is_checked_ipv4(head.ol_flags(), head.packet_type())
    }

    /// What the device says about the outermost transport header's checksum.
    #[inline]
    #[must_use]
    pub fn transport_checksum(&self) -> Checksum {
        Checksum::read(
            self.head().ol_flags(),
            MBUF_F_RX_L4_CKSUM_MASK,
            MBUF_F_RX_L4_CKSUM_GOOD,
            MBUF_F_RX_L4_CKSUM_BAD,
        )
    }

    /// Has the device fill in checksums when it sends the packet, which it must be
    /// [capable](crate::Capabilities) of and [set up](crate::PortOptions::checksums) for. The checksum field of an IPv4
    /// header that it is to fill in must be zero when it does. `false` changes nothing: the headers are longer than the
    /// first segment, or than the device can be told.
    #[inline]
    #[must_use]
    pub fn request_checksum(&mut self, checksum: TxChecksum) -> bool {
        let (l2, l3) = (u64::from(checksum.l2_len), u64::from(checksum.l3_len));
        if l2 >> MBUF_L2_LEN_BITS != 0 || l3 >> MBUF_L3_LEN_BITS != 0 || l2 + l3 > u64::from(self.data_len())
        {
            return false;
        }
        let head = self.head();
        head.set_tx_offload(l2 << MBUF_L2_LEN_SHIFT | l3 << MBUF_L3_LEN_SHIFT);
        head.set_ol_flags(head.ol_flags() & !TX_CHECKSUM | checksum.flags());
        true
    }
}

#[cfg(test)]
mod tests {
    use dpdk_sys::{PTYPE_L3_IPV6, PTYPE_TUNNEL_GRE, PTYPE_TUNNEL_NVGRE};

    use super::*;

    #[test]
    fn only_what_a_device_says_clearly_counts_as_checked() {
        // Some devices know whether there are options, others do not.
        const OPTIONS: u32 = 0x80;
        let good = MBUF_F_RX_IP_CKSUM_GOOD;
        for packet_type in [PTYPE_L3_IPV4, PTYPE_L3_IPV4 | OPTIONS, PTYPE_L3_IPV4 | 0x1] {
            assert!(is_checked_ipv4(good, packet_type), "{packet_type:#x}");
            assert!(is_checked_ipv4(good | MBUF_F_RX_L4_CKSUM_BAD | MBUF_F_RX_RSS_HASH, packet_type));
            // Bad, nothing, and the fourth value of the field, which stands for headers that have no checksum.
            for flags in [MBUF_F_RX_IP_CKSUM_BAD, 0, MBUF_F_RX_IP_CKSUM_MASK, MBUF_F_RX_L4_CKSUM_GOOD] {
                assert!(!is_checked_ipv4(flags, packet_type), "{flags:#x}");
            }
        }
        for packet_type in
            [0, PTYPE_L3_IPV6, PTYPE_L3_IPV4 | PTYPE_TUNNEL_GRE, PTYPE_L3_IPV4 | PTYPE_TUNNEL_NVGRE]
        {
            assert!(!is_checked_ipv4(good, packet_type), "{packet_type:#x}");
        }
    }

    #[test]
    fn what_is_asked_of_a_device_is_in_its_flags() {
        let wanted = TxChecksum {
            l2_len: 18,
            l3_len: 20,
            network: Network::Ipv4 { header_checksum: true },
            transport: Transport::None,
        };
        assert_eq!(wanted.flags(), MBUF_F_TX_IPV4 | MBUF_F_TX_IP_CKSUM);
        let udp = TxChecksum { network: Network::Ipv6, transport: Transport::Udp, ..wanted };
        assert_eq!(udp.flags(), MBUF_F_TX_IPV6 | MBUF_F_TX_UDP_CKSUM);
    }
}
