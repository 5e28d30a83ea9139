"""Section 5: an IPv4 packet that may be fragmented is, before it is encapsulated; every piece fits, and all of them are
the packet (RFC 791, RFC 1812 section 4.2.2.7). The outer packet never is."""

import unittest

from scapy.layers.inet import IP, IPOption_NOP, IPOption_Router_Alert
from scapy.packet import Raw

from lib import topology
from lib.families import Families, in_each
from lib.gateway import at
from lib.packets import (expect_decap, expect_encap, flow_id, from_outside, from_vm, routed, udp)
from lib.topology import BLUE_WEB, INTERNET, SERVER
from lib.translation import Flow, NatTest, config as translating, from_public, to_customer

INNER_IPV4 = (Families(4, 4), Families(4, 6))
WIRE0 = 1500


def pieces(packet: bytes, mtu: int) -> list:
    """The packet in as few pieces as fit, all but the last one as long as they may be. A piece of a bigger packet is
    cut like any other."""
    header = IP(packet)
    return [bytes(piece) for piece in header.fragment((mtu - header.ihl * 4) // 8 * 8)]


def big(source: str, destination: str, size: int, **fields) -> bytes:
    """A packet of that length in all, whatever is in it."""
    header = IP(src=source, dst=destination, **{"id": size, "proto": 17, **fields})
    body = bytes((index * 7) & 0xFF for index in range(size - 20))
    return bytes(header / Raw(body))


@in_each(*INNER_IPV4)
class Fragmentation:
    def setUp(self):
        self.document = self.on.config()
        topology.named(self.document["ports"], "wire0")["mtu"] = WIRE0
        self.limit = WIRE0 - self.on.overhead
        self.vm = self.on.blue_public

    def assert_arrives(self, packets: list, expected: list) -> None:
        """From outside, these packets reach the VM as these."""
        run = self.replay({"wire1": [from_outside(INTERNET, packet) for packet in packets]}, self.document)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, self.vm) for packet in expected])
        self.assert_frames(run.sent("wire1"), [])
        self.assert_drops(run, {})

    def test_to_a_vm(self):
        """From one byte too many to the most that comes in."""
        for size in (self.limit + 1, self.limit + 8, 1500):
            with self.subTest(size=size):
                packet = big(SERVER, self.vm.address, size)
                expected = pieces(packet, self.limit)
                self.assertEqual(len(expected), 2)
                self.assert_arrives([packet], expected)

    def test_what_fits_stays_whole(self):
        packet = big(SERVER, self.vm.address, self.limit)
        self.assert_arrives([packet], [packet])

    def test_a_jumbo_packet(self):
        """Longer than a packet buffer, and into many pieces."""
        topology.named(self.document["ports"], "wire1")["mtu"] = 9000
        packet = big(SERVER, self.vm.address, 9000)
        self.assert_arrives([packet], pieces(packet, self.limit))

    def test_a_piece_of_a_bigger_packet(self):
        """In the middle and at the end of it."""
        packets = [big(SERVER, self.vm.address, 1500, flags="MF", frag=185),
                   big(SERVER, self.vm.address, 1493, frag=370)]
        self.assert_arrives(packets, [piece for packet in packets for piece in pieces(packet, self.limit)])

    def test_all_pieces_are_one_flow(self):
        packet = big(SERVER, self.vm.address, 1500)
        run = self.replay({"wire1": [from_outside(INTERNET, packet)]}, self.document)
        self.assertEqual(len({flow_id(frame) for frame in run.sent("wire0")}), 1)

    def test_dscp_and_ecn_are_those_of_the_packet(self):
        packet = big(SERVER, self.vm.address, 1500, tos=0xB9)
        self.assert_arrives([packet], pieces(packet, self.limit))

    def test_options_go_where_they_belong(self):
        """Into every piece where they say so, else into the first (RFC 791 section 3.1)."""
        for option, everywhere in ((IPOption_Router_Alert(), True), (IPOption_NOP(), False)):
            with self.subTest(option=option.name):
                options = [option] if everywhere else [option] * 4
                packet = bytes(IP(src=SERVER, dst=self.vm.address, proto=17, id=5, options=options) / Raw(bytes(1476)))
                run = self.replay({"wire1": [from_outside(INTERNET, packet)]}, self.document)
                found = [IP(frame[18 + self.on.overhead:]) for frame in run.sent("wire0")]
                self.assertEqual([piece.ihl for piece in found], [6, 6 if everywhere else 5])
                self.assertEqual(sum(piece.len - piece.ihl * 4 for piece in found), 1476)

    def test_to_the_outside(self):
        topology.named(self.document["ports"], "wire0")["mtu"] = 1600
        topology.named(self.document["ports"], "wire1")["mtu"] = 1280
        packet = big(self.vm.address, SERVER, 1500)
        run = self.replay({"wire0": [from_vm(self.vm, packet)]}, self.document)
        self.assert_frames(run.sent("wire1"), [expect_decap(piece, INTERNET) for piece in pieces(packet, 1280)])
        self.assert_drops(run, {})

    def test_between_vms(self):
        source, destination = self.on.red_web, self.on.red_db
        topology.named(self.document["ports"], "wire0")["mtu"] = 1600
        topology.named(self.document["provider"]["sites"], destination.site.name)["mtu"] = 1400
        packet = big(source.address, destination.address, 1500)
        run = self.replay({"wire0": [from_vm(source, packet)]}, self.document)
        self.assert_frames(run.sent("wire0"), [expect_encap(piece, destination)
                                               for piece in pieces(packet, 1400 - self.on.overhead)])
        self.assert_drops(run, {})

    def test_by_the_mtu_of_a_provider_route(self):
        source, destination = self.on.red_web, self.on.red_db
        for route in self.document["provider"]["routes"]:
            route["mtu"] = 1300
        packet = big(source.address, destination.address, 1400)
        run = self.replay({"wire0": [from_vm(source, packet)]}, self.document)
        self.assert_frames(run.sent("wire0"), [expect_encap(piece, destination)
                                               for piece in pieces(packet, 1300 - self.on.overhead)])

    def test_the_report_tells_packets_from_their_pieces(self):
        packets = [big(SERVER, self.vm.address, 1500), udp(SERVER, self.vm.address)]
        run = self.replay({"wire1": [from_outside(INTERNET, packet) for packet in packets]}, self.document)
        counted = run.report["packets"]
        self.assertEqual((counted["received"], counted["fragmented"], counted["fragments"], counted["forwarded"]),
                         (2, 1, 2, 3))

    def test_a_flood_of_big_packets_loses_no_buffer(self):
        packets = [big(SERVER, self.vm.address, 1459 + mark % 42, id=mark) for mark in range(2000)]
        run = self.replay({"wire1": [at(mark * 0.01, from_outside(INTERNET, packet))
                                     for mark, packet in enumerate(packets)]}, self.document)
        expected = [expect_encap(piece, self.vm) for packet in packets for piece in pieces(packet, self.limit)]
        self.assertEqual(len(run.sent("wire0")), len(expected))


