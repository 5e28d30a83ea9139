"""The programs under measurement: each forwards from a capture that never ends into a port that takes everything."""

import contextlib
import ipaddress
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
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

    def environment(self):
        """What its environment has beside this process's."""
        return {}

    def __enter__(self):
        cores = {self.bench.control_core, self.bench.worker_core}
        with open(self._log, "wb") as log:
            self._child = subprocess.Popen(self.argv(), stdin=subprocess.PIPE, stdout=log, stderr=log,
                                           env={**os.environ, **self.environment()},
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
                f"--total-num-mbufs={self.bench.rung.flows + 65536}"]

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
    """The gateway, by which every customer address is public."""

    name = "nvgw"
    translated = False

    def __init__(self, bench, binary):
        self._binary = binary
        self._socket = bench.directory / "admin.sock"
        self._former_drops = {}
        super().__init__(bench)

    def __enter__(self):
        # Nothing of an earlier run: one start is like another.
        shutil.rmtree(self.bench.directory / "state", ignore_errors=True)
        return super().__enter__()

    def devices(self):
        """The devices of the provider's and the external port."""
        devices = (self.bench.source, self.bench.sink)
        return devices if traffic.from_tenants(self.bench.direction) else devices[::-1]

    def argv(self):
        config = self.bench.directory / "nvgw.yaml"
        config.write_text(configuration.document(self.bench.rung, *self.devices(), self.bench.directory,
                                                 self.bench.worker_core, self.bench.control_core,
                                                 self.bench.hugepages, self.translated))
        return [self._binary, "run", "-c", config]

    def _ask(self, *words, timeout=10):
        done = subprocess.run([self._binary, *words, "--json", "--socket", self._socket], text=True, timeout=timeout,
                              capture_output=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def _drops(self):
        return {drop["reason"]: drop["packets"] for drop in self._ask("show", "drops")["drops"] if drop["packets"]}

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
        drops = self._drops()
        if drops != self._former_drops:
            raise Failed(f"the gateway dropped packets that it should forward: {drops}")
        former = {stage["stage"]: stage for stage in start.stats["workers"][0]["stages"]}
        stages = {}
        for stage in end.stats["workers"][0]["stages"]:
            base = former.get(stage["stage"], {"packets": 0, "cycles": 0})
            packets = stage["packets"] - base["packets"]
            if packets:
                stages[stage["stage"]] = (stage["cycles"] - base["cycles"]) / packets
        return {"stages": stages}


class NvgwFlooded(Nvgw):
    """The gateway, amid a flood of ARP requests for it; the rate is that of all other packets."""

    name = "nvgw-flood"
    # What becomes of such a flood, as it should.
    EXPECTED = {"punt-policed", "punt-queue-full"}

    def _drops(self):
        return {reason: packets for reason, packets in super()._drops().items() if reason not in self.EXPECTED}

    def detail(self, start, end):
        policed = [sum(punt["policed"] for punt in sample.stats["punts"]) for sample in (start, end)]
        if policed[0] == policed[1]:
            raise Failed("nothing of the flood was policed")
        return super().detail(start, end)


class Player:
    """Plays a capture once, through a pipe, as fast as new customers may come."""

    FRAMES, PAUSE = 256, 0.005

    def __init__(self, path, capture):
        self.path = path
        self._capture = capture

    def start(self):
        self.path.unlink(missing_ok=True)
        os.mkfifo(self.path)
        threading.Thread(target=self._play, daemon=True).start()

    def _play(self):
        record = traffic.RECORD_BYTES * self.FRAMES
        with contextlib.suppress(BrokenPipeError), open(self._capture, "rb") as source, \
                open(self.path, "wb", buffering=0) as pipe:
            pipe.write(source.read(traffic.HEADER_BYTES))
            while frames := source.read(record):
                pipe.write(frames)
                time.sleep(self.PAUSE)


class NvgwNat(Nvgw):
    """The gateway, by which every customer is translated.

    Which public ports there are is its secret until it has chosen them, and captures are read at the start. So for
    answers from outside one gateway is asked what it chose, and another one, which gets the same packets in the same
    order and the same `randomness` (a library in front of libc), chooses the same. The provider port of both plays
    `customers`, a capture of their packets, once and so slowly that none is refused, and is silent from then on.
    """

    name = "nvgw-nat"
    translated = True

    def __init__(self, bench, binary, randomness=None, customers=None):
        self._randomness = randomness
        self._customers = customers
        self._player = Player(bench.directory / "customers", customers) if customers else None
        super().__init__(bench, binary)

    def __enter__(self):
        if self._player:
            self._player.start()
        return super().__enter__()

    def devices(self):
        if not self._customers:
            return super().devices()
        outside = self.bench.source if self.bench.capture.exists() else self.bench.sink
        return f"net_pcap1,rx_pcap={self._player.path}", outside

    def environment(self):
        return {"LD_PRELOAD": str(self._randomness)} if self._randomness else {}

    def wait_for_packets(self, timeout=120.0):
        """Waits until every flow has its session."""
        super().wait_for_packets(timeout)
        deadline = time.monotonic() + timeout
        while (made := self._sessions()) < self.bench.rung.flows:
            if time.monotonic() > deadline:
                raise Failed(f"{made} of {self.bench.rung.flows} sessions in {timeout:g} s; drops: {self._drops()}")
            time.sleep(0.05)
        # What was dropped until then: answers without a session, new customers that came faster than the log.
        time.sleep(0.2)
        self._former_drops = self._drops()

    def public_ends(self):
        """The (server, public address, public port) of every session, addresses as numbers."""
        rows = self._ask("nat", "sessions", "--all", timeout=600)["nat_sessions"]
        return [(int(ipaddress.ip_address(row["remote"])), int(ipaddress.ip_address(row["public"])),
                 row["public_port"]) for row in rows]

    def measure_new_sessions(self, timeout=120.0):
        """Sessions made in a second of the worker's CPU time, while it makes one with every packet."""
        looks, deadline = [], time.monotonic() + timeout
        while not looks or looks[-1].packets < self.bench.rung.flows:
            if self._child.poll() is not None:
                raise Failed(f"{self.name} ended with status {self._child.returncode}:\n{self.log()[-3000:]}")
            if time.monotonic() > deadline:
                raise Failed(f"{looks[-1].packets if looks else 0} sessions in {timeout:g} s; drops: {self._drops()}")
            if made := self._sessions():
                looks.append(Sample(made, time.monotonic(), self.threads()))
        # When the last look came, there was nothing left to make.
        if len(looks) < 3:
            raise Failed("all sessions were made between two looks: more flows are needed")
        first, last = looks[0], looks[-2]
        worked = first.worker_seconds(last)
        return {"pps": (last.packets - first.packets) / worked, "core_share": worked / (last.at - first.at)}

    def _sessions(self):
        """Sessions by the gateway's count; 0 before it can say."""
        workers = self._ask("show", "workers")
        return sum(worker["nat_entries"] for worker in workers["workers"]) if workers else 0
