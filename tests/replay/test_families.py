"""Every way through the gateway, in all four combinations of inner and outer address family. What each way has of its
own is in the tests named after it; here the families have to make no difference."""

import unittest

from lib import topology
from lib.families import in_each
from lib.ip import header_length, sized
from lib.packets import (GATEWAY_MAC, HOST, TOO_BIG, UNREACHABLE, error_to_outside, error_to_vm, ethernet, expect_decap,
                         expect_encap, flow_id, from_outside, from_vm, inner_frame, nvgre, tcp, udp)
from lib.topology import PORT_MTU

OTHER_MAC = "02:15:5d:00:00:99"


@in_each()
class Ways:
    def test_out(self):
        """Every size up to the external MTU."""
        vm, least = self.on.blue_public, header_length(self.on.inner)
        packets = [sized(vm.address, self.on.server, size) for size in (least, least + 1, 63, 64, 65, 128, 1499, 1500)]
        packets.append(tcp(vm.address, self.on.server))
        run = self.replay({"wire0": [from_vm(vm, packet) for packet in packets]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, self.on.internet) for packet in packets])
        self.assert_frames(run.sent("wire0"), [])
        self.assert_drops(run, {})

    def test_in(self):
        """By a public prefix; the VMs have hosts on the site and behind a router."""
        vm, least = self.on.blue_public, header_length(self.on.inner)
        packets = [sized(self.on.server, vm.address, size) for size in (least, least + 1, 63, 64, 65, 128, 1499, 1500)]
        packets.append(tcp(self.on.server, vm.address))
        run = self.replay({"wire1": [from_outside(self.on.internet, packet) for packet in packets]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, vm) for packet in packets])
        self.assert_frames(run.sent("wire1"), [])
        self.assert_drops(run, {})

    def test_out_by_a_hand_off(self):
        packets = [(vm, udp(vm.address, self.on.server)) for vm in (self.on.red_web, self.on.red_db)]
        run = self.replay({"wire0": [from_vm(vm, packet) for vm, packet in packets]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, self.on.red_uplink) for _, packet in packets])

    def test_in_by_a_hand_off(self):
        packets = [(vm, udp(self.on.far_server, vm.address)) for vm in (self.on.red_web, self.on.red_db)]
        run = self.replay({"wire1": [from_outside(self.on.red_uplink, packet) for _, packet in packets]})
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, vm) for vm, packet in packets])

    def test_minimum_size_frames_are_trimmed(self):
        """The sender's network adapter pads to 64 bytes, the VM's to 60."""
        vm = self.on.blue_public
        out, back = udp(vm.address, self.on.server, size=4), udp(self.on.server, vm.address, size=4)
        run = self.replay({"wire0": [from_vm(vm, out + b"\xa5" * 14) + b"\x5a" * 4],
                           "wire1": [from_outside(self.on.internet, back) + b"\xa5" * 14]})
        self.assert_frames(run.sent("wire1"), [expect_decap(out, self.on.internet)])
        self.assert_frames(run.sent("wire0"), [expect_encap(back, vm)])

    def test_the_outer_ttl_is_a_knob(self):
        vm = self.on.blue_public
        packets = [udp(self.on.server, vm.address, mark=ttl, ttl=ttl) for ttl in (2, 17, 255)]
        for knob in (1, 200, 255):
            with self.subTest(ttl=knob):
                run = self.replay({"wire1": [from_outside(self.on.internet, packet) for packet in packets]},
                                  self.on.config(ttl=knob))
                self.assert_frames(run.sent("wire0"), [expect_encap(packet, vm, ttl=knob) for packet in packets])

    def test_the_bytes_that_count_are_those_of_inner_packets(self):
        vm = self.on.blue_public
        out, back = udp(vm.address, self.on.server, size=77), udp(self.on.server, vm.address, size=99)
        run = self.replay({"wire0": [from_vm(vm, out)], "wire1": [from_outside(self.on.internet, back)]})
        blue = run.report["tenants"]["blue"]
        self.assertEqual((blue["rx_packets"], blue["rx_bytes"], blue["tx_packets"], blue["tx_bytes"]),
                         (1, len(out), 1, len(back)))


