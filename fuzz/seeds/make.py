#!/usr/bin/python3
"""Makes the seeds of the fuzz targets: small inputs of every kind that the gateway knows, built by scapy.

    fuzz/seeds/make.py

What it makes is committed; inputs that have found a fault are added by hand, named after the fault.
"""

import json
import random
from pathlib import Path

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.inet6 import (
    ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_RS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptMTU,
    ICMPv6NDOptPrefixInfo, ICMPv6NDOptSrcLLAddr, ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPv6, IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting)
from scapy.layers.l2 import ARP, GRE, Dot1Q, Ether
from scapy.packet import Raw

HERE = Path(__file__).parent
GATEWAY = "02:00:00:00:00:a0"
UPLINK = "02:00:00:00:00:a1"
HOST = "02:00:00:00:20:1e"
ROUTER = "02:00:00:00:30:01"
INNER = "02:00:5e:00:01:01"
VM = "02:15:5d:00:00:05"


def write(target, name, data):
    folder = HERE / target
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(bytes(data))


def nvgre(packet, vsid=5001, outer=None, source=VM, to=INNER):
    outer = outer or IP(src="100.64.20.30", dst="100.64.20.10", flags="DF")
    frame = Ether(src=HOST, dst=GATEWAY)
    if IPv6 in outer:
        frame /= Dot1Q(vlan=20)
    return frame / outer / GRE(key_present=1, key=vsid << 8, proto=0x6558) / Ether(src=source, dst=to) / packet


OVER_IPV6 = IPv6(src="fd00:20::30", dst="fd00:20::10", nh=47)
V4 = {
    "udp": IP(src="203.0.113.5", dst="8.8.8.8") / UDP(sport=1000, dport=53) / Raw(b"query"),
    "syn": IP(src="203.0.113.5", dst="8.8.8.8") / TCP(sport=1000, dport=80, flags="S", options=[("MSS", 1460)]),
    "options": IP(src="203.0.113.5", dst="8.8.8.8", options=[IPOption(b"\x94\x04\x00\x00")]) / UDP() / Raw(b"x"),
    "expired": IP(src="203.0.113.5", dst="8.8.8.8", ttl=1) / UDP(),
    "fragment": IP(src="203.0.113.5", dst="8.8.8.8", flags="MF", frag=2, id=7) / Raw(b"p" * 64),
    "big": IP(src="203.0.113.5", dst="8.8.8.8", flags=0, id=9) / UDP() / Raw(b"b" * 1470),
    "echo": IP(src="203.0.113.5", dst="203.0.113.1") / ICMP() / Raw(b"ping"),
}
V6 = {
    "udp6": IPv6(src="2001:db8:113::5", dst="2001:db8:8::8") / UDP(sport=1000, dport=53) / Raw(b"query"),
    "syn6": IPv6(src="2001:db8:113::5", dst="2001:db8:8::8") / TCP(dport=80, flags="S", options=[("MSS", 1440)]),
    "extensions": IPv6(src="2001:db8:113::5", dst="2001:db8:8::8") / IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting()
    / IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment(m=1) / UDP(),
    "expired6": IPv6(src="2001:db8:113::5", dst="2001:db8:8::8", hlim=1) / UDP(),
    "echo6": IPv6(src="2001:db8:113::5", dst="2001:db8:113::1") / ICMPv6EchoRequest(data=b"ping"),
    "solicitation": IPv6(src="fe80::5", dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt="2001:db8:113::1")
    / ICMPv6NDOptSrcLLAddr(lladdr=VM),
    "router-solicitation": IPv6(src="fe80::5", dst="ff02::2", hlim=255) / ICMPv6ND_RS(),
}
REPLIES = {
    "reply": IP(src="8.8.8.8", dst="203.0.113.5") / UDP(sport=53, dport=1000) / Raw(b"answer"),
    "syn-ack": IP(src="8.8.8.8", dst="203.0.113.5") / TCP(sport=80, dport=1000, flags="SA", options=[("MSS", 9000)]),
    "to-forward": IP(src="8.8.8.8", dst="198.51.100.33") / TCP(dport=8080, flags="S"),
    "to-pool": IP(src="8.8.8.8", dst="198.51.100.16") / UDP(dport=2000),
    "error": IP(src="8.8.8.8", dst="198.51.100.32") / ICMP(type=3, code=4, nexthopmtu=1300)
    / IP(src="198.51.100.32", dst="8.8.8.8") / UDP(sport=1, dport=2),
    "reply6": IPv6(src="2001:db8:8::8", dst="2001:db8:113::5") / UDP(sport=53, dport=1000),
    "advertisement": IPv6(src="2001:db8:18::1", dst="2001:db8:18::2", hlim=255) / ICMPv6ND_NA(tgt="2001:db8:18::1")
    / ICMPv6NDOptDstLLAddr(lladdr=ROUTER),
    "too-big": IPv6(src="2001:db8:8::1", dst="2001:db8:113::5") / ICMPv6PacketTooBig(mtu=1280)
    / IPv6(src="2001:db8:113::5", dst="2001:db8:8::8") / UDP(),
}


