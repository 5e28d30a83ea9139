"""A tenant's own external network: packets in and out belong to its VRF alone."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.packets import (HOST, PROHIBITED, UNREACHABLE, error_to_outside, error_to_vm, expect_decap, expect_encap,
                         from_outside, from_vm, udp)
from lib.topology import (BLUE_PUBLIC, BLUE_WEB, INTERNET, RED_DB, RED_UPLINK, RED_WEB, SERVER)


class HandOff(ReplayTest):
    def test_out(self):
        packets = [(vm, udp(vm.address, SERVER)) for vm in (RED_WEB, RED_DB)]
        run = self.replay({"wire0": [from_vm(vm, packet) for vm, packet in packets]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, RED_UPLINK) for _, packet in packets])

    def test_in_to_private_addresses_without_any_public_prefix(self):
        packets = [(vm, udp("192.168.7.7", vm.address)) for vm in (RED_WEB, RED_DB)]
        run = self.replay({"wire1": [from_outside(RED_UPLINK, packet) for _, packet in packets]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, vm) for vm, packet in packets])
        self.assert_drops(run, {})

    def test_the_same_packet_on_the_shared_network_does_not_come_in(self):
        packet = udp("192.168.7.7", RED_WEB.address)
        self.assert_dropped([from_outside(INTERNET, packet)], "transit", port="wire1")

    def test_what_leads_outside_again_is_not_carried_to_another_network(self):
        frames = [from_outside(RED_UPLINK, udp("192.168.7.7", address))
                  for address in (SERVER, BLUE_PUBLIC.address, "198.18.0.1", "198.18.200.1", "198.18.1.1")]
        self.assert_dropped(frames, "transit", port="wire1")

    def test_it_is_no_way_into_another_tenant(self):
        """Not even where its tenant reaches the shared network, and by it the other tenant's public addresses."""
        config = topology.base()
        topology.tenant(config, "red")["external"] = "internet"
        packet = udp("192.168.7.7", BLUE_PUBLIC.address)
        self.assert_dropped([from_outside(RED_UPLINK, packet)], "virtual-route-missing", config, port="wire1")
        packet = udp(RED_WEB.address, BLUE_PUBLIC.address)
        run = self.replay({"wire0": [from_vm(RED_WEB, packet)]}, config)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_PUBLIC)])

    def test_it_is_no_way_out_for_another_tenant(self):
        """Not even by a public prefix of which a part lies beyond the network."""
        config = topology.base()
        red = topology.tenant(config, "red")
        red.update({"external": "internet", "public-prefixes": ["172.16.0.0/16"]})
        topology.named(config["external"], "red-uplink")["routes"] = [
            {"prefix": "172.16.9.0/24", "next-hop": RED_UPLINK.router}]
        packet = udp(BLUE_PUBLIC.address, "172.16.9.9")
        self.assert_dropped([from_vm(BLUE_PUBLIC, packet)], "transit", config,
                            told=[error_to_vm(packet, BLUE_PUBLIC, UNREACHABLE, PROHIBITED)])
        packet = udp(RED_WEB.address, "172.16.9.9")
        run = self.replay({"wire0": [from_vm(RED_WEB, packet)]}, config)
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, RED_UPLINK)])

    def test_an_address_without_a_record(self):
        packet = udp("192.168.7.7", "10.0.1.9")
        self.assert_dropped([from_outside(RED_UPLINK, packet)], "destination-record-missing", port="wire1",
                            told=[error_to_outside(packet, RED_UPLINK, UNREACHABLE, HOST)])

    def test_the_other_tenant_does_not_use_it(self):
        """Not even for addresses that are connected to it."""
        packet = udp(BLUE_PUBLIC.address, RED_UPLINK.router)
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET)])

    def test_two_tenants_with_a_hand_off_each(self):
        config = topology.base()
        config["external"].append({"name": "blue-uplink", "port": "wire1", "vlan": 302, "tenant": "blue",
                                   "addresses": ["198.18.2.2/24"], "gateway": "198.18.2.1"})
        config["neighbors"].append({"network": "blue-uplink", "address": "198.18.2.1", "mac": "02:00:00:00:32:01"})
        blue = topology.tenant(config, "blue")
        blue["external"] = "blue-uplink"
        del blue["public-prefixes"]
        uplink = topology.Network("blue-uplink", "wire1", 302, "198.18.2.2", "198.18.2.1", "02:00:00:00:32:01")
        out, back = udp(RED_WEB.address, SERVER), udp(SERVER, RED_WEB.address)
        run = self.replay({"wire0": [from_vm(RED_WEB, out), from_vm(BLUE_WEB, out)],
                           "wire1": [from_outside(RED_UPLINK, back), from_outside(uplink, back)]}, config)
        self.assert_frames(run.sent("wire1"), [expect_decap(out, RED_UPLINK), expect_decap(out, uplink)])
        self.assert_frames(run.sent("wire0"), [expect_encap(back, RED_WEB), expect_encap(back, BLUE_WEB)])


if __name__ == "__main__":
    unittest.main()
