"""Section 3 of the gateway's work: VM to VM, across the subnets of one routing domain."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.packets import HOST, IP, UNREACHABLE, Raw, error_to_vm, expect_encap, from_vm, udp
from lib.topology import BLUE_DB, BLUE_PUBLIC, BLUE_WEB, RED_DB, RED_WEB


class VmToVm(ReplayTest):
    def assert_carried(self, source, destination, config=None) -> None:
        packets = [udp(source.address, destination.address, mark=mark, size=size)
                   for mark, size in enumerate((4, 18, 700, 1400))]
        run = self.replay({"wire0": [from_vm(source, packet) for packet in packets]}, config)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, destination) for packet in packets])
        self.assert_frames(run.sent("wire1"), [])
        self.assert_drops(run, {})

    def test_the_packet_gets_vsid_mac_and_host_of_its_destination(self):
        self.assert_carried(RED_WEB, RED_DB)

    def test_and_so_does_the_answer(self):
        self.assert_carried(RED_DB, RED_WEB)

    def test_between_hosts_of_one_site(self):
        self.assert_carried(BLUE_WEB, BLUE_DB)

    def test_to_and_from_a_subnet_with_public_addresses(self):
        self.assert_carried(BLUE_WEB, BLUE_PUBLIC)
        self.assert_carried(BLUE_PUBLIC, BLUE_WEB)

    def test_with_the_gateway_subnets_vsid(self):
        packet = udp(RED_DB.address, RED_WEB.address)
        run = self.replay({"wire0": [from_vm(RED_DB, packet, vsid=RED_WEB.vsid)]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, RED_WEB)])

    def test_within_one_subnet(self):
        """A host without a record of the other VM sends through the gateway."""
        config = topology.base()
        neighbor = topology.Vm(5001, "10.0.1.7", "02:15:5d:00:00:17", "100.64.30.2", topology.GATEWAY_SITE,
                               topology.FAR_ROUTER_MAC, "10.0.1.1")
        topology.tenant(config, "red")["records"].append(neighbor.record())
        self.assert_carried(RED_WEB, neighbor, config)

    def test_a_vm_without_a_record_is_unreachable(self):
        packets = [udp(RED_WEB.address, address) for address in ("10.0.2.7", "10.0.2.200", "10.0.1.77")]
        self.assert_dropped([from_vm(RED_WEB, packet) for packet in packets], "destination-record-missing",
                            told=[error_to_vm(packet, RED_WEB, UNREACHABLE, HOST) for packet in packets])

    def test_the_biggest_packet_that_the_provider_network_takes(self):
        def packet(size: int) -> bytes:
            return bytes(IP(src=RED_WEB.address, dst=RED_DB.address, proto=253, flags="DF") / Raw(bytes(size - 20)))
        run = self.replay({"wire0": [from_vm(RED_WEB, packet(1558))]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet(1558), RED_DB)])


if __name__ == "__main__":
    unittest.main()
