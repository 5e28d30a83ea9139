"""RFC 5227: no provider address is used before it is known that nobody else has it, and none is given up after."""

import unittest
from fractions import Fraction

from lib import topology
from lib.assertions import ReplayTest
from lib.gateway import MILLISECOND, START_NS, at
from lib.packets import (ARP, BROADCAST, HOST, UNREACHABLE, Ether, arp_reply, arp_request, error_to_outside, ethernet,
                         expect_decap, expect_encap, from_outside, from_vm, udp)
from lib.topology import BLUE_PUBLIC, COMPUTE_SITE, GATEWAY_SITE, INTERNET, RED_UPLINK, RED_WEB, SERVER, Network

COLD = ("--cold-start",)
# Long enough for a duplicate's second check, which begins 30 to 31 seconds after the first one failed.
COLD_AND_LONG = ("--cold-start", "--settle", "40")
SITES = (GATEWAY_SITE, COMPUTE_SITE)
OTHER_MAC = "02:00:00:00:77:01"
NOBODY = "00:00:00:00:00:00"
ASKER = "100.64.20.77"
PROBE_TIMES, ANNOUNCEMENT_TIMES = [0, 200, 400], [600, 2600]


def probe(network: Network, address: str = "") -> bytes:
    """RFC 5227 §2.1.1: a request from 0.0.0.0."""
    packet = ARP(op=1, hwsrc=network.mac, psrc="0.0.0.0", hwdst=NOBODY, pdst=address or network.address)
    return ethernet(packet, network.mac, BROADCAST, network.vlan, 0x0806)


def announcement(network: Network, address: str = "") -> bytes:
    """RFC 5227 §2.3: a request from the address for the address."""
    address = address or network.address
    packet = ARP(op=1, hwsrc=network.mac, psrc=address, hwdst=NOBODY, pdst=address)
    return ethernet(packet, network.mac, BROADCAST, network.vlan, 0x0806)


def claim(network: Network, address: str = "") -> bytes:
    """Another station's answer to whoever asks for one of our addresses."""
    return arp_reply(network, address or network.address, OTHER_MAC, BROADCAST, "0.0.0.0")


def detection(mode: str) -> dict:
    config = topology.base()
    config["provider"]["duplicate-address-detection"] = mode
    return config


class DuplicateAddressTest(ReplayTest):
    def times(self, run, frame: bytes, port: str = "wire0") -> list:
        """Milliseconds after the start at which exactly this frame left."""
        return [Fraction(sent.time_ns - START_NS, MILLISECOND) for sent in run.frames[port] if sent.data == frame]

    def provider_address(self, run, address: str) -> dict:
        (entry,) = [entry for entry in run.report["provider_addresses"] if entry["address"] == address]
        return entry

    def assert_state(self, run, state: str, network: Network = GATEWAY_SITE) -> None:
        self.assertEqual(self.provider_address(run, network.address)["state"], state)

    def assert_checked_at(self, run, start: float, network: Network, address: str = "") -> None:
        """Probes and announcements of a fast check that began so many milliseconds after the start."""
        self.assertEqual(self.times(run, probe(network, address)), [start + time for time in PROBE_TIMES])
        self.assertEqual(self.times(run, announcement(network, address)),
                         [start + time for time in ANNOUNCEMENT_TIMES])

    def assert_duplicate_alarm(self, run, address: str) -> None:
        alarms = [alarm for alarm in run.report["alarms"] if address in alarm["object"]]
        self.assertEqual(len(alarms), 1, run.report["alarms"])
        self.assertIn(OTHER_MAC, alarms[0]["message"].lower())


# Any packet, so that the clock has a start.
START = at(0, arp_request(INTERNET, "198.18.0.77", OTHER_MAC, "198.18.0.200"))


