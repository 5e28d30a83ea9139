"""ICMPv6 echo to every address of the gateway's own, link-local ones included; never to another."""

import unittest

from scapy.layers.inet6 import ICMPv6EchoReply, IPv6
from scapy.packet import Raw

from lib.discovery import in_overlay, link_local
from lib.families import COMPUTE_SITE_6, GATEWAY_SITE_6, INTERNET_6, ONLY_6, RED_UPLINK_6, SERVER_6, Families, in_each
from lib.packets import echo, encapsulated, ethernet, from_outside, from_vm, gre_offset
from lib.topology import BLUE_HOST_MAC, FAR_ROUTER_MAC, RED_HOST_MAC

PAYLOADS = [b"", b"x", b"odd", bytes(range(56)), bytes(1300)]
INNER_IPV6 = (Families(6, 4), Families(6, 6))


class Echo:
    def assert_replies(self, replies: list, requests: list) -> None:
        """Each reply is its request turned around."""
        self.assertEqual(len(replies), len(requests))
        for reply, request in zip(replies, requests):
            answer, question = IPv6(reply), IPv6(request)
            self.assertGreaterEqual(answer.hlim, 32)
            payload = question.payload
            expected = IPv6(src=question.dst, dst=question.src, hlim=answer.hlim, tc=answer.tc, fl=answer.fl) \
                / ICMPv6EchoReply(id=payload.id, seq=payload.seq, data=payload.data)
            self.assertEqual(reply.hex(), bytes(expected).hex())

    def on_network(self, network, requests: list, mac: str = "") -> list:
        """The IP packets that answer requests on a network, their Ethernet side checked."""
        mac = mac or network.router_mac
        run = self.replay({network.port: [ethernet(request, mac, network.mac, network.vlan) for request in requests]})
        frames = run.sent(network.port)
        head = ethernet(b"", network.mac, mac, network.vlan, 0x86DD)
        self.assertEqual({frame[:len(head)] for frame in frames}, {head})
        self.assert_drops(run, {})
        return [frame[len(head):] for frame in frames]

    def to_vm(self, vm, requests: list, **more) -> list:
        """The IP packets that answer requests of a VM, everything around them checked."""
        run = self.replay({"wire0": [from_vm(vm, request, **more) for request in requests]})
        frames = run.sent("wire0")
        replies = [frame[gre_offset(frame) + 22:] for frame in frames]
        self.assert_frames(frames, [encapsulated(reply, vm) for reply in replies])
        self.assert_frames(run.sent("wire1"), [])
        self.assert_drops(run, {})
        return replies


