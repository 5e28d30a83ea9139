"""Packets as hosts, routers and VMs send them, and what the gateway owes in return, built by scapy."""

from typing import Optional

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, GRE, Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import checksum

from .ip import (ERROR_TOS, HOST, NET, PORT, PROHIBITED, PROTOCOL, TIME_EXCEEDED, TOO_BIG, UNREACHABLE, Bytes, echo,
                 header, header_length, icmp_error, routed, tcp, traffic_class, udp, version)
from .topology import GATEWAY_MAC, Network, Vm

BROADCAST = "ff:ff:ff:ff:ff:ff"
IPV4, IPV6, ARP_TYPE, VLAN = 0x0800, 0x86DD, 0x0806, 0x8100
GRE_PROTOCOL = 47
TRANSPARENT_ETHERNET = 0x6558


def ethertype_for(payload: Bytes) -> int:
    """The EtherType of an IP packet, IPv4's unless it says that it is IPv6."""
    return IPV6 if version(payload) == 6 else IPV4


def ethernet(payload: Bytes, src: str, dst: str, vlan: Optional[int] = None, ethertype: Optional[int] = None) -> bytes:
    """An Ethernet frame, tagged if there is a VLAN; without an EtherType, its payload is an IP packet."""
    ethertype = ethertype_for(payload) if ethertype is None else ethertype
    if vlan is None:
        return bytes(Ether(src=src, dst=dst, type=ethertype)) + bytes(payload)
    return bytes(Ether(src=src, dst=dst, type=VLAN) / Dot1Q(vlan=vlan, type=ethertype)) + bytes(payload)


def gre(inner: Bytes, vsid: int, flow: int = 0, protocol: int = TRANSPARENT_ETHERNET) -> bytes:
    """The GRE header of NVGRE and what it carries."""
    return bytes(GRE(key_present=1, proto=protocol, key=vsid << 8 | flow)) + bytes(inner)


def outer_ip(payload: Bytes, src: str, dst: str, **fields) -> bytes:
    """The outer IP packet around GRE; `fields` are IP fields."""
    fields = {"id": 0x1D0, "flags": "DF", "ttl": 60, "proto": GRE_PROTOCOL, **fields}
    return bytes(header(src, dst, **fields) / Raw(bytes(payload)))


def nvgre(inner: Bytes, vsid: int, src: str, site: Network, flow: int = 0, dst: Optional[str] = None,
          src_mac: Optional[str] = None, vlan: Optional[int] = -1, **outer) -> bytes:
    """A frame from the provider network, by default to the gateway's address of `site` on its VLAN (`vlan=None`:
    untagged)."""
    packet = outer_ip(gre(inner, vsid, flow), src, dst or site.address, **outer)
    return ethernet(packet, src_mac or site.router_mac, site.mac, site.vlan if vlan == -1 else vlan)


def inner_frame(vm: Vm, payload: Bytes, dst: str = GATEWAY_MAC, src: Optional[str] = None,
                ethertype: Optional[int] = None) -> bytes:
    """The Ethernet frame that a VM sends, by default to its gateway."""
    return ethernet(payload, src or vm.mac, dst, ethertype=ethertype)


def from_vm(vm: Vm, ip: Bytes, vsid: Optional[int] = None, ethertype: Optional[int] = None, **more) -> bytes:
    """An IP packet of a VM, encapsulated by its host, on its way to the gateway. `more` goes to `nvgre`."""
    more = {"src": vm.provider_address, "site": vm.site, "src_mac": vm.next_hop_mac, **more}
    return nvgre(inner_frame(vm, ip, ethertype=ethertype), vm.vsid if vsid is None else vsid, **more)


def from_outside(network: Network, ip: Bytes, src_mac: Optional[str] = None,
                 ethertype: Optional[int] = None) -> bytes:
    """An IP packet that an external network's router hands to the gateway."""
    return ethernet(ip, src_mac or network.router_mac, network.mac, network.vlan, ethertype)


def arp_request(network: Network, sender: str, sender_mac: str, target: str, dst: str = BROADCAST) -> bytes:
    """An ARP request on a provider or external network."""
    packet = ARP(op=1, hwsrc=sender_mac, psrc=sender, hwdst="00:00:00:00:00:00", pdst=target)
    return ethernet(packet, sender_mac, dst, network.vlan, ARP_TYPE)


def arp_reply(network: Network, sender: str, sender_mac: str, dst: Optional[str] = None,
              target: Optional[str] = None) -> bytes:
    """An ARP reply, by default to the gateway."""
    packet = ARP(op=2, hwsrc=sender_mac, psrc=sender, hwdst=dst or network.mac, pdst=target or network.address)
    return ethernet(packet, sender_mac, dst or network.mac, network.vlan, ARP_TYPE)


