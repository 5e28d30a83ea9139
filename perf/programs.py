"""A program under measurement: it forwards from captures that never end into a port that takes everything."""

import os
import pathlib
import subprocess
import time
from dataclasses import dataclass

import configuration
import counters
import ladder


class Failed(Exception):
    """A program did not do what is to be measured."""


@dataclass
class Sample:
    """Packets sent so far, at a moment, with the CPU seconds of each thread and what else the program said."""

    packets: int
    at: float
    threads: dict
    stats: dict | None = None

    def worker_seconds(self, later, workers=1):
        """CPU time that the busiest threads, which are the workers, got until a later sample, in the mean."""
        return sum(self._used(later)[thread] for thread in self.busiest(later, workers)) / workers

    def busiest(self, later, workers=1):
        """The threads that worked most until a later sample."""
        used = self._used(later)
        return sorted(used, key=used.get, reverse=True)[:workers]

    def _used(self, later):
        return {thread: later.threads[thread] - before for thread, before in self.threads.items()
                if thread in later.threads}


@dataclass
class Bench:
    """What all programs of one measurement share."""

    directory: pathlib.Path
    # One for each queue.
    captures: list
    row: ladder.Row
    # Control, then the workers'.
    cores: list
    hugepages: bool

    @property
    def source(self):
        return f"net_pcap0,{','.join(f'rx_pcap={capture}' for capture in self.captures)},infinite_rx=1"

    @property
    def sink(self):
        return "net_null0,no-rx=1"

    @property
    def memory_mb(self):
        return configuration.memory_mb(self.row.rung.capture_frames)


class Program:
    """A process, run as a context; standard input stays open, for some end with it."""

    name = None

    def __init__(self, bench):
        self.bench = bench
        self._log = bench.directory / f"{self.name}.log"
        self._child = None

    def argv(self):
        raise NotImplementedError

    def environment(self):
        """What its environment has beside this process's."""
        return {}

    def __enter__(self):
        with open(self._log, "wb") as log:
            self._child = subprocess.Popen(self.argv(), stdin=subprocess.PIPE, stdout=log, stderr=log,
                                           env={**os.environ, **self.environment()},
                                           preexec_fn=lambda: os.sched_setaffinity(0, set(self.bench.cores)))
        return self

    def __exit__(self, *_):
        end(self._child)

    def log(self):
        return self._log.read_text(errors="replace")

    def check_alive(self):
        if self._child.poll() is not None:
            raise Failed(f"{self.name} ended with status {self._child.returncode}:\n{self.log()[-3000:]}")

    def wait_for_packets(self, timeout=300.0):
        """Waits until packets flow; fails when the process ended or time is up."""
        deadline = time.monotonic() + timeout
        while not ((sample := self.sample()) and sample.packets):
            self.check_alive()
            if time.monotonic() > deadline:
                raise Failed(f"{self.name}: no packet in {timeout:g} s:\n{self.log()[-3000:]}")
            time.sleep(0.05)

    @property
    def pid(self):
        return self._child.pid

    def threads(self):
        """CPU seconds of each thread so far."""
        return threads(self._child.pid)

    def sample(self):
        """The packets sent so far, `None` before the program can say."""
        raise NotImplementedError

    def pass_time(self, seconds, threads):
        """Lets the program work for a time; returns its threads' hardware events, where they are counted."""
        return counters.counted(threads, seconds)

    def detail(self, start, end):
        """More to report of the time between two samples than a rate."""
        return {}

    def measure(self, warm_up, seconds):
        """Packets per second of a worker's CPU time after the warm-up, and how much of its core a worker got.

        By the wall clock, whatever else runs on the core would count as the program's slowness.
        """
        self.wait_for_packets()
        before = self.sample()
        time.sleep(warm_up)
        start = self.sample()
        events = self.pass_time(seconds, before.busiest(start, self.bench.row.workers))
        end_ = self.sample()
        packets, worked = end_.packets - start.packets, start.worker_seconds(end_, self.bench.row.workers)
        told = {"counters": {name: count / packets for name, count in events.items()}} if events else {}
        return {"pps": packets / worked, "core_share": worked / (end_.at - start.at), **told,
                **self.detail(start, end_)}


def threads(pid):
    """CPU seconds of each thread of a process so far."""
    result = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            result[task.name] = int((task / "schedstat").read_text().split()[0]) / 1e9
        except FileNotFoundError:
            # It ended meanwhile.
            continue
    return result


def end(child):
    """Has a process of ours end, and waits for it."""
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdin:
        child.stdin.close()
