"""Section 5: what fits is forwarded whole, what does not is not forwarded, and who forbade to fragment it is told
what would fit; the outer packet is never fragmented."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.packets import (IP, TOO_BIG, UNREACHABLE, Raw, error_to_outside, error_to_vm, expect_decap, expect_encap,
                         from_outside, from_vm)
from lib.topology import BLUE_DB, BLUE_PUBLIC, INTERNET, SERVER

OVERHEAD = 42


def sized(source: str, destination: str, size: int) -> bytes:
    """An IP packet of that total length that must not be fragmented."""
    body = bytes(0xA0 + index % 32 for index in range(size - 20))
    return bytes(IP(src=source, dst=destination, proto=253, id=size, flags="DF") / Raw(body))


def with_provider_mtu(mtu: int, where: str) -> dict:
    """The base configuration with another MTU of the provider's port or of one site."""
    config = topology.base()
    holder = config["ports"] if where == "wire0" else config["provider"]["sites"]
    topology.named(holder, where)["mtu"] = mtu
    return config


class Mtu(ReplayTest):
    def test_toward_a_tenant_the_limit_is_the_provider_mtu_minus_42(self):
        for where in ("wire0", "gateway-site"):
            with self.subTest(where=where):
                limit = 1500 - OVERHEAD
                packets = [sized(SERVER, BLUE_PUBLIC.address, size) for size in (limit - 1, limit, limit + 1, 1500)]
                run = self.replay({"wire1": [from_outside(INTERNET, packet) for packet in packets]},
                                  with_provider_mtu(1500, where))
                self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_PUBLIC) for packet in packets[:2]])
                self.assert_frames(run.sent("wire1"), [error_to_outside(packet, INTERNET, UNREACHABLE, TOO_BIG, limit)
                                                       for packet in packets[2:]])
                self.assert_drops(run, {"mtu-exceeded": 2})

    def test_toward_the_outside_the_limit_is_the_external_mtu(self):
        packets = [sized(BLUE_PUBLIC.address, SERVER, size) for size in (1499, 1500, 1501, 1558)]
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet) for packet in packets]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET) for packet in packets[:2]])
        self.assert_frames(run.sent("wire0"), [error_to_vm(packet, BLUE_PUBLIC, UNREACHABLE, TOO_BIG, 1500)
                                               for packet in packets[2:]])
        self.assert_drops(run, {"mtu-exceeded": 2})

    def test_between_vms_the_limit_is_the_provider_mtu_minus_42(self):
        packets = [sized(BLUE_PUBLIC.address, BLUE_DB.address, size) for size in (1557, 1558)]
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet) for packet in packets]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_DB) for packet in packets])

    def test_jumbo_frames_where_both_sides_take_them(self):
        config = with_provider_mtu(9100, "wire0")
        topology.named(config["ports"], "wire1")["mtu"] = 9000
        sizes = (1600, 2048, 2049, 4000, 8999, 9000)
        out = [sized(BLUE_PUBLIC.address, SERVER, size) for size in sizes]
        back = [sized(SERVER, BLUE_PUBLIC.address, size) for size in sizes]
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet) for packet in out],
                           "wire1": [from_outside(INTERNET, packet) for packet in back]}, config)
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET) for packet in out])
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_PUBLIC) for packet in back])

    def test_no_outer_fragment_ever_leaves(self):
        packets = [sized(SERVER, BLUE_PUBLIC.address, size) for size in range(1440, 1500, 3)]
        run = self.replay({"wire1": [from_outside(INTERNET, packet) for packet in packets]},
                          with_provider_mtu(1500, "wire0"))
        self.assertEqual(len(run.sent("wire0")), 7)
        for frame in run.sent("wire0"):
            self.assertEqual(frame[24:26], b"\x40\0", "DF set, no offset, no more fragments")


if __name__ == "__main__":
    unittest.main()
