"""Hardware events of the workers' threads, where the machine counts them."""

import subprocess

EVENTS = ("instructions", "cycles", "cache-misses", "dTLB-load-misses")


def counted(threads, seconds):
    """Events of the threads within some seconds; empty where there is no `perf`, or the machine counts none."""
    command = ["perf", "stat", "-x;", "-e", ",".join(EVENTS), "-t", ",".join(threads), "--", "sleep", str(seconds)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 10)
    except FileNotFoundError:
        return {}
    return parsed(done.stderr)


def parsed(output):
    """The counts of `perf stat -x;`: lines that begin with a number; `<not supported>` is none."""
    result = {}
    for line in output.splitlines():
        fields = line.split(";")
        if len(fields) > 2 and fields[0].isdigit():
            result[fields[2]] = int(fields[0])
    return result
