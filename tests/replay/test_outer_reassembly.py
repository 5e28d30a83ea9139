"""Rule 10 with the knob: outer fragments are put together, bounded in number and time, and whatever hostile ones say,
each ends as a part of a packet or for a named reason (RFC 791 section 3.2, RFC 8200 section 4.5, RFC 5722)."""

import unittest

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.packet import Raw

from lib.families import Families, in_each
from lib.gateway import at
from lib.ip import udp
from lib.packets import ethernet, ethertype_offset, expect_decap, from_vm
from lib.topology import INTERNET

INVALID, FULL, TIMEOUT = "reassembly-invalid", "reassembly-full", "reassembly-timeout"
# Fragments of one packet at most, fragments of one sender's packets, and how long they wait, in milliseconds.
MOST, OF_ONE, WAIT = 8, 128, 2000


@in_each(Families(4, 4), Families(4, 6))
class Reassembly:
    def config(self) -> dict:
        return self.on.config(reassemble=True)

    def packet(self, mark: int = 0, size: int = 600) -> bytes:
        """The inner packet."""
        return udp(self.on.blue_public.address, self.on.server, mark, size)

    def part(self, payload: bytes, start: int, more: bool, number: int = 7, tos: int = 0, src: str = None,
             options: list = ()) -> bytes:
        """A frame with a part of the payload of an outer packet."""
        vm = self.on.blue_public
        src = src or vm.provider_address
        if self.on.outer == 4:
            packet = IP(src=src, dst=vm.site.address, id=number, frag=start // 8, flags=int(more), proto=47, tos=tos,
                        ttl=60, options=list(options)) / Raw(payload)
        else:
            packet = IPv6(src=src, dst=vm.site.address, tc=tos, hlim=60) / IPv6ExtHdrFragment(
                nh=47, offset=start // 8, m=int(more), id=number) / Raw(payload)
        return ethernet(bytes(packet), vm.next_hop_mac, vm.site.mac, vm.site.vlan)

    def payload(self, mark: int = 0, size: int = 600) -> bytes:
        """GRE and all that it carries."""
        frame = from_vm(self.on.blue_public, self.packet(mark, size))
        return frame[ethertype_offset(frame) + 2 + {4: 20, 6: 40}[self.on.outer]:]

    def parts(self, mark: int = 0, size: int = 600, step: int = 296, **more) -> list:
        """A whole packet in parts of that size."""
        payload = self.payload(mark, size)
        return [self.part(payload[start:start + step], start, start + step < len(payload), **{"number": mark, **more})
                for start in range(0, len(payload), step)]

    def assert_joined(self, frames: list, marks: list, drops: dict):
        """These packets leave, and these drops are all."""
        run = self.replay({"wire0": frames}, self.config())
        self.assert_frames(run.sent("wire1"), [expect_decap(self.packet(*mark), INTERNET) for mark in marks])
        self.assert_drops(run, drops)
        self.assertEqual(run.report["packets"]["reassembled"], len(marks))
        return run

    def test_a_packet_in_parts_of_any_size_goes_on_whole(self):
        for step in (96, 104, 296, 616, 640):
            with self.subTest(step=step):
                parts = self.parts(step=step)
                run = self.assert_joined(parts, [(0,)], {})
                self.assertEqual(run.report["packets"]["reassembled_fragments"], len(parts))
                self.assertEqual(run.report["tenants"]["blue"]["rx_packets"], 1)

    def test_in_any_order_and_between_others(self):
        one, other = self.parts(1, step=200), self.parts(2, step=200)
        self.assert_joined(one[::-1], [(1,)], {})
        self.assert_joined([frame for pair in zip(one, other) for frame in pair], [(1,), (2,)], {})
        run = self.replay({"wire0": [one[0], from_vm(self.on.blue_public, self.packet(3)), *one[1:]]}, self.config())
        self.assert_frames(run.sent("wire1"), [expect_decap(self.packet(mark), INTERNET) for mark in (3, 1)])

    def test_packets_longer_than_the_wire_takes_in_one(self):
        self.assert_joined(self.parts(4, size=1450, step=400), [(4, 1450)], {})

    def test_parts_with_the_same_number_of_other_senders_are_others(self):
        other = {4: "100.64.20.77", 6: "fd64:20::77"}[self.on.outer]
        first, *rest = self.parts(1)
        stranger = self.part(self.payload(1)[:296], 0, True, 1, src=other)
        self.assert_joined([stranger, *rest, first], [(1,)], {TIMEOUT: 1})

    def test_what_is_missing_is_waited_for_no_longer_than_two_seconds(self):
        first, *rest = self.parts(1)
        in_time = [at(0, first), *(at(WAIT - 1, part) for part in rest)]
        self.assert_joined(in_time, [(1,)], {})
        late = [at(0, first), *(at(WAIT, part) for part in rest)]
        self.assert_joined(late, [], {TIMEOUT: len(rest) + 1})

    def test_a_repeated_part_costs_itself(self):
        first, *rest = self.parts(1)
        self.assert_joined([first, first, *rest], [(1,)], {INVALID: 1})
        self.assert_joined([*rest, rest[-1], first], [(1,)], {INVALID: 1})

    def test_an_overlap_costs_the_packet(self):
        """RFC 5722: whatever comes of the packet afterwards is lost, too."""
        payload = self.payload(1)
        first, middle, last = self.parts(1)
        for start, end in ((288, 592), (8, 16), (0, 304), (288, 640)):
            overlap = self.part(payload[start:end], start, True, 1)
            self.assert_joined([first, overlap, middle, last], [], {INVALID: 3, TIMEOUT: 1})

    def test_ends_that_contradict_each_other_cost_the_packet(self):
        payload = self.payload(1)
        first, middle, last = self.parts(1)
        shorter = self.part(payload[592:600], 592, False, 1)
        behind = self.part(bytes(8), 1200, True, 1)
        self.assert_joined([last, shorter, first, middle], [], {INVALID: 3, TIMEOUT: 1})
        self.assert_joined([last, behind, first, middle], [], {INVALID: 3, TIMEOUT: 1})

    def test_parts_that_no_packet_has(self):
        payload = self.payload(1)
        empty = self.part(b"", 296, True, 1)
        odd = self.part(payload[296:599], 296, True, 1)
        beyond = self.part(bytes(64), 65528, False, 1)
        tiny = self.part(payload[:8], 0, True, 1)
        hidden = self.part(payload[:40], 0, True, 1)
        first, middle, last = self.parts(1)
        self.assert_joined([empty, odd, beyond, tiny, hidden, first, middle, last], [(1,)], {INVALID: 5})

    def test_a_packet_of_eight_parts_and_one_of_nine(self):
        size = len(self.payload())
        eight, nine = ((-(-size // parts) + 7) // 8 * 8 for parts in (MOST, MOST + 1))
        self.assertEqual((len(self.parts(step=eight)), len(self.parts(step=nine))), (MOST, MOST + 1))
        self.assert_joined(self.parts(step=eight), [(0,)], {})
        self.assert_joined(self.parts(step=nine), [], {INVALID: 2, TIMEOUT: MOST - 1})

    def test_the_smallest_parts_flood_in_vain(self):
        payload = self.payload(1, 1400)
        flood = [self.part(payload[start:start + 8], start, True, 1) for start in range(48, 1400, 8)]
        run = self.replay({"wire0": flood}, self.config())
        self.assert_nothing_sent(run)
        self.assert_drops(run, {TIMEOUT: MOST - 2, INVALID: len(flood) - (MOST - 2)})

    def test_one_senders_flood_leaves_room_for_others(self):
        flood = [self.part(self.payload()[:64], 0, True, number,
                           src={4: "100.64.20.99", 6: "fd64:20::99"}[self.on.outer]) for number in range(1000)]
        frames = [at(0, frame) for frame in flood] + [at(1, part) for part in self.parts(1)]
        run = self.replay({"wire0": frames}, self.config())
        self.assert_frames(run.sent("wire1"), [expect_decap(self.packet(1), INTERNET)])
        # Packets share places by a hash: few of them find theirs taken earlier.
        self.assertEqual(run.drops[FULL] + run.drops[TIMEOUT], len(flood))
        self.assertLessEqual(run.drops[TIMEOUT], OF_ONE)
        self.assertGreater(run.drops[TIMEOUT], OF_ONE * 3 // 4)

    def test_no_congestion_mark_is_lost(self):
        """RFC 3168 section 5.3, and RFC 6040 for what the inner packet makes of it."""
        payload = self.payload_marked(2)
        for marks, ecn in (((2, 3, 2), 3), ((3, 2, 2), 3), ((2, 2, 2), 2)):
            parts = [self.part(payload[start:start + 296], start, start < 592, 1, tos=mark)
                     for start, mark in zip((0, 296, 592), marks)]
            run = self.replay({"wire0": parts}, self.config())
            inner = udp(self.on.blue_public.address, self.on.server, 1, 600, tos=2)
            self.assert_frames(run.sent("wire1"), [expect_decap(inner, INTERNET, ecn=ecn)])
        mixed = [self.part(payload[start:start + 296], start, start < 592, 1, tos=mark)
                 for start, mark in zip((0, 296, 592), (0, 3, 0))]
        self.assert_joined(mixed, [], {INVALID: 2, TIMEOUT: 1})

    def payload_marked(self, ecn: int) -> bytes:
        inner = udp(self.on.blue_public.address, self.on.server, 1, 600, tos=ecn)
        frame = from_vm(self.on.blue_public, inner)
        return frame[ethertype_offset(frame) + 2 + {4: 20, 6: 40}[self.on.outer]:]

    def test_a_whole_packet_is_checked_as_any_other(self):
        """Its sender is not who it says."""
        other = {4: "100.64.20.77", 6: "fd64:20::77"}[self.on.outer]
        self.assert_not_forwarded(self.parts(1, src=other), "source-ca-pa-mismatch")

    def assert_not_forwarded(self, frames: list, reason: str):
        run = self.replay({"wire0": frames}, self.config())
        self.assert_nothing_sent(run)
        self.assert_drops(run, {reason: 1})

    def test_every_worker_keeps_its_own_and_no_buffer_is_lost(self):
        config = self.config()
        config["system"]["worker-cores"] = [1, 2]
        frames = [part for mark in range(1, 40) for part in self.parts(mark)]
        run = self.replay({"wire0": frames}, config)
        self.assert_frames(run.sent("wire1"), [expect_decap(self.packet(mark), INTERNET) for mark in range(1, 40)],
                           ordered=False)

    def test_without_the_knob_all_are_dropped(self):
        self.assert_dropped(self.parts(1), "outer-fragment")


@in_each(Families(4, 6))
class OnlyFragment:
    def test_an_only_fragment_is_whole_whatever_else_waits(self):
        """RFC 6946: it has nothing to do with others of the same number."""
        vm = self.on.blue_public
        inner = udp(vm.address, self.on.server, 1, 600)
        frame = from_vm(vm, inner)
        payload = frame[ethertype_offset(frame) + 2 + 40:]

        def part(data: bytes, start: int, more: bool) -> bytes:
            packet = IPv6(src=vm.provider_address, dst=vm.site.address, hlim=60) / IPv6ExtHdrFragment(
                nh=47, offset=start // 8, m=int(more), id=7) / Raw(data)
            return ethernet(bytes(packet), vm.next_hop_mac, vm.site.mac, vm.site.vlan)

        frames = [part(payload[:296], 0, True), part(payload, 0, False), part(payload[296:], 296, False)]
        run = self.replay({"wire0": frames}, self.on.config(reassemble=True))
        self.assert_frames(run.sent("wire1"), [expect_decap(inner, INTERNET)] * 2)
        self.assert_drops(run, {})


if __name__ == "__main__":
    unittest.main()
