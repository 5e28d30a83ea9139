"""Whatever the gateway has acknowledged is there after a kill -9, and of no batch there is a half.

    NVGW_CRASHES=2000 tests/live/run test_power_loss       # more than the usual 200
    NVGW_MILLION=1 tests/live/run test_power_loss.AMillion  # how long a start with a million records takes
"""

import json
import os
import random
import statistics
import threading
import time
import unittest

from admin import AdminConnection
from bench import Bench, worker_core
from bookkeeping import HOSTS, Books, Client

CRASHES = int(os.environ.get("NVGW_CRASHES", "200"))
CLIENTS = 3
# Acknowledged batches before a crash, and how long after the last of them it comes at most.
MOST_BATCHES = 40
MOST_SECONDS = 0.02
FIXED = "10.0.0.5"
MILLION = 1_000_000
BATCH = 5_000
START_SECONDS = 10
MOVES = 200


def vsid_of(number):
    return 6001 + number


class QuietGateway(Bench):
    """A gateway that has no cables at all."""

    def __init__(self, tenants, records):
        super().__init__()
        self._tenants, self._records = tenants, records

    def _build(self):
        self.gateway_namespace = self._namespace("gw")
        self._gateway(json.dumps({
            "system": {
                "control-core": 0, "worker-cores": [worker_core()], "hugepages": "off", "memory-mb": 64,
                "state-dir": f"{self.directory}/state", "admin-socket": f"{self.directory}/admin.sock",
                "metrics-listen": "127.0.0.1:9477",
                "limits": {"vsids": 1024, "records": self._records, "external-routes": 4096},
            },
            "ports": [{"name": f"wire{port}", "device": f"net_null{port},no-rx=1", "mtu": 1600, "rx-queues": 1}
                      for port in (0, 1)],
            "provider": {
                # Nobody is there who could answer a probe.
                "duplicate-address-detection": "off",
                "sites": [{"name": "site", "port": "wire0", "subnet": "10.10.20.0/24", "addresses": ["10.10.20.10"],
                           "gateway": "10.10.20.1"}],
            },
            "external": [{"name": "internet", "port": "wire1", "addresses": ["198.18.0.2/24"],
                          "gateway": "198.18.0.1"}],
            "tenants": self._tenants,
        }))


