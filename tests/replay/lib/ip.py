"""IP packets of either family, as hosts send them and as they are after a hop, built by scapy.

Fields have the names that scapy gives those of IPv4: `tos` is the traffic class of an IPv6 packet, `ttl` its hop
limit. What IPv6 has no field for, identification and flags, is left out there.
"""

import struct
from typing import Optional, Union

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoRequest, ICMPv6PacketTooBig, ICMPv6ParamProblem,
                                ICMPv6TimeExceeded, IPv6)
from scapy.packet import Packet, Raw

Bytes = Union[bytes, Packet]

ICMPV6 = 58
# What has neither ports nor a checksum: RFC 3692's number for experiments.
EXPERIMENT = 253
# Types and codes of ICMP errors (RFC 792, RFC 1812 section 5.2.7.1).
UNREACHABLE, TIME_EXCEEDED = 3, 11
NET, HOST, PROTOCOL, PORT, TOO_BIG, PROHIBITED = 0, 1, 2, 3, 4, 13
# How much of an error's packet there is at most: RFC 1812 section 4.3.2.3, RFC 4443 section 2.4 (c).
ERROR_SIZE = {4: 576, 6: 1280}
# Errors have precedence 6 (RFC 1812 section 4.3.2.5), those of IPv6 likewise.
ERROR_TOS = 0xC0

_IPV6_NAMES = {"tos": "tc", "ttl": "hlim"}
_ONLY_IPV4 = {"id", "flags"}


def family_of(address: str) -> int:
    """4 or 6."""
    return 6 if ":" in address else 4


def version(packet: Bytes) -> int:
    """What an IP packet says that it is; 0 if it says nothing."""
    first = bytes(packet)[:1]
    return first[0] >> 4 if first else 0


def header_length(family: int) -> int:
    """A header without options, or without extension headers."""
    return {4: 20, 6: 40}[family]


def header(src: str, dst: str, proto: int, **fields) -> Packet:
    """An IP header; its length field and its checksum are scapy's."""
    if family_of(dst) == 4:
        return IP(src=src, dst=dst, proto=proto, **fields)
    named = {_IPV6_NAMES.get(name, name): value for name, value in fields.items() if name not in _ONLY_IPV4}
    return IPv6(src=src, dst=dst, nh=proto, **named)


def udp(src: str, dst: str, mark: int = 0, size: int = 32, sport: int = 4000, dport: int = 5000, **ip) -> bytes:
    """A UDP packet; `mark` makes it one of a kind (identification and payload). Further keys are IP fields."""
    payload = struct.pack("!I", mark) + bytes(index & 0xFF for index in range(size - 4))
    ip.setdefault("id", mark & 0xFFFF)
    return bytes(header(src, dst, 17, **ip) / UDP(sport=sport, dport=dport) / Raw(payload))


def tcp(src: str, dst: str, mark: int = 0, sport: int = 4000, dport: int = 80, **ip) -> bytes:
    """A TCP segment."""
    ip.setdefault("id", mark & 0xFFFF)
    segment = TCP(sport=sport, dport=dport, seq=1000 + mark, ack=77, flags="PA", window=8192)
    return bytes(header(src, dst, 6, **ip) / segment / Raw(b"GET / HTTP/1.1\r\n\r\n"))


def echo(src: str, dst: str, sequence: int = 1, payload: bytes = b"are you there?", ttl: int = 64) -> bytes:
    """An ICMP echo request."""
    if family_of(dst) == 4:
        query = ICMP(type=8, id=0x4E56, seq=sequence) / Raw(payload)
        return bytes(IP(src=src, dst=dst, ttl=ttl, id=sequence) / query)
    return bytes(header(src, dst, ICMPV6, ttl=ttl) / ICMPv6EchoRequest(id=0x4E56, seq=sequence, data=payload))


