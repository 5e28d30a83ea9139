"""ICMP errors about translated packets (RFC 5508 REQ-3 to REQ-6, RFC 5382 REQ-9): they reach whom they are about, with
the packet they carry translated back, both checksums right; they end no mapping and prolong none."""

import struct
import unittest

from lib.gateway import at
from lib.packets import IP, expect_decap, expect_encap, from_outside, from_vm, routed, udp
from lib.topology import BLUE_WEB, INTERNET, SERVER
from lib.translation import (ECHO_REPLY, PARAMETER_PROBLEM, POOL_ADDRESSES, ROUTER, TIME_EXCEEDED, UNREACHABLE, Flow,
                             NatTest, config, from_public, icmp_error, ip_of, pieces, query, returned, to_customer)

FLOWS = [Flow(protocol=protocol) for protocol in ("udp", "tcp", "icmp")]
KINDS = [(UNREACHABLE, code) for code in range(14)] + [(TIME_EXCEEDED, 0), (TIME_EXCEEDED, 1), (PARAMETER_PROBLEM, 0)]


def outside(flow: Flow, public, mark: int = 0, **fields) -> bytes:
    """The flow's packet as a router outside has it before it."""
    return routed(from_public(flow.out(mark, **fields), public))


def inside(flow: Flow, public) -> bytes:
    """An answer as the customer has it before it."""
    return routed(to_customer(flow.back(public), flow.customer))


class FromOutside(NatTest):
    """A router or the server complains about what the customer sent."""

    def assert_reaches(self, flow: Flow, length=None, kind: int = UNREACHABLE, code: int = 3, rest: bytes = bytes(4),
                       source: str = ROUTER, **fields) -> None:
        """The error, with so many bytes of the packet, reaches the customer as if there were no translation."""
        opening = flow.sends(0, **fields)
        (public,) = self.learn([opening], config())
        error = icmp_error(source, public.address, outside(flow, public, **fields)[:length], kind, code, rest)
        run = self.replay({"wire0": [opening], "wire1": [at(1000, from_outside(INTERNET, error))]}, config())
        told = icmp_error(source, flow.vm.address, returned(flow.out(**fields), length), kind, code, rest)
        self.assert_in(run, [expect_encap(told, flow.vm)])
        self.assert_drops(run, {})

    def test_every_kind_about_every_protocol(self):
        for flow in FLOWS:
            for kind, code in KINDS:
                with self.subTest(protocol=flow.protocol, kind=kind, code=code):
                    self.assert_reaches(flow, kind=kind, code=code)

    def test_by_the_server_itself(self):
        for flow in FLOWS:
            with self.subTest(protocol=flow.protocol):
                self.assert_reaches(flow, source=SERVER)

    def test_however_much_of_the_packet_it_carries(self):
        for flow in FLOWS:
            for length in (28, 36, 38, 40, 47, 48):
                with self.subTest(protocol=flow.protocol, length=length):
                    self.assert_reaches(flow, length)

    def test_the_mtu_and_the_pointer_stay(self):
        self.assert_reaches(Flow(), code=4, rest=struct.pack("!HH", 0, 1400), size=1400)
        self.assert_reaches(Flow(), kind=PARAMETER_PROBLEM, code=0, rest=b"\x0d\0\0\0")

    def test_about_a_packet_with_ip_options(self):
        for length in (None, 36):
            with self.subTest(length=length):
                self.assert_reaches(Flow(), length, options=b"\x01\x01\x01\x01\x94\x04\0\0")

    def test_about_a_packet_without_udp_checksum(self):
        flow = Flow()
        packet = IP(flow.out())
        packet.payload.chksum = 0
        opening = at(0, from_vm(BLUE_WEB, packet))
        (public,) = self.learn([opening], config())
        error = icmp_error(ROUTER, public.address, routed(from_public(packet, public)))
        run = self.replay({"wire0": [opening], "wire1": [at(1000, from_outside(INTERNET, error))]}, config())
        self.assert_in(run, [expect_encap(icmp_error(ROUTER, BLUE_WEB.address, returned(packet)), BLUE_WEB)])

    def test_extensions_stay(self):
        """RFC 4884: 128 bytes of the packet, then a structure about MPLS labels that is nobody's to change."""
        extension = bytes.fromhex("2000c5a9 00080101 000c5101")
        flow, rest = Flow(), b"\0\x20\0\0"
        (public,) = self.learn([flow.sends(0, size=400)], config())
        error = icmp_error(ROUTER, public.address, outside(flow, public, size=400)[:128], TIME_EXCEEDED, 0, rest,
                           extension)
        run = self.replay({"wire0": [flow.sends(0, size=400)], "wire1": [at(1000, from_outside(INTERNET, error))]},
                          config())
        told = icmp_error(ROUTER, BLUE_WEB.address, returned(flow.out(size=400), 128), TIME_EXCEEDED, 0, rest,
                          extension)
        self.assert_in(run, [expect_encap(told, BLUE_WEB)])

    def test_about_a_fragment_that_was_first(self):
        flow = Flow()
        packet = flow.out(size=400)
        frames = [at(number, from_vm(BLUE_WEB, piece)) for number, piece in enumerate(pieces(packet, 200))]
        (public,) = self.learn([flow.sends(0)], config())
        first = routed(pieces(from_public(packet, public), 200)[0])
        error = icmp_error(ROUTER, public.address, first, UNREACHABLE, 4)
        run = self.replay({"wire0": frames, "wire1": [at(1000, from_outside(INTERNET, error))]}, config())
        told = icmp_error(ROUTER, BLUE_WEB.address, routed(pieces(packet, 200)[0]), UNREACHABLE, 4)
        self.assert_in(run, [expect_encap(told, BLUE_WEB)])

    def test_about_what_nobody_sent(self):
        (public,) = self.learn([Flow().sends(0)], config())
        quotes = [udp(public.address, SERVER, sport=public.port ^ 1, dport=5000),
                  udp(POOL_ADDRESSES[POOL_ADDRESSES.index(public.address) - 1], SERVER, sport=public.port, dport=5000),
                  query(public.address, SERVER, public.port), query(public.address, SERVER, public.port, ECHO_REPLY)]
        frames = [at(1000, from_outside(INTERNET, icmp_error(ROUTER, IP(quote).src, quote))) for quote in quotes]
        run = self.replay({"wire0": [Flow().sends(0)], "wire1": frames}, config())
        self.assert_in(run, [])
        self.assert_drops(run, {"nat-icmp-error": len(quotes)})

    def test_that_contradict_themselves(self):
        """To another address than the sender of what it carries; about an error; about nothing whole."""
        flow = Flow()
        (public,) = self.learn([flow.sends(0)], config())
        other = POOL_ADDRESSES[POOL_ADDRESSES.index(public.address) - 1]
        whole = outside(flow, public)
        errors = [icmp_error(ROUTER, other, whole),
                  icmp_error(ROUTER, public.address, icmp_error(public.address, SERVER, whole)),
                  *(icmp_error(ROUTER, public.address, whole[:length]) for length in (0, 8, 19, 20, 23)),
                  icmp_error(ROUTER, public.address, b"\x65" + whole[1:])]
        run = self.replay({"wire0": [flow.sends(0)],
                           "wire1": [at(1000, from_outside(INTERNET, error)) for error in errors]}, config())
        self.assert_in(run, [])
        self.assert_drops(run, {("nat-icmp-error", "nat-malformed"): len(errors)})


