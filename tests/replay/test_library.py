"""The library itself, against bytes written by hand and against readers that are not its own."""

import tempfile
import unittest
from pathlib import Path

from lib import topology, translation
from lib.assertions import ReplayTest, difference
from lib.captures import Frame, read_foreign, read_pcap, write_pcap, write_pcapng
from lib.packets import (IP, Ether, checksum_is_right, expect_decap, expect_encap, flow_id, from_vm, gre_offset,
                         gre_violations, inner_of, routed, udp, without_flow_id)
from lib.topology import BLUE_PUBLIC, INTERNET, RED_WEB, SERVER

# 198.51.100.80 → 203.0.113.5, TTL 64, UDP 4000 → 5000 with four bytes.
SENT = bytes.fromhex("45000020" "00070000" "4011143d" "c6336450" "cb007105" "0fa01388" "000c0000" "00000000")


class Expectations(unittest.TestCase):
    def test_an_encapsulated_frame_by_hand(self):
        expected = bytes.fromhex(
            "02000000201e" "02000000a000" "8100" "0014" "0800"
            "4500004a" "00004000" "402f49dd" "6440140a" "6440141e"
            "20006558" "00177200"
            "02155d000007" "02005e000101" "0800"
            "45000020" "00070000" "3f11153d" "c6336450" "cb007105" "0fa01388" "000c0000" "00000000")
        self.assertTrue(checksum_is_right(expected[18:38]))
        self.assertEqual(expect_encap(SENT, BLUE_PUBLIC).hex(), expected.hex())

    def test_a_decapsulated_frame_by_hand(self):
        expected = "020000003001" "02000000a100" "8100" "012c" "0800" \
            "45000020" "00070000" "3f11153d" "c6336450" "cb007105" "0fa01388" "000c0000" "00000000"
        self.assertEqual(expect_decap(SENT, INTERNET).hex(), expected)

    def test_routing_trims_and_changes_nothing_else(self):
        hop = routed(SENT + b"padding")
        self.assertEqual(len(hop), len(SENT))
        self.assertEqual([index for index in range(len(SENT)) if hop[index] != SENT[index]], [8, 10])
        self.assertEqual(routed(SENT, ecn=3)[1], 3)
        self.assertTrue(checksum_is_right(routed(SENT, ecn=3)[:20]))

    def test_the_offsets_of_a_frame(self):
        frame = from_vm(RED_WEB, SENT, flow=0xAB, options=b"\x01" * 4)
        self.assertEqual(frame[gre_offset(frame):][:8].hex(), "20006558" "001389ab")
        self.assertEqual(flow_id(frame), 0xAB)
        self.assertEqual(flow_id(without_flow_id(frame)), 0)
        self.assertEqual(inner_of(frame).dst, topology.GATEWAY_MAC)
        self.assertEqual(bytes(inner_of(frame)[IP]), SENT)
        self.assertIsNone(gre_offset(expect_decap(SENT, INTERNET)))

    def test_rule_1_as_reasons(self):
        for flags in range(0x10000):
            self.assertEqual(not gre_violations(flags), flags & 0xFC07 == 0x2000)

    def test_marks_make_packets_different(self):
        self.assertEqual(len({udp(SERVER, RED_WEB.address, mark) for mark in range(100)}), 100)


