"""Address translation as RFC 4787, 5382 and 5508 see it: who sends what, and how it looks on the other side.

A public port is the gateway's to choose, at random. Two replays of the same beginning choose the same, so a test
replays the beginning alone, reads the choice from the frames that left (`NatTest.learn`), and then writes the packets
that come back. What is expected is built from the packet that went in, by scapy, checksums and all.
"""

import struct
from dataclasses import dataclass, replace
from typing import NamedTuple, Optional

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.packet import Raw
from scapy.utils import checksum

from . import topology
from .assertions import ReplayTest
from .captures import Frame
from .gateway import Run, at
from .packets import (Bytes, encapsulated, ethertype_offset, expect_decap, expect_encap, from_outside, from_vm,
                      gre_offset, routed, udp)
from .topology import BLUE_HOST_MAC, BLUE_WEB, GATEWAY_SITE, INTERNET, SERVER, Vm

POOL = "198.51.100.16/29"
POOL_ADDRESSES = [f"198.51.100.{last}" for last in range(16, 24)]
# Neither a pool's address nor anybody else's.
OTHER_SERVER = "192.0.2.80"
# A router on the way to the servers.
ROUTER = "192.0.2.1"
ECHO, ECHO_REPLY, UNREACHABLE, TIME_EXCEEDED, PARAMETER_PROBLEM = 8, 0, 3, 11, 12
# Ports of a shard of customers follow each other in stripes of this length.
STRIPE = 4096


class Endpoint(NamedTuple):
    """An address and a port, or the identifier of an ICMP query."""

    address: str
    port: Optional[int]


def _translated(ip: Bytes, side: str, to: Endpoint) -> bytes:
    """An IP packet of which source or destination is replaced; scapy computes the checksums anew."""
    packet = IP(bytes(ip))
    setattr(packet, side, to.address)
    del packet.chksum
    transport = packet.payload
    if isinstance(transport, (TCP, UDP)):
        if to.port is not None:
            setattr(transport, {"src": "sport", "dst": "dport"}[side], to.port)
        # A UDP checksum of zero says that there is none (RFC 768), and there is none behind the gateway either.
        if isinstance(transport, TCP) or transport.chksum:
            del transport.chksum
    elif isinstance(transport, ICMP) and to.port is not None:
        transport.id = to.port
        del transport.chksum
    # Whatever scapy reads into the payload because of its port, it is bytes.
    if not isinstance(transport.payload, Raw) and transport.payload:
        transport.payload = Raw(bytes(transport.payload))
    return bytes(packet)


def from_public(ip: Bytes, public: Endpoint) -> bytes:
    """A customer's packet as the outside sees it, hop count aside."""
    return _translated(ip, "src", public)


def to_customer(ip: Bytes, customer: Endpoint) -> bytes:
    """A packet from outside as the customer sees it, hop count aside."""
    return _translated(ip, "dst", customer)


def pieces(ip: Bytes, size: int) -> list[bytes]:
    """A packet in fragments of that many payload bytes."""
    return [bytes(piece) for piece in IP(bytes(ip)).fragment(size)]


def segment(src: str, dst: str, flags: str, sport: int = 4000, dport: int = 80, seq: int = 1000, ack: int = 0,
            payload: bytes = b"", **ip) -> bytes:
    """A TCP segment."""
    header = TCP(sport=sport, dport=dport, flags=flags, seq=seq % 2**32, ack=ack % 2**32, window=8192)
    return bytes(IP(src=src, dst=dst, **ip) / header / Raw(payload))


def query(src: str, dst: str, identifier: int, kind: int = ECHO, sequence: int = 1, size: int = 32, **ip) -> bytes:
    """An ICMP echo request or reply."""
    body = bytes((sequence + index) & 0xFF for index in range(size))
    return bytes(IP(src=src, dst=dst, **ip) / ICMP(type=kind, id=identifier, seq=sequence) / Raw(body))


def icmp_error(src: str, dst: str, quoted: bytes, kind: int = UNREACHABLE, code: int = 3, rest: bytes = bytes(4),
               trailer: bytes = b"", **ip) -> bytes:
    """An ICMP error about a packet; `rest` is the second word of its header."""
    message = bytearray(struct.pack("!BBH4s", kind, code, 0, rest) + quoted + trailer)
    message[2:4] = struct.pack("!H", checksum(bytes(message)))
    return bytes(IP(src=src, dst=dst, proto=1, **{"id": 0x1CE, **ip}) / Raw(bytes(message)))


