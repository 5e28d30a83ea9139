"""IPv6 headers: the outer one as it is sent and as it is read, the inner one verified, and extension headers, which a
router leaves alone (RFC 8200)."""

import struct
import unittest

from scapy.layers.inet import UDP
from scapy.layers.inet6 import (IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting,
                                PadN)
from scapy.packet import Raw

from lib.families import INTERNET_6, ONLY_6, Families, in_each
from lib.packets import (GRE_PROTOCOL, IPV6, ethernet, expect_decap, expect_encap, flow_id, from_outside, from_vm, gre,
                         inner_frame, udp)

INNER_IPV6 = (Families(6, 4), Families(6, 6))
OUTER_IPV6 = (Families(4, 6), Families(6, 6))
OPTIONS = [PadN(optdata=b"\0" * 4)]


def in_outer(vm, packet: bytes, *extensions, nh=None, **ip) -> bytes:
    """The packet in a tunnel with extension headers behind the outer header."""
    header = IPv6(**{"src": vm.provider_address, "dst": vm.site.address, "hlim": 60, **ip})
    for extension in extensions:
        header = header / extension
    last = header.lastlayer()
    last.nh = GRE_PROTOCOL if nh is None else nh
    data = bytes(header / Raw(gre(inner_frame(vm, packet), vm.vsid)))
    return ethernet(data, vm.next_hop_mac, vm.site.mac, vm.site.vlan)


@in_each(ONLY_6)
class ByHand:
    """The expectations that do not come from a builder: every field in its place."""

    SENT = bytes.fromhex("60000000000c1140 20010db8005100000000000000000080 20010db8011300000000000000000005"
                         "0fa01388000c7f53 00000000")

    def test_the_packet_is_what_the_builder_makes(self):
        self.assertEqual(udp("2001:db8:51::80", "2001:db8:113::5", size=4), self.SENT)

    def test_to_a_vm(self):
        run = self.replay({"wire1": [from_outside(INTERNET_6, self.SENT)]})
        (frame,) = run.sent("wire0")
        self.assertEqual(frame[:18].hex(), "02000000201e" "02000000a000" "8100" "0078" "86dd")
        self.assertEqual((frame[18] >> 4, frame[19] >> 4), (6, 0), "version 6, traffic class 0")
        # GRE 8, Ethernet 14, and the packet of 52 bytes.
        self.assertEqual(frame[22:26].hex(), "004a" "2f" "40")
        self.assertEqual(frame[26:58].hex(), "fd640020000000000000000000000010" "fd640020000000000000000000000030")
        self.assertEqual(frame[58:65].hex(), "20006558" "001772")
        self.assertEqual(frame[66:80].hex(), "02155d000007" "02005e000101" "86dd")
        self.assertEqual(frame[80:], self.SENT[:7] + b"\x3f" + self.SENT[8:])

    def test_from_a_vm(self):
        vm = self.on.blue_public
        packet = self.SENT[:8] + self.SENT[24:40] + self.SENT[8:24] + self.SENT[40:]
        run = self.replay({"wire0": [from_vm(vm, packet)]})
        (frame,) = run.sent("wire1")
        self.assertEqual(frame[:18].hex(), "020000003061" "02000000a100" "8100" "012c" "86dd")
        self.assertEqual(frame[18:], packet[:7] + b"\x3f" + packet[8:])


@in_each(*OUTER_IPV6)
class Outer:
    def setUp(self):
        self.vm = self.on.blue_public
        self.packet = udp(self.vm.address, self.on.server)

    def changed(self, offset: int, value: bytes) -> bytes:
        """The frame with other bytes in its outer header."""
        frame = from_vm(self.vm, self.packet)
        return frame[:18 + offset] + value + frame[18 + offset + len(value):]

    def test_extension_headers_before_gre(self):
        """Hop-by-hop and destination options, which a receiver reads over where it can."""
        frames = [in_outer(self.vm, self.packet, *extensions) for extensions in (
            (IPv6ExtHdrDestOpt(options=OPTIONS),), (IPv6ExtHdrHopByHop(options=OPTIONS),),
            (IPv6ExtHdrHopByHop(options=OPTIONS), IPv6ExtHdrDestOpt(options=OPTIONS)))]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), [expect_decap(self.packet, self.on.internet)] * len(frames))

    def test_too_many_extension_headers(self):
        many = [IPv6ExtHdrDestOpt(options=OPTIONS) for _ in range(20)]
        run = self.replay({"wire0": [in_outer(self.vm, self.packet, *many)]})
        self.assert_nothing_sent(run)
        self.assertEqual(sum(run.drops.values()), 1)

    def test_fragments(self):
        pieces = [IPv6ExtHdrFragment(m=1, offset=0, id=1), IPv6ExtHdrFragment(m=0, offset=20, id=1)]
        self.assert_dropped([in_outer(self.vm, self.packet, piece) for piece in pieces], "outer-fragment")

    def test_versions(self):
        self.assert_dropped([self.changed(0, bytes([version << 4])) for version in range(16) if version != 6],
                            "outer-malformed")

    def test_a_payload_length_beyond_the_frame(self):
        length = len(from_vm(self.vm, self.packet)) - 18 - 40
        self.assert_dropped([self.changed(4, struct.pack("!H", more)) for more in (length + 1, 0x7FFF, 0xFFFF)],
                            "outer-malformed")

    def test_flow_label_traffic_class_and_hop_limit_are_free(self):
        frames = [self.changed(7, b"\x01"), self.changed(7, b"\xff"), self.changed(1, b"\x0f\xff\xff"),
                  self.changed(0, b"\x6b\x80")]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), [expect_decap(self.packet, self.on.internet)] * len(frames))