class FromCustomers(NatTest):
    """A customer complains about what came from outside."""

    def test_every_kind_about_every_protocol(self):
        for flow in FLOWS:
            (public,) = self.learn([flow.sends(0)], config())
            arrived = inside(flow, public)
            for kind, code in ((UNREACHABLE, 2), (UNREACHABLE, 3), (UNREACHABLE, 4), (TIME_EXCEEDED, 1),
                               (PARAMETER_PROBLEM, 0)):
                for length in (None, 28):
                    with self.subTest(protocol=flow.protocol, kind=kind, code=code, length=length):
                        error = icmp_error(flow.vm.address, flow.remote, arrived[:length], kind, code)
                        run = self.replay({"wire0": [flow.sends(0), at(2000, from_vm(flow.vm, error))],
                                           "wire1": [flow.answers(1, public)]}, config())
                        told = icmp_error(public.address, flow.remote, returned(flow.back(public), length), kind, code)
                        self.assert_out(run, [flow.expect_out(public), expect_decap(told, INTERNET)])
                        self.assert_drops(run, {})

    def test_about_what_never_came(self):
        error = icmp_error(BLUE_WEB.address, SERVER, udp(SERVER, BLUE_WEB.address, sport=5000, dport=4001))
        run = self.replay({"wire0": [Flow().sends(0), at(1000, from_vm(BLUE_WEB, error))]}, config())
        self.assertEqual(len(run.sent("wire1")), 1)
        self.assert_drops(run, {"nat-icmp-error": 1})


