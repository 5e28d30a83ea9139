"""The gateway while its routes change: the file gets other routes, and is loaded again and again."""

import re
import subprocess
import time

import configuration
import internet
from gateway import Nvgw
from programs import Failed

# What the file has in turns, from all routes on: other next hops for all of them, none at all, all again.
TURNS = ("others", "none", "all")


def table(name, routes):
    """The routes of a turn."""
    if name == "others":
        return [(prefix, length, (hop + 1) % internet.NEXT_HOPS) for prefix, length, hop in routes]
    return routes if name == "all" else []


class NvgwUpdated(Nvgw):
    """The gateway, whose control thread takes changes of all external routes as long as it is measured.

    Its changes are told per second of the control thread's CPU time, as packets are per second of a worker's, and by
    the clock from the command to its answer: in between a thread beside it reads a file of sixty megabytes."""

    def __init__(self, bench, binary, name="nvgw-updates"):
        super().__init__(bench, binary, name)
        self._file = bench.directory / "routes.yaml"
        self._taken = {}
        self._began = self._start_took = 0.0

    def __enter__(self):
        super().__enter__()
        self._began = time.monotonic()
        return self

    def wait_for_packets(self, timeout=300.0):
        """Notes how long a start with all routes takes."""
        super().wait_for_packets(timeout)
        self._start_took = time.monotonic() - self._began

    def config(self):
        self._put("all")
        return self._file

    def _put(self, turn):
        """Has the file be that of a turn."""
        document = self.bench.directory / f"routes-{turn}.yaml"
        if not document.exists():
            document.write_text(self.document(table(turn, self.bench.row.rung.table)))
        new = self.bench.directory / "routes.new"
        new.symlink_to(document)
        new.replace(self._file)

    def pass_time(self, seconds, threads):
        """Loads the file in whole rounds of turns until the time is over."""
        self._taken = {turn: Taken() for turn in TURNS}
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for turn in TURNS:
                self._put(turn)
                self._taken[turn].add(*self._reload())
        return {}

    def _reload(self):
        """Changes made, the control thread's CPU seconds for them, and seconds by the clock."""
        worked, began = self.control_seconds(), time.monotonic()
        done = subprocess.run([self._binary, "reload", "--socket", self._socket], text=True, timeout=300,
                              capture_output=True, check=False)
        took = time.monotonic() - began
        if done.returncode != 0:
            raise Failed(f"the gateway did not take other routes: {done.stderr}")
        return changes_of(done.stdout), self.control_seconds() - worked, took

    def control_seconds(self):
        """CPU seconds of the control thread, which is the first."""
        return self.threads()[str(self.pid)]

    def detail(self, start, end):
        return {**super().detail(start, end), "updates": {**told(self._taken), "start_seconds": self._start_took}}


class Taken:
    """What a turn came to, as often as it was taken."""

    def __init__(self):
        self.times, self.changes, self.worked, self.took = 0, 0, 0.0, 0.0

    def add(self, changes, worked, took):
        self.times += 1
        self.changes += changes
        self.worked += worked
        self.took += took


def told(taken):
    """What all turns came to, as a report has it; the load of a whole table is the turn from none to all."""
    changes = sum(turn.changes for turn in taken.values())
    load = taken["all"]
    return {"changes": changes, "rate": changes / sum(turn.worked for turn in taken.values()),
            "rate_by_clock": changes / sum(turn.took for turn in taken.values()),
            "load_seconds": load.worked / load.times, "load_seconds_by_clock": load.took / load.times}


def changes_of(answer):
    """How many changes a reload says that it made."""
    return sum(map(int, re.findall(r"(\d+) (?:added|changed|removed)", answer)))
