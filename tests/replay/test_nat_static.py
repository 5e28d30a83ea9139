"""Static translation: 1:1 addresses of whatever protocol, and port forwards. It needs no session, in either direction,
at any time."""

import unittest

from lib import topology
from lib.gateway import at
from lib.packets import IP, Raw, expect_decap, expect_encap, from_outside, from_vm, routed, udp
from lib.topology import BLUE_DB, BLUE_WEB, INTERNET, RED_WEB, SERVER
from lib.translation import (POOL_ADDRESSES, ROUTER, Endpoint, Flow, NatTest, config, from_public, icmp_error, pool,
                             query, segment, to_customer)

PUBLIC = "198.51.100.32"
WHOLE = Endpoint(PUBLIC, None)
FORWARDED = "198.51.100.33"


def one_to_one(vm=BLUE_WEB, public: str = PUBLIC) -> dict:
    return {"public": public, "customer": vm.address}


def forward(ports, to=None, vm=BLUE_WEB, protocol: str = "tcp", public: str = FORWARDED) -> dict:
    entry = {"public": public, "protocol": protocol, "ports": ports, "customer": vm.address}
    return entry if to is None else {**entry, "to": to}


class StaticTest(NatTest):
    def assert_both_ways(self, pairs: list, document: dict, vm=BLUE_WEB, public: Endpoint = WHOLE,
                         customer: Endpoint = Endpoint(BLUE_WEB.address, None)) -> None:
        """Pairs of a packet from the VM and one to its public address pass, first those from outside."""
        run = self.replay({"wire0": [at(1000 + number, from_vm(vm, out)) for number, (out, _) in enumerate(pairs)],
                           "wire1": [at(number, from_outside(INTERNET, back))
                                     for number, (_, back) in enumerate(pairs)]}, document)
        self.assert_out(run, [expect_decap(from_public(out, public), INTERNET) for out, _ in pairs])
        self.assert_in(run, [expect_encap(to_customer(back, customer), vm) for _, back in pairs])
        self.assert_drops(run, {})
        self.assertEqual(run.report["nat"]["tenants"]["blue"]["sessions"], 0)


