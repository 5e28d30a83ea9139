"""Who takes part in the measurement of a row: the references, the gateway, the gateway beside itself."""

import pathlib
import subprocess

import captures
import ladder
import openvswitch
from dpdk import Least, Testpmd
from gateway import Nvgw, NvgwFlooded, NvgwNat
from programs import Bench, Failed
from updates import NvgwUpdated

HERE = pathlib.Path(__file__).resolve().parent


class LineUp:
    """The programs of one row, each as something that makes one, in the order of their turns.

    `subject` names the one that the row is about.
    """

    def __init__(self, row, directory, options, tools):
        self._row, self._directory, self._options, self._tools = row, directory, options, tools
        self.subject = "nvgw"
        routed = self._bench("frames")
        write = captures.write_outbound if row.from_tenants else captures.write_inbound
        write(routed.captures, row, options.seed)
        ways = self._ways(routed)
        self.makers = [lambda: Testpmd(routed, "io"), *ways]
        if not options.smoke:
            self.makers.append(lambda: Testpmd(routed, "csum"))
        if row.plain and tools.least:
            self.makers.append(lambda: Least(routed, tools.least))
        if row.plain and tools.open_vswitch and row.rung.name in openvswitch.RUNGS:
            self.makers.append(lambda: openvswitch.OpenVSwitch(routed, tools.open_vswitch))

    def _bench(self, name):
        paths = [self._directory / f"{name}{queue}.pcap" for queue in range(self._row.queues)]
        return Bench(self._directory, paths, self._row, self._options.cores[:1 + self._row.workers], self._tools.pages)

    def _ways(self, routed):
        """The gateway's turns: as the row asks, as it would be without what the row adds, as another build does it."""
        binary = self._tools.binary
        if not binary:
            return []
        if self._row.direction in ladder.ROUTED:
            return self._builds("nvgw", lambda its, name: Nvgw(routed, its, name))
        plain = [lambda: Nvgw(routed, binary)]
        if self._row.direction == ladder.FLOODED:
            flooded = self._bench("flood")
            captures.write_flooded(flooded.captures[0], self._row, self._options.seed)
            return plain + self._builds("nvgw-flood", lambda its, name: NvgwFlooded(flooded, its, name))
        if self._row.direction in ladder.UPDATED:
            return plain + self._builds("nvgw-updates", lambda its, name: NvgwUpdated(routed, its, name))
        if self._row.direction == "translate-in":
            # Each build chooses public ports in its own way.
            return plain + self._builds("nvgw-nat", self._answered)
        return plain + self._builds("nvgw-nat", lambda its, name: NvgwNat(routed, its, name=name))

    def _builds(self, name, make):
        self.subject = name
        builds = [lambda: make(self._tools.binary, name)]
        if self._tools.against:
            builds.append(lambda: make(self._tools.against, f"{name}-against"))
        return builds

    def _answered(self, binary, name):
        """A gateway with the capture of answers to public ports, as one of the same randomness has chosen them."""
        inward = self._bench(f"answers-{name}-")
        customers = self._directory / "customers.pcap"
        same = {"randomness": self._directory / "same_random.so", "customers": customers}
        if not inward.captures[0].exists():
            captures.write_outbound([customers], self._row, self._options.seed)
            subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", same["randomness"], HERE / "same_random.c"],
                           check=True)
            with NvgwNat(inward, binary, **same) as chooser:
                chooser.wait_for_packets()
                ends = chooser.public_ends()
            captures.write_answers(inward.captures, self._row, ends, self._options.seed)
        return NvgwNat(inward, binary, **same, name=name)


def measure(line_up, rounds, warm_up, seconds):
    """All programs, taking turns; returns every run of each, by its name, and the clock's rate.

    A peer that cannot do the work is left out, and it is said: the row is not about it.
    """
    runs, tsc_hz, unable = {}, None, set()
    for _ in range(rounds):
        for program in (make() for make in line_up.makers):
            if program.name in unable:
                continue
            try:
                with program:
                    runs.setdefault(program.name, []).append(program.measure(warm_up, seconds))
                    if isinstance(program, Testpmd):
                        tsc_hz = tsc_hz or program.tsc_hz()
            except Failed as failure:
                if not isinstance(program, (Least, openvswitch.OpenVSwitch)):
                    raise
                print(f"  without {program.name}: {failure}", flush=True)
                runs.pop(program.name, None)
                unable.add(program.name)
    return runs, tsc_hz
