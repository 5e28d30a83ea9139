"""What rounds of measurements come to: medians, ratios, noise, regressions."""

import math
import statistics

# A difference below this is none, however quiet the machine.
LEAST_NOISE = 0.02


def median_run(runs):
    """The run in the middle by rate, with every round's rate beside it."""
    return {**sorted(runs, key=lambda run: run["pps"])[len(runs) // 2], "runs": [run["pps"] for run in runs]}


def paired_ratio(measured, reference):
    """The median of the rounds' ratios: both took their turn under the same weather."""
    return statistics.median(rounds_ratios(measured, reference))


def rounds_ratios(measured, reference):
    return [one / other for one, other in zip(measured["runs"], reference["runs"], strict=True)]


def spread(values):
    """Half of what lies between the extremes, in proportion to the median: how far a round strays."""
    return (max(values) - min(values)) / 2 / statistics.median(values)


def noise(*series):
    """How big a difference between medians of such rounds may be by chance: their spreads together, as independent
    errors add, and never less than what counts as none."""
    return max(LEAST_NOISE, math.hypot(*(spread(values) for values in series)))


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
    former = {row["id"]: row for row in baseline or () if "failed" not in row}
    result = []
    for row in rows:
        if "failed" in row:
            continue
        result.append(against(row))
        if row["id"] in former:
            result.append(beside_baseline(row, former[row["id"]]))
    return [change for change in result if change]
