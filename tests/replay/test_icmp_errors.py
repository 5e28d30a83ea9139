"""ICMP errors: who is told of a packet's end, by whom, with what; who never is; and how often at most."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.gateway import at
from lib.packets import (HOST, ICMP, IP, TIME_EXCEEDED, TOO_BIG, UDP, UNREACHABLE, Raw, arp_reply, checksum_is_right,
                         echo, error_to_outside, error_to_vm, ethertype_offset, from_outside, from_vm, icmp_error,
                         inner_of, udp)
from lib.topology import (BLUE_DB, BLUE_PUBLIC, BLUE_WEB, INTERNET, RED_BRANCH, RED_DB, RED_UPLINK, RED_WEB, SERVER)

NOWHERE = "10.0.2.99"
FAR_SENDER, FAR_ROUTER, FAR_ROUTER_MAC = "198.18.200.1", topology.SECOND_ROUTER, topology.SECOND_ROUTER_MAC


def expired(source: str, mark: int = 0, size: int = 32, destination: str = SERVER, **ip) -> bytes:
    """A packet that gets no further than the gateway."""
    return udp(source, destination, mark, size, ttl=1, **ip)


class Senders(ReplayTest):
    """Each is told by the gateway's address on its own side, by the way that packets to it take."""

    def assert_told(self, port: str, frame: bytes, expected: bytes, config=None) -> None:
        self.assert_dropped([frame], "ttl-expired", config, port=port, told=[expected])

    def test_tenants_that_look_the_same(self):
        packet = expired(RED_WEB.address)
        run = self.replay({"wire0": [from_vm(RED_WEB, packet), from_vm(BLUE_WEB, packet)]})
        self.assert_frames(run.sent("wire0"), [error_to_vm(packet, vm, TIME_EXCEEDED) for vm in (RED_WEB, BLUE_WEB)])

    def test_by_the_gateway_of_the_senders_own_subnet(self):
        """A host writes the VSID of the gateway's subnet, which may be another one."""
        packet = expired(RED_DB.address)
        frame = from_vm(RED_DB, packet, vsid=RED_WEB.vsid)
        self.assert_told("wire0", frame, error_to_vm(packet, RED_DB, TIME_EXCEEDED))

    def test_behind_a_customer_route(self):
        packet = expired(RED_BRANCH)
        self.assert_told("wire0", from_vm(RED_WEB, packet), error_to_vm(packet, RED_WEB, TIME_EXCEEDED))

    def test_outside_by_the_route_to_the_sender(self):
        for sender, mac in ((SERVER, INTERNET.router_mac), (FAR_SENDER, FAR_ROUTER_MAC)):
            with self.subTest(sender=sender):
                packet = expired(sender, destination=BLUE_PUBLIC.address)
                # It came by the other router.
                frame = from_outside(INTERNET, packet, src_mac="02:00:00:00:30:0f")
                self.assert_told("wire1", frame, error_to_outside(packet, INTERNET, TIME_EXCEEDED, next_hop_mac=mac))

    def test_outside_on_a_tenants_own_network(self):
        packet = expired(SERVER, destination=RED_WEB.address)
        self.assert_told("wire1", from_outside(RED_UPLINK, packet), error_to_outside(packet, RED_UPLINK, TIME_EXCEEDED))

    def test_a_host_of_the_network_itself(self):
        config = topology.base()
        config["neighbors"].append({"network": "internet", "address": "198.18.0.77", "mac": "02:00:00:00:30:77"})
        packet = expired("198.18.0.77", destination=BLUE_PUBLIC.address)
        self.assert_told("wire1", from_outside(INTERNET, packet),
                         error_to_outside(packet, INTERNET, TIME_EXCEEDED, next_hop_mac="02:00:00:00:30:77"), config)

    def test_a_traceroute_by_ping(self):
        """A query is ICMP, too, and no error."""
        packet = echo(BLUE_PUBLIC.address, SERVER, ttl=1)
        self.assert_told("wire0", from_vm(BLUE_PUBLIC, packet), error_to_vm(packet, BLUE_PUBLIC, TIME_EXCEEDED))

    def test_who_cannot_be_where_it_says_is_told_nothing(self):
        """Neither a stranger in a tenant, whom a check that only logs lets through, nor a tenant outside."""
        config = topology.base()
        for name in ("red", "blue"):
            topology.tenant(config, name)["sender-check"] = "log-only"
        for sender in ("10.0.1.77", "10.0.1.1", "10.0.1.255", SERVER, BLUE_PUBLIC.address, "198.18.1.2"):
            with self.subTest(sender=sender):
                self.assert_silent([from_vm(RED_WEB, expired(sender))], config, port="wire0")
        for sender in (BLUE_PUBLIC.address, BLUE_PUBLIC.gateway, INTERNET.address, "198.18.0.255"):
            with self.subTest(sender=sender):
                packet = expired(sender, destination=BLUE_PUBLIC.address)
                self.assert_silent([from_outside(INTERNET, packet)], config, port="wire1")
        self.assert_silent([from_outside(RED_UPLINK, expired(RED_DB.address, destination=RED_WEB.address))], config,
                           port="wire1")

    def assert_silent(self, frames: list, config: dict, port: str) -> None:
        self.assert_dropped(frames, "ttl-expired", config, port=port)