@dataclass(frozen=True)
class Flow:
    """What a VM and a host outside say to each other."""

    vm: Vm = BLUE_WEB
    port: int = 4000
    remote: str = SERVER
    remote_port: int = 5000
    protocol: str = "udp"

    @property
    def customer(self) -> Endpoint:
        return Endpoint(self.vm.address, self.port)

    def out(self, mark: int = 0, flags: Optional[str] = None, **more) -> bytes:
        """The VM's IP packet: of UDP, an echo request, or a TCP segment, a SYN unless its `flags` say otherwise."""
        return self._packet(self.customer, Endpoint(self.remote, self.remote_port), mark, ECHO,
                            "S" if flags is None else flags, **more)

    def back(self, public: Endpoint, mark: int = 0, flags: Optional[str] = None, **more) -> bytes:
        """The far end's IP packet to the public address and port, of TCP a SYN and ACK."""
        return self._packet(Endpoint(self.remote, self.remote_port), public, mark, ECHO_REPLY,
                            "SA" if flags is None else flags, **more)

    def _packet(self, source: Endpoint, destination: Endpoint, mark: int, kind: int, flags: str,
                df: bool = False, **more) -> bytes:
        ports = {"sport": source.port, "dport": destination.port}
        if self.protocol == "tcp":
            return segment(source.address, destination.address, flags, **ports, **{"id": mark, **more})
        if df:
            more["flags"] = "DF"
        if self.protocol == "udp":
            return udp(source.address, destination.address, mark, **ports, **more)
        identifier = source.port if kind == ECHO else destination.port
        return query(source.address, destination.address, identifier, kind, mark, **more)

    def sends(self, seconds: float, *args, **more) -> Frame:
        """The VM's packet on the provider network, at its moment."""
        return at(seconds * 1000, from_vm(self.vm, self.out(*args, **more)))

    def answers(self, seconds: float, public: Endpoint, *args, **more) -> Frame:
        """The far end's packet on the external network, at its moment."""
        return at(seconds * 1000, from_outside(INTERNET, self.back(public, *args, **more)))

    def expect_out(self, public: Endpoint, *args, **more) -> bytes:
        """What leaves to the external network for `sends`."""
        return expect_decap(from_public(self.out(*args, **more), public), INTERNET)

    def expect_back(self, public: Endpoint, *args, **more) -> bytes:
        """What leaves to the VM for `answers`."""
        return expect_encap(to_customer(self.back(public, *args, **more), self.customer), self.vm)

    def to(self, remote: str, remote_port: Optional[int] = None) -> "Flow":
        """The same VM's port toward another host."""
        return replace(self, remote=remote, remote_port=self.remote_port if remote_port is None else remote_port)


def flows(count: int, **fields) -> list[Flow]:
    """Flows from as many ports of one VM."""
    return [Flow(port=20000 + number, **fields) for number in range(count)]


def blue_vm(last: int) -> Vm:
    """Another machine of tenant blue: 10.0.1.`last`."""
    return Vm(BLUE_WEB.vsid, f"10.0.1.{last}", f"02:15:5d:00:01:{last:02x}", BLUE_WEB.provider_address, GATEWAY_SITE,
              BLUE_HOST_MAC, BLUE_WEB.gateway)


def ip_of(frame: bytes) -> IP:
    """The IP packet of a frame; the inner one where it is encapsulated."""
    start = gre_offset(frame)
    return IP(frame[ethertype_offset(frame) + 2:] if start is None else frame[start + 8 + 14:])


def source_of(frame: bytes) -> Endpoint:
    """The source of a frame's packet; an ICMP query's identifier is its port."""
    packet = ip_of(frame)
    transport = packet.payload
    return Endpoint(packet.src, transport.id if isinstance(transport, ICMP) else transport.sport)


