"""The network of `topology` in both address families, and the four ways to carry one in the other.

A fifth of the places have IPv6 only: each provider site has a second one beside it in a VLAN of its own, for a site is
one subnet. Everything else has both: external networks, virtual subnets, VMs.

                 VLAN 110 compute-site-ipv6 --+                 +-- VLAN 300 internet
                                              wire0  nvgw  wire1
                 VLAN 120 gateway-site-ipv6 --+                 +-- VLAN 301 red-uplink

Tenants red and blue use the same IPv6 customer addresses, too.
"""

import sys
from dataclasses import dataclass, replace

from . import topology
from .assertions import ReplayTest
from .topology import BLUE_DB, BLUE_HOST_MAC, BLUE_PUBLIC, BLUE_WEB, FAR_ROUTER_MAC, RED_DB, RED_HOST_MAC, RED_WEB
from .topology import Network, Vm

COMPUTE_SITE_6 = Network("compute-site-ipv6", "wire0", 110, "fd64:10::10", "fd64:10::1", "02:00:00:00:11:01")
GATEWAY_SITE_6 = Network("gateway-site-ipv6", "wire0", 120, "fd64:20::10", "fd64:20::1", "02:00:00:00:21:01")
INTERNET_6 = Network("internet", "wire1", 300, "2001:db8:300::2", "2001:db8:300::1", "02:00:00:00:30:61")
RED_UPLINK_6 = Network("red-uplink", "wire1", 301, "2001:db8:301::2", "2001:db8:301::1", "02:00:00:00:31:61")
SECOND_ROUTER_6, SECOND_ROUTER_MAC_6 = "2001:db8:300::3", "02:00:00:00:30:63"
FAR_ROUTER_6 = "fd64:20::2"

# By virtual subnet: prefix and gateway address.
SUBNETS_6 = {
    5001: ("fd00:10:1::/64", "fd00:10:1::1"), 5002: ("fd00:10:2::/64", "fd00:10:2::1"),
    6001: ("fd00:10:1::/64", "fd00:10:1::1"), 6002: ("2001:db8:113::/64", "2001:db8:113::1"),
    6003: ("fd00:10:2::/64", "fd00:10:2::1"),
}
ADDRESSES_6 = {RED_WEB: "fd00:10:1::5", RED_DB: "fd00:10:2::6", BLUE_WEB: "fd00:10:1::5", BLUE_DB: "fd00:10:2::6",
               BLUE_PUBLIC: "2001:db8:113::5"}
# Provider address, site and next hop of each host where it is reached over IPv6.
HOSTS_6 = {
    "100.64.10.2": ("fd64:10::2", COMPUTE_SITE_6, RED_HOST_MAC),
    "100.64.30.2": ("fd64:30::2", GATEWAY_SITE_6, FAR_ROUTER_MAC),
    "100.64.20.30": ("fd64:20::30", GATEWAY_SITE_6, BLUE_HOST_MAC),
}
SERVER_6, FAR_SERVER_6 = "2001:db8:51::80", "2001:db8:200::1"
BRANCH_6, BRANCH_PREFIX_6 = "fd00:172:5::9", "fd00:172::/32"


@dataclass(frozen=True)
class Families:
    """What is inside the tunnels, and what is around them."""

    inner: int
    outer: int

    def __str__(self) -> str:
        return f"IPv{self.inner} in IPv{self.outer}"

    def _inner(self, four, six):
        return six if self.inner == 6 else four

    def _vm(self, vm: Vm) -> Vm:
        if self.inner == 6:
            vm = replace(vm, address=ADDRESSES_6[vm], gateway=SUBNETS_6[vm.vsid][1])
        if self.outer == 6:
            address, site, mac = HOSTS_6[vm.provider_address]
            vm = replace(vm, provider_address=address, site=site, next_hop_mac=mac)
        return vm

    @property
    def red_web(self) -> Vm:
        return self._vm(RED_WEB)

    @property
    def red_db(self) -> Vm:
        return self._vm(RED_DB)

    @property
    def blue_web(self) -> Vm:
        return self._vm(BLUE_WEB)

    @property
    def blue_db(self) -> Vm:
        return self._vm(BLUE_DB)

    @property
    def blue_public(self) -> Vm:
        return self._vm(BLUE_PUBLIC)

    @property
    def internet(self) -> Network:
        return self._inner(topology.INTERNET, INTERNET_6)

    @property
    def red_uplink(self) -> Network:
        return self._inner(topology.RED_UPLINK, RED_UPLINK_6)

    @property
    def second_router_mac(self) -> str:
        return self._inner(topology.SECOND_ROUTER_MAC, SECOND_ROUTER_MAC_6)

    @property
    def server(self) -> str:
        """Behind the default gateway of each external network."""
        return self._inner(topology.SERVER, SERVER_6)

    @property
    def far_server(self) -> str:
        """Behind the second router."""
        return self._inner("198.18.200.1", FAR_SERVER_6)

    @property
    def branch(self) -> str:
        """Behind RED_WEB, by a customer route."""
        return self._inner(topology.RED_BRANCH, BRANCH_6)

    @property
    def stranger(self) -> str:
        """Nobody's address in the subnet of RED_WEB and BLUE_WEB."""
        return self._inner("10.0.1.99", "fd00:10:1::99")

    @property
    def absent(self) -> str:
        """Nobody's address in the subnet of RED_DB and BLUE_DB."""
        return self._inner("10.0.2.99", "fd00:10:2::99")

    @property
    def other_host(self) -> str:
        """A provider address that no VM lives at, in RED_WEB's site."""
        return "fd64:10::3" if self.outer == 6 else "100.64.10.3"

    @property
    def overhead(self) -> int:
        """What NVGRE adds to an IP packet: the outer header, GRE, the inner Ethernet header."""
        return {4: 20, 6: 40}[self.outer] + 8 + 14

    def config(self, **encapsulation) -> dict:
        """The configuration, with knobs of `provider.encapsulation`; underscores stand for hyphens."""
        document = dual_stack()
        if self.outer == 6:
            for tenant in document["tenants"]:
                for record in tenant["records"]:
                    record["provider-address"] = HOSTS_6[record["provider-address"]][0]
        if encapsulation:
            document["provider"]["encapsulation"] = {key.replace("_", "-"): value
                                                     for key, value in encapsulation.items()}
        return document


