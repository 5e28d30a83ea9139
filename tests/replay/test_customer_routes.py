"""Customer routes: a prefix behind a VM is reached through that VM's record."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.packets import expect_encap, from_outside, from_vm, udp
from lib.topology import BLUE_WEB, RED_BRANCH, RED_DB, RED_UPLINK, RED_WEB, SERVER


class CustomerRoutes(ReplayTest):
    def test_a_vm_reaches_the_prefix_through_the_next_hops_record(self):
        packets = [udp(RED_DB.address, address) for address in (RED_BRANCH, "172.16.0.0", "172.16.255.255")]
        run = self.replay({"wire0": [from_vm(RED_DB, packet) for packet in packets]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, RED_WEB) for packet in packets])

    def test_the_tenants_uplink_reaches_it(self):
        packet = udp(SERVER, RED_BRANCH)
        run = self.replay({"wire1": [from_outside(RED_UPLINK, packet)]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, RED_WEB)])

    def test_addresses_beside_the_prefix_are_outside(self):
        frames = [from_vm(RED_DB, udp(RED_DB.address, address)) for address in ("172.15.255.255", "172.17.0.0")]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire0"), [])
        self.assertEqual(len(run.sent("wire1")), 2)

    def test_the_route_is_the_tenants_own(self):
        run = self.replay({"wire0": [from_vm(BLUE_WEB, udp(BLUE_WEB.address, RED_BRANCH))]})
        self.assert_frames(run.sent("wire0"), [])

    def test_the_longest_prefix_wins(self):
        config = topology.base()
        topology.tenant(config, "red")["routes"].append({"prefix": "172.16.5.8/31", "next-hop": RED_DB.address})
        packets = [(vm, udp(SERVER, address)) for vm, address in (
            (RED_WEB, "172.16.5.7"), (RED_DB, "172.16.5.8"), (RED_DB, "172.16.5.9"), (RED_WEB, "172.16.5.10"))]
        run = self.replay({"wire1": [from_outside(RED_UPLINK, packet) for _, packet in packets]}, config)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, vm) for vm, packet in packets])

    def test_a_default_route_through_a_vm_beats_the_external_network(self):
        """A firewall appliance of the tenant's own."""
        config = topology.base()
        topology.tenant(config, "red")["routes"] = [{"prefix": "0.0.0.0/0", "next-hop": RED_WEB.address}]
        packet = udp(RED_DB.address, SERVER)
        run = self.replay({"wire0": [from_vm(RED_DB, packet)]}, config)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, RED_WEB)])
        self.assert_frames(run.sent("wire1"), [])

    def test_a_next_hop_without_a_record_drops(self):
        config = topology.base()
        topology.tenant(config, "red")["routes"] = [{"prefix": "172.16.0.0/16", "next-hop": "10.0.1.99"}]
        self.assert_dropped([from_vm(RED_DB, udp(RED_DB.address, RED_BRANCH))], "destination-record-missing", config)


if __name__ == "__main__":
    unittest.main()
