import pathlib
import tempfile
import unittest

import caches
import captures
import html_report
import instructions
import schema
from tests import reports

ANNOTATED = """\
--------------------------------------------------------------------------------
Profile data file 'instructions.callgrind' (creator: callgrind-3.19.0)
--------------------------------------------------------------------------------
I1 cache: 65536 B, 64 B, 16-way associative
D1 cache: 49152 B, 64 B, 12-way associative
LL cache: 2097152 B, 64 B, 16-way associative
Timerange: Basic block 0 - 712651847
Trigger: Program termination
Profiled target:  nvgw replay -c encapsulate.yaml --in external0=encapsulate.pcap --out replayed (PID 2922, part 1)
Events recorded:  Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw
Events shown:     Ir D1mr D1mw DLmr DLmw
Event sort order: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw
Thresholds:       100 0 0 0 0 0 0 0 0
Include dirs:     
User annotated:   
Auto-annotation:  off

--------------------------------------------------------------------------------
Ir                  D1mr             D1mw             DLmr             DLmw            
--------------------------------------------------------------------------------
33,766,312 (100.0%) 543,026 (100.0%) 296,503 (100.0%) 122,159 (100.0%) 71,041 (100.0%)  PROGRAM TOTALS

--------------------------------------------------------------------------------
Ir                 D1mr            D1mw            DLmr            DLmw             file:function
--------------------------------------------------------------------------------
3,616,768 (10.71%)      0               0               .               .           gateway/src/datapath/parse/usual.rs:gateway::datapath::parse::parse
1,507,328 ( 4.46%)  5,341 ( 0.98%) 72,883 (24.58%)      0          62,541 (88.04%)  library/core/src/ptr/mod.rs:gateway::datapath::rewrite::rewrite_wrapped
1,001,472 ( 2.97%) 70,603 (13.00%)      0           2,337 ( 1.91%)      .           gateway/src/datapath/rewrite.rs:gateway::datapath::rewrite::rewrite_wrapped [target/release/nvgw]
  445,440 ( 1.32%)  3,052 ( 0.56%) 67,777 (22.86%)    266 ( 0.22%)     25 ( 0.04%)  ./string/../sysdeps/x86_64/multiarch/memmove-vec-unaligned-erms.S:__memcpy_avx_unaligned_erms [/usr/lib/x86_64-linux-gnu/libc.so.6]
    1,024 ( 0.00%)      .               .               .               .           gateway/src/tables/fib/reader.rs:gateway::datapath::parse::entry::Entry<A>::enter
       81 ( 0.00%)      9 ( 0.00%)      0               8 ( 0.01%)      .           library/core/src/sync/atomic.rs:gateway::tables::hash::reader::HashReader<T>::search
       15 ( 0.00%)     12 ( 0.00%)      0              12 ( 0.01%)      .           gateway/src/tables/entries/key.rs:gateway::tables::hash::reader::HashReader<T>::search'2
        .               .               .               .               .           gateway/src/app/replay/mod.rs:nvgw::main
        .               .               .               .               .           ???:main [target/release/nvgw]
"""


class Annotations(unittest.TestCase):
    def test_a_function_costs_what_all_its_files_do(self):
        costs = instructions.per_function(ANNOTATED, 1024)["gateway::datapath::rewrite::rewrite_wrapped"]
        self.assertEqual(costs, {"instructions": (1_507_328 + 1_001_472) / 1024,
                                 "d1_misses": (5_341 + 72_883 + 70_603) / 1024, "l2_misses": (62_541 + 2_337) / 1024})

    def test_recursion_is_the_function_itself_and_callers_of_what_is_counted_are_none(self):
        functions = instructions.per_function(ANNOTATED, 1)
        self.assertEqual(list(functions), ["gateway::datapath::parse::parse", "gateway::datapath::rewrite::rewrite_wrapped",
                                           "__memcpy_avx_unaligned_erms", "gateway::datapath::parse::entry::Entry<A>::enter",
                                           "gateway::tables::hash::reader::HashReader<T>::search"])
        self.assertEqual(functions["gateway::tables::hash::reader::HashReader<T>::search"],
                         {"instructions": 96, "d1_misses": 21, "l2_misses": 20})
        self.assertEqual(functions["gateway::datapath::parse::parse"],
                         {"instructions": 3_616_768, "d1_misses": 0, "l2_misses": 0})

    def test_columns_are_those_that_are_shown(self):
        shown = ANNOTATED.replace("Ir D1mr D1mw DLmr DLmw\n", "Ir DLmw DLmr D1mw D1mr\n")
        self.assertEqual(instructions.per_function(shown, 1)["__memcpy_avx_unaligned_erms"],
                         {"instructions": 445_440, "d1_misses": 25 + 266, "l2_misses": 67_777 + 3_052})

    def test_nothing_counted_is_no_function(self):
        head, *_ = ANNOTATED.partition("3,616,768")
        self.assertEqual(instructions.per_function(head, 1), {})