# How fuzz/harness/src/plan.rs reads a configuration: networks, sizes and knobs, then a byte for each tenant.
PLANS = [
    # Over IPv4, untagged, with a hash as FlowID; MTU 1400. One tenant is public, one translated, one learns.
    bytes([0b0000_0000, 0b0010_1000, 0b0010_0100, 0b1101_0000, 0b0110_0110]),
    # Over IPv6, VLAN 20 and 300, a knob of everything; MTU 1400.
    bytes([0b0000_1101, 0b1011_1111, 0b0010_0101, 0b1101_0100, 0b0110_0110]),
    # A host over either family, nothing known of neighbours, addresses checked before they are used.
    bytes([0b1110_0010, 0b0100_1010, 0b0010_0110, 0b1101_0101, 0b1110_1110]),
]


def step(frame, port, repaired=False, chained=False):
    data = bytes(frame)[:2048]
    return bytes([port | repaired << 1 | chained << 2]) + len(data).to_bytes(2, "little") + data


def draft(*choices):
    """A frame by its choices (fuzz/harness/src/frames.rs)."""
    return bytes([96]) + bytes(choices).ljust(12, b"\0")


def time(milliseconds):
    return bytes([208]) + milliseconds.to_bytes(2, "little")


def change(what, whose):
    return bytes([228, what, whose])


def reload(plan):
    return bytes([248]) + PLANS[plan]


