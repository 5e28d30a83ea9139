//! What may be wrong with a packet, and what is merely odd.

use std::net::{IpAddr, Ipv6Addr};

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{Draft, hosts, ipv4, ipv6, macs};
use crate::arbitrary::Host;
use crate::model::Model;
use crate::wire::{IPV4, IPV6, Mac};

/// An address by family.
type Either = [IpAddr; 2];

/// Protocol number of ICMPv6.
const ICMPV6: u8 = 58;

/// One thing that is not as it should be, or at least not as usual.
#[derive(Debug, Clone)]
pub(crate) enum Damage {
    To(Mac),
    Vlan(Option<u16>),
    Ethertype(u16),
    OuterSource(Either),
    /// Another host.
    Elsewhere(Host),
    OwnSource(Index),
    OuterDestination(Either),
    OuterProtocol(u8),
    OuterFragment(u16),
    OuterOptions(u8),
    GreFlags(u16),
    GreProtocol(u16),
    Vsid(u32),
    InnerTo(Mac),
    InnerFrom(Mac),
    InnerTag(u16),
    InnerEthertype(u16),
    Source(Either),
    Destination(Either),
    /// A message of this type between neighbours, if it is IPv6: the outer packet or the inner one.
    Discovery {
        outer: bool,
        kind: u8,
    },
    Ttl(u8),
    Options(u8),
    /// Only so much of the inner frame, in an outer packet that says so.
    Cut(Index),
    /// ARP of the sender instead of an IP packet, from another host if there is one.
    Arp {
        host: Option<Host>,
        broadcast: bool,
        operation: u8,
    },
    /// A bit of the header checksum that is counted from the frame's end.
    Checksum {
        outer: bool,
    },
    Truncate(Index),
    Padding(usize),
    Flip(Index, u8),
}

/// Sources that nobody can have; and of a subnet, addresses that a VM may have, that are behind one, that are the
/// gateway's, its first and its last.
const SOURCES: [Either; 10] = [
    [ipv4([127, 0, 0, 1]), ipv6(0, 0, 0, 1)],
    [ipv4([0; 4]), ipv6(0, 0, 0, 0)],
    [ipv4([224, 0, 0, 1]), ipv6(0xff02, 0, 0, 1)],
    [ipv4([255; 4]), LINK_LOCAL],
    [ipv4([10, 0, 0, 5]), ipv6(0xfd00, 0xa, 0, 5)],
    [ipv4([10, 0, 0, 9]), ipv6(0xfd00, 0xa, 0, 9)],
    [ipv4([10, 0, 0, 70]), ipv6(0xfd00, 0xa, 0, 70)],
    [ipv4([10, 0, 0, 1]), ipv6(0xfd00, 0xa, 0, 1)],
    [ipv4([10, 0, 0, 0]), ipv6(0xfd00, 0xa, 0, 0)],
    [ipv4([10, 0, 0, 255]), MAPPED],
];

/// Destinations that are everybody's, nobody's, or of one link.
const DESTINATIONS: [Either; 3] = [
    [ipv4([224, 0, 0, 1]), ipv6(0xff02, 0, 0, 1)],
    [ipv4([255; 4]), LINK_LOCAL],
    [ipv4([10, 0, 0, 255]), MAPPED],
];

const LINK_LOCAL: IpAddr = ipv6(0xfe80, 0, 0, 5);
/// 10.0.0.5 as an IPv6 address.
const MAPPED: IpAddr = IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0x0a00, 5));

/// The one of the family of another address.
fn like(either: Either, other: IpAddr) -> IpAddr {
    either[usize::from(other.is_ipv6())]
}

