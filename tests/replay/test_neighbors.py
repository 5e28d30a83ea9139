"""Next hops that are not known: asked for by ARP, packets held and bounded, then sent or given up."""

import json
import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.gateway import MILLISECOND, SECOND, START_NS, at
from lib.packets import (ARP, BROADCAST, arp_reply, arp_request, ethernet, expect_decap, expect_encap,
                         from_outside, from_vm, udp)
from lib.topology import BLUE_PUBLIC, GATEWAY_SITE, INTERNET, RED_UPLINK, SERVER

HOST = "198.18.0.77"
HOST_MAC = "02:00:00:00:30:77"
NEW_MAC = "02:00:00:00:30:78"


def out(milliseconds: float, mark: int = 0, address: str = HOST) -> tuple:
    """A packet of blue's to a host on the external network: when it enters, and what it is."""
    return milliseconds, udp(BLUE_PUBLIC.address, address, mark=mark)


def entering(packets: list) -> list:
    return [at(milliseconds, from_vm(BLUE_PUBLIC, packet)) for milliseconds, packet in packets]


class Resolution(ReplayTest):
    def since_start(self, run, port: str) -> list:
        """Milliseconds after the start at which each frame but ARP left."""
        sent = set(run.sent(port))
        return [(frame.time_ns - START_NS) / MILLISECOND for frame in run.frames[port] if frame.data in sent]

    def assert_asks(self, request: bytes, network, target: str) -> None:
        """The request is an ARP broadcast for the address, from the gateway's own on that network."""
        expected = ARP(op=1, hwsrc=network.mac, psrc=network.address, hwdst="00:00:00:00:00:00", pdst=target)
        self.assert_frames([request], [ethernet(expected, network.mac, BROADCAST, network.vlan, 0x0806)])

    def test_an_unknown_neighbour_is_asked_for_and_the_packet_held(self):
        packets = [out(0, 1), out(10, 2), out(20, 3)]
        run = self.replay({"wire0": entering(packets), "wire1": [at(50, arp_reply(INTERNET, HOST, HOST_MAC))]})
        requests = run.arp("wire1", HOST)
        self.assertGreaterEqual(len(requests), 1)
        self.assertEqual(requests[0].time_ns, START_NS)
        self.assert_asks(requests[0].data, INTERNET, HOST)
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET, HOST_MAC) for _, packet in packets])
        for left in self.since_start(run, "wire1"):
            self.assertTrue(50 <= left <= 60, f"released {left} ms after the start, answered after 50")
        self.assert_drops(run, {})
        self.assertIn(HOST_MAC, json.dumps(run.report["neighbors"]).lower())

    def test_once_it_is_known_packets_are_not_held(self):
        packets = [out(0, 1), out(200, 2), out(300, 3)]
        run = self.replay({"wire0": entering(packets), "wire1": [at(50, arp_reply(INTERNET, HOST, HOST_MAC))]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET, HOST_MAC) for _, packet in packets])
        self.assertEqual(self.since_start(run, "wire1")[1:], [200, 300])
        self.assertEqual(len(run.arp("wire1", HOST)), 1)

    def test_a_provider_next_hop_is_asked_for_on_its_own_vlan(self):
        config = topology.forget_neighbor(topology.base(), "100.64.20.30")
        packet = udp(SERVER, BLUE_PUBLIC.address)
        answer = arp_reply(GATEWAY_SITE, "100.64.20.30", BLUE_PUBLIC.next_hop_mac)
        run = self.replay({"wire1": [at(0, from_outside(INTERNET, packet))], "wire0": [at(30, answer)]}, config)
        self.assert_asks(run.arp("wire0", "100.64.20.30")[0].data, GATEWAY_SITE, "100.64.20.30")
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_PUBLIC)])

    def test_the_router_is_asked_for_and_not_the_destination(self):
        config = topology.forget_neighbor(topology.base(), INTERNET.router)
        _, packet = out(0, address=SERVER)
        run = self.replay({"wire0": entering([(0, packet)]),
                           "wire1": [at(30, arp_reply(INTERNET, INTERNET.router, INTERNET.router_mac))]}, config)
        self.assertEqual(run.arp("wire1", SERVER), [])
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET)])

    def test_two_neighbours_do_not_wait_for_each_other(self):
        slow, quick = out(0, 1, "198.18.0.78"), out(1, 2)
        run = self.replay({"wire0": entering([slow, quick]),
                           "wire1": [at(20, arp_reply(INTERNET, HOST, HOST_MAC)),
                                     at(400, arp_reply(INTERNET, "198.18.0.78", NEW_MAC))]})
        self.assert_frames(run.sent("wire1"), [expect_decap(quick[1], INTERNET, HOST_MAC),
                                               expect_decap(slow[1], INTERNET, NEW_MAC)])

    def test_an_answer_on_another_network_does_not_count(self):
        wrong = [at(30, arp_reply(RED_UPLINK, HOST, HOST_MAC, INTERNET.mac, INTERNET.address))]
        run = self.replay({"wire0": entering([out(0)]), "wire1": wrong})
        self.assertEqual(run.sent("wire1"), [])
        self.assert_drops(run, {"neighbor-unresolved": 1, "arp-ignored": 1})

    def test_an_answer_for_another_address_does_not_count(self):
        answer = arp_reply(INTERNET, "198.18.0.78", HOST_MAC)
        run = self.replay({"wire0": entering([out(0)]), "wire1": [at(30, answer)]})
        self.assertEqual(run.sent("wire1"), [])

    def test_a_group_address_is_no_answer(self):
        answers = [at(30, arp_reply(INTERNET, HOST, BROADCAST)), at(31, arp_reply(INTERNET, HOST, "01:00:5e:00:00:01"))]
        run = self.replay({"wire0": entering([out(0)]), "wire1": answers})
        self.assertEqual(run.sent("wire1"), [])


