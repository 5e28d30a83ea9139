"""Packets as hosts, routers and VMs send them, and what the gateway owes in return, built by scapy."""

import struct
from typing import Optional, Union

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, GRE, Dot1Q, Ether
from scapy.packet import Packet, Raw
from scapy.utils import checksum

from .topology import GATEWAY_MAC, Network, Vm

BROADCAST = "ff:ff:ff:ff:ff:ff"
IPV4, ARP_TYPE, VLAN = 0x0800, 0x0806, 0x8100
GRE_PROTOCOL = 47
TRANSPARENT_ETHERNET = 0x6558
# Types and codes of ICMP errors (RFC 792).
UNREACHABLE, TIME_EXCEEDED = 3, 11
NET, HOST, TOO_BIG = 0, 1, 4
Bytes = Union[bytes, Packet]


def ethernet(payload: Bytes, src: str, dst: str, vlan: Optional[int] = None, ethertype: int = IPV4) -> bytes:
    """An Ethernet frame, tagged if there is a VLAN."""
    if vlan is None:
        return bytes(Ether(src=src, dst=dst, type=ethertype)) + bytes(payload)
    return bytes(Ether(src=src, dst=dst, type=VLAN) / Dot1Q(vlan=vlan, type=ethertype)) + bytes(payload)


def udp(src: str, dst: str, mark: int = 0, size: int = 32, sport: int = 4000, dport: int = 5000, **ip) -> bytes:
    """A UDP packet; `mark` makes it one of a kind (identification and payload). Further keys are IP fields."""
    payload = struct.pack("!I", mark) + bytes(index & 0xFF for index in range(size - 4))
    ip.setdefault("id", mark & 0xFFFF)
    return bytes(IP(src=src, dst=dst, **ip) / UDP(sport=sport, dport=dport) / Raw(payload))


def tcp(src: str, dst: str, mark: int = 0, sport: int = 4000, dport: int = 80, **ip) -> bytes:
    """A TCP segment."""
    ip.setdefault("id", mark & 0xFFFF)
    segment = TCP(sport=sport, dport=dport, seq=1000 + mark, ack=77, flags="PA", window=8192)
    return bytes(IP(src=src, dst=dst, **ip) / segment / Raw(b"GET / HTTP/1.1\r\n\r\n"))


def echo(src: str, dst: str, sequence: int = 1, payload: bytes = b"are you there?", ttl: int = 64) -> bytes:
    """An ICMP echo request."""
    return bytes(IP(src=src, dst=dst, ttl=ttl, id=sequence) / ICMP(type=8, id=0x4E56, seq=sequence) / Raw(payload))


def gre(inner: Bytes, vsid: int, flow: int = 0, protocol: int = TRANSPARENT_ETHERNET) -> bytes:
    """The GRE header of NVGRE and what it carries."""
    return bytes(GRE(key_present=1, proto=protocol, key=vsid << 8 | flow)) + bytes(inner)


def outer_ip(payload: Bytes, src: str, dst: str, **fields) -> bytes:
    """The outer IPv4 packet around GRE; `fields` are scapy's IP fields."""
    fields = {"id": 0x1D0, "flags": "DF", "ttl": 60, "proto": GRE_PROTOCOL, **fields}
    return bytes(IP(src=src, dst=dst, **fields) / Raw(bytes(payload)))


def nvgre(inner: Bytes, vsid: int, src: str, site: Network, flow: int = 0, dst: Optional[str] = None,
          src_mac: Optional[str] = None, vlan: Optional[int] = -1, **outer) -> bytes:
    """A frame from the provider network, by default to the gateway's address of `site` on its VLAN (`vlan=None`:
    untagged)."""
    packet = outer_ip(gre(inner, vsid, flow), src, dst or site.address, **outer)
    return ethernet(packet, src_mac or site.router_mac, site.mac, site.vlan if vlan == -1 else vlan)


def inner_frame(vm: Vm, payload: Bytes, dst: str = GATEWAY_MAC, src: Optional[str] = None,
                ethertype: int = IPV4) -> bytes:
    """The Ethernet frame that a VM sends, by default to its gateway."""
    return ethernet(payload, src or vm.mac, dst, ethertype=ethertype)


def from_vm(vm: Vm, ip: Bytes, vsid: Optional[int] = None, **more) -> bytes:
    """An IP packet of a VM, encapsulated by its host, on its way to the gateway. `more` goes to `nvgre`."""
    more = {"src": vm.provider_address, "site": vm.site, "src_mac": vm.next_hop_mac, **more}
    return nvgre(inner_frame(vm, ip), vm.vsid if vsid is None else vsid, **more)