class PowerLoss(unittest.TestCase):
    """Clients change the gateway, the power goes, the gateway starts: again and again, from one seed."""

    def test_nothing_acknowledged_is_lost_and_no_batch_is_torn(self):
        pick = random.Random(20)
        tenants = [{"name": f"tenant-{number}",
                    "subnets": [{"vsid": vsid_of(number), "prefix": "10.0.0.0/16", "gateway": "10.0.0.1"}],
                    "records": [{"vsid": vsid_of(number), "address": FIXED, "mac": "02:15:5d:00:00:05",
                                 "provider-address": HOSTS[0]}]} for number in range(CLIENTS)]
        books = [Books(records={FIXED: HOSTS[0]}) for _ in range(CLIENTS)]
        batches = undecided = 0
        with QuietGateway(tenants, records=4096) as lab:
            lab.gateway.start()
            generation = self.generation(lab)
            for crash in range(CRASHES):
                clients = self.load_until_crash(lab, books, pick)
                lab.gateway.start()
                found = self.found(lab.gateway)
                traceless = 0
                for number, client in enumerate(clients):
                    with self.subTest(crash=crash, client=number):
                        self.assertIn(found[number], [client.books, client.pending])
                    generation += client.acknowledged + (found[number] != client.books)
                    # A batch that changes nothing leaves no other trace than the generation.
                    traceless += client.pending == client.books
                    batches += client.acknowledged
                    undecided += client.pending is not None
                reached = self.generation(lab)
                self.assertIn(reached, range(generation, generation + traceless + 1), f"after crash {crash}")
                generation = reached
                books = found
        self.assertGreater(undecided, CRASHES // 4, "the crashes did not hit batches under way")
        print(f"{CRASHES} crashes, {batches} batches acknowledged, {undecided} were under way")

    def load_until_crash(self, lab, books, pick):
        """Starts the clients and kills the gateway at some moment; returns the clients, ended."""
        progress = threading.Semaphore(0)
        clients = [Client(number, vsid_of(number), FIXED, books[number], pick.random(), lab.gateway.admin_socket,
                          progress.release) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for _ in range(pick.randint(1, MOST_BATCHES)):
            self.assertTrue(progress.acquire(timeout=10), "the clients stand still")
        # The moment lies anywhere in the handling of the batches that are under way now.
        threading.Event().wait(pick.uniform(0, MOST_SECONDS))
        # One that ended earlier was sent away by a gateway that lives.
        early = [client.name for client in clients if not client.is_alive()]
        lab.gateway.kill()
        for client in clients:
            client.join(10)
            if client.failure:
                raise client.failure
            self.assertFalse(client.is_alive())
        self.assertEqual(early, [])
        return clients

    @staticmethod
    def generation(lab):
        connection = AdminConnection(lab.gateway.admin_socket)
        try:
            return connection.get("/v1/generation")["generation"]
        finally:
            connection.close()

    @staticmethod
    def found(gateway):
        """The clients' books as the gateway has them."""
        books = [Books() for _ in range(CLIENTS)]
        for record in gateway.rows("lookup", "list"):
            books[record["vsid"] - vsid_of(0)].records[record["address"]] = record["provider_address"]
        for route in gateway.rows("provider-route", "list"):
            if route["owner"] == "api":
                number = int(route["prefix"].split(".")[1]) - 16
                books[number].routes[route["prefix"]] = route["next_hop"]
        return books


@unittest.skipUnless(os.environ.get("NVGW_MILLION"), "NVGW_MILLION=1 measures it, which takes minutes")
class AMillion(unittest.TestCase):
    """How long a start takes that has a million records to remember."""

    def test_a_start_with_a_million_records_takes_seconds(self):
        tenants = [{"name": "big", "subnets": [{"vsid": 6001, "prefix": "10.0.0.0/8", "gateway": "10.255.255.254"}],
                    "records": []}]
        with QuietGateway(tenants, records=MILLION) as lab:
            lab.gateway.start()
            connection = AdminConnection(lab.gateway.admin_socket, timeout=60)
            began = time.monotonic()
            for first in range(0, MILLION, BATCH):
                connection.change([self.record(number) for number in range(first, first + BATCH)])
            filled = time.monotonic() - began
            connection.close()
            lab.gateway.kill()
            began = time.monotonic()
            lab.gateway.start()
            seconds = time.monotonic() - began
            print(f"{MILLION} records, made in {filled:.1f} s in batches of {BATCH}: ready {seconds:.1f} s after a start")
            self.assertIn(f'nvgw_table_entries{{table="lookup"}} {MILLION}\n', lab.gateway.metrics())
            self.assertLess(seconds, START_SECONDS)
            self.time_changes(lab.gateway)

    def time_changes(self, gateway):
        """One change among a million costs one change."""
        connection = AdminConnection(gateway.admin_socket, timeout=60)
        moves = []
        for number in range(MOVES):
            address = self.record(number * 1009)["add-lookup"]["address"]
            move = {"vsid": 6001, "address": address, "provider-address": HOSTS[(number * 1009 + 1) % len(HOSTS)]}
            began = time.monotonic()
            connection.change([{"move-lookup": move}])
            moves.append(time.monotonic() - began)
        connection.close()
        began = time.monotonic()
        gateway.command("reload")
        reload = time.monotonic() - began
        print(f"a move among them, on disk and in the tables: {1000 * statistics.median(moves):.1f} ms "
              f"(longest of {MOVES}: {1000 * max(moves):.1f} ms); a reload of the same file: {reload:.1f} s")
        self.assertLess(statistics.median(moves), reload)

    @staticmethod
    def record(number):
        address = ".".join(str(byte) for byte in (0x0A000100 + number).to_bytes(4, "big"))
        mac = (0x02155D000000 + number).to_bytes(6, "big").hex(":")
        return {"add-lookup": {"vsid": 6001, "address": address, "mac": mac,
                               "provider-address": HOSTS[number % len(HOSTS)]}}
