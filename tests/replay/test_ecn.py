"""Section 6: ECN as RFC 6040 says, in both directions, in all four combinations of the address families."""

import unittest

from lib.assertions import ReplayTest
from lib.families import in_each
from lib.packets import (checksum_is_right, expect_decap, expect_encap, from_outside, from_vm, outer_traffic_class,
                         routed, udp)
from lib.topology import BLUE_PUBLIC, INTERNET, SERVER

NOT_ECT, ECT_1, ECT_0, CE = 0, 1, 2, 3
DROP = None
# What a packet has after decapsulation, by (inner, outer).
DECAPSULATED = {
    (NOT_ECT, NOT_ECT): NOT_ECT, (NOT_ECT, ECT_0): NOT_ECT, (NOT_ECT, ECT_1): NOT_ECT, (NOT_ECT, CE): DROP,
    (ECT_0, NOT_ECT): ECT_0, (ECT_0, ECT_0): ECT_0, (ECT_0, ECT_1): ECT_1, (ECT_0, CE): CE,
    (ECT_1, NOT_ECT): ECT_1, (ECT_1, ECT_0): ECT_1, (ECT_1, ECT_1): ECT_1, (ECT_1, CE): CE,
    (CE, NOT_ECT): CE, (CE, ECT_0): CE, (CE, ECT_1): CE, (CE, CE): CE,
}


@in_each()
class Decapsulation:
    def assert_matrix(self, inner_dscp: int, outer_dscp: int, ttl: int) -> None:
        vm, frames, expected = self.on.blue_public, [], []
        for mark, ((inner, outer), result) in enumerate(DECAPSULATED.items()):
            packet = udp(vm.address, self.on.server, mark=mark, tos=inner_dscp << 2 | inner, ttl=ttl)
            frames.append(from_vm(vm, packet, tos=outer_dscp << 2 | outer))
            if result is not DROP:
                expected.append(expect_decap(packet, self.on.internet, ecn=result))
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), expected)
        self.assert_drops(run, {"congestion-mark": 1})

    def test_the_whole_matrix(self):
        self.assert_matrix(inner_dscp=0, outer_dscp=0, ttl=64)

    def test_the_whole_matrix_with_dscp_beside_it(self):
        self.assert_matrix(inner_dscp=46, outer_dscp=46, ttl=2)
        self.assert_matrix(inner_dscp=63, outer_dscp=63, ttl=255)
        self.assert_matrix(inner_dscp=21, outer_dscp=42, ttl=64)

    def test_from_vm_to_vm_the_mark_goes_on(self):
        source, destination, frames, expected = self.on.blue_public, self.on.blue_db, [], []
        for (inner, outer), result in DECAPSULATED.items():
            packet = udp(source.address, destination.address, tos=inner)
            frames.append(from_vm(source, packet, tos=outer))
            if result is not DROP:
                marked = udp(source.address, destination.address, tos=result)
                self.assertEqual(routed(packet, ecn=result), routed(marked))
                expected.append(expect_encap(marked, destination))
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire0"), expected)
        self.assert_drops(run, {"congestion-mark": 1})


class InnerChecksum(ReplayTest):
    def test_the_whole_matrix_where_the_checksum_wraps(self):
        """Every mark of the identification that puts the checksum near its ends, with the change that counts."""
        base = int.from_bytes(udp(BLUE_PUBLIC.address, SERVER, tos=ECT_0)[10:12], "big")
        packets = [udp(BLUE_PUBLIC.address, SERVER, mark=(base - near) % 0xFFFF, tos=ECT_0) for near in range(-4, 5)]
        packets += [udp(BLUE_PUBLIC.address, SERVER, mark=(base - near) % 0xFFFF, tos=ECT_0)
                    for near in range(-0x104, -0xFB)]
        for outer in (ECT_1, CE):
            run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet, tos=outer) for packet in packets]})
            self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET, ecn=outer) for packet in packets])
            for frame in run.sent("wire1"):
                self.assertTrue(checksum_is_right(frame[18:38]))


@in_each()
class Encapsulation:
    def outer_marks(self, **knobs) -> list:
        vm = self.on.blue_public
        packets = [udp(self.on.server, vm.address, mark=ecn, tos=ecn) for ecn in (NOT_ECT, ECT_1, ECT_0, CE)]
        run = self.replay({"wire1": [from_outside(self.on.internet, packet) for packet in packets]},
                          self.on.config(**knobs))
        marks = [outer_traffic_class(frame) for frame in run.sent("wire0")]
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, vm, tos=mark)
                                               for packet, mark in zip(packets, marks)])
        return marks

    def test_normal_mode_copies(self):
        self.assertEqual(self.outer_marks(), [NOT_ECT, ECT_1, ECT_0, CE])
        self.assertEqual(self.outer_marks(ecn="normal"), [NOT_ECT, ECT_1, ECT_0, CE])

    def test_compatibility_mode_clears(self):
        self.assertEqual(self.outer_marks(ecn="compatible"), [NOT_ECT] * 4)

    def test_compatibility_mode_for_one_peer(self):
        old, new = self.on.red_web, self.on.red_db
        config = self.on.config(peers=[{"provider-address": old.provider_address, "ecn": "compatible"}])
        packets = [(vm, udp(self.on.server, vm.address, tos=ecn)) for vm in (old, new) for ecn in range(4)]
        run = self.replay({"wire1": [from_outside(self.on.red_uplink, packet) for _, packet in packets]}, config)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, vm, tos=0 if vm is old else None)
                                               for vm, packet in packets])


if __name__ == "__main__":
    unittest.main()
