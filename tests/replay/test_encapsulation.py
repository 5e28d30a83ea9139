"""From the outside to a tenant: the whole frame that leaves for the VM's host, byte for byte."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.packets import (GATEWAY_MAC, IP, Ether, Raw, checksum_is_right, expect_encap, from_outside, gre_offset, tcp,
                         udp, without_flow_id)
from lib.topology import BLUE_PUBLIC, INTERNET, RED_DB, RED_UPLINK, RED_WEB, SERVER


class Encapsulation(ReplayTest):
    def test_a_packet_for_a_vm_is_wrapped_for_its_host(self):
        packet = udp(SERVER, BLUE_PUBLIC.address)
        run = self.replay({"wire1": [from_outside(INTERNET, packet)]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_PUBLIC)])
        self.assert_frames(run.sent("wire1"), [])
        self.assert_drops(run, {})

    def test_the_frame_written_out_by_hand(self):
        """The one expectation that does not come from a builder: every header field in its place."""
        sent = "45000020" "00070000" "4011" "143d" "c6336450" "cb007105" "0fa01388" "000c0000" "00000000"
        left = "45000020" "00070000" "3f11" "153d" "c6336450" "cb007105" "0fa01388" "000c0000" "00000000"
        run = self.replay({"wire1": [from_outside(INTERNET, bytes.fromhex(sent))]})
        (frame,) = run.sent("wire0")
        self.assertEqual(frame[:18].hex(), "02000000201e" "02000000a000" "8100" "0014" "0800")
        self.assertEqual(frame[18:28].hex(), "4500" "004a" "0000" "4000" "402f")
        self.assertTrue(checksum_is_right(frame[18:38]))
        self.assertEqual(frame[30:38].hex(), "6440140a" "6440141e")
        self.assertEqual(frame[38:45].hex(), "20006558" "001772")
        self.assertEqual(frame[46:60].hex(), "02155d000007" "02005e000101" "0800")
        self.assertEqual(frame[60:].hex(), left)

    def test_vsid_mac_and_host_are_those_of_each_vms_record(self):
        packets = [(vm, udp(SERVER, vm.address, mark=mark)) for mark, vm in enumerate((RED_WEB, RED_DB))]
        run = self.replay({"wire1": [from_outside(RED_UPLINK, packet) for _, packet in packets]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, vm) for vm, packet in packets])

    def test_a_host_behind_the_sites_default_gateway(self):
        config = topology.base()
        topology.tenant(config, "blue")["records"][1]["provider-address"] = "100.64.99.9"
        vm = topology.Vm(6002, BLUE_PUBLIC.address, BLUE_PUBLIC.mac, "100.64.99.9", topology.GATEWAY_SITE,
                         topology.GATEWAY_SITE.router_mac, BLUE_PUBLIC.gateway)
        packet = udp(SERVER, vm.address)
        run = self.replay({"wire1": [from_outside(INTERNET, packet)]}, config)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, vm)])

    def test_the_source_is_the_sites_own_address_where_there_are_several(self):
        config = topology.base()
        topology.named(config["provider"]["sites"], "gateway-site")["addresses"] = ["100.64.20.10", "100.64.20.11"]
        packets = [(vm, udp(SERVER, vm.address)) for vm in (RED_WEB, RED_DB)]
        run = self.replay({"wire1": [from_outside(RED_UPLINK, packet) for _, packet in packets]}, config)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, vm) for vm, packet in packets])

    def test_an_untagged_site(self):
        config = topology.base()
        del topology.named(config["provider"]["sites"], "compute-site")["vlan"]
        packet = udp(SERVER, RED_WEB.address)
        run = self.replay({"wire1": [from_outside(RED_UPLINK, packet)]}, config)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, RED_WEB, vlan=None)])

    def test_the_outer_ttl_is_a_knob_and_not_the_inner_one(self):
        packets = [udp(SERVER, BLUE_PUBLIC.address, mark=ttl, ttl=ttl) for ttl in (2, 17, 255)]
        for knob in (1, 200, 255):
            with self.subTest(ttl=knob):
                run = self.replay({"wire1": [from_outside(INTERNET, packet) for packet in packets]},
                                  topology.encapsulation(ttl=knob))
                self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_PUBLIC, ttl=knob)
                                                       for packet in packets])

    def test_outer_fields_do_not_depend_on_the_inner_packet(self):
        """Identification 0, DF set and the right checksum, with inner packets of every kind and size."""
        packets = [udp(SERVER, BLUE_PUBLIC.address, mark=mark, size=size, flags=flags)
                   for mark, size, flags in ((1, 4, 0), (2, 5, "DF"), (0xFFFF, 999, 0), (3, 1400, "DF"))]
        packets.append(bytes(IP(src=SERVER, dst=BLUE_PUBLIC.address, proto=17, flags="MF", id=5) / Raw(bytes(80))))
        packets.append(bytes(IP(src=SERVER, dst=BLUE_PUBLIC.address, proto=17, frag=10, id=5) / Raw(bytes(9))))
        packets.append(tcp(SERVER, BLUE_PUBLIC.address, options=b"\x01" * 8))
        run = self.replay({"wire1": [from_outside(INTERNET, packet) for packet in packets]})
        frames = run.sent("wire0")
        self.assert_frames(frames, [expect_encap(packet, BLUE_PUBLIC) for packet in packets])
        for frame in frames:
            self.assertEqual(frame[22:26].hex(), "00004000")
            self.assertTrue(checksum_is_right(frame[18:38]))

    def test_there_is_never_a_tag_in_the_inner_frame(self):
        run = self.replay({"wire1": [from_outside(INTERNET, udp(SERVER, BLUE_PUBLIC.address))]})
        (frame,) = run.sent("wire0")
        inner = Ether(frame[gre_offset(frame) + 8:])
        self.assertEqual((inner.src, inner.dst, inner.type), (GATEWAY_MAC, BLUE_PUBLIC.mac, 0x0800))
        self.assertEqual(without_flow_id(frame)[gre_offset(frame):][:8].hex(), "20006558" "00177200")

    def test_two_routers_of_the_same_network_may_send(self):
        packet = udp("198.18.200.9", BLUE_PUBLIC.address)
        run = self.replay({"wire1": [from_outside(INTERNET, packet, topology.SECOND_ROUTER_MAC)]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_PUBLIC)])


if __name__ == "__main__":
    unittest.main()
