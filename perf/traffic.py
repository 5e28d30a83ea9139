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
# Of a capture, and of one frame from a tenant in it.
HEADER_BYTES = 24
RECORD_BYTES = 16 + INNER_FRAME_BYTES + OVERHEAD_BYTES

ROUTED = ("decapsulate", "encapsulate")
# The same ways with translation between, and how fast sessions are made.
TRANSLATED = ("translate-out", "translate-in", "new-sessions")
# As decapsulate, with a flood for the control thread among it.
FLOODED = "flood"
DIRECTIONS = ROUTED + TRANSLATED + (FLOODED,)
# Of so many frames of a flood, one is for the control thread.
ONE_OF = 16
# Nobody's address on the provider network, from which the flood comes.
FLOODER = "100.64.255.1"


@dataclass(frozen=True)
class Rung:
    """A rung of the ladder: how many flows of how many customer addresses, in how many virtual subnets; and for
    translation, how many public addresses there are and how many ports a customer gets at a time."""

    flows: int
    vsids: int
    customers: int
    public_prefix: str = "198.51.100.0/25"
    block: int = 64

    @property
    def name(self):
        return f"{self.flows} flows of {self.customers} addresses, {self.vsids} VSIDs"


RUNGS = {"256": Rung(256, 64, 256), "65536": Rung(65536, 4096, 65536), "1000000": Rung(1_000_000, 4096, 62_500)}
DEFAULT_RUNGS = ("256", "65536")
# Few customers with many ports each: making sessions is the work, not handing out blocks.
NEW_SESSIONS = Rung(1_000_000, 64, 1000, "198.51.100.0/24", 4096)


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
    """The flows of a rung: flow i is of customer i modulo their number, who is in a virtual subnet in the same way."""
    result = []
    for number in range(rung.flows):
        turn, customer = divmod(number, rung.customers)
        subnet = Subnet(customer % rung.vsids)
        address = subnet.prefix + 2 + customer // rung.vsids
        result.append(Flow(subnet, address, bytes((0x02, 0xAA)) + customer.to_bytes(4, "big"),
                           FIRST_SERVER + number % 250, 1024 + (customer + turn) % 60000))
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


def frame_from_outside(server, address, port):
    """What a server answers to an address: a customer's, or a public one."""
    return (packed(EXTERNAL_PORT_MAC) + packed(EXTERNAL_GATEWAY_MAC) + b"\x08\x00"
            + _ipv4(server, address, socket.IPPROTO_UDP, _udp(80, port)))


def write_outbound(path, rung, seed):
    """Writes one frame of each flow from its tenant, in an order drawn from the seed: neighbours are strangers."""
    _write(path, _outbound(rung, seed))


def _outbound(rung, seed):
    order = random.Random(f"{rung}/out/{seed}")
    drawn = flows(rung)
    order.shuffle(drawn)
    return (frame_from_tenant(flow, order.randrange(256)) for flow in drawn)


def arp_request():
    """A station asks for the gateway's provider address."""
    mac = b"\x02\xCC" + bytes(4)
    addresses = [ipaddress.ip_address(address).packed for address in (FLOODER, GATEWAY_ADDRESS)]
    arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, addresses[0], bytes(6), addresses[1])
    return (b"\xff" * 6 + mac + b"\x08\x06" + arp).ljust(INNER_FRAME_BYTES, b"\0")


def write_flooded(path, rung, seed):
    """Writes what `write_outbound` does, with an ARP request in place of one of so many frames."""
    frames = enumerate(_outbound(rung, seed))
    _write(path, (frame if number % ONE_OF else arp_request() for number, frame in frames))


def write_inbound(path, rung, seed):
    """Writes one answer to the customer of each flow, in such an order."""
    write_answers(path, [(flow.server, flow.address, flow.port) for flow in flows(rung)], seed)


def write_answers(path, ends, seed):
    """Writes one frame from outside for each (server, address, port), in such an order."""
    random.Random(f"{len(ends)}/in/{seed}").shuffle(ends)
    _write(path, (frame_from_outside(*end) for end in ends))


def _write(path, frames):
    with open(path, "wb") as capture:
        capture.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, frame in enumerate(frames):
            capture.write(struct.pack("<IIII", number // 1_000_000, number % 1_000_000, len(frame), len(frame)) + frame)


def from_tenants(direction):
    """Whether the packets of a direction come from tenants."""
    return direction not in ("encapsulate", "translate-in")


def frame_bytes(direction):
    return INNER_FRAME_BYTES + (OVERHEAD_BYTES if from_tenants(direction) else 0)
