"""The lab of `clusters`, and the move of a machine from one host to the other."""

import shutil
import time
from dataclasses import dataclass

import clusters as c
from bench import Bench, worker_core
from netns import cable
from topology import MTU, PROVIDER_MTU


@dataclass(frozen=True)
class Move:
    """One migration. Times are of the wall clock, in seconds."""

    host: c.Host
    unplugged: float
    plugged: float
    announced: float

    @property
    def window(self):
        """How long the machine was unreachable, because it was nowhere or the gateway looked for it elsewhere."""
        return self.announced - self.unplugged

    @property
    def command(self):
        """How long `nvgw lookup move` took, its process included."""
        return self.announced - self.plugged


class ClusterLab(Bench):
    """Everything of `clusters`: `lab.red`, `lab.blue`, `lab.hosts`, `lab.web`, `lab.web_blue`, `lab.gateway`."""

    def _build(self):
        self._build_fabric([("provider", "wire0", (c.VLAN_GATEWAY,), PROVIDER_MTU),
                            ("external", "wire1", (c.VLAN_INTERNET, c.VLAN_BLUE), MTU)])
        hosts = (c.A, c.B)
        self._router(PROVIDER_MTU, [("gateways", c.VLAN_GATEWAY, c.ROUTER),
                                    *((f"compute-{host.name}", host.vlan, host.router) for host in hosts)])
        for host in hosts:
            self._compute_host(host.name, f"{host.address}/24", host.vlan, c.GATEWAY, PROVIDER_MTU, host.router)
        self._build_outside()
        self.red, self.blue = c.virtual_machines()
        self._build_rack()
        for vm in (self.red, self.blue):
            vm.namespace = self._namespace(vm.name)
        self._wire_up()
        self._gateway(self.configuration())

    def _build_outside(self):
        self.web = self._outside("web", c.VLAN_INTERNET, MTU, c.WEB_INTERNET, c.GATEWAY_INTERNET, [c.SUBNET], [c.WEB])
        self.web_blue = self._outside("web-blue", c.VLAN_BLUE, MTU, c.WEB_BLUE, c.GATEWAY_BLUE, [c.SUBNET], [c.WEB])

    def _build_rack(self):
        """A bridge with red's cable and one to each host, of which one at most is plugged in."""
        self._rack = self._namespace("rack")
        self._rack.ip("link", "add", "rack", "type", "bridge", "forward_delay", "0")
        self._rack.ip("link", "set", "rack", "up")
        for host, other in ((c.A, c.B), (c.B, c.A)):
            self.hosts[host.name].attach(self.red, (self._rack, f"to-{host.name}"))
            # Out and in by one process: what happens to packets in between is what tests measure.
            (self.directory / f"plug-{host.name}").write_text(
                f"link set to-{other.name} nomaster\nlink set to-{host.name} master rack\n")

    def _wire_up(self):
        cable((self.red.namespace, "eth0"), (self._rack, "to-red"), MTU, mac_a=self.red.mac)
        self._rack.ip("link", "set", "to-red", "master", "rack")
        self.hosts[self.blue.host].attach(self.blue)
        for vm in (self.red, self.blue):
            vm.namespace.address("eth0", f"{vm.address}/24")
            vm.namespace.route("default", vm.gateway)
            # A Hyper-V host answers its machines' ARP from policy; the gateway need not be reachable for it.
            vm.namespace.ip("neigh", "add", vm.gateway, "lladdr", c.GATEWAY_MAC, "dev", "eth0", "nud", "permanent")
        for address in (c.SECOND, c.UNKNOWN):
            self.red.namespace.address("lo", f"{address}/32")
        self.plug(c.A)

    def configuration(self, **settings):
        """The gateway's configuration file for this lab."""
        return c.configuration(self.directory, worker_core(), **settings)

    def start_gateway(self, document):
        """Starts a gateway that remembers nothing of an earlier one."""
        self.gateway.stop()
        shutil.rmtree(self.directory / "state", ignore_errors=True)
        self.gateway.configure(document)
        self.plug(c.A)
        self.gateway.start()

    def plug(self, host):
        """Pulls red's cable out of whatever host it is in and puts it into another one."""
        self._rack.ip("-batch", self.directory / f"plug-{host.name}")

    def migrate(self, host, address=None):
        """Live migration: another host, then the one command that tells the gateway."""
        unplugged = time.time()
        self.plug(host)
        plugged = time.time()
        self.tell(host, address)
        return Move(host, unplugged, plugged, time.time())

    def tell(self, host, address=None):
        """`nvgw lookup move` for red."""
        self.gateway.command("lookup", "move", "--vsid", self.red.vsid, "--ca", address or self.red.address,
                             "--pa", host.address)

    def warm_up(self):
        """Lets both tunnels' ends find each other: Open vSwitch drops the first packets while it asks for MACs."""
        for host in (c.B, c.A):
            self.migrate(host)
            self.wait_for_answer(self.red, c.WEB)
        self.wait_for_answer(self.blue, c.WEB)
