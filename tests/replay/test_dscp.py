"""Section 6: DSCP of what is encapsulated, uniform or pipe (RFC 2983); the inner one is never changed."""

import unittest

from lib.families import in_each
from lib.packets import expect_decap, expect_encap, from_outside, from_vm, udp

ALL = range(64)
ECT_0 = 2


@in_each()
class Dscp:
    def assert_outer(self, outer, **knobs) -> None:
        """The whole outer octet by the inner DSCP; every packet is ECN-capable."""
        vm = self.on.blue_public
        packets = [udp(self.on.server, vm.address, mark=dscp, tos=dscp << 2 | ECT_0) for dscp in ALL]
        run = self.replay({"wire1": [from_outside(self.on.internet, packet) for packet in packets]},
                          self.on.config(**knobs))
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, vm, tos=outer(dscp))
                                               for dscp, packet in zip(ALL, packets)])

    def test_uniform_is_the_default_and_copies(self):
        self.assert_outer(lambda dscp: dscp << 2 | ECT_0)
        self.assert_outer(lambda dscp: dscp << 2 | ECT_0, dscp="uniform")

    def test_pipe_writes_its_own_value(self):
        for value in (0, 1, 46, 63):
            with self.subTest(value=value):
                self.assert_outer(lambda _, value=value: value << 2 | ECT_0, dscp=f"pipe:{value}")

    def test_uniform_with_compatible_ecn_copies_without_the_mark(self):
        self.assert_outer(lambda dscp: dscp << 2, ecn="compatible")

    def test_pipe_with_compatible_ecn_writes_a_constant(self):
        self.assert_outer(lambda _: 10 << 2, dscp="pipe:10", ecn="compatible")

    def test_pipe_between_vms(self):
        source, destination = self.on.blue_public, self.on.blue_db
        packet = udp(source.address, destination.address, tos=26 << 2)
        run = self.replay({"wire0": [from_vm(source, packet, tos=26 << 2)]}, self.on.config(dscp="pipe:5"))
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, destination, tos=5 << 2)])

    def test_the_inner_dscp_survives_decapsulation(self):
        """Whatever the outer one has become on its way."""
        vm = self.on.blue_public
        packets = [udp(vm.address, self.on.server, mark=dscp, tos=dscp << 2) for dscp in ALL]
        frames = [from_vm(vm, packet, tos=outer << 2) for outer, packet in zip(reversed(ALL), packets)]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, self.on.internet) for packet in packets])


if __name__ == "__main__":
    unittest.main()