class Captures(unittest.TestCase):
    FRAMES = [Frame(1_700_000_000_000_001_000 + index * 999_999_000, bytes([index]) * (20 + index))
              for index in range(5)]

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "x"

    def test_what_is_written_is_read(self):
        write_pcap(self.path, self.FRAMES)
        self.assertEqual(read_pcap(self.path), self.FRAMES)

    def test_scapy_reads_every_kind(self):
        writers = [lambda: write_pcap(self.path, self.FRAMES, nano=nano, big_endian=big)
                   for nano in (False, True) for big in (False, True)]
        writers += [lambda big=big: write_pcapng(self.path, self.FRAMES, (6, 9), big, extra) for big in (False, True)
                    for extra in (False, True)]
        for write in writers:
            write()
            frames, ethernet = read_foreign(self.path)
            self.assertTrue(ethernet)
            self.assertEqual([frame.data for frame in frames], [frame.data for frame in self.FRAMES])

    def test_a_cut_or_foreign_output_is_an_error(self):
        write_pcap(self.path, self.FRAMES)
        whole = self.path.read_bytes()
        self.path.write_bytes(whole[:-1])
        self.assertRaises(ValueError, read_pcap, self.path)
        write_pcap(self.path, self.FRAMES, nano=True)
        self.assertRaises(ValueError, read_pcap, self.path)
        write_pcap(self.path, [self.FRAMES[0]._replace(original_length=99)])
        self.assertRaises(ValueError, read_pcap, self.path)


class Translation(unittest.TestCase):
    """UDP from 10.0.1.5:4000 to 198.51.100.80:5000 as a customer sends it, and by 198.51.100.16:33333; checksums by
    hand as RFC 1624 mends them."""

    CUSTOMER = bytes.fromhex("45000020 00010000 40114544 0a000105 c6336450 0fa01388 000cc854 70696e67")
    PUBLIC = bytes.fromhex("45000020 00010000 40112605 c6336410 c6336450 82351388 000c3680 70696e67")
    ENDPOINT = translation.Endpoint("198.51.100.16", 33333)

    def test_source(self):
        self.assertEqual(translation.from_public(self.CUSTOMER, self.ENDPOINT), self.PUBLIC)

    def test_destination(self):
        """Source and destination swapped add up to the same checksums."""
        def swapped(packet):
            return packet[:12] + packet[16:20] + packet[12:16] + packet[22:24] + packet[20:22] + packet[24:]
        self.assertEqual(translation.to_customer(swapped(self.PUBLIC), translation.Endpoint("10.0.1.5", 4000)),
                         swapped(self.CUSTOMER))

    def test_what_has_no_checksum_gets_none(self):
        without = [packet[:26] + b"\0\0" + packet[28:] for packet in (self.CUSTOMER, self.PUBLIC)]
        self.assertEqual(translation.from_public(without[0], self.ENDPOINT), without[1])

    def test_an_error(self):
        error = translation.icmp_error("192.0.2.1", "10.0.1.5", self.CUSTOMER[:28], 3, 1)
        self.assertEqual(error[20:28].hex(), "0301117600000000")
        self.assertEqual(error[28:], self.CUSTOMER[:28])
        self.assertEqual(translation.source_of(bytes(12) + b"\x08\0" + self.PUBLIC), self.ENDPOINT)


class Assertions(ReplayTest):
    def test_frames_differ_by_one_byte(self):
        frame = expect_encap(SENT, BLUE_PUBLIC)
        other = frame[:-1] + b"\xff"
        self.assert_frames([frame], [frame])
        with self.assertRaisesRegex(AssertionError, "frame 1 of 1 differs"):
            self.assert_frames([other], [frame])
        self.assertIn("ff", difference(other, frame))

    def test_frames_missing_surplus_or_out_of_order(self):
        one = expect_decap(SENT, INTERNET)
        two = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02"))
        for actual, expected in (([], [one]), ([one, two], [one]), ([two, one], [one, two])):
            with self.assertRaises(AssertionError):
                self.assert_frames(actual, expected)
        self.assert_frames([two, one], [one, two], ordered=False)

    def test_only_the_flow_id_is_free(self):
        frame = expect_encap(SENT, BLUE_PUBLIC)
        hashed = expect_encap(SENT, BLUE_PUBLIC, flow=0x5A)
        self.assert_frames([hashed], [frame])
        with self.assertRaises(AssertionError):
            self.assert_frames([hashed], [frame], flow_id=True)


if __name__ == "__main__":
    unittest.main()
