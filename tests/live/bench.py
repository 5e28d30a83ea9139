"""What every lab is made of, as a context manager: up on entry, gone on exit, exception, SIGINT and SIGTERM alike."""

import atexit
import contextlib
import os
import pathlib
import shutil
import signal
import tempfile

from gateway import Gateway
from netns import PREFIX, Namespace, cable, remove_stale
from ovs import ComputeHost, OpenVSwitch
from process import wait_until
from services import IperfServer, WebServer

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ("ip", "ss", "ethtool", "ping", "curl", "iperf3", "nginx", "ovs-vswitchd", "ovsdb-server", "ovs-vsctl",
         "ovs-ofctl", "nsenter", "traceroute", "tracepath", "mtr")


def gateway_binary():
    """The binary under test: `$NVGW`, else the release build."""
    return pathlib.Path(os.environ.get("NVGW", REPOSITORY / "target/release/nvgw")).resolve()


def missing_for_the_lab():
    """Why the lab cannot run here, one line each; empty if it can."""
    reasons = [f"{tool} is not installed (scripts/setup installs it)" for tool in TOOLS if not shutil.which(tool)]
    if os.geteuid() != 0:
        reasons.append("network namespaces need root")
    return reasons


def worker_core():
    """Workers poll: one has a core of its own where there are two."""
    return max(os.sched_getaffinity(0))


def worker_cores(count):
    """As many cores, the control thread's only where there are too few; workers have to sleep then."""
    return sorted(os.sched_getaffinity(0), reverse=True)[:count]


class Bench:
    """A lab without anything in it. A lab says in `_build` what it consists of."""

    def __init__(self, narrate=lambda line: None):
        self._narrate = narrate
        self._undo = contextlib.ExitStack()
        self.hosts = {}

    def __enter__(self):
        self._undo.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, _interrupt))
        # An interrupted unittest does not leave the contexts of its classes.
        self._undo.callback(atexit.unregister, atexit.register(self._undo.close))
        try:
            remove_stale()
            self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
            self._undo.callback(shutil.rmtree, self.directory, ignore_errors=True)
            self._build()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(self, *_):
        self._undo.close()

    def _build(self):
        raise NotImplementedError

    def _namespace(self, name, ipv6=False):
        return self._delete_later(Namespace(name, ipv6))

    def _delete_later(self, namespace):
        self._undo.callback(namespace.delete)
        return namespace

    def _start(self, service, *argv):
        self._undo.callback(service.stop)
        service.start(*argv)
        return service

    def _build_fabric(self, switches):
        """The switches on either side of the gateway, `(bridge, wire, VLANs, MTU)`: access ports, a trunk each."""
        self.gateway_namespace = self._namespace("gw")
        self.fabric_namespace = self._namespace("fabric")
        self._fabric = self._start(OpenVSwitch(self.fabric_namespace, self.directory))
        for bridge, wire, vlans, mtu in switches:
            self._fabric.add_bridge(bridge)
            cable((self.gateway_namespace, wire), (self.fabric_namespace, f"to-{wire}"), mtu)
            trunks = ",".join(map(str, vlans))
            self._fabric.add_port(bridge, f"to-{wire}", f"trunks={trunks}", "vlan_mode=trunk")

    def _access(self, namespace, device, bridge, vlan, mtu):
        """Plugs an interface of a namespace into an access port."""
        port = f"v{vlan}-{namespace.short_name}"
        cable((namespace, device), (self.fabric_namespace, port), mtu)
        self._fabric.add_port(bridge, port, f"tag={vlan}")

    def _router(self, mtu, interfaces):
        """A router of the provider network: `(device, VLAN, address)` for each of its interfaces."""
        router = self._namespace("router")
        router.sysctl("net.ipv4.ip_forward", 1)
        for device, vlan, address in interfaces:
            self._access(router, device, "provider", vlan, mtu)
            router.address(device, f"{address}/24")
        return router

    def _compute_host(self, name, address, vlan, gateway_address, mtu, router=None):
        host = ComputeHost(name, self.directory, address, gateway_address, mtu, router)
        self._delete_later(host.namespace)
        self._access(host.namespace, "uplink", "provider", vlan, mtu)
        self.hosts[name] = self._start(host, "uplink")

    def _outside(self, name, vlan, mtu, address, gateway, prefixes, served):
        """A network outside with web server and iperf3, which also has the addresses `served`."""
        namespace = self._namespace(name)
        self._access(namespace, "eth0", "external", vlan, mtu)
        namespace.address("eth0", f"{address}/24")
        for extra in served:
            namespace.address("lo", f"{extra}/32")
        for prefix in prefixes:
            namespace.route(prefix, gateway)
        self._start(IperfServer(namespace, self.directory))
        return self._start(WebServer(namespace, self.directory))

    def _gateway(self, document):
        """The gateway with its configuration file, not yet started."""
        config = self.directory / "nvgw.yaml"
        config.write_text(document)
        self.gateway = Gateway(gateway_binary(), self.gateway_namespace, config, self.directory)
        self._undo.callback(self.gateway.stop)

    def wait_for_answer(self, vm, address, timeout=30):
        """Waits until an address answers a VM."""
        wait_until(lambda: answers(vm.namespace, address),
                   lambda: f"{vm.name} to reach {address}\n{self.gateway.log()[-2000:]}", timeout=timeout)


def answers(namespace, address, source=None):
    """Whether an address answers any of ten pings within a second."""
    origin = ("-I", source) if source else ()
    return namespace.run("ping", "-n", "-c", "1", "-w", "1", "-i", "0.1", *origin, address, check=False).returncode == 0


def _interrupt(_number, _frame):
    # unittest takes any other exception for the failure of one test and goes on.
    raise KeyboardInterrupt
