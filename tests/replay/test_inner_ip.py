"""Section 4: the inner header is verified before anything else is done with the packet, from either side."""

import struct
import unittest

from lib.assertions import ReplayTest
from lib.packets import IP, IPV4, Raw, checksum, expect_decap, expect_encap, from_outside, from_vm, udp
from lib.topology import BLUE_PUBLIC, INTERNET, RED_UPLINK, RED_WEB, SERVER

OUT = udp(BLUE_PUBLIC.address, SERVER)
BACK = udp(SERVER, BLUE_PUBLIC.address)


def changed(packet: bytes, offset: int, value: bytes, fix_checksum: bool = True) -> bytes:
    """The packet with other bytes in its header, its checksum made right again unless told not to."""
    data = bytearray(packet)
    data[offset:offset + len(value)] = value
    if fix_checksum:
        data[10:12] = b"\0\0"
        data[10:12] = struct.pack("!H", checksum(bytes(data[:20])))
    return bytes(data)


class BothWays(ReplayTest):
    """Each broken header comes once from a VM and once from outside."""

    def assert_refused(self, change, reason, outer_reason=None) -> None:
        out, back = change(OUT), change(BACK)
        self.assert_dropped([from_vm(BLUE_PUBLIC, packet, ethertype=IPV4) for packet in out], reason)
        # On the external network it is the only IP header, so the name may be the outer one.
        self.assert_dropped([from_outside(INTERNET, packet, ethertype=IPV4) for packet in back],
                            outer_reason or reason, port="wire1")

    def test_version(self):
        self.assert_refused(lambda packet: [changed(packet, 0, bytes([version << 4 | 5]))
                                            for version in range(16) if version != 4],
                            "malformed", ("malformed", "outer-malformed"))

    def test_header_length_below_five(self):
        self.assert_refused(lambda packet: [changed(packet, 0, bytes([0x40 | ihl])) for ihl in range(5)],
                            "malformed", ("malformed", "outer-malformed"))

    def test_header_length_beyond_total_length(self):
        def longest_header(packet: bytes) -> list:
            return [changed(changed(packet, 0, b"\x4f"), 2, struct.pack("!H", 56))]
        self.assert_refused(longest_header, "malformed", ("malformed", "outer-malformed"))

    def test_total_length_below_the_header(self):
        self.assert_refused(lambda packet: [changed(packet, 2, struct.pack("!H", length)) for length in (0, 1, 19)],
                            "malformed", ("malformed", "outer-malformed"))

    def test_total_length_beyond_the_frame(self):
        self.assert_refused(lambda packet: [changed(packet, 2, struct.pack("!H", length))
                                            for length in (len(packet) + 1, 0x8000, 0xFFFF)],
                            "malformed", ("malformed", "outer-malformed"))

    def test_a_packet_cut_anywhere(self):
        self.assert_refused(lambda packet: [packet[:length] for length in range(len(packet))],
                            "malformed", ("malformed", "outer-malformed"))

    def test_checksum(self):
        def wrong(packet: bytes) -> list:
            right = struct.unpack("!H", packet[10:12])[0]
            return [changed(packet, 10, struct.pack("!H", value), fix_checksum=False)
                    for value in (right ^ 1, right ^ 0x100, right ^ 0x8000, right ^ 0xFFFF, 0)]
        self.assert_refused(wrong, "ip-checksum", ("ip-checksum", "outer-checksum"))


class Header(ReplayTest):
    def test_bytes_that_look_like_a_second_inner_packet_are_left_alone(self):
        """NVGRE inside a tenant's own traffic is payload."""
        nested = bytes(IP(src=RED_WEB.address, dst=SERVER) / Raw(from_vm(BLUE_PUBLIC, OUT)))
        run = self.replay({"wire0": [from_vm(RED_WEB, nested)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(nested, RED_UPLINK)])

    def test_a_frame_of_a_good_packet_after_every_bad_one_passes(self):
        frames = []
        for length in range(0, len(OUT), 7):
            frames += [from_vm(BLUE_PUBLIC, OUT[:length]), from_vm(BLUE_PUBLIC, OUT)]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), [expect_decap(OUT, INTERNET)] * (len(frames) // 2))
        self.assert_drops(run, {"malformed": len(frames) // 2})

    def test_options_come_through_to_the_vm(self):
        packet = udp(SERVER, BLUE_PUBLIC.address, options=b"\x01" * 12)
        run = self.replay({"wire1": [from_outside(INTERNET, packet)]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_PUBLIC)])

    def test_group_and_broadcast_destinations_are_not_forwarded(self):
        destinations = ["224.0.0.1", "239.255.255.250", "255.255.255.255", "10.0.1.255", "10.0.2.255"]
        run = self.replay({"wire0": [from_vm(RED_WEB, udp(RED_WEB.address, destination))
                                     for destination in destinations]})
        self.assert_nothing_sent(run)
        self.assertEqual(sum(run.drops.values()), len(destinations))


if __name__ == "__main__":
    unittest.main()
