"""Both address families at once, inside and outside the tunnels: addresses, machines, the gateway's configuration file.

   VLAN 20 ─ h6 (OVS, IPv6) ─┬─ red-1   10.0.1.5  fd00:10:1::5            198.18.0.1          192.0.2.2
                             └─ blue-1  10.0.1.5  2001:db8:20:1::5      2001:db8:300::1     2001:db8:9::2
                                                          gateway ─ wire1 ─ edge ── MTU 1280 ── core ─ far
   VLAN 30 ─ h4 (OVS, IPv4) ─── red-2   10.0.2.6  fd00:10:2::6               └── MTU 1500 ─ near, plain

The provider network is too small for the machines' packets of 1,500 bytes: 1,438 fit toward h6, 1,458 toward h4. red's
addresses are reachable from outside in both families; blue has IPv6 addresses of its own and translation for IPv4.
"""

import json
from dataclasses import dataclass

from topology import GATEWAY_MAC, MTU, VirtualMachine

# What cables carry, and what the gateway may send to the provider network.
CABLE_MTU, PROVIDER_MTU = 1600, 1500
ROOM = {6: PROVIDER_MTU - 62, 4: PROVIDER_MTU - 42}
NARROW = 1280

VLAN_SIX, VLAN_FOUR, VLAN_INTERNET = 20, 30, 300
H6, GATEWAY_SIX = "fd64:20::30", "fd64:20::10"
H4, GATEWAY_FOUR = "100.64.30.2", "100.64.30.10"


@dataclass(frozen=True)
class Both:
    """A place's addresses in either family."""

    four: str
    six: str

    def __getitem__(self, family):
        return self.six if family == 6 else self.four


GATEWAY = Both("198.18.0.2", "2001:db8:300::2")
EDGE = Both("198.18.0.1", "2001:db8:300::1")
EDGE_INSIDE, CORE = Both("192.0.2.1", "2001:db8:9::1"), Both("192.0.2.2", "2001:db8:9::2")
FAR = Both("203.0.113.130", "2001:db8:51::130")
NEAR = Both("203.0.113.80", "2001:db8:51::80")
# Near, too, and without path MTU discovery: its packets may be fragmented.
PLAIN = Both("203.0.113.81", "2001:db8:51::81")
RED_PREFIXES = ["10.0.1.0/24", "10.0.2.0/24", "fd00:10:1::/64", "fd00:10:2::/64"]
BLUE_PREFIX, POOL = "2001:db8:20:1::/64", "198.51.100.16/30"


@dataclass
class DualMachine(VirtualMachine):
    """A machine with an address of either family; its IPv6 default route is given, or advertised by the gateway."""

    address_ipv6: str = ""
    gateway_ipv6: str = ""
    solicits: bool = False

    def at(self, family):
        return self.address_ipv6 if family == 6 else self.address

    def gateway_at(self, family):
        return self.gateway_ipv6 if family == 6 else self.gateway


def virtual_machines():
    """The machines of the lab, not yet in any namespace."""
    return [
        DualMachine("red-1", "red", 5001, "10.0.1.5", "10.0.1.1", "02:15:5d:00:00:05", "h6", H6,
                    address_ipv6="fd00:10:1::5", gateway_ipv6="fd00:10:1::1", solicits=True),
        DualMachine("red-2", "red", 5002, "10.0.2.6", "10.0.2.1", "02:15:5d:00:00:06", "h4", H4,
                    address_ipv6="fd00:10:2::6", gateway_ipv6="fd00:10:2::1"),
        DualMachine("blue-1", "blue", 6001, "10.0.1.5", "10.0.1.1", "02:15:5d:00:00:05", "h6", H6,
                    address_ipv6="2001:db8:20:1::5", gateway_ipv6="2001:db8:20:1::1"),
    ]


def room_for(vm):
    """The biggest packet that fits the way to a machine."""
    return ROOM[6 if ":" in vm.provider_address else 4]


def url(address):
    """Where a web server has its big file."""
    return f"http://[{address}]/big" if ":" in address else f"http://{address}/big"


def _tenant(name, **more):
    machines = [vm for vm in virtual_machines() if vm.tenant == name]
    return {
        "name": name, "gateway-mac": GATEWAY_MAC, "external": "internet",
        "subnets": [{"vsid": vm.vsid, "prefix": f"{vm.gateway.rpartition('.')[0]}.0/24", "gateway": vm.gateway,
                     "prefix-ipv6": f"{vm.gateway_ipv6.rpartition('::')[0]}::/64", "gateway-ipv6": vm.gateway_ipv6}
                    for vm in machines],
        "records": [{"vsid": vm.vsid, "address": address, "mac": vm.mac, "provider-address": vm.provider_address}
                    for vm in machines for address in (vm.address, vm.address_ipv6)],
        **more}


def configuration(directory, worker_core, tcp_mss):
    """The gateway's configuration file."""
    return json.dumps({
        "system": {
            "control-core": 0, "worker-cores": [worker_core], "hugepages": "off", "memory-mb": 256,
            "state-dir": f"{directory}/state", "admin-socket": f"{directory}/admin.sock",
            "metrics-listen": "127.0.0.1:9477",
            "limits": {"vsids": 1024, "records": 4096, "external-routes": 4096, "external-routes-ipv6": 4096,
                       "nat-sessions": 65536},
        },
        "ports": [
            {"name": "wire0", "device": "net_af_packet0,iface=wire0", "mtu": CABLE_MTU, "rx-queues": 1},
            {"name": "wire1", "device": "net_af_packet1,iface=wire1", "mtu": MTU, "rx-queues": 1},
        ],
        "provider": {
            "sites": [
                {"name": "six", "port": "wire0", "vlan": VLAN_SIX, "subnet": "fd64:20::/64",
                 "addresses": [GATEWAY_SIX], "mtu": PROVIDER_MTU},
                {"name": "four", "port": "wire0", "vlan": VLAN_FOUR, "subnet": "100.64.30.0/24",
                 "addresses": [GATEWAY_FOUR], "mtu": PROVIDER_MTU},
            ],
            "encapsulation": {"tcp-mss": tcp_mss},
        },
        "external": [
            {"name": "internet", "port": "wire1", "vlan": VLAN_INTERNET,
             "addresses": [f"{GATEWAY.four}/24", f"{GATEWAY.six}/64"], "gateway": EDGE.four, "gateway-ipv6": EDGE.six},
        ],
        "tenants": [
            _tenant("red", **{"public-prefixes": RED_PREFIXES}),
            _tenant("blue", **{"public-prefixes": [BLUE_PREFIX], "nat": {"pools": [{"addresses": POOL}]}}),
        ],
    }, indent=1)