class Captures(unittest.TestCase):
    def test_few_frames_come_again_and_many_once(self):
        for count, wanted in ((256, instructions.FRAMES), (instructions.FRAMES + 1,) * 2):
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "capture"
                captures.write([path], ((0, number.to_bytes(64, "big")) for number in range(count)))
                self.assertEqual(instructions.repeat(path, count), wanted)
                with open(path, "rb") as capture:
                    frames = list(captures.read(capture))
            self.assertEqual([int.from_bytes(frame, "big") for frame in frames],
                             [place % count for place in range(wanted)])


class Caches(unittest.TestCase):
    def test_sets_are_a_power_of_two_and_no_more_than_there_are(self):
        for size, ways, wanted in ((48, 12, 48), (32, 8, 32), (1280, 20, 1280), (2560, 16, 2048), (1536, 8, 1024)):
            cache = caches.Cache.rounded(size << 10, ways, 64)
            self.assertEqual(cache, caches.Cache(wanted << 10, ways, 64))
            self.assertEqual((cache.bytes // cache.ways // cache.line).bit_count(), 1)
        self.assertEqual(caches.USUAL["D1"].option, "49152,12,64")
        self.assertEqual([cache.text for cache in caches.USUAL.values()], ["48 KiB, 12-way", "2 MiB, 16-way"])

    def _told(self, *indices):
        names = ("level", "type", "size", "ways_of_associativity", "coherency_line_size")
        with tempfile.TemporaryDirectory() as folder:
            for number, told in enumerate(indices):
                index = pathlib.Path(folder) / f"index{number}"
                index.mkdir()
                for name, value in zip(names, told):
                    (index / name).write_text(f"{value}\n")
            return caches.of_this_machine(pathlib.Path(folder))

    def test_the_kernel_tells_of_data_caches_among_others(self):
        self.assertEqual(self._told((1, "Data", "32K", 8, 64), (1, "Instruction", "64K", 16, 64),
                                    (2, "Unified", "1024K", 16, 64), (3, "Unified", "32768K", 16, 64)),
                         {"D1": caches.Cache(32 << 10, 8, 64), "L2": caches.Cache(1 << 20, 16, 64)})

    def test_a_machine_that_does_not_tell_has_the_usual_ones(self):
        self.assertEqual(self._told(), caches.USUAL)
        self.assertEqual(self._told((1, "Data", "32K", 0, 64), (2, "Unified", "", 16, 64), (2, "Unified")), caches.USUAL)


class Told(unittest.TestCase):
    COUNT = reports.document()["instructions"][0]

    def test_a_terminal_gets_the_total_first(self):
        lines = instructions.text(self.COUNT).splitlines()
        self.assertRegex(lines[1], "instructions +D1 misses +L2 misses")
        self.assertRegex(lines[2], r"200\.0 +11\.25 +2\.50 +in all")
        self.assertRegex(lines[3], r"60\.0 +3\.00 +1\.00 +parse<u8>")

    def test_a_page_says_what_was_simulated(self):
        page = html_report.page(reports.document())
        self.assertIn("D1 (48 KiB, 12-way) and L2 (2 MiB, 16-way)", page)
        self.assertIn("<td>parse&lt;u8&gt;</td><td>60.0</td><td>3.00</td><td>1.00</td><td>30%</td>", page)

    def test_a_miss_that_is_not_told_is_found(self):
        document = reports.document()
        del document["instructions"][0]["functions"]["parse<u8>"]["l2_misses"]
        self.assertEqual(schema.problems(document),
                         ["report.instructions[0].functions.parse<u8>: l2_misses is missing"])


if __name__ == "__main__":
    unittest.main()