class OneToOne(StaticTest):
    DOCUMENT = staticmethod(lambda: config(pool(static=[one_to_one()])))

    def test_udp_tcp_and_queries_with_their_own_ports(self):
        mine = BLUE_WEB.address
        self.assert_both_ways([(udp(mine, SERVER, 1), udp(SERVER, PUBLIC, 2, sport=9, dport=65535)),
                               (segment(mine, SERVER, "PA"), segment(SERVER, PUBLIC, "S", 1, 1)),
                               (query(mine, SERVER, 0), query(SERVER, PUBLIC, 65535)),
                               (query(mine, SERVER, 5, 0), query(SERVER, PUBLIC, 6, 0))], self.DOCUMENT())

    def test_protocols_without_ports(self):
        """GRE, ESP, AH, SCTP, IPv6 in IPv4: only addresses and the header's checksum change."""
        pairs = [tuple(bytes(IP(src=source, dst=destination, proto=protocol, id=protocol) / Raw(bytes(range(60))))
                       for source, destination in ((BLUE_WEB.address, SERVER), (SERVER, PUBLIC)))
                 for protocol in (47, 50, 51, 132, 41, 4, 2, 253)]
        self.assert_both_ways(pairs, self.DOCUMENT())

    def test_a_customer_route_within_the_subnet_leads_past_the_customers_record(self):
        document = self.DOCUMENT()
        topology.tenant(document, "blue")["routes"] = [{"prefix": "10.0.1.4/31", "next-hop": BLUE_DB.address}]
        packet = udp(SERVER, PUBLIC)
        run = self.replay({"wire1": [from_outside(INTERNET, packet)]}, document)
        customer = Endpoint(BLUE_WEB.address, None)
        self.assert_in(run, [expect_encap(to_customer(packet, customer), BLUE_DB)])

    def test_packets_without_a_transport_header(self):
        pairs = [tuple(bytes(IP(src=source, dst=destination, proto=protocol) / Raw(bytes(size)))
                       for source, destination in ((BLUE_WEB.address, SERVER), (SERVER, PUBLIC)))
                 for protocol, size in ((50, 0), (47, 1), (132, 3))]
        self.assert_both_ways(pairs, self.DOCUMENT())

    def test_at_any_time(self):
        moments = (0, 10_000, 8_000_000)
        run = self.replay({"wire1": [at(moment, from_outside(INTERNET, udp(SERVER, PUBLIC, number)))
                                     for number, moment in enumerate(moments)]}, self.DOCUMENT())
        self.assert_in(run, [expect_encap(to_customer(udp(SERVER, PUBLIC, number), Endpoint(BLUE_WEB.address, None)),
                                          BLUE_WEB) for number in range(3)])

    def test_errors_both_ways(self):
        mine = BLUE_WEB.address
        out, back = udp(mine, SERVER, 1), udp(SERVER, PUBLIC, 2)
        about_out = icmp_error(ROUTER, PUBLIC, routed(from_public(out, WHOLE)), 11, 0)
        about_back = icmp_error(mine, SERVER, routed(to_customer(back, Endpoint(mine, None))))
        run = self.replay({"wire0": [from_vm(BLUE_WEB, about_back)], "wire1": [from_outside(INTERNET, about_out)]},
                          self.DOCUMENT())
        self.assert_in(run, [expect_encap(icmp_error(ROUTER, mine, routed(out), 11, 0), BLUE_WEB)])
        self.assert_out(run, [expect_decap(icmp_error(PUBLIC, SERVER, routed(back)), INTERNET)])

    def test_errors_about_protocols_without_ports(self):
        mine = BLUE_WEB.address
        out = bytes(IP(src=mine, dst=SERVER, proto=50) / Raw(bytes(60)))
        error = icmp_error(ROUTER, PUBLIC, routed(from_public(out, WHOLE))[:28], 3, 4, b"\0\0\x05\x78")
        run = self.replay({"wire1": [from_outside(INTERNET, error)]}, self.DOCUMENT())
        self.assert_in(run, [expect_encap(icmp_error(ROUTER, mine, routed(out)[:28], 3, 4, b"\0\0\x05\x78"), BLUE_WEB)])

    def test_the_others_of_the_tenant_use_the_pool(self):
        (public,) = self.learn([Flow(vm=BLUE_DB).sends(0)], self.DOCUMENT())
        self.assertIn(public.address, POOL_ADDRESSES)

    def test_two_tenants_customers_of_the_same_address(self):
        document = config({"static": [one_to_one()]}, {"static": [one_to_one(RED_WEB, "198.51.100.40")]})
        packets = [udp(SERVER, address) for address in (PUBLIC, "198.51.100.40")]
        run = self.replay({"wire0": [from_vm(vm, udp(vm.address, SERVER)) for vm in (BLUE_WEB, RED_WEB)],
                           "wire1": [from_outside(INTERNET, packet) for packet in packets]}, document)
        whole = Endpoint(BLUE_WEB.address, None)
        self.assert_in(run, [expect_encap(to_customer(packet, whole), vm)
                             for packet, vm in zip(packets, (BLUE_WEB, RED_WEB))])
        self.assertEqual([frame[18 + 12:18 + 16] for frame in run.sent("wire1")],
                         [bytes([198, 51, 100, 32]), bytes([198, 51, 100, 40])])

    def test_a_syn_from_outside_is_not_held(self):
        run = self.replay({"wire1": [from_outside(INTERNET, segment(SERVER, PUBLIC, "S"))]}, self.DOCUMENT(),
                          ("--settle", "10"))
        self.assertEqual(len(run.sent("wire0")), 1)
        self.assert_out(run, [])
        self.assert_drops(run, {})


