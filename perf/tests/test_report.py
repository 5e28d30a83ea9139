import re
import unittest
from xml.etree import ElementTree

import html_report
import ladder
import schema
import svg
import text
from tests import reports


class Schema(unittest.TestCase):
    def test_a_report_is_as_the_schema_says(self):
        self.assertEqual(schema.problems(reports.document(reports.row(), {**reports.row("encapsulate"),
                                                                          "failed": "no packet", "programs": {}})), [])

    def test_what_is_wrong_is_found_where_it_is(self):
        row = reports.row()
        row["direction"], row["more"] = "sideways", 1
        row["programs"]["nvgw"]["pps"] = "fast"
        del row["programs"]["testpmd-io"]["runs"]
        row["programs"]["testpmd-io"]["cycles"] = -1
        found = " ".join(schema.problems(reports.document(row)))
        for place in ("rows[0].direction: 'sideways'", "rows[0]: more is not known", "nvgw.pps: 'fast' is no number",
                      "testpmd-io: runs is missing", "testpmd-io.cycles: -1 is below 0"):
            self.assertIn(place, found)

    def test_a_truth_is_no_number(self):
        document = reports.document()
        document["options"]["seed"] = True
        self.assertEqual(schema.problems(document), ["report.options.seed: True is no integer"])


class Plots(unittest.TestCase):
    def test_ticks_are_round_and_cover_the_largest(self):
        self.assertEqual(svg.ticks(77), [0, 20, 40, 60, 80])
        self.assertEqual(svg.ticks(0.9), [0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0])
        self.assertGreaterEqual(svg.ticks(2600)[-1], 2600)
        self.assertEqual(svg.ticks(0), [0, 1])

    def test_numbers_have_three_digits(self):
        self.assertEqual([svg.number(value) for value in (0, 0.01234, 1.5, 20, 100, 1234.5)],
                         ["0", "0.0123", "1.5", "20", "100", "1234"])

    def test_a_page_has_every_section_and_refers_to_nothing(self):
        one, two = reports.row(rung="65536"), reports.row(rung="65536", workers=2)
        one["programs"]["nvgw"]["stages"] = {"parse": 40.0, "route": 25.0}
        page = html_report.page(reports.document(one, two, reports.row(size="imix"),
                                                 {**reports.row("encapsulate"), "subject": None},
                                                 {**reports.row("encapsulate"), "failed": "no packet"}))
        titles = re.findall("<h2>(.*?)</h2>", page)
        self.assertEqual(titles, ["Goals", "The ladder", "Frame sizes and address families", "Cycles per packet by stage",
                                  "Scaling", "Latency", "Instructions and cache misses per packet", "On real cards",
                                  "Against the other build", "All figures", "Not measured"])
        for drawing in re.findall("<svg.*?</svg>", page, re.S):
            ElementTree.fromstring(drawing)
        self.assertIsNone(re.search(r"(src|href)=|url\(", page))
        self.assertIn("b &lt;c&gt;", page)

    def test_every_stage_has_a_colour_of_its_own(self):
        row = reports.row()
        names = ["receive", "parse", "decapsulate", "route", "translate", "resolve", "rewrite", "transmit"]
        row["programs"]["nvgw"]["stages"] = {name: 10.0 for name in names}
        (legend,) = [its for its in re.findall('<p class="legend">.*?</p>', html_report.page(reports.document(row)))
                     if "receive" in its]
        colours = re.findall(r'<i class="(c\d)"></i>(\w+)', legend)
        self.assertEqual([name for _, name in colours], names)
        self.assertEqual(len({colour for colour, _ in colours}), len(names))

    def test_stages_are_in_the_order_of_the_way(self):
        out, back = reports.row(), reports.row("encapsulate")
        out["programs"]["nvgw"]["stages"] = dict.fromkeys(("receive", "parse", "decapsulate", "route", "transmit"), 10.0)
        back["programs"]["nvgw"]["stages"] = dict.fromkeys(("receive", "parse", "route", "resolve", "transmit"), 10.0)
        page = html_report.page(reports.document(out, back))
        self.assertRegex(page, "legend.*receive.*parse.*decapsulate.*route.*resolve.*transmit.*</p>")

    def test_a_load_that_was_not_carried_is_marked(self):
        document = reports.document()
        document["latency"][1]["lost"] = 0.02
        marked = re.findall('<tr><td>decapsulate</td><td>(.{2,3})</td><td>1.00</td><td>1.00</td>'
                            '<td><span class="bad">2.00%</span></td><td>0.50</td>', html_report.page(document))
        self.assertEqual(marked, ["50%"])

    def test_a_bar_is_as_long_as_its_value(self):
        drawing = ElementTree.fromstring(svg.bars("t", [("a", [("c1", "x", 50), ("c2", "y", 100)])], "Mpps"))
        widths = [float(bar.get("width")) for bar in drawing.iter("rect")]
        self.assertAlmostEqual(widths[1] / widths[0], 2, places=2)


    def test_the_longest_label_has_room(self):
        (longest, *_) = sorted((html_report.label(reports.row(row.direction, row.rung.name, size=row.shape.size,
                                                              families=row.shape.families, draw=row.draw,
                                                              workers=row.workers, queues=row.queues))
                                for row in ladder.full(2) if row.direction in ladder.ROUTED), key=len, reverse=True)
        for drawn in (svg.bars, svg.stacks):
            drawing = ElementTree.fromstring(drawn("t", [("a", [("c1", "x", 50)]), (longest, [("c1", "x", 50)])], "Mpps"))
            ends = [float(label.get("x")) for label in drawing.iter("text") if label.get("class") == "label"]
            bars = {float(bar.get("x")) for bar in drawing.iter("rect")}
            self.assertGreater(ends[0], 6.6 * len(longest))
            self.assertEqual({end + 10 for end in ends}, bars)


class Text(unittest.TestCase):
    def test_a_table_has_rates_cycles_and_ratios(self):
        shown = text.table(reports.row(others={"least": (25e6,) * 3}))
        self.assertRegex(shown, r"nvgw +20\.00 +130\.0 +0\.400 +0\.800 +100%")
        self.assertRegex(shown.splitlines()[0], r"Mpps +cycles/packet +× io +× least +core")

    def test_updates_are_told_beside_the_calm(self):
        row = reports.row("updates-in", others={"nvgw": (25e6,) * 3})
        row["programs"]["nvgw-updates"]["updates"] = {"changes": 3_000_000, "rate": 6e5, "rate_by_clock": 2e5,
                                                      "load_seconds": 1.5, "load_seconds_by_clock": 3.0,
                                                      "start_seconds": 6.0}
        self.assertEqual(schema.problems(reports.document(row)), [])
        shown = text.table(row)
        self.assertRegex(shown.splitlines()[0], r"× io +× calm +core")
        self.assertIn("600k route changes per second of the control thread, 200k by the clock", shown)
        self.assertIn("the whole table in 1.50 s, by the clock in 3.00 s; a start with it takes 6.00 s", shown)


if __name__ == "__main__":
    unittest.main()
