"""Neighbour discovery (RFC 4861), as hosts speak it and as the gateway owes it, built by scapy."""

from ipaddress import IPv6Address
from typing import Optional

from scapy.layers.inet6 import (ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_RS, ICMPv6NDOptDstLLAddr,
                                ICMPv6NDOptMTU, ICMPv6NDOptPrefixInfo, ICMPv6NDOptSrcLLAddr, IPv6)

from .packets import encapsulated, ethernet, ethertype_of, ethertype_offset, inner_frame, nvgre, IPV6
from .topology import Network, Vm

ALL_NODES, ALL_ROUTERS, UNSPECIFIED = "ff02::1", "ff02::2", "::"
SOLICITATION, ADVERTISEMENT = 135, 136
# For ever (RFC 4861 section 4.6.2): nothing is said a second time unasked.
LIFETIMES = {"validlifetime": 0xffffffff, "preferredlifetime": 0xffffffff}


def solicited_node(address: str) -> str:
    """The group that an address belongs to (RFC 4291 section 2.7.1)."""
    return str(IPv6Address(int(IPv6Address("ff02::1:ff00:0")) | int(IPv6Address(address)) & 0xFFFFFF))


def group_mac(group: str) -> str:
    """The Ethernet address of an IPv6 group (RFC 2464 section 7)."""
    return "33:33:" + IPv6Address(group).packed[12:].hex(":")


def link_local(mac: str) -> str:
    """The link-local address with the interface identifier of an Ethernet address (RFC 4291 appendix A)."""
    octets = bytearray.fromhex(mac.replace(":", ""))
    octets[0] ^= 0x02
    return str(IPv6Address(b"\xfe\x80" + bytes(6) + octets[:3] + b"\xff\xfe" + octets[3:]))


def _to_mac(destination: str, unicast: str) -> str:
    return group_mac(destination) if IPv6Address(destination).is_multicast else unicast


def solicitation(source: str, source_mac: Optional[str], target: str, dst: Optional[str] = None, **ip) -> bytes:
    """An IP packet that asks for an address; without `source_mac`, without the option that says it."""
    option = ICMPv6NDOptSrcLLAddr(lladdr=source_mac) if source_mac else b""
    packet = IPv6(**{"src": source, "dst": dst or solicited_node(target), "hlim": 255, **ip}) / ICMPv6ND_NS(tgt=target)
    return bytes(packet / option if option else packet)


def probe(target: str) -> bytes:
    """What asks whether somebody has an address already (RFC 4862 section 5.4.2)."""
    return solicitation(UNSPECIFIED, None, target)


def advertisement(source: str, target: str, mac: Optional[str], dst: str, router: bool = False, solicited: bool = True,
                  override: bool = True, **ip) -> bytes:
    """An IP packet that says where an address is."""
    header = IPv6(**{"src": source, "dst": dst, "hlim": 255, **ip})
    message = ICMPv6ND_NA(tgt=target, R=int(router), S=int(solicited), O=int(override))
    return bytes(header / message / ICMPv6NDOptDstLLAddr(lladdr=mac) if mac else header / message)


def on_network(network: Network, packet: bytes, mac: str, unicast_mac: Optional[str] = None) -> bytes:
    """The packet of a station on a network, to a group or, by unicast, to the gateway."""
    destination = str(IPv6Address(packet[24:40]))
    return ethernet(packet, mac, _to_mac(destination, unicast_mac or network.mac), network.vlan)


def by_gateway(network: Network, packet: bytes, unicast_mac: str = "") -> bytes:
    """The gateway's own packet on a network, to a group or to a station."""
    destination = str(IPv6Address(packet[24:40]))
    return ethernet(packet, network.mac, _to_mac(destination, unicast_mac), network.vlan)


def in_overlay(vm: Vm, packet: bytes, host: str = "", src: Optional[str] = None, dst: Optional[str] = None) -> bytes:
    """A VM's packet to a group or its gateway, encapsulated by its host."""
    destination = str(IPv6Address(packet[24:40]))
    inner = inner_frame(vm, packet, dst or _to_mac(destination, vm.gateway_mac), src)
    return nvgre(inner, vm.vsid, host or vm.provider_address, vm.site, src_mac=vm.next_hop_mac)


def to_vm(vm: Vm, packet: bytes) -> bytes:
    """The gateway's own packet to a VM."""
    return encapsulated(packet, vm)


def router_solicitation(source: str, source_mac: Optional[str], **ip) -> bytes:
    """An IP packet that asks for routers."""
    packet = IPv6(**{"src": source, "dst": ALL_ROUTERS, "hlim": 255, **ip}) / ICMPv6ND_RS()
    return bytes(packet / ICMPv6NDOptSrcLLAddr(lladdr=source_mac) if source_mac else packet)


def router_advertisement(vm: Vm, dst: str, prefix: str, mtu: int, autonomous: bool) -> bytes:
    """What the gateway says of itself and of a VM's subnet, a /64."""
    message = ICMPv6ND_RA(chlim=64, M=0, O=0, prf=0, routerlifetime=9000)
    options = (ICMPv6NDOptSrcLLAddr(lladdr=vm.gateway_mac) / ICMPv6NDOptMTU(mtu=mtu)
               / ICMPv6NDOptPrefixInfo(prefix=prefix, prefixlen=64, L=1, A=int(autonomous), **LIFETIMES))
    return bytes(IPv6(src=link_local(vm.gateway_mac), dst=dst, hlim=255) / message / options)


def is_discovery(frame: bytes) -> bool:
    """Whether a frame is a neighbour solicitation or advertisement, outside any tunnel."""
    start = ethertype_offset(frame) + 2
    return (ethertype_of(frame) == IPV6 and frame[start + 6:start + 7] == b"\x3a"
            and frame[start + 40:start + 41] in (bytes([SOLICITATION]), bytes([ADVERTISEMENT])))
