"""The report as one HTML file that needs no other."""

from html import escape

import caches
import paced
import svg
import text

# Programs keep their colours through all plots.
COLOURS = {"nvgw": "c1", "nvgw-nat": "c2", "nvgw-flood": "c2", "least": "c3", "ovs": "c4", "testpmd-csum": "c5",
           "testpmd-io": "c6", "nvgw-against": "c7", "nvgw-nat-against": "c8", "nvgw-flood-against": "c8",
           "nvgw-updates": "c2", "nvgw-updates-against": "c8"}
NAMES = {"nvgw": "nvgw", "nvgw-nat": "nvgw, translating", "nvgw-flood": "nvgw, amid the flood",
         "least": "least work in C", "ovs": "Open vSwitch-DPDK", "testpmd-csum": "testpmd csum",
         "testpmd-io": "testpmd io", "nvgw-against": "the other build", "nvgw-nat-against": "the other build, translating",
         "nvgw-flood-against": "the other build, amid the flood",
         "nvgw-updates": "nvgw, while routes change", "nvgw-updates-against": "the other build, while routes change"}
REFERENCES = ("testpmd-io", "testpmd-csum", "least", "ovs")
# None so pale that a figure in it cannot be read.
STAGE_COLOURS = ("c1", "c2", "c3", "c4", "c7", "c8", "c9", "c5")
QUANTILES = ("p50", "p99", "p99.9")
COSTS = {"instructions": "instructions", "d1_misses": "D1 misses", "l2_misses": "L2 misses"}
STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6675; --rule: #dfe4ea; --paper: #fff; --good: #19733c;
  --bad: #b3261e; --c1: #1f6feb; --c2: #7a4fd0; --c3: #1a9e8f; --c4: #d9822b; --c5: #8a94a3; --c6: #c3cad3;
  --c7: #d0487e; --c8: #93661f; --c9: #4d7c0f; --inside: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf0; --soft: #9fabb9; --rule: #333c48; --paper: #14181e;
  --good: #5ccf86; --bad: #ff8a80; --c1: #5a9bff; --c2: #a98bf0; --c3: #3fc4b4; --c4: #eaa25a; --c5: #8a94a3;
  --c6: #56606d; --c7: #f07aa6; --c8: #c79a54; --c9: #9ccc4f; --inside: #10141a; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1000px;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; }