class Content(ReplayTest):
    def test_the_packet_is_quoted_as_it_came(self):
        """With its TTL and its options, whole or as much as 576 bytes hold."""
        packets = [expired(RED_WEB.address, size=size, tos=0x2A) for size in (4, 5, 519, 520, 521, 1400)]
        header = IP(src=RED_WEB.address, dst=SERVER, ttl=1, options=[b"\x01" * 8])
        packets.append(bytes(header / UDP() / Raw(b"quoted")))
        packets.append(bytes(IP(src=RED_WEB.address, dst=SERVER, ttl=1, proto=253)))
        run = self.replay({"wire0": [from_vm(RED_WEB, packet) for packet in packets]})
        self.assert_frames(run.sent("wire0"), [error_to_vm(packet, RED_WEB, TIME_EXCEEDED) for packet in packets])
        self.assertEqual([len(inner_of(frame)) - 14 for frame in run.sent("wire0")],
                         [28 + 32, 28 + 33, 575, 576, 576, 576, 28 + 42, 28 + 20])

    def test_padding_is_no_part_of_it(self):
        inside, outside = expired(RED_WEB.address, size=4), expired(SERVER, size=4, destination=BLUE_PUBLIC.address)
        run = self.replay({"wire0": [from_vm(RED_WEB, inside + bytes(18))],
                           "wire1": [from_outside(INTERNET, outside + bytes(14))]})
        self.assert_frames(run.sent("wire0"), [error_to_vm(inside, RED_WEB, TIME_EXCEEDED)])
        self.assert_frames(run.sent("wire1"), [error_to_outside(outside, INTERNET, TIME_EXCEEDED)])

    def test_what_a_congested_network_marked_is_quoted_without_the_mark(self):
        """The mark is on the outer header; the sender knows its packet without."""
        packet = expired(RED_WEB.address, tos=0x02)
        self.assert_dropped([from_vm(RED_WEB, packet, tos=0x03)], "ttl-expired",
                            told=[error_to_vm(packet, RED_WEB, TIME_EXCEEDED)])

    def test_all_checksums_are_right(self):
        packets = [expired(SERVER, mark, size=mark, destination=BLUE_PUBLIC.address) for mark in range(4, 40)]
        run = self.replay({"wire1": [from_outside(INTERNET, packet) for packet in packets]})
        self.assertEqual(len(run.sent("wire1")), len(packets))
        for frame in run.sent("wire1"):
            packet = frame[ethertype_offset(frame) + 2:]
            self.assertTrue(checksum_is_right(packet[:20]) and checksum_is_right(packet[20:]))

    def test_a_mtu_that_is_on_the_way_to_a_vm(self):
        config = topology.base()
        topology.named(config["provider"]["sites"], "gateway-site")["mtu"] = 1000
        packet = udp(RED_WEB.address, RED_DB.address, size=1200, flags="DF")
        self.assert_dropped([from_vm(RED_WEB, packet)], "mtu-exceeded", config,
                            told=[error_to_vm(packet, RED_WEB, UNREACHABLE, TOO_BIG, mtu=1000 - 42)])

    def test_a_narrow_way_back_shortens_the_quotation(self):
        config = topology.base()
        topology.named(config["provider"]["sites"], "compute-site")["mtu"] = 442
        packet = expired(RED_WEB.address, size=1000)
        run = self.replay({"wire0": [from_vm(RED_WEB, packet)]}, config)
        (frame,) = run.sent("wire0")
        error = bytes(inner_of(frame))[14:]
        self.assertEqual((len(error), error[28:]), (400, packet[:372]))
        self.assertTrue(checksum_is_right(error[:20]) and checksum_is_right(error[20:]))


