"""Instructions and cache misses per packet, by callgrind on a replay: however busy the machine is, the same where caches
are, but for a hundredth of the misses, which addresses decide.

Of the small rungs every flow's frame comes as often as makes the first encounters of a table's lines no matter; of the
others it comes once, for there these encounters are what costs. Only what the worker does with a burst is counted
(`Pipeline::process`), receiving and sending are the drivers'; but the caches see everything that runs.
"""

import collections
import re
import subprocess

import caches
import captures
import configuration
import ladder
from programs import Failed

# Of a row at least.
FRAMES = 16384
COUNTED = "*Pipeline*process*"
# callgrind's last level is the second here: what misses it is what a core cannot serve by itself.
EVENTS = {"instructions": ("Ir",), "d1_misses": ("D1mr", "D1mw"), "l2_misses": ("DLmr", "DLmw")}
# Functions of fewer instructions than this are told together.
LEAST = 1.0


def rows(options):
    """Of the options those that are routed by one worker, or both directions, of every combination of families and with
    more flows than the caches hold."""
    if ladder.named(options):
        return [row for row in options.rows if row.direction in ladder.ROUTED and row.workers == 1]
    return ([ladder.row(direction, "256", families=families) for families in ladder.COMBINATIONS
             for direction in ladder.ROUTED] + [ladder.row(direction, "65536") for direction in ladder.ROUTED])


def measured(options, tools, directory):
    """What each row takes, as the report has it."""
    simulated = caches.of_this_machine()
    print(f"per packet, by callgrind; its D1 is {simulated['D1'].text}, its last level (LL) stands for L2, "
          f"{simulated['L2'].text}; prefetches are ignored, so a miss is a line beyond a cache and not a stall", flush=True)
    result = []
    for row in options.counted_rows:
        result.append(_counted(row, simulated, options, tools, directory))
        print(text(result[-1]), flush=True)
    return result


def _counted(row, simulated, options, tools, directory):
    config, capture, profile = (directory / f"instructions.{end}" for end in ("yaml", "pcap", "callgrind"))
    config.write_text(configuration.document(row, ("net_null0", "net_null1"), directory, (0, 1), False))
    write = captures.write_outbound if row.from_tenants else captures.write_inbound
    packets = repeat(capture, write([capture], row, options.seed))
    port = "provider0" if row.from_tenants else "external0"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", f"--toggle-collect={COUNTED}",
               "--cache-sim=yes", f"--D1={simulated['D1'].option}", f"--LL={simulated['L2'].option}",
               tools.binary, "replay", "-c", config, "--in", f"{port}={capture}", "--out", directory / "replayed"]
    _run(command)
    shown = ",".join(event for events in EVENTS.values() for event in events)
    told = _run(["callgrind_annotate", "--threshold=100", "--auto=no", f"--show={shown}", profile])
    functions = per_function(told, packets)
    if not functions:
        raise Failed(f"callgrind counted nothing: {tools.binary} has no symbols, or nothing called {COUNTED}")
    named = {name: costs for name, costs in functions.items() if costs["instructions"] >= LEAST}
    others = [costs for name, costs in functions.items() if name not in named]
    return {"row": row.id, "caches": {name: vars(cache) for name, cache in simulated.items()},
            "total": _sum(functions.values()), "functions": {**named, "others": _sum(others)}}


def _sum(several):
    return {event: sum(costs[event] for costs in several) for event in EVENTS}


def _run(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError as missing:
        raise Failed(f"{missing.filename} is not installed") from None
    except subprocess.CalledProcessError as failure:
        raise Failed(f"{failure.cmd[0]}: {failure.stderr[-2000:]}") from None


def repeat(path, count):
    """Has a capture of ours, of `count` frames, play them until there are `FRAMES`, or once; returns how many it has then."""
    times = -(-FRAMES // count)
    if times > 1:
        with open(path, "rb") as capture:
            frames = list(captures.read(capture))
        captures.write([path], ((0, frame) for _ in range(times) for frame in frames))
    return times * count


def per_function(annotated, packets):
    """What each function costs per packet, most instructions first, from what `callgrind_annotate` writes.

    A count is `.` where a line can have none, and has a percentage where it is not 0."""
    shown = re.search(r"^Events shown: +(.+)$", annotated, re.M)[1].split()
    line = re.compile(r"\s*" + r"(\.|[\d,]+)(?: \( *[\d.]+%\))?\s+" * len(shown) + r"(?:\S*?:)?(\S.*?)(?: \[.*\])?$")
    counts = collections.defaultdict(collections.Counter)
    for found in filter(None, map(line.match, annotated.splitlines())):
        *cells, name = found.groups()
        told = {event: int(cell.replace(",", "")) for event, cell in zip(shown, cells) if cell != "."}
        # Functions that only call what is counted have none.
        if told.get("Ir") and name != "PROGRAM TOTALS":
            counts[re.sub(r"'\d+$", "", name)].update(told)
    costs = {name: {cost: sum(its[event] for event in events) / packets for cost, events in EVENTS.items()}
             for name, its in counts.items()}
    return dict(sorted(costs.items(), key=lambda one: -one[1]["instructions"]))


def text(count):
    """What a row takes, for people."""
    lines = [count["row"], f"  {'instructions':>12} {'D1 misses':>10} {'L2 misses':>10}"]
    for name, costs in {"in all": count["total"], **count["functions"]}.items():
        lines.append(f"  {costs['instructions']:12.1f} {costs['d1_misses']:10.2f} {costs['l2_misses']:10.2f}  {name}")
    return "\n".join(lines)
