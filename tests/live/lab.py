"""The lab as a context manager: up on entry, gone on exit, on an exception, on SIGINT and on SIGTERM alike."""

import atexit
import contextlib
import os
import pathlib
import shutil
import signal
import tempfile

import topology as t
from gateway import Gateway
from netns import PREFIX, Namespace, cable, remove_stale
from ovs import ComputeHost, OpenVSwitch
from process import wait_until
from services import IperfServer, WebServer

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def gateway_binary():
    """The binary under test: `$NVGW`, else the release build."""
    return pathlib.Path(os.environ.get("NVGW", REPOSITORY / "target/release/nvgw")).resolve()


def missing_for_the_lab():
    """Why the lab cannot run here, one line each; empty if it can."""
    reasons = [f"{tool} is not installed (scripts/setup installs it)"
               for tool in ("ip", "ss", "ethtool", "ping", "curl", "iperf3", "nginx", "ovs-vswitchd", "ovsdb-server",
                            "ovs-vsctl", "ovs-ofctl", "nsenter")
               if not shutil.which(tool)]
    if os.geteuid() != 0:
        reasons.append("network namespaces need root")
    return reasons


class Lab:
    """Everything of `topology`: `lab.vms`, `lab.hosts`, `lab.web`, `lab.web_blue`, `lab.gateway`."""

    def __init__(self, driver="net_af_packet", narrate=lambda line: None):
        self._driver = driver
        self._narrate = narrate
        self._undo = contextlib.ExitStack()
        self.vms = {vm.name: vm for vm in t.virtual_machines()}
        self.hosts = {}

    def __enter__(self):
        self._undo.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, _interrupt))
        # An interrupted unittest does not leave the contexts of its classes.
        self._undo.callback(atexit.unregister, atexit.register(self._undo.close))
        try:
            remove_stale()
            self._build()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(self, *_):
        self._undo.close()

    def _build(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self._undo.callback(shutil.rmtree, self.directory, ignore_errors=True)
        self._build_fabric()
        self._build_hosts()
        self._build_internet()
        for vm in self.vms.values():
            self._boot(vm)
        self._narrate("virtual machines: " + ", ".join(f"{vm.name} {vm.address}" for vm in self.vms.values()))
        config = self.directory / "nvgw.yaml"
        # Workers poll: one has a core of its own where there are two.
        worker_core = max(os.sched_getaffinity(0))
        config.write_text(t.configuration(self.directory, self._driver, worker_core))
        self.gateway = Gateway(gateway_binary(), self.gateway_namespace, config, self.directory)
        self._undo.callback(self.gateway.stop)

    def _namespace(self, name):
        return self._delete_later(Namespace(name))

    def _delete_later(self, namespace):
        self._undo.callback(namespace.delete)
        return namespace

    def _start(self, service, *argv):
        self._undo.callback(service.stop)
        service.start(*argv)
        return service

    def _build_fabric(self):
        """The switches on either side of the gateway: VLANs on access ports, trunks to the gateway."""
        self.gateway_namespace = self._namespace("gw")
        self.fabric_namespace = self._namespace("fabric")
        self._fabric = self._start(OpenVSwitch(self.fabric_namespace, self.directory))
        for bridge, wire, trunk, mtu in (("provider", "wire0", f"{t.VLAN_A},{t.VLAN_B}", t.PROVIDER_MTU),
                                         ("external", "wire1", f"{t.VLAN_INTERNET},{t.VLAN_BLUE}", t.MTU)):
            self._fabric.add_bridge(bridge)
            cable((self.gateway_namespace, wire), (self.fabric_namespace, f"to-{wire}"), mtu)
            self._fabric.add_port(bridge, f"to-{wire}", f"trunks={trunk}", "vlan_mode=trunk")
        router = self._namespace("router")
        router.sysctl("net.ipv4.ip_forward", 1)
        for device, vlan, address in (("site-a", t.VLAN_A, t.ROUTER_A), ("remote", t.VLAN_REMOTE, t.ROUTER_REMOTE)):
            self._access(router, device, "provider", vlan, t.PROVIDER_MTU)
            router.address(device, f"{address}/24")

    def _access(self, namespace, device, bridge, vlan, mtu):
        """Plugs an interface of a namespace into an access port."""
        port = f"v{vlan}-{namespace.short_name}"
        cable((namespace, device), (self.fabric_namespace, port), mtu)
        self._fabric.add_port(bridge, port, f"tag={vlan}")

    def _build_hosts(self):
        for name, address, vlan, peer, router in (("h1", t.H1, t.VLAN_A, t.GATEWAY_A, None),
                                                  ("h2", t.H2, t.VLAN_B, t.GATEWAY_B, None),
                                                  ("h3", t.H3, t.VLAN_REMOTE, t.GATEWAY_A, t.ROUTER_REMOTE)):
            host = ComputeHost(name, self.directory, f"{address}/24", peer, t.PROVIDER_MTU, router)
            self._delete_later(host.namespace)
            self._access(host.namespace, "uplink", "provider", vlan, t.PROVIDER_MTU)
            self._start(host, "uplink")
            self.hosts[name] = host
        self._narrate("compute hosts (Open vSwitch, NVGRE): h1 in VLAN 20, h2 in VLAN 30, h3 behind a router")

    def _build_internet(self):
        """Two networks that know nothing of each other and use the same server address."""
        self.web = self._outside("web", t.VLAN_INTERNET, t.WEB_INTERNET, t.GATEWAY_INTERNET,
                                 ["10.0.1.0/24", "10.0.2.0/24"])
        # blue's network also has what in red is a VM's address.
        self.web_blue = self._outside("web-blue", t.VLAN_BLUE, t.WEB_BLUE, t.GATEWAY_BLUE, ["10.0.1.0/24"],
                                      more_addresses=[self.vms["red-2"].address])
        self._narrate(f"web servers: {t.WEB} on the internet and another {t.WEB} on blue's own uplink")

    def _outside(self, name, vlan, address, gateway, prefixes, more_addresses=()):
        namespace = self._namespace(name)
        self._access(namespace, "eth0", "external", vlan, t.MTU)
        namespace.address("eth0", f"{address}/24")
        for extra in (t.WEB, *more_addresses):
            namespace.address("lo", f"{extra}/32")
        for prefix in prefixes:
            namespace.route(prefix, gateway)
        self._start(IperfServer(namespace, self.directory))
        return self._start(WebServer(namespace, self.directory))

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
            wait_until(lambda vm=vm: answers(vm.namespace, vm.gateway) and answers(vm.namespace, t.WEB),
                       lambda vm=vm: f"{vm.name} to reach its gateway and {t.WEB}\n{self.gateway.log()[-2000:]}",
                       timeout=30)

    def trunk_counters(self, wire):
        """Packets the far end of a gateway's port (sent to it, received from it), by the kernel's count."""
        received, sent = self.fabric_namespace.counters(f"to-{wire}")
        return sent, received


def answers(namespace, address):
    """Whether an address answers one ping within a second."""
    return namespace.run("ping", "-c", "1", "-W", "1", address, check=False).returncode == 0


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


def _interrupt(_number, _frame):
    # unittest takes any other exception for the failure of one test and goes on.
    raise KeyboardInterrupt
