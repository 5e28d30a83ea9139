"""The benchmark's traffic: flows derived from a rung of the ladder and a seed, written as captures.

A writer of our own, because scapy takes minutes for what this does in a second.
"""

import ipaddress
import random
import socket
import struct
from dataclasses import dataclass

PROVIDER_PORT_MAC = "02:00:00:00:01:01"
EXTERNAL_PORT_MAC = "02:00:00:00:02:01"
EXTERNAL_GATEWAY_MAC = "02:00:00:00:02:02"
GATEWAY_MAC = "02:00:5e:00:01:01"

PROVIDER_SUBNET = ipaddress.ip_network("100.64.0.0/16")
GATEWAY_ADDRESS = "100.64.255.254"
FIRST_VSID = 5000
FIRST_PREFIX = int(ipaddress.ip_address("10.0.0.0"))
FIRST_SERVER = int(ipaddress.ip_address("203.0.113.1"))
SUBNETS_PER_HOST = 8

INNER_FRAME_BYTES = 60
OVERHEAD_BYTES = 42

DIRECTIONS = ("decapsulate", "encapsulate")


@dataclass(frozen=True)
class Rung:
    """A rung of the ladder: how many flows over how many virtual subnets, one customer address for each flow."""

    flows: int
    vsids: int

    @property
    def name(self):
        return f"{self.flows} flows, {self.vsids} VSIDs"


RUNGS = {"256": Rung(256, 64), "65536": Rung(65536, 4096)}


@dataclass(frozen=True)
class Subnet:
    """A virtual subnet, a /24 of a tenant of its own."""

    index: int

    @property
    def vsid(self):
        return FIRST_VSID + self.index

    @property
    def prefix(self):
        return FIRST_PREFIX + (self.index << 8)

    @property
    def host(self):
        return self.index // SUBNETS_PER_HOST


@dataclass(frozen=True)
class Flow:
    """One connection of one customer address."""

    subnet: Subnet
    address: int
    mac: bytes
    server: int
    port: int


def host_address(host):
    """The provider address of a host, as a number."""
    return int(PROVIDER_SUBNET.network_address) + 1 + host


def host_mac(host):
    return bytes((0x02, 0xBB)) + host.to_bytes(4, "big")


def flows(rung):
    """The flows of a rung: flow i belongs to virtual subnet i modulo their number."""
    result = []
    for number in range(rung.flows):
        subnet = Subnet(number % rung.vsids)
        address = subnet.prefix + 2 + number // rung.vsids
        result.append(Flow(subnet, address, bytes((0x02, 0xAA)) + number.to_bytes(4, "big"),
                           FIRST_SERVER + number % 250, 1024 + number % 60000))
    return result


def packed(mac):
    return bytes.fromhex(mac.replace(":", ""))


def _ipv4(source, destination, protocol, payload):
    header = struct.pack("!BBHHHBBHII", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0, source, destination)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return header[:10] + struct.pack("!H", ~total & 0xFFFF) + header[12:] + payload


def _udp(source, destination):
    payload = b"x" * (INNER_FRAME_BYTES - 14 - 20 - 8)
    return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload


def frame_from_tenant(flow, flow_id):
    """What the flow's host sends to the gateway."""
    inner = packed(GATEWAY_MAC) + flow.mac + b"\x08\x00" + _ipv4(flow.address, flow.server, socket.IPPROTO_UDP,
                                                                _udp(flow.port, 80))
    nvgre = struct.pack("!II", 0x20006558, flow.subnet.vsid << 8 | flow_id) + inner
    gateway = int(ipaddress.ip_address(GATEWAY_ADDRESS))
    return (packed(PROVIDER_PORT_MAC) + host_mac(flow.subnet.host) + b"\x08\x00"
            + _ipv4(host_address(flow.subnet.host), gateway, socket.IPPROTO_GRE, nvgre))


def frame_from_outside(flow):
    """What the flow's server answers."""
    return (packed(EXTERNAL_PORT_MAC) + packed(EXTERNAL_GATEWAY_MAC) + b"\x08\x00"
            + _ipv4(flow.server, flow.address, socket.IPPROTO_UDP, _udp(80, flow.port)))


def write_capture(path, rung, direction, seed):
    """Writes one frame of each flow in an order drawn from the seed: neighbours in the capture are strangers."""
    order = random.Random(f"{rung}/{direction}/{seed}")
    frames = flows(rung)
    order.shuffle(frames)
    with open(path, "wb") as capture:
        capture.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, flow in enumerate(frames):
            frame = frame_from_tenant(flow, order.randrange(256)) if direction == "decapsulate" \
                else frame_from_outside(flow)
            capture.write(struct.pack("<IIII", number // 1_000_000, number % 1_000_000, len(frame), len(frame)) + frame)


def frame_bytes(direction):
    return INNER_FRAME_BYTES + (OVERHEAD_BYTES if direction == "decapsulate" else 0)
