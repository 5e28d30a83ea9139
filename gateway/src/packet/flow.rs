//! Which flow a frame belongs to: what receive-side scaling hashes, read from the innermost packet.
//!
//! All NVGRE between two provider addresses is one flow to whoever looks at outer headers only. Nothing is checked here
//! that does not change whose flow it is: a frame that is wrong is found so by the worker that gets it.

use nvgw_types::Vsid;
use zerocopy::FromBytes;

use super::ethernet::{self, Ethernet};
use super::gre::Gre;
use super::ipv4::{self, Ipv4};
use super::ipv6::{self, Ipv6};
use super::transport::Ports;

/// Where a packet comes from and where it goes to; host byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// Of IPv4.
    V4 {
        /// The source.
        source: u32,
        /// The destination.
        destination: u32,
    },
    /// Of IPv6.
    V6 {
        /// The source.
        source: u128,
        /// The destination.
        destination: u128,
    },
}

/// The flow of a frame's innermost packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// The VLAN of the frame, 0 for none.
    pub vlan: u16,
    /// The virtual subnet, where the frame carries NVGRE.
    pub vsid: Option<Vsid>,
    /// The addresses.
    pub addresses: Addresses,
    /// The transport protocol.
    pub protocol: u8,
    /// Source and destination port of TCP and UDP. `None` in fragments, of which only the first has ports: all
    /// fragments of a packet are one flow.
    pub ports: Option<(u16, u16)>,
}

impl Flow {
    /// The flow of a frame, of which `bytes` is the first segment. `None` where there is no IP packet in it.
    #[inline(always)]
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let (frame, mut rest) = Ethernet::ref_from_prefix(bytes).ok()?;
        let (mut ethertype, mut vlan) = (frame.ethertype(), 0);
        if ethertype == ethernet::VLAN {
            let (tag, after) = ethernet::Tag::ref_from_prefix(rest).ok()?;
            (vlan, ethertype, rest) = (tag.vlan(), tag.ethertype(), after);
        }
        let outer = Packet::read(ethertype, rest)?;
        if outer.protocol == ipv4::GRE
            && !outer.is_fragment
            && let Ok((gre, rest)) = Gre::ref_from_prefix(outer.payload)
            && gre.is_nvgre()
            && let Ok((frame, rest)) = Ethernet::ref_from_prefix(rest)
            && let Some(inner) = Packet::read(frame.ethertype(), rest)
        {
            return Some(inner.flow(vlan, Some(gre.vsid())));
        }
        Some(outer.flow(vlan, None))
    }
}

/// What an IP header says of its packet's flow.
struct Packet<'b> {
    addresses: Addresses,
    protocol: u8,
    is_fragment: bool,
    payload: &'b [u8],
}

impl<'b> Packet<'b> {
    #[inline(always)]
    fn read(ethertype: u16, bytes: &'b [u8]) -> Option<Self> {
        match ethertype {
            ethernet::IPV4 => {
                let (header, _) = Ipv4::ref_from_prefix(bytes).ok()?;
                Some(Self {
                    addresses: Addresses::V4 { source: header.source(), destination: header.destination() },
                    protocol: header.protocol(),
                    is_fragment: header.is_fragment(),
                    payload: bytes.get(header.header_length()..).unwrap_or_default(),
                })
            }
            ethernet::IPV6 => Self::read_ipv6(bytes),
            _ => None,
        }
    }

    #[inline(never)]
    fn read_ipv6(bytes: &'b [u8]) -> Option<Self> {
        let (header, _) = Ipv6::ref_from_prefix(bytes).ok()?;
        // Headers that cannot be walked leave the addresses, as fragments do.
        let transport = ipv6::transport(bytes);
        let payload = transport.as_ref().and_then(|transport| bytes.get(transport.offset..));
        Some(Self {
            addresses: Addresses::V6 { source: header.source(), destination: header.destination() },
            protocol: transport.as_ref().map_or(header.next_header(), |transport| transport.protocol),
            is_fragment: transport.is_none_or(|transport| transport.fragment.is_some()),
            payload: payload.unwrap_or_default(),
        })
    }

    #[inline(always)]
    fn flow(&self, vlan: u16, vsid: Option<Vsid>) -> Flow {
        let has_ports = matches!(self.protocol, ipv4::TCP | ipv4::UDP) && !self.is_fragment;
        let ports = Ports::ref_from_prefix(self.payload).ok().filter(|_| has_ports);
        let ports = ports.map(|(ports, _)| (ports.source(), ports.destination()));
        Flow { vlan, vsid, addresses: self.addresses, protocol: self.protocol, ports }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvgw_types::{FlowId, MacAddr};
    use proptest::prelude::*;
    use zerocopy::IntoBytes;

    const VM: [u8; 4] = [10, 0, 1, 5];
    const SERVER: [u8; 4] = [203, 0, 113, 9];

    fn in_ethernet(ethertype: u16, packet: &[u8]) -> Vec<u8> {
        let mac = MacAddr([2, 0, 0, 0, 0, 1]);
        [Ethernet::new(mac, mac, ethertype).as_bytes(), packet].concat()
    }

    fn in_ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let header = Ipv4::new(VM.into(), SERVER.into(), protocol, 64, payload.len() as u16);
        [header.as_bytes(), payload].concat()
    }

    fn ports(source: u16, destination: u16) -> Vec<u8> {
        [source.to_be_bytes(), destination.to_be_bytes(), [0, 8], [0, 0]].concat()
    }

