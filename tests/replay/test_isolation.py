"""Two routing domains never meet, though they use the same customer addresses and the same Ethernet addresses."""

import random
import unittest

from lib.families import in_each
from lib.packets import expect_decap, expect_encap, from_outside, from_vm, udp


@in_each()
class Isolation:
    def setUp(self):
        self.red = (self.on.red_web, self.on.red_db)
        self.blue = (self.on.blue_web, self.on.blue_db)

    def test_the_vms_do_look_the_same(self):
        for red, blue in zip(self.red, self.blue):
            self.assertEqual((red.address, red.mac), (blue.address, blue.mac))

    def test_one_inner_packet_takes_two_ways(self):
        (web, db), (other_web, other_db) = self.red, self.blue
        packet = udp(web.address, db.address)
        run = self.replay({"wire0": [from_vm(web, packet), from_vm(other_web, packet)]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, db), expect_encap(packet, other_db)])

    def test_a_thousand_packets_in_random_order(self):
        pick = random.Random(2637)
        frames, expected = [], []
        for mark in range(1000):
            pair = list(pick.choice((self.red, self.blue)))
            pick.shuffle(pair)
            source, destination = pair
            packet = udp(source.address, destination.address, mark=mark, size=pick.randrange(4, 900))
            frames.append(from_vm(source, packet, flow=pick.randrange(256)))
            expected.append(expect_encap(packet, destination))
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire0"), expected)
        self.assert_drops(run, {})

    def test_each_tenant_leaves_by_its_own_network(self):
        (web, _), public = self.red, self.on.blue_public
        red, blue = udp(web.address, self.on.server), udp(public.address, self.on.server)
        run = self.replay({"wire0": [from_vm(web, red), from_vm(public, blue)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(red, self.on.red_uplink),
                                               expect_decap(blue, self.on.internet)])

    def test_one_tenants_host_cannot_speak_for_the_other(self):
        (web, db), (other_web, _) = self.red, self.blue
        packet = udp(web.address, db.address)
        frames = [from_vm(web, packet, vsid=other_web.vsid), from_vm(other_web, packet, vsid=web.vsid)]
        self.assert_dropped(frames, "source-ca-pa-mismatch")

    def test_an_address_that_only_the_other_tenant_has_is_not_inside(self):
        """Red's packet to blue's public address goes out by red's own uplink, as any other of the internet's."""
        web = self.on.red_web
        packet = udp(web.address, self.on.blue_public.address)
        run = self.replay({"wire0": [from_vm(web, packet)]})
        self.assert_frames(run.sent("wire0"), [])
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, self.on.red_uplink)])

    def test_the_uplink_of_one_tenant_does_not_reach_the_other(self):
        packet = udp(self.on.server, self.on.blue_public.address)
        run = self.replay({"wire1": [from_outside(self.on.red_uplink, packet)]})
        self.assert_nothing_sent(run)
        self.assert_drops(run, {"transit": 1})

    def test_counters_are_each_tenants_own(self):
        web, public = self.on.red_web, self.on.blue_public
        red, blue = udp(web.address, self.on.server), udp(public.address, self.on.server)
        run = self.replay({"wire0": [from_vm(web, red)] * 3 + [from_vm(public, blue)] * 5})
        self.assertEqual(run.report["tenants"]["red"]["rx_packets"], 3)
        self.assertEqual(run.report["tenants"]["blue"]["rx_packets"], 5)


if __name__ == "__main__":
    unittest.main()