p { margin: .3rem 0 .8rem; } .soft, .legend { color: var(--soft); }
.legend span { margin-right: 1.2rem; white-space: nowrap; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; }
svg { width: 100%; min-width: 44rem; height: auto; display: block; } svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .label, svg .value { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
svg .tick { fill: var(--soft); } svg .inside { fill: var(--inside); } svg .grid { stroke: var(--rule); }
svg .line { fill: none; stroke-width: 2; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
th { color: var(--soft); font-weight: 500; } th:first-child, td:first-child { text-align: left; }
details { margin: .6rem 0; } summary { cursor: pointer; }
.good { color: var(--good); } .bad { color: var(--bad); }
""" + "".join(f"i.c{n} {{ background: var(--c{n}); }} rect.c{n}, circle.c{n} {{ fill: var(--c{n}); }} "
              f"polyline.c{n} {{ stroke: var(--c{n}); }}\n" for n in range(1, 10))


def page(report):
    """The whole document."""
    rows = [row for row in report["rows"] if "failed" not in row]
    sections = [_goals(report["goals"]), _rates(rows), _shapes(rows), _stages(rows), _scaling(rows),
                _latency(report["latency"]), _instructions(report["instructions"]), _cards(report["cards"]),
                _changes(report["changes"]), _table(rows), _failed(report["rows"])]
    about, how = report["machine"], report["options"]
    versions = [about["nvgw"], f"DPDK {about['dpdk']}" if about["dpdk"] else None, about["cpu"],
                f"Linux {about['kernel']}", "2 MB hugepages" if about["hugepages"] else "ordinary pages"]
    return (f'<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><title>nvgw: how fast</title>'
            f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>\n'
            f"<h1>How fast is nvgw?</h1>\n<p class=\"soft\">{escape(' · '.join(filter(None, versions)))}<br>"
            f"median of {how['rounds']} × {how['seconds']:g} s, programs taking turns, "
            f"per second of a worker's CPU time</p>\n" + "\n".join(filter(None, sections)) + "\n</html>\n")


def _section(title, note, body):
    note = f'<p class="soft">{escape(note)}</p>' if note else ""
    return f"<h2>{escape(title)}</h2>{note}{body}" if body else None


def _cells(head, rows):
    lines = ["<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def label(row):
    """A row's name in a plot: what differs from the usual."""
    parts = [row["direction"], row["rung"]]
    if row["draw"] != "each":
        parts.append(row["draw"])
    if row["size"] != 64:
        parts.append(f"{row['size']} B" if row["size"] != "imix" else "IMIX")
    if row["families"] != "4in4":
        parts.append(row["families"])
    if row["workers"] > 1:
        parts.append(f"{row['workers']} workers, {row['queues']} queue{'s' if row['queues'] > 1 else ''}")
    return " · ".join(parts)


def _usual(row):
    return row["size"] == 64 and row["families"] == "4in4" and row["workers"] == 1


def _bars(title, rows, note):
    groups = [(label(row), [(colour, NAMES[name], row["programs"][name]["pps"] / 1e6)
                            for name, colour in COLOURS.items() if name in row["programs"]]) for row in rows]
    if not groups:
        return None
    shown = [(colour, NAMES[name]) for name, colour in COLOURS.items() if any(name in row["programs"] for row in rows)]
    return _section(title, note, svg.legend(shown) + svg.bars(title, groups, "Mpps"))


def _rates(rows):
    return _bars("The ladder", [row for row in rows if _usual(row)],
                 "Millions of packets per second, of new-sessions sessions made; inner frames of 64 bytes, IPv4 in "
                 "IPv4, one worker.")


def _shapes(rows):
    return _bars("Frame sizes and address families",
                 [row for row in rows if not _usual(row) and row["workers"] == 1], "Inner frames on a cable.")


def _stages(rows):
    staged = [(row, row["programs"][row["subject"]].get("stages")) for row in rows if row["subject"]]
    staged = [(row, stages) for row, stages in staged if stages]
    if not staged:
        return None
    names = _merged(stages for _, stages in staged)
    colour = {name: STAGE_COLOURS[number % len(STAGE_COLOURS)] for number, name in enumerate(names)}
    bars = [(label(row), [(colour[name], name, cycles) for name, cycles in stages.items()]) for row, stages in staged]
    return _section("Cycles per packet by stage", "TSC cycles per packet that passes the stage; not every packet "
                    "passes every stage.", svg.legend([(colour[name], name) for name in names])
                    + svg.stacks("Cycles per packet by stage", bars, "cycles"))


def _merged(several):
    """All names of lists that have some each, in the order of the lists."""
    merged = []
    for names in several:
        place = 0
        for name in names:
            if name not in merged:
                merged.insert(place, name)
            place = merged.index(name) + 1
    return merged


def _scaling(rows):
    """Pairs of rows that differ in their workers alone."""
    single = {row["id"].rsplit("/1w", 1)[0]: row for row in rows if row["workers"] == 1}
    groups = []
    for row in rows:
        alone = single.get(row["id"].rsplit(f"/{row['workers']}w", 1)[0])
        if row["workers"] > 1 and alone:
            names = [name for name in COLOURS if name in row["programs"] and name in alone["programs"]]
            groups.append((label(row), [(COLOURS[name], NAMES[name], row["programs"][name]["pps"]
                                         / alone["programs"][name]["pps"]) for name in names]))
    if not groups:
        return None
    shown = dict.fromkeys((colour, name) for _, bars in groups for colour, name, _ in bars)
    return _section("Scaling", "Times the rate of one worker. Where workers share a queue, testpmd has one worker.",
                    svg.legend(shown) + svg.bars("Scaling", groups, "× one worker"))


def _latency(loads):
    told = [load for load in loads if load["latency"]]
    if not loads:
        return None
    if not told:
        return _section("Latency", "This gateway keeps no histogram of the time in the box.", " ")
    body = ""
    for direction in dict.fromkeys(load["direction"] for load in told):
        series = []
        for place, quantile in enumerate(QUANTILES):
            points = [(load["load"] * 100, values[quantile] * 1e6) for load in told if load["direction"] == direction
                      for values in load["latency"].values() if quantile in values]
            if points:
                series.append((f"c{1 + place}", quantile, sorted(points)))
        if series:
            body += f"<p>{escape(direction)}</p>" + svg.lines(f"Latency, {direction}", series, "% load", "µs")
    return _section("Latency", "Time in the box by load, from the poll that returned a packet to the end of the call "
                    f"that sent it. A load of which more than {paced.CARRIED:.1%} was lost, in red, is none that was "
                    "carried.", body + _loads(told))


def _loads(loads):
    """What was offered, and what of it was lost: a latency says little of a load that was not carried."""
    rows = []
    for load in loads:
        lost = f"{load['lost']:.2%}"
        if load["lost"] > paced.CARRIED:
            lost = f'<span class="bad">{lost}</span>'
        for values in load["latency"].values():
            rows.append([escape(load["direction"]), f"{load['load']:.0%}", f"{load['offered'] / 1e6:.2f}",
                         f"{load['forwarded'] / 1e6:.2f}", lost,
                         *(f"{values[name] * 1e6:.2f}" if name in values else "" for name in QUANTILES)])
    return _cells(["direction", "load", "Mpps offered", "forwarded", "lost", *(f"{name}, µs" for name in QUANTILES)], rows)


def _instructions(counts):
    if not counts:
        return None
    simulated = " and ".join(f"{name} ({caches.Cache(**cache).text})" for name, cache in counts[0]["caches"].items())
    body = _cells(["row", *COSTS.values()], [[escape(count["row"]), *_costs(count["total"])] for count in counts])
    for count in counts:
        rows = [[escape(name), *_costs(costs), f"{costs['instructions'] / count['total']['instructions']:.0%}"]
                for name, costs in count["functions"].items()]
        body += (f"<details><summary>{escape(count['row'])}, by function</summary>"
                 + _cells(["function", *COSTS.values(), "of the instructions"], rows) + "</details>")
    return _section("Instructions and cache misses per packet",
                    f"Counted by callgrind, which simulates the first two data caches of a core, {simulated}, the latter as "
                    "its last level (LL): instructions are the same on every day, however busy the machine is, and misses "
                    "nearly so. It ignores prefetches, so misses are lines that the work touches beyond a cache, and not "
                    "stalls.", body)


def _costs(costs):
    return [f"{costs['instructions']:.1f}", f"{costs['d1_misses']:.2f}", f"{costs['l2_misses']:.2f}"]


def _cards(cards):
    rows = [[escape(card["row"]), f"{card['received'] / 1e6:.3f}", f"{card['forwarded'] / 1e6:.3f}",
             f"{card['missed'] / 1e6:.3f}", f"{sum(card['drops'].values()) / 1e6:.3f}"] for card in cards]
    return _section("On real cards", "Mpps by the wall clock.",
                    _cells(["row", "received", "forwarded", "missed by the card", "dropped"], rows) if rows else None)


def _goals(goals):
    verdicts = {True: '<span class="good">met</span>', False: '<span class="bad">not met</span>', None: ""}
    rows = [[escape(goal["row"]), text.reached(goal), escape(text.asked(goal)), verdicts[goal["met"]]] for goal in goals]
    return _section("Goals", None, _cells(["row", "reached", "of", ""], rows) if rows else None)


def _changes(changes):
    style = {"slower": "bad", "faster": "good", "same": "soft"}
    rows = [[escape(change["row"]), f"{change['change']:+.1%}", f"{change['noise']:.1%}",
             f'<span class="{style[change["verdict"]]}">{change["verdict"]}</span>'] for change in changes]
    return _section("Against the other build", None,
                    _cells(["row", "change", "noise", ""], rows) if rows else None)


def _table(rows):
    lines = []
    for row in rows:
        for name, result in row["programs"].items():
            ratios = [f"{result['ratios'][other]:.3f}" if other in result["ratios"] else "" for other in REFERENCES]
            lines.append([escape(label(row)), escape(NAMES[name]), f"{result['pps'] / 1e6:.2f}",
                          f"{result['cycles']:.1f}", *ratios, f"{result['core_share']:.0%}"])
    head = ["row", "program", "Mpps", "cycles/packet", *(f"× {text.SHORT[name]}" for name in REFERENCES), "core"]
    return _section("All figures", None, _cells(head, lines) if lines else None)


def _failed(rows):
    items = "".join(f"<li>{escape(row['id'])}: {escape(row['failed'].splitlines()[0])}</li>"
                    for row in rows if "failed" in row)
    return _section("Not measured", None, f"<ul>{items}</ul>" if items else None)
