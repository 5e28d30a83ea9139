"""Rule 8, the layer below: whose Ethernet address, which VLAN, which EtherType."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.packets import (BROADCAST, Dot1Q, Ether, ethernet, expect_decap, expect_encap, from_outside, from_vm, udp)
from lib.topology import BLUE_PUBLIC, INTERNET, RED_WEB, SERVER, WIRE0_MAC, WIRE1_MAC

OUT = udp(BLUE_PUBLIC.address, SERVER)
BACK = udp(SERVER, BLUE_PUBLIC.address)
FRAME = from_vm(BLUE_PUBLIC, OUT)
# The outer IP packet alone.
PACKET = FRAME[18:]


def to(mac: str, frame: bytes) -> bytes:
    """The frame with another destination."""
    return bytes.fromhex(mac.replace(":", "")) + frame[6:]


def sent_by(mac: str, frame: bytes) -> bytes:
    """The frame with another source."""
    return frame[:6] + bytes.fromhex(mac.replace(":", "")) + frame[12:]


class Addresses(ReplayTest):
    def test_frames_for_others_are_dropped_on_the_provider_side(self):
        self.assert_dropped([to(mac, FRAME) for mac in (WIRE1_MAC, "02:00:00:00:a0:01", BLUE_PUBLIC.next_hop_mac)],
                            "not-our-mac")

    def test_frames_for_others_are_dropped_on_the_external_side(self):
        frame = from_outside(INTERNET, BACK)
        self.assert_dropped([to(mac, frame) for mac in (WIRE0_MAC, "02:00:00:00:a1:01", INTERNET.router_mac)],
                            "not-our-mac", port="wire1")

    def test_unicast_ip_in_a_broadcast_frame_is_not_forwarded(self):
        """RFC 1122 §3.3.6: what came as a link-layer broadcast is not to be routed."""
        self.assert_dropped([to(BROADCAST, from_outside(INTERNET, BACK))], ("not-our-mac", "multicast-unsupported"),
                            port="wire1")

    def test_without_a_configured_address_any_unicast_is_accepted(self):
        config = topology.base()
        for port in config["ports"]:
            del port["mac"]
        run = self.replay({"wire0": [to("02:12:34:56:78:9a", FRAME)],
                           "wire1": [to("06:12:34:56:78:9a", from_outside(INTERNET, BACK))]}, config)
        (forth,), (back,) = run.sent("wire1"), run.sent("wire0")
        for frame in (forth, back):
            self.assertEqual(frame[6] & 0x03, 0x02, "a locally administered unicast address")
        self.assertNotEqual(forth[6:12], back[6:12], "each port its own address")
        self.assert_frames([sent_by(WIRE1_MAC, forth)], [expect_decap(OUT, INTERNET)])
        self.assert_frames([sent_by(WIRE0_MAC, back)], [expect_encap(BACK, BLUE_PUBLIC)])


class Vlans(ReplayTest):
    def on(self, vlan, packet=PACKET, mac=WIRE0_MAC) -> bytes:
        return ethernet(packet, BLUE_PUBLIC.next_hop_mac, mac, vlan)

    def test_unknown_vlans_are_dropped(self):
        """VLAN 300 exists, but on the other port."""
        self.assert_dropped([self.on(vlan) for vlan in (1, 11, 21, 300, 301, 4094)], "vlan-unknown")
        self.assert_dropped([self.on(vlan, BACK, WIRE1_MAC) for vlan in (10, 20, 299, 302)], "vlan-unknown",
                            port="wire1")

    def test_untagged_frames_are_dropped_where_every_network_is_tagged(self):
        self.assert_dropped([self.on(None)], "vlan-unknown")
        self.assert_dropped([self.on(None, BACK, WIRE1_MAC)], "vlan-unknown", port="wire1")

    def test_tagged_frames_are_not_those_of_the_untagged_network(self):
        config = topology.base()
        del topology.named(config["provider"]["sites"], "gateway-site")["vlan"]
        self.assert_dropped([self.on(20), self.on(21)], "vlan-unknown", config)

    def test_priority_and_drop_bits_of_the_tag_are_ignored(self):
        frames = [bytes(Ether(src=BLUE_PUBLIC.next_hop_mac, dst=WIRE0_MAC, type=0x8100)
                        / Dot1Q(vlan=20, prio=prio, id=dei, type=0x0800)) + PACKET
                  for prio in range(8) for dei in (0, 1)]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), [expect_decap(OUT, INTERNET)] * len(frames))

    def test_a_second_tag_is_not_looked_behind(self):
        double = ethernet(bytes(Dot1Q(vlan=20, type=0x0800)) + PACKET, BLUE_PUBLIC.next_hop_mac, WIRE0_MAC, 20, 0x8100)
        service = ethernet(bytes(Dot1Q(vlan=20, type=0x0800)) + PACKET, BLUE_PUBLIC.next_hop_mac, WIRE0_MAC,
                           ethertype=0x88A8)
        self.assert_dropped([double, service], ("ethertype-unknown", "vlan-unknown"))


class EtherTypes(ReplayTest):
    def test_unknown_ethertypes_are_dropped(self):
        kinds = [0x8847, 0x88CC, 0x8863, 0x0801, 0x0000, 0x05DC, 0xFFFF]
        frames = [ethernet(PACKET, BLUE_PUBLIC.next_hop_mac, WIRE0_MAC, 20, kind) for kind in kinds]
        self.assert_dropped(frames, "ethertype-unknown")
        frames = [ethernet(BACK, INTERNET.router_mac, WIRE1_MAC, 300, kind) for kind in kinds]
        self.assert_dropped(frames, "ethertype-unknown", port="wire1")

    def test_frames_cut_inside_the_ethernet_header_are_dropped(self):
        run = self.replay({"wire0": [FRAME[:length] for length in range(1, 18)]})
        self.assert_nothing_sent(run)
        self.assertEqual(sum(run.drops.values()), 17)
        self.assertLessEqual(set(run.drops), {"outer-malformed", "vlan-unknown", "not-our-mac", "ethertype-unknown"})

    def test_the_same_vsid_through_the_right_door_still_works(self):
        packet = udp(RED_WEB.address, SERVER)
        run = self.replay({"wire0": [from_vm(RED_WEB, packet)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, topology.RED_UPLINK)])


if __name__ == "__main__":
    unittest.main()
