"""Rule 9: the outer IPv4 header is verified; options are skipped; martian sources are dropped."""

import struct
import unittest

from lib.assertions import ReplayTest
from lib.packets import checksum, expect_decap, from_vm, udp
from lib.topology import BLUE_PUBLIC, INTERNET, SERVER

PACKET = udp(BLUE_PUBLIC.address, SERVER)
FRAME = from_vm(BLUE_PUBLIC, PACKET)
IP_START, IP_END = 18, 38
TOTAL_LENGTH = len(FRAME) - IP_START


def changed(offset: int, value: bytes, fix_checksum: bool = True) -> bytes:
    """The frame with other bytes in its outer IP header, its checksum made right again unless told not to."""
    header = bytearray(FRAME[IP_START:IP_END])
    header[offset:offset + len(value)] = value
    if fix_checksum:
        header[10:12] = b"\0\0"
        header[10:12] = struct.pack("!H", checksum(bytes(header)))
    return FRAME[:IP_START] + bytes(header) + FRAME[IP_END:]


class Header(ReplayTest):
    def test_other_versions_are_malformed(self):
        self.assert_dropped([changed(0, bytes([version << 4 | 5])) for version in range(16) if version != 4],
                            "outer-malformed")

    def test_header_lengths_below_five_are_malformed(self):
        self.assert_dropped([changed(0, bytes([0x40 | ihl])) for ihl in range(5)], "outer-malformed")

    def test_a_header_length_beyond_the_packet_is_malformed(self):
        cut = FRAME[:IP_END + 8]
        header = bytearray(cut[IP_START:IP_END])
        header[0], header[2:4] = 0x4F, struct.pack("!H", 28)
        self.assert_dropped([cut[:IP_START] + bytes(header) + cut[IP_END:]], "outer-malformed")

    def test_a_total_length_beyond_the_frame_is_malformed(self):
        self.assert_dropped([changed(2, struct.pack("!H", length))
                             for length in (TOTAL_LENGTH + 1, TOTAL_LENGTH + 100, 0x7FFF, 0xFFFF)], "outer-malformed")

    def test_a_total_length_too_short_for_its_headers_is_malformed(self):
        """None for IP, none for GRE, none for the inner Ethernet header."""
        run = self.replay({"wire0": [changed(2, struct.pack("!H", length)) for length in range(42)]})
        self.assert_nothing_sent(run)
        self.assert_drops(run, {("outer-malformed", "malformed"): 42})
        self.assertGreaterEqual(run.drops["outer-malformed"], 20)

    def test_a_total_length_that_cuts_the_inner_packet(self):
        lengths = range(42, TOTAL_LENGTH)
        self.assert_dropped([changed(2, struct.pack("!H", length)) for length in lengths], "malformed")

    def test_frames_cut_anywhere_are_dropped(self):
        self.assert_dropped([FRAME[:length] for length in range(IP_START, len(FRAME))], "outer-malformed")

    def test_type_of_service_ttl_and_identification_are_free(self):
        frames = [changed(8, b"\x01"), changed(8, b"\xff"), changed(4, b"\0\0"), changed(4, b"\xff\xff"),
                  changed(6, b"\0\0"), changed(1, b"\xb8"), changed(1, b"\x04")]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), [expect_decap(PACKET, INTERNET)] * len(frames))

    def test_other_protocols_to_our_address_are_no_tunnel(self):
        frames = [changed(9, bytes([protocol])) for protocol in (4, 6, 17, 41, 46, 48, 50, 132, 255)]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), [])


class Checksum(ReplayTest):
    def test_a_wrong_checksum_is_dropped(self):
        right = struct.unpack("!H", FRAME[IP_START + 10:IP_START + 12])[0]
        wrong = [right ^ bit for bit in (1, 2, 0x80, 0x100, 0x8000)] + [0, 0xFFFF, 0xDEAD, right ^ 0xFFFF]
        self.assert_dropped([changed(10, struct.pack("!H", value), fix_checksum=False) for value in wrong],
                            "outer-checksum")

    def test_every_single_bit_error_of_the_header_is_noticed(self):
        frames = []
        for bit in range(160):
            header = bytearray(FRAME)
            header[IP_START + bit // 8] ^= 0x80 >> bit % 8
            frames.append(bytes(header))
        run = self.replay({"wire0": frames})
        self.assert_nothing_sent(run)
        self.assertEqual(sum(run.drops.values()), 160)
        self.assertLessEqual(set(run.drops), {"outer-checksum", "outer-malformed"})
        # Version and header length may be noticed first, and a length beyond the frame.
        self.assertGreaterEqual(run.drops["outer-checksum"], 160 - 8 - 16)

    def test_a_checksum_over_options_counts_them(self):
        frames = [from_vm(BLUE_PUBLIC, PACKET, options=b"\x01" * 8)]
        broken = bytearray(frames[0])
        broken[IP_END] = 0
        run = self.replay({"wire0": frames + [bytes(broken)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(PACKET, INTERNET)])
        self.assert_drops(run, {"outer-checksum": 1})


class Options(ReplayTest):
    def test_options_are_skipped(self):
        router_alert = b"\x94\x04\0\0"
        options = [b"\x01" * length for length in range(4, 41, 4)] + [router_alert, b"\0" * 4]
        frames = [from_vm(BLUE_PUBLIC, PACKET, options=option) for option in options]
        for ihl, frame in zip(range(6, 16), frames):
            self.assertEqual(frame[IP_START] & 0x0F, ihl)
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), [expect_decap(PACKET, INTERNET)] * len(frames))
        self.assert_drops(run, {})


class MartianSource(ReplayTest):
    def test_sources_that_cannot_be_are_dropped(self):
        martians = ["0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "224.0.0.1", "239.1.2.3", "240.0.0.1",
                    "255.255.255.255"]
        self.assert_dropped([from_vm(BLUE_PUBLIC, PACKET, src=source) for source in martians], "outer-martian-source")

    def test_the_next_addresses_are_strangers_and_not_martians(self):
        strangers = ["1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255", "10.1.1.1"]
        self.assert_dropped([from_vm(BLUE_PUBLIC, PACKET, src=source) for source in strangers],
                            "source-ca-pa-mismatch")


if __name__ == "__main__":
    unittest.main()
