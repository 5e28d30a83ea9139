"""Limits (RFC 6888 REQ-4, RFC 7857 §8): sessions, ports and new sessions a second, of a tenant and of one customer
address. What is over one is dropped, counted and told to its sender; what lives, lives."""

import unittest

from lib.topology import BLUE_DB, BLUE_WEB, RED_WEB
from lib.translation import Flow, NatTest, config, flows, pool

SESSIONS, PORTS, RATE = "nat-session-limit", "nat-port-limit", "nat-rate-limit"


def limited(**limits) -> dict:
    """A tenant's translation with limits; underscores stand for hyphens."""
    return pool(limits={key.replace("_", "-"): value for key, value in limits.items()})


class LimitTest(NatTest):
    def assert_limited(self, sent: list, allowed: int, reason: str, document: dict, spacing: float = 2) -> None:
        """Of the flows' first packets so many leave; the others' senders hear why, and all of the others live."""
        frames = [flow.sends(number * spacing) for number, flow in enumerate(sent)]
        publics = self.learn(frames[:allowed], document)
        end = len(frames) * spacing
        again = [flow.sends(end + number, 1) for number, flow in enumerate(sent[:allowed])]
        answers = [flow.answers(end + number, public, 2) for number, (flow, public) in enumerate(zip(sent, publics))]
        run = self.replay({"wire0": frames + again, "wire1": answers}, document)
        self.assert_out(run, [flow.expect_out(public, mark) for mark in (0, 1) for flow, public in zip(sent, publics)])
        self.assert_in(run, [flow.expect_back(public, 2) for flow, public in zip(sent, publics)])
        over = sent[allowed:]
        self.assert_drops(run, {reason: len(over)})
        self.assert_unreachable(run, [(flow.vm, flow.out()) for flow in over])
        self.assertEqual(run.report["nat"]["tenants"]["blue"]["failures"], {reason: len(over)})


class Sessions(LimitTest):
    def test_of_a_tenant(self):
        sent = [Flow(port=1025 + number, vm=(BLUE_WEB, BLUE_DB)[number % 2]) for number in range(8)]
        self.assert_limited(sent, 5, SESSIONS, config(limited(sessions=5)))

    def test_of_a_customer_address(self):
        self.assert_limited(flows(6), 4, SESSIONS, config(limited(sessions_per_address=4)))

    def test_all_protocols_count_together(self):
        sent = [Flow(protocol=protocol) for protocol in ("udp", "tcp", "icmp")]
        self.assert_limited(sent[:1] + sent[2:] + sent[1:2], 2, SESSIONS, config(limited(sessions_per_address=2)))

    def test_connections_of_one_port_count_each(self):
        """TCP connections from one port to several servers share a public port, not a session."""
        sent = [Flow(protocol="tcp").to(f"192.0.2.{last}") for last in range(10, 15)]
        frames = [flow.sends(number) for number, flow in enumerate(sent)]
        run = self.replay({"wire0": frames}, config(limited(sessions_per_address=3)))
        self.assertEqual(len(run.sent("wire1")), 3)
        self.assert_drops(run, {SESSIONS: 2})
        self.assertEqual(run.report["nat"]["tenants"]["blue"]["ports"], 1)

    def test_there_is_room_again_when_sessions_end(self):
        document = config(limited(sessions_per_address=2))
        first, second, third = flows(3)
        for moment, passes in ((299, False), (301, True)):
            with self.subTest(moment=moment):
                run = self.replay({"wire0": [first.sends(0), second.sends(10), third.sends(moment)]}, document)
                self.assertEqual(len(run.sent("wire1")), 2 + passes)


class Ports(LimitTest):
    def test_of_a_tenant(self):
        sent = [Flow(port=1025 + number, vm=(BLUE_WEB, BLUE_DB)[number % 2]) for number in range(8)]
        self.assert_limited(sent, 5, PORTS, config(limited(ports=5)))

    def test_of_a_customer_address(self):
        self.assert_limited(flows(6), 4, PORTS, config(limited(ports_per_address=4)))

    def test_another_session_of_a_port_needs_no_other(self):
        document = config(limited(ports_per_address=1))
        sent = [Flow(protocol="tcp").to(f"192.0.2.{last}") for last in range(10, 15)]
        publics = self.learn([flow.sends(number) for number, flow in enumerate(sent)], document)
        self.assertEqual(len(set(publics)), 1)


