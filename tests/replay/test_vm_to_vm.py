"""Section 3 of the gateway's work: VM to VM, across the subnets of one routing domain."""

import unittest

from lib import topology
from lib.families import in_each
from lib.ip import sized
from lib.packets import HOST, UNREACHABLE, error_to_vm, expect_encap, from_vm, udp
from lib.topology import PORT_MTU


@in_each()
class VmToVm:
    def assert_carried(self, source, destination, config=None) -> None:
        packets = [udp(source.address, destination.address, mark=mark, size=size)
                   for mark, size in enumerate((4, 18, 700, 1400))]
        run = self.replay({"wire0": [from_vm(source, packet) for packet in packets]}, config)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, destination) for packet in packets])
        self.assert_frames(run.sent("wire1"), [])
        self.assert_drops(run, {})

    def test_the_packet_gets_vsid_mac_and_host_of_its_destination(self):
        self.assert_carried(self.on.red_web, self.on.red_db)

    def test_and_so_does_the_answer(self):
        self.assert_carried(self.on.red_db, self.on.red_web)

    def test_between_hosts_of_one_site(self):
        self.assert_carried(self.on.blue_web, self.on.blue_db)

    def test_to_and_from_a_subnet_with_public_addresses(self):
        self.assert_carried(self.on.blue_web, self.on.blue_public)
        self.assert_carried(self.on.blue_public, self.on.blue_web)

    def test_with_the_gateway_subnets_vsid(self):
        source, destination = self.on.red_db, self.on.red_web
        packet = udp(source.address, destination.address)
        run = self.replay({"wire0": [from_vm(source, packet, vsid=destination.vsid)]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, destination)])

    def test_within_one_subnet(self):
        """A host without a record of the other VM sends through the gateway."""
        config, far = self.on.config(), self.on.red_db
        neighbor = topology.Vm(5001, self.on.stranger, "02:15:5d:00:00:17", far.provider_address, far.site,
                               far.next_hop_mac, self.on.red_web.gateway)
        topology.tenant(config, "red")["records"].append(neighbor.record())
        self.assert_carried(self.on.red_web, neighbor, config)

    def test_a_vm_without_a_record_is_unreachable(self):
        vm = self.on.red_web
        packets = [udp(vm.address, address) for address in (self.on.absent, self.on.stranger)]
        self.assert_dropped([from_vm(vm, packet) for packet in packets], "destination-record-missing",
                            told=[error_to_vm(packet, vm, UNREACHABLE, HOST) for packet in packets])

    def test_the_biggest_packet_that_the_provider_network_takes(self):
        source, destination = self.on.red_web, self.on.red_db
        packet = sized(source.address, destination.address, PORT_MTU["wire0"] - self.on.overhead)
        run = self.replay({"wire0": [from_vm(source, packet)]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, destination)])


if __name__ == "__main__":
    unittest.main()
