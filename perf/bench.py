#!/usr/bin/python3
"""One worker core of the gateway beside testpmd on the same capture, in the same run, taking turns.

The figure that counts is the ratio: machines differ, and this one has other things to do.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import configuration
import hugepages
import traffic
from programs import Bench, Failed, Nvgw, NvgwFlooded, NvgwNat, Testpmd

SANE_RATIO = 0.10
# A flood for the control thread may take so much of the forwarding rate; as much again is noise of a short run.
FLOOD_COST, NOISE = 0.05, 0.05
# Below this share of the worker's core, something else ran there.
BUSY_SHARE = 0.95
HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rung", choices=sorted(traffic.RUNGS, key=int), action="append",
                        help="flows; may be repeated (default: 256 and 65536)")
    parser.add_argument("--direction", choices=traffic.DIRECTIONS, action="append",
                        help=f"may be repeated (default: {' and '.join(traffic.ROUTED)})")
    parser.add_argument("--rounds", type=int, default=3, help="turns of every program; the median counts (default 3)")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one measurement (default 4)")
    parser.add_argument("--warm-up", type=float, default=1.0, help="seconds before it (default 1)")
    parser.add_argument("--seed", type=int, default=1, help="of the order of packets (default 1)")
    parser.add_argument("--cores", default=None, metavar="CONTROL,WORKER", help="default: the first and the last")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write every figure to FILE")
    parser.add_argument("--references-only", action="store_true", help="testpmd alone")
    parser.add_argument("--smoke", action="store_true",
                        help=f"a short sanity check: fails where the ratio to io is below {SANE_RATIO}, or a flood for the "
                             f"control thread costs more than {FLOOD_COST + NOISE:.0%} of the forwarding rate")
    options = parser.parse_args()
    if options.smoke:
        options.rung, options.rounds, options.seconds, options.warm_up = ["256"], 3, 1.0, 0.5
        options.direction = options.direction or [*traffic.ROUTED, traffic.FLOODED]
    options.rung = options.rung or list(traffic.DEFAULT_RUNGS)
    options.direction = options.direction or list(traffic.ROUTED)
    if options.references_only and set(options.direction) - set(traffic.ROUTED):
        parser.error("translation and floods are measured with the gateway")
    usable = sorted(os.sched_getaffinity(0))
    options.cores = [int(core) for core in options.cores.split(",")] if options.cores else [usable[0], usable[-1]]
    if len(set(options.cores)) != 2:
        parser.error("two cores are needed: one for control, one for the worker")
    return options


def measure(program, options):
    """Packets per second of the worker's CPU time after the warm-up, and how much of its core the worker got.

    By the wall clock, whatever else runs on the core would count as the program's slowness.
    """
    with program:
        if program.bench.direction == "new-sessions" and isinstance(program, NvgwNat):
            return program.measure_new_sessions()
        program.wait_for_packets()
        time.sleep(options.warm_up)
        start = program.sample()
        time.sleep(options.seconds)
        end = program.sample()
        worked = start.worker_seconds(end)
        return {"pps": (end.packets - start.packets) / worked, "core_share": worked / (end.at - start.at),
                **program.detail(start, end)}


def line_up(direction, rung, directory, options, binary, pages):
    """The programs to be compared, each as something that makes one: the references, the gateway, and where the
    direction is one of translation, the gateway translating beside it as it routes the same."""
    def bench(capture, way=direction):
        return Bench(directory, directory / capture, rung, way, *options.cores, pages)

    def references(measured):
        return lambda: Testpmd(measured, "io"), lambda: Testpmd(measured, "csum")

    if traffic.from_tenants(direction):
        routed = translating = bench("out.pcap")
        traffic.write_outbound(routed.capture, rung, options.seed)
    else:
        routed, translating = bench("in.pcap", "encapsulate"), bench("answers.pcap")
        traffic.write_inbound(routed.capture, rung, options.seed)
    io, csum = references(routed)
    if direction == traffic.FLOODED:
        flooded = bench("flood.pcap")
        traffic.write_flooded(flooded.capture, rung, options.seed)
        return [io, lambda: Nvgw(routed, binary), lambda: NvgwFlooded(flooded, binary), csum]
    if direction in traffic.ROUTED:
        return [io, *([lambda: Nvgw(routed, binary)] if binary else []), csum]
    more = answers(directory / "out.pcap", translating, options, binary) if direction == "translate-in" \
        else {}
    return [io, lambda: Nvgw(routed, binary), lambda: NvgwNat(translating, binary, **more), csum]


def answers(customers, inward, options, binary):
    """Writes the capture of answers to public ports, as a gateway of the same randomness chooses them; returns what
    such a gateway is made with."""
    inward.capture.unlink(missing_ok=True)
    traffic.write_outbound(customers, inward.rung, options.seed)
    library = inward.directory / "same_random.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, HERE / "same_random.c"], check=True)
    same = {"randomness": library, "customers": customers}
    with NvgwNat(inward, binary, **same) as chooser:
        chooser.wait_for_packets()
        ends = chooser.public_ends()
    traffic.write_answers(inward.capture, ends, options.seed)
    return same


def compare(programs, options):
    """All programs, taking turns; returns what the median run of each measured, and the clock's rate."""
    runs, tsc_hz = {}, None
    for _ in range(options.rounds):
        for program in (make() for make in programs):
            runs.setdefault(program.name, []).append(measure(program, options))
            tsc_hz = tsc_hz or (program.tsc_hz() if isinstance(program, Testpmd) else None)

    def median_run(results):
        return {**sorted(results, key=lambda result: result["pps"])[len(results) // 2],
                "runs": [result["pps"] for result in results]}
    return {name: median_run(results) for name, results in runs.items()}, tsc_hz


def flood_ratio(results):
    """The rate of all other frames amid a flood beside their rate with ordinary frames in its place: the median of the
    rounds, each of which has both."""
    rounds = zip(results["nvgw-flood"]["runs"], results["nvgw"]["runs"])
    return statistics.median(flooded / (calm * (1 - 1 / traffic.ONE_OF)) for flooded, calm in rounds)


def table(results, tsc_hz):
    """The comparison, for people."""
    beside = {"io": "testpmd-io", "csum": "testpmd-csum"}
    if "nvgw-nat" in results:
        beside["routed"] = "nvgw"
    if "nvgw-flood" in results:
        beside["calm"] = "nvgw"
    lines = [f"  {'':14} {'Mpps':>8} {'cycles/packet':>14} "
             + " ".join(f"{'× ' + short:>8}" for short in beside) + f" {'core':>6}"]
    for name, result in results.items():
        rate = result["pps"]
        ratios = " ".join(f"{rate / results[other]['pps']:8.3f}" for other in beside.values())
        lines.append(f"  {name:14} {rate / 1e6:8.2f} {tsc_hz / rate:14.1f} {ratios} {result['core_share']:6.0%}")
    for name, result in results.items():
        if result.get("stages"):
            lines.append(f"  {name} by stage: " + ", ".join(f"{stage} {cycles:.1f}"
                                                           for stage, cycles in result["stages"].items()))
    if min(result["core_share"] for result in results.values()) < BUSY_SHARE:
        lines.append("  the machine was busy: caches and clock were shared too, and stages' cycles count others' time")
    return "\n".join(lines)


def main():
    options = arguments()
    binary = None
    if not options.references_only:
        binary = pathlib.Path(os.environ.get("NVGW", REPOSITORY / "target/release/nvgw")).resolve()
        if not binary.exists():
            sys.exit(f"{binary} does not exist (cargo build --release builds it)")
    measured = [(direction, traffic.RUNGS[name]) for name in options.rung for direction in options.direction
                if direction != "new-sessions"]
    if "new-sessions" in options.direction:
        measured.append(("new-sessions", traffic.NEW_SESSIONS))
    report, wrong = [], []
    with contextlib.ExitStack() as undo:
        many = any(rung.flows > configuration.MANY_FLOWS for _, rung in measured)
        pages = undo.enter_context(hugepages.reserved(hugepages.MANY_PAGES if many else hugepages.PAGES))
        if not pages:
            print("no 2 MB hugepages to be had: all programs run on ordinary pages, which costs each of them")
        directory = pathlib.Path(tempfile.mkdtemp(prefix="nvgw-bench-"))
        undo.callback(shutil.rmtree, directory, ignore_errors=True)
        # What asks the programs stays off the worker's core; they get both cores back.
        os.sched_setaffinity(0, {options.cores[0]})
        for direction, rung in measured:
            programs = line_up(direction, rung, directory, options, binary, pages)
            print(f"{direction}, {rung.name}, {traffic.frame_bytes(direction)}-byte frames, "
                  f"median of {options.rounds} × {options.seconds:g} s", flush=True)
            results, tsc_hz = compare(programs, options)
            print(table(results, tsc_hz) + "\n", flush=True)
            report.append({"direction": direction, "flows": rung.flows, "vsids": rung.vsids, "tsc_hz": tsc_hz,
                           "frame_bytes": traffic.frame_bytes(direction), "seed": options.seed, "hugepages": pages,
                           "programs": results})
            if binary and results["nvgw"]["pps"] < SANE_RATIO * results["testpmd-io"]["pps"]:
                wrong.append(f"{direction}: nvgw reached less than {SANE_RATIO} × testpmd io")
            if direction == traffic.FLOODED:
                ratio = flood_ratio(results)
                print(f"  amid the flood, the other frames are forwarded at {ratio:.1%} of the rate that they have among "
                      "ordinary ones\n", flush=True)
                if ratio < 1 - FLOOD_COST - NOISE:
                    wrong.append(f"a flood for the control thread takes {1 - ratio:.1%} of the forwarding rate")
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    if options.smoke and wrong:
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