def datapath():
    for number, outer in enumerate([None, OVER_IPV6]):
        def out(packet, tagged=number == 1):
            return Ether(src=ROUTER, dst=UPLINK) / (Dot1Q(vlan=300) / packet if tagged else packet)
        inside = [step(nvgre(packet, outer=outer), 0) for packet in (*V4.values(), *V6.values())]
        outside = [step(out(packet), 1) for packet in REPLIES.values()]
        everything = PLANS[number] + b"".join(inside + outside)
        write("datapath", f"both-ways-{number}", everything)
        for name, packet in (V4 | V6).items():
            write("datapath", f"{name}-{number}", PLANS[number] + step(nvgre(packet, outer=outer), 0, repaired=True))
        for name, packet in REPLIES.items():
            write("datapath", f"{name}-{number}", PLANS[number] + step(out(packet), 1, repaired=True))
        write("datapath", f"reload-{number}",
              everything + time(500) + reload(1 - number) + b"".join(inside) + time(5000) + b"".join(outside))
    private = IP(src="10.0.1.5", dst="8.8.8.8") / TCP(sport=5, dport=80, flags="S")
    around = IP(src="10.0.1.5", dst="198.51.100.32") / UDP(sport=5, dport=6)
    stranger = IP(src="10.0.1.77", dst="8.8.8.8") / UDP()
    nat = [nvgre(private, 6001), nvgre(private, 7001), nvgre(around, 6001), nvgre(stranger, 7001),
           nvgre(ARP(op=1, hwsrc=VM, psrc="10.0.1.5", pdst="10.0.1.1"), 6001, to="ff:ff:ff:ff:ff:ff")]
    write("datapath", "translation", PLANS[0] + b"".join(step(frame, 0) for frame in nat) + time(60000))
    late = IP(src="10.0.1.5", dst="8.8.8.8", flags="MF", id=3) / UDP(sport=7, dport=8, len=100) / Raw(b"f" * 56)
    rest = IP(src="10.0.1.5", dst="8.8.8.8", frag=8, id=3, proto=17) / Raw(b"f" * 36)
    write("datapath", "inner-fragments", PLANS[0] + step(nvgre(rest, 6001), 0) + step(nvgre(late, 6001), 0) + time(3000))
    whole = bytes(nvgre(V4["big"], outer=OVER_IPV6))[18 + 40:]
    head = Ether(src=HOST, dst=GATEWAY) / Dot1Q(vlan=20) / IPv6(src="fd00:20::30", dst="fd00:20::10")
    pieces = [head / IPv6ExtHdrFragment(nh=47, id=5, m=1) / Raw(whole[:800]),
              head / IPv6ExtHdrFragment(nh=47, id=5, offset=100) / Raw(whole[800:])]
    write("datapath", "outer-fragments", PLANS[1] + b"".join(step(piece, 0) for piece in pieces) + time(3000))
    arp = Ether(src=ROUTER, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=ROUTER, psrc="198.18.0.1", pdst="198.18.0.2")
    asks = Ether(src=ROUTER, dst="33:33:ff:00:00:02") / IPv6(src="2001:db8:18::1", dst="ff02::1:ff00:2", hlim=255) \
        / ICMPv6ND_NS(tgt="2001:db8:18::2") / ICMPv6NDOptSrcLLAddr(lladdr=ROUTER)
    write("datapath", "in-two-buffers", PLANS[0] + step(nvgre(V4["big"]), 0, chained=True) + step(nvgre(rest, 6001), 0))
    # Packets of every kind from everywhere to everywhere, the same ones each time this runs.
    numbers = random.Random(5)
    drafts = []
    for way in range(256):
        some = numbers.randbytes(12)
        short = way % 8 != 0
        length = numbers.randrange(64 if short else 2048).to_bytes(2, "little")
        outer = some[10] & (0b0000_0011 if short else 0b0010_1111)
        drafts.append(draft(way, some[1], some[2], some[3] % 4, some[4], *length, *some[7:10], outer, 0))
    for number in range(3):
        for part in range(4):
            these = drafts[part::4]
            write("datapath", f"drafts-{number}-{part}",
                  PLANS[number] + b"".join(these) + time(1000) + b"".join(these[::-1]))
    write("datapath", "changes", PLANS[2] + b"".join(
        change(what, whose) + drafts[what * 16 + whose] for what in range(10) for whose in range(3)) + reload(0)
        + b"".join(drafts[:40]))
    write("datapath", "neighbors", PLANS[0] + step(arp, 1) + step(asks, 1) + time(1000))


def packets():
    write("ethernet", "request", ARP(op=1, hwsrc=VM, psrc="10.0.1.5", pdst="10.0.1.1"))
    write("ethernet", "gre", GRE(key_present=1, key=1, proto=0x6558))
    for name, packet in (V4 | REPLIES).items():
        if IP in packet:
            write("ipv4", name, packet)
            write("transport", name, packet[IP].payload)
    for name, packet in (V6 | REPLIES).items():
        if IPv6 in packet:
            write("ipv6", name, packet)
    advertisement = IPv6(src="fe80::1", dst="ff02::1", hlim=255) / ICMPv6ND_RA(routerlifetime=9000) / ICMPv6NDOptMTU() \
        / ICMPv6NDOptPrefixInfo(prefix="2001:db8::", prefixlen=64) / ICMPv6NDOptSrcLLAddr(lladdr=INNER)
    quoted = IP(src="198.51.100.16", dst="8.8.8.8") / UDP(sport=1024, dport=53)
    for name, packet in {
        "router-advertisement": bytes(advertisement)[40:],
        "neighbor-solicitation": bytes(IPv6(src="fe80::1", dst="ff02::1", hlim=255) / ICMPv6ND_NS(tgt="fe80::2")
                                       / ICMPv6NDOptSrcLLAddr(lladdr=VM))[40:],
        "time-exceeded-6": bytes(IPv6(src="fe80::1", dst="ff02::1") / ICMPv6TimeExceeded() / IPv6() / UDP())[40:],
        "echo": ICMP(type=8, id=1, seq=2) / Raw(b"ping"),
        "unreachable": ICMP(type=3, code=1) / quoted,
        "time-exceeded": ICMP(type=11) / quoted,
    }.items():
        write("icmp", name, bytes(packet))


