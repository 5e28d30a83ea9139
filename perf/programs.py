"""The programs under measurement: each forwards from a capture that never ends into a port that takes everything."""

import json
import os
import pathlib
import re
import socket
import subprocess
import time
from dataclasses import dataclass

import configuration
import traffic


class Failed(Exception):
    """A program did not do what is to be measured."""


@dataclass
class Sample:
    """Packets sent so far, at a moment, with the CPU seconds of each thread and what else the program said."""

    packets: int
    at: float
    threads: dict
    stats: dict | None = None

    def worker_seconds(self, later):
        """CPU time that the busiest thread, which is the worker, got until a later sample."""
        return max(later.threads[thread] - used for thread, used in self.threads.items() if thread in later.threads)


@dataclass
class Bench:
    """What all programs of one measurement share."""

    directory: pathlib.Path
    capture: pathlib.Path
    rung: traffic.Rung
    direction: str
    control_core: int
    worker_core: int
    hugepages: bool

    @property
    def source(self):
        return f"net_pcap0,rx_pcap={self.capture},infinite_rx=1"

    @property
    def sink(self):
        return "net_null0,no-rx=1"


class Program:
    """A process, run as a context; standard input stays open, for some end with it."""

    name = None

    def __init__(self, bench):
        self.bench = bench
        self._log = bench.directory / f"{self.name}.log"
        self._child = None

    def argv(self):
        raise NotImplementedError

    def __enter__(self):
        cores = {self.bench.control_core, self.bench.worker_core}
        with open(self._log, "wb") as log:
            self._child = subprocess.Popen(self.argv(), stdin=subprocess.PIPE, stdout=log, stderr=log,
                                           preexec_fn=lambda: os.sched_setaffinity(0, cores))
        return self

    def __exit__(self, *_):
        self._child.terminate()
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child.stdin.close()

    def log(self):
        return self._log.read_text(errors="replace")

    def wait_for_packets(self, timeout=120.0):
        """Waits until packets flow; fails when the process ended or time is up."""
        deadline = time.monotonic() + timeout
        while not ((sample := self.sample()) and sample.packets):
            if self._child.poll() is not None:
                raise Failed(f"{self.name} ended with status {self._child.returncode}:\n{self.log()[-3000:]}")
            if time.monotonic() > deadline:
                raise Failed(f"{self.name}: no packet in {timeout:g} s:\n{self.log()[-3000:]}")
            time.sleep(0.05)

    def threads(self):
        """CPU seconds of each thread so far."""
        tasks = pathlib.Path(f"/proc/{self._child.pid}/task")
        return {task.name: int((task / "schedstat").read_text().split()[0]) / 1e9 for task in tasks.iterdir()}

    def sample(self):
        """The packets sent so far, `None` before the program can say."""
        raise NotImplementedError

    def detail(self, start, end):
        """More to report of the time between two samples than a rate."""
        return {}


class Testpmd(Program):
    """DPDK's own forwarder, asked over its telemetry socket so that its main thread sleeps."""

    def __init__(self, bench, mode):
        self.name = f"testpmd-{mode}"
        self._mode = mode
        self._prefix = f"nvgwbench{os.getpid()}"
        self._telemetry = None
        super().__init__(bench)

    def argv(self):
        memory = [] if self.bench.hugepages else ["--no-huge", "-m", "1024"]
        return ["dpdk-testpmd", "--lcores", f"0@{self.bench.control_core},1@{self.bench.worker_core}", "--main-lcore",
                "0", "--no-pci", "--file-prefix", self._prefix, "--log-level", "lib.eal:debug", *memory,
                "--vdev", self.bench.source, "--vdev", self.bench.sink, "--",
                f"--forward-mode={self._mode}", "--nb-cores=1", "--auto-start", "--no-lsc-interrupt",
                # infinite_rx keeps the whole capture in buffers of the same pool.
                f"--total-num-mbufs={2 * self.bench.rung.flows + 16384}"]

    def __exit__(self, *exception):
        if self._telemetry:
            self._telemetry.close()
        super().__exit__(*exception)

    def _connect(self):
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel.settimeout(5)
        try:
            channel.connect(f"/var/run/dpdk/{self._prefix}/dpdk_telemetry.v2")
            channel.recv(16384)
        except OSError:
            channel.close()
            return None
        return channel

    def sample(self):
        if not self._telemetry:
            self._telemetry = self._connect()
            if not self._telemetry:
                return None
        self._telemetry.send(b"/ethdev/stats,1")
        stats = json.loads(self._telemetry.recv(16384))["/ethdev/stats"]
        # Telemetry answers before the ports exist.
        return Sample(stats["opackets"], time.monotonic(), self.threads()) if stats else None

    def tsc_hz(self):
        """The clock's rate by EAL's measurement."""
        return int(re.search(r"TSC frequency is ~(\d+) KHz", self.log())[1]) * 1000


class Nvgw(Program):
    """The gateway."""

    name = "nvgw"

    def __init__(self, bench, binary):
        self._binary = binary
        self._socket = bench.directory / "admin.sock"
        super().__init__(bench)

    def argv(self):
        devices = (self.bench.source, self.bench.sink)
        if self.bench.direction == "encapsulate":
            devices = devices[::-1]
        config = self.bench.directory / "nvgw.yaml"
        config.write_text(configuration.document(self.bench.rung, *devices, self.bench.directory,
                                                 self.bench.worker_core, self.bench.control_core,
                                                 self.bench.hugepages))
        return [self._binary, "run", "-c", config]

    def _ask(self, *words):
        done = subprocess.run([self._binary, *words, "--json", "--socket", self._socket], text=True, timeout=10,
                              capture_output=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def sample(self):
        before = time.monotonic()
        stats = self._ask("stats")
        if stats is None or not stats["workers"]:
            return None
        after = time.monotonic()
        packets = sum(worker["tx_packets"] for worker in stats["workers"])
        return Sample(packets, (before + after) / 2, self.threads(), stats)

    def detail(self, start, end):
        """Cycles per packet of each stage; fails where packets were dropped."""
        drops = {drop["reason"]: drop["packets"] for drop in self._ask("show", "drops")["drops"] if drop["packets"]}
        if drops:
            raise Failed(f"the gateway dropped packets that it should forward: {drops}")
        former = {stage["stage"]: stage for stage in start.stats["workers"][0]["stages"]}
        stages = {}
        for stage in end.stats["workers"][0]["stages"]:
            base = former.get(stage["stage"], {"packets": 0, "cycles": 0})
            packets = stage["packets"] - base["packets"]
            if packets:
                stages[stage["stage"]] = (stage["cycles"] - base["cycles"]) / packets
        return {"stages": stages}
