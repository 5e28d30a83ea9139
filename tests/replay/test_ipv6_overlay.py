"""Neighbour discovery inside the overlay: the gateway answers for its own addresses and, where a tenant wants it, says
that it is a router; by unicast to the asker's host, and to nobody whom no record vouches for."""

import unittest

from lib import topology
from lib.discovery import (ALL_NODES, advertisement, in_overlay, link_local, probe, router_advertisement,
                           router_solicitation, solicitation, to_vm)
from lib.families import SUBNETS_6, Families, in_each
from lib.packets import expect_decap, from_vm, inner_of, udp
from lib.topology import PORT_MTU

OTHER_MAC = "02:15:5d:00:00:99"
INNER_IPV6 = (Families(6, 4), Families(6, 6))


def answer_to(vm, asker: str = "", target: str = "") -> bytes:
    """The gateway's answer for one of its addresses in the VM's subnet."""
    target = target or vm.gateway
    return to_vm(vm, advertisement(target, target, vm.gateway_mac, asker or vm.address, router=True))


@in_each(*INNER_IPV6)
class Answers:
    def test_the_gateway_address(self):
        vms = [self.on.red_web, self.on.red_db, self.on.blue_web, self.on.blue_public]
        run = self.replay({"wire0": [in_overlay(vm, solicitation(vm.address, vm.mac, vm.gateway)) for vm in vms]})
        self.assert_frames(run.sent("wire0"), [answer_to(vm) for vm in vms])
        self.assert_frames(run.sent("wire1"), [])
        self.assert_drops(run, {})

    def test_by_unicast(self):
        """A VM that refreshes its entry asks the gateway alone."""
        vm = self.on.red_web
        run = self.replay({"wire0": [in_overlay(vm, solicitation(vm.address, vm.mac, vm.gateway, dst=vm.gateway))]})
        self.assert_frames(run.sent("wire0"), [answer_to(vm)])

    def test_from_a_link_local_address(self):
        """No record has it: that a machine with this MAC lives at this host is what counts."""
        vm = self.on.red_web
        asker = link_local(vm.mac)
        run = self.replay({"wire0": [in_overlay(vm, solicitation(asker, vm.mac, vm.gateway))]})
        self.assert_frames(run.sent("wire0"), [answer_to(vm, asker)])

    def test_the_gateways_link_local_address(self):
        vm = self.on.red_web
        target = link_local(vm.gateway_mac)
        askers = (vm.address, link_local(vm.mac))
        run = self.replay({"wire0": [in_overlay(vm, solicitation(asker, vm.mac, target)) for asker in askers]})
        self.assert_frames(run.sent("wire0"), [answer_to(vm, asker, target) for asker in askers])

    def test_tenants_that_look_the_same(self):
        red, blue = self.on.red_web, self.on.blue_web
        asked = solicitation(red.address, red.mac, red.gateway)
        run = self.replay({"wire0": [in_overlay(vm, asked) for vm in (red, blue)]})
        self.assert_frames(run.sent("wire0"), [answer_to(red), answer_to(blue)])

    def assert_silent(self, frames: list) -> None:
        self.assert_nothing_sent(self.replay({"wire0": frames}))

    def test_other_addresses(self):
        """The asker's own, another VM's, a free one, another subnet's gateway, one outside."""
        vm = self.on.red_web
        targets = [vm.address, self.on.stranger, self.on.red_db.gateway, self.on.red_db.address, self.on.server]
        self.assert_silent([in_overlay(vm, solicitation(vm.address, vm.mac, target)) for target in targets])

    def test_askers_that_no_record_vouches_for(self):
        vm = self.on.red_web
        strangers = [in_overlay(vm, solicitation(source, vm.mac, vm.gateway))
                     for source in (self.on.stranger, self.on.absent, self.on.server)]
        hosts = [self.on.other_host, self.on.blue_web.provider_address]
        elsewhere = [in_overlay(vm, solicitation(source, vm.mac, vm.gateway), host=host) for host in hosts
                     for source in (vm.address, link_local(vm.mac))]
        other_mac = in_overlay(vm, solicitation(link_local(OTHER_MAC), OTHER_MAC, vm.gateway), src=OTHER_MAC)
        self.assert_silent([*strangers, *elsewhere, other_mac])

    def test_a_machine_that_looks_whether_its_own_address_is_free(self):
        vm = self.on.red_web
        self.assert_silent([in_overlay(vm, probe(address)) for address in (vm.address, link_local(vm.mac))])

    def test_advertisements_change_nothing(self):
        """A VM that claims the gateway's address, and one that claims to have moved."""
        vm, db = self.on.red_web, self.on.red_db
        claims = [in_overlay(vm, advertisement(target, target, OTHER_MAC, ALL_NODES, solicited=False), src=mac)
                  for target in (vm.gateway, vm.address) for mac in (vm.mac, OTHER_MAC)]
        packet, back = udp(vm.address, self.on.server), udp(db.address, vm.address)
        run = self.replay({"wire0": [*claims, from_vm(vm, packet), from_vm(db, back)]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, self.on.red_uplink)])
        (frame,) = run.sent("wire0")
        self.assertEqual(inner_of(frame).dst, vm.mac)

    def test_broken_questions(self):
        vm = self.on.red_web
        good = solicitation(vm.address, vm.mac, vm.gateway)
        broken = [solicitation(vm.address, vm.mac, vm.gateway, hlim=hops) for hops in (254, 64, 1)]
        broken.append(good[:42] + bytes([good[42] ^ 0xFF]) + good[43:])
        broken.append(good[:-7] + b"\0" + good[-6:])
        broken += [good[:length] for length in range(40, len(good))]
        broken += [good[:4] + (length - 40).to_bytes(2, "big") + good[6:length] for length in range(40, len(good))]
        self.assert_silent([in_overlay(vm, packet) for packet in broken])

    def test_link_local_packets_are_not_forwarded(self):
        """RFC 4291 section 2.5.6: neither from such an address nor to one."""
        vm = self.on.red_web
        packets = [udp(link_local(vm.mac), self.on.red_db.address), udp(link_local(vm.mac), self.on.server),
                   udp(vm.address, link_local(self.on.red_db.mac)), udp(vm.address, "ff02::1"),
                   udp(vm.address, "ff05::2")]
        frames = [in_overlay(vm, packet, dst=vm.gateway_mac) for packet in packets]
        run = self.replay({"wire0": frames})
        self.assert_nothing_sent(run)
        self.assertEqual(run.report["packets"]["forwarded"], 0)