class ColdStart(DuplicateAddressTest):
    def test_every_provider_address_is_probed_then_announced(self):
        run = self.replay({"wire1": [START]}, options=COLD)
        for site in SITES:
            with self.subTest(site=site.name):
                self.assert_checked_at(run, 0, site)
                self.assert_state(run, "preferred", site)

    def test_until_then_nobody_is_answered(self):
        question = arp_request(GATEWAY_SITE, ASKER, OTHER_MAC, GATEWAY_SITE.address)
        run = self.replay({"wire0": [at(1, question), at(599, question), at(601, question)], "wire1": [START]},
                          options=COLD)
        answers = [frame for frame in run.arp("wire0", ASKER) if Ether(frame.data)[ARP].op == 2]
        self.assertEqual([(frame.time_ns - START_NS) // MILLISECOND for frame in answers], [601])

    def test_until_then_no_packet_of_a_machine_is_taken(self):
        packets = [udp(RED_WEB.address, SERVER, mark=mark) for mark in range(3)]
        run = self.replay({"wire0": [at(moment, from_vm(RED_WEB, packet))
                                     for moment, packet in zip((0, 599, 601), packets)]}, options=COLD)
        self.assert_frames(run.sent("wire1"), [expect_decap(packets[2], RED_UPLINK)])
        self.assert_drops(run, {"outer-destination-unknown": 2})

    def test_until_then_no_packet_is_sent_to_a_machine(self):
        packets = [udp(SERVER, RED_WEB.address, mark=mark) for mark in range(3)]
        run = self.replay({"wire1": [at(moment, from_outside(RED_UPLINK, packet))
                                     for moment, packet in zip((0, 599, 601), packets)]}, options=COLD)
        self.assert_frames(run.sent("wire0"), [expect_encap(packets[2], RED_WEB)])
        self.assert_drops(run, {"provider-route-missing": 2})

    def test_without_it_addresses_are_preferred_from_the_start(self):
        run = self.replay({"wire1": [START]})
        for site in SITES:
            self.assert_state(run, "preferred", site)
            self.assertEqual(self.times(run, probe(site)), [])

    def test_off_asks_nobody(self):
        run = self.replay({"wire1": [START]}, detection("off"), COLD)
        for site in SITES:
            self.assert_state(run, "preferred", site)
            self.assertEqual(self.times(run, probe(site)), [])

    def test_as_slow_as_the_rfc_has_it(self):
        """PROBE_WAIT 1 s, PROBE_MIN 1 s, PROBE_MAX 2 s, ANNOUNCE_WAIT 2 s."""
        run = self.replay({"wire1": [START]}, detection("rfc5227"), COLD)
        for site in SITES:
            with self.subTest(site=site.name):
                first, second, third = self.times(run, probe(site))
                self.assertTrue(0 <= first <= 1000, first)
                for gap in (second - first, third - second):
                    self.assertTrue(1000 <= gap <= 2000, gap)
                announced, again = self.times(run, announcement(site))
                self.assertEqual((announced - third, again - announced), (2000, 2000))


class SomebodyHasIt(DuplicateAddressTest):
    def test_an_answer_makes_a_duplicate(self):
        run = self.replay({"wire0": [at(250, claim(GATEWAY_SITE))], "wire1": [START]}, options=COLD)
        self.assertEqual(self.times(run, probe(GATEWAY_SITE)), [0, 200])
        self.assertEqual(self.times(run, announcement(GATEWAY_SITE)), [])
        self.assert_state(run, "duplicate")
        entry = self.provider_address(run, GATEWAY_SITE.address)
        self.assertEqual(entry["claimed_by"].lower(), OTHER_MAC)
        self.assert_duplicate_alarm(run, GATEWAY_SITE.address)
        self.assert_state(run, "preferred", COMPUTE_SITE)

    def test_so_does_another_stations_probe(self):
        other = arp_request(GATEWAY_SITE, "0.0.0.0", OTHER_MAC, GATEWAY_SITE.address)
        run = self.replay({"wire0": [at(250, other)], "wire1": [START]}, options=COLD)
        self.assert_state(run, "duplicate")

    def test_a_claim_on_another_network_means_nothing(self):
        run = self.replay({"wire0": [at(250, claim(COMPUTE_SITE, GATEWAY_SITE.address))],
                           "wire1": [START, at(250, claim(INTERNET, GATEWAY_SITE.address))]}, options=COLD)
        self.assert_checked_at(run, 0, GATEWAY_SITE)

    def test_a_duplicate_stays_silent_and_takes_nothing(self):
        out, back = udp(BLUE_PUBLIC.address, SERVER), udp(SERVER, BLUE_PUBLIC.address)
        question = arp_request(GATEWAY_SITE, ASKER, OTHER_MAC, GATEWAY_SITE.address)
        run = self.replay({"wire0": [at(250, claim(GATEWAY_SITE)), at(1000, question),
                                     at(1001, from_vm(BLUE_PUBLIC, out))],
                           "wire1": [START, at(1002, from_outside(INTERNET, back))]},
                          options=COLD)
        self.assertEqual(run.arp("wire0", ASKER), [])
        self.assert_frames(run.sent("wire0"), [])
        self.assert_frames(run.sent("wire1"), [error_to_outside(back, INTERNET, UNREACHABLE, HOST)])
        # Neither the claim nor the question is an ARP packet that the gateway has an answer to.
        self.assert_drops(run, {"arp-ignored": 2, "outer-destination-unknown": 1, "provider-route-missing": 1})

    def test_it_is_taken_when_the_other_station_has_left(self):
        run = self.replay({"wire0": [at(250, claim(GATEWAY_SITE))], "wire1": [START]}, options=COLD_AND_LONG)
        self.assert_state(run, "preferred")
        first, second, *again = self.times(run, probe(GATEWAY_SITE))
        self.assertEqual((first, second, len(again)), (0, 200, 3))
        self.assertTrue(30_250 <= again[0] <= 31_250, again)
        self.assertEqual(self.times(run, announcement(GATEWAY_SITE)), [again[0] + 600, again[0] + 2600])
        self.assertEqual([alarm for alarm in run.report["alarms"] if GATEWAY_SITE.address in alarm["object"]], [])

    def test_it_stays_a_duplicate_while_the_other_station_stays(self):
        claims = [at(250, claim(GATEWAY_SITE))]
        claims += [at(moment, claim(GATEWAY_SITE)) for moment in range(30_000, 32_000, 100)]
        run = self.replay({"wire0": claims, "wire1": [START]}, options=COLD)
        self.assert_state(run, "duplicate")
        self.assertEqual(self.times(run, announcement(GATEWAY_SITE)), [])


class Defence(DuplicateAddressTest):
    """An address in use that somebody else claims."""

    def test_it_is_defended_once_in_ten_seconds_and_kept(self):
        moments = (0, 1000, 9000, 11_000, 12_000)
        run = self.replay({"wire0": [at(moment, claim(GATEWAY_SITE)) for moment in moments]})
        self.assertEqual(self.times(run, announcement(GATEWAY_SITE)), [0, 11_000])
        self.assert_state(run, "preferred")
        self.assert_duplicate_alarm(run, GATEWAY_SITE.address)

    def test_packets_go_on_meanwhile(self):
        packet = udp(RED_WEB.address, SERVER)
        run = self.replay({"wire0": [at(0, claim(COMPUTE_SITE)), at(10, from_vm(RED_WEB, packet))]})
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, RED_UPLINK)])

    def test_a_probe_for_it_is_answered_and_is_no_claim(self):
        run = self.replay({"wire0": [arp_request(GATEWAY_SITE, "0.0.0.0", OTHER_MAC, GATEWAY_SITE.address)]})
        self.assertEqual(len([frame for frame in run.arp("wire0") if Ether(frame.data)[ARP].op == 2]), 1)
        self.assertEqual(self.times(run, announcement(GATEWAY_SITE)), [])
        self.assertEqual([alarm for alarm in run.report["alarms"] if GATEWAY_SITE.address in alarm["object"]], [])

    def test_an_event_tells_of_it_once(self):
        run = self.replay({"wire0": [at(moment, claim(GATEWAY_SITE)) for moment in (0, 100, 200)]})
        events = [event for event in run.report["events"] if GATEWAY_SITE.address in event["object"]]
        self.assertEqual([event["kind"] for event in events], ["address-claimed"])