class Rate(LimitTest):
    def test_of_a_tenant(self):
        sent = [Flow(port=1025 + number, vm=(BLUE_WEB, BLUE_DB)[number % 2]) for number in range(8)]
        self.assert_limited(sent, 5, RATE, config(limited(new_sessions_per_second=5)), 0.01)

    def test_of_a_customer_address(self):
        self.assert_limited(flows(6), 4, RATE, config(limited(new_sessions_per_second_per_address=4)), 0.01)

    def test_it_is_of_every_second(self):
        """Ten flows in each of four seconds, of which three each may begin."""
        sent = flows(40)
        frames = [flow.sends(number // 10 + number % 10 / 20 + 0.1) for number, flow in enumerate(sent)]
        # The first frame starts the clock; seconds are its.
        run = self.replay({"wire0": [sent[0].sends(0)] + frames[1:]}, config(limited(new_sessions_per_second=3)))
        self.assertEqual(len(run.sent("wire1")), 12)
        self.assert_drops(run, {RATE: 28})

    def test_packets_of_sessions_are_not_limited(self):
        flow = Flow()
        run = self.replay({"wire0": [flow.sends(number / 1000, number) for number in range(500)]},
                          config(limited(new_sessions_per_second=1)))
        self.assertEqual(len(run.sent("wire1")), 500)
        self.assert_drops(run, {})


class Fairness(NatTest):
    def test_a_customer_that_floods_does_not_starve_another(self):
        """One address has used up what it may have; its neighbour of the same tenant has not lost anything."""
        greedy, modest = flows(300), Flow(vm=BLUE_DB)
        document = config(limited(sessions_per_address=100, ports_per_address=100))
        run = self.replay({"wire0": [flow.sends(number / 100) for number, flow in enumerate(greedy)]
                           + [modest.sends(10)]}, document)
        self.assertEqual(len(run.sent("wire1")), 101)
        self.assertEqual(sum(run.drops.values()), 200)

    def test_one_tenants_limits_are_not_anothers(self):
        document = config(limited(sessions=2), pool())
        sent = flows(5) + flows(5, vm=RED_WEB)
        run = self.replay({"wire0": [flow.sends(number) for number, flow in enumerate(sent)]}, document)
        self.assertEqual(len(run.sent("wire1")), 7)
        tenants = run.report["nat"]["tenants"]
        self.assertEqual((tenants["blue"]["sessions"], tenants["red"]["sessions"]), (2, 5))

    def test_the_unreachables_themselves_are_limited(self):
        """A customer that sends thousands of packets over its limit does not get thousands of answers."""
        sent = flows(3000)
        run = self.replay({"wire0": [flow.sends(number / 3000) for number, flow in enumerate(sent)]},
                          config(limited(sessions=1)))
        self.assert_drops(run, {SESSIONS: 2999})
        self.assertTrue(0 < len(self.errors_to_vms(run)) < 1500, len(self.errors_to_vms(run)))

    def test_a_full_table_is_said_and_harms_no_live_session(self):
        document = config()
        document["system"]["limits"]["nat-sessions"] = 64
        sent = flows(80)
        frames = [flow.sends(number) for number, flow in enumerate(sent)]
        probe = self.replay({"wire0": frames}, document)
        served = len(probe.sent("wire1"))
        self.assertGreaterEqual(served, 32)
        self.assert_drops(probe, {"nat-table-full": 80 - served})
        publics = self.learn(frames[:served], document)
        answers = [flow.answers(100, public) for flow, public in zip(sent, publics)]
        run = self.replay({"wire0": frames, "wire1": answers}, document)
        self.assert_in(run, [flow.expect_back(public) for flow, public in zip(sent, publics)])
        entries = run.report["nat"]["entries"]
        self.assertEqual((entries["used"], entries["most"]), (served, served))
        self.assertGreaterEqual(entries["capacity"], served)


if __name__ == "__main__":
    unittest.main()
