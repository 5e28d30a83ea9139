"""A flood of packets for the gateway itself is policed by what it is and where it comes from, and costs others nothing."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.gateway import at
from lib.packets import (ARP, ARP_TYPE, BROADCAST, GATEWAY_MAC, Ether, arp_reply, arp_request, echo, encapsulated,
                         ethernet, expect_decap, expect_encap, from_outside, from_vm, nvgre, udp,
                         without_flow_id)
from lib.topology import (BLUE_PUBLIC, BLUE_WEB, COMPUTE_SITE, GATEWAY_SITE, INTERNET, RED_UPLINK, RED_WEB, SERVER,
                          Network, Vm)

STATION_MAC = "02:00:00:00:77:01"
ASKERS = {COMPUTE_SITE: "100.64.10.77", GATEWAY_SITE: "100.64.20.77", INTERNET: "198.18.0.77"}
# What a class may be handed over at once from one network or tenant, and in a millisecond.
NEIGHBOR, OVERLAY_NEIGHBOR, UNRESOLVED, LOCAL = (2048, 4), (1024, 1), (512, 1), (512, 0.5)


def flood(frame: bytes, milliseconds: int, each: int = 50) -> list:
    """The same frame, so many times in each of so many milliseconds."""
    return [at(now + number / each, frame) for now in range(milliseconds) for number in range(each)]


def admitted(allowance: tuple, milliseconds: int) -> int:
    """How many of such a flood pass."""
    burst, rate = allowance
    return burst + int(rate * (milliseconds - 1))


def who_has(network: Network) -> bytes:
    return arp_request(network, ASKERS[network], STATION_MAC, network.address)


def answers(run, network: Network) -> int:
    """How many ARP replies left on a network."""
    return sum(Ether(frame.data)[ARP].op == 2 and Ether(frame.data)[ARP].psrc == network.address
               for frame in run.arp(network.port))


def overlay_arp(vm: Vm) -> bytes:
    """A VM asks for its gateway."""
    packet = ARP(op=1, hwsrc=vm.mac, psrc=vm.address, hwdst="00:00:00:00:00:00", pdst=vm.gateway)
    return nvgre(ethernet(packet, vm.mac, BROADCAST, ethertype=ARP_TYPE), vm.vsid, vm.provider_address, vm.site,
                 src_mac=vm.next_hop_mac)


def overlay_answer(vm: Vm) -> bytes:
    packet = ARP(op=2, hwsrc=GATEWAY_MAC, psrc=vm.gateway, hwdst=vm.mac, pdst=vm.address)
    return encapsulated(packet, vm, ethertype=ARP_TYPE)


def merged(*streams: list) -> list:
    return sorted((frame for stream in streams for frame in stream), key=lambda frame: frame.time_ns)


class Networks(ReplayTest):
    """Two hundred milliseconds of 50,000 ARP requests a second on one network."""

    DURATION = 200

    def replay_flood(self, *more: list, wire1: tuple = (), options: tuple = ()):
        frames = merged(flood(who_has(GATEWAY_SITE), self.DURATION), *more)
        return self.replay({"wire0": frames, "wire1": list(wire1)}, options=options)

    def test_a_power_failure_is_answered_and_a_flood_is_policed(self):
        run = self.replay_flood()
        passed = admitted(NEIGHBOR, self.DURATION)
        self.assertEqual(answers(run, GATEWAY_SITE), passed)
        self.assert_drops(run, {"punt-policed": 50 * self.DURATION - passed})
        self.assertEqual(run.report["punts"],
                         {"wire0": {"neighbor": {"packets": passed, "policed": 50 * self.DURATION - passed}}, "wire1": {}})

    def test_another_port_and_another_network_of_the_same_port_are_answered(self):
        elsewhere = [at(20 * number + 10, who_has(COMPUTE_SITE)) for number in range(9)]
        run = self.replay_flood(elsewhere, wire1=[at(20 * number + 10, who_has(INTERNET)) for number in range(9)])
        self.assertEqual((answers(run, COMPUTE_SITE), answers(run, INTERNET)), (9, 9))
        self.assertNotIn("policed", [name for name, count in run.report["punts"]["wire1"]["neighbor"].items() if count])

    def test_forwarding_and_pings_go_on(self):
        packets = [udp(BLUE_PUBLIC.address, SERVER, mark) for mark in range(100)]
        pings = [at(20 * number + 10, ethernet(echo(ASKERS[GATEWAY_SITE], GATEWAY_SITE.address, number), STATION_MAC,
                                               GATEWAY_SITE.mac, GATEWAY_SITE.vlan)) for number in range(9)]
        run = self.replay_flood([at(2 * mark, from_vm(BLUE_PUBLIC, packet)) for mark, packet in enumerate(packets)],
                                pings)
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET) for packet in packets])
        self.assertEqual(len(run.sent("wire0")), len(pings))

    def test_it_is_an_alarm_for_a_minute(self):
        refused = 50 * self.DURATION - admitted(NEIGHBOR, self.DURATION)
        (alarm,) = self.floods(self.replay_flood())
        self.assertEqual((alarm["severity"], alarm["object"]), ("warning", "port wire0"))
        self.assertIn(f"class neighbor): {refused:,} policed in the last minute", alarm["message"])
        later = self.replay_flood([at(70_000, who_has(COMPUTE_SITE))])
        self.assertEqual(self.floods(later), [])

    def floods(self, run) -> list:
        return [alarm for alarm in run.report["alarms"] if alarm["check"] == "punt-flood"]

    def test_pings_to_the_gateway_itself(self):
        """The probes' answers are of that class, ARP is not."""
        ping = ethernet(echo(ASKERS[GATEWAY_SITE], GATEWAY_SITE.address, 1), STATION_MAC, GATEWAY_SITE.mac,
                        GATEWAY_SITE.vlan)
        requests = [at(20 * number + 10, who_has(GATEWAY_SITE)) for number in range(9)]
        run = self.replay({"wire0": merged([at(0, who_has(GATEWAY_SITE))], flood(ping, 100), requests)})
        self.assertEqual(len(run.sent("wire0")), admitted(LOCAL, 100))
        self.assertEqual(answers(run, GATEWAY_SITE), 10)