def config(blue: Optional[dict] = None, red: Optional[dict] = None, vms: tuple = (), **common) -> dict:
    """The base topology with translation for blue, by a pool unless said otherwise, and for red if given. Further
    keys are those of the file's part `nat`; underscores stand for hyphens."""
    document = topology.base()
    document["system"]["limits"].update({"nat-sessions": 16384, "nat-addresses": 64, "nat-bindings": 256})
    if common:
        document["nat"] = {key.replace("_", "-"): value for key, value in common.items()}
    tenant = topology.tenant(document, "blue")
    tenant["nat"] = pool() if blue is None else blue
    tenant["records"] += [vm.record() for vm in vms]
    if red is not None:
        topology.tenant(document, "red").update({"external": INTERNET.name, "nat": red})
    return document


def pool(addresses: str = POOL, ports: Optional[str] = None, block_size: Optional[int] = None, **nat) -> dict:
    """A tenant's translation by one pool. Further keys are other parts of the tenant's `nat`."""
    one = {"addresses": addresses}
    if ports is not None:
        one["ports"] = ports
    if block_size is not None:
        one["block-size"] = block_size
    return {"pools": [one], **nat}


class NatTest(ReplayTest):
    """A test of translation."""

    def learn(self, frames: list[Frame], document: dict, changes: tuple = ()) -> list[Endpoint]:
        """From where the outside sees each of these packets come, in a replay of them alone."""
        sent = self.replay({"wire0": frames}, document, changes=changes).sent("wire1")
        self.assertEqual(len(sent), len(frames), "every packet leaves by the external network")
        return [source_of(frame) for frame in sent]

    def tiny_pool(self, flow: Flow, size: int = 64, addresses: str = POOL_ADDRESSES[0], vms: tuple = (),
                  **nat) -> dict:
        """A pool of a single block of ports, one that the flow's VM may get: the ports of an address are divided
        among shards of customers."""
        (public,) = self.learn([flow.sends(0)], config(pool(addresses, block_size=size), vms=vms))
        first = public.port // size * size
        return pool(addresses, f"{first}-{first + size - 1}", size, **nat)

    def assert_unreachable(self, run: Run, refused: list[tuple], code: int = 1) -> None:
        """The VMs hear, in this order, that these packets went no further, from their own gateway. `refused` are
        pairs of a VM and its packet. How much of the packet is quoted is the gateway's to choose, within RFC 1812."""
        errors = self.errors_to_vms(run)
        self.assertEqual(len(errors), len(refused), "ICMP errors to VMs")
        for frame, (vm, packet) in zip(errors, refused):
            error = ip_of(frame)
            message = bytes(error.payload)
            quoted = message[8:]
            self.assertEqual((error.src, error.dst), (vm.gateway, vm.address))
            self.assertEqual(tuple(message[:2]), (UNREACHABLE, code))
            self.assertEqual(checksum(message), 0, "the ICMP checksum verifies")
            self.assertGreaterEqual(len(quoted), min(len(packet), 28), "header and eight bytes at least")
            self.assertLessEqual(error.len, 576)
            self.assertEqual(quoted, packet[:len(quoted)], "the packet as it came")
            self.assert_frames([frame], [encapsulated(error, vm, tos=error.tos)])

    def errors_to_vms(self, run: Run) -> list[bytes]:
        """The frames to VMs that hold an ICMP error of the gateway."""
        gateways = {BLUE_WEB.gateway, topology.BLUE_DB.gateway, topology.BLUE_PUBLIC.gateway}
        return [frame for frame in run.sent("wire0") if ip_of(frame).proto == 1 and ip_of(frame).src in gateways]

    def assert_out(self, run: Run, expected: list[bytes], ordered: bool = True) -> None:
        """Exactly these frames left by the external network."""
        self.assert_frames(run.sent("wire1"), expected, ordered=ordered)

    def assert_in(self, run: Run, expected: list[bytes], ordered: bool = True) -> None:
        """Exactly these frames left to VMs, errors of the gateway itself aside."""
        errors = self.errors_to_vms(run)
        self.assert_frames([frame for frame in run.sent("wire0") if frame not in errors], expected, ordered=ordered)


def returned(ip: Bytes, length: Optional[int] = None) -> bytes:
    """What an error to the sender of a packet quotes of it: the packet after one hop, as its sender wrote it."""
    whole = routed(ip)
    return whole if length is None else whole[:length]
