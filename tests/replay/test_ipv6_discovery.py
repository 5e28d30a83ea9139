"""Neighbour discovery on provider and external networks (RFC 4861): the gateway answers for its own addresses, each on
its own VLAN, asks for its next hops, and believes nobody from beyond the link."""

import unittest

from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.packet import Raw

from lib import topology
from lib.discovery import (ADVERTISEMENT, ALL_NODES, SOLICITATION, UNSPECIFIED, advertisement, by_gateway, link_local,
                           on_network, probe, solicitation, solicited_node)
from lib.families import (COMPUTE_SITE_6, GATEWAY_SITE_6, INTERNET_6, ONLY_6, RED_UPLINK_6, SERVER_6, in_each)
from lib.gateway import MILLISECOND, START_NS, at
from lib.packets import (HOST, UNREACHABLE, error_to_outside, error_to_vm, expect_decap, expect_encap, from_outside,
                         from_vm, routed, udp)

ASKER_MAC = "02:00:00:00:77:01"
ASKERS = {COMPUTE_SITE_6: "fd64:10::77", GATEWAY_SITE_6: "fd64:20::77", INTERNET_6: "2001:db8:300::77",
          RED_UPLINK_6: "2001:db8:301::77"}
HOST_ADDRESS, HOST_MAC, NEW_MAC = "2001:db8:300::78", "02:00:00:00:30:77", "02:00:00:00:30:78"


def answer(network, asker: str, target: str = "") -> bytes:
    """The gateway's answer to ASKER_MAC: solicited and, for there is no other, overriding. Where it routes, it is a
    router (RFC 4861 section 7.2.4)."""
    target = target or network.address
    return by_gateway(network, advertisement(target, target, network.mac, asker, router=True), ASKER_MAC)


@in_each(ONLY_6)
class Answers:
    def answers(self, network, packets: list, config=None) -> list:
        """What the gateway advertises when a station asks with these packets."""
        run = self.replay({network.port: [on_network(network, packet, ASKER_MAC) for packet in packets]}, config)
        self.assert_nothing_sent(run)
        return [frame.data for frame in run.discovery(network.port, ADVERTISEMENT)]

    def test_a_question_to_the_group_and_one_by_unicast(self):
        for network, asker in ASKERS.items():
            with self.subTest(network=network.name):
                asked = [solicitation(asker, ASKER_MAC, network.address),
                         solicitation(asker, ASKER_MAC, network.address, dst=network.address)]
                self.assert_frames(self.answers(network, asked), [answer(network, asker)] * 2)

    def test_a_link_local_asker(self):
        asker = link_local(ASKER_MAC)
        self.assert_frames(self.answers(INTERNET_6, [solicitation(asker, ASKER_MAC, INTERNET_6.address)]),
                           [answer(INTERNET_6, asker)])

    def test_our_link_local_address(self):
        for network in ASKERS:
            with self.subTest(network=network.name):
                own = link_local(network.mac)
                asked = solicitation(link_local(ASKER_MAC), ASKER_MAC, own)
                self.assert_frames(self.answers(network, [asked]), [answer(network, link_local(ASKER_MAC), own)])

    def test_a_padded_question(self):
        asker = ASKERS[INTERNET_6]
        frame = on_network(INTERNET_6, solicitation(asker, ASKER_MAC, INTERNET_6.address), ASKER_MAC) + bytes(9)
        run = self.replay({"wire1": [frame]})
        self.assert_frames([frame.data for frame in run.discovery("wire1", ADVERTISEMENT)],
                           [answer(INTERNET_6, asker)])

    def test_an_option_that_nobody_knows_is_skipped(self):
        asker = ASKERS[INTERNET_6]
        asked = IPv6(src=asker, dst=solicited_node(INTERNET_6.address), hlim=255) / ICMPv6ND_NS(tgt=INTERNET_6.address)
        asked = asked / Raw(bytes([253, 2]) + bytes(14)) / ICMPv6NDOptSrcLLAddr(lladdr=ASKER_MAC)
        self.assert_frames(self.answers(INTERNET_6, [bytes(asked)]), [answer(INTERNET_6, asker)])

    def test_who_wants_our_address_is_told_that_it_is_taken(self):
        """Duplicate address detection of another station: the answer goes to everybody (RFC 4861 section 7.2.4)."""
        said = advertisement(INTERNET_6.address, INTERNET_6.address, INTERNET_6.mac, ALL_NODES, router=True,
                             solicited=False)
        self.assert_frames(self.answers(INTERNET_6, [probe(INTERNET_6.address)]), [by_gateway(INTERNET_6, said)])

    def test_other_addresses_are_not_ours(self):
        """A neighbour's, a free one, a tenant's public one, an overlay gateway's, those of other networks."""
        asker = ASKERS[INTERNET_6]
        others = [INTERNET_6.router, "2001:db8:300::200", self.on.blue_public.address, self.on.blue_public.gateway,
                  RED_UPLINK_6.address, GATEWAY_SITE_6.address]
        self.assertEqual(self.answers(INTERNET_6, [solicitation(asker, ASKER_MAC, other) for other in others]), [])

    def test_broken_questions(self):
        """RFC 4861 section 7.1.1: from beyond the link, with a wrong checksum or code, cut, about a group, with an
        option of no length, and from nobody by the wrong way."""
        asker, ours = ASKERS[INTERNET_6], INTERNET_6.address
        good = solicitation(asker, ASKER_MAC, ours)
        broken = [solicitation(asker, ASKER_MAC, ours, hlim=hops) for hops in (254, 64, 1, 0)]
        broken.append(good[:42] + bytes([good[42] ^ 0xFF]) + good[43:])
        group = IPv6(src=asker, dst=solicited_node(ours), hlim=255)
        broken.append(bytes(group / ICMPv6ND_NS(tgt=ours, code=1) / ICMPv6NDOptSrcLLAddr(lladdr=ASKER_MAC)))
        broken.append(bytes(group / ICMPv6ND_NS(tgt="ff02::1") / ICMPv6NDOptSrcLLAddr(lladdr=ASKER_MAC)))
        broken.append(bytes(group / ICMPv6ND_NS(tgt=ours) / Raw(b"\x01\0" + bytes(6))))
        broken.append(bytes(group / ICMPv6ND_NS(tgt=ours) / Raw(b"\x01\x02" + bytes(6))))
        broken.append(solicitation(UNSPECIFIED, ASKER_MAC, ours))
        broken.append(solicitation(UNSPECIFIED, None, ours, dst=ours))
        self.assertEqual(self.answers(INTERNET_6, broken), [])

    def test_a_question_that_ends_early(self):
        good = solicitation(ASKERS[INTERNET_6], ASKER_MAC, INTERNET_6.address)
        # Behind the target there is only the option, and a question may have none; within it, its length is wrong.
        ends = [good[:4] + (length - 40).to_bytes(2, "big") + good[6:length] for length in range(40, len(good))]
        self.assertEqual(self.answers(INTERNET_6, ends), [])


