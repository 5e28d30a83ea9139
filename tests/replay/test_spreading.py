"""Software spreads what a port receives over the workers: what leaves is what one worker sends, flow by flow in order."""

import unittest

from lib import packets, topology, traffic
from lib.assertions import ReplayTest
from lib.families import ALL, in_each
from lib.gateway import at
from lib.packets import expect_decap, from_outside, from_vm, udp
from lib.topology import BLUE_PUBLIC, INTERNET, SERVER
from lib.translation import Flow, NatTest, blue_vm, config, ip_of, pool

CROWD = tuple(blue_vm(last) for last in range(20, 40))
SEVERAL = ([1, 2], [1, 2, 3, 4])


def spread(document: dict, cores: list) -> dict:
    """The configuration with that many workers, among which software spreads what comes in."""
    document["system"]["worker-cores"] = cores
    for port in document["ports"]:
        port["rss"] = "software"
    return document


class Spreading(ReplayTest):
    def assert_same_frames(self, runs: list):
        one, *others = runs
        for other in others:
            for port in ("wire0", "wire1"):
                self.assertEqual(sorted(frame.data for frame in other.frames[port]),
                                 sorted(frame.data for frame in one.frames[port]))
            for part in ("ports", "tenants", "drops", "accounted"):
                self.assertEqual(other.report[part], one.report[part])

    def test_the_number_of_workers_changes_no_frame(self):
        inputs = traffic.mixed(1500, seed=11)
        self.assert_same_frames([self.replay(inputs, spread(topology.base(), cores)) for cores in ([1], *SEVERAL)])

    def test_neither_does_who_spreads_them(self):
        inputs = traffic.mixed(1500, seed=12)
        self.assert_same_frames([self.replay(inputs, traffic.workers([1])),
                                 *(self.replay(inputs, spread(topology.base(), cores)) for cores in SEVERAL)])

    def test_two_runs_write_identical_files(self):
        inputs = traffic.mixed(500, seed=13)
        for cores in SEVERAL:
            first, second = (self.replay(inputs, spread(topology.base(), cores)) for _ in range(2))
            self.assertEqual(first.report_text, second.report_text)
            self.assertEqual(first.files, second.files)

    def test_the_flows_of_one_host_are_several_workers(self):
        """All of them are one outer flow. Frames of one instant are one burst, of which every worker sends its part: the
        order within each flow stays, the order among flows does not."""
        def order(cores: list) -> list:
            frames = [at(mark // 64, from_vm(BLUE_PUBLIC, udp(BLUE_PUBLIC.address, SERVER, mark, sport=1000 + mark % 16)))
                      for mark in range(640)]
            run = self.replay({"wire0": frames}, spread(topology.base(), cores))
            sent = [packets.Ether(frame) for frame in run.sent("wire1")]
            return [(packet[packets.UDP].sport, packet[packets.IP].id) for packet in sent]
        self.assert_order(order)

    def test_so_are_the_flows_of_one_host_outside(self):
        def order(cores: list) -> list:
            frames = [at(mark // 64, from_outside(INTERNET, udp(SERVER, BLUE_PUBLIC.address, mark, sport=1000 + mark % 16)))
                      for mark in range(640)]
            run = self.replay({"wire1": frames}, spread(topology.base(), cores))
            sent = [packets.inner_of(frame) for frame in run.sent("wire0")]
            return [(packet[packets.UDP].sport, packet[packets.IP].id) for packet in sent]
        self.assert_order(order)

    def assert_order(self, order):
        alone = order([1])
        self.assertEqual([mark for _, mark in alone], list(range(640)))
        for cores in SEVERAL:
            with self.subTest(cores=cores):
                among = order(cores)
                self.assertNotEqual(among, alone)
                self.assertEqual(sorted(among), sorted(alone))
                flows = {}
                for port, mark in among:
                    flows.setdefault(port, []).append(mark)
                for marks in flows.values():
                    self.assertEqual(marks, sorted(marks))


@in_each(*ALL)
class SpreadInEachFamily:
    def test_there_and_back(self):
        vm = self.on.blue_public
        marks = range(256)
        out = [udp(vm.address, self.on.server, mark, sport=1000 + mark % 16) for mark in marks]
        back = [udp(self.on.server, vm.address, mark, sport=1000 + mark % 16) for mark in marks]
        inputs = {"wire0": [at(mark // 64, from_vm(vm, packet)) for mark, packet in enumerate(out)],
                  "wire1": [at(10 + mark // 64, from_outside(self.on.internet, packet)) for mark, packet in enumerate(back)]}
        for cores in SEVERAL:
            run = self.replay(inputs, spread(self.on.config(), cores))
            self.assert_frames(run.sent("wire1"), [expect_decap(packet, self.on.internet) for packet in out], ordered=False)
            self.assert_frames(run.sent("wire0"), [packets.expect_encap(packet, vm) for packet in back], ordered=False)


class SpreadTranslated(NatTest):
    def document(self, cores: list) -> dict:
        return spread(config(pool(block_size=64), pool(block_size=64), CROWD), cores)

    def test_customers_and_answers_meet_on_one_worker(self):
        flows = [Flow(vm=vm, port=2000 + number, protocol=protocol)
                 for number, vm in enumerate(CROWD) for protocol in ("udp", "tcp", "icmp")]
        opening = [flow.sends(number // 64, number) for number, flow in enumerate(flows)]
        publics = self.learn(opening, self.document([1]))
        answers = [flow.answers(2 + number // 64, public, number)
                   for number, (flow, public) in enumerate(zip(flows, publics))]
        alone, *others = [self.replay({"wire0": opening, "wire1": answers}, self.document(cores))
                          for cores in ([1], *SEVERAL)]
        self.assertEqual(len(alone.sent("wire0")), len(flows))
        for other in others:
            for port in ("wire0", "wire1"):
                self.assertEqual(sorted(other.sent(port)), sorted(alone.sent(port)))
            for part in ("tenants", "addresses"):
                self.assertEqual(other.report["nat"][part], alone.report["nat"][part])
            self.assert_drops(other, {})

    def test_the_order_within_a_flow_is_kept(self):
        sent = [Flow(vm=CROWD[number], port=2000 + number) for number in range(8)]
        frames = [sent[number % 8].sends(number // 64, number) for number in range(800)]
        orders = {}
        for frame in self.replay({"wire0": frames}, self.document([1, 2, 3, 4])).sent("wire1"):
            packet = ip_of(frame)
            orders.setdefault((packet.src, packet.sport), []).append(packet.id)
        self.assertEqual(sorted(orders.values()), [list(range(flow, 800, 8)) for flow in range(8)])


if __name__ == "__main__":
    unittest.main()