class NoEffect(NatTest):
    """REQ-6 and RFC 5382 REQ-10: errors end no session and prolong none."""

    def test_none_from_outside_ends_a_session(self):
        for flow in FLOWS:
            with self.subTest(protocol=flow.protocol):
                (public,) = self.learn([flow.sends(0)], config())
                errors = [at(1000 + number, from_outside(INTERNET, icmp_error(SERVER, public.address,
                                                                              outside(flow, public), *kind)))
                          for number, kind in enumerate(KINDS)]
                run = self.replay({"wire0": [flow.sends(0), flow.sends(3, 1)],
                                   "wire1": [*errors, flow.answers(2, public), flow.answers(4, public, 1)]}, config())
                self.assert_out(run, [flow.expect_out(public), flow.expect_out(public, 1)])
                self.assert_frames(run.sent("wire0")[-2:], [flow.expect_back(public), flow.expect_back(public, 1)])

    def test_none_prolongs_a_session(self):
        for flow, limit in zip(FLOWS, (300, 240, 60)):
            with self.subTest(protocol=flow.protocol):
                (public,) = self.learn([flow.sends(0)], config())
                outward = icmp_error(flow.vm.address, flow.remote, inside(flow, public))
                inward = icmp_error(ROUTER, public.address, outside(flow, public))
                run = self.replay({"wire0": [flow.sends(0), at(limit * 600, from_vm(flow.vm, outward))],
                                   "wire1": [at(limit * 500, from_outside(INTERNET, inward)),
                                             flow.answers(limit + 1, public)]}, config())
                self.assertEqual(len(run.sent("wire1")), 2, "the customer's packet and its error")
                self.assertEqual(len(run.sent("wire0")), 1, "the router's error and no late answer")
                self.assert_drops(run, {"nat-no-session": 1})

    def test_an_error_about_an_ended_session_is_dropped(self):
        flow = Flow()
        (public,) = self.learn([flow.sends(0)], config())
        error = icmp_error(ROUTER, public.address, outside(flow, public))
        run = self.replay({"wire0": [flow.sends(0)], "wire1": [at(301_000, from_outside(INTERNET, error))]}, config())
        self.assert_in(run, [])
        self.assert_drops(run, {"nat-icmp-error": 1})


class OfTheGateway(NatTest):
    """Errors that the gateway itself sends about packets that are, or would be, translated."""

    def test_a_packet_of_a_customer_too_big_for_the_outside(self):
        flow = Flow(remote=SERVER)
        packet = flow.out(size=1480, df=True)
        run = self.replay({"wire0": [from_vm(BLUE_WEB, packet)]}, config())
        self.assert_out(run, [])
        self.assert_drops(run, {"mtu-exceeded": 1})
        self.assert_unreachable(run, [(BLUE_WEB, packet)], 4)
        self.assertEqual(ip_of(run.sent("wire0")[0]).payload.nexthopmtu, 1500)

    def assert_told_outside(self, run, flow: Flow, packet: bytes, kind: int, code: int) -> bytes:
        """One error left to the outside, about the packet as it came: its ICMP message."""
        (frame,) = [frame for frame in run.sent("wire1") if ip_of(frame).proto == 1]
        error = ip_of(frame)
        message = bytes(error.payload)
        self.assertEqual((error.src, error.dst, *message[:2]), (INTERNET.address, flow.remote, kind, code))
        self.assertEqual(message[8:], packet[:len(message) - 8])
        return message

    def test_an_answer_that_expires_here(self):
        flow = Flow()
        (public,) = self.learn([flow.sends(0)], config())
        run = self.replay({"wire0": [flow.sends(0)], "wire1": [flow.answers(1, public, ttl=1)]}, config())
        self.assert_drops(run, {"ttl-expired": 1})
        self.assert_told_outside(run, flow, flow.back(public, ttl=1), TIME_EXCEEDED, 0)

    def test_an_answer_too_big_for_the_provider_network(self):
        flow, document = Flow(), config()
        document["provider"]["sites"][0]["mtu"] = 1400
        (public,) = self.learn([flow.sends(0)], document)
        big = {"size": 1400, "df": True}
        run = self.replay({"wire0": [flow.sends(0)], "wire1": [flow.answers(1, public, **big)]}, document)
        self.assert_drops(run, {"mtu-exceeded": 1})
        message = self.assert_told_outside(run, flow, flow.back(public, **big), UNREACHABLE, 4)
        self.assertEqual(message[6:8], struct.pack("!H", 1400 - 42))


if __name__ == "__main__":
    unittest.main()