class Forbidden(ReplayTest):
    """RFC 1812 section 4.3.2.7: about these nothing is ever said."""

    def assert_silent(self, packets: list, reason: str) -> None:
        self.assert_dropped([from_vm(RED_WEB, packet) for packet in packets], reason)

    def test_icmp_that_is_no_query(self):
        lost = udp(RED_DB.address, RED_WEB.address)
        errors = [icmp_error(lost, RED_WEB.address, kind, code) for kind, code in
                  ((3, 0), (3, 3), (3, 4), (4, 0), (5, 1), (11, 0), (11, 1), (12, 0))]
        errors.append(bytes(IP(src=RED_WEB.address, dst=RED_DB.address) / ICMP(type=200) / Raw(bytes(8))))
        errors.append(bytes(IP(src=RED_WEB.address, dst=RED_DB.address, proto=1)))
        packets = []
        for error in errors:
            packet = IP(error)
            packet.ttl, packet.dst = 1, NOWHERE
            del packet.chksum
            packets.append(bytes(packet))
        self.assert_silent(packets, "ttl-expired")

    def test_fragments_but_the_first(self):
        first = expired(RED_WEB.address, flags="MF")
        later = [expired(RED_WEB.address, flags="MF", frag=1), expired(RED_WEB.address, frag=8191)]
        self.assert_dropped([from_vm(RED_WEB, packet) for packet in (*later, first)], "ttl-expired",
                            told=[error_to_vm(first, RED_WEB, TIME_EXCEEDED)])

    def test_what_went_to_many(self):
        packets = [udp(RED_WEB.address, address, ttl=ttl) for ttl in (1, 64)
                   for address in ("10.0.2.255", "10.0.2.0", "224.0.0.5", "255.255.255.255", "198.18.1.255")]
        run = self.replay({"wire0": [from_vm(RED_WEB, packet) for packet in packets]})
        self.assert_nothing_sent(run)
        self.assertEqual(sum(run.drops.values()), len(packets))
        self.assert_errors(run, 0)


class NextHop(ReplayTest):
    """Errors wait for a next hop as packets do, but they are none that came in."""

    config = topology.forget_neighbor(topology.base(), FAR_ROUTER)
    packets = [expired(FAR_SENDER, mark, destination=BLUE_PUBLIC.address) for mark in range(3)]

    def test_it_answers(self):
        frames = [at(mark, from_outside(INTERNET, packet)) for mark, packet in enumerate(self.packets)]
        frames.append(at(500, arp_reply(INTERNET, FAR_ROUTER, FAR_ROUTER_MAC)))
        run = self.replay({"wire1": frames}, self.config)
        self.assert_frames(run.sent("wire1"), [
            error_to_outside(packet, INTERNET, TIME_EXCEEDED, next_hop_mac=FAR_ROUTER_MAC) for packet in self.packets])
        self.assert_drops(run, {"ttl-expired": 3})
        self.assert_errors(run, 3)

    def test_it_is_silent(self):
        frames = [at(mark, from_outside(INTERNET, packet)) for mark, packet in enumerate(self.packets)]
        run = self.replay({"wire1": frames}, self.config)
        self.assert_nothing_sent(run)
        self.assert_drops(run, {"ttl-expired": 3})
        self.assertEqual(run.report["packets"]["held"], 0)
        self.assert_errors(run, 0, suppressed=3)

    def test_they_still_wait_when_the_capture_ends(self):
        frames = [at(mark, from_outside(INTERNET, packet)) for mark, packet in enumerate(self.packets)]
        run = self.replay({"wire1": frames}, self.config, options=("--settle", "0"))
        self.assertEqual(run.report["packets"]["held"], 0, "no packet is held")
        self.assert_drops(run, {"ttl-expired": 3})
        self.assert_errors(run, 0)


