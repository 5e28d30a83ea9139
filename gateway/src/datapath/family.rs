//! What differs between the address families of the packets that are routed. Stages are generic over it and compiled
//! once for each; outer headers are of either family whatever is inside.

use dpdk_bindings::Burst;
use nvgw_types::{MacAddr, VrfId};
use zerocopy::byteorder::network_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::lane::Packets;
use super::output::Outputs;
use super::route::Ways;
use super::translate::Translation;
use crate::packet::fragment::Fragments;
use crate::packet::ipv4::{self, Ipv4};
use crate::packet::ipv6::{self, Ipv6};
use crate::packet::mss;
use crate::packet::translation::{End, Replacement, translate};
use crate::tables::entries::{Record, ipv4_mapped};
use crate::tables::fib::Address;
use crate::tables::hash::mix;
use crate::tables::set::TableReaders;
use crate::tables::{ReadSection, RoutesView};

/// An address family, by the numbers that its addresses are.
pub(super) trait AddressFamily: Address {
    /// Its IP header, options and extensions aside.
    type Header: FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned;

    /// The address that is all zeros.
    const ZERO: Self;
    /// Whether its packets are translated where a tenant has that.
    const TRANSLATED: bool;

    /// The address as tables know it: IPv4 in its mapped form.
    fn number(self) -> u128;

    /// The address that a table entry of this family has.
    fn of_number(number: u128) -> Self;

    /// Whether a record is the one of the address in a VRF.
    fn has(self, vrf: VrfId, record: &Record) -> bool;

    /// The family's routes.
    fn routes(tables: &TableReaders) -> RoutesView<'_, Self>;

    /// Whether a frame to a group may hold what the family's neighbours say to each other.
    fn is_group(mac: MacAddr) -> bool;

    /// The fragments of at most `mtu` bytes that a packet becomes, which `packet` begins. `None` where it must not be
    /// split on its way, and has to stay the way it is.
    fn fragments(packet: &[u8], mtu: u16) -> Option<Fragments>;

    /// The TCP segment in a packet whose ends tell each other there how much they take at once. `after` is what follows
    /// the header.
    fn opening<'p>(header: &Self::Header, after: &'p mut [u8]) -> Option<&'p mut [u8]>;

    /// What IP and TCP headers take of an MTU.
    const TCP_HEADERS: u16;

    /// Gives a packet the DSCP and ECN it leaves with, takes one from its time to live, and translates one end of it, if
    /// that is to be, to what `new` says. `after` is what follows the header.
    fn pass_on(
        header: &mut Self::Header,
        after: &mut [u8],
        tos: u8,
        translation: Option<End>,
        new: impl FnOnce() -> Replacement,
    );

    /// A hash of the packet's flow: addresses, protocol and, unless it is a fragment, ports (RFC 7637 §3.2). It depends
    /// on nothing else, so it is the same for every packet of the flow, on every worker, in every run. `after` is what
    /// follows the header.
    fn flow_id(header: &Self::Header, after: &[u8]) -> u8;

    /// Translates packets that leave their tenants' VRFs, and those to public addresses.
    fn translate<'s, S: ReadSection>(
        translation: &mut Translation<'_, 's, S>,
        packets: &mut Packets<Self>,
        burst: &mut Burst,
        ways: &mut Ways<'s>,
        out: &mut Outputs,
    );
}

impl AddressFamily for u32 {
    type Header = Ipv4;

    const ZERO: Self = 0;
    const TRANSLATED: bool = true;

    #[inline(always)]
    fn number(self) -> u128 {
        ipv4_mapped(self)
    }

    #[inline(always)]
    fn of_number(number: u128) -> Self {
        number as Self
    }

    #[inline(always)]
    fn has(self, vrf: VrfId, record: &Record) -> bool {
        record.is_of_ipv4(vrf, self)
    }

    #[inline(always)]
    fn routes(tables: &TableReaders) -> RoutesView<'_, Self> {
        tables.ipv4_routes.view()
    }

    #[inline(always)]
    fn is_group(mac: MacAddr) -> bool {
        mac == MacAddr::BROADCAST
    }

    fn fragments(packet: &[u8], mtu: u16) -> Option<Fragments> {
        let (header, _) = Ipv4::ref_from_prefix(packet).ok()?;
        if header.dont_fragment() { None } else { Fragments::new(packet, mtu) }
    }

    #[inline(always)]
    fn opening<'p>(header: &Ipv4, after: &'p mut [u8]) -> Option<&'p mut [u8]> {
        if header.protocol() != ipv4::TCP || header.is_later_fragment() {
            return None;
        }
        let segment = after.get_mut(header.header_length() - ipv4::HEADER..)?;
        mss::is_told(segment).then_some(segment)
    }

    const TCP_HEADERS: u16 = mss::IPV4_HEADERS;

    #[inline(always)]
    fn pass_on(
        header: &mut Ipv4,
        after: &mut [u8],
        tos: u8,
        translation: Option<End>,
        new: impl FnOnce() -> Replacement,
    ) {
        header.decrement_ttl();
        if header.tos != tos {
            header.set_tos(tos);
        }
        if let Some(end) = translation {
            translate(header, after, end, new());
        }
    }

    #[inline(always)]
    fn flow_id(header: &Ipv4, after: &[u8]) -> u8 {
        let addresses = u64::from(header.source()) << 32 | u64::from(header.destination());
        let ports = if header.begins_tcp_or_udp()
            && let Some(ports) = after.first_chunk()
        {
            u64::from(u32::from_be_bytes(*ports))
        } else {
            unusual_ports(header, after)
        };
        digest(addresses, u64::from(header.protocol()) << 32 | ports)
    }

    #[inline(always)]
    fn translate<'s, S: ReadSection>(
        translation: &mut Translation<'_, 's, S>,
        packets: &mut Packets,
        burst: &mut Burst,
        ways: &mut Ways<'s>,
        out: &mut Outputs,
    ) {
        if !ways.outbound.is_empty() {
            translation.outbound(packets, burst, ways, out);
        }
        if !ways.inbound.is_empty() {
            translation.inbound(packets, burst, ways, out);
        }
    }
}

