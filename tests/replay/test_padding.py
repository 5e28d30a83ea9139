"""Small frames are padded by their senders; the padding ends at the gateway."""

import unittest

from lib.assertions import ReplayTest
from lib.packets import IP, Raw, expect_decap, expect_encap, from_outside, from_vm, inner_frame, nvgre
from lib.topology import BLUE_DB, BLUE_PUBLIC, INTERNET, SERVER


def small(source: str, destination: str, payload: int) -> bytes:
    return bytes(IP(src=source, dst=destination, proto=253, id=payload) / Raw(b"\xee" * payload))


def padded_to(frame: bytes, length: int, filler: bytes = b"\0") -> bytes:
    return frame + filler * (length - len(frame))


class Padding(ReplayTest):
    def test_minimum_size_frames_from_outside_are_trimmed(self):
        packets = [small(SERVER, BLUE_PUBLIC.address, payload) for payload in range(0, 23)]
        for filler in (b"\0", b"\xa5"):
            frames = [padded_to(from_outside(INTERNET, packet), 64, filler) for packet in packets]
            run = self.replay({"wire1": frames})
            self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_PUBLIC) for packet in packets])

    def test_padding_inside_the_tunnel_is_trimmed(self):
        """The VM's own virtual NIC padded its frame to 60 bytes."""
        packets = [small(BLUE_PUBLIC.address, SERVER, payload) for payload in range(0, 26)]
        frames = [nvgre(padded_to(inner_frame(BLUE_PUBLIC, packet), 60, b"\xa5"), BLUE_PUBLIC.vsid,
                        BLUE_PUBLIC.provider_address, BLUE_PUBLIC.site) for packet in packets]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET) for packet in packets])

    def test_bytes_behind_the_outer_packet_are_trimmed(self):
        packets = [small(BLUE_PUBLIC.address, SERVER, payload) for payload in (0, 1, 50)]
        frames = [from_vm(BLUE_PUBLIC, packet) + b"\xa5" * extra for packet in packets for extra in (1, 4, 46)]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET) for packet in packets for _ in range(3)])

    def test_padding_does_not_travel_from_vm_to_vm(self):
        packet = small(BLUE_PUBLIC.address, BLUE_DB.address, 3)
        frame = nvgre(padded_to(inner_frame(BLUE_PUBLIC, packet), 60, b"\xa5"), BLUE_PUBLIC.vsid,
                      BLUE_PUBLIC.provider_address, BLUE_PUBLIC.site)
        run = self.replay({"wire0": [padded_to(frame, 200, b"\x5a")]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_DB)])

    def test_padding_is_not_counted_as_the_tenants_bytes(self):
        out, back = small(BLUE_PUBLIC.address, SERVER, 2), small(SERVER, BLUE_PUBLIC.address, 4)
        run = self.replay({"wire0": [padded_to(from_vm(BLUE_PUBLIC, out), 120)],
                           "wire1": [padded_to(from_outside(INTERNET, back), 64)]})
        blue = run.report["tenants"]["blue"]
        self.assertEqual((blue["rx_bytes"], blue["tx_bytes"]), (22, 24))


if __name__ == "__main__":
    unittest.main()
