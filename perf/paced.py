"""Latency by load: a generator that keeps its pace, and the gateway's own histogram of the time in the box.

The generator takes the control core, for it needs one to itself, and reaches the gateway over shared memory (memif). How
fast that is, which is slower than a capture in the gateway's own memory, is measured first: it is the full load.
"""

import pathlib
import time

import captures
import ladder
from dpdk import DpdkProgram, compiled
from gateway import Nvgw, latency
from programs import Bench, Failed

SOURCE = pathlib.Path(__file__).resolve().parent / "paced/paced.c"
# MiB that the generator has of its own, beside the gateway.
MEMORY = 512
LOADS = (0.1, 0.5, 0.9)
# What a share of lost packets may be before a load is no load that was carried.
CARRIED = 0.001


class Paced(DpdkProgram):
    """The generator: port 0 is the capture, port 1 the way to the gateway."""

    name = "paced"

    def __init__(self, bench, binary, rate):
        super().__init__(bench)
        self._binary, self._rate = binary, rate

    def argv(self):
        memory = [] if self.bench.hugepages else ["--no-huge", "-m", str(self.bench.memory_mb)]
        return [self._binary, "--lcores", f"0@{self.bench.cores[0]}", "--no-pci", "--no-telemetry",
                "--file-prefix", self._prefix, *memory, "--vdev", self.bench.source,
                "--vdev", f"net_memif0,role=server,{memif(self.bench.directory)}", "--", str(int(self._rate)),
                str(self.buffers)]

    def __enter__(self):
        """The gateway connects to it, so it has to listen."""
        super().__enter__()
        deadline = time.monotonic() + 30
        while not (self.bench.directory / "memif.sock").exists():
            if self._child.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise Failed(f"the paced generator does not listen:\n{self.log()[-2000:]}")
            time.sleep(0.05)
        return self

    def __exit__(self, *exception):
        super().__exit__(*exception)
        (self.bench.directory / "memif.sock").unlink(missing_ok=True)

    def told(self):
        """Packets offered and taken, and seconds, so far; `None` before it sends."""
        lines = [line.split() for line in self.log().splitlines()]
        lines = [[int(word) for word in line] for line in lines if len(line) == 3 and all(map(str.isdigit, line))]
        return (lines[-1][0], lines[-1][1], lines[-1][2] / 1e6) if lines else None


def memif(directory):
    """What both ends of the shared memory are told."""
    return f"id=0,socket={directory}/memif.sock,socket-abstract=no,rsize=13"


class NvgwPaced(Nvgw):
    """The gateway behind the generator."""

    def devices(self):
        devices = (f"net_memif0,role=client,{memif(self.bench.directory)}", self.bench.sink)
        return devices if self.bench.row.from_tenants else devices[::-1]


def measured(options, tools, directory):
    """Each direction at each load, as the report has it."""
    generator = directory / "paced"
    if reason := compiled(SOURCE, generator):
        raise Failed(f"the paced generator cannot be made: {reason}")
    result = []
    for direction in ladder.ROUTED:
        row = ladder.row(direction, "256")
        place = directory / f"latency-{direction}"
        place.mkdir()
        bench = Bench(place, [place / "frames.pcap"], row, options.cores[:2], tools.pages)
        write = captures.write_outbound if row.from_tenants else captures.write_inbound
        write(bench.captures, row, options.seed)
        most = _at(bench, generator, 0, options, tools)["forwarded"]
        for load in LOADS:
            figures = _at(bench, generator, most * load, options, tools)
            result.append({"direction": direction, "load": load, **figures})
            print(text(result[-1]), flush=True)
    return result


def _at(bench, generator, rate, options, tools):
    """What comes of so many packets per second; of 0: of as many as are taken."""
    with Paced(bench, generator, rate) as source, NvgwPaced(bench, tools.binary) as gateway:
        gateway.wait_for_packets()
        time.sleep(options.warm_up)
        samples, told = [], []
        for pause in (options.seconds, 0):
            samples.append(gateway.sample())
            told.append(source.told())
            time.sleep(pause)
        source.check_alive()
    before, after = told
    seconds, offered = after[2] - before[2], after[0] - before[0]
    forwarded = (samples[1].packets - samples[0].packets) / (samples[1].at - samples[0].at)
    return {"offered": offered / seconds, "forwarded": forwarded,
            "lost": 1 - (after[1] - before[1]) / offered, "latency": latency(samples[0].stats, samples[1].stats)}


def text(load):
    """A load, for people."""
    what = f"  {load['direction']} at {load['load']:.0%}: {load['offered'] / 1e6:.2f} Mpps offered, " \
           f"{load['forwarded'] / 1e6:.2f} forwarded, {load['lost']:.2%} lost"
    if load["lost"] > CARRIED:
        what += " (more than a load that is carried)"
    if not load["latency"]:
        return what + "; this gateway keeps no histogram of the time in the box"
    for direction, values in load["latency"].items():
        what += f"\n    {direction}: " + ", ".join(f"{name} {value * 1e6:.1f} µs" for name, value in values.items())
    return what
