"""The network that the tests speak of, as the gateway's configuration and as the places in it.

                 VLAN 10 compute-site --+                 +-- VLAN 300 internet
                                        wire0  nvgw  wire1
                 VLAN 20 gateway-site --+                 +-- VLAN 301 red-uplink (tenant red's alone)

Tenants red and blue use the same customer addresses and the same Ethernet addresses.
"""

import copy
from dataclasses import dataclass
from typing import Optional

WIRE0_MAC = "02:00:00:00:a0:00"
WIRE1_MAC = "02:00:00:00:a1:00"
GATEWAY_MAC = "02:00:5e:00:01:01"
PORT_MACS = {"wire0": WIRE0_MAC, "wire1": WIRE1_MAC}
# The biggest IP packet on either wire.
PORT_MTU = {"wire0": 1600, "wire1": 1500}


@dataclass(frozen=True)
class Network:
    """A provider site or an external network: where the gateway has `address`, and who routes for it there."""

    name: str
    port: str
    vlan: Optional[int]
    address: str
    router: str
    router_mac: str

    @property
    def mac(self) -> str:
        """The gateway's own Ethernet address on this network."""
        return PORT_MACS[self.port]


COMPUTE_SITE = Network("compute-site", "wire0", 10, "100.64.10.10", "100.64.10.1", "02:00:00:00:10:01")
GATEWAY_SITE = Network("gateway-site", "wire0", 20, "100.64.20.10", "100.64.20.1", "02:00:00:00:20:01")
INTERNET = Network("internet", "wire1", 300, "198.18.0.2", "198.18.0.1", "02:00:00:00:30:01")
RED_UPLINK = Network("red-uplink", "wire1", 301, "198.18.1.2", "198.18.1.1", "02:00:00:00:31:01")


@dataclass(frozen=True)
class Vm:
    """A virtual machine: its lookup record, and the way to its host."""

    vsid: int
    address: str
    mac: str
    provider_address: str
    site: Network
    next_hop_mac: str
    gateway: str
    gateway_mac: str = GATEWAY_MAC

    def record(self, **more) -> dict:
        """Its lookup record as the configuration writes it."""
        return {"vsid": self.vsid, "address": self.address, "mac": self.mac,
                "provider-address": self.provider_address, **more}


RED_HOST_MAC = "02:00:00:00:10:02"
FAR_ROUTER_MAC = "02:00:00:00:20:02"
BLUE_HOST_MAC = "02:00:00:00:20:1e"
SECOND_ROUTER = "198.18.0.3"
SECOND_ROUTER_MAC = "02:00:00:00:30:03"
# Somewhere in the internet, behind the default gateway of each external network.
SERVER = "198.51.100.80"
# Behind RED_WEB, by a customer route.
RED_BRANCH = "172.16.5.9"

RED_WEB = Vm(5001, "10.0.1.5", "02:15:5d:00:00:05", "100.64.10.2", COMPUTE_SITE, RED_HOST_MAC, "10.0.1.1")
RED_DB = Vm(5002, "10.0.2.6", "02:15:5d:00:00:06", "100.64.30.2", GATEWAY_SITE, FAR_ROUTER_MAC, "10.0.2.1")
BLUE_WEB = Vm(6001, "10.0.1.5", "02:15:5d:00:00:05", "100.64.20.30", GATEWAY_SITE, BLUE_HOST_MAC, "10.0.1.1")
BLUE_DB = Vm(6003, "10.0.2.6", "02:15:5d:00:00:06", "100.64.20.30", GATEWAY_SITE, BLUE_HOST_MAC, "10.0.2.1")
BLUE_PUBLIC = Vm(6002, "203.0.113.5", "02:15:5d:00:00:07", "100.64.20.30", GATEWAY_SITE, BLUE_HOST_MAC,
                 "203.0.113.1")

