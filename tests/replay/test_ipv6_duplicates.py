"""RFC 4862 section 5.4: no IPv6 provider address is used before it is known that nobody else has it; the rhythm is
that of IPv4's probes."""

import unittest

from lib.discovery import (ADVERTISEMENT, ALL_NODES, advertisement, by_gateway, on_network, probe, solicitation)
from lib.families import COMPUTE_SITE_6, GATEWAY_SITE_6, INTERNET_6, ONLY_6, SERVER_6, in_each
from lib.gateway import MILLISECOND, START_NS, at
from lib.packets import expect_decap, expect_encap, from_outside, from_vm, udp

COLD = ("--cold-start",)
# Long enough for a duplicate's second check, which begins 30 to 31 seconds after the first one failed.
COLD_AND_LONG = ("--cold-start", "--settle", "40")
OTHER_MAC = "02:00:00:00:77:01"
ASKER = "fd64:20::77"
PROBE_TIMES, ANNOUNCEMENT_TIMES = [0, 200, 400], [600, 2600]
# Any packet, so that the clock has a start.
START = at(0, from_outside(INTERNET_6, udp(SERVER_6, "2001:db8:300::99")))


def announcement(network, address: str = "") -> bytes:
    """Everybody on the network is told where the address is now (RFC 4861 section 7.2.6)."""
    address = address or network.address
    return by_gateway(network, advertisement(address, address, network.mac, ALL_NODES, router=True, solicited=False))


def claim(network, address: str = "") -> bytes:
    """Another station's answer to whoever asks for one of our addresses."""
    address = address or network.address
    return on_network(network, advertisement(address, address, OTHER_MAC, ALL_NODES, solicited=False), OTHER_MAC)


@in_each(ONLY_6)
class Detection:
    def times(self, run, frame: bytes) -> list:
        """Milliseconds after the start at which exactly this frame left."""
        return [(sent.time_ns - START_NS) / MILLISECOND for sent in run.frames["wire0"] if sent.data == frame]

    def state(self, run, network) -> str:
        (entry,) = [entry for entry in run.report["provider_addresses"] if entry["address"] == network.address]
        return entry["state"]

    def test_every_provider_address_is_probed_then_announced(self):
        run = self.replay({"wire1": [START]}, options=COLD)
        for network in (GATEWAY_SITE_6, COMPUTE_SITE_6):
            with self.subTest(site=network.name):
                self.assertEqual(self.times(run, by_gateway(network, probe(network.address))), PROBE_TIMES)
                self.assertEqual(self.times(run, announcement(network)), ANNOUNCEMENT_TIMES)
                self.assertEqual(self.state(run, network), "preferred")

    def test_until_then_nobody_is_answered(self):
        """Whoever asks, and whatever comes to the address or would leave from it."""
        asked = on_network(GATEWAY_SITE_6, solicitation(ASKER, OTHER_MAC, GATEWAY_SITE_6.address), OTHER_MAC)
        vm = self.on.blue_public
        out = [udp(vm.address, SERVER_6, mark=mark) for mark in range(3)]
        back = [udp(SERVER_6, vm.address, mark=mark) for mark in range(3)]
        moments = (1, 599, 601)
        run = self.replay({
            "wire0": [frame for moment, packet in zip(moments, out)
                      for frame in (at(moment, asked), at(moment, from_vm(vm, packet)))],
            "wire1": [START, *(at(moment, from_outside(INTERNET_6, packet)) for moment, packet in zip(moments, back))]},
            options=COLD)
        answer = by_gateway(GATEWAY_SITE_6, advertisement(GATEWAY_SITE_6.address, GATEWAY_SITE_6.address,
                                                          GATEWAY_SITE_6.mac, ASKER, router=True), OTHER_MAC)
        self.assertEqual(self.times(run, answer), [601])
        self.assertIn(expect_decap(out[2], INTERNET_6), run.sent("wire1"))
        self.assert_frames(run.sent("wire0"), [expect_encap(back[2], vm)])
        self.assertEqual(run.drops["outer-destination-unknown"], 2)
        self.assertEqual(run.drops["provider-route-missing"], 2)

    def test_an_answer_makes_a_duplicate(self):
        run = self.replay({"wire0": [at(250, claim(GATEWAY_SITE_6))], "wire1": [START]}, options=COLD)
        self.assertEqual(self.times(run, by_gateway(GATEWAY_SITE_6, probe(GATEWAY_SITE_6.address))), [0, 200])
        self.assertEqual(self.times(run, announcement(GATEWAY_SITE_6)), [])
        self.assertEqual(self.state(run, GATEWAY_SITE_6), "duplicate")
        self.assertEqual(self.state(run, COMPUTE_SITE_6), "preferred")
        alarms = [alarm for alarm in run.report["alarms"] if GATEWAY_SITE_6.address in alarm["object"]]
        self.assertEqual(len(alarms), 1)
        self.assertIn(OTHER_MAC, alarms[0]["message"].lower())

    def test_so_does_another_stations_probe(self):
        other = on_network(GATEWAY_SITE_6, probe(GATEWAY_SITE_6.address), OTHER_MAC)
        run = self.replay({"wire0": [at(250, other)], "wire1": [START]}, options=COLD)
        self.assertEqual(self.state(run, GATEWAY_SITE_6), "duplicate")

    def test_claims_that_mean_nothing(self):
        """On another network, from beyond the link."""
        address = GATEWAY_SITE_6.address
        far = advertisement(address, address, OTHER_MAC, ALL_NODES, solicited=False, hlim=254)
        for said in (claim(COMPUTE_SITE_6, address), on_network(GATEWAY_SITE_6, far, OTHER_MAC)):
            run = self.replay({"wire0": [at(250, said)], "wire1": [START]}, options=COLD)
            self.assertEqual(self.state(run, GATEWAY_SITE_6), "preferred")

    def test_it_is_taken_when_the_other_station_has_left(self):
        run = self.replay({"wire0": [at(250, claim(GATEWAY_SITE_6))], "wire1": [START]}, options=COLD_AND_LONG)
        self.assertEqual(self.state(run, GATEWAY_SITE_6), "preferred")
        first, second, *again = self.times(run, by_gateway(GATEWAY_SITE_6, probe(GATEWAY_SITE_6.address)))
        self.assertEqual((first, second, len(again)), (0, 200, 3))
        self.assertTrue(30_250 <= again[0] <= 31_250, again)
        self.assertEqual(self.times(run, announcement(GATEWAY_SITE_6)), [again[0] + 600, again[0] + 2600])

    def test_an_address_in_use_is_defended(self):
        """At most once in ten seconds, and kept."""
        moments = (0, 1000, 9000, 11_000)
        run = self.replay({"wire0": [at(moment, claim(GATEWAY_SITE_6)) for moment in moments]})
        self.assertEqual(self.times(run, announcement(GATEWAY_SITE_6)), [0, 11_000])
        self.assertEqual(self.state(run, GATEWAY_SITE_6), "preferred")

    def test_a_probe_for_it_is_answered_and_is_no_claim(self):
        run = self.replay({"wire0": [on_network(GATEWAY_SITE_6, probe(GATEWAY_SITE_6.address), OTHER_MAC)]})
        self.assertEqual(len(run.discovery("wire0", ADVERTISEMENT, GATEWAY_SITE_6.address)), 1)
        self.assertEqual([alarm for alarm in run.report["alarms"] if GATEWAY_SITE_6.address in alarm["object"]], [])


if __name__ == "__main__":
    unittest.main()
