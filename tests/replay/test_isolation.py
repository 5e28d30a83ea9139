"""Two routing domains never meet, though they use the same customer addresses and the same Ethernet addresses."""

import random
import unittest

from lib.assertions import ReplayTest
from lib.packets import expect_decap, expect_encap, from_outside, from_vm, udp
from lib.topology import (BLUE_DB, BLUE_PUBLIC, BLUE_WEB, INTERNET, RED_DB, RED_UPLINK, RED_WEB, SERVER)


class Isolation(ReplayTest):
    def test_the_vms_do_look_the_same(self):
        self.assertEqual((RED_WEB.address, RED_WEB.mac), (BLUE_WEB.address, BLUE_WEB.mac))
        self.assertEqual((RED_DB.address, RED_DB.mac), (BLUE_DB.address, BLUE_DB.mac))

    def test_one_inner_packet_takes_two_ways(self):
        packet = udp(RED_WEB.address, RED_DB.address)
        run = self.replay({"wire0": [from_vm(RED_WEB, packet), from_vm(BLUE_WEB, packet)]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, RED_DB), expect_encap(packet, BLUE_DB)])

    def test_a_thousand_packets_in_random_order(self):
        pick = random.Random(2637)
        vms = {"red": (RED_WEB, RED_DB), "blue": (BLUE_WEB, BLUE_DB)}
        frames, expected = [], []
        for mark in range(1000):
            pair = list(vms[pick.choice(("red", "blue"))])
            pick.shuffle(pair)
            source, destination = pair
            packet = udp(source.address, destination.address, mark=mark, size=pick.randrange(4, 900))
            frames.append(from_vm(source, packet, flow=pick.randrange(256)))
            expected.append(expect_encap(packet, destination))
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire0"), expected)
        self.assert_drops(run, {})

    def test_each_tenant_leaves_by_its_own_network(self):
        red, blue = udp(RED_WEB.address, SERVER), udp(BLUE_PUBLIC.address, SERVER)
        run = self.replay({"wire0": [from_vm(RED_WEB, red), from_vm(BLUE_PUBLIC, blue)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(red, RED_UPLINK), expect_decap(blue, INTERNET)])

    def test_one_tenants_host_cannot_speak_for_the_other(self):
        packet = udp(RED_WEB.address, RED_DB.address)
        frames = [from_vm(RED_WEB, packet, vsid=BLUE_WEB.vsid), from_vm(BLUE_WEB, packet, vsid=RED_WEB.vsid)]
        self.assert_dropped(frames, "source-ca-pa-mismatch")

    def test_an_address_that_only_the_other_tenant_has_is_not_inside(self):
        """Red's packet to blue's public address goes out by red's own uplink, as any other of the internet's."""
        packet = udp(RED_WEB.address, BLUE_PUBLIC.address)
        run = self.replay({"wire0": [from_vm(RED_WEB, packet)]})
        self.assert_frames(run.sent("wire0"), [])
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, RED_UPLINK)])

    def test_the_uplink_of_one_tenant_does_not_reach_the_other(self):
        packet = udp(SERVER, BLUE_PUBLIC.address)
        run = self.replay({"wire1": [from_outside(RED_UPLINK, packet)]})
        self.assert_nothing_sent(run)
        self.assert_drops(run, {"transit": 1})

    def test_counters_are_each_tenants_own(self):
        red, blue = udp(RED_WEB.address, SERVER), udp(BLUE_PUBLIC.address, SERVER)
        run = self.replay({"wire0": [from_vm(RED_WEB, red)] * 3 + [from_vm(BLUE_PUBLIC, blue)] * 5})
        self.assertEqual(run.report["tenants"]["red"]["rx_packets"], 3)
        self.assertEqual(run.report["tenants"]["blue"]["rx_packets"], 5)


if __name__ == "__main__":
    unittest.main()
