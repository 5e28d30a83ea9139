"""The gateway under measurement, and with what is put before it where its answers matter."""

import contextlib
import ipaddress
import json
import os
import shutil
import subprocess
import threading
import time
import zlib

import captures
import configuration
from programs import Failed, Program, Sample


class Nvgw(Program):
    """The gateway, by which every customer address is public."""

    translated = False

    def __init__(self, bench, binary, name="nvgw"):
        self.name = name
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
        return devices if self.bench.row.from_tenants else devices[::-1]

    def argv(self):
        return [self._binary, "run", "-c", self.config()]

    def config(self):
        """The file that it reads."""
        told = (self.devices(), self.translated)
        config = self.bench.directory / f"nvgw-{zlib.crc32(repr(told).encode()):08x}.yaml"
        if not config.exists():
            config.write_text(self.document())
        return config

    def document(self, table=None):
        """What such a file says, with other external routes than the rung's where they are given."""
        return configuration.document(self.bench.row, self.devices(), self.bench.directory, self.bench.cores,
                                      self.bench.hugepages, self.translated, table)

    def ask(self, *words, timeout=10):
        """What a command of `nvgw` answers; `None` before the gateway can."""
        done = subprocess.run([self._binary, *words, "--json", "--socket", self._socket], text=True, timeout=timeout,
                              capture_output=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def drops(self):
        """Dropped packets by reason."""
        return {drop["reason"]: drop["packets"] for drop in self.ask("show", "drops")["drops"] if drop["packets"]}

    def sample(self):
        before = time.monotonic()
        stats = self.ask("stats")
        if stats is None or not stats["workers"]:
            return None
        after = time.monotonic()
        return Sample(stats["forwarded"], (before + after) / 2, self.threads(), stats)

    def detail(self, start, end):
        """Fails where packets were dropped."""
        drops = self.drops()
        if drops != self._former_drops:
            raise Failed(f"the gateway dropped packets that it should forward: {drops}")
        return told_between(start.stats, end.stats)


def told_between(start, end):
    """Cycles per packet by stage and the time in the box between two answers of `nvgw stats`, as a report has them."""
    time_in_box = latency(start, end)
    return {"stages": stage_cycles(start, end), **({"latency": time_in_box} if time_in_box else {})}


def latency(start, end):
    """Seconds in the box between two answers of `nvgw stats`, by direction and quantile; `None` from a gateway that
    keeps no histogram, or where nothing was sampled."""
    former = {its["direction"]: its["buckets"] for its in start.get("latency", ())}
    result = {}
    for its in end.get("latency", ()):
        frames = {bucket["cycles"]: bucket["frames"] for bucket in its["buckets"]}
        for bucket in former.get(its["direction"], ()):
            frames[bucket["cycles"]] -= bucket["frames"]
        if cycles := quantiles_of(frames):
            result[its["direction"]] = {name: its_cycles / end["tsc_hz"] for name, its_cycles in cycles.items()}
    return result or None


QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


def quantiles_of(counts):
    """Quantiles of samples that are counted by bucket: of each the upper bound of the bucket that it falls into."""
    total, result = sum(counts.values()), {}
    for name, share in QUANTILES.items():
        below = 0
        for bound in sorted(counts):
            below += counts[bound]
            if total and below >= share * total:
                result[name] = bound
                break
    return result


def stage_cycles(start, end):
    """Cycles per packet of each stage between two answers of `nvgw stats`, over all workers."""
    def totals(stats):
        sums = {}
        for worker in stats["workers"]:
            for stage in worker["stages"]:
                cycles, packets = sums.get(stage["stage"], (0, 0))
                sums[stage["stage"]] = cycles + stage["cycles"], packets + stage["packets"]
        return sums
    former, result = totals(start), {}
    for stage, (cycles, packets) in totals(end).items():
        cycles_before, packets_before = former.get(stage, (0, 0))
        if packets > packets_before:
            result[stage] = (cycles - cycles_before) / (packets - packets_before)
    return result


class NvgwFlooded(Nvgw):
    """The gateway, amid a flood of ARP requests for it; the rate is that of all other packets."""

    # What becomes of such a flood, as it should.
    EXPECTED = {"punt-policed", "punt-queue-full"}

    def drops(self):
        return {reason: packets for reason, packets in super().drops().items() if reason not in self.EXPECTED}

    def detail(self, start, end):
        policed = [sum(punt["policed"] for punt in sample.stats["punts"]) for sample in (start, end)]
        if policed[0] == policed[1]:
            raise Failed("nothing of the flood was policed")
        return super().detail(start, end)


class Player:
    """Plays a capture once, through a pipe, as fast as new customers may come."""

    FRAMES, PAUSE = 256, 0.005

    def __init__(self, path, capture, frame_bytes):
        self.path = path
        self._frame_bytes = frame_bytes
        self._capture = capture

    def start(self):
        self.path.unlink(missing_ok=True)
        os.mkfifo(self.path)
        threading.Thread(target=self._play, daemon=True).start()

    def _play(self):
        record = (captures.RECORD_HEADER_BYTES + self._frame_bytes) * self.FRAMES
        with contextlib.suppress(BrokenPipeError), open(self._capture, "rb") as source, \
                open(self.path, "wb") as pipe:
            pipe.write(source.read(captures.HEADER_BYTES))
            while frames := source.read(record):
                pipe.write(frames)
                # Not by unbuffered writes: one that waits for a slow reader may end having written a part.
                pipe.flush()
                time.sleep(self.PAUSE)


class NvgwNat(Nvgw):
    """The gateway, by which every customer is translated.

    Which public ports there are is its secret until it has chosen them, and captures are read at the start. So for
    answers from outside one gateway is asked what it chose, and another one, which gets the same packets in the same
    order and the same `randomness` (a library in front of libc), chooses the same. The provider port of both plays
    `customers`, a capture of their packets, once and so slowly that none is refused, and is silent from then on.
    """

    translated = True

    def __init__(self, bench, binary, randomness=None, customers=None, name="nvgw-nat"):
        self._randomness = randomness
        self._customers = customers
        frame_bytes = int(bench.row.shape.frame_bytes(from_tenants=True))
        self._player = Player(bench.directory / "customers", customers, frame_bytes) if customers else None
        super().__init__(bench, binary, name)

    def __enter__(self):
        if self._player:
            self._player.start()
        return super().__enter__()

    def devices(self):
        if not self._customers:
            return super().devices()
        outside = self.bench.source if self.bench.captures[0].exists() else self.bench.sink
        return f"net_pcap1,rx_pcap={self._player.path}", outside

    def environment(self):
        return {"LD_PRELOAD": str(self._randomness)} if self._randomness else {}

    def wait_for_packets(self, timeout=300.0):
        """Waits until every flow has its session."""
        super().wait_for_packets(timeout)
        deadline = time.monotonic() + timeout
        while (made := self._sessions()) < self.bench.row.rung.flows:
            if time.monotonic() > deadline:
                raise Failed(f"{made} of {self.bench.row.rung.flows} sessions in {timeout:g} s; drops: {self.drops()}")
            time.sleep(0.05)
        # What was dropped until then: answers without a session, new customers that came faster than the log.
        time.sleep(0.2)
        self._former_drops = self.drops()

    def public_ends(self):
        """The (server, public address, public port) of every session, addresses as numbers."""
        rows = self.ask("nat", "sessions", "--all", timeout=600)["nat_sessions"]
        return [(int(ipaddress.ip_address(row["remote"])), int(ipaddress.ip_address(row["public"])),
                 row["public_port"]) for row in rows]

    def measure(self, warm_up, seconds):
        if self.bench.row.direction == "new-sessions":
            return self._measure_new_sessions()
        return super().measure(warm_up, seconds)

    def _measure_new_sessions(self, timeout=120.0):
        """Sessions made in a second of the worker's CPU time, while it makes one with every packet."""
        looks, deadline = [], time.monotonic() + timeout
        while not looks or looks[-1].packets < self.bench.row.rung.flows:
            self.check_alive()
            if time.monotonic() > deadline:
                raise Failed(f"{looks[-1].packets if looks else 0} sessions in {timeout:g} s; drops: {self.drops()}")
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
        workers = self.ask("show", "workers")
        return sum(worker["nat_entries"] for worker in workers["workers"]) if workers else 0
