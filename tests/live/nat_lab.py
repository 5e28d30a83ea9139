"""The lab of `clusters` with both tenants behind translation, and an internet of three routers' making.

                               198.18.0.1            192.0.2.2
   gateway ─ wire1 ─ VLAN 300 ─ edge ─── MTU 1280 ─── core ─── far       203.0.113.130, a server behind the narrow link
                                  └───── MTU 1500 ──────────── web       203.0.113.80
                                  └───── MTU 1500 ──────────── other     203.0.113.81

red and blue have the same customer address, the same MAC, and the same way out. No router but `edge` knows the public
addresses, nobody outside knows a customer's.
"""

import json

import clusters as c
from cluster_lab import ClusterLab
from netns import cable
from services import IperfServer, SyslogServer, WebServer
from topology import MTU

NARROW = 1280
WEB, OTHER, FAR = "203.0.113.80", "203.0.113.81", "203.0.113.130"
EDGE, CORE = c.WEB_INTERNET, "192.0.2.2"
POOL, MORE, ELSEWHERE = "198.51.100.16/30", "198.51.100.16/29", "198.51.100.32/30"
FORWARD, STATIC = "198.51.100.64", "198.51.100.65"
ALL_PUBLIC = "198.51.100.0/24"


def addresses(prefix):
    """The addresses of a prefix that ends in its first address's last byte."""
    first, length = prefix.split("/")
    base, last = first.rsplit(".", 1)
    return {f"{base}.{int(last) + number}" for number in range(2 ** (32 - int(length)))}


class NatLab(ClusterLab):
    """`ClusterLab` with `lab.web`, `lab.other` and `lab.far` behind routers, and `lab.syslog`."""

    def _build_outside(self):
        self.edge, core = self._namespace("edge"), self._namespace("core")
        for router in (self.edge, core):
            router.sysctl("net.ipv4.ip_forward", 1)
        self._access(self.edge, "eth0", "external", c.VLAN_INTERNET, MTU)
        self.edge.address("eth0", f"{c.WEB_INTERNET}/24")
        self.edge.route(ALL_PUBLIC, c.GATEWAY_INTERNET)
        self._link(self.edge, "to-core", "192.0.2.1", core, "to-edge", CORE, NARROW)
        core.route("default", "192.0.2.1")
        self.edge.route(f"{FAR}/32", CORE)
        self.web = self._server("web", WEB, self.edge, "192.0.2.5", "192.0.2.6")
        self.other = self._server("other", OTHER, self.edge, "192.0.2.9", "192.0.2.10")
        self.far = self._server("far", FAR, core, "192.0.2.13", "192.0.2.14")
        self.syslog = self._start(SyslogServer(self.gateway_namespace, self.directory))

    @staticmethod
    def _link(one, one_device, one_address, two, two_device, two_address, mtu):
        """A point-to-point link between two namespaces."""
        cable((one, one_device), (two, two_device), mtu)
        one.address(one_device, f"{one_address}/30")
        two.address(two_device, f"{two_address}/30")

    def _server(self, name, address, router, near, own):
        """A server behind a router: nginx and iperf3 at an address that only the router has a route to."""
        namespace = self._namespace(name)
        self._link(router, f"to-{name}", near, namespace, "eth0", own, MTU)
        namespace.address("lo", f"{address}/32")
        namespace.ip("route", "add", "default", "via", near, "src", address)
        router.route(f"{address}/32", own)
        self._start(IperfServer(namespace, self.directory))
        return self._start(WebServer(namespace, self.directory))

    def configuration(self, pools=(POOL,), **common):
        """The gateway's configuration file: both tenants share these pools, blue also has a forward."""
        document = json.loads(super().configuration())
        document["external"] = [network for network in document["external"] if "tenant" not in network]
        document["system"]["limits"]["nat-sessions"] = 65536
        document["nat"] = {"log": {"file": f"{self.directory}/nat.jsonl",
                                   "syslog": {"server": f"127.0.0.1:{SyslogServer.PORT}", "facility": "local4"}},
                           **common}
        for tenant in document["tenants"]:
            tenant.pop("public-prefixes", None)
            tenant["external"] = "internet"
            tenant["nat"] = {"pools": [{"addresses": pool} for pool in pools]}
            if tenant["name"] == "blue":
                tenant["nat"]["forwards"] = [{"public": FORWARD, "protocol": "tcp", "ports": 8080,
                                              "customer": c.ADDRESS, "to": 80}]
        return json.dumps(document, indent=1)

    def logged(self):
        """The lines of the log file."""
        return [json.loads(line) for line in (self.directory / "nat.jsonl").read_text().splitlines()]

    def reload(self, **settings):
        """Has the gateway read its file anew."""
        self.gateway.configure(self.configuration(**settings))
        self.gateway.command("reload")
