"""The TTL: one less for every forwarded packet, never for packets to the gateway itself; at 1 it ends here."""

import unittest

from lib.assertions import ReplayTest
from lib.packets import expect_decap, expect_encap, from_outside, from_vm, udp
from lib.topology import BLUE_DB, BLUE_PUBLIC, INTERNET, SERVER

TTLS = [0, 1, 2, 3, 64, 255]
ALIVE = [ttl for ttl in TTLS if ttl > 1]


def packets(source: str, destination: str, ttls: list) -> list:
    return [udp(source, destination, mark=ttl, ttl=ttl) for ttl in ttls]


class Ttl(ReplayTest):
    def test_from_a_tenant_to_the_outside(self):
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet)
                                     for packet in packets(BLUE_PUBLIC.address, SERVER, TTLS)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET)
                                               for packet in packets(BLUE_PUBLIC.address, SERVER, ALIVE)])

    def test_from_the_outside_to_a_tenant(self):
        run = self.replay({"wire1": [from_outside(INTERNET, packet)
                                     for packet in packets(SERVER, BLUE_PUBLIC.address, TTLS)]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_PUBLIC)
                                               for packet in packets(SERVER, BLUE_PUBLIC.address, ALIVE)])

    def test_between_vms_it_is_one_less_and_not_two(self):
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet)
                                     for packet in packets(BLUE_PUBLIC.address, BLUE_DB.address, TTLS)]})
        expected = [expect_encap(packet, BLUE_DB) for packet in packets(BLUE_PUBLIC.address, BLUE_DB.address, ALIVE)]
        # An ICMP error to the sender may leave by the same port; it is longer.
        self.assert_frames([frame for frame in run.sent("wire0") if len(frame) == len(expected[0])], expected)

    def test_the_outer_ttl_of_what_arrives_does_not_matter(self):
        packet = udp(BLUE_PUBLIC.address, SERVER, ttl=9)
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet, ttl=ttl) for ttl in (1, 2, 255)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET)] * 3)


if __name__ == "__main__":
    unittest.main()
