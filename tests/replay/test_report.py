"""`report.json`: every packet is accounted for, and every counter is what the captures say."""

import unittest

from lib import topology, traffic
from lib.assertions import ReplayTest
from lib.packets import from_outside, from_vm, gre_offset, udp
from lib.topology import (BLUE_DB, BLUE_PUBLIC, COMPUTE_SITE, GATEWAY_MAC, GATEWAY_SITE, INTERNET, RED_UPLINK,
                          RED_WEB, SERVER)


class PortCounters(ReplayTest):
    def test_they_are_the_frames_of_the_captures(self):
        inputs = traffic.mixed(400, seed=1)
        run = self.replay(inputs)
        for port, counters in run.report["ports"].items():
            self.assertEqual(counters["rx_packets"], len(inputs[port]))
            self.assertEqual(counters["rx_bytes"], sum(len(frame.data) for frame in inputs[port]))
            self.assertEqual(counters["tx_packets"], len(run.frames[port]))
            self.assertEqual(counters["tx_bytes"], sum(len(frame.data) for frame in run.frames[port]))

    def test_every_configured_port_is_there_with_or_without_packets(self):
        run = self.replay({"wire1": []})
        self.assertEqual(set(run.report["ports"]), {"wire0", "wire1"})
        self.assertEqual(set(run.files), {"wire0", "wire1"})
        self.assertEqual(run.report["ports"]["wire0"]["rx_packets"], 0)

    def test_dropped_frames_are_received_frames(self):
        run = self.replay({"wire0": [from_vm(RED_WEB, udp(RED_WEB.address, SERVER), vsid=4999)] * 7})
        self.assertEqual(run.report["ports"]["wire0"]["rx_packets"], 7)
        self.assert_drops(run, {"no-policy-for-vsid": 7})


class State(ReplayTest):
    """What the gateway knows in the end; what it is after changes and claims is for the tests of these."""

    def test_without_changes_and_faults_there_is_little_to_tell(self):
        report = self.replay({"wire0": [from_vm(RED_WEB, udp(RED_WEB.address, SERVER))]}).report
        self.assertEqual(report["generation"], 0)
        for nothing in ("changes", "events", "alarms"):
            self.assertEqual(report[nothing], [], nothing)
        self.assertEqual(report["doctor"]["health"], "green")

    def test_provider_addresses_have_their_places(self):
        report = self.replay({"wire1": []}).report
        own = {entry["address"]: entry for entry in report["provider_addresses"]}
        self.assertEqual(set(own), {site.address for site in (GATEWAY_SITE, COMPUTE_SITE)})
        for site in (GATEWAY_SITE, COMPUTE_SITE):
            entry = own[site.address]
            self.assertEqual((entry["site"], entry["vlan"], entry["port"]), (site.name, site.vlan, "wire0"))
            self.assertEqual((entry["state"], entry["owner"], entry["primary"]), ("preferred", "config", True))
            self.assertIsNone(entry["claimed_by"])

    def test_alarms_are_the_findings_that_are_not_green(self):
        config = topology.base()
        config["tenants"].append({"name": "green", "gateway-mac": GATEWAY_MAC,
                                  "subnets": [{"vsid": 7001, "prefix": "10.0.1.0/24", "gateway": "10.0.1.1"}]})
        report = self.replay({"wire1": []}, config).report
        findings = [(finding["check"], finding["object"], finding["message"])
                    for finding in report["doctor"]["findings"] if finding["health"] != "green"]
        alarms = [(alarm["check"], alarm["object"], alarm["message"]) for alarm in report["alarms"]]
        self.assertEqual(alarms, findings)
        self.assertEqual([(alarm["severity"], alarm["object"]) for alarm in report["alarms"]],
                         [("warning", "VSID 7001")])


