"""Rule 4: the FlowID is a hash of the inner flow, or zero for peers that compare all 32 bits of the key."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.packets import ICMP, IP, Raw, expect_encap, flow_id, from_outside, from_vm, tcp, udp
from lib.topology import BLUE_DB, BLUE_PUBLIC, INTERNET, RED_DB, RED_UPLINK, RED_WEB, SERVER

TO_VM = BLUE_PUBLIC.address


class FlowId(ReplayTest):
    def flow_ids(self, packets: list, config=None) -> list:
        run = self.replay({"wire1": [from_outside(INTERNET, packet) for packet in packets]}, config)
        frames = run.sent("wire0")
        self.assert_frames(frames, [expect_encap(packet, BLUE_PUBLIC) for packet in packets])
        return [flow_id(frame) for frame in frames]

    def test_it_is_stable_within_a_flow(self):
        flow = [udp(SERVER, TO_VM, mark=mark, size=size, ttl=64 - mark, tos=mark << 2)
                for mark, size in enumerate((4, 100, 1000, 1400, 33))]
        self.assertEqual(len(set(self.flow_ids(flow))), 1)
        connection = [tcp(SERVER, TO_VM, mark=mark) for mark in range(5)]
        self.assertEqual(len(set(self.flow_ids(connection))), 1)

    def test_it_is_the_same_in_every_run(self):
        flows = [udp(SERVER, TO_VM, sport=port) for port in range(2000, 2064)]
        self.assertEqual(self.flow_ids(flows), self.flow_ids(flows))

    def test_it_spreads_over_ports_addresses_and_protocols(self):
        cases = {
            "source port": [udp(SERVER, TO_VM, sport=1024 + index) for index in range(512)],
            "destination port": [udp(SERVER, TO_VM, dport=1024 + index) for index in range(512)],
            "tcp port": [tcp(SERVER, TO_VM, sport=1024 + index) for index in range(512)],
            "source address": [udp(f"198.51.{index >> 8}.{index & 255}", TO_VM) for index in range(1, 513)],
        }
        for what, packets in cases.items():
            with self.subTest(what=what):
                # 512 random flows leave fewer than 180 of 256 values once in many universes.
                self.assertGreater(len(set(self.flow_ids(packets))), 180)
        protocols = [bytes(IP(src=SERVER, dst=TO_VM, proto=proto) / Raw(bytes(16))) for proto in range(60, 130)]
        self.assertGreater(len(set(self.flow_ids(protocols))), 30)

    def test_all_fragments_of_a_packet_have_the_same(self):
        """Only the first fragment has ports, so none may count."""
        first = bytes(IP(src=SERVER, dst=TO_VM, proto=17, id=3, flags="MF") / Raw(b"\x0f\xa0\x13\x88" + bytes(60)))
        middle = bytes(IP(src=SERVER, dst=TO_VM, proto=17, id=3, flags="MF", frag=8) / Raw(b"\xaa" * 64))
        last = bytes(IP(src=SERVER, dst=TO_VM, proto=17, id=3, frag=16) / Raw(b"\x55" * 9))
        self.assertEqual(len(set(self.flow_ids([first, middle, last]))), 1)

    def test_icmp_type_and_sequence_are_no_ports(self):
        pings = [bytes(IP(src=SERVER, dst=TO_VM) / ICMP(type=8, id=5, seq=sequence)) for sequence in range(32)]
        self.assertEqual(len(set(self.flow_ids(pings))), 1)


class ZeroFlowId(ReplayTest):
    FLOWS = [(vm, udp(source, vm.address, sport=port))
             for vm in (RED_WEB, RED_DB) for source in (SERVER, "192.0.2.1") for port in range(3000, 3016)]

    def flow_ids_by_vm(self, config: dict) -> dict:
        run = self.replay({"wire1": [from_outside(RED_UPLINK, packet) for _, packet in self.FLOWS]}, config)
        frames = run.sent("wire0")
        self.assert_frames(frames, [expect_encap(packet, vm) for vm, packet in self.FLOWS])
        found = {RED_WEB: set(), RED_DB: set()}
        for (vm, _), frame in zip(self.FLOWS, frames):
            found[vm].add(flow_id(frame))
        return found

    def test_for_every_peer(self):
        self.assertEqual(self.flow_ids_by_vm(topology.encapsulation(flow_id="zero")), {RED_WEB: {0}, RED_DB: {0}})

    def test_for_one_peer(self):
        peer = {"provider-address": RED_WEB.provider_address, "flow-id": "zero"}
        found = self.flow_ids_by_vm(topology.encapsulation(peers=[peer]))
        self.assertEqual(found[RED_WEB], {0})
        self.assertGreater(len(found[RED_DB]), 8)

    def test_a_peer_that_hashes_where_the_rest_is_zero(self):
        peer = {"provider-address": RED_WEB.provider_address, "flow-id": "hash"}
        found = self.flow_ids_by_vm(topology.encapsulation(flow_id="zero", peers=[peer]))
        self.assertEqual(found[RED_DB], {0})
        self.assertGreater(len(found[RED_WEB]), 8)

    def test_for_one_record(self):
        config = topology.base()
        topology.tenant(config, "red")["records"] = [RED_WEB.record(), RED_DB.record(**{"flow-id": "zero"})]
        found = self.flow_ids_by_vm(config)
        self.assertEqual(found[RED_DB], {0})
        self.assertGreater(len(found[RED_WEB]), 8)

    def test_a_record_has_the_last_word(self):
        config = topology.encapsulation(peers=[{"provider-address": RED_DB.provider_address, "flow-id": "zero"}])
        topology.tenant(config, "red")["records"] = [RED_WEB.record(), RED_DB.record(**{"flow-id": "hash"})]
        self.assertGreater(len(self.flow_ids_by_vm(config)[RED_DB]), 8)

    def test_between_vms_too(self):
        packets = [udp(BLUE_PUBLIC.address, BLUE_DB.address, sport=port) for port in range(2000, 2032)]
        frames = [from_vm(BLUE_PUBLIC, packet, flow=77) for packet in packets]
        run = self.replay({"wire0": frames}, topology.encapsulation(flow_id="zero"))
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, BLUE_DB) for packet in packets], flow_id=True)
        run = self.replay({"wire0": frames})
        found = {flow_id(frame) for frame in run.sent("wire0")}
        self.assertGreater(len(found), 8)


if __name__ == "__main__":
    unittest.main()
