"""Checksums by the device and in software: the same bytes leave, and the same packets are refused."""

import json
import unittest

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import GRE, Dot1Q, Ether
from scapy.packet import Raw

from bench import Bench, worker_core
from raw import RawPort

PORT_MACS = {"wire0": "02:00:00:00:00:a0", "wire1": "02:00:00:00:00:a1"}
HOST, HOST_MAC, SITE = "100.64.20.30", "02:00:00:00:20:30", "100.64.20.10"
ROUTER_MAC, SERVER = "02:00:00:00:30:01", "198.51.100.7"
VM, VM_MAC, GATEWAY_MAC, VSID = "10.0.1.5", "02:15:5d:00:00:05", "02:00:5e:00:01:01", 5001
VLAN = 20
SENT = 64


class TapLab(Bench):
    """A gateway on two TAP devices, whose driver offers to sum IPv4 headers."""

    def _build(self):
        self.gateway_namespace = self._namespace("gw")

    def start_gateway(self, checksums):
        self._gateway(json.dumps({
            "system": {
                "control-core": 0, "worker-cores": [worker_core()], "worker-idle": "sleep", "hugepages": "off",
                "memory-mb": 64, "state-dir": f"{self.directory}/state", "admin-socket": f"{self.directory}/admin.sock",
                "metrics-listen": "127.0.0.1:9477",
                "limits": {"vsids": 1024, "records": 1024, "external-routes": 4096},
            },
            "ports": [{"name": name, "device": f"net_tap{number},iface={name}", "mtu": 1500, "mac": mac,
                       "checksums": checksums} for number, (name, mac) in enumerate(PORT_MACS.items())],
            "provider": {
                "duplicate-address-detection": "off",
                "sites": [{"name": "site", "port": "wire0", "vlan": VLAN, "subnet": "100.64.20.0/24",
                           "addresses": [SITE]}],
            },
            "external": [{"name": "internet", "port": "wire1", "addresses": ["198.18.0.2/24"],
                          "gateway": "198.18.0.1"}],
            "neighbors": [{"network": "site", "address": HOST, "mac": HOST_MAC},
                          {"network": "internet", "address": "198.18.0.1", "mac": ROUTER_MAC}],
            "tenants": [{"name": "red", "gateway-mac": GATEWAY_MAC, "external": "internet",
                         "public-prefixes": ["10.0.1.0/24"],
                         "subnets": [{"vsid": VSID, "prefix": "10.0.1.0/24", "gateway": "10.0.1.1"}],
                         "records": [{"vsid": VSID, "address": VM, "mac": VM_MAC, "provider-address": HOST}]}],
        }))
        self.gateway.start()


def inward(number, **header):
    """From outside to the VM."""
    return bytes(Ether(src=ROUTER_MAC, dst=PORT_MACS["wire1"]) / IP(src=SERVER, dst=VM, id=number, **header)
                 / UDP(sport=7, dport=number) / Raw(bytes(number)))


def outward(number, outer=None, inner=None):
    """From the VM to the outside."""
    return bytes(Ether(src=HOST_MAC, dst=PORT_MACS["wire0"]) / Dot1Q(vlan=VLAN)
                 / IP(src=HOST, dst=SITE, id=number, **(outer or {}))
                 / GRE(key_present=1, key=VSID << 8, proto=0x6558) / Ether(src=VM_MAC, dst=GATEWAY_MAC)
                 / IP(src=VM, dst=SERVER, id=number, **(inner or {})) / UDP(sport=number, dport=7)
                 / Raw(bytes(number)))


class Checksums(unittest.TestCase):
    def forward(self, checksums):
        """What leaves, what is dropped and what is said to be in force where ports are set up so."""
        wrong = {"chksum": 0x1234}
        with TapLab() as lab:
            lab.start_gateway(checksums)
            wires = {name: RawPort(lab.gateway_namespace, name) for name in PORT_MACS}
            with wires["wire0"] as provider, wires["wire1"] as outside:
                for number in range(SENT):
                    outside.send(inward(number))
                    provider.send(outward(number))
                for frame in (inward(1, **wrong), inward(2, **wrong)):
                    outside.send(frame)
                for frame in (outward(1, outer=wrong), outward(2, inner=wrong), outward(3, outer=wrong, inner=wrong)):
                    provider.send(frame)
                left = provider.receive(SENT), outside.receive(SENT)
            drops = lab.gateway.drops()
            return left, drops, {port["checksums"] for port in lab.gateway.ports().values()}

    def test_the_same_bytes_leave_and_the_same_is_refused(self):
        by_device, drops, in_force = self.forward("auto")
        self.assertEqual(in_force, {"both"})
        in_software, software_drops, in_force = self.forward("software")
        self.assertEqual(in_force, {"software"})
        self.assertEqual(by_device, in_software)
        self.assertEqual(drops, software_drops)
        self.assertEqual(drops, {"outer-checksum": 4, "ip-checksum": 1})
        wrapped, plain = by_device
        self.assertEqual((len(wrapped), len(plain)), (SENT, SENT))
        for frame in wrapped:
            outer = Ether(frame)[IP]
            sent, outer.chksum = outer.chksum, None
            self.assertEqual(sent, IP(bytes(outer)).chksum)