def documents():
    root = HERE.parent.parent
    for path in sorted((root / "config/examples").glob("*.yaml")):
        write("changes" if path.name == "changes.yaml" else "configuration", path.name, path.read_bytes())
    # Journal entries of every kind, as a gateway writes them.
    entries = [
        {"tenant": {"name": "teal", "routing-domain": None, "gateway-mac": "02:00:5e:00:01:01", "sender-check": {
            "learn": {"addresses-per-mac": 4, "records-per-subnet": 8}}, "external": "internet",
            "public-prefixes": ["203.0.113.32/28"], "router-advertisements": True}},
        {"subnet": {"tenant": "teal", "vsid": 9001, "prefix": "203.0.113.32/28", "gateway": "203.0.113.33",
                    "ipv6": ["2001:db8:9001::/64", "2001:db8:9001::1"]}},
        {"provider-address": {"site": "site0", "address": "100.64.20.11", "order": 3}},
        {"provider-route": {"prefix": "100.64.40.0/24", "next-hop": "100.64.20.2", "metric": 7, "mtu": 1500}},
        {"lookup": {"vsid": 9001, "address": "203.0.113.37", "mac": "02:15:5d:00:00:05", "provider-address":
                    "100.64.40.2", "name": "web", "hash-flow-id": False, "owner": "api"}},
        {"lookup": {"vsid": 5001, "address": "203.0.113.7", "mac": "02:15:5d:00:00:07", "provider-address":
                    "100.64.20.30", "name": None, "hash-flow-id": None, "owner": "learned"}},
        {"move": {"vsid": 5001, "address": "203.0.113.5", "from": "100.64.20.30", "to": "100.64.20.31", "by": "learned"}},
        {"customer-route": {"tenant": "teal", "prefix": "10.9.0.0/16", "next-hop": "203.0.113.37"}},
        {"neighbor": {"network": "site0", "address": "100.64.20.2", "mac": "02:00:00:00:20:02"}},
    ]
    write("journal", "all", "\n".join(map(json.dumps, entries)).encode())
    write("journal", "reversed", "\n".join(map(json.dumps, entries[::-1])).encode())
    block = ('{"time":"2026-01-01T00:00:00.000Z","event":"block-allocated","tenant":"red","customer":"10.0.1.5",'
             '"external":"internet","public":"198.51.100.16","first-port":1024,"last-port":1535}\n')
    write("nat_log", "block", block.encode() + block.replace("allocated", "released").encode())
    write("nat_log", "cut", block.encode()[:70])
    changes = [{"add-neighbor": {"network": "a", "address": "fe80::1", "mac": "02:00:00:00:00:01"}},
               {"add-provider-route": {"prefix": "fd00::/8", "next-hop": "fd00::1", "metric": 4294967295, "mtu": 1280}},
               {"add-tenant": {"name": "a", "sender-check": "learn", "learn": {"addresses-per-mac": 1}}},
               {"move-tenant": {"name": "a", "external": "b"}}, {"remove-subnet": {"vsid": 16777214}}]
    write("changes", "document.json", json.dumps({"if-generation": 18446744073709551615, "changes": changes}).encode())
    for path in sorted((root / "hyperv/tests/data").glob("*.json")):
        write("hyper_v", path.name, json.dumps(json.loads(path.read_bytes())).encode())


datapath()
packets()
documents()
