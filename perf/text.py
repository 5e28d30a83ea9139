"""The comparison, for people at a terminal."""

import ladder

# Below this share of the worker's core, something else ran there.
BUSY_SHARE = 0.95
SHORT = {"testpmd-io": "io", "testpmd-csum": "csum", "least": "least", "ovs": "ovs", "nvgw": "routed",
         "nvgw-against": "other", "nvgw-nat-against": "other", "nvgw-flood-against": "other",
         "nvgw-updates-against": "other"}


def columns(row):
    """The programs that a row's table has a column of ratios to."""
    calm = row["direction"] == ladder.FLOODED or row["direction"] in ladder.UPDATED
    return {name: "calm" if name == "nvgw" and calm else short
            for name, short in SHORT.items() if name in row["programs"] and name != row["subject"]}


def table(row):
    beside = columns(row)
    programs = row["programs"]
    lines = [f"  {'':18} {'Mpps':>8} {'cycles/packet':>14} "
             + " ".join(f"{'× ' + short:>8}" for short in beside.values()) + f" {'core':>6}"]
    for name, result in programs.items():
        ratios = " ".join(f"{result['ratios'][other]:8.3f}" for other in beside)
        lines.append(f"  {name:18} {result['pps'] / 1e6:8.2f} {result['cycles']:14.1f} {ratios} "
                     f"{result['core_share']:6.0%}")
    for name, result in programs.items():
        if result.get("stages"):
            lines.append(f"  {name} by stage: " + ", ".join(f"{stage} {cycles:.1f}"
                                                           for stage, cycles in result["stages"].items()))
        if result.get("latency"):
            lines += [f"  {name} in the box, {direction}: {quantiles(values)}"
                      for direction, values in result["latency"].items()]
        if updates := result.get("updates"):
            lines += [f"  {name}: {updates['rate'] / 1e3:.0f}k route changes per second of the control thread, "
                      f"{updates['rate_by_clock'] / 1e3:.0f}k by the clock, reading the file included",
                      f"  {name}: the whole table in {updates['load_seconds']:.2f} s, by the clock in "
                      f"{updates['load_seconds_by_clock']:.2f} s; a start with it takes {updates['start_seconds']:.2f} s"]
        if result.get("counters"):
            lines.append(f"  {name} for each packet: "
                         + ", ".join(f"{value:.3g} {event}" for event, value in result["counters"].items()))
    if min(result["core_share"] for result in programs.values()) < BUSY_SHARE:
        lines.append("  the machine was busy: caches and clock were shared too, and stages' cycles count others' time")
    return "\n".join(lines)


def quantiles(values):
    """Latency in microseconds."""
    return ", ".join(f"{name} {value * 1e6:.1f} µs" for name, value in values.items())


def goals(judged):
    """What was asked and what was reached."""
    lines = ["goals"]
    for goal in judged:
        verdict = {True: "met", False: "NOT", None: "?"}[goal["met"]]
        lines.append(f"  {verdict:4} {goal['row']}: {reached(goal)} ({asked(goal)} asked)")
    return "\n".join(lines)


def reached(goal):
    return "not measured" if goal["figure"] is None else _short(goal["figure"])


def asked(goal):
    return f"{_short(goal['goal'])} {goal['unit']}" + (f" {goal['beside']}" if goal["beside"] else "")


def _short(figure):
    return f"{figure:.3g}" if figure < 1000 else f"{figure:,.0f}"


def changes(found, other):
    lines = [f"against {other}"]
    for change in found:
        lines.append(f"  {change['verdict']:7} {change['change']:+7.1%} (noise {change['noise']:.1%})  {change['row']}")
    return "\n".join(lines)