def from_outside(network: Network, ip: Bytes, src_mac: Optional[str] = None) -> bytes:
    """An IP packet that an external network's router hands to the gateway."""
    return ethernet(ip, src_mac or network.router_mac, network.mac, network.vlan)


def arp_request(network: Network, sender: str, sender_mac: str, target: str, dst: str = BROADCAST) -> bytes:
    """An ARP request on a provider or external network."""
    packet = ARP(op=1, hwsrc=sender_mac, psrc=sender, hwdst="00:00:00:00:00:00", pdst=target)
    return ethernet(packet, sender_mac, dst, network.vlan, ARP_TYPE)


def arp_reply(network: Network, sender: str, sender_mac: str, dst: Optional[str] = None,
              target: Optional[str] = None) -> bytes:
    """An ARP reply, by default to the gateway."""
    packet = ARP(op=2, hwsrc=sender_mac, psrc=sender, hwdst=dst or network.mac, pdst=target or network.address)
    return ethernet(packet, sender_mac, dst or network.mac, network.vlan, ARP_TYPE)


def routed(ip: Bytes, ecn: Optional[int] = None) -> bytes:
    """An IP packet after one hop: TTL one less, ECN as given, the checksum anew, nothing beyond its total length."""
    data = bytes(ip)
    header = IP(data)
    end = header.ihl * 4
    payload = data[end:header.len]
    header = IP(data[:end])
    header.ttl -= 1
    if ecn is not None:
        header.tos = header.tos & 0xFC | ecn
    del header.chksum
    return bytes(header) + payload


def expect_decap(ip: Bytes, network: Network, next_hop_mac: Optional[str] = None, ecn: Optional[int] = None) -> bytes:
    """The frame on an external network that becomes of a VM's IP packet."""
    return ethernet(routed(ip, ecn), network.mac, next_hop_mac or network.router_mac, network.vlan)


def encapsulated(payload: Bytes, vm: Vm, tos: int = 0, ethertype: int = IPV4, flow: int = 0, ttl: int = 64,
                 vlan: Optional[int] = -1) -> bytes:
    """A whole frame from the gateway to a VM, its payload taken as it is."""
    inner = ethernet(payload, vm.gateway_mac, vm.mac, ethertype=ethertype)
    outer = outer_ip(gre(inner, vm.vsid, flow), vm.site.address, vm.provider_address, id=0, ttl=ttl, tos=tos)
    return ethernet(outer, vm.site.mac, vm.next_hop_mac, vm.site.vlan if vlan == -1 else vlan)


def expect_encap(ip: Bytes, vm: Vm, tos: Optional[int] = None, **more) -> bytes:
    """The frame on the provider network that becomes of an IP packet for a VM; the FlowID is written as 0. The
    outer type of service is the inner one's unless `tos` says otherwise."""
    packet = routed(ip)
    return encapsulated(packet, vm, tos=packet[1] if tos is None else tos, **more)


def icmp_error(ip: Bytes, src: str, kind: int, code: int = 0, mtu: int = 0) -> bytes:
    """What a router at `src` tells the sender of an IP packet (RFC 1812 section 4.3.2): with precedence 6, as much of
    the packet as 576 bytes hold, and nothing beyond its total length."""
    data = bytes(ip)
    quoted = data[:min(IP(data).len, 576 - 20 - 8)]
    error = ICMP(type=kind, code=code, nexthopmtu=mtu) if (kind, code) == (UNREACHABLE, TOO_BIG) else ICMP(
        type=kind, code=code, unused=0)
    return bytes(IP(src=src, dst=IP(data).src, tos=0xC0, id=0, flags="DF", ttl=64) / error / Raw(quoted))


def error_to_vm(ip: Bytes, vm: Vm, kind: int, code: int = 0, mtu: int = 0) -> bytes:
    """The frame that tells a VM, or who is behind it, of its packet's end: from its subnet's gateway address."""
    return encapsulated(icmp_error(ip, vm.gateway, kind, code, mtu), vm, tos=0xC0)


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
    if ethertype_of(frame) != IPV4 or len(frame) < start + 20 or frame[start + 9] != GRE_PROTOCOL:
        return None
    return start + (frame[start] & 0x0F) * 4


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
    """The same frame with FlowID 0, so that two frames can be compared that may differ in it."""
    start = gre_offset(frame)
    if start is None or len(frame) < start + 8:
        return frame
    return frame[:start + 7] + b"\0" + frame[start + 8:]


def inner_of(frame: bytes) -> Ether:
    """The dissected inner frame of an encapsulated frame."""
    return Ether(frame[gre_offset(frame) + 8:])


def checksum_is_right(data: bytes) -> bool:
    """Whether the Internet checksum that is part of `data` verifies."""
    return checksum(data) == 0
