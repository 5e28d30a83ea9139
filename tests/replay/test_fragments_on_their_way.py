"""Section 5: the fragments of a packet that does not fit go as the packet would have gone: in its flow, and as soon as
the next hop is known."""

import unittest

from lib import topology
from lib.families import Families, in_each
from lib.gateway import at
from lib.packets import IP, arp_reply, expect_encap, flow_id, from_outside, udp
from lib.assertions import ReplayTest
from lib.topology import BLUE_PUBLIC, GATEWAY_SITE, INTERNET, SERVER


@in_each(Families(4, 4), Families(4, 6))
class FragmentsOfOneFlow:
    def test_they_have_the_flow_id_of_packets_that_fit(self):
        vm, config = self.on.blue_public, self.on.config()
        topology.named(config["ports"], "wire0")["mtu"] = 1500
        packets = [udp(SERVER, vm.address, size=size, sport=port) for size in (64, 1440) for port in range(4000, 4008)]
        run = self.replay({"wire1": [from_outside(INTERNET, packet) for packet in packets]}, config)
        flows = [flow_id(frame) for frame in run.sent("wire0")]
        self.assertGreater(len(set(flows[:8])), 1)
        self.assertEqual(flows[8:], [flow for flow in flows[:8] for _ in range(2)])


class FragmentsThatWait(ReplayTest):
    def test_for_the_next_hop_as_packets_do(self):
        config = topology.forget_neighbor(topology.base(), BLUE_PUBLIC.provider_address)
        topology.named(config["ports"], "wire0")["mtu"] = 1500
        packet = udp(SERVER, BLUE_PUBLIC.address, size=1470)
        answer = arp_reply(GATEWAY_SITE, BLUE_PUBLIC.provider_address, BLUE_PUBLIC.next_hop_mac)
        run = self.replay({"wire1": [at(0, from_outside(INTERNET, packet))], "wire0": [at(50, answer)]}, config)
        pieces = IP(packet).fragment((1458 - 20) // 8 * 8)
        self.assertEqual(len(pieces), 2)
        self.assert_frames(run.sent("wire0"), [expect_encap(piece, BLUE_PUBLIC) for piece in pieces])


if __name__ == "__main__":
    unittest.main()
