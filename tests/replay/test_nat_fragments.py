"""Fragments (RFC 4787 REQ-14): the first one has the ports and makes the state, those after it follow, in whatever
order they come; how many may wait is bounded."""

import itertools
import unittest

from lib.gateway import at
from lib.packets import expect_decap, expect_encap, from_outside, from_vm, udp
from lib.topology import BLUE_DB, BLUE_WEB, INTERNET, RED_WEB, SERVER
from lib.translation import (POOL_ADDRESSES, Endpoint, Flow, NatTest, config, from_public, pieces, pool, source_of,
                             to_customer)

FLOWS = [Flow(protocol=protocol) for protocol in ("udp", "tcp", "icmp")]


def big(flow: Flow, mark: int = 1, size: int = 900) -> bytes:
    """A packet of the flow that is worth fragmenting."""
    return flow.out(mark, payload=bytes(size)) if flow.protocol == "tcp" else flow.out(mark, size=size, id=mark)


def big_answer(flow: Flow, public: Endpoint, mark: int = 1, size: int = 900) -> bytes:
    """An answer that is worth fragmenting."""
    if flow.protocol == "tcp":
        return flow.back(public, mark, payload=bytes(size))
    return flow.back(public, mark, size=size, id=mark)


class Outbound(NatTest):
    def frames(self, packets: list, start: float = 0, spacing: float = 10) -> list:
        return [at(start + number * spacing, from_vm(BLUE_WEB, packet)) for number, packet in enumerate(packets)]

    def assert_leave(self, flow: Flow, order: list, spacing: float = 10) -> None:
        """The packet's fragments, in that order, leave as the fragments of the translated packet, in any."""
        packet = big(flow)
        (public,) = self.learn([flow.sends(0)], config())
        parts, expected = pieces(packet, 256), pieces(from_public(packet, public), 256)
        self.assertEqual(len(parts), 4)
        run = self.replay({"wire0": self.frames([parts[index] for index in order], spacing=spacing)}, config())
        self.assert_out(run, [expect_decap(part, INTERNET) for part in expected], ordered=order == sorted(order))
        self.assert_drops(run, {})

    def test_in_order(self):
        for flow in FLOWS:
            with self.subTest(protocol=flow.protocol):
                self.assert_leave(flow, [0, 1, 2, 3])

    def test_in_every_other_order(self):
        for order in itertools.permutations(range(4)):
            with self.subTest(order=order):
                self.assert_leave(FLOWS[0], list(order))

    def test_out_of_order_of_other_protocols(self):
        for flow in FLOWS[1:]:
            for order in ([3, 2, 1, 0], [1, 0, 3, 2]):
                with self.subTest(protocol=flow.protocol, order=order):
                    self.assert_leave(flow, order)

    def test_all_at_once(self):
        """A burst: the first fragment's port is learned with the others already in hand."""
        for flow in FLOWS:
            for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 2, 3]):
                with self.subTest(protocol=flow.protocol, order=order):
                    self.assert_leave(flow, order, spacing=0)

    def test_of_an_established_session(self):
        flow = FLOWS[0]
        (public,) = self.learn([flow.sends(0)], config())
        packets = [big(flow, mark) for mark in range(1, 6)]
        parts = [part for packet in packets for part in pieces(packet, 512)]
        run = self.replay({"wire0": [flow.sends(0), *self.frames(parts, 100)]}, config())
        self.assert_out(run, [flow.expect_out(public)] + [expect_decap(part, INTERNET) for packet in packets
                                                          for part in pieces(from_public(packet, public), 512)])

    def test_those_without_a_first_one_go_nowhere(self):
        parts = pieces(big(FLOWS[0]), 256)[1:]
        run = self.replay({"wire0": self.frames(parts)}, config())
        self.assert_out(run, [])
        self.assert_drops(run, {"nat-fragment": len(parts)})
        self.assertEqual(run.report["nat"]["tenants"]["blue"]["sessions"], 0)

    def test_a_first_one_that_comes_too_late(self):
        """Those that waited are given up; the first itself is a packet like any other."""
        first, *rest = pieces(big(FLOWS[0]), 256)
        run = self.replay({"wire0": self.frames(rest) + self.frames([first], 40_000)}, config())
        self.assertEqual(len(run.sent("wire1")), 1)
        self.assert_drops(run, {"nat-fragment": len(rest)})

    def test_a_later_one_that_comes_long_after_the_first(self):
        """An identification is used again; what belongs to one packet comes within seconds (RFC 1122 §3.3.2)."""
        first, second, *_ = pieces(big(FLOWS[0]), 256)
        run = self.replay({"wire0": self.frames([first]) + self.frames([second], 200_000)}, config())
        self.assertEqual(len(run.sent("wire1")), 1)
        self.assert_drops(run, {"nat-fragment": 1})

    def test_each_packet_by_its_own_identification_and_sender(self):
        """Two VMs of one tenant, and one of another tenant with the same address, with equal identifications."""
        sent = [Flow(vm=vm, port=port) for vm, port in ((BLUE_WEB, 4001), (BLUE_DB, 4002), (RED_WEB, 4003))]
        document = config(pool(), pool())
        publics = self.learn([flow.sends(number) for number, flow in enumerate(sent)], document)
        parts = [pieces(big(flow), 512) for flow in sent]
        frames = [at(3000 + 10 * number, from_vm(flow.vm, part[index]))
                  for number, (index, (flow, part)) in enumerate(itertools.product((0, 1), zip(sent, parts)))]
        run = self.replay({"wire0": [flow.sends(number) for number, flow in enumerate(sent)] + frames}, document)
        expected = [pieces(from_public(big(flow), public), 512) for flow, public in zip(sent, publics)]
        self.assert_frames(run.sent("wire1")[3:], [expect_decap(part[index], INTERNET)
                                                   for index in (0, 1) for part in expected])

    def test_a_first_one_without_a_whole_transport_header(self):
        """RFC 1858: a fragment of eight bytes hides TCP's flags."""
        parts = pieces(big(FLOWS[1]), 8)[:2]
        run = self.replay({"wire0": self.frames(parts)}, config())
        self.assert_out(run, [])
        self.assertEqual(run.report["nat"]["tenants"]["blue"]["sessions"], 0)
        self.assertEqual(sum(run.drops.values()), 2)

    def test_a_flood_of_later_ones_is_bounded_and_harms_nobody(self):
        flow = FLOWS[0]
        flood = [at(number / 10, from_vm(BLUE_WEB, udp(BLUE_WEB.address, SERVER, number, 64, frag=100, flags="MF")))
                 for number in range(20000)]
        good = pieces(big(flow, 60000), 512)
        run = self.replay({"wire0": flood + self.frames(good, 2500) + [flow.sends(2.6)]}, config())
        self.assertEqual(len(run.sent("wire1")), len(good) + 1)
        self.assert_drops(run, {"nat-fragment": len(flood)})


