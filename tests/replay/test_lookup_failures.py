"""Section 3: each way in which a lookup fails has the name that Hyper-V's trace gives it, and its sender is told."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.packets import HOST, NET, UNREACHABLE, error_to_outside, error_to_vm, from_outside, from_vm, udp
from lib.topology import BLUE_DB, BLUE_PUBLIC, BLUE_WEB, INTERNET, RED_DB, RED_WEB, SECOND_ROUTER_MAC, SERVER


class Failures(ReplayTest):
    def test_virtual_route_missing(self):
        """A tenant without a way out."""
        config = topology.base()
        config["external"] = [network for network in config["external"] if network["name"] == "red-uplink"]
        config["neighbors"] = [entry for entry in config["neighbors"] if entry["network"] != "internet"]
        blue = topology.tenant(config, "blue")
        del blue["external"], blue["public-prefixes"]
        packets = [udp(BLUE_WEB.address, address) for address in (SERVER, "10.0.9.9")]
        self.assert_dropped([from_vm(BLUE_WEB, packet) for packet in packets], "virtual-route-missing", config,
                            told=[error_to_vm(packet, BLUE_WEB, UNREACHABLE, NET) for packet in packets])

    def test_external_route_missing(self):
        config = topology.base()
        del topology.named(config["external"], "internet")["gateway"]
        packet = udp(BLUE_PUBLIC.address, SERVER)
        self.assert_dropped([from_vm(BLUE_PUBLIC, packet)], ("external-route-missing", "virtual-route-missing"), config,
                            told=[error_to_vm(packet, BLUE_PUBLIC, UNREACHABLE, NET)])

    def test_external_route_missing_for_what_comes_from_outside(self):
        """Only a sender that there is a route to is told."""
        config = topology.base()
        del topology.named(config["external"], "internet")["gateway"]
        unknown, known = udp(SERVER, "192.0.2.1"), udp("198.18.200.1", "192.0.2.1")
        told = error_to_outside(known, INTERNET, UNREACHABLE, NET, next_hop_mac=SECOND_ROUTER_MAC)
        self.assert_dropped([from_outside(INTERNET, packet) for packet in (unknown, known)], "external-route-missing",
                            config, port="wire1", told=[told])

    def test_provider_route_missing(self):
        config = topology.base()
        del topology.named(config["provider"]["sites"], "gateway-site")["gateway"]
        blue = topology.tenant(config, "blue")
        blue["records"] = [BLUE_WEB.record(), BLUE_PUBLIC.record(),
                           {**BLUE_DB.record(), "provider-address": "100.64.99.9"}]
        packet = udp(BLUE_WEB.address, BLUE_DB.address)
        self.assert_dropped([from_vm(BLUE_WEB, packet)], "provider-route-missing", config,
                            told=[error_to_vm(packet, BLUE_WEB, UNREACHABLE, HOST)])

    def test_destination_record_missing(self):
        packet = udp(RED_WEB.address, "10.0.2.9")
        self.assert_dropped([from_vm(RED_WEB, packet)], "destination-record-missing",
                            told=[error_to_vm(packet, RED_WEB, UNREACHABLE, HOST)])

    def test_a_failure_of_one_packet_is_none_of_the_next(self):
        config = topology.base()
        topology.tenant(config, "red")["records"] = [RED_WEB.record()]
        frames = [from_vm(RED_WEB, udp(RED_WEB.address, address)) for address in (RED_DB.address, SERVER) * 10]
        run = self.replay({"wire0": frames}, config)
        self.assertEqual(len(run.sent("wire1")), 10)
        self.assert_drops(run, {"destination-record-missing": 10})


if __name__ == "__main__":
    unittest.main()
