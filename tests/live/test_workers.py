"""Two workers and ports of one queue each way: who receives chooses the worker, and one worker sends for both."""

import os
import unittest

import topology as t
from gateway import unexplained
from lab import Lab
from traffic import get, iperf, ping


@unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "two workers need two cores")
class OneQueueEachWay(unittest.TestCase):
    """The second worker has no transmit queue, so that the first one sends what it has done."""

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(two_workers=True)
        cls.enterClassContext(cls.lab)
        cls.lab.start_gateway()

    def setUp(self):
        self.gateway = self.lab.gateway
        self.red = self.lab.vms["red-1"].namespace

    def tearDown(self):
        self.gateway.assert_running()
        self.assertEqual(unexplained(self.gateway.drops(), {}), {}, "packets dropped")

    def workers(self):
        return self.gateway.show("workers")["workers"]

    def test_ports_have_one_queue_each_way(self):
        for name, port in self.gateway.ports().items():
            with self.subTest(port=name):
                self.assertEqual((port["rx_queues"], port["tx_queues"], port["rss"]), (1, 1, "software"))

    def test_the_second_worker_forwards_though_it_cannot_send(self):
        before = self.workers()
        for count in range(8):
            self.assertEqual(get(self.red, f"http://{t.WEB}/"), self.lab.web.greeting, f"page {count}")
        after = self.workers()
        worked = [after[1][what] - before[1][what] for what in ("rx_packets", "taken_over")]
        self.assertGreater(sum(worked), 0, "the second worker had nothing to do")
        self.assertEqual(after[1]["tx_packets"], 0, "the second worker has no queue to send by")
        self.assertGreater(after[0]["tx_packets"], before[0]["tx_packets"])

    def test_what_is_sent_for_another_worker_is_counted_as_the_kernel_counts_it(self):
        def gaps():
            ports = self.gateway.ports()
            return {wire: ports[wire]["tx_packets"] - self.lab.trunk_counters(wire)[1] for wire in ("wire0", "wire1")}

        before = gaps()
        self.assertEqual(ping(self.red, t.WEB, count=100), 0)
        self.assertEqual(gaps(), before)

    def test_tcp_in_both_directions(self):
        for reverse in (False, True):
            with self.subTest(reverse=reverse):
                end = iperf(self.red, t.WEB, reverse=reverse)
                self.assertGreater(end["sum_received"]["bytes"], 1_000_000)
