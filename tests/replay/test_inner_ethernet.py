"""Rules 6 and 7: what an inner frame may carry, and to whom it must be sent."""

import unittest

from lib import families
from lib.assertions import ReplayTest
from lib.packets import BROADCAST, GATEWAY_MAC, IPV4, IPV6, expect_decap, from_vm, inner_frame, nvgre, udp
from lib.topology import BLUE_PUBLIC, INTERNET, SERVER

PACKET = udp(BLUE_PUBLIC.address, SERVER)


def wrapped(**more) -> bytes:
    """The packet in an inner frame as `inner_frame` makes it from these arguments."""
    frame = inner_frame(BLUE_PUBLIC, PACKET, **more)
    return nvgre(frame, BLUE_PUBLIC.vsid, BLUE_PUBLIC.provider_address, BLUE_PUBLIC.site)


class InnerEtherType(ReplayTest):
    def test_others_than_ip_and_arp_are_dropped(self):
        # RARP, IPX, MPLS, PPPoE, LLDP, 802.1X, MACsec, PTP, FCoE, the neighbours of IPv4, the ends.
        ethertypes = [0x8035, 0x8137, 0x8847, 0x8848, 0x8863, 0x8864, 0x88CC, 0x888E, 0x88E5, 0x88F7, 0x8906, 0x0801,
                      0x0600, 0x6558, 0xFFFF]
        self.assert_dropped([wrapped(ethertype=ethertype) for ethertype in ethertypes], "unsupported-ethertype")

    def test_length_fields_of_802_3_are_no_ethertype(self):
        self.assert_dropped([wrapped(ethertype=length) for length in (0, 3, len(PACKET), 1500, 1535)],
                            ("unsupported-ethertype", "malformed"))

    def test_ip_versions_must_agree_with_the_ethertype(self):
        frames = [from_vm(BLUE_PUBLIC, b"\x60" + PACKET[1:], ethertype=IPV4),
                  from_vm(BLUE_PUBLIC, PACKET, ethertype=IPV6),
                  from_vm(BLUE_PUBLIC, udp("fd00:10:1::5", "2001:db8::1"), ethertype=IPV4)]
        self.assert_dropped(frames, "malformed", families.dual_stack())


class InnerDestination(ReplayTest):
    def test_the_gateways_address_is_accepted(self):
        run = self.replay({"wire0": [wrapped(dst=GATEWAY_MAC)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(PACKET, INTERNET)])

    def test_other_unicast_addresses_are_dropped(self):
        addresses = ["02:00:5e:00:01:02", "02:00:5e:00:01:00", "00:00:00:00:00:00", BLUE_PUBLIC.mac,
                     "02:00:00:00:a0:00", "02:00:00:00:a1:00"]
        self.assert_dropped([wrapped(dst=address) for address in addresses], "inner-destination-mac")

    def test_ip_to_broadcast_and_multicast_addresses_is_dropped(self):
        addresses = [BROADCAST, "01:00:5e:00:00:01", "33:33:00:00:00:01", "01:80:c2:00:00:00"]
        self.assert_dropped([wrapped(dst=address) for address in addresses],
                            ("inner-destination-mac", "multicast-unsupported"))

    def test_an_inner_frame_from_a_group_address_is_dropped(self):
        run = self.replay({"wire0": [wrapped(src=source) for source in (BROADCAST, "01:00:5e:00:00:05")]})
        self.assert_nothing_sent(run)
        self.assert_drops(run, {("source-ca-mac-mismatch", "malformed"): 2})


if __name__ == "__main__":
    unittest.main()