    fn in_nvgre(vsid: u64, frame: &[u8]) -> Vec<u8> {
        let gre = Gre::new(Vsid::new(vsid).expect("a VSID"), FlowId(7));
        let payload = [gre.as_bytes(), frame].concat();
        let header = Ipv4::new(
            [100, 64, 20, 30].into(),
            [100, 64, 20, 10].into(),
            ipv4::GRE,
            64,
            payload.len() as u16,
        );
        [header.as_bytes(), &payload].concat()
    }

    const ADDRESSES: Addresses =
        Addresses::V4 { source: u32::from_be_bytes(VM), destination: u32::from_be_bytes(SERVER) };

    #[test]
    fn plain_packets_have_their_own_flow() {
        let packet = in_ipv4(ipv4::UDP, &ports(5000, 53));
        let flow =
            Flow { vlan: 0, vsid: None, addresses: ADDRESSES, protocol: ipv4::UDP, ports: Some((5000, 53)) };
        assert_eq!(Flow::of(&in_ethernet(ethernet::IPV4, &packet)), Some(flow));
        let tagged = [&[0x01, 0x2c, 0x08, 0x00][..], &packet].concat();
        assert_eq!(Flow::of(&in_ethernet(ethernet::VLAN, &tagged)), Some(Flow { vlan: 300, ..flow }));
        let icmp = in_ethernet(ethernet::IPV4, &in_ipv4(ipv4::ICMP, &[8; 8]));
        assert_eq!(Flow::of(&icmp), Some(Flow { protocol: ipv4::ICMP, ports: None, ..flow }));
    }

    #[test]
    fn the_flow_of_nvgre_is_the_inner_one() {
        let inner = in_ethernet(ethernet::IPV4, &in_ipv4(ipv4::TCP, &ports(5000, 443)));
        let flow = Flow::of(&in_ethernet(ethernet::IPV4, &in_nvgre(5001, &inner))).expect("a flow");
        assert_eq!((flow.vsid, flow.addresses), (Vsid::new(5001).ok(), ADDRESSES));
        assert_eq!((flow.protocol, flow.ports), (ipv4::TCP, Some((5000, 443))));
    }

    #[test]
    fn what_is_not_ip_inside_goes_by_the_hosts() {
        let arp = in_ethernet(ethernet::ARP, &[0; 28]);
        let flow = Flow::of(&in_ethernet(ethernet::IPV4, &in_nvgre(5001, &arp))).expect("a flow");
        assert_eq!((flow.vsid, flow.protocol, flow.ports), (None, ipv4::GRE, None));
        assert_eq!(Flow::of(&arp), None);
    }

    #[test]
    fn fragments_of_a_packet_are_one_flow() {
        let fragment = |offset: u16, payload: &[u8]| {
            let mut packet = in_ipv4(ipv4::UDP, payload);
            packet[6..8].copy_from_slice(&offset.to_be_bytes());
            Flow::of(&in_ethernet(ethernet::IPV4, &packet))
        };
        let (first, later) = (fragment(0x2000, &ports(5000, 53)), fragment(1, &[0xee; 8]));
        assert_eq!(first, later);
        assert_eq!(first.and_then(|flow| flow.ports), None);
    }

    #[test]
    fn fragments_of_an_outer_packet_go_by_the_hosts() {
        let inner = in_ethernet(ethernet::IPV4, &in_ipv4(ipv4::TCP, &ports(5000, 443)));
        let mut outer = in_nvgre(5001, &inner);
        outer[6] = 0x20;
        let flow = Flow::of(&in_ethernet(ethernet::IPV4, &outer)).expect("a flow");
        assert_eq!((flow.vsid, flow.protocol), (None, ipv4::GRE));
    }

    #[test]
    fn ipv6_has_its_ports_behind_extension_headers() {
        let header = |next: u8, length: u16| {
            let mut bytes = [0; ipv6::HEADER];
            (bytes[0], bytes[6], bytes[7]) = (0x60, next, 64);
            bytes[4..6].copy_from_slice(&length.to_be_bytes());
            (bytes[23], bytes[39]) = (5, 9);
            bytes
        };
        let addresses = Addresses::V6 { source: 5, destination: 9 };
        let plain = [&header(ipv4::TCP, 8)[..], &ports(5000, 443)].concat();
        let flow = Flow { vlan: 0, vsid: None, addresses, protocol: ipv4::TCP, ports: Some((5000, 443)) };
        assert_eq!(Flow::of(&in_ethernet(ethernet::IPV6, &plain)), Some(flow));
        let options = [&header(0, 16)[..], &[ipv4::TCP, 0, 1, 4, 0, 0, 0, 0], &ports(5000, 443)].concat();
        assert_eq!(Flow::of(&in_ethernet(ethernet::IPV6, &options)), Some(flow));
        let fragment =
            [&header(ipv6::FRAGMENT, 16)[..], &[ipv4::TCP, 0, 0, 1, 0, 0, 0, 7], &ports(5000, 443)];
        let of_fragment = Flow::of(&in_ethernet(ethernet::IPV6, &fragment.concat()));
        assert_eq!(of_fragment, Some(Flow { ports: None, ..flow }));
    }

    proptest! {
        /// Whatever comes in, and wherever it is cut off, reading it ends, and does not depend on what comes after the
        /// ports.
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..120), payload in any::<u8>()) {
            let _ = Flow::of(&bytes);
            let inner = in_ethernet(ethernet::IPV4, &in_ipv4(ipv4::UDP, &bytes));
            let frame = in_ethernet(ethernet::IPV4, &in_nvgre(5001, &inner));
            for length in 0..=frame.len() {
                let _ = Flow::of(&frame[..length]);
            }
            let mut longer = frame.clone();
            longer.extend([payload; 40]);
            if bytes.len() >= 4 {
                prop_assert_eq!(Flow::of(&longer), Flow::of(&frame));
            }
        }
    }
}