@in_each()
class Routes:
    def test_connected_static_and_default_routes_outside(self):
        vm = self.on.blue_public
        packets = {udp(vm.address, self.on.server): None,
                   udp(vm.address, self.on.far_server): self.on.second_router_mac,
                   udp(vm.address, self.on.internet.router): None}
        run = self.replay({"wire0": [from_vm(vm, packet) for packet in packets]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, self.on.internet, mac)
                                               for packet, mac in packets.items()])

    def test_a_customer_route(self):
        """From another VM, from outside, and what comes from behind it."""
        web, db, branch = self.on.red_web, self.on.red_db, self.on.branch
        there, back, out = udp(db.address, branch), udp(branch, db.address), udp(branch, self.on.server)
        inside = udp(self.on.server, branch)
        run = self.replay({"wire0": [from_vm(db, there), from_vm(web, back), from_vm(web, out)],
                           "wire1": [from_outside(self.on.red_uplink, inside)]})
        self.assert_frames(run.sent("wire0"), [expect_encap(there, web), expect_encap(inside, web),
                                               expect_encap(back, db)], ordered=False)
        self.assert_frames(run.sent("wire1"), [expect_decap(out, self.on.red_uplink)])
        self.assert_drops(run, {})

    def test_what_nobody_has_is_unreachable(self):
        vm = self.on.red_web
        inside, outside = udp(vm.address, self.on.absent), udp(self.on.server, self.on.absent)
        run = self.replay({"wire0": [from_vm(vm, inside)], "wire1": [from_outside(self.on.red_uplink, outside)]})
        self.assert_frames(run.sent("wire0"), [error_to_vm(inside, vm, UNREACHABLE, HOST)])
        self.assert_frames(run.sent("wire1"), [error_to_outside(outside, self.on.red_uplink, UNREACHABLE, HOST)])
        self.assert_drops(run, {"destination-record-missing": 2})

    def test_private_addresses_are_not_reachable_from_the_internet(self):
        frames = [from_outside(self.on.internet, udp(self.on.server, address))
                  for address in (self.on.blue_web.address, self.on.blue_db.address, self.on.branch,
                                  self.on.far_server)]
        run = self.replay({"wire1": frames})
        self.assert_frames(run.sent("wire0"), [])
        self.assert_drops(run, {"transit": len(frames)})


@in_each()
class Senders:
    """Who may send: a customer address of the routing domain, from its own host, with its own MAC."""

    def frame(self, source: str, host: str, mac: str) -> bytes:
        vm = self.on.red_web
        return nvgre(ethernet(udp(source, self.on.server), mac, GATEWAY_MAC), vm.vsid, host, vm.site)

    def test_an_address_without_a_record(self):
        vm = self.on.red_web
        frames = [self.frame(source, vm.provider_address, vm.mac)
                  for source in (self.on.stranger, self.on.absent, self.on.server, self.on.blue_public.address)]
        self.assert_dropped(frames, "source-record-missing")

    def test_the_right_address_from_another_host(self):
        vm = self.on.red_web
        hosts = [self.on.other_host, self.on.red_db.provider_address, self.on.blue_web.provider_address]
        self.assert_dropped([self.frame(vm.address, host, vm.mac) for host in hosts], "source-ca-pa-mismatch")

    def test_another_mac(self):
        vm = self.on.red_web
        macs = [OTHER_MAC, self.on.red_db.mac, GATEWAY_MAC]
        self.assert_dropped([self.frame(vm.address, vm.provider_address, mac) for mac in macs],
                            "source-ca-mac-mismatch")

    def test_the_gateway_subnets_vsid(self):
        """The host has routed: its MAC is not compared, the rest is."""
        web, db = self.on.red_web, self.on.red_db
        packet = udp(db.address, self.on.server)
        frames = [nvgre(inner_frame(db, packet, src=mac), web.vsid, db.provider_address, db.site)
                  for mac in (db.mac, OTHER_MAC)]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, self.on.red_uplink)] * 2)
        wrong = nvgre(inner_frame(db, packet), web.vsid, web.provider_address, db.site)
        self.assert_dropped([wrong], "source-ca-pa-mismatch")

    def test_a_check_that_only_watches(self):
        config, vm = self.on.config(), self.on.red_web
        topology.tenant(config, "red")["sender-check"] = "log-only"
        senders = [(self.on.stranger, vm.provider_address, vm.mac), (vm.address, self.on.other_host, vm.mac),
                   (vm.address, vm.provider_address, OTHER_MAC)]
        run = self.replay({"wire0": [self.frame(*sender) for sender in senders]}, config)
        self.assert_frames(run.sent("wire1"), [expect_decap(udp(source, self.on.server), self.on.red_uplink)
                                               for source, _, _ in senders])
        self.assertEqual(run.report["sender_unverified"], 3)
        self.assert_drops(run, {})


@in_each()
class FlowIds:
    def ids(self, packets: list, **knobs) -> list:
        run = self.replay({"wire1": [from_outside(self.on.internet, packet) for packet in packets]},
                          self.on.config(**knobs))
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, self.on.blue_public) for packet in packets])
        return [flow_id(frame) for frame in run.sent("wire0")]

    def test_it_is_stable_within_a_flow(self):
        packets = [udp(self.on.server, self.on.blue_public.address, mark=mark, size=4 + 50 * mark, ttl=64 - mark,
                       tos=mark << 2) for mark in range(8)]
        self.assertEqual(len(set(self.ids(packets))), 1)

    def test_it_spreads(self):
        packets = [udp(self.on.server, self.on.blue_public.address, sport=1024 + index) for index in range(512)]
        # 512 random flows leave fewer than 180 of 256 values once in many universes.
        self.assertGreater(len(set(self.ids(packets))), 180)

    def test_zero_is_a_knob(self):
        packets = [udp(self.on.server, self.on.blue_public.address, sport=1024 + index) for index in range(16)]
        self.assertEqual(set(self.ids(packets, flow_id="zero")), {0})