class AddressesThatComeLater(DuplicateAddressTest):
    POOL = {"range": "100.64.20.50-100.64.20.59", "take": 0}

    def add(self, address: str = "") -> dict:
        """An address for the gateway's site, by default one of its pool."""
        given = {"address": address} if address else {}
        return {"changes": [{"add-provider-address": {"site": "gateway-site", **given}}]}

    def test_they_are_checked_without_a_cold_start_too(self):
        run = self.replay({"wire1": [START]}, changes=[(100, self.add("100.64.20.11"))])
        self.assert_checked_at(run, 100, GATEWAY_SITE, "100.64.20.11")
        self.assertEqual(self.provider_address(run, "100.64.20.11")["owner"], "api")

    def test_the_pool_gives_its_first_free_address(self):
        config = topology.base()
        topology.named(config["provider"]["sites"], "gateway-site")["pool"] = self.POOL
        run = self.replay({"wire1": [START]}, config, changes=[(100, self.add()), (200, self.add())])
        for start, address in ((100, "100.64.20.50"), (200, "100.64.20.51")):
            self.assert_checked_at(run, start, GATEWAY_SITE, address)

    def test_packets_to_them_are_taken_when_the_check_is_over(self):
        packets = [udp(BLUE_PUBLIC.address, SERVER, mark=mark) for mark in range(3)]
        frames = [at(moment, from_vm(BLUE_PUBLIC, packet, dst="100.64.20.11"))
                  for moment, packet in zip((0, 650, 750), packets)]
        run = self.replay({"wire0": frames}, changes=[(100, self.add("100.64.20.11"))])
        self.assert_frames(run.sent("wire1"), [expect_decap(packets[2], INTERNET)])
        self.assert_drops(run, {"outer-destination-unknown": 2})

    def test_removed_they_are_strangers_again(self):
        packets = [udp(BLUE_PUBLIC.address, SERVER, mark=mark) for mark in range(2)]
        frames = [at(moment, from_vm(BLUE_PUBLIC, packet, dst="100.64.20.11"))
                  for moment, packet in zip((1000, 3000), packets)]
        removal = {"changes": [{"remove-provider-address": {"address": "100.64.20.11"}}]}
        run = self.replay({"wire0": frames, "wire1": [START]},
                          changes=[(100, self.add("100.64.20.11")), (2000, removal)])
        self.assert_frames(run.sent("wire1"), [expect_decap(packets[0], INTERNET)])
        self.assert_drops(run, {"outer-destination-unknown": 1})


if __name__ == "__main__":
    unittest.main()
