"""A compute cluster and a gateway cluster in different VLANs: addresses, machines, the gateway's configuration file.

              VLAN 10 ─ a (OVS) ─┬─ red   10.0.1.5 ┐                        VLAN 300 ─ web       203.0.113.80
   router ──┤           │        └─ blue  10.0.1.5 │ rack    gateway ─ wire1
      │       VLAN 30 ─ b (OVS) ─── red   10.0.1.5 ┘            │           VLAN 301 ─ web-blue  203.0.113.80
      └────── VLAN 20 (gateway provider subnet) ──────────────── wire0

The gateway has no provider address but the one in VLAN 20: whatever it sends to a host goes through the router, which
its provider network only knows when somebody tells it. red's cable ends in a rack, where it is plugged into one of the
two hosts; both are ready for it at any time. blue has red's customer address and MAC, and stays where it is.
"""

import json
from dataclasses import dataclass

from topology import MTU, PROVIDER_MTU, VirtualMachine

VLAN_GATEWAY, VLAN_INTERNET, VLAN_BLUE = 20, 300, 301
GATEWAY, ROUTER = "10.10.20.10", "10.10.20.1"
GATEWAY_INTERNET, GATEWAY_BLUE = "198.18.0.2", "198.18.1.2"
WEB_INTERNET, WEB_BLUE = "198.18.0.1", "198.18.1.1"
WEB = "203.0.113.80"
GATEWAY_MAC = "02:00:5e:00:01:01"
COMPUTE_SUBNETS = "10.10.0.0/16"

SUBNET, CUSTOMER_GATEWAY = "10.0.1.0/24", "10.0.1.1"
RED_VSID, BLUE_VSID = 5001, 6001
ADDRESS, MAC = "10.0.1.5", "02:15:5d:00:00:05"
# A second address of red's, one that the configuration does not know, and a machine that is not there: a tenant's
# host is known by the records that are on it.
SECOND, UNKNOWN, ABSENT = "10.0.1.6", "10.0.1.7", "10.0.1.9"


@dataclass(frozen=True)
class Host:
    """A compute host's place in the provider network."""

    name: str
    vlan: int
    address: str
    router: str


A = Host("a", 10, "10.10.10.21", "10.10.10.1")
B = Host("b", 30, "10.10.30.22", "10.10.30.1")


def virtual_machines():
    """red, which moves, and blue, which stays at host a."""
    return [VirtualMachine(name, name, vsid, ADDRESS, CUSTOMER_GATEWAY, MAC, A.name, A.address)
            for name, vsid in (("red", RED_VSID), ("blue", BLUE_VSID))]


def configuration(directory, worker_core, site_gateway=ROUTER, sender_check="strict", red_host=A):
    """The gateway's configuration file.

    `site_gateway` is the site's default gateway, `None` for none; `red_host` is where the file sees red's machine.
    """
    site = {"name": "gateway-site", "port": "wire0", "vlan": VLAN_GATEWAY, "subnet": "10.10.20.0/24",
            "addresses": [GATEWAY]}
    if site_gateway:
        site["gateway"] = site_gateway
    records = {"red": [(ADDRESS, MAC, red_host), (SECOND, MAC, A), (ABSENT, "02:15:5d:00:00:09", B)],
               "blue": [(ADDRESS, MAC, A)]}
    uplinks = {"red": "internet", "blue": "blue-uplink"}
    return json.dumps({
        "system": {
            "control-core": 0, "worker-cores": [worker_core], "hugepages": "off", "memory-mb": 256,
            "state-dir": f"{directory}/state", "admin-socket": f"{directory}/admin.sock",
            "metrics-listen": "127.0.0.1:9477",
            "limits": {"vsids": 1024, "records": 4096, "external-routes": 4096},
        },
        "ports": [
            {"name": "wire0", "device": "net_af_packet0,iface=wire0", "mtu": PROVIDER_MTU, "rx-queues": 1},
            {"name": "wire1", "device": "net_af_packet1,iface=wire1", "mtu": MTU, "rx-queues": 1},
        ],
        "provider": {"sites": [site]},
        "external": [
            {"name": "internet", "port": "wire1", "vlan": VLAN_INTERNET, "addresses": [f"{GATEWAY_INTERNET}/24"],
             "gateway": WEB_INTERNET},
            {"name": "blue-uplink", "port": "wire1", "vlan": VLAN_BLUE, "addresses": [f"{GATEWAY_BLUE}/24"],
             "gateway": WEB_BLUE, "tenant": "blue"},
        ],
        "tenants": [
            {"name": vm.tenant, "gateway-mac": GATEWAY_MAC, "sender-check": sender_check,
             "external": uplinks[vm.tenant],
             "subnets": [{"vsid": vm.vsid, "prefix": SUBNET, "gateway": CUSTOMER_GATEWAY}],
             "records": [{"vsid": vm.vsid, "address": address, "mac": mac, "provider-address": host.address}
                         for address, mac, host in records[vm.tenant]],
             **({"public-prefixes": [SUBNET]} if vm.tenant == "red" else {})}
            for vm in virtual_machines()],
    }, indent=1)
