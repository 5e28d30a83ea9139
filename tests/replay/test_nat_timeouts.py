"""Time-outs (RFC 4787 REQ-5 and REQ-6, RFC 5382 REQ-5, RFC 5508 REQ-1, RFC 7857 §2): each holds to the second, what
the customer sends begins it anew, what comes from outside does not."""

import unittest

from lib import gateway
from lib.topology import BLUE_WEB
from lib.translation import Flow, NatTest, config

DEFAULTS = {"udp": 300, "tcp": 240, "icmp": 60}
# A TCP connection as both ends see it: (seconds, outward, flags, sequence number, acknowledgment).
OPENED = ((0, True, "S", 100, 0), (1, False, "SA", 500, 101), (2, True, "A", 101, 501))


class TimeoutTest(NatTest):
    def assert_lives(self, limit: float, frames: list, flow: Flow, document: dict, answers: tuple = (),
                     **answer) -> None:
        """An answer a second before the limit gets in, one a second after it does not. `answers` are earlier ones."""
        (public, *_) = self.learn(frames, document)
        for moment, lives in ((limit - 1, True), (limit + 1, False)):
            with self.subTest(moment=moment):
                run = self.replay({"wire0": frames, "wire1": [flow.answers(second, public, **more)
                                                              for second, more in answers]
                                   + [flow.answers(moment, public, 99, **answer)]}, document)
                last = [flow.expect_back(public, 99, **answer)] if lives else []
                self.assert_in(run, [flow.expect_back(public, **more) for _, more in answers] + last)
                self.assert_drops(run, {} if lives else {"nat-no-session": 1})

    def assert_connection_lives(self, limit: float, segments: tuple, document: dict = None) -> None:
        """A TCP connection with these segments lives that long after the start, seen by what comes from outside."""
        flow = Flow(protocol="tcp", remote_port=80)
        frames = [flow.sends(second, flags=flags, seq=seq, ack=ack)
                  for second, outward, flags, seq, ack in segments if outward]
        answers = tuple((second, {"flags": flags, "seq": seq, "ack": ack})
                        for second, outward, flags, seq, ack in segments if not outward)
        self.assert_lives(limit, frames, flow, document or config(), answers, flags="A", seq=501, ack=101)


class Default(TimeoutTest):
    def test_udp(self):
        self.assert_lives(300, [Flow().sends(0)], Flow(), config())

    def test_udp_to_a_well_known_port(self):
        flow = Flow(remote_port=53)
        self.assert_lives(300, [flow.sends(0)], flow, config())

    def test_icmp_queries(self):
        flow = Flow(protocol="icmp")
        self.assert_lives(60, [flow.sends(0)], flow, config())

    def test_tcp_that_opens(self):
        self.assert_connection_lives(240, OPENED[:1])

    def test_tcp_that_was_answered_and_not_acknowledged(self):
        self.assert_connection_lives(240, OPENED[:2])

    def test_tcp_established(self):
        self.assert_connection_lives(2 + 7440, OPENED)

    def test_tcp_half_closed_by_the_customer_is_established(self):
        self.assert_connection_lives(3 + 7440, OPENED + ((3, True, "FA", 101, 501),))

    def test_tcp_half_closed_by_the_far_end_is_established(self):
        self.assert_connection_lives(4 + 7440, OPENED + ((3, False, "FA", 501, 101), (4, True, "A", 101, 502)))

    def test_tcp_closed_by_both(self):
        self.assert_connection_lives(5 + 240, OPENED + ((3, True, "FA", 101, 501), (4, False, "FA", 501, 102),
                                                        (5, True, "A", 102, 502)))

    def test_tcp_reset_by_the_far_end(self):
        self.assert_connection_lives(2 + 240, OPENED + ((3, False, "RA", 501, 101),))

    def test_tcp_reset_by_the_customer(self):
        self.assert_connection_lives(3 + 240, OPENED + ((3, True, "RA", 101, 501),))


