"""Hairpinning (RFC 4787 REQ-9, RFC 5508 REQ-7): a customer that speaks to another's public address and port reaches it,
and is seen by it with its own public address and port, as from anywhere else."""

import unittest
from functools import partial

from lib.packets import expect_encap, from_vm, routed, udp
from lib.topology import BLUE_DB, BLUE_WEB, RED_WEB
from lib.translation import (OTHER_SERVER, TIME_EXCEEDED, Endpoint, Flow, NatTest, config, from_public, icmp_error,
                             pool, segment, source_of, to_customer)

STATIC = {"public": "198.51.100.32", "customer": BLUE_DB.address}
FORWARD = {"public": "198.51.100.33", "protocol": "udp", "ports": 8080, "customer": BLUE_DB.address, "to": 80}


def hairpinned(packet: bytes, source: Endpoint, customer: Endpoint) -> bytes:
    """What becomes of a packet on its way from one customer to another by their public addresses: one hop."""
    return to_customer(from_public(packet, source), customer)


class Hairpin(NatTest):
    def assert_pair(self, caller, callee, document: dict, protocol: str = "udp") -> None:
        """A VM speaks to the public endpoint of another, which answers to what it sees."""
        make = udp if protocol == "udp" else partial(segment, flags="S")
        one = Flow(vm=caller, port=4001, remote=OTHER_SERVER, protocol=protocol)
        two = Flow(vm=callee, port=4002, remote=OTHER_SERVER, protocol=protocol)
        opening = [one.sends(0), two.sends(1)]
        public_one, public_two = self.learn(opening, document)
        there = make(caller.address, public_two.address, sport=4001, dport=public_two.port)
        back = make(callee.address, public_one.address, sport=4002, dport=public_one.port)
        run = self.replay({"wire0": [*opening, one.sends(2)._replace(data=from_vm(caller, there)),
                                     two.sends(3)._replace(data=from_vm(callee, back))]}, document)
        self.assert_out(run, [one.expect_out(public_one), two.expect_out(public_two)])
        self.assert_in(run, [expect_encap(hairpinned(there, public_one, two.customer), callee),
                             expect_encap(hairpinned(back, public_two, one.customer), caller)])
        self.assert_drops(run, {})

    def test_between_customers_of_a_tenant(self):
        for protocol in ("udp", "tcp"):
            with self.subTest(protocol=protocol):
                self.assert_pair(BLUE_WEB, BLUE_DB, config(), protocol)

    def test_between_tenants_of_the_same_addresses(self):
        for protocol in ("udp", "tcp"):
            with self.subTest(protocol=protocol):
                self.assert_pair(BLUE_WEB, RED_WEB, config(pool(), pool()), protocol)

    def test_between_tenants_with_pools_of_their_own(self):
        self.assert_pair(RED_WEB, BLUE_DB, config(pool("198.51.100.16/30"), pool("198.51.100.20/30")))

    def test_a_customer_to_itself(self):
        """By its own public address: two ports of one machine."""
        one, two = Flow(port=4001, remote=OTHER_SERVER), Flow(port=4002, remote=OTHER_SERVER)
        opening = [one.sends(0), two.sends(1)]
        public_one, public_two = self.learn(opening, config())
        packet = udp(BLUE_WEB.address, public_two.address, sport=4001, dport=public_two.port)
        run = self.replay({"wire0": [*opening, one.sends(2)._replace(data=from_vm(BLUE_WEB, packet))]}, config())
        self.assert_in(run, [expect_encap(hairpinned(packet, public_one, two.customer), BLUE_WEB)])

    def test_the_caller_needs_no_mapping_before(self):
        """It gets one, as toward anybody, and keeps it toward the outside."""
        callee = Flow(vm=BLUE_DB, remote=OTHER_SERVER)
        (public,) = self.learn([callee.sends(0)], config())
        caller = Flow(port=4001, remote=public.address, remote_port=public.port)
        outside = Flow(port=4001)
        frames = [callee.sends(0), caller.sends(1), outside.sends(2)]
        run = self.replay({"wire0": frames}, config())
        _, seen_outside = run.sent("wire1")
        self.assert_in(run, [expect_encap(hairpinned(caller.out(), source_of(seen_outside), callee.customer), BLUE_DB)])

    def test_to_a_static_address(self):
        document = config(pool(static=[STATIC]))
        caller = Flow(remote="198.51.100.32", remote_port=53)
        frames = [Flow().sends(0), caller.sends(1)]
        (public,) = self.learn(frames[:1], document)
        run = self.replay({"wire0": frames}, document)
        self.assert_in(run, [expect_encap(hairpinned(caller.out(), public, Endpoint(BLUE_DB.address, None)), BLUE_DB)])

    def test_a_static_address_calls_and_is_seen_as_itself(self):
        document = config(pool(static=[STATIC]))
        callee = Flow(remote=OTHER_SERVER)
        (public,) = self.learn([callee.sends(0)], document)
        caller = Flow(vm=BLUE_DB, port=4001, remote=public.address, remote_port=public.port)
        run = self.replay({"wire0": [callee.sends(0), caller.sends(1)]}, document)
        self.assert_in(run, [expect_encap(hairpinned(caller.out(), Endpoint("198.51.100.32", None), callee.customer),
                                          BLUE_WEB)])

    def test_to_a_forward_of_another_tenant(self):
        document = config(pool(forwards=[FORWARD]), pool())
        caller = Flow(vm=RED_WEB, remote="198.51.100.33", remote_port=8080)
        frames = [Flow(vm=RED_WEB).sends(0), caller.sends(1)]
        (public,) = self.learn(frames[:1], document)
        run = self.replay({"wire0": frames}, document)
        self.assert_in(run, [expect_encap(hairpinned(caller.out(), public, Endpoint(BLUE_DB.address, 80)), BLUE_DB)])

    def test_filtering_holds_inside_too(self):
        """With address-dependent filtering the callee has to have sent to the caller's public address."""
        document = config(pool("198.51.100.16/30", filtering={"udp": "address-dependent"}), pool("198.51.100.20/30"))
        callee, caller = Flow(remote=OTHER_SERVER), Flow(vm=RED_WEB, remote=OTHER_SERVER)
        opening = [callee.sends(0), caller.sends(1)]
        public_callee, public_caller = self.learn(opening, document)
        call = Flow(vm=RED_WEB, remote=public_callee.address, remote_port=public_callee.port)
        leave = Flow(remote=public_caller.address, remote_port=public_caller.port)
        run = self.replay({"wire0": [*opening, call.sends(2), leave.sends(3), call.sends(4, 1)]}, document)
        self.assert_in(run, [expect_encap(hairpinned(leave.out(), public_callee, caller.customer), RED_WEB),
                             expect_encap(hairpinned(call.out(1), public_caller, callee.customer), BLUE_WEB)])
        self.assert_drops(run, {"nat-filtered": 1})

    def test_to_a_public_endpoint_without_a_mapping(self):
        caller = Flow(remote="198.51.100.18", remote_port=33333)
        run = self.replay({"wire0": [caller.sends(0)]}, config())
        self.assert_in(run, [])
        self.assert_drops(run, {"nat-no-session": 1})

    def test_it_does_not_go_round_and_round(self):
        """A mapping toward its own public endpoint ends with the customer itself, not with a loop."""
        (public,) = self.learn([Flow().sends(0)], config())
        own = Flow(remote=public.address, remote_port=public.port)
        run = self.replay({"wire0": [Flow().sends(0), own.sends(1)]}, config())
        self.assert_in(run, [expect_encap(hairpinned(own.out(), public, own.customer), BLUE_WEB)])


