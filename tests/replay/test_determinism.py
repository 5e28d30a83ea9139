"""Two runs write the same bytes; runs with more workers send the same frames."""

import json
import unittest

from lib import packets, traffic
from lib.assertions import ReplayTest
from lib.gateway import at
from lib.packets import expect_decap, expect_encap, from_outside, from_vm, udp
from lib.topology import BLUE_PUBLIC, INTERNET, RED_DB, RED_WEB, SERVER, WIRE0_MAC


class Determinism(ReplayTest):
    def test_two_runs_write_identical_files(self):
        inputs = traffic.mixed(1500, seed=7)
        for cores in ([1], [1, 2], [1, 2, 3, 4]):
            with self.subTest(cores=cores):
                first, second = (self.replay(inputs, traffic.workers(cores)) for _ in range(2))
                self.assertEqual(first.report_text, second.report_text)
                self.assertEqual(first.files, second.files)

    def test_the_number_of_workers_changes_no_frame(self):
        inputs = traffic.mixed(1500, seed=8)
        one, *others = [self.replay(inputs, traffic.workers(cores)) for cores in ([1], [1, 2], [1, 2, 3, 4])]
        for other in others:
            for port in ("wire0", "wire1"):
                self.assertEqual(sorted(frame.data for frame in other.frames[port]),
                                 sorted(frame.data for frame in one.frames[port]))
            for part in ("ports", "tenants", "drops", "accounted"):
                self.assertEqual(other.report[part], one.report[part])

    def test_changes_while_packets_come_are_as_deterministic(self):
        """A machine moves to and fro and an address comes, amid the traffic of a gateway that has just started."""
        inputs = traffic.mixed(1500, seed=10)
        moves = [{"changes": [{"move-lookup": {"vsid": RED_WEB.vsid, "address": RED_WEB.address,
                                               "provider-address": host}}]}
                 for host in (RED_DB.provider_address, RED_WEB.provider_address)]
        address = {"changes": [{"add-provider-address": {"site": "gateway-site", "address": "100.64.20.11"}}]}
        changes = [(700, address), *((800 + number * 37.5, moves[number % 2]) for number in range(12))]

        def run(cores):
            return self.replay(inputs, traffic.workers(cores), ("--cold-start",), changes)
        one, *others = [run(cores) for cores in ([1], [1], [1, 2], [1, 2, 3, 4])]
        self.assertTrue(all(answer["applied"] for answer in one.report["changes"]))
        self.assertEqual(others[0].report_text, one.report_text)
        self.assertEqual(others[0].files, one.files)
        for other in others[1:]:
            for port in ("wire0", "wire1"):
                self.assertEqual(sorted(frame.data for frame in other.frames[port]),
                                 sorted(frame.data for frame in one.frames[port]))
            for part in ("ports", "tenants", "drops", "provider_addresses", "events", "alarms"):
                self.assertEqual(other.report[part], one.report[part])

    def test_order_within_a_flow_is_kept_by_four_workers(self):
        marks = range(400)
        inputs = [from_outside(INTERNET, udp(SERVER, BLUE_PUBLIC.address, mark, sport=1000 + mark % 8))
                  for mark in marks]
        run = self.replay({"wire1": inputs}, traffic.workers([1, 2, 3, 4]))
        flows = {}
        for frame in run.sent("wire0"):
            inner = packets.inner_of(frame)
            flows.setdefault(inner[packets.UDP].sport, []).append(inner[packets.IP].id)
        self.assertEqual(flows, {1000 + flow: list(range(flow, 400, 8)) for flow in range(8)})

    def test_the_report_is_json_in_one_spelling(self):
        run = self.replay(traffic.mixed(50, seed=9))
        self.assertEqual(json.loads(run.report_text), run.report)
        self.assertTrue(run.report_text.isascii())


class TimeOrder(ReplayTest):
    def test_packets_enter_in_time_order_across_inputs(self):
        """Odd milliseconds come from outside, even ones from the tenant; both leave by the provider port."""
        requests = [(moment, packets.echo("100.64.20.30", "100.64.20.10", moment)) for moment in range(0, 40, 2)]
        backs = [(moment, udp(SERVER, BLUE_PUBLIC.address, mark=moment)) for moment in range(1, 40, 2)]
        run = self.replay({
            "wire0": [at(moment, packets.ethernet(request, BLUE_PUBLIC.next_hop_mac, WIRE0_MAC, 20))
                      for moment, request in requests],
            "wire1": [at(moment, from_outside(INTERNET, packet)) for moment, packet in backs]})
        frames = [frame for frame in run.frames["wire0"] if packets.ethertype_of(frame.data) == packets.IPV4]
        times = [frame.time_ns for frame in frames]
        self.assertEqual(times, sorted(times))
        self.assertEqual([frame.data[27] == 47 for frame in frames], [False, True] * 20)
        self.assert_frames([frame.data for frame in frames[1::2]],
                           [expect_encap(packet, BLUE_PUBLIC) for _, packet in backs])

    def test_a_capture_out_of_order_is_still_taken_in_time_order(self):
        sent = [(5, 1), (3, 2), (4, 3), (1, 4)]
        frames = [at(moment, from_vm(BLUE_PUBLIC, udp(BLUE_PUBLIC.address, SERVER, mark))) for moment, mark in sent]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), [expect_decap(udp(BLUE_PUBLIC.address, SERVER, mark), INTERNET)
                                               for _, mark in sorted(sent)])

    def test_at_the_same_time_the_order_of_the_file_counts(self):
        marks = range(50)
        frames = [at(0, from_vm(BLUE_PUBLIC, udp(BLUE_PUBLIC.address, SERVER, mark))) for mark in marks]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), [expect_decap(udp(BLUE_PUBLIC.address, SERVER, mark), INTERNET)
                                               for mark in marks])


if __name__ == "__main__":
    unittest.main()
