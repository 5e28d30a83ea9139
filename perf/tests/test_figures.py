import unittest

import counters
import figures
import goals
from gateway import latency, quantiles_of, stage_cycles
import text
import updates
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
    def _of(self, *rows, every=False):
        return {(goal["row"], goal["beside"] or goal["unit"]): goal for goal in goals.judged(rows, every)}

    def test_a_goal_is_judged_beside_what_was_measured(self):
        row = reports.row(nvgw=(20e6,) * 3, others={"least": (24e6,) * 3})
        judged = self._of(row)
        self.assertEqual({beside: goal["met"] for (_, beside), goal in judged.items()},
                         {"Mpps": False, "least": True, "testpmd-io": True, "ovs": None})
        self.assertAlmostEqual(judged[row["id"], "least"]["figure"], 20 / 24)

    def test_rows_are_judged_beside_each_other(self):
        one, two = (reports.row(rung="65536", nvgw=(rate,) * 3, workers=workers)
                    for rate, workers in ((10e6, 1), (19.5e6, 2)))
        goal = self._of(one, two)[two["id"], one["id"]]
        self.assertEqual((goal["figure"], goal["goal"], goal["met"]), (1.95, 1.9, True))

    def test_references_alone_meet_no_goal(self):
        self.assertEqual(self._of({**reports.row(nvgw=(90e6,) * 3), "subject": None}), {})

    def test_what_was_not_measured_is_said(self):
        failed = {"id": reports.row("encapsulate")["id"], "failed": "no packet"}
        (_, alone), *of_failed = self._of(reports.row(rung="million"), failed).items()
        for goal in (alone, *(goal for _, goal in of_failed)):
            self.assertEqual((goal["figure"], goal["met"]), (None, None))
            self.assertRegex(text.goals([goal]), r"\n  \?    .*: not measured \(.* asked\)$")
        self.assertEqual(len(of_failed), 3)

    def test_a_profile_is_held_to_every_goal(self):
        self.assertEqual(len(self._of(every=True)), len(list(goals.goals())))

    def test_routes_that_change_have_goals_of_their_own(self):
        row = reports.row("updates-out", nvgw=(9.5e6,) * 3, others={"nvgw": (10e6,) * 3})
        row["programs"]["nvgw-updates"]["updates"] = {"rate": 4e5, "load_seconds": 2.5}
        self.assertEqual({of: (goal["figure"], goal["met"]) for (_, of), goal in self._of(row).items()},
                         {"nvgw": (0.95, True), "changes/s": (4e5, False), "s": (2.5, True)})


class Updates(unittest.TestCase):
    def test_changes_are_those_of_which_the_answer_tells(self):
        self.assertEqual(updates.changes_of("applied nvgw.yaml:\n  3 added, 20 changed, 100 removed\n"), 123)
        self.assertEqual(updates.changes_of("applied 2024.yaml: nothing new\n"), 0)

    def test_rates_are_of_all_turns_and_the_load_is_of_one(self):
        taken = {turn: updates.Taken() for turn in updates.TURNS}
        for turn, worked, took in (("others", 1.0, 4.0), ("none", 0.5, 1.0), ("all", 2.5, 5.0)):
            for _ in range(2):
                taken[turn].add(100, worked, took)
        self.assertEqual(updates.told(taken), {"changes": 600, "rate": 75.0, "rate_by_clock": 30.0,
                                               "load_seconds": 2.5, "load_seconds_by_clock": 5.0})

    def test_every_route_has_another_next_hop_in_turn(self):
        routes = [(1 << 24, 8, 0), (2 << 24, 8, 63)]
        self.assertEqual(updates.table("others", routes), [(1 << 24, 8, 1), (2 << 24, 8, 0)])
        self.assertEqual((updates.table("none", routes), updates.table("all", routes)), ([], routes))


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
