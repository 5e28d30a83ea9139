"""What rounds of measurements come to: medians, ratios, noise, regressions."""

import math
import statistics

# A difference below this is none, however quiet the machine.
LEAST_NOISE = 0.02
# Two-sided 95 % points of Student's distribution by degrees of freedom, from 1; the last stands for all beyond.
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


def median_run(runs):
    """The run in the middle by rate, with every round's rate beside it."""
    return {**sorted(runs, key=lambda run: run["pps"])[len(runs) // 2], "runs": [run["pps"] for run in runs]}


def paired_ratio(measured, reference):
    """The median of the rounds' ratios: both took their turn under the same weather."""
    return statistics.median(rounds_ratios(measured, reference))


def rounds_ratios(measured, reference):
    return [one / other for one, other in zip(measured["runs"], reference["runs"], strict=True)]


def error(values):
    """How far off the mean of some rounds may be, in proportion to it: 95 % confidence by Student's distribution, so
    that few rounds are not trusted more than they deserve. One round tells nothing: it may be off by all of it."""
    if len(values) < 2:
        return 1.0
    certain = STUDENT[min(len(values) - 2, len(STUDENT) - 1)]
    return certain * statistics.stdev(values) / math.sqrt(len(values)) / statistics.mean(values)


def noise(*series):
    """How big a difference between such series may be by chance: their errors together, as independent ones add, and
    never less than what counts as none."""
    return max(LEAST_NOISE, math.hypot(*map(error, series)))


def verdict(change, tolerated):
    """What a relative change means, beside the noise."""
    if change < -tolerated:
        return "slower"
    return "faster" if change > tolerated else "same"


def against(row):
    """A row's change from another build that took turns with this one: by the rounds' own ratios."""
    subject = row["subject"]
    other = row["programs"].get(f"{subject}-against")
    if not other:
        return None
    ratios = rounds_ratios(row["programs"][subject], other)
    return _change(row, statistics.median(ratios) - 1, noise(ratios))


def beside_baseline(row, former):
    """A row's change from a stored run: both beside `testpmd io` of their own rounds, for days and machines differ."""
    series = [rounds_ratios(run["programs"][run["subject"]], run["programs"]["testpmd-io"]) for run in (row, former)]
    change = statistics.median(series[0]) / statistics.median(series[1]) - 1
    return _change(row, change, noise(*series))


def _change(row, change, tolerated):
    return {"row": row["id"], "change": change, "noise": tolerated, "verdict": verdict(change, tolerated)}


def changes(rows, baseline=None):
    """All changes that can be told: from the other build of the same run, or from a baseline's rows of the same name."""
    former = {row["id"]: row for row in baseline or () if row.get("subject")}
    result = []
    for row in rows:
        if not row.get("subject"):
            continue
        result.append(against(row))
        if row["id"] in former:
            result.append(beside_baseline(row, former[row["id"]]))
    return [change for change in result if change]