class HairpinErrors(NatTest):
    """An ICMP error about a hairpinned packet comes from the callee's public address, about what the caller sent."""

    def test_port_unreachable_and_time_exceeded(self):
        document = config(pool(), pool())
        for caller, callee in ((BLUE_WEB, BLUE_DB), (BLUE_WEB, RED_WEB)):
            one = Flow(vm=caller, port=4001, remote=OTHER_SERVER)
            two = Flow(vm=callee, port=4002, remote=OTHER_SERVER)
            opening = [one.sends(0), two.sends(1)]
            public_one, public_two = self.learn(opening, document)
            call = Flow(vm=caller, port=4001, remote=public_two.address, remote_port=public_two.port)
            arrived = routed(hairpinned(call.out(), public_one, two.customer))
            for kind, code in ((3, 3), (TIME_EXCEEDED, 0)):
                with self.subTest(callee=callee.vsid, kind=kind):
                    error = icmp_error(callee.address, public_one.address, arrived, kind, code)
                    run = self.replay({"wire0": [*opening, call.sends(2),
                                                 two.sends(3)._replace(data=from_vm(callee, error))]}, document)
                    told = icmp_error(public_two.address, caller.address, routed(call.out()), kind, code)
                    self.assert_in(run, [expect_encap(hairpinned(call.out(), public_one, two.customer), callee),
                                         expect_encap(told, caller)])
                    self.assert_drops(run, {})


if __name__ == "__main__":
    unittest.main()
