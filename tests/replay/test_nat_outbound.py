"""Source translation by a pool: what a customer sends leaves from a public address and port, and what comes back finds
the customer. Everything else of the packets stays as it was."""

import unittest

from lib import topology
from lib.packets import IP, Raw, expect_decap, from_outside, from_vm, tcp, udp
from lib.topology import BLUE_DB, BLUE_WEB, INTERNET, RED_WEB, SECOND_ROUTER_MAC, SERVER
from lib.translation import (POOL_ADDRESSES, Flow, NatTest, config, from_public, icmp_error, ip_of, query, segment,
                             source_of)

UDP, TCP, ICMP = Flow(), Flow(protocol="tcp", remote_port=80), Flow(protocol="icmp")


class ThereAndBack(NatTest):
    def test_udp_tcp_and_echo(self):
        for flow in (UDP, TCP, ICMP):
            with self.subTest(protocol=flow.protocol):
                (public,) = self.learn([flow.sends(0)], config())
                self.assertIn(public.address, POOL_ADDRESSES)
                self.assertGreaterEqual(public.port, 1024)
                run = self.replay({"wire0": [flow.sends(0)], "wire1": [flow.answers(1, public)]}, config())
                self.assert_out(run, [flow.expect_out(public)])
                self.assert_in(run, [flow.expect_back(public)])
                self.assert_drops(run, {})

    def test_many_packets_of_a_flow_keep_their_order_and_contents(self):
        marks = range(1, 200)
        (public,) = self.learn([UDP.sends(0)], config())
        run = self.replay({"wire0": [UDP.sends(mark / 1000, mark, size=4 + mark * 7) for mark in marks],
                           "wire1": [UDP.answers(1 + mark / 1000, public, mark, size=4 + mark * 7) for mark in marks]},
                          config())
        self.assert_out(run, [UDP.expect_out(public, mark, size=4 + mark * 7) for mark in marks])
        self.assert_in(run, [UDP.expect_back(public, mark, size=4 + mark * 7) for mark in marks])

    def test_every_port_of_a_customer_is_translated(self):
        """Also 0 as an ICMP identifier, and the ends of the range."""
        sent = [Flow(port=port) for port in (1, 1023, 1024, 65535)] + [
            Flow(protocol="icmp", port=port) for port in (0, 1, 65535)]
        frames = [flow.sends(number / 1000) for number, flow in enumerate(sent)]
        publics = self.learn(frames, config())
        run = self.replay({"wire0": frames,
                           "wire1": [flow.answers(1 + number / 1000, public)
                                     for number, (flow, public) in enumerate(zip(sent, publics))]}, config())
        self.assert_out(run, [flow.expect_out(public) for flow, public in zip(sent, publics)])
        self.assert_in(run, [flow.expect_back(public) for flow, public in zip(sent, publics)])

    def test_the_external_networks_routes_lead_the_way(self):
        flow = Flow(remote="198.18.200.1")
        (public,) = self.learn([flow.sends(0)], config())
        run = self.replay({"wire0": [flow.sends(0)]}, config())
        self.assert_out(run, [expect_decap(from_public(flow.out(), public), INTERNET, SECOND_ROUTER_MAC)])

    def test_from_every_subnet_and_by_the_gateway_subnets_vsid(self):
        flow = Flow(vm=BLUE_DB)
        frames = [from_vm(BLUE_DB, flow.out()), from_vm(BLUE_DB, flow.out(1), vsid=BLUE_WEB.vsid)]
        first, second = (source_of(frame) for frame in self.replay({"wire0": frames}, config()).sent("wire1"))
        self.assertEqual(first, second)

    def test_between_virtual_machines_nothing_is_translated(self):
        packet = udp(BLUE_WEB.address, BLUE_DB.address)
        run = self.replay({"wire0": [from_vm(BLUE_WEB, packet)]}, config())
        self.assertEqual([ip_of(frame).src for frame in run.sent("wire0")], [BLUE_WEB.address])
        self.assertEqual(run.report["nat"]["tenants"]["blue"]["sessions"], 0)

    def test_the_gateways_own_addresses_answer_the_customer_itself(self):
        request = query(BLUE_WEB.address, INTERNET.address, 7)
        run = self.replay({"wire0": [from_vm(BLUE_WEB, request)]}, config())
        self.assertEqual([(ip_of(frame).src, ip_of(frame).dst) for frame in run.sent("wire0")],
                         [(INTERNET.address, BLUE_WEB.address)])
        self.assertEqual(run.report["nat"]["tenants"]["blue"]["sessions"], 0)


