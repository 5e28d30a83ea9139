"""The TTL: one less for every forwarded packet, never for packets to the gateway itself; at 1 it ends here, and its
sender is told."""

import unittest

from lib.assertions import ReplayTest
from lib.packets import (TIME_EXCEEDED, error_to_outside, error_to_vm, expect_decap, expect_encap, from_outside,
                         from_vm, udp)
from lib.topology import BLUE_DB, BLUE_PUBLIC, INTERNET, SERVER

TTLS = [0, 1, 2, 3, 64, 255]
EXPIRED = [ttl for ttl in TTLS if ttl <= 1]
ALIVE = [ttl for ttl in TTLS if ttl > 1]


def packets(source: str, destination: str, ttls: list) -> list:
    return [udp(source, destination, mark=ttl, ttl=ttl) for ttl in ttls]


class Ttl(ReplayTest):
    def test_from_a_tenant_to_the_outside(self):
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet)
                                     for packet in packets(BLUE_PUBLIC.address, SERVER, TTLS)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET)
                                               for packet in packets(BLUE_PUBLIC.address, SERVER, ALIVE)])
        self.assert_frames(run.sent("wire0"), [error_to_vm(packet, BLUE_PUBLIC, TIME_EXCEEDED)
                                               for packet in packets(BLUE_PUBLIC.address, SERVER, EXPIRED)])
        self.assert_drops(run, {"ttl-expired": len(EXPIRED)})

    def test_from_the_outside_to_a_tenant(self):
        run = self.replay({"wire1": [from_outside(INTERNET, packet)
                                     for packet in packets(SERVER, BLUE_PUBLIC.address, TTLS)]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_PUBLIC)
                                               for packet in packets(SERVER, BLUE_PUBLIC.address, ALIVE)])
        self.assert_frames(run.sent("wire1"), [error_to_outside(packet, INTERNET, TIME_EXCEEDED)
                                               for packet in packets(SERVER, BLUE_PUBLIC.address, EXPIRED)])
        self.assert_drops(run, {"ttl-expired": len(EXPIRED)})

    def test_between_vms_it_is_one_less_and_not_two(self):
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet)
                                     for packet in packets(BLUE_PUBLIC.address, BLUE_DB.address, TTLS)]})
        expected = [error_to_vm(packet, BLUE_PUBLIC, TIME_EXCEEDED)
                    for packet in packets(BLUE_PUBLIC.address, BLUE_DB.address, EXPIRED)]
        expected += [expect_encap(packet, BLUE_DB) for packet in packets(BLUE_PUBLIC.address, BLUE_DB.address, ALIVE)]
        self.assert_frames(run.sent("wire0"), expected)

    def test_the_outer_ttl_of_what_arrives_does_not_matter(self):
        packet = udp(BLUE_PUBLIC.address, SERVER, ttl=9)
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet, ttl=ttl) for ttl in (1, 2, 255)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET)] * 3)


if __name__ == "__main__":
    unittest.main()
