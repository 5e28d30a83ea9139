"""The TTL, or hop limit: one less for every forwarded packet, never for packets to the gateway itself; at 1 it ends
here, and its sender is told."""

import unittest

from lib.families import in_each
from lib.packets import (TIME_EXCEEDED, error_to_outside, error_to_vm, expect_decap, expect_encap, from_outside,
                         from_vm, udp)

TTLS = [0, 1, 2, 3, 64, 255]
EXPIRED = [ttl for ttl in TTLS if ttl <= 1]
ALIVE = [ttl for ttl in TTLS if ttl > 1]


def packets(source: str, destination: str, ttls: list) -> list:
    return [udp(source, destination, mark=ttl, ttl=ttl) for ttl in ttls]


@in_each()
class Ttl:
    def test_from_a_tenant_to_the_outside(self):
        vm, server = self.on.blue_public, self.on.server
        run = self.replay({"wire0": [from_vm(vm, packet) for packet in packets(vm.address, server, TTLS)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, self.on.internet)
                                               for packet in packets(vm.address, server, ALIVE)])
        self.assert_frames(run.sent("wire0"), [error_to_vm(packet, vm, TIME_EXCEEDED)
                                               for packet in packets(vm.address, server, EXPIRED)])
        self.assert_drops(run, {"ttl-expired": len(EXPIRED)})

    def test_from_the_outside_to_a_tenant(self):
        vm, server, internet = self.on.blue_public, self.on.server, self.on.internet
        run = self.replay({"wire1": [from_outside(internet, packet) for packet in packets(server, vm.address, TTLS)]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, vm)
                                               for packet in packets(server, vm.address, ALIVE)])
        self.assert_frames(run.sent("wire1"), [error_to_outside(packet, internet, TIME_EXCEEDED)
                                               for packet in packets(server, vm.address, EXPIRED)])
        self.assert_drops(run, {"ttl-expired": len(EXPIRED)})

    def test_between_vms_it_is_one_less_and_not_two(self):
        source, destination = self.on.blue_public, self.on.blue_db
        run = self.replay({"wire0": [from_vm(source, packet)
                                     for packet in packets(source.address, destination.address, TTLS)]})
        expected = [error_to_vm(packet, source, TIME_EXCEEDED)
                    for packet in packets(source.address, destination.address, EXPIRED)]
        expected += [expect_encap(packet, destination)
                     for packet in packets(source.address, destination.address, ALIVE)]
        self.assert_frames(run.sent("wire0"), expected)

    def test_the_outer_ttl_of_what_arrives_does_not_matter(self):
        vm = self.on.blue_public
        packet = udp(vm.address, self.on.server, ttl=9)
        run = self.replay({"wire0": [from_vm(vm, packet, ttl=ttl) for ttl in (1, 2, 255)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, self.on.internet)] * 3)


if __name__ == "__main__":
    unittest.main()