class Headers(NatTest):
    def assert_passes(self, flow: Flow, **fields) -> None:
        """The flow's packets with these fields pass in both directions, changed as they should and no more."""
        (public,) = self.learn([flow.sends(0)], config())
        run = self.replay({"wire0": [flow.sends(0), flow.sends(1, **fields)],
                           "wire1": [flow.answers(2, public, **fields)]}, config())
        self.assert_out(run, [flow.expect_out(public), flow.expect_out(public, **fields)])
        self.assert_in(run, [flow.expect_back(public, **fields)])

    def test_type_of_service_identification_and_df_stay(self):
        self.assert_passes(UDP, tos=0xB8, id=0xABCD, df=True)

    def test_options_stay(self):
        self.assert_passes(UDP, options=b"\x01\x01\x01\x01\x94\x04\x00\x00")

    def test_ttl_is_one_less(self):
        for ttl in (2, 3, 255):
            with self.subTest(ttl=ttl):
                self.assert_passes(UDP, ttl=ttl)

    def test_a_udp_packet_without_a_checksum_stays_without(self):
        packet = IP(UDP.out())
        packet.payload.chksum = 0
        (public,) = self.learn([UDP.sends(0)], config())
        answer = IP(UDP.back(public))
        answer.payload.chksum = 0
        run = self.replay({"wire0": [from_vm(BLUE_WEB, packet)], "wire1": [from_outside(INTERNET, answer)]}, config())
        self.assert_out(run, [expect_decap(from_public(packet, public), INTERNET)])
        self.assertEqual(ip_of(run.sent("wire0")[0]).payload.chksum, 0)

    def test_a_udp_checksum_that_would_become_zero_is_sent_as_all_ones(self):
        (public,) = self.learn([UDP.sends(0)], config())
        # The payload's second word that makes it so; RFC 768 has no other way to write zero.
        word = ip_of(UDP.expect_out(public, size=4)).payload.chksum
        frames = [UDP.sends(0)] + [from_vm(BLUE_WEB, UDP.out(near % 0x10000, size=4, id=0))
                                   for near in range(word - 3, word + 4)]
        sums = []
        for frame in self.replay({"wire0": frames}, config()).sent("wire1")[1:]:
            packet = ip_of(frame)
            sums.append(packet.payload.chksum)
            again = packet.copy()
            del again.payload.chksum
            self.assertEqual(bytes(again), bytes(packet))
        self.assertIn(0xFFFF, sums)
        self.assertNotIn(0, sums)

    def test_an_expired_packet_is_not_translated_and_its_sender_hears_of_it(self):
        packet = UDP.out(ttl=1)
        run = self.replay({"wire0": [from_vm(BLUE_WEB, packet)]}, config())
        self.assert_out(run, [])
        self.assert_drops(run, {"ttl-expired": 1})
        self.assertEqual(run.report["nat"]["tenants"]["blue"]["sessions"], 0)


