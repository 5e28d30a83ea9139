//! Neighbour discovery (RFC 4861), and the addresses that it goes to (RFC 4291, RFC 2464).

use std::net::Ipv6Addr;

use ipnet::Ipv6Net;
use nvgw_types::MacAddr;

use super::icmpv6::Ends;
use super::ipv6;

/// Hop limit of every message: one with less has come through a router (RFC 4861 §11.2).
pub const HOP_LIMIT: u8 = 255;
/// Type of a router solicitation.
pub const ROUTER_SOLICITATION: u8 = 133;
/// Type of a router advertisement.
pub const ROUTER_ADVERTISEMENT: u8 = 134;
/// Type of a neighbour solicitation.
pub const NEIGHBOR_SOLICITATION: u8 = 135;
/// Type of a neighbour advertisement.
pub const NEIGHBOR_ADVERTISEMENT: u8 = 136;
/// Type of a redirect.
pub const REDIRECT: u8 = 137;

/// Whether an ICMPv6 type is one that neighbours exchange: solicitations, advertisements, redirects.
#[inline(always)]
#[must_use]
pub const fn is_discovery(kind: u8) -> bool {
    matches!(kind, ROUTER_SOLICITATION..=REDIRECT)
}

/// All nodes of a link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// All routers of a link.
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// The group that the owner of an address listens to (RFC 4291 §2.7.1).
#[must_use]
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    const GROUPS: u128 = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0).to_bits();
    Ipv6Addr::from_bits(GROUPS | address.to_bits() & 0xff_ffff)
}

/// The Ethernet address of a group (RFC 2464 §7).
#[must_use]
pub const fn group_mac(group: Ipv6Addr) -> MacAddr {
    let [.., a, b, c, d] = group.octets();
    MacAddr([0x33, 0x33, a, b, c, d])
}

/// The link-local address that an interface makes of its Ethernet address (RFC 4291 appendix A, RFC 2464 §5).
#[must_use]
pub const fn link_local(mac: MacAddr) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0;
    Ipv6Addr::from_bits(u128::from_be_bytes([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f]))
}

/// A message that was received and is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// Where is `target`? From `::` it asks whether somebody has an address that the asker wants (RFC 4862 §5.4.2).
    NeighborSolicitation {
        /// The address asked for.
        target: Ipv6Addr,
        /// Where the asker is.
        source_mac: Option<MacAddr>,
    },
    /// `target` is here.
    NeighborAdvertisement(NeighborAdvertisement),
    /// Who are the routers?
    RouterSolicitation {
        /// Where the asker is.
        source_mac: Option<MacAddr>,
    },
}

/// What a neighbour advertisement says (RFC 4861 §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeighborAdvertisement {
    /// The address that it is about.
    pub target: Ipv6Addr,
    /// R: the sender is a router.
    pub router: bool,
    /// S: it answers a solicitation.
    pub solicited: bool,
    /// O: it overrides what was known of the address.
    pub overrides: bool,
    /// Where the address is.
    pub target_mac: Option<MacAddr>,
}

/// Reads a whole ICMPv6 message that is a solicitation, or a neighbour's advertisement, and valid: hop limit 255,
/// checksum, code, addresses, and options (RFC 4861 §6.1.1, §7.1.1, §7.1.2). `None` for all others; the
/// advertisements of routers are for hosts.
#[must_use]
pub fn read(ends: Ends, hop_limit: u8, message: &[u8]) -> Option<Message> {
    let (kind, body) = match message {
        [kind, 0, _, _, body @ ..] => (*kind, body),
        _ => return None,
    };
    if hop_limit != HOP_LIMIT || !ends.vouch_for(message) {
        return None;
    }
    let (flags, body) = body.split_first_chunk::<4>()?;
    match kind {
        ROUTER_SOLICITATION => {
            let source_mac = read_source(ends, body)?;
            Some(Message::RouterSolicitation { source_mac })
        }
        NEIGHBOR_SOLICITATION => {
            let (target, options) = read_target(body)?;
            let to_group = !ends.source.is_unspecified() || ends.destination == solicited_node(target);
            let source_mac = read_source(ends, options)?;
            to_group.then_some(Message::NeighborSolicitation { target, source_mac })
        }
        NEIGHBOR_ADVERTISEMENT => {
            let (target, options) = read_target(body)?;
            let [router, solicited, overrides] =
                [ROUTER, SOLICITED, OVERRIDE].map(|flag| flags[0] & flag != 0);
            let target_mac = link_layer_address(options, TARGET)?;
            let valid = !(solicited && ends.destination.is_multicast());
            valid.then_some(Message::NeighborAdvertisement(NeighborAdvertisement {
                target,
                router,
                solicited,
                overrides,
                target_mac,
            }))
        }
        _ => None,
    }
}

/// Flags of a neighbour advertisement.
const ROUTER: u8 = 0x80;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;
/// Options.
const SOURCE: u8 = 1;
const TARGET: u8 = 2;
const PREFIX: u8 = 3;
const MTU: u8 = 5;

