"""The lab of `dual`."""

import dual as d
from bench import Bench, answers, worker_core
from netns import cable
from process import wait_until
from services import WebServer
from topology import MTU

# What a user would call a large transfer.
LARGE = 100 * 1024 * 1024


class DualLab(Bench):
    """Everything of `dual`: `lab.vms`, `lab.hosts`, `lab.edge`, `lab.far`, `lab.near`, `lab.plain`, `lab.gateway`."""

    def __init__(self, tcp_mss="clamp", narrate=lambda line: None):
        super().__init__(narrate)
        self._tcp_mss = tcp_mss
        self.vms = {vm.name: vm for vm in d.virtual_machines()}

    def _build(self):
        self._build_fabric([("provider", "wire0", (d.VLAN_SIX, d.VLAN_FOUR), d.CABLE_MTU),
                            ("external", "wire1", (d.VLAN_INTERNET,), MTU)])
        self._compute_host("h6", f"{d.H6}/64", d.VLAN_SIX, d.GATEWAY_SIX, d.CABLE_MTU)
        self._compute_host("h4", f"{d.H4}/24", d.VLAN_FOUR, d.GATEWAY_FOUR, d.CABLE_MTU)
        self._build_outside()
        for vm in self.vms.values():
            self._boot(vm)
        self.vm_web = self._start(WebServer(self.vms["red-2"].namespace, self.directory, True, LARGE))
        self._gateway(d.configuration(self.directory, worker_core(), self._tcp_mss))

    def _build_outside(self):
        self.edge, core = self._dual("edge"), self._dual("core")
        for router in (self.edge, core):
            router.sysctl("net.ipv4.ip_forward", 1)
            router.sysctl("net.ipv6.conf.all.forwarding", 1)
            # What these routers would not say for the sake of a limit would be missing from a path now and then.
            router.sysctl("net.ipv4.icmp_ratelimit", 0)
            router.sysctl("net.ipv6.icmp.ratelimit", 0)
        self._access(self.edge, "eth0", "external", d.VLAN_INTERNET, MTU)
        self._addresses(self.edge, "eth0", (f"{d.EDGE.four}/24", f"{d.EDGE.six}/64"))
        for prefix in (*d.RED_PREFIXES, d.BLUE_PREFIX, d.POOL):
            self.edge.route(prefix, d.GATEWAY[6 if ":" in prefix else 4])
        self._link(self.edge, "to-core", d.EDGE_INSIDE, core, "to-edge", d.CORE, d.NARROW)
        self.far = self._server("far", d.FAR, core, 10)
        self.near = self._server("near", d.NEAR, self.edge, 20)
        self.plain = self._server("plain", d.PLAIN, self.edge, 30, {"net.ipv4.ip_no_pmtu_disc": 1})
        for family, everything in ((4, "0.0.0.0/0"), (6, "::/0")):
            core.route(everything, d.EDGE_INSIDE[family])
            self.edge.route(f"{d.FAR[family]}/{32 if family == 4 else 128}", d.CORE[family])

    def _dual(self, name):
        return self._namespace(name, ipv6=True)

    @staticmethod
    def _addresses(namespace, device, addresses):
        for address in addresses:
            namespace.address(device, address)

    def _link(self, one, one_device, one_addresses, two, two_device, two_addresses, mtu):
        """A point-to-point link between two namespaces."""
        cable((one, one_device), (two, two_device), mtu)
        for namespace, device, both in ((one, one_device, one_addresses), (two, two_device, two_addresses)):
            self._addresses(namespace, device, (f"{both.four}/30", f"{both.six}/64"))

    def _server(self, name, addresses, router, number, sysctls=None):
        """A server behind a router, which has a link to it that nobody else needs to know. Its sockets are made under
        the `sysctls`."""
        namespace = self._dual(name)
        for key, value in (sysctls or {}).items():
            namespace.sysctl(key, value)
        near = d.Both(f"192.0.2.{number * 4 + 1}", f"2001:db8:9:{number}::1")
        own = d.Both(f"192.0.2.{number * 4 + 2}", f"2001:db8:9:{number}::2")
        self._link(router, f"to-{name}", near, namespace, "eth0", own, MTU)
        for family, length, everything in ((4, 32, "0.0.0.0/0"), (6, 128, "::/0")):
            namespace.address("lo", f"{addresses[family]}/{length}")
            namespace.ip(f"-{family}", "route", "add", everything, "via", near[family], "src", addresses[family])
            router.route(f"{addresses[family]}/{length}", own[family])
        return self._start(WebServer(namespace, self.directory, True, LARGE))

    def _boot(self, vm):
        vm.namespace = self._dual(vm.name)
        if vm.solicits:
            # It asks until there is a gateway that answers. What that says of the MTU would leave nothing to find out.
            for name, value in (("accept_ra", 1), ("accept_ra_mtu", 0), ("router_solicitations", -1),
                                ("router_solicitation_interval", 1), ("router_solicitation_max_interval", 1)):
                vm.namespace.sysctl(f"net.ipv6.conf.default.{name}", value)
        self.hosts[vm.host].attach(vm)
        self._addresses(vm.namespace, "eth0", (f"{vm.address}/24", f"{vm.address_ipv6}/64"))
        vm.namespace.route("default", vm.gateway)
        if not vm.solicits:
            vm.namespace.route("default", vm.gateway_ipv6)

    def start_gateway(self):
        """Starts `nvgw run` and waits until every machine was answered from outside in both families."""
        self.gateway.start()
        for vm in self.vms.values():
            if vm.solicits:
                wait_until(lambda vm=vm: "proto ra" in vm.namespace.ip("-6", "route", "show", "default").stdout,
                           lambda vm=vm: f"{vm.name} to find its router\n{self.gateway.log()[-2000:]}")
            for family in (4, 6):
                self.wait_for_answer(vm, vm.gateway_at(family))
                self.wait_for_answer(vm, d.NEAR[family])
        first, second = self.vms["red-1"], self.vms["red-2"]
        for family in (4, 6):
            # Its first packet may wait in Open vSwitch for the other tunnel's neighbour.
            wait_until(lambda: answers(first.namespace, second.at(family)), "red-2 to answer red-1")
            for server in (self.far, self.near):
                wait_until(lambda: answers(server.namespace, first.at(family)), f"red-1 to answer {server.name}")
