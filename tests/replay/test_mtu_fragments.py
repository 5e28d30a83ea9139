"""Section 5: an IPv4 packet that does not fit its way out and may be fragmented leaves in fragments of itself, each
behind headers of its own (RFC 791 section 3.2); outer packets never are fragments."""

import unittest

from scapy.layers.inet import IPOption_NOP, IPOption_Router_Alert, IPOption_RR

from lib import topology
from lib.assertions import ReplayTest
from lib.families import Families, in_each
from lib.gateway import at
from lib.ip import IP, Raw, routed, sized, udp
from lib.packets import (arp_reply, encapsulated, ethernet, expect_decap, expect_encap, flow_id, from_outside,
                         from_vm)
from lib.topology import BLUE_PUBLIC, GATEWAY_SITE, INTERNET, SERVER
from lib.translation import Flow, NatTest, config as translating, from_public, to_customer


def fragments(ip: bytes, limit: int) -> list:
    """The fragments of at most `limit` bytes that a packet becomes after one hop. The options that the rest of a packet
    has not are those without the copied flag."""
    whole = IP(routed(ip))
    head, payload = whole.copy(), bytes(whole)[whole.ihl * 4:]
    head.remove_payload()
    found, offset = [], 0
    while offset < len(payload):
        del head.ihl, head.len, head.chksum
        room = limit - len(head)
        size = len(payload) - offset
        size = size if size <= room else room // 8 * 8
        last = offset + size == len(payload)
        head.frag = whole.frag + offset // 8
        head.flags = whole.flags if last else "MF"
        found.append(bytes(head / Raw(payload[offset:offset + size])))
        head.options = [option for option in whole.options if option.copy_flag]
        offset += size
    return found


def big(src: str, dst: str, size: int, **ip) -> bytes:
    """A packet of that length that may be fragmented."""
    return sized(src, dst, size, **{"flags": 0, **ip})


@in_each(Families(4, 4), Families(4, 6))
class Fragmentation:
    def config(self, mtu: int = 1500) -> dict:
        config = self.on.config()
        topology.named(config["ports"], "wire0")["mtu"] = mtu
        return config

    def test_toward_a_tenant(self):
        vm, limit = self.on.blue_public, 1500 - self.on.overhead
        packets = [big(SERVER, vm.address, size) for size in (limit, limit + 1, 1500)]
        run = self.replay({"wire1": [from_outside(INTERNET, packet) for packet in packets]}, self.config())
        pieces = [piece for packet in packets[1:] for piece in fragments(packet, limit)]
        self.assertEqual(len(pieces), 4)
        self.assert_frames(run.sent("wire0"),
                           [expect_encap(packets[0], vm), *(encapsulated(piece, vm) for piece in pieces)])
        self.assert_drops(run, {})
        counted = run.report["packets"]
        self.assertEqual((counted["fragmented"], counted["fragments"], counted["forwarded"]), (2, 4, 5))
        self.assertEqual(run.report["tenants"]["blue"]["tx_packets"], 3, "packets as they were before")

    def test_toward_the_outside(self):
        vm = self.on.blue_public
        packets = [big(vm.address, SERVER, size) for size in (1500, 1501, 1530)]
        run = self.replay({"wire0": [from_vm(vm, packet) for packet in packets]})
        pieces = [piece for packet in packets[1:] for piece in fragments(packet, 1500)]
        expected = [ethernet(piece, INTERNET.mac, INTERNET.router_mac, INTERNET.vlan) for piece in pieces]
        self.assert_frames(run.sent("wire1"), [expect_decap(packets[0], INTERNET), *expected])

    def test_fragments_have_the_flow_id_of_their_flow(self):
        vm = self.on.blue_public
        whole = [udp(SERVER, vm.address, size=size, sport=port) for size in (64, 1440) for port in (4000, 4001, 4002)]
        run = self.replay({"wire1": [from_outside(INTERNET, packet) for packet in whole]}, self.config())
        flows = [flow_id(frame) for frame in run.sent("wire0")]
        self.assertEqual(len(flows), 9)
        self.assertGreater(len(set(flows[:3])), 1)
        self.assertEqual(flows[3:], [flow for flow in flows[:3] for _ in range(2)])

    def test_the_traffic_class_is_that_of_the_packet(self):
        vm = self.on.blue_public
        packet = big(SERVER, vm.address, 1490, tos=0xB9)
        run = self.replay({"wire1": [from_outside(INTERNET, packet)]}, self.config())
        pieces = fragments(packet, 1500 - self.on.overhead)
        self.assert_frames(run.sent("wire0"), [encapsulated(piece, vm, tos=0xB9) for piece in pieces])

    def test_a_packet_may_become_many(self):
        vm, config = self.on.blue_public, self.config(mtu=1342)
        topology.named(config["ports"], "wire1")["mtu"] = 9000
        packet = big(SERVER, vm.address, 9000)
        run = self.replay({"wire1": [from_outside(INTERNET, packet)]}, config)
        pieces = fragments(packet, 1342 - self.on.overhead)
        self.assertGreater(len(pieces), 6)
        self.assert_frames(run.sent("wire0"), [encapsulated(piece, vm) for piece in pieces])


