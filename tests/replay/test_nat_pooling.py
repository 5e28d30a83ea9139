"""Public addresses and ports: paired pooling, port blocks, random ports, none overloaded, and rest after use (RFC 4787
REQ-2, REQ-3, RFC 6888 REQ-8 and REQ-14, RFC 7857 §9)."""

import unittest

from lib.topology import BLUE_DB
from lib.translation import POOL_ADDRESSES, STRIPE, Flow, NatTest, blue_vm, config, flows, pool

CROWD = tuple(blue_vm(last) for last in range(20, 60))


class Pairing(NatTest):
    def test_a_customer_keeps_its_public_address(self):
        sent = flows(1200)
        for protocol in ("udp", "tcp", "icmp"):
            with self.subTest(protocol=protocol):
                publics = self.learn([Flow(port=flow.port, protocol=protocol).sends(number / 1000)
                                      for number, flow in enumerate(sent)], config(pool(block_size=512)))
                self.assertEqual(len({public.address for public in publics}), 1)
                self.assertEqual(len(set(publics)), len(sent))

    def test_its_protocols_share_the_address(self):
        sent = [Flow(protocol=protocol) for protocol in ("udp", "tcp", "icmp")]
        publics = self.learn([flow.sends(number) for number, flow in enumerate(sent)], config())
        self.assertEqual(len({public.address for public in publics}), 1)

    def test_customers_spread_over_the_pool(self):
        publics = self.learn([Flow(vm=vm).sends(number / 1000) for number, vm in enumerate(CROWD)], config(vms=CROWD))
        self.assertGreaterEqual(len({public.address for public in publics}), 4)
        self.assertLessEqual({public.address for public in publics}, set(POOL_ADDRESSES))

    def test_addresses_as_a_range_and_alone(self):
        for addresses, expected in (("198.51.100.17-198.51.100.19", POOL_ADDRESSES[1:4]),
                                    ("198.51.100.21", POOL_ADDRESSES[5:6])):
            with self.subTest(addresses=addresses):
                publics = self.learn([Flow(vm=vm).sends(number / 1000) for number, vm in enumerate(CROWD)],
                                     config(pool(addresses), vms=CROWD))
                self.assertEqual({public.address for public in publics}, set(expected))


class Exhaustion(NatTest):
    """A customer whose public address has no ports left does not get another address."""

    def test_ports_used_up(self):
        sent = flows(66)
        addresses = f"{POOL_ADDRESSES[0]}-{POOL_ADDRESSES[1]}"
        document = config(self.tiny_pool(sent[0], addresses=addresses))
        frames = [flow.sends(number / 10) for number, flow in enumerate(sent)]
        publics = self.learn(frames[:64], document)
        self.assertEqual(len({public.address for public in publics}), 1)
        self.assertEqual(len({public.port for public in publics}), 64)
        run = self.replay({"wire0": frames}, document)
        self.assert_out(run, [flow.expect_out(public) for flow, public in zip(sent, publics)])
        self.assert_drops(run, {"nat-ports-exhausted": 2})
        self.assert_unreachable(run, [(flow.vm, flow.out()) for flow in sent[64:]])
        self.assertEqual(run.report["nat"]["tenants"]["blue"]["failures"], {"nat-ports-exhausted": 2})

    def test_live_sessions_are_not_evicted(self):
        sent = flows(70)
        document = config(self.tiny_pool(sent[0]))
        frames = [flow.sends(number / 10) for number, flow in enumerate(sent)]
        publics = self.learn(frames[:64], document)
        run = self.replay({"wire0": frames + [flow.sends(20, 1) for flow in sent[:64]],
                           "wire1": [flow.answers(30, public) for flow, public in zip(sent, publics)]}, document)
        self.assert_in(run, [flow.expect_back(public) for flow, public in zip(sent, publics)])
        self.assertEqual(len(run.sent("wire1")), 128)

    def test_each_protocol_has_all_the_ports(self):
        document = config(self.tiny_pool(Flow()))
        sent = [Flow(port=20000 + number, protocol=protocol) for protocol in ("udp", "tcp", "icmp")
                for number in range(64)]
        publics = self.learn([flow.sends(number / 10) for number, flow in enumerate(sent)], document)
        for start in (0, 64, 128):
            self.assertEqual(len(set(publics[start:start + 64])), 64)

    def test_another_mapping_of_a_port_in_use_needs_none(self):
        sent = flows(64)
        document = config(self.tiny_pool(sent[0]))
        frames = [flow.sends(number / 10) for number, flow in enumerate(sent)]
        frames += [flow.to("192.0.2.99").sends(10 + number / 10) for number, flow in enumerate(sent)]
        publics = self.learn(frames, document)
        self.assertEqual(publics[:64], publics[64:])

    def test_no_block_left_for_another_customer(self):
        """Customers that come last get nothing, and those before them lose nothing."""
        document = config(pool(POOL_ADDRESSES[0], block_size=STRIPE), vms=CROWD)
        frames = [Flow(vm=vm).sends(number / 10) for number, vm in enumerate(CROWD)]
        run = self.replay({"wire0": frames}, document)
        served = len(run.sent("wire1"))
        # One address has fifteen aligned blocks of that size above port 1024.
        self.assertLessEqual(served, 15)
        self.assert_drops(run, {"nat-pool-exhausted": len(CROWD) - served})
        self.assertEqual(len(self.errors_to_vms(run)), len(CROWD) - served)