/// The target of a message about neighbours, which is one station's, and the options behind it.
fn read_target(body: &[u8]) -> Option<(Ipv6Addr, &[u8])> {
    let (target, options) = body.split_first_chunk::<16>()?;
    let target = Ipv6Addr::from(*target);
    ipv6::may_receive(target.to_bits()).then_some((target, options))
}

/// Where the sender of a solicitation says that it is. The outer `None`: the options are damaged, or the sender has no
/// address yet and says where that is.
fn read_source(ends: Ends, options: &[u8]) -> Option<Option<MacAddr>> {
    let mac = link_layer_address(options, SOURCE)?;
    let valid = !(mac.is_some() && ends.source.is_unspecified());
    valid.then_some(mac)
}

/// The Ethernet address in the first option of a type that has a station's. The outer `None`: an option has no length
/// or is cut off.
fn link_layer_address(mut options: &[u8], wanted: u8) -> Option<Option<MacAddr>> {
    let mut found = None;
    while !options.is_empty() {
        let [kind, eights, ..] = *options else { return None };
        let (option, rest) = options.split_at_checked(usize::from(eights) * 8).filter(|_| eights > 0)?;
        if let ([_, 1, mac @ ..], None) = (option, found)
            && kind == wanted
        {
            found = mac.try_into().ok().map(MacAddr).filter(|mac| mac.is_station());
        }
        options = rest;
    }
    Some(found)
}

/// Asks where `target` is; `source_mac` says where the asker is, who has no address yet without it.
#[must_use]
pub fn neighbor_solicitation(ends: Ends, target: Ipv6Addr, source_mac: Option<MacAddr>) -> Vec<u8> {
    let mut message = vec![NEIGHBOR_SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    message.extend(target.octets());
    message.extend(source_mac.into_iter().flat_map(|mac| with_mac(SOURCE, mac)));
    ends.seal(message)
}

/// Says where an address is.
#[must_use]
pub fn neighbor_advertisement(ends: Ends, said: &NeighborAdvertisement) -> Vec<u8> {
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let flags = flag(said.router, ROUTER) | flag(said.solicited, SOLICITED) | flag(said.overrides, OVERRIDE);
    let mut message = vec![NEIGHBOR_ADVERTISEMENT, 0, 0, 0, flags, 0, 0, 0];
    message.extend(said.target.octets());
    message.extend(said.target_mac.into_iter().flat_map(|mac| with_mac(TARGET, mac)));
    ends.seal(message)
}

/// What a router advertisement says (RFC 4861 §4.2). Reachable and retransmission time are left to the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouterAdvertisement<'a> {
    /// The hop limit that hosts use.
    pub hop_limit: u8,
    /// M: there are addresses by DHCPv6.
    pub managed: bool,
    /// O: there are other settings by DHCPv6.
    pub other: bool,
    /// How long the sender is a default router, in seconds; 0: it is none.
    pub lifetime: u16,
    /// Where the sender is.
    pub source_mac: MacAddr,
    /// The MTU that hosts use, in bytes.
    pub mtu: Option<u32>,
    /// The prefixes of the link.
    pub prefixes: &'a [Prefix],
}

/// A prefix of a link (RFC 4861 §4.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// The prefix.
    pub prefix: Ipv6Net,
    /// L: its addresses are on the link.
    pub on_link: bool,
    /// A: hosts make themselves addresses of it (RFC 4862 §5.5).
    pub autonomous: bool,
    /// How long it is on the link, and addresses made of it are valid, in seconds; all ones: for ever.
    pub valid: u32,
    /// How long addresses made of it are preferred, likewise.
    pub preferred: u32,
}

/// Tells hosts about their router.
#[must_use]
pub fn router_advertisement(ends: Ends, said: &RouterAdvertisement<'_>) -> Vec<u8> {
    let flags = u8::from(said.managed) << 7 | u8::from(said.other) << 6;
    let mut message = vec![ROUTER_ADVERTISEMENT, 0, 0, 0, said.hop_limit, flags];
    message.extend(said.lifetime.to_be_bytes());
    message.extend([0; 8]);
    message.extend(with_mac(SOURCE, said.source_mac));
    if let Some(mtu) = said.mtu {
        message.extend([MTU, 1, 0, 0]);
        message.extend(mtu.to_be_bytes());
    }
    for prefix in said.prefixes {
        let flags = u8::from(prefix.on_link) << 7 | u8::from(prefix.autonomous) << 6;
        message.extend([PREFIX, 4, prefix.prefix.prefix_len(), flags]);
        message.extend(prefix.valid.to_be_bytes());
        message.extend(prefix.preferred.to_be_bytes());
        message.extend([0; 4]);
        message.extend(prefix.prefix.network().octets());
    }
    ends.seal(message)
}

/// An option with an Ethernet address.
fn with_mac(kind: u8, mac: MacAddr) -> [u8; 8] {
    let [a, b, c, d, e, f] = mac.0;
    [kind, 1, a, b, c, d, e, f]
}

#[cfg(test)]
mod tests;
