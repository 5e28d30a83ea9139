"""ICMP queries (RFC 5508 §3): the identifier is what a port is elsewhere."""

import unittest

from lib.gateway import at
from lib.packets import expect_decap, expect_encap, from_outside, from_vm
from lib.topology import BLUE_DB, BLUE_WEB, INTERNET, RED_WEB, SERVER
from lib.translation import (ECHO_REPLY, OTHER_SERVER, POOL_ADDRESSES, TIME_EXCEEDED, Flow, NatTest, config,
                             from_public, ip_of, pool, query, source_of, to_customer)

PING = Flow(protocol="icmp", port=7)
TIMESTAMP, TIMESTAMP_REPLY = 13, 14


class Queries(NatTest):
    def test_sequence_numbers_and_data_stay(self):
        (public,) = self.learn([PING.sends(0)], config())
        marks = [0, 1, 2, 255, 256, 65535]
        run = self.replay({"wire0": [PING.sends(0)] + [PING.sends(1 + number, mark, size=56 + number)
                                                       for number, mark in enumerate(marks)],
                           "wire1": [PING.answers(1.5 + number, public, mark, size=56 + number)
                                     for number, mark in enumerate(marks)]}, config())
        self.assert_out(run, [PING.expect_out(public)] + [PING.expect_out(public, mark, size=56 + number)
                                                          for number, mark in enumerate(marks)])
        self.assert_in(run, [PING.expect_back(public, mark, size=56 + number) for number, mark in enumerate(marks)])

    def test_an_empty_echo(self):
        (public,) = self.learn([PING.sends(0)], config())
        run = self.replay({"wire0": [PING.sends(0, size=0)], "wire1": [PING.answers(1, public, size=0)]}, config())
        self.assert_out(run, [PING.expect_out(public, size=0)])
        self.assert_in(run, [PING.expect_back(public, size=0)])

    def test_equal_identifiers_of_many_customers(self):
        pings = [Flow(vm=vm, protocol="icmp", port=7) for vm in (BLUE_WEB, BLUE_DB, RED_WEB)]
        document = config(pool("198.51.100.16"), pool("198.51.100.16"))
        frames = [ping.sends(number) for number, ping in enumerate(pings)]
        publics = self.learn(frames, document)
        self.assertEqual(len(set(publics)), 3)
        answers = [ping.answers(5 + number, public, number)
                   for number, (ping, public) in enumerate(zip(pings, publics))]
        run = self.replay({"wire0": frames, "wire1": answers}, document)
        self.assert_in(run, [ping.expect_back(public, number)
                             for number, (ping, public) in enumerate(zip(pings, publics))])

    def test_timestamps_are_queries_too(self):
        ask = query(BLUE_WEB.address, SERVER, 7, TIMESTAMP, size=12)
        sent = at(0, from_vm(BLUE_WEB, ask))
        (public,) = self.learn([sent], config())
        answer = query(SERVER, public.address, public.port, TIMESTAMP_REPLY, size=12)
        run = self.replay({"wire0": [sent], "wire1": [at(1000, from_outside(INTERNET, answer))]}, config())
        self.assert_out(run, [expect_decap(from_public(ask, public), INTERNET)])
        self.assert_in(run, [expect_encap(to_customer(answer, PING.customer), BLUE_WEB)])

    def test_a_reply_begins_nothing(self):
        reply = query(BLUE_WEB.address, SERVER, 7, ECHO_REPLY)
        run = self.replay({"wire0": [from_vm(BLUE_WEB, reply)]}, config())
        self.assert_out(run, [])
        self.assertEqual(run.report["nat"]["tenants"]["blue"]["sessions"], 0)
        self.assertEqual(sum(run.drops.values()), 1)

    def test_an_identifier_is_no_port(self):
        """An answer to the same number by another protocol is none."""
        (public,) = self.learn([PING.sends(0)], config())
        udp = Flow(protocol="udp", port=7)
        run = self.replay({"wire0": [PING.sends(0)], "wire1": [udp.answers(1, public)]}, config())
        self.assert_in(run, [])
        self.assert_drops(run, {"nat-no-session": 1})

    def test_a_ping_of_a_public_address_reaches_nobody(self):
        frames = [from_outside(INTERNET, query(SERVER, address, identifier))
                  for address in POOL_ADDRESSES for identifier in (0, 7, 65535)]
        run = self.replay({"wire1": frames}, config())
        self.assert_nothing_sent(run)
        self.assert_drops(run, {"nat-no-session": len(frames)})

    def test_traceroute_by_echo(self):
        """Every hop's answer finds the customer, and the first one is the gateway's own."""
        sent = [PING.sends(0)] + [PING.sends(ttl, ttl, ttl=ttl) for ttl in range(1, 5)]
        (public,) = self.learn(sent[:1], config())
        run = self.replay({"wire0": sent}, config())
        self.assert_out(run, [PING.expect_out(public)] + [PING.expect_out(public, ttl, ttl=ttl) for ttl in range(2, 5)])
        (error,) = self.errors_to_vms(run)
        self.assertEqual((ip_of(error).src, ip_of(error).payload.type), (BLUE_WEB.gateway, TIME_EXCEEDED))

    def test_the_same_identifier_toward_many(self):
        frames = [PING.to(remote).sends(number) for number, remote in enumerate((SERVER, OTHER_SERVER, "192.0.2.7"))]
        sent = self.replay({"wire0": frames}, config()).sent("wire1")
        self.assertEqual(len({source_of(frame) for frame in sent}), 1)


if __name__ == "__main__":
    unittest.main()