class Inbound(NatTest):
    def assert_arrive(self, flow: Flow, order: list, spacing: float = 10) -> None:
        """An answer's fragments, in that order, arrive as the fragments of the translated answer, in any."""
        (public,) = self.learn([flow.sends(0)], config())
        answer = big_answer(flow, public)
        parts, expected = pieces(answer, 256), pieces(to_customer(answer, flow.customer), 256)
        frames = [at(1000 + number * spacing, from_outside(INTERNET, parts[index]))
                  for number, index in enumerate(order)]
        run = self.replay({"wire0": [flow.sends(0)], "wire1": frames}, config())
        self.assert_in(run, [expect_encap(part, flow.vm) for part in expected], ordered=order == sorted(order))
        self.assert_drops(run, {})

    def test_in_order(self):
        for flow in FLOWS:
            with self.subTest(protocol=flow.protocol):
                self.assert_arrive(flow, [0, 1, 2, 3])

    def test_all_at_once(self):
        for flow in FLOWS:
            for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 2, 3]):
                with self.subTest(protocol=flow.protocol, order=order):
                    self.assert_arrive(flow, order, spacing=0)

    def test_out_of_order(self):
        for flow in FLOWS:
            for order in ([3, 2, 1, 0], [1, 2, 3, 0], [2, 0, 3, 1]):
                with self.subTest(protocol=flow.protocol, order=order):
                    self.assert_arrive(flow, order)

    def test_those_without_a_first_one_go_nowhere(self):
        flow = FLOWS[0]
        (public,) = self.learn([flow.sends(0)], config())
        parts = pieces(big_answer(flow, public), 256)[1:]
        run = self.replay({"wire0": [flow.sends(0)],
                           "wire1": [at(1000, from_outside(INTERNET, part)) for part in parts]}, config())
        self.assert_in(run, [])
        self.assert_drops(run, {"nat-fragment": len(parts)})

    def test_those_of_a_first_one_without_a_session_go_nowhere(self):
        parts = pieces(udp(SERVER, POOL_ADDRESSES[0], size=900), 256)
        run = self.replay({"wire1": [from_outside(INTERNET, part) for part in parts]}, config())
        self.assert_nothing_sent(run)
        self.assertEqual(sum(run.drops.values()), len(parts))
        self.assertEqual(run.report["nat"]["entries"]["most"], 0)

    def test_a_flood_from_outside_is_bounded(self):
        flow = FLOWS[0]
        (public,) = self.learn([flow.sends(0)], config())
        flood = [at(number / 10, from_outside(INTERNET, udp("192.0.2.66", POOL_ADDRESSES[number % 8], number, 64,
                                                           frag=100, flags="MF"))) for number in range(20000)]
        good = [at(2500 + number, from_outside(INTERNET, part))
                for number, part in enumerate(pieces(big_answer(flow, public), 512))]
        run = self.replay({"wire0": [flow.sends(0)], "wire1": flood + good}, config())
        self.assertEqual(len(run.sent("wire0")), len(good))
        self.assert_drops(run, {"nat-fragment": len(flood)})