ALL = tuple(Families(inner, outer) for inner in (4, 6) for outer in (4, 6))
ONLY_4, ONLY_6 = Families(4, 4), Families(6, 6)


def dual_stack() -> dict:
    """The base configuration with IPv6 beside IPv4; hosts are reached over IPv4."""
    document = topology.base()
    provider = document["provider"]
    for site, gateway in ((COMPUTE_SITE_6, {}), (GATEWAY_SITE_6, {"gateway": GATEWAY_SITE_6.router})):
        provider["sites"].append({"name": site.name, "port": site.port, "vlan": site.vlan, "addresses": [site.address],
                                  "subnet": f"{site.address.rpartition('::')[0]}::/64", **gateway})
    provider["routes"].append({"prefix": "fd64:30::/64", "next-hop": FAR_ROUTER_6, "metric": 10})
    for network in (INTERNET_6, RED_UPLINK_6):
        external = topology.named(document["external"], network.name)
        external["addresses"].append(f"{network.address}/64")
        external["gateway-ipv6"] = network.router
    topology.named(document["external"], "internet")["routes"].append(
        {"prefix": "2001:db8:200::/48", "next-hop": SECOND_ROUTER_6})
    addresses = {(vm.vsid, vm.address): address for vm, address in ADDRESSES_6.items()}
    for tenant in document["tenants"]:
        for subnet in tenant["subnets"]:
            subnet["prefix-ipv6"], subnet["gateway-ipv6"] = SUBNETS_6[subnet["vsid"]]
        tenant["records"] += [{**record, "address": addresses[record["vsid"], record["address"]]}
                              for record in tenant["records"]]
    topology.tenant(document, "red")["routes"].append({"prefix": BRANCH_PREFIX_6, "next-hop": ADDRESSES_6[RED_WEB]})
    topology.tenant(document, "blue")["public-prefixes"].append(SUBNETS_6[6002][0])
    document["neighbors"] += [{"network": network, "address": address, "mac": mac} for network, address, mac in (
        (GATEWAY_SITE_6.name, GATEWAY_SITE_6.router, GATEWAY_SITE_6.router_mac),
        (GATEWAY_SITE_6.name, FAR_ROUTER_6, FAR_ROUTER_MAC),
        (GATEWAY_SITE_6.name, "fd64:20::30", BLUE_HOST_MAC),
        (COMPUTE_SITE_6.name, "fd64:10::2", RED_HOST_MAC),
        ("internet", INTERNET_6.router, INTERNET_6.router_mac),
        ("internet", SECOND_ROUTER_6, SECOND_ROUTER_MAC_6),
        ("red-uplink", RED_UPLINK_6.router, RED_UPLINK_6.router_mac))]
    return document


class FamiliesTest(ReplayTest):
    """A test for given families, with the configuration of these unless it has its own."""

    on: Families

    def replay(self, inputs, config=None, options=(), changes=()):
        return super().replay(inputs, config or self.on.config(), options, changes)


def in_each(*families: Families):
    """Makes one class of tests for each of the families out of one that says `self.on`; all four unless told."""
    def spread(tests: type) -> type:
        module = sys.modules[tests.__module__]
        for on in families or ALL:
            name = f"{tests.__name__}IPv{on.inner}InIPv{on.outer}"
            setattr(module, name, type(name, (tests, FamiliesTest),
                                       {"on": on, "__doc__": tests.__doc__, "__module__": tests.__module__}))
        return tests
    return spread