def sized(src: str, dst: str, size: int, **ip) -> bytes:
    """An IP packet of that length in all that must not be fragmented."""
    ip = {"id": size & 0xFFFF, "flags": "DF", **ip}
    body = bytes(0xA0 + index % 32 for index in range(size - header_length(family_of(dst))))
    return bytes(header(src, dst, EXPERIMENT, **ip) / Raw(body))


def ends_at(packet: Bytes) -> int:
    """Where the packet ends by its own length field."""
    data = bytes(packet)
    return IP(data).len if version(data) == 4 else 40 + int.from_bytes(data[4:6], "big")


def headed(data: bytes) -> Packet:
    """The dissected header of a packet, its payload aside; with IPv4, its options included."""
    if version(data) == 4:
        return IP(data[:(data[0] & 15) * 4])
    return IPv6(data[:40])


def routed(ip: Bytes, ecn: Optional[int] = None) -> bytes:
    """An IP packet after one hop: TTL one less, ECN as given, the checksum anew, nothing beyond its own length."""
    data = bytes(ip)
    head = headed(data)
    payload = data[len(head):ends_at(data)]
    hops, traffic_class = ("ttl", "tos") if version(data) == 4 else ("hlim", "tc")
    setattr(head, hops, getattr(head, hops) - 1)
    if ecn is not None:
        setattr(head, traffic_class, getattr(head, traffic_class) & 0xFC | ecn)
    if version(data) == 4:
        del head.chksum
    return bytes(head) + payload


def shortened(packet: bytes, length: int) -> bytes:
    """The first bytes of a packet, its length field saying so; as far as there is a header, its checksum is right."""
    data = bytearray(packet[:length])
    if version(packet) == 6:
        if length >= 40:
            data[4:6] = struct.pack("!H", length - 40)
        return bytes(data)
    if length < (packet[0] & 15) * 4:
        return bytes(data)
    head = IP(bytes(data[:(packet[0] & 15) * 4]))
    head.len = length
    del head.chksum
    return bytes(head) + bytes(data[len(head):])


def traffic_class(packet: bytes) -> int:
    """DSCP and ECN of a packet."""
    return packet[1] if version(packet) == 4 else (packet[0] & 15) << 4 | packet[1] >> 4


def icmp_error(ip: Bytes, src: str, kind: int, code: int = 0, mtu: int = 0, room: int = 1 << 16) -> bytes:
    """What a router at `src` tells the sender of an IP packet: as much of it as an error may hold (or as `room` bytes
    hold), and nothing beyond its own length. `kind` and `code` are those of IPv4; IPv6 has its own for the same."""
    data = bytes(ip)
    family = version(data)
    quoted = data[:min(ends_at(data), min(ERROR_SIZE[family], room) - header_length(family) - 8)]
    fields = {"tos": ERROR_TOS, "id": 0, "flags": "DF", "ttl": 64}
    if family == 4:
        error = ICMP(type=kind, code=code, nexthopmtu=mtu) if (kind, code) == (UNREACHABLE, TOO_BIG) else ICMP(
            type=kind, code=code, unused=0)
        return bytes(header(src, IP(data).src, 1, **fields) / error / Raw(quoted))
    error = {
        (TIME_EXCEEDED, 0): ICMPv6TimeExceeded(code=0),
        (UNREACHABLE, NET): ICMPv6DestUnreach(code=0),
        (UNREACHABLE, PROHIBITED): ICMPv6DestUnreach(code=1),
        (UNREACHABLE, HOST): ICMPv6DestUnreach(code=3),
        (UNREACHABLE, PORT): ICMPv6DestUnreach(code=4),
        (UNREACHABLE, TOO_BIG): ICMPv6PacketTooBig(mtu=mtu),
        # Pointing at the next header field of a packet without extension headers.
        (UNREACHABLE, PROTOCOL): ICMPv6ParamProblem(code=1, ptr=6),
    }[kind, code]
    return bytes(header(src, IPv6(data).src, ICMPV6, **fields) / error / Raw(quoted))
