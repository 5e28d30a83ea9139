"""Filtering (RFC 4787 REQ-8): who may answer. By default everyone whom the public port is told to; by knob, for each
protocol, only hosts that the customer's port has sent to."""

import unittest

from lib.translation import OTHER_SERVER, Flow, NatTest, config, pool

PROTOCOLS = ("udp", "tcp", "icmp")
STRANGER = "203.0.112.9"


def dependent(*protocols: str) -> dict:
    """Configuration with address-dependent filtering of these protocols."""
    return config(pool(filtering={protocol: "address-dependent" for protocol in protocols}))


class EndpointIndependent(NatTest):
    def test_a_stranger_gets_in_from_any_port(self):
        for protocol in ("udp", "icmp"):
            with self.subTest(protocol=protocol):
                flow = Flow(protocol=protocol)
                (public,) = self.learn([flow.sends(0)], config())
                strangers = [flow.to(STRANGER, port) for port in (1, 5000, 65535)]
                run = self.replay({"wire0": [flow.sends(0)],
                                   "wire1": [stranger.answers(1, public) for stranger in strangers]}, config())
                self.assert_in(run, [stranger.expect_back(public) for stranger in strangers])

    def test_a_strangers_syn_gets_in_and_its_connection_works(self):
        flow = Flow(protocol="tcp")
        (public,) = self.learn([flow.sends(0)], config())
        stranger = flow.to(STRANGER, 7777)
        run = self.replay({"wire0": [flow.sends(0), stranger.sends(2, 1, "SA", seq=70, ack=31),
                                     stranger.sends(4, 3, "A", seq=71, ack=41)],
                           "wire1": [stranger.answers(1, public, 0, "S", seq=30),
                                     stranger.answers(3, public, 2, "PA", seq=31, ack=71, payload=b"0123456789")]},
                          config())
        self.assert_in(run, [stranger.expect_back(public, 0, "S", seq=30),
                             stranger.expect_back(public, 2, "PA", seq=31, ack=71, payload=b"0123456789")])
        self.assert_out(run, [flow.expect_out(public), stranger.expect_out(public, 1, "SA", seq=70, ack=31),
                              stranger.expect_out(public, 3, "A", seq=71, ack=41)])
        self.assert_drops(run, {})


class AddressDependent(NatTest):
    def test_a_stranger_does_not_get_in(self):
        for protocol in ("udp", "icmp"):
            with self.subTest(protocol=protocol):
                flow, document = Flow(protocol=protocol), dependent(protocol)
                (public,) = self.learn([flow.sends(0)], document)
                run = self.replay({"wire0": [flow.sends(0)],
                                   "wire1": [flow.to(STRANGER).answers(1, public), flow.answers(2, public)]}, document)
                self.assert_in(run, [flow.expect_back(public)])
                self.assert_drops(run, {"nat-filtered": 1})

    def test_a_strangers_syn_does_not_get_in(self):
        flow, document = Flow(protocol="tcp"), dependent("tcp")
        (public,) = self.learn([flow.sends(0)], document)
        run = self.replay({"wire0": [flow.sends(0)],
                           "wire1": [flow.to(STRANGER).answers(1, public, flags="S"), flow.answers(2, public)]},
                          document)
        self.assert_in(run, [flow.expect_back(public)])
        self.assert_drops(run, {("nat-filtered", "nat-unsolicited"): 1})

    def test_the_remote_port_does_not_matter(self):
        flow, document = Flow(), dependent("udp")
        (public,) = self.learn([flow.sends(0)], document)
        others = [flow.to(flow.remote, port) for port in (1, 4999, 65535)]
        run = self.replay({"wire0": [flow.sends(0)], "wire1": [other.answers(1, public) for other in others]},
                          document)
        self.assert_in(run, [other.expect_back(public) for other in others])

    def test_everyone_who_was_sent_to_may_answer(self):
        document = dependent("udp")
        sent = [Flow().to(f"192.0.2.{last}") for last in range(10, 40)]
        frames = [flow.sends(number / 10) for number, flow in enumerate(sent)]
        (public, *_) = self.learn(frames, document)
        run = self.replay({"wire0": frames, "wire1": [flow.answers(10, public) for flow in sent]
                           + [Flow().to("192.0.2.40").answers(11, public)]}, document)
        self.assert_in(run, [flow.expect_back(public) for flow in sent])
        self.assert_drops(run, {"nat-filtered": 1})

    def test_what_another_port_sent_to_is_no_leave(self):
        one, other, document = Flow(port=4000), Flow(port=4001, remote=OTHER_SERVER), dependent("udp")
        frames = [one.sends(0), other.sends(0.1)]
        public, _ = self.learn(frames, document)
        run = self.replay({"wire0": frames, "wire1": [one.to(OTHER_SERVER).answers(1, public)]}, document)
        self.assert_in(run, [])
        self.assert_drops(run, {"nat-filtered": 1})

    def test_mapping_stays_endpoint_independent(self):
        first, second = self.learn([Flow().sends(0), Flow().to(OTHER_SERVER).sends(1)], dependent("udp"))
        self.assertEqual(first, second)

    def test_it_is_a_knob_of_each_protocol(self):
        for chosen in PROTOCOLS:
            document = dependent(chosen)
            for protocol in PROTOCOLS:
                with self.subTest(chosen=chosen, protocol=protocol):
                    flow = Flow(protocol=protocol)
                    (public,) = self.learn([flow.sends(0)], document)
                    stranger = flow.to(STRANGER)
                    run = self.replay({"wire0": [flow.sends(0)], "wire1": [stranger.answers(1, public, flags="S")]},
                                      document)
                    self.assert_in(run, [] if protocol == chosen else [stranger.expect_back(public, flags="S")])

    def test_a_leave_ends_when_nothing_is_sent_to_the_host_any_more(self):
        """Each host's lasts as long as a session to it, while the mapping lives on by others."""
        document = dependent("udp")
        old, new = Flow().to("192.0.2.10"), Flow().to("192.0.2.11")
        frames = [old.sends(0), new.sends(200), new.sends(400)]
        (public, *_) = self.learn(frames, document)
        run = self.replay({"wire0": frames, "wire1": [old.answers(299, public), old.answers(301, public, 1),
                                                      new.answers(500, public, 2)]}, document)
        self.assert_in(run, [old.expect_back(public), new.expect_back(public, 2)])
        self.assert_drops(run, {"nat-filtered": 1})


if __name__ == "__main__":
    unittest.main()