@in_each(ONLY_6)
class Networks(Echo):
    def test_provider_addresses(self):
        for network, host, mac in ((GATEWAY_SITE_6, "fd64:20::30", BLUE_HOST_MAC),
                                   (GATEWAY_SITE_6, "fd64:30::2", FAR_ROUTER_MAC),
                                   (COMPUTE_SITE_6, "fd64:10::2", RED_HOST_MAC)):
            with self.subTest(host=host):
                requests = [echo(host, network.address, number, payload) for number, payload in enumerate(PAYLOADS)]
                self.assert_replies(self.on_network(network, requests, mac), requests)

    def test_external_addresses(self):
        for network, source in ((INTERNET_6, SERVER_6), (INTERNET_6, INTERNET_6.router), (RED_UPLINK_6, SERVER_6)):
            with self.subTest(network=network.name, source=source):
                requests = [echo(source, network.address, number, payload) for number, payload in enumerate(PAYLOADS)]
                self.assert_replies(self.on_network(network, requests), requests)

    def test_link_local_addresses(self):
        for network in (GATEWAY_SITE_6, COMPUTE_SITE_6, INTERNET_6, RED_UPLINK_6):
            with self.subTest(network=network.name):
                requests = [echo(link_local(network.router_mac), link_local(network.mac), ttl=ttl) for ttl in (1, 64)]
                # Who asks need not be a neighbour yet.
                run = self.replay({network.port: [from_outside(network, request) for request in requests]})
                for frame in run.sent(network.port):
                    self.assertEqual(frame[:6].hex(":"), network.router_mac)
                self.assert_replies([frame[18:] for frame in run.sent(network.port)], requests)

    def test_the_last_hop_is_not_decremented(self):
        requests = [echo(SERVER_6, INTERNET_6.address, ttl=1)]
        self.assert_replies(self.on_network(INTERNET_6, requests), requests)

    def test_a_customer_side_address_that_is_public(self):
        requests = [echo(SERVER_6, self.on.blue_public.gateway)]
        self.assert_replies(self.on_network(INTERNET_6, requests), requests)

    def test_other_addresses(self):
        others = ["2001:db8:300::3", RED_UPLINK_6.address, self.on.red_web.gateway, GATEWAY_SITE_6.address,
                  "fe80::1"]
        run = self.replay({"wire1": [from_outside(INTERNET_6, echo(SERVER_6, other)) for other in others]})
        self.assertEqual([frame for frame in run.sent("wire1") if frame[58:59] == b"\x81"], [], "an echo reply")

    def test_a_broken_checksum_and_no_query(self):
        good = echo(SERVER_6, INTERNET_6.address)
        messages = [good[:42] + bytes([good[42] ^ 0xFF]) + good[43:]]
        messages.append(bytes(IPv6(src=SERVER_6, dst=INTERNET_6.address) / ICMPv6EchoReply(id=1, seq=1, data=b"?")))
        messages += [bytes(IPv6(src=SERVER_6, dst=INTERNET_6.address, nh=58) / Raw(bytes([kind]) + bytes(31)))
                     for kind in (1, 2, 3, 4, 100, 127, 137, 143, 200, 255)]
        run = self.replay({"wire1": [from_outside(INTERNET_6, message) for message in messages]})
        self.assert_nothing_sent(run)

    def test_sources_that_cannot_be_answered(self):
        requests = [echo(source, INTERNET_6.address) for source in ("::", "::1", "ff02::1")]
        run = self.replay({"wire1": [from_outside(INTERNET_6, request) for request in requests]})
        self.assert_nothing_sent(run)


@in_each(*INNER_IPV6)
class Vms(Echo):
    def test_its_own_gateway(self):
        for vm in (self.on.red_web, self.on.red_db, self.on.blue_web, self.on.blue_public):
            with self.subTest(vm=vm.address):
                requests = [echo(vm.address, vm.gateway, number, payload) for number, payload in enumerate(PAYLOADS)]
                self.assert_replies(self.to_vm(vm, requests), requests)

    def test_the_gateway_of_another_subnet(self):
        vm = self.on.red_web
        requests = [echo(vm.address, self.on.red_db.gateway, ttl=ttl) for ttl in (1, 64)]
        self.assert_replies(self.to_vm(vm, requests), requests)

    def test_the_gateway_subnets_vsid_is_answered_with_the_vms_own(self):
        vm = self.on.red_db
        requests = [echo(vm.address, self.on.red_web.gateway)]
        self.assert_replies(self.to_vm(vm, requests, vsid=self.on.red_web.vsid), requests)

    def test_link_local_addresses(self):
        vm = self.on.red_web
        requests = [echo(source, link_local(vm.gateway_mac)) for source in (vm.address, link_local(vm.mac))]
        self.assert_replies(self.to_vm(vm, requests), requests)

    def test_an_external_address(self):
        for vm, network in ((self.on.red_web, RED_UPLINK_6), (self.on.blue_public, INTERNET_6)):
            with self.subTest(network=network.name):
                requests = [echo(vm.address, network.address, ttl=ttl) for ttl in (1, 64)]
                self.assert_replies(self.to_vm(vm, requests), requests)

    def test_senders_that_do_not_check(self):
        vm = self.on.red_web
        frames = [from_vm(vm, echo(self.on.stranger, vm.gateway)),
                  from_vm(vm, echo(vm.address, vm.gateway), src=self.on.other_host),
                  from_vm(vm, echo(link_local(vm.mac), link_local(vm.gateway_mac)), src=self.on.other_host),
                  in_overlay(vm, echo(link_local(vm.mac), link_local(vm.gateway_mac)), src="02:15:5d:00:00:99")]
        run = self.replay({"wire0": frames})
        self.assert_nothing_sent(run)


if __name__ == "__main__":
    unittest.main()