class BothWays(NatTest):
    def test_a_static_addresss_fragments(self):
        document = config({"static": [{"public": "198.51.100.32", "customer": BLUE_WEB.address}]})
        flow, public = FLOWS[0], Endpoint("198.51.100.32", None)
        out, back = big(flow), udp(SERVER, public.address, 1, 900, 5000, 4000)
        run = self.replay({"wire0": [from_vm(BLUE_WEB, part) for part in pieces(out, 256)],
                           "wire1": [from_outside(INTERNET, part) for part in pieces(back, 256)]}, document)
        self.assert_out(run, [expect_decap(part, INTERNET) for part in pieces(from_public(out, public), 256)])
        self.assert_in(run, [expect_encap(part, BLUE_WEB)
                             for part in pieces(to_customer(back, Endpoint(BLUE_WEB.address, None)), 256)])
        self.assert_drops(run, {})

    def test_a_hairpinned_packets_fragments(self):
        one, two = Flow(port=4001), Flow(vm=BLUE_DB, port=4002)
        public_one, public_two = self.learn([one.sends(0), two.sends(1)], config())
        packet = udp(BLUE_WEB.address, public_two.address, 9, 900, 4001, public_two.port)
        frames = [at(2000 + number, from_vm(BLUE_WEB, part)) for number, part in enumerate(pieces(packet, 256))]
        run = self.replay({"wire0": [one.sends(0), two.sends(1), *frames]}, config())
        seen = to_customer(from_public(packet, public_one), two.customer)
        self.assert_in(run, [expect_encap(part, BLUE_DB) for part in pieces(seen, 256)])

    def test_there_and_back_all_at_once(self):
        """A big ping whose fragments come in one burst, both ways, of a session that has just been made."""
        flow = FLOWS[2]
        packet = big(flow, 1, 4000)
        (public,) = self.learn([flow.sends(0)], config())
        answer = big_answer(flow, public, 1, 4000)
        run = self.replay({"wire0": [at(0, from_vm(BLUE_WEB, part)) for part in pieces(packet, 1480)],
                           "wire1": [at(1, from_outside(INTERNET, part)) for part in pieces(answer, 1256)]}, config())
        self.assert_out(run, [expect_decap(part, INTERNET) for part in pieces(from_public(packet, public), 1480)],
                        ordered=False)
        self.assert_in(run, [expect_encap(part, BLUE_WEB)
                             for part in pieces(to_customer(answer, flow.customer), 1256)], ordered=False)
        self.assert_drops(run, {})

    def test_what_the_outside_fragmented_keeps_its_identification(self):
        packets = [big(FLOWS[0], mark) for mark in (1, 77, 65535)]
        frames = [from_vm(BLUE_WEB, part) for packet in packets for part in pieces(packet, 512)]
        sent = self.replay({"wire0": frames}, config()).sent("wire1")
        self.assertEqual([frame[18 + 4:18 + 6] for frame in sent],
                         [part[4:6] for packet in packets for part in pieces(packet, 512)])
        self.assertEqual(len({source_of(frame) for frame in sent[::2]}), 1)


if __name__ == "__main__":
    unittest.main()
