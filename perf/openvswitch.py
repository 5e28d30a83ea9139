"""Open vSwitch with DPDK, doing a row's work by flows: match, sender check, TTL, rewrite, NVGRE.

It has a database, a run directory and a network namespace of its own, and nothing of the system's.
"""

import os
import pathlib
import re
import subprocess
import time

import flows
import frames
from programs import Failed, Program, Sample, end

# Debian's place, and where it is the only one.
BINARIES = ("/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk", "/usr/sbin/ovs-vswitchd")
SCHEMA = pathlib.Path("/usr/share/openvswitch/vswitch.ovsschema")
# Those with as many flows as its tables are made for.
RUNGS = ("256", "65536")


def installed():
    """The switch's binary, where it is there and knows DPDK."""
    for binary in BINARIES:
        if SCHEMA.exists() and os.access(binary, os.X_OK):
            said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
            if "DPDK" in said:
                return binary
    return None


class OpenVSwitch(Program):
    """The switch: one bridge has the provider network and ends tunnels, the other has the flows."""

    name = "ovs"

    def __init__(self, bench, binary):
        super().__init__(bench)
        self._binary = binary
        self._home = bench.directory / "ovs"
        self._database = None

    def argv(self):
        return ["unshare", "--net", self._binary, f"unix:{self._home}/db.sock", f"--unixctl={self._home}/switch.ctl",
                "-vconsole:warn"]

    def environment(self):
        return {"OVS_RUNDIR": str(self._home), "OVS_LOGDIR": str(self._home), "OVS_DBDIR": str(self._home)}

    def _run(self, *command, told=None):
        done = subprocess.run(command, env={**os.environ, **self.environment()}, input=told, capture_output=True,
                              text=True, check=False, timeout=300)
        if done.returncode:
            raise Failed(f"{' '.join(map(str, command[:4]))} …: {done.stderr.strip()[-1000:]}")
        return done.stdout

    def _vsctl(self, *words):
        return self._run("ovs-vsctl", f"--db=unix:{self._home}/db.sock", "--timeout=60", *words)

    def _appctl(self, *words):
        return self._run("ovs-appctl", "--timeout=60", "-t", f"{self._home}/switch.ctl", *words)

    def _in_namespace(self, *words):
        self._run("nsenter", "-t", str(self._child.pid), "-n", *words)

    def __enter__(self):
        self._home.mkdir(exist_ok=True)
        (self._home / "conf.db").unlink(missing_ok=True)
        self._run("ovsdb-tool", "create", self._home / "conf.db", SCHEMA)
        with open(self._home / "database.log", "wb") as log:
            self._database = subprocess.Popen(["ovsdb-server", self._home / "conf.db",
                                               f"--remote=punix:{self._home}/db.sock",
                                               f"--unixctl={self._home}/database.ctl"],
                                              stdout=log, stderr=log, env={**os.environ, **self.environment()})
        try:
            self._await(lambda: (self._home / "db.sock").exists(), "its database")
            self._vsctl("--no-wait", "init", "--", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                        f"other_config:dpdk-lcore-mask={1 << self.bench.cores[0]:#x}",
                        f"other_config:pmd-cpu-mask={1 << self.bench.cores[1]:#x}", f"other_config:dpdk-extra={self._eal()}")
            super().__enter__()
            self._await(lambda: (self._home / "switch.ctl").exists(), "the switch")
            self._bridges()
            self._flows()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for child in filter(None, (self._child, self._database)):
            end(child)

    def _await(self, ready, what):
        deadline = time.monotonic() + 60
        while not ready():
            if self._child:
                self.check_alive()
            if time.monotonic() > deadline:
                raise Failed(f"Open vSwitch: {what} does not start:\n{self.log()[-3000:]}")
            time.sleep(0.05)

    def _eal(self):
        memory = "" if self.bench.hugepages else f" --no-huge -m {self.bench.memory_mb}"
        return f'"--no-pci --no-telemetry --file-prefix nvgwbenchovs{os.getpid()}{memory}"'

    def _bridges(self):
        row = self.bench.row
        provider, outside = (self.bench.source, self.bench.sink) if row.from_tenants \
            else (self.bench.sink, self.bench.source)
        self._vsctl("add-br", "provider", "--", "set", "bridge", "provider", "datapath_type=netdev",
                    f"other-config:hwaddr={frames.PROVIDER_PORT_MAC}", "fail-mode=secure",
                    "--", "add-port", "provider", "wire", "--", "set", "Interface", "wire", "type=dpdk",
                    "ofport_request=1", f'options:dpdk-devargs="{provider}"')
        self._vsctl("add-br", "tenants", "--", "set", "bridge", "tenants", "datapath_type=netdev", "fail-mode=secure",
                    "--", "add-port", "tenants", "outside", "--", "set", "Interface", "outside", "type=dpdk",
                    "ofport_request=1", f'options:dpdk-devargs="{outside}"',
                    "--", "add-port", "tenants", "nvgre", "--", "set", "Interface", "nvgre", "type=gre",
                    "ofport_request=2", "options:remote_ip=flow", "options:key=flow")
        family = row.shape.outer
        length = family.provider_subnet.partition("/")[2]
        self._in_namespace("ip", "address", "add", f"{family.gateway}/{length}", "dev", "provider")
        self._in_namespace("ip", "link", "set", "provider", "up")
        for host in range(flows.host_of(row.rung.vsids - 1) + 1):
            self._appctl("tnl/arp/set", "provider", family.text(family.host(host)), flows.host_mac(host).hex(":"))

    def _flows(self):
        rung, inner, outer = self.bench.row.rung, self.bench.row.shape.inner, self.bench.row.shape.outer
        lines = []
        for customer in range(rung.customers):
            subnet, place = rung.customer(customer)
            vsid, address = flows.FIRST_VSID + subnet, inner.text(inner.customer(subnet, place))
            host, mac = outer.text(outer.host(flows.host_of(subnet))), flows.customer_mac(customer).hex(":")
            if self.bench.row.from_tenants:
                lines.append(f"in_port=2,ip,tun_id={vsid << 8:#x}/0xffffff00,tun_src={host},nw_src={address},actions="
                             f"dec_ttl,mod_dl_src:{frames.EXTERNAL_PORT_MAC},mod_dl_dst:{frames.EXTERNAL_GATEWAY_MAC},"
                             "output:1")
            else:
                lines.append(f"in_port=1,ip,nw_dst={address},actions=dec_ttl,mod_dl_src:{frames.GATEWAY_MAC},"
                             f"mod_dl_dst:{mac},set_field:{vsid << 8:#x}->tun_id,set_field:{host}->tun_dst,output:2")
        control = self._home / "tenants.mgmt"
        self._run("ovs-ofctl", "--bundle", "add-flows", f"unix:{control}", "-", told="\n".join(lines) + "\n")
        # Frames from the wire reach the bridge itself, which ends their tunnel; what it sends leaves. Learning would
        # cost the datapath, which has room for 65,536 flows, one of each host.
        self._run("ovs-ofctl", "add-flows", f"unix:{self._home}/provider.mgmt", "-",
                  told="in_port=1,actions=LOCAL\nin_port=LOCAL,actions=output:1\n")


    def wait_for_packets(self, timeout=300.0):
        """Waits until the datapath has learnt the flows, which it does packet by packet."""
        super().wait_for_packets(timeout)
        deadline, known = time.monotonic() + timeout, [-1, -2]
        while len(set(known)) > 1:
            if time.monotonic() > deadline:
                raise Failed(f"Open vSwitch still learns flows after {timeout:g} s")
            time.sleep(1)
            known = [*known[-2:], int(re.search(r"flows: (\d+)", self._appctl("dpctl/show"))[1])]

    def sample(self):
        sink = "outside" if self.bench.row.from_tenants else "wire"
        counted = re.search(rf"port \d+: {sink} .*?TX packets:(\d+)", self._appctl("dpctl/show", "-s"), re.S)
        return Sample(int(counted[1]), time.monotonic(), self.threads()) if counted else None
