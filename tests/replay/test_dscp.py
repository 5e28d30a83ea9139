"""Section 6: DSCP of what is encapsulated, uniform or pipe (RFC 2983); the inner one is never changed."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.packets import expect_decap, expect_encap, from_outside, from_vm, udp
from lib.topology import BLUE_DB, BLUE_PUBLIC, INTERNET, SERVER

ALL = range(64)
ECT_0 = 2


class Dscp(ReplayTest):
    PACKETS = [udp(SERVER, BLUE_PUBLIC.address, mark=dscp, tos=dscp << 2 | ECT_0) for dscp in ALL]

    def assert_outer(self, config: dict, outer) -> None:
        run = self.replay({"wire1": [from_outside(INTERNET, packet) for packet in self.PACKETS]}, config)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_PUBLIC, tos=outer(dscp) << 2 | ECT_0)
                                               for dscp, packet in zip(ALL, self.PACKETS)])

    def test_uniform_is_the_default_and_copies(self):
        self.assert_outer(topology.base(), lambda dscp: dscp)
        self.assert_outer(topology.encapsulation(dscp="uniform"), lambda dscp: dscp)

    def test_pipe_writes_its_own_value(self):
        for value in (0, 1, 46, 63):
            with self.subTest(value=value):
                self.assert_outer(topology.encapsulation(dscp=f"pipe:{value}"), lambda _, value=value: value)

    def test_pipe_with_compatible_ecn_writes_a_constant(self):
        config = topology.encapsulation(dscp="pipe:10", ecn="compatible")
        run = self.replay({"wire1": [from_outside(INTERNET, packet) for packet in self.PACKETS]}, config)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_PUBLIC, tos=40) for packet in self.PACKETS])

    def test_pipe_between_vms(self):
        packet = udp(BLUE_PUBLIC.address, BLUE_DB.address, tos=26 << 2)
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet, tos=26 << 2)]}, topology.encapsulation(dscp="pipe:5"))
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_DB, tos=5 << 2)])

    def test_the_inner_dscp_survives_decapsulation(self):
        packets = [udp(BLUE_PUBLIC.address, SERVER, mark=dscp, tos=dscp << 2) for dscp in ALL]
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet, tos=packet[1]) for packet in packets]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET) for packet in packets])


if __name__ == "__main__":
    unittest.main()