@in_each()
class Mtu:
    def test_the_biggest_packet_to_a_vm_and_one_byte_more(self):
        config, vm = self.on.config(), self.on.blue_public
        topology.named(config["ports"], "wire0")["mtu"] = 1500
        limit = 1500 - self.on.overhead
        packets = [sized(self.on.server, vm.address, size) for size in (limit, limit + 1, 1500)]
        run = self.replay({"wire1": [from_outside(self.on.internet, packet) for packet in packets]}, config)
        self.assert_frames(run.sent("wire0"), [expect_encap(packets[0], vm)])
        self.assert_frames(run.sent("wire1"), [error_to_outside(packet, self.on.internet, UNREACHABLE, TOO_BIG, limit)
                                               for packet in packets[1:]])
        self.assert_drops(run, {"mtu-exceeded": 2})

    def test_the_biggest_packet_to_the_outside_and_one_byte_more(self):
        config, vm = self.on.config(), self.on.blue_public
        topology.named(config["ports"], "wire1")["mtu"] = 1400
        packets = [sized(vm.address, self.on.server, size) for size in (1400, 1401, 1500)]
        run = self.replay({"wire0": [from_vm(vm, packet) for packet in packets]}, config)
        self.assert_frames(run.sent("wire1"), [expect_decap(packets[0], self.on.internet)])
        self.assert_frames(run.sent("wire0"), [error_to_vm(packet, vm, UNREACHABLE, TOO_BIG, 1400)
                                               for packet in packets[1:]])
        self.assert_drops(run, {"mtu-exceeded": 2})

    def test_between_vms_of_different_sites_the_way_there_counts(self):
        config = self.on.config()
        source, destination = self.on.red_web, self.on.red_db
        topology.named(config["provider"]["sites"], destination.site.name)["mtu"] = 1400
        limit = 1400 - self.on.overhead
        packets = [sized(source.address, destination.address, size) for size in (limit, limit + 1)]
        run = self.replay({"wire0": [from_vm(source, packet) for packet in packets]}, config)
        self.assert_frames(run.sent("wire0"), [expect_encap(packets[0], destination),
                                               error_to_vm(packets[1], source, UNREACHABLE, TOO_BIG, limit)])

    def test_jumbo_frames(self):
        config, vm = self.on.config(), self.on.blue_public
        for port, mtu in (("wire0", 9100), ("wire1", 9000)):
            topology.named(config["ports"], port)["mtu"] = mtu
        sizes = (2048, 4000, 8999, 9000)
        out = [sized(vm.address, self.on.server, size) for size in sizes]
        back = [sized(self.on.server, vm.address, size) for size in sizes]
        run = self.replay({"wire0": [from_vm(vm, packet) for packet in out],
                           "wire1": [from_outside(self.on.internet, packet) for packet in back]}, config)
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, self.on.internet) for packet in out])
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, vm) for packet in back])


@in_each()
class Provider:
    def test_a_destination_that_is_not_ours(self):
        vm = self.on.blue_public
        packet, site = udp(vm.address, self.on.server), vm.site
        others = [site.router, vm.provider_address, self.on.red_web.site.address]
        self.assert_dropped([from_vm(vm, packet, dst=address) for address in others], "outer-destination-unknown")

    def test_our_own_packet_coming_back(self):
        vm = self.on.blue_public
        packet = udp(vm.address, self.on.server)
        self.assert_dropped([from_vm(vm, packet, src=address)
                             for address in (vm.site.address, self.on.red_web.site.address)], "own-packet")

    def test_martian_sources(self):
        vm = self.on.blue_public
        martians = {4: ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"],
                    6: ["::", "::1", "ff02::1", "::ffff:100.64.20.30"]}[self.on.outer]
        packet = udp(vm.address, self.on.server)
        self.assert_dropped([from_vm(vm, packet, src=source) for source in martians], "outer-martian-source")

    def test_another_protocol_is_no_tunnel(self):
        vm = self.on.blue_public
        packet = udp(vm.address, self.on.server)
        run = self.replay({"wire0": [from_vm(vm, packet, proto=proto) for proto in (4, 41, 46, 48, 50, 132)]})
        self.assert_frames(run.sent("wire1"), [])

    def test_a_record_without_a_route(self):
        config, web, db = self.on.config(), self.on.red_web, self.on.red_db
        # RED_DB's host is behind a router.
        config["provider"]["routes"] = []
        del topology.named(config["provider"]["sites"], db.site.name)["gateway"]
        packet = udp(web.address, db.address)
        self.assert_dropped([from_vm(web, packet)], "provider-route-missing", config,
                            told=[error_to_vm(packet, web, UNREACHABLE, HOST)])


if __name__ == "__main__":
    unittest.main()
