"""Instructions per packet, counted by callgrind on a replay: the same on every machine, however busy.

Every flow's frame comes as often as makes the first encounters of a table's lines no matter; only what the worker does
with a burst is counted (`Pipeline::process`), receiving and sending are the drivers'.
"""

import collections
import re
import subprocess

import captures
import configuration
import ladder
from programs import Failed

FRAMES = 16384
COUNTED = "*Pipeline*process*"
# Functions of less than this are told together.
LEAST = 1.0


def rows():
    """Both directions, of every combination of families."""
    return [ladder.row(direction, "256", families=families) for families in ladder.COMBINATIONS
            for direction in ladder.ROUTED]


def measured(options, tools, directory):
    """What each row takes, as the report has it."""
    result = []
    for row in rows():
        result.append(_counted(row, options, tools, directory))
        print(text(result[-1]), flush=True)
    return result


def _counted(row, options, tools, directory):
    config, capture, profile = (directory / f"instructions.{end}" for end in ("yaml", "pcap", "callgrind"))
    config.write_text(configuration.document(row, ("net_null0", "net_null1"), directory, (0, 1), False))
    write = captures.write_outbound if row.from_tenants else captures.write_inbound
    write([capture], row, options.seed)
    repeat(capture, FRAMES // row.rung.capture_frames)
    port = "provider0" if row.from_tenants else "external0"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", f"--toggle-collect={COUNTED}",
               tools.binary, "replay", "-c", config, "--in", f"{port}={capture}", "--out", directory / "replayed"]
    _run(command)
    told = _run(["callgrind_annotate", "--threshold=100", "--auto=no", profile])
    functions = per_function(told, FRAMES)
    if not functions:
        raise Failed(f"callgrind counted nothing: {tools.binary} has no symbols, or nothing called {COUNTED}")
    total = sum(functions.values())
    named = {name: count for name, count in functions.items() if count >= LEAST}
    return {"row": row.id, "total": total, "functions": {**named, "others": total - sum(named.values())}}


def _run(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError as missing:
        raise Failed(f"{missing.filename} is not installed") from None
    except subprocess.CalledProcessError as failure:
        raise Failed(f"{failure.cmd[0]}: {failure.stderr[-2000:]}") from None


def repeat(path, times):
    """Has a capture of ours play its frames so often."""
    with open(path, "rb") as capture:
        frames = list(captures.read(capture))
    captures.write([path], ((0, frame) for _ in range(times) for frame in frames))


def per_function(annotated, packets):
    """Instructions per packet of each function, most first, from what `callgrind_annotate` writes."""
    counts = collections.Counter()
    for line in annotated.splitlines():
        if found := re.match(r"\s*([\d,]+) +\( *[\d.]+%\) +(?:\S*?:)?(\S.*?)(?: \[.*\])?$", line):
            name = re.sub(r"'\d+$", "", found[2])
            if name != "PROGRAM TOTALS":
                counts[name] += int(found[1].replace(",", ""))
    return {name: count / packets for name, count in counts.most_common()}


def text(count):
    """What a row takes, for people."""
    lines = [f"{count['row']}: {count['total']:.0f} instructions per packet"]
    lines += [f"  {value:8.1f}  {name}" for name, value in count["functions"].items()]
    return "\n".join(lines)
