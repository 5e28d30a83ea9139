"""Rule 10's knob: outer fragments are put together, within bounds, and what hostile senders make of that goes
nowhere."""

import random
import unittest

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.packet import Raw

from lib.families import in_each
from lib.gateway import at
from lib.packets import (ethernet, ethertype_offset, expect_decap, from_vm, udp)

NOT_WANTED, INVALID, FULL, LATE = "outer-fragment", "reassembly-invalid", "reassembly-full", "reassembly-timeout"


@in_each()
class Reassembly:
    def setUp(self):
        self.vm = self.on.blue_public
        self.document = self.on.config(reassemble=True)

    def packet(self, mark: int = 0, size: int = 600) -> bytes:
        return udp(self.vm.address, self.on.server, mark, size)

    def part(self, whole: bytes, start: int, length: int, more: bool, identification: int) -> bytes:
        """A piece of an outer packet's payload in a frame of its own."""
        if self.on.outer == 4:
            outer = IP(src=self.vm.provider_address, dst=self.vm.site.address, proto=47, ttl=60, id=identification,
                       flags="MF" if more else 0, frag=start // 8)
        else:
            outer = IPv6(src=self.vm.provider_address, dst=self.vm.site.address, hlim=60) / IPv6ExtHdrFragment(
                nh=47, m=int(more), offset=start // 8, id=identification)
        return ethernet(bytes(outer / Raw(whole[start:start + length])), self.vm.next_hop_mac, self.vm.site.mac,
                        self.vm.site.vlan)

    def payload(self, packet: bytes) -> bytes:
        """What the outer header carries."""
        frame = from_vm(self.vm, packet)
        return frame[ethertype_offset(frame) + 2 + (20 if self.on.outer == 4 else 40):]

    def parts(self, packet: bytes, size: int, identification: int = 1) -> list:
        """A whole packet of the VM's in outer fragments of that many bytes."""
        whole = self.payload(packet)
        return [self.part(whole, start, size, start + size < len(whole), identification)
                for start in range(0, len(whole), size)]

    def assert_arrive(self, frames: list, packets: list, drops: dict, ordered: bool = True) -> None:
        run = self.replay({"wire0": frames}, self.document, options=("--settle", "60"))
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, self.on.internet) for packet in packets],
                           ordered=ordered)
        self.assert_drops(run, drops)
        self.assertEqual(run.report["packets"]["held"], 0)

    def test_in_order_and_in_any_order(self):
        packet = self.packet()
        for size in (232, 296, 640):
            parts = self.parts(packet, size)
            self.assertGreater(len(parts), 1)
            for order in (parts, parts[::-1], parts[1:] + parts[:1]):
                with self.subTest(size=size):
                    self.assert_arrive(order, [packet], {})

    def test_packets_that_come_mixed(self):
        packets = [self.packet(mark) for mark in range(5)]
        several = [self.parts(packet, 296, identification) for identification, packet in enumerate(packets, 1)]
        mixed = [part for together in zip(*several) for part in together]
        self.assert_arrive(mixed, packets, {})

    def test_without_the_knob(self):
        self.document = self.on.config()
        parts = self.parts(self.packet(), 296)
        self.assert_arrive(parts, [], {NOT_WANTED: len(parts)})

    def test_a_part_that_is_missing(self):
        """What has waited too long is dropped, every piece of it."""
        parts = self.parts(self.packet(), 296)
        for missing in range(len(parts)):
            with self.subTest(missing=missing):
                rest = parts[:missing] + parts[missing + 1:]
                self.assert_arrive(rest, [], {LATE: len(rest)})

    def test_overlaps(self):
        """RFC 5722 and its like: nothing of such a packet is taken, whichever piece came first."""
        whole = self.payload(self.packet())
        first, last = self.part(whole, 0, 400, True, 1), self.part(whole, 400, 400, False, 1)
        evil = self.part(bytes(len(whole)), 200, 400, True, 1)
        for frames in ([first, evil, last], [evil, first, last], [last, evil, first]):
            run = self.replay({"wire0": frames}, self.document, options=("--settle", "60"))
            self.assert_nothing_sent(run)
            self.assert_drops(run, {(INVALID, LATE): 3})

    def test_pieces_that_lie_about_their_place(self):
        """Beyond 65,535 bytes, of no length, of an odd length in the middle."""
        whole = self.payload(self.packet())
        frames = [self.part(whole, 0, 0, True, 2), self.part(whole, 0, 101, True, 3)]
        beyond = bytearray(self.part(whole, 0, 400, False, 4))
        place = ethertype_offset(bytes(beyond)) + 2
        if self.on.outer == 4:
            frames.append(bytes(beyond[:place]) + bytes(IP(src=self.vm.provider_address, dst=self.vm.site.address,
                                                           proto=47, id=4, frag=8191) / Raw(whole[:400])))
        else:
            beyond[place + 42:place + 44] = b"\xff\xf8"
            frames.append(bytes(beyond))
        run = self.replay({"wire0": frames}, self.document, options=("--settle", "60"))
        self.assert_nothing_sent(run)
        self.assert_drops(run, {(INVALID, LATE): len(frames)})

    def test_a_flood_of_first_fragments(self):
        """Bounded, and whole packets pass at any time."""
        whole = self.payload(self.packet())
        frames = [at(mark * 0.01, self.part(whole, 0, 400, True, mark)) for mark in range(5000)]
        packet = self.packet(9)
        frames.append(at(51, from_vm(self.vm, packet)))
        self.assert_arrive(frames, [packet], {(FULL, LATE): 5000})

    def test_tiny_pieces(self):
        """Eight bytes each: more than any packet needs."""
        parts = self.parts(self.packet(size=1000), 8)
        self.assert_arrive(parts, [], {(INVALID, LATE): len(parts)})

    def test_parts_at_random(self):
        """Whatever is made of the pieces of a hundred packets, every frame ends somewhere."""
        pick = random.Random(815)
        frames = [part for mark in range(100) for part in self.parts(self.packet(mark), pick.choice((104, 200, 304)),
                                                                     mark % 7)]
        frames = [pick.choice(frames) for _ in range(1000)]
        run = self.replay({"wire0": [at(index * 0.1, frame) for index, frame in enumerate(frames)]}, self.document,
                          options=("--settle", "60"))
        self.assertEqual(run.report["packets"]["held"], 0)


if __name__ == "__main__":
    unittest.main()
