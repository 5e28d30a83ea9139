#!/usr/bin/python3
"""The gateway's datapath beside others that do the same, on the same captures, in the same run, taking turns.

Without a choice of rows a profile is climbed: --quick, the default, or --full. The figure that counts is the ratio:
machines differ, and this one has other things to do.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass, field

import captures
import cards
import configuration
import dpdk
import figures
import flows
import goals
import html_report
import hugepages
import instructions
import ladder
import lineup
import machine
import openvswitch
import paced
import schema
import text
from frames import SIZES
from programs import Failed

SANE_RATIO = 0.10
# A flood for the control thread may take so much of the forwarding rate; as much again is noise of a short run.
FLOOD_COST, NOISE = 0.05, 0.05
HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent


@dataclass
class Tools:
    """What takes part beside testpmd; `None`: does not. `pages`: whether there are hugepages."""

    binary: pathlib.Path | None = None
    against: pathlib.Path | None = None
    least: pathlib.Path | None = None
    open_vswitch: str | None = None
    pages: bool = False


@dataclass
class Report:
    """What is known so far, and what was not as it should be."""

    rows: list = field(default_factory=list)
    latency: list = field(default_factory=list)
    instructions: list = field(default_factory=list)
    cards: list = field(default_factory=list)
    wrong: list = field(default_factory=list)

    def document(self, options, about, baseline):
        return {"version": 3, "machine": about,
                "options": {name: getattr(options, name) for name in ("rounds", "seconds", "warm_up", "seed")},
                "rows": self.rows, "goals": goals.judged(self.rows, options.climbed), "changes": figures.changes(self.rows, baseline),
                "latency": self.latency, "instructions": self.instructions, "cards": self.cards}


def command_line():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    profile = parser.add_mutually_exclusive_group()
    for name, function in ladder.PROFILES.items():
        if name != "default":
            profile.add_argument(f"--{name}", dest="profile", action="store_const", const=name, help=function.__doc__)
    profile.add_argument("--smoke", action="store_true",
                         help=f"a short sanity check: fails where the ratio to io is below {SANE_RATIO}, or a flood for "
                              f"the control thread costs more than {FLOOD_COST + NOISE:.0%}% of the forwarding rate")
    rows = parser.add_argument_group("rows, all combinations of what is named (each may be repeated)")
    rows.add_argument("--direction", choices=ladder.DIRECTIONS, action="append")
    rows.add_argument("--rung", choices=flows.RUNGS, action="append", help="default: 256 and 65536")
    rows.add_argument("--size", choices=[*map(str, SIZES), ladder.IMIX], action="append", help="of the inner frame")
    rows.add_argument("--families", choices=ladder.COMBINATIONS, action="append", help="inner IP version in outer")
    rows.add_argument("--draw", choices=ladder.DRAWS, action="append", help="default: each, of the million uniform")
    rows.add_argument("--workers", choices=["1", "2", "2:1"], action="append", help="2:1 is two workers, one queue")
    how = parser.add_argument_group("how")
    rows.add_argument("--latency", action="store_true", help="only the time in the box at 10, 50 and 90 %% of the most")
    rows.add_argument("--instructions", action="store_true", help="only instructions and cache misses per packet, by callgrind")
    rows.add_argument("--pci", metavar="PROVIDER,EXTERNAL",
                      help="real network cards before which you have a generator, in place of captures in memory")
    rows.add_argument("--captures", type=pathlib.Path, default=pathlib.Path("bench-captures"), metavar="FOLDER",
                      help="where the captures go that such a generator is to send (default bench-captures)")
    how.add_argument("--rounds", type=int, default=3, help="turns of every program; the median counts (default 3)")
    how.add_argument("--seconds", type=float, help="length of one measurement (default 4, of --quick 2)")
    how.add_argument("--warm-up", type=float, default=1.0, help="seconds before it (default 1)")
    how.add_argument("--seed", type=int, default=1, help="of the order of packets (default 1)")
    how.add_argument("--cores", metavar="CONTROL,WORKER[,WORKER]", help="default: the first, and from the last down")
    how.add_argument("--without", choices=("least", "ovs"), action="append", default=[],
                     help="leave out the least work in C, or Open vSwitch-DPDK, which take part where they can")
    how.add_argument("--references-only", action="store_true", help="all but the gateway")
    out = parser.add_argument_group("what becomes of it")
    out.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write every figure to FILE (perf/schema.json)")
    out.add_argument("--html", type=pathlib.Path, metavar="FILE", help="write a report with plots to FILE")
    out.add_argument("--against", type=pathlib.Path, metavar="BINARY",
                     help="let another build take turns, and fail where this one is slower beyond noise")
    out.add_argument("--baseline", type=pathlib.Path, metavar="FILE",
                     help="the same against an earlier run's JSON; on a machine with other work, rather --against")
    parser.set_defaults(profile="default")
    return parser


def checked(parser, options):
    """Completes the options, or ends with what is wrong about them."""
    if options.smoke:
        options.rounds, options.seconds, options.warm_up = 3, 0.8, 0.3
    if options.seconds is None:
        options.seconds = 2.0 if options.profile == "quick" else 4.0
    options.size = options.size and [size if size == ladder.IMIX else int(size) for size in options.size]
    usable = sorted(os.sched_getaffinity(0))
    if options.cores:
        options.cores = [int(core) for core in options.cores.split(",")]
    else:
        options.cores = list(dict.fromkeys([usable[0], usable[-1], usable[-2 % len(usable)]]))
    if len(set(options.cores)) != len(options.cores) or len(options.cores) < 2:
        parser.error("two different cores are needed: one for control, one for the worker")
    options.rows = smoke_rows(options) if options.smoke else ladder.chosen(options, len(options.cores) - 1)
    if options.pci:
        options.pci = tuple(options.pci.split(","))
        if len(options.pci) != 2:
            parser.error("--pci takes two cards: the provider network's, and the external one's")
    options.card_rows = cards.rows(options) if options.pci else []
    options.counted_rows = instructions.rows(options) if options.instructions else []
    if options.instructions and not options.counted_rows:
        parser.error("instructions are counted of decapsulate and encapsulate, with one worker")
    only = options.latency or options.instructions or options.pci
    # Of the profiles, all but the quick one tell of latency.
    options.climbed = not (only or options.smoke or options.references_only or ladder.named(options))
    options.latency |= options.climbed and options.profile != "quick"
    if only:
        options.rows = []
    if not (options.rows or only):
        parser.error("no such row makes sense: see perf/README.md")
    if max((row.workers for row in options.rows), default=1) >= len(options.cores):
        parser.error("two workers need three cores: one is the control thread's")
    if (options.against or options.baseline) and options.rounds < 2:
        parser.error("one round tells nothing of noise: comparisons need two, better five")
    if options.references_only:
        options.rows = [row for row in options.rows if row.direction in ladder.ROUTED]
        if not options.rows or options.against or options.baseline:
            parser.error("translation, floods and comparisons are measured with the gateway")
    return options


def smoke_rows(options):
    return [ladder.row(direction, "256") for direction in options.direction or [*ladder.ROUTED, ladder.FLOODED]]


def measured(row, options, tools, directory):
    """A row of the report."""
    rung, shape = row.rung, row.shape
    result = {"id": row.id, "direction": row.direction, "rung": rung.name, "flows": rung.flows,
              "customers": rung.customers, "vsids": rung.vsids, "routes": rung.routes, "draw": row.draw,
              "frame_bytes": shape.frame_bytes(row.from_tenants), "size": shape.size, "families": shape.families,
              "workers": row.workers, "queues": row.queues, "programs": {}}
    try:
        taking_part = lineup.LineUp(row, directory, options, tools)
        runs, tsc_hz = lineup.measure(taking_part, options.rounds, options.warm_up, options.seconds)
    except Failed as failure:
        return {**result, "failed": str(failure)}
    programs = {name: figures.median_run(its) for name, its in runs.items()}
    for program in programs.values():
        program["cycles"] = tsc_hz * row.workers / program["pps"]
        program["ratios"] = {name: figures.paired_ratio(program, other) for name, other in programs.items()}
    return {**result, "programs": programs, "tsc_hz": tsc_hz,
            "subject": taking_part.subject if tools.binary else None}


def flood_ratio(row):
    """The rate of all other frames amid a flood beside their rate with ordinary frames in its place."""
    return row["programs"]["nvgw-flood"]["ratios"]["nvgw"] / (1 - 1 / captures.FLOOD_ONE_OF)


def judge(row, report):
    """Says what is wrong with a row that was measured."""
    programs = row["programs"]
    if "nvgw" in programs and programs["nvgw"]["ratios"]["testpmd-io"] < SANE_RATIO:
        report.wrong.append(f"{row['id']}: nvgw reached less than {SANE_RATIO} × testpmd io")
    if row["direction"] == ladder.FLOODED:
        ratio = flood_ratio(row)
        print(f"  amid the flood, the other frames are forwarded at {ratio:.1%} of the rate that they have among "
              "ordinary ones\n", flush=True)
        if ratio < 1 - FLOOD_COST - NOISE:
            report.wrong.append(f"{row['id']}: a flood for the control thread takes {1 - ratio:.1%} of the forwarding rate")


def climb(options, tools, directory):
    """Measures all rows."""
    report = Report()
    for number, row in enumerate(options.rows):
        print(f"[{number + 1}/{len(options.rows)}] {row.text}, {options.rounds} × {options.seconds:g} s", flush=True)
        place = directory / str(number)
        place.mkdir()
        result = measured(row, options, tools, place)
        shutil.rmtree(place, ignore_errors=True)
        report.rows.append(result)
        if "failed" in result:
            print(f"  failed: {result['failed']}\n", flush=True)
            report.wrong.append(f"{row.id}: {result['failed'].splitlines()[0]}")
            continue
        print(text.table(result) + "\n", flush=True)
        judge(result, report)
    if options.latency:
        print("time in the box by load, 256 flows", flush=True)
    for wanted, name, part in ((options.latency, "latency", paced), (options.pci, "cards", cards),
                               (options.instructions, "instructions", instructions)):
        if not wanted:
            continue
        # What the rows told stays, whatever becomes of the rest.
        try:
            setattr(report, name, part.measured(options, tools, directory))
        except Failed as failure:
            print(f"  failed: {failure}\n", flush=True)
            report.wrong.append(f"{name}: {str(failure).splitlines()[0]}")
    return report


def finish(report, options, about):
    """Tells goals and changes, writes files; returns what was wrong."""
    baseline = json.loads(options.baseline.read_text())["rows"] if options.baseline else None
    document = report.document(options, about, baseline)
    if document["goals"] and not options.smoke:
        print(text.goals(document["goals"]) + "\n")
    if document["changes"]:
        print(text.changes(document["changes"], options.against or options.baseline) + "\n")
        report.wrong += [f"{change['row']}: {-change['change']:.1%} slower, noise is {change['noise']:.1%}"
                         for change in document["changes"] if change["verdict"] == "slower"]
    report.wrong += [f"not as perf/schema.json says: {problem}" for problem in schema.problems(document)]
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    if options.html:
        options.html.write_text(html_report.page(document), encoding="utf-8")
    return report.wrong


def main():
    parser = command_line()
    options = checked(parser, parser.parse_args())
    tools = Tools()
    if not options.references_only:
        tools.binary = pathlib.Path(os.environ.get("NVGW", REPOSITORY / "target/release/nvgw")).resolve()
        tools.against = options.against and options.against.resolve()
        for binary in filter(None, (tools.binary, tools.against)):
            if not binary.exists():
                sys.exit(f"{binary} does not exist (cargo build --release builds it)")
    if not options.smoke and "ovs" not in options.without:
        tools.open_vswitch = openvswitch.installed()
    with contextlib.ExitStack() as undo:
        memory = max((configuration.memory_mb(row.rung.capture_frames) for row in options.rows),
                     default=configuration.BASE_MEMORY) + (paced.MEMORY if options.latency else 0)
        tools.pages = undo.enter_context(hugepages.reserved(hugepages.pages(memory)))
        if not tools.pages:
            print("no 2 MB hugepages to be had: all programs run on ordinary pages, which costs each of them")
        directory = pathlib.Path(tempfile.mkdtemp(prefix="nvgw-bench-"))
        undo.callback(shutil.rmtree, directory, ignore_errors=True)
        if not options.smoke and "least" not in options.without:
            tools.least = directory / "least"
            if reason := dpdk.compiled(HERE / "least/least.c", tools.least):
                tools.least = None
                print(f"without the least work in C: {reason}")
        # What asks the programs stays off the worker's core; they get their cores back.
        os.sched_setaffinity(0, {options.cores[0]})
        about = machine.described(tools.binary, options.cores, tools.pages)
        wrong = finish(climb(options, tools, directory), options, about)
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    # Told to end, give hugepages back and take the programs along.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main()
    except Failed as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit("interrupted")
