"""Rule 10: outer fragments are dropped, first ones and later ones, complete or not."""

import unittest

from lib.assertions import ReplayTest
from lib.packets import IP, ethernet, expect_decap, from_vm, udp
from lib.topology import BLUE_PUBLIC, INTERNET, SERVER

PACKET = udp(BLUE_PUBLIC.address, SERVER, size=600)


def fragments(size: int) -> list:
    """A whole NVGRE packet in outer fragments of that payload size."""
    outer = IP(from_vm(BLUE_PUBLIC, PACKET, flags=0)[18:])
    return [ethernet(bytes(piece), BLUE_PUBLIC.next_hop_mac, BLUE_PUBLIC.site.mac, BLUE_PUBLIC.site.vlan)
            for piece in outer.fragment(size)]


class OuterFragments(ReplayTest):
    def test_a_packet_in_fragments_is_dropped_piece_by_piece(self):
        for size in (8, 64, 296, 640):
            with self.subTest(size=size):
                pieces = fragments(size)
                self.assertGreater(len(pieces), 1)
                self.assert_dropped(pieces, "outer-fragment")

    def test_order_does_not_matter(self):
        self.assert_dropped(list(reversed(fragments(296))), "outer-fragment")

    def test_a_first_fragment_with_the_whole_inner_packet_is_still_a_fragment(self):
        self.assert_dropped([from_vm(BLUE_PUBLIC, PACKET, flags="MF"), from_vm(BLUE_PUBLIC, PACKET, flags="MF+DF")],
                            "outer-fragment")

    def test_a_last_fragment_that_looks_like_a_packet_is_still_a_fragment(self):
        self.assert_dropped([from_vm(BLUE_PUBLIC, PACKET, flags=0, frag=offset) for offset in (1, 2, 185, 8191)],
                            "outer-fragment")

    def test_whole_packets_without_df_pass(self):
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, PACKET, flags=0), *fragments(296)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(PACKET, INTERNET)])
        self.assert_drops(run, {"outer-fragment": len(fragments(296))})


if __name__ == "__main__":
    unittest.main()
