import contextlib
import io
import unittest
from unittest import mock

import bench
import ladder


class CommandLine(unittest.TestCase):
    def _checked(self, *words, cores=(0, 1, 2)):
        parser = bench.command_line()
        with mock.patch("os.sched_getaffinity", return_value=set(cores)):
            return bench.checked(parser, parser.parse_args(words))

    def _refused(self, *words, **options):
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as end:
            self._checked(*words, **options)
        self.assertEqual(end.exception.code, 2)
        return said.getvalue()

    def test_help_can_be_read(self):
        self.assertIn("more than 10% of the forwarding rate", " ".join(bench.command_line().format_help().split()))

    def test_profiles_fit_the_machine(self):
        self.assertEqual(self._checked("--quick").rows, ladder.quick(2))
        self.assertEqual(self._checked("--quick", cores=(0, 1)).rows, ladder.quick(1))
        self.assertEqual(self._checked("--quick").cores, [0, 2, 1])
        self.assertEqual((self._checked("--quick").seconds, self._checked().seconds), (2.0, 4.0))

    def test_named_rows_are_combined(self):
        options = self._checked("--direction", "encapsulate", "--size", "imix", "--size", "128", "--workers", "2:1")
        self.assertEqual([row.id for row in options.rows], [
            f"encapsulate/{rung}/{size}/4in4/each/2w/1q" for rung in ("256", "65536") for size in ("imix", "128B")])
        self.assertFalse(options.latency)

    def test_what_is_asked_for_alone_comes_alone(self):
        for alone in ("--latency", "--instructions"):
            self.assertEqual(self._checked(alone).rows, [])
        self.assertFalse(self._checked("--instructions").latency)
        self.assertTrue(self._checked().latency)
        self.assertEqual([row.direction for row in self._checked("--pci", "a,b").card_rows], list(ladder.ROUTED))

    def test_instructions_are_counted_of_what_is_routed_by_one_worker(self):
        counted = self._checked("--instructions").counted_rows
        self.assertEqual(len(counted), 10)
        self.assertEqual([row.rung.name for row in counted[-2:]], ["65536", "65536"])
        named = self._checked("--instructions", "--rung", "million", "--direction", "encapsulate", "--direction", "flood")
        self.assertEqual([row.id for row in named.counted_rows], ["encapsulate/million/64B/4in4/uniform/1w"])

    def test_what_makes_no_sense_is_refused(self):
        self.assertIn("three cores", self._refused("--workers", "2", cores=(0, 1)))
        self.assertIn("two different cores", self._refused(cores=(0,)))
        self.assertIn("no such row", self._refused("--direction", "flood", "--families", "6in6"))
        self.assertIn("one round", self._refused("--against", "nvgw", "--rounds", "1"))
        self.assertIn("with one worker", self._refused("--instructions", "--direction", "flood"))
        self.assertIn("two cards", self._refused("--pci", "3b:00.0"))


if __name__ == "__main__":
    unittest.main()
