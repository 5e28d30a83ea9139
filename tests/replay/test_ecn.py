"""Section 6: ECN as RFC 6040 says, in both directions."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.packets import checksum_is_right, expect_decap, expect_encap, from_outside, from_vm, routed, udp
from lib.topology import BLUE_DB, BLUE_PUBLIC, INTERNET, RED_DB, RED_UPLINK, RED_WEB, SERVER

NOT_ECT, ECT_1, ECT_0, CE = 0, 1, 2, 3
DROP = None
# What a packet has after decapsulation, by (inner, outer).
DECAPSULATED = {
    (NOT_ECT, NOT_ECT): NOT_ECT, (NOT_ECT, ECT_0): NOT_ECT, (NOT_ECT, ECT_1): NOT_ECT, (NOT_ECT, CE): DROP,
    (ECT_0, NOT_ECT): ECT_0, (ECT_0, ECT_0): ECT_0, (ECT_0, ECT_1): ECT_1, (ECT_0, CE): CE,
    (ECT_1, NOT_ECT): ECT_1, (ECT_1, ECT_0): ECT_1, (ECT_1, ECT_1): ECT_1, (ECT_1, CE): CE,
    (CE, NOT_ECT): CE, (CE, ECT_0): CE, (CE, ECT_1): CE, (CE, CE): CE,
}


class Decapsulation(ReplayTest):
    def assert_matrix(self, inner_dscp: int, outer_dscp: int, ttl: int) -> None:
        frames, expected = [], []
        for mark, ((inner, outer), result) in enumerate(DECAPSULATED.items()):
            packet = udp(BLUE_PUBLIC.address, SERVER, mark=mark, tos=inner_dscp << 2 | inner, ttl=ttl)
            frames.append(from_vm(BLUE_PUBLIC, packet, tos=outer_dscp << 2 | outer))
            if result is not DROP:
                expected.append(expect_decap(packet, INTERNET, ecn=result))
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), expected)
        self.assert_drops(run, {"congestion-mark": 1})
        for frame in run.sent("wire1"):
            self.assertTrue(checksum_is_right(frame[18:38]))

    def test_the_whole_matrix(self):
        self.assert_matrix(inner_dscp=0, outer_dscp=0, ttl=64)

    def test_the_whole_matrix_with_dscp_beside_it(self):
        self.assert_matrix(inner_dscp=46, outer_dscp=46, ttl=2)
        self.assert_matrix(inner_dscp=63, outer_dscp=63, ttl=255)

    def test_the_whole_matrix_where_the_checksum_wraps(self):
        """Every mark of the identification that puts the checksum near its ends, with the change that counts."""
        base = int.from_bytes(udp(BLUE_PUBLIC.address, SERVER, tos=ECT_0)[10:12], "big")
        packets = [udp(BLUE_PUBLIC.address, SERVER, mark=(base - near) % 0xFFFF, tos=ECT_0) for near in range(-4, 5)]
        packets += [udp(BLUE_PUBLIC.address, SERVER, mark=(base - near) % 0xFFFF, tos=ECT_0)
                    for near in range(-0x104, -0xFB)]
        for outer in (ECT_1, CE):
            run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet, tos=outer) for packet in packets]})
            self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET, ecn=outer) for packet in packets])

    def test_from_vm_to_vm_the_mark_goes_on(self):
        frames, expected = [], []
        for (inner, outer), result in DECAPSULATED.items():
            packet = udp(BLUE_PUBLIC.address, BLUE_DB.address, tos=inner)
            frames.append(from_vm(BLUE_PUBLIC, packet, tos=outer))
            if result is not DROP:
                marked = udp(BLUE_PUBLIC.address, BLUE_DB.address, tos=result)
                self.assertEqual(routed(packet, ecn=result), routed(marked))
                expected.append(expect_encap(marked, BLUE_DB))
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire0"), expected)
        self.assert_drops(run, {"congestion-mark": 1})


class Encapsulation(ReplayTest):
    PACKETS = [udp(SERVER, BLUE_PUBLIC.address, mark=ecn, tos=ecn) for ecn in (NOT_ECT, ECT_1, ECT_0, CE)]

    def outer_fields(self, config: dict) -> list:
        run = self.replay({"wire1": [from_outside(INTERNET, packet) for packet in self.PACKETS]}, config)
        frames = run.sent("wire0")
        self.assert_frames(frames, [expect_encap(packet, BLUE_PUBLIC, tos=frame[19])
                                    for frame, packet in zip(frames, self.PACKETS)])
        return [frame[19] for frame in frames]

    def test_normal_mode_copies(self):
        self.assertEqual(self.outer_fields(topology.base()), [NOT_ECT, ECT_1, ECT_0, CE])
        self.assertEqual(self.outer_fields(topology.encapsulation(ecn="normal")), [NOT_ECT, ECT_1, ECT_0, CE])

    def test_compatibility_mode_clears(self):
        self.assertEqual(self.outer_fields(topology.encapsulation(ecn="compatible")), [NOT_ECT] * 4)

    def test_compatibility_mode_for_one_peer(self):
        config = topology.encapsulation(peers=[{"provider-address": RED_WEB.provider_address, "ecn": "compatible"}])
        packets = [(vm, udp(SERVER, vm.address, tos=ecn)) for vm in (RED_WEB, RED_DB) for ecn in range(4)]
        run = self.replay({"wire1": [from_outside(RED_UPLINK, packet) for _, packet in packets]}, config)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, vm, tos=0 if vm is RED_WEB else None)
                                               for vm, packet in packets])


if __name__ == "__main__":
    unittest.main()
