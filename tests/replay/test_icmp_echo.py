"""ICMP echo to every address of the gateway's own; never to another, never about a broken request."""

import unittest
from typing import Optional

from lib.assertions import ReplayTest
from lib.packets import (ICMP, IP, PORT, UNREACHABLE, Raw, checksum_is_right, echo, encapsulated, ethernet,
                         from_outside, from_vm, gre_offset, icmp_error, udp)
from lib.topology import (BLUE_HOST_MAC, BLUE_PUBLIC, BLUE_WEB, COMPUTE_SITE, FAR_ROUTER_MAC, GATEWAY_SITE, INTERNET,
                          RED_DB, RED_HOST_MAC, RED_UPLINK, RED_WEB, SERVER)

PAYLOADS = [b"", b"x", b"odd", bytes(range(56)), bytes(1400)]


class Echo(ReplayTest):
    def assert_replies(self, replies: list, requests: list) -> None:
        """Each reply is its request turned around; identification, TTL and DF are the replier's own."""
        self.assertEqual(len(replies), len(requests))
        for reply, request in zip(replies, requests):
            answer, question = IP(reply), IP(request)
            self.assertEqual((answer.src, answer.dst, answer.proto), (question.dst, question.src, 1))
            self.assertEqual((answer.version, answer.ihl, answer.len), (4, 5, len(request)))
            self.assertEqual(len(reply), len(request))
            self.assertTrue(checksum_is_right(reply[:20]))
            self.assertGreaterEqual(answer.ttl, 32)
            self.assertEqual((answer.frag, answer.flags.MF), (0, False))
            expected = ICMP(type=0, code=0, id=question[ICMP].id, seq=question[ICMP].seq) / Raw(request[28:])
            self.assertEqual(reply[20:], bytes(expected))

    def replies_on(self, network, requests: list, src_mac: Optional[str] = None) -> list:
        """The IP packets that answer requests on a provider or external network, their Ethernet side checked."""
        mac = src_mac or network.router_mac
        run = self.replay({network.port: [ethernet(request, mac, network.mac, network.vlan) for request in requests]})
        frames = run.sent(network.port)
        header = ethernet(b"", network.mac, mac, network.vlan)
        self.assertEqual({frame[:len(header)] for frame in frames}, {header})
        self.assert_drops(run, {})
        return [frame[len(header):] for frame in frames]

    def replies_to_vm(self, vm, requests: list, **more) -> list:
        """The IP packets that answer requests of a VM, everything around them checked."""
        run = self.replay({"wire0": [from_vm(vm, request, **more) for request in requests]})
        frames = run.sent("wire0")
        start = 22 + gre_offset(frames[0]) if frames else 0
        replies = [frame[start:] for frame in frames]
        self.assert_frames(frames, [encapsulated(reply, vm, tos=reply[1]) for reply in replies])
        self.assert_frames(run.sent("wire1"), [])
        self.assert_drops(run, {})
        return replies


class ProviderAddresses(Echo):
    def test_from_a_host_on_the_site(self):
        for network, host, mac in ((GATEWAY_SITE, "100.64.20.30", BLUE_HOST_MAC),
                                   (COMPUTE_SITE, "100.64.10.2", RED_HOST_MAC)):
            requests = [echo(host, network.address, sequence, payload) for sequence, payload in enumerate(PAYLOADS)]
            self.assert_replies(self.replies_on(network, requests, mac), requests)

    def test_from_a_host_behind_a_router(self):
        for host, mac in (("100.64.30.2", FAR_ROUTER_MAC), ("192.0.2.9", GATEWAY_SITE.router_mac)):
            requests = [echo(host, GATEWAY_SITE.address)]
            self.assert_replies(self.replies_on(GATEWAY_SITE, requests, mac), requests)

    def test_on_the_wrong_vlan_there_is_no_answer(self):
        request = echo("100.64.20.30", GATEWAY_SITE.address)
        run = self.replay({"wire0": [ethernet(request, BLUE_HOST_MAC, COMPUTE_SITE.mac, COMPUTE_SITE.vlan)]})
        self.assert_nothing_sent(run)


class ExternalAddresses(Echo):
    def test_from_the_internet(self):
        requests = [echo(SERVER, INTERNET.address, sequence, payload) for sequence, payload in enumerate(PAYLOADS)]
        self.assert_replies(self.replies_on(INTERNET, requests), requests)

    def test_from_the_networks_router(self):
        for network in (INTERNET, RED_UPLINK):
            requests = [echo(network.router, network.address)]
            self.assert_replies(self.replies_on(network, requests), requests)

    def test_the_last_hop_of_a_packet_is_not_decremented(self):
        requests = [echo(SERVER, INTERNET.address, ttl=1)]
        self.assert_replies(self.replies_on(INTERNET, requests), requests)

    def test_a_customer_side_address_that_is_public(self):
        requests = [echo(SERVER, BLUE_PUBLIC.gateway)]
        self.assert_replies(self.replies_on(INTERNET, requests), requests)

    def test_customer_side_addresses_by_the_tenants_uplink(self):
        requests = [echo(SERVER, RED_WEB.gateway, 1), echo(SERVER, RED_DB.gateway, 2)]
        self.assert_replies(self.replies_on(RED_UPLINK, requests), requests)


