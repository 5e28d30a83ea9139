"""Rule 12: inside the overlay the gateway answers for its own address, by unicast to the asker's record."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.packets import (ARP, ARP_TYPE, BROADCAST, GATEWAY_MAC, encapsulated, expect_decap, ethernet, from_vm,
                         inner_of, nvgre, udp)
from lib.topology import BLUE_WEB, RED_DB, RED_UPLINK, RED_WEB, SERVER, Vm

OTHER_MAC = "02:15:5d:00:00:99"


def arp_from(vm: Vm, target: str, dst: str = BROADCAST, host: str = "", **fields) -> bytes:
    """An ARP request of a VM, encapsulated by its host. `fields` are scapy's ARP fields."""
    fields = {"op": 1, "hwsrc": vm.mac, "psrc": vm.address, "hwdst": "00:00:00:00:00:00", "pdst": target, **fields}
    return nvgre(ethernet(ARP(**fields), fields["hwsrc"], dst, ethertype=ARP_TYPE), vm.vsid,
                 host or vm.provider_address, vm.site, src_mac=vm.next_hop_mac)


def answer_to(vm: Vm) -> bytes:
    """The gateway's answer for its address in the VM's subnet."""
    packet = ARP(op=2, hwsrc=GATEWAY_MAC, psrc=vm.gateway, hwdst=vm.mac, pdst=vm.address)
    return encapsulated(packet, vm, ethertype=ARP_TYPE)


class OverlayArp(ReplayTest):
    def test_the_gateway_address_is_answered(self):
        vms = [RED_WEB, RED_DB, BLUE_WEB]
        run = self.replay({"wire0": [arp_from(vm, vm.gateway) for vm in vms]})
        self.assert_frames(run.sent("wire0"), [answer_to(vm) for vm in vms])
        self.assert_frames(run.sent("wire1"), [])
        self.assert_drops(run, {})

    def test_a_request_by_unicast_is_answered_too(self):
        """A VM that refreshes its entry asks the gateway alone."""
        run = self.replay({"wire0": [arp_from(RED_WEB, RED_WEB.gateway, dst=GATEWAY_MAC)]})
        self.assert_frames(run.sent("wire0"), [answer_to(RED_WEB)])

    def test_a_padded_request_is_answered(self):
        """Virtual NICs pad to 60 bytes."""
        arp = bytes(ARP(op=1, hwsrc=RED_WEB.mac, psrc=RED_WEB.address, hwdst="00:00:00:00:00:00", pdst=RED_WEB.gateway))
        inner = ethernet(arp + bytes(18), RED_WEB.mac, BROADCAST, ethertype=ARP_TYPE)
        run = self.replay({"wire0": [nvgre(inner, RED_WEB.vsid, RED_WEB.provider_address, RED_WEB.site)]})
        self.assert_frames(run.sent("wire0"), [answer_to(RED_WEB)])

    def test_other_addresses_are_not_answered(self):
        """The asker's own, another VM's, a free one, another subnet's gateway, one outside."""
        targets = [RED_WEB.address, "10.0.1.7", "10.0.1.200", "10.0.2.1", RED_DB.address, SERVER, "0.0.0.0"]
        run = self.replay({"wire0": [arp_from(RED_WEB, target) for target in targets]})
        self.assert_nothing_sent(run)

    def test_an_asker_without_a_record_gets_no_answer(self):
        run = self.replay({"wire0": [arp_from(RED_WEB, RED_WEB.gateway, psrc=address)
                                     for address in ("10.0.1.6", "10.0.2.200", "192.0.2.1", "0.0.0.0")]})
        self.assert_nothing_sent(run)

    def test_an_asker_from_another_host_gets_no_answer(self):
        hosts = ["100.64.10.3", BLUE_WEB.provider_address, "192.0.2.1"]
        run = self.replay({"wire0": [arp_from(RED_WEB, RED_WEB.gateway, host=host) for host in hosts]})
        self.assert_nothing_sent(run)

    def test_an_answer_never_goes_to_a_mac_that_is_not_the_records(self):
        run = self.replay({"wire0": [arp_from(RED_WEB, RED_WEB.gateway, hwsrc=OTHER_MAC)]})
        for frame in run.sent("wire0"):
            self.assertEqual(inner_of(frame).dst, RED_WEB.mac)

    def test_replies_and_announcements_are_not_answered_and_change_nothing(self):
        """Learning is off: a gratuitous ARP with another MAC does not move the record."""
        announcements = [arp_from(RED_WEB, RED_WEB.address, hwsrc=OTHER_MAC),
                         arp_from(RED_WEB, RED_WEB.address, op=2, hwsrc=OTHER_MAC),
                         arp_from(RED_WEB, RED_WEB.address, hwsrc=OTHER_MAC, host="100.64.10.3")]
        packet = udp(RED_DB.address, RED_WEB.address)
        run = self.replay({"wire0": announcements + [from_vm(RED_DB, packet)]})
        (frame,) = run.sent("wire0")
        self.assertEqual(inner_of(frame).dst, RED_WEB.mac)

    def test_a_claim_to_the_gateways_address_changes_nothing(self):
        claim = arp_from(RED_WEB, RED_WEB.gateway, op=2, psrc=RED_WEB.gateway)
        packet = udp(RED_WEB.address, SERVER)
        run = self.replay({"wire0": [claim, from_vm(RED_WEB, packet), arp_from(RED_WEB, RED_WEB.gateway)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, RED_UPLINK)])
        self.assert_frames(run.sent("wire0"), [answer_to(RED_WEB)])

    def test_broken_requests_are_not_answered(self):
        good = arp_from(RED_WEB, RED_WEB.gateway)
        arp = ARP(op=1, hwsrc=RED_WEB.mac, psrc=RED_WEB.address, pdst=RED_WEB.gateway)
        inner = ethernet(arp, RED_WEB.mac, BROADCAST, ethertype=ARP_TYPE)
        frames = [nvgre(inner[:length], RED_WEB.vsid, RED_WEB.provider_address, RED_WEB.site)
                  for length in range(14, len(inner))]
        body = len(good) - 28
        for offset, value in ((1, 6), (2, 0x86), (4, 8), (5, 16), (6, 1), (7, 0), (7, 3)):
            frame = bytearray(good)
            frame[body + offset] = value
            frames.append(bytes(frame))
        run = self.replay({"wire0": frames})
        self.assert_nothing_sent(run)

    def test_zero_flow_ids_hold_for_arp(self):
        run = self.replay({"wire0": [arp_from(RED_WEB, RED_WEB.gateway)]}, topology.encapsulation(flow_id="zero"))
        self.assert_frames(run.sent("wire0"), [answer_to(RED_WEB)], flow_id=True)


if __name__ == "__main__":
    unittest.main()
