import unittest

import counters
import figures
import goals
from gateway import latency, quantiles_of, stage_cycles
from tests import reports


class Ratios(unittest.TestCase):
    def test_the_median_run_keeps_what_was_measured_in_it_and_all_rates(self):
        runs = [{"pps": 3.0, "core_share": 0.3}, {"pps": 1.0, "core_share": 0.1}, {"pps": 2.0, "core_share": 0.2}]
        self.assertEqual(figures.median_run(runs), {"pps": 2.0, "core_share": 0.2, "runs": [3.0, 1.0, 2.0]})

    def test_a_ratio_is_of_rounds_not_of_medians(self):
        # The machine halves its speed after the first round: both programs do.
        measured, reference = {"runs": [10.0, 5.0, 4.0]}, {"runs": [20.0, 10.0, 8.0]}
        self.assertEqual(figures.paired_ratio(measured, reference), 0.5)

    def test_rounds_that_do_not_match_are_no_pairs(self):
        with self.assertRaises(ValueError):
            figures.paired_ratio({"runs": [1.0, 2.0]}, {"runs": [1.0]})

    def test_an_error_is_that_of_the_mean_and_few_rounds_are_trusted_little(self):
        # A deviation of 1 in 10; 4.303 × 0.1 / √3.
        self.assertAlmostEqual(figures.error([9.0, 10.0, 11.0]), 0.2484, places=4)
        self.assertGreater(figures.error([9.0, 11.0]), 1)
        self.assertLess(figures.error([9.0, 10.0, 11.0] * 4), 0.06)
        self.assertEqual(figures.error([10.0]), 1.0)

    def test_noise_adds_as_independent_errors_do_and_has_a_floor(self):
        one, other = [9.7, 10.0, 10.3], [9.6, 10.0, 10.4]
        self.assertAlmostEqual(figures.noise(one, other) ** 2, figures.error(one) ** 2 + figures.error(other) ** 2)
        self.assertEqual(figures.noise([1.0, 1.0, 1.0]), figures.LEAST_NOISE)


class Changes(unittest.TestCase):
    def test_another_build_in_the_same_rounds_is_compared_round_by_round(self):
        row = reports.row(nvgw=(9e6, 18e6, 27e6), others={"nvgw-against": (10e6, 20e6, 30e6)})
        (change,) = figures.changes([row])
        self.assertAlmostEqual(change["change"], -0.1)
        self.assertEqual((change["noise"], change["verdict"]), (figures.LEAST_NOISE, "slower"))

    def test_a_baseline_of_a_slower_machine_is_no_improvement(self):
        former = reports.row(io=(25e6,) * 3, nvgw=(10e6,) * 3)
        (change,) = figures.changes([reports.row()], [former])
        self.assertEqual((change["change"], change["verdict"]), (0.0, "same"))

    def test_what_rounds_differ_by_is_tolerated_and_no_more(self):
        former = reports.row(nvgw=(19.8e6, 20e6, 20.2e6))
        within, beyond = reports.row(nvgw=(19.6e6,) * 3), reports.row(nvgw=(19.4e6,) * 3)
        self.assertEqual(figures.beside_baseline(within, former)["verdict"], "same")
        self.assertEqual(figures.beside_baseline(beyond, former)["verdict"], "slower")
        self.assertEqual(figures.beside_baseline(reports.row(nvgw=(24e6,) * 3), former)["verdict"], "faster")

    def test_rows_without_figures_or_partner_are_left_out(self):
        failed = {"id": reports.row()["id"], "failed": "no packet"}
        self.assertEqual(figures.changes([failed, reports.row("encapsulate")], [reports.row(), failed]), [])


class Goals(unittest.TestCase):
    def _of(self, *rows):
        return {(goal["row"], goal["beside"]): goal for goal in goals.judged(rows)}

    def test_a_goal_is_judged_beside_what_was_measured(self):
        row = reports.row(nvgw=(20e6,) * 3, others={"least": (24e6,) * 3})
        judged = self._of(row)
        self.assertEqual({beside: goal["met"] for (_, beside), goal in judged.items()},
                         {None: False, "least": True, "testpmd-io": True})
        self.assertAlmostEqual(judged[row["id"], "least"]["figure"], 20 / 24)

    def test_rows_are_judged_beside_each_other(self):
        one, two = (reports.row(rung="65536", nvgw=(rate,) * 3, workers=workers)
                    for rate, workers in ((10e6, 1), (19.5e6, 2)))
        goal = self._of(one, two)[two["id"], one["id"]]
        self.assertEqual((goal["figure"], goal["goal"], goal["met"]), (1.95, 1.9, True))

    def test_references_alone_meet_no_goal(self):
        self.assertEqual(self._of({**reports.row(nvgw=(90e6,) * 3), "subject": None}), {})

    def test_a_goal_without_its_other_row_is_not_judged(self):
        million = reports.row(rung="million")
        self.assertEqual(self._of(million), {})


class Samples(unittest.TestCase):
    def test_stages_are_those_of_all_workers_since_the_first_sample(self):
        def stats(*workers):
            return {"workers": [{"stages": [{"stage": "parse", "cycles": cycles, "packets": packets}]}
                                for cycles, packets in workers]}
        self.assertEqual(stage_cycles(stats((100, 10), (0, 0)), stats((400, 20), (300, 20))), {"parse": 20.0})
        self.assertEqual(stage_cycles(stats((1, 1)), stats((1, 1))), {})

    def test_a_quantile_is_the_bound_of_its_bucket(self):
        self.assertEqual(quantiles_of({4e-6: 1, 1e-6: 50, 2e-6: 49}),
                         {"p50": 1e-6, "p90": 2e-6, "p99": 2e-6, "p99.9": 4e-6})
        self.assertEqual(quantiles_of({1e-6: 0}), {})

    def test_a_gateway_without_a_histogram_tells_no_latency(self):
        self.assertIsNone(latency({"workers": []}, {"workers": []}))

    def test_latency_is_of_what_came_after_the_first_sample(self):
        def stats(*buckets):
            return {"tsc_hz": 2_000_000, "latency": [
                {"direction": "tenant-to-outside",
                 "buckets": [{"cycles": cycles, "frames": frames} for cycles, frames in buckets]},
                {"direction": "outside-to-tenant", "buckets": []}]}
        seen = latency(stats((4, 1000)), stats((4, 1000), (6, 99), (8, 1)))
        self.assertEqual(seen, {"tenant-to-outside": {"p50": 3e-6, "p90": 3e-6, "p99": 3e-6, "p99.9": 4e-6}})

    def test_counters_that_the_machine_does_not_have_are_left_out(self):
        output = "1200;;instructions;100;100.00;;\n<not supported>;;cycles;0;100.00;;\n\nsome warning\n"
        self.assertEqual(counters.parsed(output), {"instructions": 1200})


if __name__ == "__main__":
    unittest.main()
