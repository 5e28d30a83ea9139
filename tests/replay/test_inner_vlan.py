"""Rule 5: an inner frame with a tag is dropped, whatever it carries."""

import unittest

from lib.assertions import ReplayTest
from lib.packets import (ARP, ARP_TYPE, BROADCAST, Dot1Q, expect_decap, from_vm, inner_frame, nvgre, udp)
from lib.topology import BLUE_PUBLIC, INTERNET, SERVER

TAGS = [0x8100, 0x88A8, 0x9100]


def tagged(payload: bytes, tag: int, ethertype: int = 0x0800, vlan: int = 7, **more) -> bytes:
    """A VM's frame with a tag in it."""
    frame = inner_frame(BLUE_PUBLIC, bytes(Dot1Q(vlan=vlan, type=ethertype)) + payload, ethertype=tag, **more)
    return nvgre(frame, BLUE_PUBLIC.vsid, BLUE_PUBLIC.provider_address, BLUE_PUBLIC.site)


class InnerVlan(ReplayTest):
    packet = udp(BLUE_PUBLIC.address, SERVER)

    def test_each_kind_of_tag_is_dropped(self):
        self.assert_dropped([tagged(self.packet, tag) for tag in TAGS], "inner-vlan")

    def test_priority_tags_and_every_vlan_are_dropped(self):
        self.assert_dropped([tagged(self.packet, 0x8100, vlan=vlan) for vlan in (0, 1, 20, 300, 4095)], "inner-vlan")

    def test_two_tags_are_dropped(self):
        double = bytes(Dot1Q(vlan=8, type=0x0800)) + self.packet
        self.assert_dropped([tagged(double, tag, ethertype=0x8100) for tag in TAGS], "inner-vlan")

    def test_a_tagged_arp_request_is_dropped(self):
        request = bytes(ARP(op=1, hwsrc=BLUE_PUBLIC.mac, psrc=BLUE_PUBLIC.address, pdst=BLUE_PUBLIC.gateway))
        self.assert_dropped([tagged(request, tag, ARP_TYPE, dst=BROADCAST) for tag in TAGS], "inner-vlan")

    def test_a_tag_with_nothing_behind_it_is_dropped(self):
        frames = [nvgre(inner_frame(BLUE_PUBLIC, b"", ethertype=tag), BLUE_PUBLIC.vsid, BLUE_PUBLIC.provider_address,
                        BLUE_PUBLIC.site) for tag in TAGS]
        self.assert_dropped(frames, ("inner-vlan", "malformed"))

    def test_untagged_frames_between_tagged_ones_pass(self):
        frames = [tagged(self.packet, 0x8100), from_vm(BLUE_PUBLIC, self.packet), tagged(self.packet, 0x88A8)]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), [expect_decap(self.packet, INTERNET)])
        self.assert_drops(run, {"inner-vlan": 2})


if __name__ == "__main__":
    unittest.main()
