import collections
import pathlib
import random
import struct
import tempfile
import unittest

import captures
import configuration
import flows
import frames
import internet
import ladder
from frames import Shape


class Drawing(unittest.TestCase):
    def test_each_flow_comes_once_in_an_order_of_the_seed(self):
        rung = flows.RUNGS["256"]
        order = rung.drawn("each", 1, "out")
        self.assertEqual(sorted(order), list(range(256)))
        self.assertEqual(order, rung.drawn("each", 1, "out"))
        self.assertNotEqual(order, rung.drawn("each", 2, "out"))

    def test_zipf_is_of_its_law_and_uniform_is_not(self):
        rung = flows.Rung("few", 1000, 10, 1000, frames=100_000)
        counts = [count for _, count in collections.Counter(rung.drawn("zipf", 1, "in")).most_common()]
        # 1/1 + 1/2 + … + 1/1000 is 7.485: the first has 13.4 %, twice the second's and ten times the tenth's.
        self.assertAlmostEqual(counts[0] / 100_000, 0.1336, delta=0.005)
        self.assertAlmostEqual(counts[0] / counts[1], 2, delta=0.15)
        self.assertAlmostEqual(counts[0] / counts[9], 10, delta=1)
        even = collections.Counter(rung.drawn("uniform", 1, "in"))
        self.assertLess(max(even.values()), 200)

    def test_flows_have_records_of_their_own(self):
        rung = flows.RUNGS["65536"]
        self.assertEqual(len({rung.flow(number).address for number in range(65536)}), 65536)
        last = flows.RUNGS["million"].customer(999_999)
        self.assertEqual(last, (999_999 % 65536, 15))


class Internet(unittest.TestCase):
    def test_lengths_are_mixed_as_in_the_internet(self):
        shares = internet.shares(1_000_000)
        self.assertEqual(sum(shares.values()), 1_000_000)
        self.assertAlmostEqual(shares[24] / 1_000_000, 0.61, delta=0.02)
        self.assertLess(shares[8], shares[16])

    def test_routes_are_different_and_keep_out_of_the_benchmarks_networks(self):
        table = internet.routes(20_000)
        self.assertEqual(len({(prefix, length) for prefix, length, _ in table}), 20_000)
        ours = [(flows.number_of("10.0.0.0"), 8), (flows.number_of("100.64.0.0"), 16),
                (flows.number_of("198.18.0.0"), 24)]
        for prefix, length, hop in table:
            self.assertEqual(prefix % (1 << (32 - length)), 0)
            self.assertLess(hop, internet.NEXT_HOPS)
            for network, its_length in ours:
                shorter = 32 - min(length, its_length)
                self.assertNotEqual(prefix >> shorter, network >> shorter)

    def test_an_address_is_in_its_route(self):
        self.assertEqual(internet.address_in((0x0B000000, 8, 0), 0x01020304), 0x0B020304)


class Frames(unittest.TestCase):
    def _frames(self, families, size=64):
        shape = Shape(size, families)
        flow = flows.RUNGS["256"].flow(7, shape.inner)
        length = next(shape.sizes(random.Random(1)))
        return (shape, shape.from_tenant(flow, 3, length),
                shape.from_outside(flow.server, flow.address, flow.port, length))

    def test_frames_have_the_bytes_that_their_size_says(self):
        for families, outside, wrapped in (("4in4", 60, 102), ("6in4", 62, 104), ("4in6", 60, 122), ("6in6", 62, 124)):
            shape, from_tenant, from_outside = self._frames(families)
            self.assertEqual((len(from_outside), len(from_tenant)), (outside, wrapped), families)
            self.assertEqual((shape.frame_bytes(False), shape.frame_bytes(True)), (outside, wrapped), families)
        self.assertEqual(len(self._frames("4in4", 1518)[2]), 1514)

    def test_checksums_are_right(self):
        _, from_tenant, from_outside = self._frames("4in4")
        for header in (from_tenant[14:34], from_tenant[56:76], from_outside[14:34]):
            self.assertEqual(frames.ones_complement_sum(header), 0xFFFF)
        _, _, ipv6 = self._frames("6in4")
        udp = ipv6[54:]
        pseudo = ipv6[22:54] + struct.pack("!II", len(udp), 17)
        self.assertEqual(frames.ones_complement_sum(pseudo + udp), 0xFFFF)

    def test_the_mix_has_its_shares(self):
        shape = Shape("imix")
        sizes = shape.sizes(random.Random(1))
        drawn = collections.Counter(next(sizes) for _ in range(1200))
        self.assertEqual(drawn, {60: 700, 590: 400, 1514: 100})
        self.assertAlmostEqual(shape.frame_bytes(False), (7 * 60 + 4 * 590 + 1514) / 12)


class Captures(unittest.TestCase):
    def test_queues_share_the_flows(self):
        row = ladder.row("encapsulate", "256", workers=2)
        with tempfile.TemporaryDirectory() as directory:
            paths = [pathlib.Path(directory) / f"{queue}.pcap" for queue in range(2)]
            self.assertEqual(captures.write_inbound(paths, row, 1), 256)
            read = []
            for path in paths:
                with open(path, "rb") as capture:
                    read.append(set(captures.read(capture)))
        self.assertEqual([len(its) for its in read], [128, 128])
        self.assertFalse(read[0] & read[1])

    def test_a_flood_has_one_request_in_so_many_frames(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "flood.pcap"
            captures.write_flooded(path, ladder.row("flood", "256"), 1)
            with open(path, "rb") as capture:
                read = list(captures.read(capture))
        self.assertEqual(sum(frame == frames.arp_request() for frame in read), 256 // captures.FLOOD_ONE_OF)
        self.assertEqual(len(read), 256)


class Ladder(unittest.TestCase):
    def test_profiles_contain_each_other_and_no_row_twice(self):
        quick, default, full = (list(profile(2)) for profile in ladder.PROFILES.values())
        self.assertLess(set(quick), set(default))
        self.assertLess(set(default), set(full))
        for rows in (quick, default, full):
            self.assertEqual(len({row.id for row in rows}), len(rows))
            self.assertTrue(all(map(ladder.makes_sense, rows)))

    def test_one_worker_core_has_rows_of_one_worker(self):
        for profile in ladder.PROFILES.values():
            self.assertEqual({row.workers for row in profile(1)}, {1})

    def test_memory_grows_with_captures(self):
        self.assertEqual(configuration.memory_mb(65536), configuration.BASE_MEMORY)
        self.assertGreater(configuration.memory_mb(1_000_000), 1_000_000 * 2304 / 2**20)


if __name__ == "__main__":
    unittest.main()