@in_each(*INNER_IPV6)
class Routers:
    def setUp(self):
        self.vm = self.on.red_web
        self.asked = in_overlay(self.vm, router_solicitation(link_local(self.vm.mac), self.vm.mac))

    def advertised(self, vm, dst: str, mtu: int, autonomous: bool = False) -> bytes:
        prefix = SUBNETS_6[vm.vsid][0].partition("/")[0]
        return to_vm(vm, router_advertisement(vm, dst, prefix, mtu, autonomous))

    def mtu(self) -> int:
        return PORT_MTU["wire0"] - self.on.overhead

    def assert_told(self, frame: bytes, vm, dst: str, config=None, **more) -> None:
        run = self.replay({"wire0": [frame]}, config)
        self.assert_frames(run.sent("wire0"), [self.advertised(vm, dst, **{"mtu": self.mtu(), **more})])
        self.assert_frames(run.sent("wire1"), [])

    def test_who_asks_is_told(self):
        self.assert_told(self.asked, self.vm, link_local(self.vm.mac))

    def test_by_its_own_address(self):
        frame = in_overlay(self.vm, router_solicitation(self.vm.address, self.vm.mac))
        self.assert_told(frame, self.vm, self.vm.address)

    def test_of_its_own_subnet(self):
        vm = self.on.blue_public
        frame = in_overlay(vm, router_solicitation(link_local(vm.mac), vm.mac))
        self.assert_told(frame, vm, link_local(vm.mac))

    def test_the_mtu_is_that_of_the_way_to_the_vm(self):
        config = self.on.config()
        topology.named(config["provider"]["sites"], self.vm.site.name)["mtu"] = 1450
        self.assert_told(self.asked, self.vm, link_local(self.vm.mac), config, mtu=1450 - self.on.overhead)

    def test_where_addresses_are_learned_hosts_may_make_their_own(self):
        """An address without a record reaches nobody elsewhere."""
        config = self.on.config()
        topology.tenant(config, "red")["sender-check"] = "learn"
        self.assert_told(self.asked, self.vm, link_local(self.vm.mac), config, autonomous=True)

    def test_nothing_is_said_unasked(self):
        packet = udp(self.vm.address, self.on.server)
        run = self.replay({"wire0": [from_vm(self.vm, packet)]}, options=("--settle", "1800"))
        self.assert_frames(run.sent("wire0"), [])

    def test_a_tenant_that_wants_none(self):
        config = self.on.config()
        topology.tenant(config, "red")["router-advertisements"] = "off"
        self.assert_nothing_sent(self.replay({"wire0": [self.asked]}, config))

    def test_strangers(self):
        """Another host, another MAC, beyond the link, a broken checksum."""
        vm, source = self.vm, link_local(self.vm.mac)
        good = router_solicitation(source, vm.mac)
        frames = [in_overlay(vm, good, host=self.on.other_host), in_overlay(vm, good, src=OTHER_MAC),
                  in_overlay(vm, router_solicitation(source, vm.mac, hlim=64)),
                  in_overlay(vm, good[:42] + bytes([good[42] ^ 1]) + good[43:])]
        self.assert_nothing_sent(self.replay({"wire0": frames}))


if __name__ == "__main__":
    unittest.main()