class Translated(NatTest):
    """Translated first, and then cut: every piece has the customer's address, or the public one."""

    def narrow(self, port: str, mtu: int) -> dict:
        document = translating()
        topology.named(document["ports"], port)["mtu"] = mtu
        return document

    def test_out(self):
        document, flow = self.narrow("wire1", 1280), Flow()
        (public,) = self.learn([flow.sends(0)], document)
        packet = flow.out(1, size=1400)
        run = self.replay({"wire0": [flow.sends(0), at(10, from_vm(BLUE_WEB, packet))]}, document)
        cut = [expect_decap(piece, INTERNET) for piece in pieces(from_public(packet, public), 1280)]
        self.assertEqual(len(cut), 2)
        self.assert_out(run, [flow.expect_out(public), *cut])
        self.assert_drops(run, {})

    def test_in(self):
        document, flow = self.narrow("wire0", WIRE0), Flow()
        (public,) = self.learn([flow.sends(0)], document)
        packet = flow.back(public, 2, size=1460)
        run = self.replay({"wire0": [flow.sends(0)], "wire1": [at(20, from_outside(INTERNET, packet))]}, document)
        cut = [expect_encap(piece, BLUE_WEB) for piece in pieces(to_customer(packet, flow.customer), WIRE0 - 42)]
        self.assertEqual(len(cut), 2)
        self.assert_in(run, cut)
        self.assert_drops(run, {})


class Library(unittest.TestCase):
    def test_pieces_by_hand(self):
        packet = big("192.0.2.1", "192.0.2.2", 60)
        found = [IP(piece) for piece in pieces(packet, 40)]
        self.assertEqual([(piece.len, piece.frag, int(piece.flags)) for piece in found],
                         [(36, 0, 1), (36, 2, 1), (28, 4, 0)])
        self.assertEqual(b"".join(bytes(piece.payload) for piece in found), packet[20:])
        self.assertEqual(routed(packet)[8], 63)


if __name__ == "__main__":
    unittest.main()
