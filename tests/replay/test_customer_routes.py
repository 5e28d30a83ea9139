"""Customer routes: a prefix behind a VM is reached through that VM's record."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.packets import (HOST, UNREACHABLE, echo, error_to_vm, expect_decap, expect_encap, from_outside, from_vm,
                         inner_frame, inner_of, nvgre, udp)
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
        packet = udp(RED_DB.address, RED_BRANCH)
        self.assert_dropped([from_vm(RED_DB, packet)], "destination-record-missing", config,
                            told=[error_to_vm(packet, RED_DB, UNREACHABLE, HOST)])


class SendersBehindANextHop(ReplayTest):
    """A VM that routes sends for the prefix behind it: the sender check holds the next hop's record against it."""

    packet = udp(RED_BRANCH, SERVER)

    def test_the_next_hops_host_and_mac_are_accepted(self):
        run = self.replay({"wire0": [from_vm(RED_WEB, self.packet)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(self.packet, RED_UPLINK)])
        self.assert_drops(run, {})

    def test_there_and_back(self):
        """Between two VMs of the routing domain, one of them behind the next hop."""
        out, back = udp(RED_BRANCH, RED_DB.address), udp(RED_DB.address, RED_BRANCH)
        run = self.replay({"wire0": [from_vm(RED_WEB, out), from_vm(RED_DB, back)]})
        self.assert_frames(run.sent("wire0"), [expect_encap(out, RED_DB), expect_encap(back, RED_WEB)])

    def test_the_gateway_answers_an_echo_from_there(self):
        run = self.replay({"wire0": [from_vm(RED_WEB, echo(RED_BRANCH, RED_WEB.gateway))]})
        (reply,) = map(inner_of, run.sent("wire0"))
        self.assertEqual((reply.dst, reply["IP"].src, reply["IP"].dst), (RED_WEB.mac, RED_WEB.gateway, RED_BRANCH))

    def test_another_host_is_dropped(self):
        frames = [from_vm(RED_WEB, self.packet, src=host)
                  for host in ("100.64.10.3", RED_DB.provider_address, BLUE_WEB.provider_address)]
        self.assert_dropped(frames, "source-ca-pa-mismatch")

    def test_another_vm_of_the_tenant_is_dropped(self):
        self.assert_dropped([from_vm(RED_DB, self.packet)], "source-ca-pa-mismatch")

    def test_another_mac_is_dropped_where_the_frame_was_bridged(self):
        """By the VSID: that of the next hop's subnet. A host that routes writes another."""
        inner = inner_frame(RED_WEB, self.packet, src="02:15:5d:00:00:99")
        bridged, by_host = (nvgre(inner, vsid, RED_WEB.provider_address, RED_WEB.site)
                            for vsid in (RED_WEB.vsid, RED_DB.vsid))
        self.assert_dropped([bridged], "source-ca-mac-mismatch")
        run = self.replay({"wire0": [by_host]})
        self.assert_frames(run.sent("wire1"), [expect_decap(self.packet, RED_UPLINK)])

    def test_addresses_beside_the_prefix_are_dropped(self):
        frames = [from_vm(RED_WEB, udp(source, SERVER)) for source in ("172.15.255.255", "172.17.0.0")]
        self.assert_dropped(frames, "source-record-missing")

    def test_a_default_route_through_a_vm_lends_it_no_address_of_a_subnet(self):
        config = topology.base()
        topology.tenant(config, "red")["routes"] = [{"prefix": "0.0.0.0/0", "next-hop": RED_WEB.address}]
        frames = [from_vm(RED_WEB, udp(source, RED_DB.address)) for source in ("10.0.1.6", "10.0.2.7", "10.0.2.1")]
        self.assert_dropped(frames, "source-record-missing", config)

    def test_a_next_hop_without_a_record_vouches_for_nobody(self):
        config = topology.base()
        topology.tenant(config, "red")["routes"] = [{"prefix": "172.16.0.0/16", "next-hop": "10.0.1.99"}]
        self.assert_dropped([from_vm(RED_WEB, self.packet)], "source-record-missing", config)

    def test_the_route_vouches_in_its_own_tenant_only(self):
        self.assert_dropped([from_vm(BLUE_WEB, self.packet)], "source-record-missing")


if __name__ == "__main__":
    unittest.main()
