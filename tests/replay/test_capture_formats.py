"""Every kind of capture that the contract names is read; what is none is refused with a reason."""

import tempfile
import unittest
from pathlib import Path

from lib import gateway, topology
from lib.assertions import ReplayTest
from lib.captures import Frame, write_pcap, write_pcapng
from lib.gateway import START_NS
from lib.packets import expect_decap, from_vm, udp
from lib.topology import BLUE_PUBLIC, INTERNET, SERVER

PACKETS = [udp(BLUE_PUBLIC.address, SERVER, mark=mark, size=size) for mark, size in enumerate((4, 5, 6, 7, 333, 1400))]
# Times that mean the same in micro- and, cut or rounded, in nanoseconds.
FRAMES = [Frame(START_NS + index * 1_234_567_000, from_vm(BLUE_PUBLIC, packet)) for index, packet in enumerate(PACKETS)]
EXPECTED = [expect_decap(packet, INTERNET) for packet in PACKETS]


class Formats(ReplayTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="nvgw-captures-")
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "input.capture"

    def assert_read(self) -> None:
        run = self.replay({"wire0": self.path})
        self.assert_frames(run.sent("wire1"), EXPECTED)
        self.assertEqual([frame.time_ns for frame in run.frames["wire1"]], [frame.time_ns for frame in FRAMES])
        self.assert_drops(run, {})

    def assert_refused(self, content: bytes) -> None:
        self.path.write_bytes(content)
        run = gateway.replay({"wire0": self.path})
        self.assertEqual(run.status, 1, run.stderr)
        self.assertIn(self.path.name, run.stderr)
        self.assertNotIn("panicked", run.stderr)

    def test_pcap_in_either_byte_order_and_resolution(self):
        for big_endian in (False, True):
            for nano in (False, True):
                with self.subTest(big_endian=big_endian, nano=nano):
                    write_pcap(self.path, FRAMES, nano=nano, big_endian=big_endian)
                    self.assert_read()

    def test_nanoseconds_do_not_become_another_microsecond_by_much(self):
        write_pcap(self.path, [frame._replace(time_ns=frame.time_ns + 300) for frame in FRAMES], nano=True)
        self.assert_read()

    def test_nanoseconds_decide_the_order(self):
        late, early = FRAMES[0]._replace(time_ns=START_NS + 900), FRAMES[1]._replace(time_ns=START_NS + 100)
        write_pcap(self.path, [late, early], nano=True)
        run = self.replay({"wire0": self.path})
        self.assert_frames(run.sent("wire1"), [EXPECTED[1], EXPECTED[0]])

    def test_a_small_snap_length_in_the_header_means_nothing_by_itself(self):
        for snap_length in (0, 1, 65535):
            with self.subTest(snap_length=snap_length):
                write_pcap(self.path, FRAMES, snap_length=snap_length)
                self.assert_read()

    def test_pcapng_in_either_byte_order(self):
        for big_endian in (False, True):
            with self.subTest(big_endian=big_endian):
                write_pcapng(self.path, FRAMES, big_endian=big_endian)
                self.assert_read()

    def test_pcapng_with_several_interfaces_of_different_resolution(self):
        for big_endian in (False, True):
            with self.subTest(big_endian=big_endian):
                write_pcapng(self.path, FRAMES, resolutions=(6, 9), big_endian=big_endian)
                self.assert_read()

    def test_pcapng_with_blocks_to_skip(self):
        write_pcapng(self.path, FRAMES, extra_blocks=True)
        self.assert_read()

    def test_check_sequences_that_the_header_announces_are_taken_off(self):
        """As `--fcs` writes them: bits 28 to 31 of the link type say how many words, bit 26 that it is known."""
        write_pcap(self.path, [Frame(frame.time_ns, frame.data + b"\xfc\xfc\xfc\xfc") for frame in FRAMES])
        content = bytearray(self.path.read_bytes())
        content[20:24] = (0x24000001).to_bytes(4, "little")
        self.path.write_bytes(content)
        self.assert_read()
        report = self.replay({"wire0": self.path}).report
        self.assertEqual(report["ports"]["wire0"]["rx_bytes"], sum(len(frame.data) for frame in FRAMES))

    def test_the_longest_frame_of_the_largest_mtu(self):
        config = topology.base()
        for port in config["ports"]:
            port["mtu"] = 65_000
        packet = udp(BLUE_PUBLIC.address, SERVER, size=65_000 - 42 - 28)
        frame = from_vm(BLUE_PUBLIC, packet)
        self.assertEqual(len(frame), 65_018)
        run = self.replay({"wire0": [frame]}, config)
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET)])

    def test_an_empty_capture_is_a_capture(self):
        for write in (write_pcap, write_pcapng):
            with self.subTest(write=write.__name__):
                write(self.path, [])
                run = self.replay({"wire0": self.path})
                self.assert_nothing_sent(run)
                self.assert_drops(run, {})

    def test_frames_cut_by_the_capture_are_dropped(self):
        """What was on the wire is unknown, so it must not go on."""
        whole = FRAMES[4]
        cut = [Frame(START_NS + length, whole.data[:length], len(whole.data))
               for length in (14, 17, 18, 30, 50, 100, 200)]
        for write in (write_pcap, write_pcapng):
            with self.subTest(write=write.__name__):
                write(self.path, cut)
                run = self.replay({"wire0": self.path})
                self.assert_nothing_sent(run)
                self.assertEqual(sum(run.drops.values()), len(cut))
                self.assertLessEqual(set(run.drops),
                                     {"outer-malformed", "malformed", "vlan-unknown", "ethertype-unknown"})

    def test_garbage_is_refused(self):
        for content in (b"", b"\0", b"this is no capture at all, but long enough to be one", b"\xd4\xc3\xb2\xa1"):
            with self.subTest(content=content[:8]):
                self.assert_refused(content)

    def test_a_capture_that_ends_inside_a_record_is_refused_or_read_to_there(self):
        write_pcap(self.path, FRAMES)
        whole = self.path.read_bytes()
        for length in (len(whole) - 1, len(whole) - 1430, 24 + 7):
            with self.subTest(length=length):
                self.path.write_bytes(whole[:length])
                run = gateway.replay({"wire0": self.path})
                self.assertIn(run.status, (0, 1), run.stderr)
                self.assertIn(self.path.name, run.stderr, "it must say that the file is cut")

    def test_a_record_of_absurd_length_is_refused(self):
        write_pcap(self.path, FRAMES[:1])
        whole = bytearray(self.path.read_bytes())
        whole[32:36] = b"\xff\xff\xff\x7f"
        self.assert_refused(bytes(whole))

    def test_another_link_layer_is_refused(self):
        """Raw IP, Linux cooked: there is no Ethernet header to read."""
        for link_type in (101, 113, 228):
            with self.subTest(link_type=link_type):
                write_pcap(self.path, FRAMES, link_type=link_type)
                self.assert_refused(self.path.read_bytes())


if __name__ == "__main__":
    unittest.main()
