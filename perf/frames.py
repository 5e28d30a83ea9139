"""Frames of the benchmark's traffic, built by hand: scapy takes minutes for what this does in a second."""

import struct
from dataclasses import dataclass
from functools import lru_cache

import flows
from flows import FAMILIES

PROVIDER_PORT_MAC = "02:00:00:00:01:01"
EXTERNAL_PORT_MAC = "02:00:00:00:02:01"
EXTERNAL_GATEWAY_MAC = "02:00:00:00:02:02"
GATEWAY_MAC = "02:00:5e:00:01:01"

FCS_BYTES = 4
# Sizes of inner frames on a cable, frame check sequence included; what is in memory has none.
SIZES = (64, 128, 512, 1518)
# The customary mix: of 12 frames, so many of each size.
IMIX = {64: 7, 594: 4, 1518: 1}
ETHERNET, UDP_HEADER, GRE = 14, 8, 8
IP_HEADER = {4: 20, 6: 40}
# Nobody's address on the provider network, from which the flood comes.
FLOODER = "100.64.255.1"
PROTOCOL_UDP, PROTOCOL_GRE = 17, 47
ETHERTYPE = {4: b"\x08\x00", 6: b"\x86\xdd"}


def inner_bytes(size, version):
    """Bytes in memory of an inner frame that has `size` on a cable, or the least that the family's headers take."""
    return max(size - FCS_BYTES, ETHERNET + IP_HEADER[version] + UDP_HEADER)


def overhead_bytes(outer_version):
    """What NVGRE adds to an inner frame."""
    return ETHERNET + IP_HEADER[outer_version] + GRE


@lru_cache(maxsize=65536)
def packed(mac):
    return bytes.fromhex(mac.replace(":", ""))


def ones_complement_sum(octets):
    """The Internet checksum's sum (RFC 1071), folded to 16 bits."""
    if len(octets) % 2:
        octets += b"\0"
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    total = (total & 0xFFFF) + (total >> 16)
    return (total & 0xFFFF) + (total >> 16)


def _ipv4(source, destination, protocol, payload):
    header = struct.pack("!BBHHHBBHII", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0, source, destination)
    checksum = ~ones_complement_sum(header) & 0xFFFF
    return header[:10] + struct.pack("!H", checksum) + header[12:] + payload


def _ipv6(source, destination, protocol, payload):
    return (struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + source.to_bytes(16, "big")
            + destination.to_bytes(16, "big") + payload)


_IP = {4: _ipv4, 6: _ipv6}


def _udp(version, source, destination, ports, frame_bytes):
    """An IP packet with UDP in it, so long that an Ethernet frame with it has `frame_bytes`."""
    payload = b"x" * (frame_bytes - ETHERNET - IP_HEADER[version] - UDP_HEADER)
    length = UDP_HEADER + len(payload)
    checksum = 0
    if version == 6:
        # IPv4's may be left out, IPv6's may not (RFC 8200, 8.1).
        pseudo = source.to_bytes(16, "big") + destination.to_bytes(16, "big") + struct.pack("!II", length, PROTOCOL_UDP)
        checksum = ~ones_complement_sum(pseudo + struct.pack("!HHHH", *ports, length, 0) + payload) & 0xFFFF or 0xFFFF
    return _IP[version](source, destination, PROTOCOL_UDP, struct.pack("!HHHH", *ports, length, checksum) + payload)


@dataclass(frozen=True)
class Shape:
    """What all frames of a capture have in common: the families inside and outside, and a size or `imix`."""

    size: int | str = 64
    families: str = "4in4"

    @property
    def inner(self):
        return FAMILIES[self.families[0]]

    @property
    def outer(self):
        return FAMILIES[self.families[-1]]

    @property
    def text(self):
        return "IMIX" if self.size == "imix" else f"{self.size} B"

    def sizes(self, order):
        """An endless series of inner frames' bytes, mixed by `order` (a `random.Random`) where they are."""
        mix = [size for size, times in IMIX.items() for _ in range(times)] if self.size == "imix" else [self.size]
        mix = [inner_bytes(size, self.inner.version) for size in mix]
        while True:
            order.shuffle(mix)
            yield from mix

    def frame_bytes(self, from_tenants):
        """The mean number of bytes that a frame of a capture has."""
        mix = IMIX if self.size == "imix" else {self.size: 1}
        inner = sum(inner_bytes(size, self.inner.version) * times for size, times in mix.items()) / sum(mix.values())
        return inner + (overhead_bytes(self.outer.version) if from_tenants else 0)

    def from_tenant(self, flow, flow_id, inner_frame_bytes):
        """What the flow's host sends to the gateway."""
        inner = (packed(GATEWAY_MAC) + flow.mac + ETHERTYPE[self.inner.version]
                 + _udp(self.inner.version, flow.address, flow.server, (flow.port, 80), inner_frame_bytes))
        nvgre = struct.pack("!II", 0x20006558, flow.vsid << 8 | flow_id) + inner
        return (packed(PROVIDER_PORT_MAC) + flows.host_mac(flow.host) + ETHERTYPE[self.outer.version]
                + _IP[self.outer.version](self.outer.host(flow.host), flows.number_of(self.outer.gateway), PROTOCOL_GRE,
                                          nvgre))

    def from_outside(self, server, address, port, frame_bytes):
        """What a server answers to an address: a customer's, or a public one."""
        return (packed(EXTERNAL_PORT_MAC) + packed(EXTERNAL_GATEWAY_MAC) + ETHERTYPE[self.inner.version]
                + _udp(self.inner.version, server, address, (80, port), frame_bytes))


def arp_request():
    """A station asks for the gateway's provider address."""
    mac = b"\x02\xCC" + bytes(4)
    addresses = [flows.number_of(address).to_bytes(4, "big") for address in (FLOODER, flows.IPV4.gateway)]
    arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, addresses[0], bytes(6), addresses[1])
    return (b"\xff" * 6 + mac + b"\x08\x06" + arp).ljust(inner_bytes(64, 4), b"\0")
