"""SYNs from outside that nobody asked for (RFC 5382 REQ-4): silently held for six seconds, in which the customer may
open the same connection; then refused by ICMP, or not answered at all."""

import unittest

from scapy.utils import checksum

from lib.gateway import MILLISECOND, SECOND, START_NS, at
from lib.packets import ethernet, from_outside
from lib.topology import INTERNET, SERVER
from lib.translation import POOL_ADDRESSES, UNREACHABLE, Flow, NatTest, config, ip_of, pool, segment

LONG = ("--settle", "10")
STRANGER = Flow(protocol="tcp", remote_port=7000)


def syn(number: int = 0, sport: int = 40000) -> bytes:
    """A SYN of the server to a port of the pool."""
    return segment(SERVER, POOL_ADDRESSES[number % 8], "S", sport, 2000 + number)


class Unsolicited(NatTest):
    def refusals(self, run) -> list:
        """The ICMP errors that left to the outside, with their times."""
        return [frame for frame in run.frames["wire1"] if frame.data in run.sent("wire1")
                and ip_of(frame.data).proto == 1]

    def test_it_is_refused_after_six_seconds(self):
        run = self.replay({"wire1": [at(0, from_outside(INTERNET, syn()))]}, config(), LONG)
        self.assert_drops(run, {"nat-unsolicited": 1})
        (refusal,) = self.refusals(run)
        after = refusal.time_ns - START_NS
        self.assertTrue(6 * SECOND <= after <= 6 * SECOND + 100 * MILLISECOND, f"{after} ns")
        error = ip_of(refusal.data)
        message = bytes(error.payload)
        self.assertEqual((error.dst, message[:2]), (SERVER, bytes([UNREACHABLE, 3])))
        self.assertIn(error.src, (INTERNET.address, POOL_ADDRESSES[0]))
        self.assertEqual(checksum(message), 0)
        self.assertGreaterEqual(len(message), 8 + 28)
        self.assertEqual(message[8:], syn()[:len(message) - 8], "the SYN as it came")
        self.assertEqual(refusal.data, ethernet(error, INTERNET.mac, INTERNET.router_mac, INTERNET.vlan))

    def test_nothing_is_said_before(self):
        run = self.replay({"wire1": [at(0, from_outside(INTERNET, syn()))]}, config(), ("--settle", "5"))
        self.assert_nothing_sent(run)

    def test_it_makes_no_session(self):
        run = self.replay({"wire1": [at(0, from_outside(INTERNET, syn(number))) for number in range(200)]},
                          config(), LONG)
        self.assertEqual(run.report["nat"]["entries"]["most"], 0)
        self.assert_drops(run, {"nat-unsolicited": 200})

    def test_the_knob_for_silence(self):
        run = self.replay({"wire1": [at(0, from_outside(INTERNET, syn()))]}, config(unsolicited_syn="drop"), LONG)
        self.assert_nothing_sent(run)
        self.assert_drops(run, {"nat-unsolicited": 1})

    def test_a_flood_is_bounded(self):
        """20,000 SYNs of two seconds make no session, no 20,000 answers, and harm nobody's traffic."""
        flow = Flow()
        (public,) = self.learn([flow.sends(0)], config())
        flood = [at(number / 10, from_outside(INTERNET, syn(number % 30000, 1 + number))) for number in range(20000)]
        run = self.replay({"wire0": [flow.sends(0), flow.sends(3, 1)], "wire1": flood + [flow.answers(4, public)]},
                          config(), LONG)
        self.assert_in(run, [flow.expect_back(public)])
        self.assertLessEqual(len(self.refusals(run)), 2000)
        self.assertEqual(run.report["nat"]["entries"]["most"], 1)

    def test_others_than_syns_are_not_held(self):
        frames = [from_outside(INTERNET, segment(SERVER, POOL_ADDRESSES[0], flags, 40000, 2000))
                  for flags in ("A", "SA", "R", "F")]
        run = self.replay({"wire1": frames}, config(), LONG)
        self.assert_nothing_sent(run)
        self.assert_drops(run, {"nat-no-session": 4})


class SimultaneousOpen(NatTest):
    """The far end's SYN comes first. With endpoint-independent filtering that can only be before there is a mapping."""

    def assert_opens(self, document: dict, before: list, opener: Flow) -> None:
        """The SYN from outside comes a second before the customer's, and neither is refused."""
        public = self.learn(before + [opener.sends(2, flags="S", seq=100)], document)[-1]
        run = self.replay({"wire0": before + [opener.sends(2, flags="S", seq=100),
                                              opener.sends(4, 1, "SA", seq=100, ack=501)],
                           "wire1": [opener.answers(1, public, flags="S", seq=500),
                                     opener.answers(3, public, 1, "S", seq=500),
                                     opener.answers(5, public, 2, "SA", seq=500, ack=101)]}, document, LONG)
        sent = run.sent("wire1")[len(before):]
        self.assert_frames(sent, [opener.expect_out(public, flags="S", seq=100),
                                  opener.expect_out(public, 1, "SA", seq=100, ack=501)])
        self.assert_in(run, [opener.expect_back(public, 1, "S", seq=500),
                             opener.expect_back(public, 2, "SA", seq=500, ack=101)])
        self.assertEqual(sum(run.drops.values()), 1)

    def test_before_the_mapping(self):
        self.assert_opens(config(), [], STRANGER)

    def test_before_leave_by_filtering(self):
        document = config(pool(filtering={"tcp": "address-dependent"}))
        self.assert_opens(document, [STRANGER.to("192.0.2.99").sends(0)], STRANGER)

    def test_a_connection_to_another_host_does_not_count(self):
        """The SYN is refused all the same."""
        other = STRANGER.to("192.0.2.99")
        (public,) = self.learn([other.sends(2)], config())
        run = self.replay({"wire0": [other.sends(2)], "wire1": [STRANGER.answers(1, public, flags="S")]}, config(),
                          LONG)
        refusals = [frame for frame in run.sent("wire1") if ip_of(frame).proto == 1]
        self.assertEqual([ip_of(frame).dst for frame in refusals], [SERVER])


if __name__ == "__main__":
    unittest.main()