class TenantCounters(ReplayTest):
    def assert_tenant(self, run, name: str, rx: list, tx: list) -> None:
        """The tenant's counters are these inner IP packets."""
        expected = {"rx_packets": len(rx), "rx_bytes": sum(map(len, rx)),
                    "tx_packets": len(tx), "tx_bytes": sum(map(len, tx))}
        found = run.report["tenants"][name]
        self.assertEqual({key: found[key] for key in expected}, expected)

    def test_bytes_are_those_of_the_inner_ip_packets(self):
        out = [udp(RED_WEB.address, SERVER, size=size) for size in (4, 100, 1400)]
        back = [udp(SERVER, RED_WEB.address, size=size) for size in (5, 999)]
        run = self.replay({"wire0": [from_vm(RED_WEB, packet) for packet in out],
                           "wire1": [from_outside(RED_UPLINK, packet) for packet in back]})
        self.assert_tenant(run, "red", out, back)
        self.assert_tenant(run, "blue", [], [])

    def test_a_tenant_and_a_network_may_have_the_same_name(self):
        config = topology.base()
        topology.tenant(config, "blue")["name"] = INTERNET.name
        out = udp(BLUE_PUBLIC.address, SERVER)
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, out)]}, config)
        self.assert_tenant(run, INTERNET.name, [out], [])
        counters = run.report["external"][INTERNET.name]
        self.assertEqual((counters["rx_packets"], counters["tx_packets"]), (0, 1))

    def test_a_packet_between_vms_counts_in_both_directions(self):
        packet = udp(BLUE_PUBLIC.address, BLUE_DB.address)
        run = self.replay({"wire0": [from_vm(BLUE_PUBLIC, packet)]})
        self.assert_tenant(run, "blue", [packet], [packet])

    def test_packets_of_wrong_senders_are_not_the_tenants(self):
        wrong = [from_vm(RED_WEB, udp("10.0.1.99", SERVER)), from_vm(RED_WEB, udp(RED_WEB.address, SERVER), vsid=4999)]
        run = self.replay({"wire0": wrong})
        self.assert_tenant(run, "red", [], [])

    def test_packets_that_do_not_reach_a_vm_are_not_sent_to_the_tenant(self):
        run = self.replay({"wire1": [from_outside(RED_UPLINK, udp(SERVER, "10.0.1.99")),
                                     from_outside(INTERNET, udp(SERVER, "203.0.113.9"))]})
        self.assert_tenant(run, "red", [], [])
        self.assert_tenant(run, "blue", [], [])

    def test_the_output_says_the_same(self):
        run = self.replay(traffic.mixed(400, seed=2))
        sent = [frame for frame in run.sent("wire0") if gre_offset(frame) is not None]
        total = sum(run.report["tenants"][name]["tx_packets"] for name in ("red", "blue"))
        # Answers of the gateway itself may count as the tenant's or not.
        own = sum(1 for frame in sent if frame[gre_offset(frame) + 31] == 1)
        self.assertTrue(len(sent) - own <= total <= len(sent), f"{total} of {len(sent)}, {own} of them the gateway's")


class Drops(ReplayTest):
    def test_only_what_occurred_is_named(self):
        run = self.replay({"wire0": [from_vm(RED_WEB, udp(RED_WEB.address, SERVER))]})
        self.assertEqual(run.drops, {})

    def test_a_mixed_traffic_adds_up(self):
        inputs = traffic.mixed(1000, seed=3)
        run = self.replay(inputs)
        reasons = {"source-record-missing", "no-policy-for-vsid", "outer-malformed", "destination-record-missing",
                   "transit"}
        self.assertLessEqual(reasons, set(run.drops))
        self.assertLessEqual(set(run.drops), reasons | {"hold-queue-full", "neighbor-unresolved"})
        errors = run.drops["destination-record-missing"]
        self.assert_errors(run, errors)
        received = sum(map(len, inputs.values()))
        sent = sum(len(run.sent(port)) for port in run.frames)
        arp = sum(1 for frame in inputs["wire1"] if frame.data[16:18] == b"\x08\x06")
        self.assertEqual(received, sent - errors + arp + sum(run.drops.values()))


if __name__ == "__main__":
    unittest.main()
