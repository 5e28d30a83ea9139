"""DPDK programs that move packets between two ports and are asked over DPDK's telemetry: testpmd, and the least work."""

import json
import os
import re
import socket
import struct
import subprocess
import time

import flows
import internet
from programs import Failed, Program, Sample

# The port into which packets go.
SINK = 1


class DpdkProgram(Program):
    """A program on EAL, whose main thread sleeps."""

    def __init__(self, bench):
        self._prefix = f"nvgwbench{os.getpid()}"
        self._telemetry = None
        super().__init__(bench)

    def eal(self):
        """EAL's arguments: lcore 0 is the control core, the others are the workers'."""
        lcores = ",".join(f"{lcore}@{core}" for lcore, core in enumerate(self.bench.cores))
        memory = [] if self.bench.hugepages else ["--no-huge", "-m", str(self.bench.memory_mb)]
        return ["--lcores", lcores, "--main-lcore", "0", "--no-pci", "--file-prefix", self._prefix,
                "--log-level", "lib.eal:debug", *memory, "--vdev", self.bench.source, "--vdev", self.bench.sink]

    @property
    def buffers(self):
        """Packet buffers: infinite_rx keeps the whole capture in some."""
        return self.bench.row.rung.capture_frames + 65536

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
        self._telemetry.send(f"/ethdev/stats,{SINK}".encode())
        stats = json.loads(self._telemetry.recv(16384))["/ethdev/stats"]
        # Telemetry answers before the ports exist.
        return Sample(stats["opackets"], time.monotonic(), self.threads()) if stats else None

    def tsc_hz(self):
        """The clock's rate by EAL's measurement."""
        return int(re.search(r"TSC frequency is ~(\d+) KHz", self.log())[1]) * 1000


class Testpmd(DpdkProgram):
    """DPDK's own forwarder."""

    def __init__(self, bench, mode):
        self.name = f"testpmd-{mode}"
        self._mode = mode
        super().__init__(bench)

    def argv(self):
        workers, queues = self.bench.row.workers, len(self.bench.captures)
        # Where workers share a queue testpmd has one, which has the whole work.
        return ["dpdk-testpmd", *self.eal(), "--", f"--forward-mode={self._mode}", f"--nb-cores={min(workers, queues)}",
                f"--rxq={queues}", f"--txq={queues}", "--auto-start", "--no-lsc-interrupt",
                f"--total-num-mbufs={self.buffers}"]


class Least(DpdkProgram):
    """The least work that does the row's job, in C: an upper bound."""

    name = "least"

    def __init__(self, bench, binary):
        self._binary = binary
        super().__init__(bench)

    def argv(self):
        """The tables are told in a file each."""
        records, routes = (self.bench.directory / name for name in ("least.records", "least.routes"))
        if not records.exists():
            write_tables(self.bench.row, records, routes)
        return [self._binary, *self.eal(), "--", self.bench.row.direction, records, routes, str(self.buffers)]

    def detail(self, start, end):
        dropped = int(self._ask_dropped())
        if dropped:
            raise Failed(f"{dropped} packets dropped by the least work: its tables are not the traffic's")
        return {}

    def _ask_dropped(self):
        self._telemetry.send(b"/least/dropped")
        return json.loads(self._telemetry.recv(16384))["/least/dropped"]


def write_tables(row, records, routes):
    """What `least.c` reads: of each customer VSID, address, provider address and MAC; of each route prefix, length and
    next hop."""
    rung, inner, outer = row.rung, row.shape.inner, row.shape.outer
    with open(records, "wb") as file:
        for customer in range(rung.customers):
            subnet, place = rung.customer(customer)
            file.write(struct.pack("<III6s2x", flows.FIRST_VSID + subnet, inner.customer(subnet, place),
                                   outer.host(flows.host_of(subnet)), flows.customer_mac(customer)))
    with open(routes, "wb") as file:
        file.write(struct.pack("<III", 0, 0, 0))
        for prefix, length, hop in rung.table if rung.routes else internet.routes(0):
            file.write(struct.pack("<III", prefix, length, 1 + hop))


def compiled(source, binary):
    """Makes the program, or says why it cannot be made."""
    try:
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libdpdk"], check=True, capture_output=True,
                               text=True).stdout.split()
        subprocess.run(["cc", "-O3", "-march=native", "-o", binary, source, *flags], check=True, capture_output=True,
                       text=True)
    except FileNotFoundError as missing:
        return f"{missing.filename} is not installed"
    except subprocess.CalledProcessError as failure:
        return failure.stderr.strip() or f"{failure.cmd[0]} failed"
    return None
