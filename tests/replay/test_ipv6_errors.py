"""ICMPv6 errors (RFC 4443): which, from whom, with how much of the packet, about what never, and how often at most."""

import unittest

from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6PacketTooBig,
                                ICMPv6TimeExceeded, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, PadN)
from scapy.packet import Raw

from lib import topology
from lib.discovery import link_local
from lib.families import INTERNET_6, ONLY_6, RED_UPLINK_6, SERVER_6, Families, in_each
from lib.gateway import at
from lib.ip import sized
from lib.packets import (HOST, NET, PORT, PROTOCOL, TIME_EXCEEDED, TOO_BIG, UNREACHABLE, echo, error_to_outside,
                         error_to_vm, expect_decap, expect_encap, from_outside, from_vm, icmp_error, inner_of, tcp, udp)

INNER_IPV6 = (Families(6, 4), Families(6, 6))


@in_each(*INNER_IPV6)
class Kinds:
    def test_time_exceeded_in_both_directions(self):
        vm = self.on.blue_public
        out, back = udp(vm.address, SERVER_6, ttl=1), udp(SERVER_6, vm.address, ttl=1)
        run = self.replay({"wire0": [from_vm(vm, out)], "wire1": [from_outside(INTERNET_6, back)]})
        self.assert_frames(run.sent("wire0"), [error_to_vm(out, vm, TIME_EXCEEDED)])
        self.assert_frames(run.sent("wire1"), [error_to_outside(back, INTERNET_6, TIME_EXCEEDED)])
        self.assert_drops(run, {"ttl-expired": 2})

    def test_no_route(self):
        config, vm = self.on.config(), self.on.blue_public
        del topology.named(config["external"], "internet")["gateway-ipv6"]
        config["neighbors"] = [entry for entry in config["neighbors"] if entry["address"] != INTERNET_6.router]
        packet = udp(vm.address, SERVER_6)
        self.assert_dropped([from_vm(vm, packet)], ("external-route-missing", "virtual-route-missing"), config,
                            told=[error_to_vm(packet, vm, UNREACHABLE, NET)])

    def test_address_unreachable(self):
        vm = self.on.red_web
        packet = udp(vm.address, self.on.absent)
        self.assert_dropped([from_vm(vm, packet)], "destination-record-missing",
                            told=[error_to_vm(packet, vm, UNREACHABLE, HOST)])

    def test_port_and_protocol_unreachable(self):
        """At the gateway's own addresses."""
        vm = self.on.red_web
        packets = {udp(vm.address, vm.gateway): PORT, tcp(vm.address, vm.gateway): PORT,
                   sized(vm.address, vm.gateway, 100): PROTOCOL}
        for packet, code in packets.items():
            with self.subTest(code=code):
                self.assert_dropped([from_vm(vm, packet)], "local-unsupported",
                                    told=[error_to_vm(packet, vm, UNREACHABLE, code)])
        packets = {udp(SERVER_6, INTERNET_6.address): PORT, sized(SERVER_6, INTERNET_6.address, 100): PROTOCOL}
        for packet, code in packets.items():
            with self.subTest(code=code, where="outside"):
                self.assert_dropped([from_outside(INTERNET_6, packet)], "local-unsupported", port="wire1",
                                    told=[error_to_outside(packet, INTERNET_6, UNREACHABLE, code)])

    def test_packet_too_big_without_anybody_asking(self):
        """IPv6 has no DF bit: nobody fragments on the way."""
        config, vm = self.on.config(), self.on.blue_public
        topology.named(config["ports"], "wire0")["mtu"] = 1500
        limit = 1500 - self.on.overhead
        fragment = bytes(IPv6(src=SERVER_6, dst=vm.address)
                         / IPv6ExtHdrFragment(m=1, offset=0, id=9) / Raw(bytes(1448)))
        packets = [sized(SERVER_6, vm.address, 1500), fragment]
        run = self.replay({"wire1": [from_outside(INTERNET_6, packet) for packet in packets]}, config)
        self.assert_frames(run.sent("wire1"), [error_to_outside(packet, INTERNET_6, UNREACHABLE, TOO_BIG, limit)
                                               for packet in packets])
        self.assert_frames(run.sent("wire0"), [])
        self.assert_drops(run, {"mtu-exceeded": 2})

    def test_the_mtu_of_a_route(self):
        """RED_DB's host is behind a provider route with an MTU of its own."""
        config, web, db = self.on.config(), self.on.red_web, self.on.red_db
        for route in config["provider"]["routes"]:
            route["mtu"] = 1400
        packet = sized(web.address, db.address, 1401 - self.on.overhead)
        self.assert_dropped([from_vm(web, packet)], "mtu-exceeded", config,
                            told=[error_to_vm(packet, web, UNREACHABLE, TOO_BIG, 1400 - self.on.overhead)])