@in_each(*INNER_IPV6)
class Inner:
    """From a VM and from outside, without and with extension headers."""

    def setUp(self):
        self.vm = self.on.blue_public
        self.out = udp(self.vm.address, self.on.server)
        self.back = udp(self.on.server, self.vm.address)

    def assert_refused(self, change) -> None:
        reasons = ("malformed", "outer-malformed")
        self.assert_dropped([from_vm(self.vm, packet, ethertype=IPV6) for packet in change(self.out)], reasons)
        self.assert_dropped([from_outside(self.on.internet, packet, ethertype=IPV6) for packet in change(self.back)],
                            reasons, port="wire1")

    def test_versions(self):
        self.assert_refused(lambda packet: [bytes([version << 4]) + packet[1:] for version in range(16)
                                            if version != 6])

    def test_a_payload_length_beyond_the_frame(self):
        self.assert_refused(lambda packet: [packet[:4] + struct.pack("!H", length) + packet[6:]
                                            for length in (len(packet) - 39, 0x7FFF, 0xFFFF)])

    def assert_carried(self, chain) -> list:
        """Packets with these headers go both ways, untouched but for the hop limit; returns what left to the VM."""
        def packet(source, destination, sport):
            header = IPv6(src=source, dst=destination, hlim=33, fl=0xABCDE) / chain
            return bytes(header / UDP(sport=sport, dport=53, chksum=0x1234) / Raw(b"payload"))
        outs = [packet(self.vm.address, self.on.server, port) for port in (4000, 4001)]
        backs = [packet(self.on.server, self.vm.address, port) for port in (4000, 4001, 4000)]
        run = self.replay({"wire0": [from_vm(self.vm, out) for out in outs],
                           "wire1": [from_outside(self.on.internet, back) for back in backs]})
        self.assert_frames(run.sent("wire1"), [expect_decap(out, self.on.internet) for out in outs])
        self.assert_frames(run.sent("wire0"), [expect_encap(back, self.vm) for back in backs])
        self.assert_drops(run, {})
        return run.sent("wire0")

    def test_extension_headers_are_carried_untouched(self):
        chains = {
            "hop by hop": IPv6ExtHdrHopByHop(options=OPTIONS), "destination": IPv6ExtHdrDestOpt(options=OPTIONS),
            "routing": IPv6ExtHdrRouting(type=4, segleft=0, addresses=["2001:db8::1"]),
            "all of them": IPv6ExtHdrHopByHop(options=OPTIONS) / IPv6ExtHdrDestOpt(options=OPTIONS)
            / IPv6ExtHdrRouting(type=4, segleft=0, addresses=["2001:db8::1"]) / IPv6ExtHdrDestOpt(options=OPTIONS),
        }
        for name, chain in chains.items():
            with self.subTest(chain=name):
                frames = self.assert_carried(chain)
                self.assertEqual(flow_id(frames[0]), flow_id(frames[2]), "one flow, one FlowID")

    def test_flows_are_told_apart_behind_extension_headers(self):
        packets = [bytes(IPv6(src=self.on.server, dst=self.vm.address) / IPv6ExtHdrDestOpt(options=OPTIONS)
                         / UDP(sport=1024 + index, dport=53) / Raw(b"x")) for index in range(256)]
        run = self.replay({"wire1": [from_outside(self.on.internet, packet) for packet in packets]})
        # 256 random flows leave fewer than 120 of 256 values once in many universes.
        self.assertGreater(len({flow_id(frame) for frame in run.sent("wire0")}), 120)

    def test_all_fragments_of_a_packet_have_the_same_flow_id(self):
        """Only the first fragment has ports, so none may count; and no router puts them together."""
        pieces = [bytes(IPv6(src=self.on.server, dst=self.vm.address)
                        / IPv6ExtHdrFragment(nh=17, m=more, offset=offset, id=77) / Raw(body))
                  for offset, more, body in ((0, 1, struct.pack("!HHHH", 4000, 53, 1000, 1) + bytes(56)),
                                             (8, 1, b"\xaa" * 64), (16, 0, b"\x55" * 9))]
        run = self.replay({"wire1": [from_outside(self.on.internet, piece) for piece in pieces]})
        self.assert_frames(run.sent("wire0"), [expect_encap(piece, self.vm) for piece in pieces])
        self.assertEqual(len({flow_id(frame) for frame in run.sent("wire0")}), 1)

    def test_other_protocols_and_none(self):
        packets = [bytes(IPv6(src=self.on.server, dst=self.vm.address, nh=protocol) / Raw(body))
                   for protocol, body in ((59, b""), (50, b"an ESP packet, say"), (41, bytes(40)), (47, bytes(8)),
                                          (132, bytes(12)), (253, b""))]
        run = self.replay({"wire1": [from_outside(self.on.internet, packet) for packet in packets]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, self.vm) for packet in packets])

    def test_groups_are_not_forwarded(self):
        frames = [from_vm(self.vm, udp(self.vm.address, group)) for group in ("ff02::1", "ff05::2", "ff0e::1")]
        run = self.replay({"wire0": frames})
        self.assert_nothing_sent(run)
        self.assertEqual(sum(run.drops.values()), len(frames))

    def test_martian_sources(self):
        sources = ["::", "::1", "ff02::1", "fe80::1", "::ffff:10.0.1.5"]
        back = [from_outside(self.on.internet, udp(source, self.vm.address)) for source in sources]
        run = self.replay({"wire1": back})
        self.assert_nothing_sent(run)
        self.assertEqual(sum(run.drops.values()), len(sources))


if __name__ == "__main__":
    unittest.main()
