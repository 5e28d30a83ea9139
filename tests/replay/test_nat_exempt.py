"""What is not translated: destinations that the tenant exempts, and its routed public prefixes."""

import unittest

from lib.gateway import at
from lib.packets import IP, Raw, expect_decap, expect_encap, from_outside, from_vm, udp
from lib.topology import BLUE_DB, BLUE_PUBLIC, BLUE_WEB, INTERNET, RED_WEB, SECOND_ROUTER_MAC, SERVER
from lib.translation import POOL_ADDRESSES, Flow, NatTest, config, pool, query, segment, source_of

INSIDE = "172.31.7.7"


class ExemptDestinations(NatTest):
    DOCUMENT = staticmethod(lambda: config(pool(exempt=["172.31.0.0/16", "198.18.200.0/24"])))

    def test_they_see_the_customers_own_address(self):
        packets = [udp(BLUE_WEB.address, INSIDE), segment(BLUE_WEB.address, INSIDE, "PA"),
                   bytes(IP(src=BLUE_WEB.address, dst=INSIDE, proto=47) / Raw(bytes(20))),
                   udp(BLUE_DB.address, "172.31.255.255")]
        vms = [BLUE_WEB, BLUE_WEB, BLUE_WEB, BLUE_DB]
        run = self.replay({"wire0": [from_vm(vm, packet) for vm, packet in zip(vms, packets)]}, self.DOCUMENT())
        self.assert_out(run, [expect_decap(packet, INTERNET) for packet in packets])
        self.assert_drops(run, {})
        self.assertEqual(run.report["nat"]["tenants"]["blue"]["sessions"], 0)

    def test_they_are_reached_by_the_external_networks_routes(self):
        packet = udp(BLUE_WEB.address, "198.18.200.5")
        run = self.replay({"wire0": [from_vm(BLUE_WEB, packet)]}, self.DOCUMENT())
        self.assert_out(run, [expect_decap(packet, INTERNET, SECOND_ROUTER_MAC)])

    def test_addresses_beside_them_are_translated(self):
        flows = [Flow(remote=address) for address in ("172.30.255.255", "172.32.0.0", SERVER)]
        frames = [flow.sends(number) for number, flow in enumerate(flows)]
        for public in self.learn(frames, self.DOCUMENT()):
            self.assertIn(public.address, POOL_ADDRESSES)

    def test_one_port_may_speak_to_both(self):
        translated, plain = Flow(), Flow(remote=INSIDE)
        frames = [translated.sends(0), plain.sends(1), translated.sends(2, 1)]
        (public,) = self.learn(frames[:1], self.DOCUMENT())
        run = self.replay({"wire0": frames}, self.DOCUMENT())
        self.assert_out(run, [translated.expect_out(public), expect_decap(plain.out(), INTERNET),
                              translated.expect_out(public, 1)])

    def test_another_tenants_exemptions_are_not_its_own(self):
        document = config(pool(exempt=["172.31.0.0/16"]), pool())
        frames = [Flow(vm=RED_WEB, remote=INSIDE).sends(0), Flow(vm=BLUE_WEB, remote=INSIDE).sends(1)]
        sources = [source_of(frame).address for frame in self.replay({"wire0": frames}, document).sent("wire1")]
        self.assertIn(sources[0], POOL_ADDRESSES)
        self.assertEqual(sources[1], BLUE_WEB.address)

    def test_they_open_no_way_in(self):
        packet = udp(INSIDE, BLUE_WEB.address, sport=5000, dport=4000)
        run = self.replay({"wire0": [Flow(remote=INSIDE).sends(0)],
                           "wire1": [at(1000, from_outside(INTERNET, packet))]}, self.DOCUMENT())
        self.assert_in(run, [])
        self.assert_drops(run, {"transit": 1})


class PublicPrefixes(NatTest):
    def test_they_are_routed_both_ways_beside_translation(self):
        out = [udp(BLUE_PUBLIC.address, SERVER), query(BLUE_PUBLIC.address, SERVER, 1),
               bytes(IP(src=BLUE_PUBLIC.address, dst=SERVER, proto=50) / Raw(bytes(40)))]
        back = [udp(SERVER, BLUE_PUBLIC.address), segment(SERVER, BLUE_PUBLIC.address, "S")]
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet) for packet in out],
                           "wire1": [from_outside(INTERNET, packet) for packet in back]}, config())
        self.assert_out(run, [expect_decap(packet, INTERNET) for packet in out])
        self.assert_in(run, [expect_encap(packet, BLUE_PUBLIC) for packet in back])
        self.assert_drops(run, {})
        self.assertEqual(run.report["nat"]["tenants"]["blue"]["sessions"], 0)

    def test_a_tenant_has_both_kinds_of_customers(self):
        frames = [from_vm(BLUE_PUBLIC, udp(BLUE_PUBLIC.address, SERVER)), Flow().sends(1).data]
        sent = self.replay({"wire0": frames}, config()).sent("wire1")
        self.assertEqual(source_of(sent[0]).address, BLUE_PUBLIC.address)
        self.assertIn(source_of(sent[1]).address, POOL_ADDRESSES)

    def test_a_translated_customer_reaches_another_tenants_public_prefix_by_its_public_address(self):
        flow = Flow(vm=RED_WEB, remote=BLUE_PUBLIC.address)
        document = config(red=pool())
        run = self.replay({"wire0": [flow.sends(0)]}, document)
        (frame,) = run.sent("wire0")
        public = source_of(frame)
        self.assertIn(public.address, POOL_ADDRESSES)
        answer = udp(BLUE_PUBLIC.address, public.address, 1, sport=5000, dport=public.port)
        run = self.replay({"wire0": [flow.sends(0), at(1000, from_vm(BLUE_PUBLIC, answer))]}, document)
        self.assert_frames(run.sent("wire0")[1:], [expect_encap(udp(BLUE_PUBLIC.address, RED_WEB.address, 1,
                                                                     sport=5000, dport=4000), RED_WEB)])


if __name__ == "__main__":
    unittest.main()
