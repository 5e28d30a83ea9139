"""Public prefixes: what the shared external network may reach in a tenant, untranslated, and nothing else."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.packets import (HOST, UNREACHABLE, error_to_outside, expect_decap, expect_encap, from_outside, from_vm,
                         udp)
from lib.topology import (BLUE_DB, BLUE_PUBLIC, BLUE_WEB, INTERNET, RED_BRANCH, RED_WEB, SECOND_ROUTER_MAC, SERVER)


class PublicPrefix(ReplayTest):
    def test_there_and_back(self):
        there, back = udp(SERVER, BLUE_PUBLIC.address), udp(BLUE_PUBLIC.address, SERVER)
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, back)], "wire1": [from_outside(INTERNET, there)]})
        self.assert_frames(run.sent("wire0"), [expect_encap(there, BLUE_PUBLIC)])
        self.assert_frames(run.sent("wire1"), [expect_decap(back, INTERNET)])
        self.assert_drops(run, {})

    def test_an_address_of_the_prefix_without_a_record(self):
        packets = [udp(SERVER, address) for address in ("203.0.113.6", "203.0.113.14")]
        self.assert_dropped([from_outside(INTERNET, packet) for packet in packets], "destination-record-missing",
                            port="wire1", told=[error_to_outside(packet, INTERNET, UNREACHABLE, HOST)
                                                for packet in packets])

    def test_addresses_beside_the_prefix_lead_outside_again(self):
        frames = [from_outside(INTERNET, udp(SERVER, address))
                  for address in ("203.0.113.16", "203.0.112.255", "192.0.2.1", "198.18.200.1")]
        self.assert_dropped(frames, "transit", port="wire1")

    def test_private_addresses_of_tenants_are_not_reachable(self):
        frames = [from_outside(INTERNET, udp(SERVER, address))
                  for address in (BLUE_WEB.address, BLUE_DB.address, RED_WEB.address, RED_BRANCH)]
        self.assert_dropped(frames, "transit", port="wire1")

    def test_provider_addresses_are_not_reachable(self):
        frames = [from_outside(INTERNET, udp(SERVER, address))
                  for address in ("100.64.10.2", "100.64.20.30", "100.64.20.10", "100.64.20.1")]
        self.assert_dropped(frames, ("transit", "outer-destination-unknown", "external-route-missing"), port="wire1")

    def test_martian_sources_from_outside_are_dropped(self):
        frames = [from_outside(INTERNET, udp(source, BLUE_PUBLIC.address))
                  for source in ("0.0.0.0", "127.0.0.1", "224.0.0.9", "255.255.255.255")]
        self.assert_dropped(frames, ("outer-martian-source", "inner-martian-source"), port="wire1")

    def test_a_prefix_behind_a_vm_can_be_public(self):
        config = topology.base()
        blue = topology.tenant(config, "blue")
        blue["public-prefixes"].append("192.0.2.0/24")
        blue["routes"] = [{"prefix": "192.0.2.0/24", "next-hop": BLUE_WEB.address}]
        packet = udp(SERVER, "192.0.2.77")
        run = self.replay({"wire1": [from_outside(INTERNET, packet)]}, config)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_WEB)])


class ExternalRoutes(ReplayTest):
    def test_connected_static_and_default_routes(self):
        config = topology.base()
        config["neighbors"].append({"network": "internet", "address": "198.18.0.77", "mac": "02:00:00:00:30:77"})
        next_hops = {SERVER: INTERNET.router_mac, "198.18.127.255": INTERNET.router_mac,
                     "198.18.128.0": SECOND_ROUTER_MAC, "198.18.255.255": SECOND_ROUTER_MAC,
                     "198.19.0.0": INTERNET.router_mac, "198.18.0.77": "02:00:00:00:30:77"}
        packets = {address: udp(BLUE_PUBLIC.address, address) for address in next_hops}
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet) for packet in packets.values()]}, config)
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET, next_hops[address])
                                               for address, packet in packets.items()])

    def test_two_tenants_with_public_prefixes_share_the_network(self):
        config = topology.base()
        red = topology.tenant(config, "red")
        red["external"] = "internet"
        red["subnets"].append({"vsid": 5009, "prefix": "203.0.113.64/28", "gateway": "203.0.113.65"})
        vm = topology.Vm(5009, "203.0.113.70", "02:15:5d:00:00:70", RED_WEB.provider_address, RED_WEB.site,
                         RED_WEB.next_hop_mac, "203.0.113.65")
        red["records"].append(vm.record())
        red["public-prefixes"] = ["203.0.113.64/28"]
        packet = udp(SERVER, vm.address)
        run = self.replay({"wire1": [from_outside(INTERNET, packet),
                                     from_outside(INTERNET, udp(SERVER, BLUE_PUBLIC.address))]}, config)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, vm),
                                               expect_encap(udp(SERVER, BLUE_PUBLIC.address), BLUE_PUBLIC)])


if __name__ == "__main__":
    unittest.main()
