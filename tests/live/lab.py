"""The lab of `topology`: three compute hosts, two tenants, two outsides."""

import contextlib
import shutil

import topology as t
from bench import Bench, worker_core, worker_cores
from netns import Namespace, cable
from services import IperfServer, WebServer


class Lab(Bench):
    """Everything of `topology`: `lab.vms`, `lab.hosts`, `lab.web`, `lab.web_blue`, `lab.gateway`.

    `two_workers` gives the gateway two workers, one of which shares its core with the control thread where there are no
    more than two.
    """

    def __init__(self, driver="net_af_packet", narrate=lambda line: None, two_workers=False):
        super().__init__(narrate)
        self._driver = driver
        self._two_workers = two_workers
        self.vms = {vm.name: vm for vm in t.virtual_machines()}

    def _build(self):
        self._build_fabric([("provider", "wire0", (t.VLAN_A, t.VLAN_B), t.PROVIDER_MTU),
                            ("external", "wire1", (t.VLAN_INTERNET, t.VLAN_BLUE), t.MTU)])
        self._router(t.PROVIDER_MTU, [("site-a", t.VLAN_A, t.ROUTER_A), ("remote", t.VLAN_REMOTE, t.ROUTER_REMOTE)])
        self._build_hosts()
        self._build_internet()
        for vm in self.vms.values():
            self._boot(vm)
        self._narrate("virtual machines: " + ", ".join(f"{vm.name} {vm.address}" for vm in self.vms.values()))
        cores, idle = (worker_cores(2), "sleep") if self._two_workers else ([worker_core()], "poll")
        self._gateway(t.configuration(self.directory, self._driver, cores, idle))

    def _build_hosts(self):
        for name, address, vlan, peer, router in (("h1", t.H1, t.VLAN_A, t.GATEWAY_A, None),
                                                  ("h2", t.H2, t.VLAN_B, t.GATEWAY_B, None),
                                                  ("h3", t.H3, t.VLAN_REMOTE, t.GATEWAY_A, t.ROUTER_REMOTE)):
            self._compute_host(name, f"{address}/24", vlan, peer, t.PROVIDER_MTU, router)
        self._narrate("compute hosts (Open vSwitch, NVGRE): h1 in VLAN 20, h2 in VLAN 30, h3 behind a router")

    def _build_internet(self):
        """Two networks that know nothing of each other and use the same server address."""
        self.web = self._outside("web", t.VLAN_INTERNET, t.MTU, t.WEB_INTERNET, t.GATEWAY_INTERNET,
                                 ["10.0.1.0/24", "10.0.2.0/24"], [t.WEB])
        # blue's network also has what in red is a VM's address.
        self.web_blue = self._outside("web-blue", t.VLAN_BLUE, t.MTU, t.WEB_BLUE, t.GATEWAY_BLUE, ["10.0.1.0/24"],
                                      [t.WEB, self.vms["red-2"].address])
        self._narrate(f"web servers: {t.WEB} on the internet and another {t.WEB} on blue's own uplink")

    def _boot(self, vm):
        vm.namespace = self._namespace(vm.name)
        self.hosts[vm.host].attach(vm)
        vm.namespace.address("eth0", f"{vm.address}/24")
        vm.namespace.route("default", vm.gateway)
        if vm.send_vsid != vm.vsid:
            # A Hyper-V host answers its VMs' ARP from policy; the gateway never sees the question.
            vm.namespace.ip("neigh", "add", vm.gateway, "lladdr", t.GATEWAY_MAC, "dev", "eth0", "nud", "permanent")
        if vm.name == "red-2":
            self.vm_web = self._start(WebServer(vm.namespace, self.directory))
            self._start(IperfServer(vm.namespace, self.directory))

    def start_gateway(self):
        """Starts `nvgw run`, waits until it is ready and until every tunnel's two ends know each other.

        Open vSwitch drops the first packets into a tunnel while it asks for the peer's Ethernet address, so nothing
        can be said about loss before each VM was answered once.
        """
        self.gateway.start()
        for vm in self.vms.values():
            self.wait_for_answer(vm, vm.gateway)
            self.wait_for_answer(vm, t.WEB)

    def trunk_counters(self, wire):
        """Packets the far end of a gateway's port (sent to it, received from it), by the kernel's count."""
        received, sent = self.fabric_namespace.counters(f"to-{wire}")
        return sent, received


def afxdp_unusable():
    """Why `net_af_xdp` does not work on veth here, asked of DPDK's own test program; `None` if it does."""
    if not shutil.which("dpdk-testpmd"):
        return "dpdk-testpmd is not installed"
    with contextlib.ExitStack() as undo:
        ends = []
        for name in ("xdp-a", "xdp-b"):
            ends.append(Namespace(name))
            undo.callback(ends[-1].delete)
        cable((ends[0], "probe"), (ends[1], "probe"), t.MTU)
        # With its input at an end, testpmd configures the port, starts it and exits.
        probe = ends[0].run("dpdk-testpmd", "--no-huge", "-m", "128", "--no-pci", "--no-telemetry", "--file-prefix",
                            ends[0].name, "--vdev", "net_af_xdp0,iface=probe", "--", "--total-num-mbufs=8192",
                            check=False)
    if probe.returncode == 0:
        return None
    return (probe.stderr.strip() or probe.stdout.strip()).splitlines()[-1]