@in_each(*INNER_IPV6)
class Content:
    def test_as_much_of_the_packet_as_1280_bytes_hold(self):
        vm = self.on.red_web
        packets = [udp(vm.address, SERVER_6, size=size, ttl=1, fl=0x12345, tos=0x2A)
                   for size in (4, 5, 1183, 1184, 1185, 1400)]
        run = self.replay({"wire0": [at(mark, from_vm(vm, packet)) for mark, packet in enumerate(packets)]})
        self.assert_frames(run.sent("wire0"), [error_to_vm(packet, vm, TIME_EXCEEDED) for packet in packets])
        self.assertEqual([len(inner_of(frame)) - 14 for frame in run.sent("wire0")],
                         [48 + 52, 48 + 53, 1279, 1280, 1280, 1280])

    def test_padding_is_no_part_of_it(self):
        vm = self.on.red_web
        packet = udp(vm.address, SERVER_6, size=4, ttl=1)
        run = self.replay({"wire0": [from_vm(vm, packet + bytes(8))]})
        self.assert_frames(run.sent("wire0"), [error_to_vm(packet, vm, TIME_EXCEEDED)])

    def test_by_the_gateway_of_the_senders_own_subnet(self):
        vm = self.on.red_db
        packet = udp(vm.address, SERVER_6, ttl=1)
        run = self.replay({"wire0": [from_vm(vm, packet, vsid=self.on.red_web.vsid)]})
        self.assert_frames(run.sent("wire0"), [error_to_vm(packet, vm, TIME_EXCEEDED)])

    def test_behind_a_customer_route(self):
        vm = self.on.red_web
        packet = udp(self.on.branch, SERVER_6, ttl=1)
        run = self.replay({"wire0": [from_vm(vm, packet)]})
        self.assert_frames(run.sent("wire0"), [error_to_vm(packet, vm, TIME_EXCEEDED)])

    def test_outside_by_the_route_to_the_sender(self):
        packet = udp(self.on.far_server, self.on.blue_public.address, ttl=1)
        run = self.replay({"wire1": [from_outside(INTERNET_6, packet)]})
        self.assert_frames(run.sent("wire1"), [error_to_outside(packet, INTERNET_6, TIME_EXCEEDED,
                                                                next_hop_mac=self.on.second_router_mac)])

    def test_a_query_is_no_error(self):
        vm = self.on.red_web
        packet = echo(vm.address, SERVER_6, ttl=1)
        run = self.replay({"wire0": [from_vm(vm, packet)]})
        self.assert_frames(run.sent("wire0"), [error_to_vm(packet, vm, TIME_EXCEEDED)])

    def test_a_reply_is_told_too(self):
        """RFC 4443 forbids errors about errors only."""
        vm = self.on.red_web
        packet = bytes(IPv6(src=vm.address, dst=SERVER_6, hlim=1) / ICMPv6EchoReply(id=1, seq=1, data=b"here"))
        run = self.replay({"wire0": [from_vm(vm, packet)]})
        self.assert_frames(run.sent("wire0"), [error_to_vm(packet, vm, TIME_EXCEEDED)])


