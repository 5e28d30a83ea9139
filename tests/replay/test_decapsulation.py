"""From a tenant to the outside: the frame that leaves is the inner packet, routed, on the external network."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.packets import ICMP, IP, Raw, expect_decap, from_vm, inner_frame, nvgre, tcp, udp
from lib.topology import BLUE_PUBLIC, COMPUTE_SITE, GATEWAY_SITE, INTERNET, RED_DB, RED_UPLINK, RED_WEB, SERVER


# A mark is the identification: it lowers the header checksum by as much.
CHECKSUM_OF_MARK_0 = int.from_bytes(udp(BLUE_PUBLIC.address, SERVER)[10:12], "big")


class Decapsulation(ReplayTest):
    def test_a_udp_packet_leaves_as_it_was_sent_with_ttl_one_less(self):
        packet = udp(BLUE_PUBLIC.address, SERVER)
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET)])
        self.assert_frames(run.sent("wire0"), [])
        self.assert_drops(run, {})

    def test_the_transport_is_never_touched(self):
        source = BLUE_PUBLIC.address
        payloads = [
            tcp(source, SERVER),
            bytes(IP(src=source, dst=SERVER) / ICMP(type=8, id=7, seq=3) / Raw(b"ping")),
            bytes(IP(src=source, dst=SERVER, proto=50) / Raw(b"an ESP packet, say")),
            bytes(IP(src=source, dst=SERVER, proto=47) / Raw(b"\0\0\x08\0 plain GRE of the tenant's own")),
            bytes(IP(src=source, dst=SERVER, proto=253)),
            # UDP checksums, right, absent and wrong, are the end hosts' business.
            bytes(IP(src=source, dst=SERVER, proto=17) / Raw(b"\x0f\xa0\x13\x88\0\x0c\0\0abcd")),
            bytes(IP(src=source, dst=SERVER, proto=17) / Raw(b"\x0f\xa0\x13\x88\0\x0c\xde\xadabcd")),
        ]
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, payload) for payload in payloads]})
        self.assert_frames(run.sent("wire1"), [expect_decap(payload, INTERNET) for payload in payloads])

    def test_every_size_up_to_the_external_mtu_passes(self):
        sizes = [20, 21, 28, 45, 46, 47, 63, 64, 65, 127, 128, 129, 500, 1000, 1457, 1458, 1459, 1499, 1500]
        packets = [bytes(IP(src=BLUE_PUBLIC.address, dst=SERVER, proto=253, id=size) / Raw(bytes(size - 20)))
                   for size in sizes]
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet) for packet in packets]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET) for packet in packets])
        self.assert_drops(run, {})

    def test_the_header_checksum_is_right_for_every_ttl(self):
        packets = [udp(BLUE_PUBLIC.address, SERVER, mark=ttl, ttl=ttl) for ttl in range(2, 256)]
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet) for packet in packets]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET) for packet in packets])

    def test_the_header_checksum_is_right_where_its_sum_wraps(self):
        packets = [udp(BLUE_PUBLIC.address, SERVER, mark=mark) for mark in range(0x10000)
                   if self.wraps(CHECKSUM_OF_MARK_0 - mark)]
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet) for packet in packets]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET) for packet in packets])

    @staticmethod
    def wraps(checksum: int) -> bool:
        """Whether a checksum, or the one after the hop (0x0100 more), is near 0x0000 and 0xFFFF."""
        return any((checksum + change + 3) % 0xFFFF <= 6 for change in (0, 0x0100))

    def test_ip_options_and_fragments_of_the_tenant_pass(self):
        nops = udp(BLUE_PUBLIC.address, SERVER, mark=1, options=b"\x01\x01\x01\x01")
        longest = udp(BLUE_PUBLIC.address, SERVER, mark=2, options=b"\x01" * 40)
        first = bytes(IP(src=BLUE_PUBLIC.address, dst=SERVER, proto=17, id=9, flags="MF") / Raw(bytes(64)))
        last = bytes(IP(src=BLUE_PUBLIC.address, dst=SERVER, proto=17, id=9, frag=8) / Raw(bytes(17)))
        packets = [nops, longest, first, last]
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet) for packet in packets]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET) for packet in packets])

    def test_every_flow_id_is_accepted(self):
        packets = [udp(BLUE_PUBLIC.address, SERVER, mark=flow) for flow in range(256)]
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet, flow=flow) for flow, packet in enumerate(packets)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET) for packet in packets])

    def test_the_sender_may_come_by_any_site_that_its_network_routes_it_to(self):
        packet = udp(RED_WEB.address, SERVER)
        direct = nvgre(inner_frame(RED_WEB, packet), 5001, RED_WEB.provider_address, COMPUTE_SITE)
        around = nvgre(inner_frame(RED_WEB, packet), 5001, RED_WEB.provider_address, GATEWAY_SITE)
        run = self.replay({"wire0": [direct, around]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, RED_UPLINK)] * 2)

    def test_an_untagged_site_and_an_untagged_external_network(self):
        config = topology.base()
        del topology.named(config["provider"]["sites"], "gateway-site")["vlan"]
        del topology.named(config["external"], "red-uplink")["vlan"]
        packet = udp(RED_DB.address, SERVER)
        run = self.replay({"wire0": [from_vm(RED_DB, packet, vlan=None)]}, config)
        tagged = expect_decap(packet, RED_UPLINK)
        self.assert_frames(run.sent("wire1"), [tagged[:12] + tagged[16:]])

    def test_a_frame_leaves_at_the_time_it_came(self):
        packets = [udp(BLUE_PUBLIC.address, SERVER, mark=mark) for mark in range(5)]
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet) for packet in packets]})
        first = run.frames["wire1"][0].time_ns
        self.assertEqual([frame.time_ns - first for frame in run.frames["wire1"]],
                         [index * 1_000_000 for index in range(5)])


if __name__ == "__main__":
    unittest.main()