impl AddressFamily for u128 {
    type Header = Ipv6;

    const ZERO: Self = 0;
    const TRANSLATED: bool = false;

    #[inline(always)]
    fn number(self) -> u128 {
        self
    }

    #[inline(always)]
    fn of_number(number: u128) -> Self {
        number
    }

    #[inline(always)]
    fn has(self, vrf: VrfId, record: &Record) -> bool {
        record.is_of_ipv6(vrf, self)
    }

    #[inline(always)]
    fn routes(tables: &TableReaders) -> RoutesView<'_, Self> {
        tables.ipv6_routes.view()
    }

    /// RFC 2464 §7.
    #[inline(always)]
    fn is_group(mac: MacAddr) -> bool {
        mac.0[..2] == [0x33, 0x33]
    }

    fn fragments(_: &[u8], _: u16) -> Option<Fragments> {
        None
    }

    #[inline(always)]
    fn opening<'p>(header: &Ipv6, after: &'p mut [u8]) -> Option<&'p mut [u8]> {
        let segment = match header.next_header() {
            ipv4::TCP => after,
            next if has_ports(next) || next == ipv6::ICMP => return None,
            next => opening_behind_extensions(next, after)?,
        };
        mss::is_told(segment).then_some(segment)
    }

    const TCP_HEADERS: u16 = mss::IPV6_HEADERS;

    #[inline(always)]
    fn pass_on(header: &mut Ipv6, _: &mut [u8], tos: u8, _: Option<End>, _: impl FnOnce() -> Replacement) {
        header.set_traffic_class(tos);
        header.hop_limit = header.hop_limit.wrapping_sub(1);
    }

    #[inline(always)]
    fn flow_id(header: &Ipv6, after: &[u8]) -> u8 {
        let fold = |address: u128| (address >> 64) as u64 ^ (address as u64).rotate_left(32);
        let addresses = mix(fold(header.source()) ^ 0x9e37_79b9_7f4a_7c15, fold(header.destination()));
        if has_ports(header.next_header()) {
            return digest(addresses, u64::from(header.next_header()) << 32 | ports(after));
        }
        digest(addresses, behind_extensions(header, after))
    }

    #[inline(always)]
    fn translate<'s, S: ReadSection>(
        _: &mut Translation<'_, 's, S>,
        _: &mut Packets<Self>,
        _: &mut Burst,
        _: &mut Ways<'s>,
        _: &mut Outputs,
    ) {
    }
}

/// The ports in packets other than [the most usual](Ipv4::begins_tcp_or_udp), as far as they can be seen.
#[cold]
#[inline(never)]
fn unusual_ports(header: &Ipv4, after: &[u8]) -> u64 {
    let options = header.header_length().saturating_sub(ipv4::HEADER);
    let whole = has_ports(header.protocol()) && !header.is_fragment();
    after.get(options..).filter(|_| whole).map_or(0, ports)
}

/// Protocol and ports behind extension headers, as far as they can be seen.
#[cold]
#[inline(never)]
fn behind_extensions(header: &Ipv6, after: &[u8]) -> u64 {
    match ipv6::behind(header.next_header(), after) {
        None => u64::from(header.next_header()) << 32,
        Some(found) => {
            let protocol = u64::from(found.protocol) << 32;
            let whole = has_ports(found.protocol) && found.fragment.is_none();
            let here = after.get(found.offset - ipv6::HEADER..).filter(|_| whole);
            protocol | here.map_or(0, ports)
        }
    }
}

/// A TCP segment behind extension headers.
#[cold]
#[inline(never)]
fn opening_behind_extensions(next_header: u8, after: &mut [u8]) -> Option<&mut [u8]> {
    let found = ipv6::behind(next_header, after)?;
    let is_tcp = found.protocol == ipv4::TCP && !found.is_later_fragment();
    after.get_mut(found.offset - ipv6::HEADER..).filter(|_| is_tcp)
}

/// Protocols whose first four bytes are two ports.
const fn has_ports(protocol: u8) -> bool {
    const DCCP: u8 = 33;
    const SCTP: u8 = 132;
    const UDP_LITE: u8 = 136;
    matches!(protocol, ipv4::TCP | ipv4::UDP | DCCP | SCTP | UDP_LITE)
}

#[inline(always)]
fn ports(payload: &[u8]) -> u64 {
    U32::read_from_prefix(payload).map_or(0, |(ports, _)| u64::from(ports.get()))
}

/// Mixed twice: ports that follow each other, as a client's do, are an arithmetic progression after one
/// multiplication, which for unlucky addresses visits few of the 256 values.
#[inline(always)]
fn digest(addresses: u64, rest: u64) -> u8 {
    let mixed = mix(addresses ^ 0x2d35_8dcc_aa6c_78a5, rest ^ 0x8bb8_4b93_962e_acc9);
    (mix(mixed, 0) >> 24) as u8
}