class Retry(ReplayTest):
    def test_requests_are_repeated_bounded_and_then_given_up(self):
        run = self.replay({"wire0": entering([out(0, 1), out(5, 2)])})
        times = [frame.time_ns for frame in run.arp("wire1", HOST)]
        self.assertTrue(2 <= len(times) <= 10, f"{len(times)} requests")
        gaps = [later - earlier for earlier, later in zip(times, times[1:])]
        self.assertGreaterEqual(min(gaps), SECOND // 4, "no burst of requests")
        self.assertLessEqual(times[-1] - times[0], 30 * SECOND)
        self.assertEqual(run.sent("wire1"), [])
        self.assert_drops(run, {"neighbor-unresolved": 2})

    def test_many_packets_ask_once(self):
        run = self.replay({"wire0": entering([out(0.01 * index, index) for index in range(20)]),
                           "wire1": [at(100, arp_reply(INTERNET, HOST, HOST_MAC))]})
        self.assertEqual(len(run.arp("wire1", HOST)), 1)
        self.assertEqual(len(run.sent("wire1")), 20)

    def test_an_answer_to_a_repeated_request_still_releases(self):
        first = self.replay({"wire0": entering([out(0)])})
        second_request = (first.arp("wire1", HOST)[1].time_ns - START_NS) / MILLISECOND
        answer = at(second_request + 1, arp_reply(INTERNET, HOST, HOST_MAC))
        run = self.replay({"wire0": entering([out(0)]), "wire1": [answer]})
        self.assert_frames(run.sent("wire1"), [expect_decap(out(0)[1], INTERNET, HOST_MAC)])
        self.assertEqual(len(run.arp("wire1", HOST)), 2)


class HoldQueue(ReplayTest):
    def test_it_is_bounded_and_keeps_the_order(self):
        count = 3000
        packets = [out(0.01 * index, index) for index in range(count)]
        run = self.replay({"wire0": entering(packets), "wire1": [at(100, arp_reply(INTERNET, HOST, HOST_MAC))]})
        expected = [expect_decap(packet, INTERNET, HOST_MAC) for _, packet in packets]
        sent = run.sent("wire1")
        self.assertTrue(1 <= len(sent) < count, f"{len(sent)} packets were held")
        places = [expected.index(frame) for frame in sent]
        self.assertEqual(places, sorted(places))
        self.assert_drops(run, {("hold-queue-full", "neighbor-unresolved", "punt-policed"): count - len(sent)})
        self.assertGreater(run.drops["hold-queue-full"], 0)

    def test_a_flood_to_one_neighbour_leaves_room_for_another(self):
        flood = [out(0.01 * index, index) for index in range(500)]
        other = out(6, 9999, "198.18.0.78")
        run = self.replay({"wire0": entering(flood + [other]),
                           "wire1": [at(100, arp_reply(INTERNET, "198.18.0.78", NEW_MAC))]})
        self.assert_frames(run.sent("wire1"), [expect_decap(other[1], INTERNET, NEW_MAC)])


class Learning(ReplayTest):
    RESOLVED = [at(10, arp_reply(INTERNET, HOST, HOST_MAC))]

    def assert_moves(self, announcement: bytes) -> None:
        packets = [out(0, 1), out(100, 2), out(300, 3)]
        run = self.replay({"wire0": entering(packets), "wire1": [*self.RESOLVED, at(200, announcement)]})
        macs = [HOST_MAC, HOST_MAC, NEW_MAC]
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET, mac)
                                               for (_, packet), mac in zip(packets, macs)])

    def test_a_gratuitous_request_moves_a_known_neighbour(self):
        self.assert_moves(arp_request(INTERNET, HOST, NEW_MAC, HOST))

    def test_a_gratuitous_reply_moves_a_known_neighbour(self):
        self.assert_moves(arp_reply(INTERNET, HOST, NEW_MAC, BROADCAST, HOST))

    def test_a_static_neighbour_does_not_move(self):
        packet = udp(BLUE_PUBLIC.address, SERVER)
        run = self.replay({"wire0": [at(100, from_vm(BLUE_PUBLIC, packet))],
                           "wire1": [at(0, arp_request(INTERNET, INTERNET.router, NEW_MAC, INTERNET.router)),
                                     at(1, arp_reply(INTERNET, INTERNET.router, NEW_MAC))]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET)])

    def test_an_announcement_on_another_network_moves_nothing(self):
        packets = [out(0, 1), out(300, 2)]
        announcement = arp_request(RED_UPLINK, HOST, NEW_MAC, HOST)
        run = self.replay({"wire0": entering(packets), "wire1": [*self.RESOLVED, at(200, announcement)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET, HOST_MAC) for _, packet in packets])


if __name__ == "__main__":
    unittest.main()
