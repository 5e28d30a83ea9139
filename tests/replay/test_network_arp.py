"""ARP on provider and external networks: the gateway answers for its own addresses, each on its own VLAN."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.packets import ARP, BROADCAST, Ether, arp_reply, arp_request, ethernet
from lib.topology import COMPUTE_SITE, GATEWAY_SITE, INTERNET, RED_UPLINK, Network

ASKER_MAC = "02:00:00:00:77:01"
NETWORKS = {COMPUTE_SITE: "100.64.10.77", GATEWAY_SITE: "100.64.20.77", INTERNET: "198.18.0.77",
            RED_UPLINK: "198.18.1.77"}


def answers(run, port: str) -> list:
    """The ARP replies that left by a port."""
    return [frame.data for frame in run.arp(port) if Ether(frame.data)[ARP].op == 2]


def expected_answer(network: Network, asker: str, vlan=-1) -> bytes:
    """The gateway's reply to ASKER_MAC."""
    packet = ARP(op=2, hwsrc=network.mac, psrc=network.address, hwdst=ASKER_MAC, pdst=asker)
    return ethernet(packet, network.mac, ASKER_MAC, network.vlan if vlan == -1 else vlan, 0x0806)


class NetworkArp(ReplayTest):
    def test_a_request_for_our_address_is_answered_by_unicast(self):
        for network, asker in NETWORKS.items():
            with self.subTest(network=network.name):
                run = self.replay({network.port: [arp_request(network, asker, ASKER_MAC, network.address)]})
                self.assert_frames(answers(run, network.port), [expected_answer(network, asker)])
                self.assert_nothing_sent(run)
                self.assert_drops(run, {})

    def test_a_request_by_unicast_is_answered_too(self):
        request = arp_request(INTERNET, "198.18.0.77", ASKER_MAC, INTERNET.address, dst=INTERNET.mac)
        run = self.replay({"wire1": [request]})
        self.assert_frames(answers(run, "wire1"), [expected_answer(INTERNET, "198.18.0.77")])

    def test_a_padded_request_is_answered(self):
        run = self.replay({"wire1": [arp_request(INTERNET, "198.18.0.77", ASKER_MAC, INTERNET.address) + bytes(18)]})
        self.assert_frames(answers(run, "wire1"), [expected_answer(INTERNET, "198.18.0.77")])

    def test_on_an_untagged_network_the_answer_is_untagged(self):
        config = topology.base()
        del topology.named(config["external"], "internet")["vlan"]
        packet = ARP(op=1, hwsrc=ASKER_MAC, psrc="198.18.0.77", hwdst="00:00:00:00:00:00", pdst=INTERNET.address)
        run = self.replay({"wire1": [ethernet(packet, ASKER_MAC, BROADCAST, ethertype=0x0806)]}, config)
        self.assert_frames(answers(run, "wire1"), [expected_answer(INTERNET, "198.18.0.77", vlan=None)])

    def test_a_probe_for_our_address_is_answered(self):
        """RFC 5227: its sender address is 0.0.0.0, and it must hear that the address is taken."""
        run = self.replay({"wire1": [arp_request(INTERNET, "0.0.0.0", ASKER_MAC, INTERNET.address)]})
        self.assert_frames(answers(run, "wire1"), [expected_answer(INTERNET, "0.0.0.0")])

    def test_requests_for_other_addresses_are_not_answered(self):
        """A neighbour's, a free one, a tenant's public one, the overlay's gateway."""
        targets = ["198.18.0.1", "198.18.0.200", "203.0.113.5", "203.0.113.1", "10.0.1.1", "100.64.20.10"]
        run = self.replay({"wire1": [arp_request(INTERNET, "198.18.0.77", ASKER_MAC, target) for target in targets]})
        self.assertEqual(answers(run, "wire1"), [])
        self.assert_nothing_sent(run)

    def test_our_address_of_another_network_is_not_answered(self):
        run = self.replay({
            "wire0": [arp_request(COMPUTE_SITE, "100.64.20.77", ASKER_MAC, GATEWAY_SITE.address),
                      arp_request(GATEWAY_SITE, "100.64.10.77", ASKER_MAC, COMPUTE_SITE.address)],
            "wire1": [arp_request(RED_UPLINK, "198.18.0.77", ASKER_MAC, INTERNET.address),
                      arp_request(INTERNET, "198.18.1.77", ASKER_MAC, RED_UPLINK.address)]})
        self.assertEqual(answers(run, "wire0") + answers(run, "wire1"), [])

    def test_broken_arp_is_not_answered(self):
        good = arp_request(INTERNET, "198.18.0.77", ASKER_MAC, INTERNET.address)
        body = 18
        broken = [good[:length] for length in range(body, len(good), 3)]
        # Other hardware, other protocol, other address lengths, other operations.
        for offset, value in ((1, 6), (2, 0x86), (3, 0x01), (4, 8), (5, 16), (7, 0), (7, 3), (7, 25), (6, 1)):
            frame = bytearray(good)
            frame[body + offset] = value
            broken.append(bytes(frame))
        run = self.replay({"wire1": broken})
        self.assertEqual(answers(run, "wire1"), [])

    def test_a_reply_that_no_one_asked_for_is_not_answered(self):
        run = self.replay({"wire1": [arp_reply(INTERNET, "198.18.0.77", ASKER_MAC),
                                     arp_reply(INTERNET, "198.18.0.77", ASKER_MAC, BROADCAST, "198.18.0.77")]})
        self.assertEqual(answers(run, "wire1"), [])
        self.assert_nothing_sent(run)


if __name__ == "__main__":
    unittest.main()