class Ports(NatTest):
    def test_the_range_is_kept(self):
        publics = self.learn([flow.sends(number / 1000) for number, flow in enumerate(flows(300))],
                             config(pool(ports="32768-65535", block_size=64)))
        for public in publics:
            self.assertGreaterEqual(public.port, 32768)

    def test_blocks_are_aligned_and_filled_before_another_is_taken(self):
        for size in (64, 512):
            with self.subTest(size=size):
                publics = self.learn([flow.sends(number / 1000) for number, flow in enumerate(flows(2 * size + 1))],
                                     config(pool(block_size=size)))
                blocks = [public.port // size for public in publics]
                self.assertEqual(len(set(blocks[:size])), 1)
                self.assertEqual(len(set(blocks[:2 * size])), 2)
                self.assertEqual(len(set(blocks)), 3)

    def test_ports_of_a_block_are_handed_out_at_random(self):
        publics = self.learn([flow.sends(number / 1000) for number, flow in enumerate(flows(100))],
                             config(pool(block_size=512)))
        ports = [public.port for public in publics]
        self.assertNotEqual(ports, sorted(ports))
        self.assertNotEqual(ports, sorted(ports, reverse=True))
        steps = {later - earlier for earlier, later in zip(ports, ports[1:])}
        self.assertGreater(len(steps), 50)
        self.assertGreater(max(ports) - min(ports), 256)

    def test_no_two_customers_get_the_same_port(self):
        sent = [Flow(vm=vm, port=30000 + number) for vm in CROWD for number in range(20)]
        publics = self.learn([flow.sends(number / 1000) for number, flow in enumerate(sent)],
                             config(pool("198.51.100.16/31", block_size=64), vms=CROWD))
        self.assertEqual(len(set(publics)), len(sent))
        owners = {}
        for flow, public in zip(sent, publics):
            owners.setdefault((public.address, public.port // 64), set()).add(flow.vm.address)
        self.assertEqual({len(customers) for customers in owners.values()}, {1}, "a block has one owner")

    def test_well_known_ports_stay_below_1024_and_others_above(self):
        """RFC 4787 REQ-3a, where the pool has such ports."""
        vms = CROWD[:10]
        sent = [Flow(vm=vm, port=port) for vm in vms for port in (53, 123, 1023, 1024, 5353)]
        publics = self.learn([flow.sends(number / 100) for number, flow in enumerate(sent)],
                             config(pool(ports="1-65535", block_size=64), vms=vms))
        for flow, public in zip(sent, publics):
            self.assertEqual(public.port < 1024, flow.port < 1024, (flow, public))
            self.assertGreater(public.port, 0)

    def test_a_pool_without_well_known_ports_serves_them_above(self):
        (public,) = self.learn([Flow(port=123).sends(0)], config(pool(ports="1024-65535")))
        self.assertGreaterEqual(public.port, 1024)

    def test_forwarded_ports_are_not_handed_out(self):
        sent = flows(64)
        tiny = self.tiny_pool(sent[0])
        first = int(tiny["pools"][0]["ports"].split("-")[0])
        tiny["forwards"] = [{"public": POOL_ADDRESSES[0], "protocol": "udp", "ports": f"{first}-{first + 9}",
                             "customer": BLUE_DB.address}]
        run = self.replay({"wire0": [flow.sends(number / 10) for number, flow in enumerate(sent)]}, config(tiny))
        self.assertEqual(len(run.sent("wire1")), 54)
        self.assert_drops(run, {"nat-ports-exhausted": 10})


class Quarantine(NatTest):
    """A port rests for 120 s after its session, so that nobody gets a stranger's late answers."""

    def assert_free_after(self, openers: list, seconds: float, new: Flow, document: dict) -> None:
        """The openers use up all ports; a second before that time there is none for another flow, a second after it
        there is."""
        for moment, passes in ((seconds - 1, False), (seconds + 1, True)):
            with self.subTest(moment=moment):
                run = self.replay({"wire0": openers + [new.sends(moment)]}, document)
                self.assertEqual(len(run.sent("wire1")), len(openers) + passes)
                self.assert_drops(run, {} if passes else {"nat-ports-exhausted": 1})

    def test_udp_and_icmp(self):
        for protocol, ends in (("udp", 300), ("icmp", 60)):
            with self.subTest(protocol=protocol):
                document = config(self.tiny_pool(Flow()))
                openers = [flow.sends(0) for flow in flows(64, protocol=protocol)]
                self.assert_free_after(openers, ends + 120, Flow(port=50000, protocol=protocol), document)

    def test_the_knob(self):
        document = config(self.tiny_pool(Flow()), timeouts={"port-quarantine": 10})
        self.assert_free_after([flow.sends(0) for flow in flows(64)], 310, Flow(port=50000), document)

    def test_tcp_that_never_closed(self):
        document = config(self.tiny_pool(Flow()))
        openers = [flow.sends(0) for flow in flows(64, protocol="tcp")]
        self.assert_free_after(openers, 240 + 120, Flow(port=50000, protocol="tcp"), document)

    def test_the_same_customer_port_does_not_get_its_resting_port_back_as_if_nothing_had_been(self):
        """A mapping that ended is gone: another one begins, and it is not the port that rests."""
        flow = Flow()
        document = config()
        before, after = self.learn([flow.sends(0), flow.sends(301)], document)
        self.assertNotEqual(before, after)
        self.assertEqual(before.address, after.address)
        run = self.replay({"wire0": [flow.sends(0), flow.sends(301)],
                           "wire1": [flow.answers(302, before), flow.answers(303, after)]}, document)
        self.assert_in(run, [flow.expect_back(after)])
        self.assert_drops(run, {"nat-no-session": 1})

    def test_tcp_that_was_seen_to_close_is_exempt(self):
        """All 64 connections open and close within four seconds: 240 s later their ports are free at once."""
        tcp = flows(64, protocol="tcp", remote_port=80)
        document = config(self.tiny_pool(tcp[0]))
        publics = self.learn([flow.sends(0) for flow in tcp], document)
        out = [flow.sends(second, flags=flags, seq=seq, ack=ack) for flow in tcp
               for second, flags, seq, ack in ((0, "S", 100, 0), (2, "A", 101, 501), (3, "FA", 101, 501),
                                               (5, "A", 102, 502))]
        back = [flow.answers(second, public, flags=flags, seq=seq, ack=ack) for flow, public in zip(tcp, publics)
                for second, flags, seq, ack in ((1, "SA", 500, 101), (4, "FA", 501, 102))]
        for moment, count in ((5 + 239, 0), (5 + 241, 1)):
            with self.subTest(moment=moment):
                run = self.replay({"wire0": out + [Flow(port=50000, protocol="tcp").sends(moment)], "wire1": back},
                                  document)
                self.assertEqual(len(run.sent("wire1")), len(out) + count)


if __name__ == "__main__":
    unittest.main()