class FragmentsOfFragments(ReplayTest):
    def to_vm(self, *packets: bytes):
        config = topology.base()
        topology.named(config["ports"], "wire0")["mtu"] = 1500
        return self.replay({"wire1": [from_outside(INTERNET, packet) for packet in packets]}, config)

    def test_a_fragment_becomes_smaller_ones_of_the_same_packet(self):
        packets = [big(SERVER, BLUE_PUBLIC.address, 1500, frag=frag, flags=flags)
                   for frag, flags in ((0, "MF"), (185, "MF"), (370, 0))]
        run = self.to_vm(*packets)
        pieces = [piece for packet in packets for piece in fragments(packet, 1458)]
        self.assertEqual([(IP(piece).frag, int(IP(piece).flags)) for piece in pieces],
                         [(0, 1), (179, 1), (185, 1), (364, 1), (370, 1), (549, 0)])
        self.assert_frames(run.sent("wire0"), [encapsulated(piece, BLUE_PUBLIC) for piece in pieces])

    def test_only_options_with_the_copied_flag_go_on(self):
        options = [IPOption_RR(pointer=4, routers=["0.0.0.0"]), IPOption_NOP(), IPOption_Router_Alert()]
        packet = bytes(IP(src=SERVER, dst=BLUE_PUBLIC.address, proto=253, id=7, options=options) / Raw(bytes(1450)))
        run = self.to_vm(packet)
        pieces = fragments(packet, 1458)
        self.assertEqual([IP(piece).ihl for piece in pieces], [8, 6])
        self.assert_frames(run.sent("wire0"), [encapsulated(piece, BLUE_PUBLIC) for piece in pieces])

    def test_fragments_wait_for_the_next_hop_as_packets_do(self):
        config = topology.forget_neighbor(topology.base(), BLUE_PUBLIC.provider_address)
        topology.named(config["ports"], "wire0")["mtu"] = 1500
        packet = big(SERVER, BLUE_PUBLIC.address, 1500)
        answer = arp_reply(GATEWAY_SITE, BLUE_PUBLIC.provider_address, BLUE_PUBLIC.next_hop_mac)
        run = self.replay({"wire1": [at(0, from_outside(INTERNET, packet))], "wire0": [at(50, answer)]}, config)
        self.assert_frames(run.sent("wire0"), [encapsulated(piece, BLUE_PUBLIC) for piece in fragments(packet, 1458)])


class TranslatedFragments(NatTest):
    """The ports are in the first fragment alone; the addresses in all."""

    def test_what_leaves_is_translated_before_it_is_split(self):
        flow, document = Flow(), translating()
        (public,) = self.learn([flow.sends(0)], document)
        packet = flow.out(1, size=1510)
        run = self.replay({"wire0": [flow.sends(0, 1, size=1510)]}, document)
        pieces = fragments(from_public(packet, public), 1500)
        self.assertEqual(len(pieces), 2)
        self.assert_out(run, [ethernet(piece, INTERNET.mac, INTERNET.router_mac, INTERNET.vlan) for piece in pieces])

    def test_what_comes_back_is_translated_before_it_is_split(self):
        flow, document = Flow(), translating()
        topology.named(document["ports"], "wire0")["mtu"] = 1500
        (public,) = self.learn([flow.sends(0)], document)
        packet = flow.back(public, 2, size=1440)
        run = self.replay({"wire0": [flow.sends(0)], "wire1": [flow.answers(1, public, 2, size=1440)]}, document)
        pieces = fragments(to_customer(packet, flow.customer), 1458)
        self.assertEqual(len(pieces), 2)
        self.assert_in(run, [encapsulated(piece, flow.vm) for piece in pieces])


if __name__ == "__main__":
    unittest.main()
