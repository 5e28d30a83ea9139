"""Mappings (RFC 4787 REQ-1): one for every protocol, tenant, customer address and port, whoever is spoken to, and
wherever the customer's machine is."""

import unittest
from dataclasses import replace

from lib.packets import expect_encap
from lib.topology import (BLUE_DB, BLUE_WEB, COMPUTE_SITE, FAR_ROUTER_MAC, RED_HOST_MAC, RED_WEB, SERVER)
from lib.translation import OTHER_SERVER, Flow, NatTest, config, flows, pool, to_customer

PROTOCOLS = ("udp", "tcp", "icmp")
REMOTES = [(SERVER, 5000), (SERVER, 5001), (OTHER_SERVER, 5000), (OTHER_SERVER, 443), ("192.0.2.81", 1)]
# The web server of tenant blue after its migration: another site, another host.
MOVED = replace(BLUE_WEB, provider_address="100.64.10.2", site=COMPUTE_SITE, next_hop_mac=RED_HOST_MAC)
MOVED_FAR = replace(BLUE_WEB, provider_address="100.64.30.2", next_hop_mac=FAR_ROUTER_MAC)


def move(to) -> dict:
    return {"changes": [{"move-lookup": {"vsid": to.vsid, "address": to.address,
                                         "provider-address": to.provider_address}}]}


class EndpointIndependent(NatTest):
    def test_all_remote_endpoints_see_the_same_public_one(self):
        for protocol in PROTOCOLS:
            with self.subTest(protocol=protocol):
                sent = [Flow(protocol=protocol).to(*remote) for remote in REMOTES]
                frames = [flow.sends(number) for number, flow in enumerate(sent)]
                self.assertEqual(len(set(self.learn(frames, config()))), 1)

    def test_all_of_them_may_answer(self):
        for protocol in PROTOCOLS:
            with self.subTest(protocol=protocol):
                sent = [Flow(protocol=protocol).to(*remote) for remote in REMOTES]
                frames = [flow.sends(number) for number, flow in enumerate(sent)]
                public = self.learn(frames, config())[0]
                run = self.replay({"wire0": frames, "wire1": [flow.answers(10 + number, public)
                                                              for number, flow in enumerate(sent)]}, config())
                self.assert_in(run, [flow.expect_back(public) for flow in sent])
                self.assert_drops(run, {})

    def test_a_remote_endpoint_that_comes_later_sees_it_too(self):
        flow = Flow()
        first, later = self.learn([flow.sends(0), flow.to(OTHER_SERVER).sends(290)], config())
        self.assertEqual(first, later)

    def test_ports_of_a_customer_have_public_ports_of_their_own(self):
        sent = flows(100)
        publics = self.learn([flow.sends(0) for flow in sent], config())
        self.assertEqual(len(set(publics)), len(sent))

    def test_protocols_do_not_share_a_mapping(self):
        """Their numbers may be equal, their lives are not: UDP's mapping does not let TCP in."""
        udp, tcp = Flow(protocol="udp"), Flow(protocol="tcp")
        (public,) = self.learn([udp.sends(0)], config())
        run = self.replay({"wire0": [udp.sends(0)], "wire1": [tcp.answers(1, public)]}, config())
        self.assert_in(run, [])
        self.assert_drops(run, {"nat-no-session": 1})

    def test_customer_addresses_do_not_share_a_mapping(self):
        publics = self.learn([Flow(vm=BLUE_WEB).sends(0), Flow(vm=BLUE_DB).sends(0.1)], config())
        self.assertEqual(len(set(publics)), 2)