def out(vm, milliseconds: float, mark: int = 0, address: str = HOST_ADDRESS):
    """A packet of a VM's to a host on the external network, and the frame that brings it."""
    packet = udp(vm.address, address, mark=mark)
    return packet, at(milliseconds, from_vm(vm, packet))


def claim(mac: str = HOST_MAC, **more) -> bytes:
    """The host says where it is."""
    more = {"dst": INTERNET_6.address, **more}
    return on_network(INTERNET_6, advertisement(HOST_ADDRESS, HOST_ADDRESS, mac, **more), mac)


@in_each(ONLY_6)
class Resolution:
    def setUp(self):
        self.vm = self.on.blue_public

    def carried(self, packet: bytes, mac: str = HOST_MAC) -> bytes:
        return expect_decap(packet, INTERNET_6, mac)

    def test_an_unknown_neighbour_is_asked_for_and_the_packet_held(self):
        packets, frames = zip(*(out(self.vm, 10 * mark, mark) for mark in range(3)))
        run = self.replay({"wire0": list(frames), "wire1": [at(50, claim())]})
        asked = run.discovery("wire1", SOLICITATION)
        self.assertEqual(asked[0].time_ns, START_NS)
        question = solicitation(INTERNET_6.address, INTERNET_6.mac, HOST_ADDRESS)
        self.assert_frames([asked[0].data], [by_gateway(INTERNET_6, question)])
        self.assert_frames(run.sent("wire1"), [self.carried(packet) for packet in packets])
        for frame in run.frames["wire1"]:
            if frame.data in run.sent("wire1"):
                self.assertTrue(50 <= (frame.time_ns - START_NS) / MILLISECOND <= 60)
        self.assert_drops(run, {})

    def test_a_provider_next_hop_is_asked_for_on_its_own_vlan(self):
        config, vm = self.on.config(), self.on.blue_public
        topology.forget_neighbor(config, vm.provider_address)
        packet = udp(SERVER_6, vm.address)
        answer = advertisement(vm.provider_address, vm.provider_address, vm.next_hop_mac, vm.site.address)
        run = self.replay({"wire1": [from_outside(INTERNET_6, packet)],
                           "wire0": [at(30, on_network(vm.site, answer, vm.next_hop_mac))]}, config)
        question = solicitation(vm.site.address, vm.site.mac, vm.provider_address)
        self.assert_frames([run.discovery("wire0", SOLICITATION)[0].data], [by_gateway(vm.site, question)])
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, vm)])

    def test_nobody_answers(self):
        """The question is repeated, bounded, and then the sender is told: of the packet as it waited, a hop on."""
        packet, frame = out(self.vm, 0)
        run = self.replay({"wire0": [frame]})
        times = [frame.time_ns for frame in run.discovery("wire1", SOLICITATION, HOST_ADDRESS)]
        self.assertTrue(2 <= len(times) <= 10, f"{len(times)} questions")
        self.assertEqual(run.sent("wire1"), [])
        self.assert_frames(run.sent("wire0"), [error_to_vm(routed(packet), self.vm, UNREACHABLE, HOST)])
        self.assert_drops(run, {"neighbor-unresolved": 1})

    def test_no_provider_next_hop_answers(self):
        config, vm = self.on.config(), self.on.blue_public
        topology.forget_neighbor(config, vm.provider_address)
        packet = udp(SERVER_6, vm.address)
        run = self.replay({"wire1": [from_outside(INTERNET_6, packet)]}, config)
        self.assert_frames(run.sent("wire1"), [error_to_outside(routed(packet), INTERNET_6, UNREACHABLE, HOST)])
        self.assert_drops(run, {"neighbor-unresolved": 1})

    def assert_not_believed(self, said: bytes) -> None:
        _, frame = out(self.vm, 0)
        run = self.replay({"wire0": [frame], "wire1": [at(30, said)]})
        self.assertEqual(run.sent("wire1"), [])

    def test_answers_that_do_not_count(self):
        """From beyond the link, from another network, about somebody else, with a group's address, or with none."""
        good = claim()
        wrong = [claim(hlim=254), claim(mac="33:33:00:00:00:01"), good[:-8] + b"\x02\0" + good[-6:],
                 good[:14 + 4 + 42] + b"\xbe\xef" + good[14 + 4 + 44:],
                 on_network(RED_UPLINK_6, advertisement(HOST_ADDRESS, HOST_ADDRESS, HOST_MAC, INTERNET_6.address),
                            HOST_MAC),
                 on_network(INTERNET_6, advertisement(HOST_ADDRESS, "2001:db8:300::79", HOST_MAC, INTERNET_6.address),
                            HOST_MAC)]
        without = IPv6(src=HOST_ADDRESS, dst=INTERNET_6.address, hlim=255) / ICMPv6ND_NA(tgt=HOST_ADDRESS, S=1, O=1)
        wrong.append(on_network(INTERNET_6, bytes(without), HOST_MAC))
        for said in wrong:
            with self.subTest(said=said.hex()):
                self.assert_not_believed(said)

    def test_what_nobody_asked_for_makes_no_neighbour(self):
        """RFC 4861 section 7.2.5."""
        run = self.replay({"wire1": [at(0, claim(solicited=False, dst=ALL_NODES))]})
        self.assertNotIn(HOST_ADDRESS, [neighbor["address"] for neighbor in run.report["neighbors"]])

    def moved(self, said: bytes) -> list:
        """Where packets go before and after."""
        frames = [out(self.vm, moment, moment)[1] for moment in (0, 100, 300)]
        run = self.replay({"wire0": frames, "wire1": [at(10, claim()), at(200, said)]})
        self.assertEqual(len(run.sent("wire1")), 3)
        return [frame[:6].hex(":") for frame in run.sent("wire1")]

    def test_a_known_neighbour_moves_when_it_says_so(self):
        announced = claim(NEW_MAC, solicited=False, dst=ALL_NODES)
        self.assertEqual(self.moved(announced), [HOST_MAC, HOST_MAC, NEW_MAC])

    def test_without_the_override_flag_it_does_not(self):
        announced = claim(NEW_MAC, solicited=False, override=False, dst=ALL_NODES)
        self.assertEqual(self.moved(announced), [HOST_MAC] * 3)

    def test_a_static_neighbour_does_not_move(self):
        packet = udp(self.vm.address, SERVER_6)
        router = INTERNET_6.router
        announced = on_network(INTERNET_6, advertisement(router, router, NEW_MAC, ALL_NODES, solicited=False), NEW_MAC)
        run = self.replay({"wire1": [at(0, announced)], "wire0": [at(100, from_vm(self.vm, packet))]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET_6)])


if __name__ == "__main__":
    unittest.main()