impl Damage {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let stations =
            select(vec![[0xff; 6], [1, 0, 0x5e, 0, 0, 1], [0x33, 0x33, 0, 0, 0, 1], [2, 0, 0, 0, 0, 0x77]]);
        let outer = prop_oneof![
            stations.clone().prop_map(Self::To),
            select(vec![None, Some(0), Some(20), Some(21), Some(300), Some(0xe014), Some(999)])
                .prop_map(Self::Vlan),
            select(vec![0x0806_u16, IPV4, IPV6, 0x88cc]).prop_map(Self::Ethertype),
            select(SOURCES[..4].to_vec()).prop_map(Self::OuterSource),
            hosts().prop_map(Self::Elsewhere),
            hosts().prop_map(Self::Elsewhere),
            any::<Index>().prop_map(Self::OwnSource),
            select(DESTINATIONS.to_vec()).prop_map(Self::OuterDestination),
            hosts().prop_map(|host| Self::OuterDestination([false, true].map(|ipv6| host.address(ipv6)))),
            select(vec![1_u8, 17, 4, 58]).prop_map(Self::OuterProtocol),
            select(vec![0x2000_u16, 0x2001, 9, 0x8000]).prop_map(Self::OuterFragment),
            (1..=10_u8).prop_map(Self::OuterOptions),
        ];
        let tunnel = prop_oneof![
            any::<u16>().prop_map(Self::GreFlags),
            (0..10_u8).prop_map(|bit| Self::GreFlags(0x2000 ^ 1 << (bit + 6))),
            select(vec![0x0800_u16, 0x88be, 0x6559]).prop_map(Self::GreProtocol),
            select(vec![0_u32, 0xfff, 0x1000, 0x1001, 0x1101, 0x3_1001, 0x3_1102, 0xff_fffe, 0xff_ffff])
                .prop_map(Self::Vsid),
            stations.prop_map(Self::InnerTo),
            macs().prop_map(Self::InnerFrom),
            select(vec![0x8100_u16, 0x88a8, 0x9100]).prop_map(Self::InnerTag),
            select(vec![IPV4, IPV6, 0x8847, 0x05dc]).prop_map(Self::InnerEthertype),
            any::<Index>().prop_map(Self::Cut),
            (option::of(hosts()), any::<bool>(), 1..=3_u8)
                .prop_map(|(host, broadcast, operation)| Self::Arp { host, broadcast, operation }),
        ];
        let any_packet = prop_oneof![
            select(SOURCES.to_vec()).prop_map(Self::Source),
            select(DESTINATIONS.to_vec()).prop_map(Self::Destination),
            (any::<bool>(), 132..139_u8).prop_map(|(outer, kind)| Self::Discovery { outer, kind }),
            (0..2_u8).prop_map(Self::Ttl),
            (1..=10_u8).prop_map(Self::Options),
            any::<bool>().prop_map(|outer| Self::Checksum { outer }),
            any::<Index>().prop_map(Self::Truncate),
            (1..80_usize).prop_map(Self::Padding),
            (any::<Index>(), 1..=255_u8).prop_map(|(place, bits)| Self::Flip(place, bits)),
        ];
        prop_oneof![outer, tunnel, any_packet]
    }

    /// The bytes of the damaged frame. What only a tunnel has is left alone where there is none.
    pub(super) fn done_to(&self, draft: &mut Draft, model: &Model) -> Vec<u8> {
        let tunnel = &mut draft.tunnel;
        match (self, tunnel) {
            (Self::To(mac), _) => draft.to = *mac,
            (Self::Vlan(vlan), _) => draft.vlan = *vlan,
            (Self::Ethertype(ethertype), _) => draft.ethertype = *ethertype,
            (Self::OuterSource(either), Some(tunnel)) => tunnel.ip.source = like(*either, tunnel.ip.source),
            (Self::Elsewhere(host) | Self::Arp { host: Some(host), .. }, Some(tunnel)) => {
                tunnel.ip.source = host.address(tunnel.ip.source.is_ipv6());
            }
            (Self::OwnSource(place), Some(tunnel)) => {
                let own = model.sites.iter().flat_map(|site| &site.own);
                let own: Vec<_> = own.filter(|own| own.is_ipv6() == tunnel.ip.source.is_ipv6()).collect();
                tunnel.ip.source = **place.get(&own);
            }
            (Self::OuterDestination(either), Some(tunnel)) => {
                tunnel.ip.destination = like(*either, tunnel.ip.source);
            }
            (Self::Discovery { outer: true, .. }, Some(tunnel)) => {
                (tunnel.ip.protocol, tunnel.ip.ttl) = (ICMPV6, u8::MAX);
            }
            (Self::Discovery { .. }, _) => (draft.ip.protocol, draft.ip.ttl) = (ICMPV6, u8::MAX),
            (Self::OuterProtocol(protocol), Some(tunnel)) => tunnel.ip.protocol = *protocol,
            (Self::OuterFragment(fragment), Some(tunnel)) => tunnel.ip.fragment = *fragment,
            (Self::OuterOptions(words), Some(tunnel)) => tunnel.ip.options = *words,
            (Self::GreFlags(flags), Some(tunnel)) => tunnel.flags = *flags,
            (Self::GreProtocol(protocol), Some(tunnel)) => tunnel.protocol = *protocol,
            (Self::Vsid(vsid), Some(tunnel)) => tunnel.vsid = *vsid,
            (Self::InnerTo(mac), Some(tunnel)) => tunnel.to = *mac,
            (Self::InnerFrom(mac), Some(tunnel)) => tunnel.from = *mac,
            (Self::InnerTag(tag), Some(tunnel)) => tunnel.tag = Some(*tag),
            (Self::InnerEthertype(ethertype), Some(tunnel)) => tunnel.ethertype = *ethertype,
            (Self::Cut(place), Some(tunnel)) => tunnel.cut = Some(*place),
            (Self::Source(either), _) => draft.ip.source = like(*either, draft.ip.source),
            (Self::Destination(either), _) => draft.ip.destination = like(*either, draft.ip.source),
            (Self::Ttl(ttl), _) => draft.ip.ttl = *ttl,
            (Self::Options(words), _) => draft.ip.options = *words,
            _ => {}
        }
        let mut bytes = draft.bytes();
        match self {
            Self::Arp { broadcast, operation, .. } if draft.tunnel.is_some() => {
                arp(draft, &mut bytes, *broadcast, *operation);
            }
            Self::Checksum { outer } => {
                let header = if *outer { draft.l3() } else { draft.routed_at() };
                bytes[header + 11] ^= 0x10;
            }
            Self::Discovery { outer, kind } => {
                // Behind an outer header there is GRE, whose first byte becomes the type.
                let header = match &draft.tunnel {
                    Some(tunnel) if *outer => draft.l3() + tunnel.ip.length(),
                    _ => draft.routed_at() + draft.ip.length(),
                };
                bytes[header] = *kind;
            }
            Self::Truncate(place) => bytes.truncate(place.index(bytes.len())),
            Self::Padding(length) => bytes.resize(bytes.len() + length, 0xee),
            Self::Flip(place, bits) => {
                let place = place.index(bytes.len().min(140));
                bytes[place] ^= bits;
            }
            _ => {}
        }
        bytes
    }
}

/// Writes ARP of the sender over the inner frame; what is longer stays behind it.
fn arp(draft: &Draft, bytes: &mut [u8], broadcast: bool, operation: u8) {
    let (Some(tunnel), IpAddr::V4(sender)) = (&draft.tunnel, draft.ip.source) else { return };
    let inner = draft.l3() + tunnel.ip.length() + 8;
    let mut request = vec![0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, operation];
    request.extend(tunnel.from);
    request.extend(sender.octets());
    if broadcast {
        bytes[inner..inner + 6].fill(0xff);
    }
    let room = bytes.len() - inner - 12;
    request.truncate(room);
    bytes[inner + 12..inner + 12 + request.len()].copy_from_slice(&request);
}
