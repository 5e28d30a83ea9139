"""Hardware events of the workers' threads, where the machine counts them; many a virtual one does not."""

import subprocess
import time
from functools import cache

EVENTS = ("instructions", "cycles", "cache-misses", "dTLB-load-misses")


@cache
def available():
    """Whether there is `perf`, and something that it counts."""
    return bool(_stat("true"))


def counted(threads, seconds):
    """Passes some seconds; returns the threads' events in them, none where none are counted."""
    if available():
        return _stat("-t", ",".join(threads), "--", "sleep", str(seconds))
    time.sleep(seconds)
    return {}


def _stat(*what):
    command = ["perf", "stat", "-x;", "-e", ",".join(EVENTS), *what]
    try:
        return parsed(subprocess.run(command, capture_output=True, text=True, check=False).stderr)
    except FileNotFoundError:
        return {}


def parsed(output):
    """The counts of `perf stat -x;`: lines that begin with a number; `<not supported>` is none."""
    result = {}
    for line in output.splitlines():
        fields = line.split(";")
        if len(fields) > 2 and fields[0].isdigit():
            result[fields[2]] = int(fields[0])
    return result