class Forwards(StaticTest):
    def test_one_port_to_another(self):
        document = config({"forwards": [forward(8080, 80)]})
        self.assert_both_ways([(segment(BLUE_WEB.address, SERVER, flags, 80, 40000),
                                segment(SERVER, FORWARDED, flags, 40000, 8080)) for flags in ("S", "SA", "PA", "R")],
                              document, public=Endpoint(FORWARDED, 8080), customer=Endpoint(BLUE_WEB.address, 80))

    def test_udp(self):
        document = config({"forwards": [forward(5353, 53, protocol="udp")]})
        self.assert_both_ways([(udp(BLUE_WEB.address, SERVER, sport=53), udp(SERVER, FORWARDED, dport=5353))],
                              document, public=Endpoint(FORWARDED, 5353), customer=Endpoint(BLUE_WEB.address, 53))

    def test_a_port_to_itself(self):
        document = config({"forwards": [forward(443)]})
        self.assert_both_ways([(segment(BLUE_WEB.address, SERVER, "SA", 443, 999),
                                segment(SERVER, FORWARDED, "S", 999, 443))],
                              document, public=Endpoint(FORWARDED, 443), customer=Endpoint(BLUE_WEB.address, 443))

    def test_a_range_keeps_its_order(self):
        document = config({"forwards": [forward("8080-8089", 80)]})
        for step in (0, 1, 9):
            with self.subTest(step=step):
                self.assert_both_ways([(segment(BLUE_WEB.address, SERVER, "SA", 80 + step, 999),
                                        segment(SERVER, FORWARDED, "S", 999, 8080 + step))], document,
                                      public=Endpoint(FORWARDED, 8080 + step),
                                      customer=Endpoint(BLUE_WEB.address, 80 + step))

    def test_ports_and_protocols_beside_it(self):
        document = config({"forwards": [forward("8080-8089", 80)]})
        frames = [from_outside(INTERNET, packet) for packet in (
            segment(SERVER, FORWARDED, "A", 999, 8079), segment(SERVER, FORWARDED, "A", 999, 8090),
            udp(SERVER, FORWARDED, dport=8080), query(SERVER, FORWARDED, 8080))]
        run = self.replay({"wire1": frames}, document)
        self.assert_nothing_sent(run)
        self.assert_drops(run, {"nat-no-session": 4})

    def test_one_address_for_several_customers_and_tenants(self):
        """A port each; tenants have an address each."""
        document = config({"forwards": [forward(81, 80), forward(82, 80, BLUE_DB)]},
                          {"forwards": [forward(81, 80, RED_WEB, public="198.51.100.34")]})
        packets = [segment(SERVER, FORWARDED, "S", 999, 81), segment(SERVER, FORWARDED, "S", 999, 82),
                   segment(SERVER, "198.51.100.34", "S", 999, 81)]
        run = self.replay({"wire1": [from_outside(INTERNET, packet) for packet in packets]}, document)
        self.assert_in(run, [expect_encap(to_customer(packet, Endpoint(vm.address, 80)), vm)
                             for packet, vm in zip(packets, (BLUE_WEB, BLUE_DB, RED_WEB))])

    def test_on_an_address_of_the_pool(self):
        """The forwarded customer's own traffic from other ports uses the pool."""
        document = config(pool(forwards=[forward(8080, 80, public=POOL_ADDRESSES[0])]))
        packet = segment(SERVER, POOL_ADDRESSES[0], "S", 999, 8080)
        answer = segment(BLUE_WEB.address, SERVER, "SA", 80, 999)
        flow = Flow(port=4000)
        (public,) = self.learn([flow.sends(0)], document)
        run = self.replay({"wire0": [flow.sends(0), at(2000, from_vm(BLUE_WEB, answer))],
                           "wire1": [at(1000, from_outside(INTERNET, packet))]}, document)
        self.assert_in(run, [expect_encap(to_customer(packet, Endpoint(BLUE_WEB.address, 80)), BLUE_WEB)])
        answered = from_public(answer, Endpoint(POOL_ADDRESSES[0], 8080))
        self.assert_out(run, [flow.expect_out(public), expect_decap(answered, INTERNET)])

    def test_errors_both_ways(self):
        document = config({"forwards": [forward(5353, 53, protocol="udp")]})
        public, customer = Endpoint(FORWARDED, 5353), Endpoint(BLUE_WEB.address, 53)
        out, back = udp(BLUE_WEB.address, SERVER, 1, sport=53), udp(SERVER, FORWARDED, 2, dport=5353)
        about_out = icmp_error(ROUTER, FORWARDED, routed(from_public(out, public)), 11, 0)
        about_back = icmp_error(BLUE_WEB.address, SERVER, routed(to_customer(back, customer)))
        run = self.replay({"wire0": [from_vm(BLUE_WEB, about_back)], "wire1": [from_outside(INTERNET, about_out)]},
                          document)
        self.assert_in(run, [expect_encap(icmp_error(ROUTER, BLUE_WEB.address, routed(out), 11, 0), BLUE_WEB)])
        self.assert_out(run, [expect_decap(icmp_error(FORWARDED, SERVER, routed(back)), INTERNET)])

    def test_beside_a_one_to_one_address_of_the_customer(self):
        """The forward is for its port, the 1:1 address for all others."""
        document = config({"static": [one_to_one()], "forwards": [forward(8080, 80)]})
        packets = [segment(BLUE_WEB.address, SERVER, "SA", 80, 999), segment(BLUE_WEB.address, SERVER, "SA", 81, 999)]
        run = self.replay({"wire0": [from_vm(BLUE_WEB, packet) for packet in packets]}, document)
        self.assert_out(run, [expect_decap(from_public(packets[0], Endpoint(FORWARDED, 8080)), INTERNET),
                              expect_decap(from_public(packets[1], WHOLE), INTERNET)])


if __name__ == "__main__":
    unittest.main()
