"""What is for the control thread is limited by kind and by where it comes from: a flood of one takes nothing from
another, nor from packets that are only carried."""

import unittest

from lib.assertions import ReplayTest
from lib.discovery import ADVERTISEMENT, advertisement, in_overlay, on_network, solicitation, to_vm
from lib.families import INTERNET_6, ONLY_6, in_each
from lib.gateway import at
from lib.packets import (ARP, ARP_TYPE, BROADCAST, arp_reply, arp_request, echo, encapsulated, ethernet, expect_decap,
                         expect_encap, from_outside, from_vm, gre_offset, nvgre, udp)
from lib.topology import (BLUE_PUBLIC, BLUE_WEB, COMPUTE_SITE, GATEWAY_SITE, INTERNET, RED_DB, RED_UPLINK, RED_WEB,
                          SERVER)

COUNT = 5000
ASKER_MAC, HOST_MAC = "02:00:00:00:77:01", "02:00:00:00:30:77"
BLUE_VSID = BLUE_WEB.vsid.to_bytes(3, "big")


def flood(frame: bytes) -> list:
    """The frame a hundred times in each millisecond."""
    return [at(index * 0.01, frame) for index in range(COUNT)]


def vsid_of(frame: bytes) -> bytes:
    """The VSID of an encapsulated frame, as it is written."""
    start = gre_offset(frame)
    return frame[start + 4:start + 7]


def overlay_arp(vm) -> bytes:
    """A VM asks for its gateway."""
    question = ARP(op=1, hwsrc=vm.mac, psrc=vm.address, hwdst="00:00:00:00:00:00", pdst=vm.gateway)
    return nvgre(ethernet(question, vm.mac, BROADCAST, ethertype=ARP_TYPE), vm.vsid, vm.provider_address, vm.site,
                 src_mac=vm.next_hop_mac)


def overlay_answer(vm) -> bytes:
    return encapsulated(ARP(op=2, hwsrc=vm.gateway_mac, psrc=vm.gateway, hwdst=vm.mac, pdst=vm.address), vm,
                        ethertype=ARP_TYPE)


class Floods(ReplayTest):
    def limited(self, run) -> int:
        """How many packets were too many; there are some, and no other drops but those of what nobody answered."""
        count = sum(run.drops.get(reason, 0) for reason in ("punt-policed", "punt-queue-full"))
        self.assertGreater(count, COUNT // 2)
        return count

    def answers(self, run, port: str, asker: str) -> int:
        return len(run.arp(port, asker))

    def to_blue(self, run) -> list:
        return [frame for frame in run.sent("wire0") if vsid_of(frame) == BLUE_VSID]

    def test_arp_on_one_port_leaves_another_its_own(self):
        question = arp_request(INTERNET, "198.18.0.77", ASKER_MAC, INTERNET.address)
        lone = arp_request(GATEWAY_SITE, "100.64.20.77", ASKER_MAC, GATEWAY_SITE.address)
        run = self.replay({"wire1": flood(question), "wire0": [at(40, lone)]})
        self.assertEqual(self.answers(run, "wire0", "100.64.20.77"), 1)
        self.assertEqual(self.answers(run, "wire1", "198.18.0.77"), COUNT - self.limited(run))

    def test_arp_of_one_tenant_leaves_another_its_own(self):
        run = self.replay({"wire0": flood(overlay_arp(RED_WEB)) + [at(40, overlay_arp(BLUE_WEB))]})
        self.assertIn(overlay_answer(BLUE_WEB), run.sent("wire0"))
        self.assertEqual(len(run.sent("wire0")), 1 + COUNT - self.limited(run))

    def test_pings_of_one_tenant_leave_another_its_own(self):
        run = self.replay({"wire0": flood(from_vm(RED_WEB, echo(RED_WEB.address, RED_WEB.gateway)))
                           + [at(40, from_vm(BLUE_WEB, echo(BLUE_WEB.address, BLUE_WEB.gateway)))]})
        self.limited(run)
        self.assertEqual(len(self.to_blue(run)), 1)

    def test_pings_leave_arp_its_own(self):
        """On the same port and in the same tenant."""
        asked = arp_request(INTERNET, "198.18.0.77", ASKER_MAC, INTERNET.address)
        run = self.replay({"wire0": flood(from_vm(RED_WEB, echo(RED_WEB.address, RED_WEB.gateway)))
                           + [at(40, overlay_arp(RED_WEB))],
                           "wire1": flood(from_outside(INTERNET, echo(SERVER, INTERNET.address))) + [at(40, asked)]})
        self.limited(run)
        self.assertIn(overlay_answer(RED_WEB), run.sent("wire0"))
        self.assertEqual(self.answers(run, "wire1", "198.18.0.77"), 1)

    def test_packets_toward_unknown_hosts_leave_others_their_next_hops(self):
        """Red scans its uplink's subnet; blue needs one neighbour."""
        scan = [at(index * 0.01, from_vm(RED_WEB, udp(RED_WEB.address, f"198.18.1.{3 + index % 200}", index)))
                for index in range(COUNT)]
        packet = udp(BLUE_PUBLIC.address, "198.18.0.77")
        answer = arp_reply(INTERNET, "198.18.0.77", HOST_MAC)
        run = self.replay({"wire0": scan + [at(40, from_vm(BLUE_PUBLIC, packet))], "wire1": [at(45, answer)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET, HOST_MAC)])

    def test_what_is_only_carried_is_not_touched(self):
        carried = [udp(RED_WEB.address, RED_DB.address, mark) for mark in range(500)]
        frames = [at(index * 0.1, from_vm(RED_WEB, packet)) for index, packet in enumerate(carried)]
        question = arp_request(COMPUTE_SITE, "100.64.10.77", ASKER_MAC, COMPUTE_SITE.address)
        run = self.replay({"wire0": flood(question) + frames,
                           "wire1": flood(from_outside(RED_UPLINK, echo(SERVER, RED_UPLINK.address)))})
        self.limited(run)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, RED_DB) for packet in carried])


@in_each(ONLY_6)
class Discovery:
    """The same with neighbour discovery."""

    def test_questions_on_one_port_leave_another_its_own(self):
        site = self.on.blue_public.site
        question = on_network(INTERNET_6, solicitation("2001:db8:300::77", ASKER_MAC, INTERNET_6.address), ASKER_MAC)
        lone = on_network(site, solicitation("fd64:20::77", ASKER_MAC, site.address), ASKER_MAC)
        run = self.replay({"wire1": flood(question), "wire0": [at(40, lone)]})
        self.assertEqual(len(run.discovery("wire0", ADVERTISEMENT)), 1)
        self.assertGreater(run.drops["punt-policed"], COUNT // 2)

    def test_questions_of_one_tenant_leave_another_its_own(self):
        red, blue = self.on.red_web, self.on.blue_web
        asked = solicitation(red.address, red.mac, red.gateway)
        run = self.replay({"wire0": flood(in_overlay(red, asked)) + [at(40, in_overlay(blue, asked))]})
        answer = to_vm(blue, advertisement(blue.gateway, blue.gateway, blue.gateway_mac, blue.address, router=True))
        self.assert_frames([frame for frame in run.sent("wire0") if vsid_of(frame) == BLUE_VSID], [answer])


if __name__ == "__main__":
    unittest.main()
