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
        self.ip_checksum() == Checksum::Good
            && self.head().packet_type() & (PTYPE_L3_IPV4 | PTYPE_TUNNEL_MASK) == PTYPE_L3_IPV4
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