_BASE = {
    "system": {
        "control-core": 0,
        "worker-cores": [1],
        # Small tables: a replay starts in no time.
        "limits": {"vsids": 1024, "records": 4096, "external-routes": 4096},
    },
    "ports": [
        {"name": "wire0", "device": "net_null0", "mtu": PORT_MTU["wire0"], "mac": WIRE0_MAC},
        {"name": "wire1", "device": "net_null1", "mtu": PORT_MTU["wire1"], "mac": WIRE1_MAC},
    ],
    "provider": {
        "sites": [
            {"name": "gateway-site", "port": "wire0", "vlan": 20, "subnet": "100.64.20.0/24",
             "addresses": ["100.64.20.10"], "gateway": "100.64.20.1"},
            {"name": "compute-site", "port": "wire0", "vlan": 10, "subnet": "100.64.10.0/24",
             "addresses": ["100.64.10.10"]},
        ],
        "routes": [{"prefix": "100.64.30.0/24", "next-hop": "100.64.20.2", "metric": 10}],
    },
    "external": [
        {"name": "internet", "port": "wire1", "vlan": 300, "addresses": ["198.18.0.2/24"], "gateway": "198.18.0.1",
         "routes": [{"prefix": "198.18.128.0/17", "next-hop": SECOND_ROUTER}]},
        {"name": "red-uplink", "port": "wire1", "vlan": 301, "addresses": ["198.18.1.2/24"],
         "gateway": "198.18.1.1", "tenant": "red"},
    ],
    "tenants": [
        {"name": "red", "gateway-mac": GATEWAY_MAC, "external": "red-uplink",
         "subnets": [
             {"vsid": 5001, "prefix": "10.0.1.0/24", "gateway": "10.0.1.1"},
             {"vsid": 5002, "prefix": "10.0.2.0/24", "gateway": "10.0.2.1"},
         ],
         "records": [RED_WEB.record(), RED_DB.record()],
         "routes": [{"prefix": "172.16.0.0/16", "next-hop": "10.0.1.5"}]},
        {"name": "blue", "gateway-mac": GATEWAY_MAC, "external": "internet",
         "subnets": [
             {"vsid": 6001, "prefix": "10.0.1.0/24", "gateway": "10.0.1.1"},
             {"vsid": 6002, "prefix": "203.0.113.0/28", "gateway": "203.0.113.1"},
             {"vsid": 6003, "prefix": "10.0.2.0/24", "gateway": "10.0.2.1"},
         ],
         "records": [BLUE_WEB.record(), BLUE_PUBLIC.record(), BLUE_DB.record()],
         "public-prefixes": ["203.0.113.0/28"]},
    ],
    "neighbors": [
        {"network": "gateway-site", "address": "100.64.20.1", "mac": GATEWAY_SITE.router_mac},
        {"network": "gateway-site", "address": "100.64.20.2", "mac": FAR_ROUTER_MAC},
        {"network": "gateway-site", "address": "100.64.20.30", "mac": BLUE_HOST_MAC},
        {"network": "compute-site", "address": "100.64.10.2", "mac": RED_HOST_MAC},
        {"network": "internet", "address": "198.18.0.1", "mac": INTERNET.router_mac},
        {"network": "internet", "address": SECOND_ROUTER, "mac": SECOND_ROUTER_MAC},
        {"network": "red-uplink", "address": "198.18.1.1", "mac": RED_UPLINK.router_mac},
    ],
}


def base() -> dict:
    """A fresh copy of the base configuration, the caller's to change."""
    return copy.deepcopy(_BASE)


def named(items: list[dict], name: str) -> dict:
    """The one item of that name: `named(config["tenants"], "red")`."""
    (item,) = [item for item in items if item["name"] == name]
    return item


def tenant(config: dict, name: str) -> dict:
    """A tenant of a configuration."""
    return named(config["tenants"], name)


def encapsulation(**knobs) -> dict:
    """The base configuration with knobs of `provider.encapsulation`; underscores stand for hyphens."""
    config = base()
    config["provider"]["encapsulation"] = {key.replace("_", "-"): value for key, value in knobs.items()}
    return config


def forget_neighbor(config: dict, address: str) -> dict:
    """Takes a static neighbour away, so that it has to be asked for."""
    config["neighbors"] = [entry for entry in config["neighbors"] if entry["address"] != address]
    return config