class CustomerAddresses(Echo):
    def test_a_vm_and_its_own_gateway(self):
        for vm in (RED_WEB, RED_DB, BLUE_WEB, BLUE_PUBLIC):
            requests = [echo(vm.address, vm.gateway, sequence, payload) for sequence, payload in enumerate(PAYLOADS)]
            self.assert_replies(self.replies_to_vm(vm, requests), requests)

    def test_a_vm_and_the_gateway_of_another_subnet(self):
        requests = [echo(RED_WEB.address, RED_DB.gateway)]
        self.assert_replies(self.replies_to_vm(RED_WEB, requests), requests)

    def test_the_gateway_subnets_vsid_is_answered_with_the_vms_own(self):
        requests = [echo(RED_DB.address, RED_WEB.gateway)]
        self.assert_replies(self.replies_to_vm(RED_DB, requests, vsid=RED_WEB.vsid), requests)

    def test_a_ttl_of_one_suffices(self):
        requests = [echo(RED_WEB.address, RED_WEB.gateway, ttl=1)]
        self.assert_replies(self.replies_to_vm(RED_WEB, requests), requests)

    def test_a_vm_and_an_external_address(self):
        """Of the tenant's own network, and of the shared one that another tenant's VMs reach."""
        for vm, network in ((RED_WEB, RED_UPLINK), (BLUE_WEB, INTERNET), (BLUE_PUBLIC, INTERNET)):
            with self.subTest(vm=vm.address, network=network.name):
                requests = [echo(vm.address, network.address), echo(vm.address, network.address, ttl=1, sequence=2)]
                self.assert_replies(self.replies_to_vm(vm, requests), requests)

    def test_only_an_echo_is_answered(self):
        """Whoever sends anything else hears from the address itself that nobody listens."""
        packets = {address: udp(BLUE_WEB.address, address) for address in (INTERNET.address, BLUE_WEB.gateway)}
        told = [encapsulated(icmp_error(packet, address, UNREACHABLE, PORT), BLUE_WEB, tos=0xC0)
                for address, packet in packets.items()]
        self.assert_dropped([from_vm(BLUE_WEB, packet) for packet in packets.values()], "local-unsupported", told=told)

    def test_with_sender_check_failures_there_is_no_answer(self):
        frames = [from_vm(RED_WEB, echo("10.0.1.6", RED_WEB.gateway)),
                  from_vm(RED_WEB, echo(RED_WEB.address, RED_WEB.gateway), src="100.64.10.3")]
        run = self.replay({"wire0": frames})
        self.assert_nothing_sent(run)
        self.assert_drops(run, {"source-record-missing": 1, "source-ca-pa-mismatch": 1})


class NoAnswer(Echo):
    def test_addresses_that_are_not_ours(self):
        run = self.replay({
            "wire0": [ethernet(echo("100.64.20.30", address), BLUE_HOST_MAC, GATEWAY_SITE.mac, 20)
                      for address in ("100.64.20.11", "100.64.20.255", "255.255.255.255", "224.0.0.1",
                                      INTERNET.address)],
            "wire1": [from_outside(INTERNET, echo(SERVER, address))
                      for address in ("198.18.0.255", "255.255.255.255", "224.0.0.1", RED_UPLINK.address,
                                      RED_WEB.gateway, GATEWAY_SITE.address)]})
        for port in ("wire0", "wire1"):
            self.assertEqual([frame for frame in run.sent(port) if frame[38:39] == b"\0"], [], "an echo reply")

    def test_a_broken_icmp_checksum(self):
        request = bytearray(echo(SERVER, INTERNET.address))
        request[22] ^= 0xFF
        run = self.replay({"wire1": [from_outside(INTERNET, bytes(request))]})
        self.assert_nothing_sent(run)

    def test_replies_and_errors_are_not_answered(self):
        messages = [bytes(IP(src=SERVER, dst=INTERNET.address) / ICMP(type=kind) / Raw(bytes(28)))
                    for kind in (0, 3, 4, 5, 11, 12, 40, 255)]
        run = self.replay({"wire1": [from_outside(INTERNET, message) for message in messages]})
        self.assert_nothing_sent(run)

    def test_sources_that_cannot_be_answered(self):
        run = self.replay({"wire1": [from_outside(INTERNET, echo(source, INTERNET.address))
                                     for source in ("0.0.0.0", "127.0.0.1", "255.255.255.255", "224.0.0.1")]})
        self.assert_nothing_sent(run)


if __name__ == "__main__":
    unittest.main()