def every(milliseconds: float, count: int, vm, start: float = 0) -> list:
    """Packets of a VM that expire, one after another."""
    return [at(start + index * milliseconds, from_vm(vm, expired(vm.address, index))) for index in range(count)]


class Limits(ReplayTest):
    """In virtual time, to the millisecond."""

    def test_fifty_at_once_and_a_hundred_a_second_for_each_vrf(self):
        run = self.replay({"wire0": every(0.001, 80, RED_WEB) + every(1, 2000, RED_WEB, start=1000)})
        times = [frame.time_ns for frame in run.frames["wire0"]]
        first, later = ([time for time in times if (time - times[0] < 500_000_000) == early] for early in (True, False))
        # The bucket is full again after a second. It then gives 50, and 100 in each of the two seconds.
        self.assertEqual((len(first), len(later)), (50, 249))
        self.assert_errors(run, 299, suppressed=2080 - 299)
        self.assert_drops(run, {"ttl-expired": 2080})
        self.assertEqual({after - before for before, after in zip(later[100:], later[101:])}, {10_000_000})

    def test_a_flood_of_one_tenant_takes_nothing_from_another(self):
        lone = expired(BLUE_WEB.address)
        outside = expired(SERVER, destination=BLUE_PUBLIC.address)
        run = self.replay({"wire0": every(0.01, 1000, RED_WEB) + [at(10, from_vm(BLUE_WEB, lone))],
                           "wire1": [at(10, from_outside(INTERNET, outside))]})
        self.assertIn(error_to_vm(lone, BLUE_WEB, TIME_EXCEEDED), run.sent("wire0"))
        self.assert_frames(run.sent("wire1"), [error_to_outside(outside, INTERNET, TIME_EXCEEDED)])

    def test_five_hundred_at_once_in_all(self):
        config = topology.base()
        config["tenants"] = [tenant for tenant in config["tenants"] if tenant["name"] != "blue"]
        tenants = []
        for number in range(12):
            vm = topology.Vm(7000 + number, BLUE_DB.address, BLUE_DB.mac, BLUE_DB.provider_address, BLUE_DB.site,
                             BLUE_DB.next_hop_mac, BLUE_DB.gateway)
            tenants.append(vm)
            config["tenants"].append({"name": f"tenant-{number}", "gateway-mac": topology.GATEWAY_MAC,
                                      "external": "internet", "records": [vm.record()],
                                      "subnets": [{"vsid": vm.vsid, "prefix": "10.0.2.0/24", "gateway": vm.gateway}]})
        frames = [frame for number, vm in enumerate(tenants) for frame in every(0.001, 48, vm, start=number * 0.05)]
        run = self.replay({"wire0": frames}, config)
        self.assert_errors(run, 500, suppressed=12 * 48 - 500)
        self.assert_drops(run, {"ttl-expired": 12 * 48})

    def test_a_burst_is_no_exception(self):
        packets = [expired(RED_WEB.address, mark) for mark in range(20)]
        run = self.replay({"wire0": [at(0, from_vm(RED_WEB, packet)) for packet in packets]})
        self.assert_frames(run.sent("wire0"), [error_to_vm(packet, RED_WEB, TIME_EXCEEDED) for packet in packets])
        self.assert_drops(run, {"ttl-expired": 20})
        self.assert_errors(run, 20)

    def test_silence_about_some_costs_the_others_nothing(self):
        """What may never be told takes no token."""
        later = [at(index * 0.001, from_vm(RED_WEB, expired(RED_WEB.address, index, frag=1))) for index in range(500)]
        unreachable = [udp(RED_WEB.address, NOWHERE, mark) for mark in range(50)]
        frames = later + [at(1 + mark * 0.001, from_vm(RED_WEB, packet)) for mark, packet in enumerate(unreachable)]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire0"),
                           [error_to_vm(packet, RED_WEB, UNREACHABLE, HOST) for packet in unreachable])
        self.assert_errors(run, 50)


if __name__ == "__main__":
    unittest.main()