def expect_decap(ip: Bytes, network: Network, next_hop_mac: Optional[str] = None, ecn: Optional[int] = None) -> bytes:
    """The frame on an external network that becomes of a VM's IP packet."""
    return ethernet(routed(ip, ecn), network.mac, next_hop_mac or network.router_mac, network.vlan)


def encapsulated(payload: Bytes, vm: Vm, tos: int = 0, ethertype: Optional[int] = None, flow: int = 0, ttl: int = 64,
                 vlan: Optional[int] = -1) -> bytes:
    """A whole frame from the gateway to a VM, its payload taken as it is."""
    inner = ethernet(payload, vm.gateway_mac, vm.mac, ethertype=ethertype)
    outer = outer_ip(gre(inner, vm.vsid, flow), vm.site.address, vm.provider_address, id=0, ttl=ttl, tos=tos)
    return ethernet(outer, vm.site.mac, vm.next_hop_mac, vm.site.vlan if vlan == -1 else vlan)


def expect_encap(ip: Bytes, vm: Vm, tos: Optional[int] = None, **more) -> bytes:
    """The frame on the provider network that becomes of an IP packet for a VM; the FlowID is written as 0. The
    outer type of service is the inner one's unless `tos` says otherwise."""
    packet = routed(ip)
    return encapsulated(packet, vm, tos=traffic_class(packet) if tos is None else tos, **more)


def error_to_vm(ip: Bytes, vm: Vm, kind: int, code: int = 0, mtu: int = 0) -> bytes:
    """The frame that tells a VM, or who is behind it, of its packet's end: from its subnet's gateway address."""
    return encapsulated(icmp_error(ip, vm.gateway, kind, code, mtu), vm, tos=ERROR_TOS)


def error_to_outside(ip: Bytes, network: Network, kind: int, code: int = 0, mtu: int = 0,
                     next_hop_mac: Optional[str] = None) -> bytes:
    """The frame that tells a host outside of its packet's end: from the gateway's address on the network."""
    packet = icmp_error(ip, network.address, kind, code, mtu)
    return ethernet(packet, network.mac, next_hop_mac or network.router_mac, network.vlan)


def ethertype_offset(frame: bytes) -> int:
    """Where the EtherType after an optional single tag is."""
    return 16 if frame[12:14] == b"\x81\x00" else 12


def ethertype_of(frame: bytes) -> int:
    """The EtherType after an optional single tag."""
    offset = ethertype_offset(frame)
    return int.from_bytes(frame[offset:offset + 2], "big")


def gre_offset(frame: bytes) -> Optional[int]:
    """Where the GRE header of an encapsulated frame is; `None` if there is none."""
    start = ethertype_offset(frame) + 2
    kind, protocol, length = {
        IPV4: (4, 9, (frame[start] & 0x0F) * 4 if len(frame) > start else 0),
        IPV6: (6, 6, 40),
    }.get(ethertype_of(frame), (0, 0, 0))
    if not kind or len(frame) < start + header_length(kind) or frame[start + protocol] != GRE_PROTOCOL:
        return None
    return start + length


def gre_violations(flags: int) -> set:
    """Every reason for which rule 1 drops a packet whose GRE header begins with these 16 bits."""
    found = set()
    if flags & 0x8000:
        found.add("gre-checksum-bit")
    if not flags & 0x2000:
        found.add("gre-no-key")
    # Routing, sequence number, strict source route, bit 5.
    if flags & 0x5C00:
        found.add("gre-flags")
    if flags & 0x0007:
        found.add("gre-version")
    return found


def flow_id(frame: bytes) -> int:
    """The FlowID of an encapsulated frame."""
    return frame[gre_offset(frame) + 7]


def without_flow_id(frame: bytes) -> bytes:
    """The same frame with FlowID 0, and with flow label 0 if the tunnel is IPv6's, so that two frames can be compared
    that may differ in them."""
    start = gre_offset(frame)
    if start is None or len(frame) < start + 8:
        return frame
    data = bytearray(frame)
    data[start + 7] = 0
    if ethertype_of(frame) == IPV6:
        data[start - 39] &= 0xF0
        data[start - 38:start - 36] = bytes(2)
    return bytes(data)


def outer_traffic_class(frame: bytes) -> int:
    """DSCP and ECN of the first IP header of a frame."""
    return traffic_class(frame[ethertype_offset(frame) + 2:])


def inner_of(frame: bytes) -> Ether:
    """The dissected inner frame of an encapsulated frame."""
    return Ether(frame[gre_offset(frame) + 8:])


def checksum_is_right(data: bytes) -> bool:
    """Whether the Internet checksum that is part of `data` verifies."""
    return checksum(data) == 0
