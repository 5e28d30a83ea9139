//! What may be wrong with a packet, and what is merely odd.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{Draft, hosts, macs};
use crate::model::Model;
use crate::wire::Mac;

/// One thing that is not as it should be, or at least not as usual.
#[derive(Debug, Clone)]
pub(crate) enum Damage {
    To(Mac),
    Vlan(Option<u16>),
    Ethertype(u16),
    OuterSource(u32),
    OwnSource(Index),
    OuterDestination(u32),
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
    Source(u32),
    Ttl(u8),
    Options(u8),
    /// Only so much of the inner frame, in an outer packet that says so.
    Cut(Index),
    /// ARP of the sender instead of an IP packet, from another host if there is one.
    Arp {
        host: Option<u32>,
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
const SOURCES: [u32; 10] = [
    0x7f00_0001,
    0,
    0xe000_0001,
    0xffff_ffff,
    0x0a00_0005,
    0x0a00_0009,
    0x0a00_0046,
    0x0a00_0001,
    0x0a00_0000,
    0x0a00_00ff,
];

impl Damage {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let stations = select(vec![[0xff; 6], [1, 0, 0x5e, 0, 0, 1], [2, 0, 0, 0, 0, 0x77]]);
        let outer = prop_oneof![
            stations.clone().prop_map(Self::To),
            select(vec![None, Some(0), Some(20), Some(21), Some(300), Some(0xe014), Some(999)])
                .prop_map(Self::Vlan),
            select(vec![0x0806_u16, 0x86dd, 0x88cc]).prop_map(Self::Ethertype),
            prop_oneof![3 => hosts(), 1 => select(vec![0x7f00_0001_u32, 0, 0xe000_0001])]
                .prop_map(Self::OuterSource),
            any::<Index>().prop_map(Self::OwnSource),
            prop_oneof![hosts(), Just(0xe000_0001)].prop_map(Self::OuterDestination),
            select(vec![1_u8, 17, 4]).prop_map(Self::OuterProtocol),
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
            select(vec![0x86dd_u16, 0x8847, 0x05dc]).prop_map(Self::InnerEthertype),
            any::<Index>().prop_map(Self::Cut),
            (option::of(hosts()), any::<bool>(), 1..=3_u8)
                .prop_map(|(host, broadcast, operation)| Self::Arp { host, broadcast, operation }),
        ];
        let any_packet = prop_oneof![
            select(SOURCES.to_vec()).prop_map(Self::Source),
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
            (Self::OuterSource(address), Some(tunnel)) => tunnel.ip.source = *address,
            (Self::Arp { host: Some(host), .. }, Some(tunnel)) => tunnel.ip.source = *host,
            (Self::OwnSource(place), Some(tunnel)) => {
                let own: Vec<_> = model.sites.iter().flat_map(|site| &site.own).collect();
                tunnel.ip.source = **place.get(&own);
            }
            (Self::OuterDestination(address), Some(tunnel)) => tunnel.ip.destination = *address,
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
            (Self::Source(address), _) => draft.ip.source = *address,
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
                let routed = bytes.len() - draft.payload.len() - 20 - 4 * usize::from(draft.ip.options);
                let header = if *outer { draft.l3() } else { routed };
                bytes[header + 11] ^= 0x10;
            }
            Self::Truncate(place) => bytes.truncate(place.index(bytes.len())),
            Self::Padding(length) => bytes.resize(bytes.len() + length, 0xee),
            Self::Flip(place, bits) => {
                let place = place.index(bytes.len().min(100));
                bytes[place] ^= bits;
            }
            _ => {}
        }
        bytes
    }
}

/// Writes ARP of the sender over the inner frame; what is longer stays behind it.
fn arp(draft: &Draft, bytes: &mut [u8], broadcast: bool, operation: u8) {
    let Some(tunnel) = &draft.tunnel else { return };
    let inner = draft.l3() + 20 + 8;
    let mut request = vec![0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, operation];
    request.extend(tunnel.from);
    request.extend(draft.ip.source.to_be_bytes());
    if broadcast {
        bytes[inner..inner + 6].fill(0xff);
    }
    let room = bytes.len() - inner - 12;
    request.truncate(room);
    bytes[inner + 12..inner + 12 + request.len()].copy_from_slice(&request);
}