class Tenants(ReplayTest):
    def test_a_tenant_that_asks_without_end_takes_nothing_from_another(self):
        others = [at(10 * number + 5, overlay_arp(BLUE_WEB)) for number in range(9)]
        run = self.replay({"wire0": merged(flood(overlay_arp(RED_WEB), 100), others)})
        sent = run.sent("wire0")
        red, blue = ([frame for frame in sent if frame == overlay_answer(vm)] for vm in (RED_WEB, BLUE_WEB))
        self.assertEqual((len(red), len(blue)), (admitted(OVERLAY_NEIGHBOR, 100), len(others)))
        self.assert_drops(run, {"punt-policed": 50 * 100 - len(red)})

    def test_nor_from_its_own_pings_of_the_gateway(self):
        pings = [at(10 * number + 5, from_vm(RED_WEB, echo(RED_WEB.address, RED_WEB.gateway, number)))
                 for number in range(9)]
        run = self.replay({"wire0": merged(flood(overlay_arp(RED_WEB), 100), pings)})
        self.assertEqual(len(run.sent("wire0")), admitted(OVERLAY_NEIGHBOR, 100) + len(pings))

    def test_a_scan_of_a_connected_network(self):
        """Thousands of hosts that are not there leave room for one that is, whoever asks for it."""
        config = topology.base()
        config["external"] = [network for network in config["external"] if network["name"] == "internet"]
        config["external"][0]["addresses"].append("198.19.0.2/16")
        topology.tenant(config, "red")["external"] = "internet"
        config["neighbors"] = [entry for entry in config["neighbors"] if entry["network"] != "red-uplink"]
        scan = [at(number / 5, from_vm(BLUE_PUBLIC, udp(BLUE_PUBLIC.address, f"198.19.{number >> 7}.{number % 128 + 1}")))
                for number in range(3000)]
        host, packets = "198.19.200.1", [udp(RED_WEB.address, "198.19.200.1", mark) for mark in range(5)]
        asked = [at(550 + mark, from_vm(RED_WEB, packet)) for mark, packet in enumerate(packets)]
        reply = at(580, arp_reply(INTERNET, host, STATION_MAC, target="198.19.0.2"))
        run = self.replay({"wire0": merged(scan, asked), "wire1": [reply]}, config)
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, INTERNET, STATION_MAC) for packet in packets])
        self.assertGreater(run.drops["punt-policed"], 1000)
        self.assertGreater(run.drops["hold-queue-full"], 0, "what the policers admit is more than may be in question")

    def test_a_next_hop_that_everybody_wants_and_nobody_has(self):
        """The internet's router is gone; a host of a site is found all the same."""
        config = topology.forget_neighbor(topology.base(), INTERNET.router)
        config = topology.forget_neighbor(config, RED_WEB.provider_address)
        lost = flood(from_vm(BLUE_PUBLIC, udp(BLUE_PUBLIC.address, SERVER)), 200)
        packet = udp(SERVER, RED_WEB.address)
        reply = at(160, arp_reply(COMPUTE_SITE, RED_WEB.provider_address, RED_WEB.next_hop_mac))
        run = self.replay({"wire0": merged(lost, [reply]), "wire1": [at(150, from_outside(RED_UPLINK, packet))]}, config)
        # Beside it leave only errors to the senders of what was held for the router.
        sent = [without_flow_id(frame) for frame in run.sent("wire0")]
        self.assertEqual(sent.count(without_flow_id(expect_encap(packet, RED_WEB))), 1)
        self.assertEqual(run.drops["punt-policed"], len(lost) - admitted(UNRESOLVED, 200))


if __name__ == "__main__":
    unittest.main()