@in_each(*INNER_IPV6)
class Forbidden:
    """RFC 4443 section 2.4 (e): about these nothing is ever said."""

    def assert_silent(self, port: str, frames: list, config=None) -> None:
        run = self.replay({port: frames}, config)
        self.assert_nothing_sent(run)
        self.assertEqual(sum(run.drops.values()) + run.report["packets"]["consumed"], len(frames))
        self.assert_errors(run, 0)

    def test_errors_whatever_their_type(self):
        vm = self.on.red_web
        quoted = udp(SERVER_6, vm.address)
        errors = [ICMPv6DestUnreach(code=4) / Raw(quoted), ICMPv6PacketTooBig(mtu=1280) / Raw(quoted),
                  ICMPv6TimeExceeded() / Raw(quoted), Raw(b"\x04\0" + bytes(6) + quoted), Raw(b"\x7f\0" + bytes(30))]
        packets = [bytes(IPv6(src=vm.address, dst=SERVER_6, hlim=1, nh=58) / error) for error in errors]
        packets.append(bytes(IPv6(src=vm.address, dst=SERVER_6, hlim=1) / IPv6ExtHdrDestOpt(
            options=[PadN(optdata=bytes(4))], nh=58) / errors[0]))
        # A redirect.
        packets.append(bytes(IPv6(src=vm.address, dst=SERVER_6, hlim=1, nh=58) / Raw(b"\x89\0" + bytes(40))))
        self.assert_silent("wire0", [from_vm(vm, packet) for packet in packets])

    def test_what_went_to_many(self):
        vm = self.on.red_web
        packets = [udp(vm.address, group, ttl=ttl) for group in ("ff02::1", "ff05::2", "ff0e::1") for ttl in (1, 64)]
        self.assert_silent("wire0", [from_vm(vm, packet) for packet in packets])

    def test_senders_that_are_nobody(self):
        config, vm = self.on.config(), self.on.red_web
        topology.tenant(config, "red")["sender-check"] = "log-only"
        sources = ["::", "::1", "ff02::1", link_local(vm.mac), self.on.stranger, SERVER_6, vm.gateway]
        self.assert_silent("wire0", [from_vm(vm, udp(source, SERVER_6, ttl=1)) for source in sources], config)
        sources = ["::", "::1", "ff02::1", "fe80::1", self.on.blue_public.address, self.on.blue_public.gateway,
                   INTERNET_6.address]
        self.assert_silent("wire1", [from_outside(INTERNET_6, udp(source, self.on.blue_public.address, ttl=1))
                                     for source in sources])


@in_each(ONLY_6)
class Limits:
    """The buckets are those of IPv4's errors, in virtual time."""

    def test_both_families_share_a_tenants_bucket(self):
        frames, own = [], {6: self.on.red_web, 4: Families(4, 6).red_web}
        for index in range(80):
            vm = own[4 + index % 2 * 2]
            server = SERVER_6 if index % 2 else topology.SERVER
            frames.append(at(index * 0.001, from_vm(vm, udp(vm.address, server, index, ttl=1))))
        run = self.replay({"wire0": frames})
        self.assert_errors(run, 50, suppressed=30)
        self.assert_drops(run, {"ttl-expired": 80})


@in_each(*INNER_IPV6)
class Errors:
    def test_errors_of_others_are_carried(self):
        """What a router outside says of a VM's packet reaches the VM, and the other way round."""
        vm = self.on.blue_public
        lost, found = udp(vm.address, SERVER_6), udp(SERVER_6, vm.address)
        inward = icmp_error(lost, "2001:db8:9::1", UNREACHABLE, TOO_BIG, 1300)
        outward = icmp_error(found, vm.address, UNREACHABLE, PORT)
        run = self.replay({"wire0": [from_vm(vm, outward)], "wire1": [from_outside(INTERNET_6, inward)]})
        self.assert_frames(run.sent("wire0"), [expect_encap(inward, vm)])
        self.assert_frames(run.sent("wire1"), [expect_decap(outward, INTERNET_6)])
        self.assert_drops(run, {})

    def test_an_echo_through_the_gateway(self):
        vm = self.on.red_web
        query = bytes(IPv6(src=vm.address, dst=SERVER_6) / ICMPv6EchoRequest(id=7, seq=7, data=b"far"))
        run = self.replay({"wire0": [from_vm(vm, query)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(query, RED_UPLINK_6)])


if __name__ == "__main__":
    unittest.main()