class NotTranslated(NatTest):
    def test_protocols_without_ports(self):
        packets = [bytes(IP(src=BLUE_WEB.address, dst=SERVER, proto=protocol) / Raw(bytes(40)))
                   for protocol in (2, 41, 47, 50, 51, 132, 253)]
        run = self.replay({"wire0": [from_vm(BLUE_WEB, packet) for packet in packets]}, config())
        self.assert_out(run, [])
        self.assert_drops(run, {"nat-protocol": len(packets)})

    def test_no_private_source_ever_leaves(self):
        """Whatever is wrong with the transport header."""
        whole = [UDP.out(), tcp(BLUE_WEB.address, SERVER), query(BLUE_WEB.address, SERVER, 1)]
        frames = []
        for packet in whole:
            for length in range(20, 40):
                cut = IP(packet[:length])
                cut.len = length
                del cut.chksum
                frames.append(from_vm(BLUE_WEB, bytes(cut)))
        frames += [from_vm(BLUE_WEB, segment(BLUE_WEB.address, SERVER, "S")[:32] + bytes([offset << 4]) + bytes(7))
                   for offset in (0, 4, 15)]
        run = self.replay({"wire0": frames}, config())
        for frame in run.sent("wire1"):
            self.assertIn(ip_of(frame).src, POOL_ADDRESSES)
        self.assertGreater(run.drops.get("nat-malformed", 0), 20)

    def test_icmp_that_is_neither_a_query_nor_an_error(self):
        messages = [bytes(IP(src=BLUE_WEB.address, dst=SERVER, proto=1) / Raw(bytes([kind]) + bytes(27)))
                    for kind in (4, 5, 9, 10, 40, 255)]
        run = self.replay({"wire0": [from_vm(BLUE_WEB, message) for message in messages]}, config())
        self.assert_out(run, [])
        self.assertEqual(sum(run.drops.values()), len(messages))

    def test_errors_about_nothing(self):
        error = icmp_error(BLUE_WEB.address, SERVER, udp(SERVER, BLUE_WEB.address))
        run = self.replay({"wire0": [from_vm(BLUE_WEB, error)]}, config())
        self.assert_out(run, [])
        self.assert_drops(run, {"nat-icmp-error": 1})

    def test_a_spoofed_source_makes_no_session(self):
        run = self.replay({"wire0": [from_vm(BLUE_WEB, udp("10.0.1.99", SERVER))]}, config())
        self.assert_out(run, [])
        self.assert_drops(run, {"source-record-missing": 1})
        self.assertEqual(run.report["nat"]["tenants"]["blue"]["sessions"], 0)

    def test_a_customer_without_a_pool(self):
        forward = {"public": "198.51.100.33", "protocol": "tcp", "ports": 8080, "customer": BLUE_DB.address, "to": 80}
        run = self.replay({"wire0": [UDP.sends(0)]}, config({"forwards": [forward]}))
        self.assert_out(run, [])
        self.assert_drops(run, {"nat-no-pool": 1})

    def test_a_tenant_without_translation_is_as_before(self):
        """The other tenant of the same external network is translated."""
        document = config()
        topology.tenant(document, "red")["external"] = INTERNET.name
        packet = udp(RED_WEB.address, SERVER)
        run = self.replay({"wire0": [from_vm(RED_WEB, packet)]}, document)
        self.assert_out(run, [expect_decap(packet, INTERNET)])


class FromOutside(NatTest):
    def test_nothing_comes_in_where_nothing_went_out(self):
        """A scan of a pool: every protocol, many ports; it makes no session and nobody is told."""
        packets = [udp(SERVER, POOL_ADDRESSES[number % 8], number, dport=1024 + number * 61) for number in range(1000)]
        packets += [query(SERVER, POOL_ADDRESSES[number % 8], number * 64) for number in range(100)]
        packets += [segment(SERVER, POOL_ADDRESSES[number % 8], flags, dport=1024 + number)
                    for number in range(100) for flags in ("A", "SA", "F", "R", "")]
        run = self.replay({"wire1": [from_outside(INTERNET, packet) for packet in packets]}, config())
        self.assert_nothing_sent(run)
        self.assert_drops(run, {"nat-no-session": len(packets)})
        self.assertEqual(run.report["nat"]["entries"]["most"], 0)

    def test_other_protocols_to_a_pool(self):
        packets = [bytes(IP(src=SERVER, dst=POOL_ADDRESSES[0], proto=protocol) / Raw(bytes(40)))
                   for protocol in (41, 47, 50, 132)]
        run = self.replay({"wire1": [from_outside(INTERNET, packet) for packet in packets]}, config())
        self.assert_nothing_sent(run)
        self.assert_drops(run, {("nat-protocol", "nat-no-session"): len(packets)})

    def test_private_addresses_stay_unreachable(self):
        run = self.replay({"wire0": [UDP.sends(0)],
                           "wire1": [from_outside(INTERNET, udp(SERVER, BLUE_WEB.address, sport=5000, dport=4000))]},
                          config())
        self.assert_in(run, [])
        self.assert_drops(run, {"transit": 1})

    def test_addresses_beside_the_pool_are_not_its(self):
        run = self.replay({"wire1": [from_outside(INTERNET, udp(SERVER, address))
                                     for address in ("198.51.100.15", "198.51.100.24")]}, config())
        self.assert_drops(run, {"transit": 2})


if __name__ == "__main__":
    unittest.main()
