"""Rules 8 and 11: NVGRE is ours only at one of our provider addresses, on its own VLAN, and from someone else."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.packets import (IP, PROTOCOL, UNREACHABLE, expect_decap, from_outside, from_vm, gre, inner_frame, nvgre,
                         outer_ip, udp)
from lib.topology import (BLUE_PUBLIC, COMPUTE_SITE, GATEWAY_SITE, INTERNET, RED_UPLINK, SERVER)

PACKET = udp(BLUE_PUBLIC.address, SERVER)
INNER = inner_frame(BLUE_PUBLIC, PACKET)


def tunnel(dst: str, site=GATEWAY_SITE, src: str = BLUE_PUBLIC.provider_address) -> bytes:
    """The packet in NVGRE to any outer destination."""
    return nvgre(INNER, BLUE_PUBLIC.vsid, src, site, dst=dst)


class Destination(ReplayTest):
    def test_others_addresses_are_not_ours(self):
        """The gateway is no router of the provider network."""
        self.assert_dropped([tunnel(address) for address in ("100.64.20.11", "100.64.20.1", "100.64.20.30",
                                                             "100.64.30.2", "192.0.2.1", "10.0.1.1")],
                            "outer-destination-unknown")

    def test_an_address_of_ours_on_the_wrong_vlan_is_not_ours(self):
        self.assert_dropped([tunnel(GATEWAY_SITE.address, COMPUTE_SITE), tunnel(COMPUTE_SITE.address, GATEWAY_SITE)],
                            "outer-destination-unknown")

    def test_external_addresses_of_ours_are_no_tunnel_ends(self):
        self.assert_dropped([tunnel(INTERNET.address), tunnel(RED_UPLINK.address)], "outer-destination-unknown")

    def test_broadcast_and_multicast_are_no_tunnel_ends(self):
        self.assert_dropped([tunnel(address) for address in ("100.64.20.255", "255.255.255.255", "224.0.0.1")],
                            ("outer-destination-unknown", "multicast-unsupported"))

    def test_nvgre_from_the_outside_is_never_decapsulated(self):
        """To our external address and, by a hostile neighbour, to our provider address. Its sender hears at most that
        nobody speaks GRE there, as of any other protocol."""
        frames = [from_outside(network, outer_ip(gre(INNER, BLUE_PUBLIC.vsid), BLUE_PUBLIC.provider_address, address))
                  for network in (INTERNET, RED_UPLINK) for address in (network.address, GATEWAY_SITE.address)]
        run = self.replay({"wire1": frames})
        self.assert_frames(run.sent("wire0"), [])
        for frame in run.sent("wire1"):
            error = IP(frame[18:])
            self.assertEqual((error.dst, error.proto, frame[38:40]),
                             (BLUE_PUBLIC.provider_address, 1, bytes([UNREACHABLE, PROTOCOL])))

    def test_every_address_of_a_site_is_ours(self):
        config = topology.base()
        addresses = ["100.64.20.10", "100.64.20.11", "100.64.20.12"]
        topology.named(config["provider"]["sites"], "gateway-site")["addresses"] = addresses
        run = self.replay({"wire0": [tunnel(address) for address in addresses]}, config)
        self.assert_frames(run.sent("wire1"), [expect_decap(PACKET, INTERNET)] * 3)

    def test_the_address_does_not_move_with_the_frame_before_it(self):
        """Right and wrong frames in turn: the verdict is each frame's own."""
        frames = [tunnel(address) for address in (GATEWAY_SITE.address, "100.64.20.11") * 20]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), [expect_decap(PACKET, INTERNET)] * 20)
        self.assert_drops(run, {"outer-destination-unknown": 20})


class OwnPacket(ReplayTest):
    def test_our_own_packet_coming_back_is_dropped(self):
        self.assert_dropped([tunnel(GATEWAY_SITE.address, src=GATEWAY_SITE.address),
                             tunnel(GATEWAY_SITE.address, src=COMPUTE_SITE.address)], "own-packet")

    def test_even_where_a_record_claims_our_address(self):
        frame = from_vm(BLUE_PUBLIC, PACKET, src=GATEWAY_SITE.address)
        self.assert_dropped([frame] * 3, "own-packet")


if __name__ == "__main__":
    unittest.main()