class Migration(NatTest):
    """The provider address is no part of a mapping: a machine that moves keeps its sessions."""

    def assert_keeps(self, protocol: str, moved) -> None:
        here = Flow(protocol=protocol)
        there = replace(here, vm=moved)
        (public,) = self.learn([here.sends(0)], config())
        run = self.replay({"wire0": [here.sends(0), there.sends(3, 1)],
                           "wire1": [here.answers(1, public), here.answers(4, public, 1)]},
                          config(), changes=[(2000, move(moved))])
        self.assert_out(run, [here.expect_out(public), here.expect_out(public, 1)])
        self.assert_in(run, [here.expect_back(public), there.expect_back(public, 1)])
        self.assert_drops(run, {})

    def test_to_another_site(self):
        for protocol in PROTOCOLS:
            with self.subTest(protocol=protocol):
                self.assert_keeps(protocol, MOVED)

    def test_to_a_host_behind_a_router(self):
        self.assert_keeps("udp", MOVED_FAR)

    def test_an_answer_that_comes_first_goes_to_the_new_host(self):
        flow = Flow()
        (public,) = self.learn([flow.sends(0)], config())
        run = self.replay({"wire0": [flow.sends(0)], "wire1": [flow.answers(3, public)]}, config(),
                          changes=[(2000, move(MOVED))])
        self.assert_in(run, [replace(flow, vm=MOVED).expect_back(public)])

    def test_to_and_fro(self):
        flow, places = Flow(), (BLUE_WEB, MOVED)
        (public,) = self.learn([flow.sends(0)], config())
        moments = range(1, 40)
        sent = [replace(flow, vm=places[second % 2]) for second in moments]
        run = self.replay({"wire0": [flow.sends(0)] + [one.sends(second + 0.2, second)
                                                       for one, second in zip(sent, moments)],
                           "wire1": [flow.answers(second + 0.4, public, second) for second in moments]},
                          config(), changes=[(second * 1000, move(places[second % 2])) for second in moments])
        self.assert_out(run, [flow.expect_out(public)] + [flow.expect_out(public, second) for second in moments])
        self.assert_in(run, [one.expect_back(public, second) for one, second in zip(sent, moments)])

    def test_the_old_host_cannot_use_the_mapping(self):
        flow = Flow()
        run = self.replay({"wire0": [flow.sends(0), flow.sends(3)]}, config(), changes=[(2000, move(MOVED))])
        self.assertEqual(len(run.sent("wire1")), 1)
        self.assert_drops(run, {"source-ca-pa-mismatch": 1})


class Tenants(NatTest):
    """Two tenants with the same customer addresses, the same ports, to the same server."""

    def assert_never_mix(self, protocol: str, document: dict) -> None:
        pair = [Flow(vm=vm, protocol=protocol) for vm in (RED_WEB, BLUE_WEB)]
        frames = [flow.sends(number) for number, flow in enumerate(pair)]
        publics = self.learn(frames, document)
        self.assertNotEqual(*publics)
        run = self.replay({"wire0": frames,
                           "wire1": [flow.answers(3 + number, public, number)
                                     for number, (flow, public) in enumerate(zip(pair, publics))]}, document)
        self.assert_out(run, [flow.expect_out(public) for flow, public in zip(pair, publics)])
        self.assert_in(run, [expect_encap(to_customer(flow.back(public, number), flow.customer), flow.vm)
                             for number, (flow, public) in enumerate(zip(pair, publics))])
        self.assert_drops(run, {})

    def test_by_a_shared_pool(self):
        for protocol in PROTOCOLS:
            with self.subTest(protocol=protocol):
                self.assert_never_mix(protocol, config(pool(), pool()))

    def test_by_a_shared_pool_of_one_address(self):
        one = pool("198.51.100.16")
        for protocol in PROTOCOLS:
            with self.subTest(protocol=protocol):
                self.assert_never_mix(protocol, config(one, one))

    def test_by_pools_of_their_own(self):
        document = config(pool("198.51.100.16/30"), pool("198.51.100.20/30"))
        self.assert_never_mix("udp", document)
        red, blue = self.learn([Flow(vm=RED_WEB).sends(0), Flow(vm=BLUE_WEB).sends(1)], document)
        self.assertIn(blue.address, [f"198.51.100.{last}" for last in range(16, 20)])
        self.assertIn(red.address, [f"198.51.100.{last}" for last in range(20, 24)])

    def test_each_counts_its_own_sessions(self):
        run = self.replay({"wire0": [flow.sends(0) for flow in flows(3, vm=RED_WEB) + flows(5, vm=BLUE_WEB)]},
                          config(pool(), pool()))
        tenants = run.report["nat"]["tenants"]
        self.assertEqual((tenants["red"]["sessions"], tenants["blue"]["sessions"]), (3, 5))
        self.assertEqual((tenants["red"]["created"], tenants["blue"]["created"]), (3, 5))


if __name__ == "__main__":
    unittest.main()
