"""Section 5: the ends of a TCP connection are told to send no more at once than the path takes, whichever way the
packet goes that tells them; in all four combinations of the families."""

import unittest

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, PadN
from scapy.packet import Raw

from lib import topology
from lib.families import Families, in_each
from lib.ip import header, header_length
from lib.packets import expect_decap, expect_encap, from_outside, from_vm
from lib.topology import BLUE_WEB, INTERNET, SERVER
from lib.translation import Flow, NatTest, config as translating

TCP_HEADER = 20
USUAL = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)]


def syn(source: str, destination: str, options: list, flags: str = "S", **ip) -> bytes:
    """A segment with options."""
    segment = TCP(sport=4000, dport=80, seq=7, flags=flags, window=8192, options=options)
    return bytes(header(source, destination, 6, **ip) / segment)


def with_mss(options: list, size: int) -> list:
    return [("MSS", size) if name == "MSS" else (name, value) for name, value in options]


@in_each()
class Clamp:
    def setUp(self):
        self.document = self.on.config()
        topology.named(self.document["ports"], "wire0")["mtu"] = 1500
        self.vm = self.on.blue_public
        # Toward the VM fewer bytes fit than toward the outside.
        self.most = 1500 - self.on.overhead - header_length(self.on.inner) - TCP_HEADER

    def assert_told(self, sent: list, told: list, flags: str = "S", most: int = 0) -> None:
        """Options as one end sends them, and as the other one reads them, in both directions."""
        inside, outside = self.vm.address, self.on.server
        run = self.replay({"wire0": [from_vm(self.vm, syn(inside, outside, sent, flags))],
                           "wire1": [from_outside(self.on.internet, syn(outside, inside, sent, flags))]},
                          self.document)
        self.assert_frames(run.sent("wire1"), [expect_decap(syn(inside, outside, told, flags), self.on.internet)])
        self.assert_frames(run.sent("wire0"), [expect_encap(syn(outside, inside, told, flags), self.vm)])
        self.assert_drops(run, {})

    def test_a_syn_and_its_answer(self):
        for flags in ("S", "SA", "SEC"):
            with self.subTest(flags=flags):
                self.assert_told(USUAL, with_mss(USUAL, self.most), flags)

    def test_what_fits_stays(self):
        for size in (self.most, self.most - 1, 536, 1):
            with self.subTest(size=size):
                self.assert_told([("MSS", size)], [("MSS", size)])

    def test_one_byte_too_many(self):
        self.assert_told([("MSS", self.most + 1)], [("MSS", self.most)])
        self.assert_told([("MSS", 65535)], [("MSS", self.most)])

    def test_at_an_odd_place(self):
        options = [("NOP", None), ("MSS", 1460), ("NOP", None)]
        self.assert_told(options, with_mss(options, self.most))

    def test_nothing_is_added(self):
        self.assert_told([], [])
        self.assert_told([("SAckOK", b"")], [("SAckOK", b"")])

    def test_only_at_the_beginning_of_a_connection(self):
        for flags in ("A", "PA", "FA", "R"):
            with self.subTest(flags=flags):
                self.assert_told([("MSS", 1460)], [("MSS", 1460)], flags)

    def test_it_is_a_knob(self):
        self.document["provider"]["encapsulation"] = {"tcp-mss": "keep"}
        self.assert_told(USUAL, USUAL)

    def test_the_external_mtu_counts_where_it_is_smaller(self):
        topology.named(self.document["ports"], "wire0")["mtu"] = 1600
        topology.named(self.document["ports"], "wire1")["mtu"] = 1400
        most = 1400 - header_length(self.on.inner) - TCP_HEADER
        self.assert_told(USUAL, with_mss(USUAL, most))

    def test_between_vms_the_smaller_way_counts(self):
        """Each way: the one to the host that less fits to is part of both."""
        web, db = self.on.red_web, self.on.red_db
        topology.named(self.document["provider"]["sites"], db.site.name)["mtu"] = 1400
        most = 1400 - self.on.overhead - header_length(self.on.inner) - TCP_HEADER
        run = self.replay({"wire0": [from_vm(one, syn(one.address, other.address, USUAL))
                                     for one, other in ((web, db), (db, web))]}, self.document)
        told = with_mss(USUAL, most)
        self.assert_frames(run.sent("wire0"), [expect_encap(syn(one.address, other.address, told), other)
                                               for one, other in ((web, db), (db, web))])

    def test_options_that_are_wrong_are_left_alone(self):
        """A length of nothing, one beyond the header, an option cut off."""
        for wrong in (b"\x02\x00\x05\xb4", b"\x02\x01\x05\xb4", b"\x08\x28\x00\x00", b"\x01\x01\x01\x02",
                      b"\x00\x02\x04\x05"):
            with self.subTest(options=wrong.hex()):
                # A header of 24 bytes.
                body = bytes.fromhex("0fa00050 00000007 00000000 60022000 00000000") + wrong
                packet = bytes(header(self.on.server, self.vm.address, 6) / Raw(body))
                run = self.replay({"wire1": [from_outside(self.on.internet, packet)]}, self.document)
                self.assert_frames(run.sent("wire0"), [expect_encap(packet, self.vm)])


@in_each(Families(6, 4), Families(6, 6))
class BehindExtensionHeaders:
    def test_a_syn(self):
        config, vm = self.on.config(), self.on.blue_public
        topology.named(config["ports"], "wire0")["mtu"] = 1500

        def packet(size: int) -> bytes:
            return bytes(IPv6(src=self.on.server, dst=vm.address) / IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(4))])
                         / TCP(sport=4000, dport=80, flags="S", options=[("MSS", size)]))
        run = self.replay({"wire1": [from_outside(self.on.internet, packet(1440))]}, config)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet(1500 - self.on.overhead - 60), vm)])


class Translated(NatTest):
    def test_both_ways(self):
        document = translating()
        topology.named(document["ports"], "wire0")["mtu"] = 1500
        flow = Flow(protocol="tcp")
        (public,) = self.learn([flow.sends(0)], document)
        out = syn(BLUE_WEB.address, SERVER, USUAL)
        out = bytes(IP(out[:20]) / TCP(sport=flow.port, dport=flow.remote_port, seq=7, flags="S", window=8192,
                                       options=USUAL))
        run = self.replay({"wire0": [from_vm(BLUE_WEB, out)]}, document)
        (frame,) = run.sent("wire1")
        told = TCP(frame[38:])
        self.assertEqual(told.options, with_mss(USUAL, 1458 - 40))
        self.assertEqual(told.sport, public.port)
        whole = IP(frame[18:])
        found, whole[TCP].chksum = whole[TCP].chksum, None
        self.assertEqual(found, IP(bytes(whole))[TCP].chksum, "the checksum follows both changes")
        self.assertEqual(frame[:6].hex(":"), INTERNET.router_mac)


if __name__ == "__main__":
    unittest.main()
