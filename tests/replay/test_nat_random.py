"""Random traffic of random customers: what goes out and comes back is what it was, no two customers share a public
endpoint, every checksum verifies; and the number of workers changes no packet."""

import random
import unittest

from lib import topology
from lib.gateway import at
from lib.packets import from_outside
from lib.topology import BLUE_DB, BLUE_WEB, INTERNET, RED_DB, RED_WEB
from lib.translation import (POOL_ADDRESSES, ROUTER, Endpoint, Flow, NatTest, blue_vm, config, from_public,
                             icmp_error, ip_of, pool, routed)

CROWD = tuple(blue_vm(last) for last in range(20, 40))
VMS = (RED_WEB, RED_DB, BLUE_WEB, BLUE_DB, *CROWD)
CORES = ([1], [1, 2], [1, 2, 3, 4])


def document(cores: list) -> dict:
    made = config(pool(block_size=64, static=[{"public": "198.51.100.32", "customer": CROWD[0].address}]),
                  pool(block_size=64), CROWD)
    made["system"]["worker-cores"] = cores
    return made


def draw(pick: random.Random, count: int) -> list[Flow]:
    """Flows that differ in what a mapping is keyed by, toward few servers."""
    keys = set()
    while len(keys) < count:
        keys.add((pick.randrange(len(VMS)), pick.choice(("udp", "tcp", "icmp")), pick.randrange(1024, 1424)))
    return [Flow(vm=VMS[vm], protocol=protocol, port=port, remote=f"192.0.2.{pick.randrange(1, 9)}",
                 remote_port=pick.choice((53, 80, 443, 5000))) for vm, protocol, port in sorted(keys)]


def endpoint(flow: Flow, public: Endpoint) -> Endpoint:
    """The public endpoint as expectations want it: a 1:1 address keeps the port."""
    return Endpoint(public.address, None) if public.address == "198.51.100.32" else public


class RandomTraffic(NatTest):
    def traffic(self, seed: int, cores: list):
        """Flows in random order, their public endpoints, and the replay of all with answers and ICMP errors."""
        pick = random.Random(seed)
        sent = draw(pick, 600)
        pick.shuffle(sent)
        opening = [flow.sends(number / 1000, number) for number, flow in enumerate(sent)]
        publics = self.learn(opening, document(cores))
        order = list(range(len(sent)))
        pick.shuffle(order)
        answers, errors = [], []
        for place, number in enumerate(order):
            flow, public = sent[number], publics[number]
            answers.append(flow.answers(2 + place / 1000, public, number))
            about = routed(from_public(flow.out(number), endpoint(flow, public)))
            errors.append(at(4000 + place, from_outside(INTERNET, icmp_error(ROUTER, public.address, about))))
        run = self.replay({"wire0": opening, "wire1": answers + errors}, document(cores))
        return sent, publics, order, run

    def assert_checksums(self, frames: list) -> None:
        """Header and transport checksums are those that scapy computes."""
        for frame in frames:
            packet = ip_of(frame)
            again = packet.copy()
            del again.chksum, again.payload.chksum
            self.assertEqual(bytes(again), bytes(packet))

    def test_there_and_back_is_the_identity(self):
        for seed in (1, 2, 3):
            with self.subTest(seed=seed):
                sent, publics, order, run = self.traffic(seed, [1])
                dynamic = [(flow.protocol, *public) for flow, public in zip(sent, publics)
                           if public.address in POOL_ADDRESSES]
                self.assertEqual(len(set(dynamic)), len(dynamic), "a public endpoint of two mappings")
                self.assert_out(run, [flow.expect_out(endpoint(flow, public), number)
                                      for number, (flow, public) in enumerate(zip(sent, publics))])
                self.assert_frames(run.sent("wire0")[:len(sent)],
                                   [sent[number].expect_back(publics[number], number) for number in order])
                self.assertEqual([ip_of(frame).dst for frame in run.sent("wire0")[len(sent):]],
                                 [sent[number].vm.address for number in order])
                self.assert_checksums(run.sent("wire0") + run.sent("wire1"))
                self.assert_drops(run, {})

    def test_customers_are_paired_with_one_address(self):
        sent, publics, *_ = self.traffic(4, [1])
        addresses = {}
        for flow, public in zip(sent, publics):
            addresses.setdefault((flow.vm.vsid, flow.vm.address), set()).add(public.address)
        self.assertEqual({len(found) for found in addresses.values()}, {1})

    def test_the_number_of_workers_changes_no_frame(self):
        one, *others = [self.traffic(5, cores)[3] for cores in CORES]
        for other in others:
            for port in ("wire0", "wire1"):
                self.assertEqual(sorted(frame.data for frame in other.frames[port]),
                                 sorted(frame.data for frame in one.frames[port]))
            for part in ("ports", "tenants", "drops"):
                self.assertEqual(other.report[part], one.report[part])
            for part in ("tenants", "addresses"):
                self.assertEqual(other.report["nat"][part], one.report["nat"][part])
            self.assertEqual(sorted(map(str, other.nat_log)), sorted(map(str, one.nat_log)))

    def test_two_runs_write_identical_files(self):
        for cores in CORES:
            with self.subTest(cores=cores):
                first, second = (self.traffic(6, cores)[3] for _ in range(2))
                self.assertEqual(first.report_text, second.report_text)
                self.assertEqual(first.files, second.files)
                self.assertEqual(first.nat_log, second.nat_log)

    def test_the_order_within_a_flow_is_kept_by_four_workers(self):
        sent = [Flow(port=2000 + number) for number in range(8)]
        frames = [sent[number % 8].sends(number / 10_000, number) for number in range(800)]
        run = self.replay({"wire0": frames}, document([1, 2, 3, 4]))
        orders = {}
        for frame in run.sent("wire1"):
            packet = ip_of(frame)
            orders.setdefault(packet.sport, []).append(packet.id)
        self.assertEqual(sorted(orders.values()), [list(range(flow, 800, 8)) for flow in range(8)])

    def test_limits_hold_over_all_workers(self):
        for cores in CORES:
            with self.subTest(cores=cores):
                made = document(cores)
                topology.tenant(made, "blue")["nat"]["limits"] = {"sessions": 50}
                flows = [Flow(vm=vm, port=2000 + number) for number in range(5) for vm in CROWD[1:]]
                run = self.replay({"wire0": [flow.sends(number / 10) for number, flow in enumerate(flows)]}, made)
                self.assertEqual(len(run.sent("wire1")), 50)
                self.assert_drops(run, {"nat-session-limit": len(flows) - 50})


if __name__ == "__main__":
    unittest.main()