class Knobs(TimeoutTest):
    def test_each_is_its_own(self):
        for knob, flow in (("udp", Flow()), ("udp-well-known", Flow(remote_port=53)), ("icmp", Flow(protocol="icmp")),
                           ("tcp-transitory", Flow(protocol="tcp"))):
            with self.subTest(knob=knob):
                document = config(timeouts={knob: 150})
                self.assert_lives(150, [flow.sends(0)], flow, document)

    def test_well_known_ports_may_have_a_short_one(self):
        document = config(timeouts={"udp-well-known": 20})
        for port in (1, 53, 1023):
            with self.subTest(port=port):
                flow = Flow(remote_port=port)
                self.assert_lives(20, [flow.sends(0)], flow, document)

    def test_others_have_not(self):
        document = config(timeouts={"udp-well-known": 20})
        self.assert_lives(300, [Flow(remote_port=1024).sends(0)], Flow(remote_port=1024), document)

    def test_tcp_states(self):
        document = config(timeouts={"tcp-established": 1000, "tcp-transitory": 100, "tcp-reset": 10})
        self.assert_connection_lives(100, OPENED[:1], document)
        self.assert_connection_lives(2 + 1000, OPENED, document)
        self.assert_connection_lives(3 + 10, OPENED + ((3, True, "R", 101, 0),), document)

    def test_a_udp_time_out_below_the_rfcs_is_refused(self):
        run = gateway.replay({"wire0": [Flow().sends(0)]}, config(timeouts={"udp": 119}))
        self.assertEqual(run.status, 1)
        self.assertIn("120", run.stderr)


class Refresh(TimeoutTest):
    def test_what_the_customer_sends_begins_it_anew(self):
        for protocol, limit in DEFAULTS.items():
            with self.subTest(protocol=protocol):
                flow = Flow(protocol=protocol)
                frames = [flow.sends(number * (limit - 1)) for number in range(4)]
                self.assert_lives(3 * (limit - 1) + limit, frames, flow, config())

    def test_to_whomever_it_sends(self):
        flow = Flow()
        frames = [flow.sends(0), flow.to("192.0.2.99").sends(200)]
        self.assert_lives(500, frames, flow, config())

    def test_what_comes_from_outside_does_not(self):
        for protocol, limit in DEFAULTS.items():
            with self.subTest(protocol=protocol):
                flow = Flow(protocol=protocol)
                answers = tuple((limit * tenth / 10, {"mark": tenth}) for tenth in range(1, 10))
                if protocol == "tcp":
                    answers = tuple((moment, {"flags": "SA", **more}) for moment, more in answers)
                self.assert_lives(limit, [flow.sends(0)], flow, config(), answers)

    def test_nor_for_an_established_connection(self):
        self.assert_connection_lives(2 + 7440, OPENED + tuple((second, False, "A", 501, 101)
                                                              for second in range(1000, 7001, 1000)))

    def test_another_customers_traffic_does_not(self):
        flow = Flow(vm=BLUE_WEB)
        frames = [flow.sends(0), Flow(port=4001).sends(200)]
        self.assert_lives(300, frames, flow, config())

    def test_thousands_of_sessions_end_one_by_one(self):
        """Each at its own moment, as exact as a single one."""
        flows = [Flow(port=10000 + number) for number in range(2000)]
        frames = [flow.sends(number / 10) for number, flow in enumerate(flows)]
        publics = self.learn(frames, config())
        late = 400
        run = self.replay({"wire0": frames, "wire1": [flow.answers(late, public, number)
                                                      for number, (flow, public) in enumerate(zip(flows, publics))]},
                          config())
        # The session of flow n lives until 300 + n / 10 seconds.
        alive = [number for number in range(2000) if 300 + number / 10 > late]
        self.assert_in(run, [flows[number].expect_back(publics[number], number) for number in alive])
        self.assert_drops(run, {"nat-no-session": 2000 - len(alive)})


if __name__ == "__main__":
    unittest.main()
